"""One scalar noise law in numbers: its density as a piecewise polynomial, to rounding.

Every law looks the same to the engines: a few cells, on each of which the density is a short Legendre series. Averages
of piecewise polynomials against it are then finite sums, whatever the law was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.polynomial import legendre

from mzsym.calculus.laws import GaussianLaw, Law, UniformLaw
from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.evaluate.quadrature.rules import gauss_legendre
from mzsym.model.numeric import evaluate

ORDER = 16
"""Coefficients of the density on a cell."""

_RESOLVED = 8e-15
_NORMAL_REACH = 12.0
"""Standard deviations after which a normal density is left out: below 1e-31 of its peak."""
_NEGLIGIBLE = 1e-27
_DEEPEST = 48
"""Bisections towards a point where a density is not smooth: its cells there shrink to rounding."""


@dataclass(frozen=True)
class Edge:
    """A point at which a density is not smooth.

    Attributes
    ----------
    at : float
    order : int
        -1 where the density jumps, 0 where it is continuous and has a kink (or something weaker).
    """

    at: float
    order: int


@dataclass(frozen=True, eq=False)
class NumericLaw:
    """Law of one scalar noise component.

    Attributes
    ----------
    ends : array of shape (cells + 1,)
        Ends of the cells, ascending; a single number for a point mass.
    coefs : array of shape (cells, order)
        On cell c the density is sum_j coefs[c, j] P_j(t), t in [-1, 1] across the cell.
    edges : tuple of Edge
        Where the density is not smooth.

    Examples
    --------
    >>> law = numeric_law(UniformLaw(sp.Rational(1, 2)), {})
    >>> law.support, float(law.distribution(np.array([0.25]))[0]), round(law.moment(2), 12)
    ((-0.5, 0.5), 0.75, 0.083333333333)
    """

    ends: Array
    coefs: Array
    edges: tuple[Edge, ...]

    @property
    def point_mass(self) -> bool:
        """Whether the noise is constant."""
        return len(self.ends) == 1

    @property
    def support(self) -> tuple[float, float]:
        """The ends, beyond which the density is zero or negligible."""
        return float(self.ends[0]), float(self.ends[-1])

    def density(self, x: Array) -> Array:
        """Density at points; zero outside of the support."""
        if self.point_mass:
            raise MzError("A point mass has no density", "NumericLaw.density", "Give the layer noise")
        cell, t, inside = self._locate(np.asarray(x, dtype=np.float64))
        values = _series(self.coefs[cell], t)
        return np.where(inside, values, 0.0)

    def distribution(self, x: Array) -> Array:
        """P(xi <= x)."""
        x = np.asarray(x, dtype=np.float64)
        if self.point_mass:
            return np.where(x >= self.ends[0], 1.0, 0.0)
        cell, t, _ = self._locate(x)
        start, series = self._antiderivative
        values = start[cell] + _series(series[cell], t)
        return np.clip(np.where(x >= self.ends[-1], 1.0, np.where(x <= self.ends[0], 0.0, values)), 0.0, 1.0)

    def rule(self, count: int) -> tuple[Array, Array]:
        """A composite Gauss rule with ``count`` nodes a cell: nodes and weights that sum to 1."""
        if self.point_mass:
            return self.ends.copy(), np.ones(1)
        t, w = gauss_legendre(count)
        middle, half = 0.5 * (self.ends[1:] + self.ends[:-1]), 0.5 * np.diff(self.ends)
        nodes = middle[:, None] + half[:, None] * t
        weights = 2.0 * half[:, None] * w * (self.coefs @ legendre.legvander(t, self.coefs.shape[1] - 1).T)
        return nodes.ravel(), weights.ravel() / weights.sum()

    def moment(self, k: int) -> float:
        """E xi^k."""
        nodes, weights = self.rule((ORDER + k) // 2 + 1)
        return float(weights @ nodes**k)

    @cached_property
    def weighted(self) -> NumericLaw:
        """The same with xi times its density in place of the density: E[xi f(xi)] is an average over it, MATH (38)."""
        if self.point_mass:
            raise MzError("A point mass has no density", "NumericLaw.weighted", "Give the layer noise")
        middle, half = 0.5 * (self.ends[1:] + self.ends[:-1]), 0.5 * np.diff(self.ends)
        rows = zip(middle, half, self.coefs, strict=True)
        return NumericLaw(self.ends, np.stack([legendre.legmul([m, h], row) for m, h, row in rows]), self.edges)

    @cached_property
    def _antiderivative(self) -> tuple[Array, Array]:
        """Distribution function at the left end of every cell, and its series across the cell."""
        half = 0.5 * np.diff(self.ends)
        series = np.stack([legendre.legint(row, lbnd=-1.0) * h for row, h in zip(self.coefs, half, strict=True)])
        masses = 2.0 * half * self.coefs[:, 0]
        return np.concatenate([[0.0], np.cumsum(masses)[:-1]]), series

    def _locate(self, x: Array) -> tuple[AnyArray, Array, AnyArray]:
        cell = np.clip(np.searchsorted(self.ends, x, side="right") - 1, 0, len(self.coefs) - 1)
        lo, hi = self.ends[cell], self.ends[cell + 1]
        t = np.clip(((x - lo) - (hi - x)) / (hi - lo), -1.0, 1.0)
        return cell, t, (x >= self.ends[0]) & (x <= self.ends[-1])


def _series(coefs: Array, t: Array) -> Array:
    """Row-wise Legendre series: coefs of shape (..., order) at t of shape (...)."""
    return np.asarray((coefs * legendre.legvander(t, coefs.shape[-1] - 1)).sum(axis=-1))


def point_mass(at: float = 0.0) -> NumericLaw:
    """The law of a constant."""
    return NumericLaw(np.array([at]), np.empty((0, 1)), ())


def numeric_law(law: Law, values: Mapping[sp.Symbol, float], where: str = "noise") -> NumericLaw:
    """The law in numbers.

    Parameters
    ----------
    law : Law
        Symbolic law.
    values : mapping of Symbol to float
        Of every symbol in it.
    where : str
        For error messages.

    Returns
    -------
    NumericLaw
        Normalised to total mass 1, whatever was cut off.

    Raises
    ------
    MzError
        For a scale that is not positive, a density that is not finite, and tails too heavy to be cut off.
    """
    if law.deterministic:
        return point_mass()
    lo, hi = (_end(end, values) for end in law.support)
    if isinstance(law, UniformLaw):
        _positive(hi, where)
        return NumericLaw(np.array([lo, hi]), np.array([[1.0 / (hi - lo)]]), (Edge(lo, -1), Edge(hi, -1)))
    xi = sp.Dummy("xi", real=True)
    expr = law.density(xi)

    def density(x: Array) -> Array:
        return evaluate([expr], {**values, xi: x}, len(x))[:, 0]

    if isinstance(law, GaussianLaw):
        scale = _end(law.scale, values)
        _positive(scale, where)
        lo, hi = -_NORMAL_REACH * scale, _NORMAL_REACH * scale
    breaks = [_end(point, values) for point in getattr(law, "breaks", ())]
    cut = [math.isinf(end) or isinstance(law, GaussianLaw) for end in (lo, hi)]
    lo, hi = effective_ends(density, lo, hi, where)
    return fitted_law(density, sorted({lo, *(b for b in breaks if lo < b < hi), hi}), where, cut)


def fitted_law(
    density: Callable[[Array], Array], breaks: Sequence[float], where: str, cut: Sequence[bool] = (False, False)
) -> NumericLaw:
    """The law of a density that is smooth between the breaks; ``cut`` says which ends only cut a tail off."""
    ends, coefs = _fit(density, breaks, where)
    total = float((np.diff(ends) * coefs[:, 0]).sum())
    if not total > 0:
        raise MzError("The density of the noise integrates to nothing", where, "Give a density that is positive")
    law = NumericLaw(ends, coefs / total, ())
    edges = [_edge(law, b) for b in breaks]
    kept = [edge for k, edge in enumerate(edges) if not (k == 0 and cut[0]) and not (k == len(edges) - 1 and cut[1])]
    return NumericLaw(law.ends, law.coefs, tuple(kept))


def _edge(law: NumericLaw, at: float) -> Edge:
    """Whether the density jumps there."""
    after = int(np.searchsorted(law.ends, at, side="left"))
    left = float(law.coefs[after - 1].sum()) if after > 0 else 0.0
    signs = (-1.0) ** np.arange(law.coefs.shape[1])
    right = float((law.coefs[after] * signs).sum()) if after < len(law.coefs) else 0.0
    peak = float(np.abs(law.coefs).sum(axis=1).max())
    return Edge(at, -1 if abs(left - right) > 1e-9 * peak else 0)


def _fit(density: Callable[[Array], Array], breaks: Sequence[float], where: str) -> tuple[Array, Array]:
    """Bisect until the Legendre series of every cell has decayed to rounding."""
    t, w = gauss_legendre(ORDER)
    analyse = w[:, None] * legendre.legvander(t, ORDER - 1) * (2.0 * np.arange(ORDER) + 1.0)
    todo = [(a, b, 0) for a, b in pairwise(breaks)]
    done: list[tuple[float, float, Array]] = []
    peak = 0.0
    while todo:
        x = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * t for a, b, _ in todo])
        values = density(x).reshape(len(todo), ORDER)
        if not np.isfinite(values).all():
            raise MzError("The density of the noise is not finite on its support", where, "Give a finite density")
        peak = max(peak, float(np.abs(values).max()))
        coefs = values @ analyse
        tails = np.abs(coefs[:, -3:]).max(axis=1)
        following = []
        for (a, b, level), row, tail in zip(todo, coefs, tails, strict=True):
            if tail <= _RESOLVED * max(peak, 1e-300) or level >= _DEEPEST or tail * (b - a) <= 1e-18:
                done.append((a, b, row))
            else:
                following += [(a, 0.5 * (a + b), level + 1), (0.5 * (a + b), b, level + 1)]
        todo = following
    done.sort(key=lambda cell: cell[0])
    return np.array([*(cell[0] for cell in done), done[-1][1]]), np.stack([cell[2] for cell in done])


def effective_ends(density: Callable[[Array], Array], lo: float, hi: float, where: str) -> tuple[float, float]:
    """Finite ends: an infinite tail is cut where the density times the distance has become negligible."""
    if math.isfinite(lo) and math.isfinite(hi):
        return lo, hi
    start = lo if math.isfinite(lo) else hi if math.isfinite(hi) else 0.0
    ends = [lo, hi]
    for which, sign in enumerate((-1.0, 1.0)):
        if math.isfinite(ends[which]):
            continue
        distances = 2.0 ** np.arange(-40.0, 61.0, 0.25)
        mass = density(start + sign * distances) * distances
        if not np.isfinite(mass).all():
            mass = np.nan_to_num(mass, nan=0.0, posinf=np.inf)
        beyond = np.flatnonzero(np.abs(mass) > _NEGLIGIBLE * np.abs(mass).max())
        if not len(beyond) or beyond[-1] + 2 >= len(distances):
            raise MzError(
                "The tails of the noise density are too heavy to be cut off in double precision",
                where,
                "Give the density a bounded support",
            )
        ends[which] = start + sign * float(distances[beyond[-1] + 1])
    return ends[0], ends[1]


def _end(expr: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    expr = sp.sympify(expr)
    if expr in (sp.oo, -sp.oo):
        return math.inf if expr is sp.oo else -math.inf
    return float(evaluate([expr], values, 1)[0, 0])


def _positive(scale: float, where: str) -> None:
    if not (scale > 0 and math.isfinite(scale)):
        raise MzError(f"The noise scale is {scale}", where, "Give a positive finite scale, or mz.Deterministic()")
