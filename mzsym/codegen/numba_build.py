"""Kernels by numba: sources from the cache, loaded and compiled at the first call; numba is imported only then."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from mzsym.codegen.cache import digest_of, drop_machine_code, sealed, stored
from mzsym.codegen.emit_numba import NumbaEmitter, leaf_library
from mzsym.codegen.nodes import Program
from mzsym.core.arrays import Array

_INPUT = "Array(float64, {}, 'C', readonly=True)"
SIGNATURE = f"void({_INPUT.format(2)}, {_INPUT.format(1)}, float64[:,::1])"
"""Read-only inputs: an array that may be written is accepted as well, so one compilation serves both."""

_DAMAGED = (
    *(EOFError, pickle.UnpicklingError, ValueError, AttributeError, ImportError, IndexError, KeyError, TypeError),
    OSError,
)
"""What reading damaged machine code raises, and writing it while another process drops it."""


class _TextLoader(SourceLoader):
    """Runs a text that was checked already as the module of a path; no bytecode is kept beside it."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._text.encode()


def _module(name: str, path: Path, body: str) -> ModuleType:
    """The module of a cached source; numba finds leaves by their module's name, so it is entered under it."""
    spec = spec_from_loader(name, _TextLoader(path, sealed(body)), origin=str(path))
    if spec is None or spec.loader is None:
        raise AssertionError("a loader was given")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def module_of(kind: str, body: str) -> ModuleType:
    """A module of any text with numba functions, its machine code kept beside its source in the cache.

    Parameters
    ----------
    kind : str
        First word of its name.
    body : str
    """
    path = stored(kind, body)
    name = f"mzsym_{path.stem}"
    return sys.modules[name] if name in sys.modules else _module(name, path, body)


class NumbaRun:
    """``run(X, P, out)`` of a program, built at the first call.

    Parameters
    ----------
    program : Program
        What to compile; its source is in the cache from the start.
    """

    def __init__(self, program: Program) -> None:
        self._leaf_body = leaf_library()
        self._leaf_name = f"mzsym_leaves_{digest_of(self._leaf_body)[:16]}"
        self._body = NumbaEmitter(self._leaf_name).source(program)
        self._leaf_path = stored("leaves", self._leaf_body)
        self.path = stored("kernel", self._body)
        self._lock = threading.Lock()
        self._compiled: Callable[[Array, Array, Array], Any] | None = None

    def rows(self, points: Array, params: Array, out: Array) -> Callable[[tuple[int, int]], object]:
        """A function that works on rows from one number up to another."""
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compiled = self._build()
        run = self._compiled

        def on(rows: tuple[int, int]) -> None:
            block = slice(*rows)
            run(points[block], params, out[block])

        return on

    def _build(self) -> Callable[[Array, Array, Array], Any]:
        try:
            return self._load()
        except _DAMAGED:
            # Machine code that cannot be read is dropped, once; a second failure is a real one.
            drop_machine_code(self.path)
            drop_machine_code(self._leaf_path)
            sys.modules.pop(self._leaf_name, None)
            return self._load()

    def _load(self) -> Callable[[Array, Array, Array], Any]:
        if self._leaf_name not in sys.modules:
            _module(self._leaf_name, self._leaf_path, self._leaf_body)
        run: Any = _module(f"mzsym_{self.path.stem}", self.path, self._body).run
        run.compile(SIGNATURE)
        run.disable_compile()
        compiled: Callable[[Array, Array, Array], Any] = run
        return compiled
