"""k composed with itself is k: what makes the operator of a kernel a projection, MATH (8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.projections.independence import gauss_rule
from mzsym.projections.skeleton import expandable, is_zero_polynomial, kernel_values

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections.kernel import Kernel

TOLERANCE = 1e-8
"""Defect of k∘k, relative to k, that quadrature may leave."""

SAMPLES = 4096
"""Samples of the law of a state."""

Symbols = tuple[sp.Symbol, ...]


def check_idempotent(kernel: sp.Expr, x: Symbols, y: Symbols, gaussian: bool) -> None:
    """Check k∘k = k in the uniform measure of [-1, 1]^N, or in N(0, I): exactly for polynomials.

    Raises
    ------
    MzError
        With the defect.
    """
    between = tuple(sp.Dummy(f"z{i}", real=True) for i in range(len(x)))
    if expandable(kernel, (*x, *y)):
        product = kernel.xreplace(dict(zip(y, between, strict=True))) * kernel.xreplace(
            dict(zip(x, between, strict=True))
        )
        defect = sp.expand(_moments(product, between, gaussian) - kernel)
        if not is_zero_polynomial(defect, (*x, *y)):
            raise _refused(f"k∘k - k = {sp.factor(defect)}")
        return
    if len(x) > 3:
        raise MzError(
            f"k∘k = k cannot be checked by quadrature in dimension {len(x)}", "Kernel(expr)", "Give a polynomial kernel"
        )
    count = {1: 96, 2: 32, 3: 14}[len(x)]
    t, w = np.polynomial.hermite_e.hermegauss(count) if gaussian else np.polynomial.legendre.leggauss(count)
    w = w / w.sum()
    nodes = np.stack([g.ravel() for g in np.meshgrid(*[t] * len(x), indexing="ij")], axis=-1)
    weights = np.ones(())
    for _ in x:
        weights = np.multiply.outer(weights, w)
    _compare(kernel, x, y, nodes, np.asarray(weights).ravel(), "Kernel(expr)")


def _moments(expr: sp.Expr, between: Symbols, gaussian: bool) -> sp.Expr:
    """The mean of a polynomial over independent coordinates."""
    for z in between:
        terms = []
        for (k,), coefficient in sp.Poly(expr, z).terms():
            mean = sp.factorial2(k - 1) if gaussian else sp.Rational(1, k + 1)
            terms.append(sp.S.Zero if k % 2 else coefficient * mean)
        expr = sp.Add(*terms)
    return expr


def _compare(kernel: sp.Expr, x: Symbols, y: Symbols, nodes: Array, weights: Array, where: str) -> None:
    """k∘k against k at a few pairs of nodes."""
    rng = np.random.default_rng(20240303)
    # Pairs where the measure has most of its mass, so that the tails of R^N decide nothing.
    chance = np.abs(weights) / np.abs(weights).sum()
    left, right = (nodes[rng.choice(len(nodes), 24, p=chance)] for _ in range(2))
    exact, found = np.empty(24), np.empty(24)
    for p in range(24):
        first = kernel_values(kernel, x, y, np.tile(left[p], (len(nodes), 1)), nodes)
        second = kernel_values(kernel, x, y, nodes, np.tile(right[p], (len(nodes), 1)))
        found[p] = weights @ (first * second)
    exact = kernel_values(kernel, x, y, left, right)
    defect = float(np.abs(found - exact).max() / np.abs(exact).max())
    if not defect < TOLERANCE:
        raise _refused(f"k∘k differs from k by {defect:.3g} of it, by Gauss quadrature", where)


def check_idempotent_on(projection: Kernel, net: Network, n: int) -> None:
    """Check k∘k = k on layer n in the law of its state, or in a weight of the user's.

    Raises
    ------
    MzError
        With the layer and the defect.
    """
    dim, where = net.dims[n], f"layer {n}, Kernel(expr)"
    if projection.measure == "law":
        _check_in_samples(projection, net, n, where)
        return
    box = net.domains[n] if projection.boxed(net) else None
    rule = gauss_rule(projection, dim, box)
    if rule is None:
        raise MzError(
            f"k∘k = k cannot be checked by quadrature in dimension {dim}", where, "Use the measure uniform or gaussian"
        )
    _compare(projection.expr, projection.x, projection.y, *rule, where)


def _check_in_samples(projection: Kernel, net: Network, n: int, where: str) -> None:
    """G = K within 8 standard errors, G_ba the mean of k(x_b, X) k(X, y_a)."""
    rng = np.random.default_rng(20240304)
    X = net.trajectory(start(net, rng, SAMPLES), rng)[n]
    box = net.domains[n] if projection.boxed(net) else None
    trial, test = projection.evaluate(X, box), projection.test_values(X, box)
    found = projection.skeleton
    right = np.array([[float(value) for value in point] for point in found.right])
    left = np.array([[float(value) for value in point] for point in found.left])
    for b in range(found.rank):
        for a in range(found.rank):
            products = test[:, b] * trial[:, a]
            exact = float(
                kernel_values(projection.expr, projection.x, projection.y, left[b : b + 1], right[a : a + 1])[0]
            )
            error = float(products.std() / np.sqrt(SAMPLES)) + 1e-9 * abs(exact)
            if abs(products.mean() - exact) > 8 * error:
                defect = abs(products.mean() - exact)
                raise _refused(f"k∘k differs from k by {defect:.3g} +- {error:.2g} at two points, by samples", where)


def start(net: Network, rng: np.random.Generator, points: int) -> Array:
    """Samples of X_0."""
    if net.domain is None:
        return rng.standard_normal((points, net.dims[0]))
    return rng.uniform(net.domain.lower, net.domain.upper, (points, net.dims[0]))


def _refused(what: str, where: str = "Kernel(expr)") -> MzError:
    return MzError(
        f"The kernel is not idempotent: {what}",
        where,
        "Give a kernel with k∘k = k in the measure, with mass 1 for a box: its integral operator is then a projection",
    )
