"""Grids: panels halved, or orders raised, until the series of every function on them have decayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.panels.breaks import Break
from mzsym.evaluate.panels.domains import Sides
from mzsym.evaluate.panels.grid import Axis, Grid

_ROUNDING = 2e-14
"""Relative size of a tail that more nodes cannot lower."""

_LAST = 2
_DEEPEST = 40
_GROWTH = 1.4
_LEAST_ORDER = {2: 12, 3: 8}
_MOST_ORDER = {2: 72, 3: 24}
_WIDE = 8.0
"""Sides longer than this many units of their scale start with several panels in 2-D and 3-D."""


@dataclass(frozen=True)
class Wish:
    """What a pass asks of its grids.

    Attributes
    ----------
    allowed : float
        Size of the last coefficients that is small enough, relative to a function where that exceeds 1.
    order : int
        Nodes a panel in one dimension.
    extra : int
        Nodes added to every panel in two and three dimensions, so that two passes differ.
    most : int
        Nodes along a coordinate in one dimension.
    """

    allowed: float
    order: int
    extra: int
    most: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """A grid, the values of the functions at its nodes, and what stopped the refinement, if anything did."""

    grid: Grid
    values: Array
    limit: str


def choose(
    n: int, sides: Sides, breaks: Sequence[Break], values: Callable[[Array], Array], wish: Wish, most_points: int
) -> Chosen:
    """The grid of layer n for functions of shape (points, N_n) -> (points, columns)."""
    if len(sides) == 1:
        return _line(n, sides[0], breaks, values, wish)
    return _tensor(n, sides, values, wish, most_points)


def _line(
    n: int, side: tuple[float, float], breaks: Sequence[Break], values: Callable[[Array], Array], wish: Wish
) -> Chosen:
    """Panels between the breaks, halved one by one."""
    lo, hi = side
    ends = [lo, *(b.at for b in breaks), hi]
    todo = [(a, b, 0) for a, b in pairwise(ends)]
    done: list[tuple[float, Array]] = []
    limit = ""
    while todo:
        axes = [Axis(np.array([a, b]), wish.order) for a, b, _ in todo]
        found = values(np.concatenate([axis.nodes for axis in axes])[:, None]).reshape(len(todo), wish.order, -1)
        following: list[tuple[float, float, int]] = []
        for (a, b, level), axis, block in zip(todo, axes, found, strict=True):
            excess = _excess(Grid((axis,)), block, wish.allowed, 0).max()
            full = (len(done) + len(todo) + len(following)) * wish.order >= wish.most
            if excess > 1.0 and not full and level < _DEEPEST:
                middle = 0.5 * (a + b)
                following += [(a, middle, level + 1), (middle, b, level + 1)]
                continue
            if excess > 1.0:
                limit = f"layer {n}: tail {excess * wish.allowed:.1e} on a panel of width {b - a:.1e}"
            done.append((a, block))
        todo = following
    done.sort(key=lambda panel: panel[0])
    grid = Grid((Axis(np.array([*(start for start, _ in done), hi]), wish.order),))
    return Chosen(grid, np.concatenate([block for _, block in done]), limit)


def _tensor(n: int, sides: Sides, values: Callable[[Array], Array], wish: Wish, most_points: int) -> Chosen:
    """A few panels a side; the order grows along every coordinate until the last coefficients are small."""
    dim = len(sides)
    panels = [max(1, min(6, int((hi - lo) / _WIDE))) for lo, hi in sides]
    orders = [_LEAST_ORDER[dim]] * dim
    while True:
        grid = _grid(sides, panels, orders)
        found = values(grid.nodes)
        excess = [float(_excess(grid, found, wish.allowed, axis).max()) for axis in range(dim)]
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


def _excess(grid: Grid, values: Array, allowed: float, axis: int) -> Array:
    """Tails over what is allowed, panel by panel along an axis; worst function."""
    size = np.abs(values).max(axis=0, initial=0.0)
    scaled = values / np.maximum(1.0, size)
    level = max(allowed, _ROUNDING)
    return grid.tails(grid.analyse(scaled), axis, _LAST) / level
