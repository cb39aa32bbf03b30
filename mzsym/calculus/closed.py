"""What every rule of this package answers with."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class Closed:
    """An exact expression and how it came about.

    Attributes
    ----------
    expr : Expr
        The exact value.
    closed : bool
        True when no ``Integral`` is left in ``expr``.
    rules : tuple of str
        The rules that were used, each with its MATH number, and the reason where something was left open.
    dimension : int
        Largest number of nested integrations left, 0 when closed.
    """

    expr: sp.Expr
    closed: bool
    rules: tuple[str, ...]
    dimension: int


def integral_dimension(expr: sp.Basic) -> int:
    """Largest number of nested integrations in an expression, 0 when it has none."""
    if not expr.has(sp.Integral):
        return 0
    own = len(expr.limits) if isinstance(expr, sp.Integral) else 0
    return own + max((integral_dimension(arg) for arg in expr.args), default=0)


def operations(expr: sp.Basic, limit: int) -> int:
    """Number of arithmetic operations and function calls in a tree, counted no further than past ``limit``."""
    count, stack = 0, [expr]
    while stack and count <= limit:
        node = stack.pop()
        if node.args:
            count += len(node.args) - 1 if isinstance(node, (sp.Add, sp.Mul)) else 1
            stack.extend(node.args)
    return count
