"""Error-free sums and products, and exponentials of unrounded arguments.

exp(a) has the relative error of a's absolute one: at |a| = 700 a rounded sum already costs 6e-14. MATH (20) allows
1e-13, so arguments of exponentials are carried as an unevaluated sum of two doubles.
"""

from __future__ import annotations

from mzsym.codegen.libm import exp, fabs

SPLITTER = 134217729.0
LARGEST_EXPONENT = 709.782712893384


def two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b = s + e exactly."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_prod(a: float, b: float) -> tuple[float, float]:
    """a * b = p + e exactly, |a|, |b| < 1e300."""
    p = a * b
    c = SPLITTER * a
    ah = c - (c - a)
    al = a - ah
    c = SPLITTER * b
    bh = c - (c - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def exp_two(high: float, low: float) -> float:
    """exp(high + low), low a rounding error of high."""
    e = exp(high)
    # Beyond it exp is infinite, and infinity times a rounding error would be no number.
    if fabs(high) <= LARGEST_EXPONENT:
        return e + e * low
    return e


def exp_sum(a: float, b: float) -> float:
    """exp(a + b)."""
    high, low = two_sum(a, b)
    return exp_two(high, low)


def exp_scaled_sum(k: int, a: float, b: float) -> float:
    """exp(k*(a + b))."""
    high, low = two_sum(a, b)
    p, e = two_prod(float(k), high)
    return exp_two(p, e + k * low)


def int_power(x: float, k: int) -> float:
    """x**k, k >= 0, by squaring."""
    result = 1.0
    base = x
    n = k
    while n > 0:
        if n % 2 == 1:
            result = result * base
        n = n // 2
        if n > 0:
            base = base * base
    return result
