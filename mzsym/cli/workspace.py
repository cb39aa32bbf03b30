"""The output directory: checked before any work, filled file by file, each whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from mzsym.core.errors import MzError


class Workspace:
    """A temporary directory next to the output directory, whose files move there when all of them are complete.

    Used as a context manager. Leaving it without :meth:`publish` (an error, Ctrl-C) removes the temporary directory,
    and the output directory too if this run made it and nothing is in it.

    Parameters
    ----------
    output : Path
        Made if it does not exist. Existing files in it are replaced only by files of the same name.

    Raises
    ------
    MzError
        On entering, if it cannot be made or written.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.published: list[Path] = []
        self._made: list[Path] = []
        self._draft: Path | None = None

    def __enter__(self) -> Workspace:
        try:
            self._make(self.output.absolute())
            # Inside the output directory: this also proves that files can be made there and renamed within it.
            self._draft = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.output))
        except (OSError, ValueError) as error:
            self._clean()
            raise MzError(
                f"The output directory cannot be written ({getattr(error, 'strerror', None) or error})",
                str(self.output)[:300],
                "Choose another directory with -o",
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean()

    @property
    def draft(self) -> Path:
        """Where files are made."""
        assert self._draft is not None, "a workspace is used as a context manager"
        return self._draft

    def publish(self) -> list[Path]:
        """Move every file of the draft into the output directory, replacing files of the same name."""
        try:
            for path in sorted(self.draft.iterdir()):
                target = self.output / path.name
                path.replace(target)
                self.published.append(target)
        except OSError as error:
            raise MzError(
                f"A file cannot be written ({error.strerror or error})", str(self.output), "Choose another directory"
            ) from None
        return self.published

    def _make(self, directory: Path) -> None:
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._made.append(path)

    def _clean(self) -> None:
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
        for path in reversed(self._made):
            try:
                path.rmdir()
            except OSError:  # not empty: something was published
                break
