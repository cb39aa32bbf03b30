"""The numbers behind a network's symbols: layer maps, noise scales and the observable as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core.arrays import Array
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network


def layer_map(net: Network, n: int) -> Callable[[Array], Array]:
    """F_n at points, shape (points, N_n) -> (points, N_{n+1})."""
    exprs, symbols = net.map_exprs(n), net.state(n)
    bindings = net.bindings(boxes=False)

    def run(X: Array) -> Array:
        return evaluate(exprs, bindings | {s: X[:, i] for i, s in enumerate(symbols)}, len(X))

    return run


def observable_map(net: Network) -> Callable[[Array], Array]:
    """u at points, shape (points, N_L) -> (points, number of observables)."""
    exprs, symbols = net.observable_exprs, net.state(net.depth)
    bindings = net.bindings(boxes=False)

    def run(X: Array) -> Array:
        return evaluate(exprs, bindings | {s: X[:, i] for i, s in enumerate(symbols)}, len(X))

    return run


def noise_scales(net: Network, n: int) -> tuple[float, ...]:
    """Scale of each noise component of layer n, 0 where there is no noise."""
    exprs = net.layers[n].scale_exprs(n)
    values = evaluate(exprs, net.bindings(boxes=False), 1)
    return tuple(float(value) for value in np.asarray(values)[0])
