"""Arguments of kernels and of the interpreter, checked once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mzsym.codegen.nodes import Program
from mzsym.core import MzError
from mzsym.core.arrays import Array


def checked(program: Program, X: Array, params: Sequence[float] | Array) -> tuple[Array, Array]:
    """X and params as contiguous float64 of the right shapes.

    Raises
    ------
    MzError
        Naming the argument and the shape it should have.
    """
    points = np.ascontiguousarray(X, dtype=np.float64)
    values = np.ascontiguousarray(params, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != program.n_point:
        raise MzError(
            f"The points have shape {points.shape}", "X", f"Pass an array of shape (points, {program.n_point})"
        )
    if values.shape != (program.n_param,):
        raise MzError(
            f"The parameters have shape {values.shape}", "params", f"Pass an array of shape ({program.n_param},)"
        )
    return points, values
