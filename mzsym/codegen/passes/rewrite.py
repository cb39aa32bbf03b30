"""The walk that passes share."""

from __future__ import annotations

from collections.abc import Callable

from mzsym.codegen.nodes import Graph, Node, Program

Rule = Callable[[Graph, Node, tuple[int, ...]], int]


def rewrite(program: Program, rule: Rule) -> Program:
    """Rebuild a program node by node, operands first; ``rule`` gets each node with its new operands."""
    graph = Graph()
    numbers: list[int] = []
    for node in program.nodes:
        numbers.append(rule(graph, node, tuple(numbers[arg] for arg in node.args)))
    return graph.program((numbers[output] for output in program.outputs), program.n_point, program.n_param)
