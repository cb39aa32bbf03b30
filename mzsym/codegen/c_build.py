"""Kernels by a C compiler: a shared library per program, content, compiler, flags and processor, loaded by ctypes.

::

    c/kernel_KEY/kernel_KEY.c       the text, with its digest in the first line
    c/kernel_KEY/kernel_SEAL.so     machine code; SEAL is the digest of KEY and of the bytes themselves
    c/kernel_KEY/lock               held by the process that builds

A library is compiled under a temporary name and appears by an atomic rename. Its name says what it holds, so one that
is truncated, or was built for something else, shows when it is read and is built anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mzsym.codegen.c_compiler import Compiler, build, cpu_identity, find_compiler
from mzsym.codegen.cache import cache_directory, stored_at, unwritable
from mzsym.codegen.emit_c import CEmitter
from mzsym.codegen.nodes import Program
from mzsym.core import MzError
from mzsym.core.arrays import Array

if sys.platform != "win32":
    import fcntl

FORMAT = "mzsym shared library 1"
"""Enters every key; changes when what is built from the same text does."""

_FUNCTION = "mzsym_run"


class CRun:
    """A program, built or loaded at the first use.

    Parameters
    ----------
    program : Program
    portable : bool
        Machine code for every processor of this family, instead of the one at hand.
    libmvec : bool
        Functions of the C library in glibc's vector version, by gcc.

    Raises
    ------
    MzError
        When there is no compiler, or the cache cannot be written.
    """

    def __init__(self, program: Program, portable: bool = False, libmvec: bool = False) -> None:
        self._compiler = find_compiler()
        self._flags = (*self._compiler.flags(portable), *(["-lmvec"] if libmvec else []))
        self._body = body = CEmitter(_FUNCTION, libmvec).source(program)
        processor = "any" if portable else cpu_identity()
        parts = [FORMAT, body, self._compiler.identity, " ".join(self._flags), processor]
        self._key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        name = f"kernel_{self._key}"
        self.path = cache_directory() / "c" / name / f"{name}.c"
        stored_at(self.path, body, "//")
        self._lock = threading.Lock()
        self._loaded: Callable[..., Any] | None = None

    def rows(self, points: Array, params: Array, out: Array) -> Callable[[tuple[int, int]], object]:
        """A function that works on rows from one number up to another."""
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    # Once more: the cache may have been cleared since.
                    stored_at(self.path, self._body, "//")
                    self._loaded = _function_of(library(self.path, self._key, self._compiler, self._flags))
        run, arrays = self._loaded, (points, params, out)
        # Asking an array where it is takes longer than a call.
        first, fixed, result = (int(array.ctypes.data) for array in arrays)
        step, outputs = 8 * points.shape[1], 8 * out.shape[1]

        def on(rows: tuple[int, int], keep: object = arrays) -> None:
            # ctypes lets go of the interpreter's lock while C runs.
            start, stop = rows
            run(stop - start, first + start * step, fixed, result + start * outputs)

        return on


def library(source: Path, key: str, compiler: Compiler, flags: tuple[str, ...]) -> Path:
    """The shared library of a C text, built if it is missing, truncated or foreign.

    Parameters
    ----------
    source : Path
        The text; the library stands beside it.
    key : str
        Digest of all that the library depends on.
    compiler : Compiler
    flags : tuple of str

    Returns
    -------
    Path

    Raises
    ------
    MzError
        When the compiler refuses, or the directory cannot be written.
    """
    found = _sound(source.parent, key)
    if found is not None:
        return found
    with _locked(source.parent) as alone:
        # Another process may have built it while this one waited.
        found = _sound(source.parent, key)
        if found is None and alone:
            _sweep(source.parent)
        return found or _built(source, key, compiler, flags)


def _seal(key: str, code: bytes) -> str:
    return hashlib.sha256(key.encode() + code).hexdigest()[:32]


def _sound(directory: Path, key: str) -> Path | None:
    """A library whose name says what it holds; others are removed."""
    for path in sorted(directory.glob("kernel_*.so")):
        try:
            code = path.read_bytes()
        except OSError:
            code = b""
        if path.name == f"kernel_{_seal(key, code)}.so":
            return path
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return None


def _sweep(directory: Path) -> None:
    """Remove what a process that was killed left behind."""
    for left in directory.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)


def _built(source: Path, key: str, compiler: Compiler, flags: tuple[str, ...]) -> Path:
    directory = source.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=directory, ignore_cleanup_errors=True) as name:
            made = Path(name) / "kernel.so"
            _compile(compiler, source, made, flags)
            target = directory / f"kernel_{_seal(key, made.read_bytes())}.so"
            made.replace(target)
    except OSError as error:
        raise unwritable(directory, error) from error
    return target


def _compile(compiler: Compiler, source: Path, made: Path, flags: tuple[str, ...]) -> None:
    try:
        build(compiler, source, made, flags)
    except MzError:
        plain = tuple(flag for flag in flags if not flag.startswith("-m"))
        if plain == flags:
            raise
        # A compiler that does not know this processor.
        build(compiler, source, made, plain)


@contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Hold the directory's lock; False where there are none, and builds meet in a rename that changes nothing."""
    if sys.platform == "win32":
        yield False
        return
    try:
        file = (directory / "lock").open("w")
    except OSError as error:
        raise unwritable(directory, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            yield False
            return
        yield True


def _function_of(path: Path) -> Callable[..., Any]:
    function: Any = getattr(ctypes.CDLL(str(path)), _FUNCTION)
    function.argtypes = [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = None
    run: Callable[..., Any] = function
    return run
