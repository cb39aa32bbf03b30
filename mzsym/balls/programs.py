"""Expressions of real variables compiled for many evaluations at real or complex balls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import flint
import sympy as sp

from mzsym.balls.numbers import to_arb
from mzsym.core import MzError
from mzsym.core.functions import Activation

Ball = Any
"""A ``flint.arb`` or ``flint.acb``."""


def _nowhere() -> Ball:
    return flint.acb(flint.arb.nan(), flint.arb.nan())


def _complex_atan(z: Ball) -> Ball:
    # Cuts on the imaginary axis from i and -i outward.
    if z.real.contains(0) and not z.imag.abs_upper() < 1:
        return _nowhere()
    return z.atan()


_ENTIRE = ("exp", "sin", "cos", "sinh", "cosh", "tan", "tanh", "coth", "erf", "erfc")

_REAL: MappingProxyType[Any, Callable[[Ball], Ball]] = MappingProxyType(
    {getattr(sp, name): (lambda z, name=name: getattr(z, name)()) for name in _ENTIRE}
    | {sp.log: lambda z: z.log(), sp.atan: lambda z: z.atan(), sp.asinh: lambda z: z.asinh()}
)

_COMPLEX: MappingProxyType[Any, Callable[[Ball], Ball]] = MappingProxyType(
    {head: point for head, point in _REAL.items() if head not in (sp.log, sp.atan, sp.asinh)}
    | {
        sp.log: lambda z: z.log(analytic=True),
        sp.atan: _complex_atan,
        sp.asinh: lambda z: (z + (z * z + 1).sqrt(analytic=True)).log(analytic=True),
    }
)
"""Not finite unless analytic on the ball; ``tan``, ``tanh`` and ``coth`` are not finite at their poles."""

KNOWN = frozenset(_COMPLEX)


class Program:
    """Expressions in a few symbols as a list of ball operations, shared subexpressions once.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
        Sums, products, powers and the functions in ``KNOWN``; numbers are taken at the precision of this moment.
    symbols : sympy.Symbol or sequence of them
        The arguments, in their order.
    complex_ : bool
        Whether for ``acb`` arguments: then a value is finite only where the expression is analytic on the ball.

    Raises
    ------
    MzError
        For another function.
    """

    __slots__ = ("_constants", "_index", "_inputs", "_outputs", "_size", "_steps", "complex_")

    def __init__(
        self, exprs: Sequence[sp.Expr], symbols: sp.Symbol | Sequence[sp.Symbol], complex_: bool = False
    ) -> None:
        self.complex_ = complex_
        inputs = (symbols,) if isinstance(symbols, sp.Symbol) else tuple(symbols)
        self._inputs = len(inputs)
        self._index: dict[sp.Basic, int] = {symbol: place for place, symbol in enumerate(inputs)}
        self._constants: list[tuple[int, Ball]] = []
        self._steps: list[tuple[int, Callable[..., Ball], tuple[int, ...]]] = []
        self._outputs = [self._add(expr) for expr in exprs]
        self._fold_constants()
        self._size = len(self._index)

    def __call__(self, *arguments: Ball) -> list[Ball]:
        """Balls around the values of the expressions on balls, one for each symbol."""
        slots: list[Any] = [None] * self._size
        slots[: self._inputs] = arguments
        for place, number in self._constants:
            slots[place] = number
        for place, operation, operands in self._steps:
            if len(operands) == 2:
                slots[place] = operation(slots[operands[0]], slots[operands[1]])
            else:
                slots[place] = operation(slots[operands[0]])
        return [slots[place] for place in self._outputs]

    def _fold_constants(self) -> None:
        """Take the steps that depend on no symbol, once and for all."""
        known = dict(self._constants)
        steps = []
        for place, operation, operands in self._steps:
            if all(operand in known for operand in operands):
                known[place] = operation(*(known[operand] for operand in operands))
            else:
                steps.append((place, operation, operands))
        used = {operand for _, _, operands in steps for operand in operands} | set(self._outputs)
        self._steps = steps
        self._constants = [(place, number) for place, number in known.items() if place in used]

    def _place(self, expr: sp.Basic) -> int:
        place = len(self._index)
        self._index[expr] = place
        return place

    def _add(self, expr: sp.Basic) -> int:
        if expr in self._index:
            return self._index[expr]
        if expr.is_Rational or expr in (sp.pi, sp.E):
            number = flint.arb.pi() if expr is sp.pi else flint.arb.const_e() if expr is sp.E else to_arb(expr)
            place = self._place(expr)
            self._constants.append((place, flint.acb(number) if self.complex_ else number))
            return place
        if expr.is_Float:
            return self._add(sp.Rational(expr))
        if expr.is_Add or expr.is_Mul:
            return self._fold(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        if isinstance(expr, Activation):
            return self._add(expr.elementary(*expr.args))
        head = (_COMPLEX if self.complex_ else _REAL).get(expr.func)
        if head is None:
            raise MzError(
                f"{expr.func.__name__} is not analytic, or not known to be", "balls.programs", "Bound it otherwise"
            )
        return self._step(expr, head, self._add(expr.args[0]))

    def _step(self, expr: sp.Basic, operation: Callable[..., Ball], *operands: int) -> int:
        place = self._place(expr)
        self._steps.append((place, operation, operands))
        return place

    def _fold(self, expr: sp.Basic) -> int:
        operation = _plus if expr.is_Add else _times
        found = self._add(expr.args[0])
        for k, arg in enumerate(expr.args[1:], 2):
            partial_expr = expr if k == len(expr.args) else sp.Dummy()
            found = self._step(partial_expr, operation, found, self._add(arg))
        return found

    def _power(self, expr: sp.Pow) -> int:
        base, exponent = expr.args
        if base is sp.E:
            return self._step(expr, _exp, self._add(exponent))
        if exponent.is_Integer and abs(int(exponent)) <= 10**6:
            return self._step(expr, partial(_whole_power, int(exponent)), self._add(base))
        if exponent == sp.S.Half:
            return self._step(expr, _complex_sqrt if self.complex_ else _sqrt, self._add(base))
        operation = _complex_power if self.complex_ else _real_power
        return self._step(expr, operation, self._add(base), self._add(exponent))


def _plus(x: Ball, y: Ball) -> Ball:
    return x + y


def _times(x: Ball, y: Ball) -> Ball:
    return x * y


def _exp(x: Ball) -> Ball:
    return x.exp()


def _whole_power(k: int, x: Ball) -> Ball:
    """By products: python-flint gives no power of a real ball around 0."""
    if k < 0:
        return 1 / _whole_power(-k, x)
    result, square = None, x
    while k:
        if k % 2:
            result = square if result is None else result * square
        k //= 2
        if k:
            square = square * square
    return x * 0 + 1 if result is None else result


def _sqrt(x: Ball) -> Ball:
    return x.sqrt()


def _complex_sqrt(x: Ball) -> Ball:
    return x.sqrt(analytic=True)


def _real_power(x: Ball, y: Ball) -> Ball:
    return x**y


def _complex_power(x: Ball, y: Ball) -> Ball:
    return x.pow(y, analytic=True)
