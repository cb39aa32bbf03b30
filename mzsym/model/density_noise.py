"""Noise stated by its density."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, final

import numpy as np
import sympy as sp

from mzsym.balls import Arb, Interval, hull, interval
from mzsym.calculus.laws import DensityLaw
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import NOISE_VARIABLE
from mzsym.model.density import break_points, check_defined, check_density, norm_squared
from mzsym.model.inverse import InverseTable, inverse_table
from mzsym.model.noise import AbstractNoise
from mzsym.model.numeric import evaluate
from mzsym.model.shapes import mixture, spline, with_own
from mzsym.model.statements import checked_expr
from mzsym.model.values import Number, NumberLike, as_number, exact_expr, exact_floats, number_key, real_symbol


@final
class Noise(AbstractNoise):
    """Noise with any density; it need not be symmetric, and its mean need not be 0.

    Refused only where it is proved negative or not normalised; what is not decided is accepted.

    Parameters
    ----------
    density : sympy.Expr
        In one symbol, the noise, besides those of ``params``. May be a ``Piecewise``.
    support : (lo, hi)
        Numbers, expressions in ``params``, or infinite. The density counts between them only.
    params : mapping, optional
        Symbol -> number, or None: no value yet. Local to the layer: ``net.with_params({(n, symbol): value})``.

    Raises
    ------
    MzError
        For another symbol, an empty support, a negative value (with the point) or a wrong integral (with the value).

    Examples
    --------
    >>> t = sp.Symbol("t", real=True)
    >>> skewed = Noise(6*t*(1 - t), support=(0, 1))
    >>> skewed.bounded, skewed.law(sp.S.Zero).moment(1)
    (True, 1/2)
    >>> Noise(t, support=(0, 1))
    Traceback (most recent call last):
        ...
    mzsym.core.errors.MzError: The density integrates to 0.5, not to 1 ...
    """

    density: sp.Expr
    """In ``NOISE_VARIABLE`` and the parameters."""
    ends: tuple[sp.Expr, sp.Expr]
    name = "density"
    _params: Mapping[sp.Symbol, Number | None]
    _by_construction: bool

    def __init__(
        self,
        density: Any,
        support: Sequence[Any] = (-math.inf, math.inf),
        params: Mapping[sp.Symbol, NumberLike | None] | None = None,
    ) -> None:
        values = _checked_values(params or {})
        self._state(_checked_density(density, values), _checked_ends(support, values), values)

    def _state(
        self,
        expr: sp.Expr,
        ends: tuple[sp.Expr, sp.Expr],
        values: Mapping[sp.Symbol, Number | None],
        by_construction: bool = False,
    ) -> None:
        """Set every attribute, and refuse values with which there is no density.

        ``by_construction``: there is one wherever the expression has a value, so that no integral need be enclosed.
        """
        self.__dict__.update(density=expr, ends=ends, _params=values, _by_construction=by_construction)
        if self._exact is not None:
            lo, hi = self._numeric_ends
            if not (hi - lo).is_extended_positive:
                raise MzError(f"The support is ({lo}, {hi})", "Noise(support=)", "Give lo < hi")
            where, bound = "Noise(density)", self._bound(expr)
            check_defined(bound, where)
            if not by_construction:
                check_density(bound, (lo, hi), [self._bound(point) for point in self.points], where)

    @classmethod
    def histogram(
        cls,
        amplitudes: Sequence[NumberLike | None],
        support: Sequence[Any] = (-1, 1),
        params: Mapping[sp.Symbol, NumberLike | None] | None = None,
        name: str = "a",
    ) -> Noise:
        """A histogram of bins of equal width; bin k has the probability a_k^2 / sum of all a_j^2.

        Parameters
        ----------
        amplitudes : sequence of numbers
            One per bin, not all 0: the values of the parameters a0, a1, ... Their squares are weights, so that any
            values give a density; a common factor does not count.
        support : (lo, hi)
            Numbers, or expressions in ``params``.
        params : mapping, optional
            Symbol -> number of further parameters, those of the support.
        name : str
            What the parameters are called, before their number.

        Raises
        ------
        MzError
            For amplitudes that are all 0, none or more than 65 of them, and as ``Noise``.

        Examples
        --------
        >>> noise = Noise.histogram([1, 2, 1], support=(0, 3))
        >>> [noise.numeric_law.moment(k) for k in range(3)], sorted(symbol.name for symbol in noise.params)
        ([1, 3/2, 8/3], ['a0', 'a1', 'a2'])
        """
        return cls.spline(amplitudes, support, 0, params, name)

    @classmethod
    def spline(
        cls,
        amplitudes: Sequence[NumberLike | None],
        support: Sequence[Any] = (-1, 1),
        degree: int = 3,
        params: Mapping[sp.Symbol, NumberLike | None] | None = None,
        name: str = "a",
    ) -> Noise:
        """A density of B-splines on equal parts of the support: sum_k a_k^2 B_k / sum_k a_k^2 m_k, m_k their integrals.

        The first and the last B-spline are 1 at the ends of the support; 0 amplitudes make the density 0 there.

        Parameters
        ----------
        amplitudes, support, params, name
            As of ``histogram``; n amplitudes make n - degree parts.
        degree : int
            0 (a histogram) to 5; the density has degree - 1 continuous derivatives.

        Raises
        ------
        MzError
            As ``histogram``.

        Examples
        --------
        >>> noise = Noise.spline([0, 1, 2, 1, 0], support=(-1, 1), degree=2)
        >>> noise.bounded, [point for point in noise.points]
        (True, [-1/3, 1/3])
        """
        where = "Noise.histogram(amplitudes)" if degree == 0 else "Noise.spline(amplitudes)"
        density, ends, own = spline(amplitudes, support, degree, name, where)
        noise = cls(density, ends, with_own(own, params or {}, where))
        noise.__dict__["_by_construction"] = True
        return noise

    @classmethod
    def mixture(
        cls,
        laws: Sequence[AbstractNoise],
        amplitudes: Sequence[NumberLike | None] | None = None,
        name: str = "a",
    ) -> Noise:
        """One of several laws at random: law k with the probability a_k^2 / sum of all a_j^2.

        Parameters
        ----------
        laws : sequence of noise laws
            Two or more, their scales numbers: the scale of law k becomes the parameter s{k}; a stated density keeps its
            own parameters.
        amplitudes : sequence of numbers, optional
            Default: all 1.
        name : str
            What the amplitudes are called, before their number.

        Raises
        ------
        MzError
            For fewer laws, a law without a density, scales that are expressions, and as ``Noise``.

        Examples
        --------
        >>> from mzsym.model import TruncatedGaussian, Uniform
        >>> noise = Noise.mixture([Uniform(0.5), TruncatedGaussian(0.1)], amplitudes=[1, 2])
        >>> noise.support(0.0), sorted(symbol.name for symbol in noise.params)
        ((-0.5, 0.5), ['a0', 'a1', 's0', 's1'])
        """
        return cls(*mixture(laws, amplitudes, name))

    @property
    def params(self) -> Mapping[sp.Symbol, Number | None]:
        return self._params

    @property
    def scale(self) -> None:
        return None

    @property
    def bounded(self) -> bool:
        return not any(end.is_infinite for end in self.ends)

    @cached_property
    def points(self) -> tuple[sp.Expr, ...]:
        """Interior points at which the density is not smooth, ascending where the parameters have values."""
        found = break_points(self.density, NOISE_VARIABLE)
        if self._exact is None:
            return found
        lo, hi = self._numeric_ends
        inside = [(float(self._bound(point)), point) for point in found if self._bound(point).is_real is not False]
        return tuple(point for value, point in sorted(inside, key=lambda pair: pair[0]) if lo < value < hi)

    def law(self, scale: sp.Expr) -> DensityLaw:
        return DensityLaw.of(self.density, *self.ends, self.points)

    @property
    def numeric_law(self) -> DensityLaw:
        """The law with the values of its parameters."""
        points = tuple(self._bound(point) for point in self.points)
        return DensityLaw.of(self._bound(self.density), *self._numeric_ends, points)

    def norm_squared(self) -> Arb:
        """Ball around the integral of the squared density; not finite where nothing is proved. MATH (23)."""
        return norm_squared(self.numeric_law)

    def support(self, scale: float) -> tuple[float, float]:
        lo, hi = self._numeric_ends
        return (
            -math.inf if lo.is_infinite else hull(lo, {})[0],
            math.inf if hi.is_infinite else hull(hi, {})[1],
        )

    def exact_support(self, scale: Number) -> Interval:
        return interval(self.support(0.0))

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        return self._table.quantile(rng.random(size))

    def with_scale(self, scale: NumberLike | sp.Expr) -> Noise:
        names = ", ".join(symbol.name for symbol in self.params) or "none"
        raise MzError(
            "Noise stated by a density has no scale", "Noise", f"Use a key (n, symbol) of its params: {names}"
        )

    def with_params(self, values: Mapping[sp.Symbol, NumberLike | None]) -> Noise:
        own = {symbol: values.get(symbol, value) for symbol, value in self.params.items()}
        if own == self.params:
            return self
        # The expressions are checked already; what depends on the values is checked again.
        law = object.__new__(Noise)
        law._state(self.density, self.ends, _checked_values(own), self._by_construction)
        return law

    def key(self) -> str:
        items = sorted(self.params.items(), key=lambda item: item[0].name)
        values = ";".join(f"{symbol.name}={'' if v is None else number_key(v)}" for symbol, v in items)
        return f"density({_text(self.density)},{_text(self.ends[0])},{_text(self.ends[1])},{values})"

    def fixed(self) -> Noise:
        """The same law with the values of its parameters written into it."""
        return Noise(self._bound(self.density), self._numeric_ends) if self.params else self

    @property
    def _exact(self) -> dict[sp.Symbol, sp.Rational] | None:
        """Values of the parameters, None where one is missing."""
        if any(value is None for value in self.params.values()):
            return None
        return {symbol: exact_expr(value) for symbol, value in self.params.items() if value is not None}

    def _bound(self, expr: sp.Expr) -> sp.Expr:
        if self._exact is None:
            names = ", ".join(symbol.name for symbol, value in self.params.items() if value is None)
            raise MzError(f"The noise density needs a value for {names}", "Noise", "Bind it with with_params")
        return expr.xreplace(self._exact)

    @property
    def _numeric_ends(self) -> tuple[sp.Expr, sp.Expr]:
        return self._bound(self.ends[0]), self._bound(self.ends[1])

    @cached_property
    def _table(self) -> InverseTable:
        law = self.numeric_law
        density = law.density(NOISE_VARIABLE)

        def values(x: Array) -> Array:
            return evaluate([density], {NOISE_VARIABLE: x}, len(x))[:, 0]

        lo, hi = (float(end) for end in law.support)
        return inverse_table(values, lo, hi, [float(point) for point in law.breaks], f"noise {self!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Noise) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Noise is frozen")

    def __repr__(self) -> str:
        shown = self.density.xreplace({NOISE_VARIABLE: self.variable})
        params = f", params={dict(self.params)}" if self.params else ""
        return f"Noise({shown}, support={self.ends}{params})"

    @property
    def variable(self) -> sp.Symbol:
        """A name for the noise that no parameter has, for printing."""
        taken = {symbol.name for symbol in self.params}
        name = next(
            name for name in ("xi", "t", "u", "noise", *(f"xi{k}" for k in range(len(taken) + 1))) if name not in taken
        )
        return sp.Symbol(name, real=True)


@lru_cache(maxsize=256)
def _text(expr: sp.Expr) -> str:
    """Canonical text; one expression serves many values of its parameters."""
    return str(sp.srepr(expr))


def _checked_values(params: Mapping[sp.Symbol, NumberLike | None]) -> dict[sp.Symbol, Number | None]:
    values: dict[sp.Symbol, Number | None] = {}
    for key, value in params.items():
        where = f"Noise(params=), {key}"
        symbol = real_symbol(key, where)
        if any(symbol.name == other.name for other in values):
            raise MzError(f"The name {symbol} stands for two things", where, "Use distinct names")
        values[symbol] = None if value is None or value == key else as_number(value, where)
    return values


def _checked_density(density: Any, params: Mapping[sp.Symbol, Number | None]) -> sp.Expr:
    where = "Noise(density)"
    known = density if isinstance(density, sp.Basic) else exact_expr(as_number(density, where))
    free = known.free_symbols if isinstance(known, sp.Basic) else set()
    own = {symbol for symbol in free if not any(symbol.name == name.name for name in params)}
    if len(own) > 1:
        names = ", ".join(sorted(symbol.name for symbol in own))
        raise MzError(
            f"The density {density} has the symbols {names}, and one of them can be the noise",
            where,
            "Bind the others: params={symbol: value}",
        )
    (variable,) = own or {NOISE_VARIABLE}
    if variable != NOISE_VARIABLE:
        real_symbol(variable, where)
        known = known.xreplace({variable: NOISE_VARIABLE})
    return checked_expr(known, (NOISE_VARIABLE,), where, params, cases=True)


def _checked_ends(support: Sequence[Any], params: Mapping[sp.Symbol, Number | None]) -> tuple[sp.Expr, sp.Expr]:
    where = "Noise(support=)"
    ends = tuple(support) if isinstance(support, (list, tuple)) else ()
    if len(ends) != 2:
        raise MzError(f"The support is {support!r}", where, "Write support=(lo, hi)")
    checked = []
    for end, infinite in zip(ends, (-sp.oo, sp.oo), strict=True):
        if end == infinite or (isinstance(end, float) and end == float(infinite)):
            checked.append(infinite)
        elif isinstance(end, sp.Expr) and not end.is_Number:
            expr = checked_expr(exact_floats(end), (), where, params)
            strangers = sorted(symbol.name for symbol in expr.free_symbols - set(params))
            if strangers:
                raise MzError(f"The end {end} has the symbol {strangers[0]}", where, "Bind it in params")
            checked.append(expr)
        else:
            checked.append(exact_expr(as_number(end, where)))
    return checked[0], checked[1]
