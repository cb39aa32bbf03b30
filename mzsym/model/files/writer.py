"""From a network to the text of a model file, and both to disk in one step each."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import tomli_w

from mzsym.core.arrays import Array
from mzsym.core.atomic import write_atomic
from mzsym.core.errors import MzError
from mzsym.core.names import NOISE_VARIABLE
from mzsym.core.options import Options
from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.checks import check_one_observable
from mzsym.model.dense import ACTIVATION_SYMBOL, DenseLayer
from mzsym.model.density_noise import Noise
from mzsym.model.files import limits
from mzsym.model.files.printer import print_expression
from mzsym.model.files.reader import NOISE_KEYS
from mzsym.model.files.vocabulary import is_name
from mzsym.model.gains import Gain, gain_entries
from mzsym.model.layers import Layer
from mzsym.model.network import Network
from mzsym.model.noise import AbstractNoise, Deterministic, TruncatedGaussian
from mzsym.model.values import Number, state

Table = dict[str, Any]


def write_model(
    net: Network, path: Path, projection: Mapping[str, Any] | None = None, options: Options | None = None
) -> None:
    """Write a model file, and an ``.npz`` beside it for arrays of more than 64 entries.

    Parameters
    ----------
    net : Network
    path : Path
    projection : mapping, optional
        The projection table.
    options : Options, optional

    Raises
    ------
    MzError
        If the network holds what the schema cannot say, or the folder cannot be written. Nothing is then changed.
    """
    check_one_observable(net, "save(net)")
    writer = _Writer(net, path)
    text = writer.text(projection, options)
    if len(text.encode()) > limits.FILE_BYTES:
        raise MzError(
            f"The model file would be larger than {limits.FILE_BYTES} bytes", path.name, "Use fewer or shorter layers"
        )
    if writer.arrays:
        # Before the model that refers to it; its name follows from its content, so an older model stays whole.
        buffer = io.BytesIO()
        np.savez(buffer, **writer.arrays)  # type: ignore[arg-type]
        write_atomic(path.with_name(writer.weights_name), buffer.getvalue())
    write_atomic(path, text)


def shared_symbols(net: Network) -> dict[str, sp.Symbol]:
    """Name -> symbol of everything that layers, noise and observable share.

    Raises
    ------
    MzError
        If a symbol cannot be declared in a file.
    """
    found: set[sp.Symbol] = set(net.shared)
    for layer in net.layers:
        found |= layer.used_symbols - set(layer.local_values())
        for noise in (*layer.noise, *(weight.noise for weight in layer.random(0))):
            if isinstance(noise.scale, sp.Expr):
                found |= noise.scale.free_symbols
    found |= set().union(*(expr.free_symbols for expr in net.observable)) - set(state(net.dims[-1]))
    return _named(found, "shared symbols of the network")


def _named(symbols: Iterable[sp.Symbol], where: str) -> dict[str, sp.Symbol]:
    out: dict[str, sp.Symbol] = {}
    for symbol in sorted(symbols, key=str):
        if not is_name(symbol.name):
            raise MzError(
                f"The symbol name {symbol.name!r} cannot be written",
                where,
                "Use letters, digits and underscores, not pi",
            )
        if symbol not in (sp.Symbol(symbol.name, real=True), sp.Symbol(symbol.name, positive=True)):
            raise MzError(
                f"The assumptions on the symbol {symbol} cannot be written",
                where,
                "Use real=True or positive=True only",
            )
        if symbol.name in out:
            raise MzError(f"Two symbols are called {symbol}", where, "Rename one of them")
        out[symbol.name] = symbol
    return out


def _positive(names: Mapping[str, sp.Symbol]) -> list[str]:
    return [name for name, symbol in names.items() if symbol == sp.Symbol(name, positive=True)]


def _number(value: Number, where: str) -> int | float | str:
    if isinstance(value, float):
        return value
    fraction = Fraction(value)
    if fraction.denominator != 1:
        text = f"{fraction.numerator}/{fraction.denominator}"
        if len(text) > 2 * limits.DIGITS:
            raise MzError("A number has too many digits for a model file", where, "Round it")
        return text
    # TOML promises integers of 64 bits only.
    return int(fraction) if abs(fraction) < 2**63 else str(int(fraction))


class _Writer:
    """Collects the text, and the arrays that go beside it."""

    def __init__(self, net: Network, path: Path) -> None:
        self.net, self.path = net, path
        self.shared = shared_symbols(net)
        self.arrays: dict[str, Array] = {}
        stem = re.sub(r"[^A-Za-z0-9_]", "_", path.stem)[:100] or "model"
        self.weights_name = f"{stem}.weights-{net.digest[:12]}.npz"

    def text(self, projection: Mapping[str, Any] | None, options: Options | None) -> str:
        lines = [f"format = {limits.FORMAT}", "", "[network]", *_lines(self._network())]
        for n, layer in enumerate(self.net.layers):
            lines += ["", "[[layers]]", *_lines(self._layer(n, layer))]
        for name, table in (("projection", projection), ("options", None if options is None else asdict(options))):
            if table is not None:
                lines += ["", f"[{name}]", *_lines(table)]
        return "\n".join(lines) + "\n"

    def _network(self) -> Table:
        net, out = self.net, Table()
        boxes = [
            [[_number(end, "domain") for end in pair] for pair in box.intervals] for box in net.given_domains or ()
        ]
        if boxes:
            out["domains"] = boxes
        elif net.domain is not None:
            out["domain"] = [[_number(end, "domain") for end in pair] for pair in net.domain.intervals]
        names = {**self.shared, **{symbol.name: symbol for symbol in state(net.dims[-1])}}
        texts = [print_expression(expr, names, f"observable, component {i}") for i, expr in enumerate(net.observable)]
        out["observable"] = texts if net.observable_is_list else texts[0]
        out["input"] = self._input()
        if self.shared:
            out["shared"] = {
                name: _number(net.shared[symbol], f"shared symbol {name}") if symbol in net.shared else name
                for name, symbol in self.shared.items()
            }
        if positive := _positive(self.shared):
            out["positive"] = positive
        return out

    def _input(self) -> Any:
        law = self.net.input_law
        if law.samples is not None:
            if law.samples.size <= limits.INLINE_ENTRIES:
                return law.samples.tolist()
            self.arrays["X0"] = law.samples
            return {"samples": "X0", "weights": self.weights_name}
        if law.kind == "independent":
            tables = [self._noise(one, "law of X_0") for one in law.laws]
            # One table for a single component; a list states the laws one by one.
            return tables[0] if len(tables) == 1 else tables
        if law.expr is None:
            return "uniform"
        return print_expression(law.expr, {s.name: s for s in state(law.dim)}, "density of X_0")

    def _layer(self, n: int, layer: AbstractLayer) -> Table:
        if isinstance(layer, DenseLayer):
            out = self._dense(n, layer)
        elif isinstance(layer, Layer):
            out = self._map(n, layer)
        else:
            raise MzError(
                f"A {type(layer).__name__} cannot be written", f"layer {n}", "Use mz.Layer, mz.dense or mz.residual"
            )
        laws = layer.noise[:1] if layer.shared_noise else layer.noise
        tables = [self._noise(law, f"layer {n}, noise") for law in laws]
        if not layer.shared_noise:
            out["noise"] = tables
        elif not isinstance(laws[0], Deterministic):
            out["noise"] = tables[0]
        return out

    def _noise(self, law: AbstractNoise, where: str) -> Table:
        out: Table = {"law": law.name}
        if isinstance(law, Noise):
            return out | self._stated_noise(law, where)
        scale = law.scale
        if isinstance(scale, sp.Expr):
            out[NOISE_KEYS[law.name][0]] = print_expression(scale, self.shared, where)
        elif scale is not None:
            out[NOISE_KEYS[law.name][0]] = _number(scale, where)
        if isinstance(law, TruncatedGaussian):
            out["cutoff"] = _number(law.cutoff, where)
        return out

    def _stated_noise(self, law: Noise, where: str) -> Table:
        params = _named(law.params, f"{where}, params")
        names = {**params, law.variable.name: law.variable}
        density = law.density.xreplace({NOISE_VARIABLE: law.variable})
        out: Table = {
            "density": print_expression(density, names, where),
            "support": [self._end(end, params, where) for end in law.ends],
            "variable": law.variable.name,
        }
        if params:
            out["params"] = {s.name: self._value(s, value, f"{where}, {s}") for s, value in law.params.items()}
        if positive := _positive(params):
            out["positive"] = positive
        return out

    def _end(self, end: sp.Expr, params: Mapping[str, sp.Symbol], where: str) -> Any:
        if end.is_infinite:
            return math.copysign(math.inf, float(end))
        return (
            _number(Fraction(int(end.p), int(end.q)), where)
            if end.is_Rational
            else print_expression(end, params, where)
        )

    def _map(self, n: int, layer: Layer) -> Table:
        where = f"layer {n}"
        params = _named(layer.params, f"{where}, params")
        # Names of states are the file's own; what the user called them does not matter to the network.
        own = state(layer.dim_in)
        names = {**self.shared, **params}
        for symbol in own:
            if symbol.name in names:
                raise MzError(f"The name {symbol} stands for two things", where, "Rename the parameter")
            names[symbol.name] = symbol
        renamed = dict(zip(layer.state, own, strict=True))
        out: Table = {
            "kind": "map",
            "state": layer.dim_in,
            "map": [
                print_expression(expr.xreplace(renamed), names, f"{where}, component {i}")
                for i, expr in enumerate(layer.exprs)
            ],
        }
        if layer.gain is not None:
            out["gain"] = self._gain(layer.gain, renamed, names, f"{where}, gain")
        if layer.params:
            out["params"] = {
                symbol.name: self._value(symbol, value, f"{where}, {symbol}") for symbol, value in layer.params.items()
            }
        if positive := _positive(params):
            out["positive"] = positive
        return out

    def _gain(
        self, gain: Gain, renamed: Mapping[sp.Symbol, sp.Symbol], names: Mapping[str, sp.Symbol], where: str
    ) -> list[Any]:
        texts = [print_expression(entry.xreplace(renamed), names, where) for entry in gain_entries(gain)]
        if not isinstance(gain, sp.ImmutableMatrix):
            return texts
        return [texts[i * gain.cols : (i + 1) * gain.cols] for i in range(gain.rows)]

    def _value(self, symbol: sp.Symbol, value: Number | AbstractNoise | None, where: str) -> Any:
        if isinstance(value, AbstractNoise):
            return self._noise(value, where)
        return symbol.name if value is None else _number(value, where)

    def _dense(self, n: int, layer: DenseLayer) -> Table:
        out: Table = {"kind": "dense" if layer.step is None else "residual"}
        arrays = {key: self._array(n, layer, key) for key in ("W", "b")}
        if any(isinstance(value, str) for value in arrays.values()):
            out["weights"] = self.weights_name
        out |= arrays
        if isinstance(layer.activation, sp.Expr):
            out["activation"] = print_expression(layer.activation, {"z": ACTIVATION_SYMBOL}, f"layer {n}, activation")
        elif layer.slope is not None:
            out["activation"] = [layer.activation, _number(layer.slope, f"layer {n}, slope")]
        else:
            out["activation"] = layer.activation
        if layer.step is not None:
            out["step"] = _number(layer.step, f"layer {n}, step")
        if layer.weight_noise is not None:
            out["weight_noise"] = self._noise(layer.weight_noise, f"layer {n}, weight noise")
        return out

    def _array(self, n: int, layer: DenseLayer, key: str) -> Any:
        array = layer.exact_array(key)
        # Arrays with exact rationals stand in the text, where they stay exact.
        if array.size > limits.INLINE_ENTRIES and array.dtype == np.float64:
            self.arrays[f"{key}{n}"] = array
            return f"{key}{n}"
        where = f"layer {n}, {key}"
        if array.ndim == 1:
            return [_number(value, where) for value in array.tolist()]
        return [[_number(value, where) for value in row] for row in array.tolist()]


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_inline(value)}" for key, value in table.items()]


def _inline(value: Any) -> str:
    """TOML of a value on one line; ``tomli_w`` writes the scalars."""
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, float) and math.isinf(value):
        # The end of a support; NaN stands nowhere.
        return "inf" if value > 0 else "-inf"
    if isinstance(value, float) and not math.isfinite(value):
        raise MzError("A number is not finite", "model file", "Repair the network")
    return tomli_w.dumps({"key": value})[len("key = ") :].rstrip("\n")
