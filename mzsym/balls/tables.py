"""C, K, r and c of a chain of one-dimensional layers in balls, MATH (14), (15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from mzsym.balls.analytic import check_known, value_at
from mzsym.balls.carried import (
    Carried,
    Map,
    Matrix,
    Side,
    basis,
    inner_products,
    interpolated,
    stepped,
    truncated_moments,
    uniform_moments,
)
from mzsym.balls.numbers import lower, precision, to_arb, upper
from mzsym.core.arrays import Array

BITS_PER_NODE = 4
"""Monomials of degree N lose about 2.6 N bits."""

BITS = 96


@dataclass(frozen=True, eq=False)
class LayerBalls:
    """A layer for rigorous tables.

    Attributes
    ----------
    map : Map
        F.
    moments : function
        count -> E xi^j, j < count.
    reach : function
        () -> bound of |xi|.
    """

    map: Map
    moments: Any
    reach: Any


@dataclass(frozen=True, eq=False)
class BallTables:
    """Stacked tables; the rows of layer n are n * rank ... (n + 1) * rank - 1.

    Attributes
    ----------
    C, memory : arb_mat of shape (D, D)
    coefficients, noise : arb_mat of shape (D, outputs)
    rank, nodes : int
    """

    C: Matrix
    memory: Matrix
    coefficients: Matrix
    noise: Matrix
    rank: int
    nodes: int


def tables_of(
    layers: Sequence[LayerBalls],
    sides: Sequence[tuple[Any, Any]],
    rank: int,
    observables: Sequence[Map],
    nodes: int,
    lebesgue: bool,
) -> BallTables:
    """Every table with its error.

    Parameters
    ----------
    layers : sequence of LayerBalls
    sides : sequence of (centre, half)
        Exact numbers, X_0..X_L.
    rank : int
        Degree of the projection plus 1.
    observables : sequence of Map
    nodes : int
        Chebyshev points a layer.
    lebesgue : bool
        Whether the measure is Lebesgue's; otherwise the uniform one.
    """
    before = flint.ctx.prec
    flint.ctx.prec = BITS + BITS_PER_NODE * nodes
    try:
        return _tables(layers, [Side(to_arb(c), to_arb(h)) for c, h in sides], rank, observables, nodes, lebesgue)
    finally:
        flint.ctx.prec = before


def _tables(
    layers: Sequence[LayerBalls],
    sides: Sequence[Side],
    rank: int,
    observables: Sequence[Map],
    nodes: int,
    lebesgue: bool,
) -> BallTables:
    depth, outputs = len(layers), len(observables)
    total = (depth + 1) * rank
    C, coefficients = flint.arb_mat(total, total), flint.arb_mat(total, outputs)
    for i in range(total):
        C[i, i] = flint.arb(1)
    last = [interpolated(u, sides[depth], nodes) for u in observables]
    whole = basis(rank)
    for function in last:
        whole = whole.beside(function)
    _place(coefficients, inner_products(rank, _part(whole, rank, outputs)), depth * rank, 0)
    for n in range(depth - 1, -1, -1):
        layer, count = layers[n], int(whole.coefs.nrows())
        whole = stepped(whole, sides[n], sides[n + 1], layer.map, layer.moments(count), layer.reach(), nodes)
        found = inner_products(rank, whole)
        width = whole.columns - outputs
        for i in range(rank):
            for j in range(width):
                C[n * rank + i, (n + 1) * rank + j] = found[i, j]
            for j in range(outputs):
                coefficients[n * rank + i, j] = found[i, width + j]
        whole = basis(rank).beside(whole)
    if lebesgue:
        _rescale(C, coefficients, sides, rank)
    memory = -C.inv()
    for i in range(total):
        memory[i, i] = memory[i, i] + 1
    return BallTables(C, memory, coefficients, _noise(C, memory, coefficients, depth, rank, outputs), rank, nodes)


def _noise(C: Matrix, memory: Matrix, coefficients: Matrix, depth: int, rank: int, outputs: int) -> Matrix:
    """r = (I - K) c-perp, c-perp_n = c_n - C(n, L) c_L, MATH (15)."""
    total, o = C.nrows(), depth * rank
    unresolved = flint.arb_mat(total, outputs)
    for i in range(o):
        for j in range(outputs):
            resolved = sum((C[i, o + k] * coefficients[o + k, j] for k in range(rank)), flint.arb(0))
            unresolved[i, j] = coefficients[i, j] - resolved
    return unresolved - memory * unresolved


def _rescale(C: Matrix, coefficients: Matrix, sides: Sequence[Side], rank: int) -> None:
    """From the uniform measures to Lebesgue's: eta / sqrt(2 half) is orthonormal there."""
    roots = [(2 * side.half).sqrt() for side in sides]
    for i in range(C.nrows()):
        for j in range(i + 1, C.ncols()):
            C[i, j] = C[i, j] * roots[i // rank] / roots[j // rank]
        for j in range(coefficients.ncols()):
            coefficients[i, j] = coefficients[i, j] * roots[i // rank]


def _part(whole: Carried, first: int, count: int) -> Carried:
    rows = int(whole.coefs.nrows())
    out = flint.arb_mat(rows, count)
    for i in range(rows):
        for j in range(count):
            out[i, j] = whole.coefs[i, first + j]
    return Carried(out, whole.errors[first : first + count])


def _place(target: Matrix, block: Matrix, row: int, column: int) -> None:
    for i in range(block.nrows()):
        for j in range(block.ncols()):
            target[row + i, column + j] = block[i, j]


def block(table: Matrix, rows: slice, columns: slice) -> tuple[Array, Array]:
    """Ends of the entries of a block, rounded outward."""
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    low, high = np.empty(shape), np.empty(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            entry = table[rows.start + i, columns.start + j]
            low[i, j], high[i, j] = lower(entry), upper(entry)
    return low, high


def widest(table: Matrix) -> float:
    """Largest radius of an entry."""
    return max((float(table[i, j].rad()) for i in range(table.nrows()) for j in range(table.ncols())), default=0.0)


def norm_from_below(table: Matrix, rows: slice, columns: slice, direction: Array) -> float:
    """||A v||/||v|| for a direction v, rounded down: a proved lower bound of the norms of all A in a block."""
    if not np.any(direction):
        return 0.0
    with precision():
        v = [flint.arb(float(x)) for x in direction]
        image = flint.arb(0)
        for i in range(rows.start, rows.stop):
            row = sum((table[i, columns.start + j] * x for j, x in enumerate(v)), flint.arb(0))
            image += row * row
        return max(0.0, lower((image / sum((x * x for x in v), flint.arb(0))).sqrt())) if bool(image > 0) else 0.0


def layer_balls(
    expr: sp.Expr, symbol: sp.Symbol, values: Mapping[sp.Symbol, Any], law: str, scale: Any, cutoff: Any
) -> LayerBalls:
    """A layer from its map and its noise, all numbers exact.

    Parameters
    ----------
    expr : sympy.Expr
        F in ``symbol`` and the symbols of ``values``.
    values : mapping
        Symbol -> exact number.
    law : {"uniform", "truncated_gaussian", "deterministic"}
    scale, cutoff : exact numbers
        ``cutoff`` for the truncated law alone.

    Raises
    ------
    MzError
        For a function that balls do not know.
    """
    function = map_of(expr, symbol, values)
    if law == "deterministic":
        return LayerBalls(function, lambda count: [flint.arb(j == 0) for j in range(count)], lambda: flint.arb(0))
    if law == "uniform":
        return LayerBalls(function, lambda count: uniform_moments(to_arb(scale), count), lambda: to_arb(scale))
    return LayerBalls(
        function,
        lambda count: truncated_moments(to_arb(scale), to_arb(cutoff), count),
        lambda: to_arb(scale) * to_arb(cutoff),
    )


def map_of(expr: sp.Expr, symbol: sp.Symbol, values: Mapping[sp.Symbol, Any]) -> Map:
    """An expression as a function of complex balls, at whatever precision it is called."""
    check_known(expr, {symbol, *values})
    used = {name: value for name, value in values.items() if name in expr.free_symbols}

    def function(z: Any, analytic: bool) -> Any:
        return value_at(expr, {symbol: z, **{name: flint.acb(to_arb(v)) for name, v in used.items()}}, analytic)

    return function
