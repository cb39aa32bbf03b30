"""C, K, r and c of a chain in balls, MATH (14), (15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

import flint
import numpy as np

from mzsym.balls.numbers import Arb, lower, precision, upper
from mzsym.core.arrays import Array

Matrix: TypeAlias = Any
"""A ``flint.arb_mat``."""


@dataclass(frozen=True, eq=False)
class BallTables:
    """Stacked tables; the rows of layer n are offsets[n] ... offsets[n + 1] - 1.

    Attributes
    ----------
    C, memory : arb_mat of shape (D, D)
    coefficients, noise : arb_mat of shape (D, outputs)
    offsets : tuple of int
    """

    C: Matrix
    memory: Matrix
    coefficients: Matrix
    noise: Matrix
    offsets: tuple[int, ...]


def tables_of(rows: Sequence[Matrix], ranks: Sequence[int], roots: Sequence[Arb] | None = None) -> BallTables:
    """Every table from inner products, at the precision of this moment.

    Parameters
    ----------
    rows : sequence of arb_mat
        For n = 0..L the inner products of eta^(n) with M(n, m) eta^(m), n < m <= L, and M(n, L) u, side by side, in the
        uniform laws.
    ranks : sequence of int
        Of the projections of X_0..X_L.
    roots : sequence of arb, optional
        Square roots of the volumes of the boxes, where the measure is Lebesgue's.
    """
    depth = len(ranks) - 1
    offsets = tuple(accumulate(ranks, initial=0))
    total, outputs = offsets[-1], rows[-1].ncols()
    C, coefficients = flint.arb_mat(total, total), flint.arb_mat(total, outputs)
    for i in range(total):
        C[i, i] = flint.arb(1)
    for n, row in enumerate(rows):
        width = row.ncols() - outputs
        for i in range(row.nrows()):
            for j in range(row.ncols()):
                if j < width:
                    C[offsets[n] + i, offsets[n + 1] + j] = row[i, j]
                else:
                    coefficients[offsets[n] + i, j - width] = row[i, j]
    if roots is not None:
        _rescale(C, coefficients, [root for root, rank in zip(roots, ranks, strict=True) for _ in range(rank)])
    memory = -C.inv()
    for i in range(total):
        memory[i, i] = memory[i, i] + 1
    return BallTables(C, memory, coefficients, _noise(C, memory, coefficients, offsets[depth]), offsets)


def _noise(C: Matrix, memory: Matrix, coefficients: Matrix, last: int) -> Matrix:
    """r = (I - K) c-perp, c-perp_n = c_n - C(n, L) c_L, MATH (15); the rows of layer L start at ``last``."""
    total, outputs = C.nrows(), coefficients.ncols()
    unresolved = flint.arb_mat(total, outputs)
    for i in range(last):
        for j in range(outputs):
            resolved = sum((C[i, k] * coefficients[k, j] for k in range(last, total)), flint.arb(0))
            unresolved[i, j] = coefficients[i, j] - resolved
    return unresolved - memory * unresolved


def _rescale(C: Matrix, coefficients: Matrix, roots: Sequence[Arb]) -> None:
    """From the uniform measures to Lebesgue's: eta / sqrt(volume) is orthonormal there."""
    for i in range(C.nrows()):
        for j in range(i + 1, C.ncols()):
            C[i, j] = C[i, j] * roots[i] / roots[j]
        for j in range(coefficients.ncols()):
            coefficients[i, j] = coefficients[i, j] * roots[i]


def truncation_errors(tables: BallTables, ends: Sequence[int]) -> list[tuple[float, float]]:
    """Bounds of ||c~_n - c_n||, the worst output, for c~_n = sum of K^(n, m) c~_m over n < m <= ends[n], c~_L = c_L.

    K^(n, n + 1) is the streaming term. At the precision of this moment.
    """
    depth, exact = len(ends), tables.coefficients
    total, outputs = exact.nrows(), exact.ncols()
    kept = flint.arb_mat(total, outputs)
    found = [(0.0, 0.0)]
    for i in range(tables.offsets[depth], total):
        for j in range(outputs):
            kept[i, j] = exact[i, j]
    for n in range(depth - 1, -1, -1):
        columns = range(tables.offsets[n + 1], tables.offsets[ends[n] + 1])
        squares = [flint.arb(0)] * outputs
        for i in range(tables.offsets[n], tables.offsets[n + 1]):
            for j in range(outputs):
                kept[i, j] = sum((tables.memory[i, k] * kept[k, j] for k in columns), flint.arb(0))
                squares[j] = squares[j] + (kept[i, j] - exact[i, j]) ** 2
        # A square is not negative, which its ball may not know.
        ends_of = [(max(0.0, lower(s)), upper(s)) for s in squares]
        found.append((_root(max(low for low, _ in ends_of), lower), _root(max(high for _, high in ends_of), upper)))
    return found[::-1]


def _root(value: float, rounded: Callable[[Arb], float]) -> float:
    return max(0.0, rounded(flint.arb(value).sqrt()))


def block(table: Matrix, rows: slice, columns: slice) -> tuple[Array, Array]:
    """Ends of the entries of a block, rounded outward."""
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    low, high = np.empty(shape), np.empty(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            entry = table[rows.start + i, columns.start + j]
            low[i, j], high[i, j] = lower(entry), upper(entry)
    return low, high


def widest(table: Matrix) -> float:
    """Largest radius of an entry."""
    return max((float(table[i, j].rad()) for i in range(table.nrows()) for j in range(table.ncols())), default=0.0)


def norm_from_below(table: Matrix, rows: slice, columns: slice, direction: Array) -> float:
    """||A v||/||v|| for a direction v, rounded down: a proved lower bound of the norms of all A in a block."""
    if not np.any(direction):
        return 0.0
    with precision():
        v = [flint.arb(float(x)) for x in direction]
        image = flint.arb(0)
        for i in range(rows.start, rows.stop):
            row = sum((table[i, columns.start + j] * x for j, x in enumerate(v)), flint.arb(0))
            image += row * row
        return max(0.0, lower((image / sum((x * x for x in v), flint.arb(0))).sqrt())) if bool(image > 0) else 0.0
