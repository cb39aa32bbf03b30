"""Entry point of the console script ``mzsym``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line; Ctrl-C, a polite kill and a closed pipe end it without a traceback."""
    try:
        # A kill cleans up like Ctrl-C does.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        # Imported here, so that Ctrl-C during the import is met as well.
        from mzsym.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the output went away (`mzsym ... | head`): no second failure when it is flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
