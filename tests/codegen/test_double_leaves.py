"""Exponentials of unrounded arguments at the ends of what a double holds."""

from __future__ import annotations

import math

import mpmath as mp
from hypothesis import example, given
from hypothesis import strategies as st

from mzsym.codegen.leaves.double import exp_two


@given(st.floats(-800, 900), st.floats(-1, 1))
@example(709.782, 1.0)
@example(709.7827128, 1.0)
@example(709.782712893384, -1.0)
@example(710.0, -1.0)
@example(713.0, 0.0)
@example(-746.0, -1.0)
def test_exp_two(high: float, share: float) -> None:
    low = share * 0.5 * math.ulp(high)
    with mp.workdps(40):
        exact = mp.exp(mp.mpf(high) + mp.mpf(low))
    found = exp_two(high, low)
    if exact > mp.mpf("1.7976931348623e308"):
        assert found > 1.79e308
    else:
        assert abs(mp.mpf(found) - exact) <= 4e-16 * exact + mp.mpf(2) ** -1074
