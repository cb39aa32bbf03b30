"""A chain of one-dimensional layers as maps and moments of balls, for proofs about the functions that it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sympy as sp

from mzsym.balls import chebyshev as ch

if TYPE_CHECKING:
    from mzsym.model import Network

NOISE: Final = ("uniform", "truncated_gaussian", "deterministic")
"""Laws whose moments are known in balls."""


class AnalyticChain:
    """The layers of a network from box to box, to be used at a precision of ``chebyshev.BITS``.

    Parameters
    ----------
    net : Network
        Of dimension one, with boxes, and noise of these laws that is added to the maps.
    """

    def __init__(self, net: Network) -> None:
        self.net, self.boxes = net, [box.intervals[0] for box in net.domains]
        # Equal layers on equal boxes are covered by tiles once.
        self._maps: dict[Any, ch.Map] = {}

    def observables(self, target: float) -> list[ch.Near]:
        """u on the last box, one for each of them."""
        net, (x,) = self.net, self.net.state(self.net.depth)
        bound = (self._bound(u, net.depth) for u in net.observable_exprs)
        return [ch.function(u, x, *self.boxes[-1], target) for u in bound]

    def image(self, n: int, columns: list[ch.Near], target: float) -> list[ch.Near]:
        """E v(F_n(x) + xi_n) on the box of X_n for functions v on that of X_{n+1}."""
        return self._map(n).image(columns, self._noise(n), target)

    def _map(self, n: int) -> ch.Map:
        net, boxes = self.net, self.boxes
        key = (net.layers[n].key(), boxes[n], boxes[n + 1])
        if key not in self._maps:
            (expr,) = net.map_exprs(n)
            self._maps[key] = ch.Map.of(self._bound(expr, n), net.state(n)[0], boxes[n], boxes[n + 1])
        return self._maps[key]

    def _bound(self, expr: sp.Expr, n: int) -> sp.Expr:
        """The expression with the exact values of all parameters."""
        values = self.net.bindings(boxes=False)
        return expr.xreplace({s: ch.exact(values[s]) for s in expr.free_symbols - set(self.net.state(n))})

    def _noise(self, n: int) -> ch.Moments:
        layer = self.net.layers[n]
        (noise,), (scale,) = layer.noise, layer.scale_values(self.net.shared)
        half = ch.Side.of(*self.boxes[n + 1]).half
        if noise.deterministic:
            return ch.no_noise()
        if noise.name == "uniform":
            return ch.uniform_moments(scale, half)
        return ch.truncated_normal_moments(scale, getattr(noise, "cutoff", 3), half)
