"""Generated sources on disk, keyed by content.

A file is called after the digest of what it holds and says that digest in its first line: a truncated or foreign file
shows and is written anew. Files appear by an atomic rename, and with one and the same time stamp wherever they are
built, so ten processes that build at once end with one file and one set of machine code beside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

from mzsym.core import MzError

_MARK = "mzsym source, sha256 "
_STAMP = 1_000_000_000
"""Modification time of every file: numba ties its machine code to it."""


def cache_directory() -> Path:
    """Where sources and machine code are kept: ``$MZSYM_CACHE``, or the platform's user cache."""
    chosen = os.environ.get("MZSYM_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("mzsym"))


def digest_of(text: str) -> str:
    """sha256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(body: str, comment: str = "#") -> str:
    """A source with its digest in the first line, which starts as comments of its language do."""
    return f"{comment} {_MARK}{digest_of(body)}\n{body}"


def stored(kind: str, body: str) -> Path:
    """Path of a file that holds ``sealed(body)``, written if it is missing, truncated or foreign.

    Parameters
    ----------
    kind : str
        First part of the file's name.
    body : str
        Source text.

    Returns
    -------
    Path
        In a directory of its own, so that its machine code can be dropped without touching others'.

    Raises
    ------
    MzError
        When the cache directory cannot be written.
    """
    key = digest_of(body)[:32]
    path = cache_directory() / "numba" / f"{kind}_{key}" / f"{kind}_{key}.py"
    return stored_at(path, body, "#")


def stored_at(path: Path, body: str, comment: str) -> Path:
    """``path``, which holds ``sealed(body, comment)``: written if it is missing, truncated or foreign.

    Raises
    ------
    MzError
        When the cache directory cannot be written.
    """
    text = sealed(body, comment)
    if _read(path) != text:
        if path.exists():
            # The machine code beside a damaged source may be damaged as well.
            drop_machine_code(path)
        _write(path, text)
    return path


def drop_machine_code(path: Path) -> None:
    """Remove what numba compiled for a source."""
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """Write by an atomic rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.is_dir():
            shutil.rmtree(path)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.utime(name, (_STAMP, _STAMP))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path.parent, error) from error


def unwritable(directory: Path, error: OSError) -> MzError:
    """What to say of a cache directory that cannot be written."""
    return MzError(
        f"The kernel cache cannot be written: {error.strerror}",
        str(directory),
        "Set MZSYM_CACHE to a directory that you may write",
    )
