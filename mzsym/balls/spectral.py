"""Proved upper bounds of spectral norms in floating point, and matrices with an entrywise radius.

The bulk is float64 in BLAS and LAPACK; what it may have lost is bounded from the standard model of rounding (each
sum and product exact up to a factor 1 + d, |d| <= u, in any order, fused or not) and added. MATH (26)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import eigsh

from mzsym.core.arrays import Array

UNIT = 2.0**-53
"""Unit roundoff u of float64."""

TINY = 1e-290
"""More than all that underflow can lose in one entry of any product here."""

_TRIALS = 8


def gamma(k: int) -> float:
    """k u/(1 - k u), rounded up: k roundings change a number by at most this factor."""
    return k * UNIT / (1.0 - k * UNIT) * (1.0 + 2.0**-40)


def raised(x: Array, roundings: int = 4) -> Array:
    """Not below the exact value, where x >= 0 was computed from non-negative numbers with this many roundings."""
    return np.asarray(x * (1.0 + 2.0 * gamma(roundings + 2)))


def up(x: float, roundings: int = 4) -> float:
    """As ``raised``, for one number."""
    return float(x * (1.0 + 2.0 * gamma(roundings + 2)))


def frobenius(A: Array) -> float:
    """Upper bound of the Frobenius norm."""
    scaled, exponent = _scaled(A)
    return _rescaled(up(math.sqrt(up(float(np.sum(scaled * scaled)), A.size)) + TINY * A.size), exponent)


def spectral_norm(A: Array) -> float:
    """Proved upper bound of the largest singular value of a matrix of floats, MATH (26).

    The best of the Frobenius norm, sqrt(||A||_1 ||A||_inf), and an eigenvalue of A'A verified by a Cholesky
    factorisation: if that of t I - A'A runs to its end in floating point, then t, plus what rounding may have hidden,
    is at least every eigenvalue. For a matrix with one row or one column the first is exact.

    Parameters
    ----------
    A : array of shape (rows, columns)

    Returns
    -------
    float
        ``inf`` where an entry is not finite.

    Examples
    --------
    >>> 0 <= spectral_norm(np.array([[3.0, 0.0], [4.0, 0.0]])) - 5 < 1e-13
    True
    """
    if not np.all(np.isfinite(A)):
        return math.inf
    scaled, exponent = _scaled(A)
    bound = frobenius(scaled)
    if min(A.shape) > 1 and bound > 0.0:
        sizes = np.abs(scaled)
        columns, rows = float(sizes.sum(axis=0).max()), float(sizes.sum(axis=1).max())
        bound = min(bound, up(math.sqrt(columns * rows), sum(A.shape)), _verified(scaled))
    return _rescaled(bound, exponent)


def _scaled(A: Array) -> tuple[Array, int]:
    """The matrix times a power of two, so that its largest entry is about 1; and that power."""
    largest = float(np.max(np.abs(A), initial=0.0))
    if not 0.0 < largest < math.inf:
        return A, 0
    exponent = math.frexp(largest)[1]
    return np.ldexp(A, -exponent), exponent


def _rescaled(bound: float, exponent: int) -> float:
    try:
        # Entries that the scaling lost to underflow are below 2**-1074 each.
        return math.ldexp(bound + TINY, exponent) if bound > 0.0 else 0.0
    except OverflowError:
        return math.inf


def _verified(A: Array) -> float:
    """sqrt of an upper bound of the largest eigenvalue of A'A, or inf.

    With G = fl(A'A), ||G - A'A|| <= gamma_m ||A||_F**2.
    """
    if A.shape[0] < A.shape[1]:
        A = A.T
    rows, size = A.shape
    lost = gamma(rows + 2) * frobenius(A) ** 2
    top = largest_eigenvalue(A.T @ A)
    return up(math.sqrt(up(top + lost + TINY * size * rows, size))) if top < math.inf else math.inf


def largest_eigenvalue(gram: Array, guess: float | None = None) -> float:
    """Proved upper bound of the largest eigenvalue of a symmetric matrix, at least 0, or inf.

    If the Cholesky factorisation of B = fl(t I - G) ends, its factor R satisfies ||R'R - B|| <=
    gamma_(n+1)/(1 - gamma_(n+1)) trace B (any order of the sums; the factor 3 in the code also covers divisions done as
    products with reciprocals), and R'R has no negative eigenvalue.

    Parameters
    ----------
    gram : array of shape (size, size)
        The lower triangle counts.
    guess : float, optional
        About the largest eigenvalue, where that is known; it need not be right.
    """
    size = len(gram)
    if not np.all(np.isfinite(gram)):
        return math.inf
    try:
        top = float(np.linalg.eigvalsh(gram)[-1]) if guess is None else guess
    except np.linalg.LinAlgError:
        return math.inf
    share = gamma(3 * size + 30)
    slack = 4.0 * share * size * max(top, 0.0) + TINY
    for _ in range(_TRIALS):
        t = max(top, 0.0) + slack
        shifted = -gram
        diagonal = t - np.diagonal(gram)
        shifted[np.diag_indices(size)] = diagonal
        try:
            factor = np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            slack *= 16.0
            continue
        if not np.all(np.isfinite(factor)):
            return math.inf
        trace = float(np.sum(np.abs(diagonal)))
        hidden = share / (1.0 - share) * trace + UNIT * (abs(t) + float(np.max(np.abs(diagonal))))
        return up(t + hidden + TINY * size * size, size)
    return math.inf


@dataclass(frozen=True, eq=False)
class MatrixBall:
    """All matrices A with |A - center| <= radius in every entry.

    Attributes
    ----------
    center, radius : array of shape (rows, columns)
        The radius is not negative; infinite where nothing is known.
    """

    center: Array
    radius: Array

    @classmethod
    def between(cls, lower: Array, upper: Array) -> MatrixBall:
        """The ball around all matrices between two."""
        unknown = ~(np.isfinite(lower) & np.isfinite(upper))
        # Halves first: the sum of two large numbers could overflow.
        center = np.where(unknown, 0.0, 0.5 * np.where(unknown, 0.0, lower) + 0.5 * np.where(unknown, 0.0, upper))
        radius = np.maximum(np.where(unknown, 0.0, upper) - center, center - np.where(unknown, 0.0, lower))
        return cls(center, np.where(unknown, np.inf, raised(np.maximum(radius, 0.0))))

    @property
    def finite(self) -> bool:
        """Whether it bounds anything."""
        return bool(np.all(np.isfinite(self.radius)) and np.all(np.isfinite(self.center)))

    @property
    def magnitude(self) -> Array:
        """Largest absolute value of every entry."""
        return raised(np.abs(self.center) + self.radius)

    def __matmul__(self, other: MatrixBall) -> MatrixBall:
        """All products."""
        inner = self.center.shape[1]
        sizes = np.abs(self.center)
        center = self.center @ other.center
        radius = sizes @ other.radius + self.radius @ other.magnitude
        rounding = gamma(inner + 2) * (sizes @ np.abs(other.center)) + TINY * inner
        return MatrixBall(center, raised(radius + rounding, inner))

    def norm(self) -> float:
        """Proved upper bound of the spectral norms of all of them, MATH (26).

        A = C + E gives ||A|| <= ||C|| + ||E||, and |A| <= |C| + R entrywise gives ||A|| <= || |C| + R ||.
        """
        if not self.finite:
            return math.inf
        if not np.any(self.radius):
            return spectral_norm(self.center)
        apart = up(spectral_norm(self.center) + spectral_norm(self.radius))
        return min(apart, spectral_norm(self.magnitude))


def diagonal_norm(weights: Array, lower: Array, upper: Array, identity: bool = False) -> float:
    """Proved upper bound of ||D W|| or ||I + D W|| over all diagonal D between two, MATH (26).

    D W: W'D'DW grows with every |d_i|, so that the largest is reached at the largest |d_i|. I + D W = P + E with
    P = I + C W at the middle C of D: every row satisfies (p_i x + e_i x)**2 <= (1 + t_i) (p_i x)**2 +
    (1 + 1/t_i) (e_i x)**2, hence the norm is at most that of the stacked matrix [sqrt(1 + t) P; sqrt(1 + 1/t) R W],
    for every t > 0. The t that is best at the top singular vector is sought, and any is valid.

    Parameters
    ----------
    weights : array of shape (rows, columns)
        W; may be off by one rounding from the exact one.
    lower, upper : array of shape (rows,)
        Ends of the diagonal entries.
    identity : bool

    Returns
    -------
    float
    """
    if not (np.all(np.isfinite(lower)) and np.all(np.isfinite(upper))):
        return math.inf
    if not identity:
        largest = np.maximum(np.abs(lower), np.abs(upper))[:, None] * weights
        return up(spectral_norm(largest) + 4.0 * UNIT * frobenius(largest) + TINY * weights.size)
    ball = diagonal_ball(weights, lower, upper, identity=True)
    middle = 0.5 * lower + 0.5 * upper
    reach = raised(np.maximum(upper - middle, middle - lower))
    moved = reach[:, None] * weights
    # Entries of P and E are off by a few roundings of these numbers.
    lost = raised(np.abs(ball.center) + np.abs(middle)[:, None] * np.abs(weights))
    factors = [np.ones((2, len(weights)))] + [_factors(ball.center, moved)] * bool(np.any(moved))
    best = ball.norm()
    for k, (first, second) in enumerate(factors):
        parts = first[:, None] * ball.center, second[:, None] * moved
        whole = spectral_norm(np.vstack(parts)) if k else spectral_norm(parts[0]) + spectral_norm(parts[1])
        rounding = 32.0 * UNIT * (frobenius(first[:, None] * lost) + frobenius(parts[1]))
        best = min(best, up(whole + rounding + TINY * weights.size))
    return best


def _factors(P: Array, E: Array, rounds: int = 6) -> Array:
    """sqrt(1 + t) and sqrt(1 + 1/t), rounded up, for a good t."""
    t = _ratios(np.linalg.norm(E, axis=1), np.linalg.norm(P, axis=1))
    best, least = _roots(t), math.inf
    for _ in range(rounds):
        first, second = _roots(t)
        stacked = np.vstack([first[:, None] * P, second[:, None] * E])
        try:
            values, vectors = np.linalg.eigh(stacked.T @ stacked)
        except np.linalg.LinAlgError:
            break
        if values[-1] < least:
            best, least = np.stack([first, second]), float(values[-1])
        x = vectors[:, -1]
        t = np.sqrt(t * _ratios(np.abs(E @ x), np.abs(P @ x)))
    return best


def _roots(t: Array) -> Array:
    return raised(np.sqrt(np.stack([1.0 + t, 1.0 + 1.0 / t])), 8)


def _ratios(small: Array, large: Array) -> Array:
    scale = max(float(np.max(large, initial=0.0)), float(np.max(small, initial=0.0)), TINY)
    return np.asarray(np.clip((small + 1e-9 * scale) / (large + 1e-9 * scale), 1e-6, 1e6))


def diagonal_ball(weights: Array, lower: Array, upper: Array, identity: bool = False) -> MatrixBall:
    """D W or I + D W, D between two diagonals, as a ball; ``weights`` may be off by one rounding."""
    known = np.isfinite(lower) & np.isfinite(upper)
    low, high = np.where(known, lower, 0.0), np.where(known, upper, 0.0)
    middle = 0.5 * low + 0.5 * high
    reach = raised(np.maximum(high - middle, middle - low))
    sizes = np.abs(weights)
    center = middle[:, None] * weights
    radius = reach[:, None] * sizes + 8.0 * UNIT * np.abs(center) + TINY * (sizes > 0.0)
    if identity:
        center = center + np.eye(len(weights))
        radius = radius + 2.0 * UNIT * np.abs(center)
    radius = np.where(known[:, None], raised(radius), np.where(sizes > 0.0, np.inf, 0.0))
    return MatrixBall(center, radius)


def top_pair(K: Array) -> tuple[float, Array]:
    """The largest eigenvalue of a symmetric matrix and its vector, about: nothing is proved of them."""
    if len(K) < 64:
        values, vectors = np.linalg.eigh(K)
    else:
        start = np.cos(np.arange(len(K), dtype=np.float64))
        values, vectors = eigsh(K, k=1, which="LA", v0=start, tol=1e-9, maxiter=4000)
    return float(values[-1]), np.asarray(vectors[:, -1])
