"""The sharp norms of the checker: against their definition, and planted faults against false certificates.

Seen to fail when (each tried once): the middle term of D_j loses its factor 2, the inner integrals their signs, S_00
what stands at the end, a place is off by 0.01, the m_l' have a wrong factor, the jump is left in kappa'.
"""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flint
import mpmath as mp
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
    """25 functions are enough to prove it, whatever the finder took; and a false claim fails sooner."""
    return json.loads(resealed(moved_back(claims_of(layer(-1.0, "tanh", NOISES["smooth"])), 13)))


# ---------------------------------------------------------------- true certificates


def test_truncated_gaussian_noise_is_confirmed(smooth: dict[str, Any]) -> None:
    found = check_text(text(smooth))
    assert {one.status for one in found} == {CONFIRMED} and sum("(24)" in one.line for one in found) == 5


@pytest.mark.parametrize(
    ("weight", "activation", "noise", "degree"), [(1.0, "arctan", "jumps", 1), (0.7, "softplus", "wide", 0)]
)
def test_noise_with_jumps_and_wide_noise(weight: float, activation: str, noise: str, degree: int) -> None:
    content = claims_of(layer(weight, activation, NOISES[noise]), degree, "lebesgue")
    assert {one.status for one in check_text(text(content))} == {CONFIRMED}


def test_residual_layers() -> None:
    one = mz.residual([[0.8]], [0.1], activation="tanh", step=0.5, noise=mz.Uniform(0.5))
    content = claims_of(mz.Network([one], domain=LINE))
    assert {found.status for found in check_text(text(content))} == {CONFIRMED}


@pytest.mark.parametrize(("activation", "weight"), [("gelu", 2.0), ("sin", 3.0), ("relu", 1.0)])
def test_maps_that_turn_or_have_kinks_are_not_checked(activation: str, weight: float) -> None:
    found = check_text(text(claims_of(layer(weight, activation, mz.Uniform(0.5)))))
    unchecked = [one.line for one in found if one.status == UNCHECKED]
    assert unchecked[0] == "layer 0, norm of Q_n M_n (24)" and all(line.endswith("(22)") for line in unchecked[1:])
    assert not any(one.status == FAILED for one in found)


# ---------------------------------------------------------------- the matrix against its definition


def definition(noise: Any, weight: float, top: int) -> Any:
    """<M* p_i, M* p_j> in floats, by Gauss's rule in t for every node in y; tanh has an inverse."""
    x, w = special.roots_legendre(80)
    f = lambda t: np.tanh(weight * t + 0.1)  # noqa: E731
    inverse = lambda z: (np.arctanh(np.clip(z, f(-1.0), f(1.0))) - 0.1) / weight  # noqa: E731
    s = noise.half_width if isinstance(noise, mz.Uniform) else noise.scale * noise.cutoff
    ends = sorted({float(f(t)) + e * float(s) for t in (-1.0, 1.0) for e in (-1, 0, 1)})
    S = np.zeros((top, top))
    for lo, hi in pairwise(ends):
        for y, v in zip((lo + hi) / 2 + (hi - lo) / 2 * x, w * (hi - lo) / 2, strict=True):
            a, b = float(inverse(y - float(s))), float(inverse(y + float(s)))
            t = (a + b) / 2 + (b - a) / 2 * x
            z = y - f(t)
            if isinstance(noise, mz.Uniform):
                rho = np.full_like(z, 1 / (2 * float(s)))
            else:
                tau, c = float(noise.scale), float(noise.cutoff)
                rho = np.exp(-z * z / (2 * tau * tau)) / (tau * np.sqrt(2 * np.pi) * special.erf(c / np.sqrt(2)))
            p = np.array([np.sqrt(i + 0.5) * special.eval_legendre(i, t) for i in range(top)])
            h = p @ (rho * w * (b - a) / 2)
            S += v * np.outer(h, h)
    return S


@pytest.mark.parametrize("name", NOISES)
def test_the_matrix_is_that_of_the_definition(name: str) -> None:
    noise, top = NOISES[name], 6
    stated = json.loads(mz.certify(layer(1.5, "tanh", noise), mz.Legendre(1), method="hilbert_schmidt").to_json())
    model = checker._layers(stated).model
    before, flint.ctx.prec = flint.ctx.prec, 160
    try:
        curve, law = checker.Curve(model.layers[0], *model.domains), checker.Law(model.layers[0].noise[0])
        (S, _), (inner, _) = checker.Galerkin(curve, law, 7, 1).matrices
        found = np.array([[float(S[i, j]) for j in range(top)] for i in range(top)])
        rest = np.array([[float(S[i, j] - inner[i, j]) for j in range(top)] for i in range(top)])
        half = float(curve.half)
    finally:
        flint.ctx.prec = before
    exact = definition(noise, 1.5, top)
    assert np.max(np.abs(found - exact)) < 1e-9
    # M e_0 = e_0 and M e_1 is a multiple of F, both of what the next layer resolves.
    t, w = special.roots_legendre(200)
    z = np.tanh(1.5 * t + 0.1)
    p = np.array([np.sqrt(i + 0.5) * special.eval_legendre(i, t) for i in range(top)])
    columns = np.array(
        [p @ (w * np.sqrt(1 / (2 * half))), p @ (w * np.sqrt(3 / (2 * half)) * (z - float(curve.middle)) / half)]
    )
    assert np.max(np.abs(rest - columns.T @ columns)) < 1e-9


def test_the_kernel_of_truncated_gaussian_noise() -> None:
    """kappa is the autocorrelation of rho, and what is left of its slope is 0 at both ends."""
    noise = SimpleNamespace(law="truncated_gaussian", scale=Fraction(3, 10), cutoff=Fraction(2))
    law = checker.Law(noise)
    rho = lambda x: float(law.rho(flint.arb(float(x))).mid())  # noqa: E731
    assert abs(mp.quad(lambda x: rho(x), [-0.6, 0, 0.6]) - 1) < 1e-12
    for D in (0.1, 0.5, 1.1):
        exact = mp.quad(lambda x, D=D: rho(x) * rho(x - D), [D - 0.6, D / 2, 0.6])
        assert abs(float(law.kappa(flint.arb(D))) - exact) < 1e-12
        slope = (float(law.kappa(flint.arb(D + 1e-5))) - float(law.kappa(flint.arb(D - 1e-5)))) / 2e-5
        assert abs(float(law.smooth(flint.arb(D)) - law.jump) - slope) < 1e-7
    assert abs(law.smooth(flint.arb(0))) < 1e-12 and abs(law.smooth(2 * law.s)) < 1e-12


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
    careless = planted("- factor * (B[i, j] - coupled[i - V[0], j - V[0]])", "")
    seen = {found.line: found.status for found in careless(source)}
    assert seen["layer 0, upper bound of ||Q_n M_n|| (24)"] == CONFIRMED


def test_a_checker_without_the_bound_of_high_degrees_confirms_what_is_false() -> None:
    """One per cent below the norm, whose function lies half beyond the 13 degrees: mu in (24d) tells."""
    steep = claims_of(layer(6.0, "tanh", NOISES["uniform"]), 8)
    source, line = moved(steep, "upper", 0.99 * number(steep, "lower"), 1), "layer 0, upper bound of ||Q_n M_n|| (24)"
    assert line in failing(source)
    careless = planted("mu = (4 * self.law.peak**2", "mu = (0 * self.law.peak**2")
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
