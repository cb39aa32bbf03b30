"""What terms cost: counted after they are built, estimated before, so that nothing is expanded by accident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core.names import state_symbol
from mzsym.derive.chains import Chain

if TYPE_CHECKING:
    from mzsym.projections import FiniteRank, TotalDegree

NODES_PER_DIMENSION = 16
"""Quadrature nodes assumed along each remaining dimension in an estimate of flops."""


@dataclass(frozen=True)
class Cost:
    """What one evaluation of a term takes.

    Attributes
    ----------
    operations : int
        SymPy operations in the expression.
    integrals : int
        Integrals that no rule closed.
    dimension : int
        Largest dimension among them, 0 when closed.
    flops : float
        Estimate for the whole term, with 16 nodes per remaining dimension.
    """

    operations: int
    integrals: int
    dimension: int
    flops: float


@lru_cache(maxsize=4096)
def operations(expr: sp.Expr) -> int:
    """SymPy operations of an expression, its integrals and heads included."""
    return int(sp.count_ops(expr))


def dimension(expr: sp.Basic) -> int:
    """Largest number of nested integrations, 0 when there is none."""
    if not expr.has(sp.Integral):
        return 0
    own = len(expr.limits) if isinstance(expr, sp.Integral) else 0
    return own + max((dimension(arg) for arg in expr.args), default=0)


def _flops(expr: sp.Basic) -> float:
    """Operations weighted by how often a tensor quadrature would run them."""
    if not expr.has(sp.Integral):
        return float(sp.count_ops(expr))
    if isinstance(expr, sp.Integral):
        return float(NODES_PER_DIMENSION ** len(expr.limits)) * (1.0 + _flops(expr.function))
    return len(expr.args) + sum(_flops(arg) for arg in expr.args)


def cost_of(entries: Iterable[sp.Expr]) -> Cost:
    """Cost of a term whose entries are these."""
    total, integrals, deepest, flops = 0, 0, 0, 0.0
    for expr in entries:
        total += operations(expr)
        integrals += len(expr.atoms(sp.Integral))
        deepest = max(deepest, dimension(expr))
        flops += _flops(expr)
    return Cost(total, integrals, deepest, flops)


@dataclass(frozen=True)
class Estimate:
    """Size of a term before it is built; an order of magnitude, never a promise.

    Attributes
    ----------
    operations : float
        SymPy operations when written out.
    dimension : int
        Upper bound on the dimension of the integrals that may remain.
    """

    operations: float
    dimension: int

    def plus(self, other: Estimate) -> Estimate:
        """Size of a sum."""
        return Estimate(min(self.operations + other.operations, _CAP), max(self.dimension, other.dimension))


@dataclass(frozen=True)
class _Shape:
    """Operations of an expression and how often each state component occurs in it."""

    operations: float
    occurrences: tuple[float, ...]

    def through(self, rows: tuple[_Shape, ...]) -> _Shape:
        """The size after each component is replaced by the map of the layer below."""
        pairs = list(zip(self.occurrences, rows, strict=True))
        operations = self.operations + sum(k * (row.operations + 1) for k, row in pairs)
        counts = [sum(k * row.occurrences[i] for k, row in pairs) for i in range(len(rows[0].occurrences))]
        # Capped: nested maps multiply, and only "too large" matters beyond this.
        return _Shape(min(operations, _CAP), tuple(min(count, _CAP) for count in counts))


_CAP = 1e15

LISTED = 300
"""Basis functions up to which an estimate looks at each."""


@lru_cache(maxsize=512)
def _layer_shapes(chain: Chain, k: int) -> tuple[_Shape, ...]:
    symbols = [state_symbol(k, i) for i in range(chain.dims[k])]
    noise = (sp.S.Zero,) * len(chain.maps[k]) if chain.gains[k] is None else chain.noise_rows(k)
    return tuple(
        _Shape(
            float(sp.count_ops(expr) + sp.count_ops(added)),
            tuple(float(expr.count(symbol) + added.count(symbol)) for symbol in symbols),
        )
        for expr, added in zip(chain.maps[k], noise, strict=True)
    )


def _dimension(chain: Chain) -> int:
    """Integrations that may remain over noise and random weights: the last layer's noise goes into moments."""
    noise = sum(len(row) for row in chain.laws[:-1])
    return noise + sum(len(row) for row in chain.weights)


@lru_cache(maxsize=4096)
def estimate_average(chain: Chain, alpha: tuple[int, ...]) -> Estimate:
    """Size of M(0,length) t^alpha."""
    if chain.length == 0:
        return Estimate(4.0 * sum(alpha), 0)
    # One layer: moments give prod (1 + a//2) products, each with one power of every normalized map, MATH (17).
    terms, each = prod(1 + a // 2 for a in alpha), 8.0
    if chain.length > 1 or chain.weights[-1]:
        # Two layers: every monomial in the activations becomes a head or an integral, MATH (18). Random weights of
        # one layer do the same.
        terms, each = prod(1 + a for a in alpha), 12.0
    shape = _Shape(each * terms, tuple(float(terms * (a > 0)) for a in alpha))
    shape = shape.through(_layer_shapes(chain, chain.length - 1))
    for k in range(chain.length - 2, -1, -1):
        shape = shape.through(_layer_shapes(chain, k))
    return Estimate(shape.operations, _dimension(chain))


@lru_cache(maxsize=4096)
def estimate_function(chain: Chain, functions: tuple[sp.Expr, ...]) -> Estimate:
    """Size of M(0,length) v for functions v of the last state, all together."""
    total = 0.0
    for expr in functions:
        shape = _shape(expr, chain.length, chain.dims[-1])
        for k in range(chain.length - 1, -1, -1):
            shape = shape.through(_layer_shapes(chain, k))
        total += shape.operations
    return Estimate(min(total, _CAP), _dimension(chain))


@lru_cache(maxsize=4096)
def estimate_correlation(chain: Chain, projection: TotalDegree) -> Estimate:
    """Size of C(0,length) with every entry written out."""
    dim, last = chain.dims[0], chain.dims[-1]
    if max(projection.size(dim), projection.size(last)) > LISTED:
        # A large basis is judged by one function of the highest degree, without listing it.
        top = (projection.degree_of(projection.size(last) - 1, last), *((0,) * (last - 1)))
        each = estimate_average(chain, top).operations + 6.0
        whole = each * projection.size(dim) * projection.size(last)
        return Estimate(min(whole, _CAP), dim + _dimension(chain))
    left = sum(_basis_operations(row) for row in projection.monomial_coefficients(dim))
    rows = projection.size(dim)
    total = 0.0
    for row in projection.monomial_coefficients(last):
        inside = sum(estimate_average(chain, alpha).operations + 2 for alpha, _ in row)
        total += rows * inside + left
    return Estimate(min(total, _CAP), dim + _dimension(chain))


@lru_cache(maxsize=4096)
def estimate_pairs(chain: Chain, at: int, projection: FiniteRank, boxed: bool, law: bool) -> Estimate:
    """Size of all <psi_j, M phi_k> of layers ``at`` and the last one, written out."""
    dim, last, length = chain.dims[at], chain.dims[-1], chain.length
    rows, columns = projection.size(dim), projection.size(last)
    dimension = dim + _dimension(chain)
    if max(rows, columns) > LISTED:
        top = (projection.degree_of(columns - 1, last) or 1, *((0,) * (last - 1)))
        return Estimate(min((estimate_average(chain, top).operations + 6.0) * rows * columns, _CAP), dimension)
    total = 0.0
    for expr in projection.basis_exprs(length, last, boxed):
        shape = _shape(sp.sympify(expr), length, last)
        for k in range(length - 1, at - 1, -1):
            shape = shape.through(_layer_shapes(chain, k))
        total += rows * shape.operations
    if length > at and law and at > 0:
        total *= 2.0**at
    tests = projection.test_exprs(at, dim, boxed)
    total += columns * float(sum(sp.count_ops(expr) + 2 for expr in tests))
    return Estimate(min(total, _CAP), dimension)


def _shape(expr: sp.Expr, k: int, dim: int) -> _Shape:
    symbols = [state_symbol(k, i) for i in range(dim)]
    return _Shape(float(sp.count_ops(expr)), tuple(float(expr.count(symbol)) for symbol in symbols))


def _basis_operations(row: tuple[tuple[tuple[int, ...], sp.Expr], ...]) -> float:
    return float(sum(2 + 6 * sum(1 for a in alpha if a) for alpha, _ in row))


def estimate_product(left: Estimate, right: Estimate, rows: int, inner: int, columns: int) -> Estimate:
    """Size of a written-out product of two written-out matrices."""
    # Every entry of the left factor appears once per column, every entry of the right once per row.
    operations = left.operations * columns + right.operations * rows + 2.0 * rows * inner * columns
    return Estimate(min(operations, _CAP), max(left.dimension, right.dimension))
