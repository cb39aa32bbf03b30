"""Noise stated by its density: its Legendre moments, by Gauss rules on cells where the density is smooth.

Between these points an analytic density has a Legendre series that decays geometrically on cells that are short enough.
A Gauss rule on such a cell, weighted with the density, is then exact to rounding for polynomials. The weights are
values of the density itself, so that two rules of different size differ by what each misses, and the comparison of two
passes sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias, final

import numpy as np
import sympy as sp
from numpy.polynomial import legendre

from mzsym.calculus.laws import DensityLaw
from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.core.names import NOISE_VARIABLE
from mzsym.evaluate.quadrature.grid import analysis
from mzsym.evaluate.quadrature.kernels import legendre_rows
from mzsym.evaluate.quadrature.noise import NoiseLaw
from mzsym.evaluate.quadrature.rules import frozen, gauss_legendre
from mzsym.model import Noise
from mzsym.model.numeric import evaluate

Values: TypeAlias = tuple[tuple[sp.Symbol, float], ...]
"""Parameters of a density with their values, by name."""

_ORDER = 16
"""Coefficients of a series on a cell at most."""
_RESOLVED = 8e-15
_ROUNDING = 1e-12
"""Below it a tail that halving a cell hardly lowers is rounding of the density, not structure."""
_NEGLIGIBLE = 1e-17
"""Part of peak times support that counts for nothing: rounding of the density lies below it on short cells."""
_NOTHING = 1e-250
"""Values below are 0: near the smallest doubles everything is rounding."""
_DEEPEST = 12
_MOST_CELLS = 1024
BLOCK = 4096
"""Points for which Legendre functions are tabulated at once."""


@dataclass(frozen=True)
class Cell:
    """Part of the piece between two neighbouring break points, from ``start`` to ``stop`` as fractions of it.

    ``order`` Legendre coefficients say what is to be integrated on it.
    """

    piece: int
    start: float
    stop: float
    order: int


@dataclass(frozen=True)
class Composite:
    """Nodes of a composite rule before the density is known at them.

    Attributes
    ----------
    piece : integer array of shape (nodes,)
    place : array of shape (nodes,)
        As a fraction of the piece.
    weights : array of shape (nodes,)
        Gauss weights, per length of the piece.
    """

    piece: AnyArray
    place: Array
    weights: Array

    def at(self, ends: Array) -> tuple[Array, Array]:
        """Points and lengths of their pieces, for pieces that end at ``ends``; both linear in ``ends``."""
        lower, upper = ends[self.piece], ends[self.piece + 1]
        return lower * (1.0 - self.place) + upper * self.place, upper - lower


class UnresolvedError(Exception):
    """What keeps a function from being resolved on cells: the text of a sentence about it."""


def resolved_cells(functions: Callable[[Array], Array], ends: Sequence[float]) -> tuple[Cell, ...]:
    """Bisect the pieces until the Legendre series of every function has decayed to rounding on every cell.

    Parameters
    ----------
    functions : function
        shape (points,) -> (points, functions)
    ends : sequence of float
        Ends of the pieces, ascending.

    Raises
    ------
    UnresolvedError
        Where a value is not finite, and where cells become too small or too many.
    """
    t, w = gauss_legendre(_ORDER)
    analyse = (w[:, None] * legendre.legvander(t, _ORDER - 1) * (2.0 * np.arange(_ORDER) + 1.0)).T
    knots = np.asarray(ends)
    todo = [(piece, 0.0, 1.0, np.inf) for piece in range(len(ends) - 1)]
    done: list[Cell] = []
    peaks: Array | float = _NOTHING
    for _ in range(_DEEPEST + 1):
        pieces, starts, stops, before = (np.array(column) for column in zip(*todo, strict=True))
        lengths = np.diff(knots)[pieces]
        x = (knots[pieces] + lengths * starts)[:, None] + (0.5 * lengths * (stops - starts))[:, None] * (t + 1.0)
        values = functions(x.ravel()).reshape(*x.shape, -1)
        if not np.isfinite(values).all():
            at = x[~np.isfinite(values).all(axis=2)][0]
            raise UnresolvedError(f"is not finite at {at:.6g}")
        peaks = np.maximum(peaks, np.abs(values).max(axis=(0, 1)))
        # In units of the peaks and of the whole: neither the noise's nor a parameter's units count.
        coefs = (np.abs(np.einsum("kt,ctf->ckf", analyse, values)) / peaks).max(axis=2)
        tails = coefs[:, -3:].max(axis=1)
        rounding = (tails <= _ROUNDING) & (tails > before / 8.0)
        negligible = tails * lengths * (stops - starts) <= _NEGLIGIBLE * (knots[-1] - knots[0])
        following = []
        for k, (piece, start, stop, _) in enumerate(todo):
            if tails[k] <= _RESOLVED or rounding[k] or negligible[k]:
                order = int(np.flatnonzero(coefs[k] > _RESOLVED).max(initial=0)) + 1
                done.append(Cell(piece, start, stop, order))
            else:
                middle = 0.5 * (start + stop)
                following += [(piece, start, middle, tails[k]), (piece, middle, stop, tails[k])]
        if not following:
            return tuple(sorted(done, key=lambda cell: (cell.piece, cell.start)))
        todo = following
        if len(done) + len(todo) > _MOST_CELLS:
            break
    piece, start, *_ = todo[0]
    at = knots[piece] + (knots[piece + 1] - knots[piece]) * start
    raise UnresolvedError(f"is not resolved by series on cells, as at a singularity or a hidden kink near {at:.6g}")


def composite(cells: Sequence[Cell], degree: int) -> Composite:
    """The rule on these cells that is exact for what they resolve times polynomials of this degree."""
    pieces, places, weights = [], [], []
    for cell in cells:
        t, w = gauss_legendre((cell.order + degree) // 2 + 1)
        width = cell.stop - cell.start
        pieces.append(np.full(len(t), cell.piece))
        places.append(cell.start + 0.5 * width * (t + 1.0))
        weights.append(width * w)
    return Composite(np.concatenate(pieces), np.concatenate(places), np.concatenate(weights))


@lru_cache(maxsize=256)
def piece_ends(law: DensityLaw, values: Values) -> Array:
    """Ends of the support and the break points between them, ascending."""
    return frozen(evaluate([law.lower, *law.points, law.upper], dict(values), 1)[0])


def density_at(law: DensityLaw, values: Values, x: Array) -> Array:
    """Density at points of the support."""
    return evaluate([law.density(NOISE_VARIABLE)], {**dict(values), NOISE_VARIABLE: x}, len(x))[:, 0]


@final
@dataclass(frozen=True)
class StatedLaw(NoiseLaw):
    """A law by its density.

    Its rules have the nodes of a Gauss-Legendre rule on the support, and the weights that give the law's Legendre
    moments: those of the projection of the density on polynomials, whose norm in L^2 is not above that of the density,
    so that weights of both signs lose no digits. MATH (17a).

    Attributes
    ----------
    law : DensityLaw
        In the parameters as the user named them, so that layers with equal laws share them.
    values : tuple of (symbol, float)
    unit : float
        What 1 in the units of the density is.
    """

    law: DensityLaw
    values: Values
    unit: float = 1.0

    @property
    def middle(self) -> float:
        ends = piece_ends(self.law, self.values)
        return 0.5 * self.unit * float(ends[0] + ends[-1])

    @property
    def reach(self) -> float:
        ends = piece_ends(self.law, self.values)
        return 0.5 * self.unit * float(ends[-1] - ends[0])

    def scaled(self, factor: float) -> StatedLaw:
        return replace(self, unit=self.unit * factor)

    def rule(self, degree: int) -> tuple[Array, Array]:
        nodes, _ = gauss_legendre(degree + 1)
        return frozen(self.reach * nodes), frozen(analysis(degree + 1).T @ self.moments(degree + 1))

    def moments(self, count: int) -> Array:
        """E sqrt(2j+1) P_j(u), j < count, u the place of the noise in its support, from -1 to 1."""
        ends = piece_ends(self.law, self.values)
        rule = composite(density_cells(self.law, self.values), count)
        x, lengths = rule.at(ends)
        weights = rule.weights * lengths * density_at(self.law, self.values, x)
        u, weights = place(ends, x), weights / weights.sum()
        blocks = [slice(start, start + BLOCK) for start in range(0, len(u), BLOCK)]
        return np.asarray(sum(weights[block] @ legendre_rows(u[block], count) for block in blocks))


def place(ends: Array, x: Array) -> Array:
    """Where points lie in the support, from -1 to 1."""
    return np.asarray(((x - ends[0]) - (ends[-1] - x)) / (ends[-1] - ends[0]))


@lru_cache(maxsize=256)
def density_cells(law: DensityLaw, values: Values) -> tuple[Cell, ...]:
    """Cells on which the density is resolved.

    Raises
    ------
    UnresolvedError
    """
    return resolved_cells(lambda x: density_at(law, values, x)[:, None], list(piece_ends(law, values)))


def stated(noise: Noise) -> StatedLaw:
    """The law of a stated density with the values of its parameters, not looked at."""
    items = sorted(noise.params.items(), key=lambda item: item[0].name)
    return StatedLaw(noise.law(sp.S.Zero), tuple((symbol, float(value)) for symbol, value in items))  # type: ignore[arg-type]


def why_unresolved(noise: Noise) -> str | None:
    """What keeps a stated density from the spectral scheme, as words that follow its name; None where nothing does."""
    if not noise.bounded:
        return "has no bounded support"
    law = stated(noise)
    try:
        density_cells(law.law, law.values)
    except UnresolvedError as reason:
        return str(reason)
    return None


def stated_law(noise: Noise, where: str) -> StatedLaw:
    """The law of a stated density in numbers.

    Raises
    ------
    MzError
        Where the density is not resolved on cells.
    """
    reason = why_unresolved(noise)
    if reason is not None:
        raise MzError(f"The density of the noise {reason}", where, 'Use engine="auto", which takes panels for it')
    return stated(noise)
