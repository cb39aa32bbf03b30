"""Averages of powers of step, hardtanh and elu under both laws: pieces between kinks. MATH (18)-(20).

Probabilities of pieces come from the averages of the step, so that they keep their digits and add up to 1; what is
left inside a piece is averaged with positive weights.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import int_power, two_prod
from mzsym.codegen.leaves.elementary import umean_identity, umean_relu
from mzsym.codegen.leaves.errors import INV_SQRT_2PI, normal_cdf, normal_cdf_two
from mzsym.codegen.leaves.gaussian import (
    FARTHEST,
    density_of_ratio,
    gmean_identity,
    gmean_relu,
    gmean_relu_power,
)
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.leaves.rectifiers import hardtanh
from mzsym.codegen.leaves.tails import mills
from mzsym.codegen.libm import exp, expm1, fabs, log, sqrt

HALF_REACH = 12.0
LOG_STEP = 0.1
LOG_REACH = 40.0
DEEP = -8.0


def jump(k: int, z: float) -> float:
    """step(z)**k, 2**-k at 0."""
    if z > 0.0:
        return 1.0
    if z < 0.0:
        return 0.0
    if z == 0.0:
        return int_power(0.5, k)
    return z


def umean_step(k: int, z: float, half: float) -> float:
    """The part of [z - S, z + S] to the right of 0, for every k."""
    s = fabs(half)
    if s == 0.0:
        return jump(k, z)
    upper = z + s
    if upper <= 0.0:
        return 0.0
    if z - s >= 0.0:
        return 1.0
    return upper / (2.0 * s)


def gmean_step(k: int, z: float, scale: float) -> float:
    """Phi(z/s), the quotient carried to twice the digits."""
    s = fabs(scale)
    if s == 0.0 or fabs(z) > FARTHEST * s:
        return jump(k, z)
    high = z / s
    p, e = two_prod(high, s)
    return normal_cdf_two(high, ((z - p) - e) / s)


def umean_hardtanh(k: int, z: float, half: float) -> float:
    """Prob(t > 1) + (-1)**k Prob(t < -1), and the average of t**k between."""
    s = fabs(half)
    lower = z - s
    upper = z + s
    if lower >= -1.0 and upper <= 1.0:
        return umean_identity(k, z, s)
    if s == 0.0:
        return int_power(hardtanh(z), k)
    above = umean_step(k, z - 1.0, s)
    below = umean_step(k, -1.0 - z, s)
    outside = above - below if k % 2 == 1 else above + below
    a = lower if lower > -1.0 else -1.0
    b = upper if upper < 1.0 else 1.0
    if b <= a:
        return outside
    return outside + (1.0 - above - below) * umean_identity(k, 0.5 * (a + b), 0.5 * (b - a))


def normal_panels(k: int, z: float, s: float, lower: float, upper: float) -> float:
    """Integral of (z + s x)**k phi(x) over [lower, upper] by Gauss-Legendre panels."""
    panels = int((upper - lower) * (0.5 + 0.02 * k)) + 1
    half = 0.5 * (upper - lower) / panels
    total = 0.0
    for j in range(panels):
        centre = lower + half * (2 * j + 1)
        for i in range(8):
            h = half * NODES[i]
            x = centre + h
            y = centre - h
            right = int_power(z + s * x, k) * exp(-0.5 * x * x)
            left = int_power(z + s * y, k) * exp(-0.5 * y * y)
            total = total + WEIGHTS[i] * (right + left)
    return INV_SQRT_2PI * (2.0 * half) * total


def gmean_hardtanh(k: int, z: float, scale: float) -> float:
    """E hardtanh(z + s Z)**k: the identity away from the kinks, by relu or by panels near them."""
    s = fabs(scale)
    u = fabs(z)
    reach = HALF_REACH + 0.25 * k
    if s == 0.0 or u - 1.0 > FARTHEST * s:
        return int_power(hardtanh(z), k)
    if 1.0 - u > reach * s:
        return gmean_identity(k, z, s)
    sign = -1.0 if z < 0.0 and k % 2 == 1 else 1.0
    if k == 1 and s <= 2.0:
        if u <= 1.0:
            return sign * ((u - gmean_relu(u - 1.0, s)) + gmean_relu(-1.0 - u, s))
        return sign * ((1.0 - gmean_relu(1.0 - u, s)) + gmean_relu(-1.0 - u, s))
    above = gmean_step(k, u - 1.0, s)
    below = gmean_step(k, -1.0 - u, s)
    outside = above - below if k % 2 == 1 else above + below
    lower = (-1.0 - u) / s
    upper = (1.0 - u) / s
    lower = lower if lower > -reach else -reach
    upper = upper if upper < reach else reach
    if upper <= lower:
        return sign * outside
    return sign * (outside + normal_panels(k, u, s, lower, upper))


def rest_panels(k: int, top: float, width: float) -> float:
    """Average of (1 - exp(t))**k over [top - width, top], top <= 0."""
    panels = int(width * (0.5 + 0.1 * k)) + 1
    half = 0.5 * width / panels
    total = 0.0
    for j in range(panels):
        centre = top - half * (2 * j + 1)
        for i in range(8):
            h = half * NODES[i]
            total = total + WEIGHTS[i] * (int_power(-expm1(centre + h), k) + int_power(-expm1(centre - h), k))
    return total / panels


def rest_mean(k: int, top: float, width: float) -> float:
    """Average of (1 - exp(t))**k over [top - width, top]: int v^k = int v^(k-1) + v^k/k downward, v = 1 - exp(t)."""
    if width <= 3.0 + 0.2 * k:
        return rest_panels(k, top, width)
    a = -expm1(top)
    b = -expm1(top - width)
    total = 0.0
    for j in range(1, k + 1):
        total = total + (int_power(b, j) - int_power(a, j)) / j
    return 1.0 - total / width


def umean_elu(k: int, z: float, half: float) -> float:
    """E relu**k + (-1)**k E (1 - exp(t))**k over t < 0."""
    s = fabs(half)
    upper = z + s
    if upper != upper:
        return upper
    if z - s >= 0.0 and upper > 0.0:
        return umean_identity(k, z, s)
    if upper <= 0.0:
        value = rest_mean(k, upper, 2.0 * s)
        return -value if k % 2 == 1 else value
    left = rest_mean(k, 0.0, s - z) * ((s - z) / (2.0 * s))
    right = umean_relu(k, z, s)
    return right - left if k % 2 == 1 else right + left


def deep_rest(k: int, z: float, s: float) -> float:
    """E (1 - exp(t))**k over t < 0, t = z + s Z, far on the left: trapezoidal rule, which converges like exp(-79)."""
    total = int_power(-expm1(z), k)
    weights = 1.0
    for j in range(1, 27):
        x = 0.5 * j
        weight = exp(-0.5 * x * x)
        weights = weights + 2.0 * weight
        t = z + s * x
        right = int_power(-expm1(t), k) if t < 0.0 else 0.0
        total = total + weight * (int_power(-expm1(z - s * x), k) + right)
    return total / weights


def near_rest(k: int, v: float, s: float) -> float:
    """Integral of (1 - exp(-s u))**k exp(-v u - u**2/2) over u > 0, v > DEEP, by the trapezoidal rule in log u."""
    left = -v if v < 0.0 else 0.0
    far = left + 9.0 + sqrt(float(k))
    # The peak, near -v and sqrt(k), narrows in log u with both.
    step = LOG_STEP / (1.0 + 0.1 * left + 0.015 * k)
    # Above 1/s the integrand is flat: it falls like u there and like u**(k + 1) below.
    bend = s * far
    flat = log(bend) if bend > 1.0 else 0.0
    flat = flat if flat < LOG_REACH else LOG_REACH
    # For large v the integrand lives on the scale (k + 1)/v.
    narrow = log(1.0 + (v if v > 0.0 else 0.0) * far)
    lowest = log(far) - narrow - flat - (LOG_REACH - flat) / (k + 1) - 2.0
    count = int((log(far) - lowest) / step) + 1
    total = 0.0
    for j in range(count):
        u = exp(lowest + step * j)
        total = total + u * int_power(-expm1(-s * u), k) * exp(-u * (v + 0.5 * u))
    return step * total


def gmean_elu(k: int, z: float, scale: float) -> float:
    """E relu**k + (-1)**k E (1 - exp(t))**k over t < 0."""
    s = fabs(scale)
    if s == 0.0 or z >= FARTHEST * s:
        # Noise that reaches the other side has less than 1e-340 of the probability.
        return gmean_identity(k, z, s) if z > 0.0 else int_power(expm1(z), k)
    v = z / s
    if v <= DEEP:
        left = deep_rest(k, z, s)
    else:
        density = density_of_ratio(z, s)
        if k == 1 and v + s >= 0.0 and s >= 0.25 * (fabs(v) + 1.0):
            # E[exp(t); t < 0] = phi(v) M(v + s), M the ratio of Mills.
            whole = density * mills(v) if v >= 0.0 else normal_cdf(-v)
            left = whole - density * mills(v + s)
        else:
            left = density * near_rest(k, v, s)
    right = gmean_relu_power(k, z, s)
    return right - left if k % 2 == 1 else right + left
