"""What lies outside of a bounded interval: unbounded noise and the laws that it makes; MATH (24z)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy as sp

from mzsym.balls import enclose, lower, upper
from mzsym.calculus.laws import GaussianLaw, LaplaceLaw, Law
from mzsym.core import MzError
from mzsym.core.arrays import Array

REACHES = {GaussianLaw: 9, LaplaceLaw: 40}
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
    def of(cls, law: Law) -> Tail:
        """Of Gaussian or Laplace noise, at the current precision; phi(T + u) <= phi(T) exp(-T u).

        Raises
        ------
        MzError
            For another law.
        """
        end = end_of(law)
        assert isinstance(law, (GaussianLaw, LaplaceLaw))
        decay = 1 / law.scale if isinstance(law, LaplaceLaw) else end / law.scale**2
        found = upper(enclose(law.density(end), {}))
        return cls(found, lower(enclose(decay, {})), lower(enclose(end, {})))

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


def end_of(law: Law) -> sp.Expr:
    """Where the tail of an unbounded law begins.

    Raises
    ------
    MzError
        For a law that is neither Gaussian nor Laplace.
    """
    if not isinstance(law, (GaussianLaw, LaplaceLaw)):
        raise MzError("noise of unbounded support has to be Gaussian or Laplace", "certify", "Cut the noise off")
    return sp.Integer(REACHES[type(law)]) * law.scale


__all__ = ["Tail", "end_of"]
