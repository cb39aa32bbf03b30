"""Averages E g(z + S U), U uniform on (-1, 1), of first powers. MATH (18), (20).

Small S: a Gauss-Legendre average, whose positive weights keep the error below some ulp of E|g|. Larger S: the
difference of antiderivatives in a form that does not cancel. S = 0 is the function itself.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import exp_two, two_sum
from mzsym.codegen.leaves.elementary import umean_exp
from mzsym.codegen.leaves.plain import PI2_OVER_6, gelu_two, sigmoid, softplus, softplus_tail
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.leaves.tails import erfc_tail, gelu_tail
from mzsym.codegen.libm import atan, erf, exp, expm1, fabs, log1p, tanh

NO_NOISE = 1e-9
EXP_TAIL = -40.0


def umean_tanh(z: float, half: float) -> float:
    """[log cosh(z + S) - log cosh(z - S)]/(2S), MATH (20): relative error below 1e-15."""
    s = fabs(half)
    if s < NO_NOISE:
        return tanh(z)
    u = fabs(z)
    m = min(u, s)
    if m < 0.5:
        a = expm1(-2.0 * u)
        b = expm1(-2.0 * s)
        value = log1p(a * b / ((1.0 + a) + (1.0 + b))) / (2.0 * s)
    else:
        q = exp(-2.0 * (u + s))
        r = exp(-2.0 * fabs(u - s))
        value = (2.0 * m + log1p((q - r) / (1.0 + r))) / (2.0 * s)
    return value if z > 0 else -value


def umean_sigmoid(z: float, half: float) -> float:
    """[softplus(z + S) - softplus(z - S)]/(2S) as log1p of what is positive; relative accuracy in the left tail."""
    s = fabs(half)
    if s < NO_NOISE:
        return sigmoid(z)
    # E sigmoid(z + SU) = 1 - E sigmoid(-z + SU), which costs nothing at z >= 0.
    u = -fabs(z)
    high, low = two_sum(u, s)
    gap = -expm1(-2.0 * s)
    below = 1.0 + exp(u - s)
    if high > 40.0:
        value = (high + log1p(exp(-high) + (gap / below - 1.0))) / (2.0 * s)
    else:
        # x = (e^A - e^B)/(1 + e^B), carried as x/(2S): x itself may underflow.
        ratio = exp_two(high, low) * (gap / (2.0 * s)) / below
        x = ratio * (2.0 * s)
        value = ratio * (log1p(x) / x) if x > 1e-200 else ratio
    return 1.0 - value if z > 0 else value


def umean_softplus(z: float, half: float) -> float:
    """E softplus(z + S U); its antiderivative is -Li2(-exp)."""
    s = fabs(half)
    if s < NO_NOISE:
        return softplus(z)
    high, low = two_sum(z, s)
    if high < EXP_TAIL:
        return umean_exp(1, z, s)
    if s <= 2.0:
        total = 0.0
        for i in range(8):
            h = s * NODES[i]
            total = total + WEIGHTS[i] * (softplus(z + h) + softplus(z - h))
        return total
    below, below_low = two_sum(z, -s)
    # softplus(t) = relu(t) + log(1 + exp(-|t|))
    if high <= 0.0:
        value = softplus_tail(-high, -low) - softplus_tail(-below, -below_low)
    elif below >= 0.0:
        value = 2.0 * s * z + (softplus_tail(below, below_low) - softplus_tail(high, low))
    else:
        rest = PI2_OVER_6 - softplus_tail(high, low) - softplus_tail(-below, -below_low)
        value = 0.5 * high * high + rest
    return value / (2.0 * s)


def umean_gelu(z: float, half: float) -> float:
    """E gelu(z + S U); gelu(t) = relu(t) - e(|t|), e(t) = t (1 - Phi(t))."""
    s = fabs(half)
    if s < 1.0 and z * s > -2.0:
        total = 0.0
        for i in range(8):
            h = s * NODES[i]
            a, al = two_sum(z, h)
            b, bl = two_sum(z, -h)
            total = total + WEIGHTS[i] * (gelu_two(a, al) + gelu_two(b, bl))
        return total
    high, low = two_sum(z, s)
    below, below_low = two_sum(z, -s)
    if high <= 0.0:
        value = gelu_tail(-below, -below_low) - gelu_tail(-high, -low)
    elif below >= 0.0:
        value = 2.0 * s * z - (gelu_tail(below, below_low) - gelu_tail(high, low))
    else:
        value = 0.5 * high * high - (0.5 - gelu_tail(high, low) - gelu_tail(-below, -below_low))
    return value / (2.0 * s)


def umean_erf(z: float, half: float) -> float:
    """E erf(z + S U); the integral of erf is |t| + the integral of erfc from |t| on."""
    s = fabs(half)
    if s < 1.0:
        total = 0.0
        for i in range(8):
            h = s * NODES[i]
            total = total + WEIGHTS[i] * (erf(z + h) + erf(z - h))
        return total
    u = fabs(z)
    # |z + S| - |z - S| = 2 min(|z|, S) for z > 0, exactly.
    value = (2.0 * min(u, s) + (erfc_tail(u + s) - erfc_tail(fabs(u - s)))) / (2.0 * s)
    return value if z > 0 else -value


def atan_integral(t: float) -> float:
    """t atan t - log(1 + t^2)/2."""
    return t * atan(t) - 0.5 * log1p(t * t)


def umean_arctan(z: float, half: float) -> float:
    """E atan(z + S U)."""
    s = fabs(half)
    u = fabs(z)
    if s <= 0.5 or 3.0 * s < u:
        total = 0.0
        for i in range(8):
            h = s * NODES[i]
            total = total + WEIGHTS[i] * (atan(z + h) + atan(z - h))
        return total
    value = (atan_integral(u + s) - atan_integral(u - s)) / (2.0 * s)
    return value if z > 0 else -value
