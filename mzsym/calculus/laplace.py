"""Averages over Laplace noise, E[g(z + s L)**k] with L of density exp(-|t|)/2, MATH (19).

u(z) = E f(z + s L) solves u - s**2 u'' = f, the density being the Green's function of that operator. Where f'' is a
combination of f and of a lower power, E and the second derivative change places and a recurrence with positive terms
follows: f = t**k, relu(t)**k and |t|**k give u_k = f + k (k - 1) s**2 u_(k-2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.cells import GAUSSIAN, NOT_CLOSED, WAVE, GaussianCell, fourier
from mzsym.core.functions import relu


def _ladder(k: int, base: sp.Expr, s: sp.Expr, least: int) -> sp.Expr:
    """sum of k!/(k - 2j)! s**(2j) base**(k - 2j) down to the power ``least``."""
    return sp.Add(*(sp.ff(k, k - n) * s ** (k - n) * base**n for n in range(k, least - 1, -2)))


def _identity(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    return _ladder(k, z, s, 0)


def _step(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    """P(z + s L > 0)."""
    return sp.Piecewise((1 - sp.exp(-z / s) / 2, z > 0), (sp.exp(z / s) / 2, True))


def _relu(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    if k % 2:
        return _ladder(k, relu(z), s, 1) + sp.factorial(k) * s**k * sp.exp(-sp.Abs(z) / s) / 2
    return _ladder(k, relu(z), s, 2) + sp.factorial(k) * s**k * _step(0, z, s)


def _leaky(k: int, z: sp.Expr, s: sp.Expr, slope: sp.Expr) -> sp.Expr:
    return _relu(k, z, s) + (-slope) ** k * _relu(k, -z, s)


def _abs(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    if k % 2 == 0:
        return _identity(k, z, s)
    return _ladder(k, sp.Abs(z), s, 1) + sp.factorial(k) * s**k * sp.exp(-sp.Abs(z) / s)


def _exp(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    # From k s = 1 on the expectation of a positive quantity diverges.
    return sp.Piecewise((sp.exp(k * z) / (1 - k**2 * s**2), k * s < 1), (sp.oo, True))


def _wave(name: str) -> Callable[..., sp.Expr]:
    def form(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
        return sp.Add(*(c * WAVE[wave](m * z) / (1 + m**2 * s**2) for c, wave, m in fourier(name, k)))

    return form


_CLOSED: Mapping[str, Callable[..., sp.Expr]] = {
    "identity": _identity,
    "relu": _relu,
    "leaky_relu": _leaky,
    "abs": _abs,
    "step": _step,
    "sin": _wave("sin"),
    "cos": _wave("cos"),
    "exp": _exp,
}


def _no_form(*args: object) -> sp.Expr:
    raise NotImplementedError("This cell is not closed")


LAPLACE: Mapping[str, GaussianCell] = MappingProxyType(
    {
        name: GaussianCell(
            name, None if name in _CLOSED else NOT_CLOSED, _CLOSED.get(name, _no_form), "MATH (19), Laplace"
        )
        for name in GAUSSIAN
    }
)
"""Primitive name -> ``form(k, z, s, *parameters)``; every cell left open becomes an integral over the line."""
