"""Values and gradients of scalars of the tables, by one adjoint pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.panels.checks import check_differentiable
from mzsym.evaluate.gradient.panels.sweep import RecordedPanels
from mzsym.evaluate.gradient.parameters import Key, parameter_values
from mzsym.evaluate.gradient.sweep import Recorded
from mzsym.evaluate.gradient.tables import PassSeeds, Seeds, pulled_tables
from mzsym.evaluate.gradient.traced import Traced, recording
from mzsym.evaluate.gradient.view import TracedEvaluator
from mzsym.evaluate.panels.lower import PanelProblem
from mzsym.evaluate.quadrature.engine import solve
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.projections.checks import finite_rank

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

_MARGIN = {1: 1.0, 2: 1.15, 3: 1.08}
"""By how much more terms reach in the pass that a gradient is compared with, by the largest dimension."""


@final
class Gradient(dict[Any, Array]):
    """Key of ``with_params`` -> derivative, an array of the parameter's shape.

    Attributes
    ----------
    reached : float
        Observed absolute error: the largest change to another grid; NaN where it was not looked at.
    """

    reached: float = float("nan")


def value_and_grad(ev: Evaluator, scalar: Callable[[Any], Any], check: bool = True) -> tuple[float, Gradient]:
    """See ``Evaluator.value_and_grad``."""
    adjoint = adjoint_of(ev)
    with recording() as tape:
        view = TracedEvaluator(ev, tape)
        result = scalar(view)
        _check_scalar(result)
        seeds = view.seeds(result)
    gradient = adjoint.gradient(seeds, check)
    return float(result.value.item()), gradient


def jacobian(ev: Evaluator, function: Callable[[Any], Any], check: bool = True) -> tuple[Array, Gradient]:
    """See ``Evaluator.jacobian``."""
    adjoint = adjoint_of(ev)
    with recording() as tape:
        view = TracedEvaluator(ev, tape)
        entries, shape = _entries(function(view))
        values = np.array([float(entry.value) for entry in entries]).reshape(shape)
        rows = [adjoint.gradient(view.seeds(entry), check) for entry in entries]
    out = Gradient(
        {
            key: np.array([row[key] for row in rows]).reshape(shape + value.shape)
            for key, value in parameter_values(ev.network).items()
        }
    )
    out.reached = max((row.reached for row in rows), default=0.0)
    return values, out


def _entries(result: Any) -> tuple[list[Traced], tuple[int, ...]]:
    """The numbers of a traced array, or of a list of traced numbers and arrays, and their shape."""
    if isinstance(result, (list, tuple)) and any(isinstance(item, Traced) for item in result):
        result = np.stack(result)
    if not isinstance(result, Traced):
        raise _independent(result, "jacobian(f)")
    flat: Any = np.reshape(result, -1)
    return [flat[k] for k in range(result.size)], result.shape


class AbstractAdjoint(ABC):
    """Gradients of one evaluator, from one recorded pass (and a second one where the error is looked at)."""

    def __init__(self, ev: Evaluator) -> None:
        self.ev = ev

    def gradient(self, seeds: Seeds, check: bool) -> Gradient:
        """The gradient of a scalar with these derivatives by the tables."""
        own = pulled_tables(self.ev.solution.tables, seeds)
        values = self._gradient(own, seeds, other=False)
        out = Gradient(values)
        if check:
            out.reached = _difference(values, self._gradient(own, seeds, other=True))
        return out

    @abstractmethod
    def _gradient(self, own: PassSeeds, seeds: Seeds, other: bool) -> dict[Key, Array]:
        """By the pass that the tables come from, or by the ``other`` one with which they were compared."""


@final
class SpectralAdjoint(AbstractAdjoint):
    """Of the spectral scheme."""

    def __init__(self, ev: Evaluator, problem: Problem) -> None:
        super().__init__(ev)
        self.problem = problem
        # Where no table was asked for yet, the pass that makes them is recorded at once.
        if "solution" not in vars(ev):
            vars(ev)["solution"] = solve(problem, ev.options, keep=True)
        self._recorded: dict[bool, Recorded] = {}

    def _gradient(self, own: PassSeeds, seeds: Seeds, other: bool) -> dict[Key, Array]:
        ev, solution = self.ev, self.ev.solution
        if other not in self._recorded:
            sizes, kept = (solution.compared, None) if other else (solution.nodes, solution.sweep)
            lebesgue = ev.projection.measure == "lebesgue"
            self._recorded[other] = Recorded.of(ev.network, lebesgue, self.problem, sizes, ev.options, kept)
        # The second pass has more terms, so that what the first leaves out shows.
        margin = _MARGIN[max(ev.network.dims)] if other else 1.0
        return self._recorded[other].gradient(own, seeds.points, margin)


@final
class PanelAdjoint(AbstractAdjoint):
    """Of the panel scheme."""

    def __init__(self, ev: Evaluator) -> None:
        super().__init__(ev)
        self._projection = finite_rank(ev.projection, "value_and_grad(scalar)")
        check_differentiable(ev.network, self._projection)
        self._recorded: dict[bool, RecordedPanels] = {}

    def _gradient(self, own: PassSeeds, seeds: Seeds, other: bool) -> dict[Key, Array]:
        if other not in self._recorded:
            assert self.ev.solution.panels is not None
            found = self.ev.solution.panels(other)
            self._recorded[other] = RecordedPanels(self.ev.network, self._projection, found)
        return self._recorded[other].gradient(own, seeds.points)


def adjoint_of(ev: Evaluator) -> AbstractAdjoint:
    """The adjoint of the scheme that an evaluator has.

    Raises
    ------
    MzError
        For a conditional projection, and what a scheme does not differentiate.
    """
    problem = ev.problem
    if isinstance(problem, Problem):
        return SpectralAdjoint(ev, problem)
    if isinstance(problem, PanelProblem):
        return PanelAdjoint(ev)
    raise MzError(
        f"Gradients are made for projections of finite rank, and this one is {ev.projection.describe()}",
        "value_and_grad(scalar)",
        "Use Legendre, Hermite, Basis, Mean or another projection on finitely many functions",
    )


def _difference(ours: Mapping[Key, Array], theirs: Mapping[Key, Array]) -> float:
    return max((float(np.abs(ours[key] - theirs[key]).max(initial=0.0)) for key in ours), default=0.0)


def _check_scalar(result: Any) -> None:
    if not isinstance(result, Traced):
        raise _independent(result, "value_and_grad(scalar)")
    if result.size != 1:
        raise MzError(
            f"The scalar has shape {result.shape}", "value_and_grad(scalar)", "Return one number, or use jacobian(f)"
        )


def _independent(result: Any, where: str) -> MzError:
    return MzError(
        f"What the function returned ({type(result).__name__}) does not depend on the tables of its argument",
        where,
        "Write a function of its argument, such as lambda e: (e.memory(0, 2)**2).sum()",
    )


__all__ = ["AbstractAdjoint", "Gradient", "adjoint_of", "jacobian", "parameter_values", "value_and_grad"]
