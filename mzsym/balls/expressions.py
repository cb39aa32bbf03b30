"""Natural interval extensions of SymPy expressions, from a tape that is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Any

import flint
import sympy as sp

from mzsym.balls import primitives
from mzsym.balls.conditions import piecewise_operation
from mzsym.balls.intervals import (
    ONE,
    UNDEFINED,
    WHOLE,
    Interval,
    decreasing,
    increasing,
    integer_power,
    interval,
    reciprocal,
)
from mzsym.balls.numbers import PRECISION, Arb, precision
from mzsym.core import MzError
from mzsym.core.primitives import PRIMITIVES


def enclose(expr: sp.Expr, values: Mapping[sp.Symbol, Any], prec: int = PRECISION) -> Arb:
    """Ball that contains every value of an expression, by its natural interval extension.

    Exact up to rounding when every wide symbol occurs once in the expression; wider, but still an enclosure,
    otherwise (``ranges`` refines it).

    Parameters
    ----------
    expr : sympy.Expr
    values : mapping
        Symbol -> number, ball, or (lo, hi); numbers are taken exactly.
    prec : int
        Bits.

    Returns
    -------
    flint.arb
        Not finite where the expression is unbounded or undefined.

    Raises
    ------
    MzError
        For a symbol without value or a function that is not in the tables.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> enclose(sp.tanh(x), {x: (0, 1)}).contains(flint.arb("0.5"))
    True
    """
    with precision(prec):
        (result,) = compile_tape((expr,)).run({symbol: interval(value) for symbol, value in values.items()})
        return result.ball


def hull(expr: sp.Expr, values: Mapping[sp.Symbol, Any], prec: int = PRECISION) -> tuple[float, float]:
    """As ``enclose``, as a pair of doubles rounded outward."""
    with precision(prec):
        (result,) = compile_tape((expr,)).run({symbol: interval(value) for symbol, value in values.items()})
        return result.floats


class Tape:
    """Expressions as a list of interval operations, shared subexpressions once."""

    __slots__ = ("_constants", "_first", "_index", "_inputs", "_outputs", "_steps")

    def __init__(self, exprs: Sequence[sp.Expr]) -> None:
        self._index: dict[sp.Basic, int] = {}
        self._inputs: list[tuple[int, sp.Symbol]] = []
        self._constants: list[tuple[int, sp.Expr]] = []
        self._steps: list[tuple[int, Callable[..., Interval], tuple[int, ...]]] = []
        self._outputs = [self._add(exprs[0])]
        self._first = len(self._steps)
        self._outputs += [self._add(expr) for expr in exprs[1:]]

    @property
    def symbols(self) -> frozenset[sp.Symbol]:
        """The symbols that need a value."""
        return frozenset(symbol for _, symbol in self._inputs)

    def _add(self, expr: sp.Basic) -> int:
        if expr in self._index:
            return self._index[expr]
        if expr.is_Symbol or expr.is_Rational or expr.func in _NUMBERS:
            place = len(self._index)
            self._index[expr] = place
            (self._inputs if expr.is_Symbol else self._constants).append((place, expr))
            return place
        operation, operands = _operation(expr)
        places = tuple(self._add(operand) for operand in operands)
        place = len(self._index)
        self._index[expr] = place
        self._steps.append((place, operation, places))
        return place

    def run(self, values: Mapping[sp.Symbol, Interval]) -> list[Interval]:
        """Enclosures of the expressions at the current precision."""
        return self.run_tame(values)[0]

    def run_tame(self, values: Mapping[sp.Symbol, Interval]) -> tuple[list[Interval], bool]:
        """Enclosures, and whether the first expression is proved free of two-sided poles.

        Only then do bounds of its derivative say anything about it: 1/x falls on both sides of 0 and is not monotone.
        Jumps need no such care: their derivative carries a DiracDelta, whose enclosure has an infinite end.
        """
        slots: list[Any] = [None] * len(self._index)
        for place, symbol in self._inputs:
            try:
                slots[place] = values[symbol]
            except KeyError:
                raise MzError(f"There is no value for {symbol}", "enclosure of an expression", "Bind it") from None
        for place, number in self._constants:
            slots[place] = _NUMBERS[number.func]() if number.func in _NUMBERS else interval(number)
        tame = True
        for k, (place, operation, operands) in enumerate(self._steps):
            found = slots[place] = operation(*(slots[j] for j in operands))
            # A pole that is met from both sides gives this very object.
            if found is WHOLE and k < self._first:
                tame = False
        return [slots[k] for k in self._outputs], tame


@lru_cache(maxsize=512)
def compile_tape(exprs: tuple[sp.Expr, ...]) -> Tape:
    """The tape of some expressions."""
    return Tape(exprs)


def _operation(expr: sp.Basic) -> tuple[Callable[..., Interval], tuple[sp.Basic, ...]]:
    if expr.is_Float:
        return (lambda: interval(sp.Rational(expr))), ()
    if isinstance(expr, sp.Pow):
        return _power(expr)
    if isinstance(expr, sp.Piecewise):
        return piecewise_operation(expr)
    operation = HEADS.get(expr.func)
    if operation is None:
        names = ", ".join(sorted(getattr(head, "__name__", str(head)) for head in HEADS))
        raise MzError(
            f"The function {expr.func.__name__} in {expr} has no enclosure",
            "enclosure of an expression",
            f"Use sums, products, powers and {names}",
        )
    return operation, expr.args


def _power(expr: sp.Pow) -> tuple[Callable[..., Interval], tuple[sp.Basic, ...]]:
    base, exponent = expr.base, expr.exp
    if exponent.is_Integer:
        k = int(exponent)
        if abs(k) > 10**6:
            raise MzError(f"The exponent {k} is too large", "enclosure of an expression", "Use exponents up to 10**6")
        return (lambda x: integer_power(x, k)), (base,)
    if exponent.is_Rational and int(exponent.q) <= 64 and abs(int(exponent.p)) <= 10**6:
        p, q = int(exponent.p), int(exponent.q)
        return (lambda x: integer_power(_root(x, q), p)), (base,)
    if base == sp.E:
        return primitives.exp, (exponent,)
    return (lambda x, y: primitives.exp(_log(x) * y)), (base, exponent)


def _root(x: Interval, q: int) -> Interval:
    if not x.defined or x.lo < 0:
        return UNDEFINED
    return increasing(lambda t: t.root(q), x, at_minus=0)


def _log(x: Interval) -> Interval:
    if not x.defined or x.lo < 0:
        return UNDEFINED
    bottom = flint.arb.neg_inf()
    return increasing(lambda t: bottom if t == 0 else t.log(), x)


def _restricted(
    point: Callable[[Arb], Arb], lo: int | None, hi: int | None, falling: bool = False
) -> Callable[[Interval], Interval]:
    """A monotone function that exists on [lo, hi] only."""

    def image(x: Interval) -> Interval:
        if not x.defined or (lo is not None and x.lo < lo) or (hi is not None and x.hi > hi):
            return UNDEFINED
        return decreasing(point, x) if falling else increasing(point, x)

    return image


def _cosh(x: Interval) -> Interval:
    return increasing(lambda t: t.cosh(), primitives.absolute(x), at_minus=1)


def _tan(x: Interval) -> Interval:
    if not (x.defined and x.finite):
        return WHOLE if x.defined else UNDEFINED
    pi = flint.arb.pi()
    first = (x.lo / pi - flint.arb(0.5)).lower().ceil().unique_fmpz()
    last = (x.hi / pi - flint.arb(0.5)).upper().floor().unique_fmpz()
    # A pole inside, or one that rounding cannot exclude.
    if first is None or last is None or first <= last:
        return WHOLE
    return increasing(lambda t: t.tan(), x)


def _sign(x: Interval) -> Interval:
    if not x.defined:
        return UNDEFINED
    return Interval(x.lo.sgn(), x.hi.sgn())


def _dirac(x: Interval, order: Interval | None = None) -> Interval:
    """Of a jump's derivative only the sign is used: nonnegative, and 0 away from the jump."""
    if not x.defined:
        return UNDEFINED
    if x.lo > 0 or x.hi < 0:
        return interval(0)
    return Interval(flint.arb(0), flint.arb.pos_inf()) if order is None else WHOLE


def _max(*xs: Interval) -> Interval:
    if not all(x.defined for x in xs):
        return UNDEFINED
    return reduce(lambda a, b: Interval(a.lo.max(b.lo), a.hi.max(b.hi)), xs)


def _min(*xs: Interval) -> Interval:
    if not all(x.defined for x in xs):
        return UNDEFINED
    return reduce(lambda a, b: Interval(a.lo.min(b.lo), a.hi.min(b.hi)), xs)


def _heads() -> dict[Any, Callable[..., Interval]]:
    heads: dict[Any, Callable[..., Interval]] = {
        row.expr: primitives.HULLS[name] for name, row in PRIMITIVES.items() if isinstance(row.expr, type)
    }
    return heads | {
        sp.Add: lambda *xs: reduce(lambda a, b: a + b, xs),
        sp.Mul: lambda *xs: reduce(lambda a, b: a * b, xs),
        sp.Max: _max,
        sp.Min: _min,
        sp.log: _log,
        sp.tan: _tan,
        sp.sinh: lambda x: increasing(lambda t: t.sinh(), x),
        sp.cosh: _cosh,
        sp.coth: lambda x: reciprocal(primitives.tanh(x)),
        sp.asin: _restricted(lambda t: t.asin(), -1, 1),
        sp.acos: _restricted(lambda t: t.acos(), -1, 1, falling=True),
        sp.asinh: lambda x: increasing(lambda t: t.asinh(), x),
        sp.acosh: _restricted(lambda t: t.acosh(), 1, None),
        sp.atanh: _restricted(lambda t: t.atanh(), -1, 1),
        sp.erfc: lambda x: decreasing(lambda t: t.erfc(), x, at_minus=2, at_plus=0),
        sp.sign: _sign,
        sp.DiracDelta: _dirac,
    }


HEADS: Mapping[Any, Callable[..., Interval]] = MappingProxyType(_heads())
"""SymPy head -> interval operation."""

_NUMBERS: Mapping[Any, Callable[[], Interval]] = MappingProxyType(
    {
        sp.core.numbers.Pi: lambda: interval(flint.arb.pi()),
        sp.core.numbers.Exp1: lambda: interval(flint.arb.const_e()),
        sp.core.numbers.EulerGamma: lambda: interval(flint.arb.const_euler()),
        sp.core.numbers.GoldenRatio: lambda: interval((1 + flint.arb(5).sqrt()) / 2),
        sp.core.numbers.Infinity: lambda: Interval(flint.arb.pos_inf(), flint.arb.pos_inf()),
        sp.core.numbers.NegativeInfinity: lambda: Interval(flint.arb.neg_inf(), flint.arb.neg_inf()),
    }
)

__all__ = ["HEADS", "ONE", "Tape", "compile_tape", "enclose", "hull"]
