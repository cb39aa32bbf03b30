"""``python -m tests.check [COUNT]``: alter sharp and Hilbert-Schmidt certificates COUNT times (1000), check each."""

from __future__ import annotations

import sys
import time

from .alterations import campaign
from .test_checker import NETWORKS, made


def main(count: int) -> None:
    """Print what became of the alterations."""
    sharp = [
        made(name, measure, "sharp", d) for name, measure, d in (("short", "lebesgue", 0), ("short", "uniform", 2))
    ]
    for words, originals in (("Hilbert-Schmidt", [made(name) for name in NETWORKS]), ("sharp", sharp)):
        start = time.perf_counter()
        counts = campaign(originals, count, 1)
        said = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        print(f"{words} certificates: {said}; {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
