"""Averages E g(z + S U)**k, U uniform on (-1, 1), of powers of tanh and sigmoid. MATH (18), (20)."""

from __future__ import annotations

from mzsym.codegen.leaves.double import int_power
from mzsym.codegen.leaves.elementary import umean_exp
from mzsym.codegen.leaves.plain import sigmoid
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.leaves.uniform import umean_sigmoid, umean_tanh
from mzsym.codegen.libm import fabs, tanh


def umean_tanh_panels(k: int, z: float, s: float) -> float:
    """Gauss-Legendre panels of half-width 1/2 at most: the poles +-i pi/2 of tanh stay six ellipse radii away."""
    panels = int(2.0 * s) + 1
    total = 0.0
    for j in range(panels):
        centre = s * ((2 * j + 1 - panels) / panels)
        for i in range(8):
            h = s * (NODES[i] / panels)
            total = total + WEIGHTS[i] * (int_power(tanh(z + (centre + h)), k) + int_power(tanh(z + (centre - h)), k))
    return total / panels


def umean_tanh_power(k: int, z: float, half: float) -> float:
    """E tanh**k; from S = 2 on by int tanh^k = int tanh^(k-2) - tanh^(k-1)/(k-1)."""
    s = fabs(half)
    if s < 2.0:
        return umean_tanh_panels(k, z, s)
    a = tanh(z + s)
    b = tanh(z - s)
    value = 1.0
    first = 2
    if k % 2 == 1:
        value = umean_tanh(z, s)
        first = 3
    for j in range(first, k + 1, 2):
        value = value - (int_power(a, j - 1) - int_power(b, j - 1)) / ((j - 1) * 2.0 * s)
    return value


def umean_sigmoid_panels(k: int, lower: float, length: float) -> float:
    """Integral of sigmoid**k over (lower, lower + length) by Gauss-Legendre panels that follow exp(k t)."""
    panels = int(0.5 * length * max(1.0, 0.2 * k)) + 1
    width = length / panels
    total = 0.0
    for j in range(panels):
        centre = lower + width * (j + 0.5)
        for i in range(8):
            h = 0.5 * width * NODES[i]
            total = total + WEIGHTS[i] * (int_power(sigmoid(centre + h), k) + int_power(sigmoid(centre - h), k))
    return total * width


def umean_sigmoid_power(k: int, z: float, half: float) -> float:
    """E sigmoid**k; int sigmoid^k = int sigmoid^(k-1) - sigmoid^(k-1)/(k-1) where the interval reaches the bend."""
    s = fabs(half)
    upper = z + s
    if upper < -40.0:
        return umean_exp(k, z, s)
    if s < 2.0:
        if s == 0.0:
            return int_power(sigmoid(z), k)
        return umean_sigmoid_average(k, z, s)
    if upper >= 2.0:
        a = sigmoid(upper)
        b = sigmoid(z - s)
        value = umean_sigmoid(z, s)
        for j in range(2, k + 1):
            value = value - (int_power(a, j - 1) - int_power(b, j - 1)) / ((j - 1) * 2.0 * s)
        return value
    # The integrand falls like exp(k t): what lies farther below cannot be seen.
    length = min(2.0 * s, 2.2 + 40.0 / k)
    return umean_sigmoid_panels(k, upper - length, length) / (2.0 * s)


def umean_sigmoid_average(k: int, z: float, s: float) -> float:
    """The same panels, centred, so that S may be as small as it likes."""
    panels = int(s * max(1.0, 0.2 * k)) + 1
    total = 0.0
    for j in range(panels):
        centre = s * ((2 * j + 1 - panels) / panels)
        for i in range(8):
            h = s * (NODES[i] / panels)
            right = int_power(sigmoid(z + (centre + h)), k)
            left = int_power(sigmoid(z + (centre - h)), k)
            total = total + WEIGHTS[i] * (right + left)
    return total / panels
