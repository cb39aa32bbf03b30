"""Gauss rules: of Lebesgue measure for the grids, of the truncated normal law for noise averages."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal
from scipy.special import roots_legendre

from mzsym.core.arrays import AnyArray, Array

# Beyond 40 standard deviations a normal density is zero in double precision, at any degree used here.
_NORMAL_RANGE = 40.0


@lru_cache(maxsize=256)
def gauss_legendre(count: int) -> tuple[Array, Array]:
    """Nodes on [-1, 1] and weights that sum to 1, exact for degree 2 count - 1."""
    x = np.asarray(roots_legendre(count)[0], dtype=np.longdouble)
    # One Newton step and the weights in extended precision (where the machine has it): at some hundred nodes the
    # rounding of the recurrence would otherwise be what limits the engine.
    before, now = _legendre_pair(x, count)
    x = x - now * (1 - x**2) / (count * (before - x * now))
    before, now = _legendre_pair(x, count)
    weights = (1 - x**2) / (count * (before - x * now)) ** 2
    return frozen((x - x[::-1]) / 2), frozen((weights + weights[::-1]) / (2 * weights.sum()))


def _legendre_pair(x: AnyArray, count: int) -> tuple[AnyArray, AnyArray]:
    """P_{count-1}(x) and P_count(x)."""
    before, now = np.ones_like(x), x
    for k in range(1, count):
        before, now = now, ((2 * k + 1) * x * now - k * before) / (k + 1)
    return before, now


@lru_cache(maxsize=64)
def truncated_normal_rule(cutoff: float, count: int) -> tuple[Array, Array]:
    """Gauss rule of N(0, 1) conditioned on |z| <= cutoff, exact for degree 2 count - 1.

    The discretised Stieltjes procedure: the weight on a fine Gauss-Legendre grid is a discrete measure whose
    recurrence coefficients are those of the law up to rounding; its Jacobi matrix gives the nodes (Golub-Welsch).
    """
    reach = min(cutoff, _NORMAL_RANGE)
    nodes, weights = gauss_legendre(2 * count + 60 + int(4 * reach))
    z = reach * nodes
    mass = weights * np.exp(-0.5 * z**2)
    mass = mass / mass.sum()
    before, now = np.zeros_like(z), np.ones_like(z)
    beta = np.empty(count)
    norm = 0.0
    for k in range(count):
        # The law is symmetric: every alpha vanishes. Polynomials are kept orthonormal, so nothing overflows.
        after = z * now - norm * before
        norm = math.sqrt(float(mass @ after**2))
        beta[k] = norm
        before, now = now, after / norm
    points = np.zeros(1)
    if count > 1:
        points = np.asarray(eigvalsh_tridiagonal(np.zeros(count), beta[: count - 1]), dtype=np.float64)
    for _ in range(2):
        values, slopes = _orthonormal(points, beta)
        points = points - values[-1] / slopes[-1]
    values, _ = _orthonormal(points, beta)
    # Christoffel numbers: accurate to the last digits in every weight, which the eigenvectors are not.
    weights = 1.0 / (values[:-1] ** 2).sum(axis=0)
    return frozen((points - points[::-1]) / 2), frozen((weights + weights[::-1]) / (2 * weights.sum()))


def _orthonormal(z: Array, beta: Array) -> tuple[Array, Array]:
    """Values and derivatives of the polynomials with recurrence beta_{k+1} p_{k+1} = z p_k - beta_k p_{k-1}."""
    values, slopes = [np.zeros_like(z), np.ones_like(z)], [np.zeros_like(z), np.zeros_like(z)]
    for k, norm in enumerate(beta):
        last = beta[k - 1] if k else 0.0
        values.append((z * values[-1] - last * values[-2]) / norm)
        slopes.append((values[-2] + z * slopes[-1] - last * slopes[-2]) / norm)
    return np.array(values[1:]), np.array(slopes[1:])


def frozen(array: AnyArray) -> Array:
    """The array as float64 that cannot be written to, for what caches share."""
    out = np.ascontiguousarray(array, dtype=np.float64)
    out.setflags(write=False)
    return out
