"""One-dimensional tanh chains with uniform noise by numpy's Chebyshev series: an oracle that shares no code with mzsym.

On [-a, a] functions are series of high degree; E v(z + xi) is a difference of antiderivatives, exact for the series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev

Function = Callable[[np.ndarray], np.ndarray]
DEGREE = 90


@dataclass(frozen=True)
class Chain:
    """Maps tanh(w x + b), noise of half-width s, on the intervals of X_0..X_L, with P on degrees <= degree."""

    weights: Sequence[tuple[float, float, float]]
    boxes: Sequence[tuple[float, float]]
    degree: int

    @property
    def depth(self) -> int:
        return len(self.weights)

    def series(self, f: Function, n: int) -> Chebyshev:
        return Chebyshev.interpolate(f, DEGREE, domain=self.boxes[n])

    def average(self, v: Function, n: int) -> Function:
        """M_n v."""
        w, b, s = self.weights[n]
        whole = self.series(v, n + 1).integ()
        return lambda x: (whole(np.tanh(w * x + b) + s) - whole(np.tanh(w * x + b) - s)) / (2 * s)

    def eta(self, n: int) -> Callable[[np.ndarray], np.ndarray]:
        """Orthonormal in the uniform measure, shape (points, d)."""
        lo, hi = self.boxes[n]
        factors = np.sqrt(2.0 * np.arange(self.degree + 1) + 1.0)
        return lambda x: np.polynomial.legendre.legvander((2 * x - lo - hi) / (hi - lo), self.degree) * factors

    def rule(self, n: int, count: int = 160) -> tuple[np.ndarray, np.ndarray]:
        t, w = np.polynomial.legendre.leggauss(count)
        lo, hi = self.boxes[n]
        return (lo + hi) / 2 + (hi - lo) / 2 * t, w / 2

    def coefficients(self, v: Function, n: int) -> np.ndarray:
        x, w = self.rule(n)
        return self.eta(n)(x).T @ (w * v(x))

    def norm(self, v: Function, n: int) -> float:
        x, w = self.rule(n)
        return float(np.sqrt(w @ v(x) ** 2))

    def q(self, n: int, u: Function) -> Function:
        for k in range(self.depth - 1, n - 1, -1):
            u = self.average(u, k)
        return u

    def unresolved(self, v: Function, n: int) -> Function:
        """Q_n v."""
        c, eta = self.coefficients(v, n), self.eta(n)
        return lambda x: v(x) - eta(x) @ c

    def left_out(self, depth: int, u: Function) -> tuple[Function, dict[int, np.ndarray]]:
        """M_0 Phi(1, H) Q_H q_H, and what P_m takes out of the orthogonal dynamics on its way: the read-outs."""
        q = self.q(depth, u)
        taken = {depth: self.coefficients(q, depth)}
        v = self.unresolved(q, depth)
        for m in range(depth - 1, 0, -1):
            moved = self.average(v, m)
            taken[m] = self.coefficients(moved, m)
            v = self.unresolved(moved, m)
        return self.average(v, 0), taken

    def shallow(self, alpha: dict[int, np.ndarray]) -> Function:
        """E sum_m alpha^(m) . eta^(m)(X_m) for X_0 = x."""
        depth = max(alpha)
        v: Function = lambda x: self.eta(depth)(x) @ alpha[depth]  # noqa: E731
        for m in range(depth - 1, 0, -1):
            later, eta = self.average(v, m), self.eta(m)
            v = lambda x, later=later, eta=eta, m=m: later(x) + eta(x) @ alpha[m]  # noqa: E731
        return self.average(v, 0)
