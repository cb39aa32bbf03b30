"""The ball column of the primitive table: the exact hull of every activation on an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from types import MappingProxyType

import flint

from mzsym.balls.intervals import ONE, UNDEFINED, UNIT, WHOLE, ZERO, Interval, increasing, interval
from mzsym.balls.numbers import Arb, precision


def identity(x: Interval) -> Interval:
    """z."""
    return x


def tanh(x: Interval) -> Interval:
    """Increasing, image [-1, 1]."""
    return increasing(lambda t: t.tanh(), x, at_minus=-1, at_plus=1)


def sigmoid(x: Interval) -> Interval:
    """Increasing, image [0, 1]."""
    return increasing(_sigmoid, x, at_minus=0, at_plus=1)


def _sigmoid(t: Arb) -> Arb:
    if t > 0:
        return 1 / (1 + (-t).exp())
    power = t.exp()
    return power / (1 + power)


def softplus(x: Interval) -> Interval:
    """Increasing, image [0, oo)."""
    return increasing(lambda t: t + (-t).exp().log1p() if t > 0 else t.exp().log1p(), x, at_minus=0)


def relu(x: Interval) -> Interval:
    """Nondecreasing."""
    return increasing(lambda t: t.max(flint.arb(0)), x, at_minus=0)


def leaky_relu(x: Interval, slope: Interval) -> Interval:
    """z on the right of 0, slope * z on its left: two monotone pieces."""
    if not (x.defined and slope.defined):
        return UNDEFINED
    zero = flint.arb(0)
    if x.lo >= 0:
        return x
    left = slope * Interval(x.lo, x.hi.min(zero))
    return left if x.hi <= 0 else left.union(Interval(zero, x.hi))


def gelu(x: Interval) -> Interval:
    """Decreasing up to its one critical point, increasing after it."""
    return _dipped(x, gelu_critical_point(flint.ctx.prec), _gelu_point)


def silu(x: Interval) -> Interval:
    """Decreasing up to its one critical point, increasing after it."""
    return _dipped(x, silu_critical_point(flint.ctx.prec), _silu_point)


def _dipped(x: Interval, bottom: Interval, point: Callable[[Arb], Arb]) -> Interval:
    """Hull of a function that falls from 0 at -oo to its minimum at ``bottom`` and rises to oo from there."""
    if not x.defined:
        return UNDEFINED
    hull = _dipped_end(x.lo, point).union(_dipped_end(x.hi, point))
    if x.hi < bottom.lo or x.lo > bottom.hi:
        return hull
    value = point(bottom.lo.union(bottom.hi))
    # The minimum itself, not more: an end value is never below it.
    return Interval(hull.lo.min(value.lower()), hull.hi)


def _dipped_end(end: Arb, point: Callable[[Arb], Arb]) -> Interval:
    if end.is_finite():
        value = point(end)
        if value.is_finite():
            return Interval(value.lower(), value.upper())
    return ZERO if end < 0 else Interval(end, end)


def _gelu_point(t: Arb) -> Arb:
    return t * (-t / flint.arb(2).sqrt()).erfc() / 2


def _silu_point(t: Arb) -> Arb:
    return t * _sigmoid(t)


@lru_cache(maxsize=32)
def gelu_critical_point(bits: int) -> Interval:
    """Enclosure of the one zero of gelu', which is Phi(z) + z phi(z), to about 2**-bits.

    gelu'' = (2 - z**2) phi changes sign at -sqrt 2 and sqrt 2 only, gelu' tends to 0 at -oo from below, is 1/2 at 0 and
    above 1 at sqrt 2: it has one zero, between -sqrt 2 and 0. Bisection with proved signs brackets it.
    """
    return _bisected(_gelu_slope, -1, -0.5, bits)


@lru_cache(maxsize=32)
def silu_critical_point(bits: int) -> Interval:
    """Enclosure of the one zero of silu', which has the sign of h(z) = 1 + z/(1 + exp(z)), to about 2**-bits.

    h' = (1 + (1 - z) exp(z))/(1 + exp(z))**2 > 0 for z <= 1, h(-2) < 0 < h(-1), and h > 0 for z >= 0: h has one zero,
    between -2 and -1. Bisection with proved signs brackets it.
    """
    return _bisected(lambda t: 1 + t / (1 + t.exp()), -2, -1, bits)


def _bisected(slope: Callable[[Arb], Arb], below: float, above: float, bits: int) -> Interval:
    """The zero of a function that is negative at ``below`` and positive at ``above``."""
    with precision(bits + 32):
        lo, hi = flint.arb(below), flint.arb(above)
        for _ in range(bits):
            middle = ((lo + hi) / 2).mid()
            value = slope(middle)
            if value < 0:
                lo = middle
            elif value > 0:
                hi = middle
            else:
                break
        return Interval(lo, hi)


def _gelu_slope(t: Arb) -> Arb:
    density = (-t * t / 2).exp() / (2 * flint.arb.pi()).sqrt()
    return (-t / flint.arb(2).sqrt()).erfc() / 2 + t * density


def elu(x: Interval) -> Interval:
    """Increasing, image [-1, oo)."""
    return increasing(lambda t: t if t > 0 else t.expm1(), x, at_minus=-1)


def hardtanh(x: Interval) -> Interval:
    """Nondecreasing, image [-1, 1]."""
    one = flint.arb(1)
    return increasing(lambda t: t.max(-one).min(one), x, at_minus=-1, at_plus=1)


def step(x: Interval, at_zero: Interval | None = None) -> Interval:
    """0, 1, and ``at_zero`` at 0: 1/2, SymPy's value, where none is given."""
    half = interval(0.5) if at_zero is None else at_zero
    if not (x.defined and half.defined):
        return UNDEFINED
    values = [ZERO] * bool(x.lo < 0) + [half] * bool(x.lo <= 0 and x.hi >= 0) + [ONE] * bool(x.hi > 0)
    return reduce(lambda a, b: a.union(b), values)


def erf(x: Interval) -> Interval:
    """Increasing, image [-1, 1]."""
    return increasing(lambda t: t.erf(), x, at_minus=-1, at_plus=1)


def sin(x: Interval) -> Interval:
    """Monotone between the odd multiples of pi/2."""
    return _wave(x, lambda t: t.sin(), flint.arb(0.5))


def cos(x: Interval) -> Interval:
    """Monotone between the multiples of pi."""
    return _wave(x, lambda t: t.cos(), flint.arb(0))


def _wave(x: Interval, point: Callable[[Arb], Arb], offset: Arb) -> Interval:
    """A wave with the values (-1)**k at pi (k + offset) and monotone between them."""
    if not x.defined:
        return UNDEFINED
    if not x.finite:
        return UNIT
    pi = flint.arb.pi()
    first = (x.lo / pi - offset).lower().ceil().unique_fmpz()
    last = (x.hi / pi - offset).upper().floor().unique_fmpz()
    if first is None or last is None or last > first:
        return UNIT
    at_lo, at_hi = point(x.lo), point(x.hi)
    lo, hi = at_lo.lower().min(at_hi.lower()), at_lo.upper().max(at_hi.upper())
    # One critical point, perhaps just outside by rounding: then an end is as close to it as the precision.
    if first == last:
        lo, hi = (lo, flint.arb(1)) if int(first) % 2 == 0 else (flint.arb(-1), hi)
    return Interval(lo.max(flint.arb(-1)), hi.min(flint.arb(1)))


def arctan(x: Interval) -> Interval:
    """Increasing, image [-pi/2, pi/2]."""
    half_turn = flint.arb.pi() / 2
    return increasing(lambda t: t.atan(), x, at_minus=-half_turn, at_plus=half_turn)


def exp(x: Interval) -> Interval:
    """Increasing, image [0, oo)."""
    return increasing(lambda t: t.exp(), x, at_minus=0)


def absolute(x: Interval) -> Interval:
    """Decreasing up to 0, increasing after it."""
    if not x.defined or x.lo >= 0:
        return x
    if x.hi <= 0:
        return -x
    return Interval(flint.arb(0), x.hi.max(-x.lo))


HULLS: Mapping[str, Callable[..., Interval]] = MappingProxyType(
    {
        "identity": identity,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "softplus": softplus,
        "relu": relu,
        "leaky_relu": leaky_relu,
        "gelu": gelu,
        "erf": erf,
        "sin": sin,
        "cos": cos,
        "arctan": arctan,
        "exp": exp,
        "abs": absolute,
        "elu": elu,
        "silu": silu,
        "hardtanh": hardtanh,
        "step": step,
    }
)
"""Primitive name -> hull on an interval (and intervals of its parameters): tight at the current precision."""

__all__ = ["HULLS", "WHOLE", "gelu_critical_point", "silu_critical_point"]
