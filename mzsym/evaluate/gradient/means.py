"""Averages over X_0 as sums at points, so that their derivatives are those of q_0 there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.source import source_of
from mzsym.evaluate.panels.grid import Axis, Grid

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

_MOST_POINTS = 300_000


def rule_of(ev: Evaluator, p0: Any) -> tuple[Array, Array]:
    """Points and weights whose sum of q_0 is ``ev.mean(p0)`` to the tolerance; neither depends on a parameter.

    Returns
    -------
    X : array of shape (points, N_0)
    weights : array of shape (points,)

    Raises
    ------
    MzError
        As ``ev.mean``, and where no rule with 300,000 points meets the mean.
    """
    source = source_of(ev.network, p0)
    if source.samples is not None:
        return source.samples, np.full(len(source.samples), 1.0 / len(source.samples))
    wanted = np.atleast_1d(ev.mean(p0))
    allowed = max(ev.options.tolerance, 1e-13 * float(np.abs(wanted).max()))
    assert source.density is not None
    ends = [np.array(breaks) for breaks in source.breaks]
    if len(ends) == 1:
        # Panels end where q_0 is not smooth as well.
        inside = [at for at in ev.solution.breaks if ends[0][0] < at < ends[0][-1]]
        ends = [np.unique([*ends[0], *inside])]
    order = 10
    while True:
        grid = Grid(tuple(Axis(one, order) for one in ends))
        if grid.points > _MOST_POINTS:
            raise MzError(
                "The average over X_0 has no rule of reasonable size that meets it",
                "scalar of value_and_grad, mean(p0)",
                "Use expectation(X) at points of your own",
            )
        weights = grid.weights * source.density(grid.nodes)
        values = ev.expectation(grid.nodes).reshape(grid.points, -1)
        if np.abs(weights @ values - wanted).max() <= allowed:
            return grid.nodes, weights
        order += order // 2
