"""The kernel of the smoothed tanh against hand-written code and other generators, and how fast it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.peers import peers
from benchmarks.smoothed_tanh import (
    BODIES,
    PARAMS,
    POINTS,
    Run,
    as_written,
    by_hand,
    lambdified,
    numba_as_written,
    numba_stable,
    own,
    own_floor,
    stable,
)
from benchmarks.timing import interleaved, seconds
from mzsym.core.arrays import Array

ROUNDS = 15

GOALS = (
    ("mzsym C, 2 threads", "heyoka, as written", 2.4),
    ("mzsym C, 2 threads", "heyoka, two functions", 1.0),
    ("mzsym C, 1 thread", "heyoka, two functions", 1.0),
    ("mzsym C, 1 thread", "lambdify(cse), stable form", 4.5),
    ("mzsym numba, 1 thread", "stock numba, as written", 15.0),
    ("mzsym numba, 1 thread", "stock numba, stable form", 15.0),
    ("mzsym C, 1 thread", "C by hand, as written", 1.2),
    ("mzsym C, 1 thread", "C by hand, stable form", 1.2),
    ("mzsym C, 1 thread", "C by hand, two functions", 1.0),
    ("mzsym C, 1 thread", "C by hand, floor", 1 / 1.4),
    ("mzsym C, 1 thread", "own functions, floor", 1 / 1.4),
)
"""(kernel, what it is compared with, how many times faster it should be)."""

READY = """
import time
begin = time.perf_counter()
import numpy as np
from mzsym.codegen.kernels import compile_program
from mzsym.codegen.nodes import Graph
graph = Graph()
x, w, s = graph.node("point", (), (0,)), graph.node("param", (), (0,)), graph.node("param", (), (1,))
z, half = graph.mul([w, x]), graph.mul([w, s])
program = graph.program([graph.node("umean", (z, half), ("tanh", 1))], 1, 2)
start = time.perf_counter()
compile_program(program, "{target}")(np.ones((1, 1)), [1.1, 0.5])
print(start - begin, time.perf_counter() - start)
"""


def variants(x: Array, directory: Path) -> dict[str, Run]:
    """What is timed, by name."""
    points, out = x[:, None], np.empty((len(x), 1))
    runs: dict[str, Run] = {}
    for label, kernel in (("numba", own("numba")), ("C", own("c")), ("C, portable", own("c", portable=True))):
        for threads in (1, 2):
            name = f"mzsym {label}, {threads} thread{'s' if threads > 1 else ''}"
            runs[name] = lambda kernel=kernel, threads=threads: kernel(points, PARAMS, out=out, threads=threads)
    runs["numpy, as written"] = lambda: as_written(x)
    runs["numpy, stable form"] = lambda: stable(x)
    first, second = lambdified(False), lambdified(True)
    runs["lambdify(cse), as written"] = lambda: first(x)
    runs["lambdify(cse), stable form"] = lambda: second(x)
    runs["stock numba, as written"] = lambda: numba_as_written(x)
    runs["stock numba, stable form"] = lambda: numba_stable(x)
    for name in BODIES:
        run = by_hand(directory, name, x, out)
        if run is not None:
            runs[f"C by hand, {name}"] = run
    runs["own functions, floor"] = own_floor(x, out[:, 0])
    return runs | dict(peers(x))


def ready() -> None:
    """Seconds from a cold process to the first value: compilation or the cache, without the imports before it."""
    for target in ("c", "numba"):
        command = [sys.executable, "-c", READY.format(target=target)]
        imports, cold, cached = list[float](), list[float](), list[float]()
        for _ in range(4):
            with tempfile.TemporaryDirectory() as name:
                environment = {**os.environ, "MZSYM_CACHE": name, "PYTHONPATH": os.pathsep.join(sys.path)}
                for times in (cold, cached):
                    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                    before, elapsed = map(float, done.stdout.split())
                    imports.append(before)
                    times.append(elapsed)
        print(
            f"{target:6s} not cached {seconds(min(cold))}, cached {seconds(min(cached))}; "
            f"imports before it {seconds(min(imports))}"
        )


def report(times: Mapping[str, float]) -> None:
    """Times, and the ratios that are the goals."""
    for name, elapsed in times.items():
        print(f"{name:32s} {seconds(elapsed):>9s} {elapsed / POINTS * 1e9:7.2f} ns a point")
    print()
    for fast, slow, goal in GOALS:
        if slow in times:
            ratio = times[slow] / times[fast]
            verdict = "reached" if ratio >= goal else "missed"
            print(f"{fast:24s} against {slow:30s} {ratio:6.2f} x, goal {goal:5.2f} x: {verdict}")


def main() -> None:
    x = np.random.default_rng(0).uniform(-3, 3, POINTS)
    reference = stable(x)
    with tempfile.TemporaryDirectory() as name:
        runs = variants(x, Path(name))
        print(f"smoothed tanh, {POINTS} points; largest error of mzsym relative to numpy's stable form:")
        for label in ("mzsym numba, 1 thread", "mzsym C, 1 thread"):
            print(f"{label:32s} {float(np.max(np.abs(np.ravel(runs[label]()) / reference - 1))):.0e}")
        report(interleaved(runs, ROUNDS))
    print()
    ready()


if __name__ == "__main__":
    main()
