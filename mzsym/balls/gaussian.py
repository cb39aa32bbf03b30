"""Noise laws against the standard Gaussian measure: what the Hilbert-Schmidt norm of a layer needs of them. MATH (23g)

For a density rho of the noise, symmetric and of one component, and f the value of the map,

    h(f) = int rho(y - f)^2 / phi(y) dy,        phi the density of N(0, 1),

is even and grows with |f|; |h(f)| <= 2 h(|Re f|) off the line, since Re (f + z)^2 <= (|Re f| + |z|)^2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint

from mzsym.balls.chebyshev import truncated_normal_moments
from mzsym.balls.hermite import averaging, hermite_table, largest
from mzsym.balls.numbers import Arb, precision, to_arb


class WeighedNoise(ABC):
    """One component of the noise."""

    @abstractmethod
    def weighed(self, f: Arb) -> Arb:
        """h(f) for real f, or an analytic function with the same properties that is not smaller."""

    @abstractmethod
    def averages(self, points: Sequence[Arb], size: int) -> list[list[Arb]]:
        """E he_j(f + xi), j < size, a row for every point f."""

    @abstractmethod
    def size(self, count: int, x: Arb, y: Arb) -> Arb:
        """Upper bound of (sum_j |E he_j(f + xi)|^2)^(1/2), j < count, for |Re f| <= x and |Im f| <= y."""

    def largest(self, x: Arb) -> Arb:
        """Upper bound of |h(f)| for complex f with |Re f| <= x."""
        return (2 * self.weighed(x)).upper()


@dataclass(frozen=True)
class WeighedNormal(WeighedNoise):
    """N(0, s^2) with s^2 < 2: h(f) = exp(f^2/(2 - s^2))/(s (2 - s^2)^(1/2))."""

    scale: Arb

    def weighed(self, f: Arb) -> Arb:
        rest = 2 - self.scale * self.scale
        return (f * f / rest).exp() / (self.scale * rest.sqrt())

    def averages(self, points: Sequence[Arb], size: int) -> list[list[Arb]]:
        # E (f + xi) He_j(f + xi) = f E He_j + s^2 j E He_{j-1}.
        return hermite_table(points, size, 1 - self.scale * self.scale)

    def size(self, count: int, x: Arb, y: Arb) -> Arb:
        rest = 1 - self.scale * self.scale
        q = rest.abs_upper()
        if q == 0:
            # E he_j(f + Z) = f^j/(j!)^(1/2).
            return ((x * x + y * y) / 2).exp()
        if rest.contains(0):
            return flint.arb.pos_inf()
        # Beyond s = 1 the argument is turned by a right angle.
        sides = (x, y) if rest > 0 else (y, x)
        x, y = (side / rest.abs_lower().sqrt() for side in sides)
        return largest(count, x, y, q)


@dataclass(frozen=True)
class WeighedUniform(WeighedNoise):
    """U(-s, s): h(f) = pi (erfi((f + s)/2^(1/2)) - erfi((f - s)/2^(1/2)))/(4 s^2)."""

    scale: Arb

    def weighed(self, f: Arb) -> Arb:
        s, root = self.scale, flint.arb(2).sqrt()
        return flint.arb.pi() * (((f + s) / root).erfi() - ((f - s) / root).erfi()) / (4 * s * s)

    def averages(self, points: Sequence[Arb], size: int) -> list[list[Arb]]:
        # A primitive of he_j is he_{j+1}/(j + 1)^(1/2).
        above, below = (hermite_table([f + sign * self.scale for f in points], size + 1) for sign in (1, -1))
        factors = [1 / (2 * self.scale * flint.arb(j + 1).sqrt()) for j in range(size)]
        return [
            [factors[j] * (high[j + 1] - low[j + 1]) for j in range(size)]
            for high, low in zip(above, below, strict=True)
        ]

    def size(self, count: int, x: Arb, y: Arb) -> Arb:
        # By Jensen's inequality, |E he_j|^2 <= E |he_j|^2.
        return largest(count, x + self.scale, y)


@dataclass(frozen=True)
class WeighedTruncated(WeighedNoise):
    """N(0, s^2) conditioned on |xi| <= c s.

    With a = 1/s^2 - 1/2 and m = P(|xi| <= c s) before the cut, h(f) is the integral of exp(f^2/2 + f z - a z^2) over
    |z| <= c s by (2 pi)^(1/2) s^2 m^2. For a <= 0 the integral of exp(f z) is replaced by 2 c s cosh(c s f), which is
    larger, and exp(-a z^2) by its largest value.
    """

    scale: Arb
    cutoff: Arb

    def weighed(self, f: Arb) -> Arb:
        s, c = self.scale, self.cutoff
        a, mass = 1 / (s * s) - flint.arb(1) / 2, (c / flint.arb(2).sqrt()).erf()
        whole = self._integral(f, a, c * s)
        return (f * f / 2).exp() * whole / ((2 * flint.arb.pi()).sqrt() * s * s * mass * mass)

    @staticmethod
    def _integral(f: Arb, a: Arb, reach: Arb) -> Arb:
        if not a > 0:
            return 2 * reach * (f * reach).cosh() * (-a * reach * reach).exp()
        root = a.sqrt()
        ends = (root * (reach - f / (2 * a))).erf() + (root * (reach + f / (2 * a))).erf()
        return (f * f / (4 * a)).exp() * flint.arb.pi().sqrt() / (2 * root) * ends

    def averages(self, points: Sequence[Arb], size: int) -> list[list[Arb]]:
        # Sums of terms of both signs lose about as many bits.
        with precision(flint.ctx.prec + 2 * size):
            table = hermite_table(points, size)
            # So does the recurrence of the moments, more where the cut is narrow.
            with precision(flint.ctx.prec + 8 * size):
                moments = truncated_normal_moments(self.scale, self.cutoff, 1).values[:size]
            T = averaging(moments)
            found = (flint.arb_mat(len(table), size, [value for row in table for value in row]) * T).tolist()
        return [list(row) for row in found]

    def size(self, count: int, x: Arb, y: Arb) -> Arb:
        # By Jensen's inequality, |E he_j|^2 <= E |he_j|^2.
        return largest(count, x + self.cutoff * self.scale, y)


def weighed_noise(name: str, scale: Any, cutoff: Any = None) -> WeighedNoise | str:
    """The law of one component, or why its density squared has no integral against 1/phi.

    Parameters
    ----------
    name : str
        As in ``density_norm_squared``.
    scale, cutoff : number or arb
    """
    if name == "laplace":
        return "Laplace noise is not Hilbert-Schmidt in the standard Gaussian measure: its tails are too heavy"
    s = to_arb(scale)
    if name == "gaussian":
        if s * s < 2:
            return WeighedNormal(s)
        return "normal noise of variance 2 or more is not Hilbert-Schmidt in the standard Gaussian measure"
    if name == "uniform":
        return WeighedUniform(s)
    if name == "truncated_gaussian":
        return WeighedTruncated(s, to_arb(cutoff))
    return f"there is no Hilbert-Schmidt bound for {name} noise in the standard Gaussian measure"
