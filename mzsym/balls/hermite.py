"""Hermite polynomials in balls: values, averages over noise, and how large they are off the line. MATH (23g)

he_k = He_k/sqrt(k!) are orthonormal in N(0, 1). With z = x + iy, Mehler's formula for sum_k t^k |he_k(z)|^2 gives

    |he_k(z)|^2 <= t^-k (1 - t^2)^(-1/2) exp(x^2 t/(1 + t) + y^2 t/(1 - t)),        0 < t < 1,

E he_k(z + s Z) = (1 - s^2)^(k/2) he_k(z (1 - s^2)^(-1/2)) for a standard normal Z, and

    he_k(z + u) = sum_i sqrt(C(k, i)/i!) u^i he_{k-i}(z),

so that averages over noise need its moments alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flint

from mzsym.balls.numbers import Arb

RATIOS = 16
"""Values of t in [1/2, 1) that are tried."""


def hermite_table(points: Sequence[Arb], size: int, factor: Arb | int = 1) -> list[list[Arb]]:
    """he_0..he_{size-1} at real points, one row for each; with ``factor`` before the last term of the recurrence."""
    roots = [flint.arb(k).sqrt() for k in range(size + 1)]
    lower = [factor * root for root in roots]
    table = []
    for x in points:
        row = [flint.arb(1), x][:size]
        for k in range(1, size - 1):
            row.append((x * row[k] - lower[k] * row[k - 1]) / roots[k + 1])
        table.append(row)
    return table


def averaging(moments: Sequence[Arb]) -> Any:
    """The triangular matrix T with E he_j(f + xi) = sum_i he_i(f) T_ij, for as many functions as there are moments."""
    size = len(moments)
    T = flint.arb_mat(size, size)
    for j in range(size):
        for k in range(j + 1):
            if moments[k] != 0:
                T[j - k, j] = (flint.arb(math.comb(j, k)) / math.factorial(k)).sqrt() * moments[k]
    return T


def largest(size: int, x: Arb, y: Arb, q: Arb | None = None) -> Arb:
    """Upper bound of (sum_k q^k |he_k(z)|^2)^(1/2), k < size, for all z with |Re z| <= x and |Im z| <= y.

    Parameters
    ----------
    size : int
    x, y : arb
    q : arb, optional
        Positive; 1 by default.
    """
    q, best = flint.arb(1) if q is None else q, flint.arb.pos_inf()
    for t in _ratios(size, q):
        # The sum of (q/t)^k.
        share = 1 / (1 - q / t) if t > q else flint.arb.pos_inf()
        share = share.min(size * (q / t).max(flint.arb(1)) ** (size - 1))
        value = (share / (1 - t * t).sqrt() * (x * x * t / (1 + t) + y * y * t / (1 - t)).exp()).upper()
        if value.is_finite() and value < best:
            best = value
    return best.sqrt().upper()


def _ratios(size: int, q: Arb) -> list[Arb]:
    """Values of t to try: up to where t^-size is of order one, and a little above a small q."""
    near_one = [1 - flint.arb(2) ** (-1 - (flint.arb(i) / RATIOS * math.log2(2 * size)).mid()) for i in range(RATIOS)]
    near_q = [q.upper() * flint.arb(2) ** k for k in range(1, 8)]
    return near_one + [t for t in near_q if t < flint.arb(1) / 2]
