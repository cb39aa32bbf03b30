"""The adjoint of a noise average: from what a rule is made of to the scale or the shape parameters of the law.

A rule is nodes and weights, and a polynomial's average is a function of both. For a stated density the pieces between
its break points are moved as a whole. MATH (38a).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import sympy as sp

from mzsym.calculus.laws import DensityLaw
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import NOISE_VARIABLE
from mzsym.evaluate.gradient.expressions import regular
from mzsym.evaluate.gradient.kernels import averaged_adjoint, legendre_slopes
from mzsym.evaluate.quadrature.grid import analysis
from mzsym.evaluate.quadrature.kernels import legendre_rows
from mzsym.evaluate.quadrature.noise import NoiseLaw, ScaledLaw
from mzsym.evaluate.quadrature.rules import gauss_legendre
from mzsym.evaluate.quadrature.stated_law import (
    BLOCK,
    Cell,
    StatedLaw,
    UnresolvedError,
    Values,
    composite,
    piece_ends,
    place,
    resolved_cells,
)
from mzsym.model.numeric import evaluate

Slopes: TypeAlias = dict[sp.Symbol | str, float]
"""Derivative by "scale", or by each parameter of a stated density."""


@dataclass(frozen=True)
class NoiseSeed:
    """Derivatives of a number by what the averages over one noise component are made of.

    Attributes
    ----------
    middle, reach : float
        Of the support.
    degree : int
        Of the polynomials that were averaged; negative where none was.
    offsets, weights : array
        Of the rule of this degree, in the units of the law.
    """

    middle: float
    reach: float
    degree: int = -1
    offsets: Array | None = None
    weights: Array | None = None


def smoothing_adjoint(law: NoiseLaw, inner: float, bar: Array) -> tuple[float, Array, Array]:
    """From derivatives by the smoothing matrix on a domain of half-width 1 to those by what it is made of.

    Parameters
    ----------
    law : NoiseLaw
        In units of the half-width.
    inner : float
        Half-width of the interval of states before noise.
    bar : array of shape (order, order)

    Returns
    -------
    inner : float
        Derivative by ``inner``.
    offsets, weights : arrays
        Derivatives by the rule of degree order - 1.
    """
    order = len(bar)
    nodes, _ = gauss_legendre(order)
    # What stands below the diagonal of the matrix is 0 whatever the law.
    by_values = analysis(order).T @ np.triu(bar)
    centers, offsets, weights = averaged_adjoint(inner * nodes, *law.rule(order - 1), by_values)
    return float(centers @ nodes), offsets, weights


def law_slopes(law: NoiseLaw, seed: NoiseSeed) -> Slopes:
    """Derivatives by the parameters of a law.

    Raises
    ------
    MzError
        Where the derivative of a density is not resolved on cells.
    """
    if isinstance(law, ScaledLaw):
        slope = law.extent * seed.reach
        if seed.offsets is not None and law.scale > 0.0:
            slope += float(law.rule(seed.degree)[0] @ seed.offsets) / law.scale
        return {"scale": slope}
    assert isinstance(law, StatedLaw)
    values = dict(law.values)
    partials = _partials(law.law)
    ends = piece_ends(law.law, law.values)
    moved = evaluate(partials.ends, values, 1).reshape(-1, len(ends))
    _check_apart(law, ends, moved)
    slopes = 0.5 * (seed.middle * (moved[:, -1] + moved[:, 0]) + seed.reach * (moved[:, -1] - moved[:, 0]))
    if seed.offsets is not None and seed.weights is not None:
        slopes = slopes + _moment_slopes(law, seed, moved)
    return dict(zip(partials.symbols, (law.unit * slopes).tolist(), strict=True))


def _check_apart(law: StatedLaw, ends: Array, moved: Array) -> None:
    """Refuse points that lie together and move apart: which comes first decides what is between them."""
    near = 1e-14 * (ends[-1] - ends[0])
    where = ""
    for k in np.flatnonzero(np.diff(ends) <= near):
        if np.abs(moved[:, k + 1] - moved[:, k]).max(initial=0.0) > 0.0:
            where = f"Two break points of a noise density meet at {ends[k]:.6g}"
    for end in (law.law.lower, law.law.upper):
        for node in end.atoms(sp.Min, sp.Max):
            values = evaluate(node.args, dict(law.values), 1)[0]
            chosen = values.min() if isinstance(node, sp.Min) else values.max()
            if (np.abs(values - chosen) <= near).sum() > 1:
                where = f"Two laws of a noise density end at {chosen:.6g}"
    if where:
        raise MzError(
            f"{where} and move with different parameters: there it has no derivative",
            "value_and_grad(scalar)",
            "Move one of these parameters by a little",
        )


def _moment_slopes(law: StatedLaw, seed: NoiseSeed, moved: Array) -> Array:
    """What comes through the nodes and weights of the rule, one number per parameter, per unit of the law.

    The nodes are the reach times fixed ones; the weights are made of the moments E phi_j(u), which are sums over a
    composite rule whose nodes are fixed fractions of the pieces that end at ``moved`` points.
    """
    assert seed.offsets is not None and seed.weights is not None
    count, ends = seed.degree + 1, piece_ends(law.law, law.values)
    by_moments = analysis(count) @ seed.weights
    rule = composite(slope_cells(law.law, law.values), count)
    x, lengths = rule.at(ends)
    values = {**dict(law.values), NOISE_VARIABLE: x}
    density, along, *others = evaluate(_partials(law.law).functions, values, len(x)).T
    total = float((rule.weights * lengths) @ density)
    weights, u = rule.weights * lengths * density / total, place(ends, x)
    by_weights, by_places = _rows(legendre_rows, u, by_moments), weights * _rows(legendre_slopes, u, by_moments)
    # The weights are divided by their sum, which moves as well.
    by_weights = (by_weights - by_weights @ weights) * rule.weights / total
    half = 0.5 * (ends[-1] - ends[0])
    out = np.empty(len(others))
    for k, (by_parameter, ends_moved) in enumerate(zip(others, moved, strict=True)):
        x_moved, length_moved = rule.at(ends_moved)
        grown = length_moved * density + lengths * (by_parameter + along * x_moved)
        reach, middle = 0.5 * (ends_moved[-1] - ends_moved[0]), 0.5 * (ends_moved[0] + ends_moved[-1])
        u_moved = (x_moved - middle - u * reach) / half
        nodes = reach * float(gauss_legendre(count)[0] @ seed.offsets)
        out[k] = nodes + (by_weights @ grown + by_places @ u_moved) / law.unit
    return out


def _rows(rows: Callable[[Array, int], Array], u: Array, coefs: Array) -> Array:
    """rows(u, len(coefs)) @ coefs, in blocks."""
    blocks = [slice(start, start + BLOCK) for start in range(0, len(u), BLOCK)]
    return np.concatenate([rows(u[block], len(coefs)) @ coefs for block in blocks])


@lru_cache(maxsize=256)
def slope_cells(law: DensityLaw, values: Values) -> tuple[Cell, ...]:
    """Cells on which the density and its derivatives are resolved.

    Where a parameter does not count for the density, as an amplitude that is 0, it may count for its derivative.
    """
    exprs = _partials(law).functions

    def functions(x: Array) -> Array:
        return evaluate(exprs, {**dict(values), NOISE_VARIABLE: x}, len(x))

    try:
        return resolved_cells(functions, list(piece_ends(law, values)))
    except UnresolvedError as reason:
        raise MzError(
            f"The derivative of a noise density by its parameters {reason}",
            "value_and_grad(scalar)",
            "Use a density whose derivatives are smooth between its break points",
        ) from None


@dataclass(frozen=True)
class _Partials:
    """Derivatives of a density: itself, along the noise and by every parameter; and by them of the ends of pieces."""

    symbols: tuple[sp.Symbol, ...]
    functions: tuple[sp.Expr, ...]
    ends: tuple[sp.Expr, ...]


@lru_cache(maxsize=64)
def _partials(law: DensityLaw) -> _Partials:
    density, ends = law.density(NOISE_VARIABLE), (law.lower, *law.points, law.upper)
    free = density.free_symbols.union(*(end.free_symbols for end in ends)) - {NOISE_VARIABLE}
    symbols = tuple(sorted(free, key=lambda symbol: symbol.name))
    moving = any(end.free_symbols for end in ends)
    along = regular(sp.diff(density, NOISE_VARIABLE)) if moving else sp.S.Zero
    functions = (density, along, *(regular(sp.diff(density, symbol)) for symbol in symbols))
    return _Partials(symbols, functions, tuple(regular(sp.diff(end, s)) for s in symbols for end in ends))
