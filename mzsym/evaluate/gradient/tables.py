"""The adjoint of the tables: from K_hat, r and c to the correlations that a sweep computes, MATH (14), (15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.tables import Tables


@dataclass
class Seeds:
    """Derivatives of a number with respect to every entry of the tables, and to q_0 at points.

    Attributes
    ----------
    memory, correlation : array of shape (D, D)
        Blocks above the diagonal count; streaming is the first block off it.
    noise, coefficients : array of shape (D, outputs)
    points : list of (X, array of shape (points, outputs))
        The points at which q_0 was asked, and the derivative with respect to the values there.
    """

    memory: Array
    correlation: Array
    noise: Array
    coefficients: Array
    points: list[tuple[Array, Array]] = field(default_factory=list)

    @classmethod
    def zero(cls, tables: Tables) -> Seeds:
        """Nothing depends on anything yet."""
        square, stacked = tables.C.shape, tables.coefficients.shape
        return cls(np.zeros(square), np.zeros(square), np.zeros(stacked), np.zeros(stacked))


@dataclass
class PassSeeds:
    """The same with respect to what a sweep computes: C, c_L and c_perp."""

    C: Array
    last: Array
    unresolved: Array


def pulled_tables(tables: Tables, seeds: Seeds) -> PassSeeds:
    """The chain rule through K_hat = I - C^-1, r = (I - K_hat) c_perp and c_n = C(n, L) c_L + c_perp_n.

    dK_hat = C^-1 dC C^-1 turns the seed of K_hat into C^-T K_bar C^-T with C^-1 = I - K_hat.
    """
    o, K = tables.offsets, tables.memory
    last, rest = slice(o[-2], o[-1]), slice(0, o[-2])
    with blas_threads():
        memory = seeds.memory.copy()
        if seeds.noise.any():
            memory -= seeds.noise @ tables.unresolved.T
        C = seeds.correlation + _through_inverse(K, _above(memory, o))
        C[rest, last] += seeds.coefficients[rest] @ tables.coefficients[last].T
        unresolved = seeds.noise - K.T @ seeds.noise
        unresolved[rest] += seeds.coefficients[rest]
        c_last = seeds.coefficients[last] + tables.C[rest, last].T @ seeds.coefficients[rest]
    # c_perp vanishes on the last layer, whatever the parameters are.
    unresolved[last] = 0.0
    return PassSeeds(_above(C, o), c_last, unresolved)


def _above(matrix: Array, offsets: tuple[int, ...]) -> Array:
    """In place: zero on and below the diagonal blocks, where tables are constant."""
    for start, stop in pairwise(offsets):
        matrix[start:stop, :stop] = 0.0
    return matrix


def _through_inverse(K: Array, seed: Array) -> Array:
    """(I - K)^T seed (I - K)^T, on the rows and columns that the seed has."""
    rows, columns = np.flatnonzero(seed.any(axis=1)), np.flatnonzero(seed.any(axis=0))
    if not len(rows):
        return np.zeros_like(seed)
    left, right = -K[rows].T, -K[:, columns].T
    left[rows, np.arange(len(rows))] += 1.0
    right[np.arange(len(columns)), columns] += 1.0
    block = seed[np.ix_(rows, columns)]
    return np.asarray((left @ block) @ right if len(rows) >= len(columns) else left @ (block @ right))
