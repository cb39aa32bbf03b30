"""Case distinctions for enclosures: which branches of a Piecewise can hold, decided in three values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import sympy as sp

from mzsym.balls.intervals import UNDEFINED, Interval
from mzsym.core import MzError

Truth: TypeAlias = bool | None
"""None: it holds for some of the values and may not for others."""

RELATIONS = (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)


def differences(condition: sp.Basic) -> tuple[sp.Expr, ...]:
    """lhs - rhs of every comparison in a condition, in the order in which ``decide`` takes their signs."""
    if condition in (sp.true, sp.false):
        return ()
    if isinstance(condition, RELATIONS):
        return (condition.lhs - condition.rhs,)
    if isinstance(condition, (sp.And, sp.Or, sp.Not)):
        return tuple(d for arg in condition.args for d in differences(arg))
    raise MzError(
        f"The condition {condition} has no enclosure",
        "enclosure of an expression",
        "Use comparisons with < <= > >=, joined by And, Or and Not",
    )


def decide(condition: sp.Basic, sides: list[tuple[Any, Any]]) -> Truth:
    """Truth of a condition from bounds (lo, hi) of its differences, which are taken off the front of the list."""
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.Not):
        inner = decide(condition.args[0], sides)
        return None if inner is None else not inner
    if isinstance(condition, (sp.And, sp.Or)):
        parts = [decide(arg, sides) for arg in condition.args]
        # An Or is false unless one part is true, an And true unless one part is false.
        strong = isinstance(condition, sp.Or)
        if strong in parts:
            return strong
        return None if None in parts else not strong
    lo, hi = sides.pop(0)
    if isinstance(condition, sp.StrictLessThan):
        return True if hi < 0 else False if lo >= 0 else None
    if isinstance(condition, sp.LessThan):
        return True if hi <= 0 else False if lo > 0 else None
    if isinstance(condition, sp.StrictGreaterThan):
        return True if lo > 0 else False if hi <= 0 else None
    return True if lo >= 0 else False if hi < 0 else None


def possible(expr: sp.Piecewise, truths: Sequence[Truth]) -> tuple[list[int], bool]:
    """Indices of the branches that may hold, and whether some branch is sure to."""
    found = []
    for index, truth in enumerate(truths):
        if truth is not False:
            found.append(index)
        if truth is True:
            return found, True
    return found, False


def piecewise_operation(expr: sp.Piecewise) -> tuple[Callable[..., Interval], tuple[sp.Expr, ...]]:
    """The interval extension of a case distinction, and the expressions that it takes."""
    conditions = [condition for _, condition in expr.args]
    sides = [differences(condition) for condition in conditions]
    count = len(conditions)

    def hull(*operands: Interval) -> Interval:
        values, rest = operands[:count], list(operands[count:])
        if not all(side.defined for side in rest):
            return UNDEFINED
        bounds = [(side.lo, side.hi) for side in rest]
        found, complete = possible(expr, [decide(condition, bounds) for condition in conditions])
        if not complete:
            return UNDEFINED
        return reduce(Interval.union, (values[index] for index in found))

    return hull, (*(value for value, _ in expr.args), *(d for row in sides for d in row))
