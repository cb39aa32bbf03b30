"""An oracle without quadrature: for piecewise linear maps and uniform noise every function is a piecewise polynomial.

All arithmetic is exact, in fractions: averages are differences of antiderivatives, compositions are with affine maps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

ZERO, ONE = Fraction(0), Fraction(1)
BRANCHES = {
    "identity": ((ONE, ZERO),),
    "relu": ((ZERO, ZERO, ZERO), (ONE, ZERO)),
    "leaky_relu": ((Fraction(0.01), ZERO, ZERO), (ONE, ZERO)),
    "abs": ((-ONE, ZERO, ZERO), (ONE, ZERO)),
    "step": ((ZERO, ZERO, ZERO), (ZERO, ONE)),
    "hardtanh": ((ZERO, -ONE, -ONE), (ONE, ZERO, ONE), (ZERO, ONE)),
}
"""Slope, intercept and end of every branch of an activation."""

Poly = tuple[Fraction, ...]
Piece = tuple[Fraction, Fraction, Fraction, Fraction]
"""(start, stop, slope, intercept) of a piecewise linear map."""


def add(a: Poly, b: Poly) -> Poly:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return tuple(x + (shorter[k] if k < len(shorter) else 0) for k, x in enumerate(longer))


def times(a: Poly, b: Poly) -> Poly:
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return tuple(out)


def at_line(p: Poly, slope: Fraction, intercept: Fraction) -> Poly:
    """p(slope x + intercept)."""
    out: Poly = (Fraction(0),)
    for c in reversed(p):
        out = add(times(out, (intercept, slope)), (c,))
    return out


def value(p: Poly, x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(p):
        total = total * x + c
    return total


@dataclass(frozen=True)
class Piecewise:
    """A polynomial on each of several intervals."""

    ends: tuple[Fraction, ...]
    polys: tuple[Poly, ...]

    def piece(self, x: Fraction) -> Poly:
        return self.polys[min(max(bisect_right(self.ends, x) - 1, 0), len(self.polys) - 1)]

    def __call__(self, x: Fraction) -> Fraction:
        return value(self.piece(x), x)

    def antiderivative(self) -> Piecewise:
        polys, reached = [], Fraction(0)
        for (a, b), p in zip(pairwise(self.ends), self.polys, strict=True):
            q = (Fraction(0), *(c / (k + 1) for k, c in enumerate(p)))
            q = add(q, (reached - value(q, a),))
            polys.append(q)
            reached = value(q, b)
        return Piecewise(self.ends, tuple(polys))

    def __mul__(self, other: Piecewise) -> Piecewise:
        ends = tuple(sorted({*self.ends, *other.ends}))
        return Piecewise(
            ends, tuple(times(self.piece((a + b) / 2), other.piece((a + b) / 2)) for a, b in pairwise(ends))
        )

    def mean(self) -> Fraction:
        whole = self.antiderivative()
        return whole(self.ends[-1]) / (self.ends[-1] - self.ends[0])

    def averaged(self, s: Fraction) -> Piecewise:
        """E v(z + U(-s, s)) as a function of z."""
        whole, lo, hi = self.antiderivative(), self.ends[0] + s, self.ends[-1] - s
        if lo == hi:
            # A constant map: there is one state before noise.
            return Piecewise((lo, hi), ((self.mean(),),))
        ends = tuple(sorted({lo, hi} | {e + k * s for e in self.ends for k in (1, -1) if lo < e + k * s < hi}))
        polys = []
        for a, b in pairwise(ends):
            z = (a + b) / 2
            right = at_line(whole.piece(z + s), Fraction(1), s)
            left = at_line(whole.piece(z - s), Fraction(1), -s)
            polys.append(tuple(c / (2 * s) for c in add(right, tuple(-c for c in left))))
        return Piecewise(ends, tuple(polys))

    def after(self, pieces: Sequence[Piece]) -> Piecewise:
        """v(F(x)) for a piecewise linear F."""
        ends: list[Fraction] = []
        polys: list[Poly] = []
        for a, b, slope, intercept in pieces:
            inner = {(e - intercept) / slope for e in self.ends} if slope else set()
            for p, q in pairwise(sorted({a, b} | {x for x in inner if a < x < b})):
                ends.append(p)
                polys.append(at_line(self.piece(slope * (p + q) / 2 + intercept), slope, intercept))
        return Piecewise((*ends, pieces[-1][1]), tuple(polys))


def legendre(k: int, lo: Fraction, hi: Fraction) -> Piecewise:
    """P_k on [lo, hi]."""
    before: Poly = (Fraction(1),)
    now: Poly = (Fraction(0), Fraction(1))
    for j in range(1, k + 1):
        scaled = tuple(c * Fraction(2 * j + 1, j + 1) for c in times((Fraction(0), Fraction(1)), now))
        before, now = now, add(scaled, tuple(-c * Fraction(j, j + 1) for c in before))
    return Piecewise((lo, hi), (at_line(before, 2 / (hi - lo), -(lo + hi) / (hi - lo)),))


def pieces(
    activation: str, w: Fraction, b: Fraction, lo: Fraction, hi: Fraction, leak: Fraction | None = None
) -> list[Piece]:
    """x -> act(w x + b) on [lo, hi]; ``leak`` is the slope of leaky_relu."""
    branches = BRANCHES[activation] if leak is None else ((leak, ZERO, ZERO), (ONE, ZERO))
    kinks = [branch[2] for branch in branches[:-1]]
    cuts = sorted({lo, hi} | {(z - b) / w for z in kinks if w and lo < (z - b) / w < hi})
    out = []
    for p, q in pairwise(cuts):
        z = w * (p + q) / 2 + b
        slope, constant, *_ = branches[sum(z > kink for kink in kinks)]
        if activation == "step" and z == 0:
            constant = Fraction(1, 2)
        out.append((p, q, slope * w, slope * b + constant))
    return out


@dataclass(frozen=True)
class Chain:
    """Layers act(w x + b) with uniform noise of half-width s, on the boxes that follow from the first one.

    ``layers`` has (activation, w, b, s, slope of leaky_relu or None) for each; ``boxes`` may be given.
    """

    layers: tuple[tuple[str, Fraction, Fraction, Fraction, Fraction | None], ...]
    first: tuple[Fraction, Fraction] = (-ONE, ONE)
    given: tuple[tuple[Fraction, Fraction], ...] | None = None

    @cached_property
    def steps(self) -> tuple[tuple[tuple[Fraction, Fraction], list[Piece]], ...]:
        """Box and pieces of the map of every layer; the last box with no map."""
        box, out = self.first, []
        for n, (activation, w, b, s, leak) in enumerate(self.layers):
            maps = pieces(activation, w, b, *box, leak)
            out.append((box, maps))
            values = [slope * x + constant for p, q, slope, constant in maps for x in (p, q)]
            box = (min(values) - s, max(values) + s) if self.given is None else self.given[n + 1]
        return (*out, (box, []))

    def back(self, v: Piecewise, n: int, m: int) -> Piecewise:
        """M(n, m) v."""
        for k in range(m - 1, n - 1, -1):
            v = v.averaged(self.layers[k][3]).after(self.steps[k][1])
        return v

    def correlation(self, n: int, m: int, i: int, j: int) -> Fraction:
        """C(n, m)_ij in the uniform measure, up to the factor sqrt((2i + 1)(2j + 1))."""
        v = self.back(legendre(j, *self.steps[m][0]), n, m)
        return (legendre(i, *self.steps[n][0]) * v).mean()

    def mean(self, n: int, i: int, powers: Poly) -> Fraction:
        """c_n for the observable with these coefficients, up to the factor sqrt(2i + 1)."""
        last = len(self.layers)
        q = self.back(Piecewise(self.steps[last][0], (powers,)), n, last)
        return (legendre(i, *self.steps[n][0]) * q).mean()

    def expectation(self, x: Fraction, powers: Poly) -> Fraction:
        """q_0 at x."""
        last = len(self.layers)
        return self.back(Piecewise(self.steps[last][0], (powers,)), 0, last)(x)
