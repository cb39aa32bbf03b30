"""How fast M forgets what is rough in the outputs of a layer, in two dimensions with uniform noise; MATH (24u)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.balls import lower, to_arb, upper
from mzsym.balls.programs import Program
from mzsym.certify.sharp.smoothed import antiderivatives
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


@dataclass(frozen=True, eq=False)
class Tail:
    """What degrees >= k of one output add to ||M (I - Pi)||^2, from the weighted density N of its value, MATH (24u).

    With t the place of y on the next box, N(y) is cut at L/(1 - t^2): below that Legendre's equation bounds the
    antiderivatives W of what is orthogonal to degrees < k, above W(y)^2 <= half g(t) |w|^2, g the distance of an
    indicator function to those degrees, so that a density that is high where little mass is costs little.

    Attributes
    ----------
    factor, half : float
    density, other : arrays of shape (pieces,)
        Upper bounds of both terms of N on the piece.
    length : array of shape (pieces,)
        Of the values.
    weight : array of shape (pieces,)
        Upper bound of 1 - t^2.
    place, spread : arrays of shape (pieces,)
        A place t, and how far others on the piece are from it.
    """

    factor: float
    half: float
    density: Array
    other: Array
    length: Array
    weight: Array
    place: Array
    spread: Array
    _known: dict[int, float] = field(default_factory=dict)

    @property
    def largest(self) -> float:
        """sup (1 - t^2) N."""
        return float(np.max(self.weight * (self.density + self.other))) * ROOM

    def at(self, k: int) -> float:
        """The bound for degrees >= k, the best over L."""
        if k not in self._known:
            reach = np.minimum(0.5, (np.sqrt(self._distance(k)) + np.sqrt(self.spread)) ** 2)
            weighted = self.length * reach * self.half
            found = math.inf
            for level in self.largest * 2.0 ** (-0.25 * np.arange(48)):
                with np.errstate(divide="ignore"):
                    cut = level / self.weight
                # (A + B - c)+ <= (A - (c - min(B, c/2)))+ + (B - (c - min(A, c/2)))+, and each is a piece of its own.
                share = np.where(self.weight > 0.0, cut - np.minimum(self.other, cut / 2.0), math.inf)
                excess = np.maximum(0.0, self.density - share)
                found = min(found, level * self.half**2 / (k * (k + 1.0)) + float(excess @ weighted))
            self._known[k] = float(self.factor * found * ROOM)
        return self._known[k]

    def _distance(self, k: int) -> Array:
        """Of the indicator function of [-1, place] to degrees < k, squared, in L^2(-1, 1): 1 is of degree 0."""
        phi, lost = antiderivatives(self.place, k)
        left = (1.0 - self.place**2) / 2.0 - np.sum(phi * phi, axis=0)
        return np.asarray(np.maximum(0.0, left) + 2.0 * lost + 1e-12)


@dataclass(frozen=True)
class Tails:
    """||M (I - Pi)||^2 in uniform measures, Pi on degrees < k_i of output i; no parts where it is not known."""

    parts: tuple[Tail, ...]
    outputs: int

    @property
    def known(self) -> bool:
        return bool(self.parts)

    def beyond(self, sizes: Sequence[int]) -> float:
        """The bound for these k_i."""
        if not self.parts:
            return math.inf
        return float(sum(part.at(k) for part, k in zip(self.parts, sizes, strict=True)) * ROOM)

    def shaped(self, size: int, least: int, stretch: float = 4.0) -> tuple[int, ...]:
        """Numbers k_i, about size**outputs together and at least ``least`` each, that make the tail about smallest.

        The terms, which fall like c_i/k_i^2, are then equal, up to what ``stretch`` allows.
        """
        if len(self.parts) < 2:
            return (max(size, least),) * self.outputs
        ratio = min(stretch, max(1.0 / stretch, math.sqrt(self.parts[0].at(size) / self.parts[1].at(size))))
        first = max(least, round(size * math.sqrt(ratio)))
        return first, max(least, round(size * size / first))


def smooth_tails(net: Network, n: int) -> Tails:
    """The tails of a layer of at most two inputs and outputs."""
    layer, here, following = net.layers[n], net.domains[n], net.domains[n + 1]
    unknown = Tails((), layer.dim_out)
    if not isinstance(layer, DenseLayer) or layer.step is not None or layer.weight_noise is not None:
        return unknown
    if any(noise.name != "uniform" for noise in layer.noise):
        return unknown
    halves = (here.upper - here.lower) / 2.0
    rows = [_Row.of(layer, net, n, i, halves, (here.upper + here.lower) / 2.0) for i in range(layer.dim_out)]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        return unknown
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
        factor = float(np.prod(a)) / (s[i] ** 2 * (s[other] if len(known) == 2 else 1.0)) * ROOM
        found.append(row.tail(density / row.least, s[i], float(middle[i]), float(a[i]), factor))
    return Tails(tuple(found), layer.dim_out)


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

    def tail(self, density: Array, s: float, middle: float, half: float, factor: float) -> Tail:
        """Of density at y - s + density at y + s, in pieces for both."""
        room = 1e-12 * (1.0 + abs(middle) + half + s)
        columns = []
        for sign in (1.0, -1.0):
            low, high = self.low + sign * s - room, self.high + sign * s + room
            nearest = np.maximum(0.0, np.maximum(low - middle, middle - high)) / half
            weight = np.clip(1.0 - nearest**2 * (1.0 - 1e-9), 0.0, 1.0)
            meets = (self.high[None, :] - sign * s >= low[:, None]) & (self.low[None, :] - sign * s <= high[:, None])
            other = np.max(np.where(meets, density[None, :], 0.0), axis=1)
            place = np.clip((0.5 * (low + high) - middle) / half, -1.0, 1.0)
            spread = 0.5 * (high - low) / half * ROOM + 1e-12
            columns.append((density, other, high - low, weight, place, spread))
        density, other, length, weight, place, spread = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        return Tail(factor, half, density, other, length, weight, place, spread)
