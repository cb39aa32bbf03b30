"""Exact norms of linear layers with normal noise in the law of the state, by Mehler's formula; MATH (24v)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sympy as sp

from mzsym.balls import lower, precision, to_arb, upper
from mzsym.balls.correlations import exact_matrix, following, identity, largest_correlation
from mzsym.certify.sharp.enclosure import Enclosure
from mzsym.certify.sharp.ends import Ends
from mzsym.core import MzError
from mzsym.model.noise import Gaussian
from mzsym.model.values import exact_expr, exact_values

if TYPE_CHECKING:
    from mzsym.model import Network

WIDEST: Final = 64
"""Components of a state: matrices of balls cost their cube."""


@dataclass(frozen=True)
class Correlation:
    """The largest canonical correlation r of X_n and X_{n+1}, in proved bounds."""

    lower: float
    upper: float

    def norm(self, degree: int) -> tuple[float, float]:
        """Proved bounds of ||Q_n M_n|| = ||Q_n M_n Q_{n+1}|| = r^(degree + 1), P_n on polynomials of that degree."""
        with precision():
            return lower(to_arb(self.lower) ** (degree + 1)), min(1.0, upper(to_arb(self.upper) ** (degree + 1)))

    def enclosure(self, degree: int) -> Enclosure:
        """Both norms of the layer; the degrees do not mix, so that P M Q and Q M P are 0."""
        low, high = self.norm(degree)
        return Enclosure(low, high, low, high, 0, ends=Ends(high, 0.0, 0.0))


def correlations(net: Network) -> tuple[Correlation, ...]:
    """Of the first layers of a network, as far as all states are jointly normal.

    Parameters
    ----------
    net : Network

    Returns
    -------
    tuple of Correlation
        Of layers 0, 1, ...; empty where already X_0 or the first layer is something else.
    """
    covariance = _input_covariance(net)
    found: list[Correlation] = []
    for n in range(net.depth):
        stated = _linear(net, n)
        if covariance is None or stated is None:
            break
        A, scales = stated
        after = following(A, covariance, scales)
        try:
            found.append(Correlation(*largest_correlation(A, covariance, after)))
        except MzError:
            break
        covariance = after
    return tuple(found)


def _input_covariance(net: Network) -> Any:
    law = net.input_law
    if max(net.dims) > WIDEST:
        return None
    if law.kind == "normal":
        return identity(law.dim)
    if law.kind == "independent" and all(isinstance(own, Gaussian) for own in law.laws):
        squares = [exact_expr(own.scale) ** 2 if own.scale is not None else sp.S.Zero for own in law.laws]
        if all(square.is_Rational for square in squares):
            return exact_matrix([[squares[i] if i == j else 0 for j in range(law.dim)] for i in range(law.dim)])
    return None


def _linear(net: Network, n: int) -> tuple[Any, list[Any]] | None:
    """The matrix of an affine layer and the scales of its noise; None for another layer."""
    layer = net.layers[n]
    if not layer.plain_noise or not all(isinstance(noise, Gaussian) for noise in layer.noise):
        return None
    symbols, values = net.state(n), exact_values({**net.shared, **layer.map_bindings(n)})
    rows = []
    for expr in net.map_exprs(n):
        if not expr.is_polynomial(*symbols):
            return None
        stated = sp.Poly(expr, *symbols)
        if stated.total_degree() > 1:
            return None
        own = [stated.coeff_monomial(symbol) for symbol in symbols]
        exact = [c.xreplace(values) for c in own]
        if not all(c.is_Rational for c in exact):
            return None
        rows.append(exact)
    scales = [exact_expr(scale) for scale in layer.scale_values(net.shared)]
    if not all(math.isfinite(float(scale)) and scale.is_Rational for scale in scales):
        return None
    return exact_matrix(rows), scales
