"""What lies outside of a bounded interval: unbounded noise and the laws that it makes; MATH (24x)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from mzsym.balls import to_arb, upper
from mzsym.core import MzError
from mzsym.core.arrays import Array

REACHES = {"gaussian": Fraction(9), "laplace": Fraction(40)}
"""Scales after which a density is taken as nothing."""


@dataclass(frozen=True)
class Tail:
    """A density is at most rest exp(-decay u) at the distance u beyond both ends of [-reach, reach].

    Attributes
    ----------
    rest, decay, reach : float
        The first an upper bound, the others lower bounds.
    """

    rest: float
    decay: float
    reach: float

    @classmethod
    def of(cls, name: str, scale: Fraction) -> Tail:
        """Of Gaussian or Laplace noise, at the current precision; phi(T + u) <= phi(T) exp(-T u).

        Raises
        ------
        MzError
            For another law.
        """
        if name not in REACHES:
            raise MzError("noise of unbounded support has to be Gaussian or Laplace", "certify", "Cut the noise off")
        reach, s = to_arb(REACHES[name]), to_arb(scale)
        if name == "laplace":
            density, decay = (-reach).exp() / (2 * s), 1 / s
        else:
            density, decay = (-reach * reach / 2).exp() / ((2 * flint.arb.pi()).sqrt() * s), reach / s
        return cls(upper(density), float(decay) * (1.0 - 2.0**-50), float(reach * s) * (1.0 - 2.0**-50))

    @property
    def mass(self) -> float:
        """Of what lies beyond, at most."""
        return float(self.moments(0)[0])

    def moments(self, degree: int) -> Array:
        """Upper bounds of E[p_l(x)^2] over |xi| > reach for the sqrt(2l+1) P_l, l = 0..degree, and |x| <= |xi|/reach.

        |P_l(x)| <= (2 |x|)^l for |x| >= 1, and (|xi|/reach)^(2 l) <= exp(2 l u/reach).
        """
        found = []
        for k in range(degree + 1):
            left = self.decay - 2.0 * k / self.reach
            found.append((2 * k + 1) * 4.0**k * 2.0 * self.rest / left * (1.0 + 2.0**-40) if left > 0.0 else math.inf)
        return np.array(found)


__all__ = ["REACHES", "Tail"]
