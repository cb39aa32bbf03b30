"""Exact hulls of affine maps of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import flint

from mzsym.balls.intervals import Interval
from mzsym.balls.numbers import to_arb
from mzsym.core.arrays import Array


def affine_hull(
    W: Array, b: Array, exact: Mapping[tuple[int, ...], Fraction], box: Sequence[Interval]
) -> list[Interval]:
    """Hull of W x + b over a box, one interval per row, tight at the current precision.

    Parameters
    ----------
    W : array of shape (rows, columns)
    b : array of shape (rows,)
    exact : mapping
        Index (i, j) of W or (i,) of b -> the exact value where it is no float.
    box : sequence of Interval
        One side per column, with finite ends.

    Returns
    -------
    list of Interval
    """
    rows, columns = W.shape
    weights = flint.arb_mat(rows, columns, W.ravel().tolist())
    bias = flint.arb_mat(rows, 1, b.tolist())
    for index, value in exact.items():
        (weights if len(index) == 2 else bias)[index[0], index[1] if len(index) == 2 else 0] = to_arb(value)
    sizes = flint.arb_mat(rows, columns, [abs(entry) for entry in weights.entries()])
    # W x + b = W m + b + W (x - m), where |x - m| <= r in every coordinate; both ends are reached.
    middles = [((side.lo + side.hi) / 2).mid() for side in box]
    radii = [(side.hi - middle).max(middle - side.lo) for side, middle in zip(box, middles, strict=True)]
    centre = weights * flint.arb_mat(columns, 1, middles) + bias
    reach = sizes * flint.arb_mat(columns, 1, radii)
    return [Interval((centre[i, 0] - reach[i, 0]).lower(), (centre[i, 0] + reach[i, 0]).upper()) for i in range(rows)]
