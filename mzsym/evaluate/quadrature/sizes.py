"""How many nodes a layer needs: judged by the decay of Legendre coefficients and by values between the nodes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.grid import Grid, Series, Sides, profile

_START = {1: 16, 2: 10, 3: 8}
_JUDGED = {2: 32, 3: 18}
_GROWTH = {1: 2.0, 2: 2.0, 3: 1.5}
_PROBES = 48
_WORK = 4e11
"""Floating-point operations for one layer beyond which refinement stops."""


@dataclass(frozen=True)
class Evaluation:
    """A block of functions on the box of layer n, to be put on a grid.

    Attributes
    ----------
    n : int
    sides : Sides
    degrees : tuple of int
        Degrees of the basis of this layer, which the grid must hold.
    values : function
        shape (points, dim) -> (points, columns).
    columns, terms : int
        Columns, and length of the series behind them: the cost of one point is their product.
    """

    n: int
    sides: Sides
    degrees: tuple[int, ...]
    values: Callable[[Array], Array]
    columns: int
    terms: int

    def coefs(self, sizes: tuple[int, ...]) -> Array:
        grid = Grid(self.sides, sizes)
        return grid.analyse(self.values(grid.nodes()))


class Chooser(ABC):
    """Settles the grid of every layer of a pass."""

    @abstractmethod
    def choose(self, job: Evaluation) -> tuple[tuple[int, ...], Array, str]:
        """Sizes, coefficients there, and what stopped refinement early ("" if nothing did)."""

    @abstractmethod
    def negligible(self, block: Array) -> float:
        """Norm of the terms that may be left out of a block of coefficients."""


def rounding_level(coefs: Array) -> float:
    """What rounding alone may leave in a coefficient block."""
    return 4e-15 * math.sqrt(float(np.einsum("ij,ij->j", coefs, coefs).max(initial=0.0)))


@dataclass(frozen=True)
class Fixed(Chooser):
    """Given sizes."""

    sizes: tuple[tuple[int, ...], ...]
    tolerance: float

    def choose(self, job: Evaluation) -> tuple[tuple[int, ...], Array, str]:
        return self.sizes[job.n], job.coefs(self.sizes[job.n]), ""

    def negligible(self, block: Array) -> float:
        # Far below what the compared pass leaves out: else both would leave out the same, and nobody would see it.
        return max(1e-4 * self.tolerance, 0.1 * rounding_level(block))


@dataclass(frozen=True)
class Adaptive(Chooser):
    """Grow every coordinate's size until its coefficients have decayed and values between the nodes agree.

    Attributes
    ----------
    tolerance : float
        Interpolation error allowed on each layer, in root mean square over the box.
    max_nodes : int
        Largest size along one coordinate.
    budget : int
        Bytes that one block of columns may take.
    """

    tolerance: float
    max_nodes: int
    budget: int
    floor: tuple[tuple[int, ...], ...] = field(default=())

    def negligible(self, block: Array) -> float:
        return max(0.1 * self.tolerance, 0.1 * rounding_level(block))

    def choose(self, job: Evaluation) -> tuple[tuple[int, ...], Array, str]:
        dim = len(job.sides)
        sizes = tuple(max(degree + 2, min(_START[dim], self.max_nodes)) for degree in job.degrees)
        if self.floor:
            sizes = tuple(max(pair) for pair in zip(sizes, self.floor[job.n], strict=True))
        if math.prod(sizes) > self._most_points(job):
            raise MzError(
                f"The smallest grid of layer {job.n}, {sizes}, does not fit into {self.budget} bytes",
                "options.memory_budget",
                "Raise memory_budget, or lower the degree of the projection",
            )
        history: list[list[tuple[int, float]]] = [[] for _ in job.sides]
        while True:
            coefs = job.coefs(sizes)
            wanted, limit = self._wanted(job, sizes, coefs, history)
            if wanted == sizes:
                return sizes, coefs, limit
            shrunk = self._affordable(job, sizes, wanted)
            if shrunk == sizes:
                return sizes, coefs, f"layer {job.n}: a larger grid than {sizes} exceeds the budget of memory or work"
            sizes = shrunk

    def _allowed(self, job: Evaluation, coefs: Array) -> float:
        allowed = max(self.tolerance, rounding_level(coefs))
        if job.n:
            return allowed
        # On layer 0 only inner products with low degrees are needed: a Gauss rule integrates twice the degree.
        scale = float(np.abs(coefs).max(initial=0.0))
        return max(allowed, 0.1 * math.sqrt(allowed * scale))

    def _wanted(
        self, job: Evaluation, sizes: tuple[int, ...], coefs: Array, history: list[list[tuple[int, float]]]
    ) -> tuple[tuple[int, ...], str]:
        """Sizes of the next grid; the same sizes when this one serves or cannot be bettered."""
        allowed = self._allowed(job, coefs)
        wanted, limit = list(sizes), ""
        for axis, size in enumerate(sizes):
            decay = profile(coefs, sizes, axis)
            tail = _tail(decay)
            if not history[axis] or history[axis][-1][0] != size:
                history[axis].append((size, tail))
            if tail <= allowed:
                continue
            if size >= self.max_nodes:
                limit = f"layer {job.n}, coordinate {axis}: max_nodes = {self.max_nodes} reached, tail {tail:.1e}"
            elif _hopeless(history[axis], allowed, self.max_nodes, len(sizes)):
                limit = (
                    f"layer {job.n}, coordinate {axis}: the series decays slowly, as at a kink, with a tail of "
                    f"{tail:.1e} at {size} nodes; more nodes gain little"
                )
            else:
                wanted[axis] = min(self.max_nodes, _next_size(decay, tail, allowed, _GROWTH[len(sizes)]))
        if tuple(wanted) == sizes and not limit and self._misses(job, sizes, coefs, 100.0 * allowed):
            wanted = [min(self.max_nodes, size + size // 2) for size in sizes]
            if tuple(wanted) == sizes:
                limit = f"layer {job.n}: max_nodes = {self.max_nodes} reached"
        return tuple(wanted), limit

    def _misses(self, job: Evaluation, sizes: tuple[int, ...], coefs: Array, allowed: float) -> bool:
        """Whether values at points off the grid differ from the interpolant."""
        unit = random_points(job.n, _PROBES, len(sizes))
        X = np.stack([side.center + side.half * unit[:, i] for i, side in enumerate(job.sides)], axis=-1)
        return bool(np.abs(Series.full(job.sides, sizes, coefs)(X) - job.values(X)).max(initial=0.0) > allowed)

    def _most_points(self, job: Evaluation) -> float:
        by_memory = self.budget / (32.0 * max(1, job.columns))
        by_work = _WORK / (2.0 * max(1, job.columns) * max(1, job.terms))
        return min(by_memory, max(by_work, 4096.0))

    def _affordable(self, job: Evaluation, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        most = self._most_points(job)
        while math.prod(wanted) > most and wanted != sizes:
            wanted = tuple(max(old, (old + new) // 2) for old, new in zip(sizes, wanted, strict=True))
        return wanted


@lru_cache(maxsize=512)
def random_points(seed: int, count: int, dim: int) -> Array:
    """Random points of [-1, 1]^dim, the same for one seed."""
    out = np.random.default_rng(seed).uniform(-1.0, 1.0, (count, dim))
    out.setflags(write=False)
    return out


def _tail(decay: Array) -> float:
    """Norm of the last coefficients, at least two because of parity."""
    return float(np.sqrt((decay[-max(2, len(decay) // 16) :] ** 2).sum()))


def _next_size(decay: Array, tail: float, allowed: float, growth: float) -> int:
    """Extrapolate the geometric decay of the coefficients; at least 1.2 and at most ``growth`` times the size."""
    size = len(decay)
    envelope = np.maximum.accumulate(decay[::-1])[::-1]
    first, last = size // 2, size - max(2, size // 16)
    guess = growth * size
    if last > first and envelope[first] > envelope[last] > 0.0:
        rate = math.log(envelope[first] / envelope[last]) / (last - first)
        guess = size + 1.1 * math.log(tail / allowed) / rate + 2.0
    return int(min(growth * size, max(1.2 * size + 1.0, guess)))


def _hopeless(history: Sequence[tuple[int, float]], allowed: float, max_nodes: int, dim: int) -> bool:
    """Whether the decay looks algebraic, of an order that cannot reach the goal.

    Along one coordinate more nodes are cheap, so there refinement goes on to ``max_nodes``.
    """
    if dim == 1 or len(history) < 3 or history[-1][0] < _JUDGED[dim]:
        return False
    orders = []
    for (size, tail), (larger, next_tail) in zip(history[-3:-1], history[-2:], strict=True):
        orders.append(math.log(max(tail, 1e-300) / max(next_tail, 1e-300)) / math.log(larger / size))
    if orders[1] > 1.25 * orders[0] and orders[1] > 0:
        return False
    size, tail = history[-1]
    return orders[1] <= 0.5 or size * (tail / allowed) ** (1.0 / orders[1]) > max_nodes


def finer(
    sizes: Sequence[tuple[int, ...]], degrees: Sequence[tuple[int, ...]], max_nodes: int
) -> tuple[tuple[int, ...], ...]:
    """Sizes of a different grid on every layer: a sixth more nodes (a tenth in 3-D), or fewer near ``max_nodes``."""
    out = []
    for layer, least in zip(sizes, degrees, strict=True):
        step = [max(2, size // 10) if len(layer) == 3 else max(3, size // 6) for size in layer]
        out.append(
            tuple(
                size + more if size + more <= max_nodes else max(degree + 1, size - more)
                for size, more, degree in zip(layer, step, least, strict=True)
            )
        )
    return tuple(out)
