"""The C compiler: which one, with which flags, and what a machine must share for its machine code to be used again."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from mzsym.core import MzError

_CANDIDATES: Final = ("cc", "gcc", "clang")
_INSTALL: Final = (
    "Install gcc or clang (Debian: apt install gcc; macOS: xcode-select --install; conda: conda install c-compiler), "
    'or set CC to a compiler; or use target="numba"'
)

_CPU_LINES: Final = (
    *("vendor_id", "cpu family", "model", "stepping", "model name", "flags"),
    *("CPU implementer", "CPU part", "CPU variant", "Features", "isa"),
)

FLAGS: Final = (
    *("-std=c99", "-O3", "-fPIC"),
    # Both targets round alike: no a*b + c in one step.
    "-ffp-contract=off",
    # Nobody reads errno or floating-point flags; without them loops vectorise. Values do not change.
    *("-fno-math-errno", "-fno-trapping-math"),
    # gcc makes branches of selections by it, before it could vectorise them; clang does not know it, and says so.
    "-fno-thread-jumps",
    # The C library computes what Python's math and numba compute; a folded call could differ in its last bit.
    *(
        f"-fno-builtin-{name}"
        for name in (
            *("exp", "expm1", "log", "log1p", "erf", "erfc", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
            *("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2", "pow"),
        )
    ),
)
"""For every compiler. Nothing here goes to the link, where -ffast-math would set flush-to-zero for the process."""

NATIVE: Final = ("-march=native",)
"""For this machine's processor alone."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler of this machine.

    Attributes
    ----------
    command : tuple of str
        Program and the options that ``CC`` gave with it.
    identity : str
        Resolved path, size and time of the program, and those options.
    """

    command: tuple[str, ...]
    identity: str

    @staticmethod
    def flags(portable: bool) -> tuple[str, ...]:
        """Options of the compilation."""
        return FLAGS if portable else (*FLAGS, *NATIVE)


def find_compiler() -> Compiler:
    """The compiler that ``CC`` names, or the first of cc, gcc and clang.

    Raises
    ------
    MzError
        When there is none: what to install.
    """
    chosen = os.environ.get("CC", "").strip()
    try:
        candidates = [shlex.split(chosen)] if chosen else [[name] for name in _CANDIDATES]
    except ValueError as error:
        raise MzError(f"CC is no command: {error}", "$CC", "Quote it as a shell would read it") from error
    for command in candidates:
        path = shutil.which(command[0])
        if path is not None:
            return Compiler((path, *command[1:]), _identity(path, command[1:]))
    missing = f"CC names {chosen!r}, which is not there" if chosen else "There is no C compiler on this machine"
    raise MzError(missing, 'target="c"', _INSTALL)


def _identity(path: str, options: Sequence[str]) -> str:
    """What tells compilers apart without starting them, which would cost every process 10 ms."""
    real = Path(path).resolve()
    status = real.stat()
    return " ".join(map(str, (real, status.st_size, status.st_mtime_ns, *options)))


@lru_cache(maxsize=1)
def cpu_identity() -> str:
    """What machine code of ``-march=native`` depends on; the machine's name where processors do not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except (OSError, UnicodeDecodeError):
        text = ""
    pairs = (line.partition(":") for line in text.splitlines())
    lines = {name.strip(): value.strip() for name, _, value in pairs}
    told = [f"{name}={lines[name]}" for name in _CPU_LINES if name in lines]
    parts = [platform.system(), platform.machine(), *(told or [platform.node(), platform.processor()])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def build(compiler: Compiler, source: Path, target: Path, flags: Sequence[str]) -> None:
    """Compile and link one file into a shared library, in two steps: what optimises arithmetic never reaches the link.

    Parameters
    ----------
    compiler : Compiler
    source : Path
        C text.
    target : Path
        What to write, in a directory that holds everything temporary as well.
    flags : sequence of str
        Of the compilation; libraries (``-l...``) are for the link.

    Raises
    ------
    MzError
        When the compiler refuses.
    """
    object_file = target.with_suffix(".o")
    libraries = [flag for flag in flags if flag.startswith("-l")]
    options = [flag for flag in flags if flag not in libraries]
    run_command([*compiler.command, *options, "-c", str(source), "-o", str(object_file)], target.parent)
    shared = "-dynamiclib" if platform.system() == "Darwin" else "-shared"
    run_command([*compiler.command, shared, str(object_file), "-o", str(target), *libraries, "-lm"], target.parent)


def run_command(command: list[str], directory: Path) -> None:
    """Run a compiler with everything temporary in a directory; MzError with what it says when it stops."""
    environment = {**os.environ, "TMPDIR": str(directory), "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except OSError as error:
        raise MzError(f"The C compiler cannot be started: {error.strerror}", command[0], _INSTALL) from error
    if done.returncode:
        said = (
            [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["no reason"]
        )
        raise MzError(
            f"The C compiler stopped with code {done.returncode}: {said[0].strip()[:300]}",
            command[0],
            'Set CC to another compiler, or use target="numba"',
        )
