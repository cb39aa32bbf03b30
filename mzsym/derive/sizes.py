"""What terms cost: counted after they are built, estimated before, so that nothing is expanded by accident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core import MzError
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

WIDE = 2**14
"""Entries (outputs times inputs) of a layer up to which its exact terms are looked at, entry by entry."""


@dataclass(frozen=True, eq=False)
class LayerSize:
    """What the estimates know of a layer; layers that are alike share one.

    Attributes
    ----------
    rows : tuple of _Shape
        Of every component of F + G xi.
    dim : int
        Of the state before.
    noise, weights : int
        Noise components, and random weights.
    """

    rows: tuple[_Shape, ...]
    dim: int
    noise: int
    weights: int


@dataclass(frozen=True)
class Stretch:
    """Layers in order, and the dimension of the state after them."""

    layers: tuple[LayerSize, ...]
    last: int

    @property
    def first(self) -> int:
        """Dimension of the state before them."""
        return self.layers[0].dim if self.layers else self.last

    @property
    def dimension(self) -> int:
        """Integrations over noise and random weights that may remain: the last layer's noise goes into moments."""
        return sum(layer.noise for layer in self.layers[:-1]) + sum(layer.weights for layer in self.layers)

    def pulled(self, shape: _Shape, down_to: int = 0) -> _Shape:
        """The size of a function of the last state as one of the state of layer ``down_to``."""
        for layer in reversed(self.layers[down_to:]):
            shape = shape.through(layer.rows)
        return shape


def stretch_of(chain: Chain) -> Stretch:
    """The sizes of a chain's layers."""
    return Stretch(tuple(layer_size(chain, k) for k in range(chain.length)), chain.dims[-1])


@lru_cache(maxsize=512)
def layer_size(chain: Chain, k: int = 0) -> LayerSize:
    """The size of one layer of a chain."""
    noise = (sp.S.Zero,) * len(chain.maps[k]) if chain.gains[k] is None else chain.noise_rows(k)
    rows = []
    for expr, added in zip(chain.maps[k], noise, strict=True):
        main, more = _shape(expr, k, chain.dims[k]), _shape(added, k, chain.dims[k])
        counts = tuple(i + j for i, j in zip(main.occurrences, more.occurrences, strict=True))
        rows.append(_Shape(main.operations + more.operations, counts))
    return LayerSize(tuple(rows), chain.dims[k], len(chain.laws[k]), len(chain.weights[k]))


def check_width(n: int, rows: int, columns: int) -> None:
    """Refuse a layer that is too wide to be written entry by entry, before any of its expressions are made."""
    if rows * columns > WIDE:
        raise MzError(
            f"Layer {n} has {rows} outputs and {columns} inputs, too many to write its terms entry by entry",
            f"exact terms, layer {n}",
            f"Use layers of at most {WIDE} entries; the operator equation and certificates take wider ones",
        )


@lru_cache(maxsize=4096)
def estimate_average(stretch: Stretch, alpha: tuple[int, ...]) -> Estimate:
    """Size of M(0,length) t^alpha."""
    if not stretch.layers:
        return Estimate(4.0 * sum(alpha), 0)
    # One layer: moments give prod (1 + a//2) products, each with one power of every normalized map, MATH (17).
    terms, each = prod(1 + a // 2 for a in alpha), 8.0
    if len(stretch.layers) > 1 or stretch.layers[-1].weights:
        # Two layers: every monomial in the activations becomes a head or an integral, MATH (18). Random weights of
        # one layer do the same.
        terms, each = prod(1 + a for a in alpha), 12.0
    shape = _Shape(each * terms, tuple(float(terms * (a > 0)) for a in alpha))
    return Estimate(stretch.pulled(shape).operations, stretch.dimension)


def estimate_function(stretch: Stretch, functions: tuple[sp.Expr, ...]) -> Estimate:
    """Size of M(0,length) v for functions v of the last state, all together."""
    shapes = [_shape(expr, len(stretch.layers), stretch.last) for expr in functions]
    total = sum(stretch.pulled(shape).operations for shape in shapes)
    return Estimate(min(total, _CAP), stretch.dimension)


@lru_cache(maxsize=4096)
def estimate_correlation(stretch: Stretch, projection: TotalDegree) -> Estimate:
    """Size of C(0,length) with every entry written out."""
    dim, last = stretch.first, stretch.last
    dimension = dim + stretch.dimension
    if max(projection.size(dim), projection.size(last)) > LISTED:
        # A large basis is judged by one function of the highest degree, without listing it.
        top = (projection.degree_of(projection.size(last) - 1, last), *((0,) * (last - 1)))
        each = estimate_average(stretch, top).operations + 6.0
        return Estimate(min(each * projection.size(dim) * projection.size(last), _CAP), dimension)
    left = sum(_basis_operations(row) for row in projection.monomial_coefficients(dim))
    rows = projection.size(dim)
    total = 0.0
    for row in projection.monomial_coefficients(last):
        inside = sum(estimate_average(stretch, alpha).operations + 2 for alpha, _ in row)
        total += rows * inside + left
    return Estimate(min(total, _CAP), dimension)


def estimate_pairs(stretch: Stretch, at: int, projection: FiniteRank, boxed: bool, law: bool) -> Estimate:
    """Size of all <psi_j, M phi_k> of layers ``at`` and the last one, written out."""
    length, last = len(stretch.layers), stretch.last
    dim = stretch.layers[at].dim if at < length else last
    rows, columns = projection.size(dim), projection.size(last)
    dimension = dim + stretch.dimension
    if max(rows, columns) > LISTED:
        top = (projection.degree_of(columns - 1, last) or 1, *((0,) * (last - 1)))
        return Estimate(min((estimate_average(stretch, top).operations + 6.0) * rows * columns, _CAP), dimension)
    total = 0.0
    for expr in projection.basis_exprs(length, last, boxed):
        total += rows * stretch.pulled(_shape(sp.sympify(expr), length, last), at).operations
    if length > at and law and at > 0:
        total *= 2.0 ** min(at, 60)
    tests = projection.test_exprs(at, dim, boxed)
    total += columns * float(sum(sp.count_ops(expr) + 2 for expr in tests))
    return Estimate(min(total, _CAP), dimension)


def _shape(expr: sp.Expr, k: int, dim: int) -> _Shape:
    """Operations of a function of X_k, and how often each component occurs: in one walk, for states may be wide."""
    place = {state_symbol(k, i): i for i in range(dim)}
    counts = [0.0] * dim
    for node in sp.preorder_traversal(expr):
        if node in place:
            counts[place[node]] += 1.0
    return _Shape(float(sp.count_ops(expr)), tuple(counts))


def _basis_operations(row: tuple[tuple[tuple[int, ...], sp.Expr], ...]) -> float:
    return float(sum(2 + 6 * sum(1 for a in alpha if a) for alpha, _ in row))


def estimate_product(left: Estimate, right: Estimate, rows: int, inner: int, columns: int) -> Estimate:
    """Size of a written-out product of two written-out matrices."""
    # Every entry of the left factor appears once per column, every entry of the right once per row.
    operations = left.operations * columns + right.operations * rows + 2.0 * rows * inner * columns
    return Estimate(min(operations, _CAP), max(left.dimension, right.dimension))
