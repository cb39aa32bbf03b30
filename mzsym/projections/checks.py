"""What every function of a network and a projection checks first."""

from __future__ import annotations

from typing import Any

from mzsym.core import MzError
from mzsym.model import Network
from mzsym.model.checks import check_one_observable
from mzsym.projections.abstract import AbstractProjection, FiniteRank
from mzsym.projections.measures import BOX_MEASURES, measure_words
from mzsym.projections.polynomials import TotalDegree


def check_stated(net: Any, projection: Any, caller: str) -> None:
    """Refuse what is no network, no projection, or a projection that is not defined on this network.

    Raises
    ------
    MzError
    """
    if not isinstance(net, Network):
        raise MzError(f"{net!r} is no network", f"{caller}(net)", "Give a mz.Network")
    if not isinstance(projection, AbstractProjection):
        raise MzError(f"{projection!r} is no projection", f"{caller}(projection)", "Give mz.Legendre(5) or mz.Mean()")
    check_one_observable(net, f"{caller}(net)")
    projection.check(net)


def finite_rank(projection: AbstractProjection, where: str) -> FiniteRank:
    """The projection, if it is of finite rank.

    Raises
    ------
    MzError
    """
    if isinstance(projection, FiniteRank):
        return projection
    raise MzError(
        f"{projection.describe()} is not of finite rank",
        where,
        "Use a projection of finite rank, such as mz.Legendre(5)",
    )


def box_polynomials(projection: AbstractProjection, where: str) -> TotalDegree:
    """The projection, if it is on polynomials in a box measure: what grids of Legendre functions serve.

    Raises
    ------
    MzError
        Naming the projection and its measure.
    """
    if isinstance(projection, TotalDegree) and projection.measure in BOX_MEASURES:
        return projection
    raise MzError(
        f"{projection.describe()} in the {measure_words(projection.measure)} is not served here",
        where,
        'Use mz.Legendre(degree) or mz.Mean() in the measure "uniform" or "lebesgue"',
    )
