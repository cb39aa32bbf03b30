"""Noise laws of one scalar component: what the user states."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np
import sympy as sp
from scipy import special

from mzsym.balls import WHOLE, Interval, interval
from mzsym.calculus.laws import DeterministicLaw, GaussianLaw, LaplaceLaw, Law, TruncatedGaussianLaw, UniformLaw
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.values import (
    Number,
    NumberLike,
    as_number,
    as_positive,
    exact_expr,
    exact_floats,
    number_key,
    real_symbol,
    state_like,
)


class AbstractNoise(ABC):
    """Law of one component of xi_n: independent of the state and of the other components.

    Laws: ``sample`` draws from the law that ``law`` states; its values lie in ``support``; ``bounded`` says whether
    the support is. Concrete laws are final and frozen. A scale may be a number or a SymPy expression in symbols that
    stay arguments; a law without a scale may have parameters of its own.
    """

    name: str
    """Name in model files."""

    @property
    @abstractmethod
    def scale(self) -> Number | sp.Expr | None:
        """The scale (half-width, standard deviation); None where the law has none."""

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether the support is bounded."""

    @property
    def params(self) -> Mapping[sp.Symbol, Number | None]:
        """Symbols that are local to the layer of this noise, with their values; None where there is none yet."""
        return {}

    @property
    def symbols(self) -> frozenset[sp.Symbol]:
        """The user's symbols in the law."""
        return frozenset(self.scale.free_symbols) if isinstance(self.scale, sp.Expr) else frozenset(self.params)

    @property
    def deterministic(self) -> bool:
        """Whether xi = 0."""
        return False

    @abstractmethod
    def law(self, scale: sp.Expr) -> Law:
        """The symbolic law at this scale, its parameters by the user's symbols."""

    def exact_support(self, scale: Number) -> Interval:
        """An interval that is proved to contain the support at this scale."""
        return WHOLE

    @abstractmethod
    def support(self, scale: float) -> tuple[float, float]:
        """Ends of the support at this scale."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        """Independent draws."""

    @abstractmethod
    def with_scale(self, scale: NumberLike | sp.Expr) -> AbstractNoise:
        """The same law at another scale."""

    def with_params(self, values: Mapping[sp.Symbol, NumberLike | None]) -> AbstractNoise:
        """The same law with other values of some of its ``params``; what is no parameter of it is left out."""
        return self

    def key(self) -> str:
        """Canonical text of the exact content."""
        return f"{self.name}({scale_key(self.scale)})"


def scale_key(scale: Number | sp.Expr | None) -> str:
    """Canonical text of a scale."""
    if scale is None:
        return ""
    return sp.srepr(scale) if isinstance(scale, sp.Expr) else number_key(scale)


def _checked_scale(scale: object, what: str, where: str) -> Number | sp.Expr:
    if isinstance(scale, sp.Expr) and scale.free_symbols:
        expr = exact_floats(scale)
        for symbol in expr.free_symbols:
            if state_like(symbol):
                raise MzError(
                    f"The {what} {scale} depends on the state", where, "Noise here is independent of the state"
                )
            real_symbol(symbol, where)
        if expr.is_nonpositive:
            raise MzError(f"The {what} is {scale}, which is not positive", where, f"Give a positive {what}")
        return expr.xreplace({s: real_symbol(s, where) for s in expr.free_symbols})
    return as_positive(scale, what, where)


@final
@dataclass(frozen=True)
class Uniform(AbstractNoise):
    """Uniform on [-half_width, half_width].

    Parameters
    ----------
    half_width : number or sympy.Expr
        Positive.

    Examples
    --------
    >>> Uniform(0.5).support(0.5)
    (-0.5, 0.5)
    """

    half_width: Number | sp.Expr
    name = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "half_width", _checked_scale(self.half_width, "half-width", "Uniform(half_width)"))

    @property
    def scale(self) -> Number | sp.Expr:
        return self.half_width

    @property
    def bounded(self) -> bool:
        return True

    def law(self, scale: sp.Expr) -> Law:
        return UniformLaw(scale)

    def support(self, scale: float) -> tuple[float, float]:
        return -scale, scale

    def exact_support(self, scale: Number) -> Interval:
        return interval((-Fraction(scale), Fraction(scale)))

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        return rng.uniform(-scale, scale, size)

    def with_scale(self, scale: NumberLike | sp.Expr) -> Uniform:
        return Uniform(scale)


@final
@dataclass(frozen=True)
class Gaussian(AbstractNoise):
    """Normal with mean 0 and standard deviation ``scale``: unbounded, so no box contains the next state.

    Parameters
    ----------
    scale : number or sympy.Expr
        Positive.

    Examples
    --------
    >>> Gaussian(0.1).bounded
    False
    """

    sigma: Number | sp.Expr
    name = "gaussian"

    def __init__(self, scale: NumberLike | sp.Expr) -> None:
        object.__setattr__(self, "sigma", _checked_scale(scale, "scale", "Gaussian(scale)"))

    @property
    def scale(self) -> Number | sp.Expr:
        return self.sigma

    @property
    def bounded(self) -> bool:
        return False

    def law(self, scale: sp.Expr) -> Law:
        return GaussianLaw(scale)

    def support(self, scale: float) -> tuple[float, float]:
        return -math.inf, math.inf

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        return rng.normal(0.0, scale, size)

    def with_scale(self, scale: NumberLike | sp.Expr) -> Gaussian:
        return Gaussian(scale)

    def __repr__(self) -> str:
        return f"Gaussian({self.sigma!r})"


@final
@dataclass(frozen=True)
class Laplace(AbstractNoise):
    """Density exp(-|xi|/scale)/(2 scale): unbounded, so no box contains the next state.

    Parameters
    ----------
    scale : number or sympy.Expr
        Positive; the mean of |xi|.

    Examples
    --------
    >>> Laplace(0.1).bounded
    False
    """

    width: Number | sp.Expr
    name = "laplace"

    def __init__(self, scale: NumberLike | sp.Expr) -> None:
        object.__setattr__(self, "width", _checked_scale(scale, "scale", "Laplace(scale)"))

    @property
    def scale(self) -> Number | sp.Expr:
        return self.width

    @property
    def bounded(self) -> bool:
        return False

    def law(self, scale: sp.Expr) -> Law:
        return LaplaceLaw(scale)

    def support(self, scale: float) -> tuple[float, float]:
        return -math.inf, math.inf

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        return rng.laplace(0.0, scale, size)

    def with_scale(self, scale: NumberLike | sp.Expr) -> Laplace:
        return Laplace(scale)

    def __repr__(self) -> str:
        return f"Laplace({self.width!r})"


@final
@dataclass(frozen=True)
class TruncatedGaussian(AbstractNoise):
    """N(0, scale**2) conditioned on |xi| <= cutoff * scale.

    Parameters
    ----------
    scale : number or sympy.Expr
        Positive; the standard deviation before conditioning.
    cutoff : number
        Positive.

    Examples
    --------
    >>> TruncatedGaussian(0.25).support(0.25)
    (-0.75, 0.75)
    """

    sigma: Number | sp.Expr
    cutoff: Number
    name = "truncated_gaussian"

    def __init__(self, scale: NumberLike | sp.Expr, cutoff: NumberLike = 3) -> None:
        object.__setattr__(self, "sigma", _checked_scale(scale, "scale", "TruncatedGaussian(scale)"))
        object.__setattr__(self, "cutoff", as_positive(cutoff, "cutoff", "TruncatedGaussian(cutoff)"))

    @property
    def scale(self) -> Number | sp.Expr:
        return self.sigma

    @property
    def bounded(self) -> bool:
        return True

    def law(self, scale: sp.Expr) -> Law:
        return TruncatedGaussianLaw(scale, exact_expr(self.cutoff))

    def support(self, scale: float) -> tuple[float, float]:
        return -float(self.cutoff) * scale, float(self.cutoff) * scale

    def exact_support(self, scale: Number) -> Interval:
        reach = Fraction(scale) * Fraction(self.cutoff)
        return interval((-reach, reach))

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        cutoff = float(self.cutoff)
        # The magnitude by inversion of its own distribution function, which is accurate for any cutoff.
        magnitude = math.sqrt(2) * special.erfinv(rng.random(size) * math.erf(cutoff / math.sqrt(2)))
        sign = rng.integers(0, 2, size) * 2.0 - 1.0
        return np.asarray(sign * np.minimum(magnitude, cutoff) * scale)

    def with_scale(self, scale: NumberLike | sp.Expr) -> TruncatedGaussian:
        return TruncatedGaussian(scale, self.cutoff)

    def key(self) -> str:
        return f"{self.name}({scale_key(self.sigma)},{number_key(self.cutoff)})"

    def __repr__(self) -> str:
        return f"TruncatedGaussian({self.sigma!r}, cutoff={self.cutoff!r})"


@final
@dataclass(frozen=True)
class Deterministic(AbstractNoise):
    """No noise: xi = 0.

    Examples
    --------
    >>> Deterministic().support(0.0)
    (0.0, 0.0)
    """

    name = "deterministic"

    @property
    def scale(self) -> None:
        return None

    @property
    def deterministic(self) -> bool:
        return True

    @property
    def bounded(self) -> bool:
        return True

    def law(self, scale: sp.Expr) -> Law:
        return DeterministicLaw()

    def support(self, scale: float) -> tuple[float, float]:
        return 0.0, 0.0

    def exact_support(self, scale: Number) -> Interval:
        return interval(0)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...], scale: float) -> Array:
        return np.zeros(size)

    def with_scale(self, scale: NumberLike | sp.Expr) -> Deterministic:
        if not isinstance(scale, sp.Expr) and as_number(scale, "Deterministic()") == 0:
            return self
        raise MzError("Noise-free layers have no scale", "Deterministic()", "Give the layer another noise law")
