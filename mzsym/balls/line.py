"""Gauss's rule in balls for integrals over the line against the density phi of N(0, 1). MATH (23g)

Wanted are integrals of phi(x) g(x, f(x)) for a map f that is bounded on the line. The line is cut at ``REACH``. On a
panel the error follows from the size of the integrand on an ellipse around it; where f is not analytic, panels are
halved until what they hold is of no account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

import flint
import sympy as sp

from mzsym.balls.analytic import check_known, value_at
from mzsym.balls.ellipses import RHO, ellipse, gauss_balls
from mzsym.balls.gaussian import WeighedNoise
from mzsym.balls.hermite import largest
from mzsym.balls.intervals import Interval
from mzsym.balls.numbers import Arb
from mzsym.core import MzError

REACH = 16
"""Beyond it N(0, 1) has less mass than 2**-184."""

PANELS = 32
"""On the line between the two cuts, to begin with."""

GOAL = -66
"""Binary exponent of the error of one panel."""

MOST_HALVED = 2000
"""Panels that are halved at most."""

SHORTEST = -46
"""Binary exponent of the half-length of a panel that is not halved any more."""


class Integrand(Protocol):
    """g(x, f), with values in a normed space."""

    def size(self, x: Arb, y: Arb, u: Arb, v: Arb) -> Arb:
        """Upper bound of |g(z, f)| for |Re z| <= x, |Im z| <= y, |Re f| <= u, |Im f| <= v."""

    def beyond(self, mass: Arb, u: Arb) -> Arb:
        """Upper bound of the integral of phi |g| over a part of the line of this mass, where |f| <= u."""


@dataclass(frozen=True)
class Products:
    """The matrix of the products of averages over the noise of he_j at f, or of he_i at x and these.

    Attributes
    ----------
    noise : WeighedNoise
    columns : int
    rows : int
        0 for products of the averages among themselves.
    """

    noise: WeighedNoise
    columns: int
    rows: int = 0

    def size(self, x: Arb, y: Arb, u: Arb, v: Arb) -> Arb:
        averages = self.noise.size(self.columns, u, v)
        return averages * (largest(self.rows, x, y) if self.rows else averages)

    def beyond(self, mass: Arb, u: Arb) -> Arb:
        averages = self.noise.size(self.columns, u, flint.arb(0))
        # (he_0^2 + he_1^2 + ...)^(1/2) has the norm rows^(1/2).
        return (mass * self.rows).sqrt() * averages if self.rows else mass * averages * averages


@dataclass(frozen=True)
class Weighed:
    """h(f)^power."""

    noise: WeighedNoise
    power: int = 1

    def size(self, x: Arb, y: Arb, u: Arb, v: Arb) -> Arb:
        return self.noise.largest(u) ** self.power

    def beyond(self, mass: Arb, u: Arb) -> Arb:
        return mass * self.noise.largest(u) ** self.power


@dataclass(frozen=True, eq=False)
class LineRule:
    """Nodes for one map and certain integrands.

    Attributes
    ----------
    points, weights, values : list of arb
        x, the weight with phi(x) in it, f(x).
    lost : arb
        Bound of the norm of the error of every integrand that the rule was made for.
    """

    points: list[Arb]
    weights: list[Arb]
    values: list[Arb]
    lost: Arb


@dataclass(frozen=True, eq=False)
class LineMap:
    """A map of one standard normal variable, bounded on the line.

    Attributes
    ----------
    expr : sympy.Expr
        In ``symbol`` alone, with exact numbers.
    symbol : sympy.Symbol
    range : Interval
        An enclosure of all its values.
    """

    expr: sp.Expr
    symbol: sp.Symbol
    range: Interval

    def at(self, z: Any, analytic: bool) -> Any:
        """Its values on a complex ball; not finite where ``analytic`` is asked for and it is not."""
        return value_at(self.expr, {self.symbol: z}, analytic)


def line_rule(f: LineMap, integrands: Sequence[Integrand]) -> LineRule:
    """Nodes for a map and all these integrands.

    Raises
    ------
    MzError
        For a function that cannot be evaluated at complex balls, or is not proved to be real.
    """
    check_known(f.expr, (f.symbol,))
    return _Cover(f, integrands).run()


class _Cover:
    def __init__(self, f: LineMap, integrands: Sequence[Integrand]) -> None:
        self.f, self.integrands = f, integrands
        (self.long, self.short), self.factors = ellipse(RHO)
        self.found = LineRule([], [], [], flint.arb(0))
        self.goal = flint.arb(2) ** GOAL
        self.phi = 1 / (2 * flint.arb.pi()).sqrt()

    def run(self) -> LineRule:
        mass = (flint.arb(REACH) / flint.arb(2).sqrt()).erfc()
        reach = self.f.range.lo.abs_upper().max(self.f.range.hi.abs_upper())
        lost = _largest([g.beyond(mass, reach) for g in self.integrands])
        half, halved = flint.arb(REACH) / PANELS, 0
        stack = [(-REACH + (2 * k + 1) * half, half) for k in range(PANELS)]
        while stack:
            middle, half = stack.pop()
            error = self._panel(middle, half)
            if error is None:
                halved += 1
                if halved > MOST_HALVED:
                    raise MzError("the integrals over the line do not settle", "balls.line", "Use another method")
                stack += [(middle - half / 2, half / 2), (middle + half / 2, half / 2)]
            else:
                lost = (lost + error).upper()
        return replace(self.found, lost=lost)

    def _size(self, middle: Arb, a: Arb, b: Arb, value: Any) -> Arb:
        """Upper bound of phi |g| on an ellipse with half-axes a, b, where f takes values in a ball."""
        near = (middle.abs_lower() - a).max(flint.arb(0)).lower()
        far = (middle.abs_upper() + a).upper()
        u, v = value.real.abs_upper(), value.imag.abs_upper()
        return self.phi * ((b * b - near * near) / 2).exp() * _largest([g.size(far, b, u, v) for g in self.integrands])

    def _panel(self, middle: Arb, half: Arb) -> Arb | None:
        """The error of a panel whose nodes were added, or None where it has to be halved."""
        a, b = self.long * half, self.short * half
        value = self.f.at(flint.acb(_around(middle, a), _around(flint.arb(0), b)), True)
        if value.is_finite():
            size = self._size(middle, a, b, value) * half
            for count, factor in self.factors:
                error = (size * factor).upper()
                if error < self.goal:
                    self._add(middle, half, count)
                    return error
        if half > flint.arb(2) ** SHORTEST:
            return None
        inside = self.f.at(flint.acb(_around(middle, half)), False)
        if not inside.is_finite():
            inside = flint.acb(self.f.range.lo.union(self.f.range.hi))
        return (2 * half * self._size(middle, half, flint.arb(0), inside)).upper()

    def _add(self, middle: Arb, half: Arb, count: int) -> None:
        for node, weight in gauss_balls(count, flint.ctx.prec):
            x = middle + half * node
            self.found.points.append(x)
            self.found.weights.append(half * weight * self.phi * (-x * x / 2).exp())
            value = self.f.at(flint.acb(x), False)
            if not (value.is_finite() and value.imag.contains(0)):
                raise MzError("the map is not proved to be real on the whole line", "balls.line", "Bound it otherwise")
            self.found.values.append(value.real)


def _largest(bounds: Sequence[Arb]) -> Arb:
    return reduce(lambda a, b: a.max(b), bounds).upper()


def _around(middle: Arb, radius: Arb) -> Arb:
    return (middle - radius).union(middle + radius)
