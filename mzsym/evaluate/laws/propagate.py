"""Densities on the line carried through one layer, p_{n+1}(y) = int rho_n(y - F_n(x)) p_n(x) dx, MATH (5).

Every integral is split where its integrand is not smooth: at the ends of the panels of p_n, at kinks and turning points
of the map, and where y - F_n(x) passes the end of a cell of the noise density. The panels of p_{n+1} end wherever it is
not smooth: at the images of those places, shifted by the edges of the noise. Between them it is analytic where the map
is, so that few panels reach rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.kernels import add_stretches, series_values
from mzsym.evaluate.laws.pieces import Pieces, ScalarMap, bisected, monotone_pieces
from mzsym.evaluate.noise_numbers import Edge, NumericLaw
from mzsym.evaluate.quadrature.grid import analysis
from mzsym.evaluate.quadrature.rules import gauss_legendre

SMOOTH = 4
"""Continuous derivatives from which a place counts as smooth; refinement sees to it."""

NARROW = 0.01
"""Share of the support below which a panel of the density before is too narrow for refinement to find its image."""

MOST_BREAKS = 300
_RESOLVED = 2e-14
_DEEPEST = 44
_BLOCK = 2**21
"""Splits of integrals that are held at once."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """Point masses.

    Attributes
    ----------
    at : array of shape (points,)
    mass : array of shape (points,)
    """

    at: Array
    mass: Array


@dataclass(frozen=True, eq=False)
class LineStep:
    """X' = F(X) + G(X) xi on the line, with noise.

    Attributes
    ----------
    map : ScalarMap
        F, deterministic layers before it included.
    gain : ScalarMap or None
        G; None: 1.
    law : NumericLaw
        Of xi, not a point mass.
    kinks : tuple of float
        Of F and G.
    where : str
    """

    map: ScalarMap
    gain: ScalarMap | None
    law: NumericLaw
    kinks: tuple[float, ...]
    where: str

    def shifted(self, e: float) -> ScalarMap:
        """x -> F(x) + G(x) e."""
        gain = self.gain
        if gain is None:
            return lambda x: self.map(x) + e
        return lambda x: self.map(x) + gain(x) * e


@dataclass(frozen=True)
class Effort:
    """How finely a pass works.

    Attributes
    ----------
    order : int
        Coefficients a panel.
    nodes : int
        Of the Gauss rule on every smooth stretch of an integral.
    allowed : float
        Last coefficients that are small enough, relative to the largest value of the density.
    most : int
        Panels.
    """

    order: int
    nodes: int
    allowed: float
    most: int = 2000


def carried(law: NumericLaw | Atoms, step: LineStep, effort: Effort) -> NumericLaw:
    """The law of X', a density on panels.

    Raises
    ------
    MzError
        When the gain vanishes where X is, so that X' has no density, or the map is not finite.
    """
    integrand = _Integrand(law, step, effort)
    breaks = _breaks(law, step, integrand)
    ends, coefs = fitted(integrand, [b.at for b in breaks], effort)
    return NumericLaw(ends, coefs, tuple(Edge(b.at, math.floor(b.order)) for b in breaks if b.order < SMOOTH))


def fitted(function: ScalarMap, breaks: Sequence[float], effort: Effort) -> tuple[Array, Array]:
    """Panels between the breaks, halved until the Legendre series of the function on each has decayed."""
    order = effort.order
    t = gauss_legendre(order)[0]
    # To plain Legendre polynomials, without the factors sqrt(2j + 1).
    analyse = (analysis(order) * np.sqrt(2.0 * np.arange(order) + 1.0)[:, None]).T
    todo = [(a, b, 0) for a, b in pairwise(breaks)]
    done: list[tuple[float, float, Array]] = []
    peak = 1e-300
    while todo:
        nodes = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * t for a, b, _ in todo])
        values = function(nodes).reshape(len(todo), order)
        peak = max(peak, float(np.abs(values).max()))
        coefs = values @ analyse
        tails = np.abs(coefs[:, -2:]).max(axis=1)
        following: list[tuple[float, float, int]] = []
        for (a, b, level), row, tail in zip(todo, coefs, tails, strict=True):
            small = tail <= effort.allowed * peak or tail * (b - a) <= 1e-3 * effort.allowed
            full = len(done) + len(todo) + len(following) >= effort.most
            if small or full or level >= _DEEPEST:
                done.append((a, b, row))
            else:
                following += [(a, 0.5 * (a + b), level + 1), (0.5 * (a + b), b, level + 1)]
        todo = following
    done.sort(key=lambda panel: panel[0])
    return np.array([*(panel[0] for panel in done), done[-1][1]]), np.stack([panel[2] for panel in done])


class _Integrand:
    """p_{n+1} as a function of y."""

    def __init__(self, law: NumericLaw | Atoms, step: LineStep, effort: Effort) -> None:
        self.law, self.step = law, step
        self.t, self.w = gauss_legendre(effort.nodes)
        self.cells = step.law.ends
        self.pieces: list[Pieces] = []
        self.base = np.empty(0)
        if isinstance(law, NumericLaw):
            lo, hi = law.support
            own = [*step.kinks, *(e.at for e in law.edges)]
            plain = monotone_pieces(step.map, lo, hi, own)
            self.pieces = [plain] * len(self.cells)
            if step.gain is not None:
                self.pieces = [monotone_pieces(step.shifted(float(e)), lo, hi, own) for e in self.cells]
            turns = np.concatenate([p.ends for p in self.pieces[:: max(1, len(self.pieces) - 1)]])
            maps = [step.map] if step.gain is None else [step.map, step.gain]
            self.base = resolved(maps, np.unique(np.concatenate([law.ends, turns])), step.where)
            self.whole = self._stretches(self.base[:-1], self.base[1:])
        else:
            self.at, self.spread = _finite(step, law.at)

    def __call__(self, y: Array) -> Array:
        if isinstance(self.law, Atoms):
            return self._from_atoms(self.law, y)
        width = len(self.base) + sum(len(p.ends) - 1 for p in self.pieces)
        size = max(1, _BLOCK // width)
        return np.concatenate([self._from_density(y[start : start + size]) for start in range(0, len(y), size)])

    def _from_atoms(self, atoms: Atoms, y: Array) -> Array:
        out = np.zeros(len(y))
        size = max(1, _BLOCK // max(1, len(y)))
        for start in range(0, len(atoms.at), size):
            block = slice(start, start + size)
            xi = (y[:, None] - self.at[block]) / self.spread[block]
            out += self._density(xi) @ (atoms.mass[block] / np.abs(self.spread[block]))
        return out

    def _from_density(self, y: Array) -> Array:
        S = np.sort(np.hstack([np.broadcast_to(self.base, (len(y), len(self.base))), *self._splits(y)]), axis=1)
        a, b = S[:, :-1], S[:, 1:]
        row, column = np.nonzero(b - a > 1e-17 * (self.base[-1] - self.base[0]))
        a, b = a[row, column], b[row, column]
        # Most stretches are whole ones of the base, where the map is known already.
        at = np.searchsorted(self.base, a, side="right") - 1
        whole = (self.base[at] == a) & (self.base[np.minimum(at + 1, len(self.base) - 1)] == b)
        out = np.zeros(len(y))
        law = self.step.law
        add_stretches(y, row[whole], at[whole], *self.whole, law.ends, law.coefs, out)
        a, b, row = a[~whole], b[~whole], row[~whole]
        # Every other one lies in one cell of the noise or outside of them all: its middle decides.
        F, G = _finite(self.step, 0.5 * (a + b))
        middle = (y[row] - F) / G
        seen = (middle > self.cells[0]) & (middle < self.cells[-1])
        a, b, row = a[seen], b[seen], row[seen]
        size = max(1, _BLOCK // len(self.t))
        for start in range(0, len(a), size):
            block = slice(start, start + size)
            parts = self._stretches(a[block], b[block])
            add_stretches(y, row[block], np.arange(len(parts[0])), *parts, law.ends, law.coefs, out)
        return out

    def _splits(self, y: Array) -> list[Array]:
        """Where y - F(x) - G(x) e = 0 for every end e of a cell of the noise, by one bisection for all of them."""
        known, brackets = [], []
        for e, pieces in zip(self.cells, self.pieces, strict=True):
            target = y - e if self.step.gain is None else y
            out, row, piece, rising = pieces.located(target)
            known.append((out, row, piece))
            brackets.append((pieces.ends[piece], pieces.ends[piece + 1], target[row], rising, np.full(len(row), e)))
        a, b, target, rising, edge = (np.concatenate(parts) for parts in zip(*brackets, strict=True))
        step = self.step

        def shifted(x: Array) -> Array:
            return step.map(x) if step.gain is None else step.map(x) + step.gain(x) * edge

        found = bisected(shifted, a, b, target, rising)
        at = 0
        for out, row, piece in known:
            out[row, piece] = found[at : at + len(row)]
            at += len(row)
        return [out for out, _, _ in known]

    def _stretches(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """F, G and density over |G| times weights at the nodes of stretches, each of shape (stretches, nodes)."""
        assert isinstance(self.law, NumericLaw)
        half = 0.5 * (b - a)
        x = (0.5 * (a + b))[:, None] + half[:, None] * self.t
        F, G = (part.reshape(x.shape) for part in _finite(self.step, x.ravel()))
        p = series_values(x, self.law.ends, self.law.coefs)
        return F, G, 2.0 * half[:, None] * self.w * p / np.abs(G)

    def _density(self, xi: Array) -> Array:
        return series_values(xi, self.step.law.ends, self.step.law.coefs)


def _finite(step: LineStep, x: Array) -> tuple[Array, Array]:
    """F and G at points, refused where they are not finite or G vanishes."""
    F = checked(step.map(x), step.where)
    G = np.ones(len(x)) if step.gain is None else checked(step.gain(x), step.where)
    if (G == 0.0).any():
        raise MzError(
            "The gain of the noise vanishes at a state that occurs, so the next state has no density there",
            step.where,
            "Use a gain without zeros on the domain",
        )
    return F, G


def checked(values: Array, where: str) -> Array:
    """Values of a map, refused where one is not finite."""
    if not np.isfinite(values).all():
        raise MzError("The map is not finite where the state is", where, "Use a map that is finite on the domain")
    return values


def resolved(maps: Sequence[ScalarMap], ends: Array, where: str) -> Array:
    """Ends, halved between until every map is a short series on every stretch."""
    order = 16
    t = gauss_legendre(order)[0]
    todo, done = list(pairwise(ends.tolist())), list(ends.tolist())
    for _ in range(30):
        if not todo or len(done) > 4000:
            break
        x = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * t for a, b in todo])
        following = []
        parts = [checked(function(x), where) for function in maps]
        blocks = [part.reshape(len(todo), order) @ analysis(order).T for part in parts]
        size = [max(1e-300, float(np.abs(part).max())) for part in parts]
        for k, (a, b) in enumerate(todo):
            if any(np.abs(block[k, -2:]).max() > _RESOLVED * s for block, s in zip(blocks, size, strict=True)):
                middle = 0.5 * (a + b)
                done.append(middle)
                following += [(a, middle), (middle, b)]
        todo = following
    return np.unique(np.array(done))


# ---------------------------------------------------------------------- where p_{n+1} is not smooth


@dataclass(frozen=True)
class _Break:
    at: float
    order: float


def _breaks(law: NumericLaw | Atoms, step: LineStep, integrand: _Integrand) -> list[_Break]:
    """Places where p_{n+1} is not smooth, its ends among them.

    The law of F(X) has a density that jumps where p_n does (order -1), that has an inverse root at the image of a
    turning point (-3/2), and an atom (-2) where F is constant. Adding noise whose density has order j at an edge makes
    order k into k + j + 2.
    """
    edges = step.law.edges
    images: list[tuple[float, float]] = []
    if isinstance(law, Atoms):
        images = [(float(x), -2.0) for x in law.at]
    else:
        pieces = integrand.pieces[0]
        orders = {e.at: float(e.order) for e in law.edges}
        for end in pieces.ends:
            turning = bool(len(pieces.turns)) and bool((pieces.turns == end).any())
            here = orders.get(float(end), float(SMOOTH))
            if float(end) in step.kinks:
                here = min(here, -1.0)
            images.append((float(end), -1.5 if turning else here))
    found: list[_Break] = []
    narrow = _narrow(law)
    for e in edges:
        for at, order in images:
            if order + e.order + 2 < SMOOTH:
                found += [_Break(y, order + e.order + 2) for y in _both_sides(step, law, at, e.at)]
        if isinstance(law, NumericLaw):
            found += _from_flat(integrand.pieces[0], step, e)
            found += [_Break(y, float(SMOOTH)) for at in narrow for y in _both_sides(step, law, at, e.at)]
    lo, hi = _range(law, step, integrand)
    return _tidy(found, lo, hi)


def _narrow(law: NumericLaw | Atoms) -> list[float]:
    """Ends of narrow panels: what varies between them is smooth, and the nodes of a wide panel would step over it."""
    if isinstance(law, Atoms):
        return []
    slim = np.diff(law.ends) < NARROW * (law.ends[-1] - law.ends[0])
    return [float(at) for at in law.ends[np.append(slim, False) | np.append(False, slim)]]


def _from_flat(pieces: Pieces, step: LineStep, e: Edge) -> list[_Break]:
    if step.gain is not None:
        return []
    return [_Break(float(value) + e.at, float(e.order)) for value in pieces.first[pieces.flat]]


def _both_sides(step: LineStep, law: NumericLaw | Atoms, at: float, e: float) -> list[float]:
    """F + G e at a place, from either side of it: a map may jump there."""
    if isinstance(law, Atoms):
        return [float(step.shifted(e)(np.array([at]))[0])]
    lo, hi = law.support
    inset = 1e-14 * (hi - lo)
    sides = np.array([x for x in (at - inset, at + inset) if lo <= x <= hi])
    values = step.shifted(e)(sides)
    middle = step.shifted(e)(np.array([at]))
    # Where the map is continuous its value there is the sharper number.
    near = np.abs(values - middle) <= 1e-12 * max(1.0, float(np.abs(middle[0])))
    return [float(v) for v in np.where(near, middle, values)]


def _range(law: NumericLaw | Atoms, step: LineStep, integrand: _Integrand) -> tuple[float, float]:
    """Ends of the support of X'."""
    values = []
    for e in step.law.support:
        if isinstance(law, Atoms):
            values.append(step.shifted(e)(law.at))
        else:
            pieces = integrand.pieces[0 if e == step.law.support[0] else -1]
            shift = e if step.gain is None else 0.0
            values += [pieces.first + shift, pieces.last + shift]
    every = np.concatenate(values)
    return float(every.min()), float(every.max())


def _tidy(breaks: Sequence[_Break], lo: float, hi: float) -> list[_Break]:
    """Ascending, the ends first and last, one of each place; the smoothest are dropped where there are too many."""
    width = 1e-13 * (hi - lo)
    kept: list[_Break] = []
    places = np.empty(0)
    for b in sorted(breaks, key=lambda b: (b.order, b.at)):
        if lo + width < b.at < hi - width and not (np.abs(places - b.at) <= width).any():
            kept.append(b)
            places = np.append(places, b.at)
        if len(kept) == MOST_BREAKS:
            break
    # Several edges may fall on one end, and the roughest of them is what is seen there.
    ends = [min((b.order for b in breaks if abs(b.at - end) <= width), default=float(SMOOTH)) for end in (lo, hi)]
    return [_Break(lo, ends[0]), *sorted(kept, key=lambda b: b.at), _Break(hi, ends[1])]
