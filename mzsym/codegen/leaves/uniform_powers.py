"""Averages E g(z + S U)**k, U uniform on (-1, 1), of powers of tanh and sigmoid. MATH (18), (20)."""

from __future__ import annotations

from mzsym.codegen.leaves.double import int_power, two_sum
from mzsym.codegen.leaves.elementary import umean_exp
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.leaves.smoothed import umean_sigmoid, umean_tanh
from mzsym.codegen.leaves.straight import sigmoid, vtanh
from mzsym.codegen.libm import fabs


def umean_tanh_panels(k: int, z: float, s: float) -> float:
    """Gauss-Legendre panels of half-width 1/2, and 4/k, at most: the poles +-i pi/2 of order k stay far away."""
    panels = int(s * max(2.0, 0.25 * k)) + 1
    total = 0.0
    for j in range(panels):
        centre = s * ((2 * j + 1 - panels) / panels)
        for i in range(8):
            h = s * (NODES[i] / panels)
            total = total + WEIGHTS[i] * (int_power(vtanh(z + (centre + h)), k) + int_power(vtanh(z + (centre - h)), k))
    return total / panels


def umean_tanh_power(k: int, z: float, half: float) -> float:
    """E tanh**k; from S = 2 on by int tanh^k = int tanh^(k-2) - tanh^(k-1)/(k-1)."""
    s = fabs(half)
    if s < 2.0:
        return umean_tanh_panels(k, z, s)
    a = vtanh(z + s)
    b = vtanh(z - s)
    value = 1.0
    first = 2
    if k % 2 == 1:
        value = umean_tanh(z, s)
        first = 3
    for j in range(first, k + 1, 2):
        value = value - (int_power(a, j - 1) - int_power(b, j - 1)) / ((j - 1) * 2.0 * s)
    return value


def sigmoid_power_at(k: int, z: float, rest: float, shift: float) -> float:
    """sigmoid(z + rest + shift)**k, rest a rounding error of z; rounded sums would cost k*ulp(z)/2 of the left tail."""
    high, low = two_sum(z, shift)
    value = sigmoid(high)
    power = int_power(value, k)
    return power + power * (k * (low + rest) * (1.0 - value))


def sigmoid_panels(k: int, z: float, rest: float, middle: float, half: float) -> float:
    """Average of sigmoid**k over z + rest + middle +- half by Gauss-Legendre panels that follow exp(k t)."""
    panels = int(half * max(1.0, 0.2 * k)) + 1
    total = 0.0
    for j in range(panels):
        centre = middle + half * ((2 * j + 1 - panels) / panels)
        for i in range(8):
            h = half * (NODES[i] / panels)
            right = sigmoid_power_at(k, z, rest, centre + h)
            left = sigmoid_power_at(k, z, rest, centre - h)
            total = total + WEIGHTS[i] * (right + left)
    return total / panels


def umean_sigmoid_power(k: int, z: float, half: float) -> float:
    """E sigmoid**k; int sigmoid^k = int sigmoid^(k-1) - sigmoid^(k-1)/(k-1) where the interval reaches the bend."""
    s = fabs(half)
    upper, rest = two_sum(z, s)
    if upper != upper:
        return upper
    if upper < -40.0:
        return umean_exp(k, z, s)
    if s < 2.0 + 0.1 * k:
        return sigmoid_panels(k, z, 0.0, 0.0, s)
    if upper >= 2.0:
        a = sigmoid(upper)
        b = sigmoid(z - s)
        value = umean_sigmoid(z, s)
        for j in range(2, k + 1):
            value = value - (int_power(a, j - 1) - int_power(b, j - 1)) / ((j - 1) * 2.0 * s)
        return value
    # The integrand falls like exp(k t): what lies farther below cannot be seen.
    reach = min(s, 1.1 + 20.0 / k)
    return sigmoid_panels(k, upper, rest, -reach, reach) * (reach / s)
