"""Values and gradients of scalars of the tables, by one adjoint pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.parameters import Key, parameter_values
from mzsym.evaluate.gradient.sweep import Recorded
from mzsym.evaluate.gradient.tables import PassSeeds, Seeds, pulled_tables
from mzsym.evaluate.gradient.traced import Traced, recording
from mzsym.evaluate.gradient.view import TracedEvaluator
from mzsym.evaluate.quadrature.engine import solve
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.schemes import why_panels
from mzsym.projections.abstract import FiniteRank

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
    adjoint = Adjoint(ev)
    with recording() as tape:
        view = TracedEvaluator(ev, tape)
        result = scalar(view)
        _check_scalar(result)
        seeds = view.seeds(result)
    gradient = adjoint.gradient(seeds, check)
    return float(result.value.item()), gradient


def jacobian(ev: Evaluator, function: Callable[[Any], Any], check: bool = True) -> tuple[Array, Gradient]:
    """See ``Evaluator.jacobian``."""
    adjoint = Adjoint(ev)
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


class Adjoint:
    """Gradients of one evaluator, from one recorded pass (and a second one where the error is looked at)."""

    def __init__(self, ev: Evaluator) -> None:
        self.ev, self.problem = ev, spectral_problem(ev)
        # Where no table was asked for yet, the pass that makes them is recorded at once.
        if "solution" not in vars(ev):
            vars(ev)["solution"] = solve(self.problem, ev.options, keep=True)
        self._recorded: dict[bool, Recorded] = {}

    def gradient(self, seeds: Seeds, check: bool) -> Gradient:
        """The gradient of a scalar with these derivatives by the tables."""
        own = pulled_tables(self.ev.solution.tables, seeds)
        values = self._gradient(own, seeds, other=False)
        out = Gradient(values)
        if check:
            out.reached = _difference(values, self._gradient(own, seeds, other=True))
        return out

    def _gradient(self, own: PassSeeds, seeds: Seeds, other: bool) -> dict[Key, Array]:
        ev, solution = self.ev, self.ev.solution
        if other not in self._recorded:
            sizes, kept = (solution.compared, None) if other else (solution.nodes, solution.sweep)
            lebesgue = ev.projection.measure == "lebesgue"
            self._recorded[other] = Recorded.of(ev.network, lebesgue, self.problem, sizes, ev.options, kept)
        # The second pass has more terms, so that what the first leaves out shows.
        margin = _MARGIN[max(ev.network.dims)] if other else 1.0
        return self._recorded[other].gradient(own, seeds.points, margin)


def _difference(ours: Mapping[Key, Array], theirs: Mapping[Key, Array]) -> float:
    return max((float(np.abs(ours[key] - theirs[key]).max(initial=0.0)) for key in ours), default=0.0)


def spectral_problem(ev: Evaluator) -> Problem:
    """What the spectral engine works on.

    Raises
    ------
    MzError
        For an evaluator of another scheme.
    """
    problem = ev.problem
    if not isinstance(problem, Problem):
        raise MzError(
            f"Gradients are made by the spectral scheme, and this evaluator's is {ev.scheme!r}{_because(ev)}",
            "value_and_grad(scalar)",
            "Use smooth maps, additive noise of bounded support and Legendre or Mean projections in box measures, for "
            'which engine="spectral" does',
        )
    return problem


def _because(ev: Evaluator) -> str:
    """Why the scheme is not spectral, where the network is what asks for another."""
    projection = ev.projection
    reason = why_panels(ev.network, projection) if isinstance(projection, FiniteRank) else None
    return f": {reason}" if reason else ""


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


__all__ = ["Adjoint", "Gradient", "jacobian", "parameter_values", "spectral_problem", "value_and_grad"]
