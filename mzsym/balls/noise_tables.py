"""A noise density as tables with proved errors, for many arguments at once; MATH (24w).

The support is cut at the points where the density is not smooth, and every piece into panels. On a panel the density is
its Taylor polynomial of degree 5 up to a remainder that ball arithmetic bounds; its first three derivatives are bounded
by their largest absolute values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import flint
import numpy as np
import numpy.typing as npt
import sympy as sp

from mzsym.balls.averages import between
from mzsym.balls.expressions import enclose
from mzsym.balls.numbers import Arb, upper
from mzsym.balls.programs import Program
from mzsym.balls.spectral import gamma
from mzsym.core import MzError
from mzsym.core.arrays import Array

PANELS = 1024
"""Panels on all pieces together, at least, unless more are asked for."""

LEAST_PANELS = 64
"""Panels on every piece."""

ORDER = 5

DERIVATIVES = 3
"""Derivatives whose variation is known."""

WHERE = "balls.noise_tables"

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NoiseTable:
    """A density rho between ``breaks``, 0 elsewhere.

    Attributes
    ----------
    breaks : tuple of sympy.Expr
        Ascending, the ends of the support first and last.
    at_breaks : array of shape (3, breaks)
        How far rho, rho', rho'' jump there: rho(e-) - rho(e+), rounded, and upper bounds of the absolute values of the
        other two.
    edges : array of shape (panels + 1,)
    taylor : array of shape (ORDER + 1, panels + 2)
        Coefficients about the middle of every panel; 0 before the first and after the last one.
    constants : array of shape (panels + 2,)
        What makes the antiderivatives of the polynomials one distribution function.
    lifts : array of shape (panels + 2,)
        Sums of the jumps up to a panel.
    suprema : array of shape (DERIVATIVES + 1, panels)
        Upper bounds of |rho|, |rho'|, ... on the panels.
    off : float
        Bounds the errors of the distribution function and of the density, rounding included, for arguments that are
        exact.
    """

    breaks: tuple[sp.Expr, ...]
    at_breaks: Array
    edges: Array
    taylor: Array
    constants: Array
    lifts: Array
    suprema: Array
    off: float

    @property
    def variation(self) -> float:
        """Upper bound of the total variation of rho on the line."""
        smooth = float(np.sum(self.suprema[1] * np.diff(self.edges)))
        return (float(np.sum(np.abs(self.at_breaks[0]))) + smooth) * (1.0 + 2.0**-40)

    @property
    def corners(self) -> list[int]:
        """Numbers of the breaks that are jumps, and of both ends."""
        last = len(self.breaks) - 1
        return [k for k, height in enumerate(self.at_breaks[0]) if height != 0.0 or k in (0, last)]

    @property
    def jumps(self) -> Array:
        """Heights at the ``corners``."""
        return np.asarray(self.at_breaks[0][self.corners])

    @property
    def peak(self) -> float:
        """Upper bound of rho."""
        return float(self.suprema[0].max())

    def places(self, t: Array) -> Indices:
        """Panels of arguments, one more than their numbers."""
        return np.searchsorted(self.edges, t, side="right")

    def distribution(self, t: Array, place: Indices) -> Array:
        """P(xi <= t), off by ``off``."""
        u = t - self._middles[place]
        out = np.zeros_like(u)
        for k in range(ORDER, -1, -1):
            out = (out + (self.taylor[k] / (k + 1.0))[place]) * u
        return np.asarray(out + self.constants[place])

    def continuous(self, t: Array, place: Indices) -> Array:
        """rho with its jumps taken out, sums of which are added after them; off by ``off``."""
        u = t - self._middles[place]
        out = self.taylor[ORDER][place]
        for k in range(ORDER - 1, -1, -1):
            out = out * u + self.taylor[k][place]
        return np.asarray(out + self.lifts[place])

    def variations(self, derivative: int, t: Array, place: Indices) -> Array:
        """A function whose differences bound the variation of a derivative of rho, less its jumps."""
        steep = self.suprema[derivative + 1]
        sums = np.concatenate([[0.0, 0.0], np.cumsum(steep * np.diff(self.edges))])
        left = np.concatenate([self.edges[:1], self.edges])
        return np.asarray(sums[place] + np.concatenate([[0.0], steep, [0.0]])[place] * (t - left[place]))

    def largest(self, low: Array, high: Array) -> Array:
        """Upper bounds of rho on intervals."""
        first = np.searchsorted(self.edges, low, side="left") - 2
        last = np.searchsorted(self.edges, high, side="right")
        padded = np.concatenate([[0.0], self.suprema[0], [0.0, 0.0]])
        return np.array([padded[max(0, a + 1) : b + 2].max(initial=0.0) for a, b in zip(first, last, strict=True)])

    @property
    def _middles(self) -> Array:
        middle = (self.edges[1:] + self.edges[:-1]) / 2.0
        return np.concatenate([self.edges[:1], middle, self.edges[-1:]])


def noise_table(density: sp.Expr, symbol: sp.Symbol, breaks: Sequence[sp.Expr], panels: int = PANELS) -> NoiseTable:
    """Tables of a density, at the current precision.

    Parameters
    ----------
    density : sympy.Expr
        In ``symbol`` alone.
    symbol : sympy.Symbol
    breaks : sequence of sympy.Expr
        Points between which it is smooth, the ends of the support first and last.
    panels : int
        On all pieces together, at least.

    Raises
    ------
    MzError
        Where it is not proved to have five bounded derivatives between the points, or its support is not bounded.

    Examples
    --------
    >>> t = sp.Symbol("t", real=True)
    >>> table = noise_table((1 - t) / 2, t, [sp.Integer(-1), sp.Integer(1)])
    >>> at = np.array([-1.0, 0.0, 1.0])
    >>> table.distribution(at, table.places(at)).tolist(), table.at_breaks[0].tolist()
    ([0.0, 0.75, 1.0], [-1.0, 0.0])
    """
    ends = [enclose(point, {}) for point in breaks]
    if not all(end.is_finite() for end in ends):
        raise MzError("the noise has no bounded support", WHERE, "Cut the noise off")
    whole = ends[-1] - ends[0]
    jumps = [[flint.arb(0)] * (DERIVATIVES) for _ in breaks]
    found_panels: list[_Panel] = []
    for k, ((a, b), (lo, hi)) in enumerate(zip(pairwise(breaks), pairwise(ends), strict=True)):
        smooth = between(density, symbol, a, b)
        derivatives = [smooth]
        for _ in range(ORDER):
            derivatives.append(sp.diff(derivatives[-1], symbol))
        program = Program(derivatives, symbol)
        for side, place in ((-1, k), (1, k + 1)):
            found = program(ends[place])
            for order in range(DERIVATIVES):
                jumps[place][order] = jumps[place][order] + side * found[order]
        share = float((hi - lo) / whole)
        count = max(LEAST_PANELS, math.ceil(panels * share))
        found_panels += _panels(program, float(lo), float(hi), count)
    return _assembled(tuple(breaks), jumps, found_panels)


@dataclass(frozen=True)
class _Panel:
    lo: float
    hi: float
    taylor: tuple[float, ...]
    suprema: tuple[float, ...]
    lost: float


def _panels(program: Program, lo: float, hi: float, count: int) -> list[_Panel]:
    places = [lo + (hi - lo) * k / count for k in range(count)] + [hi]
    found = []
    for a, b in pairwise(places):
        middle, half = (a + b) / 2.0, (b - a) / 2.0 * (1.0 + 2.0**-50)
        # A little more than the panel: ends are rounded.
        wide = program(flint.arb(middle, half * (1.0 + 2.0**-30)))
        if not all(value.is_finite() for value in wide):
            raise MzError("the noise density is not proved to be smooth", WHERE, "Use another method")
        exact = program(flint.arb(middle))
        balls = [value / math.factorial(k) for k, value in enumerate([*exact[:ORDER], wide[ORDER]])]
        taylor = tuple(float(ball.mid()) for ball in balls)
        lost = sum(
            upper((ball - c).abs_upper()) * half**k for k, (ball, c) in enumerate(zip(balls, taylor, strict=True))
        )
        suprema = tuple(upper(value.abs_upper()) for value in wide[: DERIVATIVES + 1])
        found.append(_Panel(a, b, taylor, suprema, lost * (1.0 + 2.0**-40)))
    return found


def _assembled(breaks: tuple[sp.Expr, ...], jumps: list[list[Arb]], panels: list[_Panel]) -> NoiseTable:
    edges = np.array([panel.lo for panel in panels] + [panels[-1].hi])
    taylor = np.zeros((ORDER + 1, len(panels) + 2))
    taylor[:, 1:-1] = np.array([panel.taylor for panel in panels]).T
    suprema = np.array([panel.suprema for panel in panels]).T
    half, widths = np.diff(edges) / 2.0, np.diff(edges)
    before, mass = np.zeros(len(panels)), np.zeros(len(panels))
    for k in range(ORDER, -1, -1):
        c = taylor[k, 1:-1] / (k + 1.0)
        before, mass = before + c * (-half) ** (k + 1), mass + c * (half ** (k + 1) - (-half) ** (k + 1))
    sums = np.concatenate([[0.0], np.cumsum(mass)])
    constants = np.concatenate([[0.0], sums[:-1] - before, sums[-1:]])
    at_breaks = np.array([[float(found[0]), *(upper(ball.abs_upper()) for ball in found[1:])] for found in jumps]).T
    # Float ends of panels that are breaks: every piece begins with one.
    starts = np.searchsorted(edges[:-1], [float(point) for point in breaks[:-1]], side="left")
    steps = np.zeros(len(panels) + 2)
    steps[starts + 1] += at_breaks[0, :-1]
    steps[-1] += at_breaks[0, -1]
    lost = max(panel.lost for panel in panels)
    size = float(suprema[0].max()) * (1.0 + float(np.sum(widths)))
    rounding = gamma(2 * len(panels) + 64) * (1.0 + size)
    off = lost * (1.0 + float(np.sum(widths))) + rounding
    # Where pieces meet, arguments are taken for the wrong side of a rounded end.
    off += 2.0**-50 * float(np.abs(edges).max()) * float(suprema[:2].max())
    return NoiseTable(breaks, at_breaks, edges, taylor, constants, np.cumsum(steps), suprema, off * (1.0 + 2.0**-40))


__all__ = ["NoiseTable", "noise_table"]
