"""Averages over Laplace noise: cells, heads and whole expressions against quadrature and the equation they solve."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus import LaplaceLaw, LaplaceMean, noise_average
from mzsym.calculus.cells import NOT_CLOSED
from mzsym.calculus.laplace import LAPLACE
from mzsym.core.functions import relu
from mzsym.core.primitives import PRIMITIVES
from mzsym.derive.numeric import evaluate_expr

CLOSED = [name for name in PRIMITIVES if LAPLACE[name].highest != NOT_CLOSED]
SLOPE = sp.Rational(1, 7)
x, y, xi = sp.symbols("x y xi", real=True)
s = sp.Symbol("s", positive=True)


def _parameters(name):
    return (SLOPE,) * len(PRIMITIVES[name].parameters)


def _quadrature(g, z, scale, reach):
    """E g(z + scale L), the line cut at the kink of the density, at that of g and where the tails end."""
    cuts = sorted({-reach, mp.mpf(0), reach, *(c for c in [-z / scale] if abs(c) < reach)})
    cuts = [mp.mpf(-reach), *(mp.mpf(j) for j in range(-60, 61, 10)), *cuts]
    return mp.quad(lambda t: g(z + scale * t) * mp.exp(-abs(t)) / 2, sorted(set(cuts)))


def test_every_primitive_has_a_cell():
    assert set(LAPLACE) == set(PRIMITIVES)
    assert set(CLOSED) >= {"identity", "relu", "leaky_relu", "abs", "step", "sin", "cos", "exp"}
    for name in set(PRIMITIVES) - set(CLOSED):
        with pytest.raises(NotImplementedError):
            LAPLACE[name].form(1, x, s)


@pytest.mark.parametrize("name", CLOSED)
def test_cells_and_heads_against_quadrature(name, oracle):
    for k in (1, 2, 3, 6):
        for z, scale in ((sp.Rational(-7, 5), sp.Rational(1, 8)), (sp.Rational(3, 10), sp.Integer(2)), (sp.S.Zero, s)):
            scale = sp.Rational(1, 9) if scale is s else scale
            if name == "exp" and k * scale >= 1:
                continue
            with mp.workdps(30):
                parameters = [mp.mpf(p.p) / p.q for p in _parameters(name)]
                z_, s_ = mp.mpf(z.p) / z.q, mp.mpf(scale.p) / scale.q
                reach = 90 / (1 - k * s_) if name == "exp" else mp.mpf(90)
                expected = _quadrature(lambda t, k=k, p=parameters: oracle.G[name](t, *p) ** k, z_, s_, reach)
            form = LAPLACE[name].form(k, z, scale, *_parameters(name))
            head = LaplaceMean(name, k, z, scale, *_parameters(name))
            for value in (form.doit().evalf(30), head.evalf(30), head.doit().evalf(30)):
                with mp.workdps(30):
                    assert abs(mp.mpf(str(value)) - expected) < 1e-18 * max(1, abs(expected)), (name, k, z, scale)


@pytest.mark.parametrize("name", sorted(set(CLOSED) - {"exp"}))
@pytest.mark.parametrize("k", [1, 2, 5])
def test_averages_solve_their_equation(name, k):
    """u - s^2 u'' = g^k away from the kink: the density of the noise is the Green's function. MATH (19)."""
    form = LAPLACE[name].form(k, x, s, *_parameters(name))
    for point in (sp.Rational(-9, 7), sp.Rational(4, 5)):
        values = {x: point, s: sp.Rational(2, 3)}
        left = (form - s**2 * form.diff(x, 2)).subs(values).doit()
        right = PRIMITIVES[name].expr(point, *_parameters(name)) ** k
        assert abs((left - right.doit()).evalf(30)) < 1e-25


@pytest.mark.parametrize("name", CLOSED)
def test_heads_differentiate_as_their_formula(name):
    head = LaplaceMean(name, 2, x, s, *_parameters(name))
    at = {x: sp.Rational(2, 5), s: sp.Rational(1, 5)}
    for variable in (x, s):
        other = LAPLACE[name].form(2, x, s, *_parameters(name)).diff(variable)
        assert abs((head.diff(variable).subs(at).doit() - other.subs(at).doit()).evalf(25)) < 1e-20


def test_expectations_that_diverge_say_so():
    assert LaplaceMean("exp", 2, x, sp.Rational(1, 2)) == sp.oo
    assert LaplaceMean("exp", 2, x, s).doit().subs(s, 1) == sp.oo
    assert LaplaceMean("exp", 2, x, s).doit().subs(s, sp.Rational(1, 3)) == 9 * sp.exp(2 * x) / 5
    sure = noise_average(sp.exp(2 * y), (y,), (x,), (LaplaceLaw(sp.Integer(3)),), (xi,), 5000)
    assert not sure.closed and sure.expr.has(sp.Integral)


def test_a_vanishing_scale_leaves_the_function():
    for name in CLOSED:
        head = LaplaceMean(name, 3, x, sp.S.Zero, *_parameters(name))
        assert head == PRIMITIVES[name].expr(x, *_parameters(name)) ** 3


CASES = [
    (y**4 - y, True),
    (sp.sin(2 * y) ** 2 + sp.cos(y) * sp.sin(3 * y), True),
    (relu(2 * y + 1) ** 2 + sp.Abs(y), True),
    (sp.exp(y) * sp.exp(-3 * y), True),
    (sp.tanh(y), False),
    (y * sp.tanh(y) + y**2, False),
]


@pytest.mark.parametrize(("v", "closed"), CASES, ids=str)
def test_whole_expressions(v, closed):
    scale, centre = 0.25, 0.3
    found = noise_average(v, (y,), (sp.sin(x),), (LaplaceLaw(s),), (xi,), 5000)
    assert found.closed is closed and found.rules
    f = sp.lambdify(y, v.doit(), "mpmath")
    with mp.workdps(25):
        z = mp.sin(mp.mpf(centre))
        expected = mp.quad(
            lambda t: f(z + t) * mp.exp(-abs(t) / scale) / (2 * scale), sorted([-60, -9, -z, -z - 0.5, 0, 9, 60])
        )
    assert abs(evaluate_expr(found.expr, {x: centre, s: scale}, 20) - expected) < 1e-12


@settings(max_examples=30, deadline=None)
@given(
    k=st.integers(1, 6),
    z=st.fractions(-20, 20, max_denominator=9),
    exponent=st.integers(-9, 2),
    name=st.sampled_from(sorted(set(CLOSED) - {"exp", "sin", "cos"})),
)
def test_heads_keep_their_digits_at_any_scale(k, z, exponent, name):
    scale = sp.Rational(7, 3) * sp.Integer(10) ** exponent
    head = LaplaceMean(name, k, sp.Rational(z.numerator, z.denominator), scale, *_parameters(name))
    coarse, fine = head.evalf(20), LAPLACE[name].form(k, *head.args[2:]).doit().evalf(60)
    assert abs(coarse - fine) <= sp.Float(10) ** -18 * abs(fine)
