"""Layers as their maps of standard normal variables, and their noise, as the proofs in N(0, I) see them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.balls import WHOLE, enclose, intervals_of
from mzsym.balls.gaussian import WeighedNoise, weighed_noise
from mzsym.balls.line import LineMap
from mzsym.core.names import state_symbol
from mzsym.model.dense import DenseLayer
from mzsym.model.values import exact_expr, exact_values

if TYPE_CHECKING:
    from mzsym.model import Network

U = sp.Symbol("u", real=True)


class NormalLayer:
    """Layer n of a network whose state has the law N(0, I).

    Attributes
    ----------
    components : tuple of sympy.Expr
        F_n with exact numbers in the places of all parameters.
    """

    def __init__(self, net: Network, n: int) -> None:
        self.net, self.n, self.layer = net, n, net.layers[n]
        values = exact_values({**net.shared, **self.layer.map_bindings(n)})
        self.components = tuple(expr.xreplace(values) for expr in self.layer.map_exprs(n))
        self.symbols = [state_symbol(n, j) for j in range(net.dims[n])]

    def noise(self) -> list[WeighedNoise] | str:
        """Every component, or why there is no bound."""
        if not self.layer.plain_noise:
            return "bounds in the standard Gaussian measure take noise that is added to a fixed map"
        found = []
        for law, scale in zip(self.layer.noise, self.layer.scale_values(self.net.shared), strict=True):
            if law.deterministic:
                return "there is no noise in some component, so M_n is not Hilbert-Schmidt"
            exact = enclose(law.scale, dict(self.net.shared)) if isinstance(law.scale, sp.Expr) else scale
            one = weighed_noise(law.name, exact, getattr(law, "cutoff", None))
            if isinstance(one, str):
                return one
            found.append(one)
        return found

    @cached_property
    def directions(self) -> tuple[tuple[sp.Expr, ...] | None, ...]:
        """For every component the vector w with F_i a function of w x alone; None where there is none, or it is 0."""
        if self.net.dims[self.n] == 1:
            return tuple((sp.S.One,) for _ in self.components)
        layer = self.layer
        if not isinstance(layer, DenseLayer) or layer.step is not None:
            return tuple(None for _ in self.components)
        rows, columns = range(layer.dim_out), range(layer.dim_in)
        weights = [tuple(exact_expr(layer.weights.entry((i, j))) for j in columns) for i in rows]
        return tuple(row if any(row) else None for row in weights)

    def on_line(self, i: int) -> LineMap | None:
        """Component i as a bounded function of one standard normal variable; None where it is none."""
        direction = self.directions[i]
        if direction is None:
            return None
        length = sp.sqrt(sp.Add(*(w**2 for w in direction)))
        # The sum of the squares is taken before the root, so that the argument stays short.
        short = self.components[i].xreplace({x: w * U for x, w in zip(self.symbols, direction, strict=True)})
        expr = short.xreplace({U: U / length})
        (values,) = intervals_of([expr], [WHOLE], [U])
        return LineMap(expr, U, values) if values.finite else None
