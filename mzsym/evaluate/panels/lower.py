"""A network under a projection as numbers: boxes, transitions, functions, and where they are not smooth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core.arrays import Array
from mzsym.evaluate.maps import NetworkNumbers, compiled
from mzsym.evaluate.noise_numbers import NumericLaw, numeric_law
from mzsym.evaluate.panels.breaks import SMOOTH, Break, ScalarMap, kinks, pulled_back, tidy
from mzsym.evaluate.panels.domains import Sides, effective_sides, region_after
from mzsym.evaluate.panels.split import Split, split_of
from mzsym.evaluate.panels.transition import PointMap, Transition
from mzsym.evaluate.quadrature.problem import check_dimensions, check_values
from mzsym.model.numeric import evaluate

if TYPE_CHECKING:
    from mzsym.codegen import Target
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection, FiniteRank


_CUTS = 24
"""Panels, at least, along an unbounded state."""


@dataclass(frozen=True, eq=False)
class Functions:
    """What P_n resolves, in numbers: P f = sum phi_j (G^-1)_jk <psi_k, f>, G_jk = <psi_j, phi_k>.

    Attributes
    ----------
    trial : function
        phi, shape (points, N_n) -> (points, d).
    tests : function
        psi, the same shape.
    orthogonal : bool
        Whether psi = phi: then phi is orthonormalised in its order, G = L L^T.
    weight : function or None
        Density of mu_n with respect to Lebesgue measure at points; None for the law of X_n.
    size : int
    """

    trial: PointMap
    tests: PointMap
    orthogonal: bool
    weight: Callable[[Array], Array] | None
    size: int


@dataclass(frozen=True)
class Between:
    """The pre-activation of a layer with a random weight and a kink: a state of its own, with sides and breaks."""

    sides: Sides
    breaks: tuple[Break, ...]


@dataclass(frozen=True, eq=False)
class PanelProblem:
    """A network under a projection, without symbols.

    Attributes
    ----------
    sides : tuple of Sides
        Of X_0..X_L: the proved box, or where there is none the region outside of which nothing counts.
    functions : tuple of Functions
    observable : function
        u, shape (points, N_L) -> (points, outputs).
    outputs : int
    transitions : function
        Number of nodes for random weights -> the layers 0..L-1, each in one step or two.
    whole : tuple of Transition
        The layers in one step each.
    between : tuple of Between or None
        The state between the two steps of a layer.
    breaks : tuple of tuples of Break
        Where functions on a one-dimensional X_n are not smooth; empty for other dimensions.
    start : function
        Density of X_0, shape (points, N_0) -> (points,), which the measure "law" starts from.
    """

    sides: tuple[Sides, ...]
    functions: tuple[Functions, ...]
    observable: PointMap
    outputs: int
    transitions: Callable[[int], tuple[tuple[Transition, ...], ...]]
    whole: tuple[Transition, ...]
    between: tuple[Between | None, ...]
    breaks: tuple[tuple[Break, ...], ...]
    start: Callable[[Array], Array]

    @property
    def depth(self) -> int:
        """L."""
        return len(self.sides) - 1

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """d_0..d_L."""
        return tuple(f.size for f in self.functions)


def lower_panels(net: Network, projection: FiniteRank, target: Target = "numba") -> PanelProblem:
    """The problem of a network and a projection, its maps compiled by ``target``.

    Raises
    ------
    MzError
        For missing values, dimensions above 3, and what the domains or the projection refuse.
    """
    return lower_functions(net, projection, lambda n, sides: _functions(net, projection, n), target)


def lower_functions(
    net: Network,
    projection: AbstractProjection,
    functions: Callable[[int, Sides], Functions],
    target: Target = "numba",
) -> PanelProblem:
    """The problem of a network with these functions on layer n, given its sides, in the measure of a projection."""
    check_values(net)
    check_dimensions(net)
    projection.check(net)
    layers = Layers(net, target)
    whole = layers.whole(1)
    sides = effective_sides(net, projection, whole)
    breaks, between = _all_breaks(net, projection, layers, sides)
    if not projection.boxed(net):
        breaks = tuple(_with_cuts(b, side) for b, side in zip(breaks, sides, strict=True))
    return PanelProblem(
        sides=sides,
        functions=tuple(functions(n, sides[n]) for n in range(net.depth + 1)),
        observable=layers.numbers.observable(),
        outputs=len(net.observable_exprs),
        transitions=layers.transitions,
        whole=whole,
        between=between,
        breaks=breaks,
        start=_start(net),
    )


def _with_cuts(breaks: tuple[Break, ...], sides: Sides) -> tuple[Break, ...]:
    """Breaks, and more ends of panels along an unbounded state.

    A law lives on a small part of the region it may reach: what one series over all of it says of it would cancel.
    """
    if len(sides) > 1:
        return breaks
    (lo, hi) = sides[0]
    cuts = [Break(float(at), SMOOTH) for at in np.linspace(lo, hi, _CUTS + 1)[1:-1]]
    return tidy([*breaks, *cuts], lo, hi)


def _start(net: Network) -> Callable[[Array], Array]:
    """Density of the law of X_0."""
    return lambda X: net.input_law.density(X, net.domain)


class Layers:
    """Laws and maps of all layers, made once."""

    def __init__(self, net: Network, target: Target = "numba") -> None:
        self.net, self.target, self.numbers = net, target, NetworkNumbers(net, target)
        self.values = {symbol: float(value) for symbol, value in net.bindings(boxes=net.has_domains).items()}
        self.laws = tuple(self._laws(n) for n in range(net.depth))
        self.random = tuple(self._random(n) for n in range(net.depth))

    def _laws(self, n: int) -> tuple[NumericLaw, ...]:
        where = f"layer {n}, noise component"
        return tuple(numeric_law(law, self.values, f"{where} {i}") for i, law in enumerate(self.net.laws(n)))

    def _random(self, n: int) -> tuple[NumericLaw, ...]:
        pairs = self.net.layers[n].random_weights(n)
        return tuple(numeric_law(law, self.values, f"layer {n}, random weight {symbol}") for symbol, law in pairs)

    def whole(self, count: int) -> tuple[Transition, ...]:
        """All layers in one step each, with this many nodes for what is averaged by a rule."""
        return tuple(self._transition(n, count) for n in range(self.net.depth))

    def transitions(self, count: int) -> tuple[tuple[Transition, ...], ...]:
        """All layers, those with a random weight and a kink in two steps."""
        pairs = zip(self.whole(count), self.splits, strict=True)
        return tuple((whole,) if split is None else self._two(whole, split) for whole, split in pairs)

    @cached_property
    def splits(self) -> tuple[Split | None, ...]:
        """How layers fall into two steps."""
        return tuple(split_of(self.net.layers[n], n) for n in range(self.net.depth))

    def _two(self, whole: Transition, split: Split) -> tuple[Transition, Transition]:
        n, (x,) = whole.n, self.net.state(whole.n)
        values = {s: v for s, v in self.values.items() if s is not x}
        first = replace(
            whole,
            map=compiled((split.middle,), (x,), values, self.target),
            gain=compiled((split.gain,), (x,), values, self.target),
            laws=self.random[n],
            random=(),
            owners=((),),
        )
        second = replace(whole, map=compiled((split.after,), (x,), values, self.target), random=(), owners=((),))
        return first, second

    def _transition(self, n: int, count: int) -> Transition:
        layer = self.net.layers[n]
        gain = layer.gain_exprs(n)
        mixed = isinstance(gain, sp.MatrixBase)
        return Transition(
            n=n,
            dims=(layer.dim_in, layer.dim_out),
            map=self.numbers.layer(n),
            gain=self.numbers.gain(n),
            laws=self.laws[n],
            random=self.random[n],
            owners=None if mixed else self._owners(n),
            mixed=mixed,
            count=count,
        )

    def _owners(self, n: int) -> tuple[tuple[int, ...], ...] | None:
        symbols = [symbol for symbol, _ in self.net.layers[n].random_weights(n)]
        owners = tuple(
            tuple(k for k, symbol in enumerate(symbols) if expr.has_free(symbol))
            for expr in self.net.layers[n].map_exprs(n)
        )
        shared = len(set().union(*owners)) < sum(len(own) for own in owners)
        return None if shared else owners


def _functions(net: Network, projection: FiniteRank, n: int) -> Functions:
    box = net.domains[n] if projection.boxed(net) else None
    weight = None if projection.measure == "law" else lambda X: projection.weight(X, box)
    return Functions(
        trial=lambda X: projection.evaluate(X, box),
        tests=lambda X: projection.test_values(X, box),
        orthogonal=projection.orthogonal,
        weight=weight,
        size=projection.size(net.dims[n]),
    )


# ---------------------------------------------------------------------- breaks


def _all_breaks(
    net: Network, projection: AbstractProjection, layers: Layers, sides: Sequence[Sides]
) -> tuple[tuple[tuple[Break, ...], ...], tuple[Between | None, ...]]:
    """From the last layer back: breaks of the observable and the bases, of the maps, and what noise makes of them."""
    out: list[tuple[Break, ...]] = [()] * (net.depth + 1)
    between: list[Between | None] = [None] * net.depth
    for n in range(net.depth, -1, -1):
        if net.dims[n] != 1:
            continue
        lo, hi = sides[n][0]
        (x,) = net.state(n)
        bind = _binder(x, layers.values)
        found = list(kinks(_resolved(net, projection, n), x, bind, lo, hi))
        if n == 0 and projection.measure == "law":
            found += [Break(at, -1) for at in net.input_law.breaks(0) if lo < at < hi]
        split = layers.splits[n] if n < net.depth else None
        if split is not None:
            between[n], earlier = _split_breaks(layers, n, split, out[n + 1], sides[n], bind)
            found += earlier
        elif n < net.depth:
            found += _layer_breaks(net, layers, n, out[n + 1], (lo, hi), bind)
        out[n] = tidy(found, lo, hi)
    return tuple(out), tuple(between)


def _split_breaks(
    layers: Layers,
    n: int,
    split: Split,
    later: tuple[Break, ...],
    sides: Sides,
    bind: Callable[[sp.Expr], ScalarMap],
) -> tuple[Between, list[Break]]:
    """Through the two steps of a layer: the state between them, and the breaks before it."""
    (x,) = layers.net.state(n)
    first, _ = layers.transitions(1)[n]
    middle = region_after(first, sides)
    ((low, high),), ((lo, hi),) = middle, sides
    own = kinks([split.after], x, bind, low, high)
    inside = pulled_back(later, layers.laws[n][0], lambda e: bind(split.after + sp.Float(e)), own, low, high)
    ends = kinks([split.middle, split.gain], x, bind, lo, hi)
    law = layers.random[n][0]
    earlier = pulled_back(inside, law, lambda e: bind(split.middle + split.gain * sp.Float(e)), ends, lo, hi)
    return Between(middle, inside), list(earlier)


def _resolved(net: Network, projection: AbstractProjection, n: int) -> tuple[sp.Expr, ...]:
    """The functions that are stated on X_n: the basis, and at the end the observable."""
    exprs = projection.stated_exprs(n, net.dims[n], projection.boxed(net))
    return (*exprs, *net.observable_exprs) if n == net.depth else exprs


def _layer_breaks(
    net: Network,
    layers: Layers,
    n: int,
    later: tuple[Break, ...],
    side: tuple[float, float],
    bind: Callable[[sp.Expr], ScalarMap],
) -> list[Break]:
    layer, (x,), (lo, hi) = net.layers[n], net.state(n), side
    at_rest = {symbol: sp.S.Zero for symbol, _ in layer.random_weights(n)}
    maps = [expr.xreplace(at_rest) for expr in layer.map_exprs(n)]
    gains = layer.gain_exprs(n)
    own = kinks([*maps, *(gains or ())], x, bind, lo, hi)
    if len(maps) > 1 or not later or isinstance(gains, sp.MatrixBase):
        return list(own)
    gain = sp.S.One if gains is None else gains[0]

    def step(e: float) -> ScalarMap:
        return bind(maps[0] + gain * sp.Float(e)) if e else bind(maps[0])

    return list(pulled_back(later, layers.laws[n][0], step, own, lo, hi))


def _binder(x: sp.Symbol, values: dict[sp.Symbol, float]) -> Callable[[sp.Expr], ScalarMap]:
    def bind(expr: sp.Expr) -> ScalarMap:
        return lambda points: evaluate([expr], {**values, x: points}, len(points))[:, 0]

    return bind
