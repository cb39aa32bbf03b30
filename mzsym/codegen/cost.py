"""What a program costs a point."""

from __future__ import annotations

from dataclasses import dataclass

from mzsym.codegen.leaves.registry import MEANS, average_leaf
from mzsym.codegen.nodes import Node, Program
from mzsym.codegen.operations import OPERATIONS

_POW, _DIVISION = 40, 4


@dataclass(frozen=True)
class Cost:
    """Operations a point; what depends on parameters only is counted apart.

    Attributes
    ----------
    operations : int
        Arithmetic operations, functions counted by what they are worth.
    functions : int
        Calls of elementary functions and leaves.
    fixed : int
        Operations once per call.
    """

    operations: int
    functions: int
    fixed: int


def node_cost(node: Node) -> int:
    """Arithmetic operations of one node, about."""
    if node.op in OPERATIONS:
        return OPERATIONS[node.op].cost
    if node.op in MEANS:
        leaf = average_leaf(node.op, str(node.data[0]), int(node.data[1]))
        return 0 if leaf is None else leaf.cost
    weights = {"add": len(node.args) - 1, "mul": len(node.args) - 1, "div": _DIVISION, "pow": _POW, "select": 1}
    return weights.get(node.op, 0)


def cost(program: Program) -> Cost:
    """Cost of a program."""
    varying = program.depends_on_point
    costs = [node_cost(node) for node in program.nodes]
    functions = sum(
        node.op in OPERATIONS or node.op in MEANS or node.op == "pow"
        for node, moves in zip(program.nodes, varying, strict=True)
        if moves
    )
    return Cost(
        sum(one for one, moves in zip(costs, varying, strict=True) if moves),
        functions,
        sum(one for one, moves in zip(costs, varying, strict=True) if not moves),
    )
