"""Layers whose M_n maps polynomials of degree <= d to polynomials of degree <= d, MATH (17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from mzsym.calculus.polynomials import polynomial_in
from mzsym.core.names import noise_symbol, state_symbol
from mzsym.derive.averages import average
from mzsym.derive.chains import Chain
from mzsym.model.gains import stays_bounded
from mzsym.projections.indices import graded_indices

if TYPE_CHECKING:
    from mzsym.model import AbstractLayer

MOMENTS = 40
"""Monomials of the next state up to which each is averaged to see its degree."""

MOMENT_OPERATIONS = 2000
"""Size above which such an average is not formed."""


def why_degrees_stay(layer: AbstractLayer, chain: Chain, degree: int) -> str | None:
    """Why E[y^alpha | x] is a polynomial of degree <= ``degree`` in x for every |alpha| <= ``degree``; None otherwise.

    Proved where it is answered. The next state y = F(x; w) + G(x) xi is affine in x for every w and xi if F and G are;
    all moments that occur are finite, because the laws have all of theirs and the coefficients of F are polynomials
    or bounded functions of w. Where y is not affine its moments may still be polynomials of small degree: odd moments
    of the noise vanish, so that G may be a square root. Then the moments themselves decide.

    Parameters
    ----------
    layer : AbstractLayer
    chain : Chain
        This layer alone.
    degree : int

    Returns
    -------
    str or None
        A clause with the place ``{n}`` of the layer.
    """
    if layer.affine or _affine(chain):
        if layer.plain_noise:
            return "F_{n} is affine"
        return "X' = F_{n} + G_{n} xi_{n} is affine in the state for every value of noise and random weights"
    if not layer.plain_noise and _moments_stay(chain, degree):
        return "the moments of X' given the state are polynomials of at most their order"
    return None


def _affine(chain: Chain) -> bool:
    """Whether F + G xi is of degree <= 1 in the state, with coefficients that have all moments."""
    state = _state(chain)
    weights = [symbol for symbol, _ in chain.weights[0]]
    xi = [noise_symbol(0, j) for j in range(len(chain.laws[0]))]
    for expr, added in zip(chain.maps[0], chain.noise_rows(0), strict=True):
        whole = expr + added
        if not whole.is_polynomial(*state) or polynomial_in(whole, state).total_degree() > 1:
            return False
        for coefficient in polynomial_in(whole, state).coeffs():
            if not (coefficient.is_polynomial(*weights, *xi) or stays_bounded(coefficient, weights)):
                return False
    return True


def _moments_stay(chain: Chain, degree: int) -> bool:
    """Whether every moment up to the degree is a closed polynomial of that degree, each formed and looked at."""
    dim, state = chain.dims[1], _state(chain)
    after = [state_symbol(1, i) for i in range(dim)]
    indices = graded_indices(degree, dim)
    if len(indices) > MOMENTS:
        return False
    # The highest first: that is where a degree grows.
    for alpha in reversed(indices):
        moment = average(chain, sp.Mul(*(y**k for y, k in zip(after, alpha, strict=True))), MOMENT_OPERATIONS)
        if not (moment.closed and moment.expr.is_polynomial(*state)):
            return False
        if polynomial_in(moment.expr, state).total_degree() > degree:
            return False
    return True


def _state(chain: Chain) -> tuple[sp.Symbol, ...]:
    return tuple(state_symbol(0, i) for i in range(chain.dims[0]))
