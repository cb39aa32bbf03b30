"""Which representation carries the functions of a network with a proved error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mzsym.certify.enclosed.carried import NOISE, CarriedChain
from mzsym.certify.enclosed.line import LineChain
from mzsym.certify.enclosed.tensor import MOST_DIMENSIONS, TensorChain

if TYPE_CHECKING:
    from mzsym.model import Network


def chain_of(net: Network) -> CarriedChain[Any]:
    """Polynomials of many digits in dimension one, tensor series of doubles in more."""
    return LineChain(net) if set(net.dims) == {1} else TensorChain(net)


def reason_against(net: Network) -> str:
    """Why the functions of a network are not carried with a proved error; empty where they may be."""
    if max(net.dims) > MOST_DIMENSIONS:
        return f"proofs are for states of at most {MOST_DIMENSIONS} dimensions"
    if not net.has_domains:
        return "proofs need boxes"
    for n, layer in enumerate(net.layers):
        if not layer.plain_noise or any(noise.name not in NOISE for noise in layer.noise):
            return f"proofs take uniform, truncated Gaussian or no noise, added to a map, and layer {n} has another"
    return ""
