"""What is going on, on the error stream: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console


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
    def stage(self, text: str) -> Iterator[None]:
        """A stage of the work, named while it runs."""
        begun = time.perf_counter()
        if self._console.is_terminal:
            with self._console.status(text, spinner="dots"):
                yield
        else:
            yield
        self.note(f"{text}: {time.perf_counter() - begun:.1f} s")

    def note(self, text: str) -> None:
        """A remark."""
        # Progress that nobody can read is no reason to stop working.
        with suppress(OSError):
            self._console.print(f"  {text}", markup=False)
