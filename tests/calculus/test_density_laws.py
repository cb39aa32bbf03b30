"""Laws stated by a density: exact moments, and averages that assume no symmetry."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus import (
    DensityLaw,
    DeterministicLaw,
    GaussianLaw,
    LaplaceLaw,
    TruncatedGaussianLaw,
    UniformLaw,
    noise_average,
)
from mzsym.core.names import NOISE_VARIABLE as T
from mzsym.derive.numeric import evaluate_expr

a = sp.Symbol("a", positive=True)
x, y, xi = sp.symbols("x y xi", real=True)
R = sp.Rational
HALF = {a: R(1, 2)}

STATED = {
    "exponential": DensityLaw.of(a * sp.exp(-a * T), 0, sp.oo),
    "mirrored": DensityLaw.of(a * sp.exp(a * (T - 1)), -sp.oo, 1),
    "tent": DensityLaw.of((a - sp.Abs(T)) / a**2, -a, a, (sp.S.Zero,)),
    "shifted normal": DensityLaw.of(sp.exp(-((T - 1) ** 2) / 2) / sp.sqrt(2 * sp.pi), -sp.oo, sp.oo),
    "half normal": DensityLaw.of(sp.sqrt(2 / sp.pi) * sp.exp(-(T**2) / (2 * a**2)) / a, 0, sp.oo),
    "mixture": DensityLaw.of(
        sp.exp(-((T - 1) ** 2) / 2) / (3 * sp.sqrt(2 * sp.pi))
        + 4 * sp.exp(-2 * (T + 2) ** 2) / (3 * sp.sqrt(2 * sp.pi)),
        -sp.oo,
        sp.oo,
    ),
    "raised cosine": DensityLaw.of((1 + sp.cos(sp.pi * T)) / 2, -1, 1),
    "beta": DensityLaw.of(6 * T * (1 - T), 0, 1),
    "jump": DensityLaw.of(sp.Piecewise((R(3, 4), T < 0), (sp.exp(-T) / 4, True)), -1, sp.oo, (sp.S.Zero,)),
    "clipped": DensityLaw.of(sp.Max(0, 1 - sp.Abs(T)), -2, 2, (sp.S.NegativeOne, sp.S.Zero, sp.S.One)),
    "laplace": DensityLaw.of(sp.exp(-sp.Abs(T) / a) / (2 * a), -sp.oo, sp.oo, (sp.S.Zero,)),
}
OPEN = {
    "skewed": DensityLaw.of(sp.exp(-(T**2) / 2) / sp.sqrt(2 * sp.pi) * (1 + sp.erf(T)), -sp.oo, sp.oo),
    "secant": DensityLaw.of(1 / (2 * sp.cosh(sp.pi * T / 2)), -sp.oo, sp.oo),
    "semicircle": DensityLaw.of(2 * sp.sqrt(1 - T**2) / sp.pi, -1, 1),
}


def moment_by_quadrature(law, k, values=HALF):
    density = sp.lambdify(T, (T**k * law.density(T)).subs(values), "mpmath")
    ends = [sp.sympify(end).subs(values) for end in (law.support[0], *law.breaks, law.support[1])]
    points = [mp.mpf(str(end.evalf(30))) if end.is_finite else mp.inf * int(sp.sign(end)) for end in ends]
    return mp.quad(density, points)


@pytest.mark.parametrize("name", STATED)
def test_moments_close_and_are_integrals_of_the_density(name):
    law = STATED[name]
    with mp.workdps(30):
        for k in range(6):
            moment = law.moment(k)
            assert not moment.has(sp.Integral), moment
            assert abs(mp.mpf(str(moment.subs(HALF).evalf(30))) - moment_by_quadrature(law, k)) < 1e-14


@pytest.mark.parametrize("name", OPEN)
def test_moments_without_a_rule_stay_exact_integrals(name):
    law = OPEN[name]
    assert law.moment(0) == 1
    moment = law.moment(2)
    assert moment.has(sp.Integral) and moment.free_symbols == set()
    with mp.workdps(20):
        assert abs(evaluate_expr(moment, {}, 15) - moment_by_quadrature(law, 2)) < 1e-12


def test_a_moment_whose_convergence_is_not_sure_stays_an_integral():
    rate = sp.Symbol("r", real=True)
    assert DensityLaw.of(rate * sp.exp(-rate * T), 0, sp.oo).moment(1).has(sp.Integral)
    assert DensityLaw.of(1 / (sp.pi * (1 + T**2)), -sp.oo, sp.oo).moment(2).has(sp.Integral)


def test_laws_rename_their_parameters_and_not_their_variable():
    b = sp.Symbol("b", positive=True)
    law = STATED["tent"].renamed({a: b})
    assert law == DensityLaw.of((b - sp.Abs(T)) / b**2, -b, b, (sp.S.Zero,))
    assert law.breaks == (0,) and law.support == (-b, b) and not law.symmetric
    assert LaplaceLaw(a).renamed({a: b}) == LaplaceLaw(b)


def test_laws_say_where_they_break_and_whether_they_are_even():
    even = [UniformLaw(a), GaussianLaw(a), LaplaceLaw(a), TruncatedGaussianLaw(a, sp.Integer(2)), DeterministicLaw()]
    for law in even:
        assert law.symmetric and all(law.moment(k) == 0 for k in (1, 3))
        assert law.breaks == ((0,) if isinstance(law, LaplaceLaw) else ())


def test_waves_are_not_damped_by_noise_that_is_not_even():
    """E sin(z + xi) = sin(z) E cos(xi) needs E sin(xi) = 0."""
    y1, x1 = sp.symbols("y1 x1", real=True)
    v = sp.sin(y + y1)
    laws = (STATED["beta"], UniformLaw(sp.S.One))
    found = noise_average(v, (y, y1), (x, x1), laws, (xi, sp.Symbol("eta", real=True)), 5000)
    with mp.workdps(20):
        value = evaluate_expr(found.expr, {x: 0.3, x1: -0.7}, 15)
        expected = mp.quad(lambda t: 6 * t * (1 - t) * mp.sin(mp.mpf(0.3) - mp.mpf(0.7) + t), [0, 1]) * mp.sin(1)
    assert abs(value - expected) < 1e-12


ALL = {
    **STATED,
    "uniform": UniformLaw(a),
    "normal": GaussianLaw(a),
    "truncated": TruncatedGaussianLaw(a, sp.Integer(2)),
    "two-sided": LaplaceLaw(a),
}
numbers = st.fractions(min_value=-3, max_value=3, max_denominator=7).map(lambda q: R(q.numerator, q.denominator))


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(ALL)), c=st.lists(numbers, min_size=2, max_size=6), centre=numbers, gain=numbers)
def test_polynomials_average_to_the_quadrature_of_the_density(name, c, centre, gain):
    """E p(x + g xi) through noise_average, with a gain and for every law, against the density itself."""
    law = ALL[name]
    p = sum(ck * y**k for k, ck in enumerate(c))
    found = noise_average(p, (y,), (x,), (law,), (xi,), 5000, gain=(sp.sympify(gain),))
    assert found.closed
    with mp.workdps(25):
        moments = [moment_by_quadrature(law, k) for k in range(len(c))]
        z, g = mp.mpf(centre.p) / centre.q, mp.mpf(gain.p) / gain.q
        expected = mp.fsum(
            mp.mpf(ck.p) / ck.q * mp.binomial(k, j) * z ** (k - j) * g**j * moments[j]
            for k, ck in enumerate(c)
            for j in range(k + 1)
        )
    value = mp.mpf(str(found.expr.subs({x: centre, **HALF}).evalf(25)))
    assert abs(value - expected) < 1e-10 * (1 + abs(expected))


def test_the_damping_rule_asks_for_an_even_law():
    class Lopsided(UniformLaw):
        symmetric = False

    y1, x1, eta = sp.symbols("y1 x1 eta", real=True)
    for law, damped in ((UniformLaw(a), True), (Lopsided(a), False)):
        found = noise_average(sp.sin(y + y1), (y, y1), (x, x1), (law, law), (xi, eta), 5000)
        assert any("damped" in rule for rule in found.rules) is damped
