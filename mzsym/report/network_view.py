"""The network in words and formulas: one row per layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.certify.certify import noise_in_words
from mzsym.core.names import latex_names, state_symbol
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.dense import ACTIVATION_SYMBOL, DenseLayer

if TYPE_CHECKING:
    from mzsym.model import Box, Network

MAX_DIM = 4
"""Dimension up to which maps and weights are written out."""

MAX_EXPR = 160
"""Characters of LaTeX up to which a map stands in the table."""


@dataclass(frozen=True)
class LayerView:
    """One layer for a table.

    Attributes
    ----------
    n : int
    sizes : str
        ``2 -> 3``.
    map_latex : str
    noise : str
    box : str
        Domain of the state that the layer maps to.
    weights : tuple of (str, str)
        Name and value in LaTeX of small arrays.
    """

    n: int
    sizes: str
    map_latex: str
    noise: str
    box: str
    weights: tuple[tuple[str, str], ...]


def layer_views(net: Network) -> tuple[LayerView, ...]:
    """All layers."""
    return tuple(
        LayerView(
            n,
            f"{layer.dim_in} \u2192 {layer.dim_out}",
            map_latex(net, n),
            noise_in_words(net, n),
            domain_in_words(net, n + 1),
            _weights(net, n),
        )
        for n, layer in enumerate(net.layers)
    )


def map_latex(net: Network, n: int) -> str:
    """X_{n+1} = F_n(X_n) + xi_n in LaTeX; with a gain G_n(X_n) xi_n, with random weights F_n(X_n; omega_n)."""
    layer = net.layers[n]
    noise = _noise_latex(net, n)
    if isinstance(layer, DenseLayer):
        weights = rf"W^{{({n})}}" if layer.plain_noise else rf"\left(W^{{({n})}} + \omega^{{({n})}}\right)"
        inner = rf"{weights} X_{{{n}}} + b^{{({n})}}"
        body = _activation(layer, inner)
        if layer.step is not None:
            moved = rf"\left({inner}\right)" if body == inner else body
            body = rf"X_{{{n}}} + h^{{({n})}}\, {moved}"
    else:
        names = {state_symbol(n, i): rf"x^{{({n})}}_{{{i}}}" for i in range(layer.dim_in)}
        texts = [sp.latex(expr, symbol_names=latex_names(expr) | names) for expr in net.map_exprs(n)]
        body = texts[0] if len(texts) == 1 else r"\begin{pmatrix} " + r" \\ ".join(texts) + r" \end{pmatrix}"
        if sum(map(len, texts)) > MAX_EXPR * len(texts) or len(texts) > MAX_DIM:
            body = rf"F_{{{n}}}(X_{{{n}}})"
    return rf"X_{{{n + 1}}} = {body}{noise}"


def _noise_latex(net: Network, n: int) -> str:
    layer = net.layers[n]
    if all(law.deterministic for law in layer.noise):
        return ""
    gain = layer.gain_exprs(n)
    names = {state_symbol(n, i): rf"x^{{({n})}}_{{{i}}}" for i in range(layer.dim_in)}
    if gain is None:
        return rf" + \xi_{{{n}}}"
    if len(gain) == 1:
        text = sp.latex(gain[0], symbol_names=latex_names(gain[0]) | names)
        if len(text) <= MAX_EXPR:
            return rf" + \left({text}\right) \xi_{{{n}}}"
    product = "" if isinstance(gain, sp.ImmutableMatrix) else r" \odot"
    return rf" + G_{{{n}}}(X_{{{n}}}){product} \xi_{{{n}}}"


def _activation(layer: DenseLayer, inner: str) -> str:
    if isinstance(layer.activation, str):
        if layer.activation == "identity":
            return inner
        name = PRIMITIVES[layer.activation].latex
        if layer.slope is not None:
            name += rf"_{{{float(layer.slope):g}}}"
        return rf"{name}\left({inner}\right)"
    whole = sp.latex(layer.activation, symbol_names={ACTIVATION_SYMBOL: "z"})
    return rf"\left.{whole}\right|_{{z = {inner}}}"


def _weights(net: Network, n: int) -> tuple[tuple[str, str], ...]:
    layer = net.layers[n]
    if not isinstance(layer, DenseLayer) or max(layer.dim_in, layer.dim_out) > MAX_DIM:
        return ()
    rows = r" \\ ".join(" & ".join(f"{value:.4g}" for value in row) for row in layer.W)
    column = r" \\ ".join(f"{value:.4g}" for value in layer.b)
    return (
        (rf"W^{{({n})}}", rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"),
        (rf"b^{{({n})}}", rf"\begin{{pmatrix}} {column} \end{{pmatrix}}"),
    )


def domain_in_words(net: Network, n: int) -> str:
    """Where X_n lies: its box, or the whole space where noise is unbounded or no box was given."""
    if net.has_domains:
        return box_in_words(net.domains[n])
    return "\u211d" if net.dims[n] == 1 else f"\u211d^{net.dims[n]}"


def box_in_words(box: Box) -> str:
    """Ends of a box to four digits; boxes of many coordinates by their hull."""
    sides = [f"[{lo:.4g}, {hi:.4g}]".replace("-", "\u2212") for lo, hi in zip(box.lower, box.upper, strict=True)]
    if len(set(sides)) == 1:
        return sides[0] if box.dim == 1 else f"{sides[0]} in each of {box.dim} coordinates"
    if box.dim <= MAX_DIM:
        return " \u00d7 ".join(sides)
    return f"{box.dim} coordinates within [{np.min(box.lower):.4g}, {np.max(box.upper):.4g}]".replace("-", "\u2212")


def component_latex(net: Network) -> list[str]:
    """Every observable in LaTeX."""
    names = {state_symbol(net.depth, i): rf"x^{{({net.depth})}}_{{{i}}}" for i in range(net.dims[-1])}
    return [sp.latex(expr, symbol_names=latex_names(expr) | names) for expr in net.observable_exprs]


def observable_latex(net: Network) -> str:
    """The observable u in LaTeX."""
    texts = component_latex(net)[:8]
    if len(net.observable_exprs) > 8:
        texts.append(r"\ldots")
    return "u = " + (texts[0] if not net.observable_is_list else r"\left(" + r",\; ".join(texts) + r"\right)")
