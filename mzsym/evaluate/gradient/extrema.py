"""Where a map is smallest and largest on its domain: the places at which the next domain's ends are taken.

The proved ends certify what is found: a place counts only if the map takes the end's value there, to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.core.names import state_symbol
from mzsym.evaluate.gradient.domains import Domains
from mzsym.evaluate.gradient.expressions import regular
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.maps import NetworkNumbers, compiled
from mzsym.evaluate.quadrature.grid import Sides
from mzsym.model.dense import DenseLayer

if TYPE_CHECKING:
    from mzsym.model import Network

AGREE = 1e-11
"""By how much, relative to the magnitudes, the value at a place may differ from the proved end."""

_SEARCH = {1: 257, 2: 33, 3: 17}
_STARTS = 12
_STEPS = 60


def extreme_points(net: Network, domains: Domains, n: int, ends: AnyArray) -> tuple[Array, AnyArray]:
    """Places at which each component of F_n is smallest, and at which it is largest, on Omega_n.

    Parameters
    ----------
    net : Network
    domains : Domains
    n : int
    ends : boolean array of shape (2, N_{n+1})
        The lower and upper ends that matter; the others get any point.

    Returns
    -------
    points : array of shape (2, N_{n+1}, N_n)
        For the lower ends, then for the upper ones.
    moving : boolean array of shape (2, N_{n+1})
        Whether the end moves with the parameters at all: the extreme value of an activation itself does not.

    Raises
    ------
    MzError
        Where the proved end is not attained to rounding, or at two places at which it changes differently: there it is
        not differentiable.
    """
    sides = domains.sides[n]
    corners = _tensor([np.array([side.center - side.half, side.center + side.half]) for side in sides])
    values = domains.maps[n](corners)
    points, moving = np.empty((2, values.shape[1], len(sides))), ends.copy()
    layer = net.layers[n]
    plain = isinstance(layer, DenseLayer) and layer.step is None
    for i, side in enumerate(domains.sides[n + 1]):
        inner = domains.before_noise(n, i)
        near = AGREE * (abs(side.center) + side.half)
        for which, sign in enumerate((-1.0, 1.0)):
            end = inner.center + sign * inner.half
            gaps = sign * (end - values[:, i])
            best = corners[int(np.argmin(gaps))]
            if ends[which, i] and gaps.min() > near:
                moving[which, i] = not plain
                best = best if plain else _inside(net, domains, n, i, sign, end, near)
            elif ends[which, i]:
                tied = corners[gaps <= gaps.min() + 1e-14 * (abs(side.center) + side.half)]
                _check_tied(net, sides, n, i, tied)
            points[which, i] = best
    return points, moving


def _tensor(axes: list[Array]) -> Array:
    return np.array(list(itertools.product(*axes)))


def _check_tied(net: Network, sides: Sides, n: int, i: int, places: Array) -> None:
    """Refuse an end that is taken at several places at which its derivatives differ."""
    if len(places) == 1:
        return
    found = [_derivatives(net, sides, n, i, place) for place in places]
    scale = max(float(np.abs(one).max(initial=0.0)) for one in found)
    if any(np.abs(one - found[0]).max(initial=0.0) > 1e-10 * scale for one in found[1:]):
        raise MzError(
            f"An end of the domain of X_{n + 1} is taken at {len(places)} points of the domain of X_{n} at which it "
            "changes differently, as where a weight is 0: there it has no derivative",
            f"layer {n}, component {i}",
            "State all domains (Network(domains=)), which are then constants, or move the parameter by a little",
        )


def _derivatives(net: Network, sides: Sides, n: int, i: int, place: Array) -> Array:
    """Of F_{n,i} at a place: by all parameters, and by the ends of the sides that it lies on."""
    gradient = ParameterGradient(net)
    bar = gradient.add_states(n, place[None], np.eye(net.dims[n + 1])[i : i + 1])[0]
    own = [value.ravel() for key, value in gradient.values.items() if not isinstance(key, tuple) or key[0] == n]
    if n == 0:
        return np.concatenate(own)
    at_top = place > np.array([side.center for side in sides])
    return np.concatenate([*own, np.where(at_top, bar, 0.0), np.where(at_top, 0.0, bar)])


def _inside(net: Network, domains: Domains, n: int, i: int, sign: float, end: float, near: float) -> Array:
    """A place inside, or inside a side: Newton's method from the best points of a grid."""
    sides = domains.sides[n]
    grid = _tensor([side.center + side.half * np.linspace(-1, 1, _SEARCH[len(sides)]) for side in sides])
    derivatives = _jets(net, n, i)
    order = np.argsort(-sign * domains.maps[n](grid)[:, i])
    for start in grid[order[:_STARTS]]:
        place = _climbed(derivatives, sides, start, sign)
        if abs(derivatives(place)[0] - end) <= near:
            return place
    raise MzError(
        f"The domain of X_{n + 1} ends at {end!r} before noise, and no point of the domain of X_{n} was found that is "
        "mapped there",
        f"layer {n}, component {i}",
        "State all domains (Network(domains=)); they are then constants",
    )


def _climbed(derivatives: Callable[[Array], tuple[float, Array, Array]], sides: Sides, x: Array, sign: float) -> Array:
    """Up (or down) from x within the box: Newton steps on the free coordinates, cut back until they gain."""
    low = np.array([side.center - side.half for side in sides])
    high = np.array([side.center + side.half for side in sides])
    value, slope, curvature = derivatives(x)
    for _ in range(_STEPS):
        uphill = sign * slope
        free = ~(((x >= high) & (uphill > 0)) | ((x <= low) & (uphill < 0)))
        if not free.any():
            break
        H = sign * curvature[np.ix_(free, free)]
        shift = float(np.linalg.eigvalsh(H).max())
        if shift > -1e-12 * np.abs(H).max(initial=1.0):
            H = H - (shift + np.abs(uphill[free]).max() + 1e-12) * np.eye(len(H))
        step = np.zeros_like(x)
        step[free] = -np.linalg.solve(H, uphill[free])
        length, moved = 1.0, False
        while length > 1e-6 and not moved:
            trial = np.clip(x + length * step, low, high)
            found = derivatives(trial)
            moved = sign * (found[0] - value) >= -1e-15 * (abs(value) + 1.0)
            length *= 0.5
        if not moved:
            break
        done = np.abs(trial - x).max() <= 1e-15 * max(side.half + abs(side.center) for side in sides)
        x, (value, slope, curvature) = trial, found
        if done:
            break
    return x


def _jets(net: Network, n: int, i: int) -> Callable[[Array], tuple[float, Array, Array]]:
    """x -> (F_i, its gradient, its second derivatives)."""
    layer = net.layers[n]
    at, dim = (0 if isinstance(layer, DenseLayer) else n), net.dims[n]
    state = tuple(state_symbol(at, j) for j in range(dim))
    kernel = compiled(_jet_exprs(layer.map_exprs(at)[i], state), state, NetworkNumbers(net).values(n))

    def run(x: Array) -> tuple[float, Array, Array]:
        row = kernel(x[None])[0]
        return float(row[0]), row[1 : dim + 1], row[dim + 1 :].reshape(dim, dim)

    return run


@lru_cache(maxsize=256)
def _jet_exprs(expr: sp.Expr, state: tuple[sp.Symbol, ...]) -> tuple[sp.Expr, ...]:
    slopes = [sp.diff(expr, x) for x in state]
    second = [sp.diff(slope, x) for slope in slopes for x in state]
    return tuple(regular(one) for one in (expr, *slopes, *second))
