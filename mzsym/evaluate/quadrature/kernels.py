"""Numba kernels of the quadrature engine, compiled once and cached on disk.

They run without the interpreter's lock, so that plain threads over blocks of points work in parallel; numba's own
parallel loops would abort the process where two Python threads meet in them and no OpenMP is installed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mzsym.core.arrays import AnyArray, Array

# Sums may be reordered: every sum here is one of a well-scaled recurrence or inner product.
_FAST = {"contract", "reassoc", "nsz"}

_LANES = 8


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def averaged_legendre(centers: Array, offsets: Array, weights: Array, order: int) -> Array:
    """sum_q weights[q] sqrt(2k+1) P_k(centers[i] + offsets[q]), shape (points, order)."""
    points, rule = centers.shape[0], offsets.shape[0]
    out = np.empty((points, order))
    before = np.empty(rule)
    now = np.empty(rule)
    t = np.empty(rule)
    for i in range(points):
        for q in range(rule):
            before[q] = 1.0
            t[q] = centers[i] + offsets[q]
            now[q] = t[q]
        for k in range(order):
            total = 0.0
            a, b = (2.0 * k + 3.0) / (k + 2.0), (k + 1.0) / (k + 2.0)
            for q in range(rule):
                total += weights[q] * before[q]
                after = a * t[q] * now[q] - b * before[q]
                before[q] = now[q]
                now[q] = after
            out[i, k] = total * np.sqrt(2.0 * k + 1.0)
    return out


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _rows(t: Array, out: Array) -> None:
    """Fill out with sqrt(2k+1) P_k(t): eight points at a time, so that the recurrence vectorises."""
    stop, order = out.shape
    before = np.empty(_LANES)
    now = np.empty(_LANES)
    at = np.empty(_LANES)
    for first in range(0, stop, _LANES):
        for j in range(_LANES):
            at[j] = t[min(first + j, stop - 1)]
            before[j] = 1.0
            now[j] = at[j]
        lanes = min(_LANES, stop - first)
        for k in range(order):
            a, b, norm = (2.0 * k + 3.0) / (k + 2.0), (k + 1.0) / (k + 2.0), np.sqrt(2.0 * k + 1.0)
            for j in range(lanes):
                out[first + j, k] = before[j] * norm
            for j in range(_LANES):
                after = a * at[j] * now[j] - b * before[j]
                before[j] = now[j]
                now[j] = after


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _differences(above: Array, scale: float, out: Array) -> None:
    """From normalised P_k(c_i + scale) to the averages; P_k(-t) = (-1)^k P_k(t) gives those below symmetric c_i."""
    points, order = out.shape
    after, before = np.empty(order), np.empty(order)
    for k in range(1, order):
        factor = 0.5 / (scale * np.sqrt(2.0 * k + 1.0))
        after[k], before[k] = factor / np.sqrt(2.0 * k + 3.0), factor / np.sqrt(2.0 * k - 1.0)
    for i in range(points):
        j = points - 1 - i
        out[i, 0] = 1.0
        sign = 1.0
        for k in range(1, order):
            # P_(k+1)(-t) and P_(k-1)(-t) have the sign of (-1)^(k+1).
            later = above[i, k + 1] - sign * above[j, k + 1]
            earlier = above[i, k - 1] - sign * above[j, k - 1]
            out[i, k] = after[k] * later - before[k] * earlier
            sign = -sign


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _products(lead: Array, last: Array, lengths: AnyArray, out: Array) -> None:
    for p in range(out.shape[0]):
        at = 0
        for r in range(lengths.shape[0]):
            factor, length = lead[p, r], lengths[r]
            for k in range(length):
                out[p, at + k] = factor * last[p, k]
            at += length


def legendre_rows(t: Array, order: int) -> Array:
    """sqrt(2k+1) P_k(t[i]), shape (points, order)."""
    out = np.empty((t.shape[0], order))
    _rows(np.ascontiguousarray(t), out)
    return out


def uniform_averages(centers: Array, scale: float, order: int) -> Array:
    """E sqrt(2k+1) P_k(centers[i] + scale U), U uniform on (-1, 1), by the antiderivative (P_(k+1) - P_(k-1))/(2k+1).

    Parameters
    ----------
    centers : array of shape (points,)
        Symmetric: centers[i] = -centers[points - 1 - i].
    scale : float
        Errors are some roundings divided by it.
    order : int

    Returns
    -------
    array of shape (points, order)
    """
    out = np.empty((len(centers), order))
    _differences(legendre_rows(centers + scale, order + 1), scale, out)
    return out


def row_products(lead: Array, last: Array, lengths: AnyArray) -> Array:
    """Rows [lead[p, r] * last[p, k] for every run r, for k < lengths[r]]: a row-wise Khatri-Rao product, cut short.

    Parameters
    ----------
    lead : array of shape (points, runs)
    last : array of shape (points, order)
    lengths : integer array of shape (runs,)
        Not above ``order``.

    Returns
    -------
    array of shape (points, sum(lengths))
    """
    out = np.empty((lead.shape[0], int(lengths.sum())))
    _products(np.ascontiguousarray(lead), last, lengths, out)
    return out
