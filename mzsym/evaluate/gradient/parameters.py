"""The chain rule from states and noise laws to the parameters of a network, in the keys of ``with_params``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import (
    bias_symbol,
    local_symbol,
    scale_symbol,
    slope_symbol,
    state_symbol,
    step_symbol,
    weight_scale_symbol,
    weight_symbol,
)
from mzsym.evaluate.gradient.expressions import regular
from mzsym.evaluate.gradient.noise import NoiseSeed, law_slopes
from mzsym.evaluate.maps import NetworkNumbers, compiled, place_of
from mzsym.evaluate.quadrature.noise import NoiseLaw
from mzsym.model.dense import ACTIVATION_SYMBOL, DenseLayer
from mzsym.model.layers import Layer
from mzsym.model.noise import AbstractNoise
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network

Key: TypeAlias = Hashable
"""A key of ``Network.with_params``."""

Place: TypeAlias = tuple[Key, tuple[int, ...]]
"""An entry of the array that belongs to a key."""


def parameter_values(net: Network) -> dict[Key, Array]:
    """Every parameter of a network by its key, with its value: what a gradient has as keys and shapes.

    Examples
    --------
    >>> import mzsym as mz
    >>> net = mz.Network([mz.dense([[1.0]], [0.5], noise=mz.Uniform(0.1))], domain=mz.Box([(-1, 1)]))
    >>> parameter_values(net)
    {(0, 'W'): array([[1.]]), (0, 'b'): array([0.5]), (0, 'scale'): array(0.1)}
    """
    out: dict[Key, Any] = {}
    for n, layer in enumerate(net.layers):
        if isinstance(layer, DenseLayer):
            out[n, "W"], out[n, "b"] = layer.W, layer.b
            out |= {(n, name): getattr(layer, name) for name in ("step", "slope") if getattr(layer, name) is not None}
            if (scale := _own_scale(layer.weight_noise)) is not None:
                out[n, "weight_scale"] = scale
        elif isinstance(layer, Layer):
            for symbol, value in layer.params.items():
                if not isinstance(value, AbstractNoise):
                    out[n, symbol] = value
                elif (scale := _own_scale(value)) is not None:
                    out[n, symbol] = scale
        out |= {(n, symbol): value for symbol, value in layer.noise_params.items()}
        scales = [_own_scale(noise) for noise in layer.noise]
        if any(scale is not None for scale in scales):
            out[n, "scale"] = scales[0] if layer.shared_noise else [scale or 0.0 for scale in scales]
    out |= net.shared
    return {key: np.array(value, dtype=np.float64) for key, value in out.items()}


def scale_keys(net: Network) -> frozenset[Key]:
    """Keys of scales, which are positive: of noise, and of random weights."""
    random = {
        (n, symbol)
        for n, layer in enumerate(net.layers)
        if isinstance(layer, Layer)
        for symbol, value in layer.params.items()
        if isinstance(value, AbstractNoise)
    }
    return frozenset(random | {(n, name) for n in range(net.depth) for name in ("scale", "weight_scale")})


def _own_scale(noise: AbstractNoise | None) -> float | None:
    """The scale of a law, where it is a number of its own."""
    scale = None if noise is None else noise.scale
    return None if scale is None or isinstance(scale, sp.Expr) else float(scale)


def places(net: Network, n: int, at: int) -> dict[sp.Symbol, Place]:
    """Every parameter that stands in the expressions of layer n under an index, and where its derivative goes."""
    layer = net.layers[n]
    found: dict[sp.Symbol, Place] = {symbol: (symbol, ()) for symbol in net.shared}
    local = {local_symbol(at, symbol): symbol for symbol in layer.local_values()}
    random = layer.random(at)
    found |= {symbol: ((n, own), ()) for symbol, own in local.items() if all(symbol != w.symbol for w in random)}
    found[scale_symbol(at)] = (n, "scale"), ()
    found |= {scale_symbol(at, i): ((n, "scale"), (i,)) for i in range(len(layer.noise))}
    if isinstance(layer, Layer):
        # A random parameter goes by its symbol, and its number is the scale of its law.
        found |= {weight_scale_symbol(at, k): ((n, local[w.symbol]), ()) for k, w in enumerate(random)}
    if isinstance(layer, DenseLayer):
        rows, columns = range(layer.dim_out), range(layer.dim_in)
        found |= {weight_symbol(at, i, j): ((n, "W"), (i, j)) for i in rows for j in columns}
        found |= {bias_symbol(at, i): ((n, "b"), (i,)) for i in rows}
        found[step_symbol(at)], found[slope_symbol(at)] = ((n, "step"), ()), ((n, "slope"), ())
        found[weight_scale_symbol(at)] = (n, "weight_scale"), ()
    return found


class ParameterGradient:
    """Sums up derivatives by parameters, layer by layer.

    Attributes
    ----------
    values : dict
        Key -> array of the parameter's shape.
    """

    def __init__(self, net: Network) -> None:
        self.net, self._numbers = net, NetworkNumbers(net)
        self.values = {key: np.zeros_like(value) for key, value in parameter_values(net).items()}
        self._shared = {symbol: float(value) for symbol, value in net.shared.items()}
        self._known: dict[int, dict[sp.Symbol, Place]] = {}

    def add_states(self, n: int, X: Array, bar: Array) -> Array:
        """From derivatives by F_n(X), shape (points, N_{n+1}), to those by X, which it returns.

        X has the states, and beside them values of the random weights where the layer has any.
        """
        layer = self.net.layers[n]
        if isinstance(layer, DenseLayer) and layer.weight_noise is None:
            return self._dense(n, layer, X, bar)
        at = place_of(self.net, n)
        columns = (*self.state(n), *(weight.symbol for weight in layer.random(at)))
        return self.add_exprs(n, layer.map_exprs(at), columns, X, bar)

    def add_exprs(
        self, n: int, exprs: tuple[sp.Expr, ...], columns: tuple[sp.Symbol, ...], X: Array, bar: Array
    ) -> Array:
        """The same for expressions of layer n at ``place_of`` it: X has their ``columns``, bar one for each of them."""
        return self._through(self._places(n), exprs, columns, X, bar, self._numbers.values(n))

    def state(self, n: int) -> tuple[sp.Symbol, ...]:
        """The state's symbols in the expressions of layer n."""
        return tuple(state_symbol(place_of(self.net, n), i) for i in range(self.net.dims[n]))

    def add_observable(self, X: Array, bar: Array) -> Array:
        """From derivatives by u(X), shape (points, observables), to those by X."""
        net = self.net
        shared: dict[sp.Symbol, Place] = {symbol: (symbol, ()) for symbol in net.shared}
        return self._through(shared, net.observable_exprs, net.state(net.depth), X, bar, self._shared)

    def add_noise(self, n: int, laws: Sequence[NoiseLaw], seeds: Sequence[NoiseSeed]) -> None:
        """From derivatives by what averages over the noise of layer n are made of, one seed per component."""
        scales = np.zeros(len(laws))
        for i, (law, seed) in enumerate(zip(laws, seeds, strict=True)):
            for key, slope in law_slopes(law, seed).items():
                if isinstance(key, sp.Symbol):
                    self.values[n, key] += slope
                else:
                    scales[i] = slope
        self.add_scales(n, scales)

    def add_root(self, n: int, expr: sp.Expr, at: float, bar: float) -> None:
        """From the derivative by a place where an expression of X_n, under the index n, passes a constant level."""
        net, (x,) = self.net, self.net.state(n)
        own = n < net.depth
        known = places(net, n, n) if own else {symbol: (symbol, ()) for symbol in net.shared}
        values = self._shared | {s: float(v) for s, v in (net.layers[n].bindings(n) if own else {}).items()}
        if not expr.free_symbols & known.keys():
            return
        slope = float(_finite(compiled((regular(sp.diff(expr, x)),), (x,), values)(np.array([[at]])))[0, 0])
        self._through(known, (expr,), (x,), np.array([[at]]), np.array([[-bar / slope]]), values)

    def add_scales(self, n: int, bar: Array, exprs: tuple[sp.Expr, ...] | None = None) -> None:
        """From derivatives by the noise scales of layer n, or by these scales, to the parameters in them."""
        exprs = self.net.layers[n].scale_exprs(place_of(self.net, n)) if exprs is None else exprs
        if exprs:
            self.add_exprs(n, exprs, (), np.zeros((1, 0)), bar[None])

    def add_relative_scales(self, n: int, bar: Array, exprs: tuple[sp.Expr, ...] | None = None) -> None:
        """The same from derivatives times these scales; what has no scale has the scale 0 and moves with none."""
        exprs = self.net.layers[n].scale_exprs(place_of(self.net, n)) if exprs is None else exprs
        if exprs:
            scales = np.asarray(evaluate(exprs, self._numbers.values(n), 1)[0])
            self.add_scales(n, np.divide(bar, scales, out=np.zeros_like(bar), where=scales != 0.0), exprs)

    def _places(self, n: int) -> dict[sp.Symbol, Place]:
        if n not in self._known:
            self._known[n] = places(self.net, n, place_of(self.net, n))
        return self._known[n]

    def _dense(self, n: int, layer: DenseLayer, X: Array, bar: Array) -> Array:
        inner = X @ layer.W.T + layer.b
        value, slope, by_slope = _activation(layer)(inner)
        step = 1.0 if layer.step is None else float(layer.step)
        steep = step * bar * slope
        self.values[n, "W"] += steep.T @ X
        self.values[n, "b"] += steep.sum(axis=0)
        if layer.step is not None:
            self.values[n, "step"] += np.vdot(bar, value)
        if by_slope is not None:
            self.values[n, "slope"] += step * np.vdot(bar, by_slope)
        out: Array = steep @ layer.W
        return out if layer.step is None else out + bar

    def _through(
        self,
        known: Mapping[sp.Symbol, Place],
        exprs: tuple[sp.Expr, ...],
        columns: tuple[sp.Symbol, ...],
        X: Array,
        bar: Array,
        values: Mapping[sp.Symbol, float],
    ) -> Array:
        own = frozenset[sp.Symbol]().union(*(expr.free_symbols for expr in exprs)) & known.keys()
        found, partials = _partials(exprs, columns, tuple(sorted(own, key=lambda symbol: symbol.name)))
        out = np.zeros((len(X), len(columns)))
        if not partials:
            return out
        slopes = _finite(compiled(partials, columns, values)(X))
        for k, (i, symbol) in enumerate(found):
            if symbol in known:
                key, index = known[symbol]
                self.values[key][index] += bar[:, i] @ slopes[:, k]
            else:
                out[:, columns.index(symbol)] += bar[:, i] * slopes[:, k]
        return out


@lru_cache(maxsize=1024)
def _partials(
    exprs: tuple[sp.Expr, ...], state: tuple[sp.Symbol, ...], symbols: tuple[sp.Symbol, ...]
) -> tuple[tuple[tuple[int, sp.Symbol], ...], tuple[sp.Expr, ...]]:
    """Partial derivatives that do not vanish, each with its component and symbol."""
    places, partials = [], []
    for i, expr in enumerate(exprs):
        free = expr.free_symbols
        for symbol in (*state, *symbols):
            slope = sp.diff(expr, symbol) if symbol in free else sp.S.Zero
            if not slope.is_zero:
                places.append((i, symbol))
                partials.append(regular(slope))
    return tuple(places), tuple(partials)


def _activation(layer: DenseLayer) -> Any:
    """z -> (act, act', d act/d slope or None), arrays of the shape of z."""
    exprs, values = _activation_exprs(layer.activation, layer.slope is not None), {}
    if layer.slope is not None:
        values[slope_symbol(0)] = float(layer.slope)
    kernel = compiled(exprs, (state_symbol(0, 0),), values)

    def run(z: Array) -> tuple[Array, Array, Array | None]:
        found = _finite(kernel(z.reshape(-1, 1))).T.reshape(len(exprs), *z.shape)
        return found[0], found[1], found[2] if len(found) > 2 else None

    return run


@lru_cache(maxsize=64)
def _activation_exprs(activation: str | sp.Expr, sloped: bool) -> tuple[sp.Expr, ...]:
    row = DenseLayer([[1.0]], None, (activation, 0) if sloped else activation)
    expr = row.activation_expr(0, ACTIVATION_SYMBOL)
    wanted = [expr, sp.diff(expr, ACTIVATION_SYMBOL)] + [sp.diff(expr, slope_symbol(0))] * sloped
    return tuple(regular(one).xreplace({ACTIVATION_SYMBOL: state_symbol(0, 0)}) for one in wanted)


def _finite(slopes: Array) -> Array:
    if not np.isfinite(slopes).all():
        raise MzError(
            f"The derivative of a map is not finite at {int((~np.isfinite(slopes)).any(axis=1).sum())} points",
            "value_and_grad(scalar)",
            "Give maps that are differentiable on their domains",
        )
    return slopes


def flattened(values: Mapping[Key, Array], keys: Iterable[Key]) -> Array:
    """The arrays of these keys, one behind the other."""
    parts = [np.ravel(values[key]) for key in keys]
    return np.concatenate(parts) if parts else np.zeros(0)
