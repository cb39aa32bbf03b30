"""Verified quadrature for one layer with uniform noise: nodes, and where the map takes the shifted values. MATH (24)

For f on [-1, 1], noise of half-width s and p_j the orthonormal Legendre polynomials with Phi_j(t) = int_{-1}^t p_j,

    Xi_j(z) = int_{f < z} p_j = sum of +-Phi_j(T) over the T with f(T) = z, + where f rises, - where it falls,
    D_j(z) = Xi_j(z + 2s) - 2 Xi_j(z) + Xi_j(z - 2s),

the two integrals that are wanted are int Phi_i f' D_j(f) dt and int (1 - t^2) f'^2 D_i(f) D_j(f) dt. Panels are halved
until every T is proved to be analytic in an ellipse around the panel, and small enough for the error of Gauss's rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import flint
import numpy as np

from mzsym.balls.curves import Branch, Curve
from mzsym.balls.ellipses import CLOSE, RHO, ellipse, gauss_balls, growth, sum_of_distances
from mzsym.balls.numbers import Arb, upper
from mzsym.core import MzError
from mzsym.core.arrays import Array

SHARE = 2.0**-7
"""Share of the tolerance that one panel or one stretch without nodes may take."""

ARGUMENT = 2.0**-51
"""Every rounded argument is closer than this to the exact one."""

MAX_PANELS, MAX_CROSSINGS = 8000, 120_000
"""The budget of one curve."""

WHERE = "balls.crossings"


@dataclass
class Nodes:
    """Nodes, weights and crossings in floating point, and bounds of what is lost.

    Attributes
    ----------
    t : array of shape (nodes,)
    first, second : arrays of shape (nodes,)
        Gauss weights times f' and times (1 - t^2) f'^2, each off by less than 2**-51 of itself and ``tiny`` in sum.
    above, below : arrays of shape (nodes,)
        f(t) + s and f(t) - s on the next box, mapped to [-1, 1].
    node, count, place : arrays of shape (crossings,)
        D_j at node[c] is the sum of count[c] Phi_j(place[c]).
    lost_first, lost_second : float
        Frobenius norms of the errors of quadrature, bounded.
    tiny : float
        See above.
    panels : int
    """

    t: Array
    first: Array
    second: Array
    above: Array
    below: Array
    node: Array
    count: Array
    place: Array
    lost_first: float
    lost_second: float
    tiny: float
    panels: int


@dataclass(frozen=True, eq=False)
class Crossing:
    """One inverse T(t) = f_branch^{-1}(f(t) + shift) around a panel: T(u) in the disc for u in the ellipse."""

    branch: Branch
    count: int
    shift: Arb
    centre: Arb
    radius: Arb
    least: Arb
    """Lower bound of |f'| in the disc."""


@dataclass(frozen=True, eq=False)
class NextBasis:
    """The box of the next layer, middle and half-width, and the largest degree resolved on it."""

    middle: Arb
    half: Arb
    degree: int


@dataclass
class _Store:
    t: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)
    below: list[float] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    place: list[float] = field(default_factory=list)


class Quadrature:
    """Panels, crossings and error bounds for one curve.

    Parameters
    ----------
    curve : Curve
    half_width : arb
        s > 0.
    following : NextBasis
    top : int
        k: functions of degree 1..k-1.
    tolerance : float
        For ``lost_first``.
    """

    def __init__(self, curve: Curve, half_width: Arb, following: NextBasis, top: int, tolerance: float) -> None:
        self.curve, self.s, self.following, self.top = curve, half_width, following, top
        self.shifts = [(flint.arb(0), -2), (2 * half_width, 1), (-2 * half_width, 1)]
        self.tolerance = flint.arb(tolerance)
        self.bits = flint.ctx.prec
        self.first, self.second, self.tiny = flint.arb(0), flint.arb(0), flint.arb(0)
        self.panels = 0
        self.ellipses = [ellipse(rho) for rho in (RHO, CLOSE)]
        self.store = _Store()

    def run(self) -> Nodes:
        """Nodes of all panels.

        Raises
        ------
        MzError
            When more than ``MAX_PANELS`` panels are needed.
        """
        for gap in self.curve.gaps:
            self._skip(gap.variation, gap.steepest)
        for branch in self.curve.branches:
            guesses: dict[tuple[int, int], Arb] = {}
            todo = self._cells(branch)[::-1]
            while todo:
                u, v = todo.pop()
                if not self._panel(branch, u, v, guesses):
                    middle = ((u + v) / 2).mid()
                    todo += [(middle, v), (u, middle)]
                self.panels += 1
                if self.panels > MAX_PANELS or len(self.store.node) > MAX_CROSSINGS:
                    raise MzError("the map needs more panels than the budget allows", WHERE, "Use another method")
        kept = self.store
        return Nodes(
            np.array(kept.t),
            np.array(kept.first),
            np.array(kept.second),
            np.array(kept.above),
            np.array(kept.below),
            np.array(kept.node, dtype=np.int64),
            np.array(kept.count, dtype=np.float64),
            np.array(kept.place),
            upper(self.first),
            upper(self.second),
            upper(self.tiny),
            self.panels,
        )

    # ------------------------------------------------------------ stretches without nodes

    def _skip(self, variation: Arb, steepest: Arb) -> None:
        """Leave a stretch out: the norms of (Phi_i) and (D_j) are at most 1/sqrt 2 and 4/sqrt 2 at every real point.

        They hold coefficients of indicator functions of measure m in L^2(-1, 1) without the constant, whose squares
        sum to at most m - m^2/2 <= 1/2. The columns of the next basis are covered by ``_basis_size``.
        """
        both = 8 + self._basis_size() ** 2
        self.first = self.first + variation * (both / 2).sqrt()
        self.second = self.second + variation * steepest * both

    def _basis_size(self) -> Arb:
        """Bound of the norm of the columns of the next basis, e_l(f + s) - e_l(f - s), at a real point."""
        d = self.following.degree
        return (d + 1) * (2 / self.following.half).sqrt() if d else flint.arb(0)

    # ------------------------------------------------------------ cells

    def _cells(self, branch: Branch) -> list[tuple[Arb, Arb]]:
        """What is left of a branch without small stretches around the t where f(t) + shift is in a gap's level."""
        bad: list[tuple[Arb, Arb]] = []
        for gap in self.curve.gaps:
            for shift, _ in self.shifts:
                caught = _caught(branch, gap.level - shift)
                if caught is not None:
                    bad.append(caught)
        out: list[tuple[Arb, Arb]] = []
        at = branch.lo
        for lo, hi in sorted(bad, key=lambda pair: (float(pair[0]), float(pair[1]))):
            if lo > at:
                out.append((at, lo))
            if hi > at:
                start = at.max(lo)
                self._skip_part(branch, start, hi)
                at = hi
        if branch.hi > at:
            out.append((at, branch.hi))
        return out

    def _skip_part(self, branch: Branch, u: Arb, v: Arb) -> None:
        ends = branch.real(u)[0], branch.real(v)[0]
        middle, half = (u + v) / 2, (v - u) / 2
        slope = branch.real(middle + flint.arb(0, half.upper()))[1].abs_upper()
        self._skip((ends[1] - ends[0]).abs_upper(), slope)

    # ------------------------------------------------------------ panels

    def _panel(self, branch: Branch, u: Arb, v: Arb, guesses: dict[tuple[int, int], Arb]) -> bool:
        """Take a panel with its nodes or leave it out as too short; False where it has to be halved."""
        middle, half = (u + v) / 2, (v - u) / 2
        wanted: list[tuple[int, int]] | None = None
        for axes, factors in self.ellipses:
            reach = (half * axes[0]).upper()
            (complex_slope,) = branch.slope(flint.acb(middle + flint.arb(0, reach), flint.arb(0, reach)))
            size = complex_slope.abs_upper()
            if not size.is_finite():
                if half < 2.0**-100:
                    raise MzError("a panel cannot be made short enough", WHERE, "Use another method")
                continue
            if 2 * half * size <= self.tolerance * SHARE:
                self._skip(2 * half * size, size)
                return True
            if wanted is None:
                wanted = self._crossed(branch, u, v)
            if wanted is None:
                return False
            value = branch.real(middle)[0]
            moved = (reach * size).upper()
            crossings = self._crossings(wanted, value, moved, guesses)
            if crossings is None:
                continue
            lost = self._errors(value, moved, middle, half, axes, size, crossings)
            allowed = self.tolerance * (SHARE + half)
            for count, factor in factors:
                if lost[0] * factor <= allowed and lost[1] * factor <= 100 * allowed:
                    if not self._take(branch, middle, half, crossings, count):
                        return False
                    self.first = (self.first + lost[0] * factor).upper()
                    self.second = (self.second + lost[1] * factor).upper()
                    return True
        return False

    def _errors(
        self,
        value: Arb,
        moved: Arb,
        middle: Arb,
        half: Arb,
        axes: tuple[Arb, Arb],
        size: Arb,
        crossings: list[Crossing],
    ) -> tuple[Arb, Arb]:
        """h times bounds of the norms of the two integrands on an ellipse."""
        distances = sum_of_distances(middle, half * axes[0], half * axes[1])
        left = growth(distances, self.top)
        right = left * 2
        for crossing in crossings:
            around = sum_of_distances(crossing.centre, crossing.radius, crossing.radius)
            right = right + growth(around, self.top) * abs(crossing.count)
        both = right**2 + self._basis_growth(value, moved) ** 2
        return half * size * left * both.sqrt(), half * size * size * distances * distances * both

    def _basis_growth(self, value: Arb, moved: Arb) -> Arb:
        """Bound of the norm of e_l(f + s) - e_l(f - s), l = 1..d, on the ellipse."""
        d, half = self.following.degree, self.following.half
        total = flint.arb(0)
        for shift in (self.s, -self.s) if d else ():
            radius = (moved / half).upper()
            distances = sum_of_distances((value + shift - self.following.middle) / half, radius, radius)
            beta = distances + (distances * distances - 1).max(flint.arb(0)).sqrt()
            # Sum of (2l+1)/(2 half) beta^(2l) over l <= d.
            total = total + beta**d * (d + 1) / (2 * half).sqrt()
        return total

    def _crossed(self, own: Branch, u: Arb, v: Arb) -> list[tuple[int, int]] | None:
        """Indices of the shift and the branch of every T other than t itself; None where they are not certain."""
        ends = own.real(u)[0], own.real(v)[0]
        low, high = ends if own.sign > 0 else ends[::-1]
        found = []
        for k, (shift, _) in enumerate(self.shifts):
            lo, hi = low + shift, high + shift
            if not all(lo > gap.level or hi < gap.level for gap in self.curve.gaps):
                return None
            for b, branch in enumerate(self.curve.branches):
                if hi < branch.bottom or lo > branch.top or (k == 0 and branch is own):
                    continue
                if not (lo > branch.bottom and hi < branch.top):
                    return None
                found.append((k, b))
        return found

    def _crossings(
        self, wanted: list[tuple[int, int]], value: Arb, moved: Arb, guesses: dict[tuple[int, int], Arb]
    ) -> list[Crossing] | None:
        """Discs that contain the T; None where one is not proved analytic."""
        found = []
        for k, b in wanted:
            branch, (shift, count) = self.curve.branches[b], self.shifts[k]
            crossing = _disc(branch, count * branch.sign, shift, value + shift, moved, guesses.get((k, b)))
            if crossing is None:
                return None
            guesses[k, b] = crossing.centre
            found.append(crossing)
        return found

    def _take(self, branch: Branch, middle: Arb, half: Arb, crossings: list[Crossing], nodes: int) -> bool:
        """Compute the nodes of a panel; False where an inverse is not found to double precision."""
        kept = _Store()
        begun = len(self.store.t)
        tiny = flint.arb(0)
        tracks = [_Track() for _ in crossings]
        for x, weight in gauss_balls(nodes, self.bits):
            t = middle + half * x
            value, slope = branch.real(t)
            first = weight * half * slope
            second = first * slope * (1 - t * t)
            tiny = tiny + first.rad() + second.rad()
            index = begun + len(kept.t)
            kept.t.append(float(t))
            kept.first.append(float(first))
            kept.second.append(float(second))
            if self.following.degree:
                kept.above.append(float((value + self.s - self.following.middle) / self.following.half))
                kept.below.append(float((value - self.s - self.following.middle) / self.following.half))
            kept.node.append(index)
            kept.count.append(-2 * branch.sign)
            kept.place.append(float(t))
            for c, crossing in enumerate(crossings):
                target = value + crossing.shift
                place = _inverse(crossing, target, tracks[c].predicted(float(target), crossing.centre))
                if place is None:
                    return False
                tracks[c].add(float(target), float(place))
                kept.node.append(index)
                kept.count.append(crossing.count)
                kept.place.append(float(place))
        for name in _Store.__dataclass_fields__:
            getattr(self.store, name).extend(getattr(kept, name))
        self.tiny = self.tiny + tiny
        return True


class _Track:
    """The last few points of an inverse, for a guess of the next one."""

    __slots__ = ("places", "values")

    def __init__(self) -> None:
        self.values: list[float] = []
        self.places: list[float] = []

    def predicted(self, value: float, first: Arb) -> Arb:
        """Neville's interpolation."""
        if not self.values:
            return first
        row = list(self.places)
        for order in range(1, len(row)):
            for i in range(len(row) - order):
                gap = self.values[i] - self.values[i + order]
                if gap == 0.0:
                    return flint.arb(self.places[-1])
                row[i] = ((value - self.values[i + order]) * row[i] - (value - self.values[i]) * row[i + 1]) / gap
        return flint.arb(row[0]) if abs(row[0]) <= 2.0 else flint.arb(self.places[-1])

    def add(self, value: float, place: float) -> None:
        self.values = [*self.values[-5:], value]
        self.places = [*self.places[-5:], place]


def _caught(branch: Branch, level: Arb) -> tuple[Arb, Arb] | None:
    """A short stretch of the branch outside of which f is certainly off the level; None where it is everywhere."""
    if branch.bottom > level or branch.top < level:
        return None

    def side(t: Arb) -> int:
        value = branch.real(t)[0]
        return branch.sign * (-1 if value < level else 1 if value > level else 0)

    return _narrowed(side, branch.lo, branch.hi, -1), _narrowed(side, branch.lo, branch.hi, 1)


def _narrowed(side: Callable[[Arb], int], lo: Arb, hi: Arb, wanted: int) -> Arb:
    """The last point before the level (wanted -1), or the first point after it (wanted 1), as bisection finds it."""
    a, b = lo, hi
    for _ in range(110):
        middle = ((a + b) / 2).mid()
        if (side(middle) == wanted) == (wanted < 0):
            a = middle
        else:
            b = middle
    return a if wanted < 0 else b


def _disc(branch: Branch, count: int, shift: Arb, target: Arb, moved: Arb, guess: Arb | None) -> Crossing | None:
    """A disc that contains T where f moves by at most ``moved`` around the target, MATH (24).

    If |f' - f'(c)| <= q |f'(c)| in the disc of radius r around c, then f is injective there, and takes every value
    within (1 - q) r |f'(c)| of f(c) (Rouche).
    """
    centre = root_of(branch, target, guess)
    value, slope = branch.real(centre)
    size = abs(slope)
    if not size > 0:
        return None
    needed = (moved + abs(value - target)).upper()
    radius = (2 * needed / size).upper()
    if not radius.is_finite() or radius > 4:
        return None
    (around,) = branch.slope(flint.acb(centre + flint.arb(0, radius), flint.arb(0, radius)))
    q = ((around - flint.acb(slope)) / flint.acb(slope)).abs_upper()
    if not (q.is_finite() and q < 0.499):
        return None
    radius = (needed / (size * (1 - q)) * (1 + 2.0**-40)).upper()
    return Crossing(branch, count, shift, centre, radius, ((1 - q) * size).lower())


def root_of(branch: Branch, target: Arb, guess: Arb | None) -> Arb:
    """A dyadic number close to f_branch^{-1}(target), by Newton's method kept inside a bracket."""
    a, b = branch.lo, branch.hi
    t = ((a + b) / 2).mid() if guess is None else guess
    for _ in range(80):
        value, slope = branch.real(t)
        difference = value - target
        if difference.contains(0):
            return t
        if (difference > 0) == (branch.sign > 0):
            b = t
        else:
            a = t
        step = (difference / slope).mid() if abs(slope) > 0 else flint.arb.nan()
        if step.is_finite() and abs(step) < 2.0**-70:
            return t
        moved = (t - step).mid() if step.is_finite() else step
        t = moved if moved.is_finite() and a < moved < b else ((a + b) / 2).mid()
    return t


def _inverse(crossing: Crossing, target: Arb, at: Arb) -> Arb | None:
    """A ball around T in the disc of the crossing, of radius below 2**-54; None where rounding forbids it."""
    t = at
    for _ in range(12):
        value, own = crossing.branch.real(t)
        difference = value - target
        lost = (difference / crossing.least).abs_upper()
        if lost < 2.0**-54 and abs(t - crossing.centre) + lost < crossing.radius:
            return t
        t = (t - difference / own).mid()
        if not t.is_finite():
            return None
    return None
