"""The law of the state in cells: masses, and bounds of its density from both sides; MATH (24p), (24w).

Z = F(X) has masses in the cells of a grid; Y = Z + xi has a density that ``spread`` bounds on the cells of the next
state. Masses are sums of non-negative numbers, so that relative errors stay relative.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from mzsym.balls.stretches import SCALE, Image, Indices, Stretches, bend
from mzsym.certify.law.spread import SLACK, Spread
from mzsym.certify.law.tail import Tail
from mzsym.core.arrays import Array


@dataclass(frozen=True, eq=False)
class LawBounds:
    """A density between two functions that are linear between edges.

    Attributes
    ----------
    edges : list of int
        Positions.
    low, high : arrays of shape (edges - 1, 2)
        Their values at both ends of each part.
    tail : Tail or None
        What lies outside of the edges.
    """

    edges: list[int]
    low: Array
    high: Array
    tail: Tail | None = None

    @property
    def stray(self) -> float:
        """Mass outside of the edges, at most."""
        return self.tail.mass if self.tail else 0.0

    @classmethod
    def uniform(cls, lo: int, hi: int) -> LawBounds:
        """The uniform law on an interval."""
        value = np.full((1, 2), (1 << SCALE) / (hi - lo))
        return cls([lo, hi], value * (1.0 - SLACK), value * (1.0 + SLACK))


@dataclass(frozen=True, eq=False)
class Parts:
    """The stretches of a map cut once more where the bounds of the density bend.

    Attributes
    ----------
    cell : array of int
    theta : array of shape (parts, 2)
        The linear stand-in for the place in the cell.
    x : array of shape (parts, 2)
        Positions on the hull of the law, mapped to [-1, 1].
    length : array of shape (parts,)
    low, high : arrays of shape (parts, 2)
        Bounds of the density at both ends.
    """

    cell: Indices
    theta: Array
    x: Array
    length: Array
    low: Array
    high: Array


def summed(cell: Indices, values: Array, count: int) -> Array:
    """Sums of values by cell."""
    return np.asarray(np.bincount(cell, weights=values, minlength=count), dtype=np.float64)


class Cells:
    """Masses of Z = F(X) in the cells of a grid, and the density of Z + xi.

    Parameters
    ----------
    image : Image
    law : LawBounds
        Of X, on the interval of the image.
    spread : Spread
        The noise on the grid.
    """

    def __init__(self, image: Image, law: LawBounds, spread: Spread) -> None:
        self.spread, self.grid = spread, spread.grid
        count = self.grid.cells
        stretches = image.stretches(self.grid.values)
        self.parts, parent = _cut(stretches, law, image)
        lengths_of = self.parts.length
        # Preimages are off by 2**-70 of half the interval at most, two of them on every branch.
        near = (image.hi - image.lo) / (1 << SCALE) * 2.0**-68 * (1 + len(image.curve.branches))
        peak = float(law.high.max()) * near
        least, most = (
            summed(self.parts.cell, lengths_of * (ends[:, 0] + ends[:, 1]) / 2.0, count)
            for ends in (self.parts.low, self.parts.high)
        )
        self.mass_low: Array = np.maximum(least * (1.0 - SLACK) - peak, 0.0)
        self.mass_high: Array = most * (1.0 + SLACK) + peak
        self.bent = np.zeros(count)
        np.maximum.at(self.bent, stretches.cell, stretches.bent)
        dense = _densities(stretches, parent, self.parts, count)
        self.turn = bend(*dense)
        self.steep = _ratio(*dense)
        self.low = spread.density(self.mass_low, self.turn, self.steep, -1.0)
        # Nothing is said of where the rest of X is taken.
        self.stray, self.before = law.stray, law.tail
        self.high = spread.density(self.mass_high, self.turn, self.steep, 1.0) + self.stray * spread.peak * (
            1.0 + SLACK
        )

    @property
    def law(self) -> LawBounds:
        """Of the next state."""
        return LawBounds(self.grid.edges, self.low, self.high, self.spread.tail)

    @property
    def unsure(self) -> Array:
        """Mass between the bounds of the density, by the cell of the next state."""
        return np.asarray((self.high - self.low).sum(axis=1) / 2.0 * self.grid.heights)


def _ratio(least: Array, most: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(least > 0.0, most / least * (1.0 + SLACK), np.inf)


def _densities(stretches: Stretches, parent: Indices, parts: Parts, count: int) -> tuple[Array, Array]:
    """Bounds of the density of Z in every cell, up to a common factor: over the stretches of a run, then the runs."""
    size = len(stretches.cell)
    low, high = np.full(size, np.inf), np.zeros(size)
    np.minimum.at(low, parent, parts.low.min(axis=1))
    np.maximum.at(high, parent, parts.high.max(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(high > 0.0, high / stretches.least, 0.0)
        least = np.where(np.isfinite(stretches.most), low / stretches.most, 0.0)
    # Consecutive stretches in one cell on a monotone branch are one run, which fills the cell or not.
    run = np.cumsum(np.concatenate([[True], (np.diff(stretches.cell) != 0) | (np.diff(stretches.run) != 0)])) - 1
    runs = int(run[-1]) + 1
    lowest, highest, bottom, top = np.full(runs, np.inf), np.zeros(runs), np.ones(runs), np.zeros(runs)
    np.minimum.at(lowest, run, least)
    np.maximum.at(highest, run, most)
    np.minimum.at(bottom, run, stretches.theta.min(axis=1))
    np.maximum.at(top, run, stretches.theta.max(axis=1))
    lowest = np.where((bottom == 0.0) & (top == 1.0), lowest, 0.0)
    cell = np.zeros(runs, dtype=np.intp)
    cell[run] = stretches.cell
    return summed(cell, lowest, count), summed(cell, highest, count)


def _cut(stretches: Stretches, law: LawBounds, image: Image) -> tuple[Parts, Indices]:
    """The parts, and the stretch that each belongs to."""
    edges = law.edges
    middle, half = image.lo + image.hi, image.hi - image.lo
    parent: list[int] = []
    piece: list[int] = []
    ends: list[tuple[float, ...]] = []
    for k, (a, b) in enumerate(zip(stretches.left, stretches.right, strict=True)):
        at, j = a, bisect_right(edges, a) - 1
        while at < b:
            to = min(b, edges[j + 1])
            whole, side = b - a, edges[j + 1] - edges[j]
            parent.append(k)
            piece.append(j)
            ends.append(
                (
                    (at - a) / whole,
                    (to - a) / whole,
                    (2 * at - middle) / half,
                    (2 * to - middle) / half,
                    (to - at) / (1 << SCALE),
                    (at - edges[j]) / side,
                    (edges[j + 1] - at) / side,
                    (to - edges[j]) / side,
                    (edges[j + 1] - to) / side,
                )
            )
            at, j = to, j + 1
    table, owner, where = np.array(ends), np.array(parent, dtype=np.intp), np.array(piece, dtype=np.intp)
    theta = stretches.theta[owner]
    along = theta[:, :1] + (theta[:, 1:] - theta[:, :1]) * table[:, :2]

    def at_ends(bounds: Array) -> Array:
        first, last = bounds[where, 0], bounds[where, 1]
        weights = table[:, 5:]
        return np.stack([weights[:, 1] * first + weights[:, 0] * last, weights[:, 3] * first + weights[:, 2] * last], 1)

    parts = Parts(stretches.cell[owner], along, table[:, 2:4], table[:, 4], at_ends(law.low), at_ends(law.high))
    return parts, owner
