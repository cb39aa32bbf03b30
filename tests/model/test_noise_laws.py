"""The laws stated on AbstractNoise, run on every concrete noise."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.calculus import DeterministicLaw
from mzsym.model import AbstractNoise

NOISES: list[AbstractNoise] = [
    mz.Uniform(0.5),
    mz.Uniform(Fraction(1, 3)),
    mz.Gaussian(0.2),
    mz.TruncatedGaussian(0.25),
    mz.TruncatedGaussian(2, cutoff=0.3),
    mz.TruncatedGaussian(0.1, cutoff=40),
    mz.Deterministic(),
]


@pytest.mark.parametrize("noise", NOISES, ids=repr)
def test_samples_follow_the_symbolic_law(noise: AbstractNoise) -> None:
    scale = 0.0 if noise.scale is None else float(noise.scale)
    count = 200_000
    draws = noise.sample(np.random.default_rng(7), count, scale)
    lo, hi = noise.support(scale)
    assert draws.shape == (count,) and draws.min() >= lo and draws.max() <= hi
    assert noise.bounded == math.isfinite(hi)
    law = noise.law(sp.Rational(scale))
    assert [float(end) for end in law.support] == pytest.approx([lo, hi])
    if isinstance(law, DeterministicLaw):
        assert not draws.any()
        return
    for k in (1, 2, 3, 4):
        moment, error = float(law.moment(k)), math.sqrt(float(law.moment(2 * k)) / count)
        assert abs(np.mean(draws**k) - moment) <= 4.5 * error
    # The distribution function itself at a few points (moments alone do not see the shape).
    xi = sp.Symbol("xi", real=True)
    density = sp.lambdify(xi, law.density(xi))
    left = max(lo, -9 * scale)
    for q in (0.2, 0.5, 0.7):
        at = left + q * (-left - left)
        t, weights = np.polynomial.legendre.leggauss(80)
        nodes = left + (at - left) * (t + 1) / 2
        mass = float(np.sum(weights * density(nodes) * np.ones(80)) * (at - left) / 2)
        assert abs(np.mean(draws <= at) - mass) <= 4.5 * np.sqrt(0.25 / count)


def test_draws_depend_on_the_seed_only() -> None:
    for noise in NOISES:
        scale = 0.0 if noise.scale is None else float(noise.scale)
        first = noise.sample(np.random.default_rng(3), (4, 2), scale)
        assert np.array_equal(first, noise.sample(np.random.default_rng(3), (4, 2), scale)) and first.shape == (4, 2)


def test_numbers_stay_exact_and_equal_laws_are_equal() -> None:
    assert mz.Uniform(sp.Rational(1, 3)).scale == Fraction(1, 3) == mz.Uniform(Fraction(1, 3)).scale
    assert mz.Uniform(0.1) == mz.Uniform(0.1) != mz.Uniform(Fraction(1, 10))
    assert mz.TruncatedGaussian(1) == mz.TruncatedGaussian(1, 3) != mz.TruncatedGaussian(1, 2)
    assert mz.Uniform(1) != mz.Gaussian(1)
    assert {noise.name for noise in NOISES} == {"uniform", "gaussian", "truncated_gaussian", "deterministic"}


NOT_POSITIVE = [0, -1, -0.5, sp.Integer(-2), float("nan"), float("inf"), 10**400, Fraction(1, 10**400)]


@pytest.mark.parametrize("law", [mz.Uniform, mz.Gaussian, mz.TruncatedGaussian])
@pytest.mark.parametrize(
    "scale",
    [*NOT_POSITIVE, -sp.Symbol("s", positive=True), sp.Symbol("x0", real=True), 1j, sp.I, "1", None, True, [1, 2]],
    ids=str,
)
def test_bad_scales_are_refused(law: Any, scale: Any) -> None:
    with pytest.raises(mz.MzError) as caught:
        law(scale)
    assert law.__name__ in str(caught.value)


@pytest.mark.parametrize("cutoff", [0, -1, float("nan"), None, "3"])
def test_bad_cutoffs_are_refused(cutoff: Any) -> None:
    with pytest.raises(mz.MzError, match="cutoff"):
        mz.TruncatedGaussian(1, cutoff)
