"""What every function of a network and a projection checks first."""

from __future__ import annotations

from typing import Any

from mzsym.core import MzError
from mzsym.model import Network
from mzsym.projections.abstract import AbstractProjection


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
    projection.check(net)
