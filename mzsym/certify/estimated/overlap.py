"""Estimate of ||Q_n M_n|| for layers with many outputs, by the kernel of M_n M_n*; never a proof.

With independent noise components M_n M_n* has the kernel  integral of p(y|x) p(y|x') / m_{n+1}(y) dy =
vol(Omega_{n+1}) * product over components of the autocorrelation of rho_i at F_i(x) - F_i(x'), closed for uniform and
truncated Gaussian noise. Only this layer's state is discretised, so the number of outputs does not matter, MATH (24).
"""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.sparse.linalg import LinearOperator, eigsh

from mzsym.certify.estimated.galerkin import smoothed_legendre, tensor_grid
from mzsym.certify.steps import Estimate, NoiseComponent, Step, refine
from mzsym.core.arrays import Array

NODES = {1: (64, 128, 256, 512), 2: (12, 20, 30, 44), 3: (6, 9, 12)}
"""Gauss nodes per coordinate tried in turn, by the dimension of this layer."""


def autocorrelation(noise: NoiseComponent, distance: Array) -> Array:
    """Integral of rho(xi) rho(xi - distance) over xi."""
    # In place: these tables are the largest arrays of an estimate.
    gap = np.abs(distance)
    np.subtract(2 * noise.reach, gap, out=gap)
    np.maximum(gap, 0.0, out=gap)
    if noise.law == "uniform":
        gap /= (2 * noise.reach) ** 2
        return np.asarray(gap)
    s = noise.scale
    mass = special.erf(noise.reach / (s * np.sqrt(2)))
    peak = 1 / (2 * np.sqrt(np.pi) * s * mass**2)
    return np.asarray(peak * np.exp(-((distance / (2 * s)) ** 2)) * special.erf(gap / (2 * s)))


def _level(step: Step, nodes: int) -> tuple[Array, Array]:
    """The two largest singular values of Q_n M_n, and of Q_n M_n Q_{n+1}, on a grid of this layer."""
    points, weights = tensor_grid(step.lower, step.upper, nodes)
    image, roots = step.forward(points), np.sqrt(weights)
    scaled = roots * np.sqrt(np.prod(step.upper_next - step.lower_next))
    kernel = np.outer(scaled, scaled)
    for i, noise in enumerate(step.noise):
        kernel *= autocorrelation(noise, image[:, i, None] - image[None, :, i])
    left = np.linalg.qr(roots[:, None] * step.basis(points))[0]
    resolved = roots[:, None] * _resolved(step, image)
    factor = step.from_uniform
    return _top(kernel, left, None) * factor, _top(kernel, left, resolved) * factor


def _resolved(step: Step, image: Array) -> Array:
    """M_n of the resolved functions of the next layer, orthonormal in the uniform measure; (points, d_{n+1})."""
    count = 1 + max(max(index) for index in step.resolved_next)
    out = np.ones((len(image), len(step.resolved_next)))
    for i, noise in enumerate(step.noise):
        table = smoothed_legendre(image[:, i], float(step.lower_next[i]), float(step.upper_next[i]), noise, count)
        out *= table[:, [index[i] for index in step.resolved_next]]
    return out


def _top(kernel: Array, left: Array, resolved: Array | None) -> Array:
    def product(v: Array) -> Array:
        v = v.ravel() - left @ (left.T @ v.ravel())
        out = kernel @ v
        if resolved is not None:
            out = out - resolved @ (resolved.T @ v)
        return np.asarray(out - left @ (left.T @ out))

    size = len(kernel)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.cos(np.arange(size, dtype=np.float64))
    squares = eigsh(operator, k=2, which="LA", tol=1e-8, v0=start, return_eigenvectors=False)
    return np.asarray(np.sqrt(np.maximum(np.sort(squares)[::-1], 0.0)))


def overlap_estimate(step: Step, *, tolerance: float) -> tuple[Estimate, Estimate]:
    """Refine the grid until both norms settle; every noise component has a density."""
    levels = [(nodes, nodes) for nodes in NODES[step.lower.size]]

    def level(_: int, nodes: int) -> tuple[Array, Array]:
        return _level(step, nodes)

    # The kernel has kinks, so that odd and even grids differ: one node more shows it.
    return refine(level, levels, lambda nodes: nodes + 1, tolerance)
