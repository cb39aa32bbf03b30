"""Averages E g(z + S U)**k, U uniform on (-1, 1), that are elementary for every power. MATH (18), (20)."""

from __future__ import annotations

from mzsym.codegen.leaves.double import exp_scaled_sum, exp_two, int_power, two_prod
from mzsym.codegen.libm import cos, expm1, fabs, sin, sinh

SMALL_SINH = 1e-8


def umean_identity(k: int, z: float, half: float) -> float:
    """Sum over even j of C(k, j) z**(k-j) S**j/(j + 1): all terms of one sign."""
    z2 = z * z
    s2 = half * half
    total = 1.0
    power = 1.0
    coefficient = 1.0
    for j in range(1, k // 2 + 1):
        coefficient = coefficient * ((k - 2 * j + 2) * (k - 2 * j + 1)) / ((2 * j - 1) * (2 * j))
        power = power * s2
        total = total * z2 + coefficient / (2 * j + 1) * power
    return total * z if k % 2 == 1 else total


def sinhc(x: float) -> float:
    """sinh(x)/x."""
    if fabs(x) < SMALL_SINH:
        return 1.0
    return sinh(x) / x


def umean_exp(k: int, z: float, half: float) -> float:
    """exp(k z) sinh(k S)/(k S)."""
    s = fabs(half)
    x = k * s
    if x <= 1.0:
        p, e = two_prod(float(k), z)
        return exp_two(p, e) * sinhc(x)
    return exp_scaled_sum(k, z, s) * (-expm1(-2.0 * x) / (2.0 * x))


def umean_relu(k: int, z: float, half: float) -> float:
    """(z + S)**(k+1)/((k + 1) 2S) where the kink is inside, a polynomial or 0 where it is not."""
    s = fabs(half)
    upper = z + s
    if upper != upper:
        return upper
    if upper <= 0.0:
        return 0.0
    if z - s >= 0.0:
        return umean_identity(k, z, s)
    return int_power(upper, k) * (upper / (2.0 * s)) / (k + 1)


def umean_leaky_relu(k: int, z: float, half: float, slope: float) -> float:
    """E relu**k + (-slope)**k E relu(-.)**k."""
    return umean_relu(k, z, half) + int_power(-slope, k) * umean_relu(k, -z, half)


def umean_abs(k: int, z: float, half: float) -> float:
    """E |z + S U|**k."""
    if k % 2 == 0:
        return umean_identity(k, z, half)
    return umean_relu(k, z, half) + umean_relu(k, -z, half)


def sinc(x: float) -> float:
    """sin(x)/x."""
    if fabs(x) < SMALL_SINH:
        return 1.0
    return sin(x) / x


def umean_sin(z: float, half: float) -> float:
    """sin(z) sin(S)/S."""
    return sin(z) * sinc(half)


def umean_cos(z: float, half: float) -> float:
    """cos(z) sin(S)/S."""
    return cos(z) * sinc(half)
