"""Dobrushin's coefficient of several steps, from lower bounds of their transition law on a partition, MATH (25).

States of at most three components are cut into cells. For every cell i of X_n and k of X_{n+1} a proved lower bound of
P(X_{n+1} in cell k | X_n = x), x in cell i, fills a matrix; the product of such matrices bounds the probabilities of
several steps from below. The first matrix has a row for every cell of the image F_n(Omega_n), whatever the number of
components of X_n. Two states whose images lie in cells i, j then share at least the mass

    sum over l of min(L[i, l], L[j, l]),

where the last matrix bounds the density on cells l from below, or, in place of it, the overlap of the last step's laws
from within one cell. Distance in total variation is one minus the shared mass. Wider states are one cell.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from mzsym.balls import Interval, interval, intervals_of, law_table, precision
from mzsym.certify.sufficient.dobrushin import Distance, Shape, scale_ball, variation
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.dense import DenseLayer
from mzsym.model.domains import image_sides

if TYPE_CHECKING:
    from mzsym.model import Network

TABLED = ("uniform", "gaussian", "truncated_gaussian", "laplace")

WIDEST = 3
"""Components up to which a state is cut into cells."""

TAILS = 8.0
"""Scales beyond the image that the bounded cells of an unbounded state cover."""


class Partition:
    """Omega_n as a product of cells.

    Attributes
    ----------
    edges : list of arrays
        Per component, ascending; the first and last may be infinite.
    """

    def __init__(self, edges: list[Array]) -> None:
        self.edges = edges

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells per component."""
        return tuple(len(edges) - 1 for edges in self.edges)

    @property
    def whole(self) -> bool:
        """Whether it is one cell."""
        return math.prod(self.shape) == 1

    @cached_property
    def cells(self) -> list[list[Interval]]:
        """The boxes, first component slowest."""
        sides = [[interval((float(a), float(b))) for a, b in pairwise(edges)] for edges in self.edges]
        return [list(cell) for cell in product(*sides)]


class Steps:
    """Lower bounds of the transition laws of a network on partitions, made when asked for.

    Parameters
    ----------
    net : Network
    shape : Shape
    cells : int
        Cells of a state, about.
    """

    def __init__(self, net: Network, shape: Shape, cells: int) -> None:
        self.net, self.shape, self.count = net, shape, cells
        self._partitions: dict[int, Partition] = {}
        self._images: dict[int, tuple[Array, Array]] = {}
        self._matrices: dict[tuple[str, int], Array] = {}

    def partition(self, n: int) -> Partition:
        """Cells of X_n."""
        if n not in self._partitions:
            sides = self.shape.states[n]
            each = max(1, round(self.count ** (1.0 / len(sides)))) if len(sides) <= WIDEST else 1
            self._partitions[n] = Partition([self._edges(n, i, side, each) for i, side in enumerate(sides)])
        return self._partitions[n]

    def starts(self, n: int) -> tuple[Array, Array]:
        """Cells of the image F_n(Omega_n): lower and upper ends, (cells, N_{n+1}); one cell where it is wide."""
        sides = self.shape.images[n]
        each = max(1, round(self.count ** (1.0 / len(sides)))) if len(sides) <= WIDEST else 1
        edges = []
        for side in sides:
            lo, hi = side.floats
            cut = each > 1 and math.isfinite(lo) and math.isfinite(hi) and lo < hi
            edges.append(
                list(pairwise(np.unique([lo, *np.linspace(lo, hi, each + 1)[1:-1], hi]))) if cut else [(lo, hi)]
            )
        ends = np.array([list(cell) for cell in product(*edges)])
        return ends[..., 0], ends[..., 1]

    def _edges(self, n: int, i: int, side: Interval, each: int) -> Array:
        lo, hi = side.floats
        if each == 1:
            return np.array([lo, hi])
        first, last = lo, hi
        if not (math.isfinite(lo) and math.isfinite(hi)):
            a, b, reach = -1.0, 1.0, 1.0
            if n > 0:
                a, b = self.shape.images[n - 1][i].floats
                before = self.net.layers[n - 1]
                # A law without scale is as wide as it is: where the cells lie changes the bound, not its validity.
                reach = TAILS * (1.0 if before.noise[i].scale is None else float(scale_ball(before, i, self.net).mid()))
            first = lo if math.isfinite(lo) else (a if math.isfinite(a) else -TAILS) - reach
            last = hi if math.isfinite(hi) else (b if math.isfinite(b) else TAILS) + reach
        inner = np.linspace(first, last, each + 1)
        inner[0], inner[-1] = first, last
        return np.unique(np.concatenate([[lo], inner, [hi]]))

    def images(self, n: int) -> tuple[Array, Array]:
        """Proved hulls of F_n on the cells of X_n: lower and upper ends, (cells, N_{n+1})."""
        if n not in self._images:
            with precision():
                ends = np.array([[side.floats for side in self._image(n, cell)] for cell in self.partition(n).cells])
            self._images[n] = ends[..., 0], ends[..., 1]
        return self._images[n]

    def _image(self, n: int, cell: list[Interval]) -> list[Interval]:
        layer = self.net.layers[n]
        if isinstance(layer, DenseLayer):
            return image_sides(n, layer, cell, self.net.shared)
        symbols = [state_symbol(n, i) for i in range(layer.dim_in)]
        # The cells are small already: no bisection.
        return intervals_of(
            layer.map_exprs(n), cell, symbols, {**self.net.shared, **layer.map_bindings(n)}, max_boxes=0
        )

    def tabled(self, n: int) -> bool:
        """Whether the laws of layer n have tables."""
        layer = self.net.layers[n]
        return layer.plain_noise and all(
            noise.name in TABLED or law.deterministic for noise, law in zip(layer.noise, layer.laws(n), strict=True)
        )

    def first(self, n: int) -> Array:
        """Lower bounds of P(X_{n+1} in cell k | F_n(X_n) = f) for f in cell i of the image."""
        return self._filled("masses", n, *self.starts(n))

    def masses(self, n: int) -> Array:
        """Lower bounds of P(X_{n+1} in cell k | X_n = x) for x in cell i; (cells of X_n, cells of X_{n+1})."""
        return self._matrix("masses", n)

    def densities(self, n: int) -> Array:
        """Lower bounds of the transition density on cell k times its volume."""
        return self._matrix("floors", n)

    def _matrix(self, kind: str, n: int) -> Array:
        if (kind, n) not in self._matrices:
            self._matrices[kind, n] = self._filled(kind, n, *self.images(n))
        return self._matrices[kind, n]

    def _filled(self, kind: str, n: int, low: Array, high: Array) -> Array:
        target = self.partition(n + 1)
        matrix = np.ones((len(low), 1))
        for i, edges in enumerate(target.edges if not target.whole else []):
            one = self._component(kind, n, i, low[:, i], high[:, i], edges)
            matrix = (matrix[:, :, None] * one[:, None, :]).reshape(len(low), -1)
        return matrix

    def _component(self, kind: str, n: int, i: int, low: Array, high: Array, edges: Array) -> Array:
        layer = self.net.layers[n]
        noise, known = layer.noise[i], np.isfinite(low) & np.isfinite(high)
        a, b = np.where(known, low, 0.0), np.where(known, high, 0.0)
        if layer.laws(n)[i].deterministic:
            # Half-open cells: a point belongs to one of them.
            inside = (a[:, None] >= edges[None, :-1]) & (b[:, None] < edges[None, 1:])
            found = inside.astype(np.float64) if kind == "masses" else np.zeros(inside.shape)
        else:
            table = law_table(noise.name, getattr(noise, "cutoff", None))
            with precision():
                scale = float(scale_ball(layer, i, self.net).mid())
            found = getattr(table, kind)(a, b, edges, scale)
        return np.where(known[:, None], found, 0.0)

    def overlaps(self, n: int) -> Array:
        """Lower bounds of what the laws of X_{n+1} from any two states in one cell share; (cells,)."""
        if ("overlaps", n) not in self._matrices:
            low, high = self.images(n)
            widths = np.nextafter(np.maximum(high - low, 0.0), np.inf)
            shared = [1.0 - variation(self.net, n, Distance(row, math.inf))[0] for row in widths]
            self._matrices["overlaps", n] = np.nextafter(np.maximum(shared, 0.0), 0.0)
        return self._matrices["overlaps", n]


def minorised(steps: Steps, n: int, last: int) -> list[tuple[int, float]]:
    """(m, proved upper bound of the coefficient of M_n ... M_{m-1}), m = n+2..last, as far as the method applies."""
    out: list[tuple[int, float]] = []
    if not steps.tabled(n):
        return out
    if steps.partition(n + 1).whole:
        return out
    reached, lost = steps.first(n), sum(steps.partition(n + 1).shape) + 32
    for m in range(n + 2, last + 1):
        between = steps.partition(m - 1)
        if between.whole or not steps.net.layers[m - 1].plain_noise:
            break
        size = math.prod(between.shape)
        shared = _shared(reached * steps.overlaps(m - 1)[None, :])
        if steps.tabled(m - 1):
            shared = max(shared, _shared(reached @ steps.densities(m - 1)) if not steps.partition(m).whole else 0.0)
        lost += 2 * (size + math.prod(steps.partition(m).shape) + 32)
        # Sums and products of non-negative numbers: every rounding by at most u, relative.
        alpha = 1.0 - shared * (1.0 - 2.0**-52 * lost)
        out.append((m, min(1.0, math.nextafter(alpha, math.inf))))
        if not steps.tabled(m - 1):
            break
        reached = reached @ steps.masses(m - 1)
    return out


def _shared(rows: Array) -> float:
    """The least sum of min(row i, row j) over all pairs."""
    return min(float(np.minimum(rows[i], rows[i:]).sum(axis=1).min()) for i in range(len(rows)))
