"""The words of the grammar: functions that may be called, and names that may be declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from mzsym.core.primitives import PRIMITIVES
from mzsym.model.numeric import HEADS


class Function(NamedTuple):
    """A function of the grammar: its SymPy head, its value on floats, and how many arguments it takes."""

    build: Callable[..., sp.Expr]
    value: Callable[..., Any]
    least: int = 1
    most: int = 1


def _functions() -> dict[str, Function]:
    table = {
        name: Function(row.expr, row.numpy, 1 + len(row.parameters), 1 + len(row.parameters))
        for name, row in PRIMITIVES.items()
        if name != "identity"
    }
    heads = {
        "log": sp.log, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "coth": sp.coth, "arcsin": sp.asin,
        "arccos": sp.acos, "arcsinh": sp.asinh, "arccosh": sp.acosh, "arctanh": sp.atanh, "erfc": sp.erfc,
        "sign": sp.sign, "heaviside": sp.Heaviside,
    }  # fmt: skip
    table |= {name: Function(head, HEADS[head]) for name, head in heads.items()}
    table |= {name: Function(head, HEADS[head], 2, 8) for name, head in (("max", sp.Max), ("min", sp.Min))}
    return table | {"sqrt": Function(sp.sqrt, np.sqrt)}


FUNCTIONS: Mapping[str, Function] = MappingProxyType(_functions())
"""Every function that an expression may call: the primitive table and what else a layer's map may be made of."""

CASES = "piecewise"
"""Takes value, condition, value, condition, ..., and the value otherwise."""

COMPARISONS: Mapping[str, Callable[..., Any]] = MappingProxyType({"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge})
JOINS: Mapping[str, Callable[..., Any]] = MappingProxyType({"and": sp.And, "or": sp.Or, "not": sp.Not})
"""What conditions are made of."""

ALGEBRAIC = frozenset(
    {"sqrt", "log", "abs", "sign", "heaviside", "step", "relu", "leaky_relu", "hardtanh", "max", "min"}
)
"""Functions whose value at a huge constant is as easy as at any other."""


def names_of(symbols: Mapping[str, sp.Symbol]) -> str:
    """The names a reader may use, for error messages."""
    names = list(symbols)
    shown = names if len(names) <= 12 else [*names[:11], "...", names[-1]]
    return ", ".join(shown) if shown else "none"


def is_name(text: str) -> bool:
    """Whether a symbol of this name can stand in an expression of the grammar.

    >>> is_name("w_1"), is_name("W[0;1,1]"), is_name("pi")
    (True, False, False)
    """
    return text != "pi" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is not None
