"""Monotone pieces of a map of the line, and where each of them takes given values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array

ScalarMap: TypeAlias = Callable[[Array], Array]
"""shape (points,) -> (points,)"""

_SAMPLES = 2048
_HALVINGS = 60
MOST_TURNS = 256
"""Turning points up to which pieces are told apart: with more, samples would miss some, and every integral is long."""

_FLAT = 1e-14
"""Share of its size by which a map may vary on a piece that counts as flat, or between two samples that say nothing."""

_INSET = 1e-14
"""Share of a piece by which its ends are moved inward: a map may jump there."""


class ManyTurns(MzError):
    """A map that turns too often for its monotone pieces to be told apart."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """A map h that is monotone between neighbouring ends.

    Attributes
    ----------
    map : ScalarMap
    ends : array of shape (pieces + 1,)
        Ascending; they hold every kink of the map and every turning point.
    turns : array
        The turning points among the ends.
    first, last : arrays of shape (pieces,)
        Limits of h at the lower and upper end of every piece, from inside.
    """

    map: ScalarMap
    ends: Array
    turns: Array
    first: Array
    last: Array

    @property
    def flat(self) -> AnyArray:
        """Which pieces are constant, shape (pieces,)."""
        size = np.abs(np.concatenate([self.first, self.last])).max(initial=1e-300)
        return np.asarray(np.abs(self.last - self.first) <= _FLAT * size)

    def preimages(self, targets: Array) -> Array:
        """Where each piece passes each target, shape (targets, pieces): an end where it stays on one side."""
        out, row, piece, rising = self.located(targets)
        if len(row):
            a, b = self.ends[piece], self.ends[piece + 1]
            out[row, piece] = bisected(self.map, a, b, targets[row], rising)
        return out

    def located(self, targets: Array) -> tuple[Array, AnyArray, AnyArray, AnyArray]:
        """The same before bisection: the ends that are known, and which (target, piece) are not, with their sense."""
        a, b = np.broadcast_arrays(self.ends[:-1], self.ends[1:])
        rising = self.last >= self.first
        low, high = np.minimum(self.first, self.last), np.maximum(self.first, self.last)
        y = targets[:, None]
        # Below its range a rising piece is passed at its lower end, a falling one at its upper end.
        below, above = y <= low, y >= high
        at_first = (below & rising) | (above & ~rising)
        out = np.where(at_first, a, b) * np.ones_like(y)
        row, piece = np.nonzero(~below & ~above)
        return out, row, piece, rising[piece]


def bisected(h: ScalarMap, a: Array, b: Array, target: Array, rising: AnyArray) -> Array:
    """Where h passes targets, one in each bracket [a, b]; ``rising`` says in which sense."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (a + b)
        if ((middle <= a) | (middle >= b)).all():
            break
        before = (h(middle) < target) == rising
        a, b = np.where(before, middle, a), np.where(before, b, middle)
    return np.asarray(0.5 * (a + b))


def monotone_pieces(h: ScalarMap, lo: float, hi: float, known: Sequence[float] = ()) -> Pieces:
    """Split [lo, hi] where h turns.

    Exact up to rounding, except that turning points closer to each other than a sample distance, 1/2048 of the whole
    and of every stretch between known points, may be missed.

    Parameters
    ----------
    h : ScalarMap
    lo, hi : float
    known : sequence of float
        Points where h may jump or bend; they become ends.

    Raises
    ------
    ManyTurns
        Where there are more than 256 turning points.
    """
    inner = sorted({float(k) for k in known if lo < k < hi})
    stops = [lo, *inner, hi]
    turns: list[float] = []
    for a, b in pairwise(stops):
        turns += list(_turns(h, a, b, max(64, int(_SAMPLES * (b - a) / (hi - lo)))))
    if len(turns) > MOST_TURNS:
        raise ManyTurns(
            f"A map turns at least {len(turns)} times on the range of its argument",
            "law of the state",
            f"Use weights for which it turns at most {MOST_TURNS} times",
        )
    ends = np.unique(np.concatenate([stops, turns]))
    inset = np.maximum(_INSET * np.diff(ends), 2.0 * np.spacing(np.maximum(np.abs(ends[1:]), np.abs(ends[:-1]))))
    inset = np.minimum(inset, 0.25 * np.diff(ends))
    return Pieces(h, ends, np.array(turns), h(ends[:-1] + inset), h(ends[1:] - inset))


def _turns(h: ScalarMap, a: float, b: float, samples: int) -> Array:
    """Turning points of h inside (a, b), where it is smooth."""
    inset = max(_INSET * (b - a), 2.0 * np.spacing(max(abs(a), abs(b))))
    x = np.linspace(a + inset, b - inset, samples)
    values = h(x)
    step = np.diff(values)
    # Steps at the level of rounding say nothing about the direction.
    moving = np.flatnonzero(np.abs(step) > _FLAT * max(1e-300, float(np.abs(values).max())))
    sign = np.sign(step[moving])
    turn = np.flatnonzero(sign[1:] != sign[:-1])
    if not len(turn):
        return np.empty(0)
    return _golden(h, x[moving[turn]], x[moving[turn + 1] + 1], sign[turn])


def _golden(h: ScalarMap, a: Array, b: Array, sign: Array) -> Array:
    """Extrema by golden-section search on all brackets at once; sign +1 for a maximum."""
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    a, b = a.copy(), b.copy()
    for _ in range(_HALVINGS):
        c, d = b - ratio * (b - a), a + ratio * (b - a)
        left = sign * h(c) > sign * h(d)
        a, b = np.where(left, a, c), np.where(left, d, b)
    return np.asarray(0.5 * (a + b))
