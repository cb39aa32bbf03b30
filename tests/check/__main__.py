"""``python -m tests.check [COUNT]``: alter certificates of every kind COUNT times (1000), check each."""

from __future__ import annotations

import sys
import time

from .alterations import campaign
from .test_checker import NETWORKS, made
from .test_derived_claims import plain_levels, reduction
from .test_sharp_claims import NOISES, claims_of, layer


def main(count: int) -> None:
    """Print what became of the alterations."""
    sharp = [
        made(name, measure, "sharp", d) for name, measure, d in (("short", "lebesgue", 0), ("short", "uniform", 2))
    ]
    kinds = (
        ("Hilbert-Schmidt", [made(name) for name in NETWORKS], count),
        ("noise level", [plain_levels()], count),
        ("reduction", [reduction(), reduction(measure="lebesgue")], count),
        ("sharp", sharp, count),
        # Some seconds for every model that is altered.
        ("sharp, truncated Gaussian", [claims_of(layer(-1.0, "tanh", NOISES["smooth"]))], max(1, count // 20)),
    )
    for words, originals, times in kinds:
        start = time.perf_counter()
        counts = campaign(originals, times, 1)
        said = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        print(f"{words} certificates: {said}; {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
