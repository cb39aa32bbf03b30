"""Derive and verify the operator equation of deep networks; the exponent of its growth; start-up times.

The straightforward way to prove (11) for a network of L layers expands every Q_n = I - P_n, which gives 2^(L-1)
words; it is timed at small depths, for one identity at one layer, beside the factored proof of everything.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

import mzsym as mz
from benchmarks.timing import interleaved, seconds

DEPTHS = (8, 16, 32, 64)


def network(depth: int) -> mz.Network:
    layer = mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.5))
    return mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def derive_and_verify(depth: int) -> None:
    mz.derive(network(depth), mz.Legendre(5)).verify()


Word = tuple[str, ...]


def expand(letters: Word) -> dict[Word, int]:
    """A product of letters as a combination of words without Q."""
    words: dict[Word, int] = {(): 1}
    for letter in letters:
        if letter[0] != "Q":
            words = {(*word, letter): count for word, count in words.items()}
            continue
        kept = "P" + letter[1:]
        with_p = {word if word[-1:] == (kept,) else (*word, kept): -count for word, count in words.items()}
        for word, count in with_p.items():
            words[word] = words.get(word, 0) + count
    return words


def expand_every_word(depth: int) -> bool:
    """Prove MATH (10) at n = 0 by writing every Q out: is the difference of both sides zero?"""
    maps = [f"M{n}" for n in range(depth)]
    orthogonal = [tuple(letter for n in range(m) for letter in (f"Q{n}", f"M{n}")) for m in range(depth + 1)]
    left = ("Q0", *maps)
    right = [(*orthogonal[m], f"P{m}", *maps[m:]) for m in range(1, depth + 1)] + [(*orthogonal[depth], f"Q{depth}")]
    total = dict(expand(left))
    for product in right:
        for word, count in expand(product).items():
            total[word] = total.get(word, 0) - count
    return not any(total.values())


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
    assert expand_every_word(6)
    brute = interleaved({str(depth): lambda depth=depth: expand_every_word(depth) for depth in (8, 12, 16)}, rounds=2)
    print(
        "Only (10) at n = 0, every Q written out: "
        + ", ".join(f"L = {depth}: {seconds(t)}" for depth, t in brute.items())
    )
    base = start_up("pass")
    print(
        f"Fresh interpreter {seconds(base)}; import mzsym adds {seconds(max(start_up('import mzsym') - base, 0.0))}; "
        f"mzsym.Network adds {seconds(start_up('import mzsym; mzsym.Network') - base)}; "
        f"sympy alone adds {seconds(start_up('import sympy') - base)}"
    )


if __name__ == "__main__":
    main()
