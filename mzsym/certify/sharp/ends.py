"""The ends of a memory kernel: ||M_n Q_{n+1}||, ||P_n M_n Q_{n+1}|| and ||Q_n M_n P_{n+1}||; MATH (22), (24m), (24n).

The first two need degree 0 on the left, whose primitive Phi_0 = (t + 1)/sqrt 2 does not vanish at t = 1. With
H = [f + 2s > f(1)] - 2 [f > f(1)] + [f - 2s > f(1)], D_0 is the sum over the crossings plus sqrt 2 H, and integration
by parts leaves the terms

    <p_0, M M* p_0> = -int Phi_0 f' (D_0 + sqrt 2 H) dt/4s^2 + 1/s,   <p_0, M M* p_j> = <p_j, M M* p_0>,
    <p_0, M e_l> = (-int Phi_0 E_l f' dt + sqrt 2 int_{f(1)-s}^{f(1)+s} e_l)/2s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mzsym.balls.crossings import ARGUMENT, NextBasis, Nodes
from mzsym.balls.numbers import Arb
from mzsym.balls.spectral import UNIT, frobenius, gamma, largest_eigenvalue, up
from mzsym.certify.sharp.averaged import Averaged, raised_by_tail
from mzsym.certify.sharp.schur import bounds, interior
from mzsym.certify.sharp.smoothed import (
    ROOM,
    Sides,
    Smoothed,
    antiderivatives,
    crossed,
    integrated,
    next_columns,
    own_places,
)
from mzsym.core import MzError
from mzsym.core.arrays import Array

NEAR = 2.0**-44
"""Levels as close as this, in half-widths of the next box, are not told apart."""

RAISED = 6.0, 9.0
"""Degree 0, D_0 and H raise the errors of quadrature of the two integrals by at most these factors.

Where a panel is left out, the norms grow from 1/sqrt 2 to sqrt 2 and from 4/sqrt 2 to sqrt 33. On an ellipse let R be
the sum of |count| growth(T) over the crossings: |Phi_0|^2 <= 2 beta^2 is at most 2/log 2 times growth^2, so that the
norm of (Phi_i) is at most 1.98 growth, that of the right factor at most 1.98 R + sqrt 2 and 1 for H, and
R >= 2 sqrt(log 2).
"""


@dataclass(frozen=True)
class Ends:
    """Proved upper bounds of three norms of one layer.

    Attributes
    ----------
    entrance : float
        ||M_n Q_{n+1}||.
    resolved : float
        ||P_n M_n Q_{n+1}||.
    exit : float
        ||Q_n M_n P_{n+1}||.
    """

    entrance: float = math.inf
    resolved: float = math.inf
    exit: float = math.inf


UNKNOWN = Ends()


@dataclass(frozen=True)
class Edge:
    """f(1) and 2s on the next box, mapped to [-1, 1], and the averages around f(1).

    Attributes
    ----------
    level, shift : float
        May be off by a quarter of ``NEAR``.
    width : float
        2s.
    averages : array of shape (d + 1,)
        sqrt 2 times the integrals of e_0..e_d over [f(1) - s, f(1) + s].
    lost : float
        Bound of the norm of the errors of ``averages`` and ``width``.
    """

    level: float
    shift: float
    width: float
    averages: Array
    lost: float

    @classmethod
    def of(cls, level: Arb, half_width: Arb, following: NextBasis, degree: int) -> Edge:
        """With balls around f(1) and s.

        Raises
        ------
        MzError
            Where f(1) is not known closely enough.
        """
        half = following.half
        unit, shift = (level - following.middle) / half, 2 * half_width / half
        if not unit.rad() < NEAR / 8:
            raise MzError("the value of the map at the end of the domain is not known", "certify", "Use another method")
        averages = []
        for k in range(degree + 1):
            high, low = (_primitive(k, unit + sign * shift / 2) for sign in (1, -1))
            averages.append(((2 * k + 1) * half).sqrt() * (high - low))
        width = 2 * half_width
        lost = sum(float(ball.rad()) + 4.0 * UNIT * abs(float(ball)) for ball in (*averages, 4 * width))
        return cls(float(unit), float(shift), float(width), np.array([float(x) for x in averages]), lost * ROOM)


def _primitive(k: int, x: Arb) -> Arb:
    """Of the Legendre polynomial P_k."""
    return (x.legendre_p(k + 1) - x.legendre_p(k - 1)) / (2 * k + 1) if k else x


def with_constant(nodes: Nodes, top: int, degree: int, half: float, edge: Edge) -> Smoothed:
    """A and B as ``smoothed``, with rows and columns for p_0 and for e_0, whose E_0 is 0.

    Parameters
    ----------
    nodes : Nodes
        Made for at least one function of the next layer, so that they know f.
    top, degree, half
        As in ``smoothed``.
    edge : Edge

    Returns
    -------
    Smoothed
        A of shape (k, k + d + 1), B square.
    """
    plain, lost_plain = antiderivatives(nodes.place, top)
    table = np.vstack([(nodes.place + 1.0) * math.sqrt(0.5), plain])
    lost_phi = math.hypot(lost_plain, ARGUMENT + 8.0 * UNIT) * ROOM
    moved, most, terms = crossed(nodes, table)
    extra, extra_size, extra_lost = next_columns(nodes, degree, half)
    step, unsure = _beyond(nodes, edge)
    moved[0] += math.sqrt(2.0) * step
    right: Array = np.vstack([moved, np.zeros_like(step), extra, step])
    # Coefficients of indicator functions with their constants.
    size_left, size_right = math.sqrt(2.0), math.hypot(math.sqrt(33.0), extra_size)
    lost_right = most * lost_phi + gamma(2 * terms + 4) * most * (size_left + lost_phi) + extra_lost + 8.0 * unsure
    sides = Sides(table[:, own_places(nodes)], right, size_left, size_right, lost_phi, lost_right)
    return _ended(integrated(nodes, sides, RAISED), edge)


def _beyond(nodes: Nodes, edge: Edge) -> tuple[Array, Array]:
    """H at the nodes, and 1 where it is not certain."""
    value = 0.5 * (nodes.above + nodes.below) - edge.level
    step, unsure = np.zeros_like(value), np.zeros_like(value)
    for shift, factor in ((edge.shift, 1.0), (0.0, -2.0), (-edge.shift, 1.0)):
        step += factor * (value + shift > 0.0)
        unsure = np.maximum(unsure, np.abs(value + shift) < NEAR * (1.0 + edge.shift))
    return step, unsure


def _ended(found: Smoothed, edge: Edge) -> Smoothed:
    """The terms at t = 1; the last row and column, of H, are used up."""
    at_end, A, B = float(found.first[0, -1]), found.first[:, :-1].copy(), found.second[:-1, :-1]
    size = len(A)
    A[0, 1:size] = A[1:, 0]
    A[0, 0] += math.sqrt(2.0) * at_end + 2.0 * edge.width
    A[0, size:] += edge.averages
    rounding = 16.0 * UNIT * (abs(at_end) + edge.width + float(np.linalg.norm(A[0])))
    # The first column twice, and sqrt 2 times the entry of H.
    return Smoothed(A, B, up((2.0 + math.sqrt(2.0)) * found.lost_first + edge.lost + rounding, 8), found.lost_second)


def of_uniform(found: Smoothed, degree: int, mu: float) -> tuple[float, float, float]:
    """Upper bounds of 4 s^2 times the squares of the norms in L^2(-1, 1): entrance, resolved, exit."""
    size = len(found.first)
    kernel, columns = found.first[:, :size], found.first[:, size:]
    entrance = interior(found, -1, mu, 0)[1]
    part = slice(0, degree + 1)
    lost, o = found.lost_first, frobenius(columns)
    rest = kernel[part, part] - columns[part] @ columns[part].T
    lost_rest = lost * (1.0 + 2.0 * o + lost) + (gamma(columns.shape[1] + 4) + 4.0 * UNIT) * (frobenius(rest) + o**2)
    resolved = top_eigenvalue(rest, lost_rest)
    return entrance, resolved, exit_square(columns, found.second[size:, size:], lost, found.lost_second, degree)


def of_averages(found: Averaged, degree: int, mu: float) -> tuple[float, float, float]:
    """Upper bounds of the squares of the norms in L^2(-1, 1), for any density of the noise, with the tail of (24i)."""
    entrance = raised_by_tail(bounds(*found.matrices(degree + 1, 0), -1, mu, 0), found.tail)[1]
    part, lost = found.products[: degree + 1, degree + 1 :], found.lost_products
    size = frobenius(part)
    rounding = gamma(part.shape[1] + 4) * size**2
    resolved = up(top_eigenvalue(part @ part.T, 2.0 * size * lost + lost**2 + rounding) + found.tail)
    head = slice(0, degree + 1)
    out = exit_square(found.products[:, head], found.slopes[head, head], lost, found.lost_slopes, degree)
    return entrance, resolved, out


def exit_square(O: Array, X: Array, lost_O: float, lost_X: float, degree: int) -> float:  # noqa: E741
    """Upper bound of ||Q M P'||^2 from O_il = <p_i, M e_l>, i < k, and X_ln = int (1-t^2) (M e_l)' (M e_n)' dt.

    The degrees from k on add at most (X - O' diag(j(j+1)) O)/(k(k+1)).
    """
    k = len(O)
    J = np.arange(float(k)) * np.arange(1.0, k + 1.0)
    kept, scale, size = O[degree + 1 :], k * (k + 1.0), frobenius(O)
    total = kept.T @ kept + (X - (O.T * J) @ O) / scale
    lost = (2.0 * size * lost_O + lost_O**2) * 2.0 + lost_X / scale
    return top_eigenvalue(total, up(lost + gamma(2 * k + 16) * (2.0 * size**2 + frobenius(X) / scale), 16))


def top_eigenvalue(matrix: Array, lost: float) -> float:
    """Upper bound, at least 0, of the largest eigenvalue of a symmetric matrix within ``lost`` of this one."""
    symmetric = 0.5 * (matrix + matrix.T)
    return up(largest_eigenvalue(symmetric) + up(lost + 2.0 * UNIT * frobenius(matrix)))
