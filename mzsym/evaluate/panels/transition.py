"""One layer in numbers: from points of X_n to averages of functions of X_{n+1}, and back to laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TypeAlias

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.noise_numbers import ORDER, NumericLaw, point_mass
from mzsym.evaluate.panels.breaks import Break, tidy
from mzsym.evaluate.panels.grid import Axis, Grid, rows_of
from mzsym.evaluate.panels.refine import Wish, refined
from mzsym.evaluate.quadrature.grid import StateSeries, transform
from mzsym.evaluate.threads import by_rows

PointMap: TypeAlias = Callable[[Array], Array]

_CHUNK = 2**21
"""Doubles that a block of rows may take."""

_SERIES_TAIL = 1e-15
_MOST_SERIES = 4096

_MOST_DRAWS = 20_000
"""Nodes of the rule for random weights and mixed noise."""


@dataclass(frozen=True, eq=False)
class Transition:
    """X_{n+1} = F(X_n, omega) + G(X_n) xi, omega and xi independent.

    Attributes
    ----------
    n : int
        Layer, for messages.
    dims : tuple of int
        Dimensions of the state before and after.
    map : function
        shape (points, N_n + number of random weights) -> (points, N_{n+1}).
    gain : function or None
        shape (points, N_n) -> (points, N_{n+1}), or (points, N_{n+1}, noises) where noise is mixed; None: 1.
    laws : tuple of NumericLaw
        Of the noise components.
    random : tuple of NumericLaw
        Of the random weights.
    owners : tuple of tuples of int, or None
        Random weights in each component of the map, where no two components share one; None: they do, or noise is
        mixed, and everything random is averaged together.
    mixed : bool
        Whether the gain is a matrix.
    count : int
        Nodes, at least, of the rule for every law that is averaged by a rule (random weights, mixed noise).
    """

    n: int
    dims: tuple[int, int]
    map: PointMap
    gain: PointMap | None
    laws: tuple[NumericLaw, ...]
    random: tuple[NumericLaw, ...]
    owners: tuple[tuple[int, ...], ...] | None
    mixed: bool
    count: int
    _series: dict[tuple[int, int], tuple[Axis, AveragedSeries | None]] = field(default_factory=dict, repr=False)

    def apply(self, X: Array, grid: Grid, coefs: Array) -> Array:
        """Averages of series on Omega_{n+1}: X of shape (points, N_n) -> (points, columns)."""
        columns = coefs.shape[1]

        def block(rows: Array) -> Array:
            if self.owners is None:
                return self._joint(rows, grid) @ coefs
            return contracted(self.factors(rows, grid), coefs)

        return by_rows(block, X, columns, self._step(grid, columns), 2.0 * len(X) * grid.points * columns)

    def in_states(self, grid: Grid, coefs: Array) -> StateSeries | None:
        """z -> E of series on Omega_{n+1} at z + xi, as a series in z; None where more than F(x) enters."""
        if self.gain is not None or self.random or self.mixed:
            return None
        axes, matrices = [], []
        for axis, law in zip(grid.axes, self.laws, strict=True):
            if law.point_mass and float(law.ends[0]) == 0.0:
                axes.append(axis)
                matrices.append(np.eye(axis.size))
                continue
            series = averaged_series(axis, law)
            if series is None:
                return None
            axes.append(series.axis)
            matrices.append(series.matrix)
        turned = transform(coefs, grid.sizes, matrices)
        shape = (*(axis.size for axis in axes), coefs.shape[1])
        return StateSeries(tuple(a.ends for a in axes), tuple(a.order for a in axes), turned.reshape(shape))

    def push(self, X: Array, weights: Array, grid: Grid) -> Array:
        """E of every panel function at X_{n+1}, for the law of X_n with these weights at X; shape (grid.points,)."""
        out, step = np.zeros(grid.points), self._step(grid, 1)
        for start in range(0, len(X), step):
            rows, mass = X[start : start + step], weights[start : start + step]
            if self.owners is None:
                out += mass @ self._joint(rows, grid)
            else:
                *lead, last = self.factors(rows, grid)
                out += ((rows_of(lead) * mass[:, None]).T @ last).ravel() if lead else mass @ last
        return out

    def states(self, X: Array) -> Array:
        """F at points, every random weight at the middle of its law."""
        return self.mapped(X, np.zeros((1, len(self.random))))

    def spread(self, X: Array) -> tuple[Array, Array]:
        """Least and largest next state at points, noise and random weights included, each (N_{n+1}, points)."""
        corners = np.array([list(corner) for corner in product(*((*law.support, 0.0) for law in self.random))])
        Z = self.mapped(X, corners).reshape(len(X), len(corners), -1)
        low, high = Z.min(axis=1), Z.max(axis=1)
        G = np.ones((len(X), len(self.laws))) if self.gain is None else self.gain(X)
        ends = np.array([law.support for law in self.laws])
        both = np.stack([G * ends[:, 0], G * ends[:, 1]])
        least, most = both.min(axis=0), both.max(axis=0)
        if self.mixed:
            least, most = least.sum(axis=2), most.sum(axis=2)
        return (low + least).T, (high + most).T

    def _step(self, grid: Grid, columns: int) -> int:
        """Points of a block, so that what is made for them stays in the memory of a core."""
        if self.owners is None:
            return max(1, _CHUNK // (grid.points * len(self.together[1])))
        return max(16, _CHUNK // max(max(grid.sizes), math.prod(grid.sizes[:-1]) * columns))

    def factors(self, X: Array, grid: Grid) -> list[Array]:
        """Given X the components of the next state are independent: averages of each axis' functions."""
        assert self.owners is not None
        gain = None if self.gain is None else self.gain(X)
        fixed = self.states(X)
        factors = []
        for i, (axis, law) in enumerate(zip(grid.axes, self.laws, strict=True)):
            scale = None if gain is None else gain[:, i]
            if not self.owners[i]:
                factors.append(self.averages(fixed[:, i], scale, axis, law))
                continue
            total = np.zeros((len(X), axis.size))
            for omega, mass in zip(*self.draws(i), strict=True):
                total += mass * axis.rows(self.mapped(X, omega[None])[:, i], scale, law)
            factors.append(total)
        return factors

    def draws(self, i: int) -> tuple[Array, Array]:
        """Rule for the random weights of component i: values of all weights, those of others 0, and masses."""
        assert self.owners is not None
        own = list(self.owners[i])
        nodes, masses = tensor_rule([self.random[k] for k in own], self.count, self.n)
        omega = np.zeros((len(masses), len(self.random)))
        omega[:, own] = nodes
        return omega, masses

    def averages(self, z: Array, gain: Array | None, axis: Axis, law: NumericLaw) -> Array:
        """Rows of one axis, by their own series in z where the points by far outnumber it."""
        if gain is not None or law.point_mass or self.dims == (1, 1):
            return axis.rows(z, gain, law)
        key = id(axis), id(law)
        if key not in self._series:
            # The axis is kept with its series, so that its id stays its own.
            self._series[key] = axis, averaged_series(axis, law)
        series = self._series[key][1]
        return axis.rows(z, gain, law) if series is None else series(z)

    def _joint(self, X: Array, grid: Grid) -> Array:
        """Everything that the components share is averaged together."""
        nodes, masses = self.together
        draws, random = len(masses), len(self.random)
        Z, laws, gain = self.mapped(X, nodes[:, :random]), self.laws, None
        if self.gain is not None:
            G = np.repeat(self.gain(X), draws, axis=0)
            if self.mixed:
                Z = Z + np.einsum("pij,pj->pi", G, np.tile(nodes[:, random:], (len(X), 1)))
                laws = (point_mass(),) * Z.shape[1]
            else:
                gain = G
        factors = [
            axis.rows(Z[:, i], None if gain is None else gain[:, i], law)
            for i, (axis, law) in enumerate(zip(grid.axes, laws, strict=True))
        ]
        return np.asarray(np.einsum("q,pqk->pk", masses, rows_of(factors).reshape(len(X), draws, -1)))

    def mapped(self, X: Array, omega: Array) -> Array:
        """F(x, omega) for all pairs, shape (points * draws, N_{n+1}), the draws running fastest."""
        Z = self.map(np.hstack([np.repeat(X, len(omega), axis=0), np.tile(omega, (len(X), 1))]))
        if not np.isfinite(Z).all():
            raise MzError(
                f"The map of layer {self.n} is not finite at {int((~np.isfinite(Z).all(axis=1)).sum())} of {len(Z)} "
                "points",
                f"layer {self.n}",
                "Give points and a domain on which the map is finite",
            )
        return Z

    @cached_property
    def together(self) -> tuple[Array, Array]:
        """Rule for all that is averaged together: random weights, and noise that a matrix mixes."""
        return tensor_rule([*self.random, *(self.laws if self.mixed else ())], self.count, self.n)


class AveragedSeries:
    """The rows of an axis under a law, z -> E phi(z + xi), as series in z on panels."""

    def __init__(self, axis: Axis, matrix: Array) -> None:
        self.axis, self.matrix = axis, matrix

    def __call__(self, z: Array) -> Array:
        return self.axis.rows(z, None, point_mass()) @ self.matrix


def averaged_series(axis: Axis, law: NumericLaw) -> AveragedSeries | None:
    """The series, or None where there is just one z or they do not resolve."""
    lo, hi = axis.ends[0] - law.ends[0], axis.ends[-1] - law.ends[-1]
    if not lo < hi:
        return None
    edges = [edge.at for edge in law.edges]
    breaks = tidy((Break(float(end - e), 0) for end in axis.ends for e in edges), lo, hi)
    # A panel function averaged over uniform noise is a polynomial of this degree between the breaks.
    wish = Wish(_SERIES_TAIL, axis.order + 2 if len(law.coefs) == 1 else ORDER, 0, _MOST_SERIES)
    found = refined(0, (lo, hi), breaks, lambda Z: axis.rows(Z[:, 0], None, law), wish)
    return None if found.limit else AveragedSeries(found.grid.axes[0], found.grid.analyse(found.values))


def contracted(factors: Sequence[Array], coefs: Array) -> Array:
    """sum over k of coefs[k_1 k_2 ..., c] factors_1[p, k_1] factors_2[p, k_2] ..., shape (points, columns).

    The last axis first, as one matrix product; the tensor product of the factors is never formed.
    """
    *lead, last = factors
    if not lead:
        return np.asarray(last @ coefs)
    outer = math.prod(factor.shape[1] for factor in lead)
    columns = coefs.shape[1]
    table = coefs.reshape(outer, last.shape[1], columns).transpose(1, 0, 2).reshape(last.shape[1], outer * columns)
    inner = (last @ table).reshape(len(last), outer, columns)
    return np.asarray(np.matmul(rows_of(lead)[:, None, :], inner)[:, 0, :])


def tensor_rule(laws: Sequence[NumericLaw], count: int, n: int) -> tuple[Array, Array]:
    """Nodes of shape (draws, len(laws)) and weights of independent laws, with at least ``count`` nodes each."""
    rules = [law.rule(max(4, -(-count // max(1, len(law.coefs))))) for law in laws]
    total = math.prod(len(masses) for _, masses in rules)
    if total > _MOST_DRAWS:
        raise MzError(
            f"Layer {n} has {len(laws)} random numbers that are averaged together, {total} nodes",
            f"layer {n}, random weights",
            f"Up to {_MOST_DRAWS} nodes are taken: use fewer random weights, or Gaussian weight_noise of a dense "
            "layer, which needs one per row",
        )
    if not rules:
        return np.zeros((1, 0)), np.ones(1)
    mesh = np.meshgrid(*(nodes for nodes, _ in rules), indexing="ij")
    nodes = np.stack([axis.ravel() for axis in mesh], axis=-1)
    return nodes, rows_of([masses[None, :] for _, masses in rules])[0]
