"""``python -m tests.fuzz --inputs 100000 --seed 1 --jobs 2``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.inputs import make
from tests.fuzz.run import Tally, run
from tests.fuzz.sizes import run_sizes


def main() -> int:
    """Run, say what was found, and keep the inputs that made faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="where inputs that make faults are kept")
    parser.add_argument("--sizes", action="store_true", help="instead: valid models that are far too large")
    args = parser.parse_args()
    if args.sizes:
        return run_sizes()
    found = run(args.inputs, args.seed, args.jobs, args.first, tell=_tell)
    print(file=sys.stderr)
    for number, what in sorted(found.faults.items()):
        item = make(args.seed, number)
        folder = args.keep / f"{args.seed}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.toml").write_bytes(item.model)
        if item.weights is not None:
            (folder / "weights.npz").write_bytes(item.weights)
        (folder / "fault.txt").write_text(f"{item.kind} {' '.join(item.arguments)}\n{what}\n", encoding="utf-8")
        print(f"input {number} ({item.kind}): {what}")
    print(found.line())
    return 1 if found.faults else 0


def _tell(tally: Tally) -> None:
    print(f"\r{tally.line()}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
