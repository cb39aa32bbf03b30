"""Laws of one-dimensional states: the chain of layers on the line, and functions of its states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.distributions import AtomDistribution, Distribution, PanelDistribution, PushedDistribution
from mzsym.evaluate.laws.pieces import ScalarMap, monotone_pieces
from mzsym.evaluate.laws.propagate import Atoms, Effort, LineStep, carried, checked, fitted
from mzsym.evaluate.laws.source import Source
from mzsym.evaluate.laws.state_law import StateLaw, compared
from mzsym.evaluate.maps import NetworkNumbers
from mzsym.evaluate.noise_numbers import Edge, NumericLaw
from mzsym.evaluate.panels.breaks import crossings, kinks
from mzsym.evaluate.panels.lower import Layers
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.model import Network

MOST_ATOMS = 8
"""Samples of X_0 up to which every one of them is carried exactly."""

_ORDERS = 12, 16
_NODES = 16, 24


def why_not_line(net: Network, n: int, source: Source) -> str | None:
    """Why the law of X_n is not carried exactly on the line, or None where it is."""
    if any(dim != 1 for dim in net.dims[: n + 1]):
        return "a state has more than one dimension"
    for k, layer in enumerate(net.layers[:n]):
        if layer.random_weights(k):
            return f"layer {k} has random weights"
        if isinstance(layer.gain_exprs(k), sp.MatrixBase) and len(layer.noise) != 1:
            return f"several noises meet in layer {k}"
    if source.samples is not None and len(source.samples) > MOST_ATOMS:
        return f"{len(source.samples)} samples are more than {MOST_ATOMS}"
    return None


@dataclass(frozen=True, eq=False)
class Composed:
    """A run of layers without noise, or an observable: h = h_k o ... o h_1 on the line.

    Attributes
    ----------
    maps : tuple of ScalarMap
    slopes : tuple of ScalarMap
        Their derivatives.
    kinks_of : tuple of functions
        (lo, hi) -> kinks of each map between them.
    """

    maps: tuple[ScalarMap, ...] = ()
    slopes: tuple[ScalarMap, ...] = ()
    kinks_of: tuple[Callable[[float, float], list[float]], ...] = ()

    def then(self, other: Composed) -> Composed:
        """``other`` after this."""
        return Composed(self.maps + other.maps, self.slopes + other.slopes, self.kinks_of + other.kinks_of)

    def __call__(self, x: Array) -> Array:
        for function in self.maps:
            x = function(x)
        return x

    def slope(self, x: Array) -> Array:
        """h' by the chain rule."""
        total = np.ones(len(x))
        for function, derivative in zip(self.maps, self.slopes, strict=True):
            total = total * derivative(x)
            x = function(x)
        return total

    def kinks(self, lo: float, hi: float) -> list[float]:
        """Kinks of h between lo and hi."""
        found: list[float] = []
        for k, kinks_of in enumerate(self.kinks_of):
            before = Composed(self.maps[:k])
            values = checked(before(np.unique([*np.linspace(lo, hi, 4097), *found])), "law")
            margin = 1e-3 * float(np.ptp(values)) + 1e-300
            targets = kinks_of(float(values.min()) - margin, float(values.max()) + margin)
            if not k:
                found += [t for t in targets if lo < t < hi]
            elif targets:
                found += crossings(before, lo, hi, targets, found).tolist()
        return sorted(set(found))


class Line:
    """A network on the line, from a law of X_0."""

    def __init__(self, net: Network, source: Source, options: Options) -> None:
        self.net, self.source, self.options = net, source, options

    @cached_property
    def _layers(self) -> Layers:
        return Layers(self.net)

    @cached_property
    def _numbers(self) -> NetworkNumbers:
        return self._layers.numbers

    def state_law(self, n: int) -> StateLaw:
        """The law of X_n."""
        fine, coarse = (self._distribution(n, effort, Composed()) for effort in self._efforts)
        return compared(f"X_{n}", fine, coarse)

    def output_law(self, output: int) -> StateLaw:
        """The law of one observable of X_L."""
        last = self.observable(output)
        fine, coarse = (self._distribution(self.net.depth, effort, last) for effort in self._efforts)
        return compared(f"u(X_{self.net.depth}), u = {self.net.observable[output]}", fine, coarse)

    def observable(self, output: int) -> Composed:
        """u on the line."""
        expr, (x,) = self.net.observable_exprs[output], self.net.state(self.net.depth)
        return Composed() if expr == x else self._stated(expr, x)

    def quiet(self, m: int, n: int) -> Composed:
        """Layers m..n-1, none of which has noise."""
        h = Composed()
        for k in range(m, n):
            h = h.then(self._layer(k))
        return h

    @property
    def _efforts(self) -> tuple[Effort, Effort]:
        allowed = max(2e-14, 1e-3 * self.options.tolerance)
        fine, coarse = (Effort(o, q, allowed) for o, q in zip(_ORDERS[::-1], _NODES[::-1], strict=True))
        return fine, coarse

    def _distribution(self, n: int, effort: Effort, last: Composed) -> Distribution:
        law, quiet = self._carried(n, effort)
        h = quiet.then(last)
        if isinstance(law, Atoms):
            return AtomDistribution(Atoms(checked(h(law.at), f"X_{n}"), law.mass))
        return pushed(PanelDistribution(law), h, f"X_{n}")

    def _carried(self, n: int, effort: Effort) -> tuple[NumericLaw | Atoms, Composed]:
        """The law of the last state up to X_n that noise has made, and the layers without noise after it."""
        law: NumericLaw | Atoms = self._start(effort)
        quiet = Composed()
        for k in range(n):
            h = quiet.then(self._layer(k))
            (noise,) = self._layers.laws[k]
            if noise.point_mass:
                quiet = h
                continue
            lo, hi = _support(law)
            gain, own = self._gain(k, quiet, lo, hi)
            inside = [] if isinstance(law, Atoms) else [*h.kinks(lo, hi), *own]
            law = carried(law, LineStep(h, gain, noise, tuple(inside), f"layer {k}"), effort)
            quiet = Composed()
        return law, quiet

    def _start(self, effort: Effort) -> NumericLaw | Atoms:
        source = self.source
        if source.samples is not None:
            at, counts = np.unique(source.samples[:, 0], return_counts=True)
            return Atoms(at, counts / len(source.samples))
        if source.law is not None:
            return source.law
        density = source.density
        assert density is not None

        def on_line(x: Array) -> Array:
            return density(x[:, None])

        ends, coefs = fitted(on_line, source.breaks[0], effort)
        mass = float((np.diff(ends) * coefs[:, 0]).sum())
        if abs(mass - 1.0) > 1e-6 or (coefs[:, 0] < 0.0).any():
            raise MzError(
                f"The density of X_0 integrates to {mass:.9g}, or is negative",
                "p0",
                "Give a density: positive, of mass 1",
            )
        return NumericLaw(ends, coefs, tuple(_edge(on_line, at, ends) for at in source.breaks[0]))

    def _layer(self, k: int) -> Composed:
        numbers, (expr,), (x,) = self._numbers.layer(k), self.net.map_exprs(k), self.net.state(k)

        def run(points: Array) -> Array:
            return numbers(points[:, None])[:, 0]

        return self._stated(expr, x, run)

    def _stated(self, expr: sp.Expr, x: sp.Symbol, run: ScalarMap | None = None) -> Composed:
        """An expression in one variable; ``run`` is a faster way to its values."""
        own = run or self._bind(expr, x)
        slope = sp.diff(expr, x)

        def kinks_of(lo: float, hi: float) -> list[float]:
            return [b.at for b in kinks([expr], x, lambda inner: self._bind(inner, x), lo, hi)]

        return Composed((own,), (self._bind(slope, x),), (kinks_of,))

    def _gain(self, k: int, quiet: Composed, lo: float, hi: float) -> tuple[ScalarMap | None, list[float]]:
        """G_k after the layers without noise, and its kinks."""
        numbers, (x,), exprs = self._numbers.gain(k), self.net.state(k), self.net.layers[k].gain_exprs(k)
        if numbers is None or exprs is None:
            return None, []
        function = numbers

        def run(points: Array) -> Array:
            return function(quiet(points)[:, None]).reshape(len(points))

        (expr,) = tuple(exprs)
        return run, quiet.then(self._stated(expr, x, run)).kinks(lo, hi)

    def _bind(self, expr: sp.Expr, x: sp.Symbol) -> ScalarMap:
        values: dict[sp.Symbol, Any] = dict(self._layers.values)

        def run(points: Array) -> Array:
            return evaluate([expr], {**values, x: points}, len(points))[:, 0]

        return run


def pushed(base: Distribution, h: Composed, where: str) -> Distribution:
    """The law of h(X) from that of X."""
    if not h.maps:
        return base
    lo, hi = base.support
    pieces = monotone_pieces(h, lo, hi, h.kinks(lo, hi))
    checked(np.concatenate([pieces.first, pieces.last]), where)
    return PushedDistribution(base, pieces, h.slope)


def _support(law: NumericLaw | Atoms) -> tuple[float, float]:
    return (float(law.at.min()), float(law.at.max())) if isinstance(law, Atoms) else law.support


def _edge(density: ScalarMap, at: float, ends: Array) -> Edge:
    """Whether a stated density jumps there: at the ends of its region it is zero outside."""
    inset = 1e-9 * float(ends[-1] - ends[0])
    sides = density(np.clip(np.array([at - inset, at + inset]), ends[0], ends[-1]))
    if at in (ends[0], ends[-1]):
        sides[0 if at == ends[0] else 1] = 0.0
    peak = float(np.abs(density(np.linspace(ends[0], ends[-1], 257)[1:-1])).max())
    return Edge(at, -1 if abs(sides[1] - sides[0]) > 1e-6 * peak else 0)
