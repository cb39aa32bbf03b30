"""Orthonormal Hermite polynomials up to a total degree, in the standard Gaussian measure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

import sympy as sp

from mzsym.core.arrays import Array
from mzsym.projections.indices import MonomialTable
from mzsym.projections.measures import Measure
from mzsym.projections.polynomials import TotalDegree, hermite_exprs, hermite_values, monomials_of, require_degree

if TYPE_CHECKING:
    from mzsym.model import Box


@final
@dataclass(frozen=True)
class Hermite(TotalDegree):
    """Projection on polynomials of total degree <= ``degree`` in N(0, I), MATH (6), (21).

    The basis is the products of the probabilists' He_k(x_i)/sqrt(k!), orthonormal in the measure. No box is needed, so
    unbounded noise is welcome.

    Parameters
    ----------
    degree : int
        Largest total degree, between 0 and 1000.

    Raises
    ------
    MzError
        For another degree.

    Examples
    --------
    >>> Hermite(2).basis_exprs(0, 1)[1:]
    (x[0,0], sqrt(2)*(x[0,0]**2 - 1)/2)
    """

    degree: int
    measure: Measure = field(default="gaussian", init=False, repr=False)
    _measures: ClassVar[tuple[str, ...]] = ("gaussian",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_degree(self.degree, "Hermite(degree)")

    letter: ClassVar[str] = "He"

    @property
    def top(self) -> int:
        return self.degree

    def monomial_coefficients(self, dim: int) -> MonomialTable:
        return monomials_of(self.degree, dim, "hermite")

    def basis_exprs(self, n: int, dim: int, boxed: bool = False) -> tuple[sp.Expr, ...]:
        return hermite_exprs(self.degree, n, dim)

    def evaluate(self, X: Array, box: Box | None = None) -> Array:
        """Values of the basis at X, shape (points, dim) -> (points, d), by the three-term recurrence."""
        return hermite_values(X, self.degree)

    def describe(self) -> str:
        return f"Hermite polynomials of total degree <= {self.degree}"
