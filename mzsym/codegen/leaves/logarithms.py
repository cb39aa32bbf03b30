"""log and what follows from it and exp, without branches or calls: expm1, log1p, log cosh, sech^2, elu."""

from __future__ import annotations

from math import inf, nan

from mzsym.codegen.leaves.straight import (
    EXP_HIGHEST,
    EXP_LOWEST,
    EXPONENT_BITS,
    G1,
    G2,
    G3,
    G4,
    G5,
    G6,
    G7,
    HALF_BITS,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    ROUNDER,
    ROUNDER_BITS,
    exp_polynomial,
    power_of_two,
    vexp,
)
from mzsym.codegen.libm import fabs, from_bits, to_bits

INFINITE = inf
NOT_A_NUMBER = nan
SMALLEST_NORMAL = 2.2250738585072014e-308
TWO_54 = 18014398509481984.0
ONE_IS_LOST = 1e18
LN2 = 0.6931471805599453
COSH = (
    0.041666666666666664,
    0.001388888888888889,
    2.48015873015873e-05,
    2.755731922398589e-07,
    2.08767569878681e-09,
    1.1470745597729725e-11,
    4.779477332387385e-14,
    1.5619206968586225e-16,
)
"""1/(2n)!, n = 2, 3, ..."""


def log_reduced(f: float, n: float) -> float:
    """log(2**n (1 + f)), 1 + f in [sqrt(1/2), sqrt 2]: f - f^2/2 kept apart from the rest, which is small beside it."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    tail = z * (G1 + w * (G3 + w * (G5 + w * G7))) + w * (G2 + w * (G4 + w * G6))
    square = 0.5 * f * f
    return n * LN2_HIGH - ((square - (s * (square + tail) + n * LN2_LOW)) - f)


def vlog(x: float) -> float:
    """log(x), the whole range."""
    y = x * TWO_54 if x < SMALLEST_NORMAL else x
    k = (to_bits(y) - HALF_BITS) >> 52
    m = from_bits(to_bits(y) - k * EXPONENT_BITS)
    n = (from_bits(k + ROUNDER_BITS) - ROUNDER) - (54.0 if x < SMALLEST_NORMAL else 0.0)
    value = log_reduced(m - 1.0, n)
    value = value if x > 0.0 else NOT_A_NUMBER
    value = -INFINITE if x == 0.0 else value
    return value if x < INFINITE else x


def vlog1p(x: float) -> float:
    """log(1 + x), the whole range."""
    u = 1.0 + x
    k = (to_bits(u) - HALF_BITS) >> 52
    m = from_bits(to_bits(u) - k * EXPONENT_BITS)
    # x/2**k - (1 - 2**-k) has the digits of x that 1 + x lost.
    inverse = power_of_two(-k if x < ONE_IS_LOST else 0)
    f = x * inverse + (inverse - 1.0) if x < ONE_IS_LOST else m - 1.0
    value = log_reduced(f, from_bits(k + ROUNDER_BITS) - ROUNDER)
    value = value if x > -1.0 else NOT_A_NUMBER
    value = -INFINITE if x == -1.0 else value
    value = value if x < INFINITE else x
    return value if x != 0.0 else x


def vexpm1(x: float) -> float:
    """exp(x) - 1, the whole range."""
    y = x if x > EXP_LOWEST else EXP_LOWEST
    y = y if y < EXP_HIGHEST else EXP_HIGHEST
    t = y * LOG2_E + ROUNDER
    n = t - ROUNDER
    k = to_bits(t) - ROUNDER_BITS
    half = k >> 1
    a = power_of_two(half)
    b = power_of_two(k - half)
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = exp_polynomial(r) * a * b
    # 2**1024 has no float64 of its own; so far out 1 is lost in any case.
    value = p + (a * b - 1.0) if k < 1024 else (1.0 + exp_polynomial(r)) * a * b
    value = value if x == x else x
    return value if x != 0.0 else x


def cosh_less_one(u: float) -> float:
    """cosh(u) - 1, 0 <= u <= 1."""
    y = u * u
    w = y * y
    low = (COSH[0] + y * COSH[1]) + w * (COSH[2] + y * COSH[3])
    high = (COSH[4] + y * COSH[5]) + w * (COSH[6] + y * COSH[7])
    return 0.5 * y + w * (low + (w * w) * high)


def softplus(z: float) -> float:
    """log(1 + exp(z))."""
    tail = vlog1p(vexp(-fabs(z)))
    value = z + tail if z > 0 else tail
    return value if z == z else z


def logcosh(z: float) -> float:
    """log cosh z = u - log 2 + log(1 + exp(-2u)), u = |z|; near 0 from cosh z - 1."""
    u = fabs(z)
    near = u < 1.0
    tail = vlog1p(cosh_less_one(u if near else 1.0) if near else vexp(-2.0 * u))
    return tail if near else u + (tail - LN2)


def sech2(z: float) -> float:
    """1 - tanh(z)**2, with its digits in the tails."""
    e = vexp(-2.0 * fabs(z))
    return 4.0 * e / (1.0 + e * (2.0 + e))


def elu(z: float) -> float:
    """z for z > 0, exp(z) - 1 otherwise."""
    return z if z > 0 else vexpm1(z)
