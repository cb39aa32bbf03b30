"""How far an analytic function takes a strip around the real line away from an interval. MATH (24y)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import flint
import numpy as np

from mzsym.balls.numbers import to_arb
from mzsym.balls.programs import Program

PARTS = 256
"""Pieces of the upper edge of a strip."""

WIDE = 32
"""Pieces that are looked at together where only finite values count."""


def bernstein_radius(
    program: Program, reach: tuple[float, float], above: float, shifts: Sequence[float], side: tuple[float, float]
) -> float:
    """Upper bound of the Bernstein radii of f(z) + e around an interval, z in a rectangle, e one of the shifts.

    The sum of the distances to the ends of the interval is the largest on the edge of the rectangle, and f is real on
    real arguments, so that the upper half of the edge will do.

    Parameters
    ----------
    program : Program
        f at complex balls.
    reach : tuple of float
        The real parts.
    above : float
        The largest imaginary part, not negative.
    shifts : sequence of float
    side : tuple of float
        Middle and half-length of the interval.

    Returns
    -------
    float
        At least 1; ``inf`` where f is not proved analytic on the rectangle.
    """
    edges = np.linspace(*reach, PARTS + 1).tolist()
    strip = to_arb((-above, above))
    for part in pairwise(edges[::WIDE]):
        if not program(flint.acb(to_arb(part), strip))[0].is_finite():
            return math.inf
    heights = np.linspace(0.0, above, 17).tolist()
    places = [flint.acb(to_arb(part), to_arb(above)) for part in pairwise(edges)]
    for end in (edges[0], edges[-1]):
        places += [flint.acb(to_arb(end), to_arb(part)) for part in pairwise(heights)]
    best = 1.0
    middle, half = map(to_arb, side)
    for place in places:
        value = (program(place)[0] - middle) / half
        for shift in shifts:
            u = value + to_arb(shift) / half
            total = abs(u - 1) + abs(u + 1)
            # nan, where a ball is not finite, is not below anything.
            reached = 0.5 * (float(total.mid()) + float(total.rad()))
            if not reached < math.inf:
                return math.inf
            best = max(best, reached)
    best *= 1.0 + 1e-12
    return (best + math.sqrt(best * best - 1.0)) * (1.0 + 1e-12)
