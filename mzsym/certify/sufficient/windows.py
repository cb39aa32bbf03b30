"""Contraction of several steps at once, kept where it says more than its parts, MATH (25)-(26).

Dobrushin's coefficients and Lipschitz constants of compositions are at most the products of their parts, so that the
best bound of layers n..m-1 is the least product over all ways to cut them into windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mzsym.certify.sufficient.dobrushin import Shape, coupled
from mzsym.certify.sufficient.minorisation import WIDEST, Steps, minorised

if TYPE_CHECKING:
    from mzsym.model import Network

LONGEST = 8
"""Steps of the longest window that is bounded in one piece."""

PAIRS = 4e8
"""Minima that the comparison of all pairs of cells, in all windows together, may cost."""

MOST_CELLS = 192

PRODUCTS = 1e9
"""N**3 summed over all products of slope matrices."""

BETTER = 1.0 - 1e-9
"""Factor by which a window must improve on its parts to be kept."""


@dataclass(frozen=True)
class Window:
    """A proved bound of layers n..m-1 taken together.

    Attributes
    ----------
    n, m : int
    bound : float
    method : {"coupling", "minorisation", "product of slopes"}
    """

    n: int
    m: int
    bound: float
    method: str


def composed(ones: Sequence[float], windows: Iterable[Window], n: int, m: int) -> float:
    """The least product over all ways to cut n..m-1 into single layers and windows, rounded up.

    Parameters
    ----------
    ones : sequence of float
        Bounds of the single layers 0..L-1.
    windows : iterable of Window
    n, m : int
        0 <= n < m <= L.
    """
    ending: dict[int, list[Window]] = {}
    for window in windows:
        if n <= window.n and window.m <= m:
            ending.setdefault(window.m, []).append(window)
    best: dict[int, float] = {n: 1.0}
    for k in range(n + 1, m + 1):
        ways = [times_up(best[k - 1], ones[k - 1])]
        ways += [times_up(best[window.n], window.bound) for window in ending.get(k, [])]
        best[k] = min(ways)
    return best[m]


def times_up(a: float, b: float) -> float:
    """a*b rounded up, for non-negative bounds; 0*inf is 0, since the exact factor is then 0."""
    if a == 0.0 or b == 0.0:
        return 0.0
    if a == 1.0 or b == 1.0:
        return a * b
    return math.nextafter(a * b, math.inf)


def kept(ones: Sequence[float], found: Iterable[Window]) -> tuple[Window, ...]:
    """The windows that are better than what their parts say, short ones first."""
    out: list[Window] = []
    for window in sorted(found, key=lambda w: (w.m - w.n, w.n, w.bound)):
        if window.bound < composed(ones, out, window.n, window.m) * BETTER:
            out.append(window)
    return tuple(out)


def dobrushin_windows(net: Network, shape: Shape, ones: Sequence[float]) -> tuple[Window, ...]:
    """Windows of Dobrushin's coefficient: by coupling at any width, by minorisation through narrow states."""
    found: list[Window] = []
    depth = net.depth
    # Cut where the noise has a gain: no method here reaches across.
    ends = {n: _reach(net, n) for n in range(depth)}
    for n, last in ends.items():
        found += [Window(n, m, bound, "coupling") for m, bound in coupled(net, shape, n, last) if bound < 1.0]
    narrow = [n for n in ends if ends[n] > n + 1 and net.dims[n + 1] <= WIDEST]
    count = sum(ends[n] - n - 1 for n in narrow)
    if count:
        steps = Steps(net, shape, min(MOST_CELLS, int((PAIRS / count) ** (1.0 / 3.0))))
        for n in narrow:
            shares = minorised(steps, n, ends[n])
            found += [Window(n, m, bound, "minorisation") for m, bound in shares if bound < 1.0]
    return kept(ones, found)


def _reach(net: Network, n: int) -> int:
    last = n
    while last < min(net.depth, n + LONGEST) and net.layers[last].gain_exprs(last) is None:
        last += 1
    return last


def lipschitz_windows(net: Network, shape: Shape, ones: Mapping[int, float] | Sequence[float]) -> tuple[Window, ...]:
    """Windows of the Lipschitz constant, by products of interval matrices of difference quotients."""
    singles = [ones[n] for n in range(net.depth)]
    found: list[Window] = []
    spent = 0.0
    balls = {n: slopes.ball for n, slopes in enumerate(shape.slopes) if math.isfinite(slopes.bound)}
    for steps in range(2, min(LONGEST, net.depth) + 1):
        following = {}
        for n in balls:
            m = n + steps - 1
            if n + steps > net.depth or not math.isfinite(singles[m]):
                continue
            spent += net.dims[n] * net.dims[m] * net.dims[m + 1]
            if spent > PRODUCTS:
                return kept(singles, found)
            following[n] = shape.slopes[m].ball @ balls[n]
            found.append(Window(n, n + steps, following[n].norm(), "product of slopes"))
        balls = following
    return kept(singles, found)
