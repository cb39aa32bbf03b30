"""Proved Lipschitz constants of layers of any width, MATH (26).

For x, x' in the box F(x) - F(x') = S (x - x') with S in an interval matrix: D W with the difference quotients of the
activation on the proved pre-activation intervals, I + h D W, or the enclosed Jacobian of the expressions. Its spectral
norm, with all rounding inside, is a Lipschitz constant. Noise that is added cancels in differences.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from mzsym.balls import (
    SLOPES,
    Interval,
    MatrixBall,
    affine_hull,
    diagonal_ball,
    diagonal_norm,
    interval,
    partials_of,
    precision,
    slope_of,
)
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.dense import DenseLayer

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.abstract_layer import AbstractLayer

BOXES = 256
"""Parts of a box of one side that one bound may cost; divided by the square of the number of sides."""

ROWS = 512
"""Rows of slopes that all parts together may cost."""

MOST_BOXES = 64

NOT_FIXED = "the layer has a gain or random weights, and the bound is for noise that is added to a fixed map"

SPLITS = 12
"""Boxes that one end of the slope of an activation given as an expression may cost, on the whole domain."""

SETTLED = 1e-4
"""Relative distance to a value reached at a point at which bisection stops."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Difference quotients of one layer on its box.

    Attributes
    ----------
    ball : MatrixBall
        All of them.
    bound : float
        Proved upper bound of their spectral norms; ``inf`` where there is none.
    reason : str
        Why there is none.
    """

    ball: MatrixBall
    bound: float
    reason: str = ""


def lipschitz(net: Network, n: int, sides: Sequence[Interval]) -> Slopes:
    """Difference quotients of F_n on a box.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    n : int
    sides : sequence of Interval
        Omega_n; may be unbounded.

    Returns
    -------
    Slopes
    """
    layer = net.layers[n]
    if not layer.plain_noise:
        nothing = np.full((layer.dim_out, layer.dim_in), np.inf)
        return Slopes(MatrixBall(np.zeros_like(nothing), nothing), math.inf, NOT_FIXED)
    rule = _dense(layer) if isinstance(layer, DenseLayer) else _expressions(net, n)
    with precision():
        ball, bound = rule(list(sides), True)
        if not math.isfinite(bound):
            return Slopes(ball, math.inf, _reason(layer, ball, sides))
        limit = min(MOST_BOXES, BOXES // len(sides) ** 2, ROWS // layer.dim_out)
        return Slopes(ball, min(bound, _bisected(rule, list(sides), bound, limit)))


Rule = Callable[[list[Interval], bool], tuple[MatrixBall, float]]
"""Box, and whether to look closely at a function of one variable -> difference quotients and a bound of their norms."""


def _reason(layer: AbstractLayer, ball: MatrixBall, sides: Sequence[Interval]) -> str:
    rows = np.flatnonzero(~np.all(np.isfinite(ball.radius) & np.isfinite(ball.center), axis=1))
    if not len(rows):
        return "the slopes are beyond the range of float64"
    where = "" if all(side.finite for side in sides) else ", which is not bounded"
    part = f"component {rows[0]}" if len(rows) < layer.dim_out else "every component"
    return f"the slope of {part} has no finite bound on the domain{where}"


def _dense(layer: DenseLayer) -> Rule:
    residual = layer.step is not None
    # A row of zeros has no slope, whatever its activation does.
    empty = ~np.any(layer.W, axis=1)
    exact = {**layer.weights.exact, **layer.biases.exact}

    def rule(sides: list[Interval], closely: bool) -> tuple[MatrixBall, float]:
        slopes = [_activation_slope(layer, z, closely) for z in affine_hull(layer.W, layer.b, exact, sides)]
        if layer.step is not None:
            slopes = [interval(layer.step) * slope for slope in slopes]
        ends = np.array([slope.floats for slope in slopes])
        ends[empty] = 0.0
        lower, upper = ends[:, 0], ends[:, 1]
        return diagonal_ball(layer.W, lower, upper, residual), diagonal_norm(layer.W, lower, upper, residual)

    return rule


def _activation_slope(layer: DenseLayer, z: Interval, closely: bool) -> Interval:
    if isinstance(layer.activation, str):
        return SLOPES[layer.activation](z, *([] if layer.slope is None else [interval(layer.slope)]))
    (symbol,) = layer.activation.free_symbols
    return slope_of(layer.activation, z, symbol, SPLITS if closely else 0)


def _expressions(net: Network, n: int) -> Rule:
    layer = net.layers[n]
    symbols = [state_symbol(n, i) for i in range(layer.dim_in)]
    bindings = {**net.shared, **layer.map_bindings(n)}

    def rule(sides: list[Interval], _: bool) -> tuple[MatrixBall, float]:
        rows = partials_of(layer.map_exprs(n), sides, symbols, bindings)
        ends = np.array([[slope.floats for slope in row] for row in rows])
        ball = MatrixBall.between(ends[..., 0], ends[..., 1])
        return ball, ball.norm()

    return rule


def _bisected(rule: Rule, sides: list[Interval], bound: float, limit: int) -> float:
    """The largest bound over the parts of a box, which is split where its bound is largest.

    A segment between two points of the box crosses the parts one after the other, and is shortened on each.
    """
    order, reached = count(), 0.0
    heap = [(-bound, next(order), sides)]
    for _ in range(limit):
        worst, _, box = heap[0]
        split = _widest(box)
        if split is None or -worst <= reached * (1.0 + SETTLED):
            break
        heapq.heappop(heap)
        side = box[split]
        centre = ((side.lo + side.hi) / 2).mid()
        reached = max(reached, rule([_point(part) for part in box], False)[1])
        for half in (Interval(side.lo, centre), Interval(centre, side.hi)):
            part = [*box[:split], half, *box[split + 1 :]]
            # A part is never worse than the whole it comes from.
            heapq.heappush(heap, (-min(rule(part, False)[1], -worst), next(order), part))
    return -heap[0][0]


def _point(side: Interval) -> Interval:
    if not side.finite:
        return interval(0) if side.contains(0) else side
    centre = ((side.lo + side.hi) / 2).mid()
    return Interval(centre, centre)


def _widest(box: Sequence[Interval]) -> int | None:
    widths = [float(side.width.mid()) if side.finite and side.lo < side.hi else 0.0 for side in box]
    widest = max(range(len(box)), key=widths.__getitem__)
    return widest if widths[widest] > 0.0 else None


def moved(ball: MatrixBall, distances: Array, length: float) -> Array:
    """Proved upper bounds of |S (x - x')| in every component, from bounds of |x_i - x'_i| and of |x - x'|."""
    inner = len(distances)
    magnitude = ball.magnitude
    with np.errstate(invalid="ignore", over="ignore"):
        # 0 times an unbounded distance is 0.
        apart = np.where(magnitude > 0.0, magnitude * distances[None, :], 0.0).sum(axis=1)
        whole = np.sqrt(np.square(magnitude).sum(axis=1)) * length if math.isfinite(length) else np.inf
    rounding = 1.0 + 2.0**-50 * (inner + 8)
    return np.asarray(np.nan_to_num(np.minimum(apart, whole) * rounding, nan=np.inf, posinf=np.inf))
