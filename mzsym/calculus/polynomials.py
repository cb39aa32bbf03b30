"""Averages of polynomials by Taylor's formula and the noise moments, MATH (17)."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from mzsym.calculus.component import Coordinate
from mzsym.calculus.decompose import decompose


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


def polynomial_average(v: sp.Expr, coordinates: Sequence[Coordinate], budget: int) -> sp.Expr:
    """sum over multi-indices k of v^(k)(center)/k! * E[xi^k].

    The Taylor coefficients are read off v(c + xi) with one symbol c per centre, so no derivative is formed and shifted
    arguments such as (2c - lo - hi)/(hi - lo) stay whole.

    Raises
    ------
    TooLarge
        When more products than ``budget`` would be formed.
    """
    noises = [sp.Dummy("xi", real=True) for _ in coordinates]
    centers = [c.center if c.center.is_Atom else sp.Dummy("c", real=True) for c in coordinates]
    shifted = v.xreplace({c.symbol: m + xi for c, m, xi in zip(coordinates, centers, noises, strict=True)})
    terms = []
    for monomial, coefficient in decompose(shifted, noises, budget).items():
        moments = [c.law.moment(k) for c, k in zip(coordinates, monomial.powers, strict=True)]
        terms.append(sp.Mul(coefficient, *moments))
    back = {m: c.center for c, m in zip(coordinates, centers, strict=True)}
    return sp.Add(*terms).xreplace(back)


def polynomial_in(expr: sp.Expr, symbols: Sequence[sp.Symbol]) -> sp.Poly:
    """An expression as a polynomial in those of the symbols that occur in it.

    SymPy nests a dense polynomial as deep as it has generators: a wide state would exceed the interpreter's stack.
    """
    occurring = [symbol for symbol in symbols if symbol in expr.free_symbols]
    return sp.Poly(expr, *(occurring or symbols[:1]))
