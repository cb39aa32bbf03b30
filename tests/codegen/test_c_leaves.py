"""Every leaf in C against the same leaf in Python, bit for bit, at every edge of float64."""

from __future__ import annotations

import ctypes
import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from mzsym.codegen import compile_program
from mzsym.codegen.c_compiler import build, find_compiler
from mzsym.codegen.dialect_c import PRELUDE, library_text
from mzsym.codegen.leaves.library import functions
from mzsym.codegen.leaves.registry import FIRST, POWERS
from mzsym.codegen.nodes import Graph
from mzsym.codegen.operations import OPERATIONS

INF, NAN = math.inf, math.nan
SIZES = (0.0, 5e-324, 2.2250738585072014e-308, 1e-160, 1e-9, 0.3, 1.0, 2.5, 36.9, 39.9, 300.1)
SIZES += (708.9, 709.9, 745.2, 1e5, 1e16, 1.4e154, 1.7976931348623157e308, INF)
EDGES = (*SIZES, *(-size for size in SIZES), NAN)
"""Zeros, denormals, where the pieces of the leaves meet, the ends of exp, where squares overflow, infinities, NaN."""

FEW = (0.0, -0.0, 5e-324, 1e-160, 0.3, -0.3, 2.5, -2.5, 39.9, -39.9, 745.2, -745.2, 1e16, -1e16, 1e308, INF, -INF, NAN)
POWERS_TRIED = (1, 2, 5)


def called() -> list[str]:
    """Leaves that nodes call."""
    names = {row.call for row in OPERATIONS.values() if row.leaf}
    return sorted(names | {leaf.call for leaf in (*FIRST.values(), *POWERS.values())})


def reals(name: str) -> list[str]:
    """Names of the floating arguments of a leaf."""
    return [arg for arg, one in inspect.signature(functions()[name]).parameters.items() if one.annotation == "float"]


def wrapper(name: str) -> str:
    arguments = [f"x{i}[i]" for i in range(len(reals(name)))]
    takes_power = len(inspect.signature(functions()[name]).parameters) > len(arguments)
    call = f"mz_{name}({', '.join(['k'] * takes_power + arguments)})"
    inputs = "".join(f", const double *x{i}" for i in range(3))
    unused = "".join(f"(void)x{i}; " for i in range(len(arguments), 3)) + "(void)k; "
    return (
        f"void at_{name}(size_t n, int64_t k{inputs}, double *out);\n"
        f"void at_{name}(size_t n, int64_t k{inputs}, double *out)\n"
        f"{{ {unused}for (size_t i = 0; i < n; i++) out[i] = {call}; }}\n"
    )


@pytest.fixture(scope="module", params=["native", "portable"])
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ctypes.CDLL]:
    """All leaves in one library."""
    directory = tmp_path_factory.mktemp("leaves")
    text = "\n".join([PRELUDE, library_text(called()), *map(wrapper, called())])
    (directory / "leaves.c").write_text(text)
    compiler = find_compiler()
    strict = ("-Wall", "-Wextra", "-Werror", "-pedantic")
    flags = (*compiler.flags(request.param == "portable"), *strict)
    build(compiler, directory / "leaves.c", directory / "leaves.so", flags)
    yield ctypes.CDLL(str(directory / "leaves.so"))


def in_c(library: ctypes.CDLL, name: str, k: int, columns: np.ndarray[Any, Any]) -> list[float]:
    out = np.empty(columns.shape[1])
    padded = [np.ascontiguousarray(column) for column in columns]
    pointers = [ctypes.c_void_p(column.ctypes.data) for column in padded]
    pointers += [ctypes.c_void_p(0)] * (3 - len(pointers))
    getattr(library, f"at_{name}")(
        ctypes.c_size_t(columns.shape[1]), ctypes.c_int64(k), *pointers, ctypes.c_void_p(out.ctypes.data)
    )
    return out.tolist()


def same(a: float, b: float) -> bool:
    return a.hex() == b.hex() or (math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("name", called())
def test_leaf_at_every_edge(compiled: ctypes.CDLL, name: str) -> None:
    function: Callable[..., float] = functions()[name]
    count = len(reals(name))
    values = EDGES if count == 1 else FEW
    rows = list(itertools.product(values, repeat=count)) if count < 3 else _triples()
    takes_power = len(inspect.signature(function).parameters) > count
    for k in POWERS_TRIED if takes_power else (1,):
        found = in_c(compiled, name, k, np.array(rows).T)
        for row, value in zip(rows, found, strict=True):
            expected = function(k, *row) if takes_power else function(*row)
            assert same(value, float(expected)), (name, k, row, value, expected)


def _triples() -> list[tuple[float, ...]]:
    return [(*pair, slope) for pair in itertools.product(FEW, repeat=2) for slope in (0.01, -0.0, INF)]


def test_leaves_written_out_in_loops_at_every_edge() -> None:
    """All leaves that kernels write out, in one program: pieces of them share loops, and every row keeps its bits."""
    graph = Graph()
    points = [graph.node("point", (), (i,)) for i in range(2)]
    names, numbers = list[str](), list[int]()
    for row in OPERATIONS.values():
        if row.leaf:
            names.append(row.call)
            numbers.append(graph.node(row.name, points[: row.arity]))
    for primitive in ("tanh", "sigmoid"):
        names.append(f"umean_{primitive}")
        numbers.append(graph.node("umean", points, (primitive, 1)))
    rows = list(itertools.product(EDGES, FEW))
    found = compile_program(graph.program(numbers, 2, 0), "c")(np.array(rows))
    for row, values in zip(rows, found.tolist(), strict=True):
        for name, value in zip(names, values, strict=True):
            arguments = row[: len(reals(name))]
            assert same(value, float(functions()[name](*arguments))), (name, arguments, value)
