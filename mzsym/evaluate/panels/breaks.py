"""Where functions on a one-dimensional state are not smooth, so that panels can end there.

A kink of F_n is a kink of M_n v. A point y where v is not smooth makes M_n v not smooth where F_n(x) + G_n(x) e = y,
for every edge e of the noise (its support's ends, a kink of its density), and smoother there by what the average over
the edge gains: a density that jumps gains one derivative, one with a kink two. Without noise e = 0 and nothing is
gained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from mzsym.core.arrays import AnyArray, Array
from mzsym.core.primitives import PRIMITIVES
from mzsym.evaluate.noise_numbers import NumericLaw

MOST = 400
"""Points that are kept; the smoothest are dropped first, and refinement sees to them."""

SMOOTH = 8
"""Order from which a point counts as smooth."""

_SAMPLES = 2048
_HALVINGS = 60
_SWITCHING = sp.Function, sp.Max, sp.Min, sp.Piecewise

ScalarMap = Callable[[Array], Array]
"""shape (points,) -> (points,)"""


@dataclass(frozen=True)
class Break:
    """A point where a function is not smooth.

    Attributes
    ----------
    at : float
    order : int
        -1: the function jumps; k: it has k continuous derivatives.
    cause : sympy.Expr or None
        What passes a constant level there, where the expressions of the layer or functions stated on it switch; None
        for what comes from later layers.
    """

    at: float
    order: int
    cause: sp.Expr | None = field(default=None, compare=False)


def crossings(h: ScalarMap, lo: float, hi: float, targets: Iterable[float], known: Sequence[float] = ()) -> Array:
    """Points of [lo, hi] where h passes one of the targets, found by bisection between samples.

    ``known`` are points where h may turn or jump; its extrema between them are found first, so that two crossings on
    either side of an extremum are told apart.
    """
    x = np.unique(np.concatenate([np.linspace(lo, hi, _SAMPLES), [k for k in known if lo < k < hi]]))
    x = np.unique(np.concatenate([x, _extrema(h, x)]))
    values = h(x)
    found = []
    for target in targets:
        above = values > target
        left = np.flatnonzero(above[1:] != above[:-1])
        if len(left):
            found.append(_bisect(h, x[left], x[left + 1], target, above[left]))
    return np.concatenate(found) if found else np.empty(0)


def _bisect(h: ScalarMap, a: Array, b: Array, target: float, above: AnyArray) -> Array:
    a, b = a.copy(), b.copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (a + b)
        same = (h(middle) > target) == above
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    return 0.5 * (a + b)


def _extrema(h: ScalarMap, x: Array) -> Array:
    """Turning points between samples, by golden-section search on all brackets at once."""
    values = h(x)
    rise = np.sign(np.diff(values))
    turn = np.flatnonzero(rise[1:] * rise[:-1] < 0)
    if not len(turn):
        return np.empty(0)
    sign = rise[turn]
    a, b = x[turn], x[turn + 2]
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    for _ in range(_HALVINGS):
        c, d = b - ratio * (b - a), a + ratio * (b - a)
        left = sign * h(c) > sign * h(d)
        a, b = np.where(left, a, c), np.where(left, d, b)
    return 0.5 * (a + b)


def pulled_back(
    later: Sequence[Break],
    law: NumericLaw,
    step: Callable[[float], ScalarMap],
    own: Sequence[Break],
    lo: float,
    hi: float,
) -> tuple[Break, ...]:
    """Breaks of M_n v on [lo, hi], from those of v.

    Parameters
    ----------
    later : sequence of Break
        Of v.
    law : NumericLaw
        Noise of the layer.
    step : function
        e -> the map x -> F(x) + G(x) e.
    own : sequence of Break
        Of F (and G).
    lo, hi : float
    """
    found = [b for b in own if lo < b.at < hi]
    edges = [(0.0, -2)] if law.point_mass else [(edge.at, edge.order) for edge in law.edges]
    for at, smoothness in edges:
        h = step(at)
        for order in sorted({b.order for b in later}):
            # A singularity of order k averaged over an edge of order j has order k + j + 2; no noise is j = -2.
            gained = order + smoothness + 2
            if gained >= SMOOTH:
                continue
            targets = [b.at for b in later if b.order == order]
            found += [Break(float(x), gained) for x in crossings(h, lo, hi, targets, [b.at for b in own])]
    return tidy(found, lo, hi)


def tidy(breaks: Iterable[Break], lo: float, hi: float) -> tuple[Break, ...]:
    """Sorted, inside (lo, hi), one of each place, not more than ``MOST``."""
    width = 1e-13 * (hi - lo)
    kept: list[Break] = []
    for b in sorted(breaks, key=lambda b: (b.order, b.at)):
        if lo + width < b.at < hi - width and all(abs(b.at - other.at) > width for other in kept):
            kept.append(b)
        if len(kept) == MOST:
            break
    return tuple(sorted(kept, key=lambda b: b.at))


def kinks(
    exprs: Iterable[sp.Expr], x: sp.Symbol, bind: Callable[[sp.Expr], ScalarMap], lo: float, hi: float
) -> tuple[Break, ...]:
    """Kinks and jumps of expressions in one variable on [lo, hi].

    Parameters
    ----------
    exprs : iterable of sympy.Expr
    x : Symbol
    bind : function
        Expression in x (and bound parameters) -> its values at points.
    lo, hi : float
    """
    found: list[Break] = []
    atoms: set[Any] = set().union(*(expr.atoms(*_SWITCHING) for expr in exprs))
    for atom in sorted(atoms, key=str):
        if not atom.has_free(x):
            continue
        for argument, levels, order in _switches(atom):
            if argument.has_free(x):
                inner = [b.at for b in kinks([argument], x, bind, lo, hi)]
                points = crossings(bind(argument), lo, hi, levels, inner)
                found += [Break(float(at), order, argument) for at in points]
    return tidy(found, lo, hi)


@lru_cache(maxsize=256)
def has_switches(exprs: tuple[sp.Expr, ...]) -> bool:
    """Whether an expression has a function that is not smooth."""
    return any(_switches(atom) for expr in exprs for atom in expr.atoms(*_SWITCHING))


def has_jumps(exprs: Iterable[sp.Expr]) -> bool:
    """Whether an expression has a function that may jump."""
    found = (switch for expr in exprs for atom in expr.atoms(*_SWITCHING) for switch in _switches(atom))
    return any(order < 0 for _, _, order in found)


def _switches(atom: Any) -> list[tuple[sp.Expr, list[float], int]]:
    """Where a function switches branch: (argument, levels that it must pass, smoothness there)."""
    if isinstance(atom, (sp.Max, sp.Min)):
        args = list(atom.args)
        return [(a - b, [0.0], 0) for i, a in enumerate(args) for b in args[i + 1 :]]
    if isinstance(atom, sp.Piecewise):
        relations: set[Any] = set().union(
            *(condition.atoms(sp.core.relational.Relational) for _, condition in atom.args)
        )
        return [(r.args[0] - r.args[1], [0.0], -1) for r in relations]
    if isinstance(atom, (sp.sign, sp.Heaviside)):
        return [(atom.args[0], [0.0], -1)]
    for row in PRIMITIVES.values():
        if row.kinks and row.expr is atom.func:
            levels = [float(kink) for kink in row.kinks]
            return [(atom.args[0], [at], _order(row.numpy, at, len(row.parameters))) for at in levels]
    return []


def _order(g: Callable[..., Array], kink: float, parameters: int) -> int:
    """-1 where a primitive jumps, 0 where it only bends."""
    values = g(np.array([kink - 1e-9, kink + 1e-9]), *([0.5] * parameters))
    return -1 if abs(values[1] - values[0]) > 1e-6 else 0
