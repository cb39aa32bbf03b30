"""Oracles of the calculus tests: mpmath only, nothing of the rules or tables under test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import pytest
import sympy as sp

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
}


def _cuts(z: Any, scale: Any, lo: Any, hi: Any) -> list[Any]:
    """Interval of the standardised noise, cut where the argument bends and near both ends."""
    points = {mp.mpf(lo), mp.mpf(hi)}
    for level in (-100, -30, -10, -3, 0, 3, 10, 30, 100):
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


def gaussian_mean(name: str, k: int, z: Any, s: Any, *parameters: Any) -> Any:
    """E[g(z + s Z)**k] by quadrature at 45 digits, the density cut at 15 standard deviations."""
    with mp.workdps(45):
        z, s = mp.mpf(z), mp.mpf(s)
        # exp moves the bulk of the integrand k s standard deviations to the right.
        reach = 15 + (int(k * s) + 1 if name == "exp" else 0)
        cuts = sorted({*_cuts(z, s, -15, reach), *(mp.mpf(j) for j in range(-12, reach, 4))})
        weight = mp.sqrt(2 * mp.pi)
        return _scaled_quadrature(lambda t: G[name](z + s * t, *parameters) ** k * mp.exp(-t * t / 2) / weight, cuts)


def number(expr: sp.Expr, values: dict[sp.Symbol, Any]) -> Any:
    """Number of an expression that may contain integrals, by quadrature of what it says."""
    expr = expr.subs(values)
    return _number(expr, {})


def _number(expr: sp.Expr, bound: dict[sp.Symbol, Any]) -> Any:
    if not expr.has(sp.Integral):
        return mp.mpf(expr.subs(bound).evalf(20))
    if isinstance(expr, sp.Integral):
        variables = [limit[0] for limit in expr.limits]
        ends = [_ends(limit[1].subs(bound), limit[2].subs(bound)) for limit in expr.limits]
        return mp.quad(
            lambda *t: _number(expr.function, {**bound, **dict(zip(variables, t, strict=True))}), *ends, maxdegree=4
        )
    if expr.is_Add:
        return mp.fsum(_number(arg, bound) for arg in expr.args)
    if expr.is_Mul:
        return mp.fprod(_number(arg, bound) for arg in expr.args)
    raise TypeError(expr)


def _ends(lo: sp.Expr, hi: sp.Expr) -> list[Any]:
    if lo.is_finite:
        return [mp.mpf(lo), mp.mpf(hi)]
    return [mp.mpf(j) for j in (-9, -3, 0, 3, 9)]


def expectation(v: Callable[..., Any], centers: Sequence[Any], laws: Sequence[tuple[Any, ...]], kinks: Any = ()) -> Any:
    """E[v(center + noise)] by a product quadrature; laws are ("uniform", s), ("normal", s) or ("truncated", s, c)."""

    def weight(law: tuple[Any, ...], t: Any) -> Any:
        if law[0] == "uniform":
            return mp.mpf(1) / (2 * law[1])
        density = mp.npdf(t, 0, law[1])
        return density if law[0] == "normal" else density / mp.erf(law[2] / mp.sqrt(2))

    def interval(center: Any, law: tuple[Any, ...]) -> list[Any]:
        reach = {"uniform": 1, "normal": 9}.get(law[0]) or law[2]
        lo, hi = -reach * law[1], reach * law[1]
        inner = [k - center for k in kinks if lo < k - center < hi]
        middle = [mp.mpf(j) * law[1] for j in (-3, 0, 3)] if law[0] == "normal" else []
        return sorted({mp.mpf(lo), mp.mpf(hi), *map(mp.mpf, inner), *middle})

    return mp.quad(
        lambda *t: (
            v(*(c + x for c, x in zip(centers, t, strict=True)))
            * mp.fprod(weight(law, x) for law, x in zip(laws, t, strict=True))
        ),
        *(interval(c, law) for c, law in zip(centers, laws, strict=True)),
    )


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    return SimpleNamespace(
        G=G, uniform_mean=uniform_mean, gaussian_mean=gaussian_mean, number=number, expectation=expectation
    )
