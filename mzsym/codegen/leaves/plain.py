"""Activations and normal functions, stable at every argument."""

from __future__ import annotations

from mzsym.codegen.leaves.double import two_prod
from mzsym.codegen.libm import erfc, exp, expm1, fabs, log, log1p, sinh

LN2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
SQRT_HALF_LOW = -4.833646656726457e-17
TWO_OVER_SQRT_PI = 1.1283791670955126
INV_SQRT_2PI = 0.3989422804014327
PI2_OVER_6 = 1.6449340668482264
PI2_OVER_12 = 0.8224670334241132
DILOG = (
    0.027777777777777776,
    -0.0002777777777777778,
    4.72411186696901e-06,
    -9.185773074661964e-08,
    1.8978869988971e-09,
    -4.0647616451442256e-11,
    8.921691020456452e-13,
    -1.9939295860721074e-14,
)


def relu(z: float) -> float:
    """max(0, z)."""
    if z > 0 or z != z:
        return z
    return 0.0


def leaky_relu(z: float, slope: float) -> float:
    """z for z > 0, slope*z otherwise."""
    if z > 0:
        return z
    return slope * z


def elu(z: float) -> float:
    """z for z > 0, exp(z) - 1 otherwise."""
    if z > 0:
        return z
    return expm1(z)


def hardtanh(z: float) -> float:
    """z cut off at -1 and 1."""
    if z > 1.0:
        return 1.0
    if z < -1.0:
        return -1.0
    return z


def logcosh(z: float) -> float:
    """log cosh z, with its digits near 0."""
    u = fabs(z)
    if u < 1.0:
        h = sinh(0.5 * u)
        return log1p(2.0 * h * h)
    return u - LN2 + log1p(exp(-2.0 * u))


def sech2(z: float) -> float:
    """1 - tanh(z)**2, with its digits in the tails."""
    e = exp(-2.0 * fabs(z))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def normal_cdf_two(high: float, low: float) -> float:
    """Phi(high + low): the rounding of t/sqrt 2 would cost 2 t^2 ulp of the left tail."""
    x = -high * SQRT_HALF
    if fabs(high) > 40.0 or x != x:
        return 0.5 * erfc(x)
    p, e = two_prod(-high, SQRT_HALF)
    rest = e - high * SQRT_HALF_LOW - low * SQRT_HALF
    return 0.5 * (erfc(p) - TWO_OVER_SQRT_PI * exp(-p * p) * rest)


def normal_cdf(t: float) -> float:
    """Normal distribution function."""
    return normal_cdf_two(t, 0.0)


def exp_half_square(high: float, low: float) -> float:
    """exp(-(high + low)**2/2)."""
    if fabs(high) > 40.0 or high != high:
        return exp(-0.5 * high * high)
    p, e = two_prod(high, high)
    value = exp(-0.5 * p)
    return value - value * (0.5 * e + high * low)


def normal_density(t: float) -> float:
    """exp(-t**2/2)/sqrt(2 pi)."""
    return INV_SQRT_2PI * exp_half_square(t, 0.0)


def gelu_two(high: float, low: float) -> float:
    """t Phi(t) at t = high + low."""
    if high < -40.0:
        return 0.0
    return (high + low) * normal_cdf_two(high, low)


def gelu(z: float) -> float:
    """z Phi(z)."""
    return gelu_two(z, 0.0)


def sign(z: float) -> float:
    """-1, 0 or 1."""
    if z > 0:
        return 1.0
    if z < 0:
        return -1.0
    return z


def heaviside(z: float, middle: float) -> float:
    """0, 1, and ``middle`` at 0."""
    if z > 0:
        return 1.0
    if z < 0:
        return 0.0
    if z == 0:
        return middle
    return z


def maximum(a: float, b: float) -> float:
    """The larger of two numbers; NaN if one is."""
    if a >= b or a != a:
        return a
    return b


def minimum(a: float, b: float) -> float:
    """The smaller of two numbers; NaN if one is."""
    if a <= b or a != a:
        return a
    return b


def dilog_series(w: float) -> float:
    """Li2(1 - exp(-w)) for |w| <= 0.7: sum of B_n w**(n+1)/(n+1)!."""
    q = w * w
    tail = DILOG[7]
    for i in range(7):
        tail = tail * q + DILOG[6 - i]
    return w - 0.25 * q + w * q * tail


def dilog(x: float) -> float:
    """Real dilogarithm Li2(x), x <= 1."""
    if x > 1.0 or x != x:
        return log(1.0 - x)
    if x > 0.5:
        if x == 1.0:
            return PI2_OVER_6
        # Li2(x) + Li2(1 - x) = pi^2/6 - log x log(1 - x)
        return PI2_OVER_6 - log(x) * log1p(-x) - dilog_series(-log(x))
    if x >= -1.0:
        return dilog_series(-log1p(-x))
    # Li2(x) + Li2(1/x) = -pi^2/6 - log(-x)^2/2
    t = log(-x)
    return -PI2_OVER_6 - 0.5 * t * t - dilog_series(-log1p(-1.0 / x))


def softplus_tail(high: float, low: float) -> float:
    """-Li2(-exp(-(high + low))), the integral of log(1 + exp(-t)) from x = high + low >= 0 to infinity."""
    y = exp(-high)
    y = y - y * low
    return -dilog_series(-log1p(y))


def silu_tail(high: float, low: float) -> float:
    """Integral of t/(1 + exp(t)) from x = high + low >= 0 to infinity: x log(1 + exp(-x)) - Li2(-exp(-x))."""
    y = exp(-high)
    y = y - y * low
    bend = log1p(y)
    return high * bend - dilog_series(-bend)
