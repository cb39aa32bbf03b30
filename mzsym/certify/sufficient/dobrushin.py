"""Dobrushin's coefficient of layers of any width, and of several steps at once by a coupling, MATH (25).

alpha_n = sup over x, x' of the distance in total variation between the laws of F_n(x) + xi and F_n(x') + xi. It depends
on the distance of the two centres alone, component by component, and grows with it. Over several steps the same noise
is added on both sides of all steps but the last (a coupling), so that the centres of the last are as far apart as the
maps of the steps before it leave them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.balls import (
    WHOLE,
    Arb,
    Interval,
    density_overlap,
    enclose,
    interval,
    joint_normal_variation,
    lower,
    precision,
    shift_variation,
    to_arb,
    upper,
)
from mzsym.certify.sufficient.lipschitz import Slopes, lipschitz, moved
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.domains import image_sides, state_sides
from mzsym.model.values import exact_expr

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.abstract_layer import AbstractLayer

CLOSED = ("uniform", "truncated_gaussian", "laplace")
"""Laws whose components are taken one by one; Gaussian ones are taken together."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What the contraction bounds rest on: where states and images are, and how the maps move them.

    Attributes
    ----------
    states : tuple of tuple of Interval
        Proved hulls Omega_0..Omega_L; sides may be unbounded.
    images : tuple of tuple of Interval
        Proved hulls of F_n(Omega_n), n = 0..L-1.
    slopes : tuple of Slopes
        Difference quotients of F_n on Omega_n.
    """

    states: tuple[tuple[Interval, ...], ...]
    images: tuple[tuple[Interval, ...], ...]
    slopes: tuple[Slopes, ...]

    @cached_property
    def extents(self) -> tuple[Array, ...]:
        """Proved upper bounds of the widths of the images."""
        with precision():
            return tuple(np.array([upper(side.width) for side in sides]) for sides in self.images)


def shape_of(net: Network) -> Shape:
    """Enclose states, images and slopes of every layer; equal layers on equal sides once."""
    with precision():
        if net.has_domains:
            states = [[interval(side) for side in box.intervals] for box in net.domains]
        else:
            first = [WHOLE] * net.dims[0] if net.domain is None else [interval(side) for side in net.domain.intervals]
            states = state_sides(net.layers, first, net.shared)
        seen: dict[Any, tuple[tuple[Interval, ...], Slopes]] = {}
        found = []
        for n, layer in enumerate(net.layers):
            key = (layer.key(), tuple(side.floats for side in states[n]))
            if key not in seen:
                images = tuple(image_sides(n, layer, states[n], net.shared))
                slopes = lipschitz(net, n, states[n])
                seen[key] = images, slopes
            found.append(seen[key])
    return Shape(
        tuple(tuple(sides) for sides in states), tuple(images for images, _ in found), tuple(s for _, s in found)
    )


@dataclass(frozen=True, eq=False)
class Distance:
    """Bounds of |x_i - x'_i| for every component, and of the Euclidean |x - x'|."""

    parts: Array
    length: float


def _length(parts: Array) -> float:
    if not np.all(np.isfinite(parts)):
        return math.inf
    return float(np.linalg.norm(parts)) * (1.0 + 2.0**-50 * (len(parts) + 8))


def apart(shape: Shape, n: int) -> Distance:
    """Any two points of Omega_n."""
    parts = np.array([upper(side.width) for side in shape.states[n]])
    return Distance(parts, _length(parts))


def advanced(shape: Shape, n: int, distance: Distance) -> Distance:
    """The images under F_n of two points of Omega_n that are at most so far apart."""
    slopes = shape.slopes[n]
    parts = np.minimum(moved(slopes.ball, distance.parts, distance.length), shape.extents[n])
    length = math.inf
    if math.isfinite(slopes.bound) and math.isfinite(distance.length):
        length = slopes.bound * distance.length * (1.0 + 2.0**-50)
    return Distance(parts, min(length, _length(parts)))


def variation(net: Network, n: int, distance: Distance) -> tuple[float, str]:
    """Proved upper bound of the distance between the laws of two noisy centres, and why it is 1 where it is.

    Independent components: 1 - TV(p, q) is the integral of min(p, q), and min of products >= product of minima, so that
    TV <= 1 - prod (1 - TV_i). Gaussian components are one component: their joint distance is closed.
    """
    layer = net.layers[n]
    laws = layer.laws(n)
    with precision():
        together, blocked = to_arb(1), ""
        normal = [i for i, noise in enumerate(layer.noise) if noise.name == "gaussian"]
        if normal:
            together = together * (1 - _normal(layer, net, normal, distance))
        for i, noise in enumerate(layer.noise):
            if noise.name == "gaussian" or distance.parts[i] == 0.0:
                continue
            if laws[i].deterministic:
                return 1.0, f"component {i} has no noise and is not constant"
            share, why = _scalar(net, n, i, float(distance.parts[i]))
            blocked = blocked or why
            together = together * share
        alpha = min(1.0, upper(1 - together))
    return max(alpha, 0.0), "" if alpha < 1.0 else blocked or "the laws from two states may not overlap"


def _normal(layer: AbstractLayer, net: Network, components: list[int], distance: Distance) -> Arb:
    scales = [scale_ball(layer, i, net) for i in components]
    joint = joint_normal_variation([float(distance.parts[i]) for i in components], scales)
    smallest = min(lower(scale) for scale in scales)
    # The parts of this kind are no longer than the whole.
    whole = joint_normal_variation([distance.length], [smallest]) if smallest > 0.0 else to_arb(1)
    return whole if upper(whole) < upper(joint) else joint


def _scalar(net: Network, n: int, i: int, extent: float) -> tuple[Arb, str]:
    """Lower bound of the overlap of one component's law with its shifts by up to ``extent``, and what hindered it."""
    layer = net.layers[n]
    noise = layer.noise[i]
    if noise.name in CLOSED:
        share = 1 - shift_variation(noise.name, extent, scale_ball(layer, i, net), getattr(noise, "cutoff", None))
        share = share.max(to_arb(0))
        return share, f"the image of component {i} is wider than its noise" if not share > 0 else ""
    law, xi = layer.laws(n)[i], sp.Dummy("xi", real=True)
    values = {symbol: exact_expr(value) for symbol, value in {**net.shared, **layer.bindings(n)}.items()}
    density = sp.sympify(law.density(xi)).xreplace(values)
    try:
        ends = [_end(sp.sympify(end).xreplace(values)) for end in law.support]
        overlap = density_overlap(density, xi, (ends[0], ends[1]), extent)
    except MzError as error:
        return to_arb(0), f"the noise of component {i} has no bound: {error.what}"
    why = f"the noise of component {i} is not proved to overlap with its shifts by {extent:.3g}"
    return to_arb(overlap), "" if overlap > 0.0 else why


def _end(expr: sp.Expr) -> Any:
    if expr in (sp.oo, -sp.oo):
        return math.inf if expr is sp.oo else -math.inf
    return enclose(expr, {})


def scale_ball(layer: AbstractLayer, i: int, net: Network) -> Arb:
    """A ball around the noise scale of component i, exact expressions enclosed; 0 without noise."""
    scale = layer.noise[i].scale
    if scale is None:
        return to_arb(0)
    if isinstance(scale, sp.Expr):
        known = {**net.shared, **{s: value for s, value in layer.local_values().items() if value is not None}}
        return enclose(scale, known)
    return to_arb(scale)


def one_step(net: Network, shape: Shape, n: int) -> tuple[float, str]:
    """Proved upper bound of alpha_n, and why it is 1 where it is.

    Random weights are shared by both states: the distance is at most the largest for any value of the weights, and
    the image holds the images for all of them.
    """
    if net.layers[n].gain_exprs(n) is not None:
        return 1.0, "the noise has a gain, and the bound is for noise that is added"
    return variation(net, n, advanced(shape, n, apart(shape, n)))


def coupled(net: Network, shape: Shape, n: int, last: int) -> list[tuple[int, float]]:
    """(m, proved upper bound of the coefficient of M_n ... M_{m-1}), m = n+2..last, all noise but the last coupled."""
    out = []
    distance = advanced(shape, n, apart(shape, n))
    for m in range(n + 2, last + 1):
        distance = advanced(shape, m - 1, distance)
        out.append((m, variation(net, m - 1, distance)[0]))
    return out


__all__: Sequence[str] = ["Distance", "Shape", "advanced", "apart", "coupled", "one_step", "shape_of", "variation"]
