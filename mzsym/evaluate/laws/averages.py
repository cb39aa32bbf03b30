"""Averages of smooth functions of X_0 over its law, refined until two rules agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.source import Source
from mzsym.evaluate.panels.grid import Axis, Grid
from mzsym.evaluate.quadrature.rules import gauss_legendre

_ORDER = 16
_DEEPEST = 40
_MOST_PANELS = 4096
_FIRST = {2: 10, 3: 6}
_MOST_POINTS = 300_000
_BLOCK = 2**22
_UNNORMALISED = 1e-6
"""By how much the mass of a stated density may differ from 1 before it is refused."""

Functions = Callable[[Array], Array]
"""shape (points, N_0) -> (points, columns)"""


@dataclass(frozen=True, eq=False)
class Average:
    """E f(X_0).

    Attributes
    ----------
    value : array of shape (columns,)
    error : float
        Largest change from one rule to a finer one; 0 for samples.
    deviation : array of shape (columns, columns), or None
        For samples, the covariance of f: divided by their number it is that of ``value`` as an estimate for the law
        that they were drawn from.
    count : int
        Samples, 0 for a density.
    """

    value: Array
    error: float
    deviation: Array | None = None
    count: int = 0

    def standard_error(self, matrix: Array) -> Array:
        """Of ``matrix @ value`` as an estimate from samples; 0 for a density, which is no estimate."""
        if self.deviation is None or self.count < 2:
            return np.zeros(len(matrix))
        spread = np.einsum("ij,jk,ik->i", matrix, self.deviation, matrix)
        return np.asarray(np.sqrt(np.maximum(spread, 0.0) / self.count))


def average(source: Source, function: Functions, breaks: Sequence[float], tolerance: float, where: str) -> Average:
    """Average functions over the law of X_0.

    Parameters
    ----------
    source : Source
    function : function
        shape (points, N_0) -> (points, columns).
    breaks : sequence of float
        Where the functions are not smooth on a one-dimensional X_0.
    tolerance : float
    where : str
        For error messages.

    Raises
    ------
    MzError
        For a density that is negative, not finite or not normalised.
    """
    if source.samples is not None:
        return _sampled(source.samples, function)
    weighted = _weighted(source, function, where)
    if len(source.sides) == 1:
        value, error = _line(weighted, sorted({*source.breaks[0], *_between(breaks, source.sides[0])}), tolerance)
    else:
        value, error = _tensor(weighted, source, tolerance)
    mass = float(value[-1])
    if abs(mass - 1.0) > max(_UNNORMALISED, 10.0 * error):
        raise MzError(
            f"The density of X_0 integrates to {mass:.9g}",
            where,
            "Divide it by that, or give the domain it is meant for",
        )
    return Average(value[:-1], max(error, abs(mass - 1.0)))


def _sampled(X: Array, function: Functions) -> Average:
    step = max(1, _BLOCK // max(1, function(X[:1]).shape[1]))
    blocks = [function(X[start : start + step]) for start in range(0, len(X), step)]
    count = len(X)
    mean = np.sum([block.sum(axis=0) for block in blocks], axis=0) / count
    spread = np.sum([(block - mean).T @ (block - mean) for block in blocks], axis=0) / max(1, count - 1)
    return Average(np.asarray(mean), 0.0, np.asarray(spread), count)


def _weighted(source: Source, function: Functions, where: str) -> Functions:
    """The functions times the density, and the density itself as the last column."""

    def run(X: Array) -> Array:
        assert source.density is not None
        p = source.density(X)
        if not np.isfinite(p).all() or (p < -1e-12 * np.abs(p).max(initial=0.0)).any():
            raise MzError("The density of X_0 is negative or not finite", where, "Give a density: positive and finite")
        return np.hstack([function(X) * p[:, None], p[:, None]])

    return run


def _between(breaks: Sequence[float], side: tuple[float, float]) -> list[float]:
    return [b for b in breaks if side[0] < b < side[1]]


def _line(function: Functions, ends: Sequence[float], tolerance: float) -> tuple[Array, float]:
    """Panels halved one by one until a panel and its halves agree."""
    todo = [(a, b, 0) for a, b in pairwise(ends)]
    coarse = _panel_integrals(function, todo)
    total, error, done = np.zeros(coarse.shape[1]), 0.0, 0
    while todo:
        halves = [half for a, b, level in todo for half in ((a, (a + b) / 2, level + 1), ((a + b) / 2, b, level + 1))]
        parts = _panel_integrals(function, halves)
        fine = parts[::2] + parts[1::2]
        change = np.abs(fine - coarse).max(axis=1)
        full = done + 2 * len(todo) >= _MOST_PANELS
        # The share of the tolerance that a panel of this width may take, and not less than rounding.
        allowed = [max(1e-15, 0.1 * tolerance * (b - a) / (ends[-1] - ends[0])) for a, b, _ in todo]
        pairs = zip(change, allowed, todo, strict=True)
        again = np.array([c > limit and panel[2] < _DEEPEST and not full for c, limit, panel in pairs])
        total += fine[~again].sum(axis=0)
        error += float(change[~again].sum())
        done += int((~again).sum())
        todo = [half for k, half in enumerate(halves) if again[k // 2]]
        coarse = parts[np.repeat(again, 2)]
    return total, error


def _panel_integrals(function: Functions, panels: Sequence[tuple[float, float, int]]) -> Array:
    nodes, weights = gauss_legendre(_ORDER)
    a, b = np.array([p[0] for p in panels]), np.array([p[1] for p in panels])
    X = (0.5 * (a + b)[:, None] + 0.5 * (b - a)[:, None] * nodes).reshape(-1, 1)
    values = function(np.ascontiguousarray(X)).reshape(len(panels), _ORDER, -1)
    return np.asarray(np.einsum("q,pqc->pc", weights, values) * (b - a)[:, None])


def _tensor(function: Functions, source: Source, tolerance: float) -> tuple[Array, float]:
    """Tensor Gauss rules on the cells of the density, with more and more nodes a cell."""
    dim = len(source.sides)
    order = _FIRST[dim]
    before = _tensor_integral(function, source, order)
    while True:
        order = order + max(3, order // 3)
        value = _tensor_integral(function, source, order)
        error = float(np.abs(value - before).max())
        points = np.prod([(len(b) - 1) * 1.4 * order for b in source.breaks])
        if error <= tolerance or points > _MOST_POINTS:
            return value, error
        before = value


def _tensor_integral(function: Functions, source: Source, order: int) -> Array:
    grid = Grid(tuple(Axis(np.array(breaks), order) for breaks in source.breaks))
    X, w = grid.nodes, grid.weights
    blocks = range(0, len(X), 4096)
    return np.asarray(sum(w[start : start + 4096] @ function(X[start : start + 4096]) for start in blocks))
