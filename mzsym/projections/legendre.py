"""Orthonormal Legendre polynomials up to a total degree, on the box of each layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.projections.indices import MonomialTable, graded_indices
from mzsym.projections.measures import Measure, basis_scale
from mzsym.projections.polynomials import (
    TotalDegree,
    hermite_exprs,
    hermite_values,
    monomials_of,
    products_of,
    require_degree,
)

if TYPE_CHECKING:
    from mzsym.model import Box


@final
@dataclass(frozen=True)
class Legendre(TotalDegree):
    """Projection on polynomials of total degree <= ``degree``, MATH (6).

    In the measures "uniform" and "lebesgue" the basis is orthonormal as it stands. In the law of the state or a weight
    of the user's the same polynomials are orthonormalised, in their order; where the state has no box, Hermite
    polynomials take the place of the Legendre polynomials before that (the span of every degree is the same).

    Exact: the basis, in the box's end symbols. Rounded: ``evaluate``, to a few units in the last place.

    Parameters
    ----------
    degree : int
        Largest total degree, between 0 and 1000.
    measure : {"uniform", "lebesgue", "law"} or sympy.Expr
        Measure on the box of each layer, or the law of its state, or a weight in ``mz.state(N)``.

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
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue", "law", "weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_degree(self.degree, "Legendre(degree)")

    @property
    def top(self) -> int:
        return self.degree

    def monomial_coefficients(self, dim: int) -> MonomialTable:
        return monomials_of(self.degree, dim, "legendre")

    def basis_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        if not boxed:
            return hermite_exprs(self.degree, n, dim)
        return _basis_exprs(self.degree, self.measure == "lebesgue", n, dim)

    def evaluate(self, X: Array, box: Box | None) -> Array:
        """Values of the basis.

        Parameters
        ----------
        X : array of shape (points, dim)
        box : Box or None

        Returns
        -------
        array of shape (points, d)
        """
        if box is None:
            return hermite_values(X, self.degree)
        lower, upper = np.asarray(box.lower, dtype=np.float64), np.asarray(box.upper, dtype=np.float64)
        # (x - lo) - (hi - x), not 2x - lo - hi: exact near both ends.
        T = ((X - lower) - (upper - X)) / (upper - lower)
        out = products_of(normalized_legendre(T, self.degree), self.multi_indices(X.shape[1]))
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
def _basis_exprs(degree: int, lebesgue: bool, n: int, dim: int) -> tuple[sp.Expr, ...]:
    t = sp.Symbol("t")
    factors: list[list[sp.Expr]] = []
    for i in range(dim):
        x, lo, hi = state_symbol(n, i), lower_symbol(n, i), upper_symbol(n, i)
        mapped = (2 * x - lo - hi) / (hi - lo)
        factors.append([sp.sqrt(2 * k + 1) * sp.legendre_poly(k, t).subs(t, mapped) for k in range(degree + 1)])
    scale = basis_scale("lebesgue" if lebesgue else "uniform", n, dim)
    return tuple(scale * sp.Mul(*(factors[i][k] for i, k in enumerate(index))) for index in graded_indices(degree, dim))
