"""Averages E g(z + s L)**k, L of density exp(-|t|)/2, by recurrences with terms of one sign. MATH (19), (20)."""

from __future__ import annotations

from mzsym.codegen.leaves.double import exp_two, int_power, two_prod
from mzsym.codegen.leaves.rectifiers import heaviside
from mzsym.codegen.libm import cos, fabs, sin

LAPLACE_FARTHEST = 760.0
HUGE = 1e300


def lmean_identity(k: int, z: float, scale: float) -> float:
    """Sum over even j of k!/(k - j)! z**(k-j) s**j: all terms of one sign."""
    z2 = z * z
    s2 = scale * scale
    total = 1.0
    term = 1.0
    for j in range(1, k // 2 + 1):
        term = term * s2 * ((k - 2 * j + 2) * (k - 2 * j + 1))
        total = total * z2 + term
    return total * z if k % 2 == 1 else total


def lmean_tail(u: float, s: float) -> float:
    """exp(-u/s)/2 for u >= 0, s > 0, the quotient carried to twice the digits."""
    if u > LAPLACE_FARTHEST * s:
        return 0.0
    high = u / s
    p, e = two_prod(high, s)
    return 0.5 * exp_two(-high, -((u - p) - e) / s)


def lmean_relu(k: int, z: float, scale: float) -> float:
    """u_k = z**k + k (k - 1) s**2 u_(k-2) on the right, k! s**k exp(z/s)/2 on the left."""
    s = fabs(scale)
    if s == 0.0:
        return int_power(z, k) if z > 0.0 else 0.0
    if z <= 0.0:
        value = lmean_tail(-z, s)
        for j in range(1, k + 1):
            value = value * (j * s)
        return value
    tail = lmean_tail(z, s)
    first = k % 2
    value = z + s * tail if first == 1 else 1.0 - tail
    for j in range(first + 2, k + 1, 2):
        value = int_power(z, j) + (j * (j - 1)) * (s * s) * value
    return value


def lmean_step(k: int, z: float, scale: float) -> float:
    """P(z + s L > 0), any power."""
    if scale == 0.0:
        return heaviside(z, 0.5)
    return lmean_relu(0, z, scale)


def lmean_leaky_relu(k: int, z: float, scale: float, slope: float) -> float:
    """E relu**k + (-slope)**k E relu(-.)**k."""
    return lmean_relu(k, z, scale) + int_power(-slope, k) * lmean_relu(k, -z, scale)


def lmean_abs(k: int, z: float, scale: float) -> float:
    """E |z + s L|**k."""
    if k % 2 == 0:
        return lmean_identity(k, z, scale)
    return lmean_relu(k, z, scale) + lmean_relu(k, -z, scale)


def lmean_exp(k: int, z: float, scale: float) -> float:
    """exp(k z)/((1 - k s)(1 + k s)), infinite from k s = 1 on."""
    p, e = two_prod(float(k), fabs(scale))
    if p > 1.0 or (p == 1.0 and e >= 0.0):
        return HUGE * HUGE
    q, f = two_prod(float(k), z)
    return exp_two(q, f) / (((1.0 - p) - e) * (1.0 + p))


def lmean_wave(k: int, wave: float, scale: float) -> float:
    """u_j (1 + j**2 s**2) = w**j + j (j - 1) s**2 u_(j-2) for w = sin z or cos z."""
    s2 = scale * scale
    first = k % 2
    value = wave / (1.0 + s2) if first == 1 else 1.0
    for j in range(first + 2, k + 1, 2):
        value = (int_power(wave, j) + (j * (j - 1)) * s2 * value) / (1.0 + (j * j) * s2)
    return value


def lmean_sin(z: float, scale: float) -> float:
    """sin(z)/(1 + s**2)."""
    return sin(z) / (1.0 + scale * scale)


def lmean_cos(z: float, scale: float) -> float:
    """cos(z)/(1 + s**2)."""
    return cos(z) / (1.0 + scale * scale)


def lmean_sin_power(k: int, z: float, scale: float) -> float:
    """E sin(z + s L)**k."""
    return lmean_wave(k, sin(z), scale)


def lmean_cos_power(k: int, z: float, scale: float) -> float:
    """E cos(z + s L)**k."""
    return lmean_wave(k, cos(z), scale)
