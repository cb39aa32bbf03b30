"""Exact Gram-Schmidt: the matrix S that turns trial functions into the basis that the terms refer to, MATH (6)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import lower_symbol, upper_symbol

MOST_NUMBERS = 12
"""Size up to which a Gram matrix of plain numbers is inverted in exact arithmetic."""

MOST_RATIONAL = 4
"""The same for rational functions of symbols, and 2 for everything else without integrals."""


@lru_cache(maxsize=256)
def exact_normaliser(gram: sp.ImmutableMatrix, orthogonal: bool, where: str) -> sp.ImmutableMatrix | None:
    """S with S G S^T = I (lower triangular, Gram-Schmidt in order) or, for an oblique pair, S = G^-1.

    Parameters
    ----------
    gram : ImmutableMatrix
        G_jk = <psi_j, phi_k>.
    orthogonal : bool
    where : str
        The layer, for errors.

    Returns
    -------
    ImmutableMatrix or None
        None where it would be too long to be written out.

    Raises
    ------
    MzError
        When a pivot is exactly zero: the functions are dependent, or the pair is singular.

    Examples
    --------
    >>> exact_normaliser(sp.ImmutableMatrix([[1, 0], [0, sp.Rational(1, 3)]]), True, "layer 0")
    Matrix([
    [1,       0],
    [0, sqrt(3)]])
    """
    plain = all(not entry.has(sp.Integral) for entry in gram)
    numbers = plain and all(not entry.free_symbols for entry in gram)
    rational = plain and all(entry.is_rational_function(*entry.free_symbols) for entry in gram)
    most = MOST_NUMBERS if numbers else MOST_RATIONAL if rational else 2 if plain else 0
    if gram.rows > most:
        return None
    simplify = sp.factor if rational else sp.radsimp if numbers else (lambda expr: expr)
    lower, pivots = _eliminated(gram, orthogonal, simplify, where)
    if orthogonal:
        roots = [1 / _root(pivot, gram) for pivot in pivots]
        return sp.ImmutableMatrix(sp.diag(*roots) * lower)
    return sp.ImmutableMatrix(lower)


def _eliminated(
    gram: sp.ImmutableMatrix, orthogonal: bool, simplify: Any, where: str
) -> tuple[sp.Matrix, list[sp.Expr]]:
    """(B, pivots): unit lower triangular B with B G B^T diagonal; for an oblique pair G^-1 itself and no pivots."""
    d = gram.rows
    if not orthogonal:
        determinant = simplify(gram.det(method="berkowitz"))
        if determinant.is_zero or (not determinant.free_symbols and abs(sp.N(determinant, 30)) < 1e-25):
            raise singular(where, orthogonal)
        return (gram.adjugate() / determinant).applyfunc(simplify), []
    work, b, pivots = sp.Matrix(gram), sp.eye(d), []
    for k in range(d):
        pivot = simplify(work[k, k])
        if pivot.is_zero or (not pivot.free_symbols and not sp.N(pivot, 30) > 1e-25):
            raise singular(where, orthogonal)
        pivots.append(pivot)
        for i in range(k + 1, d):
            factor = simplify(work[i, k] / pivot)
            b[i, :] = (b[i, :] - factor * b[k, :]).applyfunc(simplify)
            for j in range(k + 1, d):
                work[i, j] = simplify(work[i, j] - factor * work[k, j])
    return b, pivots


def _root(pivot: sp.Expr, gram: sp.ImmutableMatrix) -> sp.Expr:
    """sqrt of a pivot; the widths of boxes are positive."""
    there: dict[sp.Symbol, sp.Expr] = {}
    back: dict[sp.Symbol, sp.Expr] = {}
    for lo in (s for s in gram.free_symbols if s.name.startswith("lo[")):
        n, i = (int(part) for part in lo.name[3:-1].split(","))
        width = sp.Dummy("width", positive=True)
        there[upper_symbol(n, i)] = lower_symbol(n, i) + width
        back[width] = upper_symbol(n, i) - lower_symbol(n, i)
    if not there:
        return sp.sqrt(pivot)
    return sp.sqrt(sp.factor(pivot.xreplace(there))).xreplace(back)


def singular(where: str, orthogonal: bool) -> MzError:
    """The error for a Gram matrix that cannot be inverted."""
    if orthogonal:
        return MzError(
            "The functions are linearly dependent in the measure: their Gram matrix is singular", where, "Leave one out"
        )
    return MzError(
        "The Gram matrix of test and trial functions is singular",
        where,
        "Choose test functions that tell the functions apart",
    )


def numeric_normaliser(gram: Any, orthogonal: bool, where: str) -> Any:
    """The same S for an mpmath matrix.

    Raises
    ------
    MzError
        When G is singular to the working precision.
    """
    d = gram.rows
    if not orthogonal:
        try:
            return mp.inverse(gram)
        except ZeroDivisionError:
            raise singular(where, orthogonal) from None
    lower = mp.matrix(d, d)
    for i in range(d):
        for j in range(i + 1):
            rest = gram[i, j] - mp.fsum(lower[i, k] * lower[j, k] for k in range(j))
            if i == j:
                if not rest > mp.mpf(10) ** (5 - mp.mp.dps) * gram[i, i]:
                    raise singular(where, orthogonal)
                lower[i, i] = mp.sqrt(rest)
            else:
                lower[i, j] = rest / lower[j, j]
    return mp.inverse(lower)
