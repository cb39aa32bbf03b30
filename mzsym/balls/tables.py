"""C, K, r and c of a chain of one-dimensional layers in balls, MATH (14), (15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import flint
import numpy as np

from mzsym.balls.chebyshev import Near, Side
from mzsym.balls.numbers import lower, precision, upper
from mzsym.core.arrays import Array

Matrix: TypeAlias = Any
"""A ``flint.arb_mat``."""


@dataclass(frozen=True, eq=False)
class BallTables:
    """Stacked tables; the rows of layer n are n * rank ... (n + 1) * rank - 1.

    Attributes
    ----------
    C, memory : arb_mat of shape (D, D)
    coefficients, noise : arb_mat of shape (D, outputs)
    rank : int
    """

    C: Matrix
    memory: Matrix
    coefficients: Matrix
    noise: Matrix
    rank: int


Carry: TypeAlias = Callable[[int, list[Near]], list[Near]]
"""(n, functions on the box of X_{n+1}) -> their averages on that of X_n."""


def tables_of(
    depth: int, carry: Carry, observables: list[Near], sides: Sequence[Side], rank: int, lebesgue: bool
) -> BallTables:
    """Every table with its error, at the precision of its functions.

    Parameters
    ----------
    depth : int
    carry : function
    observables : list of Near
        On the last box.
    sides : sequence of Side
        X_0..X_L.
    rank : int
        Degree of the projection plus 1.
    lebesgue : bool
        Whether the measure is Lebesgue's; otherwise the uniform one.
    """
    outputs, total = len(observables), (depth + 1) * rank
    C, coefficients = flint.arb_mat(total, total), flint.arb_mat(total, outputs)
    for i in range(total):
        C[i, i] = flint.arb(1)
    basis, functions = orthonormal(rank), list(observables)
    _place(coefficients, inner_products(basis, functions), depth * rank, 0)
    functions = [*basis, *functions]
    for n in range(depth - 1, -1, -1):
        functions = carry(n, functions)
        width = len(functions) - outputs
        _place(C, inner_products(basis, functions[:width]), n * rank, (n + 1) * rank)
        _place(coefficients, inner_products(basis, functions[width:]), n * rank, 0)
        functions = [*basis, *functions]
    if lebesgue:
        _rescale(C, coefficients, sides, rank)
    memory = -C.inv()
    for i in range(total):
        memory[i, i] = memory[i, i] + 1
    return BallTables(C, memory, coefficients, _noise(C, memory, coefficients, depth, rank, outputs), rank)


def orthonormal(rank: int) -> list[Near]:
    """sqrt(2 i + 1) P_i(t), i < rank."""
    polynomials = [flint.fmpq_poly([1]), flint.fmpq_poly([0, 1])]
    for k in range(1, rank):
        polynomials.append((flint.fmpq_poly([0, 2 * k + 1]) * polynomials[k] - k * polynomials[k - 1]) / (k + 1))
    roots = [flint.arb(2 * i + 1).sqrt() for i in range(rank)]
    return [Near.of(flint.arb_poly(p) * root) for p, root in zip(polynomials, roots, strict=False)]


def inner_products(basis: Sequence[Near], functions: Sequence[Near]) -> Matrix:
    """<eta_i, v> in the uniform measure, errors included.

    The error of an entry is at most |eta_i's error| sup |v| + the mean of |eta_i|, at most 1, times the error of v.
    """
    out = flint.arb_mat(len(basis), len(functions))
    for j, v in enumerate(functions):
        largest = sum((c.abs_upper() for c in v.poly.coeffs()), v.error)
        for i, eta in enumerate(basis):
            whole = (eta.poly * v.poly).integral()
            error = (v.error + eta.error * (largest + v.error)).upper()
            out[i, j] = (whole(flint.arb(1)) - whole(flint.arb(-1))) / 2 + flint.arb(0, error)
    return out


def _noise(C: Matrix, memory: Matrix, coefficients: Matrix, depth: int, rank: int, outputs: int) -> Matrix:
    """r = (I - K) c-perp, c-perp_n = c_n - C(n, L) c_L, MATH (15)."""
    total, o = C.nrows(), depth * rank
    unresolved = flint.arb_mat(total, outputs)
    for i in range(o):
        for j in range(outputs):
            resolved = sum((C[i, o + k] * coefficients[o + k, j] for k in range(rank)), flint.arb(0))
            unresolved[i, j] = coefficients[i, j] - resolved
    return unresolved - memory * unresolved


def _rescale(C: Matrix, coefficients: Matrix, sides: Sequence[Side], rank: int) -> None:
    """From the uniform measures to Lebesgue's: eta / sqrt(2 half) is orthonormal there."""
    roots = [(2 * side.half).sqrt() for side in sides]
    for i in range(C.nrows()):
        for j in range(i + 1, C.ncols()):
            C[i, j] = C[i, j] * roots[i // rank] / roots[j // rank]
        for j in range(coefficients.ncols()):
            coefficients[i, j] = coefficients[i, j] * roots[i // rank]


def _place(target: Matrix, block: Matrix, row: int, column: int) -> None:
    for i in range(block.nrows()):
        for j in range(block.ncols()):
            target[row + i, column + j] = block[i, j]


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
