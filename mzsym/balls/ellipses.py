"""Gauss's rule in balls, and how large Legendre polynomials are on ellipses around a panel. MATH (24)"""

from __future__ import annotations

from functools import lru_cache

import flint

from mzsym.balls.numbers import Arb

NODES = (8, 12, 16, 24, 32)
"""Of Gauss's rule on a panel: the first number that is enough."""

RHO = 3
"""Sum of the half-axes of the ellipse around a panel, in half-lengths of the panel."""

CLOSE = 2
"""The same where the larger ellipse fails, close to a singularity of an inverse."""


@lru_cache(maxsize=16)
def gauss_balls(count: int, bits: int) -> tuple[tuple[Arb, Arb], ...]:
    """Gauss-Legendre nodes and weights on [-1, 1] as balls."""
    return tuple(flint.arb.legendre_p_root(count, k, weight=True) for k in range(count))


@lru_cache(maxsize=16)
def _polygon(bits: int, corners: int = 16) -> tuple[tuple[Arb, Arb], ...]:
    """Upper half of a polygon around the unit circle; convex functions even in y are largest at a corner."""
    reach = 1 / (flint.arb.pi() / corners).cos()
    angles = [2 * flint.arb.pi() * k / corners for k in range(corners // 2 + 1)]
    return tuple((reach * angle.cos(), reach * angle.sin()) for angle in angles)


def sum_of_distances(centre: Arb, a: Arb, b: Arb) -> Arb:
    """Upper bound of (|u - 1| + |u + 1|)/2 on an ellipse around a real centre with half-axes a, b."""
    best = flint.arb(1)
    for x, y in _polygon(flint.ctx.prec):
        u, v = centre + a * x, b * y
        # Products, since python-flint has no powers of balls around 0; sums of squares are not negative.
        squares = (u - 1) * (u - 1) + v * v, (u + 1) * (u + 1) + v * v
        best = best.max((squares[0].upper().sqrt() + squares[1].upper().sqrt()) / 2)
    return best.upper()


def growth(distances: Arb, top: int) -> Arb:
    """Upper bound of the norm of (Phi_1, ..., Phi_{top-1}) where |u - 1| + |u + 1| <= 2 distances.

    With beta = distances + sqrt(distances^2 - 1), |Phi_i| <= sqrt(2/(2i+1)) beta^{i+1}, and the sum of 2/(2i+1) for
    i = 1..top-1 is at most log(top).
    """
    beta = distances + (distances * distances - 1).max(flint.arb(0)).sqrt()
    return beta.upper() ** top * flint.arb(top).log().sqrt()


def ellipse(rho: int) -> tuple[tuple[Arb, Arb], list[tuple[int, Arb]]]:
    """Half-axes for half-length 1, and by the number of nodes 8 rho^(-2n)/(1 - 1/rho), MATH (24)."""
    ratio = flint.arb(rho)
    factors = [(n, 8 / (ratio ** (2 * n) * (1 - 1 / ratio))) for n in NODES]
    return ((ratio + 1 / ratio) / 2, (ratio - 1 / ratio) / 2), factors
