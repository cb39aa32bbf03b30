"""The matrices of a sharp enclosure in floating point, with proved bounds of their errors; MATH (24).

With Phi_j, D_j and the nodes of ``balls.crossings``, i, j = 1..k-1, and E_l(t) = e_l(f(t) + s) - e_l(f(t) - s) for the
orthonormal e_l, l = 1..d, that the next layer resolves, this computes

    A = -int Phi_i f' [D_j | E_l] dt,    B = int (1 - t^2) f'^2 [D_i | E_l] [D_j | E_m] dt.

Float64 in any order of the sums, fused or not (unit roundoff u = 2**-53); products of matrices by the conventional
algorithm. What may be lost: values of Legendre polynomials by the recurrence are off by at most
delta (n+1)(n+2)/4, delta = 10 u, because the generating function of the errors is w int(eta w) with
w = (1 - 2tz + z^2)**(-1/2), whose coefficients P_n(t) do not exceed those of 1/(1 - z), and the local errors eta do not
exceed delta; arguments are off by ``ARGUMENT``, and |Phi_j'| <= sqrt((2j+1)/2); at every real point the norm of
(Phi_i) is at most 1/sqrt 2 and that of (D_j) at most 4/sqrt 2, because they hold coefficients of indicator functions
without the constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from mzsym.balls.crossings import ARGUMENT, Nodes
from mzsym.balls.spectral import TINY, UNIT, gamma, up
from mzsym.core.arrays import Array

RECURRENCE = 10.0 * UNIT
"""Largest error that one step of the Legendre recurrence adds, as long as values stay below 1 + 1e-3: to degree 1e5."""

ROOM = 1.0 + 2.0**-20
"""Covers the rounding of the bounds themselves, sums of up to 2**30 non-negative numbers."""


@dataclass(frozen=True, eq=False)
class Smoothed:
    """A and B, and Frobenius norms that bound their errors.

    Attributes
    ----------
    first : array of shape (k-1, k-1+d)
    second : array of shape (k-1+d, k-1+d)
    lost_first, lost_second : float
    """

    first: Array
    second: Array
    lost_first: float
    lost_second: float


def legendre_rows(t: Array, top: int) -> Array:
    """P_0..P_top at points of [-1, 1], a row per degree, by the recurrence whose error is bounded above."""
    rows = np.empty((top + 1, t.size))
    rows[0] = 1.0
    if top:
        rows[1] = t
    for n in range(1, top):
        following = rows[n + 1]
        np.multiply(t, rows[n], out=following)
        following *= (2.0 * n + 1.0) / (n + 1.0)
        following -= (n / (n + 1.0)) * rows[n - 1]
    return rows


def recurrence_error(degrees: Array) -> Array:
    """Bound of what ``legendre_rows`` loses, by the degree."""
    return np.asarray(RECURRENCE * (degrees + 1.0) * (degrees + 2.0) / 4.0 * ROOM)


def antiderivatives(t: Array, top: int) -> tuple[Array, float]:
    """Phi_1..Phi_{top-1}, a row each, and a bound of the norm of the errors in a column."""
    rows = legendre_rows(np.clip(t, -1.0, 1.0), top)
    i = np.arange(1.0, top)
    scale = 1.0 / np.sqrt(2.0 * (2.0 * i + 1.0))
    out = rows[2:]
    out -= rows[:-2]
    out *= scale[:, None]
    error = scale * (recurrence_error(i + 1.0) + recurrence_error(i - 1.0) + 16.0 * UNIT)
    error += ARGUMENT * np.sqrt((2.0 * i + 1.0) / 2.0)
    return out, float(np.sqrt(np.sum(error * error))) * ROOM


def next_columns(nodes: Nodes, degree: int, half: float) -> tuple[Array, float, float]:
    """E_1..E_d, a row each, and bounds of the norms of a column and of its error; ``half`` is rounded once."""
    if not degree:
        return np.zeros((0, nodes.t.size)), 0.0, 0.0
    rows = legendre_rows(np.clip(nodes.above, -1.0, 1.0), degree)[1:]
    rows -= legendre_rows(np.clip(nodes.below, -1.0, 1.0), degree)[1:]
    n = np.arange(1.0, degree + 1.0)
    scale = np.sqrt((2.0 * n + 1.0) / (2.0 * half))
    rows *= scale[:, None]
    # |P_n'| <= n(n+1)/2.
    error = 2.0 * scale * (recurrence_error(n) + ARGUMENT * n * (n + 1.0) / 2.0 + 16.0 * UNIT)
    size = 2.0 * math.sqrt(float(np.sum(scale * scale)))
    return rows, size * ROOM, float(np.sqrt(np.sum(error * error))) * ROOM


@dataclass(frozen=True, eq=False)
class Sides:
    """The two factors at every node, a row per function, and what bounds their columns.

    Attributes
    ----------
    left, right : arrays of shape (functions, nodes)
    size_left, size_right : float
        Norms of exact columns.
    lost_left : float
    lost_right : array of shape (nodes,)
        Norms of the errors.
    """

    left: Array
    right: Array
    size_left: float
    size_right: float
    lost_left: float
    lost_right: Array


def crossed(nodes: Nodes, table: Array) -> tuple[Array, Array, int]:
    """Sums over the crossings of every node, the sums of |count|, and the largest number of terms."""
    count = nodes.t.size
    if not count:
        return np.zeros((len(table), 0)), np.zeros(0), 0
    sums: Any = csr_array((nodes.count, (nodes.node, np.arange(nodes.node.size))), shape=(count, nodes.node.size))
    most = np.asarray(np.bincount(nodes.node, weights=np.abs(nodes.count)), dtype=np.float64)
    return np.asarray(sums @ table.T).T, most, int(np.max(np.bincount(nodes.node)))


def own_places(nodes: Nodes) -> Any:
    """Indices of the crossings that are the nodes themselves."""
    return np.flatnonzero(np.diff(nodes.node, prepend=-1))


def smoothed(nodes: Nodes, top: int, degree: int, half: float) -> Smoothed:
    """A and B from nodes.

    Parameters
    ----------
    nodes : Nodes
    top : int
        k.
    degree : int
        d, of the functions of the next layer.
    half : float
        Half-width of the next box, rounded to nearest.
    """
    table, lost_phi = antiderivatives(nodes.place, top)
    moved, most, terms = crossed(nodes, table)
    extra, extra_size, extra_lost = next_columns(nodes, degree, half)
    # Norms at every node: exact size, error, and size of what was computed, for the left and the right factor.
    size_left, size_right = math.sqrt(0.5), math.hypot(math.sqrt(8.0), extra_size)
    lost_right = most * lost_phi + gamma(terms) * most * (size_left + lost_phi) + extra_lost
    right: Array = np.vstack([moved, extra])
    return integrated(nodes, Sides(table[:, own_places(nodes)], right, size_left, size_right, lost_phi, lost_right))


def integrated(nodes: Nodes, sides: Sides, raised: tuple[float, float] = (1.0, 1.0)) -> Smoothed:
    """The sums over the nodes; ``raised`` multiplies the errors of quadrature."""
    left, right, count = sides.left, sides.right, nodes.t.size
    full_left, full_right = sides.size_left + sides.lost_left, sides.size_right + sides.lost_right
    first, second = np.abs(nodes.first), nodes.second
    relative = 2.0**-50 + gamma(count + 4)
    lost_first = np.sum(
        first * (sides.lost_left * full_right + sides.size_left * sides.lost_right + relative * full_left * full_right)
    )
    lost_second = np.sum(second * (sides.lost_right * (sides.size_right + full_right) + relative * full_right**2))
    largest = float(np.max(full_right, initial=0.0))
    lost_first += nodes.tiny * full_left * largest
    lost_second += nodes.tiny * largest**2
    underflow = TINY * count * right.shape[0] ** 2
    return Smoothed(
        -(left * nodes.first) @ right.T,
        (right * nodes.second) @ right.T,
        up(raised[0] * nodes.lost_first + float(lost_first) * ROOM + underflow),
        up(raised[1] * nodes.lost_second + float(lost_second) * ROOM + underflow),
    )
