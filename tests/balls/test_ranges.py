"""Ranges: never smaller than a dense sampling, tight where the true range is known, bounded in work."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import range_of
from mzsym.core.functions import elu, gelu, hardtanh, relu, silu, softplus

x, y, w = sp.symbols("x y w", real=True)


def known() -> list[Any]:
    with mp.workdps(40):
        mp_root = mp.findroot(lambda t: 3 * mp.cos(3 * t) + 1, 0.637)
        wave = float(mp.sin(3 * mp_root) + mp_root)
        peak = float(mp.findroot(lambda t: 4 * t**3 - 6 * t + 1, -1.3))
    return [
        (x * (1 - x), [(0, 1)], (0.0, 0.25)),
        (sp.tanh(2 * x) + x / 2, [(-1, 2)], (np.tanh(-2) - 0.5, np.tanh(4) + 1)),
        (sp.sin(3 * x) + x, [(-1, 1)], (-wave, wave)),
        (x * sp.exp(-(x**2)), [(-3, 3)], (-np.exp(-0.5) / np.sqrt(2), np.exp(-0.5) / np.sqrt(2))),
        (x**4 - 3 * x**2 + x, [(-2, 2)], (peak**4 - 3 * peak**2 + peak, 6.0)),
        (relu(x) - x / 2, [(-1, 1)], (0.0, 0.5)),
        (sp.Abs(x) - x / 2, [(-1, 1)], (0.0, 1.5)),
        (hardtanh(2 * x) - x, [(-2, 2)], (-1.0, 1.0)),
        (elu(x) - x / 2, [(-3, 1)], (np.log(2) / 2 - 0.5, np.expm1(-3) + 1.5)),
        (silu(x) + silu(-x), [(-2, 3)], (0.0, 3 * np.tanh(1.5))),
        (x * sp.log(x), [(0, 2)], (-np.exp(-1), 2 * np.log(2))),
        (sp.sqrt(x) * (1 - x), [(0, 1)], (0.0, 2 / 3**1.5)),
        ((x - y) ** 2 + 10 * (1 - x) ** 2, [(-3, 3), (-3, 3)], (0.0, 196.0)),
        (x * y - x, [(-1, 2), (-1, 3)], (-4.0, 4.0)),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2, [(0, 1)], (1.0, 1.0)),
        (softplus(x) - softplus(-x), [(-5, 3)], (-5.0, 3.0)),
    ]


@pytest.mark.parametrize(("expr", "box", "expected"), known())
def test_known_ranges_are_tight(expr: sp.Expr, box: list[tuple[float, float]], expected: tuple[float, float]) -> None:
    ((lo, hi),) = range_of([expr], box, [x, y][: len(box)])
    # The expected ends are doubles themselves, right to a few units in the last place.
    assert lo <= expected[0] + 4e-16 * abs(expected[0]) and hi >= expected[1] - 4e-16 * abs(expected[1])
    assert lo == pytest.approx(expected[0], abs=1e-12) and hi == pytest.approx(expected[1], abs=1e-12)


@pytest.mark.parametrize(
    ("expr", "box", "expected"),
    [
        # A derivative of one sign proves nothing across a pole or a jump.
        (sp.tanh(1 / x) - x, [(-1, 1)], (-2.0, 2.0)),
        (1 / x + x / 10, [(-1, 1)], (-np.inf, np.inf)),
        (sp.tan(x) + x, [(0, 3)], (-np.inf, np.inf)),
        (x - sp.sign(x), [(-1, 1)], (-1.0, 1.0)),
        (x - sp.Heaviside(x), [(-1, 1)], (-1.0, 0.0)),
        (hardtanh(x) - sp.Heaviside(x + 1) * x, [(-2, 2)], (-1.0, 0.0)),
        (sp.coth(x) - x, [(-1, 1)], (-np.inf, np.inf)),
    ],
)
def test_jumps_and_poles_are_not_taken_for_monotone(expr: sp.Expr, box: Any, expected: tuple[float, float]) -> None:
    ((lo, hi),) = range_of([expr], box, [x])
    assert lo <= expected[0] and hi >= expected[1]
    if np.isfinite(expected[0]):
        # f at the middle of the jump is inside too, which widens the hull by no more than the jump.
        assert lo >= expected[0] - 1.0 and hi <= expected[1] + 1.0


def test_undefined_and_constant() -> None:
    assert range_of([sp.log(x) + x], [(-1, 1)], [x]) == [(-np.inf, np.inf)]
    assert range_of([sp.Integer(3)], [(-1, 1)], [x]) == [(3.0, 3.0)]
    assert range_of([w * x], [(-1, 1)], [x], {w: 2}) == [(-2.0, 2.0)]


@st.composite
def expressions(draw: st.DrawFn) -> sp.Expr:
    """Maps in two variables with repeated use, from the table's functions."""
    coefficient = st.integers(-4, 4).map(lambda k: sp.Rational(k, 2))
    smooth = [sp.tanh, sp.sin, sp.cos, gelu, silu, sp.atan, sp.erf, softplus, lambda z: z**2]
    heads = st.sampled_from([*smooth, relu, sp.Abs, elu, hardtanh])
    total: sp.Expr = draw(coefficient) * x + draw(coefficient) * y
    for _ in range(draw(st.integers(1, 3))):
        inner = draw(coefficient) * x + draw(coefficient) * y + draw(coefficient)
        total += draw(coefficient) * draw(heads)(inner) * (x if draw(st.booleans()) else 1)
    return total


@settings(max_examples=25, deadline=None)
@given(expressions(), st.floats(-2, 2), st.floats(-2, 2), st.floats(0.01, 2))
def test_never_smaller_than_a_sampling_and_close_to_it(expr: sp.Expr, a: float, b: float, width: float) -> None:
    ((lo, hi),) = range_of([expr], [(a, a + width), (b, b + width)], [x, y], max_boxes=150)
    f = sp.lambdify((x, y), expr, ["scipy", "numpy"])
    t = np.linspace(0, 1, 121)
    X, Y = np.meshgrid(a + width * t, b + width * t)
    values = np.broadcast_to(np.asarray(f(X, Y), dtype=float), X.shape)
    rounding = 1e-12 * (1 + np.abs(values).max())
    assert lo <= values.min() + rounding and hi >= values.max() - rounding
    # Between grid points f moves by at most |f'| h; the search itself is far closer than that.
    slack = 0.05 * (values.max() - values.min()) + 60 * width**2 * (1 / 120) + 1e-9
    assert lo >= values.min() - slack and hi <= values.max() + slack


def test_work_is_bounded_and_the_answer_still_encloses() -> None:
    z = sp.Symbol("z", real=True)
    expr = x**2 + y**2 + z**2 - x * y * z + sp.cos(x + y)
    ((lo, hi),) = range_of([expr], [(-1, 1)] * 3, [x, y, z], max_boxes=40)
    # The minimum is degenerate along x = y = 0; the value there is 1.
    assert lo <= 1.0 and lo > -1.0 and 5.0 <= hi < 5.5
