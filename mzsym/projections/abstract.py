"""The projection: which functions of a layer's state are resolved; the rest is memory and noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.projections.indices import MonomialTable
from mzsym.projections.measures import (
    Measure,
    basis_scale,
    check_box_measure,
    check_measure,
    density_expr,
    volume_factor,
)

if TYPE_CHECKING:
    from mzsym.model import Box, Network


class AbstractProjection(ABC):
    """A finite-rank orthogonal projection P_n f = sum_j <eta_j, f> eta_j on every layer n, MATH (6).

    Laws that every concrete projection keeps, for all f, g in L^2(Omega_n, mu_n) (one test suite runs them on all):

    1. idempotence: P(P f) = P f;
    2. symmetry: <P f, g> = <f, P g>, hence ||P f|| <= ||f||;
    3. orthonormality: <eta_i, eta_j> = 1 if i = j, 0 otherwise;
    4. constants are resolved: P 1 = 1, as the bounds (23) and (25) and the forward noise term need;
    5. one basis, three faces: ``basis_exprs``, ``evaluate`` and ``multi_indices`` agree in value and order;
    6. with the terms derived from it, streaming + memory + noise = P_n q_n exactly, MATH (11).

    Concrete families are final frozen dataclasses, one file each.

    Parameters
    ----------
    measure : {"uniform", "lebesgue"}
        mu_n on the box Omega_n: Lebesgue divided by the volume, or Lebesgue itself. The measure belongs to the
        projection and is stated nowhere else.
    """

    measure: Measure

    def __post_init__(self) -> None:
        check_measure(self.measure, type(self).__name__)

    @abstractmethod
    def multi_indices(self, dim: int) -> tuple[tuple[int, ...], ...]:
        """Order of the basis for ``dim`` variables: total degree, graded, first variable leading."""

    @abstractmethod
    def size(self, dim: int) -> int:
        """Rank d of P on functions of ``dim`` variables (without listing the basis)."""

    @abstractmethod
    def basis_exprs(self, n: int, dim: int) -> tuple[sp.Expr, ...]:
        """Basis of layer n, orthonormal in mu_n, in ``state_symbol(n, i)``, ``lower_symbol`` and ``upper_symbol``."""

    @abstractmethod
    def monomial_coefficients(self, dim: int) -> MonomialTable:
        """The basis in powers of t_i = (2 x_i - lo_i - hi_i)/(hi_i - lo_i), before the factor ``scale_expr``."""

    def scale_expr(self, n: int, dim: int) -> sp.Expr:
        """Common factor of the basis of layer n: 1, or volume**(-1/2) in Lebesgue measure."""
        return basis_scale(self.measure, n, dim)

    @abstractmethod
    def degree_of(self, j: int, dim: int) -> int:
        """Total polynomial degree of basis function j."""

    @abstractmethod
    def contains_polynomial(self, degree: int) -> bool:
        """Whether every polynomial of this total degree lies in range P (then its noise term vanishes)."""

    @abstractmethod
    def evaluate(self, X: Array, box: Box) -> Array:
        """Values of the basis at X, shape (points, dim) -> (points, d), by a stable recurrence."""

    @abstractmethod
    def describe(self) -> str:
        """One phrase for reports: family, degree, measure."""

    @property
    def orthogonal(self) -> bool:
        """Whether the tests are the functions themselves."""
        return True

    @property
    def normalized(self) -> bool:
        """Whether ``evaluate`` gives functions that are orthonormal in the measure as they are."""
        return True

    def test_values(self, X: Array, box: Box) -> Array:
        """Values of the tests psi_j at X, shape (points, dim) -> (points, d)."""
        return self.evaluate(X, box)

    def weight(self, X: Array, box: Box) -> Array:
        """Density of mu_n with respect to Lebesgue measure at X, shape (points,)."""
        return np.full(len(X), self.volume_factor(box) / box.volume)

    def stated_exprs(self, n: int, dim: int) -> tuple[sp.Expr, ...]:
        """Functions that a user stated for X_n, which may have kinks; none for families of polynomials."""
        return ()

    def weight_expr(self, n: int, dim: int) -> sp.Expr:
        """Density of mu_n with respect to Lebesgue measure on the box (1 or 1/volume)."""
        return density_expr(self.measure, n, dim)

    def volume_factor(self, box: Box) -> float:
        """mu(Omega) of a box: 1 for the uniform measure, its volume for Lebesgue."""
        return volume_factor(self.measure, box)

    def check(self, net: Network) -> None:
        """Refuse a network on which this projection is not defined.

        Raises
        ------
        MzError
            Naming the layer whose noise is unbounded: its state has no bounded box to carry the measure.
        """
        check_box_measure(net, self)


def require_degree(value: object, where: str) -> None:
    """Refuse a degree that is not an integer between 0 and 1000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
        raise MzError(f"The degree is {value!r}", where, "Give an integer between 0 and 1000")
