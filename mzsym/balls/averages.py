"""Verified quadrature for one layer whose noise has any piecewise analytic density of bounded support. MATH (24)

The functions wanted are m_l(z) = int rho(xi) e_l(z + xi) dxi for the orthonormal Legendre polynomials e_l, l < size, of
the next box, and integrals over t of products of m_l(f(t)), of their derivatives and of the p_i(t). The inner rule, in
xi, is one for all z = f(t); the outer nodes lie on the branches of the curve, and gaps count as points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import flint
import numpy as np
import sympy as sp

from mzsym.balls.crossings import SHARE, NextBasis
from mzsym.balls.curves import Branch, Curve, curve_of
from mzsym.balls.ellipses import RHO, gauss_balls, sum_of_distances
from mzsym.balls.expressions import enclose
from mzsym.balls.numbers import Arb, upper
from mzsym.balls.programs import Program
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.functions import relu

INNER = 1e-14
"""Error of the inner rule."""

OUTER = (8, 16, 32, 48)
"""Nodes on a panel: the first number that is enough."""

MAX_PARTS = 4096

WHERE = "balls.averages"

_T = sp.Symbol("t", real=True)


@dataclass(frozen=True, eq=False)
class Density:
    """A density in analytic pieces.

    Attributes
    ----------
    pieces : tuple
        (lo, hi, value at real balls, value at complex balls) on [lo, hi], the argument being the noise.
    variation : arb
        Upper bound of the total variation on the line, jumps at the ends included.
    square : arb
        Ball around the integral of the square, or not finite.
    """

    pieces: tuple[tuple[Arb, Arb, Program, Program], ...]
    variation: Arb
    square: Arb


def density_pieces(density: sp.Expr, symbol: sp.Symbol, points: Sequence[sp.Expr], square: Arb) -> Density:
    """Cut a density at the given points, its ends first and last; expressions without symbols.

    Raises
    ------
    MzError
        Where it is not proved to be smooth between them, or its support is unbounded.
    """
    ends = [enclose(point, {}) for point in points]
    if not all(end.is_finite() for end in ends):
        raise MzError("sharp enclosures need noise of bounded support", WHERE, "Cut the noise off")
    pieces = []
    variation = flint.arb(0)
    before = flint.arb(0)
    for (low, high), (lo, hi) in zip(pairwise(points), pairwise(ends), strict=True):
        chosen = between(density, symbol, low, high)
        smooth = chosen.xreplace({symbol: (low + high) / 2 + (high - low) / 2 * _T})
        curve = curve_of(smooth, _T)
        variation = sum((branch.top - branch.bottom for branch in curve.branches), variation)
        variation = sum((gap.variation for gap in curve.gaps), variation)
        first, last = (Program((smooth,), _T)(flint.arb(end))[0] for end in (-1, 1))
        variation = variation + abs(first - before)
        before = last
        pieces.append((lo, hi, Program((smooth,), _T), Program((smooth,), _T, complex_=True)))
    return Density(tuple(pieces), (variation + abs(before)).upper(), square)


def between(density: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """The one analytic expression that a density with case distinctions is between two points.

    Raises
    ------
    MzError
        Where that is not decided.
    """
    return _Cases(symbol, low, high).resolved(density)


class _Cases:
    """The one analytic expression that a density is between two points; exact, or refused."""

    def __init__(self, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> None:
        self.symbol, self.low, self.high = symbol, low, high

    def resolved(self, node: sp.Expr) -> sp.Expr:
        """From the inside out."""
        if not node.args:
            return node
        if isinstance(node, sp.Piecewise):
            for value, condition in node.args:
                if self._holds(condition):
                    return self.resolved(value)
            raise MzError("the noise density is not defined between its points", WHERE, "Use another method")
        args = [self.resolved(arg) for arg in node.args]
        if isinstance(node, sp.Abs):
            return args[0] * self._sign(args[0])
        if isinstance(node, relu):
            return args[0] if self._sign(args[0]) > 0 else sp.S.Zero
        if isinstance(node, (sp.Max, sp.Min)):
            largest = 1 if isinstance(node, sp.Max) else -1
            return reduce(lambda a, b: a if self._sign(a - b) == largest else b, args)
        return node.func(*args)

    def _holds(self, condition: sp.Basic) -> bool:
        relations = condition.atoms(sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)
        truths = {}
        for relation in relations:
            falls = isinstance(relation, (sp.StrictLessThan, sp.LessThan))
            truths[relation] = (
                sp.true if (self._sign(self.resolved(relation.lhs - relation.rhs)) < 0) == falls else sp.false
            )
        return bool(condition.xreplace(truths) == sp.true)

    def _sign(self, expr: sp.Expr) -> int:
        """Of a polynomial without zeros between the points."""
        if expr.is_zero:
            return 1
        if not (expr.is_polynomial(self.symbol) and self.low.is_Rational and self.high.is_Rational):
            raise MzError("the cases of the noise density are not decided", WHERE, "Use another method")
        polynomial = sp.Poly(expr, self.symbol)
        if not all(coefficient.is_Rational for coefficient in polynomial.all_coeffs()):
            raise MzError("the cases of the noise density are not decided", WHERE, "Use another method")
        at_ends = sum(bool(polynomial.eval(end) == 0) for end in (self.low, self.high))
        if polynomial.count_roots(self.low, self.high) > at_ends:
            raise MzError("the cases of the noise density change between its points", WHERE, "Use another method")
        return 1 if polynomial.eval((self.low + self.high) / 2) > 0 else -1


@dataclass(frozen=True, eq=False)
class Averages:
    """Nodes in floating point, and bounds of what is lost.

    Attributes
    ----------
    inner, inner_weights : arrays
        xi/half and the weights times rho.
    centre : array of shape (nodes,)
        (f(t) - middle)/half, of the outer nodes and then of the gaps.
    t, weights, slopes : arrays of shape (outer nodes,)
        Weights of the rule, and f'.
    gap_ends : array of shape (gaps, 2)
    flat : array of shape (gaps,)
        Lengths of the gaps.
    lost_inner : float
        Error of the inner rule for every average of a P_l, l < size.
    lost_products, lost_squares, lost_slopes : float
        Frobenius norms of the errors of int p_i m_l, int m_l m_n and int (1 - t^2) m_l' m_n'; MATH (24).
    """

    inner: Array
    inner_weights: Array
    centre: Array
    t: Array
    weights: Array
    slopes: Array
    gap_ends: Array
    flat: Array
    lost_inner: float
    lost_products: float
    lost_squares: float
    lost_slopes: float


class AverageQuadrature:
    """Nodes for one curve, one density and one next box; ``top`` functions on the left, ``size`` on the right."""

    def __init__(self, curve: Curve, density: Density, following: NextBasis, top: int, size: int, tolerance: float):
        self.curve, self.density, self.following, self.top, self.size = curve, density, following, top, size
        self.tolerance = flint.arb(tolerance)
        self.bits = flint.ctx.prec
        rho = flint.arb(RHO)
        self.axes = (rho + 1 / rho) / 2, (rho - 1 / rho) / 2
        self.factors = {n: 8 / (rho ** (2 * n) * (1 - 1 / rho)) for n in OUTER}
        self.products, self.squares, self.slopes = flint.arb(0), flint.arb(0), flint.arb(0)
        levels = [gap.level for gap in curve.gaps]
        self.bottom = _least(levels)
        self.top_value = -_least([-level for level in levels])
        self.reach = density.pieces[0][0], density.pieces[-1][1]

    def run(self) -> Averages:
        """All nodes.

        Raises
        ------
        MzError
            When too many panels are needed.
        """
        inner = self._inner()
        rows: list[tuple[float, float, float, float]] = []
        for branch in self.curve.branches:
            todo = [(branch.lo, branch.hi)]
            looked = 0
            while todo:
                u, v = todo.pop()
                looked += 1
                if looked > MAX_PARTS:
                    raise MzError(f"more than {MAX_PARTS} panels are needed", WHERE, "Use another method")
                if not self._panel(branch, u, v, rows):
                    middle = ((u + v) / 2).mid()
                    todo += [(middle, v), (u, middle)]
        outer = np.array(rows).reshape(-1, 4)
        gaps = [gap for gap in self.curve.gaps if gap.hi > gap.lo]
        for gap in gaps:
            self._gap(gap.variation, gap.steepest, (gap.hi - gap.lo).upper())
        half = self.following.half
        centres = [float((gap.level.mid() - self.following.middle) / half) for gap in gaps]
        return Averages(
            inner[0],
            inner[1],
            np.concatenate([outer[:, 2], np.array(centres)]),
            outer[:, 0],
            outer[:, 1],
            outer[:, 3],
            np.array([(float(gap.lo), float(gap.hi)) for gap in gaps]).reshape(-1, 2),
            np.array([float((gap.hi - gap.lo).lower()) for gap in gaps]),
            inner[2],
            upper(self.products),
            upper(self.squares),
            upper(self.slopes),
        )

    def _growth(self, centre: Arb, radius: Arb) -> tuple[Arb, Arb]:
        """Bounds of the norms of (m_l) and of (m_l') where f is in a disc: the e_l at its sums with the noise.

        The distances are convex in the noise, so that its ends decide; sum (2l+1) beta^(2l) <= size^2 beta^(2 size),
        and |P_l'| <= l(l+1)/2 beta^l because P_l' is a sum of (2j+1) P_j.
        """
        half, size = self.following.half, self.size
        worst = flint.arb(1)
        for end in self.reach:
            distances = sum_of_distances((centre + end - self.following.middle) / half, radius / half, radius / half)
            worst = worst.max(distances)
        beta = (worst + (worst * worst - 1).max(flint.arb(0)).sqrt()).upper()
        plain = beta**size * size / (2 * half).sqrt() * self.density_mass
        return plain, plain * size * size / (2 * half)

    @property
    def density_mass(self) -> Arb:
        """Upper bound of the integral of |rho|, which the user's density need not make 1 exactly (Cauchy-Schwarz)."""
        return ((self.reach[1] - self.reach[0]) * self.density.square).sqrt().upper()

    def _panel(self, branch: Branch, u: Arb, v: Arb, rows: list[tuple[float, float, float, float]]) -> bool:
        middle, half = (u + v) / 2, (v - u) / 2
        reach = (half * self.axes[0]).upper()
        (complex_slope,) = branch.slope(flint.acb(middle + flint.arb(0, reach), flint.arb(0, reach)))
        size = complex_slope.abs_upper()
        if not size.is_finite():
            return False
        value = branch.real(middle)[0]
        plain, slope = self._growth(value, (reach * size).upper())
        distances = sum_of_distances(middle, half * self.axes[0], half * self.axes[1])
        beta = (distances + (distances * distances - 1).max(flint.arb(0)).sqrt()).upper()
        left = beta**self.top * self.top
        parts = half * left * plain, half * plain * plain, half * (distances * size * slope) ** 2
        allowed = self.tolerance * (SHARE + half)
        for count, factor in self.factors.items():
            lost = [part * factor for part in parts]
            if lost[0] <= allowed and lost[1] <= allowed and lost[2] <= allowed * self.size**2:
                self.products = (self.products + lost[0]).upper()
                self.squares = (self.squares + lost[1]).upper()
                self.slopes = (self.slopes + lost[2]).upper()
                for x, weight in gauss_balls(count, self.bits):
                    t = middle + half * x
                    z, tangent = branch.real(t)
                    centre = (z - self.following.middle) / self.following.half
                    rows.append((float(t), float(weight * half), float(centre), float(tangent)))
                return True
        return False

    def _gap(self, variation: Arb, steepest: Arb, length: Arb) -> None:
        """What it costs to take f for its middle value on a gap: |m(z) - m(z')| <= |z - z'| sup |m'|."""
        half, size = self.following.half, self.size
        slope = self.density_mass * size**3 / (2 * half * (2 * half).sqrt())
        self.products = self.products + length.sqrt() * variation * slope
        self.squares = self.squares + 2 * length * variation * slope * self.density.square.sqrt().upper()
        self.slopes = self.slopes + steepest * variation * slope * slope

    # ------------------------------------------------------------ the rule in the noise

    def _inner(self) -> tuple[Array, Array, float]:
        """xi/half, weights times rho, and the error for every average of a P_l, l < size, over all z in the image."""
        nodes: list[float] = []
        weights: list[float] = []
        lost = flint.arb(0)
        count = 32
        factor = 8 / (flint.arb(RHO) ** (2 * count) * (1 - 1 / flint.arb(RHO)))
        half = self.following.half
        for lo, hi, real, analytic in self.density.pieces:
            scale = (hi - lo) / 2
            todo = [(flint.arb(-1), flint.arb(1))]
            looked = 0
            while todo:
                u, v = todo.pop()
                looked += 1
                if looked > MAX_PARTS:
                    raise MzError("the noise density needs too many panels", WHERE, "Use another method")
                middle, h = (u + v) / 2, (v - u) / 2
                reach = (h * self.axes[0]).upper()
                (value,) = analytic(flint.acb(middle + flint.arb(0, reach), flint.arb(0, reach)))
                error = flint.arb.pos_inf()
                if value.abs_upper().is_finite():
                    error = factor * h * scale * value.abs_upper() * self._inner_growth((lo + hi) / 2, scale, middle, h)
                if not error <= INNER * (SHARE + h):
                    todo += [((u + v) / 2, v), (u, (u + v) / 2)]
                    continue
                lost = (lost + error).upper()
                for x, weight in gauss_balls(count, self.bits):
                    t = middle + h * x
                    nodes.append(float(((lo + hi) / 2 + scale * t) / half))
                    product = weight * h * scale * real(t)[0]
                    weights.append(float(product))
                    lost = (lost + product.rad()).upper()
        return np.array(nodes), np.array(weights), upper(lost)

    def _inner_growth(self, centre: Arb, scale: Arb, middle: Arb, h: Arb) -> Arb:
        """Bound of |P_l|, l < size, on the ellipse around a panel of the noise, for every value of f."""
        half = self.following.half
        worst = flint.arb(1)
        for value in (self.bottom, self.top_value):
            at = (value + centre + scale * middle - self.following.middle) / half
            worst = worst.max(sum_of_distances(at, scale * h * self.axes[0] / half, scale * h * self.axes[1] / half))
        return (worst + (worst * worst - 1).max(flint.arb(0)).sqrt()).upper() ** self.size


def _least(values: Sequence[Arb]) -> Arb:
    best: Any = values[0].lower()
    for value in values[1:]:
        best = best.min(value.lower())
    return best
