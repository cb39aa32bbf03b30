"""A chain of layers in a few dimensions: functions as tensor series of doubles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls import range_of, tensor
from mzsym.balls.tensor import Columns
from mzsym.balls.tensor_map import TensorMap, polynomial, smoothed, smoothing
from mzsym.certify.enclosed.carried import CarriedChain
from mzsym.core import MzError
from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.model import Network

MOST_DIMENSIONS: Final = 3

NARROW: Final = 2.0**-20
"""Least half-width of an inner interval, as a share of the domain's: constant maps have a point for their range."""


class TensorChain(CarriedChain[Columns]):
    """The layers of a network of dimension one to three."""

    target: float = 2.0**-40
    finest: ClassVar[float] = 2.0**-40
    deepest: Mapping[int, int] = {2: 64, 3: 12}

    def __init__(self, net: Network) -> None:
        super().__init__(net)
        self._maps: dict[Any, tuple[TensorMap, list[tuple[float, float]]]] = {}
        self._smoothing: dict[Any, Array] = {}

    def functions(self, exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], n: int, target: float) -> Columns:
        return tensor.joined([self._function(expr, symbols, n, target) for expr in exprs])

    def _function(self, expr: sp.Expr, symbols: Sequence[sp.Symbol], n: int, target: float) -> Columns:
        box = self.boxes[n]
        if expr.is_polynomial(*symbols):
            return polynomial(expr, symbols, box)
        (side,) = range_of([expr], box, symbols)
        lo, hi = _widened(side, 1.0)
        # The value itself, a + b y in the unit variable y of its range.
        return TensorMap.of([expr], symbols, box, [(lo, hi)]).image(tensor.line(lo, hi), target)

    def image(self, n: int, functions: Columns, target: float) -> Columns:
        mapped, inner = self._map(n)
        matrices = [self._matrix(n, axis, inner[axis], size) for axis, size in enumerate(functions.sizes)]
        return mapped.image(tensor.chopped(smoothed(functions, matrices), target / 8), target)

    def joined(self, parts: Sequence[Columns]) -> Columns:
        return tensor.joined(parts)

    def part(self, functions: Columns, chosen: slice) -> Columns:
        return functions[chosen]

    def difference(self, one: Columns, other: Columns) -> Columns:
        return one - other

    def combined(self, functions: Columns, weights: Array) -> Columns:
        return tensor.combined(functions, weights)

    def averaged(self, functions: Columns, axes: Sequence[int]) -> Columns:
        return tensor.averaged(functions, axes)

    def basis(self, indices: Sequence[Sequence[int]]) -> Columns:
        return tensor.orthonormal(indices)

    def inner_products(self, indices: Sequence[Sequence[int]], functions: Columns) -> Any:
        return tensor.inner_products(indices, functions)

    def norms(self, functions: Columns) -> list[float]:
        return [float(value) for value in functions.root_mean_squares()]

    def _map(self, n: int) -> tuple[TensorMap, list[tuple[float, float]]]:
        net, box = self.net, self.boxes[n]
        key = (net.layers[n].key(), box, self.boxes[n + 1])
        if key not in self._maps:
            exprs, symbols = [self.bound(expr, n) for expr in net.map_exprs(n)], net.state(n)
            sides = self.boxes[n + 1]
            ranges = range_of(exprs, box, symbols)
            inner = [_widened(found, float(hi - lo) / 2) for found, (lo, hi) in zip(ranges, sides, strict=True)]
            self._maps[key] = TensorMap.of(exprs, symbols, box, inner), inner
        return self._maps[key]

    def _matrix(self, n: int, axis: int, inner: tuple[float, float], size: int) -> Array:
        outer = self.boxes[n + 1][axis]
        # A larger matrix serves smaller sizes as well: a few sizes do.
        size = 16 * -(-size // 16)
        layer = self.net.layers[n]
        key = (layer.noise[axis].key(), layer.scale_values(self.net.shared)[axis], outer, inner, size)
        if key not in self._smoothing:
            self._smoothing[key] = smoothing(self.noise(n, axis).moments, ch.Side.of(*outer), ch.Side.of(*inner), size)
        return self._smoothing[key]


def _widened(side: tuple[float, float], unit: float) -> tuple[float, float]:
    """An interval that is not too narrow to be one; its ends are doubles and exact as such."""
    lo, hi = side
    if not (abs(lo) < float("inf") and abs(hi) < float("inf")):
        raise MzError("A map or observable is not bounded on its box", "certify.tensor_chain", "Bound it")
    least = NARROW * unit
    return (lo, hi) if hi - lo >= 2 * least else (lo - least, hi + least)
