"""What every layer is: the map F_n, the gain G_n and the noise, MATH (1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import local_symbol, scale_symbol
from mzsym.model.gains import Gain, RandomWeight, column, stays_bounded
from mzsym.model.noise import AbstractNoise, Deterministic
from mzsym.model.values import Number, as_positive, exact_expr

NoiseLike: TypeAlias = AbstractNoise | Sequence[AbstractNoise] | None


class AbstractLayer(ABC):
    """One step X_{n+1} = F_n(X_n; w_n) + G_n(X_n) xi_n; a value that does not know its place n in a network.

    Laws: ``map_exprs(n)`` holds no numeric parameter, and with ``bindings(n)`` bound and every random weight 0 it is
    the map that ``forward`` evaluates; equal layers give equal expressions up to n, so that kernels are shared; w_n
    and xi_n are independent of each other and of all else, and drawn afresh for every point and pass. Concrete layers
    are final and frozen.
    """

    dim_in: int
    dim_out: int
    noise: tuple[AbstractNoise, ...]
    """One law per noise column: per output component, unless the gain is a matrix."""
    shared_noise: bool
    """Whether one scalar law was given for all columns, which then share one scale symbol."""

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
    def replace(self, n: int, values: Mapping[Any, Any]) -> AbstractLayer:
        """This layer with some parameters replaced, all at once; ``n`` serves the error messages."""

    @abstractmethod
    def key(self) -> str:
        """Canonical text of the exact content."""

    def gain_exprs(self, n: int) -> Gain:
        """G_n in ``state_symbol(n, i)`` and the layer's own symbols, MATH (1).

        None where the noise is simply added; a tuple with one expression per component, X' = F + G * xi; or a matrix
        of shape (dim_out, noise columns), X' = F + G xi.
        """
        return None

    def random(self, n: int) -> tuple[RandomWeight, ...]:
        """The random symbols in ``map_exprs(n)``, with what the user stated about each."""
        return ()

    def random_weights(self, n: int) -> tuple[tuple[sp.Symbol, Law], ...]:
        """The random symbols in ``map_exprs(n)`` with their laws: independent of each other and of all noise."""
        return tuple((weight.symbol, weight.law) for weight in self.random(n))

    @property
    def plain_noise(self) -> bool:
        """Whether X_{n+1} = F_n(X_n) + xi_n: no gain and no random weights."""
        return self.gain_exprs(0) is None and not self.random(0)

    @property
    def affine(self) -> bool:
        """Whether X_{n+1} is in law affine in X_n for all values of noise and weights, which the map may not show."""
        return False

    def weight_scale_values(self, shared: Mapping[sp.Symbol, Number] | None = None) -> tuple[Number, ...]:
        """Scales of the stated laws of ``random(n)``, exact where they are numbers."""
        return tuple(
            self._number(weight.noise.scale, shared or {}, f"random weight {weight.symbol}")
            for weight in self.random(0)
        )

    def stated_weights(self, shared: Mapping[sp.Symbol, Number] | None = None) -> list[tuple[AbstractNoise, Number]]:
        """The laws of the random weights as the user stated them, with their scales."""
        pairs = zip(self.random(0), self.weight_scale_values(shared), strict=True)
        return [(weight.noise, scale) for weight, scale in pairs]

    def local_values(self) -> Mapping[sp.Symbol, Number | None]:
        """The user's symbols that are local to the layer, with their values; 0 for random weights."""
        return self.noise_params

    @property
    def noise_params(self) -> dict[sp.Symbol, Number | None]:
        """Parameters of the noise laws, local to the layer."""
        laws = self.noise[:1] if self.shared_noise else self.noise
        return {symbol: value for noise in laws for symbol, value in noise.params.items()}

    @property
    def used_symbols(self) -> frozenset[sp.Symbol]:
        """The user's symbols in map and noise laws, the state's left out."""
        laws = self.noise[:1] if self.shared_noise else self.noise
        return frozenset[sp.Symbol]().union(*(noise.symbols for noise in laws))

    def unbound_symbols(self, n: int) -> frozenset[sp.Symbol]:
        """The layer's own symbols that have no value, as they stand in the expressions of layer n."""
        unbound = {symbol for symbol, value in self.local_values().items() if value is None}
        return frozenset(local_symbol(n, symbol) for symbol in unbound & self.used_symbols)

    def scale_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        """Noise scale of each column: a symbol where the scale is a number, 0 for no noise."""
        return tuple(self._scale_expr(n, i) for i in range(len(self.noise)))

    def _scale_expr(self, n: int, i: int) -> sp.Expr:
        scale = self.noise[i].scale
        if scale is None:
            return sp.S.Zero
        if isinstance(scale, sp.Expr):
            return scale.xreplace({symbol: local_symbol(n, symbol) for symbol in self.local_values()})
        return scale_symbol(n) if self.shared_noise else scale_symbol(n, i)

    def laws(self, n: int) -> tuple[Law, ...]:
        """Symbolic law of each noise column."""
        names = {symbol: local_symbol(n, symbol) for symbol in self.noise_params}
        laws = (noise.law(scale) for noise, scale in zip(self.noise, self.scale_exprs(n), strict=True))
        return tuple(law.renamed(names) if noise.params else law for noise, law in zip(self.noise, laws, strict=True))

    def bindings(self, n: int) -> dict[sp.Symbol, Number]:
        """Values of all symbols of the layer that have one, the noise scales included."""
        values = self.map_bindings(n)
        values |= {local_symbol(n, symbol): v for symbol, v in self.noise_params.items() if v is not None}
        for i, noise in enumerate(self.noise[:1] if self.shared_noise else self.noise):
            if noise.scale is not None and not isinstance(noise.scale, sp.Expr):
                values[scale_symbol(n) if self.shared_noise else scale_symbol(n, i)] = noise.scale
        return values

    @property
    def bounded_noise(self) -> bool:
        """Whether noise and random weights leave every component of X_{n+1} bounded."""
        return not (self.unbounded_noise or self.unbounded_weight)

    @property
    def unbounded_noise(self) -> str:
        """Name of a noise law that is unbounded and does not have the gain 0; empty where there is none."""
        gain = self.gain_exprs(0)
        for j, noise in enumerate(self.noise):
            if not noise.bounded and not all(entry.is_zero for entry in column(gain, j)):
                return type(noise).__name__
        return ""

    @property
    def unbounded_weight(self) -> str:
        """Name of the law of an unbounded random weight that the map does not bound; empty where there is none."""
        wild = {weight.symbol: weight.noise for weight in self.random(0) if not weight.noise.bounded}
        for expr in self.map_exprs(0) if wild else ():
            if not stays_bounded(expr, wild):
                return next(type(noise).__name__ for symbol, noise in wild.items() if expr.has_free(symbol))
        return ""

    def scale_values(self, shared: Mapping[sp.Symbol, Number] | None = None) -> tuple[Number, ...]:
        """Noise scales, exact where they are numbers; 0 for no noise.

        Raises
        ------
        MzError
            When a scale is symbolic and has no value, or its value is not positive.
        """
        laws = enumerate(self.noise)
        return tuple(self._number(noise.scale, shared or {}, f"noise component {i}") for i, noise in laws)

    def _number(self, scale: Number | sp.Expr | None, shared: Mapping[sp.Symbol, Number], where: str) -> Number:
        if scale is None:
            return 0
        if not isinstance(scale, sp.Expr):
            return scale
        known = {symbol: value for symbol, value in {**shared, **self.local_values()}.items() if value is not None}
        bound = scale.xreplace({symbol: exact_expr(value) for symbol, value in known.items()})
        if bound.free_symbols:
            names = ", ".join(sorted(symbol.name for symbol in bound.free_symbols))
            raise MzError(f"The noise scale {scale} needs a value for {names}", where, "Bind it with with_params")
        return as_positive(bound if bound.is_Rational else float(bound), "noise scale", where)

    def sample_noise(
        self, rng: np.random.Generator, points: int, shared: Mapping[sp.Symbol, Number] | None = None
    ) -> Array:
        """Draws of xi, shape (points, noise columns)."""
        scales = [float(scale) for scale in self.scale_values(shared)]
        if self.shared_noise:
            return self.noise[0].sample(rng, (points, len(scales)), scales[0])
        columns = zip(self.noise, scales, strict=True)
        return np.stack([noise.sample(rng, points, scale) for noise, scale in columns], axis=1)

    def sample(self, X: Array, rng: np.random.Generator, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        """One noisy step F(X; w) + G(X) xi for every row of X, noise and random weights drawn afresh for each.

        Parameters
        ----------
        X : array of shape (points, dim_in)
        rng : numpy Generator
        shared : mapping, optional
            Values of symbols of no layer.

        Returns
        -------
        array of shape (points, dim_out)
        """
        noise = self.scaled_noise(X, self.sample_noise(rng, len(X), shared), shared)
        return self.sample_map(X, rng, shared) + noise

    def sample_map(self, X: Array, rng: np.random.Generator, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        """F(X; w) with one draw of the random weights for every row of X."""
        return self.forward(X, shared)

    def scaled_noise(self, X: Array, xi: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        """G(X) xi for draws xi of shape (points, noise columns)."""
        return xi

    def replace_noise(self, value: Any, where: str) -> tuple[AbstractNoise, ...]:
        """The noise laws at another scale, or at one scale each."""
        if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1:
            if len(value) != len(self.noise) or self.shared_noise:
                raise MzError(
                    f"{len(value)} scales were given", where, "Give one scale, or one per component of a list of laws"
                )
            return tuple(noise.with_scale(scale) for noise, scale in zip(self.noise, value, strict=True))
        return tuple(noise.with_scale(value) for noise in self.noise)

    def noise_param(self, key: object) -> sp.Symbol | None:
        """The parameter of a noise law that a key means, None where it means none."""
        names = (key, key.name) if isinstance(key, sp.Symbol) else (key,)
        return next((symbol for symbol in self.noise_params if symbol in names or symbol.name in names), None)

    def with_noise_params(
        self, noise: tuple[AbstractNoise, ...], values: Mapping[sp.Symbol, Any]
    ) -> tuple[AbstractNoise, ...]:
        """Noise laws of this layer with other values of some of their parameters."""
        if self.shared_noise:
            return (noise[0].with_params(values),) * len(noise)
        return tuple(one.with_params(values) for one in noise)

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
    _check_params(noise, where)
    return tuple(noise), False


def _check_params(noise: Sequence[AbstractNoise], where: str) -> None:
    """Laws of one layer may share a parameter; then it is one parameter with one value."""
    seen: dict[str, tuple[sp.Symbol, Number | None]] = {}
    for law in noise:
        for symbol, value in law.params.items():
            if seen.setdefault(symbol.name, (symbol, value)) != (symbol, value):
                raise MzError(
                    f"The parameter {symbol} has different values in two noise laws of the layer",
                    where,
                    "Parameters are local to the layer: give each law its own names",
                )


def check_points(X: Any, dim: int, where: str) -> Array:
    """X as float64 of shape (points, dim)."""
    array = np.asarray(X, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != dim:
        raise MzError(f"X has shape {array.shape}", where, f"Give an array of shape (points, {dim})")
    return array
