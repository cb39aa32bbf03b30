"""Domains of the states by rigorous enclosure: Omega_{n+1} contains F_n(Omega_n) + supp rho_n, MATH (2).

A gain multiplies the support; random weights range over theirs, the whole line where they are unbounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import sympy as sp

from mzsym.balls import HULLS, WHOLE, Interval, affine_hull, interval, intervals_of, precision
from mzsym.core import MzError
from mzsym.core.names import noise_symbol, state_symbol, step_symbol
from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.box import Box
from mzsym.model.dense import DenseLayer
from mzsym.model.gains import noise_row
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
        return _advanced(n, layer, [interval(side) for side in box.intervals], shared)


def _advanced(n: int, layer: AbstractLayer, box: list[Interval], shared: Mapping[sp.Symbol, Number]) -> list[Interval]:
    """Proved hull of the next state."""
    scales = layer.scale_values(shared)
    _check_values(n, layer, shared)
    supports = [noise.exact_support(scale) for noise, scale in zip(layer.noise, scales, strict=True)]
    if layer.gain_exprs(n) is not None and not isinstance(layer, DenseLayer):
        return _stated_image(n, layer, box, supports, shared)
    images = image_sides(n, layer, box, shared)
    return [image + support for image, support in zip(images, supports, strict=True)]


def _check_values(n: int, layer: AbstractLayer, shared: Mapping[sp.Symbol, Number]) -> None:
    missing = (layer.used_symbols - set(layer.local_values()) - set(shared)) | layer.unbound_symbols(n)
    if missing:
        names = ", ".join(sorted(symbol.name for symbol in missing))
        raise MzError(
            f"The domain of X_{n + 1} needs a value for {names}", f"layer {n}", "Bind it in params or by with_params"
        )


def state_sides(
    layers: Sequence[AbstractLayer], first: Sequence[Interval], shared: Mapping[sp.Symbol, Number]
) -> list[list[Interval]]:
    """Proved hulls of X_0..X_L, unbounded where the noise or the first one is."""
    sides = [list(first)]
    for n, layer in enumerate(layers):
        sides.append(_advanced(n, layer, sides[-1], shared))
    return sides


def _weight_supports(layer: AbstractLayer, shared: Mapping[sp.Symbol, Number]) -> list[Interval]:
    """Support of every random weight of ``layer.random``."""
    pairs = zip(layer.random(0), layer.weight_scale_values(shared), strict=True)
    return [weight.noise.exact_support(scale) for weight, scale in pairs]


def image_sides(
    n: int, layer: AbstractLayer, box: list[Interval], shared: Mapping[sp.Symbol, Number]
) -> list[Interval]:
    """Proved hull of F_n(box), random weights included, at the current precision; the box may be unbounded."""
    _check_values(n, layer, shared)
    if isinstance(layer, DenseLayer):
        return _dense_image(layer, box, shared)
    return _stated_image(n, layer, box, None, shared)


def _stated_image(
    n: int,
    layer: AbstractLayer,
    box: list[Interval],
    supports: list[Interval] | None,
    shared: Mapping[sp.Symbol, Number],
) -> list[Interval]:
    """Range of F, or with supports of F + G xi: state, random weights and noise as variables of one expression."""
    variables = dict(zip((state_symbol(n, i) for i in range(layer.dim_in)), box, strict=True))
    fixed: dict[sp.Symbol, object] = {**shared, **layer.map_bindings(n)}
    for weight, support in zip(layer.random(n), _weight_supports(layer, shared), strict=True):
        # What ranges over the line cannot be halved: it stays an interval in every box of the search.
        (variables if support.finite else fixed)[weight.symbol] = support
    exprs = layer.map_exprs(n)
    if supports is not None:
        gain = layer.gain_exprs(n)
        xi = [noise_symbol(n, j) for j in range(len(supports))]
        exprs = tuple(expr + noise_row(gain, i, xi) for i, expr in enumerate(exprs))
        variables |= {symbol: support for symbol, support in zip(xi, supports, strict=True) if support.finite}
        fixed |= {symbol: support for symbol, support in zip(xi, supports, strict=True) if not support.finite}
    return intervals_of(exprs, list(variables.values()), list(variables), fixed)


def _dense_image(layer: DenseLayer, box: list[Interval], shared: Mapping[sp.Symbol, Number]) -> list[Interval]:
    exact = {**layer.weights.exact, **layer.biases.exact}
    reach = _entry_support(layer, shared)
    if layer.step is not None:
        return [_residual_image(layer, i, box, exact, reach) for i in range(layer.dim_out)]
    inner = affine_hull(layer.W, layer.b, exact, box) if reach is None else _random_hull(layer, box, reach)
    return [_activated(layer, z) for z in inner]


def _entry_support(layer: DenseLayer, shared: Mapping[sp.Symbol, Number]) -> Interval | None:
    """Support of the noise on an entry of W; None without weight noise."""
    noise = layer.weight_noise
    if noise is None:
        return None
    return noise.exact_support(layer.entry_scale(shared))


def _random_hull(layer: DenseLayer, box: list[Interval], reach: Interval) -> list[Interval]:
    """Hull of (W + omega) x + b, every entry of omega in ``reach``: entries are independent, so it is the sum."""
    out = []
    for i in range(layer.dim_out):
        total = interval(layer.biases.entry((i,)))
        for j, side in enumerate(box):
            total = total + (interval(layer.weights.entry((i, j))) + reach) * side
        out.append(total)
    return out


def _activated(layer: DenseLayer, z: Interval) -> Interval:
    if isinstance(layer.activation, str):
        return HULLS[layer.activation](z, *([] if layer.slope is None else [interval(layer.slope)]))
    (symbol,) = layer.activation.free_symbols
    return intervals_of([layer.activation], [z], [symbol])[0]


_X, _REST, _WEIGHT = sp.symbols("x rest weight", real=True)


def _residual_image(
    layer: DenseLayer, i: int, box: list[Interval], exact: ExactEntries, reach: Interval | None
) -> Interval:
    """Range of x_i + h act(W_ii x_i + rest), where the rest of row i varies independently of x_i: two variables.

    With weight noise W_ii is a third one.
    """
    row = layer.W[i : i + 1].copy()
    row[0, i] = 0.0
    own = {(0, *index[1:]): value for index, value in exact.items() if index[0] == i and index != (i, i)}
    rest = affine_hull(row, layer.b[i : i + 1], own, box)[0]
    expr = _X + step_symbol(0) * layer.activation_expr(0, _WEIGHT * _X + _REST)
    values = {_WEIGHT: layer.weights.entry((i, i)), **layer.scalars(0)}
    variables = {_X: box[i], _REST: rest}
    if reach is not None:
        others = sum((reach * side for j, side in enumerate(box) if j != i), interval(0))
        weight = interval(layer.weights.entry((i, i))) + reach
        if not (others.finite and weight.finite):
            whole = _X + step_symbol(0) * layer.activation_expr(0, _REST)
            return intervals_of([whole], [box[i]], [_X], {**values, _REST: WHOLE})[0]
        variables = {_X: box[i], _REST: rest + others, _WEIGHT: weight}
        del values[_WEIGHT]
    return intervals_of([expr], list(variables.values()), list(variables), values)[0]


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
