"""Divisions by what is fixed for a call, as multiplications by a reciprocal computed once."""

from __future__ import annotations

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.rewrite import rewrite


def reciprocals(program: Program) -> Program:
    """Replace x/p by (1/p)*x where p depends on parameters only and x varies: half an ulp more, a division less."""
    varies: dict[int, bool] = {}

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        moving = node.op == "point" or any(varies[arg] for arg in args)
        made = graph.node(node.op, args, node.data)
        if node.op == "div" and moving and not varies[args[1]]:
            above = graph.nodes[args[0]]
            factors = above.args if above.op == "mul" else args[:1]
            inverse = graph.node("div", (graph.constant(1), args[1]))
            varies[inverse] = False
            made = graph.node("mul", graph.order((inverse, *factors)))
        varies[made] = moving
        return made

    return rewrite(program, rule)
