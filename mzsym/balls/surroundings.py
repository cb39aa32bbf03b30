"""How far a map takes a box with one coordinate made complex, and where it is analytic there.

The coordinate runs through an ellipse E_rho around [-1, 1], every other one through [-1, 1]. What the map makes of
balls that cover all of it says how large a polynomial of its values can be; a map that is finite on balls is analytic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, final

import flint
import numpy as np

from mzsym.balls import chebyshev as ch
from mzsym.balls.numbers import precision
from mzsym.balls.programs import Program
from mzsym.balls.spectral import UNIT
from mzsym.balls.tensor import SAFE
from mzsym.core.arrays import Array

ARCS: Final = 64
TILES: Final = 32
"""Arcs of half an ellipse on which a map is bounded, and tiles along it that prove it analytic."""

STEP: Final = 0.1
"""Width of the rings of tiles."""

PARTS: Final = {1: (1,), 2: (6, 32), 3: (4, 9)}
"""Parts of every other coordinate, by dimension: few for a search, many for a bound."""


@final
class Surroundings:
    """Of a map around its box, in the direction of one complex coordinate.

    Parameters
    ----------
    program : Program
        For complex balls, in the unit variables of the box, to those of the box of its values.
    dim, axis : int
        Of the box, and which coordinate is complex.
    """

    def __init__(self, program: Program, dim: int, axis: int) -> None:
        self.program, self.dim, self.axis = program, dim, axis
        self._reaches: dict[tuple[float, int], Array | None] = {}
        self._analytic: dict[float, bool] = {}

    def reach(self, radius: float, level: int = -1) -> Array | None:
        """Bernstein radii of the images of balls that cover the ellipse's boundary, shape (balls, values).

        None where one is not finite. Images of conjugate points are conjugate: the upper half serves. A polynomial of
        the values takes its largest absolute value for the coordinate inside the ellipse on the boundary.
        """
        parts = PARTS[self.dim][level]
        if (radius, parts) not in self._reaches:
            self._reaches[radius, parts] = self._reached(radius, parts)
        return self._reaches[radius, parts]

    def analytic(self, radius: float) -> bool:
        """Whether the map is finite, and so analytic in the coordinate, on balls that cover the ellipse's inside."""
        if radius not in self._analytic:
            self._analytic[radius] = any(self._covered(radius, parts) for parts in PARTS[self.dim])
        return self._analytic[radius]

    def _reached(self, radius: float, parts: int) -> Array | None:
        found = []
        with precision(ch.ROUGH):
            for ball in ch.boundary(radius, ARCS):
                for images in self._images(ball, parts):
                    if not all(image.is_finite() for image in images):
                        return None
                    found.append([_extents(image) for image in images])
        return _bernstein(np.array(found))

    def _covered(self, radius: float, parts: int) -> bool:
        with precision(ch.ROUGH):
            return all(
                image.is_finite()
                for ball in ch.tiles(radius, TILES, STEP)
                for images in self._images(ball, parts)
                for image in images
            )

    def _images(self, ball: Any, parts: int) -> Iterator[list[Any]]:
        for others in itertools.product(_intervals(parts), repeat=self.dim - 1):
            arguments = [flint.acb(part) for part in others]
            arguments.insert(self.axis, ball)
            yield self.program(*arguments)


@lru_cache(maxsize=8)
def _intervals(count: int) -> list[Any]:
    """Intervals that cover [-1, 1]."""
    with precision(ch.ROUGH):
        ends = [flint.arb(2 * k - count) / count for k in range(count + 1)]
        return [a.union(b) for a, b in pairwise(ends)]


def _extents(ball: Any) -> tuple[float, float, float, float]:
    """Middles and radii of a complex ball's parts."""
    x, y = ball.real, ball.imag
    return float(x.mid()), float(x.rad()), float(y.mid()), float(y.rad())


def _bernstein(balls: Array) -> Array:
    """Bernstein radii around [-1, 1] of balls given by ``_extents``: a + sqrt(a^2 - 1), 2 a = |z - 1| + |z + 1|."""
    x, x_radius, y, y_radius = np.moveaxis(balls, -1, 0)
    # Conversions to doubles may have cut digits off.
    x_radius, y_radius = (x_radius + 4.0 * UNIT * np.abs(x)) * SAFE, (np.abs(y) + y_radius) * SAFE
    distances = [np.hypot(np.abs(x - side) + x_radius, y_radius) * SAFE for side in (-1.0, 1.0)]
    a = np.maximum(0.5 * (distances[0] + distances[1]) * SAFE, 1.0)
    return np.asarray((a + np.sqrt(np.maximum(a * a - 1.0, 0.0) * SAFE)) * SAFE)
