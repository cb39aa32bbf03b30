"""Functions on tensor grids of panels: nodes, series, and their averages over one-dimensional laws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.noise_numbers import NumericLaw
from mzsym.evaluate.panels.kernels import averaged_rows, point_rows
from mzsym.evaluate.quadrature.grid import analysis
from mzsym.evaluate.quadrature.rules import gauss_legendre


@dataclass(frozen=True, eq=False)
class Axis:
    """Panels along one coordinate, with the same number of Gauss nodes on each.

    The panel functions are sqrt(2j+1) P_j on one panel and zero elsewhere, j < order, panel by panel.

    Attributes
    ----------
    ends : array of shape (panels + 1,)
        Ascending.
    order : int
        Nodes, and functions, a panel.
    """

    ends: Array
    order: int

    @property
    def size(self) -> int:
        """Nodes in all."""
        return (len(self.ends) - 1) * self.order

    @cached_property
    def nodes(self) -> Array:
        """Shape (size,)."""
        middle, half = 0.5 * (self.ends[1:] + self.ends[:-1]), 0.5 * np.diff(self.ends)
        return np.ascontiguousarray((middle[:, None] + half[:, None] * gauss_legendre(self.order)[0]).ravel())

    @cached_property
    def weights(self) -> Array:
        """Weights of the nodes for Lebesgue measure, shape (size,)."""
        return np.ascontiguousarray((np.diff(self.ends)[:, None] * gauss_legendre(self.order)[1]).ravel())

    def rows(self, z: Array, gain: Array | None, law: NumericLaw) -> Array:
        """E of every panel function at z + gain * xi, shape (points, size); values beyond the ends count at the end."""
        out = np.empty((len(z), self.size))
        if law.point_mass:
            shift = float(law.ends[0])
            at = z if shift == 0.0 else z + shift * (1.0 if gain is None else gain)
            point_rows(np.ascontiguousarray(at), self.ends, self.order, out)
            return out
        t, w = gauss_legendre((self.order + law.coefs.shape[1]) // 2)
        factor = np.ones(len(z)) if gain is None else np.ascontiguousarray(gain)
        averaged_rows(np.ascontiguousarray(z), factor, law.ends, law.coefs, self.ends, self.order, t, w, out)
        return out


@dataclass(frozen=True, eq=False)
class Grid:
    """Tensor product of axes, first coordinate slowest."""

    axes: tuple[Axis, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Nodes per coordinate."""
        return tuple(axis.size for axis in self.axes)

    @property
    def points(self) -> int:
        """Nodes in all."""
        return math.prod(self.sizes)

    @cached_property
    def nodes(self) -> Array:
        """Shape (points, dim)."""
        mesh = np.meshgrid(*(axis.nodes for axis in self.axes), indexing="ij")
        return np.stack([a.ravel() for a in mesh], axis=-1)

    @cached_property
    def weights(self) -> Array:
        """Of Lebesgue measure, shape (points,)."""
        return _outer([axis.weights for axis in self.axes])

    def analyse(self, values: Array) -> Array:
        """Values at the nodes to coefficients of the panel functions, shape (points, columns) both."""
        return self._along(values, [analysis(axis.order) for axis in self.axes])

    def nodal(self, functional: Array) -> Array:
        """Functionals by their values on the panel functions, to weights of the nodes: the transpose of ``analyse``.

        Shape (points,) or (points, columns), as the result.
        """
        block = functional.reshape(self.points, -1)
        return self._along(block, [analysis(axis.order).T for axis in self.axes]).reshape(functional.shape)

    def differentiated(self, coefs: Array, i: int) -> Array:
        """Coefficients of the derivatives along coordinate i, panel by panel, shape (points, columns) both."""
        axis, left = self.axes[i], math.prod(self.sizes[:i])
        cube = coefs.reshape(left, -1, axis.order, math.prod(self.sizes[i + 1 :]) * coefs.shape[1])
        out = np.matmul(derivation(axis.order), cube) * (2.0 / np.diff(axis.ends))[:, None, None]
        return np.ascontiguousarray(out.reshape(self.points, coefs.shape[1]))

    def _along(self, block: Array, matrices: Sequence[Array]) -> Array:
        columns = block.shape[1]
        for i, (axis, matrix) in enumerate(zip(self.axes, matrices, strict=True)):
            left = math.prod(self.sizes[:i]) * (axis.size // axis.order)
            right = math.prod(self.sizes[i + 1 :]) * columns
            block = np.matmul(matrix, np.ascontiguousarray(block).reshape(left, axis.order, right))
        return np.ascontiguousarray(block.reshape(self.points, columns))

    def tails(self, coefs: Array, axis: int, last: int) -> Array:
        """Size of the last coefficients of every panel along one axis: worst column, shape (panels,)."""
        order = self.axes[axis].order
        cube = coefs.reshape(math.prod(self.sizes[:axis]), -1, order, math.prod(self.sizes[axis + 1 :]), coefs.shape[1])
        ends = cube[:, :, order - last :]
        # Over the other axes the root of the sum of squares, divided by the number of their panels: a mean square.
        others = math.prod(len(a.ends) - 1 for i, a in enumerate(self.axes) if i != axis)
        return np.asarray(np.sqrt((ends**2).sum(axis=(0, 2, 3)) / others).max(axis=1, initial=0.0))


@lru_cache(maxsize=64)
def derivation(order: int) -> Array:
    """Coefficients of f in those of f' on [-1, 1], in the functions sqrt(2j+1) P_j."""
    # P_k' is the sum of (2j+1) P_j over j = k-1, k-3, ...
    j = np.arange(order)
    below = (j[:, None] < j) & ((j[:, None] + j) % 2 == 1)
    out: Array = below * np.sqrt((2.0 * j[:, None] + 1.0) * (2.0 * j + 1.0))
    out.setflags(write=False)
    return out


def rows_of(factors: Sequence[Array]) -> Array:
    """Row-wise tensor product: (points, n_1), (points, n_2), ... -> (points, n_1 n_2 ...)."""
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, :, None] * factor[:, None, :]).reshape(len(product), -1)
    return product


def _outer(vectors: Sequence[Array]) -> Array:
    return np.asarray(rows_of([vector[None, :] for vector in vectors])[0])
