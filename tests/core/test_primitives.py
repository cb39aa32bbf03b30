"""The primitive table against routes that do not use it: finite differences, sampling, mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from mzsym.core import MzError
from mzsym.core.primitives import PRIMITIVES, Primitive, primitive

Z = sp.Symbol("z", real=True)
ROWS = list(PRIMITIVES.values())
SLOPE = 0.3
MPMATH = {
    "identity": lambda z: z,
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else SLOPE * z,
    "gelu": lambda z: z * mpmath.ncdf(z),
    "erf": mpmath.erf,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "arctan": mpmath.atan,
    "exp": mpmath.exp,
    "abs": abs,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "hardtanh": lambda z: min(max(z, mpmath.mpf(-1)), mpmath.mpf(1)),
    "step": lambda z: (1 + mpmath.sign(z)) / 2,
}


def arguments(row: Primitive) -> tuple[float, ...]:
    return (SLOPE,) * len(row.parameters)


def test_every_activation_of_the_contract_has_a_row() -> None:
    assert set(PRIMITIVES) == set(MPMATH)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(z=st.floats(-30, 30))
def test_expression_and_array_form_agree_with_mpmath(row: Primitive, z: float) -> None:
    with mpmath.workdps(40):
        truth = MPMATH[row.name](mpmath.mpf(z))
        symbolic = mpmath.mpf(str(sp.sympify(row.expr(sp.Rational(z), *map(sp.Rational, arguments(row)))).evalf(35)))
        assert abs(symbolic - truth) <= mpmath.mpf(10) ** -30 * (1 + abs(truth))
        assert abs(float(row.numpy(np.float64(z), *arguments(row))) - truth) <= 1e-14 * abs(truth) + 1e-15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(z=st.floats(-6, 6))
def test_derivative_matches_central_difference(row: Primitive, z: float) -> None:
    assume(all(abs(z - float(kink)) > 1e-3 for kink in row.kinks))
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -20
        centre = mpmath.mpf(z)
        slope = (MPMATH[row.name](centre + step) - MPMATH[row.name](centre - step)) / (2 * step)
        stated = sp.sympify(row.derivative(Z, *arguments(row))).subs(Z, sp.Rational(z)).evalf(40)
        assert abs(mpmath.mpf(str(stated)) - slope) <= mpmath.mpf(10) ** -15 * (1 + abs(slope))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_image_lipschitz_constant_and_monotony_hold_on_a_fine_grid(row: Primitive) -> None:
    grid = np.linspace(-12, 12, 240_001)
    values = row.numpy(grid, *arguments(row))
    low, high = (float(end) for end in row.image)
    assert values.min() >= low - 1e-15 and values.max() <= high + 1e-15
    slopes = np.abs(np.diff(values)) / np.diff(grid)
    constant = float(row.lipschitz)
    assert slopes.max() <= constant * (1 + 1e-9)
    if np.isfinite(constant):
        assert slopes.max() >= 0.999 * constant  # the smallest constant, not just any
    if row.monotone == "increasing":
        assert np.all(np.diff(values) >= 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_smooth_exactly_away_from_the_kinks(row: Primitive) -> None:
    """Differences of order 1 to 3 on both sides of a point agree where g is smooth, and some pair differs at a kink."""
    step = mpmath.mpf(10) ** -12
    g = MPMATH[row.name]
    with mpmath.workdps(80):
        for j in range(-40, 41):
            centre = mpmath.mpf(j) / 8
            gaps = [abs(g(centre + step) - g(centre - step))]
            for order in (1, 2, 3):
                signs = [(-1) ** (order - i) * mpmath.binomial(order, i) for i in range(order + 1)]
                right = mpmath.fsum(c * g(centre + i * step) for i, c in enumerate(signs)) / step**order
                left = mpmath.fsum(c * g(centre - (order - i) * step) for i, c in enumerate(signs)) / step**order
                gaps.append(abs(right - left))
            assert (max(gaps) > 1e-3) == (centre in [float(kink) for kink in row.kinks]), (centre, gaps)


def test_the_step_at_its_jump_is_that_of_sympy() -> None:
    assert PRIMITIVES["step"].expr(sp.S.Zero) == sp.Heaviside(0) == sp.S.Half
    assert float(PRIMITIVES["step"].numpy(np.float64(0.0))) == 0.5


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_critical_points_of_the_periodic_rows_cover_the_interval(name: str) -> None:
    row = PRIMITIVES[name]
    assert callable(row.critical)
    points = [float(point) for point in row.critical(-7.0, 9.0)]
    assert min(points) < -7 and max(points) > 9
    assert all(abs(float(row.derivative(sp.Float(point, 30)))) < 1e-12 for point in points)
    assert np.allclose(np.diff(points), np.pi)


def test_unknown_activation_lists_the_known_ones() -> None:
    with pytest.raises(MzError, match=r"tanhh.*tanh, sigmoid"):
        primitive("tanhh")
