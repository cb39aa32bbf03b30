"""The driver: starts workers, kills the one that hangs, and counts."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.inputs import LIMITS, make
from tests.fuzz.oracle import FINE, REFUSED

HOME = Path(__file__).resolve().parents[2]


@dataclass
class Tally:
    """What came of a run.

    Attributes
    ----------
    fine, refused : int
    faults : dict of int to str
        Number of the input -> what is wrong.
    slowest : (float, int)
        Seconds, and the input that took them.
    """

    fine: int = 0
    refused: int = 0
    faults: dict[int, str] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)

    @property
    def inputs(self) -> int:
        return self.fine + self.refused + len(self.faults)

    def line(self) -> str:
        """The summary."""
        return (
            f"{self.inputs} inputs: {self.fine} fine, {self.refused} refused, {len(self.faults)} faults; "
            f"the slowest took {self.slowest[0]:.1f} s (input {self.slowest[1]})"
        )


class _Worker:
    """A process and the input that it is busy with."""

    def __init__(self, seed: int, first: int, step: int, last: int, root: str, plant: str) -> None:
        self.seed, self.first, self.step, self.last, self.root, self.plant = seed, first, step, last, root, plant
        self.number, self.since, self.done = -1, time.monotonic(), False
        self._text = b""
        self._start(first)

    def _start(self, first: int) -> None:
        folder = tempfile.mkdtemp(dir=self.root)
        words = [self.seed, first, self.step, self.last, folder, self.plant]
        paths = os.pathsep.join([str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])])
        caches = {"MZSYM_CACHE": f"{self.root}/cache", "MPLCONFIGDIR": f"{self.root}/matplotlib"}
        threads = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **caches, **threads, "PYTHONPATH": paths},
        )
        self.number, self.since, self._text = -1, time.monotonic(), b""

    def poll(self, tally: Tally) -> None:
        """Take in what the process has said; replace it when it hangs or is gone."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 0.2)
        data = os.read(self.process.stdout.fileno(), 65536) if ready else None
        if data:
            *lines, self._text = (self._text + data).split(b"\n")
            for line in lines:
                self._heard(json.loads(line), tally)
        elif data == b"":
            self._gone(f"the process ended with {self.process.wait()}", tally)
        elif self.number >= 0 and time.monotonic() - self.since > LIMITS[make(self.seed, self.number).kind]:
            self.kill()
            self._gone(f"no answer in {time.monotonic() - self.since:.0f} s", tally)

    def _heard(self, said: dict[str, object], tally: Tally) -> None:
        now = time.monotonic()
        if "start" in said:
            self.number, self.since = int(str(said["start"])), now
            return
        tally.slowest = max(tally.slowest, (now - self.since, self.number))
        verdict = str(said["verdict"])
        if verdict == FINE:
            tally.fine += 1
        elif verdict == REFUSED:
            tally.refused += 1
        else:
            tally.faults[self.number] = verdict
        if self.number + self.step >= self.last:
            self.done = True
            self.process.wait()

    def _gone(self, why: str, tally: Tally) -> None:
        if self.done:
            return
        if self.number < 0:
            raise RuntimeError(f"a worker did not start: {why}")
        tally.faults[self.number] = why
        if self.number + self.step >= self.last:
            self.done = True
        else:
            self._start(self.number + self.step)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()


def run(
    inputs: int,
    seed: int,
    jobs: int = 1,
    first: int = 0,
    plant: str = "",
    seconds: float = float("inf"),
    tell: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Give inputs first, first + 1, ... to ``jobs`` workers, for at most so many seconds.

    Parameters
    ----------
    inputs, seed, jobs, first : int
    plant : str
        A fault put into mzsym, to see that it is found.
    seconds : float
    tell : function
        Called now and then with what came so far.
    """
    tally, began, told = Tally(), time.monotonic(), 0.0
    root = tempfile.mkdtemp(prefix="mzsym-fuzz-")
    workers = [_Worker(seed, first + j, jobs, first + inputs, root, plant) for j in range(min(jobs, inputs))]
    try:
        while not all(worker.done for worker in workers) and time.monotonic() - began < seconds:
            for worker in workers:
                if not worker.done:
                    worker.poll(tally)
            if time.monotonic() - told > 5.0:
                told = time.monotonic()
                tell(tally)
    finally:
        for worker in workers:
            worker.kill()
        shutil.rmtree(root, ignore_errors=True)
    return tally
