"""Where a map is smallest and largest on its domain: the places at which the next domain's ends are taken.

The proved ends certify what is found: a place counts only if the map takes the end's value there, to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array
from mzsym.evaluate.gradient.domains import Domains
from mzsym.evaluate.gradient.expressions import regular
from mzsym.evaluate.gradient.images import Image
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.maps import compiled
from mzsym.evaluate.panels.breaks import kinks
from mzsym.evaluate.quadrature.grid import Sides
from mzsym.model.numeric import evaluate

AGREE = 1e-11
"""By how much, relative to the magnitudes, the value at a place may differ from the proved end."""

_SEARCH = {1: 257, 2: 33, 3: 17}
_FEW = 7
_STARTS = 12
_STEPS = 60
_BESIDE = 1e-13
"""Relative distance from a kink at which its sides are looked at."""


@dataclass(frozen=True, eq=False)
class Extreme:
    """A place at which an end is taken, or one of the two sides of a kink at which it is.

    Attributes
    ----------
    end : int
        0 for the lower end, 1 for the upper one.
    component : int
    place : array of shape (variables,)
    share : float
        By which the derivative there counts.
    """

    end: int
    component: int
    place: Array
    share: float = 1.0


def extreme_places(domains: Domains, n: int, image: Image, ends: AnyArray) -> list[Extreme]:
    """Places at which each component of an image is smallest, and at which it is largest.

    Parameters
    ----------
    domains : Domains
    n : int
    image : Image
        Of layer n.
    ends : boolean array of shape (2, N_{n+1})
        The lower and upper ends that matter.

    Returns
    -------
    list of Extreme
        Nothing for an end that does not move: the extreme value of an activation itself does not.

    Raises
    ------
    MzError
        Where the proved end is not attained to rounding, or at two places at which it changes differently: there it is
        not differentiable.
    """
    corners = _tensor([np.array([side.center - side.half, side.center + side.half]) for side in image.sides])
    values, found = image(corners), []
    for which, i in np.argwhere(ends).tolist():
        side, inner = domains.sides[n + 1][i], domains.before_noise(n, i)
        size = abs(side.center) + side.half
        sign = 2.0 * which - 1.0
        end = float(inner.center + sign * inner.half)
        gaps = sign * (end - values[:, i])
        if gaps.min() <= AGREE * size:
            _check_tied(image, i, corners[gaps <= gaps.min() + 1e-14 * size])
            found.append(Extreme(which, i, corners[int(np.argmin(gaps))]))
        elif not image.plain:
            kinked = _at_kink(image, i, sign, end, AGREE * size)
            places = kinked or [(_inside(image, i, sign, end, AGREE * size), 1.0)]
            found += [Extreme(which, i, place, share) for place, share in places]
    return found


def _at_kink(image: Image, i: int, sign: float, end: float, near: float) -> list[tuple[Array, float]]:
    """Both sides of a kink at which an end is taken, and their shares, MATH (39a); empty where there is none."""
    if len(image.columns) > 1:
        return []
    (side,), (x,), values = image.sides, image.columns, image.values

    def bind(expr: sp.Expr) -> Callable[[Array], Array]:
        return lambda points: evaluate([expr], {**values, x: points}, len(points))[:, 0]

    derivatives = _jets(image, i)
    bends = kinks([image.exprs[i]], x, bind, side.center - side.half, side.center + side.half)
    found = []
    for bend in bends:
        nearby = _BESIDE * (side.half + abs(side.center))
        places = np.array([bend.at - nearby]), np.array([bend.at + nearby])
        before, after = (sign * float(derivatives(place)[1][0]) for place in places)
        if bend.order >= 0 and abs(derivatives(np.array([bend.at]))[0] - end) <= near and before > 0.0 > after:
            found += [(places[0], after / (after - before)), (places[1], before / (before - after))]
    if len(found) > 2:
        raise _taken_twice(image, i, len(found) // 2)
    return found


def _tensor(axes: list[Array]) -> Array:
    return np.array(list(itertools.product(*axes)))


def _check_tied(image: Image, i: int, places: Array) -> None:
    """Refuse an end that is taken at several places at which its derivatives differ."""
    if len(places) == 1:
        return
    found = [_derivatives(image, i, place) for place in places]
    scale = max(float(np.abs(one).max(initial=0.0)) for one in found)
    if any(np.abs(one - found[0]).max(initial=0.0) > 1e-10 * scale for one in found[1:]):
        raise _taken_twice(image, i, len(places))


def _taken_twice(image: Image, i: int, count: int) -> MzError:
    return MzError(
        f"An end of the domain of X_{image.n + 1} is taken at {count} points of the domain of X_{image.n} at which it "
        "changes differently, as where a weight is 0: there it has no derivative",
        f"layer {image.n}, component {i}",
        "State all domains (Network(domains=)), which are then constants, or move the parameter by a little",
    )


def _derivatives(image: Image, i: int, place: Array) -> Array:
    """Of component i at a place: by all parameters, by the ends of the sides that it lies on, and by supports."""
    gradient, dim = ParameterGradient(image.net), image.net.dims[image.n]
    bar = image.add(gradient, place[None], np.eye(len(image.exprs))[i : i + 1])[0]
    own = [value.ravel() for key, value in gradient.values.items() if not isinstance(key, tuple) or key[0] == image.n]
    # Supports grow with one scale.
    own.append(bar[dim:] * place[dim:])
    if image.n == 0:
        return np.concatenate(own)
    at_top = place[:dim] > np.array([side.center for side in image.sides[:dim]])
    return np.concatenate([*own, np.where(at_top, bar[:dim], 0.0), np.where(at_top, 0.0, bar[:dim])])


def _inside(image: Image, i: int, sign: float, end: float, near: float) -> Array:
    """A place inside, or inside a side: Newton's method from the best points of a grid."""
    sides = image.sides
    derivatives = _jets(image, i)
    for start in _starts(image, i, sign):
        place = _climbed(derivatives, sides, start, sign)
        if abs(derivatives(place)[0] - end) <= near:
            return place
    raise MzError(
        f"The domain of X_{image.n + 1} ends at {end!r} before noise, and no point of the domain of X_{image.n} was "
        "found that is mapped there",
        f"layer {image.n}, component {i}",
        "State all domains (Network(domains=)); they are then constants",
    )


def _starts(image: Image, i: int, sign: float) -> Array:
    """The best points of a grid."""
    count = _SEARCH.get(len(image.sides), _FEW)
    grid = _tensor([side.center + side.half * np.linspace(-1, 1, count) for side in image.sides])
    return grid[np.argsort(-sign * image(grid)[:, i])[:_STARTS]]


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


def _jets(image: Image, i: int) -> Callable[[Array], tuple[float, Array, Array]]:
    """x -> (component i, its gradient, its second derivatives)."""
    dim = len(image.columns)
    kernel = compiled(_jet_exprs(image.exprs[i], image.columns), image.columns, image.values)

    def run(x: Array) -> tuple[float, Array, Array]:
        row = kernel(x[None])[0]
        return float(row[0]), row[1 : dim + 1], row[dim + 1 :].reshape(dim, dim)

    return run


@lru_cache(maxsize=256)
def _jet_exprs(expr: sp.Expr, state: tuple[sp.Symbol, ...]) -> tuple[sp.Expr, ...]:
    slopes = [sp.diff(expr, x) for x in state]
    second = [sp.diff(slope, x) for slope in slopes for x in state]
    return tuple(regular(one) for one in (expr, *slopes, *second))
