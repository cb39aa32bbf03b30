"""Averages over a Gaussian conditioned on |Z| <= cutoff: windows between the kinks of a function.

Every window is cut off at the support, so that one formula serves wherever the kinks lie. The edges divide by the
scale: they are for a positive one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.special import normal_cdf, normal_density
from mzsym.core.functions import hardtanh

_T = sp.Dummy("t", real=True)


@lru_cache(maxsize=512)
def moment_parts(k: int, z: sp.Expr, s: sp.Expr, t: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(P, R(t)) with E[T^k; a < T < b] = P Prob(a < T < b) + s (R(a) phi(a) - R(b) phi(b)), T = z + s Z.

    By parts M_k = z M_(k-1) + (k-1) s^2 M_(k-2) + s (a^(k-1) phi(a) - b^(k-1) phi(b)); phi(a) stands for the standard
    density at (a - z)/s.
    """
    before, now = (sp.S.One, sp.S.Zero), (z, sp.S.One)
    for j in range(2, k + 1):
        after = tuple(sp.expand(z * b + (j - 1) * s**2 * a) for a, b in zip(before, now, strict=True))
        before, now = now, (after[0], after[1] + t ** (j - 1))
    return now if k else before


def _window(k: int, z: sp.Expr, s: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """E[(z + s Z)^k; low < Z < high], Z standard normal."""
    inside, at_edge = moment_parts(k, z, s, _T)
    at_low, at_high = (at_edge.xreplace({_T: z + s * end}) for end in (low, high))
    edges = at_low * normal_density(low) - at_high * normal_density(high)
    return inside * (normal_cdf(high) - normal_cdf(low)) + s * edges


def _edge(level: sp.Expr, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    """The Z at which z + s Z crosses a level, cut off at the support."""
    return cutoff * hardtanh((level - z) / (cutoff * s))


def _mass(cutoff: sp.Expr) -> sp.Expr:
    return sp.erf(cutoff / sp.sqrt(2))


def _exp(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    """Completing the square moves the window by k s."""
    root = sp.sqrt(2)
    window = sp.erf((cutoff - k * s) / root) + sp.erf((cutoff + k * s) / root)
    return sp.exp(k * z + k**2 * s**2 / 2) * window / (2 * _mass(cutoff))


def _step(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    return (1 - sp.erf(_edge(sp.S.Zero, z, s, cutoff) / sp.sqrt(2)) / _mass(cutoff)) / 2


def _relu(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    return _window(k, z, s, _edge(sp.S.Zero, z, s, cutoff), cutoff) / _mass(cutoff)


def _leaky(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr, slope: sp.Expr) -> sp.Expr:
    kink = _edge(sp.S.Zero, z, s, cutoff)
    left = slope**k * _window(k, z, s, -cutoff, kink)
    return (_window(k, z, s, kink, cutoff) + left) / _mass(cutoff)


def _elu(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    """The binomial formula on the left, every exponential with its own shifted window."""
    kink = _edge(sp.S.Zero, z, s, cutoff)
    left = (
        (-1) ** (k - j)
        * sp.binomial(k, j)
        * sp.exp(j * z + j**2 * s**2 / 2)
        * (normal_cdf(kink - j * s) - normal_cdf(-cutoff - j * s))
        for j in range(k + 1)
    )
    return (_window(k, z, s, kink, cutoff) + sp.Add(*left)) / _mass(cutoff)


def _hardtanh(k: int, z: sp.Expr, s: sp.Expr, cutoff: sp.Expr) -> sp.Expr:
    low, high = (_edge(level, z, s, cutoff) for level in (sp.S.NegativeOne, sp.S.One))
    above, below = normal_cdf(cutoff) - normal_cdf(high), normal_cdf(low) - normal_cdf(-cutoff)
    return (above + (-1) ** k * below + _window(k, z, s, low, high)) / _mass(cutoff)


CLOSED: Mapping[str, Callable[..., sp.Expr]] = MappingProxyType(
    {
        "exp": _exp,
        "step": _step,
        "relu": _relu,
        "leaky_relu": _leaky,
        "abs": lambda k, z, s, cutoff: _leaky(k, z, s, cutoff, sp.S.NegativeOne),
        "elu": _elu,
        "hardtanh": _hardtanh,
    }
)
"""Primitive name -> ``form(k, z, s, cutoff, *parameters)`` of E[g(z + s Z)**k], every power k >= 1."""
