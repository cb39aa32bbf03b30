"""Cells of the primitive table that belong to calculus: antiderivatives and Gaussian averages of powers, as data.

Every primitive has a cell in both tables. ``highest`` says up to which power k the cell is closed: ``None`` for every
power, 0 for none. A test differentiates or integrates every cell by an independent program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.special import normal_cdf, normal_density
from mzsym.calculus.truncated import CLOSED, moment_parts
from mzsym.core.functions import hardtanh, relu, sigmoid, softplus

NOT_CLOSED = 0
"""``highest`` of a cell for which no closed form in the functions of the tables is known."""


@dataclass(frozen=True)
class AntiderivativeCell:
    """G with G' = g**k; ``form(k, u, *parameters)`` for 1 <= k <= highest."""

    name: str
    highest: int | None
    form: Callable[..., sp.Expr]
    cites: str = "MATH (18)"

    def closes(self, k: int) -> bool:
        """Whether the cell knows the k-th power."""
        return k >= 1 and (self.highest is None or k <= self.highest)


@dataclass(frozen=True)
class GaussianCell:
    """E[g(z + s Z)**k], Z standard normal; ``form(k, z, s, *parameters)`` for 1 <= k <= highest."""

    name: str
    highest: int | None
    form: Callable[..., sp.Expr]
    cites: str = "MATH (19)"

    def closes(self, k: int) -> bool:
        """Whether the cell knows the k-th power."""
        return k >= 1 and (self.highest is None or k <= self.highest)


# --- antiderivatives, MATH (18) ---------------------------------------------------------------------------------------


def _tanh_power(k: int, u: sp.Expr) -> sp.Expr:
    """int tanh^k = int tanh^(k-2) - tanh^(k-1)/(k-1)."""
    start = u if k % 2 == 0 else sp.log(sp.cosh(u))
    return start - sp.Add(*(sp.tanh(u) ** j / j for j in range(2 if k % 2 else 1, k, 2)))


def _sigmoid_power(k: int, u: sp.Expr) -> sp.Expr:
    """int s^k = int s^(k-1) - s^(k-1)/(k-1)."""
    return softplus(u) - sp.Add(*(sigmoid(u) ** j / j for j in range(1, k)))


def _relu_power(k: int, u: sp.Expr) -> sp.Expr:
    return relu(u) ** (k + 1) / (k + 1)


def _leaky_power(k: int, u: sp.Expr, slope: sp.Expr) -> sp.Expr:
    """leaky(u)^k = relu(u)^k + (-slope)^k relu(-u)^k, because one of the two always vanishes."""
    return (relu(u) ** (k + 1) - (-slope) ** k * relu(-u) ** (k + 1)) / (k + 1)


def _abs_power(k: int, u: sp.Expr) -> sp.Expr:
    return u * sp.Abs(u) ** k / (k + 1)


def _sin_power(k: int, u: sp.Expr) -> sp.Expr:
    if k < 2:
        return u if k == 0 else -sp.cos(u)
    return -sp.cos(u) * sp.sin(u) ** (k - 1) / k + sp.Rational(k - 1, k) * _sin_power(k - 2, u)


def _cos_power(k: int, u: sp.Expr) -> sp.Expr:
    if k < 2:
        return u if k == 0 else sp.sin(u)
    return sp.sin(u) * sp.cos(u) ** (k - 1) / k + sp.Rational(k - 1, k) * _cos_power(k - 2, u)


def _gelu_once(k: int, u: sp.Expr) -> sp.Expr:
    return ((u**2 - 1) * normal_cdf(u) + u * normal_density(u)) / 2


def _elu_power(k: int, u: sp.Expr) -> sp.Expr:
    """On the left the binomial formula for (exp(m) - 1)^k, m = min(u, 0), up to a constant."""
    m = -relu(-u)
    left = (sp.binomial(k, j) * (-1) ** (k - j) * sp.exp(j * m) / j for j in range(1, k + 1))
    return relu(u) ** (k + 1) / (k + 1) + (-1) ** k * m + sp.Add(*left)


def _silu_once(k: int, u: sp.Expr) -> sp.Expr:
    return u * softplus(u) + sp.polylog(2, -sp.exp(u))


def _hardtanh_power(k: int, u: sp.Expr) -> sp.Expr:
    return hardtanh(u) ** (k + 1) / (k + 1) + relu(u - 1) - (-1) ** k * relu(-u - 1)


ANTIDERIVATIVE: Mapping[str, AntiderivativeCell] = MappingProxyType(
    {
        cell.name: cell
        for cell in (
            AntiderivativeCell("identity", None, lambda k, u: u ** (k + 1) / (k + 1)),
            AntiderivativeCell("tanh", None, _tanh_power),
            AntiderivativeCell("sigmoid", None, _sigmoid_power),
            AntiderivativeCell("softplus", 1, lambda k, u: -sp.polylog(2, -sp.exp(u))),
            AntiderivativeCell("relu", None, _relu_power),
            AntiderivativeCell("leaky_relu", None, _leaky_power),
            AntiderivativeCell("gelu", 1, _gelu_once),
            AntiderivativeCell("erf", 1, lambda k, u: u * sp.erf(u) + sp.exp(-(u**2)) / sp.sqrt(sp.pi)),
            AntiderivativeCell("sin", None, _sin_power),
            AntiderivativeCell("cos", None, _cos_power),
            AntiderivativeCell("arctan", 1, lambda k, u: u * sp.atan(u) - sp.log(1 + u**2) / 2),
            AntiderivativeCell("exp", None, lambda k, u: sp.exp(k * u) / k),
            AntiderivativeCell("abs", None, _abs_power),
            AntiderivativeCell("elu", None, _elu_power),
            AntiderivativeCell("silu", 1, _silu_once),
            AntiderivativeCell("hardtanh", None, _hardtanh_power),
            AntiderivativeCell("step", None, lambda k, u: relu(u)),
        )
    }
)
"""Primitive name -> antiderivatives of its powers."""


# --- Gaussian averages, MATH (19) -------------------------------------------------------------------------------------


def _identity_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    terms = (sp.binomial(k, j) * z ** (k - j) * s**j * sp.factorial2(j - 1) for j in range(0, k + 1, 2))
    return sp.Add(*terms)


def _relu_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    inside, edge = moment_parts(k, z, s, sp.S.Zero)
    return inside * normal_cdf(z / s) + edge * s * normal_density(z / s)


def _leaky_gaussian(k: int, z: sp.Expr, s: sp.Expr, slope: sp.Expr) -> sp.Expr:
    return _relu_gaussian(k, z, s) + (-slope) ** k * _relu_gaussian(k, -z, s)


def _abs_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    if k % 2 == 0:
        return _identity_gaussian(k, z, s)
    if k == 1:
        return z * sp.erf(z / (sp.sqrt(2) * s)) + s * sp.sqrt(2 / sp.pi) * sp.exp(-(z**2) / (2 * s**2))
    return _relu_gaussian(k, z, s) + _relu_gaussian(k, -z, s)


def _gelu_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    tau = sp.sqrt(1 + s**2)
    return z * normal_cdf(z / tau) + s**2 / tau * normal_density(z / tau)


def _elu_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    """The binomial formula on the left, where E[exp(j t); t < 0] completes a square."""
    left = (
        (-1) ** (k - j) * sp.binomial(k, j) * sp.exp(j * z + j**2 * s**2 / 2) * normal_cdf(-(z + j * s**2) / s)
        for j in range(k + 1)
    )
    return _relu_gaussian(k, z, s) + sp.Add(*left)


def _hardtanh_gaussian(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
    left, right = (z + 1) / s, (z - 1) / s
    inside, at_left = moment_parts(k, z, s, sp.S.NegativeOne)
    at_right = moment_parts(k, z, s, sp.S.One)[1]
    edges = at_left * normal_density(left) - at_right * normal_density(right)
    outside = normal_cdf(right) + (-1) ** k * normal_cdf(-left)
    return outside + inside * (normal_cdf(left) - normal_cdf(right)) + s * edges


def fourier(name: str, k: int) -> tuple[tuple[sp.Rational, str, int], ...]:
    """sin^k or cos^k as a sum of coefficient * trig(multiple * u); multiple 0 stands for the constant."""
    rows: list[tuple[sp.Rational, str, int]] = []
    for j in range((k + 1) // 2):
        # sin u = cos(u - pi/2): the k-th power turns the phase of the multiple m by m pi/2.
        sign = -1 if name == "sin" and (k // 2 - j) % 2 else 1
        wave = "sin" if name == "sin" and k % 2 else "cos"
        rows.append((sign * sp.Rational(sp.binomial(k, j), 2 ** (k - 1)), wave, k - 2 * j))
    if k % 2 == 0:
        rows.append((sp.Rational(sp.binomial(k, k // 2), 2**k), "cos", 0))
    return tuple(rows)


WAVE: Mapping[str, Callable[[sp.Expr], sp.Expr]] = MappingProxyType({"sin": sp.sin, "cos": sp.cos})


def _trig_gaussian(name: str) -> Callable[[int, sp.Expr, sp.Expr], sp.Expr]:
    def form(k: int, z: sp.Expr, s: sp.Expr) -> sp.Expr:
        return sp.Add(*(c * WAVE[wave](m * z) * sp.exp(-(m**2) * s**2 / 2) for c, wave, m in fourier(name, k)))

    return form


def _no_form(*args: object) -> sp.Expr:
    raise NotImplementedError("This cell is not closed")


GAUSSIAN: Mapping[str, GaussianCell] = MappingProxyType(
    {
        cell.name: cell
        for cell in (
            GaussianCell("identity", None, _identity_gaussian),
            GaussianCell("tanh", NOT_CLOSED, _no_form),
            GaussianCell("sigmoid", NOT_CLOSED, _no_form),
            GaussianCell("softplus", NOT_CLOSED, _no_form),
            GaussianCell("relu", None, _relu_gaussian),
            GaussianCell("leaky_relu", None, _leaky_gaussian),
            GaussianCell("gelu", 1, _gelu_gaussian),
            GaussianCell("erf", 1, lambda k, z, s: sp.erf(z / sp.sqrt(1 + 2 * s**2))),
            GaussianCell("sin", None, _trig_gaussian("sin")),
            GaussianCell("cos", None, _trig_gaussian("cos")),
            GaussianCell("arctan", NOT_CLOSED, _no_form),
            GaussianCell("exp", None, lambda k, z, s: sp.exp(k * z + k**2 * s**2 / 2)),
            GaussianCell("abs", None, _abs_gaussian),
            GaussianCell("elu", None, _elu_gaussian),
            GaussianCell("silu", NOT_CLOSED, _no_form),
            GaussianCell("hardtanh", None, _hardtanh_gaussian),
            GaussianCell("step", None, lambda k, z, s: normal_cdf(z / s)),
        )
    }
)
"""Primitive name -> Gaussian averages of its powers."""


# --- Gaussian truncated at cutoff c standard deviations --------------------------------------------------------------


TRUNCATED: Mapping[str, GaussianCell] = MappingProxyType(
    {
        name: GaussianCell(
            name,
            None if name in CLOSED else NOT_CLOSED,
            CLOSED.get(name, _no_form),
            "MATH (19), truncated",
        )
        for name in GAUSSIAN
    }
)
"""Primitive name -> ``form(k, z, s, cutoff, *parameters)`` of E[g(z + s Z)**k], Z normal given |Z| <= cutoff.

Functions with kinks need a scale s > 0. Polynomials need no cell (their moments are closed); every cell left open
becomes an integral over a bounded interval.
"""
