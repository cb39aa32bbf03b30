"""Functions without branches or calls: a loop of them vectorises, and numba inlines them.

exp, log and what follows from them, by range reduction and polynomials; errors are a few ulp and stated in the docs.
Selections are written as conditional expressions, whose sides are both safe to compute.
"""

from __future__ import annotations

from mzsym.codegen.libm import copysign, fabs, from_bits, to_bits

ROUNDER = 6755399441055744.0
ROUNDER_BITS = 4843621399236968448
LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
EXP_LOWEST = -746.0
EXP_HIGHEST = 710.0
HALF_BITS = 4604544271217802189
"""Bits of sqrt(1/2)."""
EXPONENT_BITS = 4503599627370496
"""2**52."""
E2 = 0.5
E3 = 0.16666666666666669
E4 = 0.04166666666666667
E5 = 0.008333333333330062
E6 = 0.0013888888888883748
E7 = 0.00019841269863054865
E8 = 2.4801587325548793e-05
E9 = 2.755726845833706e-06
E10 = 2.7557273641943187e-07
E11 = 2.5100386186397813e-08
E12 = 2.091468739985978e-09
G1 = 0.6666666666666735
G2 = 0.3999999999940942
G3 = 0.2857142874366239
G4 = 0.22222198432149784
G5 = 0.1818357216161805
G6 = 0.15313837699209373
G7 = 0.14798198605116586
"""Of (expm1(r) - r)/r^2, |r| <= log(2)/2 (E), and of (2 artanh(s) - 2s)/s^3 in s^2 <= 0.03 (G)."""
FAR = 300.0


def power_of_two(n: int) -> float:
    """2**n, -1022 <= n <= 1023."""
    return from_bits((n + 1023) * EXPONENT_BITS)


def exp_series(r: float) -> float:
    """expm1(r) - r, |r| <= log(2)/2."""
    q = r * r
    q2 = q * q
    low = ((E2 + r * E3) + q * (E4 + r * E5)) + q2 * ((E6 + r * E7) + q * (E8 + r * E9))
    return q * (low + q2 * q2 * ((E10 + r * E11) + q * E12))


def exp_polynomial(r: float) -> float:
    """expm1(r), |r| <= log(2)/2."""
    return r + exp_series(r)


def vexp(x: float) -> float:
    """exp(x), the whole range."""
    y = x if x > EXP_LOWEST else EXP_LOWEST
    y = y if y < EXP_HIGHEST else EXP_HIGHEST
    t = y * LOG2_E + ROUNDER
    n = t - ROUNDER
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    k = to_bits(t) - ROUNDER_BITS
    # Two factors: 2**1024 and 2**-1074 have no float64 of their own.
    half = k >> 1
    value = (1.0 + exp_polynomial(r)) * power_of_two(half) * power_of_two(k - half)
    return value if x == x else x


def vexp_two(x: float, rest: float) -> float:
    """exp(x + rest), -1600 <= x <= 0, rest a rounding error of x."""
    y = x if x > EXP_LOWEST else EXP_LOWEST
    t = y * LOG2_E + ROUNDER
    n = t - ROUNDER
    r = ((y - n * LN2_HIGH) - n * LN2_LOW) + rest
    k = to_bits(t) - ROUNDER_BITS
    half = k >> 1
    return (1.0 + exp_polynomial(r)) * power_of_two(half) * power_of_two(k - half)


def exp_reduced(x: float, rest: float) -> tuple[float, float]:
    """(n, expm1(r)) of exp(x + rest) = 2**n exp(r), x <= 710, rest a rounding error of x."""
    y = x if x > EXP_LOWEST else EXP_LOWEST
    n = (y * LOG2_E + ROUNDER) - ROUNDER
    return n, exp_polynomial(((y - n * LN2_HIGH) - n * LN2_LOW) + rest)


def exp_parts(x: float) -> tuple[float, float]:
    """(expm1(x), exp(x)) for -708 <= x <= 0."""
    t = x * LOG2_E + ROUNDER
    n = t - ROUNDER
    exact = x - n * LN2_HIGH
    r = exact - n * LN2_LOW
    scale = power_of_two(to_bits(t) - ROUNDER_BITS)
    series = exp_series(r)
    p = scale * (r + series)
    return p + (scale - 1.0), scale + p


def expm1_two(x: float) -> tuple[float, float]:
    """expm1(x) and what it was rounded by, -708 <= x <= 0: correct to 4e-17 of it, below -36 to 1e-16."""
    t = x * LOG2_E + ROUNDER
    n = t - ROUNDER
    exact = x - n * LN2_HIGH
    r = exact - n * LN2_LOW
    scale = power_of_two(to_bits(t) - ROUNDER_BITS)
    series = exp_series(r)
    # Each difference is exact: the larger term of a sum comes first.
    rest = ((r - (r + series)) + series) + ((exact - r) - n * LN2_LOW) * (1.0 + r)
    p = scale * (r + series)
    high = p + (scale - 1.0)
    return high, (((scale - 1.0) - high) + p) + scale * rest


def vtanh(z: float) -> float:
    """tanh(z)."""
    u = fabs(z)
    a, e = exp_parts(-2.0 * (FAR if u > FAR else u))
    return copysign(a / (1.0 + e), z)


def sigmoid(z: float) -> float:
    """1/(1 + exp(-z))."""
    e = vexp(-fabs(z))
    return (1.0 if z >= 0 else e) / (1.0 + e)


def silu(z: float) -> float:
    """z/(1 + exp(-z))."""
    u = z if z > EXP_LOWEST else EXP_LOWEST
    value = u * sigmoid(u)
    return value if z == z else z
