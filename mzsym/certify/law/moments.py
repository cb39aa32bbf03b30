"""Integrals over the law of X of what M makes of functions that are constant on cells; MATH (24q)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mzsym.balls.stretches import Indices
from mzsym.certify.law.cells import Cells, summed
from mzsym.certify.sharp.smoothed import legendre_rows
from mzsym.certify.steps import gauss
from mzsym.core.arrays import Array

NAMES = 3
"""Functions on a cell: 1 - theta, theta, theta (1 - theta)."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Integrals over one of the bounds of the law of X, by Gauss's rule, which is exact for them.

    Attributes
    ----------
    gram : array of shape (cells, 3, 3)
        Of the functions 1 - theta, theta, theta (1 - theta) on every cell of Z.
    mixed : array of shape (d + 1, cells, 3)
        Polynomials against them.
    polynomials : array of shape (d + 1, d + 1)
        Gram matrix of the polynomials.
    """

    gram: Array
    mixed: Array
    polynomials: Array

    @classmethod
    def of(cls, cells: Cells, degree: int, high: bool, weights: Array) -> Moments:
        """With the upper or the lower bound of the density.

        Parameters
        ----------
        cells : Cells
        degree : int
            d.
        high : bool
        weights : array of shape (cells,)
            Factors of the measure.
        """
        plain, theta, x, cell = nodes_of(cells, degree, high)
        weights = plain * weights[cell]
        count = cells.grid.cells
        values = functions_at(theta)
        gram = np.empty((count, NAMES, NAMES))
        for i in range(NAMES):
            for j in range(NAMES):
                gram[:, i, j] = summed(cell, weights * values[i] * values[j], count)
        rows = polynomials(x, degree)
        mixed = np.array([[summed(cell, weights * row * value, count) for value in values] for row in rows])
        return cls(gram, mixed.transpose(0, 2, 1), (rows * weights) @ rows.T)


def functions_at(theta: Array) -> Array:
    """1 - theta, theta, theta (1 - theta), a row each."""
    return np.stack([1.0 - theta, theta, theta * (1.0 - theta)])


def nodes_of(cells: Cells, degree: int, high: bool) -> tuple[Array, Array, Array, Indices]:
    """Weights with the density, places in the cells, points of X on [-1, 1], and the cells.

    The integrands have degree 1 in the density and at most max(4, 2 d) besides.
    """
    parts = cells.parts
    t, w = gauss(max(3, degree + 1))
    right, left = (1.0 + t) / 2.0, (1.0 - t) / 2.0
    bounds = parts.high if high else parts.low
    weights = parts.length[:, None] * (w / 2.0) * (bounds[:, :1] * left + bounds[:, 1:] * right)
    theta = parts.theta[:, :1] * left + parts.theta[:, 1:] * right
    x = parts.x[:, :1] * left + parts.x[:, 1:] * right
    return weights.ravel(), theta.ravel(), x.ravel(), np.repeat(parts.cell, len(t))


def polynomials(t: Array, degree: int) -> Array:
    """sqrt(2j+1) P_j, a row per degree."""
    rows = legendre_rows(np.clip(t, -1.0, 1.0), degree)
    return np.asarray(rows * np.sqrt(2.0 * np.arange(degree + 1.0) + 1.0)[:, None])


@dataclass(frozen=True, eq=False)
class NextNodes:
    """Gauss's rule on every cell of the next state: rows of polynomials with the lengths as weights.

    Attributes
    ----------
    rows : list of array of shape (d + 1, cells)
        The sqrt(2l+1) P_l on the hull of the next state, one node per entry.
    shares : list of (weight, left, right)
        Weights that sum to 1, and the node between both ends of a cell.
    """

    rows: list[Array]
    shares: list[tuple[float, float, float]]
    heights: Array

    @classmethod
    def of(cls, cells: Cells, degree: int, extra: int) -> NextNodes:
        """Exact for products of ``extra`` polynomials of degree d and a linear function."""
        edges = cells.grid.edges
        lo, hi = edges[0], edges[-1]
        at = np.array([(2 * edge - lo - hi) / (hi - lo) for edge in edges])
        t, w = gauss(extra * degree // 2 + 2)
        shares = [(float(b) / 2.0, (1.0 - float(a)) / 2.0, (1.0 + float(a)) / 2.0) for a, b in zip(t, w, strict=True)]
        rows = [polynomials(at[:-1] * left + at[1:] * right, degree) for _, left, right in shares]
        return cls(rows, shares, cells.grid.heights)

    def integrals(self, bounds: Array | None = None) -> Array:
        """int_b q_l dy, or against a function that is linear on every cell; (d + 1, cells)."""
        total = np.zeros_like(self.rows[0])
        for rows, (weight, left, right) in zip(self.rows, self.shares, strict=True):
            total += weight * rows * (1.0 if bounds is None else bounds[:, 0] * left + bounds[:, 1] * right)
        return total * self.heights

    def gram(self, bounds: Array) -> Array:
        """int q_l q_m against a function that is linear on every cell."""
        total = np.zeros((len(self.rows[0]),) * 2)
        for rows, (weight, left, right) in zip(self.rows, self.shares, strict=True):
            total += (rows * (weight * self.heights * (bounds[:, 0] * left + bounds[:, 1] * right))) @ rows.T
        return total
