"""The parameters that vary in a family: keys as of ``with_params``, one scalar each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import bias_symbol, local_symbol, slope_symbol, step_symbol, weight_symbol
from mzsym.model.dense import DenseLayer

if TYPE_CHECKING:
    from mzsym.model import Network

MOST: Final = 32
"""Scalar parameters: each costs one bisection of the box."""

WHERE: Final = "certify_family(intervals=)"


@dataclass(frozen=True)
class Parameter:
    """One scalar that varies.

    Attributes
    ----------
    name : str
    symbol : sympy.Symbol or None
        In the map's expressions; None for a noise scale.
    layer : int
        The first layer that it enters.
    lo, hi : float
    """

    name: str
    symbol: sp.Symbol | None
    layer: int
    lo: float
    hi: float


def parameters_of(net: Network, intervals: Mapping[Any, Any]) -> list[Parameter]:
    """Every scalar with its ends, in the order of the keys.

    Raises
    ------
    MzError
        For an unknown key, ends that are not ordered or not finite, or too many.
    """
    found: list[Parameter] = []
    for key, ends in intervals.items():
        lo, hi = _ends(key, ends)
        for name, symbol, layer, index in _scalars(net, key, np.broadcast_shapes(np.shape(lo), np.shape(hi))):
            low, high = (float(np.broadcast_to(end, np.shape(end) or (1,)).ravel()[0]) for end in (lo, hi))
            if index is not None:
                low, high = _entry(lo, index, name), _entry(hi, index, name)
            found.append(_checked(Parameter(name, symbol, layer, low, high)))
    if len(found) > MOST:
        raise MzError(f"{len(found)} scalars vary, more than {MOST}", WHERE, "Let fewer of them vary")
    if not found:
        raise MzError("No parameter varies", WHERE, "Give some, such as {(0, 'scale'): (0.5, 1)}")
    return found


def _ends(key: Any, ends: Any) -> tuple[Any, Any]:
    try:
        lo, hi = ends
        read = np.vectorize(_exact_float, otypes=[float])
        return read(lo), read(hi)
    except (TypeError, ValueError):
        raise MzError(f"The ends for {key!r} are {ends!r}", WHERE, "Give (lo, hi), numbers or arrays") from None


def _exact_float(value: Any) -> float:
    """A float that is the number; the ends of an interval are not rounded."""
    number = float(value)
    if math.isfinite(number) and not isinstance(value, float) and Fraction(number) != Fraction(sp.Rational(value)):
        raise MzError(f"{value} is no double", WHERE, "Give ends that are exact as doubles, a little further out")
    return number


def _entry(ends: Any, index: tuple[int, ...], name: str) -> float:
    if np.ndim(ends) == 0:
        return float(ends)
    try:
        return float(np.asarray(ends)[index])
    except IndexError:
        raise MzError(f"There is no end for {name}", WHERE, "Give arrays of the parameter's shape") from None


def _scalars(
    net: Network, key: Any, shape: tuple[int, ...]
) -> list[tuple[str, sp.Symbol | None, int, tuple[int, ...] | None]]:
    if not (isinstance(key, tuple) and len(key) == 2):
        symbol = next((s for s in net.shared_symbols if s.name == str(key)), None)
        if symbol is None:
            raise MzError(f"{key!r} is no shared symbol of this network", WHERE, "Give (n, symbol) for a layer's own")
        first = next((n for n in range(net.depth) if symbol in net.layers[n].used_symbols), 0)
        return [(symbol.name, symbol, first, None)]
    n, what = key
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n < net.depth:
        raise MzError(f"There is no layer {n!r}", WHERE, f"Use 0 <= n < {net.depth}")
    n, layer = int(n), net.layers[int(n)]
    if what == "scale":
        return [(f"scale of layer {n}", None, n, None)]
    if isinstance(layer, DenseLayer):
        if what == "W":
            pairs = [(i, j) for i in range(layer.dim_out) for j in range(layer.dim_in)]
            return [(f"W[{n};{i},{j}]", weight_symbol(n, i, j), n, (i, j)) for i, j in pairs]
        if what == "b":
            return [(f"b[{n};{i}]", bias_symbol(n, i), n, (i,)) for i in range(layer.dim_out)]
        single = {"step": (step_symbol(n), layer.step), "slope": (slope_symbol(n), layer.slope)}
        if what in single and single[what][1] is not None:
            return [(f"{what} of layer {n}", single[what][0], n, None)]
    else:
        symbol = next((s for s in layer.local_values() if s.name == str(what)), None)
        if symbol is not None and symbol not in layer.noise_params:
            local = local_symbol(n, symbol)
            return [(local.name, local, n, None)]
    raise MzError(f"Layer {n} has no parameter {what!r} that may vary", WHERE, "Use a key of with_params")


def _checked(p: Parameter) -> Parameter:
    if math.isnan(p.lo) or math.isnan(p.hi) or not p.lo <= p.hi or math.isinf(p.lo):
        raise MzError(f"The ends of {p.name} are {p.lo:g} and {p.hi:g}", WHERE, "Give lo <= hi, finite")
    if math.isinf(p.hi) and p.symbol is not None:
        raise MzError(f"{p.name} has no finite upper end", WHERE, "Only noise scales may grow without end")
    if p.symbol is None and not p.lo > 0.0:
        raise MzError(f"{p.name} starts at {p.lo:g}", WHERE, "Give a positive lower end")
    return p
