"""Families of noise densities: against SciPy's B-splines and distributions, exact and from files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.interpolate import BSpline

import mzsym as mz
from mzsym.core.names import NOISE_VARIABLE
from mzsym.model.numeric import evaluate

r = sp.Symbol("r", positive=True)
a0, a1 = sp.symbols("a0 a1", real=True)


def density(noise: mz.Noise, x: np.ndarray) -> np.ndarray:
    return evaluate([noise.numeric_law.density(NOISE_VARIABLE)], {NOISE_VARIABLE: x}, len(x))[:, 0]


@settings(max_examples=15, deadline=None)
@given(
    amplitudes=st.lists(st.integers(-4, 4), min_size=6, max_size=9).filter(any),
    degree=st.integers(0, 5),
    lo=st.floats(-2, 1),
    width=st.floats(0.1, 3),
)
def test_splines_are_those_of_scipy(amplitudes: list[int], degree: int, lo: float, width: float) -> None:
    noise = mz.Noise.spline(amplitudes, (lo, lo + width), degree)
    hi, parts = lo + width, len(amplitudes) - degree
    knots = np.concatenate([[lo] * degree, np.linspace(lo, hi, parts + 1), [hi] * degree])
    spline = BSpline(knots, np.array(amplitudes, dtype=float) ** 2, degree)
    x = np.linspace(lo, hi, 38)[1:-1]  # no knot: 37 is prime
    np.testing.assert_allclose(density(noise, x), spline(x) / spline.integrate(lo, hi), rtol=1e-11, atol=1e-12 / width)


def test_a_histogram_is_exact_and_its_support_may_move() -> None:
    noise = mz.Noise.histogram([1, 2, 1], (-r, 2 * r), params={r: Fraction(1, 2)})
    law = noise.numeric_law
    assert [law.moment(k) for k in (0, 1)] == [1, sp.Rational(1, 4)]
    assert noise.support(0.0) == (-0.5, 1.0) and noise.points == (0, r)
    moved = noise.with_params({r: 1, a0: 0})
    assert moved.support(0.0) == (-1.0, 2.0) and moved.numeric_law.moment(1) == sp.Rational(7, 10)
    draws = noise.sample(np.random.default_rng(0), 4000, 0.0)
    assert stats.chisquare(np.histogram(draws, [-0.5, 0, 0.5, 1])[0], 4000 * np.array([1, 4, 1]) / 6).pvalue > 1e-4
    assert mz.Noise.histogram([1, 2], name="h").params.keys() == set(sp.symbols("h0 h1", real=True))


def test_a_mixture_is_the_weighted_sum_of_densities() -> None:
    wedge = mz.Noise(2 * sp.Symbol("t") / r**2, support=(0, r), params={r: 0.75})
    noise = mz.Noise.mixture([mz.Uniform(0.5), mz.TruncatedGaussian(0.125, 2), wedge], [1, 2, 1], name="w")
    assert noise.support(0.0) == (-0.5, 0.75) and len(noise.params) == 6
    x = np.linspace(-0.5, 0.75, 40)[1:-1]
    cut = stats.truncnorm(-2, 2, scale=0.125).pdf(x)
    parts = np.where(np.abs(x) <= 0.5, 1.0, 0.0), cut, np.where(x > 0, 2 * x / 0.75**2, 0.0)
    np.testing.assert_allclose(density(noise, x), (parts[0] + 4 * parts[1] + parts[2]) / 6, rtol=1e-13, atol=1e-15)
    wide = noise.with_params({sp.Symbol("s0", positive=True): 1})
    assert wide.support(0.0) == (-1.0, 1.0)
    assert not mz.Noise.mixture([mz.Gaussian(0.5), mz.Laplace(0.1)]).bounded


@pytest.mark.parametrize(
    "noise",
    [
        mz.Noise.histogram([1, 0, Fraction(1, 3)], (-r, 1), params={r: 0.25}),
        mz.Noise.spline([0, 1, -2, 0.5, 0]),
        mz.Noise.mixture([mz.Uniform(0.5), mz.TruncatedGaussian(0.125, 2)], [1, 2]),
    ],
)
def test_model_files_keep_them(noise: mz.Noise, tmp_path: Path) -> None:
    net = mz.Network([mz.dense([[1.2]], activation="tanh", noise=noise)], domain=mz.Box([(-1, 1)]))
    mz.save(net, tmp_path / "model.toml")
    assert mz.load(tmp_path / "model.toml").network == net


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: mz.Noise.histogram([0, 0]), "amplitudes are"),
        (lambda: mz.Noise.histogram([]), "amplitudes are"),
        (lambda: mz.Noise.histogram("12"), "amplitudes are"),
        (lambda: mz.Noise.histogram([1, "x"]), "'x' is not a real number .*amplitude 1"),
        (lambda: mz.Noise.histogram([1] * 66), "66 parts"),
        (lambda: mz.Noise.spline([1, 2]), "-1 parts"),
        (lambda: mz.Noise.spline([1] * 9, degree=6), "degree is 6"),
        (lambda: mz.Noise.histogram([1, 2], support=3), "support is 3"),
        (lambda: mz.Noise.histogram([1, 2], support=(-1, float("inf"))), "not finite"),
        (lambda: mz.Noise.spline([1, 2, 3, 4], support=(float("-inf"), float("inf"))), "not finite"),
        (lambda: mz.Noise.histogram([1, 2], support=("__import__('os')", 2)), "no number or expression"),
        (lambda: mz.Noise.histogram([1, 2], support=(r, 2)), "has the symbol"),
        (lambda: mz.Noise.histogram([1, 2]).with_params({a0: 0, a1: 0}), "no number for these parameters"),
        (lambda: mz.Noise.histogram([1, 2]).with_params({a0: None}).with_params({a0: 0, a1: 0}), "no number"),
        (lambda: mz.Noise.histogram([1, 2], (0, a1), params={a1: 1}), "a1 stands for two things"),
        (lambda: mz.Noise.histogram([1, 2], (-r, r), params={r: 1}).with_params({r: -1}), "support is"),
        (lambda: mz.Noise.mixture([mz.Uniform(1)]), "no list of laws"),
        (lambda: mz.Noise.mixture([mz.Uniform(1), mz.Deterministic()]), "law 1"),
        (lambda: mz.Noise.mixture([mz.Uniform(1), 3]), "law 1"),
        (lambda: mz.Noise.mixture([mz.Uniform(r), mz.Uniform(1)]), "law 0"),
        (lambda: mz.Noise.mixture([mz.Uniform(1)] * 2, [1]), "1 amplitudes for 2 laws"),
        (lambda: mz.Noise.mixture([mz.Noise.histogram([1, 2])] * 2), "stands for two things"),
    ],
)
def test_what_makes_no_density_is_refused(make: Any, what: str) -> None:
    with pytest.raises(mz.MzError, match=what):
        make()
