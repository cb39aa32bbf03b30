"""Concrete terms of projections that are no polynomials in a box measure: by Gram matrices, MATH (6)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core import MzError
from mzsym.derive import pairings, products
from mzsym.derive.builder import BUILD_FACTOR, NO_COST, TermBuilder, flops_of, zeros
from mzsym.derive.chains import Renaming
from mzsym.derive.orthonormal import exact_normaliser
from mzsym.derive.pairings import Ground, Place, ground_of
from mzsym.derive.sizes import Cost, cost_of
from mzsym.derive.term_latex import symbol_of
from mzsym.derive.term_sizes import PairSizes, TermSizes
from mzsym.derive.terms import Part, Term, TermKind
from mzsym.projections.measures import BOX_MEASURES
from mzsym.projections.polynomials import TotalDegree

if TYPE_CHECKING:
    from mzsym.core import Options
    from mzsym.model import Network
    from mzsym.projections import FiniteRank


class PairBuilder(TermBuilder):
    """C(n,m) = S_n B(n,m) T_m^T with B(n,m)_jk = <psi_j, M(n,m) phi_k> and G_n = B(n,n).

    S_n G_n T_n^T = I: where the trial functions are orthonormal S_n = T_n = I; for an orthogonal projection S_n = T_n
    is the inverse Cholesky factor of G_n (Gram-Schmidt); for an oblique pair S_n = G_n^-1 and T_n = I. With C(n,n) = I
    the rest, (14) and (15), is the same for all.
    """

    def __init__(self, network: Network, projection: FiniteRank, options: Options) -> None:
        super().__init__(network, projection, options)
        self._normalisers: dict[int, sp.ImmutableMatrix | None] = {}

    @cached_property
    def ground(self) -> Ground:
        """What the integral functionals are made of."""
        return ground_of(self.network, self.projection)

    def place(self, n: int, m: int) -> tuple[Place, Renaming]:
        """Layers n..m-1, and those before in the law of the state, in canonical symbols, and the way back."""
        first = 0 if self.ground.measure == "law" else n
        chain, back = self.chain(first, m)
        return Place(chain, n - first, self.ground), back

    def structure(self, n: int, m: int) -> object:
        return self.place(n, m)[0]

    @cached_property
    def sizes(self) -> TermSizes:
        return PairSizes(self.network, self.projection, self.ground)

    # ------------------------------------------------------------------ G_n, B(n,m), S_n

    def raw(self, n: int, m: int) -> products.Product:
        """B(n,m), whatever its size."""
        place, back = self.place(n, m)
        built = pairings.raw(place, self.projection, self.options.max_operations)
        return products.Product(built.matrix.xreplace(back), built.rules)

    def raw_entry(self, n: int, m: int, i: int, j: int) -> sp.Expr:
        """One entry of B(n,m)."""
        place, back = self.place(n, m)
        return pairings.entry(place, self.projection, i, j, self.options.max_operations).expr.xreplace(back)

    def normaliser(self, n: int) -> sp.ImmutableMatrix | None:
        """S_n written out, or None where it is too long."""
        if n not in self._normalisers:
            found = None
            if self.size(n) <= 12 and self.estimate(n, n).operations <= BUILD_FACTOR * self.options.max_operations:
                gram = self.raw(n, n).matrix
                found = exact_normaliser(gram, self.projection.orthogonal, f"layer {n}, {self.projection.describe()}")
            if found is not None and cost_of(found).operations > self.options.max_operations // 4:
                found = None
            self._normalisers[n] = found
        return self._normalisers[n]

    def _build(self, kind: TermKind, n: int, m: int) -> Term:
        if kind in ("gram", "normaliser") and self.projection.normalized:
            return self._identity(kind, n)
        if kind in ("gram", "moments"):
            what = "<psi_i, phi_j>, MATH (6)" if kind == "gram" else f"<psi_i, M({n},{m}) phi_j>"
            return self._raw_term(kind, n, m, f"{symbol_of(kind, n, m)} has the entries {what}.")
        if kind == "normaliser":
            return self._normaliser_term(n)
        if kind == "raw_coefficients":
            return self._raw_vector(n)
        return super()._build(kind, n, m)

    def _raw_term(self, kind: TermKind, n: int, m: int, source: str) -> Term:
        """The entries of B(n,m) under the name of ``kind``, or only the name where they are too long."""
        limit, estimate = self.options.max_operations, self.estimate(n, m)
        reason = f"about {estimate.operations:.2g} operations written out"
        if estimate.operations <= BUILD_FACTOR * limit:
            built = self.raw(n, m)
            cost = cost_of(built.matrix)
            if cost.operations <= limit:
                return Term(kind, n, m, built.matrix, cost.integrals == 0, None, (source, *built.rules), cost)
            reason = f"{cost.operations} operations written out"
        symbol, part = self.named(kind, n, m)
        rows, columns = symbol.shape
        factored = (
            f"{rows} x {columns} entries take {reason}, more than max_operations = {limit}; any one of them is built "
            "exactly when it is asked for"
        )
        cost = Cost(int(estimate.operations), rows * columns, estimate.dimension, flops_of(estimate))
        return Term(kind, n, m, symbol, False, factored, (source,), cost, (part,))

    def _normaliser_term(self, n: int) -> Term:
        d = self.size(n)
        orthogonal = self.projection.orthogonal
        source = "S_n G_n S_n^T = I, Gram-Schmidt in order, MATH (6)." if orthogonal else "S_n = G_n^-1, MATH (6)."
        found = self.normaliser(n)
        if found is not None:
            cost = cost_of(found)
            return Term("normaliser", n, n, found, cost.integrals == 0, None, (source,), cost)
        symbol, part = self.named("normaliser", n, n)
        factored = "written out it would be too long; it is found from G_n in numbers"
        cost = Cost(d**3, 0, 0, float(d**3))
        return Term("normaliser", n, n, symbol, False, factored, (source,), cost, (part,))

    # ------------------------------------------------------------------ C(n,m)

    def entry(self, n: int, m: int, i: int, j: int) -> sp.Expr:
        if n == m:
            return sp.S.One if i == j else sp.S.Zero
        if self.projection.normalized:
            return self.raw_entry(n, m, i, j)
        left, right = self._sides(n, m)
        if left is None or right is None:
            raise MzError(
                f"S_{n if left is None else m}, which normalises the basis, is too long to be written out",
                f"correlation_entry({n}, {m}, {i}, {j})",
                f"Use Equation.correlation({n}, {m}), which is factored, and Equation.evaluate",
            )
        rows = [a for a in range(left.cols) if left[i, a] != 0]
        columns = [b for b in range(right.cols) if right[j, b] != 0]
        return sp.Add(*(left[i, a] * self.raw_entry(n, m, a, b) * right[j, b] for a in rows for b in columns))

    def _sides(self, n: int, m: int) -> tuple[sp.ImmutableMatrix | None, sp.ImmutableMatrix | None]:
        """S_n and T_m, None where they are not written out."""
        right = self.normaliser(m) if self.projection.orthogonal else sp.ImmutableMatrix.eye(self.size(m))
        return self.normaliser(n), right

    def _correlation(self, kind: TermKind, n: int, m: int) -> Term:
        name = symbol_of(kind, n, m)
        if n == m:
            why = "C(n,n) = I: the basis and the test functions are biorthogonal, MATH (6)."
            return Term(kind, n, m, sp.ImmutableMatrix.eye(self.size(n)), True, None, (why,), NO_COST)
        functions = "<eta_i, M({0},{1}) eta_j>" if self.projection.orthogonal else "<psi~_i, M({0},{1}) phi_j>"
        source = f"{name} has the entries {functions.format(n, m)}, MATH (14)."
        if self.projection.normalized:
            return self._raw_term(kind, n, m, source)
        moments = self.term("moments", n, m)
        left, right = self._sides(n, m)
        limit = self.options.max_operations
        if moments.factored is None and left is not None and right is not None:
            matrix = sp.ImmutableMatrix(left * sp.ImmutableMatrix(moments.expr) * right.T)
            cost = cost_of(matrix)
            if cost.operations <= limit:
                return Term(kind, n, m, matrix, cost.integrals == 0, None, (source, *moments.why[1:]), cost)
        expr, parts = self._factors(n, m)
        factored = f"written out it would take more than max_operations = {limit} operations; here by Gram matrices"
        rows, columns = self.size(n), self.size(m)
        flops = moments.cost.flops + 2.0 * rows * columns * (rows + columns)
        cost = Cost(moments.cost.operations, moments.cost.integrals, moments.cost.dimension, flops)
        return Term(kind, n, m, expr, False, factored, (source, *moments.why), cost, parts)

    def _factors(self, n: int, m: int) -> tuple[sp.MatrixExpr, tuple[Part, ...]]:
        """S_n B(n,m) T_m^T in names."""
        left, left_part = self.named("normaliser", n, n)
        middle, middle_part = self.named("moments", n, m)
        if not self.projection.orthogonal:
            return sp.MatMul(left, middle), (left_part, middle_part)
        right, right_part = self.named("normaliser", m, m)
        return sp.MatMul(left, middle, sp.Transpose(right)), (left_part, middle_part, right_part)

    # ------------------------------------------------------------------ c_n

    def _vector(self, kind: TermKind, n: int, u: tuple[sp.Expr, ...], source: str) -> Term:
        limit, estimate = self.options.max_operations, self.sizes.coefficients(n)
        left = sp.ImmutableMatrix.eye(self.size(n)) if self.projection.normalized else self.normaliser(n)
        if left is not None and estimate.operations <= BUILD_FACTOR * limit:
            built = self._observed(n, u)
            matrix = built.matrix if self.projection.normalized else sp.ImmutableMatrix(left * built.matrix)
            cost = cost_of(matrix)
            if cost.operations <= limit:
                return Term(kind, n, self.depth, matrix, cost.integrals == 0, None, (source, *built.rules), cost)
        symbol, part = self.named("normaliser", n, n)
        vector, vector_part = self.named("raw_coefficients", n, self.depth)
        factored = f"written out it would take more than max_operations = {limit} operations"
        cost = Cost(int(estimate.operations), vector.rows * vector.cols, estimate.dimension, flops_of(estimate))
        parts = (part, vector_part)
        return Term(kind, n, self.depth, sp.MatMul(symbol, vector), False, factored, (source,), cost, parts)

    def _observed(self, n: int, u: tuple[sp.Expr, ...]) -> products.Product:
        """<psi^(n), M(n,L) u>."""
        place, back = self.place(n, self.depth)
        there = {old: new for new, old in back.items()}
        exprs = tuple(expr.xreplace(there) for expr in u)
        built = pairings.raw_coefficients(place, self.projection, exprs, self.options.max_operations)
        return products.Product(built.matrix.xreplace(back), built.rules)

    def _raw_vector(self, n: int) -> Term:
        u = self.network.observable_exprs
        if not u:
            return Term("raw_coefficients", n, self.depth, zeros(self.size(n), 0), True, None, (), NO_COST)
        built = self._observed(n, u)
        cost = cost_of(built.matrix)
        why = (f"b_{n} has the entries <psi_i, M({n},L) u>, MATH (15).", *built.rules)
        return Term("raw_coefficients", n, self.depth, built.matrix, cost.integrals == 0, None, why, cost)

    def definition(self, part: Part) -> tuple[sp.MatrixBase | sp.MatrixExpr, tuple[Part, ...]]:
        n, m = part.n, part.m
        if part.kind in ("streaming", "correlation") and n < m and not self.projection.normalized:
            return self._factors(n, m)
        if part.kind in ("gram", "moments") or (part.kind in ("streaming", "correlation") and n < m):
            return self.raw(n, m).matrix, ()
        return super().definition(part)


def builder_of(network: Network, projection: FiniteRank, options: Options) -> TermBuilder:
    """The builder for a projection: polynomials in a box measure have a faster one."""
    fast = isinstance(projection, TotalDegree) and projection.measure in BOX_MEASURES
    return (TermBuilder if fast else PairBuilder)(network, projection, options)
