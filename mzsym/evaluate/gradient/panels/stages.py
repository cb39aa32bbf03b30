"""From derivatives by maps, gains and scales of a transition to the parameters of its layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.panels.transition import Pulled
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.maps import place_of
from mzsym.evaluate.panels.split import split_of
from mzsym.model.gains import gain_entries


@dataclass(frozen=True)
class Stage:
    """One of the transitions that a layer is, in its symbols at ``place_of`` it.

    Attributes
    ----------
    map : tuple of sympy.Expr, or None
        None for the map of the whole layer.
    gain : tuple of sympy.Expr
        Row by row; empty where noise is simply added.
    scales : tuple of sympy.Expr
        Of its noise.
    weights : tuple of sympy.Expr
        Scales of the random weights that enter the map.
    """

    map: tuple[sp.Expr, ...] | None
    gain: tuple[sp.Expr, ...]
    scales: tuple[sp.Expr, ...]
    weights: tuple[sp.Expr, ...]


def stages_of(parameters: ParameterGradient, n: int) -> tuple[Stage, ...]:
    """Layer n as the transitions that the panel scheme makes of it, one or two."""
    layer, at = parameters.net.layers[n], place_of(parameters.net, n)
    noise, weights = layer.scale_exprs(at), tuple(weight.scale for weight in layer.random(at))
    split = split_of(layer, at)
    if split is None:
        return (Stage(None, gain_entries(layer.gain_exprs(at)), noise, weights),)
    return Stage((split.middle,), (split.gain,), weights, ()), Stage((split.after,), (), noise, ())


def add_map(parameters: ParameterGradient, n: int, stage: Stage, points: Array, bar: Array) -> Array:
    """From derivatives by the map at points, with values of random weights beside them, to those by the points."""
    if stage.map is None:
        return parameters.add_states(n, points, bar)
    return parameters.add_exprs(n, stage.map, parameters.state(n), points, bar)


def add_pulled(parameters: ParameterGradient, n: int, stage: Stage, pulled: Pulled) -> None:
    """Add what one transition of layer n contributes."""
    weights = np.zeros(len(stage.weights))
    for points, bar in _merged(pulled.states):
        found = add_map(parameters, n, stage, points, bar)
        if stage.weights:
            # omega = scale * zeta with a zeta that does not move.
            own = slice(-len(stage.weights), None)
            weights += (found[:, own] * points[:, own]).sum(axis=0)
    for points, bar in _merged(pulled.gains):
        parameters.add_exprs(n, stage.gain, parameters.state(n), points, bar.reshape(len(bar), -1))
    parameters.add_relative_scales(n, weights, stage.weights)
    parameters.add_relative_scales(n, pulled.scales, stage.scales)


def _merged(parts: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """All points in one block: expressions are evaluated once."""
    if len(parts) < 2:
        return parts
    return [(np.vstack([points for points, _ in parts]), np.concatenate([bar for _, bar in parts]))]
