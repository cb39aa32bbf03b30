"""Densities of X_0 in several variables: factors that share no variable, checks and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
import sympy as sp

from mzsym.balls import Arb, box_integral_enclosure, enclose, integral_enclosure, range_of, upper
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.box import Box
from mzsym.model.density import break_points, mass_text
from mzsym.model.inverse import InverseTable, inverse_table
from mzsym.model.numeric import evaluate
from mzsym.model.values import exact_expr

CELLS = {1: 1024, 2: 64, 3: 16}
"""Cells per side of the grid from which a joint density is drawn by rejection."""

MAX_ROUNDS = 10_000
_SCAN = 20_000

Sides = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Factor:
    """A factor of a density that shares no variable with the others, up to a constant.

    Attributes
    ----------
    expr : sympy.Expr
    symbols : tuple of Symbol
    indices : tuple of int
        Places of the symbols in the state.
    """

    expr: sp.Expr
    symbols: tuple[sp.Symbol, ...]
    indices: tuple[int, ...]


@lru_cache(maxsize=64)
def factors_of(density: sp.Expr, x: tuple[sp.Symbol, ...]) -> tuple[Factor, ...]:
    """Independent factors, one for every variable or group of variables; constants go into the first.

    Examples
    --------
    >>> x = sp.symbols("x0 x1", real=True)
    >>> [factor.indices for factor in factors_of(sp.exp(-x[0]**2 - x[1]**2), x)]
    [(0,), (1,)]
    """
    groups: list[set[sp.Symbol]] = [{symbol} for symbol in x]
    pieces = sp.Mul.make_args(sp.expand_power_exp(density))
    for piece in pieces:
        linked = [group for group in groups if group & piece.free_symbols]
        if len(linked) > 1:
            groups = [group for group in groups if group not in linked] + [set().union(*linked)]
    out = []
    constant = sp.Mul(*(piece for piece in pieces if not piece.free_symbols))
    for group in sorted(groups, key=lambda group: min(x.index(s) for s in group)):
        expr = constant * sp.Mul(*(piece for piece in pieces if piece.free_symbols & group))
        constant = sp.S.One
        indices = tuple(i for i, symbol in enumerate(x) if symbol in group)
        out.append(Factor(expr, tuple(x[i] for i in indices), indices))
    return tuple(out)


def check_joint(density: sp.Expr, x: tuple[sp.Symbol, ...], box: Box | None, where: str) -> None:
    """Refuse a joint density that is proved negative at a point or not normalised; what is undecided passes."""
    at = _lowest(density, x, box)
    found = enclose(density, dict(zip(x, at, strict=True)))
    if found.is_finite() and found < 0:
        raise MzError(f"The density is {upper(found):.6g} at {at}, which is negative", where, "Give a density")
    mass: Arb | None = None
    for factor in factors_of(density, x):
        ends = [(-sp.oo, sp.oo) if box is None else box.intervals[i] for i in factor.indices]
        sides = [tuple(end if isinstance(end, sp.Expr) else exact_expr(end) for end in pair) for pair in ends]
        if len(sides) == 1:
            part = _line(factor, *sides[0])
        elif box is None or len(sides) > 3:
            return
        else:
            part = box_integral_enclosure(factor.expr, factor.symbols, sides)
        mass = part if mass is None else mass * part
    if mass is not None and mass.is_finite() and not mass.contains(1):
        raise MzError(f"The density integrates to {mass_text(mass)}, not to 1", where, "Divide it by its integral")


def _line(factor: Factor, lo: sp.Expr, hi: sp.Expr) -> Arb:
    (x,) = factor.symbols
    cuts = sorted((point for point in break_points(factor.expr, x) if point.is_real and lo < point < hi), key=float)
    ends = [lo, *cuts, hi]
    parts = [integral_enclosure(factor.expr, x, a, b) for a, b in pairwise(ends)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _lowest(density: sp.Expr, x: tuple[sp.Symbol, ...], box: Box | None) -> list[float]:
    """The place of the smallest value among many points."""
    rng = np.random.default_rng(0)
    points = (
        rng.standard_normal((_SCAN, len(x))) * 3 if box is None else rng.uniform(box.lower, box.upper, (_SCAN, len(x)))
    )
    if len(x) <= 10:
        ends = (
            [(-3.0, 0.0, 3.0)] * len(x)
            if box is None
            else [(lo, 0.5 * (lo + hi), hi) for lo, hi in zip(box.lower, box.upper, strict=True)]
        )
        points = np.concatenate([points, np.array(list(product(*ends)))]) if len(x) <= 6 else points
    values = evaluate([density], dict(zip(x, points.T, strict=True)), len(points))[:, 0]
    return [float(v) for v in points[int(np.argmin(np.nan_to_num(values, nan=np.inf)))]]


def sample_factor(factor: Factor, rng: np.random.Generator, points: int, box: Box | None) -> Array:
    """Draws from one factor, shape (points, variables): inversion in one variable, rejection from cells in more."""
    if len(factor.symbols) == 1:
        return _table(factor, None if box is None else _side(box, factor.indices[0])).quantile(rng.random(points))[
            :, None
        ]
    if box is None or len(factor.symbols) > 3:
        raise MzError(
            "A density of X_0 that is no product is drawn from on a box in at most three variables only",
            "sample_input",
            "Give a domain, a product of factors, or samples of X_0",
        )
    return _rejected(factor, rng, points, tuple(_side(box, i) for i in factor.indices))


def _side(box: Box, i: int) -> tuple[float, float]:
    return float(box.lower[i]), float(box.upper[i])


@lru_cache(maxsize=32)
def _table(factor: Factor, side: tuple[float, float] | None) -> InverseTable:
    (x,) = factor.symbols
    lo, hi = side or (-math.inf, math.inf)
    breaks = [float(point) for point in break_points(factor.expr, x) if point.is_real and lo < point < hi]

    def values(points: Array) -> Array:
        return evaluate([factor.expr], {x: points}, len(points))[:, 0]

    # One factor of a product is normalised only together with the others.
    return inverse_table(values, lo, hi, breaks, "density of X_0", normalise=True)


@lru_cache(maxsize=8)
def _cells(factor: Factor, sides: Sides) -> tuple[Array, Array, Array]:
    """Corners of the cells, their size, and a proved upper bound of the density on each."""
    count = CELLS[len(sides)]
    axes = [np.linspace(lo, hi, count + 1) for lo, hi in sides]
    corners = np.stack([part.ravel() for part in np.meshgrid(*(axis[:-1] for axis in axes), indexing="ij")], axis=1)
    size = np.array([(hi - lo) / count for lo, hi in sides])
    tops = np.empty(len(corners))
    for k, corner in enumerate(corners):
        cell = [(float(a), float(a + d)) for a, d in zip(corner, size * (1 + 1e-12), strict=True)]
        tops[k] = range_of([factor.expr], cell, factor.symbols, max_boxes=0, prec=53)[0][1]
    if not np.isfinite(tops).all():
        raise MzError("The density of X_0 has no proved bound", "sample_input", "Give samples of X_0 instead")
    return corners, size, np.maximum(tops, 0.0)


def _rejected(factor: Factor, rng: np.random.Generator, points: int, sides: Sides) -> Array:
    corners, size, tops = _cells(factor, sides)
    out: list[Array] = []
    found = 0
    for _ in range(MAX_ROUNDS):
        wanted = max(1024, 2 * (points - found))
        cell = rng.choice(len(corners), wanted, p=tops / tops.sum())
        X = corners[cell] + size * rng.random((wanted, len(sides)))
        values = evaluate([factor.expr], dict(zip(factor.symbols, X.T, strict=True)), wanted)[:, 0]
        kept = X[rng.random(wanted) * tops[cell] < values]
        out.append(kept)
        found += len(kept)
        if found >= points:
            return np.concatenate(out)[:points]
    raise MzError("Nearly every draw was rejected", "sample_input", "Give samples of X_0 instead")


__all__: Sequence[str] = ["Factor", "check_joint", "factors_of", "sample_factor"]
