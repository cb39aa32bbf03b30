"""Linear independence and regular Gram matrices, checked in numbers where exact algebra does not see a relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.model.numeric import evaluate
from mzsym.model.values import state
from mzsym.projections.functions import written
from mzsym.projections.measures import probes

if TYPE_CHECKING:
    from mzsym.model import Box
    from mzsym.projections.abstract import FiniteRank

RELATIVE = 1e-11
"""Residual, relative to the function, below which a function counts as a combination of others."""

SINGULAR = 1e-12
"""Smallest singular value, for functions of norm 1, up to which a Gram matrix counts as singular."""


def check_independent(functions: tuple[sp.Expr, ...], dim: int, box: Box | None, where: str) -> None:
    """Refuse functions of which one is, to rounding, a combination of those before it where the state lives.

    Raises
    ------
    MzError
        Naming the function and the combination; exactly where SymPy confirms it, otherwise as numbers. Also for a
        function that is not finite there.
    """
    X = probes(box, dim, 40 + 8 * len(functions))
    values = evaluate(functions, dict(zip(state(dim), X.T, strict=True)), len(X))
    for k, function in enumerate(functions):
        column = values[:, k]
        if not np.isfinite(column).all():
            point = [round(float(x), 6) for x in X[int(np.argmin(np.isfinite(column)))]]
            raise MzError(f"The function {function} is not finite at {point}", where, "Give functions that exist there")
        scale = float(np.linalg.norm(column))
        earlier = values[:, :k]
        widths = np.linalg.norm(earlier, axis=0)
        found = np.linalg.lstsq(earlier / widths, column, rcond=None)[0] / widths if k else np.zeros(0)
        if float(np.linalg.norm(column - earlier @ found)) <= RELATIVE * scale:
            exact = _exact(function, functions[:k], found)
            text = written([round(float(c), 12) for c in found] if exact is None else exact, functions[:k])
            how = "" if exact is not None else " to rounding (found in numbers)"
            raise MzError(f"The function {function} equals {text}{how}", f"{where}, function {k}", "Leave it out")


def _exact(function: sp.Expr, earlier: tuple[sp.Expr, ...], found: Array) -> tuple[sp.Expr, ...] | None:
    """Rational constants near those found that SymPy proves right."""
    constants = tuple(sp.nsimplify(round(float(c), 9), rational=True) for c in found)
    rest = function - sp.Add(*(c * expr for c, expr in zip(constants, earlier, strict=True)))
    return constants if sp.simplify(rest) == 0 else None


def check_gram(projection: FiniteRank, dim: int, box: Box | None, where: str) -> None:
    """Refuse an oblique pair whose Gram matrix <psi_j, phi_k> is singular, by Gauss rules in up to three dimensions.

    Raises
    ------
    MzError
        With the smallest singular value.
    """
    rule = gauss_rule(projection, dim, box)
    if rule is None:
        return
    X, w = rule
    trial, test = projection.evaluate(X, box), projection.test_values(X, box)
    refuse_singular((test * w[:, None]).T @ trial, (test**2).T @ w, (trial**2).T @ w, where)


def refuse_singular(gram: Array, tests: Array, trials: Array, where: str) -> None:
    """Refuse a Gram matrix that is singular to rounding, the functions scaled to norm 1."""
    scaled = gram / np.sqrt(np.outer(tests, trials))
    least = float(np.linalg.svd(scaled, compute_uv=False)[-1]) if np.isfinite(scaled).all() else 0.0
    if not least > SINGULAR:
        raise MzError(
            f"The Gram matrix of test and trial functions is singular (smallest singular value {least:.3g}, norms 1)",
            where,
            "Choose test functions that tell the functions apart",
        )


def gauss_rule(projection: FiniteRank, dim: int, box: Box | None) -> tuple[Array, Array] | None:
    """Nodes and weights of mu_n, or None where there is no such rule."""
    if dim > 3 or projection.measure == "law":
        return None
    count = {1: 64, 2: 24, 3: 12}[dim]
    if box is None and projection.measure != "gaussian":
        return _whole_space(projection, dim)
    if box is None:
        t, w = np.polynomial.hermite_e.hermegauss(count)
        return _tensor([t] * dim, [w / w.sum()] * dim)
    t, w = np.polynomial.legendre.leggauss(count)
    sides = list(zip(np.asarray(box.lower), np.asarray(box.upper), strict=True))
    X, weights = _tensor(
        [(lo + hi) / 2 + (hi - lo) / 2 * t for lo, hi in sides], [(hi - lo) / 2 * w for lo, hi in sides]
    )
    return X, weights * projection.weight(X, box)


def _whole_space(projection: FiniteRank, dim: int) -> tuple[Array, Array] | None:
    """Gauss nodes of (-1, 1) mapped to R by u/(1 - u^2), in one or two dimensions."""
    if dim > 2:
        return None
    u, w = np.polynomial.legendre.leggauss({1: 400, 2: 120}[dim])
    t, stretched = u / (1 - u**2), w * (1 + u**2) / (1 - u**2) ** 2
    X, weights = _tensor([t] * dim, [stretched] * dim)
    return X, weights * projection.weight(X, None)


def _tensor(nodes: list[Array], weights: list[Array]) -> tuple[Array, Array]:
    grids = np.meshgrid(*nodes, indexing="ij")
    product = np.ones(())
    for w in weights:
        product = np.multiply.outer(product, w)
    return np.stack([grid.ravel() for grid in grids], axis=-1), np.asarray(product).ravel()
