"""Functions without branches or calls: a loop of them vectorises, and numba inlines them.

exp, log and what follows from them, by range reduction and polynomials; errors are a few ulp and stated in the docs.
Selections are written as conditional expressions, whose sides are both safe to compute.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import two_sum
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
HALF_STEP = 2251799813685248
"""2**51."""
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
H1 = 0.6666666666666666
H2 = 0.4000000000000829
H3 = 0.28571428567123364
H4 = 0.2222222307328945
H5 = 0.18181735700014925
H6 = 0.15388943697091612
H7 = 0.13208233749163534
H8 = 0.13620231330491778
"""Of (expm1(r) - r)/r^2, |r| <= log(2)/2 (E), and of (2 artanh(s) - 2s)/s^3 in s^2 <= 0.03 (G) and 0.0403 (H)."""
LEAST_HALF = 1e-8
FAR = 300.0
FARTHEST_EXPONENT = 350.0
TAIL = 40.0


def power_of_two(n: int) -> float:
    """2**n, -1022 <= n <= 1023."""
    return from_bits((n + 1023) * EXPONENT_BITS)


def exp_polynomial(r: float) -> float:
    """expm1(r), |r| <= log(2)/2."""
    q = r * r
    q2 = q * q
    low = ((E2 + r * E3) + q * (E4 + r * E5)) + q2 * ((E6 + r * E7) + q * (E8 + r * E9))
    return r + q * (low + q2 * q2 * ((E10 + r * E11) + q * E12))


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


def exp_parts(x: float) -> tuple[float, float]:
    """(expm1(x), exp(x)) for -708 <= x <= 0."""
    t = x * LOG2_E + ROUNDER
    n = t - ROUNDER
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    scale = power_of_two(to_bits(t) - ROUNDER_BITS)
    p = scale * exp_polynomial(r)
    return p + (scale - 1.0), scale + p


def log_one_plus_ratio(a: float, b: float) -> float:
    """log(1 + a/b), a >= 0, b > 0 normal: k log 2 + 2 artanh(s), with one division and no loss for small a/b."""
    # Bits are a logarithm, correct to 0.09: (a + b)/(2**k b) lies in [2/3, 3/2].
    k = (to_bits(a + b) - to_bits(b) + HALF_STEP) >> 52
    scaled = from_bits(to_bits(b) + k * EXPONENT_BITS)
    s = (a + (b - scaled)) / (a + (b + scaled))
    z = s * s
    w = z * z
    low = (H1 + z * H2) + w * (H3 + z * H4)
    tail = z * (low + (w * w) * ((H5 + z * H6) + w * (H7 + z * H8)))
    n = from_bits(k + ROUNDER_BITS) - ROUNDER
    return n * LN2_HIGH + (2.0 * s + (s * tail + n * LN2_LOW))


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


def umean_tanh(z: float, half: float) -> float:
    """E tanh(z + S U) = [log cosh(z + S) - log cosh(z - S)]/(2S). MATH (18), (20).

    With a = expm1(-2|z|), b = expm1(-2S), A = 1 + a, B = 1 + b the numerator is log1p(ab/(A + B)): relative error
    below 1e-15 wherever A + B does not underflow; beyond, |z| and S move together by c.
    """
    s = fabs(half)
    s = LEAST_HALF if s < LEAST_HALF else s
    u = fabs(z)
    c = s - FAR if s > FAR else 0.0
    # So deep inside a wide interval that all of u is taken, the mean is z/S.
    moved = c if u > c else u
    v = u - moved
    v = FARTHEST_EXPONENT if v > FARTHEST_EXPONENT else v
    a, e = exp_parts(-2.0 * v)
    b, f = exp_parts(-2.0 * (s - c))
    value = 2.0 * moved + log_one_plus_ratio(a * b, e + f)
    return copysign(value * (0.5 / s), z)


def umean_sigmoid(z: float, half: float) -> float:
    """E sigmoid(z + S U) = [softplus(z + S) - softplus(z - S)]/(2S), relative accuracy in the left tail. MATH (20).

    For z <= 0 the numerator is log(1 + (e^A - e^B)/(1 + e^B)) with A = z + S, B = z - S, and positive throughout.
    """
    s = fabs(half)
    s = LEAST_HALF if s < LEAST_HALF else s
    # E sigmoid(z + SU) = 1 - E sigmoid(-z + SU), which costs nothing at z >= 0.
    u = -fabs(z)
    high, low = two_sum(u, s)
    e = vexp(high if high < TAIL else TAIL)
    e = e + e * (low if low == low else 0.0)
    gap = 1.0 - vexp(-2.0 * s) if s > 0.5 else -exp_parts(-2.0 * (s if s < 0.5 else 0.5))[0]
    below = 1.0 + vexp(u - s)
    value = log_one_plus_ratio(e * gap, below) * (0.5 / s)
    # In the tail e*gap may underflow where the mean does not; far inside, the numerator is A.
    value = e * (gap * (0.5 / s)) if high < -TAIL else value
    value = high * (0.5 / s) if high > TAIL else value
    value = 1.0 - value if z > 0 else value
    return value if z == z else z
