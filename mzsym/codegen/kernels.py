"""Programs compiled: ``compile_program(program)`` gives a callable kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from mzsym.codegen.arguments import checked
from mzsym.codegen.c_build import CRun
from mzsym.codegen.cost import Cost, cost
from mzsym.codegen.nodes import Program
from mzsym.codegen.numba_build import NumbaRun
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.workers import share

_WORK_PER_THREAD = 3_000_000
"""Arithmetic operations below which another thread costs more than it brings, about 0.3 ms."""

_BLOCKS_PER_THREAD, _ROWS_PER_BLOCK = 8, 16_384

Target = Literal["numba", "c", "c-libmvec"]
TARGETS: tuple[Target, ...] = ("numba", "c", "c-libmvec")
"""What programs are compiled by. The first two give the same bits."""

Rows = Callable[[tuple[int, int]], object]
"""Works on the rows from the first number up to the second."""


class Run(Protocol):
    """What a target makes of a program: ``rows(X, P, out)`` gives a function that any thread may call."""

    def rows(self, points: Array, params: Array, out: Array, /) -> Rows: ...


@dataclass(frozen=True)
class Kernel:
    """A compiled program.

    Attributes
    ----------
    program : Program
        What it computes.
    path : Path
        Its source in the cache.
    target : {"numba", "c", "c-libmvec"}
        What compiled it.
    portable : bool
        Whether its machine code is for every processor of the family (C only).
    """

    program: Program
    path: Path
    _run: Run = field(repr=False, compare=False)
    target: Target = "numba"
    portable: bool = False

    def __reduce__(self) -> tuple[Callable[..., Kernel], tuple[Program, Target, bool]]:
        # Sent to another process as its program; machine code comes from the cache there.
        return compile_program, (self.program, self.target, self.portable)

    @property
    def source(self) -> str:
        """The generated text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def cost(self) -> Cost:
        """Operations a point."""
        return cost(self.program)

    def __call__(
        self, X: Array, params: Sequence[float] | Array = (), out: Array | None = None, threads: int | None = None
    ) -> Array:
        """Values at many points.

        Parameters
        ----------
        X : array, shape (points, n_point)
            Point arguments.
        params : array, shape (n_param,)
            Parameters.
        out : array, shape (points, n_out), optional
            C-contiguous float64 array to write to.
        threads : int, optional
            Left out, as many as pay for this number of points, at most the processors that the process may use.

        Returns
        -------
        array, shape (points, n_out)

        Raises
        ------
        MzError
            For arguments of other shapes.
        """
        points, values = checked(self.program, X, params)
        shape = (len(points), len(self.program.outputs))
        if out is None:
            out = np.empty(shape)
        elif out.shape != shape or out.dtype != np.float64 or not out.flags.c_contiguous:
            raise MzError(f"The output has shape {out.shape}", "out", f"Pass C-contiguous float64 of shape {shape}")
        wanted = self._threads(len(points)) if threads is None else threads
        total, run = len(points), self._run.rows(points, values, out)
        # Compiled code runs without the interpreter's lock: plain threads over blocks of rows, for every target alike.
        count = max(wanted, min(_BLOCKS_PER_THREAD * wanted, total // _ROWS_PER_BLOCK)) if wanted > 1 else 1
        edges = [total * k // count for k in range(count + 1)]
        share(run, pairwise(edges), wanted)
        return out

    def _threads(self, points: int) -> int:
        wanted = points * max(1, self.cost.operations) // _WORK_PER_THREAD
        return min(_processors(), wanted) if wanted > 1 else 1


def _processors() -> int:
    limit = os.environ.get("NUMBA_NUM_THREADS")
    if limit and limit.isdigit():
        return max(1, int(limit))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_program(program: Program, target: Target = "numba", portable: bool = False) -> Kernel:
    """Kernel of a program, from the cache where it was built before.

    "numba" and "c" give the same bits, those of ``interpret``.

    Parameters
    ----------
    program : Program
        From ``freeze``.
    target : {"numba", "c", "c-libmvec"}
        What it is compiled by: numba, or the C compiler that ``CC`` names, cc, gcc or clang. "c-libmvec" takes sine,
        cosine and what else mzsym has no function of its own for from glibc's vector library where gcc finds it: 4 to
        29 times faster, within 4 ulp; the last bits of a value may depend on the place of its point among the others.
    portable : bool
        C only: machine code for every processor of the family rather than for the one at hand (no ``-march``).

    Returns
    -------
    Kernel
        ``kernel(X, params)`` -> (points, n_out). Machine code is made, or loaded, at the first call.

    Raises
    ------
    MzError
        For another target, a cache directory that cannot be written, and ``target="c"`` without a C compiler.

    Examples
    --------
    >>> import sympy as sp
    >>> from mzsym.codegen import freeze
    >>> x, a = sp.symbols("x a")
    >>> compile_program(freeze([a * sp.tanh(x)], [x], [a]))(np.zeros((2, 1)), [3.0])
    array([[0.],
           [0.]])
    """
    checked_target(target, "target")
    built = NumbaRun(program) if target == "numba" else CRun(program, portable, target == "c-libmvec")
    return Kernel(program, built.path, built, target, portable)


def checked_target(target: str, where: str) -> Target:
    """The target, if there is one of that name.

    Raises
    ------
    MzError
        Otherwise.
    """
    for one in TARGETS:
        if target == one:
            return one
    raise MzError(f"There is no target {target!r}", where, 'Use "numba", "c" or "c-libmvec"')
