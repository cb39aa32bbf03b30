"""Symbolic noise laws: what the rules of this package need to know about one scalar noise component.

A law holds expressions, never numbers: the scale is a symbol of the layer that is bound when a kernel is run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TypeVar

import sympy as sp

from mzsym.core.names import NOISE_VARIABLE

LawT = TypeVar("LawT", bound="Law")


class Law(ABC):
    """Law of one scalar noise component xi; concrete laws are frozen dataclasses of expressions.

    Laws: ``moment(0) == 1``, ``density`` integrates to 1 over ``support`` and gives the moments; it is smooth there
    except at ``breaks``; where ``symmetric`` is true, odd moments vanish.
    """

    @abstractmethod
    def moment(self, k: int) -> sp.Expr:
        """E[xi**k], exact, for an integer k >= 0."""

    @abstractmethod
    def density(self, xi: sp.Expr) -> sp.Expr:
        """Density at a point of the support; zero elsewhere, which the expression does not show."""

    @property
    @abstractmethod
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        """Ends of the support, ``-oo`` and ``oo`` where it is unbounded."""

    @property
    def breaks(self) -> tuple[sp.Expr, ...]:
        """Interior points of the support at which the density is not smooth."""
        return ()

    @property
    def symmetric(self) -> bool:
        """Whether xi and -xi are known to have the same law."""
        return False

    @property
    def deterministic(self) -> bool:
        """Whether xi = 0 almost surely."""
        return False

    def renamed(self: LawT, names: Mapping[sp.Symbol, sp.Expr]) -> LawT:
        """The law with symbols replaced in its parameters."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        changed = {key: value.xreplace(names) for key, value in values.items() if isinstance(value, sp.Basic)}
        return replace(self, **changed)  # type: ignore[type-var]


class SymmetricLaw(Law):
    """A law whose density is even."""

    @property
    def symmetric(self) -> bool:
        return True


@dataclass(frozen=True)
class UniformLaw(SymmetricLaw):
    """Uniform on [-half_width, half_width].

    Examples
    --------
    >>> s = sp.Symbol("s", positive=True)
    >>> UniformLaw(s).moment(4)
    s**4/5
    """

    half_width: sp.Expr

    def moment(self, k: int) -> sp.Expr:
        return sp.S.Zero if k % 2 else self.half_width**k / sp.Integer(k + 1)

    def density(self, xi: sp.Expr) -> sp.Expr:
        return 1 / (2 * self.half_width)

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return -self.half_width, self.half_width


@dataclass(frozen=True)
class GaussianLaw(SymmetricLaw):
    """Normal with mean 0 and standard deviation ``scale``.

    Examples
    --------
    >>> GaussianLaw(sp.Symbol("s", positive=True)).moment(4)
    3*s**4
    """

    scale: sp.Expr

    def moment(self, k: int) -> sp.Expr:
        return sp.S.Zero if k % 2 else self.scale**k * sp.factorial2(k - 1)

    def density(self, xi: sp.Expr) -> sp.Expr:
        return sp.exp(-(xi**2) / (2 * self.scale**2)) / (sp.sqrt(2 * sp.pi) * self.scale)

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return -sp.oo, sp.oo


@dataclass(frozen=True)
class TruncatedGaussianLaw(SymmetricLaw):
    """Normal N(0, scale**2) conditioned on |xi| <= cutoff * scale.

    Examples
    --------
    >>> s = sp.Symbol("s", positive=True)
    >>> TruncatedGaussianLaw(s, sp.Integer(3)).moment(2)
    s**2*(-3*sqrt(2)*exp(-9/2)/(sqrt(pi)*erf(3*sqrt(2)/2)) + 1)
    """

    scale: sp.Expr
    cutoff: sp.Expr

    @property
    def mass(self) -> sp.Expr:
        """Probability that N(0, 1) lies within the cutoff."""
        return sp.erf(self.cutoff / sp.sqrt(2))

    def moment(self, k: int) -> sp.Expr:
        return sp.S.Zero if k % 2 else self.scale**k * _truncated_moment(k, self.cutoff)

    def density(self, xi: sp.Expr) -> sp.Expr:
        return GaussianLaw(self.scale).density(xi) / self.mass

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return -self.cutoff * self.scale, self.cutoff * self.scale


@lru_cache(maxsize=256)
def _truncated_moment(k: int, cutoff: sp.Expr) -> sp.Expr:
    """E[Z**k | |Z| <= cutoff] for even k: integration by parts from k to k - 2, kept as one sum."""
    # One boundary term per step; q is 2 phi(c)/P(|Z| <= c).
    q = sp.sqrt(2 / sp.pi) * sp.exp(-(cutoff**2) / 2) / sp.erf(cutoff / sp.sqrt(2))
    boundary = [sp.factorial2(k - 1) / sp.factorial2(j - 1) * cutoff ** (j - 1) for j in range(2, k + 1, 2)]
    return sp.factorial2(k - 1) - q * sp.Add(*boundary)


@dataclass(frozen=True)
class LaplaceLaw(SymmetricLaw):
    """Density exp(-|xi|/scale)/(2 scale).

    Examples
    --------
    >>> LaplaceLaw(sp.Symbol("s", positive=True)).moment(4)
    24*s**4
    """

    scale: sp.Expr

    def moment(self, k: int) -> sp.Expr:
        return sp.S.Zero if k % 2 else self.scale**k * sp.factorial(k)

    def density(self, xi: sp.Expr) -> sp.Expr:
        return sp.exp(-sp.Abs(xi) / self.scale) / (2 * self.scale)

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return -sp.oo, sp.oo

    @property
    def breaks(self) -> tuple[sp.Expr, ...]:
        return (sp.S.Zero,)


@dataclass(frozen=True)
class DensityLaw(Law):
    """A law stated by its density, which need not be even.

    Parameters
    ----------
    function : Lambda
        The density on the support, of ``NOISE_VARIABLE``.
    lower, upper : Expr
        Ends of the support, finite or infinite.
    points : Tuple
        Interior points at which the density is not smooth, ascending.

    Examples
    --------
    >>> a = sp.Symbol("a", positive=True)
    >>> law = DensityLaw.of(a * sp.exp(-a * NOISE_VARIABLE), sp.S.Zero, sp.oo)
    >>> [law.moment(k) for k in range(4)]
    [1, 1/a, 2/a**2, 6/a**3]
    """

    function: sp.Lambda
    lower: sp.Expr
    upper: sp.Expr
    points: sp.Tuple

    @classmethod
    def of(cls, density: sp.Expr, lower: sp.Expr, upper: sp.Expr, points: tuple[sp.Expr, ...] = ()) -> DensityLaw:
        """The law of a density written in ``NOISE_VARIABLE``."""
        return cls(sp.Lambda(NOISE_VARIABLE, density), sp.sympify(lower), sp.sympify(upper), sp.Tuple(*points))

    def moment(self, k: int) -> sp.Expr:
        # The moments need the rules of this package, and the rules need the laws.
        from mzsym.calculus.moments import density_moment

        return sp.S.One if k == 0 else density_moment(self, k)

    def density(self, xi: sp.Expr) -> sp.Expr:
        # Replacing the variable by itself would rebuild the whole expression.
        return self.function.expr if self.function.variables == (xi,) else self.function(xi)

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return self.lower, self.upper

    @property
    def breaks(self) -> tuple[sp.Expr, ...]:
        return tuple(self.points)


@dataclass(frozen=True)
class DeterministicLaw(SymmetricLaw):
    """No noise: xi = 0."""

    def moment(self, k: int) -> sp.Expr:
        return sp.S.One if k == 0 else sp.S.Zero

    def density(self, xi: sp.Expr) -> sp.Expr:
        return sp.DiracDelta(xi)

    @property
    def support(self) -> tuple[sp.Expr, sp.Expr]:
        return sp.S.Zero, sp.S.Zero

    @property
    def deterministic(self) -> bool:
        return True
