"""The shallow network in numbers and words, for the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mzsym.report.number_view import bound, number

if TYPE_CHECKING:
    from mzsym.reduce import Reduction


@dataclass(frozen=True)
class DepthRow:
    """One depth, in words.

    Attributes
    ----------
    depth : int
    chosen : bool
    measured, bound, standing, a_priori : str
    """

    depth: int
    chosen: bool
    measured: str
    bound: str
    standing: str
    a_priori: str


@dataclass(frozen=True)
class ReduceView:
    """What the section shows.

    Attributes
    ----------
    depth, of : int
    rows : tuple of DepthRow
    error, measured, noise_free : str
    standing : str
    rule : str
        How errors were measured.
    tolerance : str
        What was asked for, empty where a depth was.
    sizes : tuple of (int, str)
        Layer and size of its read-out, the Euclidean norm of alpha^(m), the worst observable.
    """

    depth: int
    of: int
    rows: tuple[DepthRow, ...]
    error: str
    measured: str
    noise_free: str
    standing: str
    rule: str
    tolerance: str
    sizes: tuple[tuple[int, str], ...]


def reduce_view(r: Reduction) -> ReduceView:
    """The section on the shallow network."""
    rows = tuple(
        DepthRow(
            item.depth,
            item.depth == r.depth,
            _measured(item.measured),
            bound(item.bound),
            str(item.standing),
            "none" if math.isinf(item.a_priori) else bound(item.a_priori),
        )
        for item in r.depths
    )
    norms = tuple((m, number(float((alpha**2).sum(axis=0).max() ** 0.5), 0.0)) for m, alpha in r.readouts.items())
    return ReduceView(
        depth=r.depth,
        of=len(r.depths),
        rows=rows,
        error=bound(r.error_bound),
        measured=_measured(r.measured_error),
        noise_free=_measured(r.noise_free),
        standing=str(r.standing),
        rule=r.rule,
        tolerance="" if r.tolerance is None else f"{r.tolerance:g}",
        sizes=norms,
    )


def _measured(value: float) -> str:
    return "not known" if math.isnan(value) else f"{value:.5g}"
