"""Closed forms to any number of digits: a walk over the expression with mpmath, and a loop that raises precision.

Differences of antiderivatives cancel. Instead of a different formula for every regime, the working precision is
doubled until two results agree; every function below keeps its own relative accuracy in its tails, so that doubling
always ends.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import mpmath as mp
import sympy as sp

from mzsym.calculus.special import normal_cdf, normal_density
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

CEILING = 1 << 15
"""Working precision in bits at which a value that still looks like 0 is taken for 0."""


def _softplus(u: Any) -> Any:
    return max(u, mp.mpf(0)) + mp.log1p(mp.exp(-abs(u)))


def _sigmoid(u: Any) -> Any:
    e = mp.exp(-abs(u))
    return (e if u < 0 else mp.mpf(1)) / (1 + e)


def _phi(u: Any) -> Any:
    return mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


def _cdf(u: Any) -> Any:
    return mp.erfc(-u / mp.sqrt(2)) / 2


def _log_cosh(u: Any) -> Any:
    u = abs(u)
    return u + mp.log1p(mp.expm1(-2 * u) / 2)


def _dilogarithm(x: Any) -> Any:
    """Li_2(x) for x <= 0: inversion to [-1, 0], Landen's formula to [0, 1/2], then the defining series."""
    if x < -1:
        return -(mp.pi**2) / 6 - mp.log(-x) ** 2 / 2 - _dilogarithm(1 / x)
    y = x / (x - 1)
    total = power = y
    n = 1
    while power > mp.ldexp(total, -mp.mp.prec - 5):
        n += 1
        power *= y
        total += power / (n * n)
    return -total - mp.log1p(-x) ** 2 / 2


_FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        sp.tanh: mp.tanh,
        sp.cosh: mp.cosh,
        sp.erf: mp.erf,
        sp.sin: mp.sin,
        sp.cos: mp.cos,
        sp.atan: mp.atan,
        sp.exp: mp.exp,
        sp.log: mp.log,
        sp.Abs: abs,
        sigmoid: _sigmoid,
        softplus: _softplus,
        relu: lambda u: max(u, mp.mpf(0)),
        leaky_relu: lambda u, slope: u if u > 0 else slope * u,
        gelu: lambda u: u * _cdf(u),
        elu: lambda u: u if u > 0 else mp.expm1(u),
        silu: lambda u: u * _sigmoid(u),
        hardtanh: lambda u: max(min(u, mp.mpf(1)), mp.mpf(-1)),
        sp.Heaviside: lambda u, middle: middle if u == 0 else mp.mpf(u > 0),
        normal_density: _phi,
        normal_cdf: _cdf,
    }
)


def value(expr: sp.Expr, values: Mapping[sp.Symbol, Any]) -> tuple[Any, Any]:
    """Value of a closed form at mpmath numbers, and the size of what was added up to get it.

    The size times 2**-precision estimates the absolute error: a value far below it has lost its digits.
    """
    if expr in values:
        return values[expr], abs(values[expr])
    if isinstance(expr, sp.Rational):
        return _exact(mp.mpf(int(expr.p)) / int(expr.q))
    if expr.is_number:
        return _exact(expr.evalf(mp.mp.dps + 5)._to_mpmath(mp.mp.prec))
    if isinstance(expr, sp.log) and isinstance(expr.args[0], sp.cosh):
        return _exact(_log_cosh(value(expr.args[0].args[0], values)[0]))
    if isinstance(expr, sp.polylog):
        return _exact(_dilogarithm(value(expr.args[1], values)[0]))
    if isinstance(expr, sp.Piecewise):
        return next(value(part, values) for part, condition in expr.args if _holds(condition, values))
    pairs = [value(arg, values) for arg in expr.args]
    numbers = [pair[0] for pair in pairs]
    if expr.is_Add:
        return mp.fsum(numbers), mp.fsum(pair[1] for pair in pairs)
    if expr.is_Mul:
        return mp.fprod(numbers), mp.fprod(pair[1] for pair in pairs)
    if expr.is_Pow:
        exponent = int(expr.args[1]) if expr.args[1].is_Integer else numbers[1]
        result = numbers[0] ** exponent
        return result, pairs[0][1] ** exponent if exponent > 0 else abs(result)
    return _exact(_FUNCTIONS[expr.func](*numbers))


def _holds(condition: sp.Basic, values: Mapping[sp.Symbol, Any]) -> bool:
    if condition in (sp.true, sp.false):
        return condition is sp.true
    left, right = (value(side, values)[0] for side in condition.args)
    return bool(_RELATIONS[condition.func](left, right))


_RELATIONS: Mapping[Any, Callable[[Any, Any], Any]] = MappingProxyType(
    {sp.Gt: operator.gt, sp.Ge: operator.ge, sp.Lt: operator.lt, sp.Le: operator.le}
)


def _exact(number: Any) -> tuple[Any, Any]:
    return number, abs(number)


def argument(expr: sp.Expr) -> Any:
    """Real number at mpmath's current precision (floats are the dyadic rationals that they are), or None."""
    number = expr.evalf(mp.mp.dps + 5, maxn=4 * mp.mp.dps + 100)
    if not number.is_Float and not number.is_Rational:
        return None
    return number._to_mpmath(mp.mp.prec)


def settle(compute: Callable[[], tuple[Any, Any]], prec: int, start: int) -> Any:
    """Result of ``compute`` to ``prec`` bits: precision doubles until two results agree.

    Agreement alone can deceive (both may have lost the same terms), so a value must also stand clear of the rounding
    of what was added up; 0 is believed when nothing but zeros was added, or at ``CEILING`` bits.
    """
    work = start
    with mp.workprec(work):
        before, _ = compute()
    while True:
        work *= 2
        with mp.workprec(work):
            after, size = compute()
            agree = abs(after - before) <= mp.ldexp(abs(after), -prec - 4)
            clear = mp.ldexp(size, -work) <= mp.ldexp(abs(after), -prec - 4)
        if (agree and clear) or work > max(CEILING, 4 * start):
            return after
        before = after
