"""A chain of one-dimensional layers: functions as polynomials of many digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls import upper
from mzsym.balls.tables import inner_products, orthonormal
from mzsym.certify.enclosed.carried import CarriedChain
from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.model import Network


class AnalyticChain(CarriedChain[list[ch.Near]]):
    """The layers of a network of dimension one."""

    target: ClassVar[float] = ch.TARGET
    finest: ClassVar[float] = 0.0
    deepest: ClassVar[Mapping[int, int]] = {1: 256}

    def __init__(self, net: Network) -> None:
        super().__init__(net)
        # Equal layers on equal boxes are covered by tiles once.
        self._maps: dict[Any, ch.Map] = {}

    def functions(self, exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], n: int, target: float) -> list[ch.Near]:
        (x,), ((lo, hi),) = symbols, self.boxes[n]
        return [ch.function(expr, x, lo, hi, target) for expr in exprs]

    def image(self, n: int, functions: list[ch.Near], target: float) -> list[ch.Near]:
        return self._map(n).image(functions, self.moments(n, 0), target)

    def joined(self, parts: Sequence[list[ch.Near]]) -> list[ch.Near]:
        return [function for part in parts for function in part]

    def part(self, functions: list[ch.Near], chosen: slice) -> list[ch.Near]:
        return functions[chosen]

    def difference(self, one: list[ch.Near], other: list[ch.Near]) -> list[ch.Near]:
        return [f - g for f, g in zip(one, other, strict=True)]

    def combined(self, functions: list[ch.Near], weights: Array) -> list[ch.Near]:
        return [ch.combined(functions, column.tolist()) for column in weights.T]

    def averaged(self, functions: list[ch.Near], axes: Sequence[int]) -> list[ch.Near]:
        return [ch.averaged(function) for function in functions] if axes else functions

    def basis(self, indices: Sequence[Sequence[int]]) -> list[ch.Near]:
        return orthonormal(len(indices))

    def inner_products(self, indices: Sequence[Sequence[int]], functions: list[ch.Near]) -> Any:
        return inner_products(self.basis(indices), functions)

    def norms(self, functions: list[ch.Near]) -> list[float]:
        return [upper(function.mean_square_root()) for function in functions]

    def _map(self, n: int) -> ch.Map:
        net, (side,), (following,) = self.net, self.boxes[n], self.boxes[n + 1]
        key = (net.layers[n].key(), side, following)
        if key not in self._maps:
            (expr,), (x,) = net.map_exprs(n), net.state(n)
            self._maps[key] = ch.Map.of(self.bound(expr, n), x, side, following)
        return self._maps[key]
