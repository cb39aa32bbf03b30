"""Layers whose random weight enters through the argument of an activation: two steps, each exact for panels.

E v(act(a(x) + g(x) omega) + xi) is an average over xi after the activation, and one over omega before it. With a kink
in the activation a quadrature rule for omega would converge slowly; as a step of its own, panels end at the kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from mzsym.core.names import state_symbol
from mzsym.evaluate.panels.breaks import has_switches
from mzsym.model.abstract_layer import AbstractLayer


@dataclass(frozen=True)
class Split:
    """F(x, omega) = after(middle(x) + gain(x) omega), all three in the state symbol of the layer."""

    middle: sp.Expr
    gain: sp.Expr
    after: sp.Expr


def split_of(layer: AbstractLayer, n: int) -> Split | None:
    """The two steps of a one-dimensional layer with one random weight and a kink, where it has this form."""
    weights = layer.random_weights(n)
    if (layer.dim_in, layer.dim_out, len(weights)) != (1, 1, 1) or layer.gain_exprs(n) is not None:
        return None
    (expr,), (omega, _), x = layer.map_exprs(n), weights[0], state_symbol(n, 0)
    if not has_switches((expr,)):
        return None
    inner = sp.Dummy("a", real=True)
    for node in sp.postorder_traversal(expr):
        if not (isinstance(node, sp.Expr) and node.has_free(omega)):
            continue
        outside = expr.xreplace({node: inner})
        if outside.has_free(omega) or outside.has_free(x):
            continue
        line = sp.Poly(sp.expand(node), omega) if node.is_polynomial(omega) else None
        if line is not None and line.degree() == 1:
            return Split(line.coeff_monomial(1), line.coeff_monomial(omega), outside.xreplace({inner: x}))
    return None
