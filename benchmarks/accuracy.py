"""Worst errors of the elementary functions: many arguments sieved in extended precision, the worst against mpmath.

The table of docs/numerics.md is what ``python -m benchmarks accuracy`` prints; a test measures its rows again.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

from benchmarks import smoothed_accuracy
from mzsym.codegen import Kernel, compile_program
from mzsym.codegen.c_compiler import build, find_compiler
from mzsym.codegen.digits import FUNCTIONS
from mzsym.codegen.nodes import Graph
from mzsym.core.arrays import Array

COUNT = 1_000_000
"""Arguments of each range."""

EXPONENTIAL_LIMIT, LIMIT = 2.0, 4.0
"""In units of the last place: exp and log, the others."""

Range = tuple[str, float, float]

RANGES: Mapping[str, tuple[Range, ...]] = {
    "exp": (("even", -745, 709.7), ("even", -1, 1), ("log", -20, 0)),
    "log": (("log", -323, 308), ("even", 0.5, 2), ("even", 0.9, 1.1)),
    "expm1": (("even", -40, 709.7), ("even", -1, 1), ("log", -300, 0), ("-log", -300, 0)),
    "log1p": (("log", -300, 300), ("even", -1, 1), ("even", 0.3, 3), ("-log", -300, 0)),
    "tanh": (("even", -20, 20), ("even", -1, 1), ("log", -300, 0)),
    "sigmoid": (("even", -708, 40), ("even", -5, 5)),
    "softplus": (("even", -708, 40), ("even", -5, 5)),
    "logcosh": (("even", -40, 40), ("even", -2, 2), ("log", -150, 0)),
    "sech2": (("even", -350, 350), ("even", -5, 5)),
    "elu": (("even", -40, 1), ("even", -1, 0), ("-log", -300, 0)),
    "silu": (("even", -700, 40), ("even", -5, 5), ("log", -300, 0)),
    "erf": (("even", -6, 6), ("even", -1.1, 1.1), ("log", -300, 0)),
    "erfc": (("even", -6, 26.5), ("even", -1, 3)),
    "normal_cdf": (("even", -37.5, 9), ("even", -4, 4)),
    "normal_density": (("even", -37.5, 37.5), ("even", -4, 4)),
    "gelu": (("even", -37, 9), ("even", -4, 4), ("log", -300, 0)),
    "atan": (("even", -5, 5), ("log", -300, 300)),
}
"""Function -> (spacing, ends) of its arguments; results are normal numbers, whose last place is relative."""

_EXTENDED = r"""
#include <math.h>
#include <stddef.h>
#define EACH(name, value) \
    void name(size_t n, const double *x, long double *y) \
    { for (size_t i = 0; i < n; i++) { const long double t = x[i]; y[i] = value; } }
static long double cosh_log(long double u)
{
    const long double h = sinhl(u / 2);
    return u < 1 ? log1pl(2 * h * h) : u - logl(2) + log1pl(expl(-2 * u));
}
static long double below(long double t) { return erfcl(-t * 0.707106781186547524400844362104849039L) / 2; }
static long double logistic(long double t) { return t > 0 ? 1 / (1 + expl(-t)) : expl(t) / (1 + expl(t)); }
static long double steep(long double e) { return 4 * e / ((1 + e) * (1 + e)); }
EACH(at_exp, expl(t)) EACH(at_log, logl(t)) EACH(at_expm1, expm1l(t)) EACH(at_log1p, log1pl(t))
EACH(at_tanh, tanhl(t)) EACH(at_atan, atanl(t)) EACH(at_erf, erfl(t)) EACH(at_erfc, erfcl(t))
EACH(at_sigmoid, logistic(t)) EACH(at_softplus, (t > 0 ? t : 0) + log1pl(expl(-fabsl(t))))
EACH(at_logcosh, cosh_log(fabsl(t))) EACH(at_sech2, steep(expl(-2 * fabsl(t))))
EACH(at_elu, t > 0 ? t : expm1l(t)) EACH(at_silu, t * logistic(t))
EACH(at_normal_cdf, below(t)) EACH(at_gelu, t * below(t))
EACH(at_normal_density, expl(-t * t / 2) * 0.398942280401432677939946059934381868L)
"""


def kernel_of(operation: str) -> Kernel:
    """The function alone, compiled by C."""
    graph = Graph()
    point = graph.node("point", (), (0,))
    return compile_program(graph.program([graph.node(operation, (point,))], 1, 0), "c")


def error(operation: str, x: float, value: float) -> float:
    """Distance from the exact value, in units of its last place."""
    with mp.workdps(400 if operation in ("logcosh", "gelu") else 60):
        exact = FUNCTIONS[operation](mp.mpf(x))
        return float(mp.fabs(mp.mpf(value) - exact) / mp.mpf(float(np.spacing(abs(float(exact))))))


def arguments(operation: str, count: int, seed: int = 0) -> Iterator[Array]:
    """Random arguments, range by range."""
    rng = np.random.default_rng(seed)
    for spacing, low, high in RANGES[operation]:
        drawn = rng.uniform(low, high, count)
        yield drawn if spacing == "even" else (1 if spacing == "log" else -1) * 10.0**drawn


def worst(operation: str, count: int, extended: Callable[[Array], Any] | None = None) -> tuple[float, float]:
    """(error, argument), the largest that is found.

    Parameters
    ----------
    operation : str
    count : int
        Arguments of each range.
    extended : function, optional
        Values with more digits than float64: only where they are farthest away is mpmath asked.
    """
    kernel, found = kernel_of(operation), (0.0, 0.0)
    for x in arguments(operation, count):
        values = kernel(x[:, None], threads=1)[:, 0]
        if extended is not None:
            exact = extended(x)
            away = np.abs(values - exact) / np.spacing(np.abs(exact.astype(np.float64)))
            chosen = np.argsort(away)[-20:]
            x, values = x[chosen], values[chosen]
        for one, value in zip(x.tolist(), values.tolist(), strict=True):
            found = max(found, (error(operation, one, value), one))
    return found


def in_extended_precision(directory: Path) -> Callable[[str], Callable[[Array], Any]]:
    """Every function in long double."""
    (directory / "extended.c").write_text(_EXTENDED)
    build(find_compiler(), directory / "extended.c", directory / "extended.so", ("-std=c99", "-O2", "-fPIC"))
    library = ctypes.CDLL(str(directory / "extended.so"))

    def of(operation: str) -> Callable[[Array], Any]:
        def evaluate(x: Array) -> Any:
            out = np.empty(len(x), dtype=np.longdouble)
            pointers = (ctypes.c_void_p(np.ascontiguousarray(x).ctypes.data), ctypes.c_void_p(out.ctypes.data))
            getattr(library, f"at_{operation}")(ctypes.c_size_t(len(x)), *pointers)
            return out

        return evaluate

    return of


def main() -> None:
    print("| function | worst error (ulp) | at |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        extended = in_extended_precision(Path(name))
        for operation in RANGES:
            size, at = worst(operation, COUNT, extended(operation))
            print(f"| `{operation}` | {size:.2f} | {at!r} |", flush=True)
    smoothed_accuracy.main()


if __name__ == "__main__":
    main()
