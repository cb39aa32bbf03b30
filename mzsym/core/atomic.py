"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mzsym.core.errors import MzError


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file in one step: a temporary file in the same folder takes its place when it is complete.

    Parameters
    ----------
    path : Path
    data : bytes or str
        Text is written as UTF-8.

    Raises
    ------
    MzError
        If the folder cannot be written; an existing file is then untouched.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            # After success the name is gone; after a failure, or Ctrl-C, nothing half-written stays.
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise MzError(
            f"The file cannot be written ({error.strerror or error})", str(path), "Choose a folder that can be written"
        ) from None
