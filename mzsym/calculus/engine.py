"""Averages over independent coordinates: decompose, reduce every component by the rules, put the answer together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy as sp

from mzsym.calculus.closed import Closed, integral_dimension, operations
from mzsym.calculus.component import PRIMITIVE_OF, Component, Coordinate, split
from mzsym.calculus.decompose import TooLarge, decompose
from mzsym.calculus.heads import NoiseMean
from mzsym.calculus.polynomials import degree_bound, polynomial_average
from mzsym.calculus.recognise import recognise
from mzsym.calculus.rules import RULES

HIGHEST_DEGREE = 300
"""Polynomials above this degree are not averaged term by term."""

Reduced = list[tuple[sp.Expr, tuple[Component, ...]]]
"""A sum of factor * components that no rule could average further."""


@dataclass
class _Work:
    """What one call remembers: reduced components and the rules used, in order."""

    memo: dict[Component, Reduced] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)
    left: int = 0


def average(
    v: sp.Expr, coordinates: Sequence[Coordinate], max_operations: int, original: sp.Expr | None = None
) -> Closed:
    """E[v] over the noise of the coordinates, in the lowest dimension that the rules reach.

    ``original`` is v as the user wrote it, in the integration variables, for an integral that stays whole.
    """
    live = tuple(c for c in coordinates if v.has_free(c.symbol))
    if not live:
        return Closed(v, integral_dimension(v) == 0, (), integral_dimension(v))
    work = _Work(left=max_operations)
    symbols = tuple(c.symbol for c in live)
    degree = degree_bound(v, symbols)
    try:
        if degree is None:
            expr, open_parts = _by_terms(v, live, work)
        elif degree > HIGHEST_DEGREE:
            raise TooLarge
        else:
            expr, open_parts = polynomial_average(v, live, max_operations), []
            work.used[str(RULES[0])] = None
    except TooLarge:
        return _whole(v, live, original, f"left unexpanded: its terms would exceed {max_operations} operations")
    if max((len(c.coordinates) for c in open_parts), default=0) >= len(live):
        return _whole(v, live, original, _reason(open_parts))
    if operations(expr, max_operations) > max_operations:
        return _whole(v, live, original, f"left unexpanded: the closed form would exceed {max_operations} operations")
    dimension = integral_dimension(expr)
    rules = tuple(work.used) + ((_reason(open_parts),) if open_parts else ())
    return Closed(expr, dimension == 0, rules, dimension)


def _by_terms(v: sp.Expr, live: tuple[Coordinate, ...], work: _Work) -> tuple[sp.Expr, list[Component]]:
    """The average term by term, and the components that stay integrals."""
    symbols = tuple(c.symbol for c in live)
    closed: list[sp.Expr] = []
    single: dict[tuple[Coordinate, ...], list[sp.Expr]] = {}
    open_parts: dict[Component, None] = {}
    for monomial, coefficient in decompose(recognise(v, frozenset(symbols)), symbols, work.left).items():
        for factor, parts in _reduce(Component(live, monomial.powers, monomial.atoms), work):
            open_parts.update(dict.fromkeys(parts))
            if len(parts) == 1:
                single.setdefault(parts[0].coordinates, []).append(coefficient * factor * parts[0].integrand)
            else:
                integrals = (integral(part.integrand, part.coordinates) for part in parts)
                closed.append(sp.Mul(coefficient, factor, *integrals))
    # Terms over the same coordinates share one integral.
    closed.extend(integral(sp.Add(*terms), over) for over, terms in single.items())
    return sp.Add(*closed), list(open_parts)


def _reduce(component: Component, work: _Work) -> Reduced:
    """Average a component as far as the rules go."""
    if component in work.memo:
        return work.memo[component]
    outside, parts = split(component)
    result: Reduced = [(outside, ())]
    for part in parts:
        reduced = _reduce_linked(part, work)
        work.left -= len(result) * len(reduced)
        if work.left < 0:
            raise TooLarge
        result = [(a * b, (*p, *q)) for a, p in result for b, q in reduced]
    work.memo[component] = result
    return result


def _reduce_linked(component: Component, work: _Work) -> Reduced:
    """The same for coordinates that do not fall apart."""
    for rule in RULES:
        outcome = rule.rewrite(component)
        if outcome is None:
            continue
        work.used[str(rule)] = None
        work.left -= len(outcome)
        if work.left < 0:
            raise TooLarge
        return [(factor * f, parts) for factor, rest in outcome for f, parts in _reduce(rest, work)]
    return [(sp.S.One, (component,))]


def integral(integrand: sp.Expr, coordinates: Sequence[Coordinate]) -> sp.Expr:
    """The explicit integral of a function of the coordinates' symbols against their weights."""
    return _weighted(integrand.xreplace({c.symbol: c.value for c in coordinates}), coordinates)


def _weighted(inside: sp.Expr, coordinates: Sequence[Coordinate]) -> sp.Expr:
    """Integral over the variables, with constant weights in front."""
    outside = sp.S.One
    for c in coordinates:
        if c.weight.has_free(c.variable):
            inside *= c.weight
        else:
            outside *= c.weight
    return outside * sp.Integral(inside, *((c.variable, c.lower, c.upper) for c in coordinates))


def _whole(v: sp.Expr, live: tuple[Coordinate, ...], original: sp.Expr | None, reason: str) -> Closed:
    """One integral of the expression as it stands."""
    expr = integral(v, live) if original is None else _weighted(original, live)
    return Closed(expr, False, (reason,), integral_dimension(expr))


def _reason(open_parts: Sequence[Component]) -> str:
    """Why integrals are left: the parts of the highest dimension decide."""
    most = max((len(part.coordinates) for part in open_parts), default=0)
    open_parts = [part for part in open_parts if len(part.coordinates) == most]
    texts: dict[str, None] = {}
    for part in open_parts:
        names = sorted(_name(atom) + (f"^{k}" if k > 1 else "") for atom, k in part.atoms)
        laws = sorted(
            {
                "an interval" if c.interval else f"{type(c.law).__name__.removesuffix('Law')} noise"
                for c in part.coordinates
            }
        )
        monomial = " times a monomial" if any(part.powers) else ""
        texts[f"{' * '.join(names)}{monomial} over {' and '.join(laws)}"] = None
    shown = list(texts)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return "left as an integral, no closed form in the tables: " + "; ".join(shown[:3]) + more


def _name(atom: sp.Expr) -> str:
    if isinstance(atom, NoiseMean):
        return f"average of {atom.primitive}"
    return PRIMITIVE_OF.get(atom.func, type(atom).__name__)
