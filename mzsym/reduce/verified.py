"""The error of shallow networks as theorems: q_0 minus the shallow network, enclosed by polynomials with proved errors.

With e_H = q_H - alpha^(H) . eta^(H) and e_m = M_m e_{m+1} - alpha^(m) . eta^(m) the difference is e_0 = M_0 e_1, for
*any* read-outs: nothing is assumed of how they were computed. M_m does not expand the largest absolute value, so that
the errors of the layers add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mzsym.balls import precision
from mzsym.certify.enclosed.carried import CarriedChain
from mzsym.certify.enclosed.kinds import chain_of
from mzsym.certify.enclosed.kinds import reason_against as not_carried
from mzsym.core import MzError
from mzsym.model.values import state
from mzsym.projections import TotalDegree
from mzsym.projections.measures import BOX_MEASURES
from mzsym.reduce.a_priori import root_of_mass

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


def reason_against(net: Network, projection: AbstractProjection) -> str:
    """Why errors are not proved for a network; empty where they are."""
    if projection.measure not in (*BOX_MEASURES, "law"):
        return "proofs need a measure on boxes, or the law of the state"
    if projection.measure == "law" and net.input_law.kind != "uniform":
        return "proofs in the law of the state need X_0 uniform on its box"
    reason = not_carried(net)
    if not reason and net.depth > (most := chain_of(net).deepest[max(net.dims)]):
        return f"proofs are for at most {most} layers of this dimension"
    return reason


@dataclass(frozen=True)
class Proofs:
    """What is proved about the functions of a network, the worst over the observables, rounded up.

    Attributes
    ----------
    errors : dict of int to float
        Of shallow networks, by their depth: distance to q_0 in L^2(mu_0).
    tails : dict of int to float
        ||Q_n q_n|| in L^2(mu_n) by n, for Legendre projections and the mean in measures on boxes.
    reason : str
        Why nothing is proved; empty otherwise.
    """

    errors: dict[int, float] = field(default_factory=dict)
    tails: dict[int, float] = field(default_factory=dict)
    reason: str = ""


def proved_errors(
    net: Network, projection: AbstractProjection, shallow: Mapping[int, Network], target: float | None = None
) -> Proofs:
    """Bound the distance of q_0 to shallow networks, and on the way what a projection leaves out of every q_n.

    Parameters
    ----------
    net : Network
    projection : AbstractProjection
        Its measure is that of the errors.
    shallow : mapping of int to Network
        Depth -> network with read-outs.
    target : float, optional
        What one layer may add to the bounds; smaller ones need more nodes.

    Returns
    -------
    Proofs
    """
    reason = reason_against(net, projection)
    if reason:
        return Proofs(reason=reason)
    chain = chain_of(net)
    try:
        with precision(chain.bits):
            return _proved(chain, projection, shallow, chain.target if target is None else max(target, chain.finest))
    except MzError as error:
        return Proofs(reason=error.what)


def _proved(
    chain: CarriedChain[Any], projection: AbstractProjection, shallow: Mapping[int, Network], target: float
) -> Proofs:
    net = chain.net
    depth, outputs = net.depth, len(net.observable)
    q = chain.observables(target)
    errors: dict[int, Any] = {}
    tails: dict[int, float] = {}
    for n in range(depth, 0, -1):
        if isinstance(projection, TotalDegree) and projection.measure in BOX_MEASURES:
            left_out = chain.unresolved(projection.multi_indices(net.dims[n]), q)
            tails[n] = _largest(left_out, root_of_mass(net, projection, n))
        if n in shallow:
            errors[n] = q
        symbols = state(net.dims[n])
        for at in [at for at in errors if at >= n]:
            read = shallow[at].observable if at == n else shallow[at].readouts[n]
            errors[at] = chain.difference(errors[at], chain.functions(read, symbols, n, target))
        moved = chain.image(n - 1, chain.joined([q, *errors.values()]), target)
        parts = [chain.part(moved, slice(k * outputs, (k + 1) * outputs)) for k in range(len(errors) + 1)]
        q, errors = parts[0], dict(zip(errors, parts[1:], strict=True))
    mass = root_of_mass(net, projection, 0)
    return Proofs({at: _largest(chain.norms(found), mass) for at, found in errors.items()}, tails)


def _largest(norms: Iterable[float], mass: float) -> float:
    return max(math.nextafter(norm * mass, math.inf) for norm in norms)
