"""Points at which a function of a one-dimensional state jumps, and which move with the parameters, MATH (43)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mzsym.evaluate.gradient.panels.stages import Stage, add_map
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.panels.breaks import Break
from mzsym.evaluate.panels.lower import PanelProblem
from mzsym.evaluate.panels.transition import Transition


class Jumps:
    """Where functions jump on the state before every stage, and the derivatives by these places.

    Attributes
    ----------
    places : list of lists of arrays
        ``places[n][k]``: before stage k of layer n; ``places[L][0]`` on the last state.
    bars : the same
        Derivatives.
    """

    def __init__(self, parameters: ParameterGradient, problem: PanelProblem, stages: Sequence[Sequence[Stage]]) -> None:
        self._parameters, self._stages = parameters, stages
        self._breaks = [[_jumping(breaks)] for breaks in problem.breaks]
        for breaks, between in zip(self._breaks, problem.between, strict=False):
            if between is not None:
                breaks.append(_jumping(between.breaks))
        self.places = [[np.array([b.at for b in breaks]) for breaks in row] for row in self._breaks]
        self.bars = [[np.zeros(len(places)) for places in row] for row in self.places]

    def after(self, n: int, k: int) -> tuple[int, int]:
        """Where stage k of layer n leads to."""
        return (n, k + 1) if k + 1 < len(self._stages[n]) else (n + 1, 0)

    def finish(self, n: int, k: int, transition: Transition | None) -> None:
        """Hand the derivatives by the places before a stage to parameters, or to the jumps that it maps them to."""
        for found, bar in zip(self._breaks[n][k], self.bars[n][k], strict=True):
            if found.cause is not None:
                self._parameters.add_root(n, found.cause, found.at, bar)
            elif transition is not None and transition.laws[0].point_mass:
                self._through(n, k, transition, found.at, bar)

    def _through(self, n: int, k: int, transition: Transition, at: float, bar: float) -> None:
        """A layer without noise: F(x) = y, where y jumps, and dx = (dy - dF(x)) / F'(x)."""
        later, which = self.after(n, k)
        X, targets = np.array([[at]]), self.places[later][which]
        if not len(targets):
            return
        slope = float(add_map(ParameterGradient(self._parameters.net), n, self._stages[n][k], X, np.ones((1, 1)))[0, 0])
        nearest = int(np.argmin(np.abs(targets - transition.states(X)[0, 0])))
        if slope == 0.0:
            return
        self.bars[later][which][nearest] += bar / slope
        add_map(self._parameters, n, self._stages[n][k], X, np.array([[-bar / slope]]))


def _jumping(breaks: Sequence[Break]) -> tuple[Break, ...]:
    return tuple(b for b in breaks if b.order < 0)
