"""Derive and verify the operator equation of deep networks; the exponent of its growth; start-up times.

The straightforward way to prove (11) for a network of L layers expands every Q_n = I - P_n, which gives 2^(L-1)
words; it is timed at small depths beside the factored proof.
"""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import product

import numpy as np

import mzsym as mz
from benchmarks.timing import interleaved, seconds

DEPTHS = (8, 16, 32, 64)


def network(depth: int) -> mz.Network:
    layer = mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.5))
    return mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def derive_and_verify(depth: int) -> None:
    mz.derive(network(depth), mz.Legendre(5)).verify()


def expand_every_word(depth: int) -> int:
    """Both sides of (10) at n = 0 written out in words without Q: returns how many words there are."""
    words: dict[tuple[str, ...], int] = {}
    for signs in product((0, 1), repeat=depth):
        word = tuple(letter for n, cut in enumerate(signs) for letter in ((f"P{n}", f"M{n}") if cut else (f"M{n}",)))
        words[word] = words.get(word, 0) + (-1) ** sum(signs)
    return len(words)


def start_up(statement: str) -> float:
    """Smallest wall time of a fresh interpreter running one statement."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    print("Derive and verify, all n, backward (minimum of 3)")
    best = interleaved({str(depth): lambda depth=depth: derive_and_verify(depth) for depth in DEPTHS}, rounds=3)
    for depth in DEPTHS:
        print(f"  L = {depth:3d}   {seconds(best[str(depth)]):>8}")
    exponent = np.polyfit(np.log(DEPTHS), np.log([best[str(depth)] for depth in DEPTHS]), 1)[0]
    print(f"  fitted exponent {exponent:.2f} (operations are O(L^2))")
    brute = interleaved({str(depth): lambda depth=depth: expand_every_word(depth) for depth in (8, 12, 16)}, rounds=2)
    print("Expanding every word instead: " + ", ".join(f"L = {depth}: {seconds(t)}" for depth, t in brute.items()))
    base = start_up("pass")
    print(f"Fresh interpreter {seconds(base)}; import mzsym adds {seconds(max(start_up('import mzsym') - base, 0.0))}; "
          f"mzsym.Network adds {seconds(start_up('import mzsym; mzsym.Network') - base)}; "
          f"sympy alone adds {seconds(start_up('import sympy') - base)}")


if __name__ == "__main__":
    main()
