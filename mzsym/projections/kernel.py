"""Projections stated by a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import sympy as sp

from mzsym.calculus.polynomials import polynomial_in
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_expr
from mzsym.model.values import real_symbol, state
from mzsym.projections.abstract import FiniteRank
from mzsym.projections.functions import combination
from mzsym.projections.idempotence import check_idempotent, check_idempotent_on
from mzsym.projections.indices import graded_indices
from mzsym.projections.measures import BOX_MEASURES, Measure
from mzsym.projections.skeleton import Skeleton, skeleton

if TYPE_CHECKING:
    from mzsym.model import Box, Network

Symbols = tuple[sp.Symbol, ...]


@final
@dataclass(frozen=True)
class Kernel(FiniteRank):
    """P f(x) = integral of k(x, y) f(y) dmu(y), where k composed with itself is k. MATH (8).

    In the measures "uniform" and "lebesgue" x and y are the normalized coordinates t in [-1, 1]^N of the box and mu is
    taken with mass 1, so that one kernel serves every layer; in the other measures they are the coordinates of the
    state. The kernel has finite rank: it is written exactly as sum k(x, y_a) (K^-1)_ab k(x_b, y), K_ba = k(x_b, y_a),
    at points found by elimination. A symmetric kernel projects orthogonally, and its terms refer to the functions
    k(x, y_a) orthonormalised; for any other they are the trial and test functions of an oblique pair.

    k∘k = k is checked: exactly for polynomial kernels in the measures "uniform", "lebesgue" and "gaussian", otherwise
    by Gauss quadrature, and in the law of the state by 4096 samples.

    Parameters
    ----------
    expr : sympy.Expr
        k, in the symbols x and y.
    x, y : sympy.Symbol, or sequences of N of them
    measure : {"uniform", "lebesgue", "gaussian", "law"} or sympy.Expr

    Raises
    ------
    MzError
        For a kernel that depends on other symbols, is not of finite rank, or is not idempotent, with the defect.

    Examples
    --------
    >>> s, t = sp.symbols("s t", real=True)
    >>> Kernel(1 + 3*s*t, s, t).size(1)
    2
    """

    expr: Any
    x: Any
    y: Any
    measure: Measure = "uniform"
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue", "gaussian", "law", "weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        x, y = _symbols(self.x, "Kernel(x)"), _symbols(self.y, "Kernel(y)")
        if len(x) != len(y) or set(x) & set(y):
            raise MzError(f"The symbols are {x} and {y}", "Kernel(x, y)", "Give as many symbols y as x, all distinct")
        stated = self.expr
        if isinstance(stated, sp.Expr):
            named = {symbol.name: symbol for symbol in (*x, *y)}
            stated = stated.xreplace({s: named[s.name] for s in stated.free_symbols if s.name in named})
        expr = checked_expr(stated, (*x, *y), "Kernel(expr)")
        others = sorted(symbol.name for symbol in expr.free_symbols - set(x) - set(y))
        if others:
            raise MzError(f"The kernel depends on {', '.join(others)}", "Kernel(expr)", "Use the symbols x and y only")
        for name, value in (("expr", expr), ("x", x), ("y", y)):
            object.__setattr__(self, name, value)
        _ = self.skeleton
        if self.measure in (*BOX_MEASURES, "gaussian"):
            check_idempotent(expr, x, y, self.measure == "gaussian")

    @property
    def skeleton(self) -> Skeleton:
        """Points and functions that carry the kernel."""
        return skeleton(self.expr, self.x, self.y, "Kernel(expr)")

    @property
    def orthogonal(self) -> bool:
        return self.skeleton.symmetric and self.skeleton.left == self.skeleton.right

    @property
    def normalized(self) -> bool:
        return False

    @property
    def keeps_constants(self) -> bool:
        return self.resolves(sp.S.One, len(self.x))

    @property
    def _normal(self) -> bool:
        return self.measure in BOX_MEASURES

    def size(self, dim: int) -> int:
        self._check_dimension(dim, "Kernel")
        return self.skeleton.rank

    def basis_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        return self._exprs(self.skeleton.trial, self.x, n, dim)

    def test_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        if self.orthogonal:
            return self.basis_exprs(n, dim, boxed)
        return self._exprs(self.skeleton.test, self.y, n, dim)

    def evaluate(self, X: Array, box: Box | None) -> Array:
        """Values of k(x, y_a) at X, shape (points, dim) -> (points, rank)."""
        return self._values(self.skeleton.trial, self.x, X, box)

    def test_values(self, X: Array, box: Box | None) -> Array:
        """Values of k(x_b, y) at y = X, shape (points, dim) -> (points, rank)."""
        return self.evaluate(X, box) if self.orthogonal else self._values(self.skeleton.test, self.y, X, box)

    def degree_of(self, j: int, dim: int) -> int | None:
        function = self.skeleton.trial[j]
        polynomial = function.is_polynomial(*self.x)
        return int(max(0, polynomial_in(function, self.x).total_degree())) if polynomial else None

    def resolves(self, expr: sp.Expr, dim: int) -> bool:
        if not self._normal:
            return super().resolves(expr, dim)
        # In normalized coordinates the span depends on the box, except for all polynomials of a degree.
        symbols = state(dim)
        if not expr.is_polynomial(*symbols):
            return False
        degree = polynomial_in(expr, symbols).total_degree()
        if degree > 0 and self.size(dim) < comb(degree + dim, dim):
            return False
        monomials = (
            sp.Mul(*(t**k for t, k in zip(self.x, a, strict=True))) for a in graded_indices(max(degree, 0), dim)
        )
        return all(combination(monomial, self.skeleton.trial, self.x) is not None for monomial in monomials)

    def describe(self) -> str:
        return f"the kernel {self.expr} of rank {self.skeleton.rank}"

    def check(self, net: Network) -> None:
        super().check(net)
        for n, dim in enumerate(net.dims):
            self._check_dimension(dim, f"layer {n}")
        if self.measure not in (*BOX_MEASURES, "gaussian") and not net.free_symbols:
            for n in range(net.depth + 1):
                check_idempotent_on(self, net, n)

    def _check_dimension(self, dim: int, where: str) -> None:
        if dim != len(self.x):
            raise MzError(
                f"The kernel is stated for dimension {len(self.x)}, and the state has {dim}",
                where,
                "State it for the dimension that all layers have",
            )

    def _exprs(self, functions: tuple[sp.Expr, ...], names: Symbols, n: int, dim: int) -> tuple[sp.Expr, ...]:
        values: dict[sp.Symbol, sp.Expr] = {}
        for i, symbol in enumerate(names):
            x, lo, hi = state_symbol(n, i), lower_symbol(n, i), upper_symbol(n, i)
            values[symbol] = (2 * x - lo - hi) / (hi - lo) if self._normal else x
        return tuple(function.xreplace(values) for function in functions)

    def _values(self, functions: tuple[sp.Expr, ...], names: Symbols, X: Array, box: Box | None) -> Array:
        if self._normal and box is not None:
            lower, upper = np.asarray(box.lower), np.asarray(box.upper)
            X = ((X - lower) - (upper - X)) / (upper - lower)
        return evaluate(functions, dict(zip(names, X.T, strict=True)), len(X))


def _symbols(stated: object, where: str) -> Symbols:
    listed = tuple(stated) if isinstance(stated, Sequence) else (stated,)
    symbols = tuple(real_symbol(symbol, where) for symbol in listed)
    if not symbols or len(set(symbols)) < len(symbols):
        raise MzError(f"{stated!r} is no list of distinct symbols", where, 'Write sp.symbols("t0:2", real=True)')
    return symbols
