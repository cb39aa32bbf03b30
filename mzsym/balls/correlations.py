"""Canonical correlations of the states of a linear chain with normal noise, in balls; MATH (24v)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import flint
import numpy as np

from mzsym.balls.numbers import precision, to_arb
from mzsym.balls.spectral import MatrixBall
from mzsym.balls.tables import block, norm_from_below
from mzsym.core import MzError

Matrix: TypeAlias = Any
"""A ``flint.arb_mat``."""

BITS = 256


def exact_matrix(rows: Sequence[Sequence[Any]]) -> Matrix:
    """Of exact numbers."""
    with precision(BITS):
        return flint.arb_mat([[to_arb(value) for value in row] for row in rows])


def identity(size: int) -> Matrix:
    """The covariance of a standard normal state."""
    return exact_matrix([[int(i == j) for j in range(size)] for i in range(size)])


def following(A: Matrix, covariance: Matrix, scales: Sequence[Any]) -> Matrix:
    """A S A^T + diag(s^2), the covariance of A X + b + xi."""
    with precision(BITS):
        moved = A * covariance * A.transpose()
        for i, scale in enumerate(scales):
            moved[i, i] = moved[i, i] + to_arb(scale) ** 2
        return moved


def largest_correlation(A: Matrix, covariance: Matrix, after: Matrix) -> tuple[float, float]:
    """Proved bounds of the largest canonical correlation of X and Y = A X + b + xi: the norm of R'^-1 A R.

    R R^T and R' R'^T are the covariances of X and Y.

    Raises
    ------
    MzError
        For a covariance that is not proved to be positive definite.
    """
    with precision(BITS):
        table = _root(after).inv() * A * _root(covariance)
    rows, columns = slice(0, table.nrows()), slice(0, table.ncols())
    ball = MatrixBall.between(*block(table, rows, columns))
    direction = np.linalg.svd(ball.center)[2][0]
    return min(1.0, norm_from_below(table, rows, columns, direction)), min(1.0, ball.norm())


def _root(matrix: Matrix) -> Matrix:
    """The Cholesky factor."""
    size = matrix.nrows()
    root = flint.arb_mat(size, size)
    for i in range(size):
        for j in range(i + 1):
            left = matrix[i, j] - sum((root[i, k] * root[j, k] for k in range(j)), flint.arb(0))
            if i == j:
                if not left > 0:
                    raise MzError("A covariance is not positive definite", "balls.correlations", "Add noise")
                root[i, i] = left.sqrt()
            else:
                root[i, j] = left / root[j, j]
    return root
