"""The numbers behind a network's symbols: layer maps, noise scales and the observable as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network


def layer_map(net: Network, n: int) -> Callable[[Array], Array]:
    """F_n at points, shape (points, N_n) -> (points, N_{n+1})."""
    return _function(net, net.map_exprs(n), net.state(n))


def observable_map(net: Network) -> Callable[[Array], Array]:
    """u at points, shape (points, N_L) -> (points, number of observables)."""
    return _function(net, net.observable_exprs, net.state(net.depth))


def _function(net: Network, exprs: Sequence[sp.Expr], state: Sequence[sp.Symbol]) -> Callable[[Array], Array]:
    used = set().union(*(expr.free_symbols for expr in exprs))
    bindings = {symbol: float(value) for symbol, value in net.bindings(boxes=False).items() if symbol in used}

    def run(X: Array) -> Array:
        return evaluate(exprs, bindings | {symbol: X[:, i] for i, symbol in enumerate(state)}, len(X))

    return run


def noise_scales(net: Network, n: int) -> tuple[float, ...]:
    """Scale of each noise component of layer n, 0 where there is no noise."""
    values = evaluate(net.layers[n].scale_exprs(n), net.bindings(boxes=False), 1)
    return tuple(float(value) for value in np.asarray(values)[0])
