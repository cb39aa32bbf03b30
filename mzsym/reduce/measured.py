"""Norms in L^2(mu_0), measured at points: a route of its own beside the coordinates that the engines carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.panels.grid import Axis, Grid
from mzsym.projections.measures import volume_factor

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

_NODES = {1: 128, 2: 32, 3: 14}
_HERMITE = {1: 80, 2: 32, 3: 14}
_SAMPLES = 20_000


@dataclass(frozen=True, eq=False)
class Points:
    """Points of X_0 and what mu_0 gives to each.

    Attributes
    ----------
    X : array of shape (points, N_0)
    weights : array of shape (points,)
    how : str
        In words.
    """

    X: Array
    weights: Array
    how: str

    def norm(self, values: Array) -> Array:
        """In L^2(mu_0), of functions with these values at the points: one number per column."""
        return np.asarray(np.sqrt(np.maximum(0.0, self.weights @ values**2)))


def points_of(net: Network, projection: AbstractProjection, breaks: tuple[float, ...] = ()) -> Points | None:
    """A rule for norms in L^2(mu_0); None for a weight on R^N, for which there is none here.

    Parameters
    ----------
    net : Network
    projection : AbstractProjection
        Its measure is the measure of the norms.
    breaks : tuple of float
        Where functions are not smooth on a one-dimensional X_0.
    """
    dim, measure = net.dims[0], projection.measure
    if measure == "gaussian":
        nodes, weights = np.polynomial.hermite_e.hermegauss(_HERMITE[dim])
        axes = np.meshgrid(*[nodes] * dim, indexing="ij")
        mass = np.prod(np.meshgrid(*[weights / weights.sum()] * dim, indexing="ij"), axis=0)
        X = np.stack([axis.ravel() for axis in axes], axis=1)
        return Points(X, mass.ravel(), f"Gauss-Hermite rule, {len(X)} points")
    if measure == "law" and net.input_law.kind != "uniform":
        X = net.sample_input(_SAMPLES, seed=0)
        return Points(X, np.full(len(X), 1.0 / len(X)), f"{len(X)} samples of X_0")
    box = net.domain
    if box is None or not (measure == "law" or projection.boxed(net)):
        return None
    ends = [[lo, hi] for lo, hi in zip(box.lower.tolist(), box.upper.tolist(), strict=True)]
    if dim == 1:
        ends = [sorted({*ends[0], *(b for b in breaks if ends[0][0] < b < ends[0][1])})]
    grid = Grid(tuple(Axis(np.array(side), _NODES[dim]) for side in ends))
    weights = grid.weights
    if measure in ("uniform", "law"):
        weights = weights / box.volume
    elif measure == "lebesgue":
        weights = weights * (volume_factor("lebesgue", box) / weights.sum())
    else:
        weights = weights * projection.weight(grid.nodes, box)
    return Points(grid.nodes, weights, f"Gauss-Legendre rule, {grid.points} points")
