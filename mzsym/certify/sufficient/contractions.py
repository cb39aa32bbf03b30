"""Dobrushin's coefficients and Lipschitz constants of all layers and windows of them, MATH (25)-(26)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mzsym.certify.bounds import LayerBound
from mzsym.certify.sufficient.dobrushin import one_step, shape_of
from mzsym.certify.sufficient.windows import Window, dobrushin_windows, lipschitz_windows

if TYPE_CHECKING:
    from mzsym.model import Network


@dataclass(frozen=True)
class Contractions:
    """What is proved of the oscillations and distances of every layer.

    Attributes
    ----------
    dobrushin, lipschitz : tuple of (float, str), or None
        Bound and reason for every layer; None where it was not asked for.
    dobrushin_windows, lipschitz_windows : tuple of Window
    """

    dobrushin: tuple[tuple[float, str], ...] | None = None
    lipschitz: tuple[tuple[float, str], ...] | None = None
    dobrushin_windows: tuple[Window, ...] = ()
    lipschitz_windows: tuple[Window, ...] = ()

    def beside(self, layer: LayerBound) -> LayerBound:
        """The layer's bounds with these beside them."""
        if self.dobrushin is not None:
            bound, reason = self.dobrushin[layer.n]
            layer = replace(layer, dobrushin=bound, dobrushin_reason=reason)
        if self.lipschitz is not None:
            bound, reason = self.lipschitz[layer.n]
            layer = replace(layer, lipschitz=bound, lipschitz_reason=reason)
        return layer


def contractions_of(net: Network, oscillation: bool, distance: bool) -> Contractions:
    """Bound what was asked for, at any width: intervals through the maps, no grid.

    Parameters
    ----------
    net : Network
    oscillation : bool
        Dobrushin's coefficients.
    distance : bool
        Lipschitz constants.

    Returns
    -------
    Contractions
    """
    found = Contractions()
    if not (oscillation or distance):
        return found
    shape = shape_of(net)
    if oscillation:
        alphas = tuple(one_step(net, shape, n) for n in range(net.depth))
        windows = dobrushin_windows(net, shape, [alpha for alpha, _ in alphas])
        found = replace(found, dobrushin=alphas, dobrushin_windows=windows)
    if distance:
        bounds = tuple((slopes.bound, slopes.reason) for slopes in shape.slopes)
        windows = lipschitz_windows(net, shape, [bound for bound, _ in bounds])
        found = replace(found, lipschitz=bounds, lipschitz_windows=windows)
    return found


def root_up(alpha: float) -> float:
    """sqrt(alpha), rounded up; 1 stays 1."""
    if alpha in (0.0, 1.0):
        return alpha
    return math.nextafter(math.sqrt(alpha), math.inf)
