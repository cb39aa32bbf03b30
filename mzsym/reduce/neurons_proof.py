"""The error of a network of fewer neurons as a theorem, in at most three dimensions; MATH (31)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mzsym.balls import precision
from mzsym.certify.enclosed.kinds import chain_of, reason_against
from mzsym.core import MzError

if TYPE_CHECKING:
    from mzsym.model import Network


def proved_distance(net: Network, kept: Mapping[int, tuple[int, ...]], measure: str) -> tuple[float, str]:
    """An upper bound of ||q_0 - p_0|| in the uniform law on Omega_0, p_n = P_n M_n p_{n+1}, p_L = u.

    Both are carried back with proved errors; P_n is a mean over the dropped components, which is exact for polynomials
    and does not expand the largest absolute value.

    Parameters
    ----------
    net : Network
    kept : mapping of int to tuple of int
        Kept components of the hidden layers that lose some.
    measure : str
        Of the projections.

    Returns
    -------
    (float, str)
        The worst over the observables, rounded up; ``inf`` with the reason where nothing is proved.
    """
    reason = _reason_against(net, measure)
    if reason:
        return float("inf"), reason
    chain, outputs = chain_of(net), len(net.observable)
    if net.depth > (most := chain.deepest[max(net.dims)]):
        return float("inf"), f"proofs are for at most {most} layers of this dimension"
    try:
        with precision(chain.bits):
            q = less = chain.observables(chain.target)
            for n in range(net.depth - 1, -1, -1):
                moved = chain.image(n, chain.joined([q, less]), chain.target)
                q, less = chain.part(moved, slice(0, outputs)), chain.part(moved, slice(outputs, 2 * outputs))
                if n in kept:
                    dropped = [i for i in range(net.dims[n]) if i not in kept[n]]
                    less = chain.averaged(less, dropped)
            return max(chain.norms(chain.difference(q, less))), ""
    except MzError as error:
        return float("inf"), error.what


def _reason_against(net: Network, measure: str) -> str:
    if measure not in ("uniform", "lebesgue"):
        return "proofs need the uniform measure"
    if net.input_law.kind != "uniform":
        return "proofs need X_0 uniform on its box"
    return reason_against(net)
