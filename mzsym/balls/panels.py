"""Functions on [-1, 1] that are not smooth: a polynomial with a proved distance on every panel.

The panels of several functions are the same. Ends are exact numbers, so that nothing is uncertain but what a function
is within its error; where a break point is known in a ball, who makes the panels pays for the difference.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from typing import Any

import flint

from mzsym.balls.chebyshev import Near, Side, chopped, combined, cosines, from_chebyshev, legendre_polynomials, zeros
from mzsym.balls.numbers import Arb

GRID = 200
"""Ends are multiples of 2**-GRID."""

CLOSE = 2.0**-140
"""Break points closer than this are one."""

LONGEST = 96
"""Largest number of coefficients on one panel of several."""

FINER = 2.0**-20
"""Share of the target below which coefficients are dropped: what is dropped looks like a kink to those who merge."""

SHARES = 8
"""Part of what may still be spent on a panel that one merging may take."""

SHORT = 16
"""Polynomials with so few coefficients are kept as they are."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Several functions on [-1, 1].

    Attributes
    ----------
    ends : tuple of arb
        Exact and ascending, from one end of the interval to the other.
    panels : tuple of tuples of Near
        For every panel the functions there, in the unit variable of the panel.
    """

    ends: tuple[Arb, ...]
    panels: tuple[tuple[Near, ...], ...]

    @classmethod
    def whole(cls, functions: Sequence[Near]) -> Pieces:
        """Functions that are smooth on [-1, 1]."""
        return cls((flint.arb(-1), flint.arb(1)), (tuple(functions),))

    @property
    def count(self) -> int:
        """Of the functions."""
        return len(self.panels[0])

    def side(self, k: int) -> Side:
        """Panel k."""
        return Side.of(self.ends[k], self.ends[k + 1])

    def share(self, k: int) -> Arb:
        """Probability of panel k in the uniform law."""
        return (self.ends[k + 1] - self.ends[k]) / (self.ends[-1] - self.ends[0])

    def panel_of(self, place: Arb) -> int:
        """The panel in which an exact number lies; the first or last for one outside."""
        return max(0, min(bisect_right(self.ends, place) - 1, len(self.panels) - 1))

    def value(self, k: int, j: int, place: Arb) -> Arb:
        """A ball around what the polynomial of function j on panel k is on a ball."""
        side = self.side(k)
        return self.panels[k][j].poly((place - side.middle) / side.half)

    def refined(self, ends: Sequence[Arb]) -> Pieces:
        """The same functions with more ends."""
        if len(ends) == len(self.ends):
            return self
        panels = []
        for a, b in pairwise(ends):
            k = self.panel_of(((a + b) / 2).mid())
            panels.append(tuple(restricted(near, self.side(k), Side.of(a, b)) for near in self.panels[k]))
        return Pieces(tuple(ends), tuple(panels))

    def __getitem__(self, chosen: slice) -> Pieces:
        return Pieces(self.ends, tuple(panel[chosen] for panel in self.panels))

    def __sub__(self, other: Pieces) -> Pieces:
        one, two = aligned([self, other])
        pairs = zip(one.panels, two.panels, strict=True)
        return Pieces(one.ends, tuple(tuple(f - g for f, g in zip(*pair, strict=True)) for pair in pairs))


def restricted(near: Near, side: Side, part: Side) -> Near:
    """A function on a side as one on a part of it, both in unit variables."""
    inner = flint.arb_poly([(part.middle - side.middle) / side.half, part.half / side.half])
    return Near.of(near.poly(inner), near.error)


def aligned(parts: Sequence[Pieces]) -> list[Pieces]:
    """The same functions on common panels."""
    if all(len(part.ends) == 2 for part in parts):
        return list(parts)
    ends: list[Arb] = []
    for end in sorted(end for part in parts for end in part.ends):
        if not ends or ends[-1] != end:
            ends.append(end)
    return [part.refined(ends) for part in parts]


def joined(parts: Sequence[Pieces]) -> Pieces:
    """The functions of all parts, in their order."""
    same = aligned(parts)
    return Pieces(same[0].ends, tuple(sum(panels, ()) for panels in zip(*(part.panels for part in same), strict=True)))


def snapped(place: Arb) -> Arb:
    """An exact number on the grid close to a ball."""
    scale = flint.arb(2) ** GRID
    return flint.arb((place.mid() * scale).floor().mid().unique_fmpz()) / scale


def largest_of(bounds: Sequence[Arb]) -> Arb:
    """The largest of exact numbers."""
    return reduce(lambda a, b: a.max(b), bounds)


def largest(near: Near) -> Arb:
    """An upper bound of |function| on its panel."""
    return (size_of(near.poly) + near.error).upper()


def size_of(poly: Any) -> Arb:
    """An upper bound of |polynomial| on [-1, 1]: the sum of its coefficients, those of the T_k where there are many."""
    coefs = poly.coeffs() if poly.length() <= SHORT else _series([poly], _rounded_up(poly.length()))[0]
    return sum((c.abs_upper() for c in coefs), flint.arb(0)).upper()


def _rounded_up(count: int) -> int:
    # A few sizes, so that their matrices are made once.
    return 8 * -(-count // 8)


def _series(polys: Sequence[Any], count: int) -> list[list[Arb]]:
    """Coefficients of T_0..T_(count - 1) in polynomials with no more coefficients."""
    found = _from_powers(count) * flint.arb_mat([[poly[n] for poly in polys] for n in range(count)])
    return [[found[k, j] for k in range(count)] for j in range(len(polys))]


@lru_cache(maxsize=32)
def _from_powers(count: int) -> Any:
    """From the coefficients of 1, t, t^2, ... to those of T_0..T_(count - 1), exact: all of them lie in [0, 1]."""
    found = flint.arb_mat(count, count)
    for n in range(count):
        for k in range(n % 2, n + 1, 2):
            found[k, n] = flint.arb(math.comb(n, (n - k) // 2)) * flint.arb(2) ** ((k > 0) - n)
    return found


def simplified(near: Near, target: Arb) -> Near:
    """The function with fewer coefficients, where there are many that together are far below the target."""
    if near.poly.length() <= SHORT:
        return near
    terms, dropped = chopped(_series([near.poly], _rounded_up(near.poly.length()))[0], target * FINER)
    return Near.of(from_chebyshev(terms), near.error + dropped)


def merged(pieces: Pieces, target: Arb) -> Pieces:
    """The functions on fewer panels, where one polynomial is within the target of those on neighbouring panels.

    Smoothed functions need not end where those before them do. What merging adds to an error is at most the target.
    """
    if len(pieces.panels) == 1:
        return pieces
    ends, panels = [pieces.ends[0], pieces.ends[1]], [pieces.panels[0]]
    spent = flint.arb(0)
    for k in range(1, len(pieces.panels)):
        pair = Pieces((ends[-2], ends[-1], pieces.ends[k + 1]), (panels[-1], pieces.panels[k]))
        # A panel that grows and grows may spend the target on the way, not each time.
        one = _one_panel(pair, (target - spent) / SHARES)
        if one is None:
            ends.append(pieces.ends[k + 1])
            panels.append(pieces.panels[k])
            spent = flint.arb(0)
        else:
            ends[-1], (panels[-1], more) = pieces.ends[k + 1], one
            spent = (spent + more).upper()
    return Pieces(tuple(ends), tuple(panels))


def _one_panel(pair: Pieces, allowed: Arb) -> tuple[tuple[Near, ...], Arb] | None:
    """Polynomials within ``allowed`` of those on two panels, and how far they are off; None where none is found."""
    count = _rounded_up(max(near.poly.length() for panel in pair.panels for near in panel) + 4)
    if count > LONGEST:
        return None
    outer = Side.of(pair.ends[0], pair.ends[-1])
    places = [outer.middle + outer.half * t for t in zeros(count)]
    rows = [[pair.value(pair.panel_of(place.mid()), j, place) for j in range(pair.count)] for place in places]
    series = cosines(count) * flint.arb_mat(rows)
    # Last coefficients that are not small say at once that there is a kink.
    if any(series[k, j].abs_lower() > allowed for k in (count - 2, count - 1) for j in range(pair.count)):
        return None
    found, farthest = [], flint.arb(0)
    for j in range(pair.count):
        terms, _ = chopped([series[k, j] for k in range(count)], allowed * FINER)
        whole = Near.of(from_chebyshev(terms))
        distance = flint.arb(0)
        for k in (0, 1):
            part = restricted(Near(whole.poly, flint.arb(0)), outer, pair.side(k))
            distance = distance.max(size_of(part.poly - pair.panels[k][j].poly) + part.error)
        if not distance < allowed:
            return None
        error = pair.panels[0][j].error.max(pair.panels[1][j].error)
        found.append(Near(whole.poly, (error + distance).upper()))
        farthest = farthest.max(distance.upper())
    return tuple(found), farthest


def combinations(functions: Pieces, weights: Sequence[Sequence[float]]) -> Pieces:
    """Sums of weights times functions, for exact weights, one list for each."""
    panels = (tuple(combined(panel, column) for column in weights) for panel in functions.panels)
    return Pieces(functions.ends, tuple(panels))


def averaged(functions: Pieces) -> Pieces:
    """Means over [-1, 1], as constant functions."""
    whole = inner_products(1, functions)
    return Pieces.whole([Near.of(flint.arb_poly([whole[0, j]])) for j in range(functions.count)])


def orthonormal(rank: int) -> list[Near]:
    """sqrt(2 i + 1) P_i(t), i < rank."""
    polynomials = enumerate(legendre_polynomials(rank))
    return [Near.of(flint.arb_poly(p) * flint.arb(2 * i + 1).sqrt()) for i, p in polynomials]


def inner_products(rank: int, functions: Pieces) -> Any:
    """<eta_i, v> in the uniform law, eta_i = sqrt(2 i + 1) P_i, i < rank, as a matrix of balls.

    |<eta_i, e>| is at most the norm of e in L^2, because that of eta_i is 1.
    """
    out = flint.arb_mat(rank, functions.count)
    polynomials = [flint.arb_poly(p) for p in legendre_polynomials(rank)]
    for k, panel in enumerate(functions.panels):
        side, share = functions.side(k), functions.share(k)
        inner = flint.arb_poly([side.middle, side.half])
        for i, polynomial in enumerate(polynomials):
            eta = polynomial(inner) if len(functions.panels) > 1 else polynomial
            for j, near in enumerate(panel):
                out[i, j] = out[i, j] + share * mean_of(eta * near.poly)
    errors = _mean_square_errors(functions)
    for i in range(rank):
        root = flint.arb(2 * i + 1).sqrt()
        for j, error in enumerate(errors):
            out[i, j] = out[i, j] * root + flint.arb(0, error)
    return out


def norms(functions: Pieces) -> list[Arb]:
    """Upper bounds of the norms in L^2 of the uniform law."""
    squares = [flint.arb(0)] * functions.count
    for k, panel in enumerate(functions.panels):
        share = functions.share(k)
        squares = [s + share * mean_of(near.poly * near.poly) for s, near in zip(squares, panel, strict=True)]
    errors = _mean_square_errors(functions)
    return [(s.abs_upper().sqrt() + error).upper() for s, error in zip(squares, errors, strict=True)]


def _mean_square_errors(functions: Pieces) -> list[Arb]:
    """Upper bounds of the norms of the errors."""
    squares = [flint.arb(0)] * functions.count
    for k, panel in enumerate(functions.panels):
        share = functions.share(k)
        squares = [s + share * near.error * near.error for s, near in zip(squares, panel, strict=True)]
    return [s.abs_upper().sqrt().upper() for s in squares]


def mean_of(poly: Any) -> Arb:
    """Over [-1, 1]."""
    whole = poly.integral()
    mean: Arb = (whole(flint.arb(1)) - whole(flint.arb(-1))) / 2
    return mean
