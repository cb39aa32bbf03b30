"""Proved enclosures of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}|| of a layer in dimension one, MATH (24)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp

from mzsym.balls import density_norm_squared, enclose, lower, precision, to_arb, upper
from mzsym.balls.averages import AverageQuadrature, Density, density_pieces
from mzsym.balls.crossings import NextBasis, Quadrature
from mzsym.balls.curves import Curve, curve_of, left_out, on_unit_interval, weighted_slope
from mzsym.calculus.laws import Law
from mzsym.certify.sharp.averaged import averaged, raised_by_tail
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure, better, inner_width, without
from mzsym.certify.sharp.ends import UNKNOWN, Edge, Ends, of_averages, of_uniform, with_constant
from mzsym.certify.sharp.schur import bounds, interior, whole
from mzsym.certify.sharp.smoothed import smoothed
from mzsym.certify.sharp.two_valued import TwoValued
from mzsym.core import MzError
from mzsym.core.names import NOISE_VARIABLE, state_symbol
from mzsym.evaluate.blas import blas_threads
from mzsym.model import Noise
from mzsym.model.values import exact_expr, exact_values
from mzsym.projections.measures import BOX_MEASURES

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.noise import AbstractNoise
    from mzsym.projections import TotalDegree

WIDTH = 1e-4
"""Relative width of an enclosure that is asked for by default."""

FIRST, LAST = 40, 640
"""Numbers of Legendre functions, at first and at most: the budget."""

LAST_AVERAGED, MORE = 256, 24
"""The same for noise that is not uniform, and how many more functions the next layer gets."""

ENTRANCE, MOST_FOR_ENDS = 128, 120
"""Functions of the next layer, where the noise is not uniform, and of this one for the ends of memory kernels."""

TOLERANCE = 1e-11
"""Error of quadrature, before the factor 1/(4 s^2)."""

_T = sp.Symbol("t", real=True)


def reason_against(net: Network, projection: Any, n: int) -> str:
    """Why the method does not take a layer on; empty where it does."""
    layer = net.layers[n]
    if projection.measure not in BOX_MEASURES:
        return "sharp enclosures need a measure on boxes"
    if not layer.plain_noise:
        return "sharp enclosures take noise that is added to a fixed map, without gain and random weights"
    if (net.dims[n], net.dims[n + 1]) != (1, 1):
        sides = f"dimension {net.dims[n]} to {net.dims[n + 1]}"
        return f"sharp enclosures are for noise in dimensions one and two, and the layer maps {sides}"
    if not layer.noise[0].bounded or layer.noise[0].deterministic:
        return "sharp enclosures need noise with a density of bounded support"
    return ""


def sharp_enclosure(net: Network, projection: TotalDegree, n: int, width: float = WIDTH) -> Enclosure:
    """Enclose both norms of layer n, with more functions until the width is reached or the budget is spent.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : TotalDegree
        In a measure on boxes.
    n : int
    width : float
        Relative width asked for, of both.

    Returns
    -------
    Enclosure
        With the reason where it is wider, or there is none.
    """
    reason = reason_against(net, projection, n)
    if reason:
        return without(reason)
    best = NOTHING
    with precision(), blas_threads():
        try:
            jump = TwoValued.of(_mapped(net, n), _T)
            if jump is not None:
                return _with_jump(net, projection, n, jump)
            problem = Problem.of(net, projection, n)
            size, last = max(FIRST, problem.degree + 24), LAST if problem.density is None else LAST_AVERAGED
            while size <= last:
                best = better(best, problem.level(size))
                reached = max(best.width, inner_width(best))
                if reached <= width:
                    return replace(best, ends=problem.ends(min(best.functions, MOST_FOR_ENDS)))
                size = _next(size, reached / width, last)
            if best.functions:
                best = replace(best, ends=problem.ends(min(best.functions, MOST_FOR_ENDS)))
        except MzError as error:
            return _with_reason(best, error.what)
    if not best.functions:
        return _with_reason(best, f"degree {problem.degree} is too large")
    return _with_reason(best, f"the width {best.width:.1e} is what {best.functions} functions give")


def _next(size: int, excess: float, last: int) -> int:
    """More functions: the width falls at least like size^-3, once it falls."""
    factor = min(2.5, max(1.3, 1.1 * excess**0.25)) if excess < 1e3 else 1.6
    return max(size + 1, last if size < last < size * factor else int(size * factor))


def _with_reason(found: Enclosure, reason: str) -> Enclosure:
    return replace(found, reason=f"sharp: {reason}")


@dataclass(frozen=True, eq=False)
class Problem:
    """One layer with its map on [-1, 1]."""

    curve: Curve
    half_width: Any
    following: NextBasis
    degree: int
    scale: Any
    """Square of the factor from a norm in L^2(-1, 1) to the norm in the projection's measure."""
    density: Density | None
    """None where the noise is uniform."""

    @classmethod
    def of(cls, net: Network, projection: TotalDegree, n: int) -> Problem:
        noise, shared = net.layers[n].noise[0], net.shared
        s, density = to_arb(0), None
        if noise.name == "uniform":
            s = enclose(noise.scale, shared) if isinstance(noise.scale, sp.Expr) else to_arb(noise.scale)
        else:
            density = density_of(noise, shared)
        middle, half = _next_box(net, n)
        degree = projection.degree_of(projection.size(1) - 1, 1)
        following = NextBasis(to_arb(middle), to_arb(half), degree)
        return cls(curve_of(_mapped(net, n), _T), s, following, degree, _scale(net, projection, n), density)

    def level(self, size: int) -> Enclosure:
        """The enclosure with this many functions."""
        # The straight replacement on the gaps moves M by at most this.
        moved = left_out(self.curve).sqrt() * self._variation()
        if not self.curve.branches:
            # Q M is 0 for a constant map.
            most = self._root(to_arb(0), moved, upper)
            return Enclosure(0.0, most, 0.0, most, size)
        factor, outer, inner = self._uniform(size) if self.density is None else self._averaged(self.density, size)
        return Enclosure(
            self._root(to_arb(outer[0]) * factor, -moved, lower),
            self._root(to_arb(outer[1]) * factor, moved, upper),
            self._root(to_arb(inner[0]) * factor, -moved, lower),
            self._root(to_arb(inner[1]) * factor, moved, upper),
            size,
        )

    def _variation(self) -> Any:
        """Total variation of the density."""
        return 1 / self.half_width if self.density is None else self.density.variation

    def _uniform(self, size: int) -> tuple[Any, tuple[float, float], tuple[float, float]]:
        """A factor and bounds that it makes bounds of ||Q M||^2 and ||Q M Q'||^2."""
        nodes = Quadrature(self.curve, self.half_width, self.following, size, TOLERANCE).run()
        found = smoothed(nodes, size, self.degree, float(self.following.half))
        # TV(rho)^2 = 1/s^2; half of it where the two shifted images do not meet.
        levels = [gap.level for gap in self.curve.gaps]
        apart = all(abs(a - b) < 2 * self.half_width for a in levels for b in levels)
        mu = upper(weighted_slope(self.curve) * (2 if apart else 4) / (size * (size + 1)))
        factor = 1 / (4 * self.half_width**2)
        return factor, whole(found, self.degree, mu), interior(found, self.degree, mu)

    def _averaged(self, density: Density, size: int) -> tuple[Any, tuple[float, float], tuple[float, float]]:
        """As ``_uniform``, for any density."""
        count = size + MORE
        nodes = AverageQuadrature(self.curve, density, self.following, size, count, TOLERANCE).run()
        found = averaged(nodes, size, count, float(self.following.half), upper(density.square))
        mu = upper(weighted_slope(self.curve) * density.variation**2 / (size * (size + 1)))
        outer = bounds(*found.matrices(0), self.degree, mu)
        inner = bounds(*found.matrices(self.degree + 1), self.degree, mu)
        return to_arb(1), raised_by_tail(outer, found.tail), raised_by_tail(inner, found.tail)

    def ends(self, size: int) -> Ends:
        """Upper bounds of ||M Q'||, ||P M Q'|| and ||Q M P'|| with this many functions."""
        if not self.curve.branches:
            return UNKNOWN
        size = max(size, self.degree + MORE)
        mu = weighted_slope(self.curve) * self._variation() ** 2 / (size * (size + 1))
        if self.density is None:
            following = NextBasis(self.following.middle, self.following.half, max(1, self.degree))
            nodes = Quadrature(self.curve, self.half_width, following, size, TOLERANCE).run()
            edge = Edge.of(self.curve.gaps[-1].level, self.half_width, following, self.degree)
            found = with_constant(nodes, size, self.degree, float(following.half), edge)
            squares = of_uniform(found, self.degree, upper(mu))
            factor = 1 / (4 * self.half_width**2)
        else:
            count = max(ENTRANCE, self.degree + MORE)
            averages = AverageQuadrature(self.curve, self.density, self.following, size, count, TOLERANCE).run()
            means = averaged(averages, size, count, float(self.following.half), upper(self.density.square))
            squares, factor = of_averages(means, self.degree, upper(mu)), to_arb(1)
        moved = left_out(self.curve).sqrt() * self._variation()
        entrance, resolved, out = (self._root(to_arb(square) * factor, moved, upper) for square in squares)
        # Averages of constants are constants.
        return Ends(entrance, resolved, out if self.degree else 0.0)

    def _root(self, square: Any, moved: Any, end: Any) -> float:
        if not square.is_finite():
            return math.inf
        return float(max(0.0, end((square.sqrt() + moved) * self.scale.sqrt())))


def _mapped(net: Network, n: int) -> sp.Expr:
    """F_n as an expression in t, exact numbers in the places of all parameters."""
    layer = net.layers[n]
    values = exact_values({**net.shared, **layer.map_bindings(n)})
    ((lo, hi),) = net.domains[n].intervals
    return on_unit_interval(layer.map_exprs(n)[0].xreplace(values), state_symbol(n, 0), lo, hi, _T)


def _next_box(net: Network, n: int) -> tuple[sp.Rational, sp.Rational]:
    """Middle and half-width of Omega_{n+1}."""
    ((lo, hi),) = net.domains[n + 1].intervals
    return sp.Rational((Fraction(lo) + Fraction(hi)) / 2), sp.Rational((Fraction(hi) - Fraction(lo)) / 2)


def _scale(net: Network, projection: TotalDegree, n: int) -> Any:
    """dx = a dt on the left; in uniform measures squares of norms are divided by the volumes 2a and 2 half."""
    if projection.measure == "uniform":
        return to_arb(_next_box(net, n)[1])
    ((lo, hi),) = net.domains[n].intervals
    return to_arb(Fraction(hi) - Fraction(lo)) / 2


def _with_jump(net: Network, projection: TotalDegree, n: int, jump: TwoValued) -> Enclosure:
    """The enclosure for a map of two values, as narrow as the balls."""
    degree = projection.degree_of(projection.size(1) - 1, 1)
    law = exact_law(net.layers[n].noise[0], net.shared)
    squares = jump.squares(law, degree, *_next_box(net, n))
    if not squares[0].is_finite():
        return without("sharp: an integral of the noise density is not proved")
    ends = []
    for square in (ball * _scale(net, projection, n) for ball in squares):
        low, high = square.lower(), square.upper()
        ends += [lower(low.sqrt()) if low > 0 else 0.0, upper(high.sqrt()) if high > 0 else 0.0]
    return Enclosure(ends[0], ends[1], ends[2], min(ends[1], ends[3]), degree + 1)


def exact_law(noise: AbstractNoise, shared: Mapping[sp.Symbol, Any]) -> Law:
    """The noise law with exact numbers."""
    if isinstance(noise, Noise):
        return noise.numeric_law
    scale: Any = noise.scale
    if isinstance(scale, sp.Expr):
        return noise.law(scale.xreplace(exact_values(shared)))
    return noise.law(exact_expr(scale))


def density_of(noise: AbstractNoise, shared: Mapping[sp.Symbol, Any]) -> Density:
    """The density of a noise law in pieces."""
    law = exact_law(noise, shared)
    if isinstance(noise, Noise):
        square = noise.norm_squared()
    else:
        scale: Any = noise.scale
        ball = enclose(scale, shared) if isinstance(scale, sp.Expr) else to_arb(scale)
        square = density_norm_squared(noise.name, ball, getattr(noise, "cutoff", None))
    if not square.is_finite():
        raise MzError("the noise density is not proved to be square integrable", "certify", "Use another density")
    ends = law.support
    return density_pieces(law.density(NOISE_VARIABLE), NOISE_VARIABLE, (ends[0], *law.breaks, ends[1]), square)
