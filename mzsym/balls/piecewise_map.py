"""What a layer in one dimension with kinks makes of functions: composition with a map that is analytic between them.

The map g is cut into regions, on which one analytic expression holds, and flat parts, where it is a constant; regions
are cut where g takes the ends of the panels of the functions v. On a panel so made v(g) is one polynomial of one
analytic expression: exactly a polynomial if that is affine, else interpolated, MATH (24j), and halved where its poles
are too close. Kinks of g and preimages are found in floating balls and need no proof: wherever g, enclosed on the
panel, takes values on another panel of v, or another expression may hold, the difference is bounded and added.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import flint
import sympy as sp

from mzsym.balls.chebyshev import MOST, Map, Near, T, in_units
from mzsym.balls.crossings import root_of
from mzsym.balls.curves import Branch, Curve, Gap, curve_of, has_switches
from mzsym.balls.expressions import enclose
from mzsym.balls.numbers import Arb
from mzsym.balls.panels import LONGEST, Pieces, largest_of, simplified, snapped
from mzsym.core import MzError

SMALL: Final = 2.0**-130
"""Variation of the map below which a stretch is flat."""

NARROW: Final = 2.0**-60
"""Longest stretch between two expressions on which nothing need be known of the map."""

SHORTEST: Final = 2.0**-100
"""Cuts closer together than this are one; below ``HALVED`` panels are not halved."""

HALVED: Final = 2.0**-24

MOST_PANELS: Final = 1500
"""Of one map."""

WHERE: Final = "balls.piecewise_map"


@dataclass(frozen=True, eq=False)
class Region:
    """A part of [-1, 1] on which one analytic expression holds, or the map is constant.

    Attributes
    ----------
    lo, hi : arb
        Exact.
    expr : sympy.Expr or None
        Of T; None where the map is constant.
    level : arb
        That constant.
    branches : tuple of Branch
        On which the expression is monotone.
    slivers : tuple of Gap
        Short stretches where it may not hold.
    """

    lo: Arb
    hi: Arb
    expr: sp.Expr | None
    level: Arb
    branches: tuple[Branch, ...] = ()
    slivers: tuple[Gap, ...] = ()
    parts: dict[tuple[Any, ...], Map] = field(default_factory=dict)

    @cached_property
    def map(self) -> Map:
        """On all of [-1, 1]."""
        return Map.of_unit(self.expr)

    def on(self, a: Arb, b: Arb) -> Map:
        """The map on a part."""
        key = (*a.man_exp(), *b.man_exp())
        if key not in self.parts:
            self.parts[key] = self.map.on(a, b)
        return self.parts[key]

    @cached_property
    def slope(self) -> Arb | None:
        """Of an affine map; None for another one."""
        slope = sp.diff(self.expr, T)
        return None if slope.has(T) else enclose(slope, {}, flint.ctx.prec)

    def range(self, a: Arb, b: Arb) -> tuple[Arb, Arb]:
        """Exact numbers around the values on a part: a wide ball would lose the digits of its ends."""
        met = [s.level for s in self.slivers if s.lo < b and s.hi > a]
        for branch in self.branches:
            lo, hi = branch.lo.max(a), branch.hi.min(b)
            if lo <= hi:
                met += [branch.real(lo)[0], branch.real(hi)[0]]
        return _ends(met)

    def cuts(self, ends: Sequence[Arb]) -> list[Arb]:
        """Its ends, and places between them where the map takes some values, as closely as they are found."""
        places = [_preimage(branch, end) for branch in self.branches for end in _between(branch, ends)]
        found = [self.lo]
        for place in sorted(places):
            if place - found[-1] > SHORTEST and self.hi - place > SHORTEST:
                found.append(place)
        return [*found, self.hi]


def _ends(balls: Sequence[Arb]) -> tuple[Arb, Arb]:
    """The lowest and the highest end."""
    return -largest_of([-ball.lower() for ball in balls]), largest_of([ball.upper() for ball in balls])


def _between(branch: Branch, ends: Sequence[Arb]) -> list[Arb]:
    low, high = bisect_right(ends, branch.bottom.upper()), bisect_left(ends, branch.top.lower())
    return list(ends[low:high])


def _preimage(branch: Branch, value: Arb) -> Arb:
    found = root_of(branch, value, None)
    for _ in range(4):
        at, slope = branch.real(found)
        step = ((at - value) / slope).mid()
        if step.is_finite():
            found = (found - step).mid().max(branch.lo).min(branch.hi)
    return snapped(found)


@dataclass(frozen=True, eq=False)
class PiecewiseMap:
    """A map of one interval to another, both in their unit variables.

    Attributes
    ----------
    unit : sympy.Expr
        Of T.
    """

    unit: sp.Expr

    @classmethod
    def of(cls, expr: sp.Expr, symbol: sp.Symbol, side: tuple[Any, Any], following: tuple[Any, Any]) -> PiecewiseMap:
        """The map x -> expr of [lo, hi] to the next interval; numbers without symbols besides ``symbol``."""
        return cls(in_units(expr, symbol, side, following))

    @cached_property
    def curve(self) -> Curve:
        """The map in monotone branches.

        Raises
        ------
        MzError
            For a map with jumps, or of which that is not proved.
        """
        return curve_of(self.unit, T, SMALL)

    @cached_property
    def range(self) -> tuple[Arb, Arb]:
        """Exact numbers on both sides of all values, and a little beyond."""
        low, high = _ends([gap.level for gap in self.curve.gaps])
        return snapped(low - SHORTEST), snapped(high + SHORTEST)

    @cached_property
    def whole(self) -> Region:
        """All of the interval, for a map without kinks."""
        return Region(flint.arb(-1), flint.arb(1), self.unit, flint.arb(0))

    @cached_property
    def regions(self) -> list[Region]:
        """From left to right."""
        found: list[Region] = []
        start, slivers, own = self.curve.gaps[0].lo, list[Gap](), list[Branch]()
        for gap, after in zip(self.curve.gaps, [*self.curve.branches, None], strict=True):
            wide = gap.hi - gap.lo > NARROW
            sliver = [gap] if gap.lo < gap.hi and not wide else []
            if own and (wide or after is None or after.expr != own[-1].expr):
                # A sliver belongs to what is on its right, at the end of the interval to what is on its left.
                last = sliver if after is None else []
                end = gap.hi if last else gap.lo
                found.append(Region(start, end, own[-1].expr, flint.arb(0), tuple(own), (*slivers, *last)))
                start, slivers, own = gap.lo, [], []
            if wide:
                found.append(Region(gap.lo, gap.hi, None, gap.level))
                start = gap.hi
            slivers += sliver
            own += [] if after is None else [after]
        return found

    def image(self, functions: Pieces, target: float) -> Pieces:
        """t -> v(map(t)) for functions on panels that cover the values of the map.

        Raises
        ------
        MzError
            For a map with jumps or poles, and when more panels are needed than the budget allows.
        """
        smooth = len(functions.panels) == 1 and not has_switches(self.unit)
        ends, panels = [flint.arb(-1)], []
        for region in [self.whole] if smooth else self.regions:
            for end, panel in _composed(region, functions, target):
                ends.append(end)
                panels.append(panel)
                if len(panels) > MOST_PANELS:
                    raise MzError("A map needs too many panels", WHERE, "Use the estimated error")
        return Pieces(tuple(ends), tuple(panels))


def _composed(region: Region, functions: Pieces, target: float) -> Iterator[tuple[Arb, tuple[Near, ...]]]:
    """Panels of a region from left to right, each by its end on the right and the functions there."""
    if region.expr is None:
        yield region.hi, _constant(region.level, functions)
        return
    todo = list(pairwise(region.cuts(functions.ends[1:-1])))[::-1]
    while todo:
        a, b = todo.pop()
        try:
            panel = _on_panel(region, a, b, functions, target)
        except MzError:
            if not b - a > HALVED:
                raise
            middle = ((a + b) / 2).mid()
            todo += [(middle, b), (a, middle)]
        else:
            yield b, panel


def _constant(level: Arb, functions: Pieces) -> tuple[Near, ...]:
    at = level.mid()
    k = functions.panel_of(at)
    found = []
    for j in range(functions.count):
        value = functions.value(k, j, at).mid()
        error = functions.panels[k][j].error + _farthest(functions, j, k, _ends([level]), flint.arb(value))
        found.append(Near(flint.arb_poly([value]), error.upper()))
    return tuple(found)


def _on_panel(region: Region, a: Arb, b: Arb, functions: Pieces, target: float) -> tuple[Near, ...]:
    mapped = region.on(a, b)
    k = functions.panel_of(mapped.at(flint.arb(0)).mid())
    side, panel = functions.side(k), functions.panels[k]
    if region.slope is not None:
        inner = [(mapped.at(flint.arb(0)) - side.middle) / side.half, region.slope * mapped.part.half / side.half]
        exact = [Near.of(near.poly(flint.arb_poly(inner)), near.error) for near in panel]
        found = [simplified(near, flint.arb(target) / 8) for near in exact]
    else:
        whole = a == -1 and b == 1
        found = mapped.image(panel, target, side, MOST if whole else LONGEST)
    return tuple(
        Near(near.poly, (near.error + _strays(region, a, b, functions, k, j)).upper()) for j, near in enumerate(found)
    )


def _strays(region: Region, a: Arb, b: Arb, functions: Pieces, k: int, j: int) -> Arb:
    """How far v(g) may be on [a, b] from the polynomial of panel k of the expression of the region."""
    lost = flint.arb(0)
    if len(functions.panels) > 1:
        lost = _beside(functions, j, k, region.range(a, b))
    for sliver in region.slivers:
        if sliver.lo < b and sliver.hi > a:
            (here, _) = region.branches[0].real(sliver.lo.union(sliver.hi))
            lost = lost.max(_farthest(functions, j, k, _ends([sliver.level]), functions.value(k, j, here)))
    return lost


def _beside(functions: Pieces, j: int, k: int, values: tuple[Arb, Arb]) -> Arb:
    """The largest distance of a function to the polynomial of panel k, where values lie on other panels."""
    lost = flint.arb(0)
    for other in _met(functions, values):
        if other != k:
            part = _part(functions, other, values)
            distance = functions.value(other, j, part) - functions.value(k, j, part)
            lost = lost.max((distance.abs_upper() + _more(functions, j, other, k)).upper())
    return lost


def _farthest(functions: Pieces, j: int, k: int, values: tuple[Arb, Arb], here: Arb) -> Arb:
    """The largest distance of a function on some values to a number, beyond the error that it has on panel k."""
    lost = flint.arb(0)
    for other in _met(functions, values):
        distance = functions.value(other, j, _part(functions, other, values)) - here
        lost = lost.max((distance.abs_upper() + _more(functions, j, other, k)).upper())
    return lost


def _met(functions: Pieces, values: tuple[Arb, Arb]) -> range:
    """The panels on which values lie."""
    low, high = map(functions.panel_of, values)
    return range(low, high + 1)


def _more(functions: Pieces, j: int, other: int, k: int) -> Arb:
    """How much larger the error on another panel is."""
    return (functions.panels[other][j].error - functions.panels[k][j].error).max(flint.arb(0))


def _part(functions: Pieces, k: int, values: tuple[Arb, Arb]) -> Arb:
    """The values that lie on a panel; beyond the first and the last their polynomials hold."""
    low = values[0] if k == 0 else values[0].max(functions.ends[k])
    high = values[1] if k == len(functions.panels) - 1 else values[1].min(functions.ends[k + 1])
    return low.union(high)
