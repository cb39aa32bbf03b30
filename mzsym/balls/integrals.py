"""Verified integrals of densities: adaptive quadrature in complex balls, and a proof for each infinite tail.

A tail from R on is bounded term by term. With h(x) = x f'(x)/f(x) <= -q < -1 for all x >= R, proved in one interval
evaluation on 1/x in [0, 1/R],

    |f(x)| <= |f(R)| (R/x)**q,    hence    integral from R on of |f| <= |f(R)| R/(q - 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from math import prod
from typing import Any

import flint
import sympy as sp

from mzsym.balls.analytic import check_known, value_at
from mzsym.balls.expressions import compile_tape
from mzsym.balls.intervals import interval
from mzsym.balls.numbers import Arb, precision
from mzsym.core import MzError

BITS = 96
GOAL = -62
"""Binary exponent of the error asked of an integral."""

EVALUATIONS = 6000
"""Evaluations after which an integral stays as wide as it is; fewer for expressions of more than ``SMALL`` nodes."""

NESTED = {1: 2000, 2: 120, 3: 24}
"""The same for every level of a nested integral, by dimension."""

SMALL = 60
LARGE = 400
"""Nodes above which tails and nested integrals are left undecided."""

FARTHEST = 64
"""Doublings of the cut that a tail may take."""

MAX_TERMS = 64

_U = sp.Dummy("u", positive=True)


def integral_enclosure(expr: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr, bits: int = BITS) -> Arb:
    """Ball around the integral of an expression over an interval, which may be infinite.

    Parameters
    ----------
    expr : sympy.Expr
        In ``x`` alone, with exact numbers. Smooth inside is best; kinks and jumps cost evaluations.
    x : sympy.Symbol
    lower, upper : sympy.Expr
        Numbers, or -oo and oo.
    bits : int

    Returns
    -------
    flint.arb
        Not finite where nothing could be proved: a singularity, a tail without proof, an unknown function.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> integral_enclosure(sp.exp(-x**2/2)/sp.sqrt(2*sp.pi), x, -sp.oo, sp.oo).contains(1)
    True
    """
    with precision(bits):
        try:
            check_known(expr, (x,))
            return _whole(expr, x, sp.sympify(lower), sp.sympify(upper))
        except MzError:
            # A function without enclosure decides nothing.
            return flint.arb.nan()


def _whole(expr: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> Arb:
    if lower.is_infinite and upper.is_infinite:
        return _whole(expr, x, lower, sp.S.Zero) + _whole(expr, x, sp.S.Zero, upper)
    if lower.is_infinite:
        return _whole(expr.xreplace({x: -x}), x, -upper, sp.oo)
    start = point(lower)
    if not upper.is_infinite:
        return _finite(expr, x, start, point(upper))
    cut = _tail(expr, x, start)
    if cut is None:
        return flint.arb.nan()
    end, rest = cut
    return _finite(expr, x, start, end) + flint.arb(0, rest)


def point(number: sp.Expr) -> Arb:
    """A real constant as a ball at the current precision."""
    return compile_tape((number,)).run({})[0].ball


def _finite(expr: sp.Expr, x: sp.Symbol, start: Arb, end: Arb) -> Arb:
    tolerance = flint.arb(2) ** GOAL
    value = flint.acb.integral(
        lambda z, analytic: value_at(expr, {x: z}, analytic),
        flint.acb(start),
        flint.acb(end),
        rel_tol=tolerance,
        abs_tol=tolerance,
        eval_limit=_allowed(expr, EVALUATIONS),
    )
    return value.real


def _nodes(expr: sp.Expr) -> int:
    return sum(1 for _ in islice(sp.preorder_traversal(expr), 100 * LARGE))


def _allowed(expr: sp.Expr, most: int) -> int:
    """Evaluations of an expression that cost no more than ``most`` of a small one."""
    return max(20, most * SMALL // max(SMALL, _nodes(expr)))


def _tail(expr: sp.Expr, x: sp.Symbol, start: Arb) -> tuple[Arb, Arb] | None:
    """A point beyond ``start`` and a bound of the integral of |f| from there on; None where nothing is proved."""
    if _nodes(expr) > LARGE:
        return None
    terms = sp.Add.make_args(_spread(expr))
    if len(terms) > MAX_TERMS:
        return None
    best: tuple[Arb, Arb] | None = None
    end = (start.abs_upper() + 1).ceil().mid() * 2
    for _ in range(FARTHEST):
        bound = flint.arb(0)
        for term in terms:
            bound += _term_tail(term, x, end)
            if not bound.is_finite():
                break
        if bound.is_finite() and (best is None or bound < best[1]):
            best = end, bound.upper()
            if best[1] < flint.arb(2) ** (GOAL - 2):
                break
        end = end * 2
    return best


def _spread(expr: sp.Expr) -> sp.Expr:
    """Products of sums multiplied out, where that makes few terms."""
    count = prod(len(sp.Add.make_args(factor)) for factor in sp.Mul.make_args(expr))
    inner = prod(len(sp.Add.make_args(f)) for term in sp.Add.make_args(expr) for f in sp.Mul.make_args(term))
    return sp.expand_mul(expr) if max(count, inner) <= MAX_TERMS else expr


def _term_tail(term: sp.Expr, x: sp.Symbol, end: Arb) -> Arb:
    """Bound of the integral of one term beyond a point, infinite where it is not proved."""
    near_zero = interval((flint.arb(0), 1 / end))
    growth = flint.arb.pos_inf()
    for form in _growth(term, x):
        found = compile_tape((form,)).run({_U: near_zero})[0]
        growth = growth.min(found.hi) if found.defined else growth
    if not growth < -1:
        return flint.arb.pos_inf()
    at_end = compile_tape((term,)).run({x: interval(end)})[0]
    if not at_end.finite:
        return flint.arb.pos_inf()
    return at_end.lo.abs_upper().max(at_end.hi.abs_upper()) * end / (-growth - 1)


@lru_cache(maxsize=256)
def _growth(term: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, ...]:
    """x f'(x)/f(x) in u = 1/x, in forms of which one may have an enclosure down to u = 0."""
    positive = sp.Dummy("x", positive=True)
    slope = sp.expand(_log_slope(term.xreplace({x: positive}), positive))
    inverse = {positive: 1 / _U}
    whole = sp.expand(positive * slope)
    if whole.is_rational_function(positive):
        return (sp.cancel(sp.together(whole.xreplace(inverse))),)
    # A sum of one sign times an unbounded factor, or a sum of terms that are bounded above.
    return slope.xreplace(inverse) / _U, sp.expand_log(whole.xreplace(inverse))


def _log_slope(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """f'/f, by factors."""
    if not expr.has_free(x):
        return sp.S.Zero
    if expr.is_Mul:
        return sp.Add(*(_log_slope(factor, x) for factor in expr.args))
    if isinstance(expr, sp.Pow):
        base, exponent = expr.args
        if base is sp.E:
            return exponent.diff(x)
        if not exponent.has_free(x):
            return exponent * _log_slope(base, x)
    if isinstance(expr, sp.cosh):
        return expr.args[0].diff(x) * sp.tanh(expr.args[0])
    return expr.diff(x) / expr


def box_integral_enclosure(
    expr: sp.Expr, symbols: Sequence[sp.Symbol], sides: Sequence[tuple[Any, Any]], bits: int = 64
) -> Arb:
    """Ball around the integral over a bounded box by nested quadrature, in one to three variables.

    Parameters
    ----------
    expr : sympy.Expr
        In the symbols alone, with exact numbers.
    symbols : sequence of sympy.Symbol
    sides : sequence of (lo, hi)
        SymPy numbers.

    Returns
    -------
    flint.arb
        Not finite, or wide, where the work allowed proves no more.
    """
    if _nodes(expr) > LARGE:
        return flint.arb.nan()
    with precision(bits):
        try:
            check_known(expr, symbols)
            ends = [(flint.acb(point(sp.sympify(lo))), flint.acb(point(sp.sympify(hi)))) for lo, hi in sides]
            return _nested(expr, list(symbols), ends, {}, False, NESTED[len(symbols)]).real
        except MzError:
            return flint.arb.nan()


def _nested(
    expr: sp.Expr,
    symbols: Sequence[sp.Symbol],
    ends: Sequence[Any],
    fixed: Mapping[sp.Symbol, Any],
    analytic: bool,
    limit: int,
) -> Any:
    """The innermost symbols last; ``analytic``: whether the value must be analytic in what is fixed."""
    (symbol, *inner), (start, end), rest = symbols, ends[0], ends[1:]
    # An inner integral has to be finer than what an outer one asks of it.
    goal = flint.arb(2) ** (-24 - 4 * (3 - len(symbols)))

    def at(z: Any, own: bool) -> Any:
        values = {**fixed, symbol: z}
        whole = own or analytic
        return _nested(expr, inner, rest, values, whole, limit) if inner else value_at(expr, values, whole)

    return flint.acb.integral(at, start, end, rel_tol=goal, abs_tol=goal, eval_limit=_allowed(expr, limit))
