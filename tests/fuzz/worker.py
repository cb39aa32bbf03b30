"""The process that meets the inputs: limited in memory, watched from outside, and thrown away when it fails."""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from pathlib import Path

MEMORY = 6 * 2**30
"""Address space that the process may take, compilers and libraries included."""


def main(seed: int, first: int, step: int, last: int, root: str, plant: str) -> None:
    """Inputs first, first + step, ... below last; one line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Imported late: what must be in place before the imports of mzsym is in place now.
    from tests.fuzz.guard import Guard
    from tests.fuzz.inputs import make
    from tests.fuzz.oracle import judge
    from tests.fuzz.plant import planted

    # Lines go to a copy of the pipe: an input that prints or closes its standard output does not disturb them.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.chdir(root)
    guard = Guard()
    with planted(plant):
        for number in range(first, last, step):
            print(json.dumps({"start": number}), file=out, flush=True)
            try:
                verdict = judge(make(seed, number), Path(root) / f"input-{number}", guard).verdict
            except BaseException as error:  # noqa: BLE001 - whatever comes out is what is being looked for
                guard.rest()
                place = traceback.extract_tb(error.__traceback__)[-1]
                verdict = f"{type(error).__name__}: {str(error)[:300]} at {Path(place.filename).name}:{place.lineno}"
            print(json.dumps({"end": number, "verdict": verdict}), file=out, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
