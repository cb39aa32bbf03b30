"""Total variation between a noise law and its shifts, the numbers that Dobrushin's coefficient rests on, MATH (25)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import flint
import numpy as np
import sympy as sp

from mzsym.balls.expressions import compile_tape
from mzsym.balls.intervals import Interval
from mzsym.balls.numbers import PRECISION, Arb, lower, precision, to_arb, upper
from mzsym.core import MzError
from mzsym.core.arrays import Array

SHIFT_LAWS = ("uniform", "gaussian", "truncated_gaussian", "laplace")
"""Laws whose distance to their shifts is closed: they are symmetric and unimodal."""

CELLS = 4096
"""Cells on which the density of another law is bounded below."""

COARSE, _REACHES = 256, 24
"""Cells, and binary orders of magnitude, tried in the search for the bulk of an unbounded density."""


def shift_variation(name: str, extent: Any, scale: Any, cutoff: Any = None, prec: int = PRECISION) -> Arb:
    """Ball around TV(law of xi, law of xi + extent) for one scalar noise component, MATH (25).

    The law is symmetric and unimodal, so that the density at y is the smaller one beyond the middle of the two
    centres, and TV = P(|xi| <= extent/2).

    Parameters
    ----------
    name : {"uniform", "gaussian", "truncated_gaussian", "laplace"}
    extent : number or ball
        Non-negative, may be infinite.
    scale : number or ball
        Half-width, standard deviation (before truncation), or b of exp(-|xi|/b)/(2 b).
    cutoff : number, optional
        Of a truncated Gaussian.
    prec : int

    Returns
    -------
    flint.arb
        min(1, d/(2 s)); erf(d/(2 sqrt 2 s)), over erf(c/sqrt 2) and at most 1 where cut off; 1 - exp(-d/(2 s)).

    Raises
    ------
    MzError
        For another law.

    Examples
    --------
    >>> shift_variation("uniform", 0.25, 0.5) == 0.25
    True
    """
    with precision(prec):
        distance, s, one = to_arb(extent), to_arb(scale), flint.arb(1)
        if not distance.is_finite():
            return one
        ratio = distance / (2 * s)
        if name == "uniform":
            return ratio.min(one)
        if name == "gaussian":
            return (ratio / flint.arb(2).sqrt()).erf()
        if name == "truncated_gaussian":
            mass = (to_arb(cutoff) / flint.arb(2).sqrt()).erf()
            return ((ratio / flint.arb(2).sqrt()).erf() / mass).min(one)
        if name == "laplace":
            return -(-ratio).expm1()
        raise MzError(f"The law {name!r} has no formula for its shifts", "balls.shifts", "Use " + ", ".join(SHIFT_LAWS))


def joint_normal_variation(extents: Sequence[Any], scales: Sequence[Any], prec: int = PRECISION) -> Arb:
    """Ball around TV(N(0, S), N(d, S)), S diagonal: erf(r/(2 sqrt 2)), r the Euclidean norm of d_i/s_i, MATH (25)."""
    with precision(prec):
        square = flint.arb(0)
        for extent, scale in zip(extents, scales, strict=True):
            distance = to_arb(extent)
            if not distance.is_finite():
                return flint.arb(1)
            square += (distance / to_arb(scale)) ** 2
        return ((square / 8).sqrt()).erf()


def density_overlap(
    density: sp.Expr, variable: sp.Symbol, support: tuple[Any, Any], extent: float, prec: int = PRECISION
) -> float:
    """Proved lower bound of the overlap of a law with all its shifts by at most ``extent``, MATH (25).

    The integral over y of the least rho(y - t), 0 <= t <= extent, from lower bounds of rho on the cells of a grid; the
    distance in total variation is at most one minus it. Where rho is unimodal nothing is lost but the cells' width.

    Parameters
    ----------
    density : sympy.Expr
        In ``variable`` alone.
    variable : sympy.Symbol
    support : (lo, hi)
        Exact numbers or balls; may be infinite.
    extent : float
        Non-negative.
    prec : int

    Returns
    -------
    float
        0 where nothing is proved.

    Raises
    ------
    MzError
        For a density without an enclosure.
    """
    if not np.isfinite(extent):
        return 0.0
    with precision(prec):
        # Ends inside the support: what lies beyond them is given away.
        a, b, floors = _floors(density, variable, upper(to_arb(support[0])), lower(to_arb(support[1])))
        lo, hi = flint.arb(a), flint.arb(b)
        width = (hi - lo) / CELLS
        reach = (to_arb(extent) / width).upper().ceil().unique_fmpz() if width > 0 else None
        if reach is None or int(reach) + 1 >= CELLS:
            return 0.0
        # inf over [y_k - extent, y_(k+1)] for every cell k: the cells k - reach .. k.
        windows = np.lib.stride_tricks.sliding_window_view(floors, int(reach) + 1).min(axis=1)
        total = sum((flint.arb(float(value)) for value in windows), flint.arb(0)) * width
        return max(0.0, lower(total))


@lru_cache(maxsize=64)
def _floors(density: sp.Expr, variable: sp.Symbol, first: float, last: float) -> tuple[float, float, Array]:
    """Ends of a grid, and a lower bound of the density on each of its cells."""
    if np.isfinite(first) and np.isfinite(last):
        return first, last, _on_cells(density, variable, first, last, CELLS)
    best, ends = -1.0, (0.0, 0.0)
    for k in range(-_REACHES, _REACHES):
        reach = 2.0**k
        lo = first if np.isfinite(first) else (last - reach if np.isfinite(last) else -reach)
        hi = last if np.isfinite(last) else (first + reach if np.isfinite(first) else reach)
        mass = (hi - lo) * float(_on_cells(density, variable, lo, hi, COARSE).mean())
        if mass > best:
            best, ends = mass, (lo, hi)
    return *ends, _on_cells(density, variable, *ends, CELLS)


def _on_cells(density: sp.Expr, variable: sp.Symbol, lo: float, hi: float, cells: int) -> Array:
    tape = compile_tape((density,))
    first, width = flint.arb(lo), (flint.arb(hi) - flint.arb(lo)) / cells
    ends = [first + width * k for k in range(cells + 1)]
    found = np.empty(cells)
    for k in range(cells):
        value = tape.run({variable: Interval(ends[k].lower(), ends[k + 1].upper())})[0]
        found[k] = max(0.0, lower(value.lo)) if value.defined else 0.0
    return found
