"""Threads: BLAS stays on one for small matrices, and large jobs are cut into blocks of rows for several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import scipy.linalg  # noqa: F401 - its BLAS must be loaded before the controller looks for libraries
from threadpoolctl import ThreadpoolController

from mzsym.core.arrays import Array

SMALL = 1e11
"""Floating-point operations (seconds of work) below which BLAS stays on one thread.

A second thread at best halves the time; on a machine that is busy otherwise the threads wait for each other, and the
inverse of a matrix of order 2080 has been seen to take 26 times longer on two threads than on one."""


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds; setting their threads takes microseconds.
    return ThreadpoolController()


@contextmanager
def blas_threads(operations: float = 0.0) -> Iterator[None]:
    """Run the body with BLAS on one thread, unless its matrices are large.

    Parameters
    ----------
    operations : float
        Floating-point operations of the largest single call in the body.
    """
    if operations > SMALL:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield


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
    out = np.empty((X.shape[0], columns))
    blocks = [slice(start, start + step) for start in range(0, X.shape[0], step)]

    def run(block: slice) -> None:
        out[block] = function(X[block])

    workers = min(processors(), len(blocks)) if operations > WORTHWHILE else 1
    if workers == 1:
        for block in blocks:
            run(block)
        return out
    with ThreadPoolExecutor(workers) as pool:
        # list() waits for all and raises the first error.
        list(pool.map(run, blocks))
    return out
