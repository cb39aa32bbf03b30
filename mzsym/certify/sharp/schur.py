"""From the matrices of a sharp enclosure to bounds of a norm, MATH (24).

K is a non-negative operator whose matrix in the orthonormal p_0, p_1, ... is known for degrees 1..k-1, V = d+1..k-1 and
W = degrees >= k. ||K_WW|| <= mu, and since the derivatives of K p_i are known,
R = (B - K diag(j(j+1)) K)_VV/(k(k+1)) bounds K_VW K_WV from above. Then

    lambda_max(K_VV) <= ||K|| <= max(lo, lambda_max(K_VV + R/(lo - mu)))    for every lower bound lo > mu,

because the Schur complement of lambda - K is non-negative at the right-hand side, and always
||K|| <= m + sqrt(((a - mu)/2)^2 + ||R||), m = (a + mu)/2, a = lambda_max(K_VV).
"""

from __future__ import annotations

import math

import numpy as np

from mzsym.balls.spectral import UNIT, frobenius, gamma, largest_eigenvalue, up
from mzsym.certify.sharp.smoothed import Smoothed
from mzsym.core.arrays import Array


def bounds(
    K: Array, B: Array, lost_K: float, lost_B: float, degree: int, mu: float, start: int = 1
) -> tuple[float, float]:
    """Lower and upper bound of ||K||.

    Parameters
    ----------
    K, B : arrays of shape (k-start, k-start)
        Symmetric up to their errors; rows of degree ``start``..k-1.
    lost_K, lost_B : float
        Bounds of the Frobenius norms of their errors.
    degree : int
        d; -1 where nothing is projected out.
    mu : float
        Upper bound of ||K_WW||.
    start : {0, 1}

    Returns
    -------
    tuple of float
    """
    block, R, lost_K, lost_R = coupled(K, B, lost_K, lost_B, degree, start)
    lo = lower_eigenvalue(block, lost_K)
    a = up(largest_eigenvalue(block) + lost_K)
    r = up(largest_eigenvalue(R) + lost_R)
    high = up((a + mu) / 2.0 + math.sqrt(up(((a - mu) / 2.0) ** 2 + r, 6)) + 4.0 * UNIT * (a + mu), 6)
    gap = (lo - mu) * (1.0 - 4.0 * UNIT)
    if gap > 0.0:
        Y = block + R / gap
        lost = lost_K + lost_R / gap + 4.0 * UNIT * (frobenius(block) + frobenius(R) / gap)
        high = min(high, max(lo, up(largest_eigenvalue(Y) + up(lost, 8))))
    return lo, high


def coupled(
    K: Array, B: Array, lost_K: float, lost_B: float, degree: int, start: int = 1
) -> tuple[Array, Array, float, float]:
    """K_VV and R, an upper bound of K_VW K_WV, with the bounds of the Frobenius norms of their errors."""
    k, cut = len(K) + start, degree + 1 - start
    K = 0.5 * (K + K.T)
    lost_K = up(lost_K + UNIT * frobenius(K))
    J = np.arange(float(start), k) * np.arange(start + 1.0, k + 1.0)
    rows = K[cut:]
    weighted = rows * J
    scale = k * (k + 1.0)
    R = (B[cut:, cut:] - weighted @ rows.T) / scale
    size = frobenius(weighted)
    # (K + E) J (K + E)' - K J K', then rounding of the product, of J K, of the difference and of the division.
    lost_R = lost_B + 2.0 * size * lost_K + k * k * lost_K**2
    lost_R += gamma(k + 4) * size * frobenius(rows) + 4.0 * UNIT * (frobenius(B) + size * frobenius(rows))
    lost_R = up(up(lost_R, 12) / scale)
    R = 0.5 * (R + R.T)
    return K[cut:, cut:], R, lost_K, up(lost_R + 2.0 * UNIT * frobenius(R))


def lower_eigenvalue(K: Array, lost: float) -> float:
    """Proved lower bound, at least 0, of the largest eigenvalue of a matrix within ``lost`` of K (Rayleigh)."""
    x = np.linalg.eigh(K)[1][:, -1]
    top = float(x @ (K @ x))
    # |x|'|K||x| <= ||K||_F |x|^2, and |x|^2 is 1 up to far less than a part in 2**20 (else the bound below says so).
    square = float(x @ x)
    rounding = gamma(2 * len(K) + 4)
    least = top - rounding * frobenius(K) * square * (1.0 + rounding)
    least = least / square * (1.0 - math.copysign(4.0 * rounding, least))
    return max(0.0, least - lost - 4.0 * UNIT * (abs(least) + lost))


def whole(found: Smoothed, degree: int, mu: float) -> tuple[float, float]:
    """Bounds of 4 s^2 ||Q M||^2 in L^2(-1, 1)."""
    return bounds(*plain(found), degree, mu)


def plain(found: Smoothed) -> tuple[Array, Array, float, float]:
    """Both matrices without the columns of the next basis, and the bounds of their errors."""
    size = found.first.shape[0]
    return found.first[:, :size], found.second[:size, :size], found.lost_first, found.lost_second


def interior(found: Smoothed, degree: int, mu: float, start: int = 1) -> tuple[float, float]:
    """Bounds of 4 s^2 ||Q M Q'||^2."""
    return bounds(*taken_out(found), degree, mu, start)


def taken_out(found: Smoothed) -> tuple[Array, Array, float, float]:
    """Both matrices without the functions that Q' removes, and the bounds of their errors.

    K' = K - O O' with O the columns of the next basis, and B' = X B X' with X = [I, -O].
    """
    size = found.first.shape[0]
    K, extra = found.first[:, :size], found.first[:, size:]
    if not extra.shape[1]:
        return K, found.second, found.lost_first, found.lost_second
    lost, o, b = found.lost_first, frobenius(extra), frobenius(found.second)
    inner = gamma(3 * extra.shape[1] + 12)
    lost_K = lost + 2.0 * o * lost + lost**2 + inner * o**2 + 2.0 * UNIT * (frobenius(K) + o**2)
    X = np.hstack([np.eye(size), -extra])
    B = X @ found.second @ X.T
    x = math.sqrt(2.0) * (1.0 + o)
    lost_B = x**2 * found.lost_second + 2.0 * x * lost * (b + found.lost_second) + lost**2 * (b + found.lost_second)
    # X has ||X|| <= 1 + o; products of entries: every entry of B' is a sum of at most (d + 1)^2 products.
    lost_B += gamma(2 * len(found.second) + 12) * frobenius(X) ** 2 * b
    return K - extra @ extra.T, B, up(lost_K, 16), up(lost_B, 16)
