"""Exact integrals of expressions over boxes."""

from __future__ import annotations

import sympy as sp

from mzsym.calculus.closed import Closed


def box_integral(f: sp.Expr, box: tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...], max_operations: int) -> Closed:
    """Integral of f over a box, closed where a rule applies."""
    raise NotImplementedError
