"""All polynomials up to a total degree: what Legendre, Hermite and the mean share."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import sympy as sp

from mzsym.calculus.polynomials import polynomial_in
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.values import state
from mzsym.projections.abstract import AbstractProjection, FiniteRank
from mzsym.projections.indices import MonomialTable, graded_indices
from mzsym.projections.measures import basis_scale, volume_factor

if TYPE_CHECKING:
    from mzsym.model import Box


class TotalDegree(FiniteRank):
    """Projection on the polynomials of total degree <= d, on a basis in graded order, first variable leading.

    Laws, besides those of :class:`FiniteRank`: ``multi_indices`` gives the exponents of the leading monomial of each
    trial function, and every polynomial of degree <= d lies in range P, constants among them.
    """

    letter: ClassVar[str] = "P"
    """Of the one-dimensional polynomials of the family."""

    @property
    @abstractmethod
    def top(self) -> int:
        """The largest total degree d."""

    @property
    def keeps_constants(self) -> bool:
        return True

    @property
    def normalized(self) -> bool:
        return self.measure in ("uniform", "lebesgue", "gaussian") or (self.top == 0 and self.measure == "law")

    def multi_indices(self, dim: int) -> tuple[tuple[int, ...], ...]:
        """Order of the basis for ``dim`` variables: total degree, graded, first variable leading."""
        return graded_indices(self.top, dim)

    def function_names(self, dim: int) -> tuple[str, ...]:
        """P2(x0) P1(x1): the leading monomial of each, in the family's letter."""
        return tuple(
            " ".join(f"{self.letter}{k}(x{i})" for i, k in enumerate(index) if k) or "1"
            for index in self.multi_indices(dim)
        )

    def size(self, dim: int) -> int:
        return comb(self.top + dim, dim)

    def stated_exprs(self, n: int, dim: int, boxed: bool) -> tuple[sp.Expr, ...]:
        # Polynomials are smooth: only a weight may not be.
        return AbstractProjection.stated_exprs(self, n, dim, boxed)

    def degree_of(self, j: int, dim: int) -> int:
        # Without listing the basis: the functions of degree < k are the first comb(k - 1 + dim, dim).
        return next(k for k in range(self.top + 1) if j < comb(k + dim, dim))

    def contains_polynomial(self, degree: int, dim: int) -> bool:
        return degree <= self.top

    def resolves(self, expr: sp.Expr, dim: int) -> bool:
        symbols = state(dim)
        return bool(expr.is_polynomial(*symbols) and polynomial_in(expr, symbols).total_degree() <= self.top)

    @abstractmethod
    def monomial_coefficients(self, dim: int) -> MonomialTable:
        """The basis in powers of the box coordinates t_i = (2 x_i - lo_i - hi_i)/(hi_i - lo_i), or of x on R^N."""

    def scale_expr(self, n: int, dim: int) -> sp.Expr:
        """Common factor of the basis of layer n: 1, or volume**(-1/2) in Lebesgue measure."""
        return basis_scale(self.measure, n, dim)

    def volume_factor(self, box: Box) -> float:
        """mu(Omega) of a box: 1 for the uniform measure, its volume for Lebesgue."""
        return volume_factor(self.measure, box)


def require_degree(value: object, where: str) -> None:
    """Refuse a degree that is not an integer between 0 and 1000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
        raise MzError(f"The degree is {value!r}", where, "Give an integer between 0 and 1000")


def products_of(table: Array, indices: tuple[tuple[int, ...], ...]) -> Array:
    """Tensor products of functions of one variable, values of shape (points, dim, degree + 1) -> (points, d)."""
    out = np.ones((table.shape[0], len(indices)))
    for j, index in enumerate(indices):
        for i, k in enumerate(index):
            if k:
                out[:, j] *= table[:, i, k]
    return out


def normalized_hermite(X: Array, degree: int) -> Array:
    """He_k(x)/sqrt(k!) for k = 0..degree by the three-term recurrence; shape (..., degree + 1)."""
    table = np.ones((*X.shape, degree + 1))
    if degree:
        table[..., 1] = X
    for k in range(1, degree):
        table[..., k + 1] = (X * table[..., k] - np.sqrt(k) * table[..., k - 1]) / np.sqrt(k + 1.0)
    return table


def hermite_values(X: Array, degree: int) -> Array:
    """Normalized Hermite polynomials of total degree <= ``degree``, shape (points, dim) -> (points, d)."""
    return products_of(normalized_hermite(X, degree), graded_indices(degree, X.shape[1]))


@lru_cache(maxsize=256)
def hermite_exprs(degree: int, n: int, dim: int) -> tuple[sp.Expr, ...]:
    """The same in ``state_symbol(n, i)``."""
    x = [state_symbol(n, i) for i in range(dim)]
    single = [[_hermite(k, symbol) / sp.sqrt(sp.factorial(k)) for k in range(degree + 1)] for symbol in x]
    return tuple(sp.Mul(*(single[i][k] for i, k in enumerate(index))) for index in graded_indices(degree, dim))


def _hermite(k: int, x: sp.Symbol) -> sp.Expr:
    """The probabilists' He_k."""
    below, here = sp.S.Zero, sp.S.One
    for j in range(k):
        below, here = here, sp.expand(x * here - j * below)
    return here


@lru_cache(maxsize=64)
def monomials_of(degree: int, dim: int, kind: str) -> MonomialTable:
    """Products of normalized Legendre or Hermite polynomials as (exponents, coefficient) pairs."""
    t = sp.Symbol("t")
    if kind == "legendre":
        single = [sp.Poly(sp.legendre_poly(k, t), t).terms() for k in range(degree + 1)]
    else:
        single = [sp.Poly(_hermite(k, t), t).terms() for k in range(degree + 1)]
    rows = []
    for index in graded_indices(degree, dim):
        square = sp.prod(2 * k + 1 if kind == "legendre" else 1 / sp.factorial(k) for k in index)
        terms: list[tuple[tuple[int, ...], sp.Expr]] = [((), sp.sqrt(square))]
        for k in index:
            terms = [((*alpha, a[0]), c * number) for alpha, c in terms for a, number in single[k]]
        rows.append(tuple(terms))
    return tuple(rows)
