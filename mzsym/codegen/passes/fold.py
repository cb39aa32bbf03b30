"""Constants computed before any kernel runs, each rounded once from many digits."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp

from mzsym.codegen.digits import evaluate
from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.codegen.passes.gather import gather
from mzsym.codegen.passes.rewrite import rewrite

_DIGITS = 60


def fold(program: Program) -> Program:
    """Replace what depends on no argument by the float64 nearest to its value."""
    gathered = gather(program, lambda node: node.op in ("point", "param"))
    fixed: list[bool] = []
    for node in gathered.nodes:
        fixed.append(node.op not in ("point", "param") and all(fixed[arg] for arg in node.args))
    needed = [number for number, node in enumerate(gathered.nodes) if fixed[number] and node.op != "const"]
    values = dict(zip(needed, evaluate(gathered, needed, _DIGITS), strict=True)) if needed else {}
    counter = iter(range(len(gathered.nodes)))

    def rule(graph: Graph, node: Node, args: tuple[int, ...]) -> int:
        value = values.get(next(counter))
        if isinstance(value, mp.mpf) and mp.isfinite(value):
            return graph.constant(Fraction(float(value)))
        return graph.node(node.op, args, node.data)

    return rewrite(gathered, rule)
