"""Averages E g(z + S U), U uniform on (-1, 1), of first powers (tanh and sigmoid: ``smoothed``). MATH (18), (20).

Small S: a Gauss-Legendre average, whose positive weights keep the error below some ulp of E|g|. Larger S: the
difference of antiderivatives in a form that does not cancel. S = 0 is the function itself.
"""

from __future__ import annotations

from mzsym.codegen.leaves.dilogarithm import PI2_OVER_6, silu_tail, softplus_tail
from mzsym.codegen.leaves.double import two_sum
from mzsym.codegen.leaves.elementary import umean_exp
from mzsym.codegen.leaves.errors import gelu, gelu_two
from mzsym.codegen.leaves.logarithms import softplus
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.leaves.straight import silu
from mzsym.codegen.leaves.tails import erfc_tail, gelu_tail
from mzsym.codegen.libm import atan, erf, expm1, fabs, log1p

NO_NOISE = 1e-9
EXP_TAIL = -40.0


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


def umean_silu(z: float, half: float) -> float:
    """E silu(z + S U); silu(t) = relu(t) - e(|t|), e(t) = t/(1 + exp(t))."""
    s = fabs(half)
    high, low = two_sum(z, s)
    if high < EXP_TAIL:
        # There silu(t) = t exp(t), whose average is exp(z) sinh(S)/S (z + S coth(S) - 1).
        spread = 2.0 * s / expm1(2.0 * s) if s > 0.0 else 1.0
        return umean_exp(1, z, s) * ((high - 1.0) + (spread + low))
    if s <= 2.0:
        total = 0.0
        for i in range(8):
            h = s * NODES[i]
            total = total + WEIGHTS[i] * (silu(z + h) + silu(z - h))
        return total
    below, below_low = two_sum(z, -s)
    if high <= 0.0:
        value = silu_tail(-below, -below_low) - silu_tail(-high, -low)
    elif below >= 0.0:
        value = 2.0 * s * z - (silu_tail(below, below_low) - silu_tail(high, low))
    else:
        value = 0.5 * high * high - (PI2_OVER_6 - silu_tail(high, low) - silu_tail(-below, -below_low))
    return value / (2.0 * s)


def umean_gelu(z: float, half: float) -> float:
    """E gelu(z + S U); gelu(t) = relu(t) - e(|t|), e(t) = t (1 - Phi(t))."""
    s = fabs(half)
    if s == 0.0:
        return gelu(z)
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
