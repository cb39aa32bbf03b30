"""The same nodes to any number of digits, by mpmath: what tests compare with, and how constants are rounded."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import mpmath as mp

from mzsym.codegen.leaves.registry import AVERAGES
from mzsym.codegen.nodes import Node, Program
from mzsym.codegen.operations import ELEMENTARY, RELATIONS

_GUARD = 20


def _softplus(z: Any) -> Any:
    return mp.log1p(mp.exp(z)) if z < 0 else z + mp.log1p(mp.exp(-z))


def _normal_cdf(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def _heaviside(z: Any, middle: Any) -> Any:
    return mp.mpf(z > 0) if z != 0 else middle


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{name: getattr(mp, name) for name in (*ELEMENTARY, "floor", "ceil", "atan2", "sign")},
        "abs": mp.fabs,
        "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
        "softplus": _softplus,
        "relu": lambda z: max(z, mp.mpf(0)),
        "leaky_relu": lambda z, slope: z if z > 0 else slope * z,
        "gelu": lambda z: z * _normal_cdf(z),
        "elu": lambda z: z if z > 0 else mp.expm1(z),
        "silu": lambda z: z / (1 + mp.exp(-z)),
        "hardtanh": lambda z: max(min(z, mp.mpf(1)), mp.mpf(-1)),
        "logcosh": lambda z: mp.log(mp.cosh(z)),
        "sech2": lambda z: mp.sech(z) ** 2,
        "normal_cdf": _normal_cdf,
        "normal_density": mp.npdf,
        "dilog": lambda z: mp.re(mp.polylog(2, z)),
        "heaviside": _heaviside,
        "maximum": max,
        "minimum": min,
        "div": operator.truediv,
        "pow": mp.power,
        "select": lambda condition, value, otherwise: value if condition else otherwise,
        "true": lambda: True,
        "false": lambda: False,
        "all": lambda *args: all(args),
        "any": lambda *args: any(args),
        "not": operator.not_,
    }
)
"""Operation -> mpmath function, from the definitions and not from the leaves."""

PRIMITIVES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **FUNCTIONS,
        "identity": lambda z: z,
        "arctan": mp.atan,
        "step": lambda z: _heaviside(z, mp.mpf("0.5")),
    }
)


def average(kind: str, name: str, power: int, z: Any, scale: Any, *parameters: Any) -> Any:
    """E g(z + scale*xi)**power by quadrature of the definition; ``kind`` is the law."""
    g = PRIMITIVES[name]
    scale = mp.fabs(scale)
    if scale == 0:
        return g(z, *parameters) ** power
    reach, density = _standard_noise(kind, power)
    if kind == "lmean" and name == "exp":
        if power * scale >= 1:
            return mp.inf
        # The exponential lengthens the right tail.
        reach /= 1 - power * scale

    def weighted(u: Any) -> Any:
        return g(z + scale * u, *parameters) ** power * density(u)

    cuts = {-reach, mp.mpf(0), reach}
    for level in (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100):
        u = (level - z) / scale
        if abs(u) < reach:
            cuts.add(u)
    return mp.quad(weighted, sorted(cuts))


def _standard_noise(kind: str, power: int) -> tuple[Any, Callable[[Any], Any]]:
    """Where the standard noise of a law becomes negligible, and its density."""
    if kind == "umean":
        return mp.mpf(1), lambda u: mp.mpf(1) / 2
    digits = mp.log(10) * (mp.mp.dps + 10)
    if kind == "gmean":
        return mp.sqrt(2 * digits) + 4 * power, mp.npdf
    return digits + 10 * power, lambda u: mp.exp(-mp.fabs(u)) / 2


def _apply(node: Node, args: list[Any], point: Sequence[Any], params: Sequence[Any]) -> Any:
    """Value of one node."""
    match node.op:
        case "const":
            return mp.mpf(int(node.data[0])) / int(node.data[1])
        case "named":
            return +getattr(mp, str(node.data[0]))
        case "point":
            return point[int(node.data[0])]
        case "param":
            return params[int(node.data[0])]
        case "add":
            return mp.fsum(args)
        case "mul":
            return mp.fprod(args)
        case "powi":
            return args[0] ** int(node.data[0])
        case "pair":
            return tuple(args)
    if node.op in RELATIONS:
        return getattr(operator, node.op)(*args)
    if node.op in AVERAGES.values():
        return average(node.op, str(node.data[0]), int(node.data[1]), *args)
    return FUNCTIONS[node.op](*args)


def evaluate(
    program: Program, numbers: Sequence[int], digits: int, point: Sequence[Any] = (), params: Sequence[Any] = ()
) -> list[Any]:
    """Values of the nodes ``numbers`` at one point, to ``digits`` digits unless the expression itself cancels.

    Only what these nodes need is computed.
    """
    wanted: set[int] = set()
    stack = list(numbers)
    while stack:
        number = stack.pop()
        if number not in wanted:
            wanted.add(number)
            stack.extend(program.nodes[number].args)
    with mp.workdps(digits + _GUARD):
        point = [mp.mpf(value) for value in point]
        params = [mp.mpf(value) for value in params]
        values: dict[int, Any] = {}
        for number in sorted(wanted):
            node = program.nodes[number]
            values[number] = _apply(node, [values[arg] for arg in node.args], point, params)
        return [values[number] for number in numbers]
