"""Averages E g(z + s Z)**k, Z standard normal. MATH (19), (20)."""

from __future__ import annotations

from mzsym.codegen.leaves.double import exp_two, int_power, two_prod, two_sum
from mzsym.codegen.leaves.errors import INV_SQRT_2PI, exp_half_square, gelu, normal_cdf
from mzsym.codegen.leaves.rectifiers import relu
from mzsym.codegen.leaves.tails import FRACTION_FROM, half_moment, mills, one_minus_v_mills
from mzsym.codegen.libm import erf, fabs, sqrt

FARTHEST = 40.0


def gmean_identity(k: int, z: float, scale: float) -> float:
    """Sum over even j of C(k, j) z**(k-j) s**j (j-1)!!: all terms of one sign."""
    z2 = z * z
    s2 = scale * scale
    total = 1.0
    term = 1.0
    for j in range(1, k // 2 + 1):
        term = term * s2 * ((k - 2 * j + 2) * (k - 2 * j + 1)) / (2 * j)
        total = total * z2 + term
    return total * z if k % 2 == 1 else total


def gmean_exp(k: int, z: float, scale: float) -> float:
    """exp(k z + k^2 s^2/2)."""
    half_square = 0.5 * k * k
    p, e = two_prod(float(k), z)
    q, f = two_prod(scale, scale)
    r, g = two_prod(half_square, q)
    high, low = two_sum(p, r)
    return exp_two(high, low + (e + (g + half_square * f)))


def density_of_ratio(a: float, b: float) -> float:
    """phi(a/b), the quotient carried to twice the digits; |a/b| <= 40."""
    high = a / b
    p, e = two_prod(high, b)
    low = ((a - p) - e) / b
    return INV_SQRT_2PI * exp_half_square(high, low)


def gmean_relu_power(k: int, z: float, scale: float) -> float:
    """E relu(z + s Z)**k."""
    s = fabs(scale)
    u = fabs(z)
    if s == 0.0 or u > FARTHEST * s:
        # The other side has less than 1e-340 of the probability.
        return gmean_identity(k, z, s) if z > 0 else 0.0
    density = density_of_ratio(u, s)
    if z <= 0.0:
        return int_power(s, k) * density * half_moment(k, u / s)
    # I_k = z I_(k-1) + (k-1) s^2 I_(k-2): positive terms only.
    before = normal_cdf(z / s)
    now = z * before + s * density
    for j in range(2, k + 1):
        after = z * now + (j - 1) * (s * s) * before
        before = now
        now = after
    return now


def gmean_relu(z: float, scale: float) -> float:
    """z Phi(z/s) + s phi(z/s), as s phi(v) (1 - v M(v)) on the left and z more on the right."""
    s = fabs(scale)
    u = fabs(z)
    if s == 0.0 or u > FARTHEST * s:
        return relu(z)
    value = s * density_of_ratio(u, s) * one_minus_v_mills(u / s)
    return z + value if z > 0 else value


def gmean_leaky_relu(k: int, z: float, scale: float, slope: float) -> float:
    """E relu**k + (-slope)**k E relu(-.)**k."""
    return gmean_relu_power(k, z, scale) + int_power(-slope, k) * gmean_relu_power(k, -z, scale)


def gmean_abs(k: int, z: float, scale: float) -> float:
    """E |z + s Z|**k."""
    if k % 2 == 0:
        return gmean_identity(k, z, scale)
    return gmean_relu_power(k, z, scale) + gmean_relu_power(k, -z, scale)


def gmean_erf(z: float, scale: float) -> float:
    """erf(z/sqrt(1 + 2 s^2))."""
    return erf(z / sqrt(1.0 + 2.0 * scale * scale))


def gmean_gelu(z: float, scale: float) -> float:
    """z Phi(z/tau) + (s^2/tau) phi(z/tau), tau^2 = 1 + s^2."""
    s2, e = two_prod(scale, scale)
    if s2 == 0.0:
        return gelu(z)
    t2, f = two_sum(1.0, s2)
    tau = sqrt(t2)
    # phi(z/tau) = exp(-z^2/(2 tau^2)) with the quotient to twice the digits.
    zz, g = two_prod(z, z)
    q = zz / t2
    p, h = two_prod(q, t2)
    rest = (((zz - p) - h) + g - q * (e + f)) / t2
    density = INV_SQRT_2PI * exp_two(-0.5 * q, -0.5 * rest)
    v = fabs(z) / tau
    if z > 0.0:
        return z * normal_cdf(z / tau) + s2 / tau * density
    if v < FRACTION_FROM:
        return tau * density * (s2 / t2 - v * mills(v))
    return tau * density * (one_minus_v_mills(v) - 1.0 / t2)
