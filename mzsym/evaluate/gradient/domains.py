"""What the ends of the domains depend on: boxes, maps and the reach of the noise, whichever scheme works on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.images import Image
from mzsym.evaluate.gradient.noise import NoiseSeed
from mzsym.evaluate.quadrature.grid import Interval, Sides
from mzsym.evaluate.quadrature.problem import Problem
from mzsym.evaluate.quadrature.smoothing import shrunken

if TYPE_CHECKING:
    from mzsym.evaluate.gradient.parameters import ParameterGradient
    from mzsym.model import Network


class Domains(ABC):
    """The boxes Omega_0..Omega_L and what makes each of the one before it.

    Laws: component i of Omega_{n+1} is ``before_noise(n, i)`` plus the support of what noise is added to it, and
    ``before_noise(n, i)`` is the range of component i of ``image(n)``.

    Attributes
    ----------
    net : Network
    sides : tuple of Sides
    """

    net: Network
    sides: tuple[Sides, ...]

    @abstractmethod
    def image(self, n: int) -> Image:
        """What Omega_{n+1} is made of, but for noise that is added."""

    @abstractmethod
    def before_noise(self, n: int, i: int) -> Interval:
        """The states before noise is added."""

    @abstractmethod
    def add_noise(self, parameters: ParameterGradient, n: int, ends: Array) -> None:
        """Hand derivatives by the ends of the supports, shape (2, N_{n+1}), to the parameters of added noise."""


@final
class SpectralDomains(Domains):
    """Those of the spectral scheme."""

    def __init__(self, net: Network, problem: Problem) -> None:
        self.net, self.sides, self._laws = net, problem.boxes, problem.laws

    def image(self, n: int) -> Image:
        return Image.of_map(self.net, n, self.sides[n])

    def before_noise(self, n: int, i: int) -> Interval:
        return shrunken(self.sides[n + 1][i], self._laws[n][i])

    def add_noise(self, parameters: ParameterGradient, n: int, ends: Array) -> None:
        seeds = [NoiseSeed(float(lower + upper), float(upper - lower)) for lower, upper in ends.T]
        parameters.add_noise(n, self._laws[n], seeds)
