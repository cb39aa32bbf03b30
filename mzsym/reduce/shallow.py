"""The shallow network itself: the first layers, and what is read out of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.model import Network
from mzsym.model.values import exact_expr, state

if TYPE_CHECKING:
    from mzsym.evaluate import Evaluator
    from mzsym.evaluate.protocols import HasSolution
    from mzsym.projections import FiniteRank


def shallow_network(ev: HasSolution, projection: FiniteRank, alpha: tuple[Array, ...]) -> Network:
    """The layers 0..H-1 with alpha^(m) . eta^(m) read out of every X_m, m = 1..H.

    Exact: layers, noise, domains. The read-outs are the polynomials (or functions of the basis) that the computed
    alpha stand for.
    """
    net, depth = ev.network, len(alpha)
    listed = {m: readout_exprs(ev, projection, m, alpha[m - 1]) for m in range(1, depth + 1)}
    last = listed.pop(depth)
    return Network(
        net.layers[:depth],
        None if net.given_domains else net.domain,
        net.given_domains[: depth + 1] if net.given_domains else None,
        list(last) if net.observable_is_list else last[0],
        input=net.input_law,
        shared=net.shared,
        readouts=listed,
    )


def readout_exprs(ev: HasSolution, projection: FiniteRank, m: int, alpha: Array) -> tuple[sp.Expr, ...]:
    """alpha^(m) . eta^(m) in ``mz.state(N_m)``, one expression per observable."""
    net, right = ev.network, ev.solution.right
    dim, boxed = net.dims[m], projection.boxed(net)
    stated = alpha if projection.normalized or not right else right[m] @ alpha
    names: dict[sp.Symbol, Any] = dict(zip((state_symbol(m, i) for i in range(dim)), state(dim), strict=True))
    if boxed:
        for i, (lo, hi) in enumerate(net.domains[m].intervals):
            names |= {lower_symbol(m, i): exact_expr(lo), upper_symbol(m, i): exact_expr(hi)}
    functions = [expr.xreplace(names) for expr in projection.basis_exprs(m, dim, boxed)]
    return tuple(
        sp.Add(*(exact_expr(float(c)) * f for c, f in zip(column, functions, strict=True) if c != 0.0))
        for column in stated.T
    )


def shallow_mean(ev: Evaluator, alpha: Array, X: Any) -> Array:
    """E of all read-outs given X_0 = X, shape (points, outputs); the noise averages are the engine's."""
    net = ev.network
    points = np.asarray(X, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != net.dims[0]:
        raise MzError(f"X has shape {points.shape}", "predict(X)", f"Give an array of shape (points, {net.dims[0]})")
    if not np.isfinite(points).all():
        raise MzError("X holds NaN or infinite values", "predict(X)", "Give finite points")
    solution = ev.solution
    assert solution.pulled_back is not None, "projections without a basis are refused before"
    o = solution.tables.offsets
    return np.asarray(solution.pulled_back(points)[:, o[1] : o[-1]] @ alpha)
