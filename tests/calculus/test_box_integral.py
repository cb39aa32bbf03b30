"""Integrals over boxes against mpmath, in one and two dimensions."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from mzsym.calculus import box_integral
from mzsym.core.functions import elu, hardtanh, leaky_relu, relu, sigmoid, silu

x, z, t = sp.symbols("x z t", real=True)
w, b, c = sp.symbols("w b c", real=True)
lo, hi, low, high = sp.symbols("lo hi low high", real=True)
VALUES = {w: -1.3, b: 0.3, c: 0.6, lo: -0.7, hi: 1.9, low: -2.0, high: 0.5}
ONE = ((x, lo, hi),)
TWO = ((x, lo, hi), (z, low, high))
RIDGE = w * x + c * z + b


def _legendre(k, symbol, a, e):
    return sp.sqrt((2 * k + 1) / (e - a)) * sp.legendre_poly(k, t).subs(t, (2 * symbol - a - e) / (e - a))


LINE = [
    (x**3 - w * x + 2, 0),
    (sp.tanh(w * x + b) ** 3, 0),
    (sp.S.One * w, 0),
    (_legendre(3, x, lo, hi) * sp.tanh(w * x), 1),
    (_legendre(3, x, lo, hi) * sp.sin(w * x + b), 0),
    (_legendre(2, x, lo, hi) * sp.cos(w * x + b) ** 2, 0),
    (x**2 * sp.sin(w * x) * sp.cos(c * x), 0),
    (_legendre(4, x, lo, hi) * sp.exp(w * x + b), 0),
    (x**3 * relu(w * x + b) ** 2, 0),
    (x**2 * leaky_relu(w * x + b, sp.Rational(1, 100)) ** 3, 0),
    (x * sp.Abs(w * x + b), 0),
    (x * sp.Max(0, w * x + b), 0),
    (sigmoid(w * x + b) * x, 1),
    (sigmoid(w * x) * x, 1),
    (sigmoid(2 * x) * x, 0),
    (x**2 * sp.Heaviside(w * x + b), 0),
    (x**3 * elu(w * x + b) ** 2, 0),
    (x**2 * hardtanh(2 * x) ** 3, 0),
    (silu(w * x + b), 0),
    (sp.exp(-(x**2)), 1),
]
PLANE = [
    (x**2 * z + z**3, 0),
    (sp.tanh(w * x) * z**2, 0),
    (sp.tanh(w * x) * sp.sin(z) ** 2, 0),
    (sp.tanh(RIDGE), 1),
    (sp.tanh(RIDGE) * x**2, 1),
    (sp.tanh(RIDGE) * x * z, 2),
    (sp.exp(RIDGE) * x, 0),
    (sp.cos(RIDGE), 0),
    (sp.tanh(w * x) * x * sp.exp(z), 1),
]


def _brute(oracle, f, box):
    function = sp.lambdify([row[0] for row in box], f.doit().subs(VALUES), ["numpy", "scipy"])
    ends = [[float(sp.sympify(e).subs(VALUES)) for e in row[1:]] for row in box]
    halves, centers = [(b - a) / 2 for a, b in ends], [(a + b) / 2 for a, b in ends]
    volume = math.prod(2 * h for h in halves)
    kinks = (-VALUES[b] / VALUES[w], -0.5, 0.5)
    return volume * oracle.expectation(function, centers, [("uniform", h) for h in halves], kinks=kinks)


@pytest.mark.parametrize(("f", "dimension"), LINE, ids=lambda e: str(e)[:40])
def test_on_an_interval(oracle, f, dimension):
    result = box_integral(f, ONE, 5000)
    assert (result.dimension, result.closed) == (dimension, dimension == 0), result
    assert abs(oracle.number(result.expr, VALUES) - _brute(oracle, f, ONE)) < 1e-12


@pytest.mark.parametrize(("f", "dimension"), PLANE, ids=lambda e: str(e)[:40])
def test_on_a_rectangle(oracle, f, dimension):
    result = box_integral(f, TWO, 5000)
    assert (result.dimension, result.closed) == (dimension, dimension == 0), result
    assert abs(oracle.number(result.expr, VALUES) - _brute(oracle, f, TWO)) < 1e-12


def test_orthonormality_comes_out_as_numbers():
    for j in range(5):
        for k in range(5):
            product = _legendre(j, x, lo, hi) * _legendre(k, x, lo, hi)
            assert box_integral(product, ONE, 5000).expr == int(j == k), (j, k)


def test_numeric_ends_and_unused_variables():
    assert box_integral(x**2, ((x, 0, 3), (z, -1, 1)), 5000).expr == 18
    assert box_integral(w, TWO, 5000).expr == w * (hi - lo) * (high - low)
    assert box_integral(sp.tanh(x), ((x, -2, 2),), 5000).expr.evalf(20) == 0


def test_a_slope_that_may_vanish_keeps_its_value():
    result = box_integral(x**2 * sp.exp(w * x), ((x, 0, 1),), 5000)
    assert result.closed
    assert abs(result.expr.subs(w, 0) - sp.Rational(1, 3)) < 1e-15
    assert abs(result.expr.subs(w, sp.Rational(1, 2)).evalf(20) - sp.exp(sp.Rational(1, 2)).evalf(20) * 10 + 16) < 1e-15


def test_what_stays_open_is_the_integrand_as_it_was_written():
    f = _legendre(2, x, lo, hi) * sp.tanh(w * x)
    assert box_integral(f, ONE, 5000).expr == sp.Integral(f, (x, lo, hi))
