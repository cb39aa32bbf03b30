"""Forms that keep their digits: what cancels or overflows as written becomes a leaf. MATH (20).

Every rewriting here is an identity of real functions. Divisions by a half-width that only made a difference quotient
disappear with it, so the noise-free limit is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.rewrite import rewrite

Linear = dict[int | None, Fraction]


@dataclass(frozen=True)
class Antiderivative:
    """G with G' = sign*g, and whether G is even (1), odd (-1) or neither (0).

    G(u + s) - G(u - s) = 2 s sign E g(u + s U), U uniform on (-1, 1). MATH (18)
    """

    derivative: str
    sign: int
    parity: int


ANTIDERIVATIVES: Mapping[str, Antiderivative] = MappingProxyType(
    {
        "logcosh": Antiderivative("tanh", 1, 1),
        "softplus": Antiderivative("sigmoid", 1, 0),
        "exp": Antiderivative("exp", 1, 0),
        "sin": Antiderivative("cos", 1, -1),
        "cos": Antiderivative("sin", -1, 1),
    }
)
"""Operation -> what its differences are averages of."""


def _linear(graph: Graph, number: int) -> Linear:
    """Coefficients of the terms of a sum; the key None holds the constant."""
    node = graph.nodes[number]
    terms = [graph.split(arg) for arg in (node.args if node.op == "add" else (number,))]
    return {rest: factor for factor, rest in terms}


def _combined(graph: Graph, left: Linear, right: Linear, sign: int) -> int:
    """(left + sign*right)/2."""
    terms = dict(left)
    for rest, factor in right.items():
        terms[rest] = terms.get(rest, Fraction(0)) + sign * factor
    return graph.add(
        graph.constant(factor / 2) if rest is None else graph.scaled(factor / 2, rest) for rest, factor in terms.items()
    )


def _leading(graph: Graph, number: int) -> Fraction:
    """Coefficient of the first term."""
    node = graph.nodes[number]
    return graph.split(node.args[-1] if node.op == "add" else number)[0]


def negated(graph: Graph, number: int) -> int:
    """-node, taken into a sum."""
    node = graph.nodes[number]
    terms = node.args if node.op == "add" else (number,)
    return graph.add(graph.scaled(-1, term) for term in terms)


# --- differences of antiderivatives ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A term factor * cofactor * G(argument)."""

    term: int
    factor: Fraction
    cofactor: int
    head: str
    argument: int


def _found(graph: Graph, term: int) -> _Found | None:
    factor, rest = graph.split(term)
    if rest is None:
        return None
    node = graph.nodes[rest]
    parts = node.args if node.op == "mul" else (rest,)
    heads = [part for part in parts if graph.nodes[part].op in ANTIDERIVATIVES]
    if len(heads) != 1:
        return None
    inner = graph.nodes[heads[0]]
    cofactor = graph.mul(part for part in parts if part != heads[0])
    return _Found(term, factor, cofactor, inner.op, inner.args[0])


def _quotient(graph: Graph, upper: _Found, lower: int) -> int | None:
    """factor * cofactor * (G(upper) - G(lower)) where the arguments share a part, or None."""
    a, b = _linear(graph, upper.argument), _linear(graph, lower)
    if not any(abs(a[key]) == abs(b[key]) for key in a.keys() & b.keys()):
        return None
    centre, half = _combined(graph, a, b, 1), _combined(graph, a, b, -1)
    row = ANTIDERIVATIVES[upper.head]
    factor = 2 * upper.factor * row.sign
    if _leading(graph, half) < 0:
        # The average is even in the half-width: one form for both signs.
        half, factor = negated(graph, half), -factor
    mean = graph.node("umean", (centre, half), (row.derivative, 1))
    return _turned(graph, graph.mul([graph.constant(factor), upper.cofactor, half, mean]))


def _pair(graph: Graph, one: _Found, other: _Found) -> int | None:
    """Sum of two terms as one average, or None."""
    if (one.head, one.cofactor) != (other.head, other.cofactor):
        return None
    if one.factor == -other.factor:
        return _quotient(graph, one, other.argument)
    if one.factor == other.factor and ANTIDERIVATIVES[one.head].parity == -1:
        # SymPy turns sin(x - s) into -sin(s - x).
        return _quotient(graph, one, negated(graph, other.argument))
    return None


def _turned(graph: Graph, product: int) -> int:
    """S E g(z + S U) = z E g(S + z U) for odd g: written the way in which more of a difference quotient cancels.

    SymPy turns cosh(x - s) into cosh(s - x), so that a sum alone does not tell the centre from the half-width.
    """
    node = graph.nodes[product]
    if node.op != "mul":
        return product
    for factor in node.args:
        inner = graph.nodes[factor]
        if inner.op == "umean" and inner.data in (("tanh", 1), ("sin", 1)):
            z, half = inner.args
            rest = [other for other in node.args if other != factor]
            turned = graph.mul([*rest, graph.power(half, -1), z, graph.node("umean", (half, z), inner.data)])
            if _factors(graph, turned) < _factors(graph, product):
                return turned
    return product


def _factors(graph: Graph, number: int) -> int:
    node = graph.nodes[number]
    return len(node.args) if node.op == "mul" else 1


def _differences(graph: Graph, terms: list[int]) -> list[int]:
    """Replace pairs c*G(A) - c*G(B) in a sum."""
    waiting: list[_Found] = []
    result: list[int] = []
    for term in graph.order(terms):
        found = _found(graph, term)
        if found is None:
            result.append(term)
            continue
        for other in waiting:
            made = _pair(graph, found, other)
            if made is not None:
                waiting.remove(other)
                result.append(made)
                break
        else:
            waiting.append(found)
    return [*result, *(found.term for found in waiting)]


# --- sums of a constant and one function ------------------------------------------------------------------------------


def _with_constant(graph: Graph, terms: list[int]) -> int | None:
    """c + d*f with |c| = |d|, for the f whose such sums cancel."""
    split = [graph.split(term) for term in terms]
    if len(split) != 2 or sum(rest is None for _, rest in split) != 1:
        return None
    constant = next(factor for factor, rest in split if rest is None)
    factor, rest = next((factor, rest) for factor, rest in split if rest is not None)
    if abs(constant) != abs(factor):
        return None
    node = graph.nodes[rest]
    same = constant == factor
    if node.op == "erf":
        return graph.scaled(constant, graph.node("erfc", (negated(graph, node.args[0]) if same else node.args[0],)))
    if same:
        return None
    if node.op == "exp":
        return graph.scaled(factor, graph.node("expm1", node.args))
    if node.op == "sigmoid":
        return graph.scaled(constant, graph.node("sigmoid", (negated(graph, node.args[0]),)))
    if node.op == "cos":
        half = graph.node("sin", (graph.scaled(Fraction(1, 2), node.args[0]),))
        return graph.scaled(2 * constant, graph.power(half, 2))
    if node.op == "powi" and node.data == (2,) and graph.nodes[node.args[0]].op == "tanh":
        return graph.scaled(constant, graph.node("sech2", graph.nodes[node.args[0]].args))
    return None


def _sum(graph: Graph, args: tuple[int, ...]) -> int:
    whole = graph.add(args)
    node = graph.nodes[whole]
    if node.op != "add":
        return whole
    terms = _differences(graph, list(node.args))
    paired = _with_constant(graph, terms)
    return graph.add(terms) if paired is None else paired


# --- functions of sums ------------------------------------------------------------------------------------------------


def _one_plus(graph: Graph, number: int) -> int | None:
    """t of a node 1 + t."""
    node = graph.nodes[number]
    if node.op != "add" or graph.value(node.args[0]) != 1:
        return None
    return graph.add(node.args[1:])


def _log(graph: Graph, argument: int) -> int:
    node = graph.nodes[argument]
    if node.op == "cosh":
        return graph.node("logcosh", node.args)
    rest = _one_plus(graph, argument)
    if rest is not None:
        inner = graph.nodes[rest]
        return graph.node("softplus", inner.args) if inner.op == "exp" else graph.node("log1p", (rest,))
    if node.op == "add" and len(node.args) == 2 and all(graph.nodes[arg].op == "exp" for arg in node.args):
        first, second = (graph.nodes[arg].args[0] for arg in node.args)
        return graph.add([second, graph.node("softplus", (graph.add([first, negated(graph, second)]),))])
    return graph.node("log", (argument,))


def _reciprocal(graph: Graph, base: int, exponent: int) -> int:
    """(1 + exp(a))**(-n) = sigmoid(-a)**n."""
    rest = _one_plus(graph, base) if exponent < 0 else None
    if rest is not None and graph.nodes[rest].op == "exp":
        return graph.power(graph.node("sigmoid", (negated(graph, graph.nodes[rest].args[0]),)), -exponent)
    return graph.power(base, exponent)


def _product(graph: Graph, args: tuple[int, ...]) -> int:
    """exp(a)*sigmoid(-a) = sigmoid(a), and averages turned."""
    whole = _turned(graph, graph.mul(args))
    node = graph.nodes[whole]
    if node.op != "mul":
        return whole
    for factor in node.args:
        if graph.nodes[factor].op != "exp":
            continue
        argument = graph.nodes[factor].args[0]
        opposite = graph.node("sigmoid", (negated(graph, argument),))
        for other in node.args:
            base, exponent = other, 1
            if graph.nodes[other].op == "powi":
                base, exponent = graph.nodes[other].args[0], int(graph.nodes[other].data[0])
            if base == opposite and exponent >= 1:
                rest = [arg for arg in node.args if arg not in (factor, other)]
                return graph.mul([*rest, graph.power(base, exponent - 1), graph.node("sigmoid", (argument,))])
    return whole


def stable(program: Program) -> Program:
    """Rewrite what cancels or overflows: differences of antiderivatives, logarithms of sums, complements."""

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        if node.op == "add":
            return _sum(graph, args)
        if node.op == "mul":
            return _product(graph, args)
        if node.op == "log":
            return _log(graph, args[0])
        if node.op == "powi":
            return _reciprocal(graph, args[0], int(node.data[0]))
        return graph.rebuild(node, args)

    return rewrite(program, rule)
