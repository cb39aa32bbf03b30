"""Cost against points, layers and degree, with fitted exponents; writes docs/figures/scaling.svg with ``--figure``.

One-dimensional tanh networks with uniform noise. Each figure is the smallest of several runs; exponents are
least-squares slopes of log time over the upper half of the range, where fixed costs no longer count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import mzsym as mz
from benchmarks.timing import seconds
from mzsym.evaluate import Evaluator

POINTS = (1_000, 10_000, 100_000, 1_000_000)
LAYERS = (8, 16, 32, 64)
DEGREES = (2, 4, 8, 16, 32)
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "scaling.svg"


def evaluator(depth: int, degree: int) -> Evaluator:
    layers = [mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.5))] * depth
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    return mz.compile(mz.derive(net, mz.Legendre(degree)))


def smallest(run: Callable[[], object], runs: int = 3) -> float:
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def exponent(sizes: tuple[int, ...], times: list[float]) -> float:
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(times[half:]), 1)[0])


def measured() -> dict[str, tuple[tuple[int, ...], list[float]]]:
    """What is varied -> its values and the times."""
    first = evaluator(8, 5)
    X = np.random.default_rng(0).uniform(-1, 1, (POINTS[-1], 1))
    first.expectation(X[:10])

    def tables(depth: int, degree: int) -> float:
        return smallest(lambda: evaluator(depth, degree).memory(0, 2))

    tables(8, 2)
    return {
        "points of q_0": (POINTS, [smallest(lambda n=n: first.expectation(X[:n])) for n in POINTS]),
        "layers, degree 5": (LAYERS, [tables(depth, 5) for depth in LAYERS]),
        "degree, 8 layers": (DEGREES, [tables(8, degree) for degree in DEGREES]),
    }


def figure(found: dict[str, tuple[tuple[int, ...], list[float]]], path: Path) -> None:
    """Three panels on logarithmic axes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "mzsym"
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(1, 3, figsize=(9.0, 2.9), layout="constrained", sharey=True)
    for axis, (name, (sizes, times)) in zip(axes, found.items(), strict=True):
        power = exponent(sizes, times)
        axis.loglog(sizes, times, "o-", color="#1f5c99", label=f"exponent {power:.2f}")
        axis.set_xlabel(name.replace("q_0", "$q_0$"))
        axis.set_xticks(sizes, [str(size) if size < 1000 else f"$10^{round(np.log10(size))}$" for size in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, loc="upper left")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_ylabel("seconds")
    drawn.savefig(path, metadata={"Date": None})


def main() -> None:
    found = measured()
    for name, (sizes, times) in found.items():
        cells = ", ".join(f"{size}: {seconds(value)}" for size, value in zip(sizes, times, strict=True))
        print(f"{name:18} exponent {exponent(sizes, times):5.2f}   {cells}")
    if "--figure" in sys.argv:
        figure(found, FIGURE)
        print(f"drawn in {FIGURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
