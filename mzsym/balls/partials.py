"""Difference quotients of expressions on a box: F(x) - F(x') = S (x - x') with S in an interval matrix, MATH (26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from mzsym.balls.convex import with_derivatives
from mzsym.balls.intervals import UNDEFINED, ZERO, Interval, interval
from mzsym.balls.ranges import intervals_of


def partials_of(
    exprs: Sequence[sp.Expr],
    box: Sequence[Any],
    symbols: Sequence[sp.Symbol],
    bindings: Mapping[sp.Symbol, Any] | None = None,
) -> list[list[Interval]]:
    """Hulls of all partial derivatives over a box, a row per expression, at the current precision.

    On a segment in the box every expression is continuous and, but for finitely many points, differentiable, so that
    the mean value theorem in integrated form gives a matrix of difference quotients inside. Poles and jumps spoil
    this; a jump shows by the infinite enclosure of its DiracDelta, and expressions that are not proved free of poles
    get no slopes at all.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
    box : sequence of (lo, hi) or Interval
        One per symbol; its ends may be infinite.
    symbols : sequence of sympy.Symbol
    bindings : mapping, optional
        Values of the other symbols.

    Returns
    -------
    list of list of Interval
        Undefined where there is a pole, or a derivative has no enclosure.
    """
    values = {symbol: interval(value) for symbol, value in (bindings or {}).items()}
    values |= {symbol: interval(side) for symbol, side in zip(symbols, box, strict=True)}
    return [_row(expr, tuple(symbols), values) for expr in exprs]


def _row(expr: sp.Expr, symbols: tuple[sp.Symbol, ...], values: Mapping[sp.Symbol, Interval]) -> list[Interval]:
    own = tuple(symbol for symbol in symbols if symbol in expr.free_symbols)
    tape = with_derivatives(expr, own, 1)
    if tape is None:
        return [UNDEFINED if symbol in own else ZERO for symbol in symbols]
    (value, *slopes), tame = tape.run_tame(values)
    if not (tame and value.defined):
        return [UNDEFINED if symbol in own else ZERO for symbol in symbols]
    found = dict(zip(own, slopes, strict=True))
    return [found.get(symbol, ZERO) for symbol in symbols]


def slope_of(expr: sp.Expr, side: Interval, symbol: sp.Symbol) -> Interval:
    """Difference quotients of a function of one variable on an interval, by branch and bound."""
    ((natural,),) = partials_of([expr], [side], [symbol])
    if not natural.finite or not side.finite:
        return natural
    return intervals_of([sp.diff(expr, symbol)], [side], [symbol])[0]
