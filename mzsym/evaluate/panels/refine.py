"""Refinement along a line: panels halved until the series of every function on them have decayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.panels.breaks import Break
from mzsym.evaluate.panels.grid import Axis, Grid

_ROUNDING = 2e-14
"""Relative size of a tail that more nodes cannot lower."""

_LAST = 2
_DEEPEST = 40


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


def refined(
    n: int, side: tuple[float, float], breaks: Sequence[Break], values: Callable[[Array], Array], wish: Wish
) -> Chosen:
    """One dimension: panels between the breaks, halved one by one."""
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
            excess = excess_of(Grid((axis,)), block, wish.allowed, 0).max()
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


def excess_of(grid: Grid, values: Array, allowed: float, axis: int) -> Array:
    """Tails over what is allowed, panel by panel along an axis; worst function."""
    size = np.abs(values).max(axis=0, initial=0.0)
    scaled = values / np.maximum(1.0, size)
    level = max(allowed, _ROUNDING)
    return grid.tails(grid.analyse(scaled), axis, _LAST) / level
