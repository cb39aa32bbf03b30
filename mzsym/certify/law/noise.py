"""The laws of noise and of X_0 as the cells of the law take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.balls import precision
from mzsym.balls.noise_tables import PANELS, NoiseTable, noise_table
from mzsym.balls.stretches import position
from mzsym.calculus.laws import DensityLaw, LaplaceLaw, Law
from mzsym.certify.law.cells import LawBounds
from mzsym.certify.law.grid import Grid
from mzsym.certify.law.spread import SLACK, Spread, Tabled, Windows, positive_part
from mzsym.certify.law.tail import Tail, end_of
from mzsym.certify.sharp.proof import exact_law
from mzsym.core import MzError
from mzsym.core.names import NOISE_VARIABLE
from mzsym.model.noise import Gaussian
from mzsym.model.values import exact_expr, state

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.noise import AbstractNoise

LAPLACE_PANELS = 4096
"""Panels of its density, which is cut off after 40 scales only."""


@dataclass(frozen=True, eq=False)
class NoiseOnGrids:
    """A noise law that can be put on any grid cut at its jumps.

    Attributes
    ----------
    jumps : tuple of int
        Positions of the jumps of its density, the ends of the support first and last.
    table : NoiseTable or None
        None for uniform noise.
    tail : Tail or None
        Of unbounded noise, whose table ends where that begins.
    """

    jumps: tuple[int, ...]
    table: NoiseTable | None
    tail: Tail | None = None

    @classmethod
    def of(cls, noise: AbstractNoise, shared: Mapping[sp.Symbol, Any]) -> NoiseOnGrids:
        """The noise of a layer.

        Raises
        ------
        MzError
            For noise without a density that is smooth between finitely many points, or unbounded noise but two laws.
        """
        law = exact_law(noise, shared)
        if noise.name == "uniform":
            lo, hi = (position(end) for end in law.support)
            return cls((lo, hi), None)
        table = _table(law)
        return cls(tuple(position(_dyadic(table.breaks[k])) for k in table.corners), table, _tail(noise, law))

    @property
    def period(self) -> int:
        """Length of the support."""
        return self.jumps[-1] - self.jumps[0]

    def spread(self, grid: Grid) -> Spread:
        """On a grid."""
        return Windows(grid) if self.table is None else Tabled(grid, self.table, self.tail)


@lru_cache(maxsize=32)
def _table(law: Law) -> NoiseTable:
    lo, hi = law.support
    if lo.is_infinite or hi.is_infinite:
        hi = end_of(law)
        lo = -hi
    panels = LAPLACE_PANELS if isinstance(law, LaplaceLaw) else PANELS
    with precision():
        return noise_table(law.density(NOISE_VARIABLE), NOISE_VARIABLE, (lo, *law.breaks, hi), panels)


def _tail(noise: AbstractNoise, law: Law) -> Tail | None:
    with precision():
        return None if noise.bounded else Tail.of(law)


def _dyadic(place: sp.Expr) -> Fraction:
    if not place.is_Rational:
        raise MzError(f"{place} is no binary fraction of moderate size", "certify", "Use a float")
    return Fraction(int(place.p), int(place.q))


def input_bounds(net: Network) -> LawBounds:
    """Bounds of the density of X_0, of one component.

    Raises
    ------
    MzError
        Where it has none that is smooth between finitely many points, or one of another unbounded law.
    """
    law = net.input_law
    if law.kind == "uniform" and net.domain is not None:
        ((lo, hi),) = net.domain.intervals
        return LawBounds.uniform(position(lo), position(hi))
    if law.kind == "normal":
        return _stated(Gaussian(1))
    if law.kind == "independent":
        return _stated(law.laws[0])
    if law.kind == "density" and net.domain is not None and law.expr is not None:
        ((lo, hi),) = net.domain.intervals
        density = law.expr.xreplace({state(1)[0]: NOISE_VARIABLE})
        ends = exact_expr(lo), exact_expr(hi)
        points = tuple(exact_expr(point) for point in law.breaks(0) if ends[0] < point < ends[1])
        return _between(_table(DensityLaw.of(density, *ends, points)))
    raise MzError("in the law of the state sharp enclosures need X_0 with a density", "certify", "State one")


def _stated(noise: AbstractNoise) -> LawBounds:
    law = exact_law(noise, {})
    return replace(_between(_table(law)), tail=_tail(noise, law))


def _between(table: NoiseTable) -> LawBounds:
    """The density between its chords and what it bends."""
    inner = {float(point): _dyadic(point) for point in table.breaks}
    edges = [position(inner.get(float(edge), Fraction(float(edge)))) for edge in table.edges]
    widths = np.diff(table.edges)
    places = np.stack([table.edges[:-1], table.edges[1:]], axis=1)
    panels = np.arange(1, len(table.edges))[:, None] + np.zeros((1, 2), dtype=np.intp)
    chords = table.continuous(places, panels) - table.lifts[panels]
    off = (table.suprema[2] * widths**2 / 8.0 + table.off)[:, None] * (1.0 + 2.0**-30)
    return LawBounds(edges, positive_part((chords - off) * (1.0 - SLACK)), (chords + off) * (1.0 + SLACK))


__all__ = ["NoiseOnGrids", "input_bounds"]
