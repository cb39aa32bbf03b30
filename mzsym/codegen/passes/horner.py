"""Sums that are polynomials in one subexpression, in Horner's form, again inside the coefficients."""

from __future__ import annotations

from fractions import Fraction

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.rewrite import rewrite

Powers = dict[int, int]
Term = tuple[Fraction, Powers]

_LEAST_DEGREE = 2
_LEAST_TERMS = 2


def _term(graph: Graph, number: int) -> Term:
    """A term as coefficient and integer powers of what it multiplies."""
    factor, rest = graph.split(number)
    powers: Powers = {}
    if rest is None:
        return factor, powers
    node = graph.nodes[rest]
    for part in node.args if node.op == "mul" else (rest,):
        inner = graph.nodes[part]
        base, exponent = (inner.args[0], int(inner.data[0])) if inner.op == "powi" else (part, 1)
        powers[base] = powers.get(base, 0) + exponent
    return factor, powers


def _main_base(graph: Graph, terms: list[Term]) -> int | None:
    """The subexpression in which most terms are powers, if the sum is a polynomial of degree 2 or more in it."""
    count: dict[int, int] = {}
    degree: dict[int, int] = {}
    for _, powers in terms:
        for base, exponent in powers.items():
            if exponent > 0:
                count[base] = count.get(base, 0) + 1
                degree[base] = max(degree.get(base, 0), exponent)
    fit = [base for base in count if count[base] >= _LEAST_TERMS and degree[base] >= _LEAST_DEGREE]
    # order() makes the choice among equals a matter of content.
    return max(graph.order(fit), key=lambda base: (count[base], degree[base])) if fit else None


def _monomial(graph: Graph, term: Term) -> int:
    factor, powers = term
    return graph.mul([graph.constant(factor), *(graph.power(base, exponent) for base, exponent in powers.items())])


def _nest(graph: Graph, terms: list[Term]) -> int:
    """The sum of terms, nested in its main base as long as there is one."""
    base = _main_base(graph, terms)
    if base is None:
        return graph.add(_monomial(graph, term) for term in terms)
    groups: dict[int, list[Term]] = {}
    for factor, powers in terms:
        rest = dict(powers)
        exponent = rest.pop(base, 0)
        if exponent < 0:
            rest[base], exponent = exponent, 0
        groups.setdefault(exponent, []).append((factor, rest))
    exponents = sorted(groups, reverse=True)
    result = _nest(graph, groups[exponents[0]])
    for above, here in zip(exponents, [*exponents[1:], 0], strict=True):
        if above > here:
            result = _times(graph, result, base, above - here)
        if here != above and here in groups:
            result = graph.node("add", graph.order((_nest(graph, groups[here]), result)))
    return result


def _times(graph: Graph, number: int, base: int, exponent: int) -> int:
    """number * base**exponent without opening the sums inside number."""
    return graph.mul([number, graph.power(base, exponent)])


def horner(program: Program) -> Program:
    """Nest polynomials: n multiplications and n additions instead of powers and sums."""

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        if node.op != "add":
            return graph.rebuild(node, args)
        return _nest(graph, [_term(graph, arg) for arg in args])

    return rewrite(program, rule)
