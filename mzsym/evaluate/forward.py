"""The forward side of the tables: densities as coefficients, MATH (13)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.laws.averages import Average
from mzsym.evaluate.tables import Tables


@dataclass(frozen=True, eq=False)
class ForwardTables:
    """d_n = E[eta^(n)(X_n)] and the forward noise terms for one law of X_0.

    d_n = <p_0, M(0, n) eta^(n)> is an average over X_0 alone: the backward pass has made the functions. With
    d_perp = d - C(0, .)^T d_0, what Q_0 p_0 adds to each of them, the noise terms are s = (I - K_hat^T) d_perp, the
    transpose of MATH (15).

    Attributes
    ----------
    tables : Tables
    average : Average
        Of eta^(0), M(0, 1) eta^(1), ..., M(0, L) eta^(L), q_0 over the law of X_0.
    """

    tables: Tables
    average: Average

    @property
    def coefficients(self) -> Array:
        """d_n stacked, shape (D,)."""
        return self.average.value[: self.tables.offsets[-1]]

    @property
    def mean(self) -> Array:
        """<p_0, q_0> = E u(X_L), shape (outputs,)."""
        return self.average.value[self.tables.offsets[-1] :]

    @cached_property
    def noise(self) -> Array:
        """The noise term of P_{n+1} p_{n+1} in the rows of layer n + 1, shape (D,); zero for layer 0."""
        with blas_threads():
            return self._applied(self.coefficients[:, None])[:, 0]

    @property
    def error(self) -> float:
        """Observed error of the average over X_0."""
        return self.average.error

    def standard_error(self, kind: str, n: int) -> Array:
        """Of an average over samples; ``n`` is the layer of the rows."""
        total = self.tables.offsets[-1]
        if kind == "mean":
            columns = np.eye(len(self.average.value))[total:]
            return self.average.standard_error(columns)
        rows = slice(self.tables.offsets[n], self.tables.offsets[n + 1])
        matrix = np.eye(total) if kind == "coefficients" else self._applied(np.eye(total))
        outputs = len(self.average.value) - total
        return self.average.standard_error(np.hstack([matrix[rows], np.zeros((rows.stop - rows.start, outputs))]))

    def _applied(self, d: Array) -> Array:
        """Noise terms of columns d."""
        o = self.tables.offsets
        first = d[: o[1]]
        perpendicular = d - self.tables.C[: o[1]].T @ first
        # C(0, 0) = I: exactly nothing is left, whatever rounding says.
        perpendicular[: o[1]] = 0.0
        return np.asarray(perpendicular - self.tables.memory.T @ perpendicular)


@dataclass(eq=False)
class LastUsed:
    """The forward tables that were made last, since one law of X_0 is usually asked for several terms."""

    stated: Any = None
    found: ForwardTables | None = None

    def get(self, stated: Any) -> ForwardTables | None:
        """Those of this law, if they were the last."""
        if self.found is None:
            return None
        same = stated is self.stated or (not isinstance(stated, np.ndarray) and _equal(stated, self.stated))
        return self.found if same else None


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and not isinstance(a, (list, tuple)) and bool(a == b)
