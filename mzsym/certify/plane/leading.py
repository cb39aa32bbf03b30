"""The largest part of a norm by a few functions of the inputs that are known far beyond the degrees k; MATH (24x).

Let Z = Q M Pi be known, ||Z_W|| = ||Q M (I - Pi)|| <= sqrt(mu) with the remaining degrees, and V the span of a few
functions g = Z Y. Then S = Z Z* + E, E = Z_W Z_W* >= 0, and for f = v + w, v in V, w orthogonal to V,

    <f, E f> <= (1 + t) <v, E v> + (1 + 1/t) mu |w|^2     for every t > 0,

where <g, E g> = |(I - Pi) M* g|^2 is small, although mu is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import eigsh

from mzsym.balls import tensor
from mzsym.balls.spectral import UNIT, frobenius, gamma, largest_eigenvalue, spectral_norm, top_pair, up
from mzsym.balls.tensor import Columns
from mzsym.certify.sharp.schur import lower_eigenvalue
from mzsym.core.arrays import Array

MOST = 10
"""Functions of V."""

SHARE = 0.3
"""Eigenvalues above this share of the largest belong to V, if there are not more."""

ROOM = 1.0 + 2.0**-40


@dataclass(frozen=True, eq=False)
class Leading:
    """Functions g = Q p Y, nearly orthonormal, of columns p with the Gram matrix K = <Q p, Q p>.

    Attributes
    ----------
    K : array of shape (columns, columns)
    lost : float
        What K may be off in norm.
    Y : array of shape (columns, functions)
    values : array of shape (functions,)
        About the eigenvalues of K that belong to them.
    functions : Columns
        The g up to ``off``, exact polynomials.
    off : float
        Bound of the norm of sum a_j (g_j less the polynomial), |a| = 1.
    """

    K: Array
    lost: float
    Y: Array
    values: Array
    functions: Columns
    off: float

    @classmethod
    def of(
        cls, K: Array, lost: float, columns: Array, basis: Columns | None, resolved: Array, missed: float, small: float
    ) -> Leading:
        """From coefficients of the columns and, where Q projects, of the basis of P and their inner products.

        Parameters
        ----------
        K, lost
            As above.
        columns : array of shape (..., columns)
        basis : Columns, optional
            Orthonormal up to errors that are looked at.
        resolved : array of shape (rank, columns)
        missed : float
            Bound of the norm of what ``resolved`` is off.
        small : float
            Coefficients of the functions that are left out are about this together.
        """
        # Nothing is proved of them here.
        if len(K) < 64:
            values, vectors = np.linalg.eigh(K)
        else:
            start = np.cos(np.arange(len(K), dtype=np.float64))
            values, vectors = eigsh(K, k=MOST, which="LA", v0=start, tol=1e-13)
        count = max(1, min(MOST, int(np.sum(values > SHARE * values[-1]))))
        values = np.maximum(values[::-1][:count], 1e-3 * values[-1])
        Y = vectors[:, ::-1][:, :count] / np.sqrt(values)
        exact = Columns(columns, np.zeros(columns.shape[-1]))
        found = tensor.combined(exact, Y)
        size = frobenius(Y)
        off = 0.0
        if basis is not None:
            weights = resolved @ Y
            found = found - tensor.combined(basis, weights)
            off = (missed + gamma(len(Y) + 2) * frobenius(resolved)) * size
        found = tensor.chopped(found, small)
        return cls(K, lost, Y, values, Columns(found.coefs, 0.0 * found.errors), up(off + frobenius(found.errors), 8))

    def bounds(
        self, products: Array, lost: float, belong: Array, beyond: Array, mu: float, rest: float, norm: float
    ) -> tuple[float, float]:
        """Of ||Q M||, from below and, for the polynomials p in place of the columns, from above.

        Parameters
        ----------
        products : array of shape (functions, ...)
            <g, M e_l> of all degrees that are known.
        lost : float
            Bound of the norm of the errors.
        belong, beyond : array of bool
            Which l belong to the space of the norm, and which are not among the columns.
        mu : float
            ||M (I - Pi)||^2 for the columns.
        rest : float
            The same beyond all that is known.
        norm : float
            Bound of ||M||.
        """
        gram, gram_lost = _gram(self.functions)
        length = up(largest_eigenvalue(gram) + gram_lost)
        whole = products[:, belong]
        low = math.sqrt(lower_eigenvalue(*_squared(whole, lost))) / ROOM - norm * self.off
        R, R_lost = _squared(products[:, beyond], lost)
        top = up(largest_eigenvalue(R) + R_lost + rest * length)
        # (r + sqrt(mu) off)^2 <= (1 + x) r^2 + (1 + 1/x) mu off^2, x = sqrt(mu) off/r.
        shift = math.sqrt(mu) * self.off
        R = R * (1.0 + shift / math.sqrt(top)) if top > 0.0 else R
        R_lost = (R_lost + rest * length) * (1.0 + shift / math.sqrt(max(top, 1e-300))) + shift * (
            shift + math.sqrt(top)
        )
        return max(0.0, low / math.sqrt(length) / ROOM), self._above(R, up(R_lost * ROOM, 8), mu)

    def _above(self, R: Array, lost: float, mu: float) -> float:
        """The square root of the least bound over t."""
        K, Y = self.K, self.Y
        moved = K @ Y
        size, span = spectral_norm(K), frobenius(Y)
        rounding = (gamma(len(K) + 4) * frobenius(K) + self.lost) * span
        ahead, apart = _symmetric(moved.T @ moved), frobenius(_symmetric(Y.T @ moved) - np.eye(len(R)))
        # What (K Y)'(K Y) and Y'K Y are off: errors of K, of K Y, and of the last product.
        ahead_lost = rounding * (2.0 * frobenius(moved) + rounding) + gamma(len(K) + 4) * frobenius(moved) ** 2
        apart += rounding * span + gamma(len(K) + 4) * span * frobenius(moved)
        if not apart < 0.5:
            return math.inf
        left = frobenius(moved - Y * self.values) * ROOM + rounding + 2.0 * UNIT * frobenius(Y * self.values)
        coupling = left * math.sqrt(size + self.lost) / math.sqrt(1.0 - apart)
        without = _symmetric(K - (Y * self.values**2) @ Y.T)
        hidden = (gamma(len(R) + 6) * frobenius(Y * self.values) ** 2 + UNIT * frobenius(K)) * ROOM + self.lost
        second = up(largest_eigenvalue(without, top_pair(without)[0]) + hidden)
        trials = []
        for t in np.geomspace(1e-3, 1e3, 121).tolist():
            leading = float(np.linalg.eigvalsh(ahead + (1.0 + t) * R)[-1])
            trials.append((max(leading, second + (1.0 + 1.0 / t) * mu), t))
        chosen = min(trials)[1]
        X = ahead + (1.0 + chosen) * R
        lost = ahead_lost + (1.0 + chosen) * lost + 4.0 * UNIT * (frobenius(ahead) + (1.0 + chosen) * frobenius(R))
        first = up(largest_eigenvalue(X) + lost, 8) / (1.0 - apart)
        square = max(first, second + (1.0 + 1.0 / chosen) * mu) + coupling
        return math.sqrt(up(square * ROOM, 8)) * ROOM


def _symmetric(A: Array) -> Array:
    return np.asarray(0.5 * (A + A.T))


def _squared(A: Array, lost: float) -> tuple[Array, float]:
    """A A' and what it may be off in norm, if A is off by ``lost``."""
    size = frobenius(A)
    rounding = gamma(A.shape[1] + 4) * size * size
    return _symmetric(A @ A.T), up(2.0 * size * lost + lost * lost + rounding, 8)


def _gram(functions: Columns) -> tuple[Array, float]:
    """Inner products of exact polynomials in the uniform law, and what they may be off in norm."""
    flat = functions.coefs.reshape(-1, functions.count)
    moved = tensor.along([tensor.mean_products(size) for size in functions.sizes], functions.coefs)
    size = frobenius(tensor.largest(functions.coefs))
    terms = sum(functions.sizes) + len(flat) + 16
    return _symmetric(flat.T @ moved.reshape(len(flat), -1)), up(gamma(terms) * size * size, 64)
