"""Estimate of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}|| for any layer of dimension up to 3; never a proof.

M_n is restricted to tensor Legendre functions of degree < k of the next layer, the result is sampled on a Gauss grid
of this layer, and the range of P_n is removed there. The largest singular value is a lower bound of the norm up to
quadrature, so it grows with k; the error stated is read off that growth, MATH (24).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, svds

from mzsym.certify.steps import Estimate, NoiseComponent, Step, gauss, legendre, refine
from mzsym.core.arrays import Array

DEGREES = {1: (24, 48, 96, 192, 384), 2: (8, 16, 32, 48), 3: (4, 8, 16)}
"""Legendre functions per coordinate tried in turn, by the dimension of the next layer."""

DENSE_COLUMNS = 400


def levels_of(step: Step, smallest: int) -> list[tuple[int, int]]:
    """(degrees, nodes per coordinate), coarse to fine, within what a few seconds allow."""
    left, right = step.lower.size, step.lower_next.size
    tried = DEGREES[right] if left < 3 or right < 3 else (4, 8, 12)
    chosen = [degrees for degrees in tried if degrees > smallest] or [smallest + 4]
    return [(degrees, {1: 2 * degrees + 64, 2: 2 * degrees + 8, 3: degrees + 8}[left]) for degrees in chosen]


def smoothed_legendre(center: Array, lower: float, upper: float, noise: NoiseComponent, count: int) -> Array:
    """E phi_k(center + xi) for k < count, phi_k orthonormal on [lower, upper] in the uniform measure.

    Returns
    -------
    array of shape (points, count)
    """
    half = (upper - lower) / 2
    t = ((center - lower) - (upper - center)) / (2 * half)
    reach = noise.reach / half
    scale = np.sqrt(2.0 * np.arange(count) + 1.0)
    if noise.law == "deterministic":
        return np.asarray(legendre(np.clip(t, -1.0, 1.0), count) * scale)
    if noise.law == "uniform" and reach > 1e-2:
        # MATH (18): the antiderivative of P_k is (P_{k+1} - P_{k-1})/(2k+1).
        above = legendre(np.clip(t + reach, -1.0, 1.0), count + 1)
        below = legendre(np.clip(t - reach, -1.0, 1.0), count + 1)
        jump = (above - below) / (2 * reach)
        out = np.ones((t.size, count))
        k = np.arange(1, count)
        out[:, 1:] = (jump[:, 2:] - jump[:, :-2]) / (2 * k + 1) * scale[1:]
        return out
    # Enough nodes for the oscillation of phi_{count-1} over the support, exact once there are count/2 of them.
    nodes, weights = gauss(min(count // 2 + 1, int(count * reach) + 12) + (24 if noise.law != "uniform" else 0))
    weights = weights * noise.shape(nodes)
    total = np.zeros((t.size, count))
    for shift, weight in zip(reach * nodes, weights / weights.sum(), strict=True):
        total += weight * legendre(np.clip(t + shift, -1.0, 1.0), count)
    return np.asarray(total * scale)


def tensor_grid(lower: Array, upper: Array, nodes: int) -> tuple[Array, Array]:
    """Tensor Gauss grid of a box: points (nodes**N, N) and weights that sum to 1."""
    t, w = gauss(nodes)
    axes = [lo + (hi - lo) * (t + 1) / 2 for lo, hi in zip(lower, upper, strict=True)]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    weights = np.ones(1)
    for _ in axes:
        weights = np.outer(weights, w / 2).ravel()
    return points, weights


@dataclass(frozen=True)
class _Restricted:
    """(I - P_n) M_n on the tensor functions, as a matrix that is never formed in several dimensions."""

    factors: tuple[Array, ...]
    roots: Array
    left: Array
    right: Array | None

    @property
    def shape(self) -> tuple[int, int]:
        columns = 1
        for factor in self.factors:
            columns *= factor.shape[1]
        return self.roots.size, columns

    def _drop_right(self, v: Array) -> Array:
        return v if self.right is None else v - self.right @ (self.right.T @ v)

    def apply(self, v: Array) -> Array:
        value = self._drop_right(np.asarray(v, dtype=np.float64).ravel())
        table = self.factors[0] @ value.reshape(self.factors[0].shape[1], -1)
        for factor in self.factors[1:]:
            table = np.einsum("pj,pjr->pr", factor, table.reshape(table.shape[0], factor.shape[1], -1))
        out = self.roots * table[:, 0]
        return np.asarray(out - self.left @ (self.left.T @ out))

    def adjoint(self, u: Array) -> Array:
        value = np.asarray(u, dtype=np.float64).ravel()
        table = (self.roots * (value - self.left @ (self.left.T @ value)))[:, None]
        for factor in reversed(self.factors[1:]):
            table = np.einsum("pj,pr->pjr", factor, table).reshape(table.shape[0], -1)
        return self._drop_right((self.factors[0].T @ table).ravel())

    def dense(self) -> Array:
        rows, columns = self.shape
        table = self.factors[0]
        for factor in self.factors[1:]:
            table = np.einsum("pi,pj->pij", table, factor).reshape(rows, -1)
        table = self.roots[:, None] * table.reshape(rows, columns)
        table = table - self.left @ (self.left.T @ table)
        return table if self.right is None else np.asarray(table - (table @ self.right) @ self.right.T)

    def top(self) -> Array:
        """The two largest singular values."""
        if len(self.factors) == 1 or self.shape[1] <= DENSE_COLUMNS:
            table = self.dense()
            values = np.sqrt(np.maximum(np.linalg.eigvalsh(table.T @ table)[::-1][:2], 0.0))
        else:
            operator = LinearOperator(self.shape, matvec=self.apply, rmatvec=self.adjoint, dtype=np.float64)
            # A fixed start: the same numbers on every run.
            start = np.cos(np.arange(min(self.shape), dtype=np.float64))
            values = np.sort(svds(operator, k=2, tol=1e-8, v0=start, return_singular_vectors=False))[::-1]
        return np.asarray(values)


def lower_bound(step: Step, degrees: int, nodes: int) -> tuple[Array, Array]:
    """The two largest singular values at one resolution: below those of the operator, up to quadrature.

    Parameters
    ----------
    step : Step
    degrees : int
        Legendre functions per coordinate of the next layer.
    nodes : int
        Gauss nodes per coordinate of this layer.

    Returns
    -------
    tuple of array
        Of Q_n M_n, and of Q_n M_n Q_{n+1}.
    """
    points, weights = tensor_grid(step.lower, step.upper, nodes)
    image = step.forward(points)
    factors = tuple(
        smoothed_legendre(image[:, i], float(step.lower_next[i]), float(step.upper_next[i]), noise, degrees)
        for i, noise in enumerate(step.noise)
    )
    roots = np.sqrt(weights)
    # In the uniform measure of either box; QR also absorbs the constant factor of the Lebesgue basis.
    left = np.linalg.qr(roots[:, None] * step.basis(points))[0]
    whole = _Restricted(factors, roots, left, None).top()
    inner = _Restricted(factors, roots, left, _right_range(step, degrees)).top()
    return whole * step.from_uniform, inner * step.from_uniform


def _right_range(step: Step, degrees: int) -> Array:
    """Range of P_{n+1} in the coordinates of the tensor functions."""
    shape = (degrees,) * step.lower_next.size
    columns = [np.ravel_multi_index(index, shape) for index in step.resolved_next]
    out = np.zeros((degrees ** len(shape), len(columns)))
    out[columns, np.arange(len(columns))] = 1.0
    return out


def galerkin_estimate(step: Step, *, tolerance: float, smallest: int = 0) -> tuple[Estimate, Estimate]:
    """Refine ``lower_bound`` until both norms settle; more than ``smallest`` degrees, those that P resolves."""

    def level(degrees: int, nodes: int) -> tuple[Array, Array]:
        return lower_bound(step, degrees, nodes)

    return refine(level, levels_of(step, smallest), lambda nodes: nodes + nodes // 4 + 1, tolerance)
