"""Functions in generated C, mzsym's own or the C library's, against libmvec, glibc's vector library: time and error.

Loops over 16,384 arguments in cache on one thread, both compiled without -ffast-math; libmvec is reached by declaring
its functions. Nanoseconds a value with vectors of 512 bits (``-march=native`` where it has them) and of 256; errors
in units of the last place among a million arguments, from long double.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sympy as sp

from benchmarks.smoothed_tanh import Run
from benchmarks.timing import interleaved
from mzsym.codegen import freeze
from mzsym.codegen.c_compiler import find_compiler, run_command
from mzsym.codegen.emit_c import CEmitter
from mzsym.core import MzError
from mzsym.core.arrays import Array

POINTS, REPEATS = 16_384, 20
FUNCTIONS: dict[str, tuple[float, float]] = {
    "exp": (-20, 20),
    "log": (1e-3, 1e3),
    "expm1": (-5, 5),
    "log1p": (-0.9, 9),
    "tanh": (-4, 4),
    "erf": (-4, 4),
    "erfc": (-4, 4),
    "atan": (-9, 9),
    "sin": (-9, 9),
    "cos": (-9, 9),
    "tan": (-1.5, 1.5),
    "sinh": (-9, 9),
    "cosh": (-9, 9),
    "asin": (-1, 1),
    "acos": (-1, 1),
    "asinh": (-9, 9),
    "acosh": (1, 9),
    "atanh": (-0.99, 0.99),
}
"""Function -> range of its arguments."""

WIDTHS = {"512": ("-march=native", "-mprefer-vector-width=512"), "256": ("-march=x86-64-v3",)}
COMMON = ("-std=c99", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")

_LIBMVEC = """
__attribute__((__simd__("notinbranch"))) double {name}(double);
#include <stddef.h>
void run(size_t n, const double *restrict x, const double *restrict p, double *restrict y)
{{
    (void)p;
    for (size_t i = 0; i < n; i++) y[i] = {name}(x[i]);
}}
"""

Loop = Callable[[Array, Array], None]


def loop(text: str, flags: tuple[str, ...], directory: Path, stem: str) -> Loop:
    """A C function over arrays; MzError where the compiler refuses."""
    source, made, library = (directory / f"{stem}{end}" for end in (".c", ".o", ".so"))
    source.write_text(text)
    command = find_compiler().command
    run_command([*command, *COMMON, *flags, "-c", str(source), "-o", str(made)], directory)
    run_command([*command, "-shared", str(made), "-o", str(library), "-lmvec", "-lm"], directory)
    run = ctypes.CDLL(str(library)).run
    run.argtypes, run.restype = [ctypes.c_size_t, *[ctypes.c_void_p] * 3], None
    return lambda x, y: run(len(x), x.ctypes.data, None, y.ctypes.data)


def error(function: Loop, name: str, x: Array) -> float:
    """The largest distance from long double, in units of the last place."""
    y = np.empty_like(x)
    function(x, y)
    in_numpy = getattr(np, name.replace("a", "arc", 1) if name[0] == "a" else name, None)
    if in_numpy is None:
        return np.nan
    exact = in_numpy(x.astype(np.longdouble))
    return float((np.abs(y - exact) / np.spacing(np.abs(exact.astype(np.float64)))).max())


def main() -> None:
    rng, symbol = np.random.default_rng(0), sp.Symbol("x", real=True)
    heads = {"expm1": sp.exp(symbol) - 1, "log1p": sp.log(1 + symbol)}
    print("| function | bits | mzsym (ns) | libmvec (ns) | mzsym / libmvec | libmvec (ulp) | mzsym (ulp) |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (low, high) in FUNCTIONS.items():
            x, many = rng.uniform(low, high, POINTS), rng.uniform(low, high, 1_000_000)
            y = np.empty_like(x)
            expr = heads.get(name) or getattr(sp, name)(symbol)
            text = CEmitter("run").source(freeze([expr], [symbol]))
            for width, flags in WIDTHS.items():
                try:
                    theirs = loop(_LIBMVEC.format(name=name), flags, Path(folder), f"mvec_{name}_{width}")
                    ours = loop(text, flags, Path(folder), f"own_{name}_{width}")
                except MzError as refused:
                    print(f"| {name} | {width} | {refused.what[:60]} |")
                    continue

                def timed(function: Loop, x: Array = x, y: Array = y) -> Run:
                    return lambda: [function(x, y) for _ in range(REPEATS)]

                times = interleaved({"own": timed(ours), "libmvec": timed(theirs)}, 30)
                own, other = (1e9 * times[key] / POINTS / REPEATS for key in ("own", "libmvec"))
                errors = f"{error(theirs, name, many):.2f} | {error(ours, name, many):.2f}"
                print(f"| {name} | {width} | {own:.2f} | {other:.2f} | {own / other:.2f} | {errors} |", flush=True)


if __name__ == "__main__":
    main()
