"""The smoothed tanh at many points in every form that the kernel is measured against. MATH (18), (20)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import sympy as sp
from numba import njit

from mzsym.calculus.heads import UniformMean
from mzsym.codegen import Kernel, Target, compile_program, freeze
from mzsym.codegen.c_compiler import find_compiler, run_command
from mzsym.core import MzError
from mzsym.core.arrays import Array

POINTS = 1_000_000
WEIGHT, BIAS, SCALE = 1.1, 0.2, 0.5
PARAMS = np.array([WEIGHT, BIAS, SCALE])

Run = Callable[[], Any]


def own(target: Target, portable: bool = False) -> Kernel:
    """mzsym's kernel of the average as a user writes it."""
    state, w, b, s = sp.symbols("x w b s", real=True)
    return compile_program(freeze([UniformMean("tanh", 1, w * state + b, w * s)], [state], [w, b, s]), target, portable)


# --- numpy and SymPy --------------------------------------------------------------------------------------------------


def as_written(x: Array) -> Array:
    """The formula of MATH (18), which overflows from |z| = 710 on and loses digits for small scales."""
    z, half = WEIGHT * x + BIAS, WEIGHT * SCALE
    return (np.log(np.cosh(z + half)) - np.log(np.cosh(z - half))) / (2 * half)


def stable(x: Array) -> Array:
    """One stable branch in numpy."""
    u, half = np.abs(WEIGHT * x + BIAS), WEIGHT * SCALE
    a, b = np.expm1(-2 * u), np.expm1(-2 * half)
    return np.copysign(np.log1p(a * b / (np.exp(-2 * u) + np.exp(-2 * half))) / (2 * half), WEIGHT * x + BIAS)


def lambdified(stable_form: bool) -> Callable[[Array], Array]:
    """What ``lambdify`` with cse makes of either formula."""
    x, w, b, s = sp.symbols("x w b s", real=True)
    z, half = w * x + b, w * s
    expr = (sp.log(sp.cosh(z + half)) - sp.log(sp.cosh(z - half))) / (2 * half)
    if stable_form:
        a, c = sp.exp(-2 * sp.Abs(z)), sp.exp(-2 * half)
        expr = sp.sign(z) * sp.log(1 + (1 - a) * (1 - c) / (a + c)) / (2 * half)
    function = sp.lambdify([x, w, b, s], expr, "numpy", cse=True)
    return lambda values: function(values, WEIGHT, BIAS, SCALE)


# --- stock numba ------------------------------------------------------------------------------------------------------


@njit(nogil=True)
def numba_as_written(x: Array) -> Array:
    out = np.empty_like(x)
    half = WEIGHT * SCALE
    for i in range(x.size):
        z = WEIGHT * x[i] + BIAS
        out[i] = (math.log(math.cosh(z + half)) - math.log(math.cosh(z - half))) / (2 * half)
    return out


@njit(nogil=True)
def numba_stable(x: Array) -> Array:
    out = np.empty_like(x)
    half = WEIGHT * SCALE
    for i in range(x.size):
        z = WEIGHT * x[i] + BIAS
        u = abs(z)
        a, b = math.expm1(-2 * u), math.expm1(-2 * half)
        value = math.log1p(a * b / (math.exp(-2 * u) + math.exp(-2 * half))) / (2 * half)
        out[i] = math.copysign(value, z)
    return out


# --- C by hand --------------------------------------------------------------------------------------------------------

_BY_HAND = """
#include <math.h>
#include <stddef.h>
void run(size_t n, const double *restrict x, double w, double b, double s, double *restrict y)
{
    const double half = w * s;
    for (size_t i = 0; i < n; i++) {
        const double z = w * x[i] + b;
        %s
    }
}
"""
BODIES = {
    "as written": "y[i] = (log(cosh(z + half)) - log(cosh(z - half))) / (2 * half);",
    "stable form": "const double u = fabs(z), a = expm1(-2 * u), c = expm1(-2 * half);"
    "y[i] = copysign(log1p(a * c / (exp(-2 * u) + exp(-2 * half))) / (2 * half), z);",
    "two functions": "const double u = fabs(z), e = exp(-2 * u), f = exp(-2 * half);"
    "y[i] = copysign(log(1 + (1 - e) * (1 - f) / (e + f)) / (2 * half), z);",
    "floor": "y[i] = log(1 + exp(-z) / (z + 9));",
}
"""What the loop does; the floor is one exponential, one logarithm and one division."""


def by_hand(directory: Path, name: str, x: Array, out: Array) -> Run | None:
    """C as an expert would write it for this machine: -O3 -march=native, vector functions of libmvec.

    They are there under -ffast-math alone, which must not reach the link: None where the compiler has none of it.
    """
    stem, compiler = name.replace(" ", "_"), find_compiler()
    source, made, library = (directory / f"{stem}{end}" for end in (".c", ".o", ".so"))
    source.write_text(_BY_HAND % BODIES[name])
    flags = ("-std=c99", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fPIC")
    try:
        run_command([*compiler.command, *flags, "-c", str(source), "-o", str(made)], directory)
        run_command([*compiler.command, "-shared", str(made), "-o", str(library), "-lmvec", "-lm"], directory)
    except MzError:
        return None
    run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_size_t, ctypes.c_void_p, *[ctypes.c_double] * 3, ctypes.c_void_p]
    run.restype = None
    return lambda: run(len(x), x.ctypes.data, WEIGHT, BIAS, SCALE, out.ctypes.data)


def own_floor(x: Array, out: Array) -> Run:
    """One exponential, one logarithm and one division, with mzsym's own functions."""
    from mzsym.codegen.nodes import Graph

    graph = Graph()
    point = graph.node("point", (), (0,))
    quotient = graph.node("div", (graph.node("exp", (point,)), graph.add([point, graph.constant(9)])))
    kernel = compile_program(graph.program([graph.node("log", (quotient,))], 1, 0), "c")
    return lambda: kernel(x[:, None], out=cast(Any, out[:, None]), threads=1)
