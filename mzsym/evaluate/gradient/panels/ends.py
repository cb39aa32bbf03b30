"""Measures on boxes whose ends move: what inner products change by where functions stay in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, upper_symbol
from mzsym.evaluate.gradient.boxes import BoxGradient
from mzsym.evaluate.gradient.domains import Domains
from mzsym.evaluate.gradient.images import Image, with_randomness
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.noise_numbers import point_mass
from mzsym.evaluate.panels.grid import Grid, rows_of
from mzsym.evaluate.panels.sweep import Pass
from mzsym.evaluate.quadrature.grid import Interval
from mzsym.projections.polynomials import TotalDegree

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank


@final
class PanelDomains(Domains):
    """Those of a pass.

    Raises
    ------
    MzError
        For a basis that moves with the boxes.
    """

    def __init__(self, net: Network, projection: FiniteRank, found: Pass) -> None:
        if not isinstance(projection, TotalDegree) and _moves(projection, net.dims[0]):
            raise MzError(
                f"The functions of {projection.describe()} are stated in coordinates of the domains, which move",
                "value_and_grad(scalar)",
                "State all domains (Network(domains=)); they are then constants",
            )
        self.net = net
        self.sides = tuple(tuple(Interval.of(lo, hi) for lo, hi in side) for side in found.problem.sides)
        self._whole = found.problem.whole

    def image(self, n: int) -> Image:
        image, whole = Image.of_map(self.net, n, self.sides[n]), self._whole[n]
        if self.net.layers[n].plain_noise:
            return image
        return with_randomness(image, whole.random, whole.laws, f"value_and_grad(scalar), layer {n}")

    def before_noise(self, n: int, i: int) -> Interval:
        low, high = self._supports(n)[:, i]
        side = self.sides[n + 1][i]
        return Interval(side.center - 0.5 * (low + high), max(0.0, side.half - 0.5 * (high - low)))

    def add_noise(self, parameters: ParameterGradient, n: int, ends: Array) -> None:
        if self._whole[n].gain is None:
            # The support is the scale times fixed numbers.
            parameters.add_relative_scales(n, (ends * self._supports(n)).sum(axis=0))

    def _supports(self, n: int) -> Array:
        """Ends of the noise that is added, shape (2, N_{n+1}); with a gain it is part of the image."""
        if self._whole[n].gain is not None:
            return np.zeros((2, len(self.sides[n + 1])))
        return np.array([law.support for law in self._whole[n].laws]).T


def _moves(projection: FiniteRank, dim: int) -> bool:
    """Whether the functions depend on the box. (All polynomials up to a degree may: they span the same.)"""
    ends = {symbol(0, i) for symbol in (lower_symbol, upper_symbol) for i in range(dim)}
    exprs = (*projection.basis_exprs(0, dim), *projection.test_exprs(0, dim))
    return any(expr.free_symbols & ends for expr in exprs)


def add_measure(boxes: BoxGradient, projection: FiniteRank, found: Pass, n: int, row: Array) -> None:
    """Add derivatives by the ends of Omega_n, from those by the inner products of layer n."""
    sides = boxes.domains.sides[n]
    ends = np.zeros((2, len(sides)))
    for i, side in enumerate(sides):
        for which, (sign, end) in enumerate(((-1.0, side.center - side.half), (1.0, side.center + side.half))):
            ends[which, i] = sign * _face(found, n, row, i, end)
    if projection.measure == "uniform":
        # The density is one over the volume.
        total = float(np.vdot(row, found.rows[n].products))
        widths = np.array([2.0 * side.half for side in sides])
        ends += np.array([[1.0], [-1.0]]) * total / widths
    boxes.add_ends(n, ends[0], ends[1])


def _face(found: Pass, n: int, row: Array, i: int, end: float) -> float:
    """Integral of sum row_jk psi_j v_k times the density over the face of Omega_n where coordinate i is at an end."""
    grid, functions = found.levels[n].grid, found.problem.functions[n]
    place, weights = _on_face(grid, i, end)
    assert functions.weight is not None
    values = np.tensordot(place, found.levels[n].values.reshape(*grid.sizes, -1), axes=(0, i))
    values = values.reshape(len(weights), -1)
    X = np.delete(grid.nodes.reshape(*grid.sizes, -1), np.s_[1:], axis=i).reshape(len(weights), -1)
    X[:, i] = end
    tests = functions.tests(X) * (weights * functions.weight(X))[:, None]
    return float(np.vdot(tests.T @ values, row))


def _on_face(grid: Grid, i: int, end: float) -> tuple[Array, Array]:
    """A function's value at an end of coordinate i as weights of the nodes along it, and weights of the other nodes."""
    axis = grid.axes[i]
    place = Grid((axis,)).nodal(axis.rows(np.array([end]), None, point_mass())[0])
    others = [other.weights[None, :] for j, other in enumerate(grid.axes) if j != i]
    return place, rows_of(others)[0] if others else np.ones(1)
