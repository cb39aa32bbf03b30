"""How fast M forgets what is rough in the outputs of a layer, in two dimensions with uniform noise; MATH (24u)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.balls import lower, to_arb, upper
from mzsym.balls.programs import Program
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.dense import DenseLayer
from mzsym.model.values import exact_values

if TYPE_CHECKING:
    from mzsym.model import Network

PARTS = 256
"""Intervals of an argument of the activation."""

ROOM = 1.0 + 1e-9

_U = sp.Symbol("u", real=True)


def smooth_tails(net: Network, n: int) -> tuple[float, ...]:
    """c_i of every output, inf where unknown: in uniform measures ||M (I - Pi)||^2 <= sum c_i/(k_i(k_i+1)).

    Pi projects on degrees < k_i of output i.

    Parameters
    ----------
    net : Network
    n : int
        A layer of at most two inputs and outputs.
    """
    layer, here, following = net.layers[n], net.domains[n], net.domains[n + 1]
    if not isinstance(layer, DenseLayer) or layer.step is not None or layer.weight_noise is not None:
        return (math.inf,) * layer.dim_out
    if any(noise.name != "uniform" for noise in layer.noise):
        return (math.inf,) * layer.dim_out
    halves = (here.upper - here.lower) / 2.0
    rows = [_Row.of(layer, net, n, i, halves, (here.upper + here.lower) / 2.0) for i in range(layer.dim_out)]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        return (math.inf,) * layer.dim_out
    s = [float(scale) for scale in layer.scale_values(net.shared)]
    a = (following.upper - following.lower) / 2.0
    middle = (following.upper + following.lower) / 2.0
    found = []
    for i, row in enumerate(known):
        density = row.density
        other = 1 - i
        if len(known) == 2 and len(halves) == 2:
            # The arguments have a joint density; the other output is caught in a window of its noise.
            joint = 4.0 * float(np.prod(halves)) * abs(float(np.linalg.det(layer.W))) * (1.0 - 1e-9)
            if joint > 1e-9:
                density = np.minimum(density, known[other].window(2.0 * s[other]) / joint)
        largest = row.largest(density / row.least, s[i], float(middle[i]), float(a[i]))
        if len(known) == 2:
            found.append(float(np.prod(a)) * a[i] ** 2 / (s[i] ** 2 * s[other]) * largest * ROOM)
        else:
            found.append(a[i] ** 3 / s[i] ** 2 * largest * ROOM)
    return tuple(map(float, found))


def tail_beyond(tails: Sequence[float], sizes: Sequence[int]) -> float:
    """The bound of ||M (I - Pi)||^2 for these numbers of degrees."""
    return sum(c / (k * (k + 1.0)) for c, k in zip(tails, sizes, strict=True)) * ROOM


def shaped(tails: Sequence[float], size: int, least: int, stretch: float = 4.0) -> tuple[int, ...]:
    """Numbers of degrees, about size**outputs together and at least ``least`` each, that make the tail about smallest.

    The terms c_i/k_i^2 are then equal, up to what ``stretch`` allows.
    """
    if len(tails) == 1 or not all(0.0 < c < math.inf for c in tails):
        return (max(size, least),) * len(tails)
    ratio = min(stretch, max(1.0 / stretch, math.sqrt(tails[0] / tails[1])))
    first = max(least, round(size * math.sqrt(ratio)))
    return first, max(least, round(size * size / first))


@dataclass(frozen=True, eq=False)
class _Row:
    """One output act(w x + b) on intervals of its argument, from its smallest value to its largest.

    Attributes
    ----------
    edges : array of shape (parts, 2)
        Intervals of w x, from the middle of its range.
    low, high : array of shape (parts,)
        Bounds of the values.
    least : array of shape (parts,)
        Lower bounds of |act'|.
    density : array of shape (parts,)
        Upper bounds of the density of w x, x uniform.
    """

    edges: Array
    low: Array
    high: Array
    least: Array
    density: Array

    @classmethod
    def of(cls, layer: DenseLayer, net: Network, n: int, i: int, halves: Array, middle: Array) -> _Row | None:
        """None where the activation is not proved to be smooth and strictly monotone."""
        sides = np.sort(np.abs(layer.W[i]) * halves)[::-1]
        reach = float(np.sum(sides)) * (1.0 + 1e-12)
        if not sides[0] > 0.0:
            return None
        values = exact_values({**net.shared, **layer.map_bindings(n)})
        act = layer.activation_expr(n, _U).xreplace(values)
        try:
            program = Program((act, sp.diff(act, _U)), _U)
        except MzError:
            return None
        ends = np.linspace(-reach, reach, PARTS + 1)
        start = float(layer.W[i] @ middle + layer.b[i])
        widened = 2.0**-40 * (1.0 + abs(start) + reach)
        low, high, least, signs = [], [], [], set()
        for a, b in pairwise(ends.tolist()):
            value, slope = program(to_arb((start + a - widened, start + b + widened)))
            signs.add(1 if slope > 0 else -1 if slope < 0 else 0)
            low.append(lower(value))
            high.append(upper(value))
            least.append(max(0.0, lower(slope.abs_lower())))
        if signs not in ({1}, {-1}) or not np.all(np.isfinite(low)) or not np.all(np.isfinite(high)):
            return None
        near = np.maximum(0.0, np.maximum(ends[:-1], -ends[1:]))
        density = np.full(PARTS, 1.0 / (2.0 * sides[0]))
        if len(sides) == 2 and sides[1] > 0.0:
            density = density * np.clip((float(np.sum(sides)) - near + widened) / (2.0 * sides[1]), 0.0, 1.0)
        order = np.arange(PARTS) if signs == {1} else np.arange(PARTS)[::-1]
        table = (
            np.stack([ends[:-1], ends[1:]], axis=1),
            np.array(low),
            np.array(high),
            np.array(least),
            density * ROOM,
        )
        return cls(*(column[order] for column in table))

    def window(self, width: float) -> float:
        """The largest length of arguments whose values lie in an interval of this width."""
        last = np.searchsorted(self.low, self.high + width * ROOM, side="right") - 1
        ends = np.stack([self.edges, self.edges[last]])
        return float(np.max(ends.max(axis=(0, 2)) - ends.min(axis=(0, 2)))) * ROOM

    def largest(self, density: Array, s: float, middle: float, half: float) -> float:
        """sup (1 - t^2)(density at y - s + density at y + s), t the place of y on the next box."""
        best, room = 0.0, 1e-12 * (1.0 + abs(middle) + half + s)
        for sign in (1.0, -1.0):
            low, high = self.low + sign * s - room, self.high + sign * s + room
            nearest = np.maximum(0.0, np.maximum(low - middle, middle - high)) / half
            weight = np.clip(1.0 - nearest**2 * (1.0 - 1e-9), 0.0, 1.0)
            meets = (self.high[None, :] - sign * s >= low[:, None]) & (self.low[None, :] - sign * s <= high[:, None])
            other = np.max(np.where(meets, density[None, :], 0.0), axis=1)
            best = max(best, float(np.max(weight * (density + other))))
        return best * ROOM
