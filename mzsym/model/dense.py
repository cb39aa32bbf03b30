"""Dense and residual layers: they hold arrays, and their expressions carry the entries' symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeAlias, final

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.core.names import bias_symbol, slope_symbol, state_symbol, step_symbol, weight_symbol
from mzsym.core.primitives import LEAKY_SLOPE, PRIMITIVES, primitive
from mzsym.model.layers import AbstractLayer, NoiseLike, check_points, checked_noise
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_expr
from mzsym.model.values import Number, NumberLike, as_number, number_key
from mzsym.model.weights import Weights, checked_weights

Activation: TypeAlias = str | tuple[str, NumberLike] | sp.Expr

ACTIVATION_SYMBOL = sp.Symbol("z", real=True)
"""The argument of an activation given as an expression, whatever the user called it."""


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
    """

    weights: Weights
    biases: Weights
    activation: str | sp.Expr
    slope: Number | None
    step: Number | None

    def __init__(
        self,
        W: Any,
        b: Any = None,
        activation: Activation = "identity",
        noise: NoiseLike = None,
        step: NumberLike | None = None,
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
        self.__dict__.update(
            weights=weights,
            biases=biases,
            activation=name,
            slope=slope,
            step=None if step is None else as_number(step, "residual(step=)"),
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

    def unbound_symbols(self, n: int) -> frozenset[sp.Symbol]:
        names: set[sp.Symbol] = set()
        if self.weights.values is None:
            names |= set(self.parameter(n, "W"))
        if self.biases.values is None:
            names |= set(self.parameter(n, "b"))
        return frozenset(names)

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
        """Slope and step, where the layer has them."""
        values: dict[sp.Symbol, Number] = {}
        if self.slope is not None:
            values[slope_symbol(n)] = self.slope
        if self.step is not None:
            values[step_symbol(n)] = self.step
        return values

    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "forward(X)")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            Z = array @ self.W.T + self.b
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
        raise self._unknown(n, key)

    def replace(self, n: int, key: object, value: Any) -> DenseLayer:
        W, b, step, noise = self.weights.stated(), self.biases.stated(), self.step, self.noise
        activation: Any = self.activation if self.slope is None else (self.activation, self.slope)
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
        else:
            raise self._unknown(n, key)
        return DenseLayer(W, b, activation, noise[0] if self.shared_noise else noise, step)

    def exact_array(self, which: str) -> AnyArray:
        """W or b with its exact entries: float64, or objects where an entry is no float64."""
        weights = self.weights if which == "W" else self.biases
        weights.require()
        return np.asarray(weights.stated())

    def _unknown(self, n: int, key: object) -> MzError:
        keys = ["W", "b", "scale"] + ["step"] * (self.step is not None) + ["slope"] * (self.slope is not None)
        return MzError(f"Layer {n} has no parameter {key!r}", f"key ({n}, {key!r})", f"It has: {', '.join(keys)}")

    @cached_property
    def _key(self) -> str:
        act = sp.srepr(self.activation) if isinstance(self.activation, sp.Expr) else self.activation
        slope = "" if self.slope is None else number_key(self.slope)
        step = "" if self.step is None else number_key(self.step)
        return f"dense|{act}({slope})|{step}|{self.weights.key()}|{self.biases.key()}|{self.noise_key()}"

    def key(self) -> str:
        return self._key

    def __repr__(self) -> str:
        act = self.activation if self.slope is None else (self.activation, self.slope)
        noise = self.noise[0] if self.shared_noise else list(self.noise)
        arrays = f"{self.weights!r}, {self.biases!r}"
        step = "" if self.step is None else f", step={self.step!r}"
        return f"{'dense' if self.step is None else 'residual'}({arrays}, activation={act!r}{step}, noise={noise!r})"


def dense(W: Any, b: Any = None, *, activation: Activation = "identity", noise: NoiseLike = None) -> DenseLayer:
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
    return DenseLayer(W, b, activation, noise)


def residual(
    W: Any,
    b: Any = None,
    *,
    activation: Activation = "identity",
    step: NumberLike = 1,
    noise: NoiseLike = None,
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
    return DenseLayer(W, b, activation, noise, step)


@lru_cache(maxsize=64)
def _map_exprs(layer: DenseLayer, n: int) -> tuple[sp.Expr, ...]:
    x = [state_symbol(n, j) for j in range(layer.dim_in)]
    out = []
    for i in range(layer.dim_out):
        z = sp.Add(*(weight_symbol(n, i, j) * x[j] for j in range(layer.dim_in)), bias_symbol(n, i))
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
