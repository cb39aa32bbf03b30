"""Which representation of functions suits a network: one spectral series on each box, or composite panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from mzsym.core import Options
from mzsym.evaluate.panels.breaks import has_switches
from mzsym.evaluate.panels.conditional import ConditionalProblem, lower_conditional, solve_conditional
from mzsym.evaluate.panels.engine import solve_panels
from mzsym.evaluate.panels.lower import PanelProblem, lower_panels
from mzsym.evaluate.quadrature.engine import Solution, solve
from mzsym.evaluate.quadrature.problem import Problem, lower_problem
from mzsym.evaluate.quadrature.stated_law import why_unresolved
from mzsym.model import Deterministic, Noise, TruncatedGaussian, Uniform
from mzsym.projections import Conditional
from mzsym.projections.checks import finite_rank

if TYPE_CHECKING:
    from mzsym.codegen import Target
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection, FiniteRank

Scheme: TypeAlias = Literal["spectral", "panels"]
AnyProblem: TypeAlias = Problem | PanelProblem | ConditionalProblem


def why_panels(net: Network, projection: FiniteRank) -> str | None:
    """Why the spectral scheme does not do, or None where it does.

    It needs additive noise on boxes, of a bounded law whose density series resolve, and a basis of polynomials that is
    orthonormal on them. It takes kinks of maps, but converges slowly; in one dimension panels end at them.
    """
    for n, layer in enumerate(net.layers):
        if not layer.plain_noise:
            return f"layer {n} has a gain or random weights"
        for noise in layer.noise:
            if isinstance(noise, Noise):
                reason = why_unresolved(noise)
                if reason is not None:
                    return f"the noise density of layer {n} {reason}"
            elif not isinstance(noise, (Uniform, TruncatedGaussian, Deterministic)):
                return f"layer {n} has {type(noise).__name__} noise"
    if not (projection.normalized and projection.measure in ("uniform", "lebesgue")):
        return f'the basis is made orthonormal in the measure "{projection.measure}"'
    if set(net.dims) == {1} and any(has_switches(net.map_exprs(n)) for n in range(net.depth)):
        return "a map has kinks"
    if set(net.dims) == {1} and has_switches(net.observable_exprs):
        return "the observable has kinks"
    return None


def lowered(
    net: Network, projection: AbstractProjection, scheme: Scheme | None, target: Target = "numba"
) -> tuple[Scheme, AnyProblem]:
    """The network in numbers for the scheme, by default the one that suits it; its maps compiled by ``target``.

    Raises
    ------
    MzError
        For a projection that no engine knows, and for what the engines refuse.
    """
    if isinstance(projection, Conditional):
        return "panels", lower_conditional(net, projection, target)
    projection = finite_rank(projection, "compile(eq)")
    if scheme is None:
        scheme = "spectral" if why_panels(net, projection) is None else "panels"
    if scheme == "spectral":
        return scheme, lower_problem(net, projection, target)
    return scheme, lower_panels(net, projection, target)


def solved(problem: AnyProblem, options: Options) -> Solution:
    """Every table."""
    if isinstance(problem, ConditionalProblem):
        return solve_conditional(problem, options)
    return solve(problem, options) if isinstance(problem, Problem) else solve_panels(problem, options)
