"""A chain of one-dimensional layers: functions as polynomials of many digits, on panels where there are kinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls import panels, upper
from mzsym.balls.bounded_noise import smoothed
from mzsym.balls.curves import has_switches
from mzsym.balls.panels import Pieces
from mzsym.balls.piecewise_map import PiecewiseMap
from mzsym.certify.enclosed.carried import CarriedChain
from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.model import Network


KINKED_BITS: Final = 512
KINKED_TARGET: Final = 2.0**-50
KINKED_DEEPEST: Final = {1: 12}


class LineChain(CarriedChain[Pieces]):
    """The layers of a network of dimension one."""

    target: float = ch.TARGET
    finest: ClassVar[float] = 0.0
    deepest: Mapping[int, int] = {1: 256}

    def __init__(self, net: Network) -> None:
        super().__init__(net)
        if any(has_switches(expr) for n in range(net.depth) for expr in net.map_exprs(n)):
            # Break points multiply, and those that are hardly felt are merged; polynomials are short.
            self.bits, self.target, self.deepest = KINKED_BITS, KINKED_TARGET, KINKED_DEEPEST
        # Equal layers on equal boxes are cut and covered by tiles once.
        self._maps: dict[Any, PiecewiseMap] = {}

    def functions(self, exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], n: int, target: float) -> Pieces:
        (x,), (side,) = symbols, self.boxes[n]
        return panels.joined([_function(expr, x, side, target) for expr in exprs])

    def image(self, n: int, functions: Pieces, target: float) -> Pieces:
        mapped, noise = self._map(n), self.noise(n, 0)
        # Averages of polynomials hold everywhere; only panels have ends.
        lo, hi = mapped.range if len(functions.panels) > 1 else (functions.ends[0], functions.ends[-1])
        return mapped.image(smoothed(functions, noise, lo, hi, target), target)

    def joined(self, parts: Sequence[Pieces]) -> Pieces:
        return panels.joined(parts)

    def part(self, functions: Pieces, chosen: slice) -> Pieces:
        return functions[chosen]

    def difference(self, one: Pieces, other: Pieces) -> Pieces:
        return one - other

    def combined(self, functions: Pieces, weights: Array) -> Pieces:
        return panels.combinations(functions, weights.T.tolist())

    def averaged(self, functions: Pieces, axes: Sequence[int]) -> Pieces:
        return panels.averaged(functions) if axes else functions

    def basis(self, indices: Sequence[Sequence[int]]) -> Pieces:
        return Pieces.whole(panels.orthonormal(len(indices)))

    def inner_products(self, indices: Sequence[Sequence[int]], functions: Pieces) -> Any:
        return panels.inner_products(len(indices), functions)

    def norms(self, functions: Pieces) -> list[float]:
        return [upper(norm) for norm in panels.norms(functions)]

    def _map(self, n: int) -> PiecewiseMap:
        net, (side,), (following,) = self.net, self.boxes[n], self.boxes[n + 1]
        key = (net.layers[n].key(), side, following)
        if key not in self._maps:
            (expr,), (x,) = net.map_exprs(n), net.state(n)
            self._maps[key] = PiecewiseMap.of(self.bound(expr, n), x, side, following)
        return self._maps[key]


def _function(expr: sp.Expr, x: sp.Symbol, side: tuple[Any, Any], target: float) -> Pieces:
    if expr.is_polynomial(x):
        return Pieces.whole([ch.polynomial(expr, x, ch.Side.of(*side))])
    # The value itself, on an interval that has all of them: polynomials hold beyond their ends.
    return PiecewiseMap.of(expr, x, side, (-1, 1)).image(Pieces.whole([ch.IDENTITY]), target)
