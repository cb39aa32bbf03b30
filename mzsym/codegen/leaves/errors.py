"""erf, erfc, the normal law and gelu, without branches or calls.

erfc(x) = exp(-x^2) G(t)/(1 + 2x) with t = (x - 4)/(x + 4): G is smooth and lies between 1 and 1.3. Coefficients are
those of the interpolants in 64 Chebyshev nodes, made with 60 digits.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import two_prod
from mzsym.codegen.leaves.straight import vexp, vexp_two
from mzsym.codegen.libm import copysign, fabs

SQRT_HALF = 0.7071067811865476
SQRT_HALF_LOW = -4.833646656726457e-17
INV_SQRT_2PI = 0.3989422804014327
FARTHEST_ERFC = 28.0
FARTHEST_NORMAL = 39.6
ERF = (
    0.12837916709551256,
    -0.37612638903183543,
    0.1128379167094513,
    -0.026866170643256995,
    0.005223977607269946,
    -0.0008548325982543225,
    0.00012055295112667001,
    -1.4924740785377576e-05,
    1.6447471190594618e-06,
    -1.6208829856810202e-07,
    1.3721520406351094e-08,
    -7.798543850549947e-10,
)
"""erf(x)/x - 1 in x^2, 0 <= x <= 1."""
ERFC_MIDDLE = 1.233
ERFC = (
    -4.8813744475878465e-06,
    -0.1396211168405629,
    0.015379652102620305,
    0.06809705425473639,
    -0.10103906603632913,
    0.09373283499682628,
    -0.0663303658119996,
    0.037167515561938515,
    -0.0161977340542423,
    0.005031969761432285,
    -0.000757773370277741,
    -0.0001992555416162786,
    0.00015062234674481447,
    -2.4403036998954536e-05,
    -1.1225008755089552e-05,
    5.717563626689596e-06,
    3.016107881318932e-07,
    -8.346789501461553e-07,
    6.258721442256385e-08,
    1.1494863135062745e-07,
    -7.764817952397257e-09,
    -1.3529367067220971e-08,
    -1.7668021904964841e-09,
)
"""G - ERFC_MIDDLE in t, 0 <= x <= 28."""


def erf_near(x: float) -> float:
    """erf(x), |x| <= 1."""
    y = x * x
    w = y * y
    v = w * w
    low = (ERF[0] + y * ERF[1]) + w * (ERF[2] + y * ERF[3])
    middle = (ERF[4] + y * ERF[5]) + w * (ERF[6] + y * ERF[7])
    high = (ERF[8] + y * ERF[9]) + w * (ERF[10] + y * ERF[11])
    return x + x * (low + v * (middle + v * high))


def erfc_factor(x: float) -> float:
    """G, 0 <= x <= 28."""
    t = (x - 4.0) / (x + 4.0)
    w = t * t
    v = w * w
    u = v * v
    a = ((ERFC[0] + t * ERFC[1]) + w * (ERFC[2] + t * ERFC[3])) + v * (
        (ERFC[4] + t * ERFC[5]) + w * (ERFC[6] + t * ERFC[7])
    )
    b = ((ERFC[8] + t * ERFC[9]) + w * (ERFC[10] + t * ERFC[11])) + v * (
        (ERFC[12] + t * ERFC[13]) + w * (ERFC[14] + t * ERFC[15])
    )
    c = ((ERFC[16] + t * ERFC[17]) + w * (ERFC[18] + t * ERFC[19])) + v * ((ERFC[20] + t * ERFC[21]) + w * ERFC[22])
    return ERFC_MIDDLE + (a + u * (b + u * c))


def erfc_right(x: float, rest: float) -> float:
    """erfc(x + rest), 1/2 <= x <= 28, rest a rounding error of x."""
    p, e = two_prod(x, x)
    below = 1.0 + 2.0 * x
    lost = 1.0 - (below - 2.0 * x)
    scaled = erfc_factor(x) / below
    # What 1 + 2x lost, and rest in it, moves the result by this part of itself; 1/G = 0.8, about.
    low = 0.8 * scaled * (lost + 2.0 * rest)
    return vexp_two(-p, -(e + 2.0 * (x * rest) + low)) * scaled


def verf(x: float) -> float:
    """erf(x)."""
    u = fabs(x)
    far = u if u < FARTHEST_ERFC else FARTHEST_ERFC
    tail = 1.0 - vexp(-far * far) * (erfc_factor(far) / (1.0 + 2.0 * far))
    near = erf_near(u if u < 1.0 else 1.0)
    value = copysign(near if u < 1.0 else tail, x)
    return value if x == x else x


def verfc(x: float) -> float:
    """erfc(x), with its digits on the right."""
    u = fabs(x)
    far = u if u < FARTHEST_ERFC else FARTHEST_ERFC
    right = erfc_right(far, 0.0)
    value = right if x > 0.0 else 2.0 - right
    near = 1.0 - erf_near(x if u < 0.5 else 0.5)
    value = near if u < 0.5 else value
    return value if x == x else x


def normal_cdf_two(high: float, low: float) -> float:
    """Phi(high + low): the rounding of t/sqrt 2 would cost 2 t^2 ulp of the left tail."""
    u = fabs(high)
    inside = u < FARTHEST_NORMAL
    p, e = two_prod(u if inside else FARTHEST_NORMAL, SQRT_HALF)
    rest = e + (u * SQRT_HALF_LOW + (low if high > 0.0 else -low) * SQRT_HALF if inside else 0.0)
    tail = 0.5 * erfc_right(p, rest)
    value = 1.0 - tail if high > 0.0 else tail
    small = erf_near(p if p < 0.5 else 0.5) + (1.0 - p * p) * (2.0 * INV_SQRT_2PI * (low if high > 0.0 else -low))
    value = 0.5 + 0.5 * (small if high > 0.0 else -small) if p < 0.5 else value
    return value if high == high else high


def normal_cdf(t: float) -> float:
    """Normal distribution function."""
    return normal_cdf_two(t, 0.0)


def exp_half_square(high: float, low: float) -> float:
    """exp(-(high + low)**2/2)."""
    inside = fabs(high) < FARTHEST_NORMAL
    h = high if inside else FARTHEST_NORMAL
    p, e = two_prod(h, h)
    value = vexp_two(-0.5 * p, -(0.5 * e + (h * low if inside else 0.0)))
    return value if high == high else high


def normal_density(t: float) -> float:
    """exp(-t**2/2)/sqrt(2 pi)."""
    return INV_SQRT_2PI * exp_half_square(t, 0.0)


def gelu_two(high: float, low: float) -> float:
    """t Phi(t) at t = high + low."""
    value = (high + low) * normal_cdf_two(high, low)
    return value if high > -FARTHEST_NORMAL or high != high else 0.0


def gelu(z: float) -> float:
    """z Phi(z)."""
    return gelu_two(z, 0.0)
