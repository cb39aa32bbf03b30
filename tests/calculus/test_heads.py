"""The unevaluated averages: digits at any argument, derivatives, limits, printing."""

from __future__ import annotations

import pickle

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus import GaussianMean, UniformMean
from mzsym.calculus.cells import ANTIDERIVATIVE, GAUSSIAN, NOT_CLOSED
from mzsym.core.functions import relu
from mzsym.core.primitives import PRIMITIVES

z, S = sp.symbols("z S", real=True)
SLOPE = sp.Rational(1, 10)
OSCILLATING = {"sin", "cos"}


def _parameters(name):
    return (SLOPE,) * len(PRIMITIVES[name].parameters)


def _close(value, expected, digits):
    with mp.workdps(60):
        value = value._to_mpmath(250)
        return abs(value - expected) <= mp.mpf(10) ** -digits * abs(expected) or abs(expected) < mp.mpf(10) ** -100000


exponents = st.integers(-12, 2)
mantissas = st.integers(10, 99)


@pytest.mark.parametrize("name", PRIMITIVES)
@settings(max_examples=4, deadline=None)
@given(k=st.integers(1, 5), exponent=exponents, mantissa=mantissas, centre=st.integers(-7000, 7000))
def test_uniform_mean_has_thirty_digits_anywhere(oracle, name, k, exponent, mantissa, centre):
    if not ANTIDERIVATIVE[name].closes(k):
        k = 1
    scale = sp.Rational(mantissa, 10) * sp.Integer(10) ** exponent
    if name in OSCILLATING and scale > 20:
        scale /= 100  # the oracle would need thousands of pieces
    point = sp.Rational(centre, 1000 if name in {"erf", "arctan"} else 10)
    value = UniformMean(name, k, point, scale, *_parameters(name)).evalf(30)
    with mp.workdps(60):
        parameters = [mp.mpf(p.p) / p.q for p in _parameters(name)]
        expected = oracle.uniform_mean(name, k, mp.mpf(point.p) / point.q, mp.mpf(scale.p) / scale.q, *parameters)
    assert _close(value, expected, 27), (name, k, point, scale, value, expected)


EXTREMES = [(700, 1000), (-700, 1000), (-700, "1/1000000000000"), (700, "1/1000000000000"), (0, "1/1000000000000"),
            ("1/1000000000000", "1/1000000000000"), ("-1/3", 100), (-650, 30)]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - OSCILLATING))
def test_uniform_mean_at_the_ends_of_the_range(oracle, name):
    for k in (1, 2, 5):
        if not ANTIDERIVATIVE[name].closes(k):
            continue
        for centre, scale in EXTREMES:
            centre, scale = sp.Rational(centre), sp.Rational(scale)
            value = UniformMean(name, k, centre, scale, *_parameters(name)).evalf(30)
            with mp.workdps(60):
                parameters = [mp.mpf(p.p) / p.q for p in _parameters(name)]
                expected = oracle.uniform_mean(
                    name, k, mp.mpf(centre.p) / centre.q, mp.mpf(scale.p) / scale.q, *parameters
                )
                size = max(abs(expected), mp.mpf(10) ** -40 if expected == 0 or value == 0 else 0)
                assert abs(value._to_mpmath(250) - expected) <= mp.mpf(10) ** -27 * size, (k, centre, scale)


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if GAUSSIAN[n].highest != NOT_CLOSED])
@settings(max_examples=4, deadline=None)
@given(k=st.integers(1, 4), exponent=st.integers(-12, 0), mantissa=mantissas, centre=st.integers(-80, 80))
def test_gaussian_mean_has_thirty_digits_anywhere(oracle, name, k, exponent, mantissa, centre):
    if not GAUSSIAN[name].closes(k):
        k = 1
    scale = sp.Rational(mantissa, 10) * sp.Integer(10) ** exponent
    point = sp.Rational(centre, 10)
    value = GaussianMean(name, k, point, scale, *_parameters(name)).evalf(30)
    with mp.workdps(60):
        parameters = [mp.mpf(p.p) / p.q for p in _parameters(name)]
        expected = oracle.gaussian_mean(name, k, mp.mpf(point.p) / point.q, mp.mpf(scale.p) / scale.q, *parameters)
        # The oracle cuts the normal density at 15 standard deviations.
        tail = mp.exp(-100)
        assert abs(value._to_mpmath(250) - expected) <= mp.mpf(10) ** -27 * abs(expected) + tail, (k, point, scale)


def test_gaussian_mean_deep_in_the_tail():
    """E relu(z + sZ) ~ s phi(t)/t^2 for t = |z|/s large: the two terms agree in t^2 of their digits."""
    value = GaussianMean("relu", 1, -700, sp.Rational(1, 2)).evalf(30)
    with mp.workdps(40):
        t = mp.mpf(1400)
        series = mp.mpf(1) / 2 * mp.npdf(t) / t**2 * (1 - 3 / t**2 + 15 / t**4 - 105 / t**6 + 945 / t**8)
        assert abs(value._to_mpmath(140) / series - 1) < mp.mpf(10) ** -25


@pytest.mark.parametrize("head", [UniformMean, GaussianMean])
@pytest.mark.parametrize("name", PRIMITIVES)
def test_no_noise_is_composition(head, name):
    expected = PRIMITIVES[name].expr(z, *_parameters(name)) ** 3
    assert head(name, 3, z, 0, *_parameters(name)) == expected
    assert head(name, 3, z, S, *_parameters(name)).subs(S, 0) == expected
    assert head(name, 0, z, S, *_parameters(name)) == 1


@pytest.mark.parametrize("name", PRIMITIVES)
def test_continuous_as_the_noise_vanishes(name):
    point = sp.Rational(3, 10)
    g = (PRIMITIVES[name].expr(point, *_parameters(name)) ** 1).evalf(40)
    for exponent in (12, 40, 300):
        value = UniformMean(name, 1, point, sp.Rational(1, 10**exponent), *_parameters(name)).evalf(40)
        assert abs(value - g) < sp.Float(10) ** (-min(2 * exponent, 38) + 1)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_derivatives_of_the_uniform_mean(name):
    """The stated derivative against a central difference of 60-digit values."""
    k = 2 if ANTIDERIVATIVE[name].closes(2) else 1
    arguments = [sp.Rational(2, 5), sp.Rational(3, 4), *_parameters(name)]
    symbols = [z, S, *sp.symbols("a:1", real=True)[: len(arguments) - 2]]
    head = UniformMean(name, k, *symbols)
    step = sp.Rational(1, 10**20)
    for i, symbol in enumerate(symbols):
        shifted = [[a + sign * step * int(i == j) for j, a in enumerate(arguments)] for sign in (1, -1)]
        up, down = (UniformMean(name, k, *row).evalf(60) for row in shifted)
        stated = head.diff(symbol).subs(dict(zip(symbols, arguments, strict=True))).evalf(40)
        assert abs((up - down) / (2 * step) - stated) < 1e-18, (name, symbol)


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if GAUSSIAN[n].highest != NOT_CLOSED])
def test_derivatives_of_the_gaussian_mean(name):
    k = 2 if GAUSSIAN[name].closes(2) else 1
    arguments = [sp.Rational(2, 5), sp.Rational(3, 4), *_parameters(name)]
    symbols = [z, sp.Symbol("s", positive=True), *sp.symbols("a:1", real=True)[: len(arguments) - 2]]
    head = GaussianMean(name, k, *symbols)
    step = sp.Rational(1, 10**20)
    for i, symbol in enumerate(symbols):
        shifted = [[a + sign * step * int(i == j) for j, a in enumerate(arguments)] for sign in (1, -1)]
        up, down = (GaussianMean(name, k, *row).evalf(60) for row in shifted)
        stated = head.diff(symbol).subs(dict(zip(symbols, arguments, strict=True))).doit().evalf(40)
        assert abs((up - down) / (2 * step) - stated) < 1e-18, (name, symbol)


def test_open_cells_are_integrals_with_digits(oracle):
    head = GaussianMean("tanh", 1, sp.Rational(3, 10), sp.Rational(1, 2))
    assert head.closed_form() is None and head.doit().has(sp.Integral)
    assert _close(head.evalf(30), oracle.gaussian_mean("tanh", 1, mp.mpf("0.3"), mp.mpf("0.5")), 15)
    assert UniformMean("gelu", 2, z, S).doit().has(sp.Integral)
    assert GaussianMean("tanh", 1, z, S).diff(z).has(sp.Integral)


def test_heads_survive_the_usual_handling():
    w = sp.Symbol("w", real=True)
    head = UniformMean("leaky_relu", 2, w * z, S, SLOPE)
    assert pickle.loads(pickle.dumps(head)) == head
    assert head.free_symbols == {w, z, S}
    assert head.func(*head.args) == head
    assert head.is_real
    assert (head**2 + 1).subs({w: 1, z: -1, S: sp.Rational(1, 2)}).evalf(20) == (
        1 + UniformMean("leaky_relu", 2, -1, sp.Rational(1, 2), SLOPE).evalf(40) ** 2
    ).evalf(20)
    assert head.evalf(20).has(UniformMean)
    assert UniformMean("relu", 1, -3, 2).evalf(30) == 0
    assert head.diff(sp.Symbol("q")) == 0
    assert head.with_argument(z).z == z
    assert UniformMean("relu", 1, z, S).integrand(z) == relu(z)


def test_latex_shows_the_closed_form():
    text = sp.latex(UniformMean("tanh", 1, z, S))
    assert r"\log" in text and r"\cosh" in text and r"\frac{1}{2 S}" in text
    assert r"\Phi" in sp.latex(GaussianMean("relu", 1, z, S)) and r"\varphi" in sp.latex(GaussianMean("relu", 1, z, S))
    assert r"\int" in sp.latex(GaussianMean("tanh", 1, z, S))
    assert sp.latex(UniformMean("exp", 1, z, S) ** 2).endswith("^{2}")
