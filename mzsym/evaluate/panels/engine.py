"""The panel engine: two passes on different grids, refined until they agree on every table."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from mzsym.core import Options
from mzsym.core.arrays import Array
from mzsym.evaluate.panels.lower import PanelProblem
from mzsym.evaluate.panels.refine import Wish
from mzsym.evaluate.panels.sweep import Pass, run_pass
from mzsym.evaluate.quadrature.engine import Solution, table_differences

_ROUNDS = 3
_ORDERS = 12, 16
_COUNTS = 24, 36
"""Nodes a panel, and nodes for random weights, of the two passes."""

_NODES = 16
"""Panels may have this many times ``max_nodes`` nodes in one dimension, where they must end at many places."""


def solve_panels(problem: PanelProblem, options: Options) -> Solution:
    """All tables to ``options.tolerance``, or as far as the limits allow.

    Parameters
    ----------
    problem : PanelProblem
    options : Options
        ``tolerance`` is absolute, for every table entry.

    Returns
    -------
    Solution
    """
    factor = 1.0
    best: tuple[Pass, dict[str, float], Pass, float] | None = None
    for _ in range(_ROUNDS):
        coarse, fine = (run_pass(problem, wish, count) for wish, count in wishes(problem.depth, options, factor))
        reached = _differences(problem, coarse, fine)
        worst = max(reached.values())
        gained = best is None or worst < 0.5 * max(best[1].values())
        if best is None or worst < max(best[1].values()):
            best = fine, reached, coarse, factor
        if worst <= options.tolerance or coarse.limits or not gained:
            break
        factor *= max(1e-3, 0.2 * options.tolerance / worst)
    assert best is not None
    kept, reached, other, factor = best
    X = _compared(kept)
    pulled = np.abs(kept.pulled_back(X) - other.pulled_back(X)).max(initial=0.0)
    limits = kept.limits if max(reached.values()) > options.tolerance else ()
    if max(reached.values()) > options.tolerance and not limits:
        limits = ("rounding, or the rule for random weights: finer grids change the tables no less",)
    return Solution(
        kept.tables,
        kept.expectation,
        MappingProxyType(reached),
        tuple(level.grid.sizes for level in kept.levels),
        limits,
        pulled_back=kept.pulled_back,
        pulled_error=float(pulled),
        breaks=tuple(b.at for b in problem.breaks[0]),
        carried=kept.carried,
        first=kept.first,
        right=kept.right,
        panels=lambda compared: run_pass(problem, *wishes(problem.depth, options, factor)[0]) if compared else kept,
    )


def wishes(depth: int, options: Options, factor: float = 1.0) -> tuple[tuple[Wish, int], tuple[Wish, int]]:
    """What the two passes ask of their grids, and nodes for random weights; ``factor`` sharpens the tolerance."""
    # Errors of different layers hardly align, and the comparison of the passes has the last word.
    allowed, most = factor * options.tolerance / (10.0 * math.sqrt(depth + 1)), _NODES * options.max_nodes
    coarse = Wish(allowed, _ORDERS[0], 0, most), _COUNTS[0]
    return coarse, (Wish(allowed, _ORDERS[1], 3, 2 * most), _COUNTS[1])


def _differences(problem: PanelProblem, coarse: Pass, fine: Pass) -> dict[str, float]:
    X = _compared(coarse)
    return table_differences(fine.tables, coarse.tables, fine.expectation(X), coarse.expectation(X))


def _compared(found: Pass) -> Array:
    """Points of X_0 at which two passes are compared."""
    X = found.levels[0].grid.nodes
    return X[np.random.default_rng(0).integers(0, len(X), 256)]
