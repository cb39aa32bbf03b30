"""Large jobs, cut into blocks of rows for several threads."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from mzsym.core.arrays import Array
from mzsym.core.workers import share

WORTHWHILE = 2e8
"""Floating-point operations (some hundredths of a second) from which a job is shared between threads."""


def processors() -> int:
    """Processors that this process may use; the environment variable NUMBA_NUM_THREADS sets fewer."""
    limit = os.environ.get("NUMBA_NUM_THREADS", "")
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(int(limit), found)) if limit.isdigit() else found


def by_rows(function: Callable[[Array], Array], X: Array, columns: int, step: int, operations: float) -> Array:
    """function(X), block by block of rows, on several threads where the work pays for them.

    Parameters
    ----------
    function : callable
        shape (rows, ...) -> (rows, columns); each row depends on its own row only.
    X : array of shape (points, ...)
    columns : int
    step : int
        Rows of a block.
    operations : float
        Floating-point operations of the whole.

    Returns
    -------
    array of shape (points, columns)
    """
    if X.shape[0] <= step:
        return function(X)
    out = np.empty((X.shape[0], columns))
    blocks = [slice(start, start + step) for start in range(0, X.shape[0], step)]

    def run(block: slice) -> None:
        out[block] = function(X[block])

    share(run, blocks, processors() if operations > WORTHWHILE else 1)
    return out
