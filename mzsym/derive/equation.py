"""The Mori-Zwanzig equation of one network under one projection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from mzsym.core import MzError, Options

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

Direction: TypeAlias = Literal["backward", "forward"]


@dataclass(frozen=True)
class Equation:
    """What follows exactly from a network and a projection: the operator equation and its concrete terms.

    Attributes
    ----------
    network : Network
    projection : AbstractProjection
    direction : {"backward", "forward"}
    options : Options
    """

    network: Network
    projection: AbstractProjection
    direction: Direction = "backward"
    options: Options = field(default_factory=Options)


def derive(
    net: Network,
    projection: AbstractProjection,
    direction: Direction = "backward",
    options: Options | None = None,
) -> Equation:
    """Derive the Mori-Zwanzig equation of a network, MATH (11) backward and (13) forward.

    Parameters
    ----------
    net : Network
    projection : AbstractProjection
    direction : {"backward", "forward"}
        Of observables (backward) or of densities (forward).
    options : Options, optional

    Returns
    -------
    Equation
        Its terms are built when they are asked for.

    Raises
    ------
    MzError
        When the projection is not defined on this network, or for an unknown direction.
    """
    if direction not in ("backward", "forward"):
        raise MzError(f"There is no direction {direction!r}", "derive(direction=)", 'Use "backward" or "forward"')
    projection.check(net)
    return Equation(net, projection, direction, options or Options())
