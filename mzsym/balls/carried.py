"""Functions carried through a layer of one dimension with a proved error: polynomials of balls and a uniform bound.

A function v on the box of X_{n+1} is a Legendre series in t = (y - centre)/half with exact coefficients, and a bound of
its distance to v in the supremum. One layer takes it to E v(F(x) + xi), MATH (4): averages over the noise are exact on
polynomials (moments), the distance does not grow because an average is no larger than what it averages, and the
interpolation of the result at N Chebyshev points of the box of X_n adds at most 4 M r^(1-N)/(r - 1), M its largest
value in the Bernstein ellipse of radius r, where F is analytic. M needs no table: |P_k| <= b^k at points of Bernstein
radius b.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import flint

from mzsym.balls.numbers import Arb, precision
from mzsym.core import MzError

Matrix: TypeAlias = Any
"""A ``flint.arb_mat``."""

Map: TypeAlias = Callable[[Any, bool], Any]
"""(complex ball, whether it must be analytic) -> complex ball; not finite where it is not."""

ARCS = 96
"""Pieces of an ellipse on which a function is bounded at once."""

NEGLIGIBLE = 1e-22
"""Sum of Legendre coefficients that is dropped from a function at every layer."""

COARSE = 64
"""Bits of bounds in ellipses, of which a few digits are enough."""

RADII = (1.03, 1.06, 1.1, 1.15, 1.2, 1.27, 1.35, 1.45, 1.55, 1.7, 1.85, 2.0, 2.4, 3.0)
"""Bernstein radii that are tried."""


@dataclass(frozen=True, eq=False)
class Side:
    """The box of a state.

    Attributes
    ----------
    centre, half : Arb
        ``half`` is positive.
    """

    centre: Arb
    half: Arb


@dataclass(frozen=True, eq=False)
class Carried:
    """Some functions on a box.

    Attributes
    ----------
    coefs : arb_mat of shape (N, columns)
        Coefficients in eta_k = sqrt(2 k + 1) P_k(t), one column a function.
    errors : list of Arb
        Bound of the distance of every function to its polynomial, in the supremum.
    """

    coefs: Matrix
    errors: list[Arb]

    @property
    def columns(self) -> int:
        """Functions there are."""
        return int(self.coefs.ncols())

    def beside(self, other: Carried) -> Carried:
        """These functions and others."""
        rows = max(self.coefs.nrows(), other.coefs.nrows())
        out = flint.arb_mat(rows, self.columns + other.columns)
        for part, shift in ((self.coefs, 0), (other.coefs, self.columns)):
            for i in range(part.nrows()):
                for j in range(part.ncols()):
                    out[i, j + shift] = part[i, j]
        return Carried(out, [*self.errors, *other.errors])


def uniform_moments(scale: Arb, count: int) -> list[Arb]:
    """E xi^j, xi uniform on [-scale, scale]."""
    return [scale**j / (j + 1) if j % 2 == 0 else flint.arb(0) for j in range(count)]


def truncated_moments(scale: Arb, cutoff: Arb, count: int) -> list[Arb]:
    """E xi^j for N(0, s^2) conditioned on |xi| <= a = cutoff s: m_(j+2) = (j+1) s^2 m_j - 2 s^2 a^(j+1) rho(a)."""
    a, square = cutoff * scale, scale * scale
    end = (-cutoff * cutoff / 2).exp() / (scale * (2 * flint.arb.pi()).sqrt() * (cutoff / flint.arb(2).sqrt()).erf())
    out = [flint.arb(1), flint.arb(0)]
    for j in range(count - 2):
        out.append((j + 1) * square * out[j] - 2 * square * a ** (j + 1) * end if j % 2 == 0 else flint.arb(0))
    return out[:count]


def stepped(
    after: Carried, here: Side, there: Side, map_: Map, moments: Sequence[Arb], reach: Arb, nodes: int
) -> Carried:
    """E v(F(x) + xi) for functions v on the next box, as functions on this one.

    Parameters
    ----------
    after : Carried
    here, there : Side
    map_ : Map
        F.
    moments : sequence of Arb
        E xi^j, at least as many as ``after`` has coefficients.
    reach : Arb
        |xi| <= reach.
    nodes : int
        N.
    """
    rows = int(after.coefs.nrows())
    averaged = _shift_matrix(moments, there.half, rows) * (_monomials(rows, flint.ctx.prec) * after.coefs)
    places = [
        (map_(flint.acb(here.centre + here.half * t), False).real - there.centre) / there.half for t in points(nodes)
    ]
    coefs = interpolation(nodes) * (_powers(places, rows) * averaged)
    added = _least_error(_legendre_sizes(after.coefs), here, there, map_, reach, nodes)
    return _shortened(Carried(coefs, [old + new for old, new in zip(after.errors, added, strict=True)]))


def interpolated(function: Map, here: Side, nodes: int) -> Carried:
    """One function on a box, as given."""
    values = flint.arb_mat([[function(flint.acb(here.centre + here.half * t), False).real] for t in points(nodes)])
    best = flint.arb("inf")
    for radius in RADII:
        largest = _largest(lambda x: abs(function(x, True)).upper(), lambda x: function(x, True), here, radius)
        best = _smaller(best, _remainder(largest, radius, nodes))
    if not best.is_finite():
        raise MzError("The observable is not analytic on the output domain", "enclose", "Use a smooth observable")
    return _shortened(Carried(interpolation(nodes) * values, [best]))


def _shortened(functions: Carried) -> Carried:
    """With exact coefficients and without the highest Legendre terms, whose sum counts as error.

    These terms are small on the box and would be large in an ellipse.
    """
    found, rows = functions.coefs, int(functions.coefs.nrows())
    sizes, kept, dropped = _legendre_sizes(found), 1, []
    for column in sizes:
        tail, k = flint.arb(0), rows
        while k > 1 and bool(tail + column[k - 1] < NEGLIGIBLE):
            tail, k = tail + column[k - 1], k - 1
        kept = max(kept, k)
    for j, column in enumerate(sizes):
        # Radii count as error too: carried along as balls they would grow with every change of basis.
        radii = sum((flint.arb(found[k, j].rad()) * (2 * k + 1) for k in range(kept)), flint.arb(0))
        dropped.append((sum(column[kept:], flint.arb(0)) + radii).upper())
    short = flint.arb_mat([[flint.arb(found[k, j].mid()) for j in range(functions.columns)] for k in range(kept)])
    errors = [old + new for old, new in zip(functions.errors, dropped, strict=True)]
    return Carried(short, errors)


# ---------------------------------------------------------------------- polynomials


@lru_cache(maxsize=16)
def _points(nodes: int, bits: int) -> tuple[Arb, ...]:
    return tuple((flint.arb.pi() * (2 * i + 1) / (2 * nodes)).cos() for i in range(nodes))


def points(nodes: int) -> tuple[Arb, ...]:
    """Chebyshev points of the first kind on [-1, 1]."""
    return _points(nodes, flint.ctx.prec)


@lru_cache(maxsize=16)
def _interpolation(nodes: int, bits: int) -> Matrix:
    transform = flint.arb_mat(nodes, nodes)
    for k in range(nodes):
        for i in range(nodes):
            # cos of multiples of pi/(2 nodes): the angle is reduced exactly, as an integer.
            angle = flint.arb.pi() * ((k * (2 * i + 1)) % (4 * nodes)) / (2 * nodes)
            transform[k, i] = angle.cos() * (1 if k == 0 else 2) / nodes
    # eta in monomials is triangular: its inverse takes monomials to eta, at the cost of digits that there are.
    return _monomials(nodes, bits).inv() * (_chebyshev(nodes) * transform)


def interpolation(nodes: int) -> Matrix:
    """Matrix from values at the points to coefficients of the interpolant in eta_k."""
    return _interpolation(nodes, flint.ctx.prec)


def _chebyshev(count: int) -> Matrix:
    """Column k: T_k in monomials, exact."""
    polynomials = [flint.fmpz_poly([1]), flint.fmpz_poly([0, 1])]
    for _ in range(count):
        polynomials.append(flint.fmpz_poly([0, 2]) * polynomials[-1] - polynomials[-2])
    out = flint.arb_mat(count, count)
    for k in range(count):
        for j, value in enumerate(polynomials[k].coeffs()):
            out[j, k] = flint.arb(value)
    return out


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Any, ...]:
    """P_k in monomials, k < count, exact."""
    out = [flint.fmpq_poly([1]), flint.fmpq_poly([0, 1])]
    for k in range(1, count):
        out.append((flint.fmpq_poly([0, 2 * k + 1]) * out[k] - k * out[k - 1]) / (k + 1))
    return tuple(out[:count])


def inner_products(rank: int, functions: Carried) -> Matrix:
    """<eta_i, v> in the uniform measure for eta_i = sqrt(2 i + 1) P_i(t), i < rank: (rank, columns), errors included.

    The error of an entry is at most that of the function, since the mean of |eta_i| is at most 1.
    """
    out = flint.arb_mat(rank, functions.columns)
    for i in range(min(rank, int(functions.coefs.nrows()))):
        for j in range(functions.columns):
            out[i, j] = functions.coefs[i, j]
    for j, error in enumerate(functions.errors):
        around = flint.arb(0, error.upper())
        for i in range(rank):
            out[i, j] = out[i, j] + around
    return out


def basis(rank: int) -> Carried:
    """eta_i, i < rank, exact."""
    out = flint.arb_mat(rank, rank)
    for i in range(rank):
        out[i, i] = flint.arb(1)
    return Carried(out, [flint.arb(0)] * rank)


@lru_cache(maxsize=64)
def _monomials(rank: int, bits: int) -> Matrix:
    """Column i: eta_i in monomials."""
    out = flint.arb_mat(rank, rank)
    for i, polynomial in enumerate(_legendre(rank)):
        for j, value in enumerate(polynomial.coeffs()):
            out[j, i] = flint.arb(2 * i + 1).sqrt() * flint.arb(value)
    return out


def _shift_matrix(moments: Sequence[Arb], half: Arb, count: int) -> Matrix:
    """t^j -> E (t + xi/half)^j: entry (i, j) is binom(j, i) E xi^(j-i) / half^(j-i)."""
    scaled = [moment / half**k for k, moment in enumerate(moments[:count])]
    out = flint.arb_mat(count, count)
    for j in range(count):
        for i in range(j + 1):
            if (j - i) % 2 == 0 or not scaled[j - i].is_zero():
                out[i, j] = flint.arb(math.comb(j, i)) * scaled[j - i]
    return out


def _powers(places: Sequence[Arb], count: int) -> Matrix:
    out = flint.arb_mat(len(places), count)
    for i, t in enumerate(places):
        power = flint.arb(1)
        for j in range(count):
            out[i, j] = power
            power = power * t
    return out


# ---------------------------------------------------------------------- bounds in ellipses


def _legendre_sizes(found: Matrix) -> list[list[Arb]]:
    """Columns of coefficients in sqrt(2 k + 1) P_k -> upper bounds of the sizes of those in P_k."""
    rows = int(found.nrows())
    roots = [flint.arb(2 * k + 1).sqrt() for k in range(rows)]
    return [[(abs(found[k, j]) * roots[k]).upper() for k in range(rows)] for j in range(int(found.ncols()))]


def _least_error(sizes: list[list[Arb]], here: Side, there: Side, map_: Map, reach: Arb, nodes: int) -> list[Arb]:
    """For every column the smallest remainder over the radii that are tried."""
    best = [flint.arb("inf")] * len(sizes)
    for radius in RADII:
        growth = _largest(lambda x: _bernstein(map_(x, True), there, reach), lambda x: map_(x, True), here, radius)
        if not growth.is_finite():
            break
        for j, column in enumerate(sizes):
            total = flint.arb(0)
            for size in reversed(column):
                total = total * growth + size
            best[j] = _smaller(best[j], _remainder(total.upper(), radius, nodes))
    if not all(error.is_finite() for error in best):
        raise MzError(
            "A map is not analytic around its domain, or its poles are closer than a thousandth of it",
            "enclose",
            "Use smooth activations, or mz.compile, which estimates",
        )
    return best


def _remainder(largest: Arb, radius: float, nodes: int) -> Arb:
    """Interpolation at N Chebyshev points errs by at most 4 M r^(1-N)/(r - 1)."""
    r = flint.arb(radius)
    return (4 * largest * r ** (1 - nodes) / (r - 1)).upper()


def _smaller(a: Arb, b: Arb) -> Arb:
    return b if b.is_finite() and (not a.is_finite() or bool(b < a)) else a


def _bernstein(z: Any, there: Side, reach: Arb) -> Arb:
    """Largest Bernstein radius of (z + xi - centre)/half over |xi| <= reach.

    The sum of the distances to -1 and 1 is convex: on a rectangle it is largest in a corner.
    """
    if not z.is_finite():
        return flint.arb("inf")
    height = abs(z.imag).upper() / there.half
    largest = flint.arb(1)
    for end in (z.real.lower() - reach, z.real.upper() + reach):
        t = (end - there.centre) / there.half
        near, far = t - 1, t + 1
        # Products, not powers: a power of a ball around 0 is no number.
        half_sum = (((near * near + height * height).sqrt() + (far * far + height * height).sqrt()) / 2).upper()
        if not half_sum.is_finite():
            return flint.arb("inf")
        largest = half_sum if bool(half_sum > largest) else largest
    return (largest + (largest * largest - 1).sqrt()).upper()


def _largest(bound: Callable[[Any], Arb], inside: Callable[[Any], Any], here: Side, radius: float) -> Arb:
    """Largest bound over the ellipse: its upper half is enough, as functions are real on the line."""
    with precision(COARSE):
        return _largest_on_arcs(bound, inside, here, radius)


def _largest_on_arcs(bound: Callable[[Any], Arb], inside: Callable[[Any], Any], here: Side, radius: float) -> Arb:
    top = flint.arb(0)
    r = flint.arb(radius)
    across, up = (r + 1 / r) / 2, (r - 1 / r) / 2
    for k in range(ARCS):
        lo, hi = flint.arb.pi() * k / ARCS, flint.arb.pi() * (k + 1) / ARCS
        angle = (lo + hi) / 2 + flint.arb(0, ((hi - lo) / 2).upper())
        x = flint.acb(here.centre + here.half * across * angle.cos(), here.half * up * angle.sin())
        # The piece between the arc and the line shows that the map is analytic there; then the arc alone bounds it.
        if not inside(flint.acb(x.real, x.imag.union(flint.arb(0)))).is_finite():
            return flint.arb("inf")
        value = bound(x)
        if not value.is_finite():
            return flint.arb("inf")
        top = value if bool(value > top) else top
    return top.upper()
