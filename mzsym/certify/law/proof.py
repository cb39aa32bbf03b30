"""Proved enclosures of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}|| in the law of the state, dimension one; MATH (24p)-(24s)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.balls import WHOLE, precision
from mzsym.balls.curves import curve_of, on_unit_interval
from mzsym.balls.expressions import compile_tape
from mzsym.balls.spectral import top_pair
from mzsym.balls.stretches import COARSE, SCALE, Image, position_above, position_below
from mzsym.certify.law.cells import Cells, LawBounds
from mzsym.certify.law.grid import Grid, lengths
from mzsym.certify.law.linear_gaussian import Correlation, correlations
from mzsym.certify.law.lower import lower_bounds
from mzsym.certify.law.noise import NoiseOnGrids, input_bounds
from mzsym.certify.law.norms import Upper, costs_of
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure, better, inner_width, without
from mzsym.certify.sharp.ends import Ends
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.evaluate.blas import blas_threads
from mzsym.model.values import exact_values

if TYPE_CHECKING:
    from mzsym.model import Network

FIRST, FIRST_UNBOUNDED = 48, 160
"""Cells in one period to begin with; unbounded noise is small in most of its period."""

MOST_CELLS, MOST_LAW_CELLS = 1500, 4000
"""Cells of the next state in a matrix, and in a law that is carried on."""

MOST_ENTRIES = 3_000_000
"""Pairs of a cell of Y and one of Z, where all of them count."""

UNSURE = 1e-5
"""Mass between the bounds of a law that is aimed at."""

COARSEST = 4e-3
"""What the smoothing term may cost at first."""

MOST_CUTS = 200
"""Cells of Z that are cut at once by themselves."""

SHORTEST = 2.0**-40
"""Cells of Z that are cut by themselves are longer."""

BITS = 192
"""Of balls: maps that saturate are inverted where they are steep by 2**-20 only."""

ROUNDS = 24
"""Refinements of one grid."""

MAX_DEGREE = 24

_T = sp.Symbol("t", real=True)


def reason_against_law(net: Network, n: int) -> str:
    """Why the law of X_{n+1} is not enclosed; empty where it may be."""
    if net.input_law.kind == "samples" or (net.input_law.kind == "density" and net.domain is None):
        return "in the law of the state sharp enclosures need X_0 with a density, on a box or by a noise law"
    for k in range(n + 1):
        layer = net.layers[k]
        if (net.dims[k], net.dims[k + 1]) != (1, 1):
            return "in the law of the state sharp enclosures are for dimension one, here and before"
        if not layer.plain_noise:
            return (
                f"in the law of the state sharp enclosures take noise that is added to a fixed map, also on layer {k}"
            )
        if layer.noise[0].deterministic:
            return (
                "in the law of the state sharp enclosures need noise with a density on every layer up to it, and "
                f"layer {k} has none"
            )
    return ""


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with the law of its state."""

    image: Image
    ends: tuple[int, int]
    """Positions outside of all values of the map."""
    law: LawBounds
    noise: NoiseOnGrids

    def cells(self, grid: Grid) -> Cells:
        """Masses and densities on a grid."""
        return Cells(self.image, self.law, self.noise.spread(grid))

    def first(self, most: int) -> Grid:
        """Equal cells, up to ``most`` in a period; edges just outside of all values of the map and around its atoms.

        Raises
        ------
        MzError
            For noise that is small beside what the map varies.
        """
        (low, high), jumps, period = self.ends, self.noise.jumps, self.noise.period
        rest = (high - low) % period
        # Neither edge may fall next to an image of the other: a map is not inverted so close to its turning values.
        near = ((period >> 22) >> COARSE) << (COARSE + 4)
        if rest <= near:
            # Nor may equal parts of what lies between.
            low, high = low - 32 * (near >> 4), high + (near >> 4)
        elif period - rest <= near:
            high += 2 * near
        grid = Grid([low], jumps, high, self.noise.table is not None)
        places = [high]
        for atom in self.image.atoms:
            # The density of the next state jumps where a jump of the noise meets an atom.
            around = [value for value in (atom - near, atom + near) if low + near < value < high - near]
            places += [value + jump - jumps[0] for value in around for jump in jumps]
        grid = grid.finer({0: [(place - low) % period for place in places]})
        periods = math.ceil((high - low) / period) + 1
        if 2 * periods > MOST_CELLS:
            raise MzError(f"the noise is too small: {periods} periods of cells", "certify", "Use more noise")
        count = max(2, min(most, MOST_CELLS // (2 * periods)))
        return grid.finer(_split(grid, np.ceil(grid.heights[: grid.per_period] / (period / (1 << SCALE)) * count)))


class LawChain:
    """The laws of the states of one network, each computed once.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    """

    def __init__(self, net: Network) -> None:
        self.net = net
        self._layers: list[_Layer] = []

    @cached_property
    def _correlations(self) -> tuple[Correlation, ...]:
        return correlations(self.net)

    def enclosure(self, n: int, degree: int, width: float) -> Enclosure:
        """Enclose both norms of layer n for polynomials of degree <= d, as ``sharp_enclosure`` does."""
        if n < len(self._correlations):
            return self._correlations[n].enclosure(degree)
        reason = reason_against_law(self.net, n)
        if not reason and degree > MAX_DEGREE:
            reason = f"degree {degree} is too large for enclosures in the law of the state"
        if reason:
            return without(reason)
        try:
            with precision(BITS), blas_threads():
                return self._enclosed(self._layer(n), degree, width)
        except MzError as error:
            return without(f"sharp: {error.what}")

    def _layer(self, n: int) -> _Layer:
        while len(self._layers) <= n:
            k = len(self._layers)
            self._layers.append(self._with_law(k, _carried(self._layers[-1]) if k else input_bounds(self.net)))
        return self._layers[n]

    def _with_law(self, k: int, law: LawBounds) -> _Layer:
        net, layer = self.net, self.net.layers[k]
        lo, hi = law.edges[0], law.edges[-1]
        values = exact_values({**net.shared, **layer.map_bindings(k)})
        expr = layer.map_exprs(k)[0].xreplace(values)
        low, high = (sp.Rational(end, 1 << SCALE) for end in (lo, hi))
        with precision():
            # Kinks are caught at the usual precision, or there would be too many digits of them.
            curve = curve_of(on_unit_interval(expr, state_symbol(k, 0), low, high, _T), _T)
        image = Image(curve, lo, hi)
        ends = image.ends
        if law.tail:
            # Outside of the edges nothing is known of the state.
            value = compile_tape((expr,)).run({state_symbol(k, 0): WHOLE})[0]
            if not (value.defined and value.finite):
                raise MzError("the map of an unbounded state is not bounded", "certify", "Cut the noise off")
            ends = min(ends[0], position_below(value.lo)), max(ends[1], position_above(value.hi))
        return _Layer(image, ends, law, NoiseOnGrids.of(layer.noise[0], net.shared))

    def _enclosed(self, layer: _Layer, degree: int, width: float) -> Enclosure:
        if not layer.image.curve.branches:
            if all(gap.variation == 0 for gap in layer.image.curve.gaps) and not layer.law.tail:
                return Enclosure(0.0, 0.0, 0.0, 0.0, 1, ends=Ends(0.0, 0.0, 0.0))
            raise MzError("the map is flatter than rounding", "certify", "Use another method")
        best, missing = NOTHING, math.inf
        target, grid, cells_before = COARSEST, layer.first(FIRST_UNBOUNDED if layer.noise.tail else FIRST), 0
        while missing > 1.0:
            grid, cells = _refined_for_norm(layer, grid, target)
            if len(cells.low) == cells_before:
                break
            cells_before = len(cells.low)
            upper = Upper(cells, degree, best.lower**2 or 0.25)
            if not len(upper.kept):
                raise MzError("no cell of the law has a density that is bounded below", "certify", "Use more noise")
            best = better(best, _level(upper))
            missing = max(best.width, inner_width(best)) / width
            target /= min(8.0, max(2.0, 1.2 * missing))
        best = replace(best, ends=Ends(min(1.0, _root(upper.interior(0)) if degree else best.upper)))
        if missing <= 1.0:
            return best
        return replace(best, reason=f"sharp: the width {best.width:.1e} is what {best.functions} cells give")


def _carried(layer: _Layer) -> LawBounds:
    """The law of the next state, with few doubts about its mass."""
    grid = layer.first(FIRST_UNBOUNDED if layer.noise.tail else FIRST)
    cells = layer.cells(grid)
    # The law before leaves its own doubts, which no refinement takes away.
    floor = 2.0 * float(
        np.sum((layer.law.high - layer.law.low).sum(axis=1) / 2.0 * lengths(layer.law.edges[:-1], layer.law.edges[1:]))
    )
    for _ in range(ROUNDS):
        unsure = cells.unsure
        if float(np.sum(unsure)) <= UNSURE + floor or len(unsure) > MOST_LAW_CELLS:
            break
        # It falls like the cube of the length: twice as many cells, each with about the same doubt.
        roots = np.cbrt(unsure)
        parts = np.clip(np.ceil(2.0 * len(roots) * roots / np.sum(roots)), 1, 16)
        finer = grid.finer(_split(grid, parts), _cuts(cells, float(np.sum(unsure)) / 16.0))
        if not len(grid.residues) < len(finer.residues) or len(finer.heights) > 2 * MOST_LAW_CELLS:
            break
        if layer.noise.table and len(finer.heights) * finer.cells > MOST_ENTRIES:
            break
        grid = finer
        cells = layer.cells(grid)
    return cells.law


def _split(grid: Grid, parts: Array) -> dict[int, list[int]]:
    """Equal parts of cells."""
    out = {}
    for k in np.flatnonzero(parts > 1):
        height, count = grid.edges[k + 1] - grid.edges[k], int(parts[k])
        out[int(k)] = [height * i // count for i in range(1, count)]
    return out


def _cuts(cells: Cells, most: float) -> list[int]:
    """Middles of cells of Z in which its mass may be distributed so unevenly that the density of Y is in doubt."""
    grid = cells.grid
    if not grid.finer_cells:
        return []
    doubts = cells.mass_high * cells.turn * grid.widths * cells.spread.variation
    if float(np.sum(doubts)) <= most:
        return []
    # They fall like the cube of the length.
    large = np.flatnonzero((doubts > most / (2.0 * len(doubts))) & (grid.widths > SHORTEST))
    return [(grid.values[c] + grid.values[c + 1]) // 2 for c in large[np.argsort(-doubts[large])][:MOST_CUTS]]


def _refined_for_norm(layer: _Layer, grid: Grid, target: float) -> tuple[Grid, Cells]:
    """Divide cells until none costs more than the target, and all that are left out cost no more together."""
    cells = layer.cells(grid)
    for _ in range(ROUNDS):
        costs = costs_of(cells)
        parts = np.clip(np.ceil(np.sqrt(costs.smooth / target)), 1, 8)
        wanted = _split(grid, parts)
        left_out = np.isinf(costs.gamma) & (costs.cut > 0.0)
        if float(np.sum(costs.cut[left_out])) > target / 4.0:
            for k in np.flatnonzero(left_out & (costs.cut > target / 16.0)):
                height = grid.edges[k + 1] - grid.edges[k]
                small = [height // 2, height // 8, height // 32]
                rising = cells.high[k, 0] <= cells.high[k, 1]
                wanted[int(k)] = small if rising else [height - offset for offset in small]
        cuts = _cuts(cells, target / 16.0)
        finer = grid.finer(wanted, cuts)
        size = len(finer.heights) - len(grid.heights) + len(costs.kept)
        if not len(grid.residues) + len(grid.cuts) < len(finer.residues) + len(finer.cuts) or size > MOST_CELLS:
            break
        if layer.noise.table and size * finer.cells > MOST_ENTRIES:
            break
        grid = finer
        cells = layer.cells(grid)
    return grid, cells


def _level(upper: Upper) -> Enclosure:
    """The enclosure with these cells."""
    cells, degree = upper.cells, upper.degree
    # Conditional expectations do not expand.
    square = min(1.0, upper.whole())
    K = upper.outer[0]
    low, inner_low = lower_bounds(cells, degree, _constants(upper, K), _constants(upper, upper.without_next(K)))
    if not degree:
        # Q M 1 = 0.
        return Enclosure(low, _root(square), low, _root(square), len(cells.low))
    return Enclosure(low, _root(square), inner_low, _root(min(square, upper.interior(degree))), len(cells.low))


def _root(square: float) -> float:
    return 1.0 if square == 1.0 else math.nextafter(math.sqrt(square), math.inf)


def _constants(upper: Upper, K: Array) -> Array:
    """A function that is constant on cells, about the singular one of K."""
    heights, kept = upper.cells.grid.heights, upper.kept
    out = np.zeros(len(heights))
    out[kept] = top_pair(0.5 * (K + K.T))[1] * np.sqrt(upper.costs.gamma[kept]) / heights[kept]
    return out


__all__ = ["LawChain", "reason_against_law"]
