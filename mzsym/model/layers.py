"""A layer stated by expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, final

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import local_symbol, state_symbol, weight_scale_symbol
from mzsym.model.abstract_layer import AbstractLayer, NoiseLike, check_points, checked_noise
from mzsym.model.gains import (
    Gain,
    RandomWeight,
    applied,
    check_apart,
    checked_gain,
    checked_weight_law,
    draw,
    gain_entries,
    gain_key,
)
from mzsym.model.noise import AbstractNoise
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_exprs, checked_params, checked_state
from mzsym.model.values import Number, NumberLike, number_key


@final
class Layer(AbstractLayer):
    """A layer stated by expressions.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
        F, one expression per output component.
    state : sequence of sympy.Symbol
        The symbols of the input, as ``mz.state`` makes them.
    noise : noise law, or list of them, optional
        Default: no noise.
    params : mapping, optional
        Symbol -> number; or None: a parameter of this layer that stays an argument; or a noise law: a random weight,
        drawn afresh at every pass, whose mean stands in the expressions. These symbols are local to the layer. Other
        symbols are shared between layers and stay arguments.
    gain : sympy.Expr, list of them, or Matrix, optional
        G in X' = F + G xi: one expression for all components, one for each, or a matrix with one column per noise law.

    Raises
    ------
    MzError
        For a symbol of another state, a parameter that is not a finite real number, an unknown function, noise or
        gains of another length, or a random weight outside the map.

    Examples
    --------
    >>> from mzsym.model.noise import Gaussian, Uniform
    >>> x = sp.symbols("x0", real=True)
    >>> w = sp.symbols("w", real=True)
    >>> layer = Layer([sp.tanh(w*x)], state=[x], params={w: 0.5})
    >>> layer.map_exprs(3), layer.bindings(3)
    ((tanh(w_3*x[3,0]),), {w_3: 0.5})
    >>> Layer([w*x], state=[x], gain=1 + x**2, noise=Uniform(0.1), params={w: Gaussian(0.2)}).plain_noise
    False
    """

    exprs: tuple[sp.Expr, ...]
    state: tuple[sp.Symbol, ...]
    params: Mapping[sp.Symbol, Number | AbstractNoise | None]
    gain: Gain

    def __init__(
        self,
        exprs: Sequence[Any],
        state: Sequence[sp.Symbol],
        noise: NoiseLike = None,
        params: Mapping[sp.Symbol, NumberLike | AbstractNoise | None] | None = None,
        gain: Any = None,
    ) -> None:
        inputs = checked_state(state)
        values = _checked_values(params or {}, inputs)
        maps = checked_exprs(exprs, inputs, values)
        gains = checked_gain(gain, len(maps), inputs, values)
        columns = gains.cols if isinstance(gains, sp.ImmutableMatrix) else len(maps)
        laws, shared = checked_noise(noise, columns, "Layer(noise=)")
        random = {symbol: law for symbol, law in values.items() if isinstance(law, AbstractNoise)}
        check_apart(random.keys(), gains, laws, tuple(random.values()))
        _check_distinct((*inputs, *values), laws)
        self.__dict__.update(
            exprs=maps,
            state=inputs,
            params=values,
            gain=gains,
            noise=laws,
            shared_noise=shared,
            dim_in=len(inputs),
            dim_out=len(maps),
        )

    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        names = self._names(n)
        return tuple(expr.xreplace(names) for expr in self.exprs)

    def _names(self, n: int) -> dict[sp.Symbol, sp.Symbol]:
        names = {symbol: state_symbol(n, i) for i, symbol in enumerate(self.state)}
        return names | {symbol: local_symbol(n, symbol) for symbol in self.params}

    def gain_exprs(self, n: int) -> Gain:
        names = self._names(n)
        if isinstance(self.gain, sp.ImmutableMatrix):
            return self.gain.xreplace(names)
        return None if self.gain is None else tuple(expr.xreplace(names) for expr in self.gain)

    @cached_property
    def _random(self) -> dict[sp.Symbol, AbstractNoise]:
        """Random weights that occur in the map, by name."""
        used = frozenset[sp.Symbol]().union(*(expr.free_symbols for expr in self.exprs))
        items = sorted(self.params.items(), key=lambda item: item[0].name)
        return {symbol: law for symbol, law in items if isinstance(law, AbstractNoise) and symbol in used}

    def random(self, n: int) -> tuple[RandomWeight, ...]:
        found = []
        for k, (symbol, noise) in enumerate(self._random.items()):
            scale = weight_scale_symbol(n, k)
            if isinstance(noise.scale, sp.Expr):
                scale = noise.scale.xreplace(self._names(n))
            stated = sp.S.Zero if noise.scale is None else scale
            found.append(RandomWeight(local_symbol(n, symbol), noise, noise.law(scale), stated))
        return tuple(found)

    def map_bindings(self, n: int) -> dict[sp.Symbol, Number]:
        values = {
            local_symbol(n, symbol): value
            for symbol, value in self.params.items()
            if value is not None and not isinstance(value, AbstractNoise)
        }
        for k, noise in enumerate(self._random.values()):
            if noise.scale is not None and not isinstance(noise.scale, sp.Expr):
                values[weight_scale_symbol(n, k)] = noise.scale
        return values

    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "Layer.forward(X)")
        return evaluate(self.exprs, self._values(array, shared), len(array))

    def sample_map(self, X: Array, rng: np.random.Generator, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "Layer.sample(X)")
        drawn = draw(self.random(0), self.weight_scale_values(shared), rng, len(array))
        weights = {symbol: drawn[local_symbol(0, symbol)] for symbol in self._random}
        return evaluate(self.exprs, self._values(array, shared) | weights, len(array))

    def scaled_noise(self, X: Array, xi: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        if self.gain is None:
            return xi
        return applied(self.gain, evaluate(gain_entries(self.gain), self._values(X, shared), len(X)), xi)

    def _values(self, X: Array, shared: Mapping[sp.Symbol, Number] | None) -> dict[sp.Symbol, Any]:
        """Numbers of all symbols at points, random weights 0."""
        values: dict[sp.Symbol, Any] = {symbol: X[:, i] for i, symbol in enumerate(self.state)}
        values |= {symbol: value for symbol, value in self.local_values().items() if value is not None}
        return values | dict(shared or {})

    def local_values(self) -> Mapping[sp.Symbol, Number | None]:
        own = {symbol: 0 if isinstance(value, AbstractNoise) else value for symbol, value in self.params.items()}
        return self.noise_params | own

    @cached_property
    def used_symbols(self) -> frozenset[sp.Symbol]:
        laws = (*self.noise, *(value for value in self.params.values() if isinstance(value, AbstractNoise)))
        exprs = (*self.exprs, *gain_entries(self.gain))
        maps = frozenset[sp.Symbol]().union(*(expr.free_symbols for expr in exprs))
        return (maps - set(self.state)).union(*(noise.symbols for noise in laws))

    def parameter(self, n: int, key: object) -> sp.Expr:
        return local_symbol(n, self.noise_param(key) or self._symbol(n, key))

    def replace(self, n: int, values: Mapping[Any, Any]) -> Layer:
        laws, params, of_noise = self.noise, dict(self.params), {}
        for key, value in values.items():
            if key == "scale":
                laws = self.replace_noise(value, f"layer {n}, noise scale")
            elif (own := self.noise_param(key)) is not None:
                of_noise[own] = value
            else:
                symbol = self._symbol(n, key)
                before = params[symbol]
                scale = isinstance(before, AbstractNoise) and not isinstance(value, AbstractNoise)
                params[symbol] = before.with_scale(value) if scale else value
        laws = self.with_noise_params(laws, of_noise)
        return Layer(self.exprs, self.state, laws[0] if self.shared_noise else laws, params, self.gain)

    def _symbol(self, n: int, key: object) -> sp.Symbol:
        for symbol in self.params:
            if key == symbol or key == symbol.name or (isinstance(key, sp.Symbol) and key.name == symbol.name):
                return symbol
        names = ", ".join(symbol.name for symbol in (*self.params, *self.noise_params)) or "none"
        raise MzError(f"Layer {n} has no parameter {key!r}", f"key ({n}, {key!r})", f'It has: {names}; and "scale"')

    @cached_property
    def _key(self) -> str:
        # The state symbols by position, so that the names a user chose do not matter.
        place = {symbol: sp.Symbol(f"x[{i}]", real=True) for i, symbol in enumerate(self.state)}
        maps = ";".join(sp.srepr(expr.xreplace(place)) for expr in self.exprs)
        items = sorted(self.params.items(), key=lambda item: item[0].name)
        values = ";".join(f"{s.name}={_value_key(value)}" for s, value in items)
        return f"layer|{self.dim_in}|{maps}|{values}|{self.noise_key()}{gain_key(self.gain, place)}"

    def key(self) -> str:
        return self._key

    def __repr__(self) -> str:
        noise = self.noise[0] if self.shared_noise else list(self.noise)
        parts = [f"{list(self.exprs)}", f"state={self.state}", f"noise={noise}"]
        if self.gain is not None:
            parts.append(f"gain={list(self.gain) if isinstance(self.gain, tuple) else self.gain}")
        if self.params:
            parts.append(f"params={dict(self.params)}")
        return f"Layer({', '.join(parts)})"


def _checked_values(
    params: Mapping[sp.Symbol, NumberLike | AbstractNoise | None], inputs: tuple[sp.Symbol, ...]
) -> dict[sp.Symbol, Number | AbstractNoise | None]:
    """Parameters by their checked symbols: numbers, None, or the laws of random weights."""
    laws = {key: law for key, law in params.items() if isinstance(law, AbstractNoise)}
    numbers = checked_params({key: None if key in laws else value for key, value in params.items()}, inputs)
    pairs = zip(numbers.items(), params.items(), strict=True)
    return {
        symbol: checked_weight_law(laws[key], f"The parameter {symbol}", f"Layer(params=), {symbol}")
        if key in laws
        else value
        for (symbol, value), (key, _) in pairs
    }


def _check_distinct(names: Sequence[sp.Symbol], laws: Sequence[AbstractNoise]) -> None:
    taken = {symbol.name for symbol in names}
    for symbol in (symbol for law in laws for symbol in law.params):
        if symbol.name in taken:
            raise MzError(
                f"The name {symbol} stands for two things: the noise has it, and the state or the map",
                "Layer(noise=)",
                "Use distinct names",
            )


def _value_key(value: Number | AbstractNoise | None) -> str:
    if isinstance(value, AbstractNoise):
        return value.key()
    return "" if value is None else number_key(value)
