"""Numba kernels of the adjoint pass: slopes of Legendre functions, and sums of them along the runs of a series."""

from __future__ import annotations

import numpy as np
from numba import njit

from mzsym.core.arrays import AnyArray, Array

# Sums may be reordered: every sum here is one of a well-scaled recurrence or inner product.
_FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def legendre_slopes(t: Array, order: int) -> Array:
    """sqrt(2k+1) P_k'(t[i]), shape (points, order)."""
    points = t.shape[0]
    out = np.empty((points, order))
    for i in range(points):
        at, before, now = t[i], 1.0, t[i]
        slope_before, slope = 0.0, 1.0
        for k in range(order):
            out[i, k] = slope_before * np.sqrt(2.0 * k + 1.0)
            # P'_{k+2} = P'_k + (2k+3) P_{k+1}
            slope_after = slope_before + (2.0 * k + 3.0) * now
            after = ((2.0 * k + 3.0) * at * now - (k + 1.0) * before) / (k + 2.0)
            before, now = now, after
            slope_before, slope = slope, slope_after
    return out


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def averaged_adjoint(centers: Array, offsets: Array, weights: Array, bar: Array) -> tuple[Array, Array, Array]:
    """The adjoint of ``averaged_legendre``: from derivatives by its values to those by centers, offsets and weights."""
    points, order, rule = centers.shape[0], bar.shape[1], offsets.shape[0]
    by_centers, by_offsets, by_weights = np.zeros(points), np.zeros(rule), np.zeros(rule)
    t, before, now = np.empty(rule), np.empty(rule), np.empty(rule)
    slope_before, slope = np.empty(rule), np.empty(rule)
    plain, steep = np.empty(rule), np.empty(rule)
    for i in range(points):
        for q in range(rule):
            t[q] = centers[i] + offsets[q]
            before[q] = 1.0
            now[q] = t[q]
            slope_before[q] = 0.0
            slope[q] = 1.0
            plain[q] = 0.0
            steep[q] = 0.0
        for k in range(order):
            g = bar[i, k] * np.sqrt(2.0 * k + 1.0)
            c = 2.0 * k + 3.0
            a, b = c / (k + 2.0), (k + 1.0) / (k + 2.0)
            for q in range(rule):
                plain[q] += g * before[q]
                steep[q] += g * slope_before[q]
                # P'_{k+2} = P'_k + (2k+3) P_{k+1}
                steeper = slope_before[q] + c * now[q]
                after = a * t[q] * now[q] - b * before[q]
                before[q] = now[q]
                now[q] = after
                slope_before[q] = slope[q]
                slope[q] = steeper
        total = 0.0
        for q in range(rule):
            by_weights[q] += plain[q]
            by_offsets[q] += weights[q] * steep[q]
            total += weights[q] * steep[q]
        by_centers[i] = total
    return by_centers, by_offsets, by_weights


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def contracted_runs(G: Array, last: Array, slopes: Array, lengths: AnyArray, out: Array, sloped: Array) -> None:
    """For every point p and run r: out = sum_k last[p, k] G[p, run r, k], and ``sloped`` the same with slopes."""
    for p in range(G.shape[0]):
        at = 0
        for r in range(lengths.shape[0]):
            plain, steep = 0.0, 0.0
            for k in range(lengths[r]):
                plain += last[p, k] * G[p, at + k]
                steep += slopes[p, k] * G[p, at + k]
            out[p, r] = plain
            sloped[p, r] = steep
            at += lengths[r]
