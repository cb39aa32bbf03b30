"""The quadrature engine: passes on finer grids until two different grids agree on every table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.quadrature.grid import Series, StateSeries
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.quadrature.sizes import Adaptive, Fixed, finer, random_points
from mzsym.evaluate.quadrature.sweep import Sweep, kept_bytes, points_of, run_sweep
from mzsym.evaluate.tables import Tables, table_bytes

if TYPE_CHECKING:
    from mzsym.evaluate.panels.sweep import Pass

_ROUNDS = 4
_KEPT = 8
"""Part of the memory budget that functions may take which are kept for a later derivative."""
_COMPARED = 256


@dataclass(frozen=True)
class Solution:
    """What an engine hands to the evaluator.

    Attributes
    ----------
    tables : Tables
    expectation : function
        X of shape (points, N_0) -> q_0, shape (points, outputs).
    reached : mapping of str to float
        Observed error per table: the largest difference between two grids, and not less than rounding.
    nodes : tuple of tuples of int
        Nodes per coordinate of every layer.
    limits : tuple of str
        What stopped the refinement where the tolerance was not reached.
    pulled_back : function or None
        X of shape (points, N_0) -> eta^(0), M(0, 1) eta^(1), ..., M(0, L) eta^(L), q_0 side by side, shape
        (points, sum of ranks + outputs), exact for the functions that layer 1 carries: what the forward side
        averages over X_0. None for a conditional projection, which has no basis.
    pulled_error : float
        Largest difference of these functions between the two grids, at some points.
    breaks : tuple of float
        Where they are not smooth on a one-dimensional X_0.
    carried : function or None
        n -> the functions that layer n carries, for :mod:`mzsym.evaluate.orthogonal`. None for a conditional
        projection.
    compared : tuple of tuples of int
        Nodes of the other grid, with which the tables were compared.
    sweep : Sweep or None
        The pass that the tables come from, with its functions where they were kept.
    first : function or None
        () -> z -> E q_1(z + xi_0) as a series: with z = F_0(x) it is q_0(x). Gives None where q_0 is no function of
        F_0 alone (gains, random weights). With a matrix the same for its combinations of eta^(1), M(1, 2) eta^(2), ...,
        M(1, L) eta^(L) in place of q_1.
    right : tuple of arrays of shape (d_n, d_n)
        Coefficients of eta^(n) in the functions of the projection as stated; empty where they are the same.
    panels : function or None
        Of the panel scheme, for derivatives: False -> the pass that the tables come from, True -> the one with which
        they were compared, run again.
    """

    tables: Tables
    expectation: Callable[[Array], Array]
    reached: Mapping[str, float]
    nodes: tuple[tuple[int, ...], ...]
    limits: tuple[str, ...]
    pulled_back: Callable[[Array], Array] | None = None
    pulled_error: float = 0.0
    breaks: tuple[float, ...] = ()
    carried: Callable[[int], Carried] | None = None
    compared: tuple[tuple[int, ...], ...] = ()
    sweep: Sweep | None = None
    first: Callable[..., StateSeries | None] | None = None
    right: tuple[Array, ...] = ()
    panels: Callable[[bool], Pass] | None = None


@dataclass(frozen=True)
class Carried:
    """The functions that layer n carries: eta^(n), M(n, n+1) eta^(n+1), ..., M(n, L) eta^(L), M(n, L) Q_L u.

    Attributes
    ----------
    columns : array of shape (k, sum of ranks from n on + outputs)
        Coordinates of each, nodal values or coefficients.
    weights : array of shape (k,)
        The squared norm of a function f in L^2(mu_n) is the sum of weights * f**2.
    """

    columns: Array
    weights: Array


def check_budget(ranks: Sequence[int], options: Options) -> None:
    """Refuse tables that do not fit, before anything is allocated."""
    needed = table_bytes(ranks)
    if needed > options.memory_budget:
        raise MzError(
            f"The tables of {len(ranks) - 1} layers with {max(ranks)} basis functions take {needed} bytes and "
            f"the budget is {options.memory_budget}",
            "options.memory_budget",
            "Raise memory_budget, or lower the degree of the projection",
        )


def solve(problem: Problem, options: Options, keep: bool = False) -> Solution:
    """All tables to ``options.tolerance``, or as far as the limits allow.

    Parameters
    ----------
    problem : Problem
    options : Options
        ``tolerance`` is absolute, for every table entry.
    keep : bool
        Keep the functions of every layer of the finer pass, where they take a small part of the budget.

    Returns
    -------
    Solution

    Raises
    ------
    MzError
        When the memory budget cannot hold the smallest grids, or a map is not finite.
    """
    # Errors of different layers hardly align, and the comparison below has the last word.
    allowed = options.tolerance / (10.0 * math.sqrt(problem.depth + 1))
    best: tuple[Sweep, dict[str, float], tuple[Sweep, Sweep]] | None = None
    for _ in range(_ROUNDS):
        coarse = run_sweep(problem, Adaptive(allowed, options.max_nodes, options.memory_budget // 2))
        sizes = finer(coarse.sizes, problem.degrees, options.max_nodes)
        small = kept_bytes(problem, points_of(sizes)) <= options.memory_budget // _KEPT
        fine = run_sweep(problem, Fixed(sizes, allowed), keep=keep and small)
        reached = differences(problem, coarse, fine)
        # Where max_nodes forbids a finer grid the second one is coarser: the larger of the two is kept.
        larger = max((fine, coarse), key=lambda sweep: sum(points_of(sweep.sizes)))
        kept = replace(larger, limits=coarse.limits)
        worst = max(reached.values())
        gained = best is None or worst < 0.5 * max(best[1].values())
        if best is None or worst < max(best[1].values()):
            best = kept, reached, (coarse, fine)
        if worst <= options.tolerance or coarse.limits or not gained:
            break
        allowed *= max(1e-4, 0.2 * options.tolerance / worst)
    assert best is not None
    sweep, reached, (coarse, fine) = best
    carried = _carrying(problem, sweep.sizes, allowed)
    X = _compared(problem)
    pulled = np.abs(pulled_back(problem, coarse, X) - pulled_back(problem, fine, X)).max(initial=0.0)
    limits = sweep.limits if max(reached.values()) > options.tolerance else ()
    if max(reached.values()) > options.tolerance and not limits:
        limits = ("rounding: finer grids change the tables no less",)
    return Solution(
        sweep.tables,
        lambda X: expectation(problem, sweep.first, X),
        MappingProxyType(reached),
        sweep.sizes,
        limits,
        pulled_back=lambda X: pulled_back(problem, sweep, X),
        pulled_error=float(pulled),
        carried=carried,
        compared=coarse.sizes if sweep.sizes == fine.sizes else fine.sizes,
        sweep=sweep,
        first=lambda matrix=None: _in_states(problem, sweep, matrix),
    )


def _in_states(problem: Problem, sweep: Sweep, matrix: Array | None) -> StateSeries:
    """What q_0, or a combination of the functions of layer 1, is as a series in F_0(x)."""
    if matrix is None:
        return sweep.first.on_one_panel()
    basis = sweep.carried.coefs[:, : -problem.outputs]
    return replace(sweep.carried, coefs=basis @ matrix).on_one_panel()


def _carrying(problem: Problem, sizes: tuple[tuple[int, ...], ...], allowed: float) -> Callable[[int], Carried]:
    """The functions on every layer, from one more pass on the same grids when the first of them is asked for."""

    @lru_cache(maxsize=1)
    def blocks() -> tuple[Array, ...]:
        return run_sweep(problem, Fixed(sizes, allowed), keep=True).blocks

    def carried(n: int) -> Carried:
        block = blocks()[n]
        # Coefficients in the Legendre functions that are orthonormal in the uniform law.
        return Carried(block, np.full(len(block), problem.masses[n]))

    return carried


def expectation(problem: Problem, first: Series, X: Array) -> Array:
    """q_0(x) = (E q_1(. + xi_0))(F_0(x)), exact for the interpolant of q_1."""
    with blas_threads():
        return first(problem.states(0, X))


def pulled_back(problem: Problem, sweep: Sweep, X: Array) -> Array:
    """eta^(0), every M(0, m) eta^(m) and q_0 at points: exact for the functions on the grid of layer 1."""
    d, outputs = problem.ranks[-1], problem.outputs
    with blas_threads():
        carried = sweep.carried(problem.states(0, X))
        last = sweep.tables.coefficients[sweep.tables.offsets[-2] :]
        q = carried[:, -outputs - d : -outputs] @ last + carried[:, -outputs:]
        return np.hstack([problem.bases[0](X), carried[:, :-outputs], q])


def differences(problem: Problem, coarse: Sweep, fine: Sweep) -> dict[str, float]:
    """Largest difference between two passes, per table."""
    X = _compared(problem)
    values = expectation(problem, fine.first, X), expectation(problem, coarse.first, X)
    return table_differences(fine.tables, coarse.tables, *values)


def _compared(problem: Problem) -> Array:
    """Points of X_0 at which two passes are compared."""
    side = problem.boxes[0]
    unit = random_points(0, _COMPARED, len(side))
    return np.stack([s.center + s.half * unit[:, i] for i, s in enumerate(side)], axis=-1)


def table_differences(ours: Tables, theirs: Tables, q: Array, other_q: Array) -> dict[str, float]:
    """Largest difference between the tables of two passes, and between their q_0 at some points."""
    o = ours.offsets
    streaming = np.zeros(ours.memory.shape, dtype=bool)
    for n in range(len(o) - 2):
        streaming[o[n] : o[n + 1], o[n + 1] : o[n + 2]] = True
    pairs = {
        "correlation": (ours.C, theirs.C),
        "streaming": (ours.memory[streaming], theirs.memory[streaming]),
        "memory": (ours.memory[~streaming], theirs.memory[~streaming]),
        "noise": (ours.noise, theirs.noise),
        "coefficients": (ours.coefficients, theirs.coefficients),
        "expectation": (q, other_q),
    }
    return {name: _difference(a, b) for name, (a, b) in pairs.items()}


def _difference(a: Array, b: Array) -> float:
    """Largest difference, and not less than the rounding of the values themselves."""
    if not a.size:
        return 0.0
    return max(float(np.abs(a - b).max()), float(np.finfo(np.float64).eps * np.abs(a).max()))
