"""What every law on the line can answer: distribution function, density where there is one, averages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.polynomial import legendre

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.kernels import series_values
from mzsym.evaluate.laws.pieces import Pieces, ScalarMap
from mzsym.evaluate.laws.propagate import Atoms, resolved
from mzsym.evaluate.noise_numbers import NumericLaw
from mzsym.evaluate.quadrature.rules import gauss_legendre

_NODES = 24


class Distribution(Protocol):
    """A law on the line.

    ``support`` are its ends, ``places`` points between which it is smooth (for pictures and comparisons), ``atoms``
    its point masses. ``density`` raises MzError where there is none.
    """

    @property
    def support(self) -> tuple[float, float]: ...
    @property
    def places(self) -> Array: ...
    @property
    def atoms(self) -> tuple[tuple[float, float], ...]: ...
    def distribution(self, y: Array) -> Array: ...
    def density(self, y: Array) -> Array: ...
    def expect(self, f: Callable[[Array], Array]) -> float: ...


def no_density(why: str) -> MzError:
    """The refusal of a density that does not exist."""
    return MzError(f"There is no density: {why}", "density(y)", "Use distribution(y), quantile(q) or interval(level)")


@final
@dataclass(frozen=True, eq=False)
class PanelDistribution:
    """A density that is a Legendre series on each of some panels."""

    law: NumericLaw

    @property
    def support(self) -> tuple[float, float]:
        return self.law.support

    @property
    def places(self) -> Array:
        return self.law.ends

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        return ()

    def distribution(self, y: Array) -> Array:
        start, series = self._integrated
        ends = self.law.ends
        cell = np.clip(np.searchsorted(ends, y, side="right") - 1, 0, len(series) - 1)
        inside = start[cell] + series_values(y, ends, series)
        values = np.where(y >= ends[-1], 1.0, np.where(y <= ends[0], 0.0, inside))
        return np.asarray(np.clip(values, 0.0, 1.0))

    def density(self, y: Array) -> Array:
        return series_values(y, self.law.ends, self.law.coefs)

    def expect(self, f: Callable[[Array], Array]) -> float:
        x, mass = self.rule
        return float(mass @ f(x))

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Nodes and masses, exact for polynomials of degree 31 on every panel."""
        return panel_rule(self.law, self.law.ends)

    @cached_property
    def _integrated(self) -> tuple[Array, Array]:
        return integrated(self.law)


@final
@dataclass(frozen=True, eq=False)
class AtomDistribution:
    """Point masses alone: a state that no noise has reached."""

    law: Atoms

    @property
    def support(self) -> tuple[float, float]:
        return float(self.law.at.min()), float(self.law.at.max())

    @property
    def places(self) -> Array:
        return np.unique(self.law.at)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        at, where = np.unique(self.law.at, return_inverse=True)
        return tuple(zip(at.tolist(), np.bincount(where, self.law.mass).tolist(), strict=True))

    def distribution(self, y: Array) -> Array:
        order = np.argsort(self.law.at)
        total = np.concatenate([[0.0], np.cumsum(self.law.mass[order])])
        return np.asarray(total[np.searchsorted(self.law.at[order], y, side="right")])

    def density(self, y: Array) -> Array:
        raise no_density("no noise has reached this state, which takes single values")

    def expect(self, f: Callable[[Array], Array]) -> float:
        return float(self.law.mass @ f(self.law.at))


@final
@dataclass(frozen=True, eq=False)
class PushedDistribution:
    """The law of h(X), X with a density and h monotone on pieces.

    Attributes
    ----------
    base : Distribution
    pieces : Pieces
        Of h on the support of X.
    slope : ScalarMap
        h'.
    """

    base: Distribution
    pieces: Pieces
    slope: ScalarMap

    @property
    def support(self) -> tuple[float, float]:
        every = np.concatenate([self.pieces.first, self.pieces.last])
        return float(every.min()), float(every.max())

    @cached_property
    def places(self) -> Array:
        x = np.unique(np.concatenate([self.base.places, self.pieces.ends]))
        return np.unique(np.concatenate([self.pieces.map(x), self.pieces.first, self.pieces.last]))

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        masses = np.diff(self.base.distribution(self.pieces.ends))
        flat = self.pieces.flat & (masses > 0.0)
        values, where = np.unique(self.pieces.first[flat].round(14), return_inverse=True)
        if not len(values):
            return ()
        return tuple(zip(values.tolist(), np.bincount(where, masses[flat]).tolist(), strict=True))

    def distribution(self, y: Array) -> Array:
        y, pieces = np.asarray(y, dtype=np.float64), self.pieces
        flat = pieces.flat
        at = self.base.distribution(pieces.preimages(y))
        ends = self.base.distribution(pieces.ends)
        rising = pieces.last >= pieces.first
        part = np.where(rising, at - ends[:-1], ends[1:] - at)
        whole = (ends[1:] - ends[:-1]) * (y[:, None] >= pieces.first - 1e-14 * np.maximum(1.0, np.abs(pieces.first)))
        return np.asarray(np.clip(np.where(flat, whole, part).sum(axis=1), 0.0, 1.0))

    def density(self, y: Array) -> Array:
        if self.atoms:
            raise no_density("the map is constant on a stretch that has positive probability")
        y = np.asarray(y, dtype=np.float64)
        low, high = np.minimum(self.pieces.first, self.pieces.last), np.maximum(self.pieces.first, self.pieces.last)
        inside = (y[:, None] > low) & (y[:, None] < high)
        x = self.pieces.preimages(y)[inside]
        out = np.zeros(inside.shape)
        with np.errstate(divide="ignore"):
            out[inside] = self.base.density(x) / np.abs(self.slope(x))
        return np.asarray(out.sum(axis=1))

    def expect(self, f: Callable[[Array], Array]) -> float:
        if not isinstance(self.base, PanelDistribution):
            return self.base.expect(lambda x: f(self.pieces.map(x)))
        ends = np.unique(np.concatenate([self.base.places, self.pieces.ends]))
        x, mass = panel_rule(self.base.law, resolved([self.pieces.map], ends, "law of the output"))
        return float(mass @ f(self.pieces.map(x)))


def integrated(law: NumericLaw) -> tuple[Array, Array]:
    """Distribution function at the lower end of every cell, and what it gains across the cell as a series."""
    half = 0.5 * np.diff(law.ends)
    series = half[:, None] * legendre.legint(law.coefs, lbnd=-1.0, axis=1)
    return np.concatenate([[0.0], np.cumsum(2.0 * half * law.coefs[:, 0])[:-1]]), series


def panel_rule(law: NumericLaw, ends: Array) -> tuple[Array, Array]:
    """Nodes and masses of a law on panels that are parts of its own."""
    t, w = gauss_legendre(_NODES)
    half = 0.5 * np.diff(ends)
    x = ((0.5 * (ends[1:] + ends[:-1]))[:, None] + half[:, None] * t).ravel()
    return x, (2.0 * half[:, None] * w).ravel() * series_values(x, law.ends, law.coefs)
