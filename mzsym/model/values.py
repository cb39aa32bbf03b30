"""The numbers and symbols that a model accepts, checked once on the way in."""

from __future__ import annotations

import math
import numbers
import re
import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import latex_name

Number: TypeAlias = int | float | Fraction
"""What a checked value is: a float stands for the dyadic rational that it is."""

NumberLike: TypeAlias = int | float | Fraction | sp.Rational | sp.Float | np.integer | np.floating
"""What a user may write."""

MAX_DIM = 16384
"""Largest dimension of a state; beyond it nothing here would end."""

_STATE_LIKE = re.compile(r"^x\d+$")


def as_number(value: object, where: str) -> Number:
    """A finite real number, exact: int, float (the dyadic rational that it is) or Fraction.

    Raises
    ------
    MzError
        For anything else: NaN, infinities, complex numbers, booleans, strings, symbols.
    """
    number = _convert(value)
    if number is None:
        raise MzError(f"{value!r} is not a real number", where, "Give an int, a float, a Fraction or a SymPy Rational")
    if isinstance(number, float) and not math.isfinite(number):
        raise MzError(f"The value is {number!r}", where, "Give a finite number")
    if abs(Fraction(number)) > Fraction(sys.float_info.max):
        raise MzError("The value is beyond the range of float64", where, "Rescale the model")
    return number


def as_positive(value: object, what: str, where: str) -> Number:
    """A finite number > 0."""
    number = as_number(value, where)
    if not float(number) > 0:
        raise MzError(f"The {what} is {value!r}", where, f"Give a positive {what}")
    return number


def _convert(value: object) -> Number | None:
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, sp.Basic):
        return _from_sympy(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _convert(value.item())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, np.longdouble) and np.isfinite(value):
        return _reduced(Fraction(*value.as_integer_ratio()))
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, numbers.Rational):
        return _reduced(Fraction(value))
    return None


def _from_sympy(value: sp.Basic) -> Number | None:
    if isinstance(value, sp.Rational):
        return _reduced(Fraction(int(value.p), int(value.q)))
    if isinstance(value, sp.Float):
        exact = sp.Rational(value)
        as_float = float(value)
        # A Float of 53 bits is a float; one of more bits keeps them as a fraction.
        return as_float if sp.Rational(as_float) == exact else Fraction(int(exact.p), int(exact.q))
    return math.nan if value in (sp.nan, sp.oo, -sp.oo, sp.zoo) else None


def _reduced(value: Fraction) -> Number:
    return value.numerator if value.denominator == 1 else value


def exact_expr(value: Number) -> sp.Rational:
    """The number as a SymPy Rational, exactly."""
    fraction = Fraction(value)
    return sp.Rational(fraction.numerator, fraction.denominator)


def exact_values(values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, sp.Rational]:
    """Each number as a SymPy Rational, exactly."""
    return {symbol: exact_expr(value) for symbol, value in values.items()}


def number_key(value: Number) -> str:
    """Canonical text of the exact value, the same for 1, 1.0 and Fraction(1)."""
    fraction = Fraction(value)
    return f"{fraction.numerator}/{fraction.denominator}"


def exact_floats(expr: sp.Expr) -> sp.Expr:
    """The expression with every Float replaced by the dyadic rational that it is."""
    return expr.xreplace({f: sp.Rational(f) for f in expr.atoms(sp.Float)})


def real_symbol(symbol: object, where: str) -> sp.Symbol:
    """The real symbol of that name; a symbol stated without assumptions is taken as real.

    Raises
    ------
    MzError
        For what is no symbol, is not real, or has a name that mzsym gives to its own symbols.
    """
    if not isinstance(symbol, sp.Symbol):
        raise MzError(f"{symbol!r} is not a SymPy symbol", where, 'Use symbols, e.g. w = sp.symbols("w", real=True)')
    if symbol.is_real is False or symbol.is_commutative is False:
        raise MzError(f"The symbol {symbol} is not real", where, "Use real symbols")
    if latex_name(symbol) is not None:
        raise MzError(f"The name {symbol} belongs to mzsym", where, "Rename the symbol")
    return symbol if symbol.is_real else sp.Symbol(symbol.name, real=True)


def state_like(symbol: sp.Symbol) -> bool:
    """Whether the name is one that ``state`` gives (x0, x1, ...)."""
    return _STATE_LIKE.match(symbol.name) is not None


def state(dim: int) -> tuple[sp.Symbol, ...]:
    """Real symbols x0, ..., x{dim-1} for the components of a layer's state.

    Parameters
    ----------
    dim : int
        Number of components, at least 1.

    Returns
    -------
    tuple of sympy.Symbol

    Raises
    ------
    MzError
        When ``dim`` is not an integer between 1 and 16384.

    Examples
    --------
    >>> state(2)
    (x0, x1)
    """
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or not 1 <= dim <= MAX_DIM:
        raise MzError(f"The dimension is {dim!r}", "state(dim)", f"Give an integer between 1 and {MAX_DIM}")
    return tuple(sp.Symbol(f"x{i}", real=True) for i in range(int(dim)))
