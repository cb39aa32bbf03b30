"""The adjoint of the tables of a pass: from C and c to inner products of functions as they are stated, MATH (40)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.tables import PassSeeds
from mzsym.evaluate.panels.sweep import Row
from mzsym.evaluate.tables import Tables


def pulled_rows(tables: Tables, seeds: PassSeeds, rows: Sequence[Row], orthogonal: Sequence[bool]) -> list[Array]:
    """Derivatives by the inner products of every layer, those of the Gram matrix first.

    Parameters
    ----------
    tables : Tables
    seeds : PassSeeds
        Derivatives by C, c_L and c_perp.
    rows : sequence of Row
        Of every layer of the pass.
    orthogonal : sequence of bool
        Whether the functions of a layer are orthonormalised.
    """
    o = tables.offsets
    depth = len(o) - 2
    last = slice(o[-2], o[-1])
    # c_perp_n = c_n - C(n, L) c_L, and c_n is what the pass makes.
    C, c = seeds.C.copy(), seeds.unresolved.copy()
    C[: o[-2], last] -= seeds.unresolved[: o[-2]] @ tables.coefficients[last].T
    c[last] = seeds.last - tables.C[: o[-2], last].T @ seeds.unresolved[: o[-2]]
    lefts = [np.zeros_like(row.left) for row in rows]
    rights = [np.zeros_like(row.right) for row in rows]
    out = []
    for n, row in enumerate(rows):
        here = slice(o[n], o[n + 1])
        bar = np.zeros_like(row.products)
        split = o[-1] - o[n]
        inner = row.products[:, :split]
        moved = np.zeros_like(inner)
        for m in range(n + 1, depth + 1):
            columns, block = slice(o[m] - o[n], o[m + 1] - o[n]), C[here, o[m] : o[m + 1]]
            moved[:, columns] = block @ rows[m].right.T
            rights[m] += (row.left @ inner[:, columns]).T @ block
        lefts[n] += moved @ inner.T + c[here] @ row.products[:, split:].T
        bar[:, :split] = row.left.T @ moved
        bar[:, split:] = row.left.T @ c[here]
        out.append(bar)
    for n, (row, bar) in enumerate(zip(rows, out, strict=True)):
        bar[:, : len(row.left)] += _gram(row, lefts[n], rights[n], orthogonal[n])
    return out


def _gram(row: Row, left: Array, right: Array, orthogonal: bool) -> Array:
    """From derivatives by the normalisers to those by the Gram matrix G."""
    if not orthogonal:
        # left = G^-1, and right is constant.
        return np.asarray(-row.left.T @ left @ row.left.T)
    # left = L^-1 = right^T with G = L L^T: dL^-1 = -half(L^-1 dG L^-T) L^-1, half the lower triangle with half of the
    # diagonal.
    whole = np.tril((left + right.T) @ row.left.T)
    whole[np.diag_indices_from(whole)] *= 0.5
    found = -row.left.T @ whole @ row.left
    return np.asarray(0.5 * (found + found.T))
