"""The adjoint of a sweep: from the correlations back through the layers to every parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.gradient.boxes import BoxGradient
from mzsym.evaluate.gradient.domains import SpectralDomains
from mzsym.evaluate.gradient.parameters import Key, ParameterGradient
from mzsym.evaluate.gradient.series import analysed_adjoint, pull
from mzsym.evaluate.gradient.tables import PassSeeds
from mzsym.evaluate.quadrature.grid import Grid
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.quadrature.sizes import Fixed
from mzsym.evaluate.quadrature.sweep import Sweep, kept_bytes, points_of, run_sweep, smoothed

if TYPE_CHECKING:
    from mzsym.model import Network

Sizes: TypeAlias = tuple[tuple[int, ...], ...]
Points: TypeAlias = list[tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A sweep whose functions were kept, to be run backward as often as wanted.

    Attributes
    ----------
    net : Network
    problem : Problem
    sweep : Sweep
        With its ``blocks``.
    chooser : Fixed
    lebesgue : bool
        Whether the bases carry the volumes of the domains.
    """

    net: Network
    problem: Problem
    sweep: Sweep
    chooser: Fixed
    lebesgue: bool

    @classmethod
    def of(
        cls, net: Network, lebesgue: bool, problem: Problem, sizes: Sizes, options: Options, kept: Sweep | None
    ) -> Recorded:
        """Run the pass on grids of these sizes, or take one that was kept.

        Raises
        ------
        MzError
            Where the functions of all layers do not fit into the budget of memory.
        """
        chooser = Fixed(sizes, options.tolerance / (10.0 * math.sqrt(problem.depth + 1)))
        if kept is not None and kept.blocks:
            return cls(net, problem, kept, chooser, lebesgue)
        needed = kept_bytes(problem, points_of(sizes))
        if needed > options.memory_budget:
            raise MzError(
                f"The functions of all layers take {needed} bytes and the budget is {options.memory_budget}",
                "value_and_grad, options.memory_budget",
                "Raise memory_budget, or lower the degree of the projection",
            )
        return cls(net, problem, run_sweep(problem, chooser, keep=True), chooser, lebesgue)

    def gradient(self, seeds: PassSeeds, points: Points, margin: float = 1.0) -> dict[Key, Array]:
        """Derivatives by every parameter.

        Parameters
        ----------
        seeds : PassSeeds
            Derivatives with respect to C, c_L and c_perp.
        points : list of (X, seed)
            Points at which q_0 was asked, with the derivative with respect to its values.
        margin : float
            As ``series.pull`` takes it.
        """
        with blas_threads():
            return _Backward(self, seeds, margin).run(points)


class _Backward:
    """The state of an adjoint pass on its way from layer 0 to layer L."""

    def __init__(self, recorded: Recorded, seeds: PassSeeds, margin: float) -> None:
        self.problem, self.sweep, self.chooser = recorded.problem, recorded.sweep, recorded.chooser
        self.margin = margin
        self.seeds, self.last = seeds, seeds.last.copy()
        self.parameters = ParameterGradient(recorded.net)
        self.boxes = BoxGradient(SpectralDomains(recorded.net, self.problem), recorded.lebesgue)

    def run(self, points: Points) -> dict[Key, Array]:
        problem = self.problem
        block = np.zeros((self._basis(0).shape[0], self.sweep.blocks[0].shape[1]))
        for n in range(problem.depth):
            block = self._layer(n, block, points)
        self._observable(block)
        self.boxes.finish(self.parameters)
        return self.parameters.values

    def _basis(self, n: int) -> Array:
        return self.sweep.blocks[n][:, : self.problem.ranks[n]]

    def _layer(self, n: int, block: Array, points: Points) -> Array:
        """From the derivative by the block of layer n to that by the block of layer n + 1."""
        problem, o, sizes = self.problem, self.sweep.tables.offsets, self.sweep.sizes
        here, basis, d = slice(o[n], o[n + 1]), self._basis(n), problem.ranks[n]
        row = np.hstack([self.seeds.C[here, o[n + 1] :], self.seeds.unresolved[here]])
        seed = block[:, d:] + problem.masses[n] * (basis @ row)
        # eta^(n) is 1/sqrt(mass) times what does not change, and the inner product is the mass times the mean.
        coefs = self.sweep.blocks[n][:, d:]
        scaled = np.vdot(block[:, :d], basis) - problem.masses[n] * np.vdot(row, basis.T @ coefs)
        self.boxes.add_norm(n, float(scaled))
        grid = Grid(problem.boxes[n], sizes[n])
        X = grid.nodes()
        nodes = self._evaluation(n, X, analysed_adjoint(seed, sizes[n]), slice(None))
        self.boxes.add_nodes(n, X, nodes[1])
        out = nodes[0]
        if n == 0:
            for Y, bar in points:
                out += self._expected(Y, bar)
        return out

    def _evaluation(self, n: int, X: Array, seed: Array, columns: slice) -> tuple[Array, Array]:
        block = self.sweep.blocks[n + 1]
        small = self.chooser.negligible(block)
        found = pull(self.problem, n, block[:, columns], self.sweep.sizes[n + 1], X, seed, small, self.margin)
        self.boxes.add_domain(n + 1, found.centers, found.halves)
        self.parameters.add_noise(n, self.problem.laws[n], found.noise)
        return found.block, self.parameters.add_states(n, X, found.states)

    def _expected(self, X: Array, bar: Array) -> Array:
        """q_0(X) = M_0 (M(1, L) eta^(L)) c_L + M_0 M(1, L) Q_L u: the last columns of the block of layer 1."""
        problem, block, last = self.problem, self.sweep.blocks[1], self.sweep.tables.offsets[-2]
        d, outputs = problem.ranks[-1], problem.outputs
        columns = slice(block.shape[1] - d - outputs, block.shape[1])
        c = self.sweep.tables.coefficients[last:]
        found = self._evaluation(0, X, np.hstack([bar @ c.T, bar]), columns)[0]
        series = smoothed(problem, 0, block[:, columns], self.sweep.sizes[1], self.chooser.negligible(block))
        self.last += series(problem.states(0, X))[:, :d].T @ bar
        out = np.zeros_like(block)
        out[:, columns] = found
        return out

    def _observable(self, block: Array) -> None:
        """From the block [eta^(L), Q_L u] to the observable: Q_L u = u - eta c_L, c_L = <eta, u>."""
        problem, n = self.problem, self.problem.depth
        basis, d, mass = self._basis(n), problem.ranks[n], problem.masses[n]
        rest = block[:, d:]
        c_bar = self.last - basis.T @ rest
        c = self.sweep.tables.coefficients[self.sweep.tables.offsets[n] :]
        self.boxes.add_norm(n, float(np.vdot(block[:, :d], basis) - np.vdot(self.last, c)))
        X = Grid(problem.boxes[n], self.sweep.sizes[n]).nodes()
        seed = analysed_adjoint(rest + mass * (basis @ c_bar), self.sweep.sizes[n])
        self.boxes.add_nodes(n, X, self.parameters.add_observable(X, seed))
