"""The operations a node may carry besides the arithmetic ones: a row each.

``call`` is the name that emitters write and that the interpreter looks up, in ``libm`` for elementary functions and
in ``leaves`` for the stable ones. ``cost`` counts arithmetic operations, about, for ``Program.cost``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Operation:
    """A function of one or more operands.

    Attributes
    ----------
    name : str
        Name of the operation in nodes.
    arity : int
        Number of operands.
    call : str
        Name of the function in ``libm`` or ``leaves``.
    cost : int
        Arithmetic operations that it is worth, about.
    leaf : bool
        Whether the function is one of ``leaves`` rather than of the C library.
    """

    name: str
    arity: int
    call: str
    cost: int
    leaf: bool = False


ELEMENTARY = (
    *("exp", "expm1", "log", "log1p", "sqrt", "erf", "erfc"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
)
"""Functions of one argument of the C library, under its names."""


def _rows() -> tuple[Operation, ...]:
    cheap = {"sqrt": 4, "floor": 1, "ceil": 1}
    own = {"exp": "vexp", "expm1": "vexpm1", "log": "vlog", "log1p": "vlog1p", "tanh": "vtanh"}
    own |= {"erf": "verf", "erfc": "verfc", "atan": "vatan"}
    rows = [
        Operation(name, 1, own.get(name, name), cheap.get(name, 20), leaf=name in own)
        for name in (*ELEMENTARY, "floor", "ceil")
    ]
    rows += [Operation("abs", 1, "fabs", 1), Operation("atan2", 2, "atan2", 30)]
    leaves = {"sigmoid": 1, "softplus": 1, "relu": 1, "leaky_relu": 2, "gelu": 1, "logcosh": 1, "sech2": 1}
    leaves |= {"normal_cdf": 1, "normal_density": 1, "dilog": 1, "elu": 1, "silu": 1}
    rows += [Operation(name, arity, name, 40, leaf=True) for name, arity in leaves.items()]
    small = {"sign": 1, "heaviside": 2, "hardtanh": 1, "maximum": 2, "minimum": 2}
    rows += [Operation(name, arity, name, 2, leaf=True) for name, arity in small.items()]
    return tuple(rows)


OPERATIONS: Mapping[str, Operation] = MappingProxyType({row.name: row for row in _rows()})
"""Name -> row; the noise averages, which carry data, are rows of ``leaves.registry``."""

RELATIONS: Mapping[str, str] = MappingProxyType({"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="})
"""Comparisons, their signs in Python and C alike; operands of ``all`` and ``any`` and of ``select`` and ``not``."""

NAMED_CONSTANTS = ("pi", "e", "euler", "catalan", "phi")
"""Irrational constants, under the names that mpmath gives them."""
