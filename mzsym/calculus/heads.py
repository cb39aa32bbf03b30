"""Unevaluated noise averages of powers of a primitive: exact, stable under SymPy, closed by ``.doit()``."""

from __future__ import annotations

import sympy as sp


class UniformMean(sp.Function):
    """E[g(z + S U)**k] for U uniform on (-1, 1); arguments (Str name, k, z, S, *parameters). MATH (18)."""


class GaussianMean(sp.Function):
    """E[g(z + s Z)**k] for Z standard normal; arguments (Str name, k, z, s, *parameters). MATH (19)."""
