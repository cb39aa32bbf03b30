"""Splitting sums and products: the part that is fixed in some sense, computed apart."""

from __future__ import annotations

from collections.abc import Callable

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.rewrite import rewrite


def gather(program: Program, moves: Callable[[Node], bool]) -> Program:
    """Put the operands of sums and products that hold no moving leaf into a node of their own."""
    moving: dict[int, bool] = {}

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        made: int | None = None
        if node.op in ("add", "mul"):
            fixed = [arg for arg in args if not moving[arg]]
            if 2 <= len(fixed) < len(args):
                part = graph.node(node.op, fixed)
                moving[part] = False
                made = graph.node(node.op, (part, *(arg for arg in args if moving[arg])))
        if made is None:
            made = graph.node(node.op, args, node.data)
        moving[made] = moves(node) or any(moving[arg] for arg in args)
        return made

    return rewrite(program, rule)
