"""Functions on a box as tensor Legendre series, and their values on tensor Gauss-Legendre grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mzsym.core.arrays import AnyArray, Array
from mzsym.evaluate.quadrature.kernels import legendre_rows, row_products
from mzsym.evaluate.quadrature.rules import gauss_legendre
from mzsym.evaluate.threads import by_rows

# Doubles that a temporary block of basis values may take: large enough for BLAS, small enough for any machine.
_CHUNK = 2**20


@dataclass(frozen=True)
class Interval:
    """One side of a box: centre and half-width."""

    center: float
    half: float

    @classmethod
    def of(cls, lower: float, upper: float) -> Interval:
        return cls(0.5 * (lower + upper), 0.5 * (upper - lower))

    def reference(self, y: Array) -> Array:
        """Coordinate on [-1, 1]; a point outside by rounding is moved to the end.

        A box of no width (a constant map) has one point, the reference point 0.
        """
        if self.half <= 0.0:
            return np.zeros_like(y)
        return np.clip((y - self.center) / self.half, -1.0, 1.0)


Sides = tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class StateSeries:
    """A function of a state as Legendre series on tensor panels, in a form that leaves this package.

    Along coordinate i panel p lies between ends[i][p] and ends[i][p + 1]; beyond the ends the function keeps its value
    there. With t in [-1, 1] the place in a panel, the function is the sum of
    coefs[k_0, k_1, ..., c] prod_i sqrt(2 j_i + 1) P_{j_i}(t_i), k_i = p_i * orders[i] + j_i.

    Attributes
    ----------
    ends : tuple of arrays
    orders : tuple of int
        Coefficients a panel, along every coordinate.
    coefs : array of shape (panels_0 * orders[0], ..., outputs)
    """

    ends: tuple[Array, ...]
    orders: tuple[int, ...]
    coefs: Array


@dataclass(frozen=True)
class Series:
    """sum_k coefs[k, c] prod_i sqrt(2 k_i + 1) P_{k_i}(t_i) over a set of multi-indices k.

    The functions are orthonormal in the uniform measure of the box. Along the last coordinate the set is a run
    0 <= k < length for every choice of the others, in lexicographic order.

    Attributes
    ----------
    sides : Sides
    lead : tuple of integer arrays of shape (runs,)
        Indices of the coordinates but the last; none in one dimension, where there is one run.
    lengths : integer array of shape (runs,)
    coefs : array of shape (sum(lengths), columns)
    """

    sides: Sides
    lead: tuple[AnyArray, ...]
    lengths: AnyArray
    coefs: Array

    @classmethod
    def full(cls, sides: Sides, sizes: Sequence[int], coefs: Array) -> Series:
        """All multi-indices below ``sizes``, coefs of shape (prod(sizes), columns)."""
        return cls(sides, _leading(sizes), np.full(math.prod(sizes[:-1]), sizes[-1]), coefs)

    def __call__(self, Y: Array) -> Array:
        """Values at Y, shape (points, dim) -> (points, columns)."""
        terms, columns = self.coefs.shape
        step = max(64, _CHUNK // max(1, terms))
        return by_rows(
            lambda block: self.rows(block) @ self.coefs, Y, columns, step, 2.0 * Y.shape[0] * terms * columns
        )

    def on_one_panel(self) -> StateSeries:
        """The same series with the terms written out that are left out here, as zeros."""
        orders = self._orders
        coefs = np.zeros((*orders, self.coefs.shape[1]))
        run = np.repeat(np.arange(len(self.lengths)), self.lengths)
        last = np.arange(len(run)) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        coefs[(*(index[run] for index in self.lead), last)] = self.coefs
        # A box of no width has one point, whose place in any panel around it is the middle.
        halves = [side.half if side.half > 0.0 else 1.0 for side in self.sides]
        ends = [np.array([s.center - half, s.center + half]) for s, half in zip(self.sides, halves, strict=True)]
        return StateSeries(tuple(ends), orders, coefs)

    @property
    def _orders(self) -> tuple[int, ...]:
        """One more than the largest index along every coordinate."""
        lead = [int(index.max(initial=0)) + 1 for index in self.lead]
        return (*lead, int(self.lengths.max(initial=0)))

    def rows(self, Y: Array) -> Array:
        """Values of the basis functions that occur, shape (points, sum(lengths))."""
        tables = [
            legendre_rows(side.reference(Y[:, i]), order)
            for i, (side, order) in enumerate(zip(self.sides, self._orders, strict=True))
        ]
        if not self.lead:
            return tables[0]
        product = tables[0][:, self.lead[0]]
        for table, index in zip(tables[1:-1], self.lead[1:], strict=True):
            product = product * table[:, index]
        return row_products(product, tables[-1], self.lengths)


def _leading(sizes: Sequence[int]) -> tuple[AnyArray, ...]:
    count = math.prod(sizes[:-1])
    return tuple(np.unravel_index(np.arange(count), tuple(sizes[:-1]))) if len(sizes) > 1 else ()


@dataclass(frozen=True)
class Grid:
    """Tensor Gauss-Legendre grid on a box, first coordinate slowest."""

    sides: Sides
    sizes: tuple[int, ...]

    @property
    def points(self) -> int:
        return math.prod(self.sizes)

    def nodes(self) -> Array:
        """Shape (points, dim)."""
        axes = [s.center + s.half * gauss_legendre(k)[0] for s, k in zip(self.sides, self.sizes, strict=True)]
        if len(axes) == 1:
            return axes[0][:, None]
        return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)

    def analyse(self, values: Array) -> Array:
        """Coefficients (all orders below ``sizes``) of the interpolant, shape (points, columns) both."""
        return transform(values, self.sizes, [analysis(k) for k in self.sizes])


@lru_cache(maxsize=48)
def analysis(count: int) -> Array:
    """Matrix from values at the Gauss nodes to Legendre coefficients."""
    nodes, weights = gauss_legendre(count)
    out: Array = np.ascontiguousarray((legendre_rows(nodes, count) * weights[:, None]).T)
    out.setflags(write=False)
    return out


def transform(block: Array, sizes: Sequence[int], matrices: Sequence[Array]) -> Array:
    """Apply one matrix along each tensor axis of a block of shape (prod(sizes), columns)."""
    columns = block.shape[1]
    shape = list(sizes)
    for axis, matrix in enumerate(matrices):
        left = math.prod(shape[:axis])
        right = math.prod(shape[axis + 1 :]) * columns
        block = np.matmul(matrix, block.reshape(left, shape[axis], right))
        shape[axis] = matrix.shape[0]
    return np.ascontiguousarray(block.reshape(math.prod(shape), columns))


def profile(coefs: Array, sizes: Sequence[int], axis: int) -> Array:
    """Size of the coefficients of each order along one axis: worst column, root mean square over the other axes."""
    cube = coefs.reshape(math.prod(sizes[:axis]), sizes[axis], math.prod(sizes[axis + 1 :]), coefs.shape[1])
    return np.asarray(np.sqrt((cube**2).sum(axis=(0, 2))).max(axis=1, initial=0.0))


def pruned(coefs: Array, sizes: Sequence[int], sides: Sides, threshold: float) -> Series:
    """Series without its smallest terms: what is left out has norm <= threshold in every column."""
    size = np.abs(coefs).max(axis=1, initial=0.0)
    order = size.argsort()
    kept = np.ones(len(size), dtype=bool)
    kept[order] = np.sqrt(np.cumsum(size[order] ** 2)) > threshold
    if len(sizes) == 1:
        length = max(1, int(np.flatnonzero(kept)[-1]) + 1) if kept.any() else 1
        return Series(sides, (), np.array([length]), np.ascontiguousarray(coefs[:length]))
    # Along the last coordinate keep everything below the last term that counts: rows of basis values stay contiguous.
    cube = kept.reshape(-1, sizes[-1])
    lengths = np.where(cube.any(axis=1), sizes[-1] - np.argmax(cube[:, ::-1], axis=1), 0)
    if not lengths.any():
        lengths[0] = 1
    runs = np.flatnonzero(lengths)
    below = (np.arange(sizes[-1]) < lengths[:, None]).ravel()
    lead = tuple(index[runs] for index in _leading(sizes))
    return Series(sides, lead, lengths[runs], np.ascontiguousarray(coefs[below]))
