"""A map of an interval, cut where it takes given values; positions are exact, MATH (24).

Positions are whole numbers in units of 2**-340: differences of close ones have full relative accuracy as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import flint
import numpy as np
import numpy.typing as npt

from mzsym.balls.crossings import root_of
from mzsym.balls.curves import Branch, Curve
from mzsym.balls.numbers import Arb, upper
from mzsym.core import MzError
from mzsym.core.arrays import Array

SCALE = 340
"""Positions are multiples of 2**-SCALE."""

FINE = 160
"""Preimages are multiples of 2**-FINE of half the interval."""

NEAR = (1 << 50, 1 << 90)
"""How many of these a preimage may be off, and where the map is flat."""

PIECES = 4
"""Parts of a stretch: on each theta is nearly linear."""

COARSE = 240
"""Trailing zeros of positions that are chosen."""

STATED = 200
"""Trailing zeros of positions that are given: products of two floats of moderate size have them."""

LONG = 2.0**-20
"""Shorter stretches of half the interval on which the map is constant are not looked at one by one."""

WHERE = "balls.stretches"

Indices: TypeAlias = npt.NDArray[np.intp]


def position(value: Any) -> int:
    """An exact number in units of 2**-SCALE.

    Raises
    ------
    MzError
        For a number that is no multiple of it with ``STATED`` bits to spare.
    """
    scaled = Fraction(value) * 2**SCALE
    if scaled.denominator != 1 or scaled.numerator % (1 << STATED):
        raise MzError(f"{value} is no binary fraction of moderate size", WHERE, "Use a float")
    return int(scaled.numerator)


def ball_at(place: int) -> Arb:
    """The position as a ball."""
    return flint.arb(place) * flint.arb(2) ** -SCALE


def number_at(place: int) -> float:
    """The position, rounded to nearest."""
    return place / (1 << SCALE)


def position_below(ball: Arb) -> int:
    """A position with few digits below every number of a ball."""
    return _floor(ball.lower()) << COARSE


def position_above(ball: Arb) -> int:
    """A position with few digits above every number of a ball."""
    return -position_below(-ball)


def _floor(exact: Arb) -> int:
    """Floor in units of 2**-(SCALE - COARSE), less one."""
    mantissa, exponent = (int(part) for part in exact.man_exp())
    shift = exponent + SCALE - COARSE
    return int(mantissa << shift if shift >= 0 else mantissa >> -shift) - 1


@dataclass(frozen=True, eq=False)
class Stretches:
    """Parts of the interval on which the map is monotone and stays between two neighbouring values.

    Attributes
    ----------
    left, right : list of int
        Positions.
    cell : array of int
        Index of the value below.
    theta : array of shape (stretches, 2)
        (map - value below)/(distance of the values) at both ends.
    least, most : array of shape (stretches,)
        Bounds of |slope| (along half the interval); 0 and inf where nothing is known.
    bent : array of shape (stretches,)
        How far theta may be from linear.
    run : array of int
        The branch of the map, or a number of its own for a stretch on which nothing is known.
    """

    left: list[int]
    right: list[int]
    cell: Indices
    theta: Array
    least: Array
    most: Array
    bent: Array
    run: Indices


class Image:
    """A curve over an interval, and where it takes values; preimages are remembered.

    Parameters
    ----------
    curve : Curve
        On [-1, 1].
    lo, hi : int
        Positions of the ends of the interval.
    """

    def __init__(self, curve: Curve, lo: int, hi: int) -> None:
        self.curve, self.lo, self.hi = curve, lo, hi
        self._preimages: dict[tuple[int, int], int] = {}
        self._pieces: dict[tuple[int, int, int], list[Piece]] = {}

    @property
    def ends(self) -> tuple[int, int]:
        """Positions just outside of all values."""
        levels = [gap.level for gap in self.curve.gaps]
        return min(position_below(level) for level in levels), max(position_above(level) for level in levels)

    @property
    def atoms(self) -> list[int]:
        """Positions of the values that the map takes on stretches that are not short."""
        levels = [gap.level for gap in self.curve.gaps if gap.hi - gap.lo > LONG]
        return list(dict.fromkeys((position_below(level) + position_above(level)) // 2 for level in levels))

    def stretches(self, values: list[int]) -> Stretches:
        """Cut the interval where the map takes values; ascending, the first and last outside of its range.

        Raises
        ------
        MzError
            Where it is not certain on which side of a value the map is.
        """
        found: list[tuple[Piece, int, int]] = []
        balls = [ball_at(value) for value in values]
        for index, branch in enumerate(self.curve.branches):
            found += self._of_branch(index, branch, values, balls)
        for count, gap in enumerate(self.curve.gaps):
            if gap.hi > gap.lo:
                cell = _cell(gap.level, balls)
                height = balls[cell + 1] - balls[cell]
                theta = _theta(gap.level.mid(), balls[cell], height)
                wide = upper((gap.level - gap.level.mid()).abs_upper() / height)
                piece = Piece(_whole(gap.lo), _whole(gap.hi), theta, theta, 0.0, np.inf, wide)
                found.append((piece, cell, -1 - count))
        found.sort(key=lambda item: item[0].left)
        floats = np.array([piece[2:] for piece, _, _ in found]).reshape(-1, 5)
        places, least, most = floats[:, :2], floats[:, 2], floats[:, 3]
        bent = np.abs(places[:, 1] - places[:, 0]) * bend(least, most)
        return Stretches(
            [self._place(piece.left) for piece, _, _ in found],
            [self._place(piece.right) for piece, _, _ in found],
            np.array([cell for _, cell, _ in found], dtype=np.intp),
            places,
            least,
            most,
            # Ends are taken for exact ones: they are off by 2**-98, less than 2**-46 of a cell, and by rounding.
            bent + floats[:, 4] + 2.0**-44,
            np.array([run for _, _, run in found], dtype=np.intp),
        )

    def _place(self, t: int) -> int:
        """The position of t in [-1, 1], in units of 2**-FINE: exact, since the ends have trailing zeros."""
        return (self.lo + self.hi) // 2 + (((self.hi - self.lo) // 2 * t) >> FINE)

    def _of_branch(
        self, index: int, branch: Branch, values: list[int], balls: list[Arb]
    ) -> list[tuple[Piece, int, int]]:
        inside = []
        for k, ball in enumerate(balls):
            if ball > branch.bottom and ball < branch.top:
                inside.append(k)
            elif not (ball <= branch.bottom or ball >= branch.top):
                raise MzError("a turning value of the map is too close to a value", WHERE, "Use another method")
        if branch.sign < 0:
            inside = inside[::-1]
        places = [_whole(branch.lo)]
        for k in inside:
            places.append(self._preimage(index, branch, values[k], balls[k], places[-1]))
        places.append(_whole(branch.hi))
        cell = _cell(branch.bottom if branch.sign > 0 else branch.top, balls)
        found = []
        for j, (a, b) in enumerate(pairwise(places)):
            key = index, values[cell], values[cell + 1]
            if key not in self._pieces:
                pieces = _pieces(branch, a, b, balls[cell], balls[cell + 1])
                # theta at preimages of the values themselves.
                if j > 0:
                    pieces[0] = pieces[0]._replace(start=0.0 if branch.sign > 0 else 1.0)
                if j < len(inside):
                    pieces[-1] = pieces[-1]._replace(end=1.0 if branch.sign > 0 else 0.0)
                self._pieces[key] = pieces
            found += [(piece, cell, index) for piece in self._pieces[key]]
            cell += branch.sign
        return found

    def _preimage(self, index: int, branch: Branch, value: int, ball: Arb, before: int) -> int:
        key = index, value
        if key not in self._preimages:
            guess = _unit(before) if branch.lo < _unit(before) < branch.hi else None
            root = root_of(branch, ball, guess)
            at, slope = branch.real(root)
            # One more step: the root is good to 2**-70 only.
            step = (at - ball) / slope
            found = _floor_of(root - step if step.is_finite() else root)
            if not any(_caught(branch, found, near, ball) for near in NEAR):
                raise MzError("the map is too flat to be inverted", WHERE, "Use another method")
            self._preimages[key] = found
        return self._preimages[key]


def _caught(branch: Branch, found: int, near: int, ball: Arb) -> bool:
    """Whether a preimage is proved to be near, and the value there to be close."""
    below, above = (branch.real(_unit(found + side * near))[0] for side in (-branch.sign, branch.sign))
    return bool(below < ball < above and (above - below).abs_upper() < 2.0**-98)


class Piece(NamedTuple):
    """Part of a stretch: ends in units of 2**-FINE, theta there, bounds of |slope|, how far theta varies in a gap."""

    left: int
    right: int
    start: float
    end: float
    least: float
    most: float
    wide: float


def _pieces(branch: Branch, a: int, b: int, below: Arb, above: Arb) -> list[Piece]:
    """The parts of the stretch from a to b, on which the branch stays between two values."""
    height = above - below
    places = [a, *((a * (PIECES - i) + b * i) // PIECES for i in range(1, PIECES)), b]
    places = list(dict.fromkeys(places))
    found = []
    for u, v in pairwise(places):
        start, end = (_theta(branch.real(_unit(t))[0], below, height) for t in (u, v))
        slope = branch.real(_unit(u).union(_unit(v)))[1]
        # Conversion to float rounds to nearest.
        least = max(0.0, float(slope.abs_lower())) * (1.0 - 2.0**-50)
        found.append(Piece(u, v, start, end, least, float(slope.abs_upper()) * (1.0 + 2.0**-50), 0.0))
    return found


def _whole(t: Arb) -> int:
    """An end of a branch or gap in units of 2**-FINE."""
    mantissa, exponent = (int(part) for part in t.man_exp())
    shift = exponent + FINE
    if shift < 0 and mantissa & ((1 << -shift) - 1):
        raise MzError("a kink of the map is caught too closely", WHERE, "Use another method")
    return int(mantissa << shift if shift >= 0 else mantissa >> -shift)


def _floor_of(t: Arb) -> int:
    mantissa, exponent = (int(part) for part in t.mid().man_exp())
    shift = exponent + FINE
    return int(mantissa << shift if shift >= 0 else mantissa >> -shift)


def _unit(t: int) -> Arb:
    return flint.arb(t) * flint.arb(2) ** -FINE


def _cell(level: Arb, balls: list[Arb]) -> int:
    """Index of the last value that is not above a level."""
    found = next((k for k in range(len(balls) - 1) if balls[k] <= level and balls[k + 1] >= level), None)
    if found is None:
        raise MzError("a turning value of the map is too close to a value", WHERE, "Use another method")
    return found


def _theta(value: Arb, below: Arb, height: Arb) -> float:
    return min(1.0, max(0.0, float((value - below) / height)))


def bend(least: Any, most: Any) -> Any:
    """How far a distribution function on [0, 1] may be from linear if its density lies between two bounds.

    With r = sqrt(most/least) it is (r - 1)/(r + 1), reached where the density jumps from one to the other.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sqrt(np.where(np.asarray(least) > 0.0, np.asarray(most) / np.asarray(least), np.inf))
        found = np.where(np.isfinite(r), (r - 1.0) / (r + 1.0), 1.0) + 2.0**-50
    return found if found.ndim else float(found)
