"""LaTeX of one layer as the user stated it: map, gain, random weights."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from mzsym.core.names import latex_names, state_symbol
from mzsym.model.abstract_layer import AbstractLayer

MAX_SHOWN = 4
"""Widest layer whose map is written out in the notebook display, and most random symbols that are listed."""


def layer_latex(n: int, layer: AbstractLayer) -> str:
    """One row of the display; the map in letters where its entries would not fit a line."""
    noisy = any(not noise.deterministic for noise in layer.noise)
    gain, weights = layer.gain_exprs(n), layer.random_weights(n)
    if max(layer.dim_in, layer.dim_out) > MAX_SHOWN:
        factor = "" if gain is None else rf"G_{{{n}}}(X_{{{n}}})\, "
        noise = rf" + {factor}\xi^{{({n})}}" if noisy else ""
        letter = rf"; \omega^{{({n})}}" if weights else ""
        return (
            rf"X_{{{n + 1}}} &= F_{{{n}}}(X_{{{n}}}{letter}){noise}, \quad X_{{{n + 1}}} \in "
            rf"\mathbb{{R}}^{{{layer.dim_out}}}"
        )
    return rf"X_{{{n + 1}}} &= {step_latex(n, layer)}"


def step_latex(n: int, layer: AbstractLayer) -> str:
    """F_n + G_n xi_n with all entries, and the laws of its random weights."""
    names = {state_symbol(n, i): rf"x^{{({n})}}_{{{i}}}" for i in range(layer.dim_in)}

    def text(expr: sp.Expr) -> str:
        return str(sp.latex(expr, symbol_names=latex_names(expr) | names))

    body = _stacked([[text(expr)] for expr in layer.map_exprs(n)])
    return body + gain_latex(n, layer, text) + weights_latex(n, layer)


def gain_latex(n: int, layer: AbstractLayer, text: Callable[[sp.Expr], str]) -> str:
    """The noise of a layer as a summand, empty where there is none."""
    if all(noise.deterministic for noise in layer.noise):
        return ""
    gain, xi = layer.gain_exprs(n), rf"\xi^{{({n})}}"
    if gain is None:
        return rf" + {xi}"
    if isinstance(gain, sp.ImmutableMatrix):
        return " + " + _stacked([[text(entry) for entry in gain.row(i)] for i in range(gain.rows)]) + rf"\, {xi}"
    if len(gain) == 1:
        return rf" + \left({text(gain[0])}\right) {xi}"
    return " + " + _stacked([[text(entry)] for entry in gain]) + rf" \odot {xi}"


def weights_latex(n: int, layer: AbstractLayer) -> str:
    """The laws of the random weights, empty where there are none."""
    stated = {weight.law: weight for weight in reversed(layer.random(n))}
    if not stated:
        return ""
    kinds = {"uniform": r"\mathcal{{U}}(-{0}, {0})", "gaussian": r"\mathcal{{N}}(0, {0}^2)"}
    parts = []
    for law, weight in reversed(stated.items()):
        symbols = [found for found, other in layer.random_weights(n) if other == law]
        names = ", ".join(sp.latex(s, symbol_names=latex_names(s)) for s in symbols[:MAX_SHOWN])
        dots = r", \ldots" if len(symbols) > MAX_SHOWN else ""
        scale = weight.noise.scale
        value = sp.latex(scale) if isinstance(scale, sp.Expr) else f"{float(scale or 0):.6g}"
        other = rf"\text{{{{{weight.noise.name.replace('_', ' ')}}}}}({{0}})"
        parts.append(rf"{names}{dots} \sim {kinds.get(weight.noise.name, other).format(value)}")
    return r", \quad " + r",\; ".join(parts)


def _stacked(rows: list[list[str]]) -> str:
    if len(rows) == 1 and len(rows[0]) == 1:
        return rows[0][0]
    return r"\begin{pmatrix}" + r"\\ ".join(" & ".join(row) for row in rows) + r"\end{pmatrix}"
