"""Where the state of every layer is: the proved box, or the region outside of which nothing counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.noise_numbers import effective_ends, numeric_law
from mzsym.evaluate.panels.transition import Transition

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

Sides = tuple[tuple[float, float], ...]
"""(lo, hi) per coordinate."""

_NORMAL_REACH = {1: 12.0, 2: 9.5, 3: 8.5}
"""Standard deviations of a standard normal state beyond which it does not count, by dimension: what a grid affords."""

_SAMPLES = {1: 4097, 2: 129, 3: 33}
_MOST_WIDTH = 1e12


def effective_sides(
    net: Network, projection: AbstractProjection, transitions: Sequence[Transition]
) -> tuple[Sides, ...]:
    """Of X_0..X_L: proved boxes where there are any, else what follows from the first region by sampling the maps.

    Raises
    ------
    MzError
        Naming the layer whose state spreads too far for double precision.
    """
    if projection.boxed(net):
        return tuple(
            tuple((float(lo), float(hi)) for lo, hi in zip(box.lower, box.upper, strict=True)) for box in net.domains
        )
    regions = [_united(_first(net), _measured(projection, net.dims[0]))]
    for n, transition in enumerate(transitions):
        regions.append(_united(region_after(transition, regions[-1]), _measured(projection, net.dims[n + 1])))
        if not all(math.isfinite(hi - lo) and hi - lo < _MOST_WIDTH for lo, hi in regions[-1]):
            raise MzError(
                f"X_{n + 1} spreads over {max(hi - lo for lo, hi in regions[-1]):.3g}, too far for double precision",
                f"layer {n}",
                "Use a map that grows more slowly, noise with lighter tails, or a bounded activation",
            )
    return tuple(regions)


def _first(net: Network) -> Sides:
    if net.domain is not None:
        return tuple((float(lo), float(hi)) for lo, hi in zip(net.domain.lower, net.domain.upper, strict=True))
    law = net.input_law
    if law.kind == "independent":
        return tuple(
            numeric_law(one, {}, f"input law, component {i}").support for i, one in enumerate(law.symbolic_laws)
        )
    if law.samples is not None:
        return tuple((float(column.min()), float(column.max())) for column in law.samples.T)
    if law.kind == "density":
        rays = [_input_ray(net, i) for i in range(net.dims[0])]
        return tuple(effective_ends(ray, -math.inf, math.inf, "input law") for ray in rays)
    return _normal(net.dims[0])


def _input_ray(net: Network, i: int) -> Callable[[Array], Array]:
    def along(t: Array) -> Array:
        X = np.zeros((len(t), net.dims[0]))
        X[:, i] = t
        return net.input_law.density(X, None)

    return along


def _normal(dim: int) -> Sides:
    return ((-_NORMAL_REACH[dim], _NORMAL_REACH[dim]),) * dim


def _measured(projection: AbstractProjection, dim: int) -> Sides | None:
    """The region that the measure itself weighs, where it is no law."""
    if projection.measure == "gaussian":
        return _normal(dim)
    if isinstance(projection.measure, str):
        return None
    return tuple(effective_ends(_ray(projection, dim, i), -math.inf, math.inf, "measure") for i in range(dim))


def _ray(projection: AbstractProjection, dim: int, i: int) -> Callable[[Array], Array]:
    def along(t: Array) -> Array:
        X = np.zeros((len(t), dim))
        X[:, i] = t
        return np.asarray(projection.weight(X, None))

    return along


def _united(first: Sides | None, second: Sides | None) -> Sides:
    if first is None or second is None:
        return first or second or ()
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(first, second, strict=True))


def region_after(transition: Transition, sides: Sides) -> Sides:
    """Hull of the next state: F sampled on the region, with a margin of what it changes between samples."""
    count = _SAMPLES[len(sides)]
    axes = [np.linspace(lo, hi, count) for lo, hi in sides]
    X = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)
    spread = transition.spread(X)
    out = []
    for low, high in zip(*spread, strict=True):
        cubes = [values.reshape((count,) * len(sides)) for values in (low, high)]
        change = max(float(np.abs(np.diff(cube, axis=a)).max()) for cube in cubes for a in range(len(sides)))
        out.append((float(low.min()) - change, float(high.max()) + change))
    return tuple(out)
