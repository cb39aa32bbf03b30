"""Arrays of weights: float64 for speed, the exact entries beside it, or symbols without a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.model.values import MAX_DIM, Number, as_number


@dataclass(frozen=True, eq=False)
class Weights:
    """A matrix or vector of a dense layer.

    Attributes
    ----------
    name : str
        "W" or "b".
    shape : tuple of int
    values : array of this shape, float64 and read-only, or None
        None: the entries are symbols that stay arguments.
    exact : mapping
        Index -> the exact value of an entry that is no float64.
    """

    name: str
    shape: tuple[int, ...]
    values: Array | None
    exact: Mapping[tuple[int, ...], Fraction]

    def require(self) -> Array:
        """The values.

        Raises
        ------
        MzError
            When they are symbols.
        """
        if self.values is None:
            raise MzError(
                f"{self.name} has no value",
                f"dense layer, {self.name}",
                f'Bind it by with_params({{(n, "{self.name}"): array}})',
            )
        return self.values

    def entry(self, index: tuple[int, ...]) -> Number:
        """One entry, exactly."""
        return self.exact.get(index) or float(self.require()[index])

    def stated(self) -> Any:
        """What would make these weights again: float64, objects where an entry is no float64, or a matrix symbol."""
        if self.values is None:
            return sp.MatrixSymbol(self.name, self.shape[0], self.shape[1] if len(self.shape) == 2 else 1)
        if not self.exact:
            return self.values
        out = self.values.astype(object)
        for index, value in self.exact.items():
            out[index] = value
        return out

    def key(self) -> str:
        """Canonical text of the exact content."""
        if self.values is None:
            return f"{self.shape}:symbols"
        exact = ";".join(f"{index}={value}" for index, value in sorted(self.exact.items()))
        # + 0.0 makes -0.0 and 0.0, which are one number, one text.
        return f"{self.shape}:{(self.values + 0.0).tobytes().hex()}:{exact}"

    def __repr__(self) -> str:
        if self.values is None or self.values.size > 16:
            return f"{self.name} of shape {self.shape}"
        return repr(self.values.tolist())


def checked_weights(values: Any, ndim: int, name: str) -> Weights:
    """Weights of 1 or 2 axes from numbers, or from a SymPy MatrixSymbol.

    Raises
    ------
    MzError
        For another shape, for entries that are not finite real numbers.
    """
    where, wanted = f"dense, {name}", "(out, in)" if ndim == 2 else "(out,)"
    if isinstance(values, sp.MatrixSymbol):
        return _symbols(values, ndim, name, where)
    try:
        array = np.asarray(values.tolist() if isinstance(values, sp.MatrixBase) else values)
    except ValueError:
        raise MzError(f"{name} is ragged", where, f"Give an array of shape {wanted}") from None
    if array.ndim != ndim or array.size == 0:
        raise MzError(f"{name} has shape {array.shape}", where, f"Give a non-empty array of shape {wanted}")
    if max(array.shape) > MAX_DIM:
        raise MzError(f"{name} has shape {array.shape}", where, f"Dimensions up to {MAX_DIM} are supported")
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        out = array.astype(np.float64)
        bad = np.argwhere(~np.isfinite(out))
        if len(bad):
            at = tuple(int(k) for k in bad[0])
            raise MzError(f"The entry {list(at)} of {name} is {out[at]}", where, "Give finite numbers")
        exact: dict[tuple[int, ...], Fraction] = {}
    else:
        out, exact = _exact_entries(array, where)
    out.setflags(write=False)
    return Weights(name, out.shape, out, exact)


def _symbols(values: sp.MatrixSymbol, ndim: int, name: str, where: str) -> Weights:
    rows, columns = values.shape
    if not (rows.is_Integer and columns.is_Integer) or not (1 <= rows <= MAX_DIM and 1 <= columns <= MAX_DIM):
        raise MzError(f"The shape of {values} is {values.shape}", where, "Give a matrix symbol of a definite shape")
    if ndim == 1 and columns != 1:
        raise MzError(f"{values} has {columns} columns", where, "Give a matrix symbol with one column")
    return Weights(name, (int(rows), int(columns))[:ndim], None, {})


def _exact_entries(array: AnyArray, where: str) -> tuple[Array, dict[tuple[int, ...], Fraction]]:
    out = np.empty(array.shape)
    exact: dict[tuple[int, ...], Fraction] = {}
    for index, value in np.ndenumerate(array):
        number = as_number(value, f"{where}, entry {list(index)}")
        out[index] = float(number)
        if Fraction(float(out[index])) != Fraction(number):
            exact[index] = Fraction(number)
    return out, exact
