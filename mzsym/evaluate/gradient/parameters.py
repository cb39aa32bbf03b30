"""The chain rule from states and noise laws to the parameters of a network, in the keys of ``with_params``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import local_symbol, scale_symbol, slope_symbol, state_symbol
from mzsym.evaluate.gradient.expressions import regular
from mzsym.evaluate.gradient.noise import NoiseSeed, law_slopes
from mzsym.evaluate.maps import NetworkNumbers, compiled
from mzsym.evaluate.quadrature.noise import NoiseLaw
from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.dense import ACTIVATION_SYMBOL, DenseLayer
from mzsym.model.layers import Layer
from mzsym.model.noise import AbstractNoise
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network

Key: TypeAlias = Hashable
"""A key of ``Network.with_params``."""


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
        elif isinstance(layer, Layer):
            values = {symbol: value for symbol, value in layer.params.items() if not isinstance(value, AbstractNoise)}
            out |= {(n, symbol): value for symbol, value in values.items()}
        out |= {(n, symbol): value for symbol, value in layer.noise_params.items()}
        scales = [noise.scale for noise in layer.noise]
        if any(scale is not None and not isinstance(scale, sp.Expr) for scale in scales):
            stated = [0.0 if scale is None or isinstance(scale, sp.Expr) else float(scale) for scale in scales]
            out[n, "scale"] = stated[0] if layer.shared_noise else stated
    out |= net.shared
    return {key: np.array(value, dtype=np.float64) for key, value in out.items()}


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

    def add_states(self, n: int, X: Array, bar: Array) -> Array:
        """From derivatives by F_n(X), shape (points, N_{n+1}), to those by X, shape (points, N_n), which it returns."""
        layer = self.net.layers[n]
        if isinstance(layer, DenseLayer):
            return self._dense(n, layer, X, bar)
        state, exprs = self.net.state(n), layer.map_exprs(n)
        return self._stated(self._keys(n, layer), exprs, state, X, bar, self._numbers.values(n))

    def add_observable(self, X: Array, bar: Array) -> Array:
        """From derivatives by u(X), shape (points, observables), to those by X."""
        net = self.net
        shared: dict[sp.Symbol, Key] = dict(zip(net.shared, net.shared, strict=True))
        return self._stated(shared, net.observable_exprs, net.state(net.depth), X, bar, self._shared)

    def add_noise(self, n: int, laws: Sequence[NoiseLaw], seeds: Sequence[NoiseSeed]) -> None:
        """From derivatives by what averages over the noise of layer n are made of, one seed per component."""
        scales = np.zeros(len(laws))
        for i, (law, seed) in enumerate(zip(laws, seeds, strict=True)):
            for key, slope in law_slopes(law, seed).items():
                if isinstance(key, sp.Symbol):
                    self.values[n, key] += slope
                else:
                    scales[i] = slope
        self._add_scales(n, scales)

    def _add_scales(self, n: int, bar: Array) -> None:
        """From derivatives by the noise scales of layer n, shape (N_{n+1},)."""
        layer = self.net.layers[n]
        exprs, keys = layer.scale_exprs(n), self._keys(n, layer)
        for i, expr in enumerate(exprs):
            if expr == scale_symbol(n):
                self.values[n, "scale"] += bar[i]
            elif expr == scale_symbol(n, i):
                self.values[n, "scale"][i] += bar[i]
            elif expr.free_symbols:
                symbols = sorted(expr.free_symbols, key=lambda symbol: symbol.name)
                slopes = evaluate([sp.diff(expr, symbol) for symbol in symbols], self._numbers.values(n), 1)[0]
                for symbol, slope in zip(symbols, slopes, strict=True):
                    self.values[keys[symbol]] += bar[i] * slope

    def _keys(self, n: int, layer: AbstractLayer) -> dict[sp.Symbol, Key]:
        """The key of every symbol in the expressions of layer n."""
        keys: dict[sp.Symbol, Key] = {symbol: symbol for symbol in self.net.shared}
        return keys | {local_symbol(n, symbol): (n, symbol) for symbol in layer.local_values()}

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

    def _stated(
        self,
        keys: Mapping[sp.Symbol, Key],
        exprs: tuple[sp.Expr, ...],
        state: tuple[sp.Symbol, ...],
        X: Array,
        bar: Array,
        values: Mapping[sp.Symbol, float],
    ) -> Array:
        places, partials = _partials(exprs, state, tuple(keys))
        out = np.zeros((len(X), len(state)))
        if not partials:
            return out
        slopes = _finite(compiled(partials, state, values)(X))
        for k, (i, symbol) in enumerate(places):
            if symbol in keys:
                self.values[keys[symbol]] += bar[:, i] @ slopes[:, k]
            else:
                out[:, state.index(symbol)] += bar[:, i] * slopes[:, k]
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
