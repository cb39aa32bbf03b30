"""Grids: panels halved, or orders raised, until the series of every function on them have decayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.panels.breaks import Break
from mzsym.evaluate.panels.domains import Sides
from mzsym.evaluate.panels.grid import Axis, Grid
from mzsym.evaluate.panels.refine import Chosen, Wish, excess_of, refined

_GROWTH = 1.4
_LEAST_ORDER = {2: 12, 3: 8}
_MOST_ORDER = {2: 72, 3: 24}
_WIDE = 8.0
"""Sides longer than this many units of their scale start with several panels in 2-D and 3-D."""


def choose(
    n: int, sides: Sides, breaks: Sequence[Break], values: Callable[[Array], Array], wish: Wish, most_points: int
) -> Chosen:
    """The grid of layer n for functions of shape (points, N_n) -> (points, columns)."""
    if len(sides) == 1:
        return refined(n, sides[0], breaks, values, wish)
    return _tensor(n, sides, values, wish, most_points)


def _tensor(n: int, sides: Sides, values: Callable[[Array], Array], wish: Wish, most_points: int) -> Chosen:
    """A few panels a side; the order grows along every coordinate until the last coefficients are small."""
    dim = len(sides)
    panels = [max(1, min(6, int((hi - lo) / _WIDE))) for lo, hi in sides]
    orders = [_LEAST_ORDER[dim]] * dim
    while True:
        grid = _grid(sides, panels, orders)
        found = values(grid.nodes)
        excess = [float(excess_of(grid, found, wish.allowed, axis).max()) for axis in range(dim)]
        wanted = [
            min(_MOST_ORDER[dim], int(_GROWTH * order) + 1) if worst > 1.0 else order
            for order, worst in zip(orders, excess, strict=True)
        ]
        if wanted == orders or _grid(sides, panels, wanted).points > most_points:
            break
        orders = wanted
    limit = ""
    if max(excess) > 1.0:
        limit = f"layer {n}: tail {max(excess) * wish.allowed:.1e} on a grid of {grid.points} points"
    if wish.extra:
        grid = _grid(sides, panels, [order + wish.extra for order in orders])
        found = values(grid.nodes)
    return Chosen(grid, found, limit)


def _grid(sides: Sides, panels: Sequence[int], orders: Sequence[int]) -> Grid:
    pairs = zip(sides, panels, orders, strict=True)
    return Grid(tuple(Axis(np.linspace(lo, hi, count + 1), order) for (lo, hi), count, order in pairs))
