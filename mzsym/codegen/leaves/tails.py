"""The right tail of the normal law, scaled so that nothing underflows or cancels.

M(v) = (1 - Phi(v))/phi(v) (Mills' ratio); its continued fraction M = 1/(v + 1/(v + 2/(v + 3/(v + ...)))) gives 1 - v M
and the repeated integrals without cancellation for larger v.
"""

from __future__ import annotations

from mzsym.codegen.leaves.double import two_prod
from mzsym.codegen.leaves.errors import INV_SQRT_2PI, SQRT_HALF, exp_half_square
from mzsym.codegen.leaves.quadrature import NODES, WEIGHTS
from mzsym.codegen.libm import erfc, exp, sqrt

SQRT_HALF_PI = 1.2533141373155003
FRACTION_FROM = 4.0
FRACTION_LENGTH = 60
LARGEST_V = 1e150
INV_SQRT_PI = 0.5641895835477563


def mills(v: float) -> float:
    """(1 - Phi(v))/phi(v), v >= 0."""
    if v < FRACTION_FROM:
        x = v * SQRT_HALF
        p, e = two_prod(x, x)
        return SQRT_HALF_PI * exp(p) * (1.0 + e) * erfc(x)
    return 1.0 / (v + mills_ratio(1, v))


def mills_ratio(n: int, v: float) -> float:
    """n i_n/i_(n-1), i_n the n-th repeated integral of phi from v to infinity (i_0 = 1 - Phi), v >= FRACTION_FROM."""
    top = n + FRACTION_LENGTH
    r = float(top) / (0.5 * v + sqrt(0.25 * v * v + top))
    for i in range(FRACTION_LENGTH):
        r = float(top - 1 - i) / (v + r)
    return r


def one_minus_v_mills(v: float) -> float:
    """1 - v M(v) > 0, v >= 0: i_1(v)/phi(v)."""
    if v < FRACTION_FROM:
        return 1.0 - v * mills(v)
    if v > LARGEST_V:
        return 0.0
    r = mills_ratio(1, v)
    return r / (v + r)


def half_moment(k: int, v: float) -> float:
    """Integral of u**k exp(-v u - u**2/2) over u > 0: k! i_k(v)/phi(v), v >= 0."""
    if k == 0:
        return mills(v)
    if k == 1:
        return one_minus_v_mills(v)
    if v >= FRACTION_FROM:
        # k! i_k = phi M r_1 r_2 ... r_k with r_j = j i_j/i_(j-1)
        result = mills(v)
        for j in range(1, k + 1):
            result = result * mills_ratio(j, v)
        return result
    panels = int(sqrt(float(k)) + 10.0)
    total = 0.0
    for j in range(panels):
        for i in range(8):
            for side in range(2):
                x = NODES[i] if side == 0 else -NODES[i]
                u = j + 0.5 + 0.5 * x
                term = exp(-u * (v + 0.5 * u))
                for _ in range(k):
                    term = term * u
                total = total + WEIGHTS[i] * term
    return total


def gelu_tail(high: float, low: float) -> float:
    """Integral of t (1 - Phi(t)) from x = high + low >= 0 to infinity: phi(x) [M + x (1 - x M)]/2."""
    if high > 40.0:
        return 0.0
    density = INV_SQRT_2PI * exp_half_square(high, low)
    return 0.5 * density * (mills(high) + high * one_minus_v_mills(high))


def erfc_tail(x: float) -> float:
    """Integral of erfc from x >= 0 to infinity, to an absolute error of some ulp of 1."""
    return INV_SQRT_PI * exp(-x * x) - x * erfc(x)
