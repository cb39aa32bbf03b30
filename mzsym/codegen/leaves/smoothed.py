"""Averages E g(z + S U), U uniform on (-1, 1), of tanh and sigmoid, without branches. MATH (18), (20).

Both are log(total/part)/(2S) for two sums of exponentials, and log(total/part) = k log 2 + 2 artanh(q). Everything is
divided by S before the last sums, and what S alone decides is carried to twice the digits, which costs nothing where S
is the same at all points: an error is then that of one exponential, one quotient and one sum.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import two_sum
from mzsym.codegen.leaves.straight import (
    EXPONENT_BITS,
    FAR,
    ROUNDER,
    ROUNDER_BITS,
    exp_parts,
    exp_reduced,
    expm1_two,
    power_of_two,
)
from mzsym.codegen.libm import copysign, fabs, from_bits, to_bits

H1 = 0.3333333333333319
H2 = 0.20000000000062515
H3 = 0.14285714276113912
H4 = 0.11111111840083816
H5 = 0.09090877358590642
H6 = 0.076931590066773
H7 = 0.06652150769316201
H8 = 0.06039296331114565
H9 = 0.04232615746368397
H10 = 0.08388758914874915
"""Of (artanh(q) - q)/q^3 in q^2 <= 0.1085."""
STEP_OFFSET = 450359962737049
"""2**52/10: k = 0 for quotients up to 1.75 at least and 1.99 at most, where q^2 <= 0.1085."""
TWO_27 = 134217728
HALF_LN2_TOP = 0.3465735837817192
HALF_LN2_REST = 6.498253446944944e-09
LEAST_HALF = 1e-8
FARTHEST_EXPONENT = 350.0
SHALLOW = 0.5
TAIL = 40.0


def top_bits(x: float) -> float:
    """The first 26 digits of x: products of two such numbers are exact."""
    return from_bits((to_bits(x) >> 27) * TWO_27)


def over_two(high: float, rest: float, s: float) -> tuple[float, float]:
    """(high + rest)/s as a number of 26 digits and the rest."""
    inverse = 1.0 / s
    top = top_bits(s)
    quotient = top_bits(high * inverse)
    return quotient, (((high - quotient * top) - quotient * (s - top)) + rest) * inverse


def half_ln2_over(s: float) -> tuple[float, float]:
    """log(2)/2/s as a number of 26 digits, whose small multiples are exact, and the rest."""
    first, second = over_two(1.0, 0.0, s)
    product = HALF_LN2_TOP * first
    high = top_bits(product)
    return high, (product - high) + (HALF_LN2_TOP * second + HALF_LN2_REST * (first + second))


def tanh_two(s: float) -> tuple[float, float]:
    """tanh(s) as a number of 26 digits and the rest, 0 <= s <= 350."""
    b, rest = expm1_two(-2.0 * s)
    w = 2.0 + b
    inverse = 1.0 / w
    top = top_bits(w)
    low = (w - top) + (((2.0 - w) + b) + rest)
    high = top_bits(-b * inverse)
    return high, (((-b - high * top) - high * low) - rest) * inverse


def log_quotient(total: float, part: float, w: float, top: float, s: float) -> float:
    """log(total/part)/(2s), total >= part; w = total + part and top = (total - part)/s, better than differences."""
    # Bits are a logarithm, correct to 0.09.
    k = (to_bits(total) - to_bits(part) + STEP_OFFSET) >> 52
    less = part - from_bits(to_bits(part) + k * EXPONENT_BITS)
    n = from_bits(k + ROUNDER_BITS) - ROUNDER
    # For k = 0 nothing is added to top and w.
    q = (top + less * (1.0 / s)) / (w - less)
    h = q * s
    z = h * h
    z2 = z * z
    low = (H1 + z * H2) + z2 * (H3 + z * H4)
    high = ((H5 + z * H6) + z2 * (H7 + z * H8)) + (z2 * z2) * (H9 + z * H10)
    step, rest = half_ln2_over(s)
    return n * step + (q + (q * (z * (low + (z2 * z2) * high)) + n * rest))


def umean_tanh(z: float, half: float) -> float:
    """E tanh(z + S U) = [log cosh(z + S) - log cosh(z - S)]/(2S) = artanh(tanh z tanh S)/S. MATH (18), (20).

    With e = exp(-2|z|), f = exp(-2S) the logarithm is that of the quotient of 1 + ef by e + f, both over 1 + f.
    """
    s = fabs(half)
    s = LEAST_HALF if s < LEAST_HALF else s
    u = fabs(z)
    # Where e + f underflows |z| and S move together by c; so deep inside that all of u is taken the mean is z/S.
    c = s - FAR if s > FAR else 0.0
    near = s - c
    first, rest = tanh_two(near)
    t = first + rest
    share = 0.5 + 0.5 * t
    # f/(1 + f)
    least = 0.5 - 0.5 * t if near < SHALLOW else exp_parts(-2.0 * near)[1] * share
    moved = c if u > c else u
    v = u - moved
    a, e = exp_parts(-2.0 * (FARTHEST_EXPONENT if v > FARTHEST_EXPONENT else v))
    w = 1.0 + e
    part = e * share + least
    high, low = over_two(first, rest, s)
    value = log_quotient(w - part, part, w, -a * (high + low), s)
    return copysign(value + moved * (1.0 / s), z)


def umean_sigmoid(z: float, half: float) -> float:
    """E sigmoid(z + S U) = [softplus(z + S) - softplus(z - S)]/(2S), relative accuracy in the left tail. MATH (20).

    For z <= 0, e = exp(z + S), f = exp(-2S) the numerator is the logarithm of the quotient of 1 + e by 1 + ef.
    """
    s = fabs(half)
    s = LEAST_HALF if s < LEAST_HALF else s
    near = FAR if s > FAR else s
    b, rest = expm1_two(-2.0 * near)
    f = exp_parts(-2.0 * near)[1]
    # E sigmoid(z + SU) = 1 - E sigmoid(-z + SU), which costs nothing at z >= 0.
    high, low = two_sum(-fabs(z), s)
    # Beyond it log(1 + e) is its argument.
    far = high - TAIL if high > TAIL else 0.0
    n, p = exp_reduced(TAIL if high > TAIL else high, low if low == low else 0.0)
    k = to_bits(n + ROUNDER) - ROUNDER_BITS
    one = power_of_two(k >> 1)
    other = power_of_two(k - (k >> 1))
    # e = scale*(1 + p), and its products with what S decides are rounded once.
    scale = one * other
    e = scale + scale * p
    gap, gap_rest = over_two(-b, -rest, s)
    top = (gap + (gap_rest + (gap + gap_rest) * p)) * one * other
    both = 2.0 + b
    large = 2.0 + scale * both
    w = large + (((2.0 - large) + scale * both) + scale * ((((2.0 - both) + b) + rest) + both * p))
    value = log_quotient(1.0 + e, 1.0 + e * f, w, top, s) + far * (0.5 / s)
    value = 1.0 - value if z > 0 else value
    return value if z == z else z
