"""Symmetric noise laws as tables with proved errors: probabilities of intervals and density floors, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
import numpy as np

from mzsym.balls.numbers import Arb, lower, precision, to_arb, upper
from mzsym.balls.spectral import UNIT
from mzsym.core import MzError
from mzsym.core.arrays import Array

NODES = 8192
"""Intervals of a table."""

_NORMAL_REACH, _LAPLACE_REACH = 9, 40
"""Scales after which a density is taken as nothing."""


@dataclass(frozen=True, eq=False)
class LawTable:
    """A law symmetric about 0 whose density falls with the distance from it, in units of its scale.

    Attributes
    ----------
    spacing : float
        Distance of the nodes; exact.
    half : array of shape (nodes,)
        H(u) = P(0 <= xi <= u) at the nodes, each to one rounding.
    floor : array of shape (nodes,)
        Lower bounds of the density at the nodes; 0 at the last.
    peak : float
        Upper bound of the density.
    excess : float
        Upper bound of H minus its linear interpolation; H is concave, so that this is never negative.
    """

    spacing: float
    half: Array
    floor: Array
    peak: float
    excess: float

    def masses(self, low: Array, high: Array, edges: Array, scale: float) -> Array:
        """Proved lower bounds of P(f + xi in [e_k, e_{k+1}]) for every f in [low, high]; (points, cells).

        The density is log-concave, hence so is that probability as a function of f (a convolution of log-concave
        functions): on an interval it is smallest at an end.

        Parameters
        ----------
        low, high : array of shape (points,)
            Finite.
        edges : array of shape (cells + 1,)
            Ascending; may begin and end with infinities.
        scale : float
            To one rounding.
        """
        return np.minimum(self._at(low, edges, scale), self._at(high, edges, scale))

    def _at(self, f: Array, edges: Array, scale: float) -> Array:
        u = (edges[None, :] - f[:, None]) / scale
        sizes = np.abs(edges[np.isfinite(edges)]).max(initial=0.0) + np.abs(f).max(initial=0.0)
        reach = self.spacing * (len(self.half) - 1)
        # What rounding in u, in the interpolation and in the difference can do.
        rounding = 16.0 * UNIT * (1.0 + self.peak * (sizes / scale + reach))
        half = np.interp(np.abs(u), self.spacing * np.arange(len(self.half)), self.half)
        beyond = np.abs(u) >= reach * (1.0 - 4.0 * UNIT)
        above = np.where(beyond, 0.5, half + self.excess)
        least = 0.5 + np.where(u >= 0.0, half, -above)
        most = 0.5 + np.where(u >= 0.0, above, -half)
        return np.asarray(np.maximum(least[:, 1:] - most[:, :-1] - 2.0 * rounding, 0.0))

    def floors(self, low: Array, high: Array, edges: Array, scale: float) -> Array:
        """Proved lower bounds of |cell| times the density of f + xi on the cell, for every f in [low, high]."""
        first, last = edges[None, :-1], edges[None, 1:]
        with np.errstate(invalid="ignore"):
            far = np.maximum(np.abs(first - high[:, None]), np.abs(last - low[:, None])) / scale
            places = np.where(np.isfinite(far), far, 0.0) * (1.0 + 8.0 * UNIT) / self.spacing
            at = np.minimum(np.ceil(places * (1.0 + 8.0 * UNIT)), len(self.floor) - 1).astype(np.intp)
            widths = np.where(np.isfinite(first) & np.isfinite(last), last - first, 0.0)
        found = np.where(np.isfinite(far), self.floor[at], 0.0) * widths / scale
        return np.asarray(found * (1.0 - 16.0 * UNIT))


def law_table(name: str, cutoff: Any = None) -> LawTable:
    """The table of a law by its name.

    Parameters
    ----------
    name : {"uniform", "gaussian", "truncated_gaussian", "laplace"}
    cutoff : number, optional
        Of a truncated Gaussian.

    Raises
    ------
    MzError
        For another law.
    """
    return _table(name, None if cutoff is None else Fraction(cutoff))


@lru_cache(maxsize=32)
def _table(name: str, cutoff: Fraction | None) -> LawTable:
    with precision():
        root, one = flint.arb(2).sqrt(), flint.arb(1)
        mass = (to_arb(cutoff) / root).erf() if cutoff is not None else one
        top = 1 / ((2 * flint.arb.pi()).sqrt() * mass)

        def normal_half(u: Arb) -> Arb:
            return ((u / root).erf() / (2 * mass)).min(one / 2)

        def normal(u: Arb) -> Arb:
            return (-u * u / 2).exp() * top

        if name == "uniform":
            # H is linear: nothing lies between it and its interpolation.
            return _filled(Fraction(1), lambda u: u / 2, lambda u: one / 2, one / 2, flint.arb(0))
        if name == "laplace":
            reach = Fraction(_LAPLACE_REACH)
            return _filled(reach, lambda u: -(-u).expm1() / 2, lambda u: (-u).exp() / 2, one / 2, one / 2)
        if name == "gaussian" or (name == "truncated_gaussian" and cutoff is not None):
            reach = Fraction(_NORMAL_REACH) if cutoff is None else min(Fraction(float(cutoff)), Fraction(_NORMAL_REACH))
            # |H''| = u density(u) is largest at u = 1.
            return _filled(reach, normal_half, normal, top, normal(one))
    raise MzError(f"The law {name!r} has no table", "balls.law_tables", "Use a closed law")


def _filled(reach: Fraction, half: Any, density: Any, peak: Arb, bend: Arb) -> LawTable:
    spacing = float(reach / NODES)
    nodes = [flint.arb(spacing) * k for k in range(NODES + 1)]
    halves = np.array([lower(half(u)) for u in nodes])
    floors = np.array([max(0.0, lower(density(u))) for u in nodes])
    # The last node may lie outside the support by a rounding.
    floors[-1] = 0.0
    excess = upper(flint.arb(spacing) ** 2 / 8 * bend) + 4.0 * UNIT
    return LawTable(spacing, halves, floors, upper(peak), excess)
