"""Intervals with exact ends, rounded outward: what natural extensions are computed in.

A ball [m +- r] is the wrong shape for a range: ``tanh`` of a wide ball has to enclose a midpoint and a slope, where
the two ends of an interval give the range itself. Here an interval is a pair of exact ``arb`` ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import Any

import flint

from mzsym.balls.numbers import Arb, lower, to_arb, upper

_INF, _MINUS_INF, _NAN = flint.arb.pos_inf(), flint.arb.neg_inf(), flint.arb.nan()


class Interval:
    """[lo, hi] with exact ends; infinite ends where unbounded, NaN ends where somewhere undefined (which sticks).

    Operations contain the exact image, MATH (2); they are tight up to the current precision when every operand varies
    independently of the others.
    """

    __slots__ = ("hi", "lo")

    def __init__(self, lo: Arb, hi: Arb) -> None:
        self.lo, self.hi = lo, hi

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.lo + other.lo, self.hi + other.hi, self, other)

    def __sub__(self, other: Interval) -> Interval:
        return _outward(self.lo - other.hi, self.hi - other.lo, self, other)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __mul__(self, other: Interval) -> Interval:
        if self.defined and other.defined and not (self.finite and other.finite):
            return self._unbounded_product(other)
        a, b, c, d = self.lo, self.hi, other.lo, other.hi
        if a >= 0 and c >= 0:
            return _outward(a * c, b * d, self, other)
        products = [a * c, a * d, b * c, b * d]
        lo, hi = products[0].lower(), products[0].upper()
        for product in products[1:]:
            lo, hi = lo.min(product.lower()), hi.max(product.upper())
        return _outward(lo, hi, self, other)

    def _unbounded_product(self, other: Interval) -> Interval:
        """The product where an end is infinite: 0 times an unbounded quantity is 0, its values being finite."""
        products = [_times(a, b) for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        lo = reduce(lambda a, b: a.min(b), (product.lower() for product in products))
        hi = reduce(lambda a, b: a.max(b), (product.upper() for product in products))
        return Interval(lo, hi)

    @property
    def defined(self) -> bool:
        """Whether the quantity exists on the whole domain."""
        return not (self.lo.is_nan() or self.hi.is_nan())

    @property
    def finite(self) -> bool:
        """Whether both ends are finite."""
        return bool(self.lo.is_finite() and self.hi.is_finite())

    @property
    def zero(self) -> bool:
        """Whether it is exactly {0}."""
        return bool(self.lo == 0 and self.hi == 0)

    @property
    def width(self) -> Arb:
        """hi - lo, rounded up."""
        return (self.hi - self.lo).upper()

    @property
    def ball(self) -> Arb:
        """The smallest ball around it."""
        return self.lo.union(self.hi) if self.finite else (_NAN if not self.defined else flint.arb(0, _INF))

    @property
    def floats(self) -> tuple[float, float]:
        """The ends as doubles, rounded outward."""
        return lower(self.lo), upper(self.hi)

    def contains(self, value: Any) -> bool:
        """Whether a number lies in it."""
        point = to_arb(value)
        return bool(self.lo <= point.lower() and point.upper() <= self.hi)

    def union(self, other: Interval) -> Interval:
        """Hull of both."""
        if not (self.defined and other.defined):
            return UNDEFINED
        return Interval(self.lo.min(other.lo), self.hi.max(other.hi))

    def __repr__(self) -> str:
        return f"Interval{self.floats}"


def interval(value: Any) -> Interval:
    """Interval of a number, a ball, or a pair (lo, hi) of them."""
    if isinstance(value, Interval):
        return value
    if isinstance(value, tuple):
        lo, hi = to_arb(value[0]), to_arb(value[1])
        return Interval(lo.lower(), hi.upper())
    ball = to_arb(value)
    return Interval(ball.lower(), ball.upper())


def _times(a: Arb, b: Arb) -> Arb:
    return flint.arb(0) if a == 0 or b == 0 else a * b


def _outward(lo: Arb, hi: Arb, *operands: Interval) -> Interval:
    lo, hi = lo.lower(), hi.upper()
    if lo.is_nan() or hi.is_nan():
        if not all(operand.defined for operand in operands):
            return UNDEFINED
        # inf - inf: nothing is known on that side.
        return Interval(_MINUS_INF if lo.is_nan() else lo, _INF if hi.is_nan() else hi)
    return Interval(lo, hi)


def increasing(point: Callable[[Arb], Arb], x: Interval, at_minus: Any = None, at_plus: Any = None) -> Interval:
    """Image under a nondecreasing function; ``at_minus``, ``at_plus``: its limits at -inf and inf (None: infinite)."""
    if not x.defined:
        return UNDEFINED
    low_limit = _MINUS_INF if at_minus is None else to_arb(at_minus).lower()
    high_limit = _INF if at_plus is None else to_arb(at_plus).upper()
    lo = point(x.lo).lower() if x.lo.is_finite() else (low_limit if x.lo < 0 else high_limit)
    hi = point(x.hi).upper() if x.hi.is_finite() else (high_limit if x.hi > 0 else low_limit)
    # A function value that is not finite (overflow) bounds nothing; the limits still do.
    lo = low_limit if lo.is_nan() else lo.max(low_limit)
    hi = high_limit if hi.is_nan() else hi.min(high_limit)
    return Interval(lo, hi)


def decreasing(point: Callable[[Arb], Arb], x: Interval, at_minus: Any = None, at_plus: Any = None) -> Interval:
    """Image under a nonincreasing function, its limits as in ``increasing``."""
    negated = [None if limit is None else -to_arb(limit) for limit in (at_minus, at_plus)]
    return -increasing(lambda t: -point(t), x, negated[0], negated[1])


def reciprocal(x: Interval) -> Interval:
    """1/x; the whole line where x meets 0 inside, half of it where it meets 0 at an end."""
    if not x.defined or x.zero:
        return UNDEFINED
    one = flint.arb(1)
    if x.lo >= 0:
        return Interval(
            flint.arb(0) if not x.hi.is_finite() else (one / x.hi).lower(),
            _INF if x.lo == 0 else (one / x.lo).upper(),
        )
    if x.hi <= 0:
        return -reciprocal(-x)
    return WHOLE


def integer_power(x: Interval, k: int) -> Interval:
    """x**k for an integer k."""
    if k == 0:
        return ONE
    if k < 0:
        return reciprocal(integer_power(x, -k))
    if k % 2:
        return increasing(lambda t: t**k, x)
    if not x.defined or x.lo >= 0:
        return increasing(lambda t: t**k, x, at_minus=0)
    if x.hi <= 0:
        return integer_power(-x, k)
    return Interval(flint.arb(0), integer_power(Interval(flint.arb(0), x.hi.max(-x.lo)), k).hi)


@lru_cache(maxsize=8)
def _constants() -> tuple[Interval, ...]:
    zero, one = flint.arb(0), flint.arb(1)
    return (
        Interval(zero, zero),
        Interval(one, one),
        Interval(-one, one),
        Interval(_MINUS_INF, _INF),
        Interval(_NAN, _NAN),
    )


ZERO, ONE, UNIT, WHOLE, UNDEFINED = _constants()
"""{0}, {1}, [-1, 1], the line, and the undefined quantity."""
