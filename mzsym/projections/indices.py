"""Multi-indices in the order of the basis."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import comb
from typing import TypeAlias

import sympy as sp

from mzsym.core import MzError

MultiIndex: TypeAlias = tuple[int, ...]
MonomialTable: TypeAlias = tuple[tuple[tuple[MultiIndex, sp.Expr], ...], ...]
"""Per basis function, its monomials and their coefficients."""


def _compositions(total: int, dim: int) -> Iterator[tuple[int, ...]]:
    """All tuples of ``dim`` non-negative integers with this sum, the first entry descending."""
    if dim == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _compositions(total - first, dim - 1):
            yield (first, *rest)


MAX_BASIS = 1_000_000
"""Basis functions that are ever listed."""


@lru_cache(maxsize=64)
def graded_indices(degree: int, dim: int) -> tuple[tuple[int, ...], ...]:
    """Multi-indices of total degree <= ``degree``: graded, first variable leading.

    Examples
    --------
    >>> graded_indices(2, 2)
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    size = comb(degree + dim, dim)
    if size > MAX_BASIS:
        raise MzError(
            f"The basis of total degree {degree} in {dim} variables has {size} functions",
            "projection",
            f"Lower the degree: up to {MAX_BASIS} can be listed",
        )
    return tuple(index for total in range(degree + 1) for index in _compositions(total, dim))
