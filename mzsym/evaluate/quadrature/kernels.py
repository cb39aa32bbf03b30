"""Numba kernels of the quadrature engine: parallel over points, compiled once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from mzsym.core.arrays import AnyArray, Array

# Sums may be reordered: every sum here is one of a well-scaled recurrence or inner product.
_FAST = {"contract", "reassoc", "nsz"}


@njit(parallel=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def averaged_legendre(centers: Array, offsets: Array, weights: Array, order: int) -> Array:
    """sum_q weights[q] sqrt(2k+1) P_k(centers[i] + offsets[q]), shape (points, order)."""
    points, rule = centers.shape[0], offsets.shape[0]
    out = np.empty((points, order))
    for i in prange(points):
        before = np.ones(rule)
        now = centers[i] + offsets
        t = now.copy()
        for k in range(order):
            total = 0.0
            for q in range(rule):
                total += weights[q] * before[q]
            out[i, k] = total * np.sqrt(2.0 * k + 1.0)
            for q in range(rule):
                after = ((2 * k + 3) * t[q] * now[q] - (k + 1) * before[q]) / (k + 2)
                before[q] = now[q]
                now[q] = after
    return out


@njit(parallel=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def legendre_rows(t: Array, order: int) -> Array:
    """sqrt(2k+1) P_k(t[i]), shape (points, order)."""
    points = t.shape[0]
    out = np.empty((points, order))
    for i in prange(points):
        before, now = 1.0, t[i]
        for k in range(order):
            out[i, k] = before * np.sqrt(2.0 * k + 1.0)
            after = ((2 * k + 3) * t[i] * now - (k + 1) * before) / (k + 2)
            before = now
            now = after
    return out


@njit(parallel=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def row_products2(a: Array, b: Array, ia: AnyArray, ib: AnyArray) -> Array:
    """out[p, j] = a[p, ia[j]] b[p, ib[j]]: a row-wise Khatri-Rao product at chosen columns."""
    points, columns = a.shape[0], ia.shape[0]
    out = np.empty((points, columns))
    for p in prange(points):
        for j in range(columns):
            out[p, j] = a[p, ia[j]] * b[p, ib[j]]
    return out


@njit(parallel=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def row_products3(a: Array, b: Array, c: Array, ia: AnyArray, ib: AnyArray, ic: AnyArray) -> Array:
    """The same of three factors."""
    points, columns = a.shape[0], ia.shape[0]
    out = np.empty((points, columns))
    for p in prange(points):
        for j in range(columns):
            out[p, j] = a[p, ia[j]] * b[p, ib[j]] * c[p, ic[j]]
    return out
