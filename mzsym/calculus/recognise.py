"""Plain spellings of the primitives, rewritten into the primitives so that the rules can match them.

``1/(1 + exp(-z))`` becomes ``sigmoid(z)``, ``Max(0, z)`` becomes ``relu(z)`` and so on. Every rewriting is an
identity for real arguments; a test checks each by numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan

from mzsym.calculus.closed import operations
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

LARGEST = 200
"""Size above which no quotient of two branches is cancelled."""

Rewriter = Callable[[sp.Expr], "sp.Expr | None"]


def recognise(expr: sp.Expr, symbols: frozenset[sp.Symbol]) -> sp.Expr:
    """Rewrite the parts of an expression that depend on ``symbols`` in terms of the primitive table.

    Examples
    --------
    >>> y = sp.Symbol("y", real=True)
    >>> recognise(3/(1 + sp.exp(-2*y)) + sp.Max(0, y), frozenset({y}))
    relu(y) + 3*sigmoid(2*y)
    """
    if not symbols:
        return expr
    # Hyperbolic functions last: the first pass reads log cosh and 1/cosh**2 as they stand.
    return _rewrite(_rewrite(expr, symbols, _REWRITERS), symbols, _LATE)


def _rewrite(expr: sp.Expr, symbols: frozenset[sp.Symbol], rewriters: dict[object, Rewriter]) -> sp.Expr:
    """One bottom-up pass with a table of rewriters."""
    memo: dict[sp.Basic, sp.Basic] = {}

    def walk(node: sp.Basic) -> sp.Basic:
        if node in memo:
            return memo[node]
        result = node
        # Integrals and heads are whole: nothing inside them is up for rewriting.
        if node.args and isinstance(node, sp.Expr) and not node.has(sp.Integral) and node.has_free(*symbols):
            plain = isinstance(node, sp.Piecewise)
            args = node.args if plain else tuple(walk(arg) for arg in node.args)
            result = node if args == node.args else node.func(*args)
            rewriter = rewriters.get(result.func)
            rewritten = None if rewriter is None else rewriter(result)
            if rewritten is not None and rewritten != result:
                result = walk(rewritten)
        memo[node] = result
        return result

    return walk(expr)


def _one_plus_exp(base: sp.Expr) -> sp.Expr | None:
    """u where the base is 1 + exp(u)."""
    if base.is_Add and len(base.args) == 2 and base.args[0] == 1 and isinstance(base.args[1], sp.exp):
        return base.args[1].args[0]
    return None


def _power(node: sp.Expr) -> sp.Expr | None:
    base, exponent = node.args
    if base is sp.E or not exponent.is_Integer:
        return None
    if exponent.is_negative:
        u = _one_plus_exp(base)
        if u is not None:
            return sigmoid(-u) ** (-exponent)
        if isinstance(base, sp.cosh) and exponent % 2 == 0:
            return (1 - sp.tanh(base.args[0]) ** 2) ** (-exponent // 2)
    return None


def _logarithm(node: sp.Expr) -> sp.Expr | None:
    (arg,) = node.args
    u = _one_plus_exp(arg)
    if u is not None:
        return softplus(u)
    if isinstance(arg, sp.cosh):
        return softplus(2 * arg.args[0]) - arg.args[0] - sp.log(2)
    return None


def _maximum(node: sp.Expr) -> sp.Expr | None:
    if len(node.args) != 2 or operations(node, LARGEST) > LARGEST:
        return None
    first, second = sorted(node.args, key=lambda arg: (arg != 0, sp.default_sort_key(arg)))
    if first.is_zero:
        return relu(second)
    ratio = sp.cancel(first / second)
    if ratio.is_number and ratio.is_extended_real and not ratio.has(sp.zoo, sp.nan):
        # max(u, c u) is u for u > 0 when c < 1.
        return leaky_relu(second, ratio) if ratio < 1 else leaky_relu(first, 1 / ratio)
    return first + relu(second - first)


def _minimum(node: sp.Expr) -> sp.Expr | None:
    return -sp.Max(*(-arg for arg in node.args)) if len(node.args) == 2 else None


def _two_sided(d: sp.Expr, positive: sp.Expr, negative: sp.Expr, at_zero: sp.Expr) -> sp.Expr | None:
    """The function that is ``positive`` for d > 0 and ``negative`` for d < 0, if it is linear in relu-like pieces.

    ``at_zero`` is 1 where ``positive`` holds at d = 0 too, otherwise 0.
    """
    if not (positive - negative).free_symbols & d.free_symbols:
        return negative + (positive - negative) * sp.Heaviside(d, at_zero)
    if positive == d and negative == sp.exp(d) - 1:
        return elu(d)
    up, down = sp.cancel(positive / d), sp.cancel(negative / d)
    dependent = d.free_symbols
    if not (up.free_symbols & dependent) and not (down.free_symbols & dependent):
        if down.is_zero:
            return up * relu(d)
        if up.is_zero:
            return -down * relu(-d)
        return up * leaky_relu(d, down / up)
    ratio = sp.cancel((positive - negative) / d)
    return negative + ratio * relu(d) if not (ratio.free_symbols & dependent) else None


def _piecewise(node: sp.Expr) -> sp.Expr | None:
    if len(node.args) != 2 or node.args[1].cond != sp.true or operations(node, LARGEST) > LARGEST:
        return None
    (value, condition), (other, _) = node.args
    at_zero = sp.Integer(isinstance(condition, (GreaterThan, LessThan)))
    if isinstance(condition, (StrictGreaterThan, GreaterThan)):
        return _two_sided(condition.lhs - condition.rhs, value, other, at_zero)
    if isinstance(condition, (StrictLessThan, LessThan)):
        return _two_sided(condition.rhs - condition.lhs, value, other, at_zero)
    return None


def _leaky(node: sp.Expr) -> sp.Expr | None:
    z, slope = node.args
    return {sp.S.Zero: relu(z), sp.S.One: z, sp.S.NegativeOne: sp.Abs(z)}.get(slope)


def _relu(node: sp.Expr) -> sp.Expr | None:
    """relu(c - k relu(d)) is c up to d = 0, 0 from d = c/k on, and linear between."""
    constant, rest = node.args[0].as_independent(relu, as_Add=True)
    factor, inner = rest.as_coeff_Mul()
    if not (isinstance(inner, relu) and constant.is_number and constant.is_positive and factor.is_negative):
        return None
    z = sp.expand_mul(-2 * factor * inner.args[0] / constant - 1)
    cut = -hardtanh(-z) if z.could_extract_minus_sign() else hardtanh(z)
    return constant / 2 - constant / 2 * cut


def _gelu_factor(arg: sp.Expr) -> sp.Expr | None:
    """t where the factor is 1 + erf(t)."""
    if arg.is_Add and len(arg.args) == 2 and arg.args[0] == 1:
        sign, function = arg.args[1].as_coeff_Mul()
        if isinstance(function, sp.erf) and abs(sign) == 1:
            return sign * function.args[0]
    return None


def _ratio(factors: sp.Expr, z: sp.Expr) -> sp.Expr | None:
    """factors/z where z cancels, else None; nothing is divided by what may be 0."""
    ratio = factors / sp.factor_terms(z)
    return None if ratio.free_symbols & z.free_symbols else ratio


def _product(node: sp.Expr) -> sp.Expr | None:
    # The number stays apart: SymPy would distribute it over a sum and hide the factor.
    number, factors = node.as_coeff_mul()
    args = list(factors)
    for i, arg in enumerate(args):
        rest = sp.Mul(*args[:i], *args[i + 1 :])
        if isinstance(arg, sigmoid):
            partner = sp.exp(-arg.args[0])
            if partner in args:
                return number * sigmoid(-arg.args[0]) * rest / partner
        ratio = _ratio(rest, arg.args[0]) if isinstance(arg, (sigmoid, sp.Heaviside)) else None
        if ratio is not None:
            whole = silu if isinstance(arg, sigmoid) else relu
            return number * ratio * whole(arg.args[0])
        t = _gelu_factor(arg)
        if t is not None:
            for z in (sp.sqrt(2) * t, sp.expand_mul(sp.sqrt(2) * t)):
                quotient = rest / z
                if not (quotient.free_symbols & z.free_symbols):
                    return 2 * number * quotient * gelu(z)
    return None


_REWRITERS: dict[object, Rewriter] = {
    sp.Pow: _power,
    sp.log: _logarithm,
    sp.Max: _maximum,
    sp.Min: _minimum,
    sp.Piecewise: _piecewise,
    sp.Mul: _product,
    sp.erfc: lambda node: 1 - sp.erf(node.args[0]),
    sp.sech: lambda node: 1 / sp.cosh(node.args[0]),
    sp.sign: lambda node: 2 * sp.Heaviside(node.args[0]) - 1,
    leaky_relu: _leaky,
    relu: _relu,
}

_LATE: dict[object, Rewriter] = {
    sp.sinh: lambda node: (sp.exp(node.args[0]) - sp.exp(-node.args[0])) / 2,
    sp.cosh: lambda node: (sp.exp(node.args[0]) + sp.exp(-node.args[0])) / 2,
}
