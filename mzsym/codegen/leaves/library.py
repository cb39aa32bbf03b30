"""All leaves as one namespace, and their source for emitters."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

from mzsym.codegen.leaves import (
    arcs,
    dilogarithm,
    double,
    elementary,
    errors,
    gaussian,
    kinked,
    laplace,
    logarithms,
    quadrature,
    rectifiers,
    smoothed,
    straight,
    tails,
    trigonometric,
    uniform,
    uniform_powers,
)

MODULES: tuple[ModuleType, ...] = (
    quadrature,
    double,
    straight,
    smoothed,
    logarithms,
    errors,
    arcs,
    rectifiers,
    dilogarithm,
    tails,
    elementary,
    uniform,
    uniform_powers,
    trigonometric,
    gaussian,
    kinked,
    laplace,
)
"""In an order in which what is used comes first."""

STRAIGHT = (double, straight, smoothed, logarithms, errors, arcs, rectifiers)
"""Modules of functions without branches, or so short that it does not matter."""


@dataclass(frozen=True)
class Leaf:
    """One function of the dialect.

    Attributes
    ----------
    name : str
        Unique among all leaves.
    function : callable
        The function itself, for the interpreter.
    straight : bool
        Whether it has no branches, so that inlining it lets the loop around it vectorise.
    """

    name: str
    function: FunctionType
    straight: bool

    @cached_property
    def source(self) -> str:
        """Its text; read when it is wanted, because a kernel needs few of them."""
        code = self.function.__code__
        lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
        # Up to the next line that is not indented; inspect.getsource tokenises, which takes a cold process 10 ms.
        ends = (k for k, line in enumerate(lines) if k and line.strip() and not line.startswith((" ", ")")))
        return "".join(lines[: next(ends, len(lines))]).rstrip() + "\n"


def _own_functions(module: ModuleType) -> dict[str, FunctionType]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    }


@lru_cache(maxsize=1)
def leaves() -> Mapping[str, Leaf]:
    """Name -> leaf, what is used first."""
    found: dict[str, Leaf] = {}
    for module in MODULES:
        for name, function in _own_functions(module).items():
            found[name] = Leaf(name, function, module in STRAIGHT)
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def constants() -> Mapping[str, Any]:
    """Name -> value of the constants in capital letters."""
    return MappingProxyType(
        {name: value for module in MODULES for name, value in vars(module).items() if name.isupper()}
    )


@lru_cache(maxsize=1)
def functions() -> Mapping[str, Callable[..., Any]]:
    """Name -> function as Python runs it."""
    return MappingProxyType({name: leaf.function for name, leaf in leaves().items()})


def needed(names: Iterable[str]) -> tuple[dict[str, Leaf], dict[str, Any]]:
    """The leaves and constants that calls of some leaves need, themselves included, in the order of the library."""
    wanted, todo = set[str](), set(names)
    while todo:
        name = todo.pop()
        wanted.add(name)
        if name in leaves():
            found = {node.id for node in ast.walk(ast.parse(leaves()[name].source)) if isinstance(node, ast.Name)}
            todo |= {other for other in found if other in leaves() or other in constants()} - wanted
    return (
        {name: leaf for name, leaf in leaves().items() if name in wanted},
        {name: value for name, value in constants().items() if name in wanted},
    )
