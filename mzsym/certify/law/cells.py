"""The law of the state in cells: masses, and bounds of its density from both sides; MATH (24p).

Let Z = F(X) have the masses p_c in cells [g_c, g_{c+1}] that repeat with the period 2 s, g_{c+J} = g_c + 2 s. Then
Y = Z + xi, xi uniform on [-s, s], has on its cell [g_k - s, g_{k+1} - s] the density

    2 s m(y) = p_{k-J+1} + ... + p_{k-1} + (1 - G(theta)) p_{k-J} + G'(theta) p_k,

with the distribution functions G, G' of Z in two cells, which are theta itself up to what the density of Z and the map
bend them. All quantities are sums of non-negative numbers, so that relative errors stay relative.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from mzsym.balls.stretches import COARSE, SCALE, Image, Indices, Stretches, bend
from mzsym.core.arrays import Array

SLACK = 2.0**-36
"""More than rounding changes a sum of up to 10**5 non-negative terms, relatively."""

LEAST = 1 << (SCALE - 52)
"""No cell is made shorter by half."""


@dataclass(frozen=True, eq=False)
class LawBounds:
    """A density between two functions that are linear between edges.

    Attributes
    ----------
    edges : list of int
        Positions.
    low, high : arrays of shape (edges - 1, 2)
        Their values at both ends of each part.
    """

    edges: list[int]
    low: Array
    high: Array

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


class Grid:
    """Values of the map that repeat with the period 2 s.

    Parameters
    ----------
    residues : list of int
        Positions, ascending, within one period; the first one is below all values of the map.
    period : int
        2 s.
    top : int
        Above all values of the map.
    """

    def __init__(self, residues: list[int], period: int, top: int) -> None:
        self.residues, self.period, self.top = residues, period, top
        self.per_period = len(residues)
        values = list(residues)
        while values[-1] < top:
            values += [value + period for value in values[-self.per_period :]]
        self.cells = next(k for k, value in enumerate(values) if value >= top)
        while len(values) < self.cells + self.per_period + 1:
            values += [value + period for value in values[-self.per_period :]]
        self.values = values[: self.cells + 1]
        following = values[: self.cells + self.per_period + 1]
        self.edges = [value - period // 2 for value in following]
        """Edges of the cells of the next state."""
        self.heights = lengths(following[:-1], following[1:])

    def finer(self, wanted: dict[int, list[int]]) -> Grid:
        """With more residues: cell of the next state -> positions inside it, relative to its lower edge."""
        found = set(self.residues)
        following = [*self.residues[1:], self.residues[0] + self.period]
        for cell, offsets in wanted.items():
            base = self.residues[cell % self.per_period]
            height = following[cell % self.per_period] - base
            found |= {base + ((o >> COARSE) << COARSE) for o in offsets if LEAST < o < height - LEAST}
        return Grid(sorted(found), self.period, self.top)


def lengths(left: list[int], right: list[int]) -> Array:
    """Differences of positions, each rounded once."""
    return np.array([(b - a) / (1 << SCALE) for a, b in zip(left, right, strict=True)])


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
    grid : Grid
    """

    def __init__(self, image: Image, law: LawBounds, grid: Grid) -> None:
        self.grid = grid
        count = grid.cells
        stretches = image.stretches(grid.values)
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
        self._dense = _densities(stretches, parent, self.parts, count)
        self.turn = bend(*self._dense)
        self.steep = _ratio(*self._dense)
        self.low, self.high = self._density(self.mass_low, -1.0), self._density(self.mass_high, 1.0)

    def entering(self, values: Array, fill: float = 0.0) -> Array:
        """By the cell k of the next state, the value of the cell k of Z: where y leaves the reach of z from below."""
        return np.concatenate([values, np.full(self.grid.per_period, fill)])

    def leaving(self, values: Array, fill: float = 0.0) -> Array:
        """By the cell k of the next state, the value of the cell k - J of Z."""
        return np.concatenate([np.full(self.grid.per_period, fill), values])

    def _density(self, mass: Array, sign: float) -> Array:
        """The density on the cells of the next state from one side, at both ends."""
        period = self.grid.period / (1 << SCALE)
        into, out = self.entering(mass) / period, self.leaving(mass) / period
        inner, nodes = (_sums(mass, self.grid.per_period + k) / period for k in (-1, 0))
        off = into * self.entering(self.turn) + out * self.leaving(self.turn)
        bent = np.stack([nodes[:-1] + sign * off, nodes[1:] + sign * off], axis=1)
        steep = np.maximum(self.entering(self.steep), 1.0), np.maximum(self.leaving(self.steep), 1.0)
        with np.errstate(invalid="ignore"):
            parts = [out / steep[1], into / steep[0]] if sign < 0 else [out * steep[1], into * steep[0]]
            scaled = inner[:, None] + np.where(np.stack([out, into], axis=1) > 0.0, np.stack(parts, axis=1), 0.0)
        if sign < 0:
            kept = (bent.min(axis=1) > 0.0) & (bent.sum(axis=1) >= scaled.sum(axis=1))
            return np.where(kept[:, None], bent, scaled) * (1.0 - 4.0 * SLACK)
        flat = np.repeat((inner + into + out)[:, None], 2, axis=1)
        best = np.argmin(np.stack([choice.sum(axis=1) for choice in (bent, scaled, flat)]), axis=0)
        return np.asarray(np.choose(best[:, None], [bent, scaled, flat]) * (1.0 + 4.0 * SLACK))

    @property
    def law(self) -> LawBounds:
        """Of the next state."""
        return LawBounds(self.grid.edges, self.low, self.high)

    @property
    def unsure(self) -> Array:
        """Mass between the bounds of the density, by the cell of the next state."""
        return np.asarray((self.high - self.low).sum(axis=1) / 2.0 * self.grid.heights)


def _sums(mass: Array, window: int) -> Array:
    """Sums of up to ``window`` neighbours, from the window before the first to the one after the last."""
    if window == 0:
        return np.zeros(len(mass) + 1)
    return np.concatenate([[0.0], np.convolve(mass, np.ones(window)), [0.0]])


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
