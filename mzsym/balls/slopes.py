"""The slope column of the primitive table: what difference quotients an activation takes on an interval.

For every z, z' in the interval g(z) - g(z') = d (z - z') with d in the hull. Away from kinks this is the range of g';
at a kink the subdifferential interval belongs to it; at a jump no finite slope does. MATH (26)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import flint

from mzsym.balls import primitives
from mzsym.balls.intervals import ONE, UNDEFINED, ZERO, Interval, decreasing, increasing, interval
from mzsym.balls.numbers import Arb, precision


def identity(x: Interval) -> Interval:
    """1."""
    return ONE if x.defined else UNDEFINED


def _even(point: Callable[[Arb], Arb], x: Interval, peak: float) -> Interval:
    """A positive even slope, largest at 0 and falling to 0 on both sides."""
    return decreasing(point, primitives.absolute(x), at_minus=peak, at_plus=0)


def _sech_squared(t: Arb) -> Arb:
    return 1 / t.cosh() ** 2


def tanh(x: Interval) -> Interval:
    """1/cosh(z)**2."""
    return _even(_sech_squared, x, 1)


def sigmoid(x: Interval) -> Interval:
    """1/(4 cosh(z/2)**2)."""
    return _even(lambda t: _sech_squared(t / 2) / 4, x, 1)


def erf(x: Interval) -> Interval:
    """2 exp(-z**2)/sqrt(pi)."""
    return _even(lambda t: 2 * (-t * t).exp() / flint.arb.pi().sqrt(), x, 2)


def arctan(x: Interval) -> Interval:
    """1/(1 + z**2)."""
    return _even(lambda t: 1 / (1 + t * t), x, 1)


def relu(x: Interval) -> Interval:
    """0 on the left of 0, 1 on its right, everything between at 0."""
    return leaky_relu(x, ZERO)


def leaky_relu(x: Interval, slope: Interval) -> Interval:
    """``slope`` on the left of 0, 1 on its right, everything between at 0."""
    if not (x.defined and slope.defined):
        return UNDEFINED
    if x.lo >= 0:
        return ONE
    return slope if x.hi <= 0 else slope.union(ONE)


def absolute(x: Interval) -> Interval:
    """-1 and 1, everything between at 0."""
    return leaky_relu(x, -ONE)


def elu(x: Interval) -> Interval:
    """exp(min(0, z))."""
    return increasing(lambda t: t.min(flint.arb(0)).exp(), x, at_minus=0, at_plus=1)


def hardtanh(x: Interval) -> Interval:
    """1 on [-1, 1], 0 outside."""
    if not x.defined:
        return UNDEFINED
    if x.lo >= 1 or x.hi <= -1:
        return ZERO
    return ONE if x.lo >= -1 and x.hi <= 1 else ZERO.union(ONE)


def step(x: Interval, at_zero: Interval | None = None) -> Interval:
    """0 where the jump is outside; no finite slope where it is not."""
    if not x.defined:
        return UNDEFINED
    return ZERO if x.lo > 0 or x.hi < 0 else Interval(flint.arb(0), flint.arb.pos_inf())


def _waved(x: Interval, point: Callable[[Arb], Arb], turn: Interval) -> Interval:
    """A slope that falls from 0 to its minimum at -turn, rises to its maximum at turn and falls to 1.

    All extremes are taken at the ends and at the two turning points, those that rounding cannot exclude included.
    """
    if not x.defined:
        return UNDEFINED
    lo = point(x.lo) if x.lo.is_finite() else flint.arb(0 if x.lo < 0 else 1)
    hi = point(x.hi) if x.hi.is_finite() else flint.arb(0 if x.hi < 0 else 1)
    found = interval(lo).union(interval(hi))
    for place in (-turn, turn):
        if not (x.hi < place.lo or x.lo > place.hi):
            found = found.union(interval(point(place.lo.union(place.hi))))
    return found


def gelu(x: Interval) -> Interval:
    """Phi(z) + z phi(z); its derivative (2 - z**2) phi vanishes at -sqrt 2 and sqrt 2 only."""
    return _waved(x, _gelu_slope, interval(flint.arb(2).sqrt()))


def _gelu_slope(t: Arb) -> Arb:
    density = (-t * t / 2).exp() / (2 * flint.arb.pi()).sqrt()
    return (-t / flint.arb(2).sqrt()).erfc() / 2 + t * density


def silu(x: Interval) -> Interval:
    """s + z s (1 - s) with s the sigmoid; it turns at the two zeros of 2 - z tanh(z/2)."""
    return _waved(x, _silu_slope, silu_turning_point(flint.ctx.prec))


def _silu_slope(t: Arb) -> Arb:
    power = (-abs(t)).exp()
    large, small = 1 / (1 + power), power / (1 + power)
    rising = small if t < 0 else large
    if not (t < 0 or t >= 0):
        rising = small.union(large)
    return rising + t * large * small


@lru_cache(maxsize=32)
def silu_turning_point(bits: int) -> Interval:
    """The positive zero of 2 - z tanh(z/2), which falls for z > 0 from 2 to -oo: bisection with proved signs."""
    with precision(bits + 32):
        lo, hi = flint.arb(2), flint.arb(3)
        for _ in range(bits):
            middle = ((lo + hi) / 2).mid()
            value = 2 - middle * (middle / 2).tanh()
            if value > 0:
                lo = middle
            elif value < 0:
                hi = middle
            else:
                break
        return Interval(lo, hi)


SLOPES: Mapping[str, Callable[..., Interval]] = MappingProxyType(
    {
        "identity": identity,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "softplus": primitives.sigmoid,
        "relu": relu,
        "leaky_relu": leaky_relu,
        "gelu": gelu,
        "erf": erf,
        "sin": primitives.cos,
        "cos": lambda x: -primitives.sin(x),
        "arctan": arctan,
        "exp": primitives.exp,
        "abs": absolute,
        "elu": elu,
        "silu": silu,
        "hardtanh": hardtanh,
        "step": step,
    }
)
"""Primitive name -> hull of its difference quotients on an interval (and intervals of its parameters)."""

__all__ = ["SLOPES", "silu_turning_point"]
