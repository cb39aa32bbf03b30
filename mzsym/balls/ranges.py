"""Rigorous ranges of expressions over boxes, tight: monotonicity first, then branch and bound."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from itertools import count
from typing import Any

import flint
import sympy as sp

from mzsym.balls.convex import convex_bound, middle, with_derivatives
from mzsym.balls.expressions import Tape, compile_tape
from mzsym.balls.intervals import Interval, interval
from mzsym.balls.numbers import PRECISION, Arb, lower, precision

MAX_BOXES = 1200
"""Boxes that one end of one range may cost; the enclosure holds whenever the search stops."""

MAX_UNBOUNDED = 200
"""Boxes after which an end that is still infinite is given up."""

MAX_CONVEX = 6
"""Most variables for which second derivatives are used."""

TOLERANCE = 2.0**-46
"""Excess over the true range, relative to its largest magnitude, at which the search stops."""


def range_of(
    exprs: Sequence[sp.Expr],
    box: Sequence[tuple[Any, Any]],
    symbols: Sequence[sp.Symbol],
    bindings: Mapping[sp.Symbol, Any] | None = None,
    *,
    prec: int = PRECISION,
    max_boxes: int = MAX_BOXES,
) -> list[tuple[float, float]]:
    """Ranges of expressions over a box, as doubles rounded outward, MATH (2).

    Proved: the true range lies inside. Tight to rounding where every variable occurs once or the expression is
    monotone in it; elsewhere to about 1e-14 relative, as far as ``max_boxes`` reaches.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
    box : sequence of (lo, hi)
        One pair per symbol.
    symbols : sequence of sympy.Symbol
    bindings : mapping, optional
        Values of the other symbols, taken exactly.
    prec : int
        Bits.
    max_boxes : int
        Work allowed per end.

    Returns
    -------
    list of (lo, hi)
        Infinite where the expression is unbounded, undefined somewhere in the box, or could not be bounded.

    Raises
    ------
    MzError
        For a symbol without value or a function that has no enclosure.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> range_of([x*(1 - x)], [(0, 1)], [x])[0][0]
    0.0
    """
    with precision(prec):
        return [found.floats for found in intervals_of(exprs, box, symbols, bindings, max_boxes=max_boxes)]


def intervals_of(
    exprs: Sequence[sp.Expr],
    box: Sequence[Any],
    symbols: Sequence[sp.Symbol],
    bindings: Mapping[sp.Symbol, Any] | None = None,
    *,
    max_boxes: int = MAX_BOXES,
) -> list[Interval]:
    """As ``range_of``, as intervals at the current precision."""
    values = {symbol: interval(value) for symbol, value in (bindings or {}).items()}
    sides = [interval(side) for side in box]
    return [_range(expr, tuple(symbols), sides, values, max_boxes) for expr in exprs]


def _range(
    expr: sp.Expr, symbols: tuple[sp.Symbol, ...], sides: list[Interval], values: dict[sp.Symbol, Interval], limit: int
) -> Interval:
    fixed = values | dict(zip(symbols, sides, strict=True))
    natural = compile_tape((expr,)).run(fixed)[0]
    wide = tuple(s for s, side in zip(symbols, sides, strict=True) if s in expr.free_symbols and side.lo < side.hi)
    # An expression in which every variable occurs once takes its range exactly. MATH (2)
    repeated = {s for s, k in _occurrences(expr).items() if k > 1}
    if not natural.defined or not repeated & set(wide):
        return natural
    search = _Search(expr, wide, fixed)
    box = [fixed[symbol] for symbol in wide]
    lo = search.lower_end(box, natural, limit)
    hi = -search.negated().lower_end(box, -natural, limit)
    return Interval(lo, hi)


@lru_cache(maxsize=512)
def _occurrences(expr: sp.Expr) -> Mapping[sp.Symbol, int]:
    return Counter(node for node in sp.preorder_traversal(expr) if node.is_Symbol)


class _Search:
    """Branch and bound for the lower end of a range."""

    def __init__(self, expr: sp.Expr, variables: tuple[sp.Symbol, ...], fixed: dict[sp.Symbol, Interval]) -> None:
        self.variables, self.fixed = variables, fixed
        self.value = compile_tape((expr,))
        self.gradient = with_derivatives(expr, variables, 1)
        self.curvature = with_derivatives(expr, variables, 2) if len(variables) <= MAX_CONVEX else None
        self.sign = 1

    def negated(self) -> _Search:
        """The search for -expr, whose lower end is minus the upper end."""
        self.sign = -self.sign
        return self

    def lower_end(self, box: list[Interval], natural: Interval, limit: int) -> Arb:
        """A proved lower bound of the minimum over the box."""
        order = count()
        scale = natural.lo.abs_upper().min(natural.hi.abs_upper()) if natural.finite else flint.arb(0)
        self.best = flint.arb.pos_inf()
        self._try(box)
        bound, box, split = self._bound(box, natural)
        heap = [(_key(bound), next(order), bound, box, split)]
        for k in range(limit):
            _, _, bound, box, split = heap[0]
            if self._settled(bound, scale) or not box[split].lo < box[split].hi:
                break
            if k > MAX_UNBOUNDED and not bound.is_finite():
                break
            heapq.heappop(heap)
            for half in _halves(box, split):
                self._try(half)
                # A part is never worse than the whole it comes from.
                child, smaller, along = self._bound(half, None)
                child = bound if child.is_nan() else child.max(bound)
                if child <= self.best:
                    heapq.heappush(heap, (_key(child), next(order), child, smaller, along))
        # Keys are rounded; the bound is the least of those that share the smallest one.
        return reduce(lambda a, b: a.min(b), (entry[2] for entry in heap if entry[0] <= heap[0][0]))

    def _settled(self, bound: Arb, scale: Arb) -> bool:
        if not (bound.is_finite() and self.best.is_finite()):
            return False
        return bool(self.best - bound <= TOLERANCE * self.best.abs_upper().max(scale))

    def _try(self, box: Sequence[Interval]) -> None:
        """Lower the least value met so far by the one at the middle of a box."""
        value = self._at_middle(box).hi
        if value.is_finite():
            self.best = self.best.min(value)

    def _run(self, tape: Tape, box: Sequence[Interval]) -> list[Interval]:
        return tape.run(self.fixed | dict(zip(self.variables, box, strict=True)))

    def _at_middle(self, box: Sequence[Interval]) -> Interval:
        found = self._run(self.value, [interval(middle(side)) for side in box])[0]
        return found if self.sign > 0 else -found

    def _bound(self, box: list[Interval], natural: Interval | None) -> tuple[Arb, list[Interval], int]:
        """Lower bound on a box, the box with its monotone sides collapsed, and the side to split next."""
        if self.gradient is None:
            found = natural or self._signed(self._run(self.value, box)[0])
            return _usable(found.lo), box, _widest(box, None)
        while True:
            (raw, *partials), tame = self.gradient.run_tame(self.fixed | dict(zip(self.variables, box, strict=True)))
            found, slopes = self._signed(raw), [self._signed(part) for part in partials]
            if not tame:
                return _usable(found.lo), box, _widest(box, None)
            smaller = [_collapsed(side, slope) for side, slope in zip(box, slopes, strict=True)]
            if all(new is old for new, old in zip(smaller, box, strict=True)):
                break
            box = smaller
        bound = _usable(found.lo)
        for other in (self._mean_value(box, slopes), self._convex(box)):
            bound = bound if other.is_nan() else bound.max(other)
        return bound, box, _widest(box, slopes)

    def _convex(self, box: list[Interval]) -> Arb:
        """Bound from the critical point nearby, where the function is proved convex around it; else NaN."""
        if self.curvature is None:
            return flint.arb.nan()
        bound, value = convex_bound(self.curvature, self.sign, self.variables, self.fixed, box)
        if value.is_finite():
            self.best = self.best.min(value)
        return bound

    def _signed(self, part: Interval) -> Interval:
        return part if self.sign > 0 else -part

    def _mean_value(self, box: Sequence[Interval], slopes: Sequence[Interval]) -> Arb:
        """f(c) + sum of slope * (x - c), from below; NaN where a slope is not bounded."""
        total = self._at_middle(box)
        for side, slope in zip(box, slopes, strict=True):
            if side.lo < side.hi:
                if not slope.finite:
                    return flint.arb.nan()
                total = total + slope * (side - interval(middle(side)))
        return total.lo


def _collapsed(side: Interval, slope: Interval) -> Interval:
    """The end of a side at which a function that is monotone along it is smallest; the side itself elsewhere."""
    if not side.lo < side.hi:
        return side
    if slope.lo >= 0:
        return Interval(side.lo, side.lo)
    return Interval(side.hi, side.hi) if slope.hi <= 0 else side


def _halves(box: list[Interval], split: int) -> tuple[list[Interval], list[Interval]]:
    side = box[split]
    centre = middle(side)
    left, right = list(box), list(box)
    left[split], right[split] = Interval(side.lo, centre), Interval(centre, side.hi)
    return left, right


def _widest(box: Sequence[Interval], slopes: Sequence[Interval] | None) -> int:
    """The side along which the function varies most."""

    def variation(i: int) -> float:
        width = float(box[i].width.mid())
        if width == 0.0 or slopes is None or not slopes[i].finite:
            return width * 1e300
        return width * float(slopes[i].lo.abs_upper().max(slopes[i].hi.abs_upper()).mid())

    return max(range(len(box)), key=variation)


def _usable(bound: Arb) -> Arb:
    return flint.arb.neg_inf() if bound.is_nan() else bound


def _key(bound: Arb) -> float:
    value = lower(bound)
    return -math.inf if math.isnan(value) else value
