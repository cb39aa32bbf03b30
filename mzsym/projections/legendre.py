"""Orthonormal Legendre polynomials up to a total degree, on the box of each layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, final

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.projections.abstract import AbstractProjection, require_degree
from mzsym.projections.indices import MonomialTable, graded_indices
from mzsym.projections.measures import Measure, basis_scale

if TYPE_CHECKING:
    from mzsym.model import Box


@final
@dataclass(frozen=True)
class Legendre(AbstractProjection):
    """Projection on polynomials of total degree <= ``degree``, MATH (6).

    Exact: the basis, in the box's end symbols. Rounded: ``evaluate``, to a few units in the last place.

    Parameters
    ----------
    degree : int
        Largest total degree, between 0 and 1000.
    measure : {"uniform", "lebesgue"}
        Measure on the box of each layer.

    Raises
    ------
    MzError
        For another degree or measure.

    Examples
    --------
    >>> Legendre(2).size(2)
    6
    >>> Legendre(1).basis_exprs(0, 1)[0]
    1
    """

    degree: int
    measure: Measure = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_degree(self.degree, "Legendre(degree)")

    def multi_indices(self, dim: int) -> tuple[tuple[int, ...], ...]:
        return graded_indices(self.degree, dim)

    def size(self, dim: int) -> int:
        return comb(self.degree + dim, dim)

    def degree_of(self, j: int, dim: int) -> int:
        # Without listing the basis: the functions of degree < k are the first comb(k - 1 + dim, dim).
        return next(k for k in range(self.degree + 1) if j < comb(k + dim, dim))

    def contains_polynomial(self, degree: int) -> bool:
        return degree <= self.degree

    def monomial_coefficients(self, dim: int) -> MonomialTable:
        return _monomials(self.degree, dim)

    def basis_exprs(self, n: int, dim: int) -> tuple[sp.Expr, ...]:
        return _basis_exprs(self.degree, self.measure, n, dim)

    def evaluate(self, X: Array, box: Box) -> Array:
        """Values of the basis.

        Parameters
        ----------
        X : array of shape (points, dim)
        box : Box

        Returns
        -------
        array of shape (points, d)
        """
        lower, upper = np.asarray(box.lower, dtype=np.float64), np.asarray(box.upper, dtype=np.float64)
        # (x - lo) - (hi - x), not 2x - lo - hi: exact near both ends.
        T = ((X - lower) - (upper - X)) / (upper - lower)
        table = normalized_legendre(T, self.degree)
        out = np.ones((X.shape[0], self.size(X.shape[1])))
        for j, index in enumerate(self.multi_indices(X.shape[1])):
            for i, k in enumerate(index):
                if k:
                    out[:, j] *= table[:, i, k]
        if self.measure == "lebesgue":
            out /= np.sqrt(np.prod(upper - lower))
        return out

    def describe(self) -> str:
        return f"Legendre polynomials of total degree <= {self.degree}"


def normalized_legendre(T: Array, degree: int) -> Array:
    """sqrt(2k+1) P_k(t) for k = 0..degree by the three-term recurrence; shape (..., degree + 1)."""
    table = np.ones((*T.shape, degree + 1))
    if degree:
        table[..., 1] = T
    for k in range(1, degree):
        table[..., k + 1] = ((2 * k + 1) * T * table[..., k] - k * table[..., k - 1]) / (k + 1)
    return np.asarray(table * np.sqrt(2.0 * np.arange(degree + 1) + 1.0))


@lru_cache(maxsize=256)
def _basis_exprs(degree: int, measure: Measure, n: int, dim: int) -> tuple[sp.Expr, ...]:
    t = sp.Symbol("t")
    factors: list[list[sp.Expr]] = []
    for i in range(dim):
        x, lo, hi = state_symbol(n, i), lower_symbol(n, i), upper_symbol(n, i)
        mapped = (2 * x - lo - hi) / (hi - lo)
        factors.append([sp.sqrt(2 * k + 1) * sp.legendre_poly(k, t).subs(t, mapped) for k in range(degree + 1)])
    scale = basis_scale(measure, n, dim)
    return tuple(scale * sp.Mul(*(factors[i][k] for i, k in enumerate(index))) for index in graded_indices(degree, dim))


@lru_cache(maxsize=64)
def _monomials(degree: int, dim: int) -> MonomialTable:
    t = sp.Symbol("t")
    single = [sp.Poly(sp.legendre_poly(k, t), t).terms() for k in range(degree + 1)]
    rows = []
    for index in graded_indices(degree, dim):
        norm = sp.sqrt(sp.prod(2 * k + 1 for k in index))
        terms: list[tuple[tuple[int, ...], sp.Expr]] = [((), norm)]
        for k in index:
            terms = [((*alpha, a[0]), c * number) for alpha, c in terms for a, number in single[k]]
        rows.append(tuple(terms))
    return tuple(rows)
