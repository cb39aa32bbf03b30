"""The error of shallow networks as theorems: q_0 minus the shallow network, enclosed by polynomials with proved errors.

With e_H = q_H - alpha^(H) . eta^(H) and e_m = M_m e_{m+1} - alpha^(m) . eta^(m) the difference is e_0 = M_0 e_1, for
*any* read-outs: nothing is assumed of how they were computed. M_m does not expand the largest absolute value, so that
the errors of the layers add up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mzsym.balls import chebyshev as ch
from mzsym.balls import precision, upper
from mzsym.certify.analytic_chain import NOISE, AnalyticChain
from mzsym.core import MzError
from mzsym.model.values import state
from mzsym.reduce.a_priori import root_of_mass

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

LAYERS = 256
"""Of the deepest network whose errors are proved: some seconds."""


def reason_against(net: Network, projection: AbstractProjection) -> str:
    """Why errors are not proved for a network; empty where they are."""
    if set(net.dims) != {1}:
        return "proofs are for states of dimension one"
    if net.depth > LAYERS:
        return f"proofs are for at most {LAYERS} layers"
    if projection.measure not in ("uniform", "lebesgue", "law") or net.input_law.kind != "uniform":
        return "proofs need X_0 uniform on its box"
    if not net.has_domains:
        return "proofs need boxes"
    for n, layer in enumerate(net.layers):
        if not layer.plain_noise or layer.noise[0].name not in NOISE:
            return f"proofs take uniform, truncated Gaussian or no noise, added to a map, and layer {n} has another"
    return ""


def proved_errors(
    net: Network, projection: AbstractProjection, shallow: Mapping[int, Network], target: float = ch.TARGET
) -> tuple[dict[int, float], str]:
    """Upper bounds of the distance of q_0 to shallow networks in L^2(mu_0), the worst over the observables, rounded up.

    Parameters
    ----------
    net : Network
    projection : AbstractProjection
        Its measure is that of the errors.
    shallow : mapping of int to Network
        Depth -> network with read-outs.
    target : float
        What one layer may add to the bounds; smaller ones need more nodes.

    Returns
    -------
    (dict, str)
        Bounds by depth; empty, with the reason, where nothing is proved.
    """
    reason = reason_against(net, projection)
    if reason:
        return {}, reason
    try:
        with precision(ch.BITS):
            return _proved(net, projection, shallow, target), ""
    except MzError as error:
        return {}, error.what


def _proved(
    net: Network, projection: AbstractProjection, shallow: Mapping[int, Network], target: float
) -> dict[int, float]:
    (x,), depth, outputs = state(1), net.depth, len(net.observable)
    chain = AnalyticChain(net)
    q = chain.observables(target)
    errors: dict[int, list[ch.Near]] = {}
    for n in range(depth, 0, -1):
        if n in shallow:
            errors[n] = q
        for at in [at for at in errors if at >= n]:
            read = shallow[at].observable if at == n else shallow[at].readouts[n]
            stated = [ch.function(f, x, *chain.boxes[n], target) for f in read]
            errors[at] = [e - f for e, f in zip(errors[at], stated, strict=True)]
        moved = chain.image(n - 1, [*q, *(e for at in errors for e in errors[at])], target)
        q, rest = moved[:outputs], moved[outputs:]
        errors = {at: rest[i * outputs : (i + 1) * outputs] for i, at in enumerate(errors)}
    mass = root_of_mass(net, projection, 0)
    return {
        at: max(math.nextafter(upper(e.mean_square_root()) * mass, math.inf) for e in found)
        for at, found in errors.items()
    }
