"""The noise average (M v)(x) = E[v(X')] of an expression, X' = F(x; w) + G(x) xi, MATH (1), (4) and (17)-(19)."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import sympy as sp

from mzsym.calculus.closed import Closed
from mzsym.calculus.component import Coordinate
from mzsym.calculus.engine import average
from mzsym.calculus.laws import GaussianLaw, LaplaceLaw, Law, TruncatedGaussianLaw, UniformLaw

Gain: TypeAlias = tuple[sp.Expr, ...] | sp.ImmutableMatrix | None
Weights: TypeAlias = tuple[tuple[sp.Symbol, Law], ...]

_SCALE = {UniformLaw: "half_width", GaussianLaw: "scale", TruncatedGaussianLaw: "scale", LaplaceLaw: "scale"}
"""Symmetric laws that stay in their family when multiplied, with the field that is."""


def noise_average(
    v: sp.Expr,
    y: tuple[sp.Symbol, ...],
    center: tuple[sp.Expr, ...],
    laws: tuple[Law, ...],
    xi: tuple[sp.Symbol, ...],
    max_operations: int,
    gain: Gain = None,
    weights: Weights = (),
) -> Closed:
    """(M v)(x) = E[v(center + gain xi)] over independent noise components and random weights, MATH (4).

    Exact whatever the answer: closed where the rules (17)-(19) reach, otherwise with ``Integral`` over the noise
    variables, in the lowest dimension that integrating single coordinates out leads to.

    Parameters
    ----------
    v : Expr
        Function of the state ``y``.
    y : tuple of Symbol, length N
        State after the layer.
    center : tuple of Expr, length N
        Noise-free state, in other symbols: F(x; w).
    laws : tuple of Law, length K
        Law of each noise component; K = N unless the gain is a matrix.
    xi : tuple of Symbol, length K
        Integration variables for what stays open.
    max_operations : int
        Size above which a closed form is not written out.
    gain : tuple of Expr, length N, or matrix of shape (N, K), optional
        In the symbols of ``center`` other than the random weights.
    weights : tuple of (Symbol, Law)
        Random symbols of ``center``, independent of each other and of the noise.

    Returns
    -------
    Closed
        The average, in the symbols of ``center`` without the random weights.

    Examples
    --------
    >>> x, y, xi, w = sp.symbols("x y xi w", real=True)
    >>> s = sp.Symbol("s", positive=True)
    >>> noise_average(y**2, (y,), (sp.tanh(x),), (UniformLaw(s),), (xi,), 5000).expr
    s**2/3 + tanh(x)**2
    >>> noise_average(sp.tanh(y), (y,), (x,), (UniformLaw(s),), (xi,), 5000).expr.doit()
    (-log(cosh(s - x)) + log(cosh(s + x)))/(2*s)
    >>> noise_average(y**2, (y,), (w * x,), (UniformLaw(s),), (xi,), 5000, (x,), ((w, GaussianLaw(sp.S.One)),)).expr
    s**2*x**2/3 + x**2
    """
    taken = set().union(*(expr.free_symbols for expr in center)) if center else set()
    taken |= set().union(*(expr.free_symbols for expr in gain)) if gain is not None else set()
    if taken & set(y):
        # The centre uses the same names: the noisy state gets fresh ones.
        fresh = tuple(sp.Dummy(symbol.name, real=True) for symbol in y)
        v, y = v.xreplace(dict(zip(y, fresh, strict=True))), fresh
    rows = _rows(gain, laws)
    random = tuple(symbol for symbol, _ in weights)
    whole: dict[sp.Symbol, sp.Expr] = {}
    coordinates: list[Coordinate] = []
    used: dict[int, None] = {}
    rules: list[str] = []
    for i, (symbol, c) in enumerate(zip(y, center, strict=True)):
        own = rows[i]
        if len(own) == 1 and not c.has_free(*random) and _alone(rows, i):
            ((j, factor),) = own.items()
            scaled = _scaled(laws[j], factor)
            if scaled is not None:
                coordinates.append(_coordinate(symbol, c, factor, laws[j], scaled, xi[j]))
                continue
        used |= dict.fromkeys(own)
        whole[symbol] = c + sp.Add(*(factor * xi[j] for j, factor in own.items()))
    v = v.xreplace(whole) if whole else v
    coordinates += [_noise(xi[j], laws[j]) for j in used] + [_noise(symbol, law) for symbol, law in weights]
    if any(not row and not c.has_free(*random) for row, c in zip(rows, center, strict=True)):
        rules.append("composition where there is no noise, MATH (4)")
    if gain is not None:
        rules.append("noise multiplied by the gain of the layer, MATH (1)")
    if weights:
        rules.append("average over the random weights of the layer, MATH (1)")
    result = average(v, coordinates, max_operations)
    return Closed(result.expr, result.closed, (*rules, *result.rules), result.dimension)


def _rows(gain: Gain, laws: tuple[Law, ...]) -> list[dict[int, sp.Expr]]:
    """For every component of the state the noise components that reach it, with their factors."""
    if gain is None:
        pairs = [[(j, sp.S.One)] for j in range(len(laws))]
    elif isinstance(gain, sp.MatrixBase):
        pairs = [[(j, gain[i, j]) for j in range(gain.cols)] for i in range(gain.rows)]
    else:
        pairs = [[(i, factor)] for i, factor in enumerate(gain)]
    return [{j: factor for j, factor in row if not (factor.is_zero or laws[j].deterministic)} for row in pairs]


def _alone(rows: list[dict[int, sp.Expr]], i: int) -> bool:
    """Whether no other component shares the noise of component i."""
    return all(k == i or not (rows[i].keys() & row.keys()) for k, row in enumerate(rows))


def _scaled(law: Law, factor: sp.Expr) -> Law | None:
    """Law of factor * xi where it stays in its family; a symmetric law asks for the magnitude of the factor only."""
    if factor == 1:
        return law
    name = _SCALE.get(type(law))
    return None if name is None else replace(law, **{name: sp.Abs(factor) * getattr(law, name)})  # type: ignore[type-var]


def _coordinate(
    symbol: sp.Symbol, center: sp.Expr, factor: sp.Expr, law: Law, scaled: Law, variable: sp.Symbol
) -> Coordinate:
    """center + factor * xi as one coordinate.

    The rules see its own law; an integral that stays open runs over xi, so that nothing divides by a factor that may
    vanish.
    """
    value = center + factor * variable
    return Coordinate(symbol, center, scaled, variable, value, law.density(variable), *law.support)


def _noise(symbol: sp.Symbol, law: Law) -> Coordinate:
    """A noise component or a random weight by itself."""
    return Coordinate(symbol, sp.S.Zero, law, symbol, symbol, law.density(symbol), *law.support)
