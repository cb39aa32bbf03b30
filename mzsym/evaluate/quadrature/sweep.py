"""One backward pass: from the observable and the bases to every C(n, m) and c_n, on one grid per layer.

All functions M(n, m) eta^(m), m > n, and M(n, L) Q_L u travel together as the columns of one block: one smoothing, one
composition with F_n and one analysis per layer. The error of the pass is the sum of the interpolation errors of the
layers, because the noise average is exact on polynomials and M_n does not expand the largest absolute value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.quadrature.grid import Series, pruned, transform
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.quadrature.sizes import Chooser, Evaluation
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix
from mzsym.evaluate.tables import Tables


@dataclass(frozen=True)
class Sweep:
    """Result of one pass.

    Attributes
    ----------
    sizes : tuple of tuples of int
        Nodes per coordinate of every layer's grid.
    tables : Tables
    first : Series
        z -> E q_1(z + xi_0): composed with F_0 it is q_0.
    carried : Series
        The same for all columns: eta^(1), M(1, 2) eta^(2), ..., M(1, L) eta^(L), M(1, L) Q_L u.
    limits : tuple of str
        What stopped the refinement of a layer early; empty when every layer is resolved.
    blocks : tuple of arrays
        Where they were to be kept: coefficients of eta^(n), M(n, n+1) eta^(n+1), ..., M(n, L) Q_L u, layer by layer.
    """

    sizes: tuple[tuple[int, ...], ...]
    tables: Tables
    first: Series
    carried: Series
    limits: tuple[str, ...]
    blocks: tuple[Array, ...] = ()


def smoothed(problem: Problem, n: int, coefs: Array, sizes: Sequence[int], threshold: float) -> Series:
    """z -> E v(z + xi_n) for the columns v on Omega_{n+1}, without terms below the threshold."""
    sides, laws = problem.boxes[n + 1], problem.laws[n]
    inner = tuple(shrunken(side, law) for side, law in zip(sides, laws, strict=True))
    matrices = [smoothing_matrix(*item) for item in zip(sides, laws, sizes, strict=True)]
    return pruned(transform(coefs, sizes, matrices), sizes, inner, threshold)


def run_sweep(problem: Problem, chooser: Chooser, keep: bool = False) -> Sweep:
    """Run the pass with the grids that ``chooser`` settles on; ``keep`` the functions on every layer."""
    return _Pass(problem, chooser).run(keep)


class _Pass:
    """The state of a pass on its way from layer L to layer 0."""

    def __init__(self, problem: Problem, chooser: Chooser) -> None:
        self.problem, self.chooser = problem, chooser
        self.offsets = tuple(int(k) for k in np.concatenate([[0], np.cumsum(problem.ranks)]))
        total = self.offsets[-1]
        self.C = np.zeros((total, total))
        np.fill_diagonal(self.C, 1.0)
        self.coefficients = np.zeros((total, problem.outputs))
        self.unresolved = np.zeros((total, problem.outputs))
        self.sizes: list[tuple[int, ...]] = [()] * (problem.depth + 1)
        self.limits: list[str] = []

    def run(self, keep: bool) -> Sweep:
        depth = self.problem.depth
        with blas_threads():
            block = self._last()
            blocks = [block]
            for n in range(depth - 1, -1, -1):
                series = smoothed(self.problem, n, block, self.sizes[n + 1], self.chooser.negligible(block))
                if n == 0:
                    first, carried = replace(series, coefs=self._observables(series.coefs)), series
                block = self._layer(n, series)
                blocks.append(block)
                if not keep:
                    del blocks[0]
        tables = Tables(self.C, self.offsets, self.coefficients, self.unresolved)
        kept = tuple(reversed(blocks)) if keep else ()
        return Sweep(tuple(self.sizes), tables, first, carried, tuple(self.limits), kept)

    def _last(self) -> Array:
        """Coefficients of [eta^(L), Q_L u] on the last grid."""
        problem, n = self.problem, self.problem.depth
        coefs = self._choose(n, _checked(problem.observable, f"observable on the domain of X_{n}"), problem.outputs)
        basis = self._basis(n)
        c = problem.masses[n] * (basis.T @ coefs)
        self.coefficients[self.offsets[n] :] = c
        perpendicular = coefs - basis @ c
        return np.hstack([basis, perpendicular])

    def _layer(self, n: int, series: Series) -> Array:
        """Row n of every table, and the block of columns on the grid of layer n."""
        problem, o = self.problem, self.offsets

        def values(X: Array) -> Array:
            return series(problem.states(n, X))

        columns = series.coefs.shape[1]
        coefs = self._choose(n, values, columns, len(series.coefs))
        basis = self._basis(n)
        row = problem.masses[n] * (basis.T @ coefs)
        known = columns - problem.outputs
        here = slice(o[n], o[n + 1])
        self.C[here, o[n + 1] :] = row[:, :known]
        self.unresolved[here] = row[:, known:]
        last = self.coefficients[o[-2] :]
        self.coefficients[here] = row[:, known - problem.ranks[-1] : known] @ last + row[:, known:]
        return np.hstack([basis, coefs])

    def _choose(self, n: int, values: Callable[[Array], Array], columns: int, terms: int = 1) -> Array:
        sides, degrees = self.problem.boxes[n], self.problem.degrees[n]
        sizes, coefs, limit = self.chooser.choose(Evaluation(n, sides, degrees, values, columns, terms))
        self.sizes[n] = sizes
        if limit:
            self.limits.append(limit)
        return coefs

    def _basis(self, n: int) -> Array:
        """Coefficients of eta^(n), exact up to rounding: its degrees lie below the sizes."""
        return self.problem.unit_basis(self.sizes[n]) / math.sqrt(self.problem.masses[n])

    def _observables(self, columns: Array) -> Array:
        """Columns of q from those of eta^(L) and Q_L u."""
        d, outputs = self.problem.ranks[-1], self.problem.outputs
        known = columns[:, columns.shape[1] - outputs - d : columns.shape[1] - outputs]
        return known @ self.coefficients[self.offsets[-2] :] + columns[:, columns.shape[1] - outputs :]


def _checked(function: Callable[[Array], Array], where: str) -> Callable[[Array], Array]:
    def run(X: Array) -> Array:
        values = function(X)
        if not np.isfinite(values).all():
            raise MzError(
                f"The observable is not finite at {int((~np.isfinite(values)).sum())} of {values.size} values",
                where,
                "Use an observable that is finite on the output domain",
            )
        return values

    return run


def kept_bytes(problem: Problem, points: Sequence[int]) -> int:
    """Memory that the functions of all layers take on these grids."""
    widths = np.cumsum([*reversed(problem.ranks)])[::-1] + problem.outputs
    return sum(8 * p * int(w) for p, w in zip(points, widths, strict=True))


def points_of(sizes: Sequence[Sequence[int]]) -> list[int]:
    """Grid points of every layer."""
    return [math.prod(size) for size in sizes]
