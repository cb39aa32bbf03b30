"""The numbers behind a network's symbols: layer maps and the observable as compiled kernels, and noise scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.codegen import Kernel, Program, Target, compile_program, freeze
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.layers import Layer
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network


class NetworkNumbers:
    """Functions of arrays for one network, compiled by ``target``."""

    def __init__(self, net: Network, target: Target = "numba") -> None:
        self._net, self._target = net, target
        self._shared = {symbol: float(value) for symbol, value in net.shared.items()}

    def layer(self, n: int) -> Callable[[Array], Array]:
        """F_n at points, shape (points, N_n + number of random weights) -> (points, N_{n+1})."""
        layer, at = self._net.layers[n], place_of(self._net, n)
        columns = (*self._state(n, at), *(symbol for symbol, _ in layer.random_weights(at)))
        return compiled(layer.map_exprs(at), columns, self.values(n), self._target)

    def gain(self, n: int) -> Callable[[Array], Array] | None:
        """G_n at points, shape (points, N_n) -> (points, N_{n+1}) or (points, N_{n+1}, noises); None where it is 1."""
        at = place_of(self._net, n)
        gain = self._net.layers[n].gain_exprs(at)
        if gain is None:
            return None
        shape = gain.shape if isinstance(gain, sp.MatrixBase) else (len(gain),)
        kernel = compiled(tuple(gain), self._state(n, at), self.values(n), self._target)
        return lambda X: kernel(X).reshape(len(X), *shape)

    def values(self, n: int) -> dict[sp.Symbol, float]:
        """Value of every symbol in the expressions of layer n that ``layer`` and ``gain`` evaluate."""
        bound = self._net.layers[n].bindings(place_of(self._net, n))
        return self._shared | {symbol: float(value) for symbol, value in bound.items()}

    def _state(self, n: int, at: int) -> tuple[sp.Symbol, ...]:
        return tuple(state_symbol(at, i) for i in range(self._net.dims[n]))

    def observable(self) -> Callable[[Array], Array]:
        """u at points, shape (points, N_L) -> (points, number of observables)."""
        return compiled(self._net.observable_exprs, self._net.state(self._net.depth), self._shared, self._target)

    def noise_scales(self, n: int) -> tuple[float, ...]:
        """Scale of each noise component of layer n, 0 where there is no noise."""
        layer = self._net.layers[n]
        return tuple(float(value) for value in evaluate(layer.scale_exprs(n), self._shared | layer.bindings(n), 1)[0])


def place_of(net: Network, n: int) -> int:
    """The index under which the expressions of layer n are lowered."""
    # A dense layer reads the same at any place, so all of one shape share one lowering; a stated layer's local symbols
    # could meet a shared symbol's name at another place.
    return n if isinstance(net.layers[n], Layer) else 0


def parameters_of(exprs: Iterable[sp.Expr], state: Sequence[sp.Symbol] = ()) -> tuple[sp.Symbol, ...]:
    """The symbols of expressions besides the state, by name: the order in which a program takes them."""
    free: set[sp.Symbol] = set().union(*(expr.free_symbols for expr in exprs))
    return tuple(sorted(free - set(state), key=lambda symbol: symbol.name))


def map_program(net: Network, n: int) -> tuple[Program, tuple[tuple[str, float], ...]]:
    """F_n as a program of the state and of parameters, with the parameters' names and values in its order."""
    exprs, state = net.map_exprs(n), net.state(n)
    names = parameters_of(exprs, state)
    bound = {symbol: float(value) for symbol, value in net.layers[n].bindings(n).items()}
    values = {symbol: float(value) for symbol, value in net.shared.items()} | bound
    return freeze(exprs, state, names), tuple((symbol.name, values[symbol]) for symbol in names)


def compiled(
    exprs: Sequence[sp.Expr],
    state: Sequence[sp.Symbol],
    values: Mapping[sp.Symbol, float],
    target: Target = "numba",
) -> Callable[[Array], Array]:
    """Expressions as one kernel over points; parameter values stay its arguments, so others need no new kernel.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
    state : sequence of Symbol
        Columns of the points.
    values : mapping of Symbol to float
        Value of every other symbol.
    target : {"numba", "c", "c-libmvec"}

    Returns
    -------
    function
        shape (points, len(state)) -> (points, len(exprs))
    """
    names = parameters_of(exprs, state)
    kernel = _kernel(_program(tuple(exprs), tuple(state), names), target)
    params = np.array([values[symbol] for symbol in names], dtype=np.float64)

    def run(X: Array) -> Array:
        return kernel(np.ascontiguousarray(X), params)

    return run


@lru_cache(maxsize=256)
def _program(exprs: tuple[sp.Expr, ...], state: tuple[sp.Symbol, ...], names: tuple[sp.Symbol, ...]) -> Program:
    return freeze(exprs, state, names)


@lru_cache(maxsize=256)
def _kernel(program: Program, target: Target) -> Kernel:
    return compile_program(program, target)
