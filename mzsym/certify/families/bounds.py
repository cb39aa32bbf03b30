"""The three bounds of every layer on one part of a box of parameters, MATH (23), (25), (26).

For uniform measures and the smallest boxes, vol(Omega_{n+1}) ||rho_n||^2 is the product over the components of
c_i (2 r_i + d_i/s_i), with c_i and r_i the squared norm and the reach of the law at scale 1 and d_i the extent of
F_{n,i}(Omega_n): it falls with s, so that the least scale and the largest extent bound it. Total variations fall with s
in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sympy as sp

from mzsym.balls import (
    Interval,
    MatrixBall,
    density_norm_squared,
    interval,
    intervals_of,
    joint_normal_variation,
    partials_of,
    precision,
    shift_variation,
    to_arb,
    upper,
)
from mzsym.certify.sufficient.dobrushin import scale_ball
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol

if TYPE_CHECKING:
    from mzsym.certify.families.parameters import Parameter
    from mzsym.model import Network

LAWS: Final = ("uniform", "truncated_gaussian", "gaussian", "laplace", "deterministic")

ROOM: Final = 2.0**-40
"""By how much, relative, boxes of a member may exceed the smallest ones."""

BOXES: Final = 60
"""Boxes that one end of one image may cost, on one part."""

WHERE: Final = "certify_family(net)"


class FamilyBounds:
    """The bounds of one network with some parameters in intervals.

    Parameters
    ----------
    net : Network
    parameters : sequence of Parameter
    lebesgue : bool
        Whether the measure is Lebesgue's; otherwise the uniform one.
    """

    def __init__(self, net: Network, parameters: Sequence[Parameter], lebesgue: bool) -> None:
        self.net, self.parameters, self.lebesgue = net, list(parameters), lebesgue
        varied = {p.symbol for p in parameters if p.symbol is not None}
        self.scales: list[list[Any]] = []
        self.fixed: list[dict[sp.Symbol, Any]] = []
        with precision():
            for n in range(net.depth):
                self._take(n, varied)

    def _take(self, n: int, varied: set[sp.Symbol]) -> None:
        """Exact values of what does not vary in a layer."""
        net, layer, parameters = self.net, self.net.layers[n], self.parameters
        if not layer.plain_noise or any(noise.name not in LAWS for noise in layer.noise):
            raise MzError(
                f"Layer {n} has a gain, random weights or noise with a density of the user's",
                WHERE,
                "Use noise of a named law that is added to the map",
            )
        values = {**net.shared, **layer.map_bindings(n)}
        self.fixed.append({s: v for s, v in values.items() if s not in varied})
        missing = {s for expr in layer.map_exprs(n) for s in expr.free_symbols}
        missing -= {*varied, *self.fixed[n], *(state_symbol(n, i) for i in range(layer.dim_in))}
        if missing:
            names = ", ".join(sorted(s.name for s in missing))
            raise MzError(f"There is no value for {names}", WHERE, "Bind it, or let it vary")
        stated = any(p.symbol is None and p.layer == n for p in parameters)
        if stated and any(isinstance(noise.scale, sp.Expr) or noise.scale is None for noise in layer.noise):
            raise MzError(f"Layer {n} has no noise scale of its own", WHERE, "Vary what the scale depends on not")
        if any(isinstance(noise.scale, sp.Expr) and noise.scale.free_symbols & varied for noise in layer.noise):
            raise MzError(f"The noise scale of layer {n} depends on what varies", WHERE, "Vary the scale itself")
        balls = [None if law.scale is None else scale_ball(layer, i, net) for i, law in enumerate(layer.noise)]
        self.scales.append([] if stated else balls)

    def of(self, leaf: Sequence[tuple[float, float]]) -> Array:
        """Bounds on a part, shape (L, 3): Hilbert-Schmidt, Dobrushin, Lipschitz."""
        net, found = self.net, np.empty((self.net.depth, 3))
        with precision():
            cell = {p.symbol: interval(ends) for p, ends in zip(self.parameters, leaf, strict=True) if p.symbol}
            given = net.given_domains
            first = net.domain if given is None else given[0]
            assert first is not None, "checked before"
            sides = [interval(side) for side in first.intervals]
            for n in range(net.depth):
                scales = self._scales(n, leaf)
                images, slope = self._images(n, sides, cell)
                following = [
                    image + self._support(n, i, s) for i, (image, s) in enumerate(zip(images, scales, strict=True))
                ]
                if given is None:
                    following = [_widened(side) for side in following]
                else:
                    following = self._stated(n, following)
                extents = [(2 * to_arb(ROOM) * (abs(x.lo).max(abs(x.hi))) + x.width).upper() for x in images]
                found[n] = (
                    self._square(n, sides, following, extents, scales),
                    self._variation(n, extents, scales),
                    slope,
                )
                sides = following
        return found

    def _scales(self, n: int, leaf: Sequence[tuple[float, float]]) -> list[Interval | None]:
        """The scale of every component as an interval; None without noise."""
        for p, ends in zip(self.parameters, leaf, strict=True):
            if p.symbol is None and p.layer == n:
                return [interval(ends) for _ in self.net.layers[n].noise]
        return [None if ball is None else Interval(ball.lower(), ball.upper()) for ball in self.scales[n]]

    def _images(self, n: int, sides: list[Interval], cell: dict[Any, Interval]) -> tuple[list[Interval], float]:
        """Proved hulls of F_n over state and parameters, and a bound of its Lipschitz constants in the state."""
        layer = self.net.layers[n]
        states = [state_symbol(n, i) for i in range(layer.dim_in)]
        exprs = layer.map_exprs(n)
        used = {s for expr in exprs for s in expr.free_symbols}
        box = dict(zip(states, sides, strict=True)) | {s: side for s, side in cell.items() if s in used}
        images = intervals_of(exprs, list(box.values()), list(box), self.fixed[n], max_boxes=BOXES)
        rows = partials_of(exprs, list(box.values()), list(box), self.fixed[n])
        ends = np.array([[slope.floats for slope in row[: len(states)]] for row in rows])
        return images, MatrixBall.between(ends[..., 0], ends[..., 1]).norm()

    def _support(self, n: int, i: int, scale: Interval | None) -> Interval:
        law = self.net.layers[n].noise[i]
        if scale is None:
            return interval(0)
        if not law.bounded:
            return interval((-to_arb(math.inf), to_arb(math.inf)))
        reach = scale.hi * to_arb(_reach(law))
        return interval(((-reach).lower(), reach.upper()))

    def _stated(self, n: int, following: list[Interval]) -> list[Interval]:
        """The given boxes, which have to hold for all members on the part."""
        given = self.net.given_domains
        assert given is not None
        stated = [interval(side) for side in given[n + 1].intervals]
        for i, (inner, outer) in enumerate(zip(following, stated, strict=True)):
            room = to_arb(ROOM) * abs(outer.lo).max(abs(outer.hi))
            if not (outer.lo - room <= inner.lo and inner.hi <= outer.hi + room):
                raise MzError(
                    f"Component {i} of X_{n + 1} is not proved to stay in its given box for all parameters",
                    WHERE,
                    "Give larger domains=, smaller intervals, or domain= only",
                )
        return [_widened(side) for side in stated]

    def _square(
        self,
        n: int,
        sides: list[Interval],
        following: list[Interval],
        extents: list[Any],
        scales: list[Interval | None],
    ) -> float:
        """Upper bound of ||Q_n M_n|| by (23)."""
        laws, tight = self.net.layers[n].noise, self.net.given_domains is None
        product, density, volume = to_arb(1), to_arb(1), to_arb(1)
        for law, extent, side, scale in zip(laws, extents, following, scales, strict=True):
            if scale is None or not law.bounded:
                return math.inf
            c = density_norm_squared(law.name, 1, getattr(law, "cutoff", None))
            reach = to_arb(_reach(law))
            # A box exceeds the smallest one by ROOM of its ends, which are an end of the image plus a reach.
            product *= c * ((2 + 4 * ROOM) * reach + extent / scale.lo)
            density *= c / scale.lo
            volume *= side.width
        if not tight:
            product = density * volume
        square = product - 1
        if self.lebesgue:
            here = to_arb(1)
            for side in sides:
                here *= side.width
            square = here * (density - (1 / volume).lower())
        square = square.upper()
        return upper(square.sqrt()) if square.is_finite() and square > 0 else (0.0 if square <= 0 else math.inf)

    def _variation(self, n: int, extents: list[Any], scales: list[Interval | None]) -> float:
        """Upper bound of alpha_n by (25): independent components, the Gaussian ones together."""
        laws, together = self.net.layers[n].noise, to_arb(1)
        normal = [i for i, law in enumerate(laws) if law.name == "gaussian"]
        if normal:
            shares = [(extents[i], scales[i].lo) for i in normal if scales[i] is not None]  # type: ignore[union-attr]
            together *= 1 - joint_normal_variation([a for a, _ in shares], [b for _, b in shares])
        for i, law in enumerate(laws):
            scale = scales[i]
            if law.name == "gaussian" or extents[i] == 0:
                continue
            if scale is None:
                return 1.0
            moved = shift_variation(law.name, extents[i], scale.lo, getattr(law, "cutoff", None))
            together *= (1 - moved).max(to_arb(0))
        return max(0.0, min(1.0, upper(1 - together)))


def _reach(law: Any) -> Any:
    """Half the support at scale 1."""
    return law.cutoff if law.name == "truncated_gaussian" else 1


def _widened(side: Interval) -> Interval:
    if not side.finite:
        return side
    room = (to_arb(ROOM) * abs(side.lo).max(abs(side.hi))).upper()
    return Interval((side.lo - room).lower(), (side.hi + room).upper())
