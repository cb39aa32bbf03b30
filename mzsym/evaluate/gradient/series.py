"""The adjoint of one layer of a sweep: of V -> E V(F(X) + xi), coefficients on one box to values at points.

With T = (F(X) - c + m)/(h - r) and W = S V the values are psi(T) W: Legendre functions of T, and the matrix S of the
noise average, made of the ratio r/h and of a rule in units of h. What the box (c, h), the noise (its rule, the middle m
and the reach r of its support) and the map do goes through T and S.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mzsym.core.arrays import AnyArray, Array
from mzsym.evaluate.gradient.kernels import contracted_runs, legendre_slopes
from mzsym.evaluate.gradient.noise import NoiseSeed, smoothing_adjoint
from mzsym.evaluate.quadrature.grid import Sides, analysis, pruned, transform
from mzsym.evaluate.quadrature.kernels import legendre_rows, row_products
from mzsym.evaluate.quadrature.noise import NoiseLaw
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix
from mzsym.evaluate.threads import WORTHWHILE, processors

_CHUNK = 2**20
_LEAST = {2: 12.0, 3: 9.0}
"""How far terms reach along an axis at least: the smallest grids of a sweep."""


@dataclass(frozen=True)
class Pulled:
    """Derivatives of a number with respect to everything that one evaluation of a layer is made of.

    Attributes
    ----------
    block : array of shape (coefficients, columns)
        Of the coefficients on Omega_{n+1}.
    states : array of shape (points, N_{n+1})
        Of the states F_n(X).
    noise : tuple of NoiseSeed
        Of what the averages over every noise component are made of.
    centers, halves : array of shape (N_{n+1},)
        Of centre and half-width of Omega_{n+1}.
    """

    block: Array
    states: Array
    noise: tuple[NoiseSeed, ...]
    centers: Array
    halves: Array


@dataclass(frozen=True)
class _Terms:
    """The terms of a series that count for values and derivatives, as ``grid.Series`` orders them."""

    lead: tuple[AnyArray, ...]
    lengths: AnyArray
    below: AnyArray

    @property
    def orders(self) -> list[int]:
        return [int(index.max(initial=0)) + 1 for index in self.lead] + [int(self.lengths.max(initial=0))]


def pull(
    problem: Problem,
    n: int,
    block: Array,
    sizes: tuple[int, ...],
    X: Array,
    seed: Array,
    small: float,
    margin: float = 1.0,
) -> Pulled:
    """The adjoint of values(X) = E V(F_n(X) + xi_n).

    Parameters
    ----------
    problem : Problem
    n : int
        Layer.
    block : array of shape (prod(sizes), columns)
        Coefficients of V on Omega_{n+1}.
    sizes : tuple of int
    X : array of shape (points, N_n)
    seed : array of shape (points, columns)
        Derivative with respect to the values.
    small : float
        Norm of the terms that count for no value.
    margin : float
        By how much derivatives reach beyond the terms that count for values.

    Returns
    -------
    Pulled
    """
    sides, laws = problem.boxes[n + 1], problem.laws[n]
    inner = tuple(shrunken(side, law) for side, law in zip(sides, laws, strict=True))
    matrices = [smoothing_matrix(*item) for item in zip(sides, laws, sizes, strict=True)]
    stages = [block]
    for axis, matrix in enumerate(matrices):
        stages.append(_along(matrix, stages[-1], sizes, axis))
    full = stages.pop()
    terms = _counting(full, sizes, inner, small, margin)
    Y = problem.states(n, X)
    T = np.stack([side.reference(Y[:, i]) for i, side in enumerate(inner)], axis=1)
    steep, weights = _contracted(terms, T, np.ascontiguousarray(full[terms.below]), seed)
    bar = np.zeros_like(full)
    bar[terms.below] = weights
    states, centers, halves = np.zeros(Y.shape), np.zeros(len(sides)), np.zeros(len(sides))
    seeds = []
    for i in reversed(range(len(sides))):
        side, law, small_side = sides[i], laws[i], inner[i]
        averages = NoiseSeed(0.0, 0.0)
        if small_side.half > 0.0:
            states[:, i] = steep[:, i] / small_side.half
            width = -float(steep[:, i] @ T[:, i]) / small_side.half
            centers[i] = -states[:, i].sum()
            halves[i] += width
            averages = NoiseSeed(-float(centers[i]), -width)
        if law.reach > 0.0:
            by_matrix = _paired(bar, stages[i], sizes, i)
            averages, by_half = _averaged(averages, law, side.half, small_side.half, by_matrix)
            halves[i] += by_half
        seeds.append(averages)
        bar = _along(np.ascontiguousarray(matrices[i].T), bar, sizes, i)
    return Pulled(bar, states, tuple(reversed(seeds)), centers, halves)


def _averaged(seed: NoiseSeed, law: NoiseLaw, half: float, inner: float, by_matrix: Array) -> tuple[NoiseSeed, float]:
    """A seed with what comes through the smoothing matrix, and the derivative by the half-width of the domain."""
    scaled, degree = law.scaled(1.0 / half), len(by_matrix) - 1
    by_inner, by_offsets, by_weights = smoothing_adjoint(scaled, inner / half, by_matrix)
    offsets, _ = scaled.rule(degree)
    by_half = (by_inner * law.reach / half - float(by_offsets @ offsets)) / half
    reach = seed.reach - by_inner / half
    return NoiseSeed(seed.middle, reach, degree, by_offsets / half, by_weights), by_half


def _along(matrix: Array, block: Array, sizes: tuple[int, ...], axis: int) -> Array:
    """A square matrix applied along one tensor axis of a block of shape (prod(sizes), columns)."""
    return np.asarray(np.matmul(matrix, _cube(block, sizes, axis)).reshape(block.shape))


def _paired(bar: Array, block: Array, sizes: tuple[int, ...], axis: int) -> Array:
    """The derivative by the matrix that is applied to a block along an axis: products summed over all other axes."""
    return np.asarray(np.matmul(_cube(bar, sizes, axis), _cube(block, sizes, axis).transpose(0, 2, 1)).sum(axis=0))


def _cube(block: Array, sizes: tuple[int, ...], axis: int) -> Array:
    return np.ascontiguousarray(block).reshape(math.prod(sizes[:axis]), sizes[axis], -1)


def _counting(full: Array, sizes: tuple[int, ...], inner: Sides, small: float, margin: float) -> _Terms:
    """Terms that count: the kept ones, all below them, and those that a product of the decays along the axes has.

    A term that vanishes by symmetry, or because a weight is 0, has a derivative all the same. Kept terms reach as far
    along an axis as the smoothed functions do, and not less far than the smallest grids, which serve functions that do
    not depend on that coordinate.
    """
    last = sizes[-1]
    if len(sizes) == 1:
        return _Terms((), np.array([last]), np.ones(last, dtype=bool))
    series = pruned(full, sizes, inner, small)
    lengths = np.zeros(sizes[:-1], dtype=np.int64)
    lengths[series.lead] = series.lengths
    extents = [*(int(index.max()) + 1 for index in series.lead), int(series.lengths.max())]
    reach = [min(k, max(_LEAST[len(sizes)], margin * m + 1.0)) for k, m in zip(sizes, extents, strict=True)]
    for axis in range(lengths.ndim):
        lengths = np.flip(np.maximum.accumulate(np.flip(lengths, axis), axis=axis), axis)
    ratios = np.meshgrid(*(np.arange(k) / m for k, m in zip(sizes[:-1], reach[:-1], strict=True)), indexing="ij")
    simplex = np.ceil(reach[-1] * (1.0 - np.add.reduce(ratios)))
    lengths = np.clip(np.maximum(lengths, simplex), 0, last).astype(np.int64).ravel()
    runs = np.flatnonzero(lengths)
    lead = tuple(index[runs] for index in np.unravel_index(np.arange(lengths.size), sizes[:-1]))
    return _Terms(lead, lengths[runs], (np.arange(last) < lengths[:, None]).ravel())


def _contracted(terms: _Terms, T: Array, coefs: Array, seed: Array) -> tuple[Array, Array]:
    """Derivatives with respect to T, shape (points, dim), and to the coefficients, of the series at T."""
    points, count = T.shape[0], coefs.shape[0]
    step = max(64, _CHUNK // max(1, count))
    blocks = [slice(start, start + step) for start in range(0, points, step)]
    steep, turned = np.empty_like(T), np.ascontiguousarray(coefs.T)

    def run(block: slice) -> Array:
        rows, slopes = _tables(terms, T[block])
        steep[block] = _slopes(terms, rows, slopes, seed[block] @ turned)
        return _products(terms, rows).T @ seed[block]

    work = 4.0 * points * count * coefs.shape[1]
    workers = min(processors(), len(blocks)) if work > WORTHWHILE else 1
    if workers <= 1:
        return steep, np.asarray(sum(run(block) for block in blocks))
    with ThreadPoolExecutor(workers) as pool:
        return steep, np.asarray(sum(pool.map(run, blocks)))


def _tables(terms: _Terms, T: Array) -> tuple[list[Array], list[Array]]:
    """Legendre functions and their slopes along every axis."""
    axes = [np.ascontiguousarray(T[:, i]) for i in range(T.shape[1])]
    pairs = list(zip(axes, terms.orders, strict=True))
    return [legendre_rows(*pair) for pair in pairs], [legendre_slopes(*pair) for pair in pairs]


def _lead(terms: _Terms, tables: Sequence[Array]) -> Array:
    product = tables[0][:, terms.lead[0]]
    for table, index in zip(tables[1:], terms.lead[1:], strict=True):
        product = product * table[:, index]
    return product


def _products(terms: _Terms, rows: Sequence[Array]) -> Array:
    return row_products(_lead(terms, rows[:-1]), rows[-1], terms.lengths) if terms.lead else rows[0]


def _slopes(terms: _Terms, rows: Sequence[Array], slopes: Sequence[Array], G: Array) -> Array:
    """sum_k G[p, k] d(product of rows)/dT_i, shape (points, dim)."""
    if not terms.lead:
        return np.asarray(np.einsum("pk,pk->p", slopes[0], G)[:, None])
    inner, steep = (np.empty((G.shape[0], len(terms.lengths))) for _ in range(2))
    contracted_runs(np.ascontiguousarray(G), rows[-1], slopes[-1], terms.lengths, inner, steep)
    out = []
    for axis in range(len(rows) - 1):
        tables = [*rows[:axis], slopes[axis], *rows[axis + 1 : -1]]
        out.append(np.einsum("pr,pr->p", _lead(terms, tables), inner))
    out.append(np.einsum("pr,pr->p", _lead(terms, rows[:-1]), steep))
    return np.stack(out, axis=1)


def analysed_adjoint(bar: Array, sizes: Sequence[int]) -> Array:
    """The adjoint of ``Grid.analyse``: from derivatives by coefficients to derivatives by values at the nodes."""
    return transform(bar, sizes, [np.ascontiguousarray(analysis(k).T) for k in sizes])
