"""Piecewise linear functions, without branches."""

from __future__ import annotations


def relu(z: float) -> float:
    """max(0, z)."""
    return z if z > 0 or z != z else 0.0


def leaky_relu(z: float, slope: float) -> float:
    """z for z > 0, slope*z otherwise."""
    return z if z > 0 else slope * z


def hardtanh(z: float) -> float:
    """z cut off at -1 and 1."""
    value = 1.0 if z > 1.0 else z
    return -1.0 if z < -1.0 else value


def sign(z: float) -> float:
    """-1, 0 or 1."""
    value = -1.0 if z < 0 else z
    return 1.0 if z > 0 else value


def heaviside(z: float, middle: float) -> float:
    """0, 1, and ``middle`` at 0."""
    value = 0.0 if z < 0 else z
    value = middle if z == 0 else value
    return 1.0 if z > 0 else value


def maximum(a: float, b: float) -> float:
    """The larger of two numbers; NaN if one is."""
    return a if a >= b or a != a else b


def minimum(a: float, b: float) -> float:
    """The smaller of two numbers; NaN if one is."""
    return a if a <= b or a != a else b
