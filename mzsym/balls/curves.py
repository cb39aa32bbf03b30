"""A function of one variable in monotone analytic branches, and the points between them.

The graph z = f(t), -1 <= t <= 1, is cut into *branches*, on which one expression holds, is analytic and strictly
monotone, and *gaps*: points where branches meet, kinks and critical points among them, caught between two dyadic
numbers, and stretches on which f varies by no more than rounding (flat pieces, saturation). Over a gap f moves by at
most its ``variation``; nothing else is said about it. MATH (24)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, groupby, pairwise
from typing import NamedTuple

import flint
import sympy as sp

from mzsym.balls.convex import with_derivatives
from mzsym.balls.expressions import Tape, compile_tape
from mzsym.balls.intervals import Interval
from mzsym.balls.numbers import Arb
from mzsym.balls.programs import KNOWN, Program
from mzsym.core import MzError
from mzsym.core.functions import Activation, leaky_relu, relu
from mzsym.core.primitives import PRIMITIVES

SMALL = 2.0**-60
"""Variation of f below which a stretch is a gap."""

FINE = 100
"""Kinks are caught between neighbours on the grid of this many binary digits."""

MAX_STRETCHES = 6000
"""Stretches looked at before the search for kinks and critical points is given up."""

WHERE = "balls.curves"


@dataclass(frozen=True, eq=False)
class Branch:
    """A stretch on which f is analytic and strictly monotone.

    Attributes
    ----------
    expr : sympy.Expr
        The one that holds.
    lo, hi : arb
        Its ends, exact dyadic numbers.
    sign : int
        1 where f increases, -1 where it decreases.
    real : Program
        (f, f') at real balls.
    slope : Program
        f' at complex balls, not finite unless analytic there.
    bottom, top : arb
        Balls around the smallest and the largest value.
    """

    expr: sp.Expr
    lo: Arb
    hi: Arb
    sign: int
    real: Program
    slope: Program
    bottom: Arb
    top: Arb


@dataclass(frozen=True, eq=False)
class Gap:
    """A stretch [lo, hi] on which nothing is known of f but that its values lie in ``level``.

    Attributes
    ----------
    lo, hi : arb
        Equal where two branches meet in a dyadic point.
    level : arb
        Ball around all values.
    variation : arb
        Upper bound of the total variation.
    steepest : arb
        Upper bound of |f'|.
    rises, falls : bool
        Whether f is proved not to decrease, or not to increase.
    """

    lo: Arb
    hi: Arb
    level: Arb
    variation: Arb
    steepest: Arb
    rises: bool = True
    falls: bool = True


@dataclass(frozen=True, eq=False)
class Curve:
    """Branches and gaps from left to right; the ends of the interval are gaps too."""

    branches: tuple[Branch, ...]
    gaps: tuple[Gap, ...]


def curve_of(expr: sp.Expr, symbol: sp.Symbol, small: float = SMALL) -> Curve:
    """Cut a continuous function on [-1, 1] into branches and gaps, at the current precision.

    Parameters
    ----------
    expr : sympy.Expr
        In ``symbol`` alone.
    symbol : sympy.Symbol
    small : float
        Stretches are gaps where the variation is at most this.

    Returns
    -------
    Curve

    Raises
    ------
    MzError
        Where the function is not proved to be continuous with bounded slopes, has no evaluation at complex balls, or
        its kinks and critical points are not isolated within ``MAX_STRETCHES`` stretches.

    Examples
    --------
    >>> t = sp.Symbol("t", real=True)
    >>> [branch.sign for branch in curve_of(sp.Abs(t), t).branches]
    [-1, 1]
    """
    plain = _plain(expr)
    tape = with_derivatives(plain, (symbol,), 1)
    if tape is None:
        raise MzError("the slopes of the map have no enclosure", WHERE, "Use another method")
    (_, whole), tame = tape.run_tame({symbol: Interval(flint.arb(-1), flint.arb(1))})
    if not (tame and whole.finite):
        raise MzError("the map is not proved to be continuous with bounded slopes", WHERE, "Use another method")
    stretches = _stretches(plain, tape, symbol, small)
    branches: list[Branch] = []
    gaps = [_start(plain, symbol, flint.arb(-1))]
    for kind, run in groupby(stretches, key=lambda stretch: stretch.kind):
        parts = list(run)
        lo, hi = parts[0].lo, parts[-1].hi
        smooth = _smooth(plain, symbol, ((lo + hi) / 2).mid()) if kind else plain
        derivative = sp.diff(smooth, symbol) if kind else smooth
        if kind and derivative.is_zero:
            parts = [Stretch(lo, hi, 0, flint.arb(0), True, True)]
        if kind and not derivative.is_zero:
            branches.append(_branch(smooth, derivative, symbol, lo, hi, kind > 0))
            gaps.append(_start(plain, symbol, hi))
        else:
            gaps[-1] = reduce(_extended, parts, gaps[-1])
    return Curve(tuple(branches), tuple(gaps))


def _plain(expr: sp.Expr) -> sp.Expr:
    """The expression with its case distinctions as Abs, Max, Min and relu; others are refused."""

    def step(node: sp.Basic) -> sp.Basic:
        if not node.args:
            return node
        args = [step(arg) for arg in node.args]
        if isinstance(node, (relu, leaky_relu)):
            return node.func(*args)
        if isinstance(node, Activation):
            return step(node.elementary(*args))
        if node.is_Add or node.is_Mul or node.is_Pow or node.func in KNOWN or node.func in (sp.Abs, sp.Max, sp.Min):
            return node.func(*args)
        raise MzError(f"{node.func.__name__} is not followed across its jumps and kinks", WHERE, "Use another method")

    return step(expr)


def has_switches(expr: sp.Expr) -> bool:
    """Whether an expression may have kinks or jumps."""
    return bool(expr.has(*_KINKED))


_KINKED = (
    *(row.expr for row in PRIMITIVES.values() if row.kinks and isinstance(row.expr, type)),
    *(sp.Max, sp.Min, sp.Piecewise, sp.sign),
)


def _switches(expr: sp.Expr) -> list[sp.Expr]:
    """Expressions whose signs decide which analytic expression holds."""
    found: list[sp.Expr] = []
    for node in sp.preorder_traversal(expr):
        if isinstance(node, (sp.Abs, relu, leaky_relu)):
            found.append(node.args[0])
        elif isinstance(node, (sp.Max, sp.Min)):
            found += [a - b for a, b in combinations(node.args, 2)]
    return list(dict.fromkeys(found))


class Stretch(NamedTuple):
    """[lo, hi] with |f'| <= steepest; kind 0 for a gap, else the number of the case with the sign of the slope."""

    lo: Arb
    hi: Arb
    kind: int
    steepest: Arb
    rises: bool
    falls: bool


def _cuts(switches: Sequence[sp.Expr], symbol: sp.Symbol) -> list[Arb]:
    """-1, 1 and dyadic numbers around the zeros of the affine switches, so that these need no search."""
    grid = 2**FINE
    found = {-grid, grid}
    for switch in switches:
        slope = sp.diff(switch, symbol)
        if slope.is_Rational and slope != 0:
            root = -(switch - slope * symbol) / slope
            if root.is_Rational and -1 < root < 1:
                found |= {int(sp.floor(root * grid)), int(sp.ceiling(root * grid))}
    return [flint.arb(count) * flint.arb(2) ** -FINE for count in sorted(found)]


def _stretches(expr: sp.Expr, tape: Tape, symbol: sp.Symbol, small: float) -> list[Stretch]:
    """From left to right."""
    switches = _switches(expr)
    sides = compile_tape(tuple(switches)) if switches else None
    cases: dict[tuple[bool, ...], int] = {}
    out: list[Stretch] = []
    todo = list(pairwise(_cuts(switches, symbol)))[::-1]
    looked = 0
    while todo:
        lo, hi = todo.pop()
        looked += 1
        if looked > MAX_STRETCHES:
            raise MzError("the kinks and critical points of the map are not isolated", WHERE, "Use another method")
        at = {symbol: Interval(lo, hi)}
        signs = sides.run(at) if sides else []
        slope = tape.run(at)[1]
        steepest = slope.lo.abs_upper().max(slope.hi.abs_upper())
        if (hi - lo) * steepest <= small:
            out.append(Stretch(lo, hi, 0, steepest, slope.lo >= 0, slope.hi <= 0))
        elif all(s.lo >= 0 or s.hi <= 0 for s in signs) and (slope.lo >= 0 or slope.hi <= 0):
            # A switch that is 0 at an end of the stretch only is decided: both cases agree in a point.
            case = cases.setdefault(tuple(bool(s.lo >= 0) for s in signs), len(cases) + 1)
            out.append(Stretch(lo, hi, case if slope.lo >= 0 else -case, steepest, False, False))
        else:
            middle = ((lo + hi) / 2).mid()
            todo += [(middle, hi), (lo, middle)]
    return out


def _start(expr: sp.Expr, symbol: sp.Symbol, at: Arb) -> Gap:
    """A gap of one point."""
    (value,) = compile_tape((expr,)).run({symbol: Interval(at, at)})
    return Gap(at, at, value.ball, flint.arb(0), flint.arb(0))


def _extended(gap: Gap, stretch: Stretch) -> Gap:
    more = ((stretch.hi - stretch.lo) * stretch.steepest).upper()
    return Gap(
        gap.lo,
        stretch.hi,
        gap.level + flint.arb(0, more),
        (gap.variation + more).upper(),
        gap.steepest.max(stretch.steepest),
        gap.rises and stretch.rises,
        gap.falls and stretch.falls,
    )


def _branch(smooth: sp.Expr, derivative: sp.Expr, symbol: sp.Symbol, lo: Arb, hi: Arb, increasing: bool) -> Branch:
    real = Program((smooth, derivative), symbol)
    at_lo, at_hi = real(lo)[0], real(hi)[0]
    bottom, top = (at_lo, at_hi) if increasing else (at_hi, at_lo)
    if not bottom < top:
        raise MzError("a branch of the map is flatter than rounding", WHERE, "Use another method")
    return Branch(
        smooth, lo, hi, 1 if increasing else -1, real, Program((derivative,), symbol, complex_=True), bottom, top
    )


def _smooth(expr: sp.Expr, symbol: sp.Symbol, point: Arb) -> sp.Expr:
    """The analytic expression that holds around a point where no switch is 0."""

    def value(node: sp.Expr) -> Arb:
        (found,) = compile_tape((node,)).run({symbol: Interval(point, point)})
        return found.ball

    def step(node: sp.Expr) -> sp.Expr:
        if not node.args:
            return node
        args = [step(arg) for arg in node.args]
        if isinstance(node, relu):
            return args[0] if value(args[0]) > 0 else sp.S.Zero
        if isinstance(node, leaky_relu):
            return args[0] if value(args[0]) > 0 else args[1] * args[0]
        if isinstance(node, sp.Abs):
            return args[0] if value(args[0]) > 0 else -args[0]
        if isinstance(node, (sp.Max, sp.Min)):
            largest = isinstance(node, sp.Max)
            return reduce(lambda a, b: a if (value(a - b) > 0) == largest else b, args)
        return node.func(*args)

    return step(expr)


def weighted_slope(curve: Curve, parts: int = 48) -> Arb:
    """Upper bound of sup_z of the sum of (1 - t^2)|f'(t)| over the t with f(t) = z, MATH (24).

    It is valid for f and for every function that equals f on the branches and is straight on the gaps. On a monotone
    run of branches and gaps a value is taken once.
    """
    runs: list[tuple[Arb, Arb, Arb]] = []
    loose = flint.arb(0)
    for k, branch in enumerate(curve.branches):
        size = _largest(branch, parts)
        before, after = curve.gaps[k], curve.gaps[k + 1]
        if k and curve.branches[k - 1].sign == branch.sign and (before.rises if branch.sign > 0 else before.falls):
            bottom, top, other = runs.pop()
            runs.append((bottom.min(branch.bottom), top.max(branch.top), other.max(size).max(before.steepest)))
        else:
            loose = loose + before.steepest
            runs.append((branch.bottom, branch.top, size))
        if k == len(curve.branches) - 1:
            loose = loose + after.steepest
    best = flint.arb(0)
    for bottom, top, _ in runs:
        best = best.max(sum((size for low, high, size in runs if not (low > top or high < bottom)), flint.arb(0)))
    return (best + loose).upper()


def _largest(branch: Branch, parts: int) -> Arb:
    best = flint.arb(0)
    width = (branch.hi - branch.lo) / parts
    for k in range(parts):
        t = branch.lo + width * (k + flint.arb(0.5)) + flint.arb(0, (width / 2 * (1 + 2.0**-60)).upper())
        best = best.max(((1 - t * t) * branch.real(t)[1]).abs_upper())
    return best


def left_out(curve: Curve) -> Arb:
    """Upper bound of the integral of |f - g| over the gaps, for g straight on them."""
    return sum((2 * gap.variation * (gap.hi - gap.lo) for gap in curve.gaps), flint.arb(0)).upper()


def on_unit_interval(expr: sp.Expr, symbol: sp.Symbol, lo: object, hi: object, t: sp.Symbol) -> sp.Expr:
    """The expression on [lo, hi], exact numbers, as a function of t in [-1, 1]."""
    a, b = sp.Rational(lo), sp.Rational(hi)
    return expr.xreplace({symbol: (a + b) / 2 + (b - a) / 2 * t})


__all__ = ["Branch", "Curve", "Gap", "curve_of", "left_out", "on_unit_interval", "weighted_slope"]
