"""Exact conversion to balls and directed rounding back."""

from __future__ import annotations

import math
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import density_norm_squared, lower, precision, to_arb, upper
from mzsym.core import MzError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_a_float_is_the_dyadic_rational_it_is(value: float) -> None:
    ball = to_arb(value)
    assert ball.is_exact()
    assert lower(ball) == upper(ball) == value


@settings(max_examples=200)
@given(st.fractions())
def test_rounding_is_outward_and_tightest(value: Fraction) -> None:
    with precision(200):
        ball = to_arb(value)
        lo, hi = lower(ball), upper(ball)
    assert Fraction(lo) <= value <= Fraction(hi)
    # No double fits between an end and the value.
    assert Fraction(math.nextafter(lo, math.inf)) > value or lo == hi
    assert Fraction(math.nextafter(hi, -math.inf)) < value or lo == hi


def test_rounding_at_the_ends_of_the_range_of_doubles() -> None:
    huge, tiny = flint.arb(2) ** 2000, flint.arb(2) ** -2000
    assert (lower(huge), upper(huge)) == (np.finfo(float).max, math.inf)
    assert (lower(-huge), upper(-huge)) == (-math.inf, -np.finfo(float).max)
    assert (lower(tiny), upper(tiny)) == (0.0, 5e-324)
    assert (lower(-tiny), upper(-tiny)) == (-5e-324, 0.0)
    just_over = flint.arb(2) ** 1024 - 1
    with precision(2000):
        just_over = flint.arb(2) ** 1024 - 1
        assert (lower(just_over), upper(just_over)) == (np.finfo(float).max, math.inf)


def test_an_undefined_ball_bounds_nothing() -> None:
    assert (lower(flint.arb.nan()), upper(flint.arb.nan())) == (-math.inf, math.inf)
    assert (lower(flint.arb(0, flint.arb.pos_inf())), upper(flint.arb(0, flint.arb.pos_inf()))) == (-math.inf, math.inf)


def test_rationals_and_pairs() -> None:
    third = to_arb(sp.Rational(1, 3))
    assert third.contains(flint.fmpq(1, 3)) and not third.is_exact()
    assert to_arb((0, 1)).contains(flint.arb(0)) and to_arb((0, 1)).contains(flint.arb(1))


@pytest.mark.parametrize("bad", ["1", 1j, None, True, sp.Symbol("x"), sp.pi])
def test_what_is_no_exact_number_is_refused(bad: object) -> None:
    with pytest.raises(MzError):
        to_arb(bad)


def test_precision_is_restored_even_after_an_error() -> None:
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), precision(333):
        assert flint.ctx.prec == 333
        raise ZeroDivisionError
    assert flint.ctx.prec == before
    density_norm_squared("gaussian", 0.1, prec=77)
    assert flint.ctx.prec == before
