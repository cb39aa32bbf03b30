"""Single-field alterations of certificates, and what may become of them."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from typing import Any

from mzsym.certify.certificate_json import digest
from mzsym.check.checker import CONFIRMED, BadFileError, check_text

Path = tuple[Any, ...]

NOTES = {"notes"}
"""Keys whose content claims nothing."""

WITNESSES = {"functions"}
"""Keys that say how a claim can be proved, not what is claimed."""

AT_MOST = {"upper", "operator_upper", "entrance_upper", "interior_upper", "bound", "dobrushin", "lipschitz", "kappa"}
AT_LEAST = {"lower", "interior_lower"}

SUBJECTS = {"model", "observables"}
"""Keys of what claims are about."""

ENCLOSURES = {"rests_on", "range"}
"""Keys of intervals: wider ones claim less."""


def places(value: Any, path: Path = ()) -> list[Path]:
    """Every object, list and leaf below the top."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def altered(
    content: dict[str, Any], rng: random.Random, sealed: bool, leave: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], Path]:
    """A copy with one field changed, with the digest of the file recomputed or not; and where."""
    while True:
        new = copy.deepcopy(content)
        path = rng.choice(places(new))
        parent, key = at(new, path[:-1]), path[-1]
        _change(parent, key, rng)
        if new == content or (sealed and path[-1] == "sha256") or not leave.isdisjoint(path):
            continue
        if sealed:
            seal(new, path)
        return new, path


def seal(content: Any, path: Path) -> None:
    """Recompute the digests of all files that a place is in, the innermost first."""
    for length in range(len(path) - 1, -1, -1):
        inside = at(content, path[:length])
        if isinstance(inside, dict) and "sha256" in inside:
            inside["sha256"] = digest(inside)


def _change(parent: Any, key: Any, rng: random.Random) -> None:
    value = parent[key]
    how = rng.random()
    if how < 0.15:
        del parent[key]
    elif isinstance(value, dict) and set(value) == {"hex", "approximately"}:
        number = float.fromhex(value["hex"])
        changed = number * (1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-14, 0)) if number else rng.uniform(-1, 1)
        parent[key] = {"hex": changed.hex(), "approximately": changed if changed < float("inf") else None}
    elif isinstance(value, list) and value and how < 0.6:
        rng.shuffle(value) if how < 0.4 else value.append(copy.deepcopy(rng.choice(value)))
    elif isinstance(value, (dict, list)):
        parent[key] = rng.choice((None, [], {}, "x"))
    elif isinstance(value, bool) or value is None:
        parent[key] = rng.choice((0, "x", 1.5))
    elif isinstance(value, int):
        parent[key] = value + rng.choice((-1, 1, 7))
    elif isinstance(value, float):
        parent[key] = value * (1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-14, 0))
    else:
        parent[key] = _text(value, rng)


def _text(value: str, rng: random.Random) -> str:
    if not value:
        return "x"
    i = rng.randrange(len(value))
    return value[:i] + rng.choice(("", rng.choice("0123456789abcdef/-."))) + value[i + 1 :]


OTHER_SIDE = {
    "upper": "lower",
    "lower": "upper",
    "interior_upper": "interior_lower",
    "interior_lower": "interior_upper",
    "entrance_upper": "interior_lower",
}


def weaker(new: Any, old: Any, key: Any = None, inside: Path = (), beside: Any = None) -> bool:
    """Whether everything that ``new`` claims follows from what ``old`` claims, or stays inside of its enclosures.

    The same, apart from notes and witnesses, but that upper bounds may be larger, lower bounds smaller, and the
    enclosures in ``rests_on`` wider. A sharp bound may move towards the norm as well, as far as the proved bound on its
    other side: the checker, which takes more functions than the finder, can prove that.
    """
    if key in WITNESSES or key == "sha256" or key in NOTES:
        return True
    if isinstance(old, dict) and set(old) == {"hex", "approximately"}:
        return _no_stronger(new, old, key, inside, beside)
    if isinstance(old, dict):
        same = isinstance(new, dict) and set(new) == set(old)
        return same and all(weaker(new[name], item, name, (*inside, name), old) for name, item in old.items())
    if isinstance(old, list):
        # A file of noise levels may leave the second one out, and an error bound be missing for a whole length.
        if key in ("levels", "truncations") and isinstance(new, list) and len(new) < len(old):
            return all(item in old for item in new)
        same = isinstance(new, list) and len(new) == len(old)
        pairs = zip(new, old, strict=True) if same else ()
        return same and all(weaker(a, b, i, (*inside, i)) for i, (a, b) in enumerate(pairs))
    return type(new) is type(old) and bool(new == old)


def _no_stronger(new: Any, old: Any, key: Any, inside: Path, beside: Any) -> bool:
    try:
        a, b = float.fromhex(new["hex"]), float.fromhex(old["hex"])
    except (TypeError, KeyError, ValueError):
        return False
    enclosed = not ENCLOSURES.isdisjoint(inside)
    up = key in AT_MOST or (enclosed and key == 1)
    # A file of a noise level says that one norm is at most kappa, and another above it.
    down = key in AT_LEAST or (enclosed and key == 0) or key == "kappa"
    if key in OTHER_SIDE and beside.get("functions"):
        limit = float.fromhex(beside[OTHER_SIDE[key]]["hex"])
        return a >= limit if up else a <= limit
    return a == b or (up and a > b) or (down and a < b)


def text(content: Any) -> str:
    return json.dumps(content)


def campaign(
    originals: list[dict[str, Any]], count: int, seed: int, leave: frozenset[str] = frozenset()
) -> Counter[str]:
    """Alter and check ``count`` times, every second time with the digests of the files recomputed.

    What stands under the keys in ``leave`` is not altered.

    Raises AssertionError where an altered file passes that says more than the original, or was not sealed anew. Of
    another model or observable it may say something else, if that is confirmed.
    """
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for i in range(count):
        original, sealed = originals[i // 2 % len(originals)], i % 2 == 1
        new, path = altered(original, rng, sealed, leave)
        try:
            passed = {found.status for found in check_text(text(new))} == {CONFIRMED}
        except BadFileError:
            passed = False
        another = not SUBJECTS.isdisjoint(path)
        if passed:
            assert sealed, f"altered at {path}, the digest not recomputed, and confirmed"
            assert another or weaker(new, original), f"altered at {path} and confirmed"
        counts["passed, " + ("another subject" if another else "no stronger") if passed else "refused"] += 1
        counts["refused, sealed anew"] += sealed and not passed
    return counts
