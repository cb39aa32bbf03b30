"""One layer in plain numbers, as the estimates see it, and what an estimate is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from mzsym.core.arrays import Array


@dataclass(frozen=True)
class NoiseComponent:
    """One scalar noise component in numbers.

    Attributes
    ----------
    law : {"uniform", "truncated_gaussian", "deterministic"}
    scale : float
        Half-width, or standard deviation before truncation.
    reach : float
        Half-width of the support.
    """

    law: str
    scale: float
    reach: float

    def shape(self, t: Array) -> Array:
        """The density at reach*t, up to its constant, for t in [-1, 1]."""
        if self.law == "truncated_gaussian":
            return np.asarray(np.exp(-0.5 * (self.reach / self.scale * t) ** 2))
        return np.ones_like(t)


@dataclass(frozen=True)
class Step:
    """One layer as the estimates see it.

    Attributes
    ----------
    forward : callable
        (points, N_n) -> (points, N_{n+1}), without noise.
    lower, upper : arrays of shape (N_n,)
        Box of this layer.
    lower_next, upper_next : arrays of shape (N_{n+1},)
        Box of the next layer.
    noise : tuple of NoiseComponent
    basis, basis_next : callable
        Values of the projection's basis on either box, (points, N) -> (points, d).
    measure : {"uniform", "lebesgue"}
    resolved_next : tuple of multi-indices
        Tensor Legendre functions that span the range of P_{n+1}.
    """

    forward: Callable[[Array], Array]
    lower: Array
    upper: Array
    lower_next: Array
    upper_next: Array
    noise: tuple[NoiseComponent, ...]
    basis: Callable[[Array], Array]
    basis_next: Callable[[Array], Array]
    measure: str
    resolved_next: tuple[tuple[int, ...], ...]

    @property
    def dimension(self) -> int:
        """The larger of the two dimensions: it decides what is affordable."""
        return max(self.lower.size, self.lower_next.size)

    @property
    def from_uniform(self) -> float:
        """Factor from a norm in the uniform measures to the same norm in the step's measure."""
        if self.measure == "uniform":
            return 1.0
        # ||.||_lebesgue = sqrt(volume) ||.||_uniform on either side.
        return float(np.sqrt(np.prod(self.upper - self.lower) / np.prod(self.upper_next - self.lower_next)))


@dataclass(frozen=True)
class Estimate:
    """A number that was computed and not proved.

    Attributes
    ----------
    value : float
        The norm, as far as the finest level saw it.
    error : float
        Expected distance to the norm, from how the value settled over the levels; observed, not proved.
    second : float
        Second singular value.
    degrees : int
        Number of Legendre functions per coordinate of the finest level.
    history : tuple of float
        The value at every level, coarse to fine.
    """

    value: float
    error: float
    second: float
    degrees: int
    history: tuple[float, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.value:.8g} ± {self.error:.1g} (estimated)"


@lru_cache(maxsize=64)
def gauss(nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [-1, 1], read-only."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    t.flags.writeable = w.flags.writeable = False
    return t, w


def legendre(T: Array, count: int) -> Array:
    """P_k(t) for k < count, k in the last axis."""
    table = np.empty((count, *T.shape))
    table[0] = 1.0
    if count > 1:
        table[1] = T
    for k in range(1, count - 1):
        table[k + 1] = ((2 * k + 1) * T * table[k] - k * table[k - 1]) / (k + 1)
    return np.asarray(np.moveaxis(table, 0, -1))


def remainder(history: Sequence[float], degrees: Sequence[int]) -> float:
    """What is still missing after the finest level, from how the value changed over the levels.

    The larger of two guesses: the changes go on like a geometric series, with a factor 2 in hand; or the rest falls
    like degrees**-2, which the kinks that uniform noise leaves in M* never exceed.
    """
    changes = [abs(b - a) for a, b in pairwise(history)]
    if not changes:
        return float("inf")
    last = changes[-1]
    ratio = 0.9 if len(changes) < 2 or changes[-2] == 0.0 else min(last / changes[-2], 0.9)
    algebraic = last / ((degrees[-1] / degrees[-2]) ** 2 - 1.0)
    return max(2 * last * ratio / (1 - ratio), algebraic)


def refine(
    level: Callable[[int, int], tuple[Array, Array]],
    levels: Sequence[tuple[int, int]],
    finer: Callable[[int], int],
    tolerance: float,
) -> tuple[Estimate, Estimate]:
    """Raise the resolution until both norms settle.

    Parameters
    ----------
    level : callable
        (degrees, nodes) -> the two largest singular values of Q_n M_n, and those of Q_n M_n Q_{n+1}.
    levels : sequence of (degrees, nodes)
        Coarse to fine.
    finer : callable
        More nodes for the same degrees: the change that they make is added to the error.
    tolerance : float
        Relative change below which refinement stops.

    Returns
    -------
    tuple of Estimate
    """
    whole: list[float] = []
    inner: list[float] = []
    tried: list[int] = []
    degrees, nodes = levels[0]
    for degrees, nodes in levels:
        tried.append(degrees)
        first, second = level(degrees, nodes)
        whole.append(float(first[0]))
        inner.append(float(second[0]))
        if len(whole) > 1 and all(abs(h[-1] - h[-2]) <= tolerance * max(h[-1], 1e-300) for h in (whole, inner)):
            break
    first, second = level(degrees, finer(nodes))
    return _settled(whole, first, tried), _settled(inner, second, tried)


def _settled(history: list[float], values: Array, degrees: list[int]) -> Estimate:
    value = float(values[0])
    error = remainder(history, degrees) + 2 * abs(value - history[-1]) + 1e-13 * max(value, 1.0)
    return Estimate(value, float(error), float(values[1]) if values.size > 1 else 0.0, degrees[-1], tuple(history))
