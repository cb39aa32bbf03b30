"""What a layer in a few dimensions makes of functions: averages over noise, and composition with an analytic map.

The average over noise takes a polynomial to one, exactly, a matrix of balls along each axis. The composition f = S o F
is interpolated in tensor zeros of Chebyshev polynomials, one variable after the other: with I_i the interpolation in
t_i and Lambda_i its Lebesgue constant,

  |f - I_1 ... I_d f| <= sum_i (prod_(j<i) Lambda_j) sup |f - I_i f|,
  sup |f - I_i f| <= 4 B_i rho_i^-N / (1 - 1/rho_i),

if for real values of the other variables f is analytic and at most B_i for t_i in the ellipse of Bernstein radius
rho_i, MATH (24k). Values at the nodes are sums of doubles with a bound of their rounding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls.numbers import precision, upper
from mzsym.balls.programs import Program
from mzsym.balls.spectral import UNIT, gamma
from mzsym.balls.surroundings import Surroundings
from mzsym.balls.tensor import (
    BITS,
    SAFE,
    Columns,
    along_axis,
    chopped,
    interpolated,
    largest,
    lebesgue_constant,
    rounded,
)
from mzsym.core import MzError
from mzsym.core.arrays import Array

START = 9
RADII = tuple(1.0 + 0.02 * 1.28**k for k in range(24))
"""Bernstein radii of the ellipses that are tried, and where the search starts."""

MOST = {1: 256, 2: 384, 3: 48}
"""Largest number of nodes of a coordinate, by dimension."""

LIGHT = 1 / 128
"""Share of what is aimed at that the smallest coefficients together may have, to be bounded by their sum alone."""

CHUNK = 1 << 21
"""Numbers of an intermediate array in which points are evaluated at once."""

WHERE = "balls.tensor_map"


def smoothed(columns: Columns, matrices: Sequence[Array]) -> Columns:
    """z -> E v(z + xi) on the inner box; ``matrices`` of ``smoothing``, one for each coordinate, no smaller."""
    coefs, growth, terms = columns.coefs, 1.0, 0
    for axis, matrix in enumerate(matrices):
        size = coefs.shape[axis]
        own = matrix[:size, :size]
        coefs = along_axis(own, coefs, axis)
        # A coefficient is spread over a column of the matrix, whose entries are within two units of rounding.
        growth, terms = growth * float(np.abs(own).sum(axis=0).max()) * SAFE, terms + size + 4
    rounding = gamma(terms) * growth * largest(columns.coefs)
    return Columns(coefs, (columns.errors + rounding) * SAFE)


def smoothing(noise: ch.Moments, outer: ch.Side, inner: ch.Side, size: int) -> Array:
    """The matrix of E T_k(. + xi) in the unit variable of the inner interval, k < size; noise in units of the outer."""
    with precision(ch.BITS):
        middle, half = (inner.middle - outer.middle) / outer.half, inner.half / outer.half
        places = [middle + half * t for t in ch.zeros(size)]
        before, poly = flint.arb_poly([0, 1]), flint.arb_poly([1])
        values = []
        for _ in range(size):
            averaged = noise.averaged(poly)
            values.append([averaged(place) for place in places])
            before, poly = poly, flint.arb_poly([0, 2]) * poly - before
        return rounded(ch.cosines(size) * flint.arb_mat(values).transpose())


def polynomial(expr: sp.Expr, symbols: Sequence[sp.Symbol], box: Sequence[tuple[Any, Any]]) -> Columns:
    """A polynomial of the symbols on a box: its values at as many nodes as it has coefficients, interpolated."""
    stated = sp.Poly(expr, *symbols)
    units = [sp.Symbol(f"t{i}", real=True) for i in range(len(symbols))]
    inside = expr.xreplace(_in_units(symbols, units, box))
    sizes = [stated.degree(symbol) + 1 if stated.degree(symbol) > 0 else 1 for symbol in symbols]
    with precision(BITS):
        program = Program([inside], units)
        balls = [program(*node)[0] for node in itertools.product(*(ch.zeros(size) for size in sizes))]
        values = rounded(flint.arb_mat([balls])).reshape(*sizes, 1)
        # Coefficients that cancel leave balls of more than a unit of rounding.
        radius = max(float(ball.rad()) for ball in balls)
    coefs, error = interpolated(values)
    growth = math.prod(map(lebesgue_constant, sizes))
    return Columns(coefs, (error + growth * (2.0 * UNIT * np.abs(values).max() + radius)) * SAFE * SAFE)


def _in_units(
    symbols: Sequence[sp.Symbol], units: Sequence[sp.Symbol], box: Sequence[tuple[Any, Any]]
) -> dict[sp.Symbol, sp.Expr]:
    """Each symbol by the unit variable of its side."""
    ends = [(ch.exact(lo), ch.exact(hi)) for lo, hi in box]
    return {
        symbol: (lo + hi) / 2 + (hi - lo) / 2 * unit
        for symbol, unit, (lo, hi) in zip(symbols, units, ends, strict=True)
    }


@dataclass(frozen=True, eq=False)
class TensorMap:
    """A map of one box into another, both in their unit variables.

    Attributes
    ----------
    real : Program
    around : tuple of Surroundings
        One for each input.
    """

    real: Program
    around: tuple[Surroundings, ...]

    @classmethod
    def of(
        cls,
        exprs: Sequence[sp.Expr],
        symbols: Sequence[sp.Symbol],
        sides: Sequence[tuple[Any, Any]],
        inner: Sequence[tuple[Any, Any]],
    ) -> TensorMap:
        """The map of the box of ``sides`` into that of ``inner``, which it must not leave.

        Raises
        ------
        MzError
            For a function that has no evaluation at complex balls.
        """
        units = [sp.Symbol(f"t{i}", real=True) for i in range(len(symbols))]
        places = _in_units(symbols, units, sides)
        found = []
        for expr, (lo, hi) in zip(exprs, inner, strict=True):
            a, b = ch.exact(lo), ch.exact(hi)
            found.append((expr.xreplace(places) - (a + b) / 2) / ((b - a) / 2))
        with precision(ch.ROUGH):
            program, dim = Program(found, units, complex_=True), len(units)
            return cls(Program(found, units), tuple(Surroundings(program, dim, axis) for axis in range(dim)))

    @property
    def dim(self) -> int:
        """Of the inputs."""
        return len(self.around)

    def image(self, columns: Columns, target: float) -> Columns:
        """S o F for every column S on the inner box; ``target`` is what the interpolation may add to an error.

        Raises
        ------
        MzError
            Where the map is not proved analytic around its box.
        """
        heavy, light = _split(columns, target * LIGHT)
        sizes, aliased = [], np.zeros(columns.count)
        growth = 1.0
        for axis in range(self.dim):
            size, errors = self._nodes(heavy, axis, target / (2 * self.dim))
            sizes.append(size)
            aliased = aliased + growth * errors
            growth *= lebesgue_constant(size)
        aliased = aliased + (1.0 + growth) * light
        values, distances = self._values(columns, sizes)
        coefs, rounding = interpolated(values)
        errors = (columns.errors + aliased + growth * distances + rounding) * SAFE * SAFE
        return chopped(Columns(coefs, errors), target / (4 * self.dim))

    # ------------------------------------------------------------------ bounds around the box

    def _nodes(self, columns: Columns, axis: int, target: float) -> tuple[int, Array]:
        """Nodes of one coordinate, and what interpolation in them leaves of every column."""
        around, together = self.around[axis], np.abs(columns.coefs).max(axis=-1, keepdims=True)

        def needed(k: int, level: int) -> float:
            reach = around.reach(RADII[k], level)
            return math.inf if reach is None else ch.nodes_for(RADII[k], float(_bounded(together, reach)[0]), target)

        # Bounds from few parts show where the valley is; where they are not finite a smaller ellipse is looked at.
        k = _least(cache(lambda k: needed(k, 0)), len(RADII))
        while k >= 0 and not (needed(k, -1) < math.inf and around.analytic(RADII[k])):
            k -= 1
        if k < 0:
            raise MzError("A map is not proved analytic around its domain", WHERE, "Use the estimated error")
        size, reach = min(MOST[self.dim], max(4, 4 * math.ceil(needed(k, -1) / 4))), around.reach(RADII[k])
        assert reach is not None
        with precision(ch.ROUGH):
            radius = flint.arb(RADII[k])
            left = upper(4 * radius ** (-size) / (1 - 1 / radius))
        return size, _bounded(columns.coefs, reach) * left * SAFE

    # ------------------------------------------------------------------ values at the nodes

    def _values(self, columns: Columns, sizes: Sequence[int]) -> tuple[Array, Array]:
        """S(F) at tensor zeros, shape (*sizes, c), and bounds of the distances to what is exact."""
        points, radii = self._points(sizes)
        values = _sums(columns.coefs, points)
        degrees = [np.arange(size, dtype=float) for size in columns.sizes]
        # T_k of a double: its recurrence adds at most 2 k^2 units, its slope is at most k^2, and |T_k| <= 1.
        moved = np.zeros(columns.sizes)
        for axis, (degree, radius) in enumerate(zip(degrees, radii, strict=True)):
            shape = [1] * len(degrees)
            shape[axis] = -1
            moved = moved + (degree**2 * (2.0 * UNIT + radius)).reshape(shape)
        rounding = gamma(sum(columns.sizes) + 2 * len(degrees) + 2) * 1.01
        size = np.abs(columns.coefs)
        inner = tuple(range(len(degrees)))
        distances = ((size * moved[..., None]).sum(axis=inner) * 1.01 + rounding * largest(columns.coefs)) * SAFE
        return values.reshape(*sizes, columns.count), distances

    def _points(self, sizes: Sequence[int]) -> tuple[Array, list[float]]:
        """Images of tensor zeros as doubles in [-1, 1], shape (points, outputs), and their largest distances."""
        with precision(ch.ROUGH):
            balls = [self.real(*node) for node in itertools.product(*(ch.zeros(size) for size in sizes))]
            points = np.array([[float(y.mid()) for y in row] for row in balls])
            radii = np.array([[float(y.rad()) for y in row] for row in balls])
        # The image lies in [-1, 1]^k, so that clipping moves no double away from it.
        distances = (radii + 2.0 * UNIT * np.abs(points)).max(axis=0) * SAFE
        return np.clip(points, -1.0, 1.0), [float(value) for value in distances]


def _split(columns: Columns, most: float) -> tuple[Columns, Array]:
    """Without the smallest coefficients of every column, as long as they add up to at most ``most``; and their sums.

    Off the box a coefficient grows with its degrees, however small it is; on the box it is worth its own size.
    """
    size = np.abs(columns.coefs).reshape(-1, columns.count)
    order = np.argsort(size, axis=0)
    sums = np.cumsum(np.take_along_axis(size, order, axis=0), axis=0) * SAFE
    light = sums <= most
    kept = np.ones_like(light)
    np.put_along_axis(kept, order, ~light, axis=0)
    left = np.where(light, sums, 0.0).max(axis=0)
    return Columns(
        np.where(kept, columns.coefs.reshape(-1, columns.count), 0.0).reshape(columns.coefs.shape), columns.errors
    ), left


def _least(count: Callable[[int], float], length: int) -> int:
    """Where a function of 0..length - 1 with one valley is smallest; infinite at the far end where it is not known."""
    k = START
    step = 1 if count(k + 1) < count(k) else -1
    while 0 <= k + step < length and (count(k + step) < count(k) or count(k) == math.inf):
        k += step
    return k


def _bounded(coefs: Array, reach: Array) -> Array:
    """The largest sum |s_ab| beta_1^a beta_2^b over the balls, for every column."""
    size = np.abs(coefs)
    with np.errstate(over="ignore", invalid="ignore"):
        total = _contracted(size, [_powers(reach[:, k], n) for k, n in enumerate(coefs.shape[:-1])])
    best = np.asarray(total.max(axis=0))
    return np.where(np.isfinite(best), best * SAFE * SAFE, np.inf)


def _powers(values: Array, count: int) -> Array:
    return np.asarray(np.cumprod(np.column_stack([np.ones(len(values)), *[values] * (count - 1)]), axis=1))


def _polynomials(points: Array, count: int) -> Array:
    """T_0, ..., T_(count-1) at doubles, by the recurrence, shape (points, count)."""
    found = np.ones((len(points), count))
    if count > 1:
        found[:, 1] = points
    for k in range(2, count):
        found[:, k] = 2.0 * points * found[:, k - 1] - found[:, k - 2]
    return found


def _sums(coefs: Array, points: Array) -> Array:
    """Tensor series at points, shape (points, c)."""
    return _contracted(coefs, [_polynomials(points[:, k], size) for k, size in enumerate(coefs.shape[:-1])])


def _contracted(coefs: Array, factors: Sequence[Array]) -> Array:
    """sum_ab.. coefs_ab..c A_pa B_pb .. for every p."""
    points, rest = len(factors[0]), coefs[0].size
    rows = max(1, CHUNK // max(1, rest))
    first = np.ascontiguousarray(coefs.reshape(len(coefs), -1))
    found = []
    for start in range(0, points, rows):
        part = factors[0][start : start + rows] @ first
        for factor in factors[1:]:
            own = factor[start : start + rows]
            part = np.matmul(own[:, None, :], part.reshape(len(part), own.shape[1], -1))[:, 0]
        found.append(part)
    return np.concatenate(found)
