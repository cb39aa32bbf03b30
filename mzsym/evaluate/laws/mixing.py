"""The last noisy step before an observable: given the state before it, a mixture along one random number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.propagate import Effort, LineStep, carried
from mzsym.evaluate.noise_numbers import Edge, NumericLaw
from mzsym.evaluate.panels.transition import Transition, tensor_rule

_SAME = 1e-11
"""Relative difference below which a function counts as affine, or as not depending on a number."""

_CELLS = 8, 16, 32
"""Cells on which a function that is not affine in the pivot is taken so, pass by pass."""

_RULE = {1: (8, 12, 16), 2: (6, 8, 10), 3: (4, 5, 6)}
"""Nodes for every random number but the pivot, by how many there are, pass by pass."""

_SUM = Effort(16, 24, 1e-13)


@dataclass(frozen=True, eq=False)
class LastStep:
    """h(X_m), X_m = F(X_{m-1}, omega) + G(X_{m-1}) xi.

    Attributes
    ----------
    transition : Transition
    h : function
        shape (points, N_m) -> (points,).
    level : int
        Pass, which sets the numbers of nodes.
    probes : array of shape (points, N_{m-1})
        States at which the form of h is looked at.
    """

    transition: Transition
    h: Callable[[Array], Array]
    level: int
    probes: Array

    @cached_property
    def _random(self) -> tuple[NumericLaw, ...]:
        """Every random number of the step: weights, then noise."""
        return (*self.transition.random, *self.transition.laws)

    def parts(self, X: Array, w: Array) -> tuple[Array, Array, Array, NumericLaw]:
        """Centers, scales and weights of the mixture, and the law that it mixes; X of shape (points, N_{m-1})."""
        if self._slopes is not None:
            rest = self._values(X, np.zeros((1, len(self._random))))[:, 0]
            return rest, np.ones(len(X)), w, self._sum(self._slopes)
        return self._along(X, w)

    @property
    def parts_per_point(self) -> int:
        """Parts that a state before the step becomes."""
        if self._slopes is not None:
            return 1
        return len(self._rule[1]) * (1 if self._affine else _CELLS[self.level])

    def _values(self, X: Array, draws: Array) -> Array:
        """h at all pairs of points and draws of (omega, xi), shape (points, draws)."""
        t = self.transition
        random, points, count = len(t.random), len(X), len(draws)
        Z = t.map(np.hstack([np.repeat(X, count, axis=0), np.tile(draws[:, :random], (points, 1))]))
        noise = np.tile(draws[:, random:], (points, 1))
        if t.gain is not None:
            G = np.repeat(t.gain(X), count, axis=0)
            noise = np.einsum("pij,pj->pi", G, noise) if t.mixed else G * noise
        values = self.h(np.ascontiguousarray(Z + noise))
        if not np.isfinite(values).all():
            raise MzError("The observable is not finite at a state that occurs", "output_law", "Use one that is finite")
        return values.reshape(points, count)

    def _ends(self, k: int, base: Array | None = None) -> Array:
        """Draws at three places across the support of one random number, the others as in ``base``."""
        lo, hi = self._random[k].support
        draws = np.zeros((3, len(self._random))) if base is None else np.tile(base, (3, 1))
        draws[:, k] = lo, 0.3 * lo + 0.7 * hi, hi
        return draws

    @cached_property
    def _used(self) -> list[int]:
        """Random numbers on which h depends."""
        found = []
        rng = np.random.default_rng(2)
        base = np.array([rng.uniform(*law.support) for law in self._random])
        for k, law in enumerate(self._random):
            if law.point_mass:
                continue
            values = self._values(self.probes, self._ends(k, base))
            if np.ptp(values, axis=1).max() > _SAME * max(1e-300, float(np.abs(values).max())):
                found.append(k)
        if not found:
            raise MzError(
                "The observable does not depend on the noise of the last noisy layer",
                "output_law",
                "Ask for an observable that does, or for its mean",
            )
        return found

    @cached_property
    def _slopes(self) -> Array | None:
        """Slopes of h in its random numbers, where it is affine in all with slopes that no state changes."""
        probes, used = self.probes, self._used
        zero = self._values(probes, np.zeros((1, len(self._random))))
        slopes, corner = [], np.zeros((1, len(self._random)))
        for k in used:
            values = self._values(probes, self._ends(k)) - zero
            places = self._ends(k)[:, k]
            size = float(np.abs(values).max()) + float(np.abs(zero).max())
            slope = float(values[0, 2] - values[0, 0]) / float(places[2] - places[0])
            if np.abs(values - slope * places).max() > _SAME * size:
                return None
            slopes.append(slope)
            corner[0, k] = places[1]
        together = self._values(probes, corner) - zero
        total = float(np.dot(slopes, corner[0, used]))
        if np.abs(together - total).max() > _SAME * (np.abs(zero).max() + abs(total)):
            return None
        return np.array(slopes)

    def _sum(self, slopes: Array) -> NumericLaw:
        """The law of sum_k slope_k r_k."""
        laws = [_scaled(self._random[k], float(s)) for k, s in zip(self._used, slopes, strict=True)]
        total = laws[0]
        for law in laws[1:]:
            total = carried(total, LineStep(lambda x: x.copy(), None, law, (), "sum of noises"), _SUM)
        return total

    @cached_property
    def _pivot(self) -> int:
        """The random number along which the average is exact: one in which h is affine, the last of them."""
        return next((k for k in reversed(self._used) if self._affine_in(k)), self._used[-1])

    @cached_property
    def _affine(self) -> bool:
        return self._affine_in(self._pivot)

    @property
    def _others(self) -> list[int]:
        return [k for k in self._used if k != self._pivot]

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        """Nodes and weights for all random numbers but the pivot."""
        laws = [self._random[k] for k in self._others]
        return tensor_rule(laws, _RULE[min(3, max(1, len(laws)))][self.level], self.transition.n)

    def _along(self, X: Array, w: Array) -> tuple[Array, Array, Array, NumericLaw]:
        """Along the pivot h is affine, or taken affine on each of some cells of its law."""
        (nodes, masses), pivot = self._rule, self._pivot
        law, draws = self._random[pivot], np.zeros((len(nodes), len(self._random)))
        draws[:, self._others] = nodes
        lo, hi = law.support
        if self._affine:
            low, high = draws.copy(), draws.copy()
            low[:, pivot], high[:, pivot] = lo, hi
            first, last = self._values(X, low), self._values(X, high)
            scale = (last - first) / (hi - lo)
            center = first - scale * lo
            return center.ravel(), scale.ravel(), np.outer(w, masses).ravel(), law
        ends = _cells(law, _CELLS[self.level])
        share = np.diff(law.distribution(ends))
        values = []
        for end in ends:
            at = draws.copy()
            at[:, pivot] = end
            values.append(self._values(X, at))
        path = np.stack(values, axis=-1)
        center, scale = 0.5 * (path[..., 1:] + path[..., :-1]), 0.5 * np.diff(path, axis=-1)
        weight = np.einsum("p,q,c->pqc", w, masses, share)
        unit = NumericLaw(np.array([-1.0, 1.0]), np.array([[0.5]]), (Edge(-1.0, -1), Edge(1.0, -1)))
        return center.ravel(), scale.ravel(), weight.ravel(), unit

    def _affine_in(self, pivot: int) -> bool:
        rng = np.random.default_rng(3)
        for _ in range(3):
            base = np.array([rng.uniform(*law.support) for law in self._random])
            draws = self._ends(pivot, base)
            values, places = self._values(self.probes, draws), draws[:, pivot]
            slope = (values[:, 2] - values[:, 0]) / (places[2] - places[0])
            bend = values[:, 1] - values[:, 0] - slope * (places[1] - places[0])
            if np.abs(bend).max() > _SAME * float(np.abs(values).max()):
                return False
        return True


def _cells(law: NumericLaw, count: int) -> Array:
    """Ends of cells, half of them of equal mass and half of equal width, from one end of the law to the other."""
    x = np.linspace(*law.support, 4097)
    levels = np.maximum.accumulate(law.distribution(x))
    by_mass = np.interp(np.linspace(0.0, 1.0, count // 2 + 1), levels, x)
    lo, hi = law.support
    inner = np.linspace(0.0, 1.0, 2 * (count // 2) + 1)[1::2] * (hi - lo) + lo
    return np.sort(np.concatenate([[lo, hi], by_mass[1:-1], inner]))


def _scaled(law: NumericLaw, factor: float) -> NumericLaw:
    """The law of factor * xi."""
    if factor == 1.0:
        return law
    ends, coefs = factor * law.ends, law.coefs / abs(factor)
    edges = tuple(Edge(factor * e.at, e.order) for e in law.edges)
    if factor < 0.0:
        signs = (-1.0) ** np.arange(coefs.shape[1])
        return NumericLaw(ends[::-1].copy(), (coefs * signs)[::-1].copy(), edges[::-1])
    return NumericLaw(ends, coefs, edges)
