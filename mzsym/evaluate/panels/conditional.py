"""The conditional projection on panel grids: P averages over the dropped coordinates at every kept node.

Grids are chosen for smooth probes of the kept variables; on them the cardinal functions of the kept nodes play the part
of a basis, so that C, K and everything else follow as for a projection of finite rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core import Options
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.kept import KeptFunction, KeptTables
from mzsym.evaluate.panels.engine import wishes
from mzsym.evaluate.panels.grid import Grid
from mzsym.evaluate.panels.lower import Functions, PanelProblem, lower_functions
from mzsym.evaluate.panels.sweep import Level, Pass, carried, run_pass
from mzsym.evaluate.quadrature.engine import Solution, check_budget
from mzsym.evaluate.tables import Tables
from mzsym.projections.indices import graded_indices
from mzsym.projections.legendre import normalized_legendre

if TYPE_CHECKING:
    from mzsym.codegen import Target
    from mzsym.model import Network
    from mzsym.projections.conditional import Conditional

PROBE_DEGREE = 4
"""Total degree of the polynomials in the kept variables that the grids must carry."""

_COMPARED = 64


@dataclass(frozen=True, eq=False)
class ConditionalProblem:
    """A network under a conditional projection: the panel problem of its probes.

    Attributes
    ----------
    panels : PanelProblem
        With polynomials of the kept variables as functions.
    keep : tuple of int
    """

    panels: PanelProblem
    keep: tuple[int, ...]

    @property
    def depth(self) -> int:
        """L."""
        return self.panels.depth

    @property
    def ranks(self) -> tuple[int, ...]:
        """Sizes of the tables are known when the grids are: nothing to refuse before."""
        return self.panels.ranks


def lower_conditional(net: Network, projection: Conditional, target: Target = "numba") -> ConditionalProblem:
    """The problem of a network and a conditional projection, its maps compiled by ``target``.

    Raises
    ------
    MzError
        As ``lower_panels``.
    """

    def functions(n: int, sides: Sequence[tuple[float, float]]) -> Functions:
        box = net.domains[n] if projection.boxed(net) else None
        weight = None if projection.measure == "law" else lambda X: projection.weight(X, box)
        kept = [sides[i] for i in projection.keep]

        def probes(X: Array) -> Array:
            T = np.stack(
                [2 * (X[:, i] - lo) / (hi - lo) - 1 for i, (lo, hi) in zip(projection.keep, kept, strict=True)]
            )
            table = normalized_legendre(T, PROBE_DEGREE)
            indices = graded_indices(PROBE_DEGREE, len(kept))
            return np.stack(
                [np.prod([table[i, :, k] for i, k in enumerate(index)], axis=0) for index in indices], axis=1
            )

        return Functions(probes, probes, True, weight, len(graded_indices(PROBE_DEGREE, len(kept))))

    return ConditionalProblem(lower_functions(net, projection, functions, target), projection.keep)


@dataclass(frozen=True, eq=False)
class _Kept:
    """A pass with the cardinal functions of the kept nodes."""

    keep: tuple[int, ...]
    grids: tuple[Grid, ...]
    tables: Tables
    probes: Pass

    @property
    def masses(self) -> tuple[Array, ...]:
        """What the measures give to the kept nodes, layer by layer."""
        found: list[Array] = []
        for level, weights in zip(self.probes.levels, self.probes.weights, strict=True):
            found.append(np.asarray(np.bincount(_kept_index(level.grid, self.keep), weights), dtype=np.float64))
        return tuple(found)


def solve_conditional(problem: ConditionalProblem, options: Options) -> Solution:
    """All tables, in values at kept nodes; the error is that of their action on polynomials of the kept variables."""
    coarse, fine = (_run(problem, wish, count, options) for wish, count in wishes(problem.depth, options))
    reached = _differences(coarse, fine)
    worst = max(reached.values())
    limits = fine.probes.limits if worst > options.tolerance else ()
    if worst > options.tolerance and not limits:
        limits = ("grids: two of them disagree by more than the tolerance",)
    plain = fine.tables
    return Solution(
        KeptTables(plain.C, plain.offsets, plain.coefficients, plain.unresolved, fine.grids, fine.masses),
        fine.probes.expectation,
        MappingProxyType(reached),
        tuple(level.grid.sizes for level in fine.probes.levels),
        limits,
    )


def _run(problem: ConditionalProblem, wish: object, count: int, options: Options) -> _Kept:
    probes = run_pass(problem.panels, wish, count)  # type: ignore[arg-type]
    grids = tuple(Grid(tuple(level.grid.axes[i] for i in problem.keep)) for level in probes.levels)
    check_budget(tuple(grid.points for grid in grids), options)
    with blas_threads():
        return _Kept(problem.keep, grids, _tables(problem, probes, grids), probes)


def _tables(problem: ConditionalProblem, probes: Pass, grids: tuple[Grid, ...]) -> Tables:
    depth, outputs = problem.depth, problem.panels.outputs
    offsets = tuple(int(k) for k in np.concatenate([[0], np.cumsum([grid.points for grid in grids])]))
    C, coefficients = np.eye(offsets[-1]), np.zeros((offsets[-1], outputs))
    block = np.zeros((0, 0))
    for n in range(depth, -1, -1):
        level = probes.levels[n]
        if n == depth:
            values = level.values[:, -outputs:]
        else:
            values = carried(probes.steps[n], level.grid.nodes, block)
        averaged = average_out(level.grid, problem.keep, probes.weights[n], values)
        rows = slice(offsets[n], offsets[n + 1])
        C[rows, offsets[n + 1] :] = averaged[:, : offsets[-1] - offsets[n + 1]]
        coefficients[rows] = averaged[:, averaged.shape[1] - outputs :]
        block = np.hstack([_cardinal(level, problem.keep), values])
    unresolved = coefficients - C[:, offsets[depth] :] @ coefficients[offsets[depth] :]
    return Tables(C, offsets, coefficients, unresolved)


def _cardinal(level: Level, keep: tuple[int, ...]) -> Array:
    """The functions that are 1 at one kept node and 0 at the others, at all nodes: (points, kept nodes)."""
    kept = _kept_index(level.grid, keep)
    return np.asarray(kept[:, None] == np.arange(kept.max() + 1), dtype=np.float64)


def _kept_index(grid: Grid, keep: tuple[int, ...]) -> Array:
    """Number of the kept node below every node."""
    sizes = grid.sizes
    coordinates = np.unravel_index(np.arange(grid.points), sizes)
    return np.asarray(np.ravel_multi_index([coordinates[i] for i in keep], [sizes[i] for i in keep]))


def average_out(grid: Grid, keep: tuple[int, ...], weights: Array, values: Array) -> Array:
    """Conditional average at every kept node, (points, columns) -> (kept nodes, columns)."""
    index = _kept_index(grid, keep)
    count = int(index.max()) + 1
    mass = np.bincount(index, weights, count)
    plain = np.bincount(index, grid.weights, count)
    # Where a law leaves no mass on a line, the average is any average: that of Lebesgue measure.
    empty = mass <= 1e-13 * plain * (weights.sum() / grid.weights.sum())
    used = np.where(empty[index], grid.weights, weights)
    total = np.where(empty, plain, mass)
    out = np.empty((count, values.shape[1]))
    for c in range(values.shape[1]):
        out[:, c] = np.bincount(index, used * values[:, c], count)
    return np.asarray(out / total[:, None])


def _differences(coarse: _Kept, fine: _Kept) -> dict[str, float]:
    """Largest difference of what the tables make of polynomials of the kept variables."""
    pairs = [_acted(kept) for kept in (coarse, fine)]
    X = coarse.probes.levels[0].grid.nodes
    X = X[np.random.default_rng(0).integers(0, len(X), 4 * _COMPARED)]
    out = {
        name: max((float(np.abs(a - b).max()) for a, b in zip(*values, strict=True)), default=0.0)
        for name, values in ((name, (pairs[0][name], pairs[1][name])) for name in pairs[0])
    }
    out["expectation"] = float(np.abs(coarse.probes.expectation(X) - fine.probes.expectation(X)).max())
    return out


def _acted(kept: _Kept) -> dict[str, list[Array]]:
    tables, depth = kept.tables, len(kept.grids) - 1
    out: dict[str, list[Array]] = {name: [] for name in ("correlation", "streaming", "memory", "noise", "coefficients")}
    for n in range(depth + 1):
        grid = kept.grids[n]
        at = _places(grid)
        for m in range(n + 1, depth + 1):
            probe = _polynomials(kept.grids[m])
            for name, table in (("correlation", tables.C), ("streaming" if m == n + 1 else "memory", tables.memory)):
                out[name].append(KeptFunction(grid, tables.block(table, n, m) @ probe)(at))
        out["coefficients"].append(KeptFunction(grid, tables.rows(tables.coefficients, n))(at))
        out["noise"].append(KeptFunction(grid, tables.rows(tables.noise, n))(at))
    return out


def _sides(grid: Grid) -> tuple[Array, Array]:
    return np.array([axis.ends[0] for axis in grid.axes]), np.array([axis.ends[-1] for axis in grid.axes])


def _places(grid: Grid) -> Array:
    lo, hi = _sides(grid)
    return np.asarray(lo + (hi - lo) * np.random.default_rng(1).random((_COMPARED, len(lo))))


def _polynomials(grid: Grid) -> Array:
    lo, hi = _sides(grid)
    T = 2 * (grid.nodes - lo) / (hi - lo) - 1
    return np.stack([np.prod(T ** np.array(index), axis=1) for index in graded_indices(3, len(lo))], axis=1)
