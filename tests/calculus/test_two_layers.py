"""Two layers with uniform noise in one dimension: M_n M_(n+1) eta closes at every degree where it must."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from mzsym.calculus import UniformLaw, noise_average
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

y, x, t, xi = sp.symbols("y x t xi", real=True)
w, b, v, c = sp.symbols("w b v c", real=True)
lo, hi = sp.symbols("lo hi", real=True)
s0, s1 = sp.symbols("s0 s1", positive=True)
VALUES = {w: 0.8, b: 0.15, v: 1.3, c: -0.2, lo: -1.75, hi: 1.5, s0: 0.5, s1: 0.4, x: 0.35}
u = w * y + b

ANY_DEGREE = {
    "identity": u,
    "tanh": sp.tanh(u),
    "sigmoid": sigmoid(u),
    "relu": relu(u),
    "leaky_relu": leaky_relu(u, sp.Rational(1, 100)),
    "abs": sp.Abs(u),
    "sin": sp.sin(u),
    "cos": sp.cos(u),
    "exp": sp.exp(u),
    "elu": elu(u),
    "hardtanh": hardtanh(2 * u),
    "step": sp.Heaviside(u),
    "cubic": u - u**3 / 3,
    "user sigmoid": 1 / (1 + sp.exp(-u)),
    "user relu": sp.Max(0, u),
    "tanh polynomial": sp.tanh(u) - sp.tanh(u) ** 3 / 3,
}
FIRST_DEGREE = {
    "softplus": softplus(u),
    "gelu": gelu(u),
    "silu": silu(u),
    "erf": sp.erf(u),
    "arctan": sp.atan(u),
    "residual": y + sp.tanh(u) / 4,
    "user softplus": sp.log(1 + sp.exp(u)),
    "user gelu": u * (1 + sp.erf(u / sp.sqrt(2))) / 2,
}


def _legendre(k):
    return sp.sqrt((2 * k + 1) / (hi - lo)) * sp.legendre_poly(k, t).subs(t, (2 * t - lo - hi) / (hi - lo))


def _two_layers(first, second, k):
    inner = noise_average(_legendre(k), (t,), (second,), (UniformLaw(s1),), (xi,), 5000)
    outer = noise_average(inner.expr, (y,), (first,), (UniformLaw(s0),), (xi,), 5000)
    return inner, outer


def _brute(oracle, second, k):
    """Product Gauss rule, cut at the kink of the second map."""
    f = sp.lambdify((y, t), _legendre(k).subs(VALUES).subs(t, second.doit().subs(VALUES) + t), ["numpy", "scipy"])
    center = math.tanh(VALUES[v] * VALUES[x] + VALUES[c])
    laws = [("uniform", VALUES[s0]), ("uniform", VALUES[s1])]
    return oracle.expectation(
        f, [center, 0.0], laws, kinks=[(level - VALUES[b]) / VALUES[w] for level in (-0.5, 0, 0.5)]
    )


@pytest.mark.parametrize("name", ANY_DEGREE)
def test_closed_at_every_degree(name, oracle):
    for k in range(1, 7):
        inner, outer = _two_layers(sp.tanh(v * x + c), ANY_DEGREE[name], k)
        assert inner.closed and outer.closed and outer.dimension == 0, (k, outer)
        assert any("MATH (1" in rule for rule in outer.rules)
        if k in (2, 5):
            value = float(outer.expr.subs(VALUES).evalf(20))
            expected = _brute(oracle, ANY_DEGREE[name], k)
            assert abs(value - expected) < 1e-12 * (1 + abs(expected)), k


@pytest.mark.parametrize("name", FIRST_DEGREE)
def test_closed_at_the_first_degree(name, oracle):
    inner, outer = _two_layers(sp.tanh(v * x + c), FIRST_DEGREE[name], 1)
    assert inner.closed and outer.closed
    value = float(outer.expr.subs(VALUES).evalf(20))
    assert abs(value - _brute(oracle, FIRST_DEGREE[name], 1)) < 1e-12


@pytest.mark.parametrize("name", FIRST_DEGREE)
def test_open_but_exact_above_the_first_degree(name, oracle):
    inner, outer = _two_layers(sp.tanh(v * x + c), FIRST_DEGREE[name], 3)
    assert inner.closed and not outer.closed and outer.dimension == 1
    assert abs(oracle.number(outer.expr, VALUES) - _brute(oracle, FIRST_DEGREE[name], 3)) < 1e-12
