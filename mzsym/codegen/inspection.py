"""Every stage of a program as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from mzsym.codegen.cost import cost
from mzsym.codegen.emit_base import AbstractEmitter
from mzsym.codegen.emit_c import CEmitter
from mzsym.codegen.emit_numba import NumbaEmitter
from mzsym.codegen.kernels import Kernel, Target, checked_target
from mzsym.codegen.lift import lift
from mzsym.codegen.nodes import Program
from mzsym.codegen.passes import PASSES


def listing(program: Program) -> str:
    """The nodes of a program, one a line."""
    lines = [f"{program.n_point} point arguments, {program.n_param} parameters, digest {program.digest[:16]}"]
    for number, node in enumerate(program.nodes):
        operands = " ".join(f"%{arg}" for arg in node.args)
        data = " ".join(map(str, node.data))
        if node.op == "const":
            data = data.replace(" ", "/").removesuffix("/1")
        lines.append(f"%{number} = {node.op} {' '.join(part for part in (operands, data) if part)}".rstrip())
    lines.append("out " + " ".join(f"%{number}" for number in program.outputs))
    return "\n".join(lines)


def inspect(what: Program | Kernel, target: Target = "numba") -> str:
    """Nodes, source and cost of a program or a kernel.

    Parameters
    ----------
    what : Program or Kernel
        What to print.
    target : {"numba", "c", "c-libmvec"}
        Language of a program's source; a kernel shows its own.

    Returns
    -------
    str

    Examples
    --------
    >>> from mzsym.codegen import freeze
    >>> x = sp.Symbol("x")
    >>> print(inspect(freeze([1 + x**2], [x])).splitlines()[2])
    %0 = const 1
    """
    program = what.program if isinstance(what, Kernel) else what
    if isinstance(what, Kernel):
        source = what.source
    else:
        by = checked_target(target, "target")
        emitter: AbstractEmitter = NumbaEmitter("leaves") if by == "numba" else CEmitter(libmvec=by == "c-libmvec")
        source = emitter.source(program)
    price = cost(program)
    costs = f"{price.operations} operations a point ({price.functions} functions), {price.fixed} once a call"
    return "\n".join(["# nodes", listing(program), "", "# source", source.rstrip(), "", "# cost", costs])


def stages(exprs: Sequence[Any], point_args: Sequence[sp.Symbol], param_args: Sequence[sp.Symbol] = ()) -> str:
    """The program of expressions as written and after each pass.

    Parameters
    ----------
    exprs, point_args, param_args
        As ``freeze`` takes them.

    Returns
    -------
    str
    """
    program = lift(exprs, point_args, param_args)
    parts = ["# expressions", *map(str, exprs), "", "# as written", listing(program)]
    for one in PASSES:
        program = one(program)
        parts += ["", f"# after {one.__name__}", listing(program)]
    return "\n".join(parts)
