"""Cells of Z = F(X) and of the next state Y = Z + xi, cut so that no jump of the noise density falls into both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from mzsym.balls.stretches import COARSE, SCALE, Indices
from mzsym.core.arrays import Array

LEAST = 1 << (SCALE - 52)
"""No cell is made shorter by half."""

SHARE, MOST = 3, 2400
"""The length of a third of the cells of Y counts for those of Z; and how many of these there are at most, about."""


class Grid:
    """Edges of the cells of Y, and of Z: for every jump e of the noise density, z + e meets no edge inside a cell of Z.

    Both repeat with the distance of the outermost jumps, which takes care of these two.

    Parameters
    ----------
    residues : list of int
        Positions, ascending, within one period; the first one is below all values of the map.
    jumps : sequence of int
        Places of the jumps of the noise density, the ends of its support first and last.
    top : int
        Above all values of the map.
    finer_cells : bool
        Whether cells of Z are divided further, until they are shorter than most of Y: sums over them are better then.
    cuts : set of int
        More edges of the cells of Z.
    """

    def __init__(
        self,
        residues: list[int],
        jumps: Sequence[int],
        top: int,
        finer_cells: bool = False,
        cuts: frozenset[int] = frozenset(),
    ) -> None:
        self.residues, self.jumps, self.top, self.finer_cells, self.cuts = (
            residues,
            tuple(jumps),
            top,
            finer_cells,
            cuts,
        )
        self.per_period = len(residues)
        values = list(residues)
        while values[-1] < top:
            values += [value + self.period for value in values[-self.per_period :]]
        count = next(k for k, value in enumerate(values) if value >= top)
        while len(values) < count + self.per_period + 1:
            values += [value + self.period for value in values[-self.per_period :]]
        self.values = values[: count + 1]
        """Edges of the cells of Z."""
        self.edges = [value + self.jumps[0] for value in values[: count + self.per_period + 1]]
        """Edges of the cells of Y."""
        if len(self.jumps) > 2:
            inner = {edge - jump for jump in self.jumps[1:-1] for edge in self.edges}
            between = {value for value in inner if values[0] < value < values[count]}
            self.values = sorted(between.union(self.values))
        if finer_cells:
            self._divide()
            self._cut()
        self.cells = len(self.values) - 1
        self.heights = lengths(self.edges[:-1], self.edges[1:])
        self.widths = lengths(self.values[:-1], self.values[1:])

    def _divide(self) -> None:
        """Cells of Z that are no longer than a third of those of Y, long ones left out."""
        heights = sorted(b - a for a, b in pairwise(self.edges))
        length = max(heights[len(heights) // SHARE] // 3, (self.values[-1] - self.values[0]) // MOST)
        divided: list[int] = []
        for a, b in pairwise(self.values):
            parts = -(-(b - a) // length)
            divided += [a + (b - a) * k // parts for k in range(parts)]
        self.values = [*divided, self.values[-1]]

    def _cut(self) -> None:
        """The cuts, those left out that nearly meet an edge."""
        near = LEAST << 8
        merged: list[int] = []
        cuts = iter(sorted(self.cuts))
        cut = next(cuts, None)
        for value in self.values:
            while cut is not None and cut < value - near:
                if merged and cut > merged[-1] + near:
                    merged.append(cut)
                cut = next(cuts, None)
            merged.append(value)
        self.values = merged

    @property
    def period(self) -> int:
        """Length of the support of the noise."""
        return self.jumps[-1] - self.jumps[0]

    def owners(self, jump: int) -> tuple[Indices, Array]:
        """By the cell of Z, the cell of Y that z + jump lies in, and how far from its edge for z at its own one."""
        owner = np.array([bisect_right(self.edges, value + jump) - 1 for value in self.values[:-1]], dtype=np.intp)
        below = [self.edges[k] - jump for k in owner]
        return owner, lengths(below, self.values[:-1])

    def finer(self, wanted: dict[int, list[int]], cuts: Iterable[int] = ()) -> Grid:
        """With more residues: cell of the next state -> positions inside it, relative to its lower edge; and cuts."""
        found = set(self.residues)
        following = [*self.residues[1:], self.residues[0] + self.period]
        for cell, offsets in wanted.items():
            base = self.residues[cell % self.per_period]
            height = following[cell % self.per_period] - base
            found |= {base + ((o >> COARSE) << COARSE) for o in offsets if LEAST < o < height - LEAST}
        return Grid(sorted(found), self.jumps, self.top, self.finer_cells, self.cuts.union(cuts))


def lengths(left: Sequence[int], right: Sequence[int]) -> Array:
    """Differences of positions, each rounded once."""
    return np.array([(b - a) / (1 << SCALE) for a, b in zip(left, right, strict=True)])
