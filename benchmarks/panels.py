"""Kinked layers: composite panels, refined and checked, against one Gauss grid written by hand.

Six relu layers in one dimension. The program by hand integrates every noise average with a Gauss rule on one grid of a
layer, blind to the kinks; its error falls algebraically. Errors are against a run of the panels at a tolerance of
1e-13, which the tests compare with exact rational arithmetic.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import mzsym as mz
from benchmarks.tables import Blocks, python_loops, transition_blocks
from benchmarks.timing import interleaved, seconds
from mzsym.evaluate.blas import blas_threads

DEPTH, RANK = 6, 4
NODES = (64, 128, 256)


def network() -> mz.Network:
    layers = [mz.dense([[w]], [b], activation="relu", noise=mz.Uniform(0.3)) for w, b in [(1.1, 0.1), (-0.9, 0.4)] * 3]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def kernels(equation: mz.Equation, **options: float) -> Blocks:
    """Every memory kernel by the panels."""
    evaluator = mz.compile(equation, options=mz.Options(**options))
    return {(n, m): evaluator.memory(n, m) for n in range(DEPTH) for m in range(n + 2, DEPTH + 1)}


def by_hand(net: mz.Network, nodes: int) -> Blocks:
    with blas_threads():
        return python_loops(transition_blocks(net, RANK, nodes, nodes // 2 + 1), net.depth)


def main() -> None:
    net = network()
    equation = mz.derive(net, mz.Legendre(RANK - 1))
    exact = kernels(equation, tolerance=1e-13)
    variants = {"mzsym": lambda: kernels(equation)}
    variants |= {f"{nodes} nodes": partial(by_hand, net, nodes) for nodes in NODES}
    best = interleaved(variants, rounds=3)
    print(f"L = {DEPTH} relu layers, uniform noise, Legendre({RANK - 1}); every memory kernel")
    for name, run in variants.items():
        found = run()
        error = max(np.abs(found[key] - K).max() for key, K in exact.items())
        print(f"  {name:>9}: {seconds(best[name]):>8}, largest error {error:.0e}")


if __name__ == "__main__":
    main()
