"""Exact hulls of affine maps of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import flint

from mzsym.balls.intervals import ZERO, Interval, interval
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
        One side per column; its ends may be infinite.

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
    finite = [side if side.finite else ZERO for side in box]
    middles = [((side.lo + side.hi) / 2).mid() for side in finite]
    radii = [(side.hi - middle).max(middle - side.lo) for side, middle in zip(finite, middles, strict=True)]
    centre = weights * flint.arb_mat(columns, 1, middles) + bias
    reach = sizes * flint.arb_mat(columns, 1, radii)
    rest = _unbounded_part(W, exact, box)
    return [
        Interval((centre[i, 0] - reach[i, 0]).lower(), (centre[i, 0] + reach[i, 0]).upper()) + rest[i]
        for i in range(rows)
    ]


def _unbounded_part(W: Array, exact: Mapping[tuple[int, ...], Fraction], box: Sequence[Interval]) -> list[Interval]:
    """The sums over the columns whose side has an infinite end."""
    open_sides = [j for j, side in enumerate(box) if not side.finite]
    out = [ZERO] * len(W)
    for i in range(len(W) if open_sides else 0):
        for j in open_sides:
            weight = exact.get((i, j), float(W[i, j]))
            if weight:
                out[i] = out[i] + interval(weight) * box[j]
                if not out[i].lo.is_finite() and not out[i].hi.is_finite():
                    break
    return out
