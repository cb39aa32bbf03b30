"""The parts of the adjoint on panels, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.evaluate.gradient.panels.arrivals import heights
from mzsym.evaluate.noise_numbers import NumericLaw, numeric_law, point_mass
from mzsym.evaluate.panels.grid import Axis, Grid

t = sp.Symbol("t", real=True)
GRID = Grid((Axis(np.array([-1.0, -0.3, 0.9]), 5), Axis(np.array([0.0, 0.4, 1.0, 2.0]), 4)))


def law(density: sp.Expr, support: tuple[float, float]) -> NumericLaw:
    return numeric_law(mz.Noise(density, support=support).law(sp.S.Zero), {})


def test_series_are_differentiated_panel_by_panel() -> None:
    x, y = GRID.nodes.T
    values = np.stack([x**4 * y**3 - x, np.where(x < -0.3, 1.0, x) * y], axis=1)
    expected = [
        np.stack([4 * x**3 * y**3 - 1, np.where(x < -0.3, 0.0, 1.0) * y], axis=1),
        np.stack([3 * x**4 * y**2, np.where(x < -0.3, 1.0, x)], axis=1),
    ]
    for i, slopes in enumerate(expected):
        found = GRID.differentiated(GRID.analyse(values), i)
        np.testing.assert_allclose(found, GRID.analyse(slopes), atol=1e-12)


def test_functionals_of_several_columns_are_transposed() -> None:
    rng = np.random.default_rng(0)
    values, bar = rng.normal(size=(GRID.points, 3)), rng.normal(size=(GRID.points, 3))
    assert np.vdot(GRID.analyse(values), bar) == pytest.approx(np.vdot(values, GRID.nodal(bar)), rel=1e-12)


@pytest.mark.parametrize("gain", [1.0, -0.7, 0.0])
def test_averages_of_noise_times_a_function(gain: float) -> None:
    """E[xi f(z + g xi)] for a density whose mean is not 0, against a rule of the density itself."""
    skewed = law(12 * t**2 * (1 - t), (0.0, 1.0))
    axis = Axis(np.array([-2.0, 0.1, 2.0]), 6)
    f = lambda y: y**3 - 2 * y + 1  # noqa: E731
    z = np.array([-0.9, -0.2, 0.15, 0.6])
    coefs = Grid((axis,)).analyse(f(axis.nodes)[:, None])[:, 0]
    nodes, weights = skewed.rule(20)
    expected = [weights @ (nodes * f(one + gain * nodes)) for one in z]
    found = axis.rows(z, np.full(4, gain), skewed.weighted) @ coefs
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_a_point_mass_has_no_density_to_weight() -> None:
    with pytest.raises(mz.MzError, match="no density"):
        _ = point_mass().weighted


def test_heights_of_jumps() -> None:
    axis = Axis(np.array([-1.0, -0.25, 0.5, 1.0]), 5)
    y = axis.nodes
    grid, values = Grid((axis,)), np.stack([np.where(y < -0.25, y, y**2), np.where(y < 0.5, 0.0, 3 * y)], axis=1)
    found = heights(grid, grid.analyse(values), np.array([-0.25, 0.5]))
    np.testing.assert_allclose(found, [[0.0625 + 0.25, 0.0], [0.0, 1.5]], atol=1e-13)
