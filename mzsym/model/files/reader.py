"""From the plain data of a model file to a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from mzsym.core.arrays import AnyArray
from mzsym.core.errors import MzError
from mzsym.core.options import Options
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.box import Box
from mzsym.model.dense import ACTIVATION_SYMBOL, Activation, dense, residual
from mzsym.model.density_noise import Noise
from mzsym.model.files import limits
from mzsym.model.files.cursor import Cursor
from mzsym.model.files.source import Source
from mzsym.model.files.vocabulary import is_name
from mzsym.model.files.weights import Weights, open_weights
from mzsym.model.layers import Layer
from mzsym.model.network import Network
from mzsym.model.noise import AbstractNoise, Deterministic, Gaussian, Laplace, TruncatedGaussian, Uniform
from mzsym.model.values import exact_expr, state

T = TypeVar("T")
Symbols = Mapping[str, sp.Symbol]

NOISE_KEYS: Mapping[str, tuple[str, ...]] = {
    Uniform.name: ("half_width",),
    Gaussian.name: ("scale",),
    Laplace.name: ("scale",),
    TruncatedGaussian.name: ("scale", "cutoff"),
    Deterministic.name: (),
    Noise.name: ("density", "support", "variable", "params", "positive"),
}
"""Law -> its keys, the scale first."""

_LAWS: Mapping[str, Callable[..., AbstractNoise]] = {
    law.name: law for law in (Uniform, Gaussian, Laplace, TruncatedGaussian, Deterministic, Noise)
}

_ARRAY_KEYS = ("kind", "weights", "W", "b", "activation", "noise", "weight_noise")
_LAYER_KEYS: Mapping[str, tuple[str, ...]] = {
    "dense": _ARRAY_KEYS,
    "residual": (*_ARRAY_KEYS, "step"),
    "map": ("kind", "state", "map", "gain", "params", "positive", "noise"),
}


def read_network(source: Source) -> Network:
    """The network of a model file.

    Parameters
    ----------
    source : Source

    Returns
    -------
    Network

    Raises
    ------
    MzError
        For everything that is not as the schema says (docs/model-files.md), with file, line and key.
    """
    root = source.root
    network = root.need("network", '[network] with domain = [[-1, 1]] and observable = "x0"')
    network.keys(("domain", "domains", "observable", "input", "shared", "positive"))
    declared = _declared(network, "shared")
    symbols = {name: symbol for name, (symbol, _) in declared.items()}
    layers = root.need("layers", '[[layers]] with kind = "dense"').elements(
        "an array of tables [[layers]]", limits.LAYERS
    )
    reader = _LayerReader(source, symbols)
    chain = [reader.layer(layer) for layer in layers]
    dim = chain[-1].dim_out
    stated = _optional(network.get("input"), lambda entry: _input(entry, chain[0].dim_in, reader.weights))
    with source.located():
        net = Network(
            chain,
            domain=_optional(network.get("domain"), _box),
            domains=_optional(network.get("domains"), _boxes),
            observable=_optional(network.get("observable"), lambda entry: _observable(entry, dim, symbols)),
            input=stated if stated is not None else "uniform",
            shared={symbol: value for symbol, value in declared.values() if value is not None},
        )
        if net.given_domains is not None and net.has_domains:
            # Boxes that the user states are a claim: judged here, where the line is known.
            _ = net.domains
    return net


def read_options(source: Source) -> Options:
    """The options table, or the defaults."""
    table = source.root.get("options")
    if table is None:
        return Options()
    known = {field.name: type(field.default) for field in fields(Options)}
    table.keys(known)
    values: dict[str, Any] = {}
    for name, entry in table.items():
        values[name] = entry.integer(1, 2**62) if known[name] is int else float(entry.number())
        if not values[name] > 0:
            raise entry.error(f"The option {name} is {entry.value!r}", "Give a positive number")
    return Options(**values)


def _optional(entry: Cursor | None, read: Callable[[Cursor], T]) -> T | None:
    return None if entry is None else read(entry)


def _built(entry: Cursor, build: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """The value that a constructor of the model makes, its errors pointing at an entry of the file."""
    try:
        return build(*args, **kwargs)
    except MzError as error:
        raise MzError(error.what, f"{entry.where}: {error.where}", error.fix) from None


def _declared(table: Cursor, key: str, laws: Symbols | None = None) -> dict[str, tuple[sp.Symbol, Any]]:
    """Symbols declared by a table ``name = number`` (or ``name = "name"``: no value yet) and a list ``positive``.

    Where random weights are allowed, ``laws`` holds the symbols that the scale of ``name = { law = ... }`` may use.
    """
    positive = {entry.text(): entry for entry in table.at("positive").elements()} if table.has("positive") else {}
    out: dict[str, tuple[sp.Symbol, Any]] = {}
    for name, entry in table.at(key).items() if table.has(key) else ():
        if not is_name(name) or len(name) > 100:
            raise entry.error(f"{name[:60]!r} is no name", "Use letters, digits and underscores, and not pi")
        symbol = sp.Symbol(name, positive=True) if name in positive else sp.Symbol(name, real=True)
        if laws is not None and isinstance(entry.value, dict):
            out[name] = (symbol, _law(entry, laws))
        else:
            out[name] = (symbol, None if entry.value == name else entry.number())
    for name, entry in positive.items():
        if name not in out:
            raise entry.error(f"{name[:60]!r} is not declared in {key}", f"Declare it there: {name[:60]} = 1.0")
    return out


def _states(dim: int, taken: Symbols) -> dict[str, sp.Symbol]:
    """Names of the state's components: x0, x1, ...; in one dimension x as well, unless it means something else."""
    names = {symbol.name: symbol for symbol in state(dim)}
    if dim == 1 and "x" not in taken:
        names["x"] = names["x0"]
    return names


def _box(entry: Cursor) -> Box:
    pairs = []
    for pair in entry.elements("an array of intervals such as [[-1, 1], [0, 2]]", limits.DIMENSION):
        ends = pair.elements("an interval such as [-1, 1]")
        if len(ends) != 2:
            raise pair.error(f"An interval has two ends, not {len(ends)}", "Write [lo, hi]")
        pairs.append([end.number() for end in ends])
    return _built(entry, Box, pairs)


def _boxes(entry: Cursor) -> list[Box]:
    return [_box(box) for box in entry.elements("an array of boxes, one per state X_0..X_L", limits.LAYERS + 1)]


def _observable(entry: Cursor, dim: int, symbols: Symbols) -> sp.Expr | list[sp.Expr]:
    names = {**symbols, **_states(dim, symbols)}
    if isinstance(entry.value, list):
        return [item.expression(names) for item in entry.elements("a list of expressions", 10_000)]
    return entry.expression(names)


def _noise(entry: Cursor | None, symbols: Symbols) -> AbstractNoise | list[AbstractNoise] | None:
    if entry is None:
        return None
    if isinstance(entry.value, list):
        return [_law(item, symbols) for item in entry.elements("a list of noise laws", limits.DIMENSION)]
    return _law(entry, symbols)


def _law(entry: Cursor, symbols: Symbols) -> AbstractNoise:
    entry.keys(("law", *sorted({key for keys in NOISE_KEYS.values() for key in keys})))
    law = entry.need("law", '{ law = "uniform", half_width = 0.5 }').choice(_LAWS)
    keys = NOISE_KEYS[law]
    entry.keys(("law", *keys))
    if law == Noise.name:
        return _stated_noise(entry)
    values: dict[str, Any] = {}
    for key in keys:
        if key == "cutoff":
            if entry.has(key):
                values[key] = entry.at(key).number()
        else:
            values[key] = entry.need(key, f"{key} = 0.5").number_or_expression(symbols)
    # The constructor judges one value at a time, so that its complaint stands at the right key.
    for key in values:
        partial = {**dict.fromkeys(values, 1), key: values[key]}
        _built(entry.at(key), _LAWS[law], **partial)
    return _built(entry, _LAWS[law], **values)


def _stated_noise(entry: Cursor) -> Noise:
    """Noise by its density, with parameters of its own."""
    declared = _declared(entry, "params")
    params = {name: symbol for name, (symbol, _) in declared.items()}
    variable = _optional(entry.get("variable"), Cursor.text) or "xi"
    if not is_name(variable) or variable in params:
        raise (entry.get("variable") or entry).error(f"{variable[:60]!r} is no name for the noise", "Use another name")
    names = {**params, variable: sp.Symbol(variable, real=True)}
    density = entry.need("density", 'density = "(1 + cos(pi*xi))/2"').number_or_expression(names)
    ends = entry.need("support", "support = [-1, 1]").elements("two ends such as [-1, 1] or [0, inf]")
    if len(ends) != 2:
        raise entry.at("support").error(f"A support has two ends, not {len(ends)}", "Write [lo, hi]")
    support = [_end(end, params) for end in ends]
    return _built(entry, Noise, density, support, dict(declared.values()))


def _end(entry: Cursor, params: Symbols) -> Any:
    infinite = isinstance(entry.value, float) and math.isinf(entry.value)
    return entry.value if infinite else entry.number_or_expression(params)


def _input(entry: Cursor, dim: int, weights: Callable[[Cursor | None], Weights | None]) -> Any:
    """The law of X_0: "uniform" or a density; a law or a list of them; samples in the file or beside it."""
    if isinstance(entry.value, str):
        names = _states(dim, {})
        if entry.value == "uniform":
            return entry.value
        if is_name(entry.value) and entry.value not in names:
            raise entry.error(
                f"The law of X_0 is {entry.value[:60]!r}", 'Use "uniform", a density such as "3*x0^2/2", or noise laws'
            )
        return entry.expression(names)
    if isinstance(entry.value, dict) and "samples" in entry.value:
        entry.keys(("samples", "weights"))
        found = weights(entry.need("weights", 'weights = "samples.npz"'))
        assert found is not None
        return found.array(entry.at("samples"))
    if not isinstance(entry.value, list):
        return _law(entry, {})
    items = entry.elements("a list of noise laws or of samples")
    if isinstance(items[0].value, dict):
        return [_law(item, {}) for item in items]
    rows = [[float(part.number()) for part in item.elements("a sample such as [0.5]")] for item in items]
    for item, row in zip(items, rows, strict=True):
        if len(row) != dim:
            raise item.error(f"This sample has {len(row)} entries and X_0 has {dim}", "Give one number per component")
    return np.array(rows)


def _gain(entry: Cursor | None, names: Symbols) -> Any:
    """One expression, a list of them, or a list of rows: a matrix."""
    if entry is None:
        return None
    if not isinstance(entry.value, list):
        return _exact(entry.number_or_expression(names))
    rows = entry.elements("a list of expressions, or of rows of them", 10_000)
    if not isinstance(rows[0].value, list):
        return [_exact(row.number_or_expression(names)) for row in rows]
    table: list[list[sp.Expr]] = []
    for row in rows:
        items = row.elements("a row of expressions", 10_000)
        if table and len(items) != len(table[0]):
            raise row.error(
                f"This row has {len(items)} entries and the first has {len(table[0])}", "Make the rows equally long"
            )
        table.append([_exact(item.number_or_expression(names)) for item in items])
    return sp.Matrix(table)


def _exact(value: Any) -> sp.Expr:
    return value if isinstance(value, sp.Expr) else exact_expr(value)


class _LayerReader:
    """Reads layers; opens every weights file once."""

    def __init__(self, source: Source, shared: Symbols) -> None:
        self.source, self.shared = source, shared
        self.opened: dict[str, Weights] = {}

    def layer(self, entry: Cursor) -> AbstractLayer:
        if not isinstance(entry.value, dict):
            raise entry.wrong_type("a table [[layers]]")
        kind = entry.need("kind", 'kind = "dense"').choice(_LAYER_KEYS)
        entry.keys(_LAYER_KEYS[kind])
        return self._map(entry) if kind == "map" else self._dense(entry, kind)

    def _map(self, entry: Cursor) -> Layer:
        dim = entry.need("state", "state = 1").integer(1, limits.DIMENSION)
        declared = _declared(entry, "params", self.shared)
        params = {name: symbol for name, (symbol, _) in declared.items()}
        taken = {**self.shared, **params}
        names = {**taken, **_states(dim, taken)}
        maps = entry.need("map", 'map = ["tanh(w*x0 + b)"]')
        texts = maps.elements("a list of expressions", 10_000) if isinstance(maps.value, list) else [maps]
        exprs = [text.expression(names) for text in texts]
        noise = _noise(entry.get("noise"), self.shared)
        values = dict(declared.values())
        gain = _gain(entry.get("gain"), names)
        return _built(entry, Layer, exprs, state=state(dim), noise=noise, params=values, gain=gain)

    def _dense(self, entry: Cursor, kind: str) -> AbstractLayer:
        weights = self.weights(entry.get("weights"))
        arrays = {"W": self._array(entry.need("W", "W = [[1.0, 0.5]]"), weights, 2)}
        if entry.has("b"):
            arrays["b"] = self._array(entry.at("b"), weights, 1)
        settings: dict[str, Any] = {}
        if entry.has("activation"):
            settings["activation"] = _activation(entry.at("activation"))
        if entry.has("step"):
            settings["step"] = entry.at("step").number()
        settings["noise"] = _noise(entry.get("noise"), self.shared)
        settings["weight_noise"] = _optional(entry.get("weight_noise"), lambda law: _law(law, self.shared))
        return _built(entry, residual if kind == "residual" else dense, **arrays, **settings)

    def weights(self, entry: Cursor | None) -> Weights | None:
        if entry is None:
            return None
        name = entry.text('the name of a file such as "weights.npz"')
        if name not in self.opened:
            self.opened[name] = open_weights(self.source.path.parent, entry)
        return self.opened[name]

    def _array(self, entry: Cursor, weights: Weights | None, ndim: int) -> AnyArray:
        if isinstance(entry.value, str):
            if weights is None:
                raise entry.error(
                    "An array is named, but the layer names no file", 'Write weights = "weights.npz" in this layer'
                )
            return weights.array(entry)
        rows = entry.elements("an array of numbers, or the name of one in the weights file")
        if ndim == 1:
            return _numbers([row.number() for row in rows])
        table = [[item.number() for item in row.elements("a row of numbers")] for row in rows]
        for row, values in zip(rows, table, strict=True):
            if len(values) != len(table[0]):
                raise row.error(
                    f"This row has {len(values)} entries and the first has {len(table[0])}",
                    "Make the rows equally long",
                )
        return _numbers(table)


def _numbers(values: list[Any]) -> AnyArray:
    """Floats as float64; anything else as objects, so that the layer keeps it exactly."""
    flat = values if not isinstance(values[0], list) else [item for row in values for item in row]
    return np.array(values, dtype=np.float64 if all(isinstance(item, float) for item in flat) else object)


def _activation(entry: Cursor) -> Activation:
    if isinstance(entry.value, list):
        parts = entry.elements('a pair such as ["leaky_relu", 0.1]')
        if len(parts) != 2:
            raise entry.error(f"This array has {len(parts)} entries", 'Write a pair such as ["leaky_relu", 0.1]')
        return parts[0].choice(name for name, row in PRIMITIVES.items() if row.parameters), parts[1].number()
    text = entry.text("the name of an activation, or an expression in z")
    if text in PRIMITIVES:
        return text
    if is_name(text) and text != "z":
        return entry.choice(PRIMITIVES)
    return _built(entry, entry.expression, {"z": ACTIVATION_SYMBOL})
