"""Inner products with the basis of a layer: C(n,m) and the coefficients of an observable, MATH (14), (15).

The integrals of t^a M t^alpha are found once per pair of monomials; entries of the matrix combine them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.calculus import Closed, box_integral
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.derive.averages import average, average_monomial, merged, normalized_state
from mzsym.derive.chains import Chain
from mzsym.projections.indices import MonomialTable, MultiIndex

if TYPE_CHECKING:
    from mzsym.projections import TotalDegree


@dataclass(frozen=True)
class Product:
    """A matrix of inner products, or one entry of it.

    Attributes
    ----------
    matrix : ImmutableMatrix
    rules : tuple of str
        Rules of the calculus that were used.
    """

    matrix: sp.ImmutableMatrix
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Factored:
    """A matrix of inner products as scale * left * moments * right, ``left`` and ``right`` numeric."""

    scale: sp.Expr
    left: sp.ImmutableMatrix
    moments: sp.ImmutableMatrix
    right: sp.ImmutableMatrix
    rules: tuple[str, ...]


@lru_cache(maxsize=512)
def correlation(chain: Chain, projection: TotalDegree, max_operations: int) -> Product:
    """C(0,length)_ij = <eta_i, M(0,length) eta_j>, all entries explicit."""
    rows = range(projection.size(chain.dims[0]))
    columns = range(projection.size(chain.dims[-1]))
    entries = [[correlation_entry(chain, projection, i, j, max_operations) for j in columns] for i in rows]
    rules = merged(*(entry.rules for row in entries for entry in row))
    return Product(sp.ImmutableMatrix([[entry.expr for entry in row] for row in entries]), rules)


@lru_cache(maxsize=4096)
def correlation_entry(chain: Chain, projection: TotalDegree, i: int, j: int, max_operations: int) -> Closed:
    """One entry of C(0,length)."""
    if chain.length == 0:
        return Closed(sp.S.One if i == j else sp.S.Zero, True, ("the basis is orthonormal, MATH (6)",), 0)
    if projection.degree_of(j, chain.dims[-1]) == 0:
        return _constant_column(chain, projection, i)
    right = projection.monomial_coefficients(chain.dims[-1])[j]
    averages = [(number, average_monomial(chain, alpha, max_operations)) for alpha, number in right]
    scale = projection.scale_expr(chain.length, chain.dims[-1])
    return _inner(chain, projection, i, averages, scale, max_operations)


def _constant_column(chain: Chain, projection: TotalDegree, i: int) -> Closed:
    """M 1 = 1: the average of a constant needs no integral."""
    rule = ("M_n 1 = 1, MATH (4)",)
    if i:
        return Closed(sp.S.Zero, True, rule, 0)
    if projection.measure == "uniform":
        return Closed(sp.S.One, True, rule, 0)
    k = chain.length
    widths = [upper_symbol(0, a) - lower_symbol(0, a) for a in range(chain.dims[0])]
    last = [upper_symbol(k, a) - lower_symbol(k, a) for a in range(chain.dims[-1])]
    return Closed(sp.sqrt(sp.Mul(*widths)) / sp.sqrt(sp.Mul(*last)), True, rule, 0)


@lru_cache(maxsize=512)
def factored_correlation(chain: Chain, projection: TotalDegree, max_operations: int) -> Factored:
    """C(0,length) = L G R: numeric coefficients of the two bases around the integrals of t^a M t^alpha."""
    dim, last = chain.dims[0], chain.dims[-1]
    left, right = projection.monomial_coefficients(dim), projection.monomial_coefficients(last)
    rows, columns = _monomials(left), _monomials(right)
    factor = projection.weight_expr(0, dim) * projection.scale_expr(0, dim) * projection.scale_expr(chain.length, last)
    moments = [
        [_moment(dim, a, average_monomial(chain, alpha, max_operations), max_operations) for alpha in columns]
        for a in rows
    ]
    rules = merged(
        *(
            merged(average_monomial(chain, alpha, max_operations).rules, *(row[k].rules for row in moments))
            for k, alpha in enumerate(columns)
        )
    )
    middle = sp.ImmutableMatrix([[piece.expr for piece in row] for row in moments])
    return Factored(factor, _coefficients(left, rows), middle, _coefficients(right, columns).T, rules)


def _monomials(table: MonomialTable) -> tuple[MultiIndex, ...]:
    """Every monomial of a basis, by degree."""
    found = {alpha for row in table for alpha, _ in row}
    return tuple(sorted(found, key=lambda alpha: (sum(alpha), tuple(-k for k in alpha))))


def _coefficients(table: MonomialTable, monomials: tuple[MultiIndex, ...]) -> sp.ImmutableMatrix:
    rows = [dict(row) for row in table]
    return sp.ImmutableMatrix([[row.get(alpha, sp.S.Zero) for alpha in monomials] for row in rows])


@lru_cache(maxsize=512)
def coefficients(chain: Chain, projection: TotalDegree, u: tuple[sp.Expr, ...], max_operations: int) -> Product:
    """<eta_i, M(0,length) u_k> for a list of observables, shape (d, number of observables)."""
    averages = [average(chain, expr, max_operations) for expr in u]
    d = projection.size(chain.dims[0])
    entries = [
        [_inner(chain, projection, i, [(sp.S.One, column)], sp.S.One, max_operations) for column in averages]
        for i in range(d)
    ]
    rules = merged(*(entry.rules for row in entries for entry in row))
    return Product(sp.ImmutableMatrix([[entry.expr for entry in row] for row in entries]), rules)


def _inner(
    chain: Chain,
    projection: TotalDegree,
    i: int,
    functions: Sequence[tuple[sp.Expr, Closed]],
    scale: sp.Expr,
    max_operations: int,
) -> Closed:
    """<eta_i, scale * sum number * f>: closed piece by piece where every piece closes, else one integral."""
    dim = chain.dims[0]
    left = projection.monomial_coefficients(dim)[i]
    pieces = [
        (a_number * number, _moment(dim, a, function, max_operations))
        for a, a_number in left
        for number, function in functions
        if not function.expr.is_zero
    ]
    inner_rules = merged(*(function.rules for _, function in functions))
    factor = projection.weight_expr(0, dim) * projection.scale_expr(0, dim) * scale
    open_dimension = max((function.dimension for _, function in functions), default=0) + dim
    if any(piece.dimension >= open_dimension for _, piece in pieces):
        # One piece needs the full integral anyway: a single integral of the whole entry reads best and costs least.
        basis = projection.basis_exprs(0, dim)[i] * projection.weight_expr(0, dim)
        body = basis * (scale * sp.Add(*(number * function.expr for number, function in functions)))
        return Closed(_explicit(body, dim), False, merged(inner_rules, *(p.rules for _, p in pieces)), open_dimension)
    # The factor goes into every summand, where volumes cancel.
    value = sp.Add(*(number * (factor * piece.expr) for number, piece in pieces))
    dimension = max((piece.dimension for _, piece in pieces), default=0)
    return Closed(value, dimension == 0, merged(inner_rules, *(piece.rules for _, piece in pieces)), dimension)


def _box(dim: int) -> tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]:
    return tuple((state_symbol(0, i), lower_symbol(0, i), upper_symbol(0, i)) for i in range(dim))


def _explicit(body: sp.Expr, dim: int) -> sp.Expr:
    """The integral over the box of layer 0, factors without the state in front."""
    constant, rest = body.as_independent(*(state_symbol(0, i) for i in range(dim)), as_Add=False)
    return constant * sp.Integral(rest, *_box(dim))


@lru_cache(maxsize=8192)
def _moment(dim: int, a: MultiIndex, function: Closed, max_operations: int) -> Closed:
    """Integral over the box of t^a f."""
    weight = sp.Mul(*(normalized_state(0, i) ** k for i, k in enumerate(a)))
    return box_integral(weight * function.expr, _box(dim), max_operations)
