"""What every depth costs in accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import Standing
from mzsym.core.arrays import Array
from mzsym.reduce.a_priori import proved_bounds, root_of_mass
from mzsym.reduce.measured import Points
from mzsym.reduce.readouts import left_out, readouts_by_depth, unresolved

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.evaluate.protocols import HasSolution


ROUNDING = 1e-13
"""Errors that say nothing of a bound."""


@dataclass(frozen=True)
class DepthBound:
    """The shallow network of depth H: bounds of its error in L^2(mu_0), the worst over the observables.

    Attributes
    ----------
    depth : int
        H.
    a_priori : float
        Proved, MATH (29): of the network with the exact read-outs, whose error is M_0 Phi(1, H) Q_H q_H. Rounded up,
        ``inf`` where some factor has no proved bound.
    a_priori_estimate : float
        The same product with ||Q_H q_H|| from the tables and estimated norms where no sharper ones are proved.
    a_posteriori : float
        Estimated: the error of the network with the computed read-outs, from the tables, plus their observed error.
    measured : float
        The difference to q_0 at points; NaN where no rule is known for mu_0.
    proved : float
        Proved: the error of the network with the computed read-outs, exactly as ``Reduction.network`` states them;
        ``inf`` where it was not proved.
    """

    depth: int
    a_priori: float
    a_priori_estimate: float
    a_posteriori: float
    measured: float
    proved: float = math.inf

    @property
    def bound(self) -> float:
        """The bound that decides: of what is delivered, computed read-outs and all."""
        return self.proved if self.standing is Standing.PROVED else self.a_posteriori

    @property
    def standing(self) -> Standing:
        """Of ``bound``; a proof that gives more than twice the estimate is not taken."""
        return Standing.PROVED if self.proved <= 2.0 * self.a_posteriori else Standing.ESTIMATED

    @property
    def a_priori_over_measured(self) -> float:
        """How many times the measured error the a-priori bound is; NaN where that error is rounding, or unknown."""
        return self.a_priori / self.measured if self.measured > ROUNDING else math.nan

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        return {
            "depth": self.depth,
            "bound": self.bound,
            "standing": str(self.standing),
            "measured_error": self.measured,
            "a_priori_over_measured": self.a_priori_over_measured,
            "proved": self.proved,
            "a_priori": self.a_priori,
            "a_priori_estimate": self.a_priori_estimate,
            "a_posteriori": self.a_posteriori,
        }


def depth_bounds(ev: HasSolution, certificate: Certificate, points: Points | None) -> tuple[DepthBound, ...]:
    """Every depth H = 1..L.

    Parameters
    ----------
    ev : Evaluator
        Of the deep network.
    certificate : Certificate
    points : Points or None
    """
    net, solution = ev.network, ev.solution
    proved = proved_bounds(net, ev.projection, certificate)
    error = _error_of_functions(ev)
    o = solution.tables.offsets
    q, pulled = (None, None) if points is None else _values(ev, points.X)
    found, chain = [], certificate.layers[0].entrance
    for depth, alpha in enumerate(readouts_by_depth(solution.tables), 1):
        after = left_out(solution, alpha) + error(alpha)
        estimate = chain * float(unresolved(solution, depth).max()) if math.isfinite(chain) else math.inf
        measured = math.nan
        if points is not None and q is not None and pulled is not None:
            delivered = pulled[:, o[1] : o[depth + 1]] @ np.vstack(alpha)
            measured = float(points.norm(q - delivered).max())
        found.append(DepthBound(depth, proved[depth - 1], estimate, float(after.max()), measured))
        if depth < net.depth:
            interior = certificate.layers[depth].interior
            guess = interior.estimate
            chain *= interior.upper if guess is None else min(interior.upper, guess.value + guess.error)
    return tuple(found)


def _values(ev: HasSolution, X: Array) -> tuple[Array, Array]:
    """q_0 and the functions M(0, m) eta^(m) at points."""
    assert ev.solution.pulled_back is not None, "projections without a basis are refused before"
    pulled = ev.solution.pulled_back(X)
    return ev.expectation(X).reshape(len(X), -1), pulled


def _error_of_functions(ev: HasSolution) -> Callable[[Sequence[Array]], float]:
    """Observed error, in L^2(mu_0), of q_0 minus a shallow network with given read-outs."""
    solution = ev.solution
    assert solution.carried is not None
    mass = root_of_mass(ev.network, ev.projection, 0)
    if not math.isfinite(mass):
        mass = math.sqrt(max(0.0, float(solution.carried(0).weights.sum())))
    single = solution.reached["expectation"]
    each = solution.pulled_error

    def error(alpha: Sequence[Array]) -> float:
        return mass * (single + each * float(abs(np.vstack(alpha)).sum(axis=0).max(initial=0.0)))

    return error
