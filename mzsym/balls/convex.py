"""Lower bounds near a smooth minimum: one convexity proof instead of thousands of small boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import flint
import numpy as np
import sympy as sp

from mzsym.balls.expressions import Tape, compile_tape
from mzsym.balls.intervals import ZERO, Interval, interval
from mzsym.balls.numbers import Arb
from mzsym.core import MzError
from mzsym.core.arrays import Array

_NEWTON_STEPS = 4


def middle(side: Interval) -> Arb:
    """Midpoint of an interval, exact."""
    return ((side.lo + side.hi) / 2).mid() if side.lo < side.hi else side.lo


@lru_cache(maxsize=512)
def with_derivatives(expr: sp.Expr, variables: tuple[sp.Symbol, ...], order: int) -> Tape | None:
    """Tape of the expression, its gradient and, for order 2, the upper triangle of its Hessian.

    None where SymPy writes a derivative with functions that have no enclosure, or where it misses the jumps of a case
    distinction: then values alone are used.
    """
    if expr.has(sp.Piecewise):
        return None
    gradient = [sp.diff(expr, symbol) for symbol in variables]
    hessian = [sp.diff(gradient[i], variables[j]) for i, j in _upper(len(variables))] if order == 2 else []
    try:
        return compile_tape((expr, *gradient, *hessian))
    except MzError:
        return None


def _upper(size: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(size) for j in range(i, size)]


def convex_bound(
    tape: Tape,
    sign: int,
    variables: Sequence[sp.Symbol],
    fixed: Mapping[sp.Symbol, Interval],
    box: Sequence[Interval],
) -> tuple[Arb, Arb]:
    """Lower bound of sign * f on a box, and its value, from above, at a point z close to a critical point.

    NaN where there is no such point, or no proof.

    With f in C2 on the hull R of box and z, f(x) = f(z) + g.(x - z) + (x - z)'H(x - z)/2 with g the gradient at z and H
    in the enclosure of the Hessian over R. If V'HV has its eigenvalues above l > 0 for a matrix V, then
    f(x) >= f(z) - |V'g|**2/(2 l).
    """
    free, nothing = [k for k, side in enumerate(box) if side.lo < side.hi], flint.arb.nan()
    point = _critical_point(tape, variables, fixed, box, free) if free else None
    if point is None:
        return nothing, nothing
    region = [side.union(interval(z)) for side, z in zip(box, point, strict=True)]
    values = tape.run({**fixed, **{s: interval(z) for s, z in zip(variables, point, strict=True)}})
    value = values[0] if sign > 0 else -values[0]
    parts, tame = tape.run_tame({**fixed, **dict(zip(variables, region, strict=True))})
    hessian = _square(parts[1 + len(box) :], len(box), free)
    if not tame or not all(entry.finite for row in hessian for entry in row):
        return nothing, value.hi
    hessian = [[entry if sign > 0 else -entry for entry in row] for row in hessian]
    return _below(value, [values[1 + k] for k in free], hessian), value.hi


def _below(value: Interval, gradient: list[Interval], hessian: list[list[Interval]]) -> Arb:
    size = len(gradient)
    middles = np.array([[float(middle(entry).mid()) for entry in row] for row in hessian])
    if not np.all(np.isfinite(middles)):
        return flint.arb.nan()
    turn = np.linalg.eigh(middles)[1]
    basis = [[interval(float(turn[i, j])) for j in range(size)] for i in range(size)]
    # Gershgorin on V'HV, nearly diagonal for the eigenvectors V of the middle.
    turned = _product(_product(_transposed(basis), hessian), basis)
    least = flint.arb.pos_inf()
    for i, row in enumerate(turned):
        reach = sum(
            (entry.lo.abs_upper().max(entry.hi.abs_upper()) for j, entry in enumerate(row) if j != i), flint.arb(0)
        )
        least = least.min((row[i].lo - reach).lower())
    if not least > 0:
        return flint.arb.nan()
    turned_gradient = _product(_transposed(basis), [[entry] for entry in gradient])
    square = sum((_largest(row[0]) ** 2 for row in turned_gradient), flint.arb(0))
    return (value.lo - square / (2 * least)).lower()


def _largest(entry: Interval) -> Arb:
    return entry.lo.abs_upper().max(entry.hi.abs_upper())


def _critical_point(
    tape: Tape,
    variables: Sequence[sp.Symbol],
    fixed: Mapping[sp.Symbol, Interval],
    box: Sequence[Interval],
    free: list[int],
) -> list[Arb] | None:
    """A few Newton steps in doubles from the middle, kept in the box that the variables come from."""
    point = [middle(side) for side in box]
    for _ in range(_NEWTON_STEPS):
        parts = tape.run({**fixed, **{s: interval(z) for s, z in zip(variables, point, strict=True)}})
        numbers = [float(middle(part).mid()) if part.finite else float("nan") for part in parts]
        gradient = np.array([numbers[1 + k] for k in free])
        step = _newton_step(_numeric_square(numbers[1 + len(box) :], len(box), free), gradient)
        if step is None:
            return None
        for k, change in zip(free, step, strict=True):
            width = float(box[k].width.mid())
            if abs(change) > 2 * width:
                return None
            outer = fixed[variables[k]]
            point[k] = (point[k] - flint.arb(float(change))).mid().max(outer.lo).min(outer.hi)
        if np.max(np.abs(step)) < 1e-13:
            break
    return point


def _newton_step(hessian: Array, gradient: Array) -> Array | None:
    if not (np.all(np.isfinite(hessian)) and np.all(np.isfinite(gradient))):
        return None
    try:
        step = np.linalg.solve(hessian, gradient)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(step, dtype=np.float64) if np.all(np.isfinite(step)) else None


def _square(triangle: Sequence[Interval], size: int, free: list[int]) -> list[list[Interval]]:
    entry = dict(zip(_upper(size), triangle, strict=True))
    return [[entry[min(i, j), max(i, j)] for j in free] for i in free]


def _numeric_square(triangle: Sequence[float], size: int, free: list[int]) -> Array:
    entry = dict(zip(_upper(size), triangle, strict=True))
    return np.array([[entry[min(i, j), max(i, j)] for j in free] for i in free])


def _transposed(A: list[list[Interval]]) -> list[list[Interval]]:
    return [list(row) for row in zip(*A, strict=True)]


def _product(A: list[list[Interval]], B: list[list[Interval]]) -> list[list[Interval]]:
    columns = _transposed(B)
    return [[sum((a * b for a, b in zip(row, column, strict=True)), ZERO) for column in columns] for row in A]
