"""Milliseconds a parameter set of ``ev.sweep`` on one process, tanh networks with uniform noise, Legendre(5)."""

from __future__ import annotations

import os
import time

import numpy as np

import mzsym as mz

SETS = 32


def evaluator(depth: int) -> mz.Evaluator:
    layer = mz.dense([[1.2]], [0.1], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    return mz.compile(mz.derive(net, mz.Legendre(5)))


def main() -> None:
    os.environ["NUMBA_NUM_THREADS"] = "1"
    print("milliseconds of processor time a set")
    print(f"{'layers':>6} {'nodes':>6} {'a new evaluator':>16} {'its tables':>11} {'ev.sweep':>9}")
    for depth in (2, 4, 8, 16):
        ev, scales = evaluator(depth), np.linspace(0.3, 0.5, SETS)
        found = {"lower": 1e9, "tables": 1e9, "sweep": 1e9}
        for _ in range(4):
            start = time.process_time()
            evs = [ev.with_params({(0, "scale"): scale}) for scale in scales.tolist()]
            lowered = time.process_time()
            for one in evs:
                one.streaming(0)
            solved = time.process_time()
            ev.sweep({(0, "scale"): scales})
            done = time.process_time()
            times = (lowered - start, solved - lowered, done - solved)
            found = {name: min(found[name], spent) for name, spent in zip(found, times, strict=True)}
        nodes = max(size for sizes in ev.nodes for size in sizes)
        lower, tables, sweep = (1e3 * spent / SETS for spent in found.values())
        print(f"{depth:6d} {nodes:6d} {lower:16.2f} {tables:11.2f} {sweep:9.2f}")


if __name__ == "__main__":
    main()
