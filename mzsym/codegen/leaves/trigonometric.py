"""Averages of sin**k and cos**k under both laws.

Large scales: the Fourier sum. Small ones, where that cancels: a rule with positive weights, its values
sin(z + h) = sin z cos h + cos z sin h formed with h alone, because z + h would lose what matters near a distant zero.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import int_power, two_prod
from mzsym.codegen.leaves.elementary import sinc
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.libm import cos, exp, fabs, sin

PI = 3.141592653589793
TRAPEZOID_REACH = 12.0


def trig_fourier(k: int, z: float, scale: float, shift: int, gaussian: int) -> float:
    """2**-k times the sum of C(k, j) E cos(m (t - shift pi/2)), m = k - 2j."""
    total = 0.0
    coefficient = 1.0
    for j in range(k // 2 + 1):
        m = k - 2 * j
        weight = exp(-0.5 * (m * scale) * (m * scale)) if gaussian == 1 else sinc(m * scale)
        turn = (m * shift) % 4
        # cos(p + e) with the rounding e of m*z.
        p, e = two_prod(float(m), z)
        wave = cos(p) - e * sin(p) if turn % 2 == 0 else sin(p) + e * cos(p)
        term = coefficient * weight * wave
        if turn >= 2:
            term = -term
        total = total + (term if m == 0 else 2.0 * term)
        coefficient = coefficient * (k - j) / (j + 1)
    return total / int_power(2.0, k)


def trig_panels(k: int, p: float, q: float, s: float) -> float:
    """E (p cos(S U) + q sin(S U))**k by Gauss-Legendre panels."""
    panels = int(0.2 * k * s) + 1
    total = 0.0
    for j in range(panels):
        centre = s * ((2 * j + 1 - panels) / panels)
        for i in range(8):
            h = s * (NODES[i] / panels)
            right = int_power(p * cos(centre + h) + q * sin(centre + h), k)
            left = int_power(p * cos(centre - h) + q * sin(centre - h), k)
            total = total + WEIGHTS[i] * (right + left)
    return total / panels


def trig_trapezoid(k: int, p: float, q: float, s: float) -> float:
    """E (p cos(s Z) + q sin(s Z))**k, Z normal, by the trapezoidal rule, which converges like exp(-2 pi^2/h^2)."""
    step = 2.0 * PI / (TRAPEZOID_REACH + k * s)
    reach = int(TRAPEZOID_REACH / step) + 1
    total = int_power(p, k)
    weights = 1.0
    for j in range(1, reach + 1):
        x = j * step
        weight = exp(-0.5 * x * x)
        c = p * cos(s * x)
        d = q * sin(s * x)
        total = total + weight * (int_power(c + d, k) + int_power(c - d, k))
        weights = weights + 2.0 * weight
    return total / weights


def umean_sin_power(k: int, z: float, half: float) -> float:
    """E sin(z + S U)**k."""
    s = fabs(half)
    if s < PI:
        return trig_panels(k, sin(z), cos(z), s)
    return trig_fourier(k, z, s, 1, 0)


def umean_cos_power(k: int, z: float, half: float) -> float:
    """E cos(z + S U)**k."""
    s = fabs(half)
    if s < PI:
        return trig_panels(k, cos(z), -sin(z), s)
    return trig_fourier(k, z, s, 0, 0)


def gmean_sin(z: float, scale: float) -> float:
    """sin(z) exp(-s^2/2). MATH (19)."""
    return sin(z) * exp(-0.5 * scale * scale)


def gmean_cos(z: float, scale: float) -> float:
    """cos(z) exp(-s^2/2). MATH (19)."""
    return cos(z) * exp(-0.5 * scale * scale)


def gmean_sin_power(k: int, z: float, scale: float) -> float:
    """E sin(z + s Z)**k."""
    s = fabs(scale)
    if s < 1.0:
        return trig_trapezoid(k, sin(z), cos(z), s)
    return trig_fourier(k, z, s, 1, 1)


def gmean_cos_power(k: int, z: float, scale: float) -> float:
    """E cos(z + s Z)**k."""
    s = fabs(scale)
    if s < 1.0:
        return trig_trapezoid(k, cos(z), -sin(z), s)
    return trig_fourier(k, z, s, 0, 1)
