"""From the correlation matrices to every other table, MATH (14) and (15): one triangular inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads

_LEAF = 48
"""Order below which LAPACK's own triangular inverse is faster."""


def table_bytes(ranks: Sequence[int]) -> int:
    """Memory that the tables of these ranks take: C, its inverse, and the copies made on the way."""
    return 3 * 8 * sum(ranks) ** 2


def memory_matrix(C: Array) -> Array:
    """K_hat = I - C^-1, MATH (14): streaming (first block off the diagonal) and memory together.

    Parameters
    ----------
    C : array of shape (d, d)
        Unit upper triangular matrix of all C(n, m), C(n, n) = I, with zeros below the diagonal.

    Returns
    -------
    array of shape (d, d)
        Strictly upper triangular.

    Examples
    --------
    >>> memory_matrix(np.array([[1.0, 2.0, 5.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]]))
    array([[ 0.,  2., -1.],
           [ 0.,  0.,  3.],
           [ 0.,  0.,  0.]])
    """
    inverse = np.zeros_like(C, order="C")
    with blas_threads(C.shape[0] ** 3 / 3):
        _invert(C, inverse, 0, C.shape[0])
    # In place and in one sweep; 0 - 0 is +0, which a negation would turn into -0.
    K: Array = np.subtract(0.0, inverse, out=inverse)
    np.fill_diagonal(K, 0.0)
    return K


def _invert(C: Array, out: Array, start: int, stop: int) -> None:
    """Inverse of the diagonal block [start, stop), by halves: [[A, B], [0, D]]^-1 = [[A', -A'BD'], [0, D']].

    Nearly all work is in triangular products, which run at the rate of dgemm where LAPACK's dtrtri of the whole runs
    at half of it. Fortran reads columns first: the transpose of a C-ordered upper matrix is a lower one.
    """
    if stop - start <= _LEAF:
        block = slice(start, stop)
        inverse, info = dtrtri(C[block, block].T, lower=1, unitdiag=1)
        if info != 0:
            raise MzError(f"LAPACK dtrtri returned {info}", "memory table", "Report this: C has a unit diagonal")
        out[block, block] = inverse.T
        return
    middle = (start + stop) // 2
    _invert(C, out, start, middle)
    _invert(C, out, middle, stop)
    first, second = slice(start, middle), slice(middle, stop)
    product = dtrmm(-1.0, out[second, second].T, C[first, second].T.copy(order="F"), lower=1, diag=1, overwrite_b=1)
    out[first, second] = dtrmm(1.0, out[first, first].T, product, side=1, lower=1, diag=1, overwrite_b=1).T


@dataclass(frozen=True)
class Tables:
    """Every table of a backward equation.

    Attributes
    ----------
    C : array of shape (D, D), D = sum of ranks
        Block (n, m) is C(n, m) for m > n, the identity for m = n.
    offsets : tuple of int
        First row of each block, and D.
    coefficients : array of shape (D, outputs)
        c_n, n = 0..L.
    unresolved : array of shape (D, outputs)
        c_perp_n = <eta^(n), M(n, L) Q_L u>; zero for n = L.
    """

    C: Array
    offsets: tuple[int, ...]
    coefficients: Array
    unresolved: Array

    @cached_property
    def memory(self) -> Array:
        """K_hat, with K_hat(n, n+1) = A_n and K_hat(n, m) = K(n, m), shape (D, D)."""
        return memory_matrix(self.C)

    @cached_property
    def noise(self) -> Array:
        """r_n stacked, shape (D, outputs), MATH (15); zero for n = L."""
        with blas_threads(2.0 * self.memory.size):
            return self.unresolved - self.memory @ self.unresolved

    def block(self, table: Array, n: int, m: int) -> Array:
        """Copy of block (n, m) of a square table."""
        o = self.offsets
        return table[o[n] : o[n + 1], o[m] : o[m + 1]].copy()

    def rows(self, table: Array, n: int) -> Array:
        """Copy of the rows of layer n of a stacked table."""
        return table[self.offsets[n] : self.offsets[n + 1]].copy()
