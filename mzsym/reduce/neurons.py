"""Fewer neurons by Zwanzig's projection: the network of the kept neurons, without memory; MATH (31)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sympy as sp

from mzsym.certify.bounds import decimal_up
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.evaluate.sampling.sampler import checked_samples
from mzsym.model import Box, Gaussian, Layer, Network, Uniform
from mzsym.model.values import exact_expr, exact_values, state
from mzsym.projections import Conditional
from mzsym.reduce.neurons_proof import proved_distance

if TYPE_CHECKING:
    from mzsym.model.abstract_layer import AbstractLayer
    from mzsym.model.noise import AbstractNoise

Kept = dict[int, tuple[int, ...]]
"""Kept components of hidden layers; the others are whole."""

MOST_ENTRIES: Final = 1 << 14
"""Inputs times outputs of a layer that is written out in expressions."""

PASSES: Final = 4
"""Noisy passes of both networks from every input."""

WHERE: Final = "reduce(net, Conditional)"


@dataclass(frozen=True)
class FewerNeurons:
    """A network of fewer neurons, and how far its mean is from that of the whole one.

    Attributes
    ----------
    network : Network
        The streaming term alone, q_n = P_n M_n q_{n+1}: dropped neurons are drawn afresh from the measure of the
        projection wherever a map asks for them.
    kept : dict of int to tuple of int
        Hidden layer -> kept components.
    error : float
        ||q_0 - q_0 of ``network``|| in L^2 of the law of X_0, the worst over the observables. Estimated; its square is
        without bias.
    error_bound : float
        Proved where ``standing`` says so, rounded up; elsewhere the same with three standard errors added to its
        square.
    size : float
        ||q_0|| of the same observable; estimated.
    samples : int
    standing : Standing
        Of ``error_bound``.
    unproved : str
        Why it is estimated only; empty where it is proved.
    """

    network: Network = field(repr=False)
    kept: Kept
    error: float
    error_bound: float
    size: float
    samples: int
    standing: Standing = Standing.ESTIMATED
    unproved: str = ""

    @property
    def neurons(self) -> int:
        """Hidden neurons that are left."""
        return sum(self.network.dims[1:-1])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "kept": {str(n): list(components) for n, components in self.kept.items()},
            "dims": list(self.network.dims),
            "error": self.error,
            "error_bound": self.error_bound,
            "size": self.size,
            "samples": self.samples,
            "standing": self.standing.value,
        }

    def __str__(self) -> str:
        dims = " -> ".join(map(str, self.network.dims))
        share = f", {100 * self.error_bound / self.size:.2g} % of the norm of q_0" if self.size > 0.0 else ""
        start = (
            f"Network {dims} of {self.neurons} hidden neurons: its mean is {self.error:.3g} from the whole one's, at "
        )
        if self.standing is Standing.PROVED:
            return f"{start}most {decimal_up(self.error_bound, 3)}{share} (proved)"
        how = f"(estimated from {self.samples} samples)"
        return f"{start}most {self.error_bound:.3g} with three standard errors{share} {how}"


def fewer_neurons(
    net: Network,
    projection: Conditional | Mapping[int, Conditional],
    *,
    samples: int = 20_000,
    seed: int = 0,
    prove: bool = False,
) -> FewerNeurons:
    """Keep some of the hidden neurons, MATH (31).

    The new layers are exact: E[v(X_{n+1}) | kept part of X_n] in the measure of the projection, under which components
    are independent. What is left out is all memory; its size is estimated from pairs of noisy passes, or (``prove``)
    proved in at most three dimensions, for analytic maps (in dimension one also with kinks), uniform, truncated
    Gaussian or no noise, X_0 uniform.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : Conditional, or mapping of int to Conditional
        For every hidden layer X_1..X_{L-1}, or for those that are named. Its measure is uniform, lebesgue or gaussian;
        input and output stay whole.
    samples : int
        Inputs, each with four noisy passes of both networks.
    seed : int
    prove : bool
        Whether to prove the error where that is possible: a second in two dimensions, up to minutes in three.

    Returns
    -------
    FewerNeurons

    Raises
    ------
    MzError
        For another projection or measure, layers that are not hidden, a layer whose gain depends on a dropped neuron,
        and boxes that a uniform measure needs and that there are not.

    Examples
    --------
    >>> import mzsym as mz
    >>> W = np.array([[1.0, 0.3], [0.2, 0.8]])
    >>> layers = [mz.dense(W, activation="tanh", noise=mz.Uniform(0.3))] * 2
    >>> net = mz.Network([*layers, mz.dense([[1.0, 0.01]])], domain=mz.Box([(-1, 1)] * 2), observable=mz.state(1)[0])
    >>> found = fewer_neurons(net, {2: mz.Conditional([0])}, samples=4000)
    >>> found.network.dims, found.error_bound < 0.03
    ((2, 2, 1, 1), True)
    """
    kept = checked_kept(net, projection)
    samples = checked_samples(samples, f"{WHERE}, samples=")
    measure = _measure(projection)
    small = network_of(net, kept, measure)
    error, bound, size = _distance(net, kept, measure, samples, seed)
    found = FewerNeurons(small, kept, error, bound, size, samples, unproved="no proof was asked for")
    if not prove:
        return found
    proved, reason = proved_distance(net, kept, measure)
    if not math.isfinite(proved):
        return replace(found, unproved=reason)
    return replace(found, error_bound=proved, standing=Standing.PROVED, unproved="")


def checked_kept(net: Any, projection: Any) -> Kept:
    """The kept components of hidden layers that lose some."""
    if not isinstance(net, Network):
        raise MzError(f"{net!r} is no network", "reduce(net)", "Give a mz.Network")
    hidden = range(1, net.depth)
    stated = dict.fromkeys(hidden, projection) if isinstance(projection, Conditional) else projection
    if not isinstance(stated, Mapping) or not all(isinstance(one, Conditional) for one in stated.values()):
        raise MzError(f"{projection!r} keeps no neurons", WHERE, "Give a mz.Conditional, or {layer: mz.Conditional}")
    found = {}
    for n, one in stated.items():
        if isinstance(n, bool) or n not in hidden:
            raise MzError(f"X_{n} is no hidden state", WHERE, f"Name layers of 1..{net.depth - 1}")
        if max(one.keep) >= net.dims[n]:
            fix = f"Keep some of 0..{net.dims[n] - 1}"
            raise MzError(f"X_{n} has {net.dims[n]} components, and {max(one.keep)} is to be kept", WHERE, fix)
        if len(one.keep) < net.dims[n]:
            found[int(n)] = tuple(one.keep)
    return found


def _measure(projection: Conditional | Mapping[int, Conditional]) -> str:
    stated = [projection] if isinstance(projection, Conditional) else list(projection.values())
    measures = {str(one.measure) for one in stated} or {"uniform"}
    if len(measures) > 1 or not measures <= {"uniform", "lebesgue", "gaussian"}:
        raise MzError(
            f"The measure is {', '.join(sorted(measures))}",
            WHERE,
            'Use one of "uniform", "lebesgue" and "gaussian", under which components are independent',
        )
    return measures.pop()


def network_of(net: Network, kept: Kept, measure: str) -> Network:
    """The network of the kept neurons: dropped ones are random weights of the layers that ask for them."""
    layers = [_reduced(net, n, kept, measure) for n in range(net.depth)]
    sides = None
    if net.given_domains is not None:
        sides = [
            Box([box.intervals[i] for i in kept.get(n, range(box.dim))]) for n, box in enumerate(net.given_domains)
        ]
    return Network(
        layers,
        net.domain if sides is None else None,
        sides,
        list(net.observable) if net.observable_is_list else net.observable[0],
        input=net.input_law,
        shared=net.shared,
    )


def _reduced(net: Network, n: int, kept: Kept, measure: str) -> AbstractLayer:
    """Layer n between the kept parts of X_n and X_{n+1}."""
    layer, inputs, outputs = net.layers[n], net.dims[n], net.dims[n + 1]
    ins, outs = kept.get(n), kept.get(n + 1)
    if ins is None and outs is None:
        return layer
    if inputs * outputs > MOST_ENTRIES:
        fix = "Use a narrower network: reduced layers are written out in expressions"
        raise MzError(f"Layer {n} has {inputs} inputs and {outputs} outputs", f"layer {n}, {WHERE}", fix)
    if not layer.plain_noise:
        raise MzError(f"Layer {n} has a gain or random weights", f"layer {n}, {WHERE}", "Use noise that is added")
    ins, outs = ins or tuple(range(inputs)), outs or tuple(range(outputs))
    old, new = net.state(n), state(len(ins))
    places: dict[sp.Symbol, Any] = dict(zip((old[i] for i in ins), new, strict=True))
    params: dict[sp.Symbol, Any] = {}
    for i in sorted(set(range(inputs)) - set(ins)):
        middle, law, _ = _dropped(net, n, i, measure)
        symbol = sp.Symbol(f"dropped{i}", real=True)
        places[old[i]], params[symbol] = middle + symbol, law
    values, stated = exact_values(layer.map_bindings(n)), layer.map_exprs(n)
    exprs = [stated[i].xreplace(values).xreplace(places) for i in outs]
    scales = layer.scale_values(net.shared)
    noise = [_at(layer.noise[i], scales[i]) for i in outs]
    used = frozenset[sp.Symbol]().union(*(expr.free_symbols for expr in exprs))
    return Layer(exprs, new, noise, params={symbol: law for symbol, law in params.items() if symbol in used})


def _at(noise: AbstractNoise, scale: Any) -> AbstractNoise:
    """The law with its number, shared symbols of it resolved."""
    return noise.with_scale(scale) if isinstance(noise.scale, sp.Expr) else noise


def _dropped(net: Network, n: int, i: int, measure: str) -> tuple[sp.Rational, Gaussian | Uniform, sp.Rational]:
    """The law of a component of X_n under the measure: its middle, what is added to it, and the scale of that."""
    if measure == "gaussian":
        return sp.S.Zero, Gaussian(1), sp.S.One
    if not net.has_domains:
        raise MzError("The states lie in no boxes", WHERE, 'Give domain=, or use measure="gaussian"')
    lo, hi = (exact_expr(end) for end in net.domains[n].intervals[i])
    if not hi > lo:
        raise MzError(f"Component {i} of X_{n} is constant", WHERE, "Keep it, or give the layer noise")
    return (lo + hi) / 2, Uniform((hi - lo) / 2), (hi - lo) / 2


def _distance(net: Network, kept: Kept, measure: str, samples: int, seed: int) -> tuple[float, float, float]:
    """The norm of the difference of the means, its bound with three standard errors, and the norm of q_0.

    Passes of both networks from one input share their noise, so that they differ by what was dropped alone. Products of
    the differences of independent passes have the squared difference of the means for their mean.
    """
    rng = np.random.default_rng(seed)
    X = net.sample_input(samples, rng)
    passes = [_coupled(net, kept, measure, X, rng) for _ in range(PASSES)]
    squares = _products([whole - less for whole, less in passes])
    sizes = _products([whole for whole, _ in passes]).mean(axis=0)
    means = squares.mean(axis=0)
    bounds = means + 3.0 * squares.std(axis=0, ddof=1) / math.sqrt(samples)
    worst = int(np.argmax(bounds))
    error, bound, size = (math.sqrt(max(0.0, float(value))) for value in (means[worst], bounds[worst], sizes[worst]))
    return error, bound, size


def _products(values: list[Array]) -> Array:
    """The mean of all products of two different ones, for every input."""
    total, squares = sum(values[1:], values[0]), sum((value**2 for value in values[1:]), values[0] ** 2)
    return np.asarray((total**2 - squares) / (len(values) * (len(values) - 1)))


def _coupled(net: Network, kept: Kept, measure: str, X: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """One noisy pass of the network and of that of the kept neurons, with the same noise: their observables."""
    whole, less = X, X
    for n, layer in enumerate(net.layers):
        noise = layer.sample_noise(rng, len(X), net.shared)
        if n in kept:
            less = less.copy()
            for i in sorted(set(range(net.dims[n])) - set(kept[n])):
                middle, law, scale = _dropped(net, n, i, measure)
                less[:, i] = float(middle) + law.sample(rng, len(X), float(scale))
        same = less is whole
        whole = layer.forward(whole, net.shared) + layer.scaled_noise(whole, noise, net.shared)
        less = whole if same else layer.forward(less, net.shared) + layer.scaled_noise(less, noise, net.shared)
    shape = (len(X), -1)
    return net.observe(whole).reshape(shape), net.observe(less).reshape(shape)
