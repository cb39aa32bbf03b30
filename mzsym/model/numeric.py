"""SymPy expressions at float64 arrays: a tree walk over the primitive table, for ``forward`` and ``sample``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.primitives import PRIMITIVES


def _heads() -> dict[Any, Callable[..., Any]]:
    heads: dict[Any, Callable[..., Any]] = {
        row.expr: row.numpy for row in PRIMITIVES.values() if isinstance(row.expr, type)
    }
    heads |= {
        sp.Add: lambda *a: reduce(operator.add, a),
        sp.Mul: lambda *a: reduce(operator.mul, a),
        sp.Max: lambda *a: reduce(np.maximum, a),
        sp.Min: lambda *a: reduce(np.minimum, a),
        sp.log: np.log,
        sp.tan: np.tan,
        sp.sinh: np.sinh,
        sp.cosh: np.cosh,
        sp.coth: lambda z: 1 / np.tanh(z),
        sp.asin: np.arcsin,
        sp.acos: np.arccos,
        sp.asinh: np.arcsinh,
        sp.acosh: np.arccosh,
        sp.atanh: np.arctanh,
        sp.erfc: special.erfc,
        sp.sign: np.sign,
    }
    return heads


HEADS: Mapping[Any, Callable[..., Any]] = MappingProxyType(_heads())
"""SymPy head -> numpy function: what a map may be made of."""


def evaluate(exprs: Sequence[sp.Expr], values: Mapping[sp.Symbol, Any], points: int) -> Array:
    """Values of expressions at arrays.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
    values : mapping
        Symbol -> number or array of shape (points,).
    points : int

    Returns
    -------
    array of shape (points, len(exprs))

    Raises
    ------
    MzError
        Naming symbols that have no value.
    """
    missing = set().union(*(_free_symbols(expr) for expr in exprs)) - set(values) if exprs else set()
    if missing:
        names = ", ".join(sorted(symbol.name for symbol in missing))
        raise MzError(f"There is no value for {names}", "evaluation of the network", "Bind it with with_params")
    memo: dict[sp.Basic, Any] = {symbol: _as_float(value) for symbol, value in values.items()}
    out = np.empty((points, len(exprs)))
    # Overflow to inf and loss of tiny values are what float64 does; the caller sees them in the result.
    with np.errstate(all="ignore"):
        for j, expr in enumerate(exprs):
            out[:, j] = _walk(expr, memo)
    return out


@lru_cache(maxsize=1024)
def _free_symbols(expr: sp.Expr) -> frozenset[sp.Symbol]:
    """Looked for once: one expression is evaluated for many values of its parameters."""
    return frozenset(expr.free_symbols)


def _as_float(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else float(value)


def _walk(expr: sp.Basic, memo: dict[sp.Basic, Any]) -> Any:
    if expr in memo:
        return memo[expr]
    if expr.is_number:
        value: Any = float(expr)
    elif isinstance(expr, sp.Pow):
        value = _power(_walk(expr.base, memo), expr.exp, memo)
    elif isinstance(expr, sp.Piecewise):
        value = _piecewise(expr, memo)
    else:
        head = HEADS.get(expr.func)
        if head is None:
            raise unknown_head(expr)
        value = head(*(_walk(arg, memo) for arg in expr.args))
    memo[expr] = value
    return value


def _piecewise(expr: sp.Piecewise, memo: dict[sp.Basic, Any]) -> Any:
    """The first branch that holds; NaN where none does."""
    conditions = [_holds(condition, memo) for _, condition in expr.args]
    values = [_walk(value, memo) for value, _ in expr.args]
    shape = np.broadcast_shapes(*(np.shape(part) for part in (*conditions, *values)))
    return np.select(
        [np.broadcast_to(condition, shape) for condition in conditions],
        [np.broadcast_to(value, shape) for value in values],
        default=np.nan,
    )


def _holds(condition: sp.Basic, memo: dict[sp.Basic, Any]) -> Any:
    if condition in (sp.true, sp.false):
        return condition is sp.true
    if isinstance(condition, (sp.And, sp.Or)):
        join = np.logical_and if isinstance(condition, sp.And) else np.logical_or
        return reduce(join, (_holds(arg, memo) for arg in condition.args))
    if isinstance(condition, sp.Not):
        return np.logical_not(_holds(condition.args[0], memo))
    left, right = (_walk(side, memo) for side in condition.args)
    return COMPARISONS[condition.func](left, right)


COMPARISONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        sp.StrictLessThan: np.less,
        sp.LessThan: np.less_equal,
        sp.StrictGreaterThan: np.greater,
        sp.GreaterThan: np.greater_equal,
    }
)
"""Comparisons that a case distinction may use."""

CONDITIONAL = (*COMPARISONS, sp.And, sp.Or, sp.Not, sp.Piecewise, sp.functions.elementary.piecewise.ExprCondPair)
"""What case distinctions are made of: densities may hold them, maps may not."""


def _power(base: Any, exponent: sp.Expr, memo: dict[sp.Basic, Any]) -> Any:
    if exponent.is_Integer and abs(int(exponent)) <= 64:
        return np.power(base, float(int(exponent)))
    if exponent == sp.S.Half:
        return np.sqrt(base)
    if exponent == -sp.S.Half:
        return 1 / np.sqrt(base)
    return np.power(base, _walk(exponent, memo))


def unknown_head(expr: sp.Basic) -> MzError:
    """The error for a function that no table has."""
    names = sorted({getattr(head, "__name__", str(head)) for head in HEADS})
    return MzError(
        f"The function {expr.func.__name__} in {expr} is not known to mzsym",
        "expression of a layer or observable",
        "Use sums, products, powers and " + ", ".join(names),
    )
