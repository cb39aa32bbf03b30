"""Densities in one variable as a user states them: where they break, and whether they are one.

Refused is only what is proved: a negative value at some point, by an enclosure there; a wrong integral, by verified
integration. What stays undecided is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from mzsym.balls import Arb, enclose, integral_enclosure, lower, upper
from mzsym.calculus.decompose import affine
from mzsym.calculus.laws import DensityLaw
from mzsym.calculus.moments import smooth_pieces
from mzsym.calculus.polynomials import degree_bound
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import NOISE_VARIABLE
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.numeric import COMPARISONS, evaluate

_KINKS = {row.expr: row.kinks for row in PRIMITIVES.values() if isinstance(row.expr, type) and row.kinks}
_KINKS |= {sp.sign: (sp.S.Zero,), sp.Heaviside: (sp.S.Zero,)}

MAX_BREAKS = 64
"""Break points above which none are followed: what rests on them then stays undecided or open."""

_SCAN = 1500
"""Points at which a density is looked at for negative values."""

_REFINEMENTS = 12


@lru_cache(maxsize=256)
def break_points(density: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, ...]:
    """Points at which a density is not smooth, as far as its kinks are roots of lines and of simple polynomials.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> break_points(sp.Max(0, 1 - sp.Abs(x)), x)
    (-1, 0, 1)
    """
    found: dict[sp.Expr, None] = {}
    for node in dict.fromkeys(sp.preorder_traversal(density)):
        for level in _levels(node):
            found |= dict.fromkeys(_roots(level, x))
        if len(found) > MAX_BREAKS:
            return ()
    return tuple(sorted(found, key=lambda point: (not point.is_number, sp.default_sort_key(point)))) if found else ()


def _levels(node: sp.Basic) -> list[sp.Expr]:
    """Expressions whose zeros are where this node is not smooth."""
    if node.func in _KINKS:
        return [node.args[0] - kink for kink in _KINKS[node.func]]
    if node.func in COMPARISONS:
        return [node.lhs - node.rhs]
    if isinstance(node, (sp.Max, sp.Min)):
        # Where two of the largest change places; an inner kink is a node of its own.
        return [a - b for k, a in enumerate(node.args) for b in node.args[k + 1 :]]
    return []


def _roots(level: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    if not level.has_free(x):
        return []
    line = affine(level, x)
    if line is not None:
        return [] if line[0].is_zero else [-line[1] / line[0]]
    if level.has(sp.Abs):
        signs = [level.replace(sp.Abs, lambda u, sign=sign: sign * u) for sign in (1, -1)]
        return [root for part in signs for root in _roots(part, x)]
    if degree_bound(level, [x]) == 2:
        return [root for root in sp.roots(level, x) if root.is_real is not False]
    return []


def check_defined(density: sp.Expr, where: str) -> None:
    """Refuse a density that parameters leave without a value."""
    if density.has(sp.nan, sp.zoo, sp.oo):
        raise MzError("The density is no number for these parameters", where, "Give others, such as weights not all 0")


def check_density(density: sp.Expr, ends: tuple[sp.Expr, sp.Expr], breaks: Sequence[sp.Expr], where: str) -> None:
    """Refuse what is proved to be no density.

    Parameters
    ----------
    density : sympy.Expr
        In ``NOISE_VARIABLE`` alone, with exact numbers.
    ends : (lower, upper)
        Numbers, or -oo and oo.
    breaks : sequence of sympy.Expr
        Numbers inside, ascending.
    where : str

    Raises
    ------
    MzError
        With the point at which it is negative, or with its integral.
    """
    negative = negative_point(density, ends, breaks)
    if negative is not None:
        at, value = negative
        raise MzError(f"The density is {value:.6g} at {at!r}, which is negative", where, "Give a density")
    mass = total_mass(DensityLaw.of(density, *ends, tuple(breaks)))
    if mass.is_finite() and not mass.contains(1):
        raise MzError(
            f"The density integrates to {mass_text(mass)}, not to 1",
            where,
            "Divide it by its integral; decimals are taken as the binary fractions that they are, so write exact "
            "numbers such as sp.Rational(1, 3) or sp.sqrt(2*sp.pi)",
        )


def mass_text(mass: Arb) -> str:
    """An integral that is not 1, with its distance from 1 where that is small."""
    lo, hi = lower(mass), upper(mass)
    if hi - lo > 1e-6 * abs(hi):
        return f"a number between {lo:.6g} and {hi:.6g}"
    away = upper(mass - 1) if hi < 1 else lower(mass - 1)
    return f"{lo:.12g}" if abs(away) > 1e-10 else f"1 {'-' if away < 0 else '+'} {abs(away):.3g}"


@lru_cache(maxsize=256)
def total_mass(law: DensityLaw) -> Arb:
    """Ball around the integral of a density with numeric parameters; not finite where it is not decided."""
    return _summed(law, lambda piece: piece)


@lru_cache(maxsize=256)
def norm_squared(law: DensityLaw) -> Arb:
    """Ball around the integral of the squared density; not finite where it is not decided. MATH (23)."""
    return _summed(law, lambda piece: piece**2)


def _summed(law: DensityLaw, function: Callable[[sp.Expr], sp.Expr]) -> Arb:
    pieces = smooth_pieces(law) or [(law.density(NOISE_VARIABLE), law.lower, law.upper)]
    parts = [integral_enclosure(function(piece), NOISE_VARIABLE, lo, hi) for piece, lo, hi in pieces]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def negative_point(
    density: sp.Expr, ends: tuple[sp.Expr, sp.Expr], breaks: Sequence[sp.Expr]
) -> tuple[float, float] | None:
    """A point of the support at which the density is proved negative, with an upper bound of it there, or None."""
    points = _points(ends, breaks)
    values = _values(density, points)
    worst = int(np.argmin(np.nan_to_num(values, nan=np.inf)))
    candidates = {float(points[worst])}
    if 0 < worst < len(points) - 1:
        candidates.add(_least(density, float(points[worst - 1]), float(points[worst + 1])))
    for at in candidates:
        try:
            found = enclose(density, {NOISE_VARIABLE: at})
        except MzError:
            return None
        if found.is_finite() and found < 0:
            return at, upper(found)
    return None


def _values(density: sp.Expr, points: Array) -> Array:
    return evaluate([density], {NOISE_VARIABLE: points}, len(points))[:, 0]


def _points(ends: tuple[sp.Expr, sp.Expr], breaks: Sequence[sp.Expr]) -> Array:
    """Points strictly inside the support, denser around the breaks and finite ends; wide where it is infinite."""
    lo, hi = float(ends[0]), float(ends[1])
    marks = [point for point in (lo, *(float(b) for b in breaks), hi) if math.isfinite(point)] or [0.0]
    t = np.linspace(-1, 1, _SCAN)
    if math.isfinite(lo) and math.isfinite(hi):
        spread = lo + (hi - lo) * (t + 1) / 2
    else:
        spread = 0.5 * (min(marks) + max(marks)) + np.sinh(14 * t)
    near = np.concatenate([mark + sign * 2.0 ** np.arange(-30, 4) for mark in marks for sign in (-1, 1)])
    points = np.unique(np.concatenate([spread, near]))
    return points[(points > lo) & (points < hi)]


def _least(density: sp.Expr, lo: float, hi: float) -> float:
    """The place of a minimum between two points, on finer and finer grids around the least value."""
    for _ in range(_REFINEMENTS):
        grid = np.linspace(lo, hi, 17)[1:-1]
        least = int(np.argmin(np.nan_to_num(_values(density, grid), nan=np.inf)))
        lo, hi = (lo if least == 0 else grid[least - 1]), (hi if least == len(grid) - 1 else grid[least + 1])
    return float(0.5 * (lo + hi))
