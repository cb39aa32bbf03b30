"""Numba kernels of the laws, compiled once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit

from mzsym.core.arrays import AnyArray, Array
from mzsym.evaluate.cells import cell_of


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _value(y: float, ends: Array, coefs: Array) -> float:
    cells, order = coefs.shape
    if not (ends[0] <= y <= ends[cells]):
        return 0.0
    low = cell_of(y, ends)
    lo, hi = ends[low], ends[low + 1]
    t = ((y - lo) - (hi - y)) / (hi - lo)
    before, now, total = 1.0, t, 0.0
    for j in range(order):
        total += coefs[low, j] * before
        after = ((2.0 * j + 3.0) * t * now - (j + 1.0) * before) / (j + 2.0)
        before = now
        now = after
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _values(x: Array, ends: Array, coefs: Array, out: Array) -> None:
    for i in range(x.shape[0]):
        out[i] = _value(x[i], ends, coefs)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def add_stretches(
    y: Array, row: AnyArray, stretch: AnyArray, F: Array, G: Array, mass: Array, ends: Array, coefs: Array, out: Array
) -> None:
    """Add to out[row[i]] the integral of the noise density at (y - F)/G over one stretch with known values.

    ``F``, ``G`` and ``mass`` (density of the state over \\|G\\|, times the weights) have shape (stretches, nodes).
    """
    for i in range(row.shape[0]):
        k, at = stretch[i], y[row[i]]
        total = 0.0
        for q in range(F.shape[1]):
            total += mass[k, q] * _value((at - F[k, q]) / G[k, q], ends, coefs)
        out[row[i]] += total


def series_values(x: Array, ends: Array, coefs: Array) -> Array:
    """sum_j coefs[c, j] P_j(t) at points, c the cell that holds a point and t its place in it; 0 outside."""
    flat = np.ascontiguousarray(x, dtype=np.float64).ravel()
    out = np.empty(len(flat))
    _values(flat, ends, coefs, out)
    return out.reshape(np.shape(x))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mixture_density(
    y: Array, centers: Array, scales: Array, weights: Array, ends: Array, coefs: Array, out: Array
) -> None:
    """sum_k weights[k] rho((y - centers[k])/scales[k])/|scales[k]|, rho a density on cells."""
    for i in range(y.shape[0]):
        total = 0.0
        for k in range(centers.shape[0]):
            total += weights[k] * _value((y[i] - centers[k]) / scales[k], ends, coefs) / abs(scales[k])
        out[i] = total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mixture_distribution(
    y: Array, centers: Array, scales: Array, weights: Array, ends: Array, start: Array, series: Array, out: Array
) -> None:
    """sum_k weights[k] P(centers[k] + scales[k] zeta <= y); start and series give the distribution function of zeta."""
    cells = series.shape[0]
    for i in range(y.shape[0]):
        total = 0.0
        for k in range(centers.shape[0]):
            gap, scale = y[i] - centers[k], scales[k]
            if scale == 0.0:
                total += weights[k] if gap >= 0.0 else 0.0
                continue
            z = gap / scale
            if z >= ends[cells]:
                below = 1.0
            elif z <= ends[0]:
                below = 0.0
            else:
                low = cell_of(z, ends)
                below = start[low] + _value(z, ends, series)
            total += weights[k] * (below if scale > 0.0 else 1.0 - below)
        out[i] = total
