"""Families of noise densities with shape parameters, as expressions: splines (histograms among them) and mixtures.

Weights are squares of amplitudes, divided by their sum: whatever the amplitudes are, the density is not negative and
has mass 1, and rational amplitudes keep it rational.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import NOISE_VARIABLE
from mzsym.model.density import MAX_BREAKS
from mzsym.model.values import Number, NumberLike, as_number, exact_floats

if TYPE_CHECKING:
    from mzsym.model.noise import AbstractNoise

Family: TypeAlias = tuple[sp.Expr, tuple[sp.Expr, sp.Expr], dict[sp.Symbol, Any]]
"""Density in ``NOISE_VARIABLE``, ends of the support, parameters with their values."""

_MOST_DEGREE = 5


def spline(
    amplitudes: Sequence[NumberLike | None], support: Sequence[Any], degree: int, name: str, where: str
) -> Family:
    """The density sum_i a_i^2 B_i / sum_i a_i^2 m_i, B_i the B-splines on equal parts, m_i their integrals.

    Raises
    ------
    MzError
        For amplitudes of which none counts, too few or too many of them, and another degree or support.
    """
    values = _checked_amplitudes(amplitudes, where)
    if isinstance(degree, bool) or not isinstance(degree, int) or not 0 <= degree <= _MOST_DEGREE:
        raise MzError(f"The degree is {degree!r}", where, f"Use 0 (a histogram) to {_MOST_DEGREE}")
    parts = len(values) - degree
    if not 1 <= parts <= MAX_BREAKS + 1:
        raise MzError(
            f"{len(values)} amplitudes leave {parts} parts of the support",
            where,
            f"Give {degree + 1} to {degree + MAX_BREAKS + 1} amplitudes for degree {degree}",
        )
    if not isinstance(support, (list, tuple)) or len(support) != 2:
        raise MzError(f"The support is {support!r}", where, "Write support=(lo, hi)")
    lo, hi = (_end(end, where) for end in support)
    symbols = _symbols(name, len(values))
    squares = [symbol**2 for symbol in symbols]
    knots = [min(max(k - degree, 0), parts) for k in range(parts + 2 * degree + 1)]
    masses = [sp.Rational(knots[i + degree + 1] - knots[i], degree + 1) for i in range(len(values))]
    scaled = parts * (NOISE_VARIABLE - lo) / (hi - lo)
    pieces = []
    for j in range(parts):
        basis = _on_part(knots, degree, j)
        value = sp.Add(*(squares[i] * _horner(basis[i], scaled - j) for i in sorted(basis)))
        pieces.append((value, sp.StrictLessThan(NOISE_VARIABLE, lo + (hi - lo) * sp.Rational(j + 1, parts))))
    total = (hi - lo) * sp.Add(*(square * mass for square, mass in zip(squares, masses, strict=True))) / parts
    whole = sp.Piecewise(*pieces[:-1], (pieces[-1][0], True))
    return whole / total, (lo, hi), dict(zip(symbols, values, strict=True))


def _end(end: Any, where: str) -> sp.Expr:
    try:
        found = exact_floats(sp.sympify(end, strict=True))
    except sp.SympifyError:
        raise MzError(f"{end!r} is no number or expression", where, "Write support=(lo, hi)") from None
    if not isinstance(found, sp.Expr) or found.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
        raise MzError(f"The end {end!r} of the support is not finite", where, "Give two finite ends")
    return found


def _on_part(knots: Sequence[int], degree: int, j: int) -> dict[int, list[Fraction]]:
    """The B-splines that do not vanish on part j, by Cox and de Boor: coefficients of the powers of x - j."""
    first = j + degree
    found = {first: [Fraction(1)]}
    for d in range(1, degree + 1):
        raised: dict[int, list[Fraction]] = {}
        for i in range(first - d, first + 1):
            out = [Fraction(0)] * (d + 1)
            # (x - left)/(right - left) times the spline that begins there, and what is left of the next one.
            for which, sign, zero in ((i, 1, knots[i]), (i + 1, -1, knots[i + 1 + d])):
                lower = found.get(which)
                width = knots[which + d] - knots[which]
                if lower is None or width == 0:
                    continue
                for k, value in enumerate(lower):
                    out[k] += sign * value * Fraction(j - zero, width)
                    out[k + 1] += sign * value / width
            raised[i] = out
        found = raised
    return found


def _horner(coefs: Sequence[Fraction], u: sp.Expr) -> sp.Expr:
    value: sp.Expr = sp.S.Zero
    for c in reversed(coefs):
        value = value * u + sp.Rational(c.numerator, c.denominator)
    return value


def mixture(laws: Sequence[AbstractNoise], amplitudes: Sequence[NumberLike | None] | None, name: str) -> Family:
    """The density sum_k a_k^2 rho_k / sum_k a_k^2 of laws rho_k, whose numeric scales become parameters.

    Raises
    ------
    MzError
        For something that is no law with a density, a scale that is an expression, and names that mean two things.
    """
    where = "Noise.mixture(laws)"
    listed = list(laws) if isinstance(laws, (list, tuple)) else []
    if len(listed) < 2:
        raise MzError(f"{laws!r} is no list of laws to mix", where, "Give two or more laws, such as mz.Uniform(0.5)")
    values = _checked_amplitudes([1] * len(listed) if amplitudes is None else amplitudes, where)
    if len(values) != len(listed):
        raise MzError(f"There are {len(values)} amplitudes for {len(listed)} laws", where, "Give one for each")
    symbols = _symbols(name, len(values))
    params: dict[sp.Symbol, Any] = dict(zip(symbols, values, strict=True))
    parts = []
    for k, noise in enumerate(listed):
        density, ends, own = _component(noise, k, where)
        for symbol, value in own.items():
            if params.setdefault(symbol, value) != value or any(s.name == symbol.name for s in params if s != symbol):
                raise MzError(f"The name {symbol} stands for two things", where, "Give the laws distinct parameters")
        parts.append((density, ends))
    lo, hi = sp.Min(*(ends[0] for _, ends in parts)), sp.Max(*(ends[1] for _, ends in parts))
    terms = [
        symbol**2 * _within(density, ends, (lo, hi)) for symbol, (density, ends) in zip(symbols, parts, strict=True)
    ]
    return sp.Add(*terms) / sp.Add(*(symbol**2 for symbol in symbols)), (lo, hi), params


def _component(
    noise: AbstractNoise, k: int, where: str
) -> tuple[sp.Expr, tuple[sp.Expr, sp.Expr], Mapping[sp.Symbol, Any]]:
    """Density, support and parameters of one law of a mixture."""
    scale = getattr(noise, "scale", None)
    if isinstance(scale, sp.Expr) or not hasattr(noise, "law") or noise.deterministic:
        raise MzError(
            f"{noise!r} is no law of its own with a density", f"{where}, law {k}", "Mix laws with numbers as scales"
        )
    own = dict(noise.params)
    symbol = sp.Symbol(f"s{k}", positive=True)
    if scale is not None:
        own[symbol] = scale
    law = noise.law(symbol)
    return law.density(NOISE_VARIABLE), law.support, own


def _within(density: sp.Expr, ends: tuple[sp.Expr, sp.Expr], whole: tuple[sp.Expr, sp.Expr]) -> sp.Expr:
    """The density, 0 outside of its own support."""
    inside = []
    if ends[0] != whole[0]:
        inside.append(sp.GreaterThan(NOISE_VARIABLE, ends[0]))
    if ends[1] != whole[1]:
        inside.append(sp.LessThan(NOISE_VARIABLE, ends[1]))
    return sp.Piecewise((density, sp.And(*inside)), (0, True)) if inside else density


def with_own(own: Mapping[sp.Symbol, Any], params: Mapping[sp.Symbol, Any], where: str) -> dict[sp.Symbol, Any]:
    """The parameters of a family beside those that its support has.

    Raises
    ------
    MzError
        Where a name stands for two of them.
    """
    double = {symbol.name for symbol in own} & {getattr(symbol, "name", str(symbol)) for symbol in params}
    if double:
        raise MzError(f"The name {min(double)} stands for two things", where, "Give name= for the amplitudes")
    return {**own, **params}


def _symbols(name: str, count: int) -> list[sp.Symbol]:
    return [sp.Symbol(f"{name}{k}", real=True) for k in range(count)]


def _checked_amplitudes(amplitudes: Any, where: str) -> list[Number | None]:
    listed = list(amplitudes) if isinstance(amplitudes, (list, tuple, np.ndarray)) else []
    values = [None if value is None else as_number(value, f"{where}, amplitude {k}") for k, value in enumerate(listed)]
    if not values or all(value == 0 for value in values):
        raise MzError(f"The amplitudes are {amplitudes!r}", where, "Give a list of numbers that are not all 0")
    return values
