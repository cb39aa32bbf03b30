"""Functions on [-1, 1] as polynomials with a proved distance in the largest absolute value.

A polynomial of exact coefficients stands for every function within ``error`` of it. Averages over noise take
polynomials to polynomials exactly, MATH (17); what a map makes of one is interpolated in the zeros of T_N, where

  |f - p| <= 4 M rho^-N / (1 - 1/rho)

if f is analytic and at most M on the ellipse of Bernstein radius rho: f = sum a_k T_k with |a_k| <= 2 M rho^-k, and the
interpolant differs from the first N terms by what the others are aliased to, MATH (24j). Analyticity is proved on tiles
that cover the ellipse and its inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import flint
import sympy as sp

from mzsym.balls.expressions import enclose
from mzsym.balls.numbers import Arb, precision, to_arb
from mzsym.balls.programs import Program
from mzsym.core import MzError

BITS = 768
"""Of all polynomials: monomial coefficients cancel."""

ROUGH = 96
"""Bits of what is bounded, and not computed, at complex balls."""

MOST = 224
"""Largest number of nodes."""

TARGET = 2.0**-64
"""Error of an interpolation that is aimed at, unless another one is stated."""

RADII = (1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35, 1.4, 1.5, 1.6, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)

TILES, STEP, ARCS = 96, 0.06, 384
"""Tiles along half an ellipse that prove a map analytic, the width of their rings, and arcs on which it is bounded."""

WHERE = "balls.chebyshev"

T = sp.Symbol("t", real=True)


@dataclass(frozen=True, eq=False)
class Near:
    """Every function on [-1, 1] within ``error`` of a polynomial.

    Attributes
    ----------
    poly : flint.arb_poly
        Exact coefficients.
    error : flint.arb
        Not negative; its upper end counts.
    """

    poly: Any
    error: Arb

    @classmethod
    def of(cls, poly: Any, error: Arb | None = None) -> Near:
        """With the radii of the coefficients moved into the error: |t| <= 1."""
        coefs = poly.coeffs()
        radii = sum((flint.arb(c.rad()) for c in coefs), flint.arb(0) if error is None else error)
        return cls(flint.arb_poly([c.mid() for c in coefs]), radii.upper())

    def __sub__(self, other: Near) -> Near:
        return Near.of(self.poly - other.poly, self.error + other.error)

    def mean_square_root(self) -> Arb:
        """An upper bound of the norm in L^2 of the uniform law on [-1, 1]."""
        whole = (self.poly * self.poly).integral()
        square = (whole(flint.arb(1)) - whole(flint.arb(-1))) / 2
        return (square.abs_upper().sqrt() + self.error).upper()


IDENTITY = Near(flint.arb_poly([0, 1]), flint.arb(0))
"""The function t."""


def combined(functions: Sequence[Near], weights: Sequence[float]) -> Near:
    """The sum of weights times functions, for exact weights."""
    total, error = flint.arb_poly([]), flint.arb(0)
    for function, weight in zip(functions, weights, strict=True):
        total, error = total + function.poly * flint.arb(weight), error + function.error * abs(weight)
    return Near.of(total, error)


def averaged(function: Near) -> Near:
    """The mean over [-1, 1], as a constant function."""
    whole = function.poly.integral()
    return Near.of(flint.arb_poly([(whole(flint.arb(1)) - whole(flint.arb(-1))) / 2]), function.error)


@dataclass(frozen=True, eq=False)
class Moments:
    """The noise of a layer: E[(xi/half)^k] as balls, k < MOST."""

    values: tuple[Arb, ...]

    def averaged(self, poly: Any, unit: Arb | None = None) -> Any:
        """z -> E p(z + xi) = sum_k p^(k)(z)/k! E xi^k, lengths in ``unit`` where one is given.

        Raises
        ------
        MzError
            For a degree whose moments are not known.
        """
        if poly.length() > len(self.values):
            raise MzError(f"A polynomial of degree {poly.length() - 1} is averaged", WHERE, "Use a lower degree")
        total, derivative, factor = flint.arb_poly([]), poly, flint.arb(1)
        for k in range(poly.length()):
            if k:
                derivative, factor = derivative.derivative(), factor * k
                factor = factor if unit is None else factor * unit
            if self.values[k] != 0:
                total = total + derivative * (self.values[k] / factor)
        return total


def uniform_moments(half_width: Any, half: Any) -> Moments:
    """Of uniform noise; ``half`` is the unit of length."""
    s = to_arb(half_width) / to_arb(half)
    return Moments(tuple(flint.arb(0) if k % 2 else s**k / (k + 1) for k in range(MOST)))


def truncated_normal_moments(scale: Any, cutoff: Any, half: Any) -> Moments:
    """Of normal noise conditioned on |xi| <= cutoff * scale: m_k = (k-1) s^2 m_(k-2) - 2 (c s)^(k-1) s^2 rho(c s)."""
    s, c = to_arb(scale) / to_arb(half), to_arb(cutoff)
    density = (-c * c / 2).exp() / ((2 * flint.arb.pi()).sqrt() * s * (c / flint.arb(2).sqrt()).erf())
    values = [flint.arb(1), flint.arb(0)]
    for k in range(2, MOST):
        even = (k - 1) * s * s * values[k - 2] - 2 * (c * s) ** (k - 1) * s * s * density
        values.append(flint.arb(0) if k % 2 else even)
    return Moments(tuple(values))


def no_noise() -> Moments:
    """Of a layer without noise."""
    return Moments((flint.arb(1), *(flint.arb(0) for _ in range(MOST - 1))))


@dataclass(frozen=True, eq=False)
class Side:
    """An interval as middle and half-width, both balls."""

    middle: Arb
    half: Arb

    @classmethod
    def of(cls, lo: Any, hi: Any) -> Side:
        """Of two exact numbers."""
        low, high = to_arb(lo), to_arb(hi)
        return cls((low + high) / 2, (high - low) / 2)


def polynomial(expr: sp.Expr, symbol: sp.Symbol, side: Side) -> Near:
    """A polynomial of the symbol as one of t, symbol = middle + half t."""
    coefs = [enclose(c, {}) for c in reversed(sp.Poly(expr, symbol).all_coeffs())]
    return Near.of(flint.arb_poly(coefs)(flint.arb_poly([side.middle, side.half])))


def function(expr: sp.Expr, symbol: sp.Symbol, lo: Any, hi: Any, target: float = TARGET) -> Near:
    """An analytic function of the symbol on [lo, hi]; ``target`` is the error aimed at.

    Raises
    ------
    MzError
        Where it is not proved analytic around the interval.
    """
    if expr.is_polynomial(symbol):
        return polynomial(expr, symbol, Side.of(lo, hi))
    return Map.of(expr, symbol, (lo, hi), (-1, 1)).image([IDENTITY], target)[0]


def in_units(expr: sp.Expr, symbol: sp.Symbol, side: tuple[Any, Any], following: tuple[Any, Any]) -> sp.Expr:
    """The map x -> expr of [lo, hi] to the next interval as one of their unit variables, in ``T``."""
    lo, hi = (exact(end) for end in side)
    low, high = (exact(end) for end in following)
    inside = expr.xreplace({symbol: (lo + hi) / 2 + (hi - lo) / 2 * T})
    return (inside - (low + high) / 2) / ((high - low) / 2)


@dataclass(frozen=True, eq=False)
class Map:
    """A map of one interval to another, both in their unit variables, on a part of the first.

    Attributes
    ----------
    real, complex_ : Program
        Of the unit variable of the whole interval.
    part : Side
        t in [-1, 1] stands for part.middle + part.half t.
    inside : dict of float to bool
        Ellipses around the part in which the map is proved analytic, or not, as far as that was asked.
    """

    real: Program
    complex_: Program
    part: Side = field(default_factory=lambda: Side.of(-1, 1))
    inside: dict[float, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, expr: sp.Expr, symbol: sp.Symbol, side: tuple[Any, Any], following: tuple[Any, Any]) -> Map:
        """The map x -> expr of [lo, hi] to the next interval; numbers without symbols besides ``symbol``.

        Raises
        ------
        MzError
            For a function that has no evaluation at complex balls.
        """
        return cls.of_unit(in_units(expr, symbol, side, following))

    @classmethod
    def of_unit(cls, unit: sp.Expr) -> Map:
        """The map of an expression in ``T``, already one of unit variables; errors as for ``of``."""
        real = Program((unit,), T)
        with precision(ROUGH):
            return cls(real, Program((unit,), T, complex_=True))

    def on(self, lo: Arb, hi: Arb) -> Map:
        """The same map on a part of [-1, 1], exact numbers."""
        return Map(self.real, self.complex_, Side.of(lo, hi))

    def at(self, t: Arb) -> Arb:
        """The value where the unit variable of the part is t."""
        value: Arb = self.real(self.part.middle + self.part.half * t)[0]
        return value

    @cached_property
    def ellipses(self) -> tuple[tuple[float, list[Any]], ...]:
        """Bernstein radii around the part, and balls that cover the image of the upper half of each ellipse."""
        with precision(ROUGH):
            images = ((radius, self._images(radius)) for radius in RADII)
            return tuple((radius, found) for radius, found in images if found is not None)

    def _images(self, radius: float) -> list[Any] | None:
        """Balls that cover the image of the upper half of an ellipse; None where one is not finite."""
        found = []
        for ball in boundary(radius, ARCS):
            image = self._around(ball)
            if not image.is_finite():
                return None
            found.append(image)
        return found

    def _around(self, ball: Any) -> Any:
        return self.complex_(ball * self.part.half + self.part.middle)[0]

    def analytic(self, radius: float) -> bool:
        """Whether the map is proved analytic on an ellipse and inside: it is finite on balls that cover both."""
        if radius not in self.inside:
            with precision(ROUGH):
                # By symmetry the upper half serves.
                balls = tiles(radius, TILES, STEP)
                self.inside[radius] = all(self._around(ball).is_finite() for ball in balls)
        return self.inside[radius]

    def image(
        self, columns: Sequence[Near], target: float = TARGET, window: Side | None = None, most: float = math.inf
    ) -> list[Near]:
        """t -> p(map(t)) for every column; ``target`` is what the interpolation may add to its error.

        Parameters
        ----------
        columns : sequence of Near
            On ``window``, a part of the following interval in its unit variable; the whole by default.
        target : float
        window : Side, optional
        most : float
            Nodes that are allowed where fewer leave more than ``target``.

        Raises
        ------
        MzError
            Where no number of nodes comes near them.
        """
        window = Side.of(-1, 1) if window is None else window
        radius, bounds = self._best([column.poly for column in columns], target, window, min(most, 4 * MOST))
        count = _nodes_needed(radius, max(bounds, key=float), target)
        places = [(self.at(t) - window.middle) / window.half for t in zeros(count)]
        values = flint.arb_mat([[column.poly(place) for column in columns] for place in places])
        series = cosines(count) * values
        power = radius ** (-count) / (1 - 1 / radius)
        found = []
        for j, (column, bound) in enumerate(zip(columns, bounds, strict=True)):
            terms, dropped = chopped([series[k, j] for k in range(count)], target)
            found.append(Near.of(from_chebyshev(terms), column.error + dropped + 4 * bound * power))
        return found

    def _hull(self) -> tuple[Arb, Arb]:
        """Middle and half-width of about the image of [-1, 1], exact numbers: any interval serves."""
        values = [float(self.at(t)) for t in (flint.arb(-1), *zeros(32), flint.arb(1))]
        half = max((max(values) - min(values)) / 2, 2.0**-40)
        return flint.arb((max(values) + min(values)) / 2), flint.arb(half)

    def _best(self, columns: Sequence[Any], target: float, window: Side, most: float) -> tuple[Arb, list[Arb]]:
        """The ellipse that needs the fewest nodes, and bounds of the functions on it.

        On the image of the ellipse a polynomial sum s_k T_k is at most sum |s_k| beta^k, beta the Bernstein radius of
        the image around any interval on which the s_k are taken; inside the ellipse it is no larger.
        """
        middle, half = self._hull()
        degree = max((poly.length() for poly in columns), default=1)
        places = [(middle + half * t - window.middle) / window.half for t in zeros(degree)]
        series = cosines(degree) * flint.arb_mat([[poly(place) for poly in columns] for place in places])
        found: list[tuple[float, float, list[Arb]]] = []
        with precision(ROUGH):
            for radius, images in self.ellipses:
                bounds = _on_ellipse(series, bernstein(images, middle, half))
                if all(bound.is_finite() for bound in bounds):
                    found.append((nodes_for(radius, float(max(bounds, key=float)), target), radius, bounds))
        found.sort(key=lambda item: item[0])
        best = next((item for item in found if self.analytic(item[1])), None)
        if best is None:
            raise MzError("A map is not proved analytic around its domain", WHERE, "Use the estimated error")
        if best[0] > most:
            raise MzError("A map needs too many nodes", WHERE, "Use the estimated error")
        return flint.arb(best[1]), best[2]


def _on_ellipse(series: Any, beta: Arb) -> list[Arb]:
    """sum_k |s_k| beta^k for every column of coefficients."""
    bounds = []
    for j in range(series.ncols()):
        total = flint.arb(0)
        for k in reversed(range(series.nrows())):
            total = total * beta + series[k, j].abs_upper()
        bounds.append(total.upper())
    return bounds


def boundary(radius: float, count: int) -> Iterator[Any]:
    """Balls that cover the upper half of an ellipse around [-1, 1]: what is real on the line needs no other."""
    for turn in arcs(count):
        u = turn * flint.arb(radius)
        yield (u + 1 / u) / 2


def tiles(radius: float, count: int, width: float) -> Iterator[Any]:
    """Balls that cover the upper half of an ellipse and its inside, in rings of about this width."""
    steps = max(1, math.ceil((radius - 1.0) / width))
    rings = [1 + (flint.arb(radius) - 1) * k / steps for k in range(steps + 1)]
    for turn in arcs(count):
        for r, s in pairwise(rings):
            u = turn * r.union(s)
            yield (u + 1 / u) / 2


@lru_cache(maxsize=4)
def arcs(count: int) -> list[Any]:
    """Balls that cover the upper half of the unit circle."""
    with precision(ROUGH):
        angles = [flint.arb.pi() * k / count for k in range(count + 1)]
        return [flint.acb(0, a.union(b)).exp() for a, b in pairwise(angles)]


def bernstein(images: Sequence[Any], middle: Arb, half: Arb) -> Arb:
    """The largest Bernstein radius of the balls around an interval: a + sqrt(a^2 - 1), 2a = |z - 1| + |z + 1|."""
    largest = flint.arb(1)
    for image in images:
        z = (image - middle) / half
        largest = largest.max((((z - 1).abs_upper() + (z + 1).abs_upper()) / 2).upper())
    return (largest + (largest * largest - 1).max(flint.arb(0)).sqrt()).upper()


def nodes_for(radius: float, bound: float, target: float) -> float:
    """Nodes for which 4 M rho^-N / (1 - 1/rho) is about what is aimed at."""
    return math.log(4 * max(bound, 1e-300) / (target * (1 - 1 / radius))) / math.log(radius)


def _nodes_needed(radius: Arb, bound: Arb, target: float) -> int:
    # A few sizes, so that their matrices are made once.
    return min(MOST, max(16, 16 * math.ceil(nodes_for(float(radius), float(bound), target) / 16)))


def chopped(series: list[Arb], target: float) -> tuple[list[Arb], Arb]:
    """Without the last terms, as long as they add up to less than what is aimed at; and what they add up to.

    High terms say nothing any more, and on an ellipse around the interval they are what grows.
    """
    dropped, size = flint.arb(0), len(series)
    while size > 1:
        more = dropped + series[size - 1].abs_upper()
        if not more.upper() < target:
            break
        dropped, size = more, size - 1
    return series[:size], dropped.upper()


def from_chebyshev(series: list[Arb]) -> Any:
    """The polynomial sum_k a_k T_k, by Clenshaw's recurrence."""
    twice = flint.arb_poly([0, 2])
    later, now = flint.arb_poly([]), flint.arb_poly([])
    for a in reversed(series[1:]):
        now, later = twice * now - later + a, now
    return flint.arb_poly([0, 1]) * now - later + series[0]


@lru_cache(maxsize=64)
def _turns(count: int) -> list[Arb]:
    """cos(j pi/(2 N)), j < 4 N."""
    with precision(BITS):
        return [(flint.arb(j) / (2 * count)).cos_pi() for j in range(4 * count)]


def zeros(count: int) -> list[Arb]:
    """Of T_N."""
    turns = _turns(count)
    return [turns[2 * i + 1] for i in range(count)]


@lru_cache(maxsize=32)
def cosines(count: int) -> Any:
    """From values at the zeros of T_N to the coefficients of T_0..T_(N-1)."""
    with precision(BITS):
        turns = _turns(count)
        rows = [[2 * turns[k * (2 * i + 1) % (4 * count)] / count for i in range(count)] for k in range(count)]
        rows[0] = [value / 2 for value in rows[0]]
        return flint.arb_mat(rows)


def legendre_polynomials(count: int) -> list[Any]:
    """P_0, ..., P_(count - 1), exact."""
    found = [flint.fmpq_poly([1]), flint.fmpq_poly([0, 1])]
    for k in range(1, count):
        found.append((flint.fmpq_poly([0, 2 * k + 1]) * found[k] - k * found[k - 1]) / (k + 1))
    return found[:count]


def exact(value: Any) -> sp.Rational:
    """The rational number that a value is."""
    fraction = Fraction(value)
    return sp.Rational(fraction.numerator, fraction.denominator)
