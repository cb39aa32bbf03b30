"""Domains of the states by rigorous enclosure: Omega_{n+1} contains F_n(Omega_n) + supp rho_n, MATH (2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import sympy as sp

from mzsym.balls import HULLS, WHOLE, Interval, affine_hull, interval, intervals_of, precision
from mzsym.core import MzError
from mzsym.core.names import state_symbol, step_symbol
from mzsym.model.box import Box
from mzsym.model.dense import DenseLayer
from mzsym.model.layers import AbstractLayer
from mzsym.model.noise import TruncatedGaussian
from mzsym.model.values import Number

ExactEntries: TypeAlias = Mapping[tuple[int, ...], Fraction]

ROUNDING = Fraction(1, 10**12)
"""Relative excess of the proved box over a given one that counts as rounding and is widened."""


def propagated_domains(
    layers: Sequence[AbstractLayer], first: Box, shared: Mapping[sp.Symbol, Number]
) -> tuple[Box, ...]:
    """Omega_0 and the tightest boxes of doubles that are proved to follow from it, MATH (2).

    Raises
    ------
    MzError
        Naming layer and component: a symbol has no value, the map is not finite, the next state is a single point.
    """
    boxes = [first]
    for n, layer in enumerate(layers):
        sides = next_sides(n, layer, boxes[-1], shared)
        boxes.append(Box([_side(side, n, i) for i, side in enumerate(sides)]))
    return tuple(boxes)


def checked_domains(
    layers: Sequence[AbstractLayer], given: Sequence[Box], shared: Mapping[sp.Symbol, Number]
) -> tuple[Box, ...]:
    """The given boxes, each widened where the proved one exceeds it by rounding.

    Raises
    ------
    MzError
        Naming layer and component, with the excess, where a box does not contain the next state.
    """
    boxes = [given[0]]
    for n, (layer, box) in enumerate(zip(layers, given[1:], strict=True)):
        sides = next_sides(n, layer, boxes[-1], shared)
        pairs = zip(sides, box.intervals, strict=True)
        boxes.append(Box([_widened(side, stated, n, i) for i, (side, stated) in enumerate(pairs)]))
    return tuple(boxes)


def next_sides(n: int, layer: AbstractLayer, box: Box, shared: Mapping[sp.Symbol, Number]) -> list[Interval]:
    """Proved hull of F_n(box) + supp rho_n, one interval per component."""
    with precision():
        images = image_sides(n, layer, [interval(side) for side in box.intervals], shared)
        scales = layer.scale_values(shared)
        return [image + _support(noise, scale) for image, noise, scale in zip(images, layer.noise, scales, strict=True)]


def state_sides(
    layers: Sequence[AbstractLayer], first: Sequence[Interval], shared: Mapping[sp.Symbol, Number]
) -> list[list[Interval]]:
    """Proved hulls of X_0..X_L, unbounded where the noise or the first one is."""
    sides = [list(first)]
    for n, layer in enumerate(layers):
        images, scales = image_sides(n, layer, sides[-1], shared), layer.scale_values(shared)
        supports = [
            _support(noise, scale) if noise.bounded else WHOLE for noise, scale in zip(layer.noise, scales, strict=True)
        ]
        sides.append([image + support for image, support in zip(images, supports, strict=True)])
    return sides


def _support(noise: object, scale: Number) -> Interval:
    reach = Fraction(scale) * (Fraction(noise.cutoff) if isinstance(noise, TruncatedGaussian) else 1)
    return interval((-reach, reach))


def image_sides(
    n: int, layer: AbstractLayer, box: list[Interval], shared: Mapping[sp.Symbol, Number]
) -> list[Interval]:
    """Proved hull of F_n(box) at the current precision; the sides of the box may be unbounded."""
    missing = (layer.used_symbols - set(layer.local_values()) - set(shared)) | layer.unbound_symbols(n)
    if missing:
        names = ", ".join(sorted(symbol.name for symbol in missing))
        raise MzError(
            f"The domain of X_{n + 1} needs a value for {names}", f"layer {n}", "Bind it in params or by with_params"
        )
    if isinstance(layer, DenseLayer):
        return _dense_image(layer, box)
    symbols = [state_symbol(n, i) for i in range(layer.dim_in)]
    return intervals_of(layer.map_exprs(n), box, symbols, {**shared, **layer.map_bindings(n)})


def _dense_image(layer: DenseLayer, box: list[Interval]) -> list[Interval]:
    exact = {**layer.weights.exact, **layer.biases.exact}
    if layer.step is not None:
        return [_residual_image(layer, i, box, exact) for i in range(layer.dim_out)]
    return [_activated(layer, z) for z in affine_hull(layer.W, layer.b, exact, box)]


def _activated(layer: DenseLayer, z: Interval) -> Interval:
    if isinstance(layer.activation, str):
        return HULLS[layer.activation](z, *([] if layer.slope is None else [interval(layer.slope)]))
    (symbol,) = layer.activation.free_symbols
    return intervals_of([layer.activation], [z], [symbol])[0]


_X, _REST, _WEIGHT = sp.symbols("x rest weight", real=True)


def _residual_image(layer: DenseLayer, i: int, box: list[Interval], exact: ExactEntries) -> Interval:
    """Range of x_i + h act(W_ii x_i + rest), where the rest of row i varies independently of x_i: two variables."""
    row = layer.W[i : i + 1].copy()
    row[0, i] = 0.0
    own = {(0, *index[1:]): value for index, value in exact.items() if index[0] == i and index != (i, i)}
    rest = affine_hull(row, layer.b[i : i + 1], own, box)[0]
    expr = _X + step_symbol(0) * layer.activation_expr(0, _WEIGHT * _X + _REST)
    values = {_WEIGHT: layer.weights.entry((i, i)), **layer.scalars(0)}
    return intervals_of([expr], [box[i], rest], [_X, _REST], values)[0]


def _side(side: Interval, n: int, i: int) -> tuple[float, float]:
    lo, hi = side.floats
    if not side.finite or lo in (float("-inf"), float("inf")) or hi in (float("-inf"), float("inf")):
        raise MzError(
            f"The map is not finite on the domain of X_{n}",
            f"layer {n}, component {i}",
            "Choose a smaller domain, or a map that exists and is bounded on it",
        )
    if not lo < hi:
        raise MzError(
            f"X_{n + 1} is the single point {lo!r} in this component",
            f"layer {n}, component {i}",
            "Give the layer noise, or a map that is not constant",
        )
    return lo, hi


def _widened(side: Interval, stated: tuple[Number, Number], n: int, i: int) -> tuple[Number, Number]:
    lo, hi = _side(side, n, i)
    ends: list[Number] = list(stated)
    magnitude = max(abs(Fraction(lo)), abs(Fraction(hi)))
    for which, (proved, outward) in enumerate(((lo, -1), (hi, 1))):
        # The proved interval, not its rounding to doubles, decides: a stated end may be exact.
        if side.lo >= interval(ends[0]).hi if which == 0 else side.hi <= interval(ends[1]).lo:
            continue
        excess = outward * (Fraction(proved) - Fraction(ends[which]))
        if excess > ROUNDING * magnitude:
            raise MzError(
                f"X_{n + 1} leaves the given domain [{float(stated[0])!r}, {float(stated[1])!r}]: "
                f"it reaches {proved!r}, an excess of {float(excess):.3g}",
                f"layer {n}, component {i}, {'lower' if which == 0 else 'upper'} end",
                f"Give domains[{n + 1}] at least [{lo!r}, {hi!r}] there, or only domain= and let the rest follow",
            )
        ends[which] = proved if excess > 0 else ends[which]
    return ends[0], ends[1]
