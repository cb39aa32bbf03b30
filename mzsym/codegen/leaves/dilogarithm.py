"""The dilogarithm, and the tails of integrals of softplus and silu."""

from __future__ import annotations

from mzsym.codegen.libm import exp, log, log1p

PI2_OVER_6 = 1.6449340668482264
PI2_OVER_12 = 0.8224670334241132
DILOG = (
    0.027777777777777776,
    -0.0002777777777777778,
    4.72411186696901e-06,
    -9.185773074661964e-08,
    1.8978869988971e-09,
    -4.0647616451442256e-11,
    8.921691020456452e-13,
    -1.9939295860721074e-14,
)


def dilog_series(w: float) -> float:
    """Li2(1 - exp(-w)) for |w| <= 0.7: sum of B_n w**(n+1)/(n+1)!."""
    q = w * w
    tail = DILOG[7]
    for i in range(7):
        tail = tail * q + DILOG[6 - i]
    return w - 0.25 * q + w * q * tail


def dilog(x: float) -> float:
    """Real dilogarithm Li2(x), x <= 1."""
    if x > 1.0 or x != x:
        return log(1.0 - x)
    if x > 0.5:
        if x == 1.0:
            return PI2_OVER_6
        # Li2(x) + Li2(1 - x) = pi^2/6 - log x log(1 - x)
        return PI2_OVER_6 - log(x) * log1p(-x) - dilog_series(-log(x))
    if x >= -1.0:
        return dilog_series(-log1p(-x))
    # Li2(x) + Li2(1/x) = -pi^2/6 - log(-x)^2/2
    t = log(-x)
    return -PI2_OVER_6 - 0.5 * t * t - dilog_series(-log1p(-1.0 / x))


def softplus_tail(high: float, low: float) -> float:
    """-Li2(-exp(-(high + low))), the integral of log(1 + exp(-t)) from x = high + low >= 0 to infinity."""
    y = exp(-high)
    y = y - y * low
    return -dilog_series(-log1p(y))


def silu_tail(high: float, low: float) -> float:
    """Integral of t/(1 + exp(t)) from x = high + low >= 0 to infinity: x log(1 + exp(-x)) - Li2(-exp(-x))."""
    y = exp(-high)
    y = y - y * low
    bend = log1p(y)
    return high * bend - dilog_series(-bend)
