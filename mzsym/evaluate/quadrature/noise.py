"""One scalar noise component as the spectral engine sees it: a bounded law with rules that are exact on polynomials."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from mzsym.calculus.laws import DeterministicLaw, Law, TruncatedGaussianLaw, UniformLaw
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.rules import frozen, gauss_legendre, truncated_normal_rule


class NoiseLaw(ABC):
    """Law of one bounded noise component.

    Laws: the support is ``middle`` plus or minus ``reach``; a rule has weights that sum to 1 and gives the averages of
    polynomials up to its degree, to rounding. Equal laws of different layers are equal values, so that their matrices
    are shared. Concrete laws are final and frozen.
    """

    @property
    @abstractmethod
    def middle(self) -> float:
        """Middle of the support."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """Half-width of the support; 0 for no noise."""

    @abstractmethod
    def scaled(self, factor: float) -> NoiseLaw:
        """The law of ``factor`` times the noise."""

    @abstractmethod
    def rule(self, degree: int) -> tuple[Array, Array]:
        """Offsets from the middle and weights, exact for polynomials of this degree."""


@final
@dataclass(frozen=True)
class ScaledLaw(NoiseLaw):
    """Uniform where ``cutoff`` is None, else a truncated normal law; scale 0 is no noise."""

    scale: float
    cutoff: float | None = None

    @property
    def middle(self) -> float:
        return 0.0

    @property
    def extent(self) -> float:
        """Reach in units of the scale."""
        return 1.0 if self.cutoff is None else self.cutoff

    @property
    def reach(self) -> float:
        return self.scale * self.extent

    def scaled(self, factor: float) -> ScaledLaw:
        return ScaledLaw(self.scale * factor, self.cutoff)

    def rule(self, degree: int) -> tuple[Array, Array]:
        if self.scale == 0.0:
            return frozen(np.zeros(1)), frozen(np.ones(1))
        count = degree // 2 + 1
        nodes, weights = gauss_legendre(count) if self.cutoff is None else truncated_normal_rule(self.cutoff, count)
        return frozen(self.scale * nodes), weights


def noise_law(law: Law, scale: float, where: str) -> NoiseLaw:
    """The numeric law of a component that a scale describes.

    Parameters
    ----------
    law : Law
        Symbolic law.
    scale : float
        Value of its scale (0 for no noise).
    where : str
        For the error message.

    Raises
    ------
    MzError
        For a law that the quadrature engine does not know, and for a scale that is not positive and finite.

    Examples
    --------
    >>> import sympy as sp
    >>> noise_law(UniformLaw(sp.Symbol("s")), 0.5, "layer 0").reach
    0.5
    """
    if isinstance(law, DeterministicLaw):
        return ScaledLaw(0.0)
    if not (scale > 0 and math.isfinite(scale)):
        raise MzError(f"The noise scale is {scale}", where, "Give a positive finite scale, or mz.Deterministic()")
    if isinstance(law, UniformLaw):
        return ScaledLaw(scale)
    if isinstance(law, TruncatedGaussianLaw):
        return ScaledLaw(scale, float(law.cutoff))
    raise MzError(
        f"The spectral scheme has no rule for {type(law).__name__}",
        where,
        "Use noise of bounded support: Uniform, TruncatedGaussian, a Noise density, or Deterministic",
    )
