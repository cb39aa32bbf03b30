"""Verified integrals of densities: exact values inside, wrong ones outside, and nothing claimed without proof."""

from __future__ import annotations

from fractions import Fraction

import flint
import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import (
    box_integral_enclosure,
    density_norm_squared,
    enclose,
    integral_enclosure,
    intervals_of,
    precision,
)
from mzsym.balls.analytic import value_at

x, y = sp.symbols("x y", real=True)
R = sp.Rational

NORMALISED = [
    (sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi), -sp.oo, sp.oo),
    (1 / (sp.pi * (1 + x**2)), -sp.oo, sp.oo),
    (2 * sp.exp(-x) / (1 + sp.exp(-x)) ** 2, 0, sp.oo),
    (1 / (2 * sp.cosh(sp.pi * x / 2)), -sp.oo, sp.oo),
    (2 * sp.sqrt(1 - x**2) / sp.pi, -1, 1),
    (x**2 * sp.exp(-x) / 2, 0, sp.oo),
    (sp.exp(-(x**2) / 2) * (1 + sp.erf(x)) / sp.sqrt(2 * sp.pi), -sp.oo, sp.oo),
    (1000 * sp.exp(-1000 * x), 0, sp.oo),
    (sp.exp(x / 3) / 3, -sp.oo, 0),
    (sp.sqrt(2) / (sp.pi * (1 + x**4)), -sp.oo, sp.oo),
    (sp.Max(0, 1 - sp.Abs(x)), -2, 2),
    (sp.Piecewise((R(3, 4), x < 0), (R(1, 4), True)), -1, 1),
    (sp.Piecewise((R(1, 2), sp.And(x > -2, x < -1)), (R(1, 2), sp.Or(x > 1, x < -3)), (0, True)), -2, 2),
]


@pytest.mark.parametrize(("density", "lo", "hi"), NORMALISED, ids=str)
def test_densities_integrate_to_one_and_multiples_do_not(density, lo, hi):
    mass = integral_enclosure(density, x, lo, hi)
    assert mass.contains(1) and mass.rad() < 1e-4
    other = integral_enclosure(density * R(1001, 1000), x, lo, hi)
    if mass.rad() < 1e-9:
        assert not other.contains(1) and other > 1


UNDECIDED = [
    (1 / (1 + x), 0, sp.oo),
    (1 / (x * sp.log(x) ** 2), 2, sp.oo),
    (1 / (2 * sp.sqrt(x)), 0, 1),
    (sp.exp(-x) * sp.sin(x) ** 2, 0, sp.oo),
    (sp.gamma(x), 1, 2),
]


@pytest.mark.parametrize(("density", "lo", "hi"), UNDECIDED, ids=str)
def test_what_is_not_proved_is_not_claimed(density, lo, hi):
    assert not integral_enclosure(density, x, lo, hi).is_finite()


@settings(max_examples=30, deadline=None)
@given(
    weight=st.fractions(0, 1, max_denominator=9),
    rate=st.fractions(Fraction(1, 5), 5, max_denominator=9),
    power=st.integers(0, 4),
    cut=st.fractions(0, 3, max_denominator=5),
)
def test_gamma_mixtures_from_a_point_on(weight, rate, power, cut):
    """Against the incomplete gamma function, which the enclosure does not know."""
    w, b, c = (R(q.numerator, q.denominator) for q in (weight, rate, cut))
    density = w * b ** (power + 1) * x**power * sp.exp(-b * x) / sp.factorial(power) + (1 - w) * sp.exp(-x)
    found = integral_enclosure(density, x, c, sp.oo)
    with mp.workdps(40):
        exact = mp.mpf(w.p) / w.q * mp.gammainc(power + 1, mp.mpf((b * c).p) / (b * c).q, regularized=True)
        exact += mp.mpf((1 - w).p) / (1 - w).q * mp.exp(-mp.mpf(c.p) / c.q)
    with precision(120):
        # To the digits that the other program has.
        assert (found - flint.arb(mp.nstr(exact, 35))).abs_lower() < 1e-30
    assert found.rad() < 1e-15


def test_boxes_in_two_and_three_dimensions():
    z = sp.Symbol("z", real=True)
    for density, symbols, exact in [
        ((1 + x * y) / 4, (x, y), 1),
        ((1 + x * y) / 4 + x**2 * y / 7, (x, y), 1),
        ((1 + x * y * z) / 8, (x, y, z), 1),
        (sp.exp(x + y), (x, y), (sp.E - 1 / sp.E) ** 2),
    ]:
        found = box_integral_enclosure(density, symbols, [(-1, 1)] * len(symbols))
        assert found.contains(enclose(sp.sympify(exact), {}).mid()) and found.rad() < 1e-5


def test_cases_in_interval_arithmetic():
    step = sp.Piecewise((x**2, x < 0), (sp.sin(x), x <= 1), (3, True))
    for at, value in ((-2, 4.0), (0, 0.0), (1, 0.8414709848078965), (2, 3.0)):
        assert float(enclose(step, {x: at}).mid()) == pytest.approx(value)
    wide = enclose(step, {x: (-0.5, 0.5)})
    assert wide.contains(0.25) and wide.contains(0.479) and not wide.contains(3)
    assert not enclose(sp.Piecewise((1, x < 0)), {x: (0, 1)}).is_finite()


def test_ranges_do_not_trust_derivatives_across_a_jump():
    """SymPy's derivative of a Piecewise misses the jump: both sides look increasing, the whole is not."""
    saw = sp.Piecewise((x, x < 0), (x - 2, True)) + 0 * x
    with precision():
        (found,) = intervals_of([saw], [(-1, 1)], [x])
    assert found.lo <= -2 and found.hi >= 0


def test_analytic_means_one_branch():
    step = sp.Piecewise((sp.exp(x), x < 0), (x, True))
    across = flint.acb(flint.arb(0, 0.1), flint.arb(0, 0.1))
    assert not value_at(step, {x: across}, True).is_finite()
    assert value_at(step, {x: across}, False).is_finite()
    assert value_at(step, {x: across - 1}, True).is_finite()
    assert not value_at(sp.sqrt(x), {x: across}, True).is_finite()
    assert not value_at(sp.atan(x), {x: flint.acb(0, 2)}, True).is_finite()


@pytest.mark.parametrize("name", ["uniform", "gaussian", "laplace"])
def test_norms_in_the_table_are_integrals_of_the_squared_density(name):
    s = R(3, 7)
    density, end = {
        "uniform": (1 / (2 * s), s),
        "gaussian": (sp.exp(-(x**2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s), sp.oo),
        "laplace": (sp.exp(-x / s) / (2 * s), sp.oo),
    }[name]
    half = integral_enclosure(density**2, x, 0, end)
    assert density_norm_squared(name, Fraction(3, 7)).overlaps(2 * half) and half.rad() < 1e-15
