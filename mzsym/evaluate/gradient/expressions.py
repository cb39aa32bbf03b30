"""Derivatives of expressions as functions."""

from __future__ import annotations

import sympy as sp


def regular(expr: sp.Expr) -> sp.Expr:
    """A derivative as a function: the point masses that kinks and jumps leave count on no grid."""
    return expr.replace(sp.DiracDelta, lambda *_: sp.S.Zero)
