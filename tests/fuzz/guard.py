"""What the interpreter itself reports: commands started, code made from input, files written where none belong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from mzsym.codegen.cache import cache_directory
from tests.fuzz.mutate import MARKER

_COMMANDS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "subprocess.Popen",
    "pty.spawn",
)
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")
_UNPICKLED = ("os", "posix", "nt", "subprocess", "sys", "shutil", "socket")


class Guard:
    """An audit hook that is silent until it is armed for a folder.

    Attributes
    ----------
    seen : list of str
        What happened that must not happen.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._roots: tuple[str, ...] | None = None
        self._strict = True
        sys.addaudithook(self._hook)

    def arm(self, folder: Path, strict: bool) -> None:
        """Watch; files may be written below the folder (not ``strict``: and into the caches of compilers)."""
        self.seen = []
        self._strict = strict
        fonts = os.environ.get("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
        caches = [] if strict else [str(cache_directory()), fonts]
        self._roots = tuple(os.path.realpath(root) for root in [folder, *caches])

    def rest(self) -> list[str]:
        """Stop watching; what was seen."""
        self._roots = None
        return self.seen

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self._roots is None:
            return
        if event == "subprocess.Popen" and not self._strict and args[0] == "fc-list":
            return  # matplotlib lists the fonts of the machine once
        if event in _COMMANDS or event in _NETWORK:
            self.seen.append(f"{event} {args!r:.200}")
        elif event == "pickle.find_class":
            if self._strict or args[0] in _UNPICKLED or args[1] in ("eval", "exec", "getattr", "__import__"):
                self.seen.append(f"unpickled {args!r:.200}")
        elif event == "compile":
            if MARKER in _source(args[0]):
                self.seen.append("input was compiled as code")
        elif event == "exec":
            if _marked(args[0]):
                self.seen.append("input was run as code")
        elif event == "import" and MARKER in str(args[0]):
            self.seen.append(f"import of {args[0]!r:.100}")
        elif event == "open" and _writes(args) and not self._inside(args[0]):
            self.seen.append(f"opened for writing: {args[0]!r:.200}")

    def _inside(self, path: Any) -> bool:
        assert self._roots is not None
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        text = os.path.realpath(os.fsdecode(path))
        return text == "/dev/null" or "__pycache__" in text or text.startswith(self._roots)


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str) and any(letter in mode for letter in "wax+"):
        return True
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _source(code: Any) -> str:
    if isinstance(code, (bytes, bytearray)):
        return code.decode("utf-8", "replace")
    # The harness's own modules hold the marker and may be imported late.
    return code if isinstance(code, str) and "addaudithook" not in code else ""


def _marked(code: Any) -> bool:
    names = getattr(code, "co_names", ())
    constants = [value for value in getattr(code, "co_consts", ()) if isinstance(value, str)]
    if "tests" in getattr(code, "co_filename", ""):
        return False
    return MARKER in names or any(MARKER in value for value in constants)
