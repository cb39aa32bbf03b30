"""Proved Hilbert-Schmidt bounds in the standard Gaussian measure, MATH (23) and (23g).

With independent noise in the components and h_i as in ``balls.gaussian``,

    ||M_n||_HS^2 = E prod_i h_i(F_i(X)),        X ~ N(0, I),

and 1 less for Q_n M_n and M_n Q_{n+1} where the constants are resolved. Components whose vectors w_i are orthogonal
depend on independent variables. Within a group of p components that are not, E prod h_i <= prod (E h_i^p)^(1/p); a
component that is no function of one w_i x is bounded by the largest value of h_i on its range.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from mzsym.balls import WHOLE, Arb, intervals_of, precision, to_arb
from mzsym.balls.gaussian import WeighedNoise
from mzsym.balls.sections import expectation
from mzsym.certify.gaussian.maps import NormalLayer
from mzsym.certify.sufficient.hilbert_schmidt import HilbertSchmidt, square_root_up
from mzsym.core import MzError

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

_UNKNOWN = (math.inf, math.inf)


def gaussian_hilbert_schmidt(net: Network, projection: AbstractProjection, n: int) -> HilbertSchmidt:
    """Bound layer n in N(0, I) on both sides, with every rounding outward.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : AbstractProjection
        Orthogonal in that measure.
    n : int
        0 <= n < L.

    Returns
    -------
    HilbertSchmidt
        Infinite, with the reason, where M_n is not proved to be Hilbert-Schmidt.
    """
    with precision():
        layer = NormalLayer(net, n)
        noise = layer.noise()
        if isinstance(noise, str):
            return _nothing(noise)
        try:
            square = to_arb(1)
            for group in _groups(layer):
                for i in group:
                    square = square * _share(layer, noise[i], i, len(group))
        except MzError as error:
            return _nothing(error.what)
        if not square.is_finite():
            return _nothing("no bound: the map is not proved to be bounded, and the density of N(0, 1) falls fast")
        resolved = square - 1 if projection.keeps_constants else square
        return HilbertSchmidt(square_root_up(resolved), square_root_up(square), _UNKNOWN, _UNKNOWN, _UNKNOWN)


def _nothing(reason: str) -> HilbertSchmidt:
    return HilbertSchmidt(math.inf, math.inf, _UNKNOWN, _UNKNOWN, _UNKNOWN, reason)


def _groups(layer: NormalLayer) -> list[list[int]]:
    """Components that may depend on each other; those bounded by their ranges are alone."""
    size = len(layer.components)
    linked = np.zeros((size, size), dtype=bool)
    for i, w in enumerate(layer.directions):
        for j, v in enumerate(layer.directions[:i]):
            if w is not None and v is not None:
                linked[i, j] = sum(a * b for a, b in zip(w, v, strict=True)) != 0
    labels = connected_components(linked, directed=False)[1]
    return [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]


def _share(layer: NormalLayer, noise: WeighedNoise, i: int, power: int) -> Arb:
    """(E h_i(F_i)^p)^(1/p), or the largest value of h_i."""
    line = layer.on_line(i)
    if line is not None:
        found = expectation(line, noise, power)
        return found if power == 1 else found.upper() ** (to_arb(1) / power)
    (values,) = intervals_of([layer.components[i]], [WHOLE] * len(layer.symbols), layer.symbols)
    if not values.finite:
        return to_arb(math.inf)
    return noise.weighed(values.lo.abs_upper().max(values.hi.abs_upper()))
