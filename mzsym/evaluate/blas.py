"""How many threads BLAS may use: small matrices are far faster on one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import scipy.linalg  # noqa: F401 - its BLAS must be loaded before the controller looks for libraries
from threadpoolctl import ThreadpoolController

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
