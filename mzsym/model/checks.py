"""Checks of a network as a whole, each with the sentence that helps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import local_symbol
from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.box import Box
from mzsym.model.layers import Layer
from mzsym.model.statements import checked_expr
from mzsym.model.values import state


def as_box(box: Any, where: str) -> Box:
    if isinstance(box, Box):
        return box
    if isinstance(box, (list, tuple, np.ndarray)):
        return Box(box)
    raise MzError(f"{box!r} is no box", where, "Use mz.Box([(lo, hi), ...])")


def checked_layers(layers: Iterable[AbstractLayer]) -> tuple[AbstractLayer, ...]:
    chain = tuple(layers) if isinstance(layers, Iterable) else (layers,)
    if not chain:
        raise MzError("The network has no layers", "Network(layers)", "Give at least one layer")
    for n, layer in enumerate(chain):
        if not isinstance(layer, AbstractLayer):
            raise MzError(f"{layer!r} is no layer", f"layer {n}", "Use mz.Layer, mz.dense or mz.residual")
        if n and layer.dim_in != chain[n - 1].dim_out:
            raise MzError(
                f"Layer {n - 1} has {chain[n - 1].dim_out} outputs and layer {n} takes {layer.dim_in} inputs",
                f"layer {n}",
                "Make the dimensions agree",
            )
    return chain


def check_boxes(chain: tuple[AbstractLayer, ...], first: Box | None, given: tuple[Box, ...] | None) -> None:
    dims = (chain[0].dim_in, *(layer.dim_out for layer in chain))
    if given is not None and first is not None and given and given[0] != first:
        raise MzError("domain and domains[0] differ", "Network(domain=, domains=)", "Give one of them")
    if given is not None and len(given) != len(dims):
        raise MzError(f"{len(given)} domains were given", "Network(domains=)", f"Give {len(dims)}, one per state")
    for n, box in enumerate(given if given is not None else () if first is None else (first,)):
        if box.dim != dims[n]:
            raise MzError(
                f"The domain of X_{n} has dimension {box.dim} and the state has {dims[n]}",
                f"domains[{n}]" if given else "domain=",
                "Give one interval per component",
            )


def checked_observable(observable: Any, chain: tuple[AbstractLayer, ...]) -> tuple[tuple[sp.Expr, ...], bool]:
    dim, last = chain[-1].dim_out, chain[-1]
    own = state(dim)
    if observable is None:
        return own, dim > 1
    is_list = isinstance(observable, (list, tuple, sp.MatrixBase))
    exprs = list(observable) if is_list else [observable]
    if not exprs:
        raise MzError("The observable is an empty list", "Network(observable=)", "Give at least one expression")
    # The last layer's symbols stand for its output too where its dimensions agree.
    names = dict(zip(last.state, own, strict=True)) if isinstance(last, Layer) and len(last.state) == dim else {}
    checked = []
    for i, expr in enumerate(exprs):
        where = f"observable, component {i}" if is_list else "observable"
        known = sp.sympify(expr) if not isinstance(expr, str) else expr
        used = [symbol for symbol in names if isinstance(known, sp.Expr) and symbol in known.free_symbols]
        inputs = used if used and not set(used) & set(own) else own
        checked.append(checked_expr(known, tuple(inputs), where).xreplace(names))
    return tuple(checked), is_list


def checked_readouts(
    readouts: Mapping[int, Any], chain: tuple[AbstractLayer, ...], outputs: int
) -> dict[int, tuple[sp.Expr, ...]]:
    """Functions that are read out of the states before the last, one per observable, in the order of the layers."""
    dims = (chain[0].dim_in, *(layer.dim_out for layer in chain))
    found = {}
    for m in sorted(readouts):
        if isinstance(m, bool) or not isinstance(m, (int, np.integer)) or not 0 <= m < len(chain):
            raise MzError(f"There is no read-out {m!r}", "Network(readouts=)", f"Use 0 <= m < {len(chain)}")
        stated = readouts[m]
        exprs = list(stated) if isinstance(stated, (list, tuple)) else [stated]
        where = f"readouts[{m}]"
        if len(exprs) != outputs:
            raise MzError(f"{len(exprs)} functions are read out beside {outputs} observables", where, "Give one each")
        symbols = state(dims[m])
        functions = tuple(checked_expr(expr, symbols, where) for expr in exprs)
        others = sorted(s.name for f in functions for s in f.free_symbols - set(symbols))
        if others:
            raise MzError(
                f"The read-out depends on {', '.join(others)}", where, f"Use the symbols of mz.state({dims[m]}) only"
            )
        found[int(m)] = functions
    return found


def check_one_observable(net: Any, where: str) -> None:
    """Refuse a network that reads out from several layers, where only an observable of the last one is known."""
    if net.readouts:
        raise MzError(
            f"The network reads out from the layers {', '.join(map(str, net.readouts))} as well",
            where,
            "Use the network it was reduced from, or predict of the reduction",
        )


def check_names(chain: tuple[AbstractLayer, ...], shared: Collection[sp.Symbol]) -> None:
    """Refuse a shared symbol whose name is that of some layer's state or of a layer's own parameter."""
    taken = {
        local_symbol(n, symbol).name: f"parameter {symbol} of layer {n}"
        for n, layer in enumerate(chain)
        for symbol in layer.local_values()
    }
    for n, layer in enumerate(chain):
        if isinstance(layer, Layer):
            taken |= {symbol.name: f"a component of the state of layer {n}" for symbol in layer.state}
    for symbol in sorted(shared, key=str):
        if symbol.name in taken:
            raise MzError(
                f"The symbol {symbol} is neither state nor parameter where it stands, and its name belongs to "
                f"{taken[symbol.name]}",
                f"symbol {symbol}",
                "Use each layer's own state symbols, bind parameters by params=, or rename the symbol",
            )
