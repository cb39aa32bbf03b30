"""Layers: the map F_n and the noise added to it, MATH (1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias, final

import numpy as np
import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import local_symbol, scale_symbol, state_symbol
from mzsym.model.noise import AbstractNoise, Deterministic
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_exprs, checked_params, checked_state
from mzsym.model.values import Number, NumberLike, as_positive, exact_expr, number_key

NoiseLike: TypeAlias = AbstractNoise | Sequence[AbstractNoise] | None


class AbstractLayer(ABC):
    """One step X_{n+1} = F_n(X_n) + xi_n; a value that does not know its place n in a network.

    Laws: ``map_exprs(n)`` holds no numeric parameter, and with ``bindings(n)`` bound it is the map that ``forward``
    evaluates; equal layers give equal expressions up to n, so that kernels are shared. Concrete layers are final and
    frozen.
    """

    dim_in: int
    dim_out: int
    noise: tuple[AbstractNoise, ...]
    """One law per output component."""
    shared_noise: bool
    """Whether one scalar law was given for all components, which then share one scale symbol."""

    @abstractmethod
    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        """F_n in ``state_symbol(n, i)`` and the layer's own symbols."""

    @abstractmethod
    def map_bindings(self, n: int) -> dict[sp.Symbol, Number]:
        """Values of the layer's own symbols in the map."""

    @abstractmethod
    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        """F(X) without noise, shape (points, dim_in) -> (points, dim_out); ``shared`` binds symbols of no layer."""

    @abstractmethod
    def parameter(self, n: int, key: object) -> sp.Expr:
        """What stands for the parameter ``key`` in the expressions of layer n."""

    @abstractmethod
    def replace(self, n: int, key: object, value: Any) -> AbstractLayer:
        """This layer with one parameter replaced; ``n`` serves the error messages."""

    @abstractmethod
    def key(self) -> str:
        """Canonical text of the exact content."""

    def gain_exprs(self, n: int) -> tuple[sp.Expr, ...] | sp.ImmutableMatrix | None:
        """G_n in X' = F(X) + G(X) xi: one factor per component, a matrix that mixes the noise, or None for 1."""
        return None

    def random_weights(self, n: int) -> tuple[tuple[sp.Symbol, Law], ...]:
        """Symbols of ``map_exprs(n)`` that are drawn afresh at every pass, with their laws; independent."""
        return ()

    def local_values(self) -> Mapping[sp.Symbol, Number | None]:
        """The user's symbols that are local to the layer, with their values."""
        return {}

    @property
    def used_symbols(self) -> frozenset[sp.Symbol]:
        """The user's symbols in map and noise scales, the state's left out."""
        scales = (noise.scale.free_symbols for noise in self.noise if isinstance(noise.scale, sp.Expr))
        return frozenset[sp.Symbol]().union(*scales)

    def unbound_symbols(self, n: int) -> frozenset[sp.Symbol]:
        """The layer's own symbols that have no value, as they stand in the expressions of layer n."""
        unbound = {symbol for symbol, value in self.local_values().items() if value is None}
        return frozenset(local_symbol(n, symbol) for symbol in unbound & self.used_symbols)

    def scale_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        """Noise scale of each component: a symbol where the scale is a number, 0 for no noise."""
        return tuple(self._scale_expr(n, i) for i in range(self.dim_out))

    def _scale_expr(self, n: int, i: int) -> sp.Expr:
        scale = self.noise[i].scale
        if scale is None:
            return sp.S.Zero
        if isinstance(scale, sp.Expr):
            return scale.xreplace({symbol: local_symbol(n, symbol) for symbol in self.local_values()})
        return scale_symbol(n) if self.shared_noise else scale_symbol(n, i)

    def laws(self, n: int) -> tuple[Law, ...]:
        """Symbolic law of each noise component."""
        return tuple(noise.law(scale) for noise, scale in zip(self.noise, self.scale_exprs(n), strict=True))

    def bindings(self, n: int) -> dict[sp.Symbol, Number]:
        """Values of all symbols of the layer that have one, the noise scales included."""
        values = self.map_bindings(n)
        for i, noise in enumerate(self.noise[:1] if self.shared_noise else self.noise):
            if noise.scale is not None and not isinstance(noise.scale, sp.Expr):
                values[scale_symbol(n) if self.shared_noise else scale_symbol(n, i)] = noise.scale
        return values

    @property
    def bounded_noise(self) -> bool:
        """Whether every component's noise is bounded."""
        return all(noise.bounded for noise in self.noise)

    def scale_values(self, shared: Mapping[sp.Symbol, Number] | None = None) -> tuple[Number, ...]:
        """Noise scales, exact where they are numbers; 0 for no noise.

        Raises
        ------
        MzError
            When a scale is symbolic and has no value, or its value is not positive.
        """
        return tuple(self._scale_value(i, shared or {}) for i in range(self.dim_out))

    def _scale_value(self, i: int, shared: Mapping[sp.Symbol, Number]) -> Number:
        scale = self.noise[i].scale
        if scale is None:
            return 0
        if not isinstance(scale, sp.Expr):
            return scale
        known = {symbol: value for symbol, value in {**shared, **self.local_values()}.items() if value is not None}
        bound = scale.xreplace({symbol: exact_expr(value) for symbol, value in known.items()})
        where = f"noise component {i}"
        if bound.free_symbols:
            names = ", ".join(sorted(symbol.name for symbol in bound.free_symbols))
            raise MzError(f"The noise scale {scale} needs a value for {names}", where, "Bind it with with_params")
        return as_positive(bound if bound.is_Rational else float(bound), "noise scale", where)

    def sample_noise(
        self, rng: np.random.Generator, points: int, shared: Mapping[sp.Symbol, Number] | None = None
    ) -> Array:
        """Draws of xi, shape (points, dim_out)."""
        scales = [float(scale) for scale in self.scale_values(shared)]
        if self.shared_noise:
            return self.noise[0].sample(rng, (points, self.dim_out), scales[0])
        columns = zip(self.noise, scales, strict=True)
        return np.stack([noise.sample(rng, points, scale) for noise, scale in columns], axis=1)

    def replace_noise(self, value: Any, where: str) -> tuple[AbstractNoise, ...]:
        """The noise laws at another scale, or at one scale each."""
        if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1:
            if len(value) != self.dim_out or self.shared_noise:
                raise MzError(
                    f"{len(value)} scales were given", where, "Give one scale, or one per component of a list of laws"
                )
            return tuple(noise.with_scale(scale) for noise, scale in zip(self.noise, value, strict=True))
        return tuple(noise.with_scale(value) for noise in self.noise)

    def noise_key(self) -> str:
        """Canonical text of the noise."""
        laws = self.noise[:1] if self.shared_noise else self.noise
        return f"{'shared' if self.shared_noise else 'each'}:{','.join(noise.key() for noise in laws)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractLayer) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is frozen")


def checked_noise(noise: NoiseLike, dim: int, where: str) -> tuple[tuple[AbstractNoise, ...], bool]:
    """One law per component, and whether one scalar law serves all."""
    if noise is None:
        return (Deterministic(),) * dim, True
    if isinstance(noise, AbstractNoise):
        return (noise,) * dim, True
    if not isinstance(noise, (list, tuple)) or not all(isinstance(law, AbstractNoise) for law in noise):
        raise MzError(f"{noise!r} is not a noise law", where, "Use mz.Uniform(s) or another law, or a list of them")
    if len(noise) != dim:
        raise MzError(
            f"{len(noise)} noise laws were given for {dim} components", where, "Give one law, or one per component"
        )
    return tuple(noise), False


def check_points(X: Any, dim: int, where: str) -> Array:
    """X as float64 of shape (points, dim)."""
    array = np.asarray(X, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != dim:
        raise MzError(f"X has shape {array.shape}", where, f"Give an array of shape (points, {dim})")
    return array


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
        Symbol -> number (or None: a parameter of this layer that stays an argument). These symbols are local to the
        layer. Other symbols are shared between layers and stay arguments.

    Raises
    ------
    MzError
        For a symbol of another state, a parameter that is not a finite real number, an unknown function, or noise of
        another length.

    Examples
    --------
    >>> x = sp.symbols("x0", real=True)
    >>> w = sp.symbols("w", real=True)
    >>> layer = Layer([sp.tanh(w*x)], state=[x], params={w: 0.5})
    >>> layer.map_exprs(3), layer.bindings(3)
    ((tanh(w_3*x[3,0]),), {w_3: 0.5})
    """

    exprs: tuple[sp.Expr, ...]
    state: tuple[sp.Symbol, ...]
    params: Mapping[sp.Symbol, Number | None]

    def __init__(
        self,
        exprs: Sequence[Any],
        state: Sequence[sp.Symbol],
        noise: NoiseLike = None,
        params: Mapping[sp.Symbol, NumberLike | None] | None = None,
    ) -> None:
        inputs = checked_state(state)
        values = checked_params(params or {}, inputs)
        maps = checked_exprs(exprs, inputs, values)
        laws, shared = checked_noise(noise, len(maps), "Layer(noise=)")
        self.__dict__.update(
            exprs=maps,
            state=inputs,
            params=values,
            noise=laws,
            shared_noise=shared,
            dim_in=len(inputs),
            dim_out=len(maps),
        )

    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        names = {symbol: state_symbol(n, i) for i, symbol in enumerate(self.state)}
        names |= {symbol: local_symbol(n, symbol) for symbol in self.params}
        return tuple(expr.xreplace(names) for expr in self.exprs)

    def map_bindings(self, n: int) -> dict[sp.Symbol, Number]:
        return {local_symbol(n, symbol): value for symbol, value in self.params.items() if value is not None}

    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "Layer.forward(X)")
        values: dict[sp.Symbol, Any] = {symbol: array[:, i] for i, symbol in enumerate(self.state)}
        values |= {symbol: value for symbol, value in self.params.items() if value is not None}
        return evaluate(self.exprs, values | dict(shared or {}), len(array))

    def local_values(self) -> Mapping[sp.Symbol, Number | None]:
        return self.params

    @cached_property
    def used_symbols(self) -> frozenset[sp.Symbol]:
        scales = (noise.scale.free_symbols for noise in self.noise if isinstance(noise.scale, sp.Expr))
        maps = frozenset[sp.Symbol]().union(*(expr.free_symbols for expr in self.exprs))
        return (maps - set(self.state)).union(*scales)

    def parameter(self, n: int, key: object) -> sp.Expr:
        return local_symbol(n, self._symbol(n, key))

    def replace(self, n: int, key: object, value: Any) -> Layer:
        if key == "scale":
            noise = self.replace_noise(value, f"layer {n}, noise scale")
            return Layer(self.exprs, self.state, noise[0] if self.shared_noise else noise, dict(self.params))
        symbol = self._symbol(n, key)
        laws = self.noise[0] if self.shared_noise else self.noise
        return Layer(self.exprs, self.state, laws, {**self.params, symbol: value})

    def _symbol(self, n: int, key: object) -> sp.Symbol:
        for symbol in self.params:
            if key == symbol or key == symbol.name or (isinstance(key, sp.Symbol) and key.name == symbol.name):
                return symbol
        names = ", ".join(symbol.name for symbol in self.params) or "none"
        raise MzError(f"Layer {n} has no parameter {key!r}", f"key ({n}, {key!r})", f'It has: {names}; and "scale"')

    @cached_property
    def _key(self) -> str:
        # The state symbols by position, so that the names a user chose do not matter.
        place = {symbol: sp.Symbol(f"x[{i}]", real=True) for i, symbol in enumerate(self.state)}
        maps = ";".join(sp.srepr(expr.xreplace(place)) for expr in self.exprs)
        items = sorted(self.params.items(), key=lambda item: item[0].name)
        values = ";".join(f"{s.name}={'' if value is None else number_key(value)}" for s, value in items)
        return f"layer|{self.dim_in}|{maps}|{values}|{self.noise_key()}"

    def key(self) -> str:
        return self._key

    def __repr__(self) -> str:
        noise = self.noise[0] if self.shared_noise else list(self.noise)
        parts = [f"{list(self.exprs)}", f"state={self.state}", f"noise={noise}"]
        if self.params:
            parts.append(f"params={dict(self.params)}")
        return f"Layer({', '.join(parts)})"
