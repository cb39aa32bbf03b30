"""Integer powers without pow: shared squarings, and one division for negative exponents."""

from __future__ import annotations

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.rewrite import rewrite


def _positive(graph: Graph, base: int, exponent: int) -> int:
    """base**exponent, exponent >= 1, by squaring: x^6 and x^7 share x^3."""
    if exponent == 1:
        return base
    if exponent % 2:
        return graph.node("mul", graph.order((_positive(graph, base, exponent - 1), base)))
    half = _positive(graph, base, exponent // 2)
    return graph.node("mul", (half, half))


def _product(graph: Graph, factors: list[int]) -> int:
    if not factors:
        return graph.constant(1)
    return factors[0] if len(factors) == 1 else graph.node("mul", graph.order(factors))


def _chain(graph: Graph, factors: tuple[int, ...]) -> int:
    """A product of powers as multiplications and at most one division."""
    above: list[int] = []
    below: list[int] = []
    for factor in factors:
        node = graph.nodes[factor]
        if node.op != "powi":
            above.append(factor)
            continue
        exponent = int(node.data[0])
        (above if exponent > 0 else below).append(_positive(graph, node.args[0], abs(exponent)))
    if not below:
        return _product(graph, above)
    return graph.node("div", (_product(graph, above), _product(graph, below)))


def _open(graph: Graph, number: int) -> int:
    return _chain(graph, (number,)) if graph.nodes[number].op == "powi" else number


def powers(program: Program) -> Program:
    """Replace ``powi`` by multiplications and divisions."""

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        # A power stays a marked node until the product around it is seen, so that x/y is one division.
        if node.op == "mul":
            return _chain(graph, args)
        return graph.node(node.op, tuple(_open(graph, arg) for arg in args), node.data)

    def close(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        # What is left are outputs that are powers themselves.
        return _open(graph, graph.node(node.op, args, node.data))

    return rewrite(rewrite(program, rule), close)
