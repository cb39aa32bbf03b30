"""From expressions to numbers: one door out of SymPy, frozen nodes, passes, kernels.

::

    expressions --lift--> nodes --passes--> Program --compile_program--> Kernel(X, params)
                                               |
                                               +--interpret--> the same bits, slowly; any number of digits

Targets are numba, imported by the first call of a kernel, and C99; both round as the interpreter does.
"""

from __future__ import annotations

from mzsym.codegen.cost import Cost
from mzsym.codegen.freeze import finished, freeze
from mzsym.codegen.inspection import inspect, stages
from mzsym.codegen.interpreter import interpret, interpret_digits
from mzsym.codegen.kernels import Kernel, Target, checked_target, compile_program
from mzsym.codegen.lift import lift
from mzsym.codegen.nodes import Node, Program

# The submodule of the same name was bound on import; the function is what the package offers.
__all__ = [
    "Cost",
    "Kernel",
    "Node",
    "Program",
    "Target",
    "checked_target",
    "compile_program",
    "finished",
    "freeze",
    "inspect",
    "interpret",
    "interpret_digits",
    "lift",
    "stages",
]
