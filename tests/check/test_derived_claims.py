"""Files of noise levels, MATH (28), and of reductions, (29) and (30): what follows from a certificate of layers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.check import checker
from mzsym.check.checker import CONFIRMED, FAILED, UNCHECKED, BadFileError, check_text
from mzsym.reduce.truncation import truncate

from .alterations import campaign
from .test_checker import BLOCKED, LINE, PLANE, resealed, text

X = mz.state(1)[0]


def network(observable: Any = X, depth: int = 4, noise: float = 1.5) -> mz.Network:
    one = mz.dense([[1.0]], [0.1], activation="tanh", noise=mz.Uniform(noise))
    return mz.Network([one] * depth, domain=LINE, observable=observable)


def reduction(observable: Any = X, degree: int = 2, measure: Any = "uniform", noise: float = 1.5) -> dict[str, Any]:
    net, projection = network(observable, noise=noise), mz.Legendre(degree, measure)
    certificate = mz.certify(net, projection, method="hilbert_schmidt")
    found: dict[str, Any] = json.loads(mz.reduce(net, projection, depth=1, certificate=certificate).to_json())
    return found


@pytest.fixture(scope="module")
def levels() -> dict[str, Any]:
    """Where sharp enclosures prove both: true and failing levels of one layer."""
    one = mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.5))
    found = mz.minimal_noise(mz.Network([one], domain=LINE), 0, mz.Legendre(1), 0.9, tolerance=0.02)
    content: dict[str, Any] = json.loads(found.to_json())
    return content


def plain_levels() -> dict[str, Any]:
    """Of a method that proves no lower bounds: one level."""
    found = mz.minimal_noise(network(), 1, mz.Legendre(1), 0.9, "hilbert_schmidt")
    content: dict[str, Any] = json.loads(found.to_json())
    return content


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return plain_levels()


@pytest.fixture(scope="module")
def shallow() -> dict[str, Any]:
    return reduction()


def failing(content: dict[str, Any]) -> list[str]:
    return [found.line for found in check_text(resealed(content)) if found.status == FAILED]


def copied(content: dict[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = json.loads(text(content))
    return new


def number(value: float) -> dict[str, Any]:
    return {"hex": value.hex(), "approximately": value}


# ---------------------------------------------------------------- true files


def test_levels_are_confirmed(levels: dict[str, Any], plain: dict[str, Any]) -> None:
    for content, count in ((levels, 2), (plain, 1)):
        found = check_text(text(content))
        assert {one.status for one in found} == {CONFIRMED}
        assert sum("(28)" in one.line for one in found) == count


@pytest.mark.parametrize(
    ("observable", "degree", "measure"),
    [(X, 2, "uniform"), (X, 2, "lebesgue"), (X**2 / 3 - X**3, 1, "uniform"), ([X, 2 * X**2], 1, "lebesgue")],
    ids=str,
)
def test_reductions_are_confirmed_but_for_ranges_of_sums(observable: Any, degree: int, measure: Any) -> None:
    content = reduction(observable, degree, measure)
    found = check_text(text(content))
    unchecked = [one.line for one in found if one.status == UNCHECKED]
    assert not any(one.status == FAILED for one in found)
    # The range of a sum may be narrower than the sum of the ranges; what rests on it is then not checked either.
    summed = len(content["observables"][0]["terms"]) > 1
    assert not unchecked or (unchecked[0] == "range of an observable" and len(unchecked) == 17 and summed)
    assert sum("(29)" in one.line for one in found) == 4 and sum("(30)" in one.line for one in found) == 12


def test_what_a_file_says_is_what_the_library_proves(shallow: dict[str, Any]) -> None:
    """The bounds of truncations are those of ``truncate``; a-priori ones are not below what the depths really lose."""
    net, projection = network(), mz.Legendre(2)
    certificate = mz.certify(net, projection, method="hilbert_schmidt")
    ev = mz.compile(mz.derive(net, projection))
    for T in (1, 2, 3):
        ours = [x["bound"]["approximately"] for x in shallow["truncations"] if x["length"] == T]
        theirs = [x.proved for x in truncate(ev, T, certificate).layers][:-1]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        assert all(a >= x.error - 1e-12 for a, x in zip(ours, truncate(ev, T).layers, strict=False))
    r = mz.reduce(net, projection, depth=1, certificate=certificate)
    stated = [x["bound"]["approximately"] for x in shallow["a_priori"]]
    assert all(bound >= item.measured - 1e-12 for bound, item in zip(stated, r.depths, strict=True))


def test_observables_that_are_no_polynomials_are_not_checked() -> None:
    found = check_text(text(reduction(sp.cos(X))))
    unchecked = [one.line for one in found if one.status == UNCHECKED]
    assert unchecked[0] == "range of an observable" and len(unchecked) == 17
    assert all("(29)" in line or "(30)" in line for line in unchecked[1:])
    assert any(one.line == "contraction (22)" and one.status == CONFIRMED for one in found)


def test_wider_states() -> None:
    noise, state = mz.Uniform(2), mz.state(2)
    one = mz.dense([[0.7, -0.2], [0.1, 1.1]], [0.1, 0.1], activation="tanh", noise=noise)
    net = mz.Network([one] * 2, domain=PLANE, observable=state[0] * state[1])
    projection = mz.Legendre(1)
    certificate = mz.certify(net, projection, method="hilbert_schmidt")
    content = mz.reduce(net, projection, depth=1, certificate=certificate, prove=False).to_json()
    assert {found.status for found in check_text(content)} == {CONFIRMED}


def test_another_measure_is_not_checked() -> None:
    net = network()
    r = mz.reduce(net, mz.Legendre(1, "law"), depth=1, prove=False)
    found = check_text(r.to_json())
    assert "errors (29), (30)" in [one.line for one in found if one.status == UNCHECKED]
    assert not any(one.status == FAILED for one in found)


# ---------------------------------------------------------------- false files


def test_a_smaller_kappa_fails(plain: dict[str, Any]) -> None:
    new = copied(plain)
    upper = float.fromhex(new["levels"][0]["certificate"]["layers"][0]["upper"]["hex"])
    new["kappa"] = number(upper * (1 - 1e-12))
    assert failing(new) == ["certified level (28)"]


def test_another_level_layer_or_order_fails(levels: dict[str, Any]) -> None:
    new = copied(levels)
    new["levels"].reverse()
    assert {"certified level (28)", "failing level (28)"} <= set(failing(new))
    new = copied(levels)
    new["levels"][1]["level"] = "1/3"
    assert "failing level (28)" in failing(new)
    new = copied(levels)
    new["levels"][1]["certificate"]["model"]["layers"][0]["b"][0] = "-1/1000000"
    assert "failing level (28)" in failing(new)
    new = copied(levels)
    new["levels"][1]["certificate"]["layers"][0]["lower"] = number(float.fromhex(new["kappa"]["hex"]))
    assert "failing level (28)" in failing(new)


@pytest.mark.parametrize("which", ["a_priori", "truncations"])
def test_every_bound_of_a_reduction_is_checked(shallow: dict[str, Any], which: str) -> None:
    for i, item in enumerate(shallow[which]):
        value = float.fromhex(item["bound"]["hex"])
        if value == 0.0:
            continue
        new = copied(shallow)
        new[which][i]["bound"] = number(value * (1 - 1e-9))
        lines = failing(new)
        assert any(("(29)" if which == "a_priori" else "(30)") in line for line in lines), (which, i)


def test_a_range_that_is_too_narrow_fails(shallow: dict[str, Any]) -> None:
    new = copied(shallow)
    high = float.fromhex(new["observables"][0]["range"][1]["hex"])
    new["observables"][0]["range"][1] = number(high * (1 - 1e-9))
    assert "range of an observable" in failing(new)


def test_what_is_left_out_is_refused(shallow: dict[str, Any], plain: dict[str, Any]) -> None:
    for key in ("a_priori", "truncations"):
        new = copied(shallow)
        del new[key][1]
        with pytest.raises(BadFileError, match="missing"):
            check_text(resealed(new))
    new = copied(shallow)
    new["observables"] = []
    with pytest.raises(BadFileError, match="missing"):
        check_text(resealed(new))
    new = copied(plain)
    new["levels"] = []
    with pytest.raises(BadFileError, match="one or two"):
        check_text(resealed(new))


def test_alterations(shallow: dict[str, Any], plain: dict[str, Any]) -> None:
    for original, seed in ((shallow, 3), (plain, 4)):
        counts = campaign([original], 400, seed)
        assert counts["refused"] == 200 + counts["refused, sealed anew"] and counts["refused, sealed anew"] > 50


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("*inner[1:H], tails[H])", "tails[H])", "(29)"),
        ("_times(first.entrance_upper, *inner[n + 1 :], tails[-1])", "0", "(30)"),
        ("least += sum((_times(_memory(layers, n, m), b[m])", "least += sum((0 * _times(b[m])", "(30)"),
    ],
)
def test_a_checker_that_drops_a_factor_or_a_term_confirms_what_is_false(old: str, new: str, line: str) -> None:
    """With a term left out of the checker some bound that is too small passes, and only then."""
    source = Path(checker.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    names: dict[str, Any] = {"__name__": "planted"}
    exec(compile(source.replace(old, new), "planted", "exec"), names)  # noqa: S102
    # With norms above 1 every factor counts.
    content = reduction(X**2, 1, noise=0.4)
    fooled = 0
    for which in ("a_priori", "truncations"):
        for item in content[which]:
            kept = item["bound"]
            item["bound"] = number(kept["approximately"] * 0.99)
            said = {one.line: one.status for one in names["check_text"](resealed(content))}
            fooled += len([name for name in failing(content) if line in name and said[name] == CONFIRMED])
            item["bound"] = kept
    assert fooled


def test_they_run_with_flint_alone(tmp_path: Path, shallow: dict[str, Any]) -> None:
    (tmp_path / "checker.py").write_text(Path(checker.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "r.json").write_text(text(shallow))
    command = [sys.executable, "-I", "-c", BLOCKED, "r.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
