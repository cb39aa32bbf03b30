"""Dense and residual layers: they hold arrays, and their expressions carry the entries' symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
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
from mzsym.model.values import MAX_DIM, Number, NumberLike, as_number, number_key

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
    activation : str or sympy.Expr
        Name in the primitive table, or an expression in one symbol.
    slope : number or None
        Of leaky_relu.
    step : number or None
        h of a residual layer.
    exact : mapping
        (i, j) of W or (i,) of b -> the exact value of an entry that is no float64.
    """

    W: Array
    b: Array
    activation: str | sp.Expr
    slope: Number | None
    step: Number | None
    exact: Mapping[tuple[int, ...], Fraction]

    def __init__(
        self,
        W: Any,
        b: Any = None,
        activation: Activation = "identity",
        noise: NoiseLike = None,
        step: NumberLike | None = None,
    ) -> None:
        weights, exact = _checked_array(W, 2, "W")
        rows, columns = weights.shape
        bias, exact_bias = _checked_array(np.zeros(rows) if b is None else b, 1, "b")
        if len(bias) != rows:
            raise MzError(f"W has {rows} rows and b has {len(bias)} entries", "dense(W, b)", "Give b of shape (out,)")
        if step is not None and rows != columns:
            raise MzError(f"W has shape {weights.shape}", "residual(W, b)", "A residual layer needs a square W")
        name, slope = _checked_activation(activation)
        laws, shared = checked_noise(noise, rows, "dense(noise=)")
        self.__dict__.update(
            W=weights,
            b=bias,
            exact=exact | exact_bias,
            activation=name,
            slope=slope,
            step=None if step is None else as_number(step, "residual(step=)"),
            noise=laws,
            shared_noise=shared,
            dim_in=columns,
            dim_out=rows,
        )

    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        x = [state_symbol(n, j) for j in range(self.dim_in)]
        out = []
        for i in range(self.dim_out):
            z = sp.Add(*(weight_symbol(n, i, j) * x[j] for j in range(self.dim_in)), bias_symbol(n, i))
            g = self.activation_expr(n, z)
            out.append(g if self.step is None else x[i] + step_symbol(n) * g)
        return tuple(out)

    def activation_expr(self, n: int, z: sp.Expr) -> sp.Expr:
        """act(z) as SymPy."""
        if isinstance(self.activation, sp.Expr):
            return self.activation.xreplace({_variable(self.activation): z})
        row = PRIMITIVES[self.activation]
        return row.expr(z) if self.slope is None else row.expr(z, slope_symbol(n))

    def map_bindings(self, n: int) -> dict[sp.Symbol, Number]:
        values: dict[sp.Symbol, Number] = {}
        for i in range(self.dim_out):
            for j in range(self.dim_in):
                values[weight_symbol(n, i, j)] = self.weight(i, j)
            values[bias_symbol(n, i)] = self.bias(i)
        return values | self.scalars(n)

    def scalars(self, n: int) -> dict[sp.Symbol, Number]:
        """Slope and step, where the layer has them."""
        values: dict[sp.Symbol, Number] = {}
        if self.slope is not None:
            values[slope_symbol(n)] = self.slope
        if self.step is not None:
            values[step_symbol(n)] = self.step
        return values

    def weight(self, i: int, j: int) -> Number:
        """Entry (i, j) of W, exactly."""
        return self.exact.get((i, j)) or float(self.W[i, j])

    def bias(self, i: int) -> Number:
        """Entry i of b, exactly."""
        return self.exact.get((i,)) or float(self.b[i])

    def forward(self, X: Array, shared: Mapping[sp.Symbol, Number] | None = None) -> Array:
        array = check_points(X, self.dim_in, "forward(X)")
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
        W, b, step, noise = self.exact_array("W"), self.exact_array("b"), self.step, self.noise
        activation: Any = self.activation if self.slope is None else (self.activation, self.slope)
        if key in ("W", "b"):
            shape = self.W.shape if key == "W" else self.b.shape
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
        array = self.W if which == "W" else self.b
        entries = {index: value for index, value in self.exact.items() if len(index) == array.ndim}
        if not entries:
            return array
        out = array.astype(object)
        for index, value in entries.items():
            out[index] = value
        return out

    def _unknown(self, n: int, key: object) -> MzError:
        keys = ["W", "b", "scale"] + ["step"] * (self.step is not None) + ["slope"] * (self.slope is not None)
        return MzError(f"Layer {n} has no parameter {key!r}", f"key ({n}, {key!r})", f"It has: {', '.join(keys)}")

    @cached_property
    def _key(self) -> str:
        act = sp.srepr(self.activation) if isinstance(self.activation, sp.Expr) else self.activation
        slope = "" if self.slope is None else number_key(self.slope)
        step = "" if self.step is None else number_key(self.step)
        # + 0.0 makes -0.0 and 0.0, which are one number, one text.
        values = (self.W + 0.0).tobytes().hex() + "|" + (self.b + 0.0).tobytes().hex()
        exact = ";".join(f"{index}={value}" for index, value in sorted(self.exact.items()))
        return f"dense|{self.W.shape}|{act}({slope})|{step}|{values}|{exact}|{self.noise_key()}"

    def key(self) -> str:
        return self._key

    def __repr__(self) -> str:
        act = self.activation if self.slope is None else (self.activation, self.slope)
        noise = self.noise[0] if self.shared_noise else list(self.noise)
        small = self.W.size <= 16
        arrays = f"{self.W.tolist()}, {self.b.tolist()}" if small else f"W of shape {self.W.shape}, b"
        step = "" if self.step is None else f", step={self.step!r}"
        return f"{'dense' if self.step is None else 'residual'}({arrays}, activation={act!r}{step}, noise={noise!r})"


def dense(W: Any, b: Any = None, *, activation: Activation = "identity", noise: NoiseLike = None) -> DenseLayer:
    """Layer X' = act(W X + b) + xi, MATH (1).

    Parameters
    ----------
    W : array of shape (out, in)
    b : array of shape (out,), optional
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


def _checked_array(values: Any, ndim: int, name: str) -> tuple[Array, dict[tuple[int, ...], Fraction]]:
    """The array as read-only float64, and the exact entries that are no floats."""
    where, shape = f"dense, {name}", "(out, in)" if ndim == 2 else "(out,)"
    try:
        array = np.asarray(values.tolist() if isinstance(values, sp.MatrixBase) else values)
    except ValueError:
        raise MzError(f"{name} is ragged", where, f"Give an array of shape {shape}") from None
    if array.ndim != ndim or array.size == 0:
        raise MzError(f"{name} has shape {array.shape}", where, f"Give a non-empty array of shape {shape}")
    if max(array.shape) > MAX_DIM:
        raise MzError(f"{name} has shape {array.shape}", where, f"Dimensions up to {MAX_DIM} are supported")
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        out = array.astype(np.float64)
        bad = np.argwhere(~np.isfinite(out))
        if len(bad):
            at = tuple(int(k) for k in bad[0])
            raise MzError(f"The entry {list(at)} of {name} is {out[at]}", where, "Give finite numbers")
        exact: dict[tuple[int, ...], Fraction] = {}
    else:
        out, exact = _exact_entries(array, where, name)
    out.setflags(write=False)
    return out, exact


def _exact_entries(array: AnyArray, where: str, name: str) -> tuple[Array, dict[tuple[int, ...], Fraction]]:
    out = np.empty(array.shape)
    exact: dict[tuple[int, ...], Fraction] = {}
    for index, value in np.ndenumerate(array):
        number = as_number(value, f"{where}, entry {list(index)}")
        out[index] = float(number)
        if Fraction(float(out[index])) != Fraction(number):
            exact[index] = Fraction(number)
    return out, exact


__all__: Sequence[str] = ["DenseLayer", "dense", "residual"]
