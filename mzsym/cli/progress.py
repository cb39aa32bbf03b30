"""What is going on, on the error stream: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

OFTEN = 5.0
"""Seconds between two lines of one stage, where there is no terminal."""


class Progress:
    """Announces stages and how long they took.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    @contextmanager
    def stage(self, text: str) -> Iterator[Callable[[str], None]]:
        """A stage of the work, named while it runs; what it yields says how far it is."""
        begun = said = time.perf_counter()
        if self._console.is_terminal:
            with self._console.status(text, spinner="dots") as status:
                yield lambda where: status.update(f"{text}: {where}")
        else:

            def now_and_then(where: str) -> None:
                nonlocal said
                if time.perf_counter() - said > OFTEN:
                    self.note(f"{text}: {where}")
                    said = time.perf_counter()

            yield now_and_then
        self.note(f"{text}: {time.perf_counter() - begun:.1f} s")

    def note(self, text: str) -> None:
        """A remark."""
        # Progress that nobody can read is no reason to stop working.
        with suppress(OSError):
            self._console.print(f"  {text}", markup=False)
