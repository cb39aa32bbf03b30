"""Exact terms of a conditional projection: what they make of an arbitrary function of the kept variables, MATH (7)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.calculus import box_integral
from mzsym.core import MzError, Options
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.derive.averages import average, merged, settled
from mzsym.derive.chains import Chain, Renaming, chain_of
from mzsym.derive.sizes import Cost, Estimate, cost_of, estimate_function, stretch_of
from mzsym.derive.terms import Part, Term, TermKind

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections.conditional import Conditional

FACTOR = 20
"""A term may take this many times ``options.max_operations``, for nothing of it is factored."""

ARGUMENT = sp.Function("f", real=True)
"""The function that a streaming or memory term acts on: an undefined function of the kept variables of layer m."""


class ConditionalBuilder:
    """Terms of a network under a conditional projection; each is a 1 x 1 matrix, a function of the kept variables.

    A streaming, memory or correlation term is shown by what it makes of ``f``, an undefined function of the kept
    variables of X_m; put in your own with ``term.expr.replace(ARGUMENT, function)``.
    """

    def __init__(self, network: Network, projection: Conditional, options: Options) -> None:
        self.network, self.projection, self.options = network, projection, options
        self._terms: dict[tuple[TermKind, int, int], Term] = {}

    @property
    def depth(self) -> int:
        return self.network.depth

    def size(self, n: int) -> int:
        """1: one function of the kept variables."""
        return 1

    def chain(self, n: int, m: int) -> tuple[Chain, Renaming]:
        """Layers n..m-1 in canonical symbols, and the way back."""
        return chain_of(self.network, n, m)

    def structure(self, n: int, m: int) -> object:
        """A key that is equal for terms that differ only in the layers' indices and parameters."""
        return self.chain(n, m)[0]

    def entry(self, n: int, m: int, i: int, j: int) -> sp.Expr:
        """What C(n,m) makes of f."""
        return self.term("correlation", n, m).expr[0]

    def named(self, kind: TermKind, n: int, m: int) -> tuple[sp.MatrixSymbol, Part]:
        """Nothing is left as a product of named terms."""
        raise MzError(f"The {kind} term is not factored", f"{kind}({n}, {m})", "Use its expression")

    @property
    def largest_estimate(self) -> float:
        """Estimated operations above which a term is not even tried: none, each is built and then counted."""
        return float("inf")

    def shape(self, kind: TermKind, n: int, m: int) -> tuple[int, int]:
        """One row, and one column for every observable."""
        return 1, 1 if kind in ("streaming", "memory", "correlation") else len(self.network.observable_exprs)

    def estimate_of(self, kind: TermKind, n: int, m: int) -> Estimate:
        """Size of a term written out."""
        chain, back = self.chain(n, m)
        there = {old: new for new, old in back.items()}
        functions = self.network.observable_exprs if kind == "noise" else (ARGUMENT(*self.kept(m)),)
        whole = estimate_function(stretch_of(chain), tuple(sp.sympify(f).xreplace(there) for f in functions))
        # No rule closes an average of a function that is not known.
        open_to = 0 if kind == "noise" else sum(self._noisy(m - 1, i) for i in self.projection.keep)
        # MATH (14) composed, not tabulated: every way of stopping on the way is a summand.
        ways = 2.0 ** min(40, m - n - 1 + (kind == "noise")) if kind in ("memory", "noise") else 1.0
        dropped = len(self.projection.dropped(chain.dims[0]))
        return Estimate(whole.operations * ways, whole.dimension + open_to + dropped)

    def _noisy(self, n: int, i: int) -> bool:
        laws = self.network.layers[n].noise
        return not laws[min(i, len(laws) - 1)].deterministic

    def left_out(self, kind: TermKind, n: int, m: int, estimate: Estimate, reason: str) -> Term:
        """A term by its name alone, not expanded."""
        return self._by_name(kind, n, m, reason)

    def _by_name(self, kind: TermKind, n: int, m: int, reason: str) -> Term:
        rows, columns = self.shape(kind, n, m)
        symbol, source = sp.MatrixSymbol(f"{kind}_{n}_{m}", rows, columns), "The term is left by its name."
        parts = (Part(symbol, kind, n, m),)
        return Term(kind, n, m, symbol, False, reason, (source,), Cost(0, 0, 0, 0.0), parts, of_functions=True)

    def kept(self, n: int) -> tuple[sp.Symbol, ...]:
        """Symbols of the kept variables of X_n."""
        return tuple(state_symbol(n, i) for i in self.projection.keep)

    def term(self, kind: TermKind, n: int, m: int) -> Term:
        """A term without the sentences on the derivation, built once."""
        key = (kind, n, m)
        if key not in self._terms:
            self._terms[key] = self._built(kind, n, m)
        return self._terms[key]

    def _built(self, kind: TermKind, n: int, m: int) -> Term:
        if self.projection.measure == "law":
            # The conditional density is that of the state, which depends on all layers before.
            reason = "in the law of the state the conditional density has no expression of its own"
            return self._by_name(kind, n, m, reason)
        rules: list[tuple[str, ...]] = []
        f = ARGUMENT(*self.kept(m))
        if kind in ("streaming", "correlation"):
            expr = self._carried(n, m, f, rules)
            source = f"P_{n} M({n},{m}) f, the average over the dropped variables, MATH (7)."
        elif kind == "memory":
            expr = self._memory(n, m, f, rules)
            source = "MATH (14): K(n,m) f = C(n,m) f - A_n C(n+1,m) f - sum_l K(n,l) C(l,m) f, each one composed."
        else:
            row = [self._vector(kind, n, u, rules) for u in self.network.observable_exprs]
            return self._finished(kind, n, m, sp.ImmutableMatrix([row]), "MATH (15), as functions.", rules)
        return self._finished(kind, n, m, sp.ImmutableMatrix([[expr]]), source, rules)

    def _finished(
        self, kind: TermKind, n: int, m: int, matrix: sp.ImmutableMatrix, source: str, rules: list[tuple[str, ...]]
    ) -> Term:
        cost = cost_of(matrix)
        limit = FACTOR * self.options.max_operations
        if cost.operations > limit:
            return self._by_name(kind, n, m, f"it takes {cost.operations} operations written out, more than {limit}")
        why = (source, *settled(merged(*rules), cost.integrals))
        return Term(kind, n, m, matrix, cost.integrals == 0, None, why, cost, of_functions=True)

    def _vector(self, kind: TermKind, n: int, u: sp.Expr, rules: list[tuple[str, ...]]) -> sp.Expr:
        depth = self.depth
        if kind == "coefficients":
            return self._carried(n, depth, u, rules)
        if kind == "unresolved":
            resolved = self._projected(depth, u, rules)
            return self._carried(n, depth, u, rules) - self._carried(n, depth, resolved, rules)
        total = self._vector("unresolved", n, u, rules)
        for k in range(n + 1, depth):
            inner = self._vector("unresolved", k, u, rules)
            total -= self._carried(n, k, inner, rules) if k == n + 1 else self._memory(n, k, inner, rules)
        return total

    def _memory(self, n: int, m: int, f: sp.Expr, rules: list[tuple[str, ...]]) -> sp.Expr:
        """K(n,m) f: what MATH (14) leaves of C(n,m) f."""
        total = self._carried(n, m, f, rules)
        for between in range(n + 1, m):
            inner = self._carried(between, m, f, rules)
            if between == n + 1:
                total -= self._carried(n, between, inner, rules)
            else:
                total -= self._memory(n, between, inner, rules)
        return total

    def _carried(self, n: int, m: int, v: sp.Expr, rules: list[tuple[str, ...]]) -> sp.Expr:
        """C(n,m) v = P_n M(n,m) v, for a function v of X_m."""
        chain, back = self.chain(n, m)
        there = {old: new for new, old in back.items()}
        found = average(chain, v.xreplace(there), self.options.max_operations)
        rules.append(found.rules)
        return self._projected(n, found.expr.xreplace(back), rules)

    def _projected(self, n: int, v: sp.Expr, rules: list[tuple[str, ...]]) -> sp.Expr:
        """P_n v: the conditional average over the dropped variables of X_n."""
        dim = self.network.dims[n]
        dropped = [i for i in self.projection.dropped(dim) if v.has_free(state_symbol(n, i))]
        if not dropped:
            return v
        measure = self.projection.measure
        if measure in ("uniform", "lebesgue"):
            box = tuple((state_symbol(n, i), lower_symbol(n, i), upper_symbol(n, i)) for i in dropped)
            found = box_integral(v, box, self.options.max_operations)
            rules.append(found.rules)
            return found.expr / sp.Mul(*(hi - lo for _, lo, hi in box))
        return _ratio(v, self.projection.weight_expr(n, dim), self._limits(n, self.projection.dropped(dim)))

    def _limits(self, n: int, dropped: tuple[int, ...]) -> tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]:
        if self.projection.boxed(self.network):
            return tuple((state_symbol(n, i), lower_symbol(n, i), upper_symbol(n, i)) for i in dropped)
        return tuple((state_symbol(n, i), -sp.oo, sp.oo) for i in dropped)


@lru_cache(maxsize=512)
def _ratio(v: sp.Expr, weight: sp.Expr, limits: tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]) -> sp.Expr:
    """Integral of v w over the integral of w, both over the dropped variables."""
    return sp.Integral(v * weight, *limits) / sp.Integral(weight, *limits)
