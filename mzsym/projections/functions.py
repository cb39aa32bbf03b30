"""Functions of a state that a user states: checked, counted, and compared by exact linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from mzsym.calculus.decompose import TooLarge, decompose
from mzsym.core import MzError
from mzsym.model.statements import checked_expr
from mzsym.model.values import state, state_like


def checked_functions(exprs: Sequence[Any], where: str) -> tuple[sp.Expr, ...]:
    """Functions of ``mz.state(N)`` for some N, with exact numbers and no other symbols.

    Raises
    ------
    MzError
        Naming the function and what is wrong with it.
    """
    if not isinstance(exprs, (list, tuple)) or not exprs:
        raise MzError(f"{exprs!r} is no list of functions", where, "Give a list of SymPy expressions in mz.state(N)")
    checked = []
    for k, expr in enumerate(exprs):
        place = f"{where}, function {k}"
        try:
            dim = dimension_of([sp.sympify(expr, strict=True)])
        except sp.SympifyError:
            raise MzError(f"{expr!r} is no expression", place, "Give a SymPy expression") from None
        symbols = state(max(dim, 1))
        function = checked_expr(expr, symbols, place)
        others = sorted(symbol.name for symbol in function.free_symbols - set(symbols))
        if others:
            raise MzError(
                f"The function {function} depends on {', '.join(others)}", place, "Use the symbols of mz.state(N) only"
            )
        checked.append(function)
    return tuple(checked)


def dimension_of(exprs: Sequence[sp.Basic]) -> int:
    """Smallest N such that all symbols named x0, x1, ... belong to ``mz.state(N)``."""
    found = [int(s.name[1:]) for expr in exprs for s in expr.free_symbols if state_like(s)]
    return max(found, default=-1) + 1


BUDGET = 20_000
"""Products that may be formed to compare functions; a function that needs more is compared as a whole."""


def coordinates(exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]) -> sp.Matrix:
    """Expressions as constant combinations of distinct monomials and functions: a column each, a row per product."""
    columns: list[dict[Any, sp.Expr]] = []
    for expr in exprs:
        try:
            columns.append(dict(decompose(expr, symbols, BUDGET)))
        except TooLarge:
            columns.append({expr: sp.S.One})
    products = dict.fromkeys(product for column in columns for product in column)
    return sp.Matrix([[column.get(product, sp.S.Zero) for column in columns] for product in products])


def combination(target: sp.Expr, exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...] | None:
    """Constants c with target = sum c_k exprs_k, proved by exact elimination; None where that finds none.

    Examples
    --------
    >>> x = sp.Symbol("x0", real=True)
    >>> combination((x + 1)**2, [sp.S.One, x, x**2], [x])
    (1, 2, 1)
    """
    if target.is_zero:
        return (sp.S.Zero,) * len(exprs)
    if not exprs:
        return None
    reduced, pivots = coordinates([*exprs, target], symbols).rref()
    if len(exprs) in pivots:
        return None
    found = [sp.S.Zero] * len(exprs)
    for row, column in enumerate(pivots):
        found[column] = reduced[row, len(exprs)]
    return tuple(found)


def dependence(exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]) -> tuple[int, tuple[sp.Expr, ...]] | None:
    """The first function that is a combination of those before it, with the constants; None where none is found."""
    reduced, pivots = coordinates(exprs, symbols).rref()
    for k in range(len(exprs)):
        if k not in pivots:
            found = [sp.S.Zero] * k
            for row, column in enumerate(pivots):
                if column < k:
                    found[column] = reduced[row, k]
            return k, tuple(found)
    return None


def written(constants: Sequence[Any], exprs: Sequence[sp.Expr]) -> str:
    """A combination as text."""
    terms = [f"({c})*({expr})" for c, expr in zip(constants, exprs, strict=True) if c != 0]
    return " + ".join(terms) or "0"
