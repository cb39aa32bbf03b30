"""LaTeX of a whole equation: the operator equation, what its letters mean, and the concrete terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from mzsym.derive.costs import term_names
from mzsym.derive.display import definitions
from mzsym.derive.operators.derivation_latex import text_latex
from mzsym.derive.operators.steps import Step
from mzsym.derive.term_latex import environment, symbol_of, term_rows
from mzsym.projections import FiniteRank
from mzsym.projections.measures import BOX_MEASURES, measure_words

if TYPE_CHECKING:
    from mzsym.derive.costs import TermName
    from mzsym.derive.equation import Equation
    from mzsym.derive.terms import Term

MAX_TERMS = 12
"""Concrete terms that the where-list prints."""

MAX_CHARACTERS = 40_000
"""Characters after which the where-list stops."""


def short_latex(eq: Equation) -> str:
    """The operator equation alone, for notebooks."""
    return "$$" + _claim(eq).latex() + "$$"


def equation_latex(eq: Equation, names: tuple[TermName, ...]) -> str:
    """Operator equation, definitions, and the concrete terms of these names."""
    blocks = [_operator(eq), _definitions(eq)]
    used, left_out = 0, []
    shown: list[sp.Basic] = []
    first: dict[object, Term] = {}
    for number, name in enumerate(names):
        if number >= MAX_TERMS or used > MAX_CHARACTERS:
            left_out.append(name.label)
            continue
        term = eq.term_at(name.kind, name.n, name.m)
        twin = None if term.is_zero else first.setdefault((term.kind, eq.structure(term)), term)
        if twin is not None and twin is not term:
            blocks.append(_same(term, twin))
            continue
        rows, exprs = term_rows(term)
        shown += exprs
        used += sum(map(len, rows))
        blocks.append(_sentence(term) + "\n" + environment(rows))
    explained = definitions(shown)
    if explained:
        blocks.append("with the letters\n" + environment(explained))
    filtered = sum(1 for _ in term_names(eq.depth, eq.direction)) - len(names)
    if filtered:
        blocks.append(
            f"Left out, because of the lag or the norm asked for: {filtered} of {filtered + len(names)} terms."
        )
    if left_out:
        blocks.append(
            f"Not printed here, because of the size limit of this view: {len(left_out)} terms from "
            rf"\verb|{left_out[0]}| to \verb|{left_out[-1]}|; each prints by its own \verb|.latex()|."
        )
    return "\n\n".join(blocks) + "\n"


def _claim(eq: Equation) -> Step:
    """The proved step that states the projected equation for all n and L."""
    return eq.derivation.symbolic.step("projected")


def _operator(eq: Equation) -> str:
    what = "observables, read from the output backward" if eq.direction == "backward" else "densities, forward"
    text = f"The Mori--Zwanzig equation of {what}, for every layer $n$ of a network of $L={eq.depth}$ layers:"
    return text + "\n\\[\n" + _claim(eq).latex() + "\n\\]"


def _definitions(eq: Equation) -> str:
    """What the matrices are; one sentence, then the equation in coefficients."""
    if not isinstance(eq.projection, FiniteRank):
        return (
            rf"$P_n$ is {eq.projection.describe()}, in the {measure_words(eq.projection.measure)}. Its terms are "
            r"functions of the kept variables; a streaming or memory term is shown by what it makes of a function $f$ "
            "of them:\nwhere, for this network,"
        )
    words = _projection_words(eq, eq.projection)
    if eq.direction == "forward":
        words += (
            r"In coefficients $d_n = \langle \eta^{(n)}, p_n \rangle$ of the density relative to that measure:"
            if eq.projection.orthogonal
            else r"On densities its adjoint acts, in coefficients $d_n = E[\phi^{(n)}(X_n)]$:"
        )
        rows = [
            r"d_{n+1} &= A_n^{\mathsf{T}} d_n + \sum_{m=0}^{n-1} K_{m,n+1}^{\mathsf{T}}\, d_m",
        ]
    else:
        words += r"In coefficients $c_n = \langle \eta^{(n)}, q_n \rangle$:"
        rows = [
            r"c_n &= A_n\, c_{n+1} + \sum_{m=n+2}^{L} K_{n,m}\, c_m + r_n, \qquad c_L = \langle \eta^{(L)}, u \rangle",
        ]
    right = r"\eta" if eq.projection.orthogonal else r"\phi"
    product = rf"\langle \eta^{{(n)}}_i,\, M_n \cdots M_{{m-1}}\, {right}^{{(m)}}_j \rangle"
    rows.append(rf"(C_{{n,m}})_{{ij}} &= {product}, \qquad A_n = C_{{n,n+1}}")
    rows.append(r"K_{n,m} &= C_{n,m} - A_n C_{n+1,m} - \sum_{l=n+2}^{m-1} K_{n,l}\, C_{l,m}")
    if eq.direction == "backward":
        rows.append(
            r"r_n &= c^{\perp}_n - A_n\, c^{\perp}_{n+1} - \sum_{m=n+2}^{L-1} K_{n,m}\, c^{\perp}_m, \qquad "
            r"c^{\perp}_n = c_n - C_{n,L}\, c_L"
        )
    return words + "\n" + environment(rows) + "\nwhere, for this network,"


def _projection_words(eq: Equation, projection: FiniteRank) -> str:
    """What P_n is, in a sentence or two."""
    measure = projection.measure
    names = {
        "uniform": r"the uniform measure of the box $\Omega_n$",
        "lebesgue": r"Lebesgue measure on the box $\Omega_n$",
        "gaussian": r"the standard Gaussian measure",
        "law": r"the law of $X_n$",
    }
    place = names[measure] if isinstance(measure, str) else f"the measure with the weight ${sp.latex(measure)}$"
    ends = r" with ends $\bar{x}^{(n)}_i \pm \ell^{(n)}_i$" if measure in BOX_MEASURES else ""
    family = projection.describe().replace("<=", r"$\le$")
    if not projection.orthogonal:
        return (
            rf"$P_n f = \sum_j \langle \eta^{{(n)}}_j, f\rangle\, \phi^{{(n)}}_j$, with $\eta = G_n^{{-1}} \psi$ and "
            rf"$(G_n)_{{jk}} = \langle \psi_j, \phi_k \rangle$, projects on the span of {family}, obliquely, in "
            rf"{place}{ends}. "
        )
    made = "" if projection.normalized else r"; the basis is $\eta = S_n \phi$ by Gram--Schmidt, $S_n G_n S_n^T = I$"
    return (
        rf"$P_n f = \sum_j \langle \eta^{{(n)}}_j, f\rangle\, \eta^{{(n)}}_j$ projects on {family}, orthonormal in "
        rf"{place}{ends}{made}. "
    )


def _same(term: Term, twin: Term) -> str:
    """A term of a stretch of layers with the structure of an earlier one."""
    names = [symbol_of(t.kind, t.n, t.m, t.direction) for t in (term, twin)]
    return (
        rf"\par\noindent {term.kind.capitalize()} term ${names[0]}$: as ${names[1]}$, with all layer indices raised by "
        rf"{term.n - twin.n} and the parameters of those layers.\par"
    )


def _sentence(term: Term) -> str:
    """What a term is, and what of it is left to do."""
    name = symbol_of(term.kind, term.n, term.m, term.direction)
    if term.factored is not None:
        state = "factored, because " + text_latex(term.factored)
    elif term.closed:
        state = "closed"
    else:
        plural = "integral" if term.cost.integrals == 1 else "integrals"
        state = f"exact, with {term.cost.integrals} {plural} of dimension at most {term.cost.dimension} left"
    shape = rf"{term.shape[0]} $\times$ {term.shape[1]}"
    return rf"\par{{\sloppy\noindent {term.kind.capitalize()} term ${name}$ ({shape}): {state}.\par}}"
