"""Domains that depend on the parameters: where the first box is given, the others follow from it, MATH (2)."""

from __future__ import annotations

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.domains import Domains
from mzsym.evaluate.gradient.extrema import extreme_places
from mzsym.evaluate.gradient.parameters import ParameterGradient


class BoxGradient:
    """Derivatives by centre and half-width of every domain, and what they become.

    Where all domains are given they are constants, and nothing is summed up.
    """

    def __init__(self, domains: Domains, lebesgue: bool) -> None:
        self.domains, self.lebesgue = domains, lebesgue
        self.follow = domains.net.given_domains is None
        self.centers = [np.zeros(len(sides)) for sides in domains.sides]
        self.halves = [np.zeros(len(sides)) for sides in domains.sides]
        self._widths = [np.array([side.half for side in sides]) for sides in domains.sides]

    def add_domain(self, n: int, centers: Array, halves: Array) -> None:
        """Derivatives by centre and half-width of Omega_n."""
        self.centers[n] += centers
        self.halves[n] += halves

    def add_ends(self, n: int, low: Array, high: Array) -> None:
        """Derivatives by the lower and the upper ends of Omega_n."""
        self.add_domain(n, low + high, high - low)

    def add_nodes(self, n: int, X: Array, bar: Array) -> None:
        """Derivatives by points X = c + h t of a grid that moves with Omega_n."""
        sides = self.domains.sides[n]
        self.centers[n] += bar.sum(axis=0)
        for i, side in enumerate(sides):
            self.halves[n][i] += float(bar[:, i] @ (X[:, i] - side.center)) / side.half

    def add_norm(self, n: int, bar: float) -> None:
        """Derivative by log of the common factor of eta^(n): volume**(-1/2) in Lebesgue measure, else a constant."""
        if self.lebesgue:
            self.halves[n] -= 0.5 * bar / self._widths[n]

    def finish(self, parameters: ParameterGradient) -> None:
        """Hand everything down to the parameters, from the last domain to the first.

        The ends of Omega_{n+1} are max and min of F_n on Omega_n, plus the ends of the noise's support: their
        derivative is that of F_n at the place where it is extreme.
        """
        if not self.follow:
            return
        for n in range(self.domains.net.depth - 1, -1, -1):
            ends = 0.5 * np.stack([self.centers[n + 1] - self.halves[n + 1], self.centers[n + 1] + self.halves[n + 1]])
            if not ends.any():
                continue
            self.domains.add_noise(parameters, n, ends)
            image = self.domains.image(n)
            found = extreme_places(self.domains, n, image, ends != 0.0)
            X = np.array([one.place for one in found]).reshape(len(found), len(image.columns))
            bar = np.zeros((len(found), ends.shape[1]))
            for row, one in zip(bar, found, strict=True):
                row[one.component] = one.share * ends[one.end, one.component]
            by_places = image.add(parameters, X, bar)
            dim = len(self.domains.sides[n])
            self._add_ends(n, X[:, :dim], by_places[:, :dim])
            parameters.add_relative_scales(n, (by_places * X)[:, dim:].sum(axis=0), image.scales)

    def _add_ends(self, n: int, X: Array, bar: Array) -> None:
        """Derivatives by points of which some lie on sides of Omega_n and move with them."""
        for i, side in enumerate(self.domains.sides[n]):
            place = (X[:, i] - side.center) / side.half
            on = np.abs(place) >= 1.0 - 1e-12
            self.centers[n][i] += bar[on, i].sum()
            self.halves[n][i] += float(bar[on, i] @ np.sign(place[on]))
