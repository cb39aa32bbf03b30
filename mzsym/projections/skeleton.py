"""A kernel of finite rank as a sum: k(x, y) = sum k(x, y_a) (K^-1)_ab k(x_b, y), K_ba = k(x_b, y_a), MATH (8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from mzsym.calculus.polynomials import degree_bound, polynomial_in
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.numeric import evaluate

MAX_RANK = 40
"""Largest rank of a kernel."""

HIGHEST_DEGREE = 60
"""Degree up to which polynomial kernels are compared exactly."""

RELATIVE = 1e-10
"""Residual of the kernel, relative to its largest value, at which the elimination ends."""

Point = tuple[sp.Rational, ...]


@dataclass(frozen=True)
class Skeleton:
    """Points that carry a kernel.

    Attributes
    ----------
    left, right : tuple of points
        x_b and y_a; the same points where the kernel is symmetric.
    symmetric : bool
    trial : tuple of Expr
        k(x, y_a), functions of x.
    test : tuple of Expr
        k(x_b, y), functions of y.
    """

    left: tuple[Point, ...]
    right: tuple[Point, ...]
    symmetric: bool
    trial: tuple[sp.Expr, ...]
    test: tuple[sp.Expr, ...]

    @property
    def rank(self) -> int:
        return len(self.left)


@lru_cache(maxsize=64)
def skeleton(kernel: sp.Expr, x: tuple[sp.Symbol, ...], y: tuple[sp.Symbol, ...], where: str) -> Skeleton:
    """The skeleton of a kernel, found by elimination with the largest pivot on rational points of [-1, 1]^N.

    Raises
    ------
    MzError
        When the kernel is zero or not finite there, or its rank is too large.
    """
    candidates = _candidates(len(x))
    values = _table(kernel, x, y, candidates)
    if not np.isfinite(values).all():
        raise MzError(f"The kernel {kernel} is not finite everywhere", where, "Give a kernel that is")
    swapped = kernel.xreplace(dict(zip((*x, *y), (*y, *x), strict=True)))
    symmetric = kernel == swapped or (expandable(kernel, (*x, *y)) and is_zero_polynomial(kernel - swapped, (*x, *y)))
    rows, columns = _pivots(values, symmetric)
    if not rows or len(rows) > MAX_RANK:
        size = "zero" if not rows else f"of rank above {MAX_RANK}"
        raise MzError(f"The kernel {kernel} is {size}", where, "Give a kernel of small finite rank")
    left, right = tuple(candidates[b] for b in rows), tuple(candidates[a] for a in columns)
    found = Skeleton(
        left,
        right,
        symmetric,
        tuple(kernel.xreplace(dict(zip(y, point, strict=True))) for point in right),
        tuple(kernel.xreplace(dict(zip(x, point, strict=True))) for point in left),
    )
    _check_equal(found, kernel, x, y, where)
    return found


def expandable(kernel: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> bool:
    """Whether a kernel is a polynomial of a degree at which exact arithmetic takes no time."""
    degree = degree_bound(kernel, symbols)
    return degree is not None and degree <= HIGHEST_DEGREE


def is_zero_polynomial(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> bool:
    """Whether every coefficient is zero, roots and other constants simplified."""
    return all(sp.simplify(coefficient) == 0 for coefficient in polynomial_in(expr, symbols).coeffs())


def _candidates(dim: int) -> tuple[Point, ...]:
    """Distinct rational points of [-1, 1]^N with small denominators, spread out."""
    if dim == 1:
        return tuple((sp.Rational(k, 32),) for k in range(-32, 33))
    rng = np.random.default_rng(20240301)
    drawn = rng.integers(-16, 17, (150, dim))
    return tuple(dict.fromkeys(tuple(sp.Rational(int(k), 16) for k in row) for row in drawn))


def _table(kernel: sp.Expr, x: tuple[sp.Symbol, ...], y: tuple[sp.Symbol, ...], points: tuple[Point, ...]) -> Array:
    array = np.array([[float(value) for value in point] for point in points])
    m = len(points)
    X, Y = np.repeat(array, m, axis=0), np.tile(array, (m, 1))
    return kernel_values(kernel, x, y, X, Y).reshape(m, m)


def kernel_values(kernel: sp.Expr, x: tuple[sp.Symbol, ...], y: tuple[sp.Symbol, ...], X: Array, Y: Array) -> Array:
    """k(X_p, Y_p) for every row p, shape (points,)."""
    values = dict(zip((*x, *y), (*X.T, *Y.T), strict=True))
    return evaluate([kernel], values, len(X))[:, 0]


def _pivots(values: Array, symmetric: bool) -> tuple[list[int], list[int]]:
    """Rows and columns of the pivots, largest first; on the diagonal where the kernel is symmetric."""
    rest, largest = values.copy(), float(np.abs(values).max())
    rows: list[int] = []
    columns: list[int] = []
    while len(rows) <= MAX_RANK:
        if symmetric and np.abs(np.diag(rest)).max() > RELATIVE * largest:
            b = a = int(np.argmax(np.abs(np.diag(rest))))
        else:
            b, a = (int(k) for k in np.unravel_index(int(np.argmax(np.abs(rest))), rest.shape))
        if abs(rest[b, a]) <= RELATIVE * largest:
            break
        rows.append(b)
        columns.append(a)
        rest = rest - np.outer(rest[:, a], rest[b]) / rest[b, a]
    return rows, columns


def _check_equal(
    found: Skeleton, kernel: sp.Expr, x: tuple[sp.Symbol, ...], y: tuple[sp.Symbol, ...], where: str
) -> None:
    """The sum is the kernel: by expansion for polynomials, otherwise at points that are no candidates."""
    if expandable(kernel, (*x, *y)):
        core = sp.Matrix(
            [[test.xreplace(dict(zip(y, point, strict=True))) for point in found.right] for test in found.test]
        )
        rebuilt = (sp.Matrix([found.trial]) * core.LUsolve(sp.Matrix(found.test)))[0, 0]
        defect = 0.0 if is_zero_polynomial(rebuilt - kernel, (*x, *y)) else float("inf")
    else:
        rng = np.random.default_rng(20240302)
        X, Y = rng.uniform(-1, 1, (200, len(x))), rng.uniform(-1, 1, (200, len(x)))
        A = evaluate(found.trial, dict(zip(x, X.T, strict=True)), 200)
        B = evaluate(found.test, dict(zip(y, Y.T, strict=True)), 200)
        right = np.array([[float(value) for value in point] for point in found.right])
        K = np.stack([evaluate([t], dict(zip(y, right.T, strict=True)), len(right))[:, 0] for t in found.test])
        exact = kernel_values(kernel, x, y, X, Y)
        defect = float(np.abs((A * np.linalg.solve(K, B.T).T).sum(axis=1) - exact).max() / np.abs(exact).max())
    if not defect < 1e-7:
        raise MzError(
            f"The kernel {kernel} is not of finite rank: {found.rank} terms leave {defect:.3g} of it",
            where,
            f"Give a kernel of rank at most {MAX_RANK}",
        )
