"""Estimate of ||Q_n M_n|| for one-dimensional monotone layers, by the adjoint; never a proof.

(M* phi)(y) = integral of rho(y - F(x)) phi(x) over the x with |y - F(x)| < reach. For monotone F that is one interval,
and for uniform noise the integral is a difference of two Legendre antiderivatives, exact. The Gram matrix
S_ij = <M* phi_i, M* phi_j> is integrated on panels graded towards the four points where M* phi_i is not smooth. Only
the left functions are truncated, so the values converge much faster than those of ``galerkin``, MATH (24).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.certify.steps import Estimate, Step, gauss, legendre, refine
from mzsym.core.arrays import Array

LEVELS = ((12, 8), (24, 10), (48, 12), (96, 16), (192, 20))
"""(Legendre functions, nodes per panel) tried in turn."""

GRADING, GRADED = 0.2, 14
"""Ratio and number of the panels towards a point where M* phi is not smooth."""

TABLE, SECANTS = 4097, 7


@dataclass(frozen=True)
class MonotoneMap:
    """A one-dimensional monotone F on its box, mapped to [-1, 1], with its inverse.

    Attributes
    ----------
    forward : callable
        t in [-1, 1] -> sign * F, non-decreasing.
    sign : int
        1 or -1.
    nodes, values : arrays
        A fine table of ``forward``.
    """

    forward: Callable[[Array], Array]
    sign: int
    nodes: Array
    values: Array

    def inverse(self, z: Array) -> Array:
        """t with forward(t) = z, the ends of [-1, 1] where z lies outside the image; by bracketed secants."""
        inner = np.clip(z, self.values[0], self.values[-1])
        at = np.clip(np.searchsorted(self.values, inner), 1, self.nodes.size - 1)
        a, b = self.nodes[at - 1], self.nodes[at]
        fa, fb = self.values[at - 1] - inner, self.values[at] - inner
        for _ in range(SECANTS):
            # Illinois: the end that stays twice has its value halved, so that both ends move.
            slope = fb - fa
            t = np.where(slope > 0.0, b - fb * (b - a) / np.where(slope > 0.0, slope, 1.0), 0.5 * (a + b))
            t = np.clip(t, a, b)
            ft = self.forward(t) - inner
            right = ft >= 0.0
            fa, fb = np.where(right, 0.5 * fa, ft), np.where(right, ft, 0.5 * fb)
            a, b = np.where(right, a, t), np.where(right, t, b)
        found = np.where(np.abs(fa) < np.abs(fb), a, b)
        found = np.where(z <= self.values[0], -1.0, found)
        return np.asarray(np.where(z >= self.values[-1], 1.0, found))


def monotone(step: Step) -> MonotoneMap | None:
    """The layer's map if it is one-dimensional, has noise and is monotone on a fine grid; None otherwise."""
    if step.dimension != 1 or step.noise[0].law == "deterministic":
        return None
    lo, hi = float(step.lower[0]), float(step.upper[0])
    # Closer together near the ends, where saturated maps have their boundary layers.
    nodes = -np.cos(np.linspace(0.0, np.pi, TABLE))
    nodes[0], nodes[-1] = -1.0, 1.0

    def plain(t: Array) -> Array:
        return step.forward((lo + (hi - lo) * (t + 1) / 2)[:, None])[:, 0]

    values = plain(nodes)
    change = np.diff(values)
    if values[0] == values[-1] or not (np.all(change >= 0.0) or np.all(change <= 0.0)):
        return None
    if values[0] < values[-1]:
        return MonotoneMap(plain, 1, nodes, values)
    return MonotoneMap(lambda t: -plain(t), -1, nodes, -values)


def _panels(points: Array, pieces: int) -> Array:
    """Break points graded geometrically towards each given point from both sides, and ``pieces`` equal parts."""
    out = [points, np.linspace(points[0], points[-1], pieces + 1)]
    for a, b in pairwise(points):
        offsets = (b - a) / 2 * GRADING ** np.arange(GRADED)
        out += [a + offsets, b - offsets]
    return np.unique(np.concatenate(out))


def _nodes(step: Step, curve: MonotoneMap, degrees: int, count: int) -> tuple[Array, Array]:
    """Quadrature of the support of M* phi in y, fine enough for the oscillation of this many functions."""
    least, most, reach = curve.values[0], curve.values[-1], step.noise[0].reach
    if curve.sign < 0:
        least, most = -most, -least
    points = np.unique([least - reach, least + reach, most - reach, most + reach])
    breaks = _panels(points, degrees // 3)
    t, w = gauss(count)
    half = np.diff(breaks)[:, None] / 2
    y = breaks[:-1, None] + half * (t + 1)
    return y.ravel(), (half * w).ravel()


def _adjoint_values(step: Step, curve: MonotoneMap, y: Array, degrees: int) -> Array:
    """(M* phi_i)(y) for Lebesgue-orthonormal phi_i, i < degrees; shape (points, degrees)."""
    noise = step.noise[0]
    half = float(step.upper[0] - step.lower[0]) / 2
    first = curve.inverse(curve.sign * y - noise.reach)
    last = curve.inverse(curve.sign * y + noise.reach)
    root = np.sqrt((2.0 * np.arange(degrees) + 1.0) / (2 * half))
    if noise.law == "uniform":
        difference = legendre(last, degrees + 1) - legendre(first, degrees + 1)
        out = np.empty((y.size, degrees))
        out[:, 0] = last - first
        k = np.arange(1, degrees)
        out[:, 1:] = (difference[:, 2:] - difference[:, :-2]) / (2 * k + 1)
        return np.asarray(out * root * half / (2 * noise.reach))
    t, w = gauss(degrees // 2 + 24)
    total = np.zeros((y.size, degrees))
    for node, weight in zip(t, w, strict=True):
        x = first + (last - first) * (node + 1) / 2
        density = noise.shape((curve.sign * y - curve.forward(x)) / noise.reach)
        total += (weight * density * (last - first) / 2)[:, None] * legendre(x, degrees)
    t, w = gauss(64)
    return np.asarray(total * root * half / (noise.reach * float(w @ noise.shape(t))))


def _level(step: Step, curve: MonotoneMap, degrees: int, nodes: int) -> tuple[Array, Array]:
    """The two largest singular values of Q_n M_n, and of Q_n M_n Q_{n+1}, with this many left functions."""
    y, w = _nodes(step, curve, degrees, nodes)
    values = _adjoint_values(step, curve, y, degrees)
    gram = values.T @ (w[:, None] * values)
    lebesgue = step.measure == "lebesgue"
    width, width_next = float(step.upper[0] - step.lower[0]), float(step.upper_next[0] - step.lower_next[0])
    overlap = values.T @ (w[:, None] * step.basis_next(y[:, None])) / np.sqrt(1.0 if lebesgue else width_next)
    # Coordinates of the range of P_n in the same functions.
    t, weights = gauss(degrees)
    table = legendre(t, degrees) * np.sqrt((2.0 * np.arange(degrees) + 1.0) / 2)
    x = step.lower[0] + width * (t + 1) / 2
    resolved = np.linalg.qr(table.T @ (weights[:, None] * step.basis(x[:, None])))[0]
    keep = np.eye(degrees) - resolved @ resolved.T
    factor = 1.0 if lebesgue else float(np.sqrt(width_next / width))
    return _top(keep @ gram @ keep) * factor, _top(keep @ (gram - overlap @ overlap.T) @ keep) * factor


def _top(gram: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1][:2], 0.0)))


def adjoint_estimate(
    step: Step, curve: MonotoneMap, *, tolerance: float, smallest: int = 0
) -> tuple[Estimate, Estimate]:
    """Refine until both values settle; the estimates of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}||."""
    levels = [level for level in LEVELS if level[0] > smallest + 4] or [(smallest + 24, 24)]

    def level(degrees: int, nodes: int) -> tuple[Array, Array]:
        return _level(step, curve, degrees, nodes)

    return refine(level, levels, lambda nodes: nodes + 8, tolerance)
