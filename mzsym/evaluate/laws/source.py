"""A law of X_0 in numbers: a density with the places where it is not smooth, or points of equal weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.evaluate.noise_numbers import NumericLaw, effective_ends, numeric_law
from mzsym.evaluate.panels.breaks import kinks
from mzsym.model.density_noise import Noise
from mzsym.model.inputs import sample_points
from mzsym.model.noise import AbstractNoise, Gaussian
from mzsym.model.numeric import evaluate
from mzsym.model.values import exact_expr, state

if TYPE_CHECKING:
    from mzsym.model import Network

Sides = tuple[tuple[float, float], ...]

OUTSIDE = 1e-12
"""Share of a side by which a law of X_0 may reach beyond the domain: rounding."""


@dataclass(frozen=True, eq=False)
class Source:
    """The law of X_0.

    Attributes
    ----------
    sides : Sides
        The region that carries it.
    breaks : tuple of tuples of float
        Per coordinate, ascending, the ends of the side included: between them the density is smooth.
    density : function or None
        With respect to Lebesgue measure, shape (points, N_0) -> (points,); None for samples.
    samples : array of shape (points, N_0), or None
        Points of equal weight.
    law : NumericLaw or None
        The density of a one-dimensional X_0 that is a noise law.
    """

    sides: Sides
    breaks: tuple[tuple[float, ...], ...]
    density: Callable[[Array], Array] | None
    samples: Array | None = None
    law: NumericLaw | None = None


def source_of(net: Network, p0: Any = None, where: str = "p0") -> Source:
    """The law of X_0 that a user states.

    Parameters
    ----------
    net : Network
    p0 : None, "uniform", noise law, list of noise laws, sympy.Expr or array of shape (points, N_0)
        None: the input law of the network. A density is one with respect to dx, in ``mz.state(N_0)``, on the domain of
        X_0 where there is one.
    where : str
        For error messages.

    Raises
    ------
    MzError
        For another value, a law that leaves the domain of X_0, and "uniform" without a domain.
    """
    dim, box = net.dims[0], _box(net)
    stated = net.input if p0 is None else p0
    if isinstance(stated, str):
        if stated != "uniform":
            raise MzError(f"The law of X_0 is {stated!r}", where, 'Use "uniform", a law, a density or samples')
        if box is None and p0 is None:
            # The law of X_0 of a network without domain: N(0, I).
            return _product(net, [Gaussian(1)] * dim, box, where)
        if box is None:
            raise MzError("X_0 has no domain to be uniform on", where, "Give Network(domain=), or another law of X_0")
        volume = math.prod(hi - lo for lo, hi in box)
        return Source(box, box, lambda X: np.full(len(X), 1.0 / volume))
    if isinstance(stated, AbstractNoise):
        stated = [stated] * dim
    if isinstance(stated, (list, tuple)) and stated and all(isinstance(law, AbstractNoise) for law in stated):
        return _product(net, stated, box, where)
    if isinstance(stated, sp.Expr):
        return _stated_density(net, stated, box, where)
    return _points(stated, dim, box, where)


def point_source(net: Network, at: Any, where: str = "at") -> Source:
    """X_0 = x_0."""
    point = np.asarray(at, dtype=np.float64)
    if point.shape == () and net.dims[0] == 1:
        point = point[None]
    if point.shape != (net.dims[0],):
        raise MzError(f"The point has shape {point.shape}", where, f"Give the {net.dims[0]} components of X_0")
    return _points(point[None], net.dims[0], _box(net), where)


def _box(net: Network) -> Sides | None:
    if net.domain is None:
        return None
    return tuple((float(lo), float(hi)) for lo, hi in zip(net.domain.lower, net.domain.upper, strict=True))


def _product(net: Network, stated: Sequence[AbstractNoise], box: Sides | None, where: str) -> Source:
    dim = net.dims[0]
    if len(stated) != dim:
        raise MzError(f"{len(stated)} laws were given for {dim} components of X_0", where, "Give one for each")
    laws = [_numbers(net, law, f"{where}, component {i}") for i, law in enumerate(stated)]
    if all(law.point_mass for law in laws):
        return _points(np.array([[law.support[0] for law in laws]]), dim, box, where)
    if any(law.point_mass for law in laws):
        raise MzError(
            "Some components of X_0 are fixed and others random, so it has no density",
            where,
            "Give samples of X_0, or a law with a density in every component",
        )
    sides = _inside(tuple(law.support for law in laws), box, where)
    breaks = []
    for law, (lo, hi) in zip(laws, sides, strict=True):
        breaks.append((lo, *(float(end) for end in law.ends if lo < end < hi), hi))
    single = laws[0] if dim == 1 and sides[0] == laws[0].support else None
    return Source(sides, tuple(breaks), lambda X: _densities(laws, X), law=single)


def _densities(laws: Sequence[NumericLaw], X: Array) -> Array:
    out = np.ones(len(X))
    for i, law in enumerate(laws):
        out *= law.density(X[:, i])
    return out


def _numbers(net: Network, law: AbstractNoise, where: str) -> NumericLaw:
    if isinstance(law, Noise):
        law = law.fixed()
    scale = law.scale
    shared = {symbol: float(value) for symbol, value in net.shared.items()}
    if scale is None:
        return numeric_law(law.law(sp.S.One), shared, where)
    return numeric_law(law.law(scale if isinstance(scale, sp.Expr) else exact_expr(scale)), shared, where)


def _inside(sides: Sides, box: Sides | None, where: str) -> Sides:
    """The sides, cut at the box where they leave it by rounding only."""
    if box is None:
        return sides
    for i, ((lo, hi), (low, high)) in enumerate(zip(sides, box, strict=True)):
        slack = OUTSIDE * (high - low)
        if lo < low - slack or hi > high + slack:
            raise MzError(
                f"The law of X_0 reaches from {lo:.6g} to {hi:.6g} in component {i}, and its domain from {low:.6g} to "
                f"{high:.6g}",
                where,
                "Give a law inside the domain, or the network a larger domain",
            )
    return tuple((max(lo, low), min(hi, high)) for (lo, hi), (low, high) in zip(sides, box, strict=True))


def _stated_density(net: Network, expr: sp.Expr, box: Sides | None, where: str) -> Source:
    dim = net.dims[0]
    names = dict(zip(state(dim), (state_symbol(0, i) for i in range(dim)), strict=True))
    symbols = [state_symbol(0, i) for i in range(dim)]
    bound = expr.xreplace(names)
    values: dict[sp.Symbol, Any] = dict(net.shared)
    unknown = sorted(s.name for s in bound.free_symbols - set(symbols) - set(values))
    if unknown:
        raise MzError(f"The density of X_0 has the symbols {', '.join(unknown)}", where, f"Use mz.state({dim})")

    def density(X: Array) -> Array:
        return evaluate([bound], {**values, **{s: X[:, i] for i, s in enumerate(symbols)}}, len(X))[:, 0]

    sides = box or tuple(effective_ends(_ray(density, dim, i), -math.inf, math.inf, where) for i in range(dim))
    breaks: tuple[tuple[float, ...], ...] = sides
    if dim == 1:
        (lo, hi), (x,) = sides[0], symbols

        def bind(inner: sp.Expr) -> Callable[[Array], Array]:
            return lambda points: evaluate([inner], {**values, x: points}, len(points))[:, 0]

        breaks = ((lo, *(b.at for b in kinks([bound], x, bind, lo, hi)), hi),)
    return Source(sides, breaks, density)


def _ray(density: Callable[[Array], Array], dim: int, i: int) -> Callable[[Array], Array]:
    def along(t: Array) -> Array:
        X = np.zeros((len(t), dim))
        X[:, i] = t
        return density(X)

    return along


def _points(stated: Any, dim: int, box: Sides | None, where: str) -> Source:
    X = sample_points(stated, dim, where)
    if not np.isfinite(X).all():
        raise MzError("The samples of X_0 hold NaN or infinite values", where, "Give finite samples")
    sides = _inside(tuple((float(c.min()), float(c.max())) for c in X.T), box, where)
    return Source(sides, sides, None, X)
