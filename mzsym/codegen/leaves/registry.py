"""Which leaf serves which noise average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

AVERAGES: Mapping[str, str] = MappingProxyType(
    {"UniformMean": "umean", "GaussianMean": "gmean", "LaplaceMean": "lmean"}
)
"""Name of a head of calculus -> operation of its nodes (data: primitive, power)."""

MEANS = frozenset(AVERAGES.values())
"""The operations of noise averages."""


@dataclass(frozen=True)
class AverageLeaf:
    """A leaf E[g(z + scale*xi)**k].

    Attributes
    ----------
    call : str
        Function of ``leaves``; it takes ``k`` first if ``takes_power``, then z, the scale and the parameters of g.
    takes_power : bool
        Whether the power is an argument.
    highest : int or None
        Largest power that it serves; None for all.
    cost : int
        Arithmetic operations, about.
    """

    call: str
    takes_power: bool
    highest: int | None
    cost: int


def _only_first(call: str, cost: int = 120) -> AverageLeaf:
    return AverageLeaf(call, False, 1, cost)


def _every(call: str, cost: int = 400) -> AverageLeaf:
    return AverageLeaf(call, True, None, cost)


FIRST: Mapping[tuple[str, str], AverageLeaf] = MappingProxyType(
    {
        ("umean", "tanh"): _only_first("umean_tanh", 80),
        ("umean", "sigmoid"): _only_first("umean_sigmoid", 80),
        ("umean", "sin"): _only_first("umean_sin", 40),
        ("umean", "cos"): _only_first("umean_cos", 40),
        ("gmean", "sin"): _only_first("gmean_sin", 40),
        ("gmean", "cos"): _only_first("gmean_cos", 40),
        ("gmean", "relu"): _only_first("gmean_relu", 100),
        ("lmean", "sin"): _only_first("lmean_sin", 30),
        ("lmean", "cos"): _only_first("lmean_cos", 30),
    }
)
"""Leaves of the first power where it has one of its own."""

POWERS: Mapping[tuple[str, str], AverageLeaf] = MappingProxyType(
    {
        ("umean", "identity"): _every("umean_identity", 20),
        ("umean", "tanh"): _every("umean_tanh_power"),
        ("umean", "sigmoid"): _every("umean_sigmoid_power"),
        ("umean", "softplus"): _only_first("umean_softplus"),
        ("umean", "relu"): _every("umean_relu", 20),
        ("umean", "leaky_relu"): _every("umean_leaky_relu", 40),
        ("umean", "gelu"): _only_first("umean_gelu"),
        ("umean", "erf"): _only_first("umean_erf"),
        ("umean", "sin"): _every("umean_sin_power"),
        ("umean", "cos"): _every("umean_cos_power"),
        ("umean", "arctan"): _only_first("umean_arctan"),
        ("umean", "exp"): _every("umean_exp", 60),
        ("umean", "abs"): _every("umean_abs", 40),
        ("umean", "elu"): _every("umean_elu", 200),
        ("umean", "silu"): _only_first("umean_silu"),
        ("umean", "hardtanh"): _every("umean_hardtanh", 40),
        ("umean", "step"): _every("umean_step", 5),
        ("gmean", "identity"): _every("gmean_identity", 20),
        ("gmean", "relu"): _every("gmean_relu_power"),
        ("gmean", "leaky_relu"): _every("gmean_leaky_relu"),
        ("gmean", "abs"): _every("gmean_abs"),
        ("gmean", "gelu"): _only_first("gmean_gelu"),
        ("gmean", "erf"): _only_first("gmean_erf", 40),
        ("gmean", "sin"): _every("gmean_sin_power"),
        ("gmean", "cos"): _every("gmean_cos_power"),
        ("gmean", "exp"): _every("gmean_exp", 60),
        ("gmean", "elu"): _every("gmean_elu", 4000),
        ("gmean", "hardtanh"): _every("gmean_hardtanh", 2000),
        ("gmean", "step"): _every("gmean_step", 60),
        ("lmean", "identity"): _every("lmean_identity", 20),
        ("lmean", "relu"): _every("lmean_relu", 60),
        ("lmean", "leaky_relu"): _every("lmean_leaky_relu", 120),
        ("lmean", "abs"): _every("lmean_abs", 60),
        ("lmean", "step"): _every("lmean_step", 40),
        ("lmean", "sin"): _every("lmean_sin_power", 80),
        ("lmean", "cos"): _every("lmean_cos_power", 80),
        ("lmean", "exp"): _every("lmean_exp", 60),
    }
)
"""(operation, primitive) -> leaf."""


def average_leaf(operation: str, name: str, power: int) -> AverageLeaf | None:
    """The leaf of a noise average, None where there is none."""
    first = FIRST.get((operation, name)) if power == 1 else None
    leaf = first or POWERS.get((operation, name))
    if leaf is None or (leaf.highest is not None and power > leaf.highest):
        return None
    return leaf
