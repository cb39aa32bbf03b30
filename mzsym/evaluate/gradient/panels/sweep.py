"""The adjoint of a pass on panels: from the inner products back through the layers to every parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.gradient.boxes import BoxGradient
from mzsym.evaluate.gradient.panels.arrivals import arrivals, heights
from mzsym.evaluate.gradient.panels.ends import PanelDomains, add_measure
from mzsym.evaluate.gradient.panels.jumps import Jumps
from mzsym.evaluate.gradient.panels.stages import add_pulled, stages_of
from mzsym.evaluate.gradient.panels.tables import pulled_rows
from mzsym.evaluate.gradient.panels.transition import pull
from mzsym.evaluate.gradient.parameters import Key, ParameterGradient
from mzsym.evaluate.gradient.sweep import Points
from mzsym.evaluate.gradient.tables import PassSeeds
from mzsym.evaluate.panels.sweep import Pass, carried, pushed

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank


@dataclass(frozen=True, eq=False)
class RecordedPanels:
    """A pass, to be run backward as often as wanted.

    Attributes
    ----------
    net : Network
    projection : FiniteRank
    found : Pass
    """

    net: Network
    projection: FiniteRank
    found: Pass

    def gradient(self, seeds: PassSeeds, points: Points) -> dict[Key, Array]:
        """Derivatives by every parameter.

        Parameters
        ----------
        seeds : PassSeeds
            Derivatives with respect to C, c_L and c_perp.
        points : list of (X, seed)
            Points at which q_0 was asked, with the derivative with respect to its values.
        """
        with blas_threads():
            return _Backward(self).run(seeds, points)


class _Backward:
    """The state of an adjoint pass.

    Functions are followed at fixed places: panels and bases stay where they are, and only the ends of the measures
    move. (Polynomials of one degree span the same functions on every box, in the same order.)
    """

    def __init__(self, recorded: RecordedPanels) -> None:
        self.net, self.projection, self.found = recorded.net, recorded.projection, recorded.found
        self.problem = self.found.problem
        self.parameters = ParameterGradient(self.net)
        self.stages = [stages_of(self.parameters, n) for n in range(self.net.depth)]
        self.jumps = Jumps(self.parameters, self.problem, self.stages)

    def run(self, seeds: PassSeeds, points: Points) -> dict[Key, Array]:
        found, problem = self.found, self.problem
        rows = pulled_rows(found.tables, seeds, found.rows, [f.orthogonal for f in problem.functions])
        if any(f.weight is None for f in problem.functions):
            self._law(rows)
        elif self.projection.boxed(self.net) and self.net.given_domains is None:
            self._boxes(rows)
        self._functions(rows, points)
        return self.parameters.values

    def _boxes(self, rows: list[Array]) -> None:
        """Where the measure lives on boxes that follow from the first one."""
        boxes = BoxGradient(PanelDomains(self.net, self.projection, self.found), False)
        for n, row in enumerate(rows):
            add_measure(boxes, self.projection, self.found, n, row)
        boxes.finish(self.parameters)

    def _functions(self, rows: list[Array], points: Points) -> None:
        """Densities go forward through the network: derivatives by the functions that the layers carry."""
        outputs = self.problem.outputs
        bar = np.zeros_like(self.found.levels[0].values)
        for n, (level, mass) in enumerate(zip(self.found.levels, self.found.weights, strict=True)):
            tests = self.problem.functions[n].tests(level.grid.nodes)
            bar = (bar + (tests * mass[:, None]) @ rows[n])[:, self.problem.ranks[n] :]
            self._place_jumps(n, rows[n])
            if n == self.problem.depth:
                self.parameters.add_observable(level.grid.nodes, bar)
                break
            bar = self._layer(n, level.grid.nodes, self.found.levels[n + 1].values, bar)
            for X, seed in points if n == 0 else ():
                last = self.found.levels[1].values[:, -outputs:]
                bar[:, -outputs:] += self._layer(0, X, last, seed)

    def _place_jumps(self, n: int, row: Array) -> None:
        """Where functions of layer n jump, inner products change by the height times the measure's density there."""
        if n and len(self.found.steps[n - 1]) > 1:
            self.jumps.finish(n - 1, 1, self.found.steps[n - 1][1].transition)
        places = self.jumps.places[n][0]
        if len(places):
            level, X = self.found.levels[n], places[:, None]
            tests = self.problem.functions[n].tests(X) * self._density(n, places)[:, None]
            self.jumps.bars[n][0] -= np.einsum("kj,jc,kc->k", tests, row, heights(level.grid, level.coefs, places))
        self.jumps.finish(n, 0, self.found.steps[n][0].transition if n < self.problem.depth else None)

    def _density(self, n: int, places: Array) -> Array:
        """Of the measure of X_n at places."""
        weight, X = self.problem.functions[n].weight, places[:, None]
        if weight is not None:
            return weight(X)
        if n == 0:
            return self.problem.start(X)
        *before, last = self.found.steps[n - 1]
        if last.transition.laws[0].point_mass:
            raise MzError(
                f"Functions of X_{n} jump, and its law has no density that is known after a layer without noise",
                f"value_and_grad(scalar), layer {n - 1}",
                "Use functions without jumps, such as hardtanh in place of step, or give the layer noise",
            )
        nodes, mass = self.found.levels[n - 1].grid.nodes, self.found.weights[n - 1]
        if before:
            nodes, mass = before[-1].grid.nodes, pushed(tuple(before), nodes, mass)
        return mass @ arrivals(last.transition, nodes, places)[0]

    def _law(self, rows: list[Array]) -> None:
        """Where the measure is the law of the state: derivatives by it go backward, as observables do."""
        bar = np.zeros(0)
        for n in range(self.problem.depth, -1, -1):
            level = self.found.levels[n]
            tests = self.problem.functions[n].tests(level.grid.nodes)
            own = np.einsum("pj,jk,pk->p", tests, rows[n], level.values, optimize=True)
            if n < self.problem.depth:
                later = bar[:, None]
                self._layer(n, level.grid.nodes, later, self.found.weights[n][:, None], moving=False)
                before = carried(self.found.steps[n], level.grid.nodes, later)
                own += before[:, 0]
                if len(places := self.jumps.places[n][0]):
                    jumps = heights(level.grid, level.grid.analyse(before), places)[:, 0]
                    self.jumps.bars[n][0] -= jumps * self._density(n, places)
            bar = own

    def _layer(self, n: int, X: Array, values: Array, seed: Array, moving: bool = True) -> Array:
        """From derivatives by M_n v at X to those by v at the nodes of layer n + 1, where its values are given.

        ``moving`` says whether the places where v itself jumps move with the parameters.
        """
        steps = self.found.steps[n]
        coefs = [steps[-1].grid.analyse(values)]
        for k in range(len(steps) - 1, 0, -1):
            before = steps[k - 1].grid
            coefs.insert(0, before.analyse(steps[k].transition.apply(before.nodes, steps[k].grid, coefs[0])))
        for k, (step, stage, series) in enumerate(zip(steps, self.stages[n], coefs, strict=True)):
            later, which = self.jumps.after(n, k)
            pulled = pull(step.transition, X, step.grid, series, seed, self.jumps.places[later][which])
            if moving or later == n:
                self.jumps.bars[later][which] += pulled.places
            add_pulled(self.parameters, n, stage, pulled)
            X, seed = step.grid.nodes, step.grid.nodal(pulled.coefs)
        return seed
