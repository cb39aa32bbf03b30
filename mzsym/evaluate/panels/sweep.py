"""One pass: backward for the functions M(n, m) phi^(m), forward for the law, then every table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.panels.choose import choose
from mzsym.evaluate.panels.grid import Grid
from mzsym.evaluate.panels.lower import Functions, PanelProblem
from mzsym.evaluate.panels.refine import Wish
from mzsym.evaluate.panels.transition import Transition
from mzsym.evaluate.quadrature.engine import Carried
from mzsym.evaluate.quadrature.grid import StateSeries
from mzsym.evaluate.tables import Tables

DEPENDENT = 1e-11
"""Relative size of what Gram-Schmidt leaves of a function that depends on the ones before it."""

_WORK = 4e11
"""Floating-point operations of one layer that a pass may take: some seconds."""


@dataclass(frozen=True, eq=False)
class Level:
    """Layer n of a pass.

    Attributes
    ----------
    grid : Grid
    values : array of shape (points, columns)
        phi^(n), M(n, n+1) phi^(n+1), ..., M(n, L) phi^(L), M(n, L) u at the nodes.
    """

    grid: Grid
    values: Array

    @cached_property
    def coefs(self) -> Array:
        """Of the panel functions."""
        return self.grid.analyse(self.values)


@dataclass(frozen=True, eq=False)
class Step:
    """A transition, and the grid of the state that it leads to."""

    transition: Transition
    grid: Grid


@dataclass(frozen=True, eq=False)
class Row:
    """The inner products of one layer, and what makes its functions those that the tables refer to.

    Attributes
    ----------
    products : array of shape (d_n, columns)
        Of the tests with all columns of the level; the first d_n of them are the Gram matrix.
    left : matrix
        From the left: L^-1 of an orthogonal projection, G = L L^T, and G^-1 of an oblique one.
    right : matrix
        Coefficients of the orthonormal functions in the stated ones: L^-T, or the identity.
    """

    products: Array
    left: Array
    right: Array


@dataclass(frozen=True, eq=False)
class Pass:
    """A finished pass.

    Attributes
    ----------
    problem : PanelProblem
    steps : tuple of tuples of Step
        From every layer to the next.
    levels : tuple of Level
    weights : tuple of arrays
        mu_n as weights of the nodes of every layer.
    tables : Tables
    rows : tuple of Row
    limits : tuple of str
    """

    problem: PanelProblem
    steps: tuple[tuple[Step, ...], ...]
    levels: tuple[Level, ...]
    weights: tuple[Array, ...]
    tables: Tables
    rows: tuple[Row, ...]
    limits: tuple[str, ...]

    @property
    def right(self) -> tuple[Array, ...]:
        """Coefficients of the orthonormal functions in the stated ones, layer by layer."""
        return tuple(row.right for row in self.rows)

    def pulled_back(self, X: Array) -> Array:
        """phi^(0) and every M(0, m) phi^(m), orthonormalised, and q_0 at points: (points, sum of ranks + outputs)."""
        with blas_threads():
            blocks = [self.problem.functions[0].trial(X)]
            blocks.append(carried(self.steps[0], X, self.levels[1].values))
            raw, at, out = np.hstack(blocks), 0, []
            for matrix in self.right:
                out.append(raw[:, at : at + len(matrix)] @ matrix)
                at += len(matrix)
            return np.hstack([*out, raw[:, at:]])

    def carried(self, n: int) -> Carried:
        """The functions that layer n carries, orthonormalised, by their values at its nodes."""
        values, at, blocks = self.levels[n].values, 0, []
        for matrix in self.right[n:]:
            blocks.append(values[:, at : at + len(matrix)] @ matrix)
            at += len(matrix)
        last = self.tables.coefficients[self.tables.offsets[-2] :]
        return Carried(np.hstack([*blocks, values[:, at:] - blocks[-1] @ last]), self.weights[n])

    def expectation(self, X: Array) -> Array:
        """q_0 at points, (points, outputs): exact for the series of q_1."""
        with blas_threads():
            outputs = self.problem.outputs
            return carried(self.steps[0], X, self.levels[1].values[:, -outputs:])

    def first(self, matrix: Array | None = None) -> StateSeries | None:
        """z -> E q_1(z + xi_0) as a series; None where q_0 is no function of F_0(x) alone.

        With a matrix the same for its combinations of what layer 1 carries but the observable, orthonormalised.
        """
        if len(self.steps[0]) > 1:
            return None
        (step,) = self.steps[0]
        if matrix is None:
            values = self.levels[1].values[:, -self.problem.outputs :]
        else:
            values = self.carried(1).columns[:, : -self.problem.outputs] @ matrix
        return step.transition.in_states(step.grid, step.grid.analyse(values))


def run_pass(problem: PanelProblem, wish: Wish, count: int) -> Pass:
    """Run a pass.

    Parameters
    ----------
    problem : PanelProblem
    wish : Wish
        Of the grids.
    count : int
        Nodes for random weights.
    """
    transitions = problem.transitions(count)
    with blas_threads():
        levels, steps, limits = _backward(problem, transitions, wish)
        weights = _measures(problem, steps, levels)
        rows = tuple(_rows(problem, levels, weights))
        tables = _tables(problem, rows)
    return Pass(problem, steps, levels, weights, tables, rows, limits)


def carried(steps: tuple[Step, ...], X: Array, values: Array) -> Array:
    """M_n of functions known at the nodes of the last grid, at points X: (points, columns)."""
    for k in range(len(steps) - 1, -1, -1):
        at = X if k == 0 else steps[k - 1].grid.nodes
        values = steps[k].transition.apply(at, steps[k].grid, steps[k].grid.analyse(values))
    return values


def pushed(steps: tuple[Step, ...], X: Array, mass: Array) -> Array:
    """The law with these weights at X, carried to weights of the nodes of the last grid."""
    for step in steps:
        mass = step.grid.nodal(step.transition.push(X, mass, step.grid))
        X = step.grid.nodes
    return mass


def _backward(
    problem: PanelProblem, transitions: tuple[tuple[Transition, ...], ...], wish: Wish
) -> tuple[tuple[Level, ...], tuple[tuple[Step, ...], ...], tuple[str, ...]]:
    levels: list[Level] = []
    steps: list[tuple[Step, ...]] = []
    limits = []
    for n in range(problem.depth, -1, -1):
        functions = problem.functions[n]
        if n == problem.depth:
            values, columns, later = _last(problem), functions.size + problem.outputs, 1
        else:
            level, limit = _entrance(problem, n, transitions[n], levels[-1], wish)
            steps.append(_steps(transitions[n], level, levels[-1]))
            limits += limit
            values = _before(functions, transitions[n][0], level)
            columns, later = functions.size + level.values.shape[1], level.grid.points
        most = max(256, int(_WORK / (2.0 * later * columns)))
        checked = _weighted(functions, values, problem.start if n == 0 else None)
        chosen = choose(n, problem.sides[n], problem.breaks[n], checked, wish, most)
        levels.append(Level(chosen.grid, np.ascontiguousarray(chosen.values[:, :columns])))
        if chosen.limit:
            limits.append(chosen.limit)
    return tuple(reversed(levels)), tuple(reversed(steps)), tuple(limits)


def _entrance(
    problem: PanelProblem, n: int, transitions: tuple[Transition, ...], later: Level, wish: Wish
) -> tuple[Level, list[str]]:
    """What the first step of layer n averages: functions of X_{n+1}, or of the state between its two steps."""
    between = problem.between[n]
    if between is None:
        return later, []
    columns, points = later.values.shape[1], later.grid.points
    most = max(256, int(_WORK / (2.0 * points * columns)))
    second = transitions[1]
    chosen = choose(n, between.sides, between.breaks, lambda T: second.apply(T, later.grid, later.coefs), wish, most)
    return Level(chosen.grid, chosen.values), [chosen.limit] if chosen.limit else []


def _steps(transitions: tuple[Transition, ...], entrance: Level, later: Level) -> tuple[Step, ...]:
    if len(transitions) == 1:
        return (Step(transitions[0], later.grid),)
    return Step(transitions[0], entrance.grid), Step(transitions[1], later.grid)


def _last(problem: PanelProblem) -> Callable[[Array], Array]:
    trial, n = problem.functions[-1].trial, problem.depth

    def values(X: Array) -> Array:
        u = problem.observable(X)
        if not np.isfinite(u).all():
            raise MzError(
                f"The observable is not finite at {int((~np.isfinite(u)).sum())} of {u.size} values",
                f"observable on the domain of X_{n}",
                "Use an observable that is finite on the output domain",
            )
        return np.hstack([trial(X), u])

    return values


def _before(functions: Functions, transition: Transition, later: Level) -> Callable[[Array], Array]:
    return lambda X: np.hstack([functions.trial(X), transition.apply(X, later.grid, later.coefs)])


def _weighted(
    functions: Functions, values: Callable[[Array], Array], start: Callable[[Array], Array] | None
) -> Callable[[Array], Array]:
    """The functions, and what their inner products integrate.

    That is tests times the weight of the measure. A law is carried by weights that are exact for the series on each
    panel, so products of two functions must be resolved; its own density only where it starts.
    """

    def checked(X: Array) -> Array:
        products = functions.tests(X)
        if functions.weight is not None:
            products = products * functions.weight(X)[:, None]
        else:
            products = products**2 if start is None else products**2 * start(X)[:, None]
        return np.hstack([values(X), products / max(1e-300, float(np.abs(products).max(initial=1e-300)))])

    return checked


def _measures(
    problem: PanelProblem,
    steps: tuple[tuple[Step, ...], ...],
    levels: tuple[Level, ...],
) -> tuple[Array, ...]:
    """Weights of the nodes: of the stated density, or of the law carried forward."""
    if all(f.weight is not None for f in problem.functions):
        return tuple(
            level.grid.weights * f.weight(level.grid.nodes)  # type: ignore[misc]
            for f, level in zip(problem.functions, levels, strict=True)
        )
    grid = levels[0].grid
    X, mass = grid.nodes, grid.weights * problem.start(grid.nodes)
    mass = mass / mass.sum()
    out = []
    for n, level in enumerate(levels):
        if n:
            mass = pushed(steps[n - 1], X, mass)
            X = level.grid.nodes
        out.append(mass)
    return tuple(out)


def _rows(problem: PanelProblem, levels: tuple[Level, ...], weights: tuple[Array, ...]) -> Iterator[Row]:
    for n, (functions, level, mass) in enumerate(zip(problem.functions, levels, weights, strict=True)):
        products = (functions.tests(level.grid.nodes) * mass[:, None]).T @ level.values
        yield Row(products, *_normalisers(products[:, : functions.size], functions.orthogonal, n))


def _tables(problem: PanelProblem, rows: tuple[Row, ...]) -> Tables:
    depth = problem.depth
    offsets = tuple(int(k) for k in np.concatenate([[0], np.cumsum(problem.ranks)]))
    C = np.eye(offsets[-1])
    coefficients = np.zeros((offsets[-1], problem.outputs))
    for n, row in enumerate(rows):
        here = slice(offsets[n], offsets[n + 1])
        table = row.left @ row.products
        for m in range(n + 1, depth + 1):
            columns = slice(offsets[m] - offsets[n], offsets[m + 1] - offsets[n])
            C[here, offsets[m] : offsets[m + 1]] = table[:, columns] @ rows[m].right
        coefficients[here] = table[:, offsets[-1] - offsets[n] :]
    last = coefficients[offsets[depth] :]
    unresolved = coefficients - C[:, offsets[depth] :] @ last
    return Tables(C, offsets, coefficients, unresolved)


def _normalisers(gram: Array, orthogonal: bool, n: int) -> tuple[Array, Array]:
    """L^-1 and L^-T of an orthogonal projection; G^-1 and I of an oblique one."""
    size = np.sqrt(np.abs(np.diag(gram)))
    if orthogonal:
        scaled = gram / np.outer(size, size)
        try:
            L = cholesky(0.5 * (scaled + scaled.T), lower=True)
        except LinAlgError:
            L = None
        if L is None or np.diag(L).min() < np.sqrt(DEPENDENT):
            at = _first_dependent(scaled)
            raise MzError(
                f"Function {at} of the basis depends linearly on the ones before it in the measure of X_{n}",
                f"projection, layer {n}",
                "Leave it out, or use a measure that sees the difference",
            )
        inverse = solve_triangular(L, np.diag(1.0 / size), lower=True)
        return inverse, inverse.T
    # An oblique Gram matrix has no sign: its rows and columns are only brought to one size.
    rows = np.abs(gram).max(axis=1, keepdims=True)
    if not (rows > 0).all() or np.linalg.cond(gram / rows) > 1.0 / DEPENDENT:
        raise MzError(
            f"The tests do not tell the functions of the basis apart on X_{n}",
            f"projection, layer {n}",
            "Choose tests whose inner products with the functions form a regular matrix",
        )
    return np.linalg.inv(gram / rows) / rows.T, np.eye(len(gram))


def _first_dependent(scaled: Array) -> int:
    for k in range(1, len(scaled) + 1):
        if np.linalg.eigvalsh(scaled[:k, :k]).min() < DEPENDENT:
            return k - 1
    return len(scaled) - 1
