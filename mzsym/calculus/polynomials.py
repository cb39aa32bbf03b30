"""Averages of polynomials by Taylor's formula and the noise moments, MATH (17)."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from mzsym.calculus.closed import operations
from mzsym.calculus.component import Coordinate
from mzsym.calculus.decompose import TooLarge


def degree_bound(expr: sp.Expr, symbols: Sequence[sp.Symbol]) -> int | None:
    """Upper bound of the total degree, or None for what is not a polynomial; nothing is expanded.

    Examples
    --------
    >>> y = sp.Symbol("y")
    >>> degree_bound((y**2 + 1)**5 * y - y**11, [y])
    11
    """
    if expr in symbols:
        return 1
    if not expr.has_free(*symbols):
        return 0
    if expr.is_Add or expr.is_Mul:
        degrees = []
        for arg in expr.args:
            degree = degree_bound(arg, symbols)
            if degree is None:
                return None
            degrees.append(degree)
        return max(degrees) if expr.is_Add else sum(degrees)
    if expr.is_Pow and expr.exp.is_Integer and expr.exp.is_positive:
        degree = degree_bound(expr.base, symbols)
        return None if degree is None else degree * int(expr.exp)
    return None


def polynomial_average(v: sp.Expr, coordinates: Sequence[Coordinate], max_operations: int) -> sp.Expr:
    """sum over k of v^(k)(center)/k! * E[xi^k], coordinate by coordinate.

    Raises
    ------
    TooLarge
        When an intermediate form exceeds the size.
    """
    for coordinate in coordinates:
        degree = degree_bound(v, [coordinate.symbol]) or 0
        terms, derivative = [v], v
        for k in range(1, degree + 1):
            derivative = derivative.diff(coordinate.symbol)
            if derivative.is_zero:
                break
            moment = coordinate.law.moment(k)
            if not moment.is_zero:
                terms.append(derivative * moment / sp.factorial(k))
            if operations(derivative, max_operations) > max_operations:
                raise TooLarge
        v = sp.Add(*terms)
    return v.xreplace({c.symbol: c.center for c in coordinates})
