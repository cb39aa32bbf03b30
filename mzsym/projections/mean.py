"""The mean over the box: only constants are resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.indices import MonomialTable
from mzsym.projections.measures import Measure

if TYPE_CHECKING:
    from mzsym.model import Box


@final
@dataclass(frozen=True)
class Mean(AbstractProjection):
    """P f = the mean of f over the box, MATH (9); the same as ``Legendre(0)`` in either measure.

    Parameters
    ----------
    measure : {"uniform", "lebesgue"}
        Measure on the box of each layer.

    Examples
    --------
    >>> Mean().size(3)
    1
    """

    measure: Measure = "uniform"

    def multi_indices(self, dim: int) -> tuple[tuple[int, ...], ...]:
        return ((0,) * dim,)

    def size(self, dim: int) -> int:
        return 1

    def degree_of(self, j: int, dim: int) -> int:
        return 0

    def contains_polynomial(self, degree: int) -> bool:
        return degree <= 0

    def monomial_coefficients(self, dim: int) -> MonomialTable:
        return ((((0,) * dim, sp.S.One),),)

    def basis_exprs(self, n: int, dim: int) -> tuple[sp.Expr, ...]:
        return (self.scale_expr(n, dim),)

    def evaluate(self, X: Array, box: Box) -> Array:
        """Values of the one basis function, shape (points, dim) -> (points, 1)."""
        return np.full((X.shape[0], 1), 1.0 / np.sqrt(self.volume_factor(box)))

    def describe(self) -> str:
        return "the mean over the box"
