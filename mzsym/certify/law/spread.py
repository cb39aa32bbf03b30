"""What noise makes of the cells of Z = F(X): the density of Y = Z + xi, and averages over the noise; MATH (24p), (24w).

``Windows`` is uniform noise, whose sums over cells are exact: relative errors stay relative. ``Tabled`` is any density
of bounded variation, by tables; its errors are absolute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np

from mzsym.balls.noise_tables import NoiseTable
from mzsym.balls.spectral import UNIT, gamma
from mzsym.balls.stretches import SCALE, Indices
from mzsym.certify.law.grid import Grid
from mzsym.certify.law.tail import Tail
from mzsym.core.arrays import Array

SLACK = 2.0**-36
"""More than rounding changes a sum of up to 10**5 non-negative terms, relatively."""

ROOM = 1.0 + 2.0**-30
"""Covers the rounding of a few operations on bounds."""

SECOND, THIRD = 0.0963, 0.01884
"""Largest values of Peano's kernels of the parabola through both ends and the middle of a unit interval."""


@dataclass(frozen=True, eq=False)
class Contact:
    """Variation of rho(y - z) over a cell b of Y for z in a cell c of Z, at most: what one cell does to another.

    Attributes
    ----------
    following : array of int, of shape (cells of Z,), or None
        b by c; None for all pairs, b the first index of the other arrays.
    weight : array of shape (cells of Z,) or (cells of Y, cells of Z)
    ratio : array of the same shape
        Length of c relative to that of b.
    """

    following: Indices | None
    weight: Array
    ratio: Array

    def of_next(self, values: Array) -> Array:
        """Values by the cell of Y where they are used."""
        return values[:, None] if self.following is None else values[self.following]

    def to_next(self, values: Array, count: int) -> Array:
        """Sums over the cells of Z."""
        if self.following is None:
            return np.asarray(values.sum(axis=1))
        return np.asarray(np.bincount(self.following, weights=values, minlength=count), dtype=np.float64)

    def to_cell(self, values: Array) -> Array:
        """Sums over the cells of Y."""
        return np.asarray(values.sum(axis=0)) if self.following is None else values


class Spread(ABC):
    """A noise law on a grid.

    Attributes
    ----------
    grid : Grid
    variation, peak : float
        Total variation and largest value of the density, at most.
    tail : Tail or None
        Of unbounded noise: what ``averages`` and ``contacts`` leave out.
    """

    def __init__(self, grid: Grid, variation: float, peak: float, tail: Tail | None = None) -> None:
        self.grid, self.variation, self.peak, self.tail = grid, variation, peak, tail

    @property
    def rest(self) -> float:
        """Upper bound of the density where it is left out."""
        return self.tail.rest if self.tail else 0.0

    @abstractmethod
    def density(self, mass: Array, turn: Array, steep: Array, sign: float) -> Array:
        """The density of Y on its cells, from one side, at both ends; (cells of Y, 2).

        Parameters
        ----------
        mass : array of shape (cells of Z,)
            Bounds of P(Z in c) from that side.
        turn, steep : arrays of shape (cells of Z,)
            How far the distribution of Z in a cell is from linear, and the ratio of the bounds of its density.
        sign : float
            -1 from below, 1 from above.
        """

    @property
    @abstractmethod
    def contacts(self) -> list[Contact]:
        """Jumps of the density one by one, and the rest of it."""

    @property
    @abstractmethod
    def cut(self) -> Array:
        """Bounds of ||M 1_b||^2 by the cell of Y."""

    @abstractmethod
    def averages(self, kept: Indices, size: Array, curve: Array) -> Array:
        """M u_b on the cells of Z, b the cells that are kept, at 1 - theta, theta, theta (1 - theta).

        Parameters
        ----------
        kept : array of int
        size, curve : arrays of shape (cells of Y,)
            u_b = size_b (1 + curve_b (1 - 2 theta)) on b.

        Returns
        -------
        array of shape (3, cells of Z, kept)
        """

    @abstractmethod
    def lost(self, kept: Indices, size: Array, curve: Array, mass: Array) -> float:
        """Upper bound of the root of sum_b ||error of M u_b||^2 in ``averages``, for masses of the cells of Z."""

    @abstractmethod
    def step_averages(self, v: Array) -> tuple[Array, Array]:
        """M of a function constant on cells, as ``averages``, of shape (3, cells of Z), and how far that is off."""


@final
class Windows(Spread):
    """Uniform noise."""

    def __init__(self, grid: Grid) -> None:
        self.period = grid.period / (1 << SCALE)
        super().__init__(grid, 2.0 / self.period, ROOM / self.period)

    def _entering(self, values: Array) -> Array:
        """By the cell k of the next state, the value of the cell k of Z: where y leaves the reach of z from below."""
        return np.concatenate([values, np.zeros(self.grid.per_period)])

    def _leaving(self, values: Array) -> Array:
        """By the cell k of the next state, the value of the cell k - J of Z."""
        return np.concatenate([np.zeros(self.grid.per_period), values])

    def density(self, mass: Array, turn: Array, steep: Array, sign: float) -> Array:
        into, out = self._entering(mass) / self.period, self._leaving(mass) / self.period
        inner, nodes = (_sums(mass, self.grid.per_period + k) / self.period for k in (-1, 0))
        off = into * self._entering(turn) + out * self._leaving(turn)
        bent = np.stack([nodes[:-1] + sign * off, nodes[1:] + sign * off], axis=1)
        ratios = np.maximum(self._entering(steep), 1.0), np.maximum(self._leaving(steep), 1.0)
        with np.errstate(invalid="ignore"):
            parts = [out / ratios[1], into / ratios[0]] if sign < 0 else [out * ratios[1], into * ratios[0]]
            scaled = inner[:, None] + np.where(np.stack([out, into], axis=1) > 0.0, np.stack(parts, axis=1), 0.0)
        if sign < 0:
            kept = (bent.min(axis=1) > 0.0) & (bent.sum(axis=1) >= scaled.sum(axis=1))
            return np.where(kept[:, None], bent, scaled) * (1.0 - 4.0 * SLACK)
        flat = np.repeat((inner + into + out)[:, None], 2, axis=1)
        best = np.argmin(np.stack([choice.sum(axis=1) for choice in (bent, scaled, flat)]), axis=0)
        return np.asarray(np.choose(best[:, None], [bent, scaled, flat]) * (1.0 + 4.0 * SLACK))

    @property
    def contacts(self) -> list[Contact]:
        c = np.arange(self.grid.cells)
        weight, ratio = np.full(len(c), 1.0 / self.period), np.ones(len(c))
        return [Contact(c, weight, ratio), Contact(c + self.grid.per_period, weight, ratio)]

    @property
    def cut(self) -> Array:
        return np.asarray(self.grid.heights / self.period * ROOM)

    def averages(self, kept: Indices, size: Array, curve: Array) -> Array:
        count, period = self.grid.cells, self.grid.per_period
        alpha = (size * self.grid.heights)[kept] / self.period
        c = np.arange(count + 1)[:, None]
        sums = ((c <= kept) & (kept < c + period)) * alpha
        turn = curve[kept] * alpha
        c = c[:-1]
        return np.stack([sums[:-1], sums[1:], (c + period == kept) * turn - (c == kept) * turn])

    def lost(self, kept: Indices, size: Array, curve: Array, mass: Array) -> float:
        return 0.0

    def step_averages(self, v: Array) -> tuple[Array, Array]:
        amount = v * self.grid.heights / self.period
        sums = np.convolve(amount, np.ones(self.grid.per_period), mode="valid")
        return np.stack([sums[:-1], sums[1:], np.zeros(self.grid.cells)]), np.zeros(self.grid.cells)


def positive_part(bounds: Array) -> Array:
    """Lower bounds linear on parts, by their values at both ends, that are never negative: 0 where one end is."""
    return np.where(bounds.min(axis=1, keepdims=True) > 0.0, bounds, 0.0)


def _sums(mass: Array, window: int) -> Array:
    """Sums of up to ``window`` neighbours, from the window before the first to the one after the last."""
    if window == 0:
        return np.zeros(len(mass) + 1)
    return np.concatenate([[0.0], np.convolve(mass, np.ones(window)), [0.0]])


@final
class Tabled(Spread):
    """Noise by tables of its density.

    Parameters
    ----------
    grid : Grid
        Cut at all jumps.
    table : NoiseTable
    tail : Tail or None
        What lies beyond the table.
    """

    def __init__(self, grid: Grid, table: NoiseTable, tail: Tail | None = None) -> None:
        super().__init__(grid, table.variation, table.peak, tail)
        self.table = table
        origin = grid.values[0]
        ends = [2 * value for value in grid.values]
        halves = [value for a, b in pairwise(ends) for value in (a, (a + b) // 2)] + ends[-1:]
        y = np.array([(edge - origin) / (1 << SCALE) for edge in grid.edges])
        z = np.array([(value - 2 * origin) / (1 << (SCALE + 1)) for value in halves])
        self._t = y[:, None] - z[None, :]
        span = float(y[-1] - y[0]) + float(np.abs(y).max())
        self._moved = 8.0 * UNIT * span
        """What an argument may be off."""
        self.off = table.off + self._moved * max(table.peak, float(table.suprema[1].max()))
        self._places = table.places(self._t)
        self._distribution = table.distribution(self._t, self._places)

    @cached_property
    def _continuous(self) -> Array:
        return self.table.continuous(self._t, self._places)

    @cached_property
    def _variations(self) -> list[Array]:
        """By derivative, at the edges of the cells of Z."""
        t, places = self._t[:, ::2], self._places[:, ::2]
        return [self.table.variations(k, t, places) for k in range(len(self.table.suprema) - 1)]

    def _over_cells(self, derivative: int) -> Array:
        """Variation of a derivative of rho, less its jumps, over all y - z, y in b and z in c, at most."""
        v = self._variations[derivative]
        return np.asarray((v[1:, :-1] - v[:-1, 1:]) * ROOM + self._unsure(derivative))

    def _over_edges(self, derivative: int) -> Array:
        """The same for y an edge."""
        v = self._variations[derivative]
        return np.asarray((v[:, :-1] - v[:, 1:]) * ROOM + self._unsure(derivative))

    def _unsure(self, derivative: int) -> float:
        steep = self.table.suprema[derivative + 1]
        return float(self._moved * steep.max() + gamma(len(steep) + 8) * np.sum(steep * np.diff(self.table.edges)))

    def _jumps_over(self, order: int, low: Array, high: Array) -> Array:
        """Sums of the jumps of a derivative between two bounds of y - z."""
        out = np.zeros_like(low)
        for point, jump in zip(self.table.breaks, self.table.at_breaks[order], strict=True):
            if jump:
                at, slack = float(point), 4.0 * self._moved
                out += jump * ((low < at + slack) & (high > at - slack))
        return out

    @cached_property
    def _reaches(self) -> Array:
        """Lengths of y - z for y in b and z in c."""
        return self.grid.heights[:, None] + self.grid.widths[None, :]

    @cached_property
    def _between(self) -> tuple[Array, Array]:
        """Bounds of y - z for y in b and z in c."""
        return self._t[:-1, 2::2], self._t[1:, :-1:2]

    @cached_property
    def _bends_over_cells(self) -> Array:
        """Variation of rho' over b - c, kinks included."""
        return self._over_cells(1) + self._jumps_over(1, *self._between)

    @cached_property
    def _bends_over_edges(self) -> Array:
        return self._over_edges(1) + self._jumps_over(1, self._t[:, 2::2], self._t[:, :-1:2])

    @cached_property
    def _owners(self) -> list[tuple[float, Indices, Array]]:
        """Heights of jumps, the cells of Y that they fall into by the cell of Z, and where in these."""
        found = []
        for height, jump in zip(self.table.jumps, self.grid.jumps, strict=True):
            if height != 0.0:
                owner, start = self.grid.owners(jump)
                found.append((float(height), owner, start / self.grid.heights[owner]))
        return found

    def density(self, mass: Array, turn: Array, steep: Array, sign: float) -> Array:
        grid, edges = self.grid, self._distribution[:, ::2]
        # Very short cells lose all digits, but an average lies between 0 and the peak.
        averages = np.clip((edges[:, :-1] - edges[:, 1:]) / grid.widths, 0.0, self.table.peak)
        unsure = np.minimum(2.0 * self.off / grid.widths, self.table.peak)
        if sign > 0:
            unsure += self.rest
        nodes = averages @ mass + sign * float(unsure @ mass)
        turned = self._over_edges(0) @ (mass * turn)
        # rho'' on b - c is at most its mean and its variation.
        curved = self._over_cells(1) / self._reaches + self._over_cells(2) + self._jumps_over(2, *self._between)
        off = grid.heights**2 / 8.0 * (curved @ mass) + grid.heights / 4.0 * (
            self._jumps_over(1, *self._between) @ mass
        )
        for height, owner, start in self._owners:
            off += abs(height) * self._from_linear(owner, start, mass, turn)
        off = (off + np.maximum(turned[:-1], turned[1:])) * ROOM
        bounds = np.stack([nodes[:-1] + sign * off, nodes[1:] + sign * off], axis=1)
        bounds *= 1.0 + sign * 4.0 * SLACK
        return positive_part(bounds) if sign < 0 else np.asarray(np.maximum(bounds, 0.0))

    def _from_linear(self, owner: Indices, start: Array, mass: Array, turn: Array) -> Array:
        """How far the distribution of Z + e in the cells of Y is from linear, times its mass there."""
        count = len(self.grid.heights)
        bent = np.zeros(count)
        whole = np.bincount(owner, weights=mass, minlength=count)
        below = np.concatenate([[0.0], np.cumsum(mass)])
        first = below[np.searchsorted(owner, owner, side="left")]
        ends = start, start + self.grid.widths / self.grid.heights[owner]
        for sums, place in zip((below[:-1], below[1:]), ends, strict=True):
            np.maximum.at(bent, owner, np.abs(sums - first - place * whole[owner]))
        # A cell of Y with one cell of Z has no rest; others lose to cancellation.
        several = np.bincount(owner, minlength=count) > 1
        within = np.zeros(count)
        np.maximum.at(within, owner, mass * turn)
        return np.asarray(within + bent + np.where(several, 2.0**-40 * float(below[-1]), 0.0))

    @cached_property
    def contacts(self) -> list[Contact]:
        grid, found = self.grid, []
        for height, owner, _ in self._owners:
            ratio = grid.widths / grid.heights[owner] * ROOM
            found.append(Contact(owner, np.full(grid.cells, abs(height) * ROOM), ratio))
        if np.any(self.table.suprema[1] > 0.0):
            # |rho'| on b - c is at most its mean and its variation.
            steepest = self._over_cells(0) / self._reaches + self._bends_over_cells
            ratio = grid.widths[None, :] / grid.heights[:, None]
            found.append(Contact(None, steepest * grid.heights[:, None] * ROOM, ratio * ROOM))
        return found

    @cached_property
    def cut(self) -> Array:
        peaks = self.table.largest(self._t[:-1, -1] - self._moved, self._t[1:, 0] + self._moved)
        return np.asarray(self.grid.heights * (peaks + self.rest) * ROOM)

    def averages(self, kept: Indices, size: Array, curve: Array) -> Array:
        amount = np.diff(self._distribution, axis=0)[kept]
        h, c = self.grid.heights[kept], curve[kept]
        amount -= (c * h / 6.0)[:, None] * np.diff(self._continuous, axis=0)[kept]
        out = self._parabolas(amount.T)
        number = np.full(len(self.grid.heights), -1)
        number[kept] = np.arange(len(kept))
        for height, owner, start in self._owners:
            column = number[owner]
            rows = np.flatnonzero(column >= 0)
            at = column[rows]
            # theta* (1 - theta*) at the places of the jump in the cell of Y, a parabola in theta.
            share = self.grid.widths / self.grid.heights[owner]
            value = start * (1.0 - start), (start + share) * (1.0 - start - share), share * share
            for k in range(3):
                out[k, rows, at] += height * (c * h)[at] * value[k][rows]
        return np.asarray(out * size[kept])

    @staticmethod
    def _parabolas(values: Array) -> Array:
        """From values at the edges and middles of the cells of Z along the first axis."""
        left, middle, right = values[:-1:2], values[1::2], values[2::2]
        return np.stack([left, right, 4.0 * middle - 2.0 * (left + right)])

    def lost(self, kept: Indices, size: Array, curve: Array, mass: Array) -> float:
        widths, h = self.grid.widths, self.grid.heights[kept][:, None]
        c = np.abs(curve[kept])[:, None]
        edges, cells = self._bends_over_edges, self._bends_over_cells[kept]
        # The parabola for the distribution function; for the moments, the formula and then the parabola.
        plain = THIRD * widths**2 * (edges[1:] + edges[:-1])[kept]
        moments = h**2 / 8.0 * cells + h / 6.0 * SECOND * widths * (edges[1:] + edges[:-1])[kept]
        rounding = 16.0 * self.off * (1.0 + c * h) + self.rest * (1.0 + c) * h
        error = (plain + c * moments + rounding) * np.abs(size[kept])[:, None]
        return float(np.sqrt(np.sum(error**2 @ mass))) * ROOM

    def step_averages(self, v: Array) -> tuple[Array, Array]:
        steps = np.diff(np.concatenate([[0.0], v, [0.0]]))
        out = self._parabolas(-(steps @ self._distribution))
        off = THIRD * self.grid.widths**2 * (np.abs(steps) @ self._bends_over_edges)
        rest = self.rest * float(np.sum(np.abs(v) * self.grid.heights))
        return out, np.asarray((off + 16.0 * self.off * float(np.sum(np.abs(steps))) + rest) * ROOM)


__all__ = ["ROOM", "SLACK", "Contact", "Spread", "Tabled", "Windows", "positive_part"]
