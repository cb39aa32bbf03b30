"""SymPy expressions at complex balls, as verified integration needs them: values, and a refusal where not analytic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any

import flint
import sympy as sp

from mzsym.balls.conditions import decide, differences, possible
from mzsym.balls.numbers import to_arb
from mzsym.core import MzError
from mzsym.core.functions import Activation, leaky_relu, relu

Acb = Any
Head = Callable[..., Acb]
"""(arguments, analytic) -> value; not finite where ``analytic`` asks for a function that is not analytic there."""


def _nowhere() -> Acb:
    return flint.acb(flint.arb.nan(), flint.arb.nan())


def _atan(z: Acb, analytic: bool) -> Acb:
    # Cuts on the imaginary axis from i and -i outward.
    if analytic and z.real.contains(0) and not z.imag.abs_upper() < 1:
        return _nowhere()
    return z.atan()


def _asinh(z: Acb, analytic: bool) -> Acb:
    return (z + (z * z + 1).sqrt(analytic=analytic)).log(analytic=analytic)


def _real_line_only(name: str) -> Head:
    """Functions whose cuts are not followed: known on the line, refused off it."""

    def head(z: Acb, analytic: bool) -> Acb:
        return _nowhere() if analytic else getattr(z, name)()

    return head


def _entire(name: str) -> Head:
    return lambda z, analytic: getattr(z, name)()


_FUNCTIONS: Mapping[Any, Head] = MappingProxyType(
    {
        **{head: _entire(head.__name__) for head in (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.erf, sp.erfc)},
        **{head: _entire(head.__name__) for head in (sp.tan, sp.tanh, sp.coth)},
        **{head: _real_line_only(name) for head, name in ((sp.asin, "asin"), (sp.acos, "acos"))},
        **{head: _real_line_only(name) for head, name in ((sp.acosh, "acosh"), (sp.atanh, "atanh"))},
        sp.atan: _atan,
        sp.asinh: _asinh,
        sp.log: lambda z, analytic: z.log(analytic=analytic),
        sp.Abs: lambda z, analytic: z.real_abs(analytic=analytic),
        sp.sign: lambda z, analytic: z.real_sgn(analytic=analytic),
        relu: lambda z, analytic: z.real_max(flint.acb(0), analytic=analytic),
    }
)

_NUMBERS: Mapping[Any, Callable[[], Any]] = MappingProxyType({sp.pi: flint.arb.pi, sp.E: flint.arb.const_e})


_STRUCTURE = (sp.Add, sp.Mul, sp.Pow, sp.Piecewise, sp.Max, sp.Min, sp.Heaviside, Activation)


def check_known(expr: sp.Expr, symbols: Collection[sp.Symbol]) -> None:
    """Refuse what ``value_at`` cannot evaluate, before an integrator calls it where no exception gets through.

    Raises
    ------
    MzError
        For a function without such an evaluation, or a symbol without value.
    """
    stack = [expr]
    while stack:
        node = stack.pop()
        if node in symbols or node.is_Rational or node in _NUMBERS:
            continue
        if not (isinstance(node, _STRUCTURE) or node.func in _FUNCTIONS):
            raise MzError(f"{node} cannot be integrated rigorously", "balls.analytic", "Bound it")
        if isinstance(node, sp.Piecewise):
            stack += [value for value, _ in node.args]
            stack += [d for _, condition in node.args for d in differences(condition)]
        elif isinstance(node, Activation) and node.func not in _FUNCTIONS and not isinstance(node, leaky_relu):
            stack.append(node.elementary(*node.args))
        else:
            stack += node.args


def value_at(expr: sp.Expr, values: Mapping[sp.Symbol, Acb], analytic: bool) -> Acb:
    """Value of an expression at complex balls.

    Parameters
    ----------
    expr : sympy.Expr
    values : mapping
        Symbol -> complex ball.
    analytic : bool
        Whether the answer must not be finite unless the expression is analytic on the balls.

    Raises
    ------
    MzError
        For a function without such an evaluation.
    """
    memo: dict[sp.Basic, Acb] = dict(values)

    def walk(node: sp.Expr) -> Acb:
        if node not in memo:
            memo[node] = _step(node, walk, analytic)
        return memo[node]

    return walk(expr)


def _step(expr: sp.Expr, walk: Callable[[sp.Expr], Acb], analytic: bool) -> Acb:
    if expr.is_Rational:
        return flint.acb(to_arb(expr))
    if expr in _NUMBERS:
        return flint.acb(_NUMBERS[expr]())
    if expr.is_Add:
        return reduce(lambda a, b: a + b, map(walk, expr.args))
    if expr.is_Mul:
        return reduce(lambda a, b: a * b, map(walk, expr.args))
    if isinstance(expr, sp.Pow):
        return _power(expr, walk, analytic)
    if isinstance(expr, sp.Piecewise):
        return _piecewise(expr, walk, analytic)
    if isinstance(expr, (sp.Max, sp.Min)):
        name = "real_max" if isinstance(expr, sp.Max) else "real_min"
        return reduce(lambda a, b: getattr(a, name)(b, analytic=analytic), map(walk, expr.args))
    if isinstance(expr, sp.Heaviside):
        return walk(expr.args[0]).real_heaviside(analytic=analytic)
    if isinstance(expr, leaky_relu):
        z, slope = expr.args
        return walk(z) * walk(slope) + (1 - walk(slope)) * walk(relu(z))
    if expr.func in _FUNCTIONS:
        return _FUNCTIONS[expr.func](walk(expr.args[0]), analytic)
    if isinstance(expr, Activation):
        return walk(expr.elementary(*expr.args))
    raise MzError(f"The function {expr.func.__name__} cannot be integrated rigorously", "balls.analytic", "Bound it")


def _power(expr: sp.Pow, walk: Callable[[sp.Expr], Acb], analytic: bool) -> Acb:
    base, exponent = expr.args
    if base is sp.E:
        return walk(exponent).exp()
    if exponent.is_Integer:
        return walk(base) ** int(exponent)
    if exponent == sp.S.Half:
        return walk(base).sqrt(analytic=analytic)
    return walk(base).pow(walk(exponent), analytic=analytic)


def _piecewise(expr: sp.Piecewise, walk: Callable[[sp.Expr], Acb], analytic: bool) -> Acb:
    """On the line the branches that may hold; off it the branch that holds on the whole strip through the real part."""
    truths = []
    for _, condition in expr.args:
        parts = [walk(d).real for d in differences(condition)]
        if any(not part.is_finite() for part in parts):
            return _nowhere()
        truths.append(decide(condition, [(part.lower(), part.upper()) for part in parts]))
    found, complete = possible(expr, truths)
    if not complete or (analytic and len(found) > 1):
        return _nowhere()
    return reduce(lambda a, b: a.union(b), (walk(expr.args[index][0]) for index in found))
