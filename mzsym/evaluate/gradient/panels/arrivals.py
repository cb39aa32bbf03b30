"""Functions that jump at ends of panels: how high, and with what density the next state arrives there."""

from __future__ import annotations

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.panels.grid import Grid
from mzsym.evaluate.panels.transition import Transition


def heights(grid: Grid, coefs: Array, places: Array) -> Array:
    """v(y+) - v(y-) of series at ends of panels, shape (places, columns)."""
    (axis,) = grid.axes
    cube = coefs.reshape(-1, axis.order, coefs.shape[1])
    values = np.sqrt(2.0 * np.arange(axis.order) + 1.0)
    signs = (-1.0) ** np.arange(axis.order)
    right = np.array([int(np.argmin(np.abs(axis.ends[1:-1] - at))) + 1 for at in places], dtype=np.int64)
    above = np.einsum("j,pjc->pc", values * signs, cube[right])
    return np.asarray(above - np.einsum("j,pjc->pc", values, cube[right - 1]))


def arrivals(transition: Transition, X: Array, places: Array) -> tuple[Array, Array]:
    """Density of the next state at places, and the noise that leads there, both of shape (points, places).

    Raises
    ------
    MzError
        For random weights that are averaged by a rule.
    """
    if transition.random or transition.mixed:
        raise MzError(
            f"Functions jump on the state after layer {transition.n}, whose random weights or mixed noise are averaged "
            "by a rule",
            f"value_and_grad(scalar), layer {transition.n}",
            "Use functions without jumps, such as hardtanh in place of step, or noise that is added",
        )
    z = transition.states(X)
    gain = np.ones_like(z) if transition.gain is None else transition.gain(X)
    # Without noise at a point nothing arrives but at one place.
    there = gain != 0.0
    xi = np.divide(places - z, gain, out=np.zeros((len(X), len(places))), where=there)
    density = np.divide(transition.laws[0].density(xi), np.abs(gain), out=np.zeros_like(xi), where=there)
    return density, xi
