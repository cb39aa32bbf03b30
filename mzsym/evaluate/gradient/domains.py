"""What the ends of the domains depend on: boxes, maps and the reach of the noise, whichever scheme works on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.noise import NoiseSeed
from mzsym.evaluate.quadrature.grid import Interval, Sides
from mzsym.evaluate.quadrature.problem import PointMap, Problem
from mzsym.evaluate.quadrature.smoothing import shrunken

if TYPE_CHECKING:
    from mzsym.evaluate.gradient.parameters import ParameterGradient


class Domains(ABC):
    """The boxes Omega_0..Omega_L and what makes each of the one before it, for layers with additive noise.

    Laws: component i of Omega_{n+1} is ``before_noise(n, i)`` plus the support of that noise component, and
    ``before_noise(n, i)`` is the range of component i of F_n on Omega_n.

    Attributes
    ----------
    sides : tuple of Sides
    maps : tuple of functions
        F_n, shape (points, N_n) -> (points, N_{n+1}), n < L.
    """

    sides: tuple[Sides, ...]
    maps: tuple[PointMap, ...]

    @property
    def depth(self) -> int:
        """L."""
        return len(self.maps)

    @abstractmethod
    def before_noise(self, n: int, i: int) -> Interval:
        """The states before noise."""

    @abstractmethod
    def add_noise(self, parameters: ParameterGradient, n: int, ends: Array) -> None:
        """Hand derivatives by the ends of the supports, shape (2, N_{n+1}), to the parameters of the noise."""


@final
class SpectralDomains(Domains):
    """Those of the spectral scheme."""

    def __init__(self, problem: Problem) -> None:
        self.sides, self.maps, self._laws = problem.boxes, problem.maps, problem.laws

    def before_noise(self, n: int, i: int) -> Interval:
        return shrunken(self.sides[n + 1][i], self._laws[n][i])

    def add_noise(self, parameters: ParameterGradient, n: int, ends: Array) -> None:
        seeds = [NoiseSeed(float(lower + upper), float(upper - lower)) for lower, upper in ends.T]
        parameters.add_noise(n, self._laws[n], seeds)
