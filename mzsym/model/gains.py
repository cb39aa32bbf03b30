"""Multiplicative noise and random weights as a layer states them: checks, draws and what stays bounded, MATH (1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.noise import AbstractNoise, Deterministic
from mzsym.model.statements import checked_expr
from mzsym.model.values import Number

Gain: TypeAlias = tuple[sp.Expr, ...] | sp.ImmutableMatrix | None
"""None: X' = F + xi. A tuple: X'_i = F_i + G_i xi_i. A matrix: X' = F + G xi, one noise law per column."""

_ROWS = tuple(row for row in PRIMITIVES.values() if isinstance(row.expr, type))

BOUNDED_HEADS = frozenset(
    {row.expr for row in _ROWS if all(end.is_finite for end in row.image)} | {sp.erfc, sp.sign, sp.Heaviside}
)
"""Functions that stay bounded on the whole line."""

LOCALLY_BOUNDED = frozenset({row.expr for row in _ROWS} | {sp.sinh, sp.cosh, sp.asinh, sp.Max, sp.Min})
"""Functions that are bounded on every bounded set of arguments."""


@dataclass(frozen=True)
class RandomWeight:
    """One random symbol of a layer: independent of all others, and redrawn at every pass.

    Attributes
    ----------
    symbol : Symbol
        As it stands in the layer's map.
    noise : AbstractNoise
        What the user stated.
    law : Law
        The symbolic law of the symbol.
    scale : sympy.Expr
        Its scale, in the symbols of the layer and shared ones; 0 where it has none.
    """

    symbol: sp.Symbol
    noise: AbstractNoise
    law: Law
    scale: sp.Expr


def checked_gain(gain: Any, rows: int, inputs: Sequence[sp.Symbol], params: Collection[sp.Symbol]) -> Gain:
    """A gain as a tuple of ``rows`` expressions or a matrix with as many rows, in the checked symbols of the layer.

    Raises
    ------
    MzError
        For another length, or what is no expression in the state, the parameters and shared symbols.
    """
    if gain is None:
        return None
    where = "Layer(gain=)"
    if isinstance(gain, sp.MatrixBase):
        if gain.rows != rows or not gain.cols:
            raise MzError(
                f"The gain has shape {gain.shape} and the layer {rows} components",
                where,
                "Give a matrix of shape (components, noise columns), or a list with one expression per component",
            )
        entries = [checked_expr(entry, inputs, f"{where}, entry {k}", params) for k, entry in enumerate(gain)]
        return sp.ImmutableMatrix(gain.rows, gain.cols, entries)
    listed = list(gain) if isinstance(gain, (list, tuple)) else [gain] * rows
    if len(listed) != rows:
        raise MzError(
            f"{len(listed)} gains were given for {rows} components", where, "Give one expression, or one per component"
        )
    return tuple(checked_expr(expr, inputs, f"{where}, component {i}", params) for i, expr in enumerate(listed))


def gain_entries(gain: Gain) -> tuple[sp.Expr, ...]:
    """All expressions of a gain."""
    return () if gain is None else tuple(gain)


def noise_row(gain: Gain, i: int, xi: Sequence[sp.Symbol]) -> sp.Expr:
    """Component i of G xi."""
    if gain is None:
        return xi[i]
    if isinstance(gain, tuple):
        return gain[i] * xi[i]
    return sp.Add(*(gain[i, j] * xi[j] for j in range(gain.cols)))


def column(gain: Gain, j: int) -> tuple[sp.Expr, ...]:
    """The gains of the noise column j; none where there is no gain."""
    if gain is None:
        return (sp.S.One,)
    return (gain[j],) if isinstance(gain, tuple) else tuple(gain[i, j] for i in range(gain.rows))


def applied(gain: Gain, values: Array, xi: Array) -> Array:
    """G xi at points: values of the gain's entries, shape (points, entries), and draws of shape (points, columns)."""
    if not isinstance(gain, sp.ImmutableMatrix):
        return np.asarray(values * xi)
    return np.asarray(np.einsum("pij,pj->pi", values.reshape(len(xi), gain.rows, gain.cols), xi))


def gain_key(gain: Gain, place: Mapping[sp.Symbol, sp.Symbol]) -> str:
    """Canonical text of a gain, empty where there is none."""
    if gain is None:
        return ""
    text = ";".join(sp.srepr(entry.xreplace(place)) for entry in gain_entries(gain))
    shape = "diagonal" if isinstance(gain, tuple) else f"{gain.rows}x{gain.cols}"
    return f"|gain:{shape}:{text}"


def checked_weight_law(law: Any, what: str, where: str) -> AbstractNoise:
    """A law of random weights."""
    if not isinstance(law, AbstractNoise):
        raise MzError(f"{law!r} is not a noise law", where, "Use mz.Gaussian(s), mz.Uniform(s) or another noise law")
    if isinstance(law, Deterministic):
        raise MzError(f"{what} has no randomness", where, "Leave the law out, or give one with a scale")
    if law.params:
        raise MzError(
            f"{what} has a law with parameters of its own", where, "Write their values into the density, exactly"
        )
    return law


def check_apart(
    random: Collection[sp.Symbol], gain: Gain, laws: Sequence[AbstractNoise], weights: Sequence[AbstractNoise]
) -> None:
    """Refuse random weights in a gain or in a noise scale: each random symbol enters by the map alone."""
    for expr in gain_entries(gain):
        _refuse(random & expr.free_symbols, "the gain", "Layer(gain=)")
    for law in (*laws, *weights):
        if isinstance(law.scale, sp.Expr):
            _refuse(random & law.scale.free_symbols, "a noise scale", "Layer(noise=)")


def _refuse(found: Collection[sp.Symbol], what: str, where: str) -> None:
    if found:
        names = ", ".join(sorted(symbol.name for symbol in found))
        raise MzError(
            f"The random weight {names} stands in {what}",
            where,
            "Random weights stand in the map only; a product of two random quantities needs two layers",
        )


def stays_bounded(expr: sp.Expr, wild: Collection[sp.Symbol]) -> bool:
    """Whether an expression is proved bounded while some symbols run over the whole line and the others stay put.

    Read off the structure: False says only that the structure does not show it.

    Examples
    --------
    >>> x, w = sp.symbols("x w", real=True)
    >>> stays_bounded(x + sp.tanh(w * x), {w}), stays_bounded(w * x, {w}), stays_bounded(sp.exp(-(w**2)), {w})
    (True, False, True)
    """
    if not expr.has_free(*wild) or expr.func in BOUNDED_HEADS:
        return True
    if isinstance(expr, sp.exp):
        return bool(expr.args[0].is_extended_nonpositive) or stays_bounded(expr.args[0], wild)
    if expr.is_Symbol:
        return False
    if expr.is_Pow:
        return bool(expr.exp.is_nonnegative and not expr.exp.has_free(*wild)) and stays_bounded(expr.base, wild)
    if expr.is_Add or expr.is_Mul or expr.func in LOCALLY_BOUNDED:
        return all(stays_bounded(arg, wild) for arg in expr.args)
    return False


def draw(
    weights: Sequence[RandomWeight], scales: Sequence[Number], rng: np.random.Generator, points: int
) -> dict[sp.Symbol, Array]:
    """One value of every random symbol for every point."""
    pairs = zip(weights, scales, strict=True)
    return {weight.symbol: weight.noise.sample(rng, points, float(scale)) for weight, scale in pairs}
