"""The network: what the user states, whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, final

import numpy as np
import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.model.abstract_layer import AbstractLayer, check_points
from mzsym.model.box import Box
from mzsym.model.checks import as_box, check_boxes, check_names, checked_layers, checked_observable, checked_readouts
from mzsym.model.domains import checked_domains, propagated_domains
from mzsym.model.gains import Gain
from mzsym.model.inputs import InputLaw, input_law, statement_of
from mzsym.model.layer_latex import layer_latex
from mzsym.model.numeric import evaluate
from mzsym.model.values import Number, as_number, number_key, real_symbol, state


@final
class Network:
    """A chain of layers X_{n+1} = F_n(X_n) + xi_n, n = 0..L-1, and an observable of X_L, MATH (1)-(2).

    With a gain the noise of a layer is G_n(X_n) xi_n; with random weights its map is F_n(X_n; w_n).

    Frozen; equal when all of its exact content is.

    Parameters
    ----------
    layers : sequence of layers
        At least one; the output dimension of each is the input dimension of the next.
    domain : Box, optional
        Box of X_0; those of X_1..X_L follow by rigorous enclosure.
    domains : sequence of Box, optional
        All L+1 boxes instead: each must contain what the enclosure proves, up to 1e-12 relative, which is widened.
    observable : sympy.Expr or sequence of them, optional
        u, in ``mz.state(N_L)`` or the last layer's state symbols. Default: the state itself.
    input : "uniform", noise law, list of noise laws, sympy.Expr, or array of shape (points, N_0)
        Law of X_0: uniform on its box (without a domain standard normal on R^N), independent components with these
        laws, a density with respect to dx in ``mz.state(N_0)``, or samples.
    readouts : mapping of int to sympy.Expr or sequence of them, optional
        m -> what is read out of X_m beside the observable, m < L, in ``mz.state(N_m)``: the network then stands for
        u(X_L) + sum_m f_m(X_m), a shallow network as ``mz.reduce`` returns it, MATH (29). One function per observable.

    Raises
    ------
    MzError
        For an empty network, dimensions that do not fit, a symbol that is neither state nor parameter, a law of X_0
        that leaves the domain, and a density of X_0 proved negative or not normalised.

    Examples
    --------
    >>> from mzsym.model.dense import dense
    >>> from mzsym.model.noise import Uniform
    >>> net = Network([dense([[1.0]], activation="tanh", noise=Uniform(0.5))], domain=Box([(-1, 1)]))
    >>> net.depth, net.dims
    (1, (1, 1))
    """

    layers: tuple[AbstractLayer, ...]
    domain: Box | None
    given_domains: tuple[Box, ...] | None
    observable: tuple[sp.Expr, ...]
    observable_is_list: bool
    input_law: InputLaw
    """Law of X_0."""
    shared: Mapping[sp.Symbol, Number]
    """Values of shared symbols, set by ``with_params``."""
    readouts: Mapping[int, tuple[sp.Expr, ...]]
    """What is read out of layers before the last; empty for most networks."""

    def __init__(
        self,
        layers: Iterable[AbstractLayer],
        domain: Box | Sequence[Any] | None = None,
        domains: Sequence[Box | Sequence[Any]] | None = None,
        observable: Any = None,
        *,
        input: Any = "uniform",
        shared: Mapping[sp.Symbol, Number] | None = None,
        readouts: Mapping[int, Any] | None = None,
    ) -> None:
        chain = checked_layers(layers)
        given = None if domains is None else tuple(as_box(box, f"domains[{n}]") for n, box in enumerate(domains))
        first = None if domain is None else as_box(domain, "domain=")
        check_boxes(chain, first, given)
        first = first if first is not None else (given[0] if given else None)
        exprs, is_list = checked_observable(observable, chain)
        self.__dict__.update(
            layers=chain,
            domain=first,
            given_domains=given,
            observable=exprs,
            observable_is_list=is_list,
            input_law=input_law(input, chain[0].dim_in, first),
            shared=dict(shared or {}),
            readouts=checked_readouts(readouts or {}, chain, len(exprs)),
        )
        check_names(self.layers, self.shared_symbols)
        if self.given_domains is not None and self.has_domains and not self.free_symbols:
            # Given boxes are a claim of the user's: it is checked at once.
            _ = self.domains

    # ------------------------------------------------------------------ shape and symbols

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return len(self.layers)

    @cached_property
    def dims(self) -> tuple[int, ...]:
        """N_0..N_L."""
        return (self.layers[0].dim_in, *(layer.dim_out for layer in self.layers))

    def state(self, n: int) -> tuple[sp.Symbol, ...]:
        """Symbols of X_n, n = 0..L."""
        return tuple(state_symbol(self._index(n, self.depth), i) for i in range(self.dims[n]))

    def map_exprs(self, n: int) -> tuple[sp.Expr, ...]:
        """F_n, one expression per component of X_{n+1}."""
        return self._layer(n).map_exprs(n)

    def laws(self, n: int) -> tuple[Law, ...]:
        """Law of each component of xi_n."""
        return self._layer(n).laws(n)

    def gain_exprs(self, n: int) -> Gain:
        """G_n: None, one expression per component of X_{n+1}, or a matrix with one column per component of xi_n."""
        return self._layer(n).gain_exprs(n)

    def random_weights(self, n: int) -> tuple[tuple[sp.Symbol, Law], ...]:
        """The random symbols in ``map_exprs(n)``, each with its law."""
        return self._layer(n).random_weights(n)

    @property
    def observable_exprs(self) -> tuple[sp.Expr, ...]:
        """u in ``state_symbol(L, i)``, one expression per component."""
        names = dict(zip(state(self.dims[-1]), self.state(self.depth), strict=True))
        return tuple(expr.xreplace(names) for expr in self.observable)

    @cached_property
    def shared_symbols(self) -> frozenset[sp.Symbol]:
        """Symbols that belong to no layer: those of maps, noise scales and observable not bound by ``params``."""
        found: set[sp.Symbol] = set().union(*(expr.free_symbols for expr in self.observable))
        found -= set(state(self.dims[-1]))
        return frozenset(found.union(*(layer.used_symbols - set(layer.local_values()) for layer in self.layers)))

    @cached_property
    def free_symbols(self) -> frozenset[sp.Symbol]:
        """Arguments: the symbols, shared or of one layer, that have no value yet."""
        own = (layer.unbound_symbols(n) for n, layer in enumerate(self.layers))
        return (self.shared_symbols - set(self.shared)).union(*own)

    # ------------------------------------------------------------------ parameters

    def param(self, n: int, key: object) -> Any:
        """What stands for a parameter in the expressions of layer n.

        Parameters
        ----------
        n : int
        key : sympy.Symbol or str
            A symbol of ``params`` (or its name), "scale", or of a dense layer "W", "b", "step", "slope",
            "weight_scale".

        Returns
        -------
        sympy.Symbol, or a matrix of symbols for "W" and "b", or a tuple of expressions for "scale"
        """
        layer = self._layer(n)
        if key == "scale":
            scales = layer.scale_exprs(n)
            return scales[0] if layer.shared_noise else scales
        return layer.parameter(n, key)

    def with_params(self, values: Mapping[Any, Any]) -> Network:
        """The network with other parameter values; its given boxes stay, and what follows from them moves.

        Parameters
        ----------
        values : mapping
            ``(n, w)``, ``(n, "W")``, ``(n, "b")``, ``(n, "scale")``, ``(n, "step")``, ``(n, "slope")``,
            ``(n, "weight_scale")``, or a shared symbol, -> value. For random weights: a scale, or another law.

        Returns
        -------
        Network
        """
        layers, shared = list(self.layers), dict(self.shared)
        local: dict[int, dict[Any, Any]] = {}
        for key, value in values.items():
            if isinstance(key, tuple) and len(key) == 2:
                local.setdefault(self._index(key[0], self.depth - 1), {})[key[1]] = value
            else:
                symbol = self._shared_symbol(key)
                shared[symbol] = as_number(value, f"with_params, {symbol}")
        for n, own in local.items():
            layers[n] = layers[n].replace(n, own)
        return Network(
            layers,
            None if self.given_domains else self.domain,
            self.given_domains,
            list(self.observable) if self.observable_is_list else self.observable[0],
            input=self.input_law,
            shared=shared,
            readouts=self.readouts,
        )

    def _shared_symbol(self, key: object) -> sp.Symbol:
        symbol = real_symbol(key, f"with_params, key {key!r}")
        for candidate in self.shared_symbols:
            if candidate.name == symbol.name:
                return candidate
        names = ", ".join(sorted(s.name for s in self.shared_symbols)) or "none"
        raise MzError(
            f"{symbol} is no shared symbol of this network",
            f"with_params, key {key!r}",
            f"Shared symbols: {names}; a parameter of layer n has the key (n, symbol)",
        )

    def bindings(self, boxes: bool = True) -> dict[sp.Symbol, Number]:
        """Value of every symbol that has one: weights, biases, steps, parameters, noise scales, box ends.

        Parameters
        ----------
        boxes : bool
            Whether to include the ends of the domains of X_0..X_L, where there are any.

        Returns
        -------
        dict
            Symbol -> int, float (the dyadic rational that it is) or Fraction.
        """
        out: dict[sp.Symbol, Number] = dict(self.shared)
        for n, layer in enumerate(self.layers):
            out |= layer.bindings(n)
        if boxes and self.has_domains:
            for n, box in enumerate(self.domains):
                for i, (lo, hi) in enumerate(box.intervals):
                    out[lower_symbol(n, i)], out[upper_symbol(n, i)] = lo, hi
        return out

    # ------------------------------------------------------------------ domains

    @property
    def has_domains(self) -> bool:
        """Whether every X_n has a box: a first one was given, and all noise is bounded."""
        return self.domain is not None and all(layer.bounded_noise for layer in self.layers)

    @cached_property
    def domains(self) -> tuple[Box, ...]:
        """Boxes of X_0..X_L, proved to contain F_n(Omega_n) + supp rho_n, MATH (2).

        Raises
        ------
        MzError
            Naming the layer: noise is unbounded, no domain was given, a symbol has no value, a map is not finite on
            its domain, or a given box does not contain the next state.
        """
        for n, layer in enumerate(self.layers):
            if layer.unbounded_noise:
                raise MzError(
                    f"The noise of layer {n} is unbounded, so X_{n + 1} lies in no box",
                    f"layer {n}, noise",
                    "Use mz.TruncatedGaussian(scale, cutoff=3), or a measure that needs no box",
                )
            if layer.unbounded_weight:
                raise MzError(
                    f"The random weights of layer {n} are unbounded and nothing bounds them, so X_{n + 1} lies in no "
                    "box",
                    f"layer {n}, random weights",
                    "Use a bounded law such as mz.Uniform, a bounded activation, or a measure that needs no box",
                )
        if self.domain is None:
            raise MzError("The network has no domain", "Network(domain=)", "Give domain=mz.Box([(lo, hi), ...])")
        if self.given_domains is not None:
            return checked_domains(self.layers, self.given_domains, self.shared)
        return propagated_domains(self.layers, self.domain, self.shared)

    # ------------------------------------------------------------------ numbers

    def forward(self, X: Any) -> Array:
        """The noise-free network: X_L for X_0 = X.

        Parameters
        ----------
        X : array of shape (points, N_0)

        Returns
        -------
        array of shape (points, N_L)
        """
        array = check_points(X, self.dims[0], "Network.forward(X)")
        for layer in self.layers:
            array = layer.forward(array, self.shared)
        return array

    def sample(self, X: Any, seed: int | np.random.Generator | None = None) -> Array:
        """One noisy pass for every row of X, rounded to float64.

        Parameters
        ----------
        X : array of shape (points, N_0)
        seed : int or numpy Generator, optional

        Returns
        -------
        array of shape (points, N_L)
            X_L.
        """
        return self.trajectory(X, seed)[-1]

    def trajectory(self, X: Any, seed: int | np.random.Generator | None = None) -> list[Array]:
        """One noisy pass with every layer's state: X_0..X_L, arrays of shape (points, N_n)."""
        rng = np.random.default_rng(seed)
        states = [check_points(X, self.dims[0], "Network.sample(X)")]
        for layer in self.layers:
            states.append(layer.sample(states[-1], rng, self.shared))
        return states

    @property
    def input(self) -> Any:
        """The law of X_0 as one would state it."""
        return statement_of(self.input_law)

    def sample_input(self, points: int, seed: int | np.random.Generator | None = None) -> Array:
        """Independent draws of X_0 from its law, rounded to float64; from samples with replacement.

        Parameters
        ----------
        points : int
        seed : int or numpy Generator, optional

        Returns
        -------
        array of shape (points, N_0)

        Examples
        --------
        >>> from mzsym.model.dense import dense
        >>> net = Network([dense([[1.0]])], domain=Box([(0, 1)]), input=2 * state(1)[0])
        >>> bool(0.6 < net.sample_input(1000, seed=0).mean() < 0.7)
        True
        """
        if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 1:
            raise MzError(f"The number of points is {points!r}", "sample_input(points)", "Give a positive integer")
        return self.input_law.sample(np.random.default_rng(seed), int(points), self.domain)

    def observe(self, X: Any) -> Array:
        """The observable at output states X of shape (points, N_L): (points,), or (points, k) for a list of k."""
        array = check_points(X, self.dims[-1], "Network.observe(X)")
        values: dict[sp.Symbol, Any] = {s: array[:, i] for i, s in enumerate(state(self.dims[-1]))}
        out = evaluate(self.observable, values | dict(self.shared), len(array))
        return out if self.observable_is_list else out[:, 0]

    def observe_path(self, states: Sequence[Any]) -> Array:
        """The observable and all read-outs along X_0..X_L, as ``trajectory`` gives them: (points,) or (points, k)."""
        total = self.observe(states[-1])
        for m, exprs in self.readouts.items():
            array = check_points(states[m], self.dims[m], "observe_path(states)")
            values: dict[sp.Symbol, Any] = {s: array[:, i] for i, s in enumerate(state(self.dims[m]))}
            total = total + evaluate(exprs, values, len(array)).reshape(total.shape)
        return total

    # ------------------------------------------------------------------ identity

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the exact content, in hexadecimal."""
        parts = [layer.key() for layer in self.layers]
        parts += [sp.srepr(expr) for expr in self.observable]
        parts += [str(self.observable_is_list), self.input_law.key(), "" if self.domain is None else self.domain.key()]
        parts += [box.key() for box in self.given_domains or ()]
        parts += [f"read out {m} {sp.srepr(expr)}" for m, exprs in sorted(self.readouts.items()) for expr in exprs]
        parts += sorted(f"{symbol.name}={number_key(value)}" for symbol, value in self.shared.items())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Network is frozen; with_params gives another")

    def __repr__(self) -> str:
        lines = [f"Network of depth {self.depth}, dimensions {' -> '.join(map(str, self.dims))}"]
        lines += [f"  {n}: {layer!r}" for n, layer in enumerate(self.layers)]
        lines.append(f"  domain: {self.domain!r}")
        shown = list(self.observable) if self.observable_is_list else self.observable[0]
        lines += [f"  observable: {shown}"]
        if self.readouts:
            lines += [f"  read out as well: layers {', '.join(map(str, self.readouts))}"]
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        rows = [layer_latex(n, layer) for n, layer in enumerate(self.layers)]
        return r"$\displaystyle\begin{aligned}" + r"\\ ".join(rows) + r"\end{aligned}$"

    def _layer(self, n: int) -> AbstractLayer:
        return self.layers[self._index(n, self.depth - 1)]

    def _index(self, n: Any, last: int) -> int:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n <= last:
            raise MzError(f"There is no layer {n!r}", "index n", f"Use 0 <= n <= {last}")
        return int(n)
