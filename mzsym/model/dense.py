"""Dense and residual layers: they hold arrays, and their expressions carry the entries' symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeAlias, final

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.core.names import (
    bias_symbol,
    local_symbol,
    random_symbol,
    slope_symbol,
    state_symbol,
    step_symbol,
    weight_scale_symbol,
    weight_symbol,
)
from mzsym.core.primitives import LEAKY_SLOPE, PRIMITIVES, primitive
from mzsym.model.abstract_layer import AbstractLayer, NoiseLike, check_points, checked_noise
from mzsym.model.gains import RandomWeight, checked_weight_law, stays_bounded
from mzsym.model.noise import AbstractNoise, Gaussian
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_expr
from mzsym.model.values import Number, NumberLike, as_number, number_key
from mzsym.model.weights import Weights, checked_weights

Activation: TypeAlias = str | tuple[str, NumberLike] | sp.Expr

ACTIVATION_SYMBOL = sp.Symbol("z", real=True)
"""The argument of an activation given as an expression, whatever the user called it."""

SAMPLED_ENTRIES = 1 << 22
"""Random weights that are drawn at once: 32 MiB."""


@final
class DenseLayer(AbstractLayer):
    """F(x) = act(W x + b), or x + h act(W x + b) with a step h. Made by ``dense`` and ``residual``.

    Attributes
    ----------
    W : array of shape (dim_out, dim_in), float64, read-only
    b : array of shape (dim_out,), float64, read-only
    weights, biases : Weights
        The same with exact entries; they may have no value, and then ``W`` and ``b`` raise.
    activation : str or sympy.Expr
        Name in the primitive table, or an expression in one symbol.
    slope : number or None
        Of leaky_relu.
    step : number or None
        h of a residual layer.
    weight_noise : noise law or None
        Law of the independent noise on every entry of W.
    """

    weights: Weights
    biases: Weights
    activation: str | sp.Expr
    slope: Number | None
    step: Number | None
    weight_noise: AbstractNoise | None

    def __init__(
        self,
        W: Any,
        b: Any = None,
        activation: Activation = "identity",
        noise: NoiseLike = None,
        step: NumberLike | None = None,
        weight_noise: AbstractNoise | None = None,
    ) -> None:
        weights = checked_weights(W, 2, "W")
        rows, columns = weights.shape
        biases = checked_weights(np.zeros(rows) if b is None else b, 1, "b")
        if biases.shape != (rows,):
            raise MzError(
                f"W has {rows} rows and b has {biases.shape[0]} entries", "dense(W, b)", "Give b of shape (out,)"
            )
        if step is not None and rows != columns:
            raise MzError(f"W has shape {weights.shape}", "residual(W, b)", "A residual layer needs a square W")
        name, slope = _checked_activation(activation)
        laws, shared = checked_noise(noise, rows, "dense(noise=)")
        if weight_noise is not None:
            checked_weight_law(weight_noise, "The weight noise", "dense(weight_noise=)")
        self.__dict__.update(
            weights=weights,
            biases=biases,
            activation=name,
            slope=slope,
            step=None if step is None else as_number(step, "residual(step=)"),
            weight_noise=weight_noise,
            noise=laws,
            shared_noise=shared,
            dim_in=columns,
            dim_out=rows,
        )

    @property
    def W(self) -> Array:  # noqa: N802 - the field's name
        """The weight matrix, float64."""
        return self.weights.require()

    @property
    def b(self) -> Array:
        """The bias, float64."""
        return self.biases.require()

    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        return _map_exprs(self, n)

    @property
    def gaussian_rows(self) -> bool:
        """Whether the weight noise is normal, so that one random symbol per row serves, at any width."""
        return isinstance(self.weight_noise, Gaussian)

    @property
    def plain_noise(self) -> bool:
        return self.weight_noise is None

    @property
    def affine(self) -> bool:
        # sqrt(x.x) omega_i is sum_j omega_ij x_j in law.
        inner = self.activation_expr(0, ACTIVATION_SYMBOL)
        return bool(inner.is_polynomial(ACTIVATION_SYMBOL) and sp.degree(inner, ACTIVATION_SYMBOL) <= 1)

    def random(self, n: int) -> tuple[RandomWeight, ...]:
        """Normal weight noise: sum_j omega_ij x_j is sqrt(x.x) tau omega_i in law, omega_i standard normal, MATH (1).

        Any other law: one symbol per entry.
        """
        noise = self.weight_noise
        if noise is None:
            return ()
        if self.gaussian_rows:
            unit = Gaussian(1)
            law = unit.law(sp.S.One)
            return tuple(RandomWeight(random_symbol(n, i), unit, law, sp.S.One) for i in range(self.dim_out))
        scale = self._weight_scale(n)
        law, stated = noise.law(scale), sp.S.Zero if noise.scale is None else scale
        pairs = ((i, j) for i in range(self.dim_out) for j in range(self.dim_in))
        return tuple(RandomWeight(random_symbol(n, i, j), noise, law, stated) for i, j in pairs)

    def stated_weights(self, shared: Mapping[sp.Symbol, Number] | None = None) -> list[tuple[AbstractNoise, Number]]:
        return [] if self.weight_noise is None else [(self.weight_noise, self.entry_scale(shared))]

    def _weight_scale(self, n: int) -> sp.Expr:
        scale = None if self.weight_noise is None else self.weight_noise.scale
        return scale if isinstance(scale, sp.Expr) else weight_scale_symbol(n)

    def random_part(self, n: int, i: int) -> sp.Expr:
        """The random part of pre-activation i, 0 without weight noise."""
        if self.weight_noise is None:
            return sp.S.Zero
        x = [state_symbol(n, j) for j in range(self.dim_in)]
        if not self.gaussian_rows:
            return sp.Add(*(random_symbol(n, i, j) * x[j] for j in range(self.dim_in)))
        # In one dimension x itself serves for |x|, because omega is symmetric; it is smooth.
        length = x[0] if len(x) == 1 else sp.sqrt(sp.Add(*(symbol**2 for symbol in x)))
        return self._weight_scale(n) * length * random_symbol(n, i)

    @property
    def used_symbols(self) -> frozenset[sp.Symbol]:
        own = frozenset[sp.Symbol]() if self.weight_noise is None else self.weight_noise.symbols
        return super().used_symbols | own

    @property
    def unbounded_weight(self) -> str:
        noise = self.weight_noise
        if noise is None or noise.bounded or stays_bounded(self.activation_expr(0, ACTIVATION_SYMBOL), _WILD):
            return ""
        return type(noise).__name__

    def unbound_symbols(self, n: int) -> frozenset[sp.Symbol]:
        names: set[sp.Symbol] = set()
        if self.weights.values is None:
            names |= set(self.parameter(n, "W"))
        if self.biases.values is None:
            names |= set(self.parameter(n, "b"))
        return super().unbound_symbols(n) | names

    def activation_expr(self, n: int, z: sp.Expr) -> sp.Expr:
        """act(z) as SymPy."""
        if isinstance(self.activation, sp.Expr):
            return self.activation.xreplace({_variable(self.activation): z})
        row = PRIMITIVES[self.activation]
        return row.expr(z) if self.slope is None else row.expr(z, slope_symbol(n))

    def map_bindings(self, n: int) -> dict[sp.Symbol, Number]:
        values: dict[sp.Symbol, Number] = {}
        for i in range(self.dim_out):
            if self.weights.values is not None:
                values |= {weight_symbol(n, i, j): self.weights.entry((i, j)) for j in range(self.dim_in)}
            if self.biases.values is not None:
                values[bias_symbol(n, i)] = self.biases.entry((i,))
        return values | self.scalars(n)

    def scalars(self, n: int) -> dict[sp.Symbol, Number]:
        """Slope, step and scale of the weight noise, where the layer has them."""
        values: dict[sp.Symbol, Number] = {}
        if self.slope is not None:
            values[slope_symbol(n)] = self.slope
        if self.step is not None:
            values[step_symbol(n)] = self.step
        noise = self.weight_noise
        if noise is not None and noise.scale is not None and not isinstance(noise.scale, sp.Expr):
            values[weight_scale_symbol(n)] = noise.scale
        return values

    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "forward(X)")
        return self._mapped(array, self._inner(array))

    def sample_map(self, X: Array, rng: np.random.Generator, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "sample(X)")
        if self.weight_noise is None:
            return self._mapped(array, self._inner(array))
        return self._mapped(array, self._inner(array) + self._random_inner(array, self.weight_noise, rng, shared))

    def entry_scale(self, shared: Mapping[sp.Symbol, Number] | None = None) -> Number:
        """Scale of the weight noise as a number; 0 without it."""
        scale = None if self.weight_noise is None else self.weight_noise.scale
        return self._number(scale, shared or {}, "weight noise")

    def _random_inner(
        self,
        X: Array,
        noise: AbstractNoise,
        rng: np.random.Generator,
        shared: Mapping[sp.Symbol, Number] | None,
    ) -> Array:
        """Draws of the random part of the pre-activations, shape (points, dim_out)."""
        scale = float(self.entry_scale(shared))
        if self.gaussian_rows:
            return np.asarray(noise.sample(rng, (len(X), self.dim_out), scale) * np.linalg.norm(X, axis=1)[:, None])
        at_once = max(1, SAMPLED_ENTRIES // (self.dim_in * self.dim_out))
        out = np.empty((len(X), self.dim_out))
        for start in range(0, len(X), at_once):
            rows = X[start : start + at_once]
            out[start : start + at_once] = np.einsum(
                "pij,pj->pi", noise.sample(rng, (len(rows), self.dim_out, self.dim_in), scale), rows
            )
        return out

    def _inner(self, array: Array) -> Array:
        """W x + b."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return np.asarray(array @ self.W.T + self.b)

    def _mapped(self, array: Array, Z: Array) -> Array:
        """The layer's output at pre-activations."""
        G = self.activate(Z)
        return G if self.step is None else array + float(self.step) * G

    def activate(self, Z: Array) -> Array:
        """The activation on an array of any shape."""
        if isinstance(self.activation, sp.Expr):
            values = evaluate([self.activation], {_variable(self.activation): Z.ravel()}, Z.size)
            return values[:, 0].reshape(Z.shape)
        row = PRIMITIVES[self.activation]
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(row.numpy(Z) if self.slope is None else row.numpy(Z, float(self.slope)))

    def parameter(self, n: int, key: object) -> sp.Expr:
        if key == "W":
            rows = [[weight_symbol(n, i, j) for j in range(self.dim_in)] for i in range(self.dim_out)]
            return sp.ImmutableMatrix(rows)
        if key == "b":
            return sp.ImmutableMatrix([bias_symbol(n, i) for i in range(self.dim_out)])
        if key == "step" and self.step is not None:
            return step_symbol(n)
        if key == "slope" and self.slope is not None:
            return slope_symbol(n)
        if key == "weight_scale" and self.weight_noise is not None:
            return self._weight_scale(n)
        if (own := self.noise_param(key)) is not None:
            return local_symbol(n, own)
        raise self._unknown(n, key)

    def replace(self, n: int, values: Mapping[Any, Any]) -> DenseLayer:
        W, b, step, noise = self.weights.stated(), self.biases.stated(), self.step, self.noise
        random, of_noise = self.weight_noise, {}
        activation: Any = self.activation if self.slope is None else (self.activation, self.slope)
        for key, value in values.items():
            if key in ("W", "b"):
                shape = self.weights.shape if key == "W" else self.biases.shape
                if np.shape(value) != shape:
                    raise MzError(f"{key} has shape {np.shape(value)}", f"layer {n}, {key}", f"Give shape {shape}")
                W, b = (value, b) if key == "W" else (W, value)
            elif key == "scale":
                noise = self.replace_noise(value, f"layer {n}, noise scale")
            elif key == "step" and step is not None:
                step = value
            elif key == "slope" and self.slope is not None:
                activation = (self.activation, value)
            elif key == "weight_scale" and random is not None:
                random = value if isinstance(value, AbstractNoise) else random.with_scale(value)
            elif (own := self.noise_param(key)) is not None:
                of_noise[own] = value
            else:
                raise self._unknown(n, key)
        noise = self.with_noise_params(noise, of_noise)
        return DenseLayer(W, b, activation, noise[0] if self.shared_noise else noise, step, random)

    def exact_array(self, which: str) -> AnyArray:
        """W or b with its exact entries: float64, or objects where an entry is no float64."""
        weights = self.weights if which == "W" else self.biases
        weights.require()
        return np.asarray(weights.stated())

    def _unknown(self, n: int, key: object) -> MzError:
        keys = ["W", "b", "scale"] + ["step"] * (self.step is not None) + ["slope"] * (self.slope is not None)
        keys += ["weight_scale"] * (self.weight_noise is not None)
        keys += [symbol.name for symbol in self.noise_params]
        return MzError(f"Layer {n} has no parameter {key!r}", f"key ({n}, {key!r})", f"It has: {', '.join(keys)}")

    @cached_property
    def _key(self) -> str:
        act = sp.srepr(self.activation) if isinstance(self.activation, sp.Expr) else self.activation
        slope = "" if self.slope is None else number_key(self.slope)
        step = "" if self.step is None else number_key(self.step)
        random = "" if self.weight_noise is None else f"|weight noise:{self.weight_noise.key()}"
        return f"dense|{act}({slope})|{step}|{self.weights.key()}|{self.biases.key()}|{self.noise_key()}{random}"

    def key(self) -> str:
        return self._key

    def __repr__(self) -> str:
        act = self.activation if self.slope is None else (self.activation, self.slope)
        noise = self.noise[0] if self.shared_noise else list(self.noise)
        arrays = f"{self.weights!r}, {self.biases!r}"
        step = "" if self.step is None else f", step={self.step!r}"
        random = "" if self.weight_noise is None else f", weight_noise={self.weight_noise!r}"
        kind = "dense" if self.step is None else "residual"
        return f"{kind}({arrays}, activation={act!r}{step}, noise={noise!r}{random})"


def dense(
    W: Any,
    b: Any = None,
    *,
    activation: Activation = "identity",
    noise: NoiseLike = None,
    weight_noise: AbstractNoise | None = None,
) -> DenseLayer:
    """Layer X' = act(W X + b) + xi, MATH (1).

    Parameters
    ----------
    W : array of shape (out, in), or sympy.MatrixSymbol
        A matrix symbol leaves the weights arguments, bound later by ``with_params({(n, "W"): array})``.
    b : array of shape (out,), or sympy.MatrixSymbol with one column, optional
        Default: zeros.
    activation : str, (str, slope) or sympy.Expr
        A name in the primitive table; ``("leaky_relu", a)``; or an expression in one symbol.
    noise : noise law, or list of one per output, optional
    weight_noise : noise law, optional
        Independent noise on every entry of W (not of b), drawn afresh at every pass.

    Returns
    -------
    DenseLayer

    Raises
    ------
    MzError
        For shapes that do not fit, entries that are not finite, an unknown activation.

    Examples
    --------
    >>> dense([[1.0, -2.0]], [0.5], activation="relu").forward([[3.0, 1.0]])
    array([[1.5]])
    """
    return DenseLayer(W, b, activation, noise, weight_noise=weight_noise)


def residual(
    W: Any,
    b: Any = None,
    *,
    activation: Activation = "identity",
    step: NumberLike = 1,
    noise: NoiseLike = None,
    weight_noise: AbstractNoise | None = None,
) -> DenseLayer:
    """Layer X' = X + step * act(W X + b) + xi, MATH (33).

    Parameters
    ----------
    W : array of shape (N, N)
    b : array of shape (N,), optional
        Default: zeros.
    activation : str, (str, slope) or sympy.Expr
    step : number
    noise : noise law, or list of one per output, optional
    weight_noise : noise law, optional
        As for ``dense``.

    Returns
    -------
    DenseLayer

    Raises
    ------
    MzError
        As ``dense``, and for a W that is not square.

    Examples
    --------
    >>> residual([[1.0]], activation="relu", step=0.5).forward([[2.0]])
    array([[3.]])
    """
    return DenseLayer(W, b, activation, noise, step, weight_noise)


_WILD = frozenset({ACTIVATION_SYMBOL})


@lru_cache(maxsize=64)
def _map_exprs(layer: DenseLayer, n: int) -> tuple[sp.Expr, ...]:
    x = [state_symbol(n, j) for j in range(layer.dim_in)]
    out = []
    for i in range(layer.dim_out):
        z = sp.Add(*(weight_symbol(n, i, j) * x[j] for j in range(layer.dim_in)), bias_symbol(n, i))
        z += layer.random_part(n, i)
        g = layer.activation_expr(n, z)
        out.append(g if layer.step is None else x[i] + step_symbol(n) * g)
    return tuple(out)


def _variable(activation: sp.Expr) -> sp.Symbol:
    (symbol,) = activation.free_symbols
    return symbol


def _checked_activation(activation: Any) -> tuple[str | sp.Expr, Number | None]:
    where = "activation="
    if isinstance(activation, sp.Expr):
        if len(activation.free_symbols) != 1:
            raise MzError(f"The activation {activation} is not a function of one symbol", where, "Use one symbol")
        expr = checked_expr(activation, tuple(activation.free_symbols), where)
        return expr.xreplace({_variable(expr): ACTIVATION_SYMBOL}), None
    if isinstance(activation, (tuple, list)):
        if len(activation) != 2 or activation[0] != "leaky_relu":
            raise MzError(f"There is no activation {activation!r}", where, 'Only ("leaky_relu", slope) takes a number')
        return "leaky_relu", as_number(activation[1], "slope of leaky_relu")
    row = primitive(activation, where)
    return row.name, LEAKY_SLOPE if row.parameters else None


__all__: Sequence[str] = ["DenseLayer", "dense", "residual"]
