"""The sharp norms of the checker: against their definition, and planted faults against false certificates.

Seen to fail when (each tried once): a piece of a map that turns is left out of Xi, or its sign; a level of z + 2s m is
left out; a wave has a wrong factor; the averages lose a moment; a place is off by 0.01.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flint
import numpy as np
import pytest
from scipy import special

import mzsym as mz
from mzsym.check import checker
from mzsym.check.checker import CONFIRMED, FAILED, UNCHECKED, check_text

from .alterations import campaign
from .test_checker import LINE, resealed, text

NOISES = {
    "uniform": mz.Uniform(0.5),
    "smooth": mz.TruncatedGaussian(0.3, cutoff=3),
    "jumps": mz.TruncatedGaussian(0.3, cutoff=1),
    "wide": mz.TruncatedGaussian(0.9, cutoff=2),
}


def layer(weight: float, activation: Any, noise: Any) -> mz.Network:
    return mz.Network([mz.dense([[weight]], [0.1], activation=activation, noise=noise)], domain=LINE)


def claims_of(net: mz.Network, degree: int = 1, measure: Any = "uniform") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mz.certify(net, mz.Legendre(degree, measure), method="sharp").to_json())
    return found


@pytest.fixture(scope="module")
def smooth() -> dict[str, Any]:
    return claims_of(layer(-1.0, "tanh", NOISES["smooth"]))


# ---------------------------------------------------------------- true certificates


def test_truncated_gaussian_noise_is_confirmed(smooth: dict[str, Any]) -> None:
    found = check_text(text(smooth))
    assert {one.status for one in found} == {CONFIRMED} and sum("(24)" in one.line for one in found) == 5


@pytest.mark.parametrize(
    ("weight", "activation", "noise", "degree"), [(1.0, "arctan", "jumps", 1), (0.7, "softplus", "wide", 0)]
)
def test_noise_with_jumps_and_wide_noise(weight: float, activation: str, noise: str, degree: int) -> None:
    one = layer(weight, activation, NOISES[noise])
    content = mz.certify(one, mz.Legendre(degree, "lebesgue"), method="sharp", width=0.03).to_json()
    assert {found.status for found in check_text(content)} == {CONFIRMED}


def test_residual_layers() -> None:
    one = mz.residual([[0.8]], [0.1], activation="tanh", step=0.5, noise=mz.Uniform(0.5))
    content = claims_of(mz.Network([one], domain=LINE))
    assert {found.status for found in check_text(text(content))} == {CONFIRMED}


@pytest.mark.parametrize(("activation", "weight", "noise"), [("sin", 3.0, "uniform"), ("gelu", 2.0, "smooth")])
def test_maps_that_turn(activation: str, weight: float, noise: str) -> None:
    content = claims_of(layer(weight, activation, NOISES[noise]))
    assert {found.status for found in check_text(text(content))} == {CONFIRMED}


@pytest.mark.parametrize(("activation", "noise"), [("relu", mz.Uniform(0.5)), ("relu", NOISES["smooth"])])
def test_maps_with_kinks_are_not_checked(activation: str, noise: Any) -> None:
    found = check_text(text(claims_of(layer(1.0, activation, noise))))
    unchecked = [one.line for one in found if one.status == UNCHECKED]
    assert unchecked[0] == "layer 0, norm of Q_n M_n (24)" and all(line.endswith("(22)") for line in unchecked[1:])
    assert not any(one.status == FAILED for one in found)


@pytest.mark.parametrize("noise", ["uniform", "smooth"])
def test_a_constant_map_is_not_checked(noise: str) -> None:
    """Nor does it take for ever: a map is cut into so many pieces only."""
    new = json.loads(text(claims_of(layer(1.0, "tanh", NOISES[noise]))))
    new["model"]["layers"][0]["W"][0][0] = (0.0).hex()
    found = {one.line: one.status for one in check_text(resealed(new))}
    assert found["layer 0, norm of Q_n M_n (24)"] in (UNCHECKED, FAILED)


# ---------------------------------------------------------------- the matrices against their definition


def autocorrelation(noise: Any) -> Any:
    """kappa(D) = int rho(x) rho(x + D) dx in floats, from its definition."""
    if isinstance(noise, mz.Uniform):
        s = float(noise.half_width)
        return lambda D: np.maximum(0, 2 * s - np.abs(D)) / (4 * s * s)
    tau, s = float(noise.scale), float(noise.scale * noise.cutoff)
    x, w = special.roots_legendre(60)
    D = np.linspace(0, 2 * s, 4001)[:, None]
    y = D / 2 + (s - D / 2) * x  # rho(y) rho(y - D) is not 0 between D - s and s
    rho = lambda v: np.exp(-v * v / (2 * tau * tau)) / (tau * np.sqrt(2 * np.pi) * special.erf(s / tau / np.sqrt(2)))  # noqa: E731
    table = (rho(y) * rho(y - D)) @ w * (s - D[:, 0] / 2)
    return lambda d: np.interp(np.abs(d), D[:, 0], table, right=0.0)


def parts_of(content: dict[str, Any], k: int, degree: int) -> Any:
    model = checker._layers(content).model
    one = model.layers[0]
    law = checker.Uniform if one.noise[0].law == "uniform" else checker.Normal
    return law(one, *model.domains, k, degree)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize(("activation", "weight"), [("tanh", 1.5), ("sin", 3.0)])
def test_the_matrices_are_those_of_the_definition(name: str, activation: str, weight: float) -> None:
    noise, top, degree = NOISES[name], 6, 1
    stated = json.loads(
        mz.certify(layer(weight, activation, noise), mz.Legendre(1), method="hilbert_schmidt").to_json()
    )
    before, flint.ctx.prec = flint.ctx.prec, 160
    try:
        parts = parts_of(stated, 20, degree)
        (S, _), (inner, _) = parts.pairs
        found = np.array([[float(S[i, j]) for j in range(top)] for i in range(top)])
        rest = np.array([[float(S[i, j] - inner[i, j]) for j in range(top)] for i in range(top)])
        half, middle, above = float(parts.half), float(parts.middle), float(parts.above)
    finally:
        flint.ctx.prec = before
    # By the rule of midpoints in both variables; kappa has kinks.
    t = (np.arange(3000) + 0.5) / 1500 - 1
    z = getattr(np, activation)(weight * t + 0.1)
    p = np.array([np.sqrt(i + 0.5) * special.eval_legendre(i, t) for i in range(top)]) / 1500
    exact = p @ autocorrelation(noise)(z[:, None] - z[None, :]) @ p.T
    # What the waves leave out is positive and below what the checker says.
    missing = np.linalg.eigvalsh(exact - found)
    assert missing.min() > -3e-6 and missing.max() < above + 3e-6
    # M e_0 = e_0 and M e_1 is a multiple of F, both of what the next layer resolves.
    columns = p @ np.array([np.full_like(z, np.sqrt(1 / (2 * half))), np.sqrt(3 / (2 * half)) * (z - middle) / half]).T
    assert np.max(np.abs(rest - columns @ columns.T)) < 3e-6


@pytest.mark.parametrize("name", ["smooth", "jumps"])
def test_averages_of_what_the_next_layer_resolves(name: str) -> None:
    """E e_l(z + xi), from moments, against Gauss's rule."""
    stated = json.loads(
        mz.certify(layer(1.0, "tanh", NOISES[name]), mz.Legendre(1), method="hilbert_schmidt").to_json()
    )
    parts = parts_of(stated, 12, 5)
    half, tau, s = float(parts.half), float(parts.tau), float(parts.s)
    xi, w = special.roots_legendre(80)
    rho = np.exp(-((xi * s) ** 2) / (2 * tau * tau)) * w
    for degree, polynomial in enumerate(parts.averages):
        for x in (-0.7, 0.2):
            mean = np.sum(rho * special.eval_legendre(degree, x + xi * s / half)) / np.sum(rho)
            assert abs(float(polynomial(flint.arb(x))) - np.sqrt((2 * degree + 1) / (2 * half)) * mean) < 1e-12


# ---------------------------------------------------------------- false certificates and planted faults


def moved(content: dict[str, Any], key: str, value: float, functions: int | None = None) -> str:
    """One bound of the layer replaced, and the number of functions that are said to prove it."""
    new = json.loads(text(content))
    new["layers"][0][key] = {"hex": value.hex(), "approximately": value}
    if functions is not None:
        new["layers"][0]["functions"] = functions
    return resealed(new)


def number(content: dict[str, Any], key: str) -> float:
    return float.fromhex(content["layers"][0][key]["hex"])


def failing(source: str) -> list[str]:
    return [found.line for found in check_text(source) if found.status == FAILED]


@pytest.fixture(scope="module")
def flat() -> dict[str, Any]:
    return claims_of(layer(1.5, "tanh", NOISES["uniform"]), 2)


def planted(old: str, new: str) -> Any:
    """The checker with a fault in it."""
    source = Path(checker.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    names: dict[str, Any] = {"__name__": "planted"}
    exec(compile(source.replace(old, new), "planted", "exec"), names)  # noqa: S102
    return names["check_text"]


def test_a_checker_without_the_tail_confirms_what_is_false(flat: dict[str, Any]) -> None:
    """Between the norm of 20 functions and the norm itself: the tail (24c) alone tells that this is no bound."""
    lower = number(flat, "lower")
    below = lower * (1 - 2e-7)
    source = moved(moved_back(flat, 8), "upper", below)
    names = {line.split(", ")[1] for line in failing(source)}
    assert "upper bound of ||Q_n M_n|| (24)" in names
    careless = planted("- R[i, j] / (k * (k + 1) * (bound - self.mu))", "")
    seen = {found.line: found.status for found in careless(source)}
    assert seen["layer 0, upper bound of ||Q_n M_n|| (24)"] == CONFIRMED


def test_a_checker_without_the_bound_of_high_degrees_confirms_what_is_false() -> None:
    """One per cent below the norm, whose function lies half beyond the 13 degrees: mu in (24d) tells."""
    steep = claims_of(layer(6.0, "tanh", NOISES["uniform"]), 8)
    source, line = moved(steep, "upper", 0.99 * number(steep, "lower"), 1), "layer 0, upper bound of ||Q_n M_n|| (24)"
    assert line in failing(source)
    careless = planted("self.mu = (steep /", "self.mu = (0 * steep /")
    assert {found.line: found.status for found in careless(source)}[line] == CONFIRMED


def moved_back(content: dict[str, Any], functions: int) -> dict[str, Any]:
    new: dict[str, Any] = json.loads(text(content))
    new["layers"][0]["functions"] = functions
    return new


@pytest.mark.parametrize("key", ["upper", "lower", "interior_upper", "interior_lower", "entrance_upper"])
def test_no_sharp_claim_under_truncated_gaussian_noise_can_be_tightened(smooth: dict[str, Any], key: str) -> None:
    """Every bound a little beyond what the other side proves; for the entrance no other side is stated."""
    sides = {"upper": "lower", "lower": "upper", "interior_upper": "interior_lower", "interior_lower": "interior_upper"}
    value = number(smooth, key) * 0.999 if key not in sides else number(smooth, sides[key])
    beyond = value * (1 - 1e-6 if key.endswith("upper") else 1 + 1e-6)
    assert any("(24)" in line for line in failing(moved(smooth, key, beyond)))


def test_alterations_of_certificates_under_truncated_gaussian_noise(smooth: dict[str, Any]) -> None:
    counts = campaign([smooth], 40, 11, frozenset(("model",)))
    assert counts["refused"] == 20 + counts["refused, sealed anew"]
