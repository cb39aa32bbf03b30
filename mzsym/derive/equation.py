"""The Mori-Zwanzig equation of one network under one projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy as sp

from mzsym.core import MzError, Options
from mzsym.derive import choice
from mzsym.derive.averages import average
from mzsym.derive.builder import NO_COST, TermBuilder, zeros
from mzsym.derive.conditional_builder import ConditionalBuilder
from mzsym.derive.costs import Costs, EquationTerm, TermName
from mzsym.derive.equation_latex import equation_latex, short_latex
from mzsym.derive.numeric import evaluate_term
from mzsym.derive.operators.derivation import Derivation, derive_operator
from mzsym.derive.operators.steps import Step
from mzsym.derive.operators.words import Direction
from mzsym.derive.pair_builder import builder_of
from mzsym.derive.term_sizes import NOTHING
from mzsym.derive.terms import Term, TermKind
from mzsym.projections import Conditional, FiniteRank
from mzsym.projections.checks import check_stated, finite_rank
from mzsym.projections.functions import combination

if TYPE_CHECKING:
    from mzsym.calculus import Closed
    from mzsym.derive.choice import HasNorms
    from mzsym.derive.sizes import Estimate
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


@dataclass(frozen=True)
class Equation:
    """What follows exactly from a network and a projection: the operator equation and its concrete terms.

    Terms are exact SymPy expressions in the symbols of the layers and of the box ends (:mod:`mzsym.core.names`);
    numbers are in ``network.bindings()``. They are built when they are asked for, equal stretches of layers once.

    Attributes
    ----------
    network : Network
    projection : AbstractProjection
    direction : {"backward", "forward"}
    options : Options

    Examples
    --------
    >>> import mzsym as mz, sympy as sp
    >>> x, w = mz.state(1), sp.Symbol("w", real=True)
    >>> layer = mz.Layer([sp.tanh(w*x[0])], state=x, noise=mz.Uniform(0.5), params={w: 2})
    >>> eq = mz.derive(mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=x[0]), mz.Mean())
    >>> eq.streaming(0).expr
    Matrix([[1]])
    """

    network: Network
    projection: AbstractProjection
    direction: Direction = "backward"
    options: Options = field(default_factory=Options)

    # ------------------------------------------------------------------ operator level

    @cached_property
    def derivation(self) -> Derivation:
        """The recorded derivation for this depth."""
        return derive_operator(self.direction, self.network.depth)

    @property
    def operator(self) -> sp.Eq:
        """MATH (11), or (13) forward, for symbolic n and L."""
        return self.derivation.equation

    def operator_at(self, n: int) -> sp.Eq:
        """The operator equation of layer n, written out."""
        return self.derivation.equation_at(n)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, step by step."""
        return self.derivation.steps

    def verify(self) -> tuple[str, ...]:
        """Prove every step by normal form; returns their names, or raises DerivationError naming the step."""
        return self.derivation.verify()

    # ------------------------------------------------------------------ concrete terms

    def streaming(self, n: int) -> Term:
        """A_n = C(n,n+1) backward, shape (d_n, d_{n+1}); its transpose forward. MATH (14).

        On densities the adjoint P* of P acts, <P* p, v> = <p, P v> without weight: for orthogonal P and densities
        relative to mu_n that is P itself. Then every forward term, also of an oblique pair, is the transpose of a
        backward one, in the coefficients d_n = E[phi^(n)(X_n)] (eta in place of phi where P is orthogonal).

        Parameters
        ----------
        n : int
            0 <= n < L.

        Raises
        ------
        MzError
            For another index.
        """
        self._named("streaming", n, None)
        return self._finish(self._builder.term("streaming", n, n + 1), n, n + 1, "streaming")

    def memory(self, n: int, m: int) -> Term:
        """K(n,m), MATH (14): backward n+2 <= m <= L, shape (d_n, d_m); forward 0 <= m < n, K(m,n+1)^T, MATH (13).

        Written out where its size stays within ``options.max_operations``, otherwise factored by MATH (14); sizes are
        estimated before anything is expanded.

        Raises
        ------
        MzError
            For other indices.
        """
        term = self._builder.term(*self._backward_of("memory", n, m))
        return self._finish(term if self.direction == "backward" else _transposed(term, n, m), n, m, "memory")

    def noise(self, n: int) -> Term:
        """r_n, MATH (15), shape (d_n, number of observables); exactly zero where P_L resolves the observable.

        Forward it is the term of Q_0 p_0 in MATH (13): zero where X_0 has the law mu_0, normalised, and constants are
        among the combinations of the test functions.

        Parameters
        ----------
        n : int
            0 <= n < L.

        Raises
        ------
        MzError
            For another index.
        """
        self._named("noise", n, None)
        if self.direction == "forward":
            return self._finish(self._forward_noise(n), n, 0, "noise")
        return self._finish(self._builder.term("noise", n, self.depth), n, self.depth, "noise")

    def correlation(self, n: int, m: int) -> Term:
        """C(n,m)_ij = <eta_i^(n), M(n,m) eta_j^(m)>, n <= m <= L, shape (d_n, d_m). MATH (14), the same both ways."""
        self._integer(n), self._integer(m)
        allowed = f"0 <= n <= m <= {self.depth}"
        self._check("correlation", 0 <= n <= m <= self.depth, f"correlation({n}, {m})", allowed)
        return self._builder.term("correlation", n, m)

    def correlation_entry(self, n: int, m: int, i: int, j: int) -> sp.Expr:
        """One entry of C(n,m), exact whatever the size of the whole matrix."""
        self._integer(n), self._integer(m)
        allowed = f"0 <= n <= m <= {self.depth}"
        self._check("correlation", 0 <= n <= m <= self.depth, f"correlation_entry({n}, {m}, ...)", allowed)
        rows, columns = self._builder.size(n), self._builder.size(m)
        inside = 0 <= self._integer(i) < rows and 0 <= self._integer(j) < columns
        self._check("entry", inside, f"correlation_entry({n}, {m}, {i}, {j})", f"i < {rows} and j < {columns}")
        return self._builder.entry(n, m, i, j)

    def gram(self, n: int) -> Term:
        """G_n = <psi_j, phi_k> in mu_n, exact, 0 <= n <= L; the identity where the basis is orthonormal. MATH (6)."""
        self._check("gram", 0 <= self._integer(n) <= self.depth, f"gram({n})", f"0 <= n <= {self.depth}")
        return self._builder.term("gram", n, n)

    def normaliser(self, n: int) -> Term:
        """S_n of exact Gram-Schmidt: eta = S_n phi is orthonormal; G_n^-1 for an oblique pair. MATH (6)."""
        self._check("normaliser", 0 <= self._integer(n) <= self.depth, f"normaliser({n})", f"0 <= n <= {self.depth}")
        return self._builder.term("normaliser", n, n)

    def coefficients(self, n: int) -> Term:
        """c_n = <eta^(n), q_n> as an exact vector, MATH (15), 0 <= n <= L, shape (d_n, number of observables)."""
        return self._vector("coefficients", n)

    def unresolved(self, n: int) -> Term:
        """c-perp_n = <eta^(n), M(n,L) Q_L u>, MATH (15), from which the noise terms are made."""
        return self._vector("unresolved", n)

    def average(self, n: int, m: int, v: sp.Expr) -> Closed:
        """M(n,m) v as an exact function of the state of layer n, MATH (4).

        Parameters
        ----------
        n, m : int
            n <= m <= L.
        v : Expr
            In ``network.state(m)``.

        Returns
        -------
        Closed
            ``.expr`` in ``network.state(n)``, whether it is closed, and the rules.
        """
        self._integer(n), self._integer(m)
        self._check("average", 0 <= n <= m <= self.depth, f"average({n}, {m})", f"0 <= n <= m <= {self.depth}")
        chain, back = self._builder.chain(n, m)
        built = average(chain, v.xreplace({old: new for new, old in back.items()}), self.options.max_operations)
        return replace(built, expr=built.expr.xreplace(back))

    def evaluate(self, term: Term, bindings: Mapping[sp.Symbol, Any] | None = None, digits: int = 30) -> Any:
        """A term in numbers, from its expression alone, by mpmath: slow, any number of digits, for checks.

        Parameters
        ----------
        term : Term
            Of this equation.
        bindings : mapping, optional
            Values of symbols; default: those of the network.
        digits : int

        Returns
        -------
        mpmath.matrix
        """
        values = self.network.bindings() if bindings is None else dict(bindings)
        if isinstance(self._builder, ConditionalBuilder):
            raise MzError(
                "A term of a conditional projection is a function of the kept variables",
                "evaluate(term)",
                "Take its numbers from mz.compile, or put a function in for f in its expression",
            )
        return evaluate_term(term, values, digits, self._builder)

    def structure(self, term: Term) -> object:
        """A key that is equal for terms of one kind that differ only in the layers' indices and parameters."""
        n, m = (term.m, term.n + 1) if self.direction == "forward" and term.kind == "memory" else (term.n, term.m)
        if term.kind in ("noise", "coefficients", "unresolved"):
            return (term.n, term.m)
        return self._builder.structure(n, m)

    # ------------------------------------------------------------------ what terms take, and which are wanted

    def estimate(self, kind: EquationTerm, n: int, m: int | None = None) -> Estimate:
        """Size of a term written out, before anything of it is expanded: an order of magnitude, never a promise.

        Parameters
        ----------
        kind : {"streaming", "memory", "noise"}
        n, m : int
            As of the method of that name; m for memory only.

        Returns
        -------
        Estimate
            Operations, and the dimension of the integrals that may remain; 0 operations where the term vanishes.

        Raises
        ------
        MzError
            For a term that does not exist.
        """
        self._named(kind, n, m)
        if kind == "noise" and self.direction == "forward":
            return NOTHING
        return self._builder.estimate_of(*self._backward_of(kind, n, m))

    def costs(self, max_lag: int | None = None, above: float | None = None, evaluator: HasNorms | None = None) -> Costs:
        """Estimates for all terms, or for those that the filters leave, and what the limits make of them.

        Parameters
        ----------
        max_lag : int, optional
            Only streaming (lag 1), noise, and memory of at most this lag.
        above : float, optional
            Only terms whose norm in the tables of ``evaluator`` is at least this.
        evaluator : Evaluator, optional

        Returns
        -------
        Costs

        Examples
        --------
        >>> import mzsym as mz
        >>> layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))
        >>> eq = mz.derive(mz.Network([layer] * 8, domain=mz.Box([(-1, 1)])), mz.Legendre(3))
        >>> [row.state for row in eq.costs(max_lag=2).rows][:3], eq.costs().of("memory(0, 8)").state
        (['written', 'written', 'zero'], 'factored')
        """
        return choice.costs(self, choice.chosen(self, max_lag, above, evaluator, "costs"))

    def terms(
        self, max_lag: int | None = None, above: float | None = None, evaluator: HasNorms | None = None
    ) -> tuple[Term, ...]:
        """The terms themselves, with the filters of ``costs``; what exceeds the budget is left by name.

        Together they take at most ``options.max_total_operations`` by estimate: before a term is expanded it is
        compared with what is left of them, and where it does not fit it stays a symbol that says so in ``factored``.

        Returns
        -------
        tuple of Term
            Those of one layer together.
        """
        return choice.terms(self, choice.chosen(self, max_lag, above, evaluator, "terms"))

    def term_at(self, kind: EquationTerm, n: int, m: int | None = None) -> Term:
        """A term of the equation by its name: ``term_at("memory", 0, 2)`` is ``memory(0, 2)``."""
        name = self._named(kind, n, m)
        if kind == "memory":
            return self.memory(name.n, name.m)
        return self.streaming(n) if kind == "streaming" else self.noise(n)

    def shape_of(self, name: TermName) -> tuple[int, int]:
        """(rows, columns) of a term, without building it."""
        if name.kind == "noise" and self.direction == "forward":
            return self._builder.size(name.n + 1), 1
        rows, columns = self._builder.shape(*self._backward_of(name.kind, name.n, name.m))
        return (rows, columns) if self.direction == "backward" else (columns, rows)

    def left_out(self, name: TermName, estimate: Estimate) -> Term:
        """A term by its name alone, because the budget is spent."""
        reason = (
            f"left by name: about {estimate.operations:.2g} operations more than max_total_operations = "
            f"{self.options.max_total_operations} leaves"
        )
        kind, n, m = self._backward_of(name.kind, name.n, name.m)
        term = self._builder.left_out(kind, n, m, estimate, reason)
        return term if self.direction == "backward" else _transposed(term, name.n, name.m)

    @property
    def largest_estimate(self) -> float:
        """Estimated operations above which a term is factored without being tried."""
        return self._builder.largest_estimate

    # ------------------------------------------------------------------ views

    def latex(self, max_lag: int | None = None, above: float | None = None, evaluator: HasNorms | None = None) -> str:
        """The operator equation and, as a where-list, its concrete terms; compiles with stock amsmath.

        What a size limit, or a filter as in ``costs``, leaves out is named in the text.
        """
        return equation_latex(self, choice.chosen(self, max_lag, above, evaluator, "latex"))

    def _repr_latex_(self) -> str:
        return short_latex(self)

    def __repr__(self) -> str:
        dims = " -> ".join(map(str, self.network.dims))
        return f"Equation({self.direction}, depth {self.depth}, dimensions {dims}, {self.projection!r})"

    # ------------------------------------------------------------------ inside

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return self.network.depth

    @cached_property
    def _builder(self) -> TermBuilder | ConditionalBuilder:
        if isinstance(self.projection, Conditional):
            return ConditionalBuilder(self.network, self.projection, self.options)
        return builder_of(self.network, finite_rank(self.projection, "exact terms"), self.options)

    def _vector(self, kind: TermKind, n: int) -> Term:
        self._check(kind, 0 <= self._integer(n) <= self.depth, f"{kind}({n})", f"0 <= n <= {self.depth}")
        if self.direction == "forward":
            raise MzError(
                f"The {kind} of an observable belong to the backward equation",
                f"{kind}({n})",
                'Use derive(net, projection, direction="backward")',
            )
        return self._builder.term(kind, n, self.depth)

    def _forward_noise(self, n: int) -> Term:
        if not self._resolves_start():
            raise MzError(
                "The forward noise term needs Q_0 p_0 for this input law and measure",
                f"noise({n})",
                "It is exactly zero, and then given, where X_0 has the law mu_0 and P_0 resolves constants: with "
                'measure="law", or input="uniform" and measure="uniform"',
            )
        zero = zeros(self._builder.size(n + 1), 1)
        why = "X_0 has the law mu_0 and P_0 resolves constants, so Q_0 p_0 = 0 and the noise term is exactly zero."
        return Term("noise", n, 0, zero, True, None, (why,), NO_COST, (), "forward")

    def _resolves_start(self) -> bool:
        """Whether the density of X_0 relative to mu_0 is a constant that the test functions span: then Q_0 p_0 = 0."""
        net, measure = self.network, self.projection.measure
        kind = net.input_law.kind
        same = {"law": True, "gaussian": kind == "normal", "uniform": kind == "uniform", "lebesgue": kind == "uniform"}
        if not isinstance(measure, str) or not same[measure]:
            return False
        if not isinstance(self.projection, FiniteRank):
            return self.projection.keeps_constants
        if self.projection.orthogonal:
            return self.projection.contains_polynomial(0, net.dims[0])
        tests = self.projection.test_exprs(0, net.dims[0], self.projection.boxed(net))
        return combination(sp.S.One, tests, net.state(0)) is not None

    def _finish(self, term: Term, n: int, m: int, kind: str) -> Term:
        """Adds the steps of the operator derivation, and turns what the forward side shares with the backward one."""
        if self.direction == "forward" and kind == "streaming":
            term = _transposed(term, n, n + 1)
        names = self.derivation.steps_for(kind, n, m if kind == "memory" else None)  # type: ignore[arg-type]
        shown = ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:3])}, ..., {', '.join(names[-4:])}"
        cites = "MATH (11)" if self.direction == "backward" else "MATH (13)"
        sentence = f"The {kind} term of {cites}, by {len(names)} proved steps: {shown}."
        return replace(term, why=(sentence, *term.why))

    def _named(self, kind: EquationTerm, n: int, m: int | None) -> TermName:
        """The term of this name; one that does not exist is refused."""
        if kind not in ("streaming", "memory", "noise"):
            raise MzError(f"There is no {kind!r} term", "kind of a term", 'Use "streaming", "memory" or "noise"')
        depth = self.depth
        self._integer(n)
        if kind != "memory":
            self._check(kind, 0 <= n < depth, f"{kind}({n})", f"0 <= n < {depth}")
            noise_end = depth if self.direction == "backward" else 0
            return TermName(kind, n, n + 1, 1) if kind == "streaming" else TermName(kind, n, noise_end, 0)
        self._integer(m)
        assert m is not None
        if self.direction == "forward":
            self._check(kind, 0 <= m < n < depth, f"memory({n}, {m})", f"0 <= m < n < {depth}")
            return TermName(kind, n, m, n + 1 - m)
        self._check(kind, n >= 0 and n + 2 <= m <= depth, f"memory({n}, {m})", f"0 <= n and n+2 <= m <= {depth}")
        return TermName(kind, n, m, m - n)

    def _backward_of(self, kind: EquationTerm, n: int, m: int | None) -> tuple[EquationTerm, int, int]:
        """Kind and indices of the backward term that a term is, or is the transpose of."""
        name = self._named(kind, n, m)
        if kind == "memory" and self.direction == "forward":
            return kind, name.m, name.n + 1
        return kind, name.n, name.m

    def _integer(self, n: object) -> int:
        if isinstance(n, bool) or not isinstance(n, int):
            raise MzError(f"The index {n!r} is no integer", "index of a term", "Give an integer")
        return n

    def _check(self, kind: str, good: bool, where: str, allowed: str) -> None:
        if not good:
            raise MzError(f"There is no such {kind} term in a network of depth {self.depth}", where, f"Use {allowed}")


def _transposed(term: Term, n: int, m: int) -> Term:
    """The forward term that is the adjoint of a backward one, MATH (13)."""
    rule = "P_n acts on densities by its adjoint, so the forward term is the transpose of the backward one, MATH (13)."
    return replace(term, n=n, m=m, expr=sp.transpose(term.expr), why=(rule, *term.why), direction="forward")


def derive(
    net: Network,
    projection: AbstractProjection,
    direction: Direction = "backward",
    options: Options | None = None,
) -> Equation:
    """Derive the Mori-Zwanzig equation of a network, MATH (11) backward and (13) forward.

    Parameters
    ----------
    net : Network
    projection : AbstractProjection
        Of finite rank.
    direction : {"backward", "forward"}
        Of observables (backward) or of densities (forward).
    options : Options, optional

    Returns
    -------
    Equation
        Its terms are built when they are asked for.

    Raises
    ------
    MzError
        When the projection is not defined on this network, or for an unknown direction.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))
    >>> eq = mz.derive(mz.Network([layer] * 3, domain=mz.Box([(-1, 1)])), mz.Legendre(1))
    >>> eq.verify()[-1]
    'projected[0]'
    """
    if direction not in ("backward", "forward"):
        raise MzError(f"There is no direction {direction!r}", "derive(direction=)", 'Use "backward" or "forward"')
    check_stated(net, projection, "derive")
    return Equation(net, projection, direction, options or Options())
