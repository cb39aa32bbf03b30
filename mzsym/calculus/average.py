"""The noise average (M v)(x) = E[v(center(x) + xi)] of an expression, MATH (4) and (17)-(19)."""

from __future__ import annotations

import sympy as sp

from mzsym.calculus.closed import Closed
from mzsym.calculus.laws import Law


def noise_average(
    v: sp.Expr,
    y: tuple[sp.Symbol, ...],
    center: tuple[sp.Expr, ...],
    laws: tuple[Law, ...],
    xi: tuple[sp.Symbol, ...],
    max_operations: int,
) -> Closed:
    """E[v(center + xi)] over independent noise components."""
    raise NotImplementedError
