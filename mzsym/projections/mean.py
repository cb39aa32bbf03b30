"""The mean: only constants are resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.projections.indices import MonomialTable
from mzsym.projections.measures import Measure
from mzsym.projections.polynomials import TotalDegree

if TYPE_CHECKING:
    from mzsym.model import Box


@final
@dataclass(frozen=True)
class Mean(TotalDegree):
    """P f = the mean of f in mu_n, MATH (9); the same as ``Legendre(0)`` in every measure.

    Parameters
    ----------
    measure : {"uniform", "lebesgue", "law"} or sympy.Expr
        Measure on the box of each layer, or the law of its state, or a weight in ``mz.state(N)``.

    Examples
    --------
    >>> Mean().size(3)
    1
    """

    measure: Measure = "uniform"
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue", "law", "weight")

    @property
    def top(self) -> int:
        return 0

    def monomial_coefficients(self, dim: int) -> MonomialTable:
        return ((((0,) * dim, sp.S.One),),)

    def basis_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        return (self.scale_expr(n, dim),)

    def evaluate(self, X: Array, box: Box | None) -> Array:
        """Values of the one basis function, shape (points, dim) -> (points, 1)."""
        factor = 1.0 if box is None else self.volume_factor(box)
        return np.full((X.shape[0], 1), 1.0 / np.sqrt(factor))

    def describe(self) -> str:
        return "the mean over the box" if self.measure in ("uniform", "lebesgue") else "the mean"
