"""Upper bounds of ||Q M|| and ||Q M Q'|| in the law of the state from the cells; MATH (24p)-(24r), (24w).

V is spanned by 1_b/m, m the density of Y = X_{n+1}, b the cells that are kept. With Gamma_b = int_b 1/m, 1/m is taken
for Gamma_b (1 + beta_b (1 - 2 theta))/h_b, whose averages over the noise are parabolas in the place theta of z in a
cell of Z, up to what is bent and what is lost. What is orthogonal to V has no mean on any b and costs at most mu; cells
left out cost ``cut``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mzsym.balls.spectral import UNIT, frobenius, gamma, largest_eigenvalue, top_pair, up
from mzsym.balls.stretches import Indices, bend
from mzsym.certify.law.cells import Cells
from mzsym.certify.law.moments import Moments, NextNodes
from mzsym.certify.law.spread import ROOM, Contact
from mzsym.core.arrays import Array

NEGLIGIBLE = 1e-7
"""Cells that cost no more are left out: far out in the tails nothing is known of 1/m."""

OFF = 2.0**-40
"""More than values of polynomials are off, relative to the largest."""


@dataclass(frozen=True)
class Costs:
    """What the upper bound of ||Q M||^2 pays besides an eigenvalue.

    Attributes
    ----------
    gamma : array of shape (cells,)
        Upper bounds of int 1/m; inf where a cell has to be left out.
    curve : array of shape (cells,)
        beta.
    smooth : array of shape (cells,)
        mu by cell: the largest one counts.
    turned : array of shape (cells,)
        How far the share of int 1/m below a place in the cell is from the parabola.
    cut : array of shape (cells,)
        What a cell costs that is left out; their sum counts.
    rest : float
        Upper bound of the density of the noise where that is left out.
    stray : float
        Bound of the squared density of the noise, over that part of X of which nothing but its mass is known.
    beyond : float
        What lies outside of all cells costs.
    """

    gamma: Array
    curve: Array
    smooth: Array
    turned: Array
    cut: Array
    rest: float = 0.0
    stray: float = 0.0
    beyond: float = 0.0

    @property
    def kept(self) -> Indices:
        """Indices of the cells that are not left out."""
        return np.flatnonzero(np.isfinite(self.gamma))

    @property
    def total(self) -> float:
        """mu, and the cells left out."""
        out = np.isinf(self.gamma)
        largest = float(np.max(self.smooth[~out], initial=0.0))
        if self.rest or self.stray:
            # Hilbert-Schmidt norms on the cells that are kept.
            whole = float(np.sum(self.gamma[~out]))
            largest = (math.sqrt(largest) + self.rest * math.sqrt(whole)) ** 2 + self.stray * whole
        return (largest + float(np.sum(self.cut[out])) + self.beyond) * ROOM


def costs_of(cells: Cells) -> Costs:
    """From masses and densities."""
    spread, heights = cells.spread, cells.grid.heights
    known = (cells.low.min(axis=1) > 0.0) & (spread.cut > NEGLIGIBLE)
    low, high = (np.where(known[:, None], bounds, 1.0) for bounds in (cells.low, cells.high))
    # Of 1/m for linear m: Simpson's rule is above the integral, and the logarithmic mean is at least the geometric one.
    simpson = (1.0 / low[:, 0] + 8.0 / (low[:, 0] + low[:, 1]) + 1.0 / low[:, 1]) / 6.0
    size = heights * np.minimum(simpson, 1.0 / np.sqrt(low[:, 0] * low[:, 1])) * ROOM
    curve, turned = _curved(low, high)
    steep = high.max(axis=1) / low.min(axis=1) * ROOM
    smooth = np.zeros(len(heights))
    for contact in spread.contacts:
        # Of a jump the density of Z counts; the rest is bounded by its largest density already.
        least = 1.0 if contact.following is None else np.maximum(cells.steep, 1.0) / contact.ratio
        share = np.minimum(0.25, least * contact.of_next(steep) / math.pi**2)
        smooth += contact.to_next(cells.mass_high * contact.weight * share, len(heights))
    return Costs(
        np.where(known, size, np.inf),
        curve,
        np.where(known, size * smooth * spread.variation * ROOM, 0.0),
        np.where(known, turned, 0.0),
        np.where(cells.high.max(axis=1) > 0.0, spread.cut, 0.0),
        spread.rest,
        cells.stray * spread.peak**2 * ROOM,
        spread.tail.mass if spread.tail else 0.0,
    )


def _curved(low: Array, high: Array) -> tuple[Array, Array]:
    """beta, and a bound of |int 1/m up to theta, relative to the whole, - theta - beta theta (1 - theta)|.

    For linear m of ratio r that is f = log(1 + (r - 1) theta)/log r, and f'' = -(r - 1)^2/(log r (1 + (r - 1) theta)^2)
    lies between two numbers, since (r - 1)/log r does between sqrt r and (r + 1)/2; -2 beta is their middle. The true m
    differs from the linear one by a factor whose bounds are known.
    """
    r = low[:, 1] / low[:, 0]
    means = np.stack([np.sqrt(r), (r + 1.0) / 2.0])
    second = np.concatenate([(1.0 - r) * means, (1.0 - r) * means / r**2])
    least, most = second.min(axis=0), second.max(axis=0)
    curve, rest = -(least + most) / 4.0, (most - least) / 16.0 + 2.0**-48 * np.abs(second).max(axis=0)
    plain = bend(low.min(axis=1), low.max(axis=1))
    straight = plain < rest
    curve, rest = np.where(straight, 0.0, curve), np.where(straight, plain, rest)
    return curve, (rest + bend(1.0, (high / low).max(axis=1) * ROOM)) * ROOM


class Upper:
    """Upper bounds from the cells.

    Parameters
    ----------
    cells : Cells
    degree : int
        d.
    about : float
        ||Q M||^2, roughly.
    """

    def __init__(self, cells: Cells, degree: int, about: float) -> None:
        self.cells, self.degree = cells, degree
        self.costs = costs_of(cells)
        self.kept = self.costs.kept
        share = self._shares(about)
        # |x + y|^2 <= (1 + t) |x|^2 + (1 + 1/t) |y|^2 with a t for every cell of Z.
        self.moments = Moments.of(cells, degree, high=True, weights=1.0 + share)
        self.bent = np.zeros(len(self.kept))
        for contact in cells.spread.contacts:
            once = contact.to_next(self._bent(contact)[1] * (1.0 + 1.0 / share), len(cells.low))
            self.bent += once[self.kept] * ROOM
        size = np.zeros(len(cells.low))
        size[self.kept] = np.sqrt(self.costs.gamma[self.kept]) / cells.grid.heights[self.kept]
        self.values = cells.spread.averages(self.kept, size, self.costs.curve)
        self.lost = cells.spread.lost(self.kept, size, self.costs.curve, cells.mass_high)

    def _bent(self, contact: Contact) -> tuple[Array, Array]:
        """How far what a cell of Y does to a cell of Z is off, for alpha = 1 and for |a| = 1, squared, over the law."""
        costs, known = self.costs, np.isfinite(self.costs.gamma)
        # theta is off as well, where beta moves it: |d/d theta| <= 1 + |beta|.
        slope = contact.of_next(1.0 + np.abs(costs.curve)) * contact.ratio
        off = np.where(contact.of_next(known), contact.of_next(costs.turned) + self.cells.bent * slope, 0.0)
        gammas = contact.of_next(np.where(known, costs.gamma, 0.0))
        factor = self.cells.spread.variation * ROOM
        return off, self.cells.mass_high * contact.weight * off**2 * gammas * factor

    def _shares(self, about: float) -> Array:
        """t by cell of Z; any are valid. A t costs t P(Z in c), and gains nu/t times the weight of the cell."""
        best, heights = np.zeros(self.cells.grid.cells), self.cells.grid.heights
        for contact in self.cells.spread.contacts:
            off, bent = self._bent(contact)
            best += contact.to_cell(off * contact.of_next(heights) * contact.weight + 8.0 * bent / about)
        return best + 1e-12

    @cached_property
    def plain(self) -> Array:
        """Gram matrix of the M v, without what is bent."""
        out = np.zeros((len(self.kept), len(self.kept)))
        for i, row in enumerate(self.values):
            out += row.T @ sum(self.moments.gram[:, i, j, None] * self.values[j] for j in range(len(self.values)))
        return out

    @cached_property
    def majorant(self) -> float:
        """Frobenius norm of the same with the absolute values of all terms, at most."""
        sizes = np.sqrt(np.maximum(np.einsum("cii->ci", self.moments.gram), 0.0))
        return up(sum(frobenius(sizes[:, i, None] * row) for i, row in enumerate(self.values)) ** 2, 16)

    def removed(self, degree: int) -> tuple[Array, float]:
        """The same of (I - P) M v, P on degrees up to ``degree``; and a bound of the norm of its error."""
        mixed = np.einsum("lci,icb->lb", self.moments.mixed[: degree + 1], self.values, optimize=True)
        gram = self.moments.polynomials[: degree + 1, : degree + 1]
        # Any coefficients do: the best are those of the orthogonal projection.
        best = np.linalg.lstsq(gram, mixed, rcond=None)[0]
        cross = mixed.T @ best
        K: Array = self.plain - cross - cross.T + best.T @ (gram @ best)
        size, b = math.sqrt(self.majorant), frobenius(best)
        # |p_l| is at most sqrt(2 l + 1), also where it counts with the weights.
        largest = math.sqrt(float(self.moments.polynomials[0, 0]) * (degree + 1.0) * (2.0 * degree + 1.0)) * ROOM
        terms = 16 * (self.values.shape[1] + len(self.kept) + len(self.cells.parts.cell) + degree) + 256
        lost = gamma(terms) * (size + largest * b) ** 2 + 4.0 * OFF * largest * b * (size + largest * b)
        if self.cells.before:
            # |M v - p|^2 <= 2 |M v|^2 + 2 |p|^2 where X is outside of all cells.
            squares = (1.0 + np.abs(self.costs.curve[self.kept])) ** 2 * self.costs.gamma[self.kept]
            outside = self.costs.stray * float(np.sum(squares)) + b**2 * float(
                np.sum(self.cells.before.moments(degree))
            )
            lost += 2.0 * outside
        return K, up(lost * ROOM, 8)

    def square(self, K: Array, lost: float) -> float:
        """Upper bound of the norm on V, with what is bent."""
        whole = 0.5 * (K + K.T) + np.diag(self.bent)
        bound = largest_eigenvalue(whole, top_pair(whole)[0])
        return up((math.sqrt(bound + lost + 16.0 * UNIT * frobenius(whole)) + self.lost) ** 2, 16)

    @cached_property
    def outer(self) -> tuple[Array, float]:
        """K of ``removed`` for the degree of the projection."""
        return self.removed(self.degree)

    def whole(self) -> float:
        """Of ||Q M||^2."""
        return up(self.square(*self.outer) + self.costs.total)

    @cached_property
    def next_nodes(self) -> NextNodes:
        """Gauss's rule for the polynomials of the next state."""
        return NextNodes.of(self.cells, self.degree, 2)

    @cached_property
    def resolved_next(self) -> tuple[Array, Array]:
        """<q_l, .> on V, and functions r_l in V with <q_l, r_k> = 1 for l = k, else 0."""
        q = self.next_nodes.integrals()[:, self.kept] / np.sqrt(self.costs.gamma[self.kept])
        return q, np.asarray(np.linalg.pinv(q), dtype=np.float64)

    def without_next(self, K: Array) -> Array:
        """K on v - sum r_l <q_l, v>."""
        q, r = self.resolved_next
        side = q.T @ (r.T @ K)
        return np.asarray(K - side - side.T + q.T @ ((r.T @ (K @ r)) @ q))

    def interior(self, degree: int) -> float:
        """Of ||Q_e M Q'||^2 with Q_e for degrees above ``degree``, which is d or less.

        On the range of Q' every M v is M (v - sum r_l <q_l, v>), whatever the r_l in V are; the best ones take out the
        q_l themselves. <q_l, v> is known for v in V up to the distance of the two bounds of m, and for the rest of the
        space at most the distance of the q_l from V.
        """
        K, lost = self.removed(degree)
        gammas = self.costs.gamma[self.kept]
        q, r = self.resolved_next
        K = K + np.diag(self.bent)
        spread = 1.0 + frobenius(r) * frobenius(q)
        rounding = gamma(16 * len(K) + 256) * frobenius(K)
        first = _root_of(self.without_next(K), spread**2 * (lost + rounding))
        # Of M applied to the r_l, and what the q_l may be off.
        moved = _root_of(r.T @ (K @ r), frobenius(r) ** 2 * (lost + rounding))
        jensen = 2.0 * self.cells.grid.heights / self.cells.high.sum(axis=1)
        off = frobenius(q * (gammas / jensen[self.kept] * ROOM - 1.0)) + OFF * frobenius(q)
        norms = float(np.trace(self.next_nodes.gram(self.cells.high)))
        if self.cells.spread.tail:
            norms += float(np.sum(self.cells.spread.tail.moments(self.degree)))
        far = math.sqrt(max(0.0, norms - float(np.sum(q * q))) + OFF * norms)
        first, moved = first + spread * self.lost, moved + frobenius(r) * self.lost
        low, high = first + moved * off, math.sqrt(self.costs.total) + moved * far
        return up((low * low + high * high) * ROOM, 8)


def _root_of(K: Array, lost: float) -> float:
    """Upper bound of the root of the largest eigenvalue of a matrix that is off by ``lost``."""
    K = 0.5 * (K + K.T)
    top = largest_eigenvalue(K, top_pair(K)[0])
    return up(math.sqrt(up(top + lost + 16.0 * UNIT * frobenius(K), 8)), 8)
