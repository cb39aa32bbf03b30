"""The projection: which functions of a layer's state are resolved; the rest is memory and noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import sympy as sp

from mzsym.calculus.polynomials import polynomial_in
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.values import state
from mzsym.projections.functions import combination
from mzsym.projections.indices import graded_indices
from mzsym.projections.measures import (
    Measure,
    check_network,
    checked_measure,
    density_expr,
    density_values,
    on_boxes,
)

if TYPE_CHECKING:
    from mzsym.model import Box, Network


class AbstractProjection(ABC):
    """A projection P_n of the functions of X_n, on every layer n, in L^2(mu_n). MATH section 2.

    Laws that every concrete projection keeps, for all f, g in L^2(mu_n) (one test suite runs them on all):

    1. idempotence: P(P f) = P f;
    2. linearity;
    3. with the terms derived from it, streaming + memory + noise = P_n q_n exactly, MATH (11);
    4. constants: P 1 = 1 where ``keeps_constants`` says so, as the bounds (23) and (25) and the forward noise need.

    Nothing here is of finite rank; :class:`FiniteRank` is. On densities the adjoint of P acts, so that
    <P* p, v> = <p, P v> without weight; for orthogonal P and densities relative to mu_n that is P itself.

    Parameters
    ----------
    measure : {"uniform", "lebesgue", "gaussian", "law"} or sympy.Expr
        mu_n: Lebesgue measure on the box Omega_n divided by the volume, or Lebesgue itself; N(0, I) on R^N; the law of
        X_n for the network's input; or the measure with this weight in ``mz.state(N)``, on the boxes of a network that
        has them and on R^N otherwise. Each family says which of them it takes. The measure belongs to the projection
        and is stated nowhere else.
    """

    measure: Measure
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue")
    """Measures that the family takes; "weight" stands for weights of the user's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", checked_measure(self.measure, type(self).__name__, self._measures))

    @property
    @abstractmethod
    def keeps_constants(self) -> bool:
        """Whether P 1 = 1 is known to hold on every layer."""

    @abstractmethod
    def describe(self) -> str:
        """One phrase for reports: family, degree."""

    def boxed(self, net: Network) -> bool:
        """Whether mu_n lives on the boxes of this network (otherwise on R^N, and ``box`` is None everywhere)."""
        return on_boxes(self.measure, net)

    def weight(self, X: Array, box: Box | None) -> Array:
        """Density of mu_n with respect to dx at X, shape (points, dim) -> (points,); not for the law of the state."""
        return density_values(self.measure, X, box)

    def weight_expr(self, n: int, dim: int) -> sp.Expr:
        """The same in the symbols of layer n."""
        return density_expr(self.measure, n, dim)

    def stated_exprs(self, n: int, dim: int, boxed: bool) -> tuple[sp.Expr, ...]:
        """Functions and weight on layer n that a user stated, which need not be smooth, in the symbols of layer n."""
        return () if isinstance(self.measure, str) else (self.weight_expr(n, dim),)

    def check(self, net: Network) -> None:
        """Refuse a network on which this projection is not defined.

        Raises
        ------
        MzError
            Naming the layer: its noise is unbounded where the measure needs a box, a weight is not one, or what the
            family adds to that.
        """
        check_network(net, self)


class FiniteRank(AbstractProjection):
    """P_n f = sum_jk phi_j (G^-1)_jk <psi_k, f>, G_jk = <psi_j, phi_k>, on every layer n. MATH (6).

    Laws, besides those of :class:`AbstractProjection`:

    5. biorthogonality: <psi~_j, phi_k> = 1 if j = k, 0 otherwise, psi~ = G^-1 psi;
    6. ``orthogonal``: psi = phi, hence <P f, g> = <f, P g> and ||P f|| <= ||f||. The terms of the equation refer to the
       orthonormal basis eta = L^-1 phi, G = L L^T (Gram-Schmidt in the order of the basis);
    7. ``normalized``: phi is orthonormal as it is, eta = phi;
    8. not ``orthogonal`` (an oblique pair): the terms refer to phi itself and to psi~, so that P f = sum phi_j c_j with
       c = G^-1 <psi, f>;
    9. one basis, two faces: ``basis_exprs`` and ``evaluate`` agree in value and order, ``test_exprs`` and
       ``test_values`` too.

    Concrete families are final frozen dataclasses, one file each.
    """

    @property
    def orthogonal(self) -> bool:
        """Whether P is the orthogonal projection on the span of the trial functions."""
        return True

    def function_names(self, dim: int) -> tuple[str, ...]:
        """A short name of every trial function of ``dim`` variables, for sentences."""
        return tuple(f"phi_{j}" for j in range(self.size(dim)))

    @property
    @abstractmethod
    def normalized(self) -> bool:
        """Whether the trial functions are orthonormal in mu_n as ``evaluate`` gives them."""

    @abstractmethod
    def size(self, dim: int) -> int:
        """Rank d of P on functions of ``dim`` variables (without listing the basis)."""

    @abstractmethod
    def basis_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        """Trial functions phi of layer n in ``state_symbol(n, i)`` and, where ``boxed``, its box's end symbols."""

    def test_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        """Test functions psi of layer n in the same symbols."""
        return self.basis_exprs(n, dim, boxed)

    @abstractmethod
    def evaluate(self, X: Array, box: Box | None) -> Array:
        """Trial functions at X, shape (points, dim) -> (points, d); ``box`` is None where mu_n lives on R^N."""

    def test_values(self, X: Array, box: Box | None) -> Array:
        """Test functions at X, shape (points, dim) -> (points, d)."""
        return self.evaluate(X, box)

    def stated_exprs(self, n: int, dim: int, boxed: bool) -> tuple[sp.Expr, ...]:
        weight = super().stated_exprs(n, dim, boxed)
        return (*self.basis_exprs(n, dim, boxed), *self.test_exprs(n, dim, boxed), *weight)

    def degree_of(self, j: int, dim: int) -> int | None:
        """Total degree of trial function j, None where it is no polynomial of the state."""
        symbols = self._state(dim)
        expr = self.basis_exprs(0, dim)[j]
        return int(polynomial_in(expr, symbols).total_degree()) if expr.is_polynomial(*symbols) else None

    def contains_polynomial(self, degree: int, dim: int) -> bool:
        """Whether every polynomial of this total degree is known to lie in range P (then its noise term vanishes)."""
        symbols = state(dim)
        monomials = (sp.Mul(*(x**k for x, k in zip(symbols, a, strict=True))) for a in graded_indices(degree, dim))
        return degree < 0 or all(self.resolves(monomial, dim) for monomial in monomials)

    def resolves(self, expr: sp.Expr, dim: int) -> bool:
        """Whether a function of ``mz.state(dim)`` is known to lie in range P."""
        renamed = expr.xreplace(dict(zip(state(dim), self._state(dim), strict=True)))
        return combination(renamed, self.basis_exprs(0, dim), self._state(dim)) is not None

    def _state(self, dim: int) -> tuple[sp.Symbol, ...]:
        return tuple(state_symbol(0, i) for i in range(dim))
