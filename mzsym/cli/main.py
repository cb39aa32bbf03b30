"""Entry point of the console script ``mzsym``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

STOPPED = "Stopped. Nothing half-written is left behind."


class _Stop:
    """Ctrl-C and a polite kill, both as KeyboardInterrupt, and the exit code that they ask for.

    A compiler that calls back into Python swallows an exception raised there; it is then raised once more, outside.
    """

    def __init__(self) -> None:
        self.code: int | None = None

    def install(self) -> None:
        """Take over the signals, unless whoever started us has them ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)
        sys.unraisablehook = self._swallowed

    def _received(self, number: int, frame: Any) -> None:
        if self.code is None:
            self.code = 128 + number
        # A second one ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    def _swallowed(self, what: Any) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(what)
        elif hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._received)
            signal.setitimer(signal.ITIMER_REAL, 0.5)


def main() -> None:
    """Run the command line; Ctrl-C, a polite kill and a closed pipe end it without a traceback."""
    stop = _Stop()
    stop.install()
    said = False
    try:
        # Imported here, so that Ctrl-C during the import is met as well.
        from mzsym.cli.app import app

        app()
    except SystemExit:
        said = True
        raise
    except BrokenPipeError:
        # The reader of the output went away (`mzsym ... | head`): no second failure when it is flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    finally:
        if stop.code is not None:
            # Whatever the interruption turned into on its way here. Context managers have cleaned up; a compiler that
            # was cut short may crash in the interpreter's own farewell, so there is none.
            if not said:
                print(STOPPED, file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(stop.code)


if __name__ == "__main__":
    main()
