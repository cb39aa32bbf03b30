"""Terms at any number of digits, slowly: the oracle that needs no kernel and no quadrature engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import mpmath as mp
import sympy as sp

from mzsym.calculus.heads import NoiseMean
from mzsym.core import MzError
from mzsym.derive.orthonormal import numeric_normaliser
from mzsym.model.density import break_points

if TYPE_CHECKING:
    from mzsym.derive.builder import TermBuilder
    from mzsym.derive.terms import Part, Term

_GUARD = 10

_SMALL_SCALE = 1e-3
"""Below it a noise average by its formula would lose more digits than the guard holds spare."""


def evaluate_expr(expr: sp.Expr, values: Mapping[sp.Symbol, Any], digits: int = 30) -> Any:
    """An expression with explicit integrals, as an mpmath number.

    Exact up to mpmath's own quadrature, which doubles its nodes until two results agree.

    Parameters
    ----------
    expr : Expr
        May hold nested ``Integral``s with finite or infinite limits, and the heads of ``calculus``.
    values : mapping of Symbol to number
        A float is the dyadic rational that it is.
    digits : int

    Returns
    -------
    mpmath.mpf

    Raises
    ------
    MzError
        When a symbol has no value.

    Examples
    --------
    >>> x, w = sp.symbols("x w")
    >>> mp.nstr(evaluate_expr(sp.Integral(sp.tanh(w * x), (x, 0, 1)), {w: 1}, 15), 12)
    '0.433780830483'
    """
    result = _unrounded(expr, values, digits)
    with mp.workdps(digits):
        return +result


def _unrounded(expr: sp.Expr, values: Mapping[sp.Symbol, Any], digits: int) -> Any:
    """The same with the guard digits, which Gram matrices that are to be inverted need."""
    missing = sorted(symbol.name for symbol in expr.free_symbols - set(values))
    if missing:
        raise MzError("Values are missing for " + ", ".join(missing), "evaluate_expr(values=)", "Bind every symbol")
    with mp.workdps(digits + _GUARD):
        bound = {symbol: _number(values[symbol]) for symbol in expr.free_symbols}
        return _value(expr, bound)


def evaluate_term(term: Term, values: Mapping[sp.Symbol, Any], digits: int, builder: TermBuilder) -> Any:
    """A term as an mpmath matrix; the matrix symbols of a factored one are evaluated from their own expressions."""
    parts = {part.symbol: part for part in term.parts}
    known: dict[sp.MatrixSymbol, Any] = {}
    with mp.workdps(digits + _GUARD):
        return _matrix(term.expr, values, digits, builder, parts, known)


def _matrix(
    expr: Any,
    values: Mapping[sp.Symbol, Any],
    digits: int,
    builder: TermBuilder,
    parts: Mapping[sp.MatrixSymbol, Part],
    known: dict[sp.MatrixSymbol, Any],
) -> Any:
    def again(inner: Any) -> Any:
        return _matrix(inner, values, digits, builder, parts, known)

    if isinstance(expr, sp.MatrixBase):
        entries = [[_unrounded(expr[i, j], values, digits) for j in range(expr.cols)] for i in range(expr.rows)]
        return mp.matrix(entries)
    if isinstance(expr, sp.ZeroMatrix):
        return mp.matrix(*expr.shape)
    if isinstance(expr, sp.Identity):
        return mp.eye(int(expr.shape[0]))
    if isinstance(expr, sp.MatAdd):
        first, *rest = (again(arg) for arg in expr.args)
        return sum(rest, start=first)
    if isinstance(expr, sp.MatMul):
        factors = [again(arg) if arg.is_Matrix else _unrounded(arg, values, digits) for arg in expr.args]
        return reduce(lambda a, b: a * b, factors)
    if isinstance(expr, sp.Transpose):
        return again(expr.arg).T
    if expr not in known:
        part = parts[expr]
        solved = part.kind == "normaliser"
        inner_expr, inner_parts = builder.definition(replace(part, kind="gram") if solved else part)
        inner = {p.symbol: p for p in inner_parts}
        value = _matrix(inner_expr, values, digits, builder, inner, known)
        if solved:
            value = numeric_normaliser(value, builder.projection.orthogonal, f"layer {part.n}")
        known[expr] = value
    return known[expr]


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return mp.mpf(value)
    ratio = sp.Rational(value) if not isinstance(value, sp.Basic) else value
    return ratio._to_mpmath(mp.mp.prec)


def _value(expr: sp.Basic, env: dict[sp.Symbol, Any]) -> Any:
    """Value in mpmath's current precision; integrals first, the rest as one function of them."""
    if isinstance(expr, sp.Integral):
        return _integral(expr, env)
    plan = _plan(expr)
    inner = [_value(integral, env) for integral in plan.integrals]
    return plan.function(*(env[s] for s in plan.symbols), *inner)


class _Plan:
    """An expression as a function of its symbols and of its outermost integrals."""

    def __init__(self, expr: sp.Basic) -> None:
        self.integrals = tuple(_outermost(expr))
        names = [sp.Dummy(f"I{k}") for k in range(len(self.integrals))]
        body, means = _named_means(expr.xreplace(dict(zip(self.integrals, names, strict=True))))
        body = _elementary(body)
        self.symbols = tuple(sorted(body.free_symbols - set(names), key=lambda s: s.name))
        self.function = sp.lambdify([*self.symbols, *names], body, [means, "mpmath"], cse=True)


@lru_cache(maxsize=2048)
def _plan(expr: sp.Basic) -> _Plan:
    return _Plan(expr)


def _named_means(expr: sp.Basic) -> tuple[sp.Basic, dict[str, Callable[..., Any]]]:
    """Noise averages as functions (centre, scale, parameters) by name, and what the names stand for."""
    functions: dict[str, Callable[..., Any]] = {}

    def named(head: NoiseMean) -> sp.Expr:
        name = f"{type(head).__name__}_{head.primitive}_{head.power}"
        functions[name] = _mean(type(head), head.primitive, head.power, len(head.parameters))  # type: ignore[arg-type]
        return sp.Function(name)(head.z, head.scale, *head.parameters)

    return expr.replace(lambda node: isinstance(node, NoiseMean), named), functions


@lru_cache(maxsize=256)
def _mean(kind: type[NoiseMean], primitive: str, power: int, parameters: int) -> Callable[..., Any]:
    """A noise average by its textbook formula; at a small scale, where that cancels, to the digits asked for.

    A scale that depends on the state may vanish: there the average is the function itself.
    """
    z, scale, *others = sp.symbols(f"z s q:{parameters}", real=True) if parameters else sp.symbols("z s", real=True)
    generic = kind(primitive, power, z, scale, *others)
    formula = sp.lambdify([z, scale, *others], _elementary(generic.doit(deep=False)), "mpmath", cse=True)

    def value(*arguments: Any) -> Any:
        if abs(arguments[1]) > _SMALL_SCALE:
            return formula(*arguments)
        numbers = [sp.Float._new(mp.mpf(argument)._mpf_, mp.mp.prec) for argument in arguments]
        exact = kind(primitive, power, *numbers).evalf(mp.mp.dps)
        return _elementary(exact)._to_mpmath(mp.mp.prec)

    return value


def _outermost(expr: sp.Basic) -> list[sp.Integral]:
    """Integrals that lie in no other integral, in order of appearance, each once."""
    found: dict[sp.Integral, None] = {}
    walk = sp.preorder_traversal(expr)
    for node in walk:
        if isinstance(node, sp.Integral):
            found[node] = None
            walk.skip()
    return list(found)


def _elementary(expr: sp.Basic) -> sp.Basic:
    """Heads and mzsym's activations by their textbook formulas; the guard digits pay for the cancellation."""
    special = [f for f in expr.atoms(sp.Function) if (type(f).__module__ or "").startswith("mzsym.")]
    while special:
        # Innermost last: a formula may bring another function of the tables, such as softplus.
        expr = expr.xreplace({f: f.doit(deep=False) for f in special})
        special = [f for f in expr.atoms(sp.Function) if (type(f).__module__ or "").startswith("mzsym.")]
    return expr


def _integral(integral: sp.Integral, env: dict[sp.Symbol, Any]) -> Any:
    """Nested one-dimensional quadratures, the last limit outermost as SymPy means it."""
    *inner, (symbol, lower, upper) = integral.limits
    body = sp.Integral(integral.function, *inner) if inner else integral.function
    ends = [_value(lower, env), _value(upper, env)]
    if ends[0] == ends[1]:
        return mp.mpf(0)
    lo, hi = min(ends), max(ends)
    # Kinks and jumps in sight get pieces of their own: the rule sees smooth functions only.
    cuts = [_value(point, env) for point in _breaks(body, symbol) if not point.free_symbols - env.keys()]
    inner_cuts = sorted(cut for cut in cuts if lo < cut < hi)
    points = [ends[0], *(inner_cuts if ends[0] < ends[1] else inner_cuts[::-1]), ends[1]]
    return mp.quad(lambda point: _value(body, {**env, symbol: point}), points)


@lru_cache(maxsize=2048)
def _breaks(body: sp.Expr, symbol: sp.Symbol) -> tuple[sp.Expr, ...]:
    return break_points(body, symbol)
