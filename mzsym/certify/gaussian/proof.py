"""Proved enclosures of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}|| in the standard Gaussian measure, one output; MATH (23g).

With Pi the projection on he_0..he_{k-1} of the next state, the matrices of M_n Pi are known, and

    ||Q_n M_n Pi||^2 <= ||Q_n M_n||^2 <= ||Q_n M_n Pi||^2 + ||M_n (I - Pi)||_HS^2.

Under normal noise of scale s the last term falls like |1 - s^2|^k, however steep the map. A dense layer with one output
is a function of one variable w x, and polynomials in x project on it as polynomials in w x.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mzsym.balls import MatrixBall, precision
from mzsym.balls.gaussian import WeighedNoise, WeighedNormal
from mzsym.balls.line import LineMap
from mzsym.balls.sections import Sections, sections
from mzsym.balls.spectral import frobenius, gamma, largest_eigenvalue, top_pair, up
from mzsym.certify.gaussian.maps import NormalLayer
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure, better, inner_width, without
from mzsym.certify.sharp.ends import Ends
from mzsym.core import MzError
from mzsym.evaluate.blas import blas_threads

if TYPE_CHECKING:
    from mzsym.model import Network

FIRST, LAST, LAST_OTHER = 32, 512, 160
"""Hermite functions of the next state: at first, at most, and at most where densities are not smooth."""

MAX_DEGREE = 64


def gaussian_enclosure(net: Network, degree: int, n: int, width: float) -> Enclosure:
    """Enclose both norms of layer n, with more functions until the width is reached or the budget is spent.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    degree : int
        The projection is on polynomials of total degree <= this in N(0, I).
    n : int
    width : float
        Relative width asked for, of both.

    Returns
    -------
    Enclosure
        With the reason where it is wider, or there is none.
    """
    with precision(), blas_threads():
        layer = NormalLayer(net, n)
        taken = _one_output(layer)
        if isinstance(taken, str):
            return without(taken)
        line, noise = taken
        if degree > MAX_DEGREE:
            return without(f"sharp enclosures in the standard Gaussian measure stop at degree {MAX_DEGREE}")
        best, size = NOTHING, max(FIRST, 2 * degree)
        try:
            while True:
                found = _enclosed(sections(line, noise, degree, size), degree, size)
                best = replace(better(best, found), ends=found.ends)
                reached = max(best.width, inner_width(best))
                if reached <= width:
                    return best
                if 3 * size // 2 > (LAST if isinstance(noise, WeighedNormal) else LAST_OTHER):
                    return _wide(best, reached, size)
                size = 3 * size // 2
        except MzError as error:
            return without(error.what)


def _one_output(layer: NormalLayer) -> tuple[LineMap, WeighedNoise] | str:
    if len(layer.components) > 1:
        return "sharp enclosures in the standard Gaussian measure are for layers with one output"
    noise = layer.noise()
    if isinstance(noise, str):
        return noise
    if layer.directions[0] is None:
        return "sharp enclosures in the standard Gaussian measure need a map of one linear function of the state"
    line = layer.on_line(0)
    if line is None:
        return "sharp enclosures in the standard Gaussian measure need a map that is proved to be bounded"
    return line, noise[0]


def _wide(best: Enclosure, reached: float, size: int) -> Enclosure:
    if math.isinf(best.upper):
        return without("rounding outweighs the sharp enclosure")
    return replace(best, reason=f"the sharp enclosure is {reached:.1e} wide with {size} functions")


def _enclosed(found: Sections, degree: int, size: int) -> Enclosure:
    head, after = slice(0, degree + 1), slice(degree + 1, size)
    tail = found.tail
    low, high = _ends(found.rest)
    inner_low, inner_high = _ends(_part(found.rest, after))
    ends = Ends(
        _root_up(_ends(_part(found.whole, after))[1] + tail),
        _root_up(_ends(_part(found.resolved, after))[1] + tail),
        _root_up(_ends(_part(found.rest, head))[1]),
    )
    return Enclosure(
        _root_down(low), _root_up(high + tail), _root_down(inner_low), _root_up(inner_high + tail), size, ends=ends
    )


def _part(ball: MatrixBall, chosen: slice) -> MatrixBall:
    return MatrixBall(ball.center[chosen, chosen], ball.radius[chosen, chosen])


def _ends(ball: MatrixBall) -> tuple[float, float]:
    """Bounds of the largest eigenvalue of every symmetric matrix in the ball, from both sides."""
    if not ball.finite:
        return 0.0, math.inf
    K = 0.5 * (ball.center + ball.center.T)
    size, lost = frobenius(K), frobenius(ball.radius)
    top, vector = top_pair(K)
    high = up(largest_eigenvalue(K, top) + lost + 4.0 * gamma(1) * size)
    # v'Kv/v'v in floating point, the norm of v being about one.
    squares = float(vector @ vector)
    value = float(vector @ (K @ vector)) / squares
    return max(0.0, value - 8.0 * (lost + gamma(2 * len(K) + 8) * size)), high


def _root_up(square: float) -> float:
    return up(math.sqrt(max(square, 0.0)))


def _root_down(square: float) -> float:
    return max(0.0, math.sqrt(square) * (1.0 - 2.0**-50))
