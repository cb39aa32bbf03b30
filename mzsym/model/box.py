"""Boxes: the domains Omega_n of the states."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.values import MAX_DIM, Number, NumberLike, as_number, number_key


@final
class Box:
    """A product of closed intervals, MATH (2).

    Parameters
    ----------
    intervals : sequence of (lo, hi)
        One pair of finite numbers, lo < hi, per coordinate, kept exactly.

    Raises
    ------
    MzError
        When an interval is empty, reversed or unbounded.

    Examples
    --------
    >>> Box([(-1, 1), (0, 2)]).volume
    4.0
    """

    intervals: tuple[tuple[Number, Number], ...]

    def __init__(self, intervals: Iterable[Sequence[NumberLike]]) -> None:
        object.__setattr__(self, "intervals", _checked(intervals))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Box is frozen")

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.intervals)

    @cached_property
    def lower(self) -> Array:
        """Lower ends, rounded down where they are no floats; shape (dim,)."""
        return _frozen([_rounded(lo, -math.inf) for lo, _ in self.intervals])

    @cached_property
    def upper(self) -> Array:
        """Upper ends, rounded up where they are no floats; shape (dim,)."""
        return _frozen([_rounded(hi, math.inf) for _, hi in self.intervals])

    @property
    def volume(self) -> float:
        """Product of the widths."""
        return float(math.prod(Fraction(hi) - Fraction(lo) for lo, hi in self.intervals))

    def contains(self, X: Array) -> bool:
        """Whether all points, shape (points, dim), lie inside."""
        return bool(np.all((self.lower <= X) & (self.upper >= X)))

    def key(self) -> str:
        """Canonical text of the exact content."""
        return ";".join(f"{number_key(lo)},{number_key(hi)}" for lo, hi in self.intervals)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.intervals == other.intervals

    def __hash__(self) -> int:
        return hash(self.intervals)

    def __repr__(self) -> str:
        return f"Box([{', '.join(f'({lo!r}, {hi!r})' for lo, hi in self.intervals)}])"

    def _repr_latex_(self) -> str:
        return "$" + r" \times ".join(rf"[{float(lo):.6g}, {float(hi):.6g}]" for lo, hi in self.intervals) + "$"


def _checked(intervals: Iterable[Sequence[NumberLike]]) -> tuple[tuple[Number, Number], ...]:
    try:
        pairs = [tuple(pair) for pair in intervals]
    except TypeError:
        raise MzError(
            f"{intervals!r} is not a list of intervals", "Box(intervals)", "Write Box([(lo, hi), ...])"
        ) from None
    if not 1 <= len(pairs) <= MAX_DIM:
        raise MzError(f"The box has {len(pairs)} intervals", "Box(intervals)", f"Give between 1 and {MAX_DIM}")
    checked = []
    for i, pair in enumerate(pairs):
        where = f"Box, interval {i}"
        if len(pair) != 2:
            raise MzError(f"The interval {pair!r} has not two ends", where, "Write (lo, hi)")
        lo, hi = as_number(pair[0], where), as_number(pair[1], where)
        if not lo < hi:
            raise MzError(f"The interval is ({lo!r}, {hi!r})", where, "Give lo < hi")
        checked.append((lo, hi))
    return tuple(checked)


def _rounded(value: Number, toward: float) -> float:
    nearest = float(value)
    exact = Fraction(value)
    inside = Fraction(nearest) > exact if toward < 0 else Fraction(nearest) < exact
    return math.nextafter(nearest, toward) if inside else nearest


def _frozen(values: list[float]) -> Array:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
