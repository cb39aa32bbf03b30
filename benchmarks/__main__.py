"""Every benchmark, one after the other: ``make bench`` or ``python -m benchmarks [NAME ...]``."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "derivation",
    "accuracy",
    "kernels",
    "vector_math",
    "tables",
    "panels",
    "jets",
    "sampling",
    "gradients",
    "sweeps",
    "scaling",
    "norms",
    "proofs",
    "demo",
)


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        print(f"\n== {name} ==", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
