"""Exact numbers to balls, and balls to correctly directed doubles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeAlias

import flint
import numpy as np
import sympy as sp

from mzsym.core import MzError

Arb: TypeAlias = Any
"""A ``flint.arb``: a real number known to lie in a ball. python-flint has no types of its own."""

PRECISION = 128
"""Bits of the enclosures: enough that a double rounded outward from them is the best or next to best one."""


@contextmanager
def precision(bits: int = PRECISION) -> Iterator[None]:
    """Work with balls of this many bits inside the block; flint's own setting is restored after it."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def to_arb(value: Any) -> Arb:
    """A ball that contains the exact value, at the current precision.

    Parameters
    ----------
    value : int, float, Fraction, sympy.Rational, flint.arb, or (lo, hi) of these
        A float is the dyadic rational that it is, and an int or float is represented exactly.

    Returns
    -------
    flint.arb

    Raises
    ------
    MzError
        For anything else.

    Examples
    --------
    >>> to_arb(0.1) == to_arb(Fraction(0.1))
    True
    >>> to_arb(Fraction(1, 3)).contains(flint.fmpq(1, 3))
    True
    """
    if isinstance(value, flint.arb):
        return value
    if isinstance(value, tuple):
        lo, hi = value
        return to_arb(lo).union(to_arb(hi))
    if isinstance(value, (bool, np.bool_)):
        raise MzError(f"{value!r} is no number", "balls.to_arb", "Give a real number")
    if isinstance(value, (int, np.integer)):
        return flint.arb(int(value))
    if isinstance(value, (float, np.floating)):
        return flint.arb(float(value))
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    if isinstance(value, sp.Rational):
        return flint.arb(flint.fmpq(int(value.p), int(value.q)))
    if isinstance(value, sp.Float):
        return to_arb(sp.Rational(value))
    raise MzError(f"{value!r} is no number", "balls.to_arb", "Give an int, float, Fraction or Rational")


def lower(ball: Arb) -> float:
    """The largest double that is no larger than every number of the ball; -inf for an unbounded or undefined one."""
    return _directed(ball.lower(), -math.inf)


def upper(ball: Arb) -> float:
    """The smallest double that is no smaller than every number of the ball; inf for an unbounded or undefined one."""
    return _directed(ball.upper(), math.inf)


def _directed(exact: Arb, toward: float) -> float:
    """An exact ball (radius 0) to a double, rounded towards ``toward``."""
    if not exact.is_finite():
        # An infinite end on the far side: the bound itself is then infinite, or overflowed the wrong way.
        return toward if exact.is_nan() or (exact > 0) == (toward > 0) else -toward
    mantissa, exponent = (int(part) for part in exact.man_exp())
    if mantissa == 0:
        return 0.0
    sign = 1.0 if mantissa > 0 else -1.0
    magnitude = mantissa.bit_length() + exponent
    away = (mantissa > 0) == (toward > 0)
    if magnitude > 1024:
        return math.copysign(math.inf if away else _LARGEST, sign)
    if magnitude < -1074:
        return math.copysign(_SMALLEST if away else 0.0, sign)
    value = Fraction(mantissa) * Fraction(2) ** exponent
    try:
        nearest = float(value)
    except OverflowError:
        return math.copysign(math.inf if away else _LARGEST, sign)
    if (nearest < value) if toward > 0 else (nearest > value):
        return math.nextafter(nearest, toward)
    return nearest


_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST = 5e-324
