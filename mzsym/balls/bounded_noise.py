"""Averages of piecewise polynomials over noise of bounded support: z -> E p(z + xi), piecewise polynomials again.

With e_0 < ... < e_K the ends of the panels of p, S the reach of the noise and r(t) its density on [-S, S], z - S in
panel i and z + S in panel j > i,

  E p(z + xi) = int_(z-S)^(e_(i+1)) p r(y - z) dy + sum over the panels between + int_(e_j)^(z+S) p r(y - z) dy.

If r is a polynomial, each term is one, MATH (24ka). Where r is not, a polynomial within d of it in L^1 takes its place,
which costs d sup|p|. The formula changes where z + S or z - S passes an end; these places are known in balls, and a
panel that ends a distance d beside one is wrong there by at most d sup r |jump of p|.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, groupby
from typing import Any, NamedTuple

import flint
import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls.chebyshev import Moments, Near, Side
from mzsym.balls.numbers import Arb, to_arb
from mzsym.balls.panels import (
    CLOSE,
    Pieces,
    largest,
    largest_of,
    mean_of,
    merged,
    restricted,
    simplified,
    size_of,
    snapped,
)

FINER = 2.0**-24
"""Error of the polynomial in place of a density, as a share of what a layer may add."""


@dataclass(frozen=True, eq=False)
class Density:
    """The density of xi/S on [-1, 1], as a polynomial and an error."""

    near: Near

    @cached_property
    def peak(self) -> Arb:
        """An upper bound."""
        return largest(self.near)

    @cached_property
    def slopes(self) -> list[Any]:
        """The q-th derivatives, divided by q!."""
        found = [self.near.poly]
        while found[-1].length() > 1:
            found.append(found[-1].derivative() * (1 / flint.arb(len(found))))
        return found

    @cached_property
    def from_ends(self) -> tuple[list[Arb], list[Arb]]:
        """q! times the coefficients around -1, and around 1 in the direction of 0."""
        ends = flint.arb(-1), flint.arb(1)
        rising, falling = (self.near.poly(flint.arb_poly([end, -end])).coeffs() for end in ends)
        return _times_factorials(rising), _times_factorials(falling)


@dataclass(frozen=True, eq=False)
class BoundedNoise:
    """The noise of a layer, lengths in units of half the side of the next box.

    Attributes
    ----------
    reach : arb
        S, half the length of the support.
    moments : Moments
    density : function or None
        From an error that is aimed at to the density; None without noise.
    """

    reach: Arb
    moments: Moments
    density: Callable[[float], Density] | None


def no_noise() -> BoundedNoise:
    """Of a layer without noise."""
    return BoundedNoise(flint.arb(0), ch.no_noise(), None)


def uniform(half_width: Any, half: Any) -> BoundedNoise:
    """Uniform noise; ``half`` is the unit of length."""
    density = Density(Near(flint.arb_poly([flint.arb(0.5)]), flint.arb(0)))
    return BoundedNoise(to_arb(half_width) / to_arb(half), ch.uniform_moments(half_width, half), lambda _: density)


def truncated_normal(scale: Any, cutoff: Any, half: Any) -> BoundedNoise:
    """Normal noise conditioned on |xi| <= cutoff * scale."""
    reach = to_arb(cutoff) * to_arb(scale) / to_arb(half)
    moments = ch.truncated_normal_moments(scale, cutoff, half)
    return BoundedNoise(reach, moments, lambda target: _normal_density(ch.exact(cutoff), target, flint.ctx.prec))


@lru_cache(maxsize=32)
def _normal_density(cutoff: sp.Rational, target: float, bits: int) -> Density:
    bell = ch.function(sp.exp(-(cutoff**2) * ch.T**2 / 2), ch.T, -1, 1, target)
    c = to_arb(cutoff)
    height = c / ((2 * flint.arb.pi()).sqrt() * (c / flint.arb(2).sqrt()).erf())
    return Density(Near.of(bell.poly * height, bell.error * height.abs_upper()))


class Crossing(NamedTuple):
    """A place z, known in a ball, where z - S or z + S passes an end of a panel, and where panels of z end for it."""

    at: Arb
    end: int
    from_above: bool
    place: Arb


def smoothed(pieces: Pieces, noise: BoundedNoise, lo: Arb, hi: Arb, target: float) -> Pieces:
    """z -> E p(z + xi) on panels that cover [lo, hi], exact numbers.

    It holds for the z that matter: those for which z + xi lies in [-1, 1], and that are ``CLOSE`` inside of [lo, hi].
    Errors grow by no more than about ``target``.
    """
    if noise.density is None:
        return pieces
    if len(pieces.panels) == 1:
        return Pieces.whole([Near.of(noise.moments.averaged(near.poly), near.error) for near in pieces.panels[0]])
    allowed = flint.arb(target) / 8
    crossings = _crossings(pieces, noise.reach, lo, hi)
    density = noise.density(target * FINER)
    averages = _Averages(pieces, noise, density, _lost(pieces, crossings, density.peak / noise.reach, lo))
    ends, panels = [lo], []
    first, last = 0, 0
    for place, group in chain(groupby(crossings, key=lambda crossing: crossing.place), [(hi, iter(()))]):
        if place > ends[-1]:
            averages.move(Side.of(ends[-1], place), first, last)
            panels.append(tuple(simplified(averages.of(j), allowed) for j in range(pieces.count)))
            ends.append(place)
        for crossing in group:
            first, last = first + (not crossing.from_above), last + crossing.from_above
    return merged(Pieces(tuple(ends), tuple(panels)), allowed)


def _crossings(pieces: Pieces, reach: Arb, lo: Arb, hi: Arb) -> list[Crossing]:
    """In ascending order; those before ``lo`` are at it and those behind ``hi`` are left out."""
    balls = [
        (end + (-reach if above else reach), k, above)
        for k, end in enumerate(pieces.ends[1:-1], 1)
        for above in (True, False)
    ]
    balls.sort(key=lambda ball: ball[0].mid())
    found: list[Crossing] = []
    begun = flint.arb(-4)
    for at, k, above in balls:
        if not at.mid() - begun < CLOSE:
            begun = at.mid()
        place = snapped(begun).max(lo)
        if place < hi:
            found.append(Crossing(at, k, above, place))
    return found


def _lost(pieces: Pieces, crossings: Sequence[Crossing], peak: Arb, lo: Arb) -> list[Arb]:
    """For every function, what panels that end beside the places of crossings may be wrong by."""
    total = [flint.arb(0)] * pieces.count
    for crossing in crossings:
        off = crossing.at - crossing.place
        # Before the first place nothing is computed.
        off = off.abs_upper() if crossing.place > lo else off.upper().max(flint.arb(0))
        around = pieces.ends[crossing.end] + flint.arb(0, off)
        for j in range(pieces.count):
            jump = pieces.value(crossing.end, j, around) - pieces.value(crossing.end - 1, j, around)
            total[j] = (total[j] + peak * off * jump.abs_upper()).upper()
    return total


class _Averages:
    """E p(z + xi) on one panel of z after the other.

    Parameters
    ----------
    pieces : Pieces
    noise : BoundedNoise
    density : Density
    lost : sequence of arb
        What is added to the error of every function.
    """

    def __init__(self, pieces: Pieces, noise: BoundedNoise, density: Density, lost: Sequence[Arb]) -> None:
        self.pieces, self.noise, self.density, self.lost = pieces, noise, density, lost
        self.loose = 2 * density.near.error
        self._sizes = [[size_of(panel[j].poly) for panel in pieces.panels] for j in range(pieces.count)]
        self._known: dict[tuple[str, int, int], Any] = {}
        self._sums = [flint.arb_poly([])] * pieces.count
        self.side, self.first, self.last, self.inside = Side.of(-1, 1), 0, 0, range(0)

    def move(self, side: Side, first: int, last: int) -> None:
        """To a panel of z on which z - S lies in panel ``first`` and z + S in panel ``last``."""
        step = (side.middle - self.side.middle) / self.noise.reach
        inside = range(first + 1, last)
        for j in range(self.pieces.count):
            # Only a few panels come and go: their sum moves along.
            total = self._sums[j](flint.arb_poly([step, 1])) if self.inside else flint.arb_poly([])
            for k in sorted({*inside} ^ {*self.inside}):
                more = self._between(j, k, side.middle)
                total = total + more if k in inside else total - more
            self._sums[j] = total
        self.side, self.first, self.last, self.inside = side, first, last, inside

    def of(self, j: int) -> Near:
        """The average of function j."""
        met = [panel[j] for panel in self.pieces.panels[self.first : self.last + 1]]
        error = self.lost[j] + largest_of([near.error for near in met])
        if self.first == self.last:
            inside = self.pieces.side(self.first)
            own = Near(self.noise.moments.averaged(met[0].poly, inside.half), error)
            return restricted(own, inside, self.side)
        error = error + self.loose * largest_of(self._sizes[j][self.first : self.last + 1])
        total = self._at_end(j, self.first, rising=True) + self._at_end(j, self.last, rising=False)
        within = self._sums[j](flint.arb_poly([0, self.side.half / self.noise.reach]))
        return Near.of(total + within, error)

    def _at_end(self, j: int, k: int, rising: bool) -> Any:
        """The integral over the panel in which an end of the support lies."""
        reach, end = self.noise.reach, self.pieces.ends[k + 1] if rising else self.pieces.ends[k]
        key = "rising" if rising else "falling", j, k
        if key not in self._known:
            sign = -1 if rising else 1
            turned = flint.arb_poly([-sign, sign * reach / self.pieces.side(k).half])
            own = _times_factorials(self.pieces.panels[k][j].poly(turned).coeffs())
            self._known[key] = _convolved(own, self.density.from_ends[0 if rising else 1])
        middle, half = self.side.middle / reach, self.side.half / reach
        inner = [end / reach - middle + 1, -half] if rising else [middle + 1 - end / reach, half]
        return self._known[key](flint.arb_poly(inner))

    def _between(self, j: int, k: int, middle: Arb) -> Any:
        """The integral over a panel within the support, as a polynomial of (z - middle)/S."""
        reach, side = self.noise.reach, self.pieces.side(k)
        key = "between", j, k
        if key not in self._known:
            poly, share, total = self.pieces.panels[k][j].poly, side.half / reach, flint.arb_poly([])
            for q, slope in enumerate(self.density.slopes):
                total = total + slope * (share ** (q + 1) * 2 * mean_of(poly))
                poly = poly * flint.arb_poly([0, 1])
            self._known[key] = total
        return self._known[key](flint.arb_poly([(side.middle - middle) / reach, -1]))


def _times_factorials(coefs: Sequence[Arb]) -> list[Arb]:
    found, factorial = [], flint.arb(1)
    for k, c in enumerate(coefs):
        factorial = factorial * max(k, 1)
        found.append(c * factorial)
    return found


def _convolved(one: Sequence[Arb], other: Sequence[Arb]) -> Any:
    """The integral of f(t) g(x - t) over 0 < t < x, from k! times the coefficients of f and g.

    That of t^m/m! (x - t)^q/q! is x^(m+q+1)/(m+q+1)!.
    """
    coefs, factorial = [flint.arb(0)], flint.arb(1)
    for n, c in enumerate((flint.arb_poly(one) * flint.arb_poly(other)).coeffs(), 1):
        factorial = factorial * n
        coefs.append(c / factorial)
    return flint.arb_poly(coefs)
