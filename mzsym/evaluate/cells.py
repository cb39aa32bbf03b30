"""Which cell of an increasing partition holds a point: a search that several kernels share."""

from __future__ import annotations

from numba import njit

from mzsym.core.arrays import Array


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def cell_of(y: float, ends: Array) -> int:
    """Index of the cell between ``ends`` that holds y; the first and the last reach to infinity."""
    low, high = 0, ends.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if y >= ends[middle]:
            low = middle
        else:
            high = middle
    return low
