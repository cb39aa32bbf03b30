"""Laws of functions of a state in several dimensions, or beyond the exact route on the line.

The law of X_{m-1} is carried as weights of a grid, E f(X_{m-1}) = sum_j w_j f(x_j): the same averages that the panel
engine uses, transposed. Given X_{m-1} the last noise is averaged exactly along one of its components, so that the law
of h(X_m) is a mixture of shifted and scaled copies of one noise law, and has a density and a distribution function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.distributions import AtomDistribution, integrated, no_density
from mzsym.evaluate.laws.kernels import mixture_density, mixture_distribution
from mzsym.evaluate.laws.line import Composed, Line, pushed
from mzsym.evaluate.laws.mixing import LastStep
from mzsym.evaluate.laws.propagate import Atoms
from mzsym.evaluate.laws.source import Source
from mzsym.evaluate.laws.state_law import StateLaw, compared
from mzsym.evaluate.noise_numbers import NumericLaw
from mzsym.evaluate.panels.domains import region_after
from mzsym.evaluate.panels.grid import Axis, Grid
from mzsym.evaluate.panels.lower import Layers
from mzsym.evaluate.panels.transition import Transition
from mzsym.evaluate.threads import by_rows

if TYPE_CHECKING:
    from mzsym.model import Network

Observable: TypeAlias = Callable[[Array], Array]
"""shape (points, N) -> (points,)"""

_ORDERS = {1: (64, 96, 144), 2: (28, 40, 56), 3: (10, 14, 20)}
"""Nodes along a coordinate on the layers between, where functions are smooth, pass by pass."""

_LAST = {1: (1536, 2304, 3456), 2: (96, 144, 216), 3: (24, 36, 48)}
"""Nodes along a coordinate on the last layer, where what is averaged has kinks."""

_COUNTS = 12, 16, 24
"""Nodes for random weights."""

_PANEL = 12
_PARTS = 60_000, 120_000, 240_000
"""Parts of a mixture, about, pass by pass."""

_COMPARED = 96
_PROBES = 64

_COST = 20.0
"""Floating-point operations of a part at a value, about."""

_EXPECTED = 12
_BLOCK = 2**20


@final
@dataclass(frozen=True, eq=False)
class MixtureDistribution:
    """sum_k weight_k times the law of center_k + scale_k * zeta.

    Attributes
    ----------
    centers, scales, weights : arrays of shape (parts,)
    law : NumericLaw
        Of zeta, with a density.
    """

    centers: Array
    scales: Array
    weights: Array
    law: NumericLaw

    @cached_property
    def support(self) -> tuple[float, float]:
        # Weights at the level of rounding are left by functions that vanish there.
        seen = np.abs(self.weights) > 1e-16 * np.abs(self.weights).max()
        ends = self.centers[seen] + np.multiply.outer(np.array(self.law.support), self.scales[seen])
        return float(ends.min()), float(ends.max())

    @property
    def places(self) -> Array:
        return np.linspace(*self.support, 65)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        return ()

    def distribution(self, y: Array) -> Array:
        start, series = self._integrated

        def rows(block: Array) -> Array:
            out = np.empty(len(block))
            parts = self.centers, self.scales, self.weights
            mixture_distribution(block, *parts, self.law.ends, start, series, out)
            return out[:, None]

        return np.clip(self._shared(rows, y), 0.0, 1.0)

    def density(self, y: Array) -> Array:
        if (self.scales == 0.0).any():
            raise no_density("some values are taken with positive probability")

        def rows(block: Array) -> Array:
            out = np.empty(len(block))
            parts = self.centers, self.scales, self.weights
            mixture_density(block, *parts, self.law.ends, self.law.coefs, out)
            return out[:, None]

        return self._shared(rows, y)

    def _shared(self, rows: Callable[[Array], Array], y: Array) -> Array:
        """A function of the values y, shared between threads."""
        flat = np.ascontiguousarray(y, dtype=np.float64).ravel()
        values = by_rows(rows, flat, 1, 64, _COST * flat.size * len(self.centers))
        return values[:, 0].reshape(np.shape(y))

    def expect(self, f: Callable[[Array], Array]) -> float:
        nodes, masses = self.law.rule(_EXPECTED)
        total = 0.0
        for block in self._blocks(len(nodes)):
            y = self.centers[block, None] + self.scales[block, None] * nodes
            total += float(self.weights[block] @ (f(y.ravel()).reshape(y.shape) @ masses))
        return total

    def _blocks(self, count: int) -> Iterator[slice]:
        step = max(1, _BLOCK // count)
        return (slice(start, start + step) for start in range(0, len(self.centers), step))

    @cached_property
    def _integrated(self) -> tuple[Array, Array]:
        return integrated(self.law)


def weak_law(
    net: Network,
    n: int,
    h: Observable,
    source: Source,
    options: Options,
    name: str,
    why: str = "",
    on_line: Composed | None = None,
) -> StateLaw:
    """The law of h(X_n).

    Parameters
    ----------
    net : Network
    n : int
    h : function
        shape (points, N_n) -> (points,).
    source : Source
        Law of X_0.
    options : Options
    name : str
    why : str
        Why the exact route was not taken.
    on_line : Composed, optional
        h again, where X_n has one dimension: then it is taken apart into monotone pieces.

    Raises
    ------
    MzError
        When no noise acts before X_n.
    """
    layers = Layers(net)
    m = n
    while m and all(law.point_mass for law in layers.laws[m - 1]) and not layers.random[m - 1]:
        m -= 1
        h = _after(h, layers.numbers.layer(m))
    if m == 0:
        return _noiseless(h, source, name)
    last = Composed()
    if on_line is not None and set(net.dims[m : n + 1]) == {1}:
        last = Line(net, source, options).quiet(m, n).then(on_line)
        h = _only
    transitions = [layers.whole(count)[:m] for count in _COUNTS]
    regions = _regions(net, source, transitions[0])
    coarse = _mixture(transitions[0], regions, source, h, 0)
    best: StateLaw | None = None
    for level in range(1, len(_COUNTS)):
        fine = _mixture(transitions[level], regions, source, h, level)
        limits = (why,) if why else ()
        found = compared(name, pushed(fine, last, name), pushed(coarse, last, name), limits, _COMPARED)
        if best is None or found.tolerance_reached["distribution"] < best.tolerance_reached["distribution"]:
            best = found
        if found.tolerance_reached["distribution"] <= options.tolerance:
            break
        coarse = fine
    assert best is not None
    return best


def _only(X: Array) -> Array:
    return X[:, 0]


def _after(h: Observable, before: Callable[[Array], Array]) -> Observable:
    return lambda X: h(before(X))


def _noiseless(h: Observable, source: Source, name: str) -> StateLaw:
    if source.samples is None:
        raise MzError(
            "No noise acts before this state, so its law is that of a function of X_0 in several dimensions",
            "law",
            "Give samples of X_0, or a layer noise",
        )
    count = len(source.samples)
    found = AtomDistribution(Atoms(h(source.samples), np.full(count, 1.0 / count)))
    return compared(name, found, found)


def _regions(net: Network, source: Source, transitions: Sequence[Transition]) -> list[tuple[tuple[float, float], ...]]:
    """Of X_0..X_{m-1}."""
    regions = [source.sides]
    for k, transition in enumerate(transitions[:-1]):
        if net.has_domains:
            box = net.domains[k + 1]
            regions.append(tuple((float(a), float(b)) for a, b in zip(box.lower, box.upper, strict=True)))
        else:
            regions.append(region_after(transition, regions[-1]))
    return regions


def _mixture(
    transitions: Sequence[Transition],
    regions: Sequence[tuple[tuple[float, float], ...]],
    source: Source,
    h: Observable,
    level: int,
) -> MixtureDistribution:
    last = len(transitions) - 1
    step = LastStep(transitions[-1], h, level, _probes(regions[last]))
    room = (_PARTS[level] / step.parts_per_point) ** (1.0 / len(regions[last]))
    X, w = _start(source, level, room if last == 0 else 0.0)
    for k, transition in enumerate(transitions[:-1]):
        grid = _grid(regions[k + 1], level, room if k + 1 == last else 0.0)
        w = grid.nodal(transition.push(X, w, grid))
        X = grid.nodes
    return MixtureDistribution(*step.parts(X, w))


def _probes(region: tuple[tuple[float, float], ...]) -> Array:
    lo, hi = np.array(region).T
    return np.ascontiguousarray(np.random.default_rng(1).uniform(lo, hi, (_PROBES, len(region))))


def _nodes(dim: int, level: int, room: float) -> tuple[int, bool]:
    """Nodes along a coordinate, and whether on panels; ``room`` is 0 on the layers between."""
    if not room:
        return _ORDERS[dim][level], dim == 1
    count = int(min(_LAST[dim][level], room))
    # With little room one series of a higher order beats short panels.
    return max(_ORDERS[dim][level], count), count >= _LAST[dim][0]


def _start(source: Source, level: int, room: float) -> tuple[Array, Array]:
    """Nodes and weights of the law of X_0."""
    if source.samples is not None:
        return source.samples, np.full(len(source.samples), 1.0 / len(source.samples))
    count, on_panels = _nodes(len(source.sides), level, room)
    axes = []
    for breaks in source.breaks:
        cells = len(breaks) - 1
        # Composite where many nodes are wanted: what is averaged may have kinks.
        halved = max(1, round(count / (_PANEL * cells))) if on_panels else 1
        ends = [np.linspace(a, b, halved + 1) for a, b in pairwise(breaks)]
        axes.append(Axis(np.unique(np.concatenate(ends)), _PANEL if on_panels else max(6, -(-count // cells))))
    grid = Grid(tuple(axes))
    assert source.density is not None
    w = grid.weights * source.density(grid.nodes)
    if not np.isfinite(w).all() or abs(w.sum() - 1.0) > 1e-4:
        raise MzError(f"The density of X_0 integrates to {w.sum():.6g}", "p0", "Divide it by that")
    return grid.nodes, w


def _grid(region: tuple[tuple[float, float], ...], level: int, room: float) -> Grid:
    count, on_panels = _nodes(len(region), level, room)
    panels = max(1, round(count / _PANEL)) if on_panels else 1
    order = _PANEL if on_panels else count
    return Grid(tuple(Axis(np.linspace(lo, hi, panels + 1), order) for lo, hi in region))
