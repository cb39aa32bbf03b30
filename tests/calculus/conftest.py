"""Oracles of the calculus tests: mpmath and Gauss rules, nothing of the rules or tables under test."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from mzsym.calculus.heads import NoiseMean

G: dict[str, Callable[..., Any]] = {
    "identity": lambda u: u,
    "tanh": mp.tanh,
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
    "softplus": lambda u: mp.log1p(mp.exp(u)) if u < 0 else u + mp.log1p(mp.exp(-u)),
    "relu": lambda u: u if u > 0 else mp.mpf(0),
    "leaky_relu": lambda u, a: u if u > 0 else a * u,
    "gelu": lambda u: u * mp.erfc(-u / mp.sqrt(2)) / 2,
    "erf": mp.erf,
    "sin": mp.sin,
    "cos": mp.cos,
    "arctan": mp.atan,
    "exp": mp.exp,
    "abs": abs,
    "elu": lambda u: u if u > 0 else mp.expm1(u),
    "silu": lambda u: u / (1 + mp.exp(-u)),
    "hardtanh": lambda u: max(mp.mpf(-1), min(mp.mpf(1), u)),
    "step": lambda u: (1 + mp.sign(u)) / 2,
}


def _cuts(z: Any, scale: Any, lo: Any, hi: Any) -> list[Any]:
    """Interval of the standardised noise, cut where the argument bends and near both ends."""
    points = {mp.mpf(lo), mp.mpf(hi)}
    for level in (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100):
        points.add((level - z) / scale)
    for depth in (1, 10, 60):
        points |= {lo + depth / scale, hi - depth / scale}
    return sorted(point for point in points if lo <= point <= hi)


def _scaled_quadrature(f: Callable[[Any], Any], cuts: list[Any]) -> Any:
    """Quadrature to a relative accuracy: mpmath's stopping rule is absolute, so the integrand is brought to size 1."""
    size = max((abs(f(point)) for point in cuts), default=0) or mp.mpf(1)
    return size * mp.quad(lambda u: f(u) / size, cuts)


def uniform_mean(name: str, k: int, z: Any, S: Any, *parameters: Any) -> Any:
    """E[g(z + S U)**k] by quadrature at 45 digits."""
    with mp.workdps(45):
        z, S = mp.mpf(z), mp.mpf(S)
        return _scaled_quadrature(lambda u: G[name](z + S * u, *parameters) ** k, _cuts(z, S, -1, 1)) / 2


def gaussian_mean(name: str, k: int, z: Any, s: Any, *parameters: Any, digits: int = 45) -> Any:
    """E[g(z + s Z)**k] by quadrature, the density cut at 15 standard deviations."""
    with mp.workdps(digits):
        z, s = mp.mpf(z), mp.mpf(s)
        # exp moves the bulk of the integrand k s standard deviations to the right.
        reach = 15 + (int(k * s) + 1 if name == "exp" else 0)
        cuts = sorted({*_cuts(z, s, -15, reach), *(mp.mpf(j) for j in range(-12, reach, 4))})
        weight = mp.sqrt(2 * mp.pi)
        return _scaled_quadrature(lambda t: G[name](z + s * t, *parameters) ** k * mp.exp(-t * t / 2) / weight, cuts)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def _composite(points: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on the pieces between sorted points."""
    pieces = [(a, b) for a, b in itertools.pairwise(points) if b > a]
    x = np.concatenate([(a + b) / 2 + (b - a) / 2 * NODES for a, b in pieces])
    w = np.concatenate([(b - a) / 2 * WEIGHTS for a, b in pieces])
    return x, w


def number(expr: sp.Expr, values: dict[sp.Symbol, float], kinks: Sequence[float] = ()) -> float:
    """Number of an expression that may contain integrals, by quadrature of what it says."""
    expr = expr.subs(values)
    if not expr.has(sp.Integral):
        return float(expr.evalf(20))
    if isinstance(expr, sp.Integral):
        variables = [limit[0] for limit in expr.limits]
        grids = [_composite(_ends(*map(float, limit[1:]), kinks)) for limit in expr.limits]
        points = np.meshgrid(*(grid[0] for grid in grids), indexing="ij")
        weights = functools.reduce(np.multiply.outer, (grid[1] for grid in grids))
        if expr.function.has(sp.Integral, NoiseMean):
            rows = zip(*(p.ravel() for p in points), strict=True)
            table = [number(expr.function, dict(zip(variables, row, strict=True))) for row in rows]
            return float(np.dot(weights.ravel(), table))
        function = sp.lambdify(variables, expr.function, ["numpy", "scipy"])
        return float(np.sum(weights * function(*points)))
    if expr.is_Add:
        return math.fsum(number(arg, {}, kinks) for arg in expr.args)
    if expr.is_Mul:
        return math.prod(number(arg, {}, kinks) for arg in expr.args)
    raise TypeError(expr)


def _ends(lo: float, hi: float, kinks: Sequence[float]) -> list[float]:
    if math.isfinite(lo):
        return sorted({lo, hi, *(k for k in kinks if lo < k < hi)})
    return [-9.0, -3.0, 0.0, 3.0, 9.0]


def expectation(
    v: Callable[..., Any], centers: Sequence[float], laws: Sequence[tuple[Any, ...]], kinks: Any = (), pieces: int = 1
) -> float:
    """E[v(center + noise)] by a product Gauss rule; laws: ("uniform", s), ("normal", s) or ("truncated", s, c)."""
    grids = []
    for center, law in zip(centers, laws, strict=True):
        reach = {"uniform": 1.0, "normal": 9.0}.get(law[0]) or law[2]
        lo, hi = -reach * law[1], reach * law[1]
        inner = [k - center for k in kinks if lo < k - center < hi]
        even = np.linspace(lo, hi, (6 if law[0] == "normal" else 1) * pieces + 1)
        t, w = _composite(sorted({*even, *inner}))
        if law[0] == "uniform":
            w = w / (2 * law[1])
        else:
            w = w * np.exp(-((t / law[1]) ** 2) / 2) / (law[1] * math.sqrt(2 * math.pi))
            w = w / math.erf(law[2] / math.sqrt(2)) if law[0] == "truncated" else w
        grids.append((center + t, w))
    points = np.meshgrid(*(grid[0] for grid in grids), indexing="ij")
    weights = functools.reduce(np.multiply.outer, (grid[1] for grid in grids))
    return float(np.sum(weights * v(*points)))


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    return SimpleNamespace(
        G=G, uniform_mean=uniform_mean, gaussian_mean=gaussian_mean, number=number, expectation=expectation
    )
