"""Numba kernels of the panel engine, compiled once and cached on disk; they run without the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from mzsym.core.arrays import Array
from mzsym.evaluate.cells import cell_of

# Sums may be reordered: every sum here is one of a well-scaled recurrence or inner product.
_FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _add_functions(y: float, factor: float, ends: Array, panel: int, order: int, row: Array) -> None:
    """Add factor * sqrt(2j+1) P_j(t) of one panel, t the place of y in it, to a row."""
    lo, hi = ends[panel], ends[panel + 1]
    t = min(1.0, max(-1.0, ((y - lo) - (hi - y)) / (hi - lo)))
    before, now = 1.0, t
    start = panel * order
    for j in range(order):
        row[start + j] += factor * np.sqrt(2.0 * j + 1.0) * before
        after = ((2.0 * j + 3.0) * t * now - (j + 1.0) * before) / (j + 2.0)
        before = now
        now = after


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def point_rows(y: Array, ends: Array, order: int, out: Array) -> None:
    """Values of all panel functions at points."""
    for i in range(y.shape[0]):
        out[i, :] = 0.0
        _add_functions(y[i], 1.0, ends, cell_of(y[i], ends), order, out[i])


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _masses(xi: Array, half: float, weights: Array, lo: float, hi: float, coefs: Array, out: Array) -> None:
    """Weights of a Gauss rule on a stretch of a cell, times the density there."""
    count, order = xi.shape[0], coefs.shape[0]
    if order == 1:
        for q in range(count):
            out[q] = 2.0 * half * weights[q] * coefs[0]
        return
    before, now, t = np.empty(count), np.empty(count), np.empty(count)
    for q in range(count):
        t[q] = ((xi[q] - lo) - (hi - xi[q])) / (hi - lo)
        before[q] = 1.0
        now[q] = t[q]
        out[q] = 0.0
    for j in range(order):
        a, b, c = (2.0 * j + 3.0) / (j + 2.0), (j + 1.0) / (j + 2.0), coefs[j]
        for q in range(count):
            out[q] += c * before[q]
            after = a * t[q] * now[q] - b * before[q]
            before[q] = now[q]
            now[q] = after
    for q in range(count):
        out[q] *= 2.0 * half * weights[q]


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _add_averages(y: Array, masses: Array, ends: Array, panel: int, order: int, row: Array) -> None:
    """Add sum_q masses[q] sqrt(2j+1) P_j(t_q) of one panel to a row: the recurrence runs over all q at once."""
    count = y.shape[0]
    lo, hi = ends[panel], ends[panel + 1]
    before, now, t = np.empty(count), np.empty(count), np.empty(count)
    for q in range(count):
        t[q] = min(1.0, max(-1.0, ((y[q] - lo) - (hi - y[q])) / (hi - lo)))
        before[q] = 1.0
        now[q] = t[q]
    start = panel * order
    for j in range(order):
        a, b = (2.0 * j + 3.0) / (j + 2.0), (j + 1.0) / (j + 2.0)
        total = 0.0
        for q in range(count):
            total += masses[q] * before[q]
            after = a * t[q] * now[q] - b * before[q]
            before[q] = now[q]
            now[q] = after
        row[start + j] += total * np.sqrt(2.0 * j + 1.0)


@njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def averaged_rows(
    z: Array,
    gain: Array,
    cells: Array,
    coefs: Array,
    ends: Array,
    order: int,
    nodes: Array,
    weights: Array,
    out: Array,
) -> None:
    """Averages of all panel functions at z + gain * xi, xi of a piecewise polynomial density of any sign and mass.

    Every stretch of noise between two ends of a cell or a panel is one Gauss rule on [-1, 1] with weights that sum to
    1, exact for the degrees at hand. The variable is xi, not y, so that tiny noise keeps its digits.
    """
    panels, count = ends.shape[0] - 1, nodes.shape[0]
    xi, masses, y = np.empty(count), np.empty(count), np.empty(count)
    total = 0.0
    for c in range(coefs.shape[0]):
        total += (cells[c + 1] - cells[c]) * coefs[c, 0]
    for i in range(z.shape[0]):
        row, g = out[i], gain[i]
        row[:] = 0.0
        if g == 0.0:
            _add_functions(z[i], total, ends, cell_of(z[i], ends), order, row)
            continue
        for c in range(coefs.shape[0]):
            start, stop = cells[c], cells[c + 1]
            panel = cell_of(z[i] + g * start, ends)
            last = cell_of(z[i] + g * stop, ends)
            step = 1 if last >= panel else -1
            at = start
            while True:
                until = stop
                if panel != last:
                    # Where the path leaves this panel: its upper end going up, its lower end going down.
                    border = ends[panel + 1] if step > 0 else ends[panel]
                    until = min(stop, max(at, (border - z[i]) / g))
                if until > at:
                    middle, half = 0.5 * (at + until), 0.5 * (until - at)
                    for q in range(count):
                        xi[q] = middle + half * nodes[q]
                        y[q] = z[i] + g * xi[q]
                    _masses(xi, half, weights, start, stop, coefs[c], masses)
                    _add_averages(y, masses, ends, panel, order, row)
                at = max(at, until)
                if panel == last or panel + step < 0 or panel + step >= panels:
                    break
                panel += step
