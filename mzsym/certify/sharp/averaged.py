"""The matrices of a sharp enclosure for any noise of bounded support, in floating point with proved errors; MATH (24).

With the averages m_l(z) = E[e_l(z + xi)], l < K, of the orthonormal Legendre polynomials of the next box,
O_il = <p_i, m_l(f)> and X_ln = int (1 - t^2) f'^2 m_l'(f) m_n'(f) dt, the operator M P'_K M* has the matrix O O' and
its derivatives the Gram matrix O X O'. What is left out is non-negative and of norm at most

    tau^2 = 2 ||rho||^2 - sum_{l<K} ||m_l(f)||^2,

the squared Hilbert-Schmidt norm of M (I - P'_K). Roundings as in ``smoothed``; P_l' = sum of (2j+1) P_j over j = l-1,
l-3, ..., and averages of |P_l| are at most the mass of rho.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mzsym.balls.averages import Averages
from mzsym.balls.crossings import ARGUMENT
from mzsym.balls.spectral import TINY, UNIT, frobenius, gamma, up
from mzsym.certify.sharp.smoothed import ROOM, antiderivatives, legendre_rows, recurrence_error
from mzsym.core.arrays import Array

CHUNK = 1 << 15
"""Arguments of Legendre polynomials that are held at once."""


@dataclass(frozen=True, eq=False)
class Averaged:
    """O, X and tau^2 with Frobenius norms that bound their errors.

    Attributes
    ----------
    products : array of shape (k, K)
    slopes : array of shape (K, K)
    lost_products, lost_slopes : float
    tail : float
        Upper bound of tau^2.
    """

    products: Array
    slopes: Array
    lost_products: float
    lost_slopes: float
    tail: float

    def matrices(self, first: int, start: int = 1) -> tuple[Array, Array, float, float]:
        """M (P'_K - P'_first) M* on degrees ``start``..k-1 and its B, with the bounds of their errors."""
        part, inner = self.products[start:, first:], self.slopes[first:, first:]
        size, x, lost = frobenius(part), frobenius(inner), self.lost_products
        rounding = gamma(2 * part.shape[1] + 8)
        lost_K = 2.0 * size * lost + lost**2 + rounding * size**2
        lost_B = (size + lost) ** 2 * self.lost_slopes + (2.0 * size * lost + lost**2) * x + rounding * size**2 * x
        return part @ part.T, part @ inner @ part.T, up(lost_K, 16), up(lost_B, 16)


def averages_of_legendre(nodes: Averages, size: int) -> Array:
    """Averages of P_0..P_{size-1} at the outer nodes and gaps, a row per degree."""
    out = np.empty((size, nodes.centre.size))
    step = max(1, CHUNK // max(1, nodes.inner.size))
    for start in range(0, nodes.centre.size, step):
        part = nodes.centre[start : start + step]
        arguments = np.clip(part[:, None] + nodes.inner[None, :], -1.0, 1.0)
        before, value = np.ones_like(arguments), arguments
        out[0, start : start + step] = before @ nodes.inner_weights
        for n in range(1, size):
            out[n, start : start + step] = value @ nodes.inner_weights
            following = arguments * value
            following *= (2.0 * n + 1.0) / (n + 1.0)
            following -= (n / (n + 1.0)) * before
            before, value = value, following
    return out


def averaged(nodes: Averages, top: int, size: int, half: float, square: float) -> Averaged:
    """O, X and tau^2.

    Parameters
    ----------
    nodes : Averages
    top, size : int
        k and K.
    half : float
        Half-width of the next box, rounded to nearest.
    square : float
        Upper bound of ||rho||^2.
    """
    table = averages_of_legendre(nodes, size)
    n = np.arange(float(size))
    mass = float(np.sum(np.abs(nodes.inner_weights))) * ROOM
    # The recurrence, the argument, weights and sum; the inner rule.
    error = mass * (recurrence_error(n) + ARGUMENT * n * (n + 1.0) / 2.0 + 2.0**-50 + gamma(nodes.inner.size + 4))
    error = (error + nodes.lost_inner + TINY * nodes.inner.size) * ROOM
    derivative, lost = np.zeros_like(table), np.zeros(size)
    for k in range(1, size):
        derivative[k] = (2.0 * k - 1.0) * table[k - 1] + (derivative[k - 2] if k > 1 else 0.0)
        lost[k] = (2.0 * k - 1.0) * error[k - 1] + (lost[k - 2] if k > 1 else 0.0)
    lost = (lost + gamma(size + 4) * mass * n * (n + 1.0)) * ROOM
    scale = np.sqrt((2.0 * n + 1.0) / (2.0 * half))
    m, slope = scale[:, None] * table, (scale / half)[:, None] * derivative
    lost_m = _norm(scale * error) + 8.0 * UNIT * _norm(scale) * mass
    lost_slope = _norm(scale / half * lost) + 8.0 * UNIT * _norm(scale / half * n * (n + 1.0)) * mass
    count = nodes.t.size
    return _assembled(nodes, top, m, slope, lost_m * ROOM, lost_slope * ROOM, count, square)


def _norm(vector: Array) -> float:
    return float(np.sqrt(np.sum(vector * vector))) * ROOM


def _assembled(
    nodes: Averages, top: int, m: Array, slope: Array, lost_m: float, lost_slope: float, count: int, square: float
) -> Averaged:
    weights, outer = nodes.weights, m[:, :count]
    i = np.arange(float(top))
    root = np.sqrt((2.0 * i + 1.0) / 2.0)
    p = root[:, None] * legendre_rows(np.clip(nodes.t, -1.0, 1.0), top - 1)
    error = root * (recurrence_error(i) + ARGUMENT * i * (i + 1.0) / 2.0 + 4.0 * UNIT)
    lost_p, size_p = _norm(error), np.sqrt(np.sum(p * p, axis=0)) * ROOM
    size_m = np.sqrt(np.sum(outer * outer, axis=0)) * ROOM
    relative = 2.0**-50 + gamma(count + 4)
    products = (p * weights) @ outer.T
    lost_products = nodes.lost_products + ROOM * float(
        np.sum(weights * (lost_p * (size_m + lost_m) + size_p * lost_m + relative * size_p * size_m))
    )
    if nodes.flat.size:
        low, lost_low = antiderivatives(nodes.gap_ends[:, 0], top)
        high, lost_high = antiderivatives(nodes.gap_ends[:, 1], top)
        at = m[:, count:]
        whole = np.vstack([nodes.flat[None, :] * math.sqrt(0.5), high - low])
        products = products + whole @ at.T
        sizes = np.sqrt(np.sum(at * at, axis=0)) * ROOM + lost_m
        # Coefficients of an indicator function, with norm at most sqrt 2.
        lost_products += ROOM * float(np.sum((lost_low + lost_high + 2.0**-49) * sizes + 1.5 * lost_m))
        lost_products += gamma(nodes.flat.size + 4) * 1.5 * float(np.sum(sizes)) + 2.0 * UNIT * frobenius(products)
    steep = slope[:, :count] * nodes.slopes
    inside = weights * (1.0 - nodes.t) * (1.0 + nodes.t)
    size_s, tangent = np.sqrt(np.sum(steep * steep, axis=0)) * ROOM, np.abs(nodes.slopes)
    lost_s = tangent * lost_slope + 2.0**-49 * size_s + 2.0**-90 * _norm(slope)
    lost_slopes = nodes.lost_slopes + ROOM * float(
        # 1 - t^2 is off by at most 2**-50 where t is off by 2**-52.
        np.sum(weights * (lost_s * (2.0 * size_s + lost_s) + (relative + 2.0**-49) * size_s**2))
    )
    kept = float(np.sum(weights * np.sum(outer * outer, axis=0))) + float(
        np.sum(nodes.flat * np.sum(m[:, count:] * m[:, count:], axis=0))
    )
    all_m, all_weights = np.sqrt(np.sum(m * m, axis=0)) * ROOM, np.concatenate([weights, nodes.flat])
    lost_kept = nodes.lost_squares + ROOM * float(
        np.sum(all_weights * (lost_m * (2.0 * all_m + lost_m) + (relative + gamma(m.size + 4)) * all_m**2))
    )
    tail = 2.0 * square - kept + lost_kept + 8.0 * UNIT * (2.0 * square + kept)
    rounding = TINY * m.size * (count + 1)
    return Averaged(
        products,
        (steep * inside) @ steep.T,
        up(lost_products + rounding, 8),
        up(lost_slopes + rounding, 8),
        up(max(0.0, tail), 8),
    )


def raised_by_tail(bounds: tuple[float, float], tail: float) -> tuple[float, float]:
    """Bounds of ||K + E|| from those of ||K||, for 0 <= E <= tail."""
    low, high = bounds
    return low, math.inf if math.isinf(high) else up(high + tail)
