"""The smoothed tanh at many points: the generated kernel against what a user would write by hand. MATH (18), (20)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from numba import njit

from benchmarks.timing import interleaved, seconds
from mzsym.calculus.heads import UniformMean
from mzsym.codegen import compile_program, freeze
from mzsym.core.arrays import Array

POINTS = 1_000_000
WEIGHT, BIAS, SCALE = 1.1, 0.2, 0.5


def as_written(x: Array) -> Array:
    """The formula of MATH (18), which overflows from |z| = 710 on and loses digits for small scales."""
    z, half = WEIGHT * x + BIAS, WEIGHT * SCALE
    return (np.log(np.cosh(z + half)) - np.log(np.cosh(z - half))) / (2 * half)


def stable(x: Array) -> Array:
    """One stable branch in numpy."""
    u, half = np.abs(WEIGHT * x + BIAS), WEIGHT * SCALE
    a, b = np.expm1(-2 * u), np.expm1(-2 * half)
    return np.copysign(np.log1p(a * b / (np.exp(-2 * u) + np.exp(-2 * half))) / (2 * half), WEIGHT * x + BIAS)


@njit
def numba_as_written(x: Array) -> Array:
    out = np.empty_like(x)
    half = WEIGHT * SCALE
    for i in range(x.size):
        z = WEIGHT * x[i] + BIAS
        out[i] = (math.log(math.cosh(z + half)) - math.log(math.cosh(z - half))) / (2 * half)
    return out


@njit
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


def variants(x: Array) -> dict[str, Callable[[], Any]]:
    """What is timed, by name."""
    state, w, b, s = sp.symbols("x w b s", real=True)
    expr = UniformMean("tanh", 1, w * state + b, w * s)
    kernel = compile_program(freeze([expr], [state], [w, b, s]))
    points, params = x[:, None], np.array([WEIGHT, BIAS, SCALE])
    out = np.empty((len(x), 1))
    lambdified = sp.lambdify([state, w, b, s], expr.doit(), "numpy", cse=True)
    return {
        "mzsym kernel, 1 thread": lambda: kernel(points, params, out=out, threads=1),
        "mzsym kernel, 2 threads": lambda: kernel(points, params, out=out, threads=2),
        "numpy, as written": lambda: as_written(x),
        "numpy, stable form": lambda: stable(x),
        "lambdify(cse), as written": lambda: lambdified(x, WEIGHT, BIAS, SCALE),
        "stock numba, as written": lambda: numba_as_written(x),
        "stock numba, stable form": lambda: numba_stable(x),
    }


def main() -> None:
    x = np.random.default_rng(0).uniform(-3, 3, POINTS)
    runs = variants(x)
    reference = stable(x)
    times = interleaved(runs, rounds=7)
    own = times["mzsym kernel, 1 thread"]
    print(f"smoothed tanh, {POINTS} points")
    for name, elapsed in times.items():
        error = float(np.max(np.abs(np.ravel(runs[name]()) / reference - 1)))
        print(
            f"{name:28s} {seconds(elapsed):>9s} {elapsed / POINTS * 1e9:7.2f} ns  {elapsed / own:6.2f} x  {error:.0e}"
        )


if __name__ == "__main__":
    main()
