"""Parts of sums and products that depend on parameters only, gathered so that they are computed once per call."""

from __future__ import annotations

from mzsym.codegen.nodes import Program
from mzsym.codegen.passes.gather import gather


def invariants(program: Program) -> Program:
    """Split n-ary sums and products into a part fixed for a call and a part that varies from point to point."""
    return gather(program, lambda node: node.op == "point")
