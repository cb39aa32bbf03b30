"""The numbers behind a network's symbols: layer maps, noise scales and the observable as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network


class NetworkNumbers:
    """Functions of arrays for one network; its bindings are looked up once."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._values: Mapping[sp.Symbol, float] = {s: float(v) for s, v in net.bindings(boxes=False).items()}

    def layer(self, n: int) -> Callable[[Array], Array]:
        """F_n at points, shape (points, N_n) -> (points, N_{n+1})."""
        return self._function(self._net.map_exprs(n), self._net.state(n))

    def observable(self) -> Callable[[Array], Array]:
        """u at points, shape (points, N_L) -> (points, number of observables)."""
        return self._function(self._net.observable_exprs, self._net.state(self._net.depth))

    def noise_scales(self, n: int) -> tuple[float, ...]:
        """Scale of each noise component of layer n, 0 where there is no noise."""
        return tuple(float(value) for value in evaluate(self._net.layers[n].scale_exprs(n), self._values, 1)[0])

    def _function(self, exprs: Sequence[sp.Expr], state: Sequence[sp.Symbol]) -> Callable[[Array], Array]:
        used: set[sp.Symbol] = set().union(*(expr.free_symbols for expr in exprs))
        values = {symbol: self._values[symbol] for symbol in used if symbol in self._values}

        def run(X: Array) -> Array:
            return np.asarray(evaluate(exprs, values | {symbol: X[:, i] for i, symbol in enumerate(state)}, len(X)))

        return run
