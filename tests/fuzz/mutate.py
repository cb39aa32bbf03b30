"""Mutations: of the tree of a model file, of the text of its expressions, and of its bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

MARKER = "mzsym_fuzz_marker"
"""A name in every payload: code that was made from input is recognised by it."""

PAYLOADS = [
    f"__import__('os').system('echo {MARKER}')",
    f"().__class__.__bases__[0].__subclasses__()  # {MARKER}",
    f"exec('{MARKER} = 1')",
    f"lambda: {MARKER}",
    f"{MARKER}.x0",
    f"x0.__class__({MARKER})",
    f"open('{MARKER}', 'w').write('x')",
    f"eval('{MARKER}')",
    f"[{MARKER} for x0 in (1, 2)]",
    f"x0 if {MARKER} else 1",
    f"f'{{{MARKER}}}'",
    f"Symbol('{MARKER}')",
    f"x0; import {MARKER}",
]

TEXTS = [
    "", " ", "x0" * 6000, "(" * 5000, "(" * 60 + "x0" + ")" * 60, "x0" + "+x0" * 3000, "-" * 3000 + "x0",
    "x0^" * 200 + "2", "9^9^9^9", "2^(2^(2^20))", "x0^999999999999", "10^400*x0", "1e400", "1e-400", "1/0", "0/0",
    "sqrt(-1)", "log(0)", "log(-1)*x0", "x0^(-1)", "1/x0", "tan(x0*2)", "x0^x0", "exp(exp(exp(exp(x0))))", "nan",
    "inf", "-inf", "I", "oo", "zoo", "E", "None", "True", "x99999999999", "x-1", "x00", "x0x0", "é", "x\u2070",
    "\u0660", "٣", "x0\u200b", "\x00", "x0\x00", "\ufeffx0", "../../etc/passwd", "/dev/zero", "weights.npz/../x.npz",
    "tanh(" * 63 + "x0" + ")" * 63, "tanh(" * 70 + "x0" + ")" * 70, "max(" + ",".join(["x0"] * 900) + ")",
    "piecewise(1, x0 < 0, 2)", "piecewise(x0)", "piecewise(1, x0^9 < 0, 2)", "and(x0 < 0, x0 > 0)", "x0 < 0",
    "1" * 9000, "0." + "0" * 5000 + "1", "1e9999999999", "0x10", "1_000", "x0!", "x0''", '"', "'", "\\", "#", "%s%n",
    "{0}", "${HOME}", "(x0 + x1)^256", "(x0 + 1)^255*(x0 - 1)^255", "sin(x0)^200", "abs(abs(abs(x0)))", "law",
    "(1 + x0 + x1 + x0*x1)^64", "tanh(x0)^64*exp(x0)^64", "step(x0)*step(-x0)", "sign(sign(x0))", "heaviside(1/x0)",
]  # fmt: skip

NUMBERS: list[Any] = [
    0, -1, 1, 2, 3, 7, 64, 255, 1000, 4096, 10**6, 10**9, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 10**18, 0.0, -0.0,
    5e-324, 1e-308, 1e-300, 1e-30, 1e-9, 0.1, 0.5, 1e9, 1e30, 1e154, 1e300, 1.7976931348623157e308, float("inf"),
    float("-inf"), float("nan"), "1/3", "-7/5", "1/0", "1e400", "1" * 400, "1/" + "9" * 400, True, False,
]  # fmt: skip

KEYS = [
    "format", "network", "layers", "projection", "options", "domain", "domains", "observable", "input", "shared",
    "positive", "kind", "W", "b", "weights", "activation", "weight_noise", "noise", "step", "state", "map", "gain",
    "params", "law", "half_width", "scale", "cutoff", "density", "variable", "support", "family", "degree", "measure",
    "exprs", "test", "expr", "x", "y", "keep", "samples", "tolerance", "max_operations", "max_nodes", "memory_budget",
    "__class__", "", "a b", "\u00e9", "x" * 300, MARKER,
]  # fmt: skip

Path = list[Any]


def mutated(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The tree after one to four mutations; ``other`` lends its branches."""
    out = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        rng.choice(_TREE)(rng, out, other)
    return out


def _places(value: Any, path: Path, out: list[Path]) -> list[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        out.append([*path, key])
        if len(out) < 2000:
            _places(child, [*path, key], out)
    return out


def _place(rng: Random, tree: dict[str, Any]) -> tuple[Any, Any] | None:
    """A random container of the tree and a key in it."""
    places = _places(tree, [], [])
    if not places:
        return None
    *path, key = rng.choice(places)
    holder: Any = tree
    for step in path:
        holder = holder[step]
    return holder, key


def _replace(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None:
        found[0][found[1]] = hostile(rng)


def _same_type(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    """Another value of the same type, which gets further than one of a wrong type."""
    if (found := _place(rng, tree)) is None:
        return
    holder, key = found
    value = holder[key]
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return
    if isinstance(value, str):
        holder[key] = text(rng, value)
    else:
        holder[key] = rng.choice([value * 10.0 ** rng.randint(-12, 12), -value, rng.choice(NUMBERS)])


def _delete(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None:
        del found[0][found[1]]


def _repeat(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    """A list many times as long."""
    if (found := _place(rng, tree)) is not None and isinstance(found[0][found[1]], list):
        times = rng.choice([2, 2, 3, 5, 17, 100, 1000])
        found[0][found[1]] = found[0][found[1]][:50] * times


def _wrap(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None:
        value = found[0][found[1]]
        for _ in range(rng.choice([1, 1, 2, 15, 17, 60])):
            value = [value] if rng.random() < 0.8 else {"law": value}
        found[0][found[1]] = value


def _unwrap(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None:
        value = found[0][found[1]]
        if isinstance(value, list) and value:
            found[0][found[1]] = value[0]


def _rename(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None and isinstance(found[0], dict):
        found[0][rng.choice(KEYS)] = found[0].pop(found[1])


def _add(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    if (found := _place(rng, tree)) is not None and isinstance(found[0], dict):
        found[0][rng.choice(KEYS)] = hostile(rng)


def _lend(rng: Random, tree: dict[str, Any], other: dict[str, Any]) -> None:
    """A branch of another model in place of one of this."""
    ours, theirs = _place(rng, tree), _place(rng, other)
    if ours is not None and theirs is not None:
        ours[0][ours[1]] = copy.deepcopy(theirs[0][theirs[1]])


_TREE: list[Callable[[Random, dict[str, Any], dict[str, Any]], None]] = [
    _replace, _same_type, _same_type, _same_type, _delete, _repeat, _wrap, _unwrap, _rename, _add, _lend, _lend,
]  # fmt: skip


def hostile(rng: Random) -> Any:
    """A value that nobody should write."""
    return rng.choice(
        [
            lambda: rng.choice(NUMBERS),
            lambda: rng.choice(TEXTS),
            lambda: rng.choice(PAYLOADS),
            list,
            dict,
            lambda: [rng.choice(NUMBERS)] * rng.choice([1, 2, 50, 5000]),
            lambda: {rng.choice(KEYS): rng.choice(TEXTS)},
            lambda: [[rng.choice(NUMBERS) for _ in range(rng.randint(0, 4))] for _ in range(rng.randint(0, 4))],
        ]
    )()


_TOKENS = [
    "(", ")", "+", "-", "*", "/", "^", "**", ",", "x0", "x1", "w", "1", "0", "1/2", "0.5", "1e9", "sin(", "tanh(",
    "max(", "relu(", "<", ">=", "and(", "not(", "piecewise(", "pi", " ", "sqrt(", "log(", "__", ".", ";", "=",
    "[", "]", "'", "\n",
]  # fmt: skip


def text(rng: Random, value: str) -> str:
    """Another text, mostly near the one that was there."""
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(TEXTS)
    if kind < 0.3:
        return rng.choice(PAYLOADS)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(value))
        end = min(len(value), at + rng.randint(0, 4))
        value = value[:at] + rng.choice(["", rng.choice(_TOKENS), rng.choice(_TOKENS), value[:20]]) + value[end:]
    return value[:20_000]


def scrambled(rng: Random, data: bytes) -> bytes:
    """The bytes of a file, damaged."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randint(0, len(out))
        kind = rng.randint(0, 5)
        if kind == 0 and out:
            out[at % len(out)] = rng.randint(0, 255)
        elif kind == 1:
            out[at:at] = bytes(rng.randint(0, 255) for _ in range(rng.randint(1, 8)))
        elif kind == 2:
            del out[at : at + rng.randint(1, 40)]
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            start = rng.randint(0, len(out))
            out[at:at] = out[start : start + rng.randint(1, 200)] * rng.choice([1, 2, 50])
        else:
            out[at:at] = rng.choice(
                [b"\x00", b"\xff\xfe", b"\xf0\x9f\x98", b"[" * 3000, b"\r", b"'''", b'"""', b"=", b"."]
            )
    return bytes(out[: 2 * 2**20])
