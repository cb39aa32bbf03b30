"""Builds the concrete terms of one equation, each once and only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.calculus.polynomials import polynomial_in
from mzsym.core import MzError, Options
from mzsym.derive import products
from mzsym.derive.averages import average, merged
from mzsym.derive.chains import Chain, Renaming, chain_of
from mzsym.derive.degrees import why_degrees_stay
from mzsym.derive.sizes import Cost, Estimate, check_width, cost_of
from mzsym.derive.term_latex import symbol_of
from mzsym.derive.term_sizes import NOTHING, TermSizes
from mzsym.derive.terms import Factored, Part, Term, TermKind
from mzsym.model.values import state as state_of
from mzsym.projections.checks import box_polynomials
from mzsym.projections.polynomials import TotalDegree

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank

BUILD_FACTOR = 4
"""A term is built, and then counted, when its estimate is at most this many times ``options.max_operations``."""

LISTED_ENTRIES = 1_000_000
"""Entries up to which a zero matrix is stored."""

NO_COST = Cost(0, 0, 0, 0.0)


_VECTORS = ("noise", "coefficients", "unresolved", "raw_coefficients")


class TermBuilder:
    """Concrete terms of a network under a projection, backward; :class:`Equation` turns them for the forward side.

    The work is done by pure cached functions on canonical chains, so equal stretches of layers share it, within one
    equation and between equations.
    """

    def __init__(self, network: Network, projection: FiniteRank, options: Options) -> None:
        self.network = network
        self.projection = projection
        self.options = options
        self._terms: dict[tuple[TermKind, int, int], Term] = {}
        self._chains: dict[tuple[int, int], tuple[Chain, Renaming]] = {}
        self._vanishing: dict[int, str | None] = {}

    @cached_property
    def sizes(self) -> TermSizes:
        """What terms would take, estimated."""
        return TermSizes(self.network, self._polynomials)

    @property
    def _polynomials(self) -> TotalDegree:
        return box_polynomials(self.projection, "exact terms")

    @property
    def depth(self) -> int:
        return self.network.depth

    def size(self, n: int) -> int:
        """d_n."""
        return self.projection.size(self.network.dims[n])

    def term(self, kind: TermKind, n: int, m: int) -> Term:
        """A term without the sentences on the derivation, built once."""
        key = (kind, n, m)
        if key not in self._terms:
            self._terms[key] = self._build(kind, n, m)
        return self._terms[key]

    def _build(self, kind: TermKind, n: int, m: int) -> Term:
        if kind in ("gram", "normaliser"):
            return self._identity(kind, n)
        build: dict[str, Callable[[TermKind, int, int], Term]] = {
            "streaming": self._correlation,
            "correlation": self._correlation,
            "memory": self._memory,
            "noise": self._noise,
            "coefficients": self._coefficients,
            "unresolved": self._unresolved,
        }
        return build[kind](kind, n, m)

    def _identity(self, kind: TermKind, n: int) -> Term:
        """A matrix that is the identity because the basis is orthonormal as it stands."""
        d = self.size(n)
        expr = sp.ImmutableMatrix.eye(d) if d * d <= LISTED_ENTRIES else sp.Identity(d)
        return Term(kind, n, n, expr, True, None, ("The trial functions are orthonormal, MATH (6).",), NO_COST)

    def definition(self, part: Part) -> tuple[sp.MatrixBase | sp.MatrixExpr, tuple[Part, ...]]:
        """What the symbol of a part stands for, with the parts of that."""
        if part.kind in ("streaming", "correlation"):
            rows, columns = part.symbol.shape
            entries = [[self.entry(part.n, part.m, i, j) for j in range(columns)] for i in range(rows)]
            return sp.ImmutableMatrix(entries), ()
        term = self.term(part.kind, part.n, part.m)
        if term.expr == part.symbol:
            raise MzError(f"{part.symbol} is too large to write out", "evaluate", "Raise Options(max_operations=)")
        return term.expr, term.parts

    def structure(self, n: int, m: int) -> object:
        """A key that is equal where C(n,m) differs only in names."""
        return self.chain(n, m)[0]

    def chain(self, n: int, m: int) -> tuple[Chain, Renaming]:
        """Layers n..m-1 in canonical symbols, and the way back."""
        if (n, m) not in self._chains:
            for k in range(n, m):
                check_width(k, self.network.dims[k + 1], self.network.dims[k])
            self._chains[n, m] = chain_of(self.network, n, m)
        return self._chains[n, m]

    def named(self, kind: TermKind, n: int, m: int) -> tuple[sp.MatrixSymbol, Part]:
        """The matrix symbol of a term, with its meaning."""
        symbol = sp.MatrixSymbol(symbol_of(kind, n, m), *self.shape(kind, n, m))
        return symbol, Part(symbol, kind, n, m)

    # ------------------------------------------------------------------ sizes before anything is expanded

    @property
    def largest_estimate(self) -> float:
        """Estimated operations above which a term is not even tried."""
        return float(BUILD_FACTOR * self.options.max_operations)

    def shape(self, kind: TermKind, n: int, m: int) -> tuple[int, int]:
        """Rows and columns of a term."""
        return self.size(n), len(self.network.observable_exprs) if kind in _VECTORS else self.size(m)

    def estimate_of(self, kind: TermKind, n: int, m: int) -> Estimate:
        """Size of a streaming, memory or noise term written out; zero where it is known to vanish."""
        if kind == "memory":
            return NOTHING if self._vanishing_memory(m) is not None else self.sizes.memory(n, m)
        if kind == "noise":
            if all(expr.is_zero for expr in self._observable(True)):
                return NOTHING
            own = self.sizes.coefficients(n).plus(self.estimate(n, self.depth))
            return own if n >= self.depth - 1 else own.plus(self.sizes.memory(n, self.depth))
        return self.estimate(n, m)

    def left_out(self, kind: TermKind, n: int, m: int, estimate: Estimate, reason: str) -> Term:
        """A term by its name alone, not expanded."""
        symbol, part = self.named(kind, n, m)
        cost = Cost(int(estimate.operations), 0, estimate.dimension, flops_of(estimate))
        return Term(kind, n, m, symbol, False, reason, (), cost, (part,))

    # ------------------------------------------------------------------ C(n,m) and A_n

    def estimate(self, n: int, m: int) -> Estimate:
        """Size of C(n,m) before it is built."""
        return self.sizes.correlation(n, m)

    def entry(self, n: int, m: int, i: int, j: int) -> sp.Expr:
        """One entry of C(n,m), whatever the size of the whole."""
        chain, back = self.chain(n, m)
        return products.correlation_entry(chain, self._polynomials, i, j, self.options.max_operations).expr.xreplace(
            back
        )

    def _correlation(self, kind: TermKind, n: int, m: int) -> Term:
        limit = self.options.max_operations
        source = f"{symbol_of(kind, n, m)} has the entries <eta_i, M({n},{m}) eta_j>, MATH (14)."
        estimate = self.estimate(n, m)
        reason = f"about {estimate.operations:.2g} operations written out"
        if estimate.operations <= BUILD_FACTOR * limit:
            chain, back = self.chain(n, m)
            built = _counted_correlation(chain, self._polynomials, limit)
            if built.cost.operations <= limit:
                matrix = built.matrix.xreplace(back)
                return Term(kind, n, m, matrix, built.cost.integrals == 0, None, (source, *built.rules), built.cost)
            reason = f"{built.cost.operations} operations written out"
            moments = self._moments(kind, n, m, source, reason)
            if moments is not None:
                return moments
        symbol, part = self.named(kind, n, m)
        rows, columns = symbol.shape
        factored = (
            f"{rows} x {columns} entries take {reason}, more than max_operations = {limit}; "
            f"Equation.correlation_entry({n}, {m}, i, j) gives any one of them exactly"
        )
        cost = Cost(int(estimate.operations), rows * columns, estimate.dimension, flops_of(estimate))
        return Term(kind, n, m, symbol, False, factored, (source,), cost, (part,))

    def _moments(self, kind: TermKind, n: int, m: int, source: str, reason: str) -> Term | None:
        """C(n,m) as L G R, where the integrals G of monomials stay within the limit."""
        limit = self.options.max_operations
        chain, back = self.chain(n, m)
        built = products.factored_correlation(chain, self._polynomials, limit)
        cost = cost_of(built.moments)
        if cost.operations > limit:
            return None
        rows, columns = self.size(n), self.size(m)
        factored = (
            f"{rows} x {columns} entries take {reason}, more than max_operations = {limit}; here as v*L*G*R, v a "
            f"volume factor, G the integrals of monomials times averaged monomials ({cost.operations} operations), L "
            "and R the numeric coefficients of the bases in powers of the normalized states"
        )
        expr = Factored(built.scale.xreplace(back), built.left, built.moments.xreplace(back), built.right)
        flops = cost.flops + 2.0 * built.moments.cols * rows * (built.moments.rows + columns)
        cost = Cost(cost.operations, cost.integrals, cost.dimension, flops)
        return Term(kind, n, m, expr, cost.integrals == 0, factored, (source, *built.rules), cost)

    # ------------------------------------------------------------------ K(n,m)

    def _memory(self, kind: TermKind, n: int, m: int) -> Term:
        limit = self.options.max_operations
        zero = self._vanishing_memory(m)
        if zero is not None:
            return Term(kind, n, m, zeros(self.size(n), self.size(m)), True, None, (zero,), NO_COST)
        source = (
            "MATH (14): K(n,m) = C(n,m) - A_n C(n+1,m) - sum_l K(n,l) C(l,m), "
            "with every C(n,m) an exact matrix of inner products."
        )
        estimate = self.sizes.memory(n, m)
        reason = f"about {estimate.operations:.2g} operations"
        if estimate.operations <= BUILD_FACTOR * limit:
            built = self._written_memory(n, m)
            if built is not None:
                cost = cost_of(built.matrix)
                if cost.operations <= limit:
                    closed = cost.integrals == 0
                    return Term(kind, n, m, built.matrix, closed, None, (source, *built.rules), cost)
                reason = f"{cost.operations} operations"
        expr, parts = self._memory_recursion(n, m)
        factored = f"written out it would take {reason}, more than max_operations = {limit}; here by MATH (14)"
        flops = sum(2.0 * self.size(n) * self.size(k) * self.size(m) for k in range(n + 1, m))
        cost = Cost(int(estimate.operations), 0, estimate.dimension, flops)
        return Term(kind, n, m, expr, False, factored, (source,), cost, parts)

    def _vanishing_memory(self, m: int) -> str | None:
        """Why Q_{m-1} M_{m-1} P_m = 0, where it does: then every kernel that ends in it is exactly zero."""
        if m not in self._vanishing:
            self._vanishing[m] = self._why_vanishing(m)
        return self._vanishing[m]

    def _why_vanishing(self, m: int) -> str | None:
        dim = self.network.dims[m - 1]
        top = self._top(m)
        if top is None:
            return None
        if top == 0 and self.projection.contains_polynomial(0, dim):
            return f"P_{m} resolves only constants, and M_{m - 1} maps constants to constants, which Q_{m - 1} removes."
        if self.projection.contains_polynomial(top, dim):
            reason = why_degrees_stay(self.network.layers[m - 1], self.chain(m - 1, m)[0], top)
            if reason is not None:
                return (
                    f"{reason.format(n=m - 1)}, so M_{m - 1} maps polynomials of degree <= {top} to polynomials of "
                    f"degree <= {top}, MATH (17), which Q_{m - 1} removes: Q_{m - 1} M_{m - 1} P_{m} = 0."
                )
        if self._maps_into_range(m):
            return (
                f"M_{m - 1} maps each of the functions that P_{m} resolves into the range of P_{m - 1}, MATH (17), "
                f"which Q_{m - 1} removes: Q_{m - 1} M_{m - 1} P_{m} = 0."
            )
        return None

    def _maps_into_range(self, m: int) -> bool:
        """Whether M_{m-1} phi lies in range P_{m-1} for all phi of layer m, where polynomials decide it."""
        state, dim = self.network.state(m - 1), self.network.dims[m]
        polynomial = all(expr.is_polynomial(*state) for expr in self.network.map_exprs(m - 1))
        if isinstance(self.projection, TotalDegree) or not polynomial:
            return False
        chain, back = self.chain(m - 1, m)
        for phi in self.projection.basis_exprs(1, dim, self.projection.boxed(self.network)):
            built = average(chain, sp.sympify(phi), self.options.max_operations)
            if not built.closed or not self._inside(built.expr.xreplace(back), state):
                return False
        return True

    def _top(self, m: int) -> int | None:
        """The largest degree of the trial functions of layer m, None where not all are polynomials."""
        dim = self.network.dims[m]
        if isinstance(self.projection, TotalDegree):
            return self.projection.top
        degrees = [self.projection.degree_of(j, dim) for j in range(self.size(m))]
        known = [degree for degree in degrees if degree is not None]
        return max(known) if len(known) == len(degrees) else None

    def _written_memory(self, n: int, m: int) -> products.Product | None:
        """K(n,m) with every entry written out, or None where one of the C(l,m) is too large for that."""
        kernels: dict[int, sp.ImmutableMatrix] = {}
        rules: tuple[str, ...] = ()
        for k in range(n + 1, m + 1):
            whole = self.term("correlation", n, k)
            betweens = [self.term("correlation", between, k) for between in range(n + 1, k)]
            if whole.factored or any(term.factored for term in betweens):
                return None
            total = sp.ImmutableMatrix(whole.expr)
            for between, term in zip(range(n + 1, k), betweens, strict=True):
                total = total - kernels[between] * sp.ImmutableMatrix(term.expr)
            if k > n + 1 and self._keeps_first(k):
                # M 1 = 1, so Q_{k-1} M_{k-1} annihilates the constant: the first column is exactly zero.
                total = sp.ImmutableMatrix.hstack(sp.ImmutableMatrix.zeros(total.rows, 1), total[:, 1:])
            kernels[k] = total
            rules = merged(rules, whole.why[1:], *(term.why[1:] for term in betweens))
        return products.Product(kernels[m], rules)

    def _keeps_first(self, k: int) -> bool:
        """Whether the first trial function of layer k is a constant, and constants are resolved on the layer before."""
        dims = self.network.dims
        return self.projection.degree_of(0, dims[k]) == 0 and self.projection.contains_polynomial(0, dims[k - 1])

    def _memory_recursion(self, n: int, m: int) -> tuple[sp.MatrixExpr, tuple[Part, ...]]:
        """MATH (14) in named matrices; earlier kernels by name, or the words would double with every layer."""
        whole, part = self.named("correlation", n, m)
        parts = [part]
        terms: list[sp.MatrixExpr] = [whole]
        for k in range(n + 1, m):
            if k > n + 1 and self._vanishing_memory(k) is not None:
                continue
            left, left_part = self.named("streaming" if k == n + 1 else "memory", n, k)
            right, right_part = self.named("streaming" if k == m - 1 else "correlation", k, m)
            terms.append(-left * right)
            parts += [left_part, right_part]
        return sp.MatAdd(*terms), tuple(dict.fromkeys(parts))

    # ------------------------------------------------------------------ c_n, its unresolved part, r_n

    def _observable(self, unresolved: bool) -> tuple[sp.Expr, ...]:
        """u, or only what of it can lie outside range P_L: polynomial terms of low degree are resolved exactly."""
        exprs = self.network.observable_exprs
        if not unresolved:
            return exprs
        state = self.network.state(self.depth)
        return tuple(self._outside(expr, state) for expr in exprs)

    def _outside(self, expr: sp.Expr, state: tuple[sp.Symbol, ...]) -> sp.Expr:
        if self._inside(expr, state):
            return sp.S.Zero
        if expr.is_polynomial(*state):
            expr = polynomial_in(expr, state).as_expr()
        return sp.Add(*(term for term in sp.Add.make_args(expr) if not self._inside(term, state)))

    def _inside(self, expr: sp.Expr, state: tuple[sp.Symbol, ...]) -> bool:
        names = dict(zip(state, state_of(len(state)), strict=True))
        return self.projection.resolves(expr.xreplace(names), len(state))

    def _product(self, n: int, u: tuple[sp.Expr, ...]) -> products.Product:
        """<eta^(n), M(n,L) u>."""
        chain, back = self.chain(n, self.depth)
        there = {old: new for new, old in back.items()}
        built = products.coefficients(
            chain, self._polynomials, tuple(expr.xreplace(there) for expr in u), self.options.max_operations
        )
        return products.Product(built.matrix.xreplace(back), built.rules)

    def _coefficients(self, kind: TermKind, n: int, m: int) -> Term:
        return self._vector(kind, n, self._observable(False), f"c_{n} = <eta^({n}), M({n},L) u>, MATH (15).")

    def _vector(self, kind: TermKind, n: int, u: tuple[sp.Expr, ...], source: str) -> Term:
        limit = self.options.max_operations
        estimate = self.sizes.coefficients(n)
        reason = f"about {estimate.operations:.2g}"
        if estimate.operations <= BUILD_FACTOR * limit:
            built = self._product(n, u)
            cost = cost_of(built.matrix)
            if cost.operations <= limit:
                return Term(kind, n, self.depth, built.matrix, cost.integrals == 0, None, (source, *built.rules), cost)
            reason = f"{cost.operations}"
        symbol, part = self.named(kind, n, self.depth)
        factored = f"written out it would take {reason} operations, more than max_operations = {limit}"
        cost = Cost(int(estimate.operations), symbol.rows * symbol.cols, estimate.dimension, flops_of(estimate))
        return Term(kind, n, self.depth, symbol, False, factored, (source,), cost, (part,))

    def _unresolved(self, kind: TermKind, n: int, m: int) -> Term:
        u = self._observable(True)
        rows, columns = self.size(n), len(u)
        source = f"c-perp_{n} = <eta^({n}), M({n},L) (I - P_L) u> = c_{n} - C({n},L) c_L, MATH (15)."
        if n == self.depth or all(expr.is_zero for expr in u):
            why = f"<eta^({n}), Q_{n} u> = 0." if n == self.depth else "Q_L u = 0."
            return Term(kind, n, self.depth, zeros(rows, columns), True, None, (source, why), NO_COST)
        limit = self.options.max_operations
        whole, last = self._vector("coefficients", n, u, source), self._vector("coefficients", self.depth, u, source)
        table = self.term("streaming" if n == self.depth - 1 else "correlation", n, self.depth)
        if whole.factored is None and last.factored is None and table.factored is None:
            matrix = sp.ImmutableMatrix(whole.expr) - sp.ImmutableMatrix(table.expr) * sp.ImmutableMatrix(last.expr)
            cost = cost_of(matrix)
            if cost.operations <= limit:
                rules = merged(whole.why, last.why, table.why[1:])
                return Term(kind, n, self.depth, matrix, cost.integrals == 0, None, rules, cost)
        first, first_part = self.named("coefficients", n, self.depth)
        middle, middle_part = self.named(table.kind, n, self.depth)
        end, end_part = self.named("coefficients", self.depth, self.depth)
        factored = f"written out it would take more than max_operations = {limit} operations; here by MATH (15)"
        estimate = self.sizes.coefficients(n)
        cost = Cost(int(estimate.operations), 0, estimate.dimension, 2.0 * rows * self.size(self.depth) * columns)
        parts = (first_part, middle_part, end_part)
        return Term(kind, n, self.depth, first - middle * end, False, factored, (source,), cost, parts)

    def _noise(self, kind: TermKind, n: int, m: int) -> Term:
        rows, u = self.size(n), self._observable(True)
        source = "MATH (15): r_n = c-perp_n - A_n c-perp_{n+1} - sum_m K(n,m) c-perp_m."
        if all(expr.is_zero for expr in u):
            why = "The observable is a polynomial that P_L resolves, Q_L u = 0, so the noise term is exactly zero."
            return Term(kind, n, self.depth, zeros(rows, len(u)), True, None, (source, why), NO_COST)
        terms: list[tuple[TermKind, int, TermKind, int]] = []
        for k in range(n + 1, self.depth):
            if k == n + 1 or self._vanishing_memory(k) is None:
                terms.append(("streaming" if k == n + 1 else "memory", k, "unresolved", k))
        written = self._written_noise(n, terms, source)
        if written is not None:
            return written
        first, part = self.named("unresolved", n, self.depth)
        expr, parts = [first], [part]
        for left_kind, k, right_kind, row in terms:
            left, left_part = self.named(left_kind, n, k)
            right, right_part = self.named(right_kind, row, self.depth)
            expr.append(-left * right)
            parts += [left_part, right_part]
        limit = self.options.max_operations
        factored = f"written out it would take more than max_operations = {limit} operations; here by MATH (15)"
        flops = sum(2.0 * rows * self.size(k) * len(u) for _, k, _, _ in terms)
        estimate = self.sizes.coefficients(n)
        cost = Cost(int(estimate.operations), 0, estimate.dimension, flops)
        unique = tuple(dict.fromkeys(parts))
        return Term(kind, n, self.depth, sp.MatAdd(*expr), False, factored, (source,), cost, unique)

    def _written_noise(self, n: int, terms: list[tuple[TermKind, int, TermKind, int]], source: str) -> Term | None:
        """r_n with every entry written out, where all its parts are and the result stays small."""
        limit = self.options.max_operations
        if n < self.depth - 1 and self.sizes.memory(n, self.depth).operations > BUILD_FACTOR * limit:
            return None
        first = self.term("unresolved", n, self.depth)
        pairs = [(self.term(a, n, k), self.term(b, row, self.depth)) for a, k, b, row in terms]
        if first.factored or any(a.factored or b.factored for a, b in pairs):
            return None
        matrix = sp.ImmutableMatrix(first.expr)
        for left, right in pairs:
            matrix = matrix - sp.ImmutableMatrix(left.expr) * sp.ImmutableMatrix(right.expr)
        cost = cost_of(matrix)
        if cost.operations > limit:
            return None
        rules = merged((source,), first.why[1:], *(term.why[1:] for pair in pairs for term in pair))
        return Term("noise", n, self.depth, matrix, cost.integrals == 0, None, rules, cost)


class _Counted:
    """A built matrix with its cost, which is counted once per chain."""

    def __init__(self, product: products.Product) -> None:
        self.matrix, self.rules = product.matrix, product.rules
        self.cost = cost_of(product.matrix)


@lru_cache(maxsize=512)
def _counted_correlation(chain: Chain, projection: TotalDegree, max_operations: int) -> _Counted:
    return _Counted(products.correlation(chain, projection, max_operations))


def zeros(rows: int, columns: int) -> sp.MatrixBase | sp.MatrixExpr:
    """An exact zero; only its shape where its entries would fill the memory."""
    return sp.ImmutableMatrix.zeros(rows, columns) if rows * columns <= LISTED_ENTRIES else sp.ZeroMatrix(rows, columns)


def flops_of(estimate: Estimate) -> float:
    return float(min(1e300, estimate.operations * 16.0**estimate.dimension))
