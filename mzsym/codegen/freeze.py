"""The one door from SymPy to kernels: expressions in, a frozen ``Program`` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from mzsym.codegen.lift import lift
from mzsym.codegen.nodes import Program
from mzsym.codegen.passes import PASSES

Pass = Callable[[Program], Program]


def freeze(
    exprs: Sequence[Any],
    point_args: Sequence[sp.Symbol],
    param_args: Sequence[sp.Symbol] = (),
    passes: Sequence[Pass] = PASSES,
) -> Program:
    """Lower expressions to nodes that kernels, the interpreter and ``inspect`` share.

    The value of every node is exact up to float64 rounding; averages and differences that cancel as written become
    the stable forms of MATH (20).

    Parameters
    ----------
    exprs : sequence of sympy.Expr
        One output each.
    point_args : sequence of Symbol
        What varies from point to point, in the order of the columns of ``X``.
    param_args : sequence of Symbol
        What is fixed for one call, in the order of ``params``. They stay arguments: other values need no new kernel.
    passes : sequence of callables
        Left out, all of ``mzsym.codegen.passes.PASSES``; ``()`` gives the expressions as written.

    Returns
    -------
    Program
        Equal structures, whatever the names of their symbols, give equal programs with equal digests.

    Raises
    ------
    MzError
        For a function without a kernel, an explicit integral, or a symbol that is no argument.

    Examples
    --------
    >>> x0, x1, a, b = sp.symbols("x0 x1 a b")
    >>> first = freeze([a * sp.sin(x0)], [x0], [a])
    >>> first == freeze([b * sp.sin(x1)], [x1], [b])
    True
    """
    return finished(lift(exprs, point_args, param_args), passes)


def finished(program: Program, passes: Sequence[Pass] = PASSES) -> Program:
    """A program as it was lifted, after every pass."""
    for one in passes:
        program = one(program)
    return program
