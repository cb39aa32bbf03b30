"""Lower bounds of ||Q M|| and ||Q M Q'|| in the law of the state, by functions that are constant on cells; MATH (24s).

For v = sum of gamma_b 1_b, ||v||^2 = sum of gamma_b^2 P(Y in b), and M v is a parabola in the place theta of z in a
cell of Z, exactly so for uniform noise.
"""

from __future__ import annotations

import math

import numpy as np

from mzsym.balls.spectral import gamma, up
from mzsym.certify.law.cells import Cells
from mzsym.certify.law.moments import NextNodes, functions_at, nodes_of, polynomials
from mzsym.certify.law.spread import ROOM, SLACK
from mzsym.core.arrays import Array

OFF = 2.0**-40
"""As in ``law_norms``."""


def lower_bounds(cells: Cells, degree: int, whole: Array, interior: Array) -> tuple[float, float]:
    """Proved lower bounds of ||Q M|| and ||Q M Q'||.

    Parameters
    ----------
    cells : Cells
    degree : int
        d.
    whole, interior : array of shape (cells,)
        gamma_b for the one and for the other; any numbers do.

    Returns
    -------
    tuple of float
    """
    masses = cells.high.sum(axis=1) / 2.0 * cells.grid.heights * (1.0 + SLACK)
    out = []
    for vector, inner in ((whole, False), (interior, True)):
        size = float(np.abs(vector).max(initial=0.0))
        if not (math.isfinite(size) and size > 0.0):
            out.append(0.0)
            continue
        v = vector / size
        missing = 0.0
        if inner:
            v, missing = _without_polynomials(cells, degree, v)
        norm = up(math.sqrt(up(float(np.sum(v * v * masses)), len(v) + 8)))
        found = _image_norm(cells, degree, v) - missing
        out.append(max(0.0, found / norm * (1.0 - 2.0**-40)) if norm > 0.0 else 0.0)
    return out[0], out[1]


def _image_norm(cells: Cells, degree: int, v: Array) -> float:
    """Lower bound of ||Q M v||."""
    found, missing = cells.spread.step_averages(v)
    weights, theta, x, cell = nodes_of(cells, degree, high=False)
    values = functions_at(theta)
    f = np.sum(found[:, cell] * values, axis=0)
    rows = polynomials(x, degree)
    gram = (rows * weights) @ rows.T
    best = np.linalg.lstsq(gram, (rows * weights) @ f, rcond=None)[0]
    rest = f - best @ rows
    square = float(np.sum(weights * rest * rest))
    # What a better polynomial could still take away: c' G^{-1} c.
    c = (rows * weights) @ rest
    sizes = 3.0 * float(np.abs(v).max()) + float(np.sum(np.abs(best))) * math.sqrt(2.0 * degree + 1.0)
    lost = gamma(16 * (len(weights) + len(v)) + 256) * sizes + OFF * sizes
    least = float(np.linalg.eigvalsh(gram)[0]) - (degree + 1.0) * (2.0 * degree + 1.0) * (OFF + 1e-10)
    if not least > 0.0:
        return 0.0
    more = (math.sqrt(float(c @ c)) + (degree + 1.0) * math.sqrt(2.0 * degree + 1.0) * lost) / math.sqrt(least)
    # theta is off by what the map bends, and parabolas are.
    slope = np.abs(found[1] - found[0]) + np.abs(found[2])
    moved = np.sqrt(np.sum(cells.mass_high * (cells.bent * slope + missing) ** 2)) * ROOM
    kept = max(0.0, square * (1.0 - 2.0**-30) - more * more * (1.0 + 2.0**-30))
    return math.sqrt(kept) * (1.0 - 2.0**-40) - float(moved) - lost


def _without_polynomials(cells: Cells, degree: int, v: Array) -> tuple[Array, float]:
    """v less its part along polynomials, and a bound of the norm of the part that may be left: |<q, v>|^2/least."""
    nodes = NextNodes.of(cells, degree, 2)
    middle = nodes.integrals(0.5 * (cells.low + cells.high))
    masses = cells.high.sum(axis=1) / 2.0 * cells.grid.heights
    for _ in range(2):
        change = np.linalg.lstsq((middle / np.maximum(masses, 1e-300)) @ middle.T, middle @ v, rcond=None)[0]
        v = v - (change @ middle) / np.maximum(masses, 1e-300)
    spread = np.sqrt(2.0 * degree + 1.0) * cells.unsure
    largest = np.sqrt(2.0 * degree + 1.0) * masses
    left = np.abs(middle @ v) + float(np.sum(np.abs(v) * spread)) + 1e-9 * float(np.sum(np.abs(v) * largest))
    least = float(np.linalg.eigvalsh(nodes.gram(cells.low))[0]) - (degree + 1.0) * (2.0 * degree + 1.0) * 1e-9
    if not least > 0.0:
        return v, math.inf
    return v, up(math.sqrt(float(np.sum(left * left)) / least) * (1.0 + 2.0**-30))
