"""Norms of products Q_n M_n Q_{n+1} M_{n+1} ... M_{m-1} Q_m, proved, in dimension one; MATH (27).

Let R_i = T T* for the product T that begins with layer i, V the degrees d+1..k-1 on its box and W those from k on. The
last R is that of a sharp enclosure. From a matrix X and a number w with R_{i+1} <= X on V plus w on W,

    R_i = Q_i M_i R_{i+1} M_i* Q_i <= Q_i (Y + w T) Q_i,   Y = M_i X M_i*,   T = M_i Pi_W M_i*.

Y has finite rank and derivatives that are known: ||Y_WW|| <= mu ||X||, Y_VW Y_WV <= G, and for every theta > 0

    Q_i Y Q_i <= (Y_VV + G/theta) on V plus (mu ||X|| + theta) on W.

T = M_i M_i* - M_i Pi_V M_i* is known on V, ||T_WW|| <= mu, and T <= 2 T_VV on V plus 2 mu on W because T >= 0. So a
bound goes back layer by layer, and what a finite number of functions leaves out enters times w, itself of order mu.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.balls import precision, to_arb, upper
from mzsym.balls.averages import AverageQuadrature, Density
from mzsym.balls.crossings import Quadrature
from mzsym.balls.curves import left_out, weighted_slope
from mzsym.balls.spectral import UNIT, frobenius, gamma, largest_eigenvalue, up
from mzsym.certify.sharp.averaged import Averaged, averaged
from mzsym.certify.sharp.proof import TOLERANCE, Problem, density_of, reason_against
from mzsym.certify.sharp.schur import bounds, coupled, plain, taken_out
from mzsym.certify.sharp.smoothed import smoothed
from mzsym.certify.sufficient.windows import Window, kept, times_up
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.projections.measures import BOX_MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mzsym.model import Network
    from mzsym.projections import TotalDegree

FUNCTIONS = 128
"""k."""

MORE = 24
"""How many more functions of the next layer the last factor takes where its noise is not uniform."""


@dataclass(frozen=True, eq=False)
class Majorant:
    """R <= X on the degrees d+1..k-1 plus w on those from k on."""

    X: Array
    w: float
    norm: float
    """Upper bound of ||R||."""


@dataclass(frozen=True, eq=False)
class Factor:
    """What products need of one layer, for M : L^2(dy) -> L^2(-1, 1).

    Attributes
    ----------
    averages : Averaged
        <p_i, M e_l> and int (1 - t^2) (M e_l)' (M e_n)' dt, i, l, n < k.
    mu : float
        Upper bound of the squared norm of M on the degrees from k on.
    whole : float
        Upper bound of ||Q M||^2.
    rest, lost_rest : array, float
        T is at most this on V, up to this number.
    last : Majorant
        Of Q M (I - P') M* Q.
    scale : arb
        Square of the factor to the norm in the projection's measure.
    moved : float
        Upper bound of what the straight replacement on gaps changes in the norm of M.
    """

    averages: Averaged
    mu: float
    whole: float
    rest: Array
    lost_rest: float
    last: Majorant
    scale: Any
    moved: float


def factor_of(problem: Problem, density: Density, k: int) -> Factor:
    """The matrices of one layer.

    Parameters
    ----------
    problem : Problem
    density : Density
        Of its noise, whatever the law.
    k : int
    """
    curve, d = problem.curve, problem.degree
    mu = upper(weighted_slope(curve) * density.variation**2 / (k * (k + 1)))
    found = _averages(problem, density, k, k)
    if problem.density is None:
        nodes = Quadrature(curve, problem.half_width, problem.following, k, TOLERANCE).run()
        exact = smoothed(nodes, k, d, float(problem.following.half))
        ratio, tail = float(1 / (4 * problem.half_width**2)), 0.0
        outer, inner = (_scaled(four, ratio) for four in (plain(exact), taken_out(exact)))
        kept_part = found.products[1:] @ found.products[1:].T
        rest = outer[0][d:, d:] - kept_part[d:, d:]
        size = frobenius(found.products)
        lost = outer[2] + 2.0 * size * found.lost_products + found.lost_products**2 + gamma(k + 8) * size**2
        lost += 4.0 * UNIT * frobenius(rest)
    else:
        more = _averages(problem, density, k, k + MORE)
        outer, inner, tail = more.matrices(0), more.matrices(d + 1), more.tail
        part = more.products[d + 1 :, k:]
        rest, size = part @ part.T, frobenius(part)
        lost = tail + 2.0 * size * more.lost_products + more.lost_products**2 + gamma(MORE + 8) * size**2
    return Factor(
        found,
        mu,
        up(bounds(*outer, d, mu)[1] + tail),
        0.5 * (rest + rest.T),
        up(lost + 2.0 * UNIT * frobenius(rest), 16),
        majorised(*inner, d, mu, tail, 1),
        problem.scale,
        upper(left_out(curve).sqrt() * density.variation),
    )


def _averages(problem: Problem, density: Density, k: int, count: int) -> Averaged:
    nodes = AverageQuadrature(problem.curve, density, problem.following, k, count, TOLERANCE).run()
    return averaged(nodes, k, count, float(problem.following.half), upper(density.square))


Four = tuple[Array, Array, float, float]
"""K, B and the bounds of their errors."""


def _scaled(four: Four, ratio: float) -> Four:
    """ratio K and ratio^2 B, for a ratio that was rounded twice."""
    K, B = ratio * four[0], ratio**2 * four[1]
    lost_K, lost_B = ratio * four[2] + 4.0 * UNIT * frobenius(K), ratio**2 * four[3] + 8.0 * UNIT * frobenius(B)
    return K, B, up(lost_K, 8), up(lost_B, 8)


def majorised(
    K: Array, B: Array, lost_K: float, lost_B: float, degree: int, mu: float, more: float, start: int = 0
) -> Majorant:
    """Of Q K Q + more, for a non-negative K with ||K_WW|| <= mu; arguments as in ``schur.bounds``."""
    norm = up(bounds(K, B, lost_K, lost_B, degree, mu, start)[1] + more)
    block, G, lost, lost_G = coupled(K, B, lost_K, lost_B, degree, start)
    theta = max(math.sqrt(up(largest_eigenvalue(G) + lost_G)), 0.02 * mu, 1e-30)
    added = lost + lost_G / theta + more + 8.0 * UNIT * (frobenius(block) + frobenius(G) / theta + more)
    X = block + G / theta
    X[np.diag_indices(len(X))] += up(added, 16)
    return Majorant(X, up(mu + theta + more, 8), norm)


def preceded(factor: Factor, later: Majorant, degree: int) -> Majorant:
    """The product with one more layer in front."""
    X, inner = later.X, degree + 1
    means = factor.averages
    O, D = means.products[:, inner:], means.slopes[inner:, inner:]  # noqa: E741
    o, x, d, lost = frobenius(O), frobenius(X), frobenius(D), means.lost_products
    Z = O @ X
    z, lost_Z = frobenius(Z), up(lost * x + gamma(len(X) + 4) * o * x, 8)
    rounding = gamma(2 * len(O) + 16)
    lost_Y = x * (2.0 * o * lost + lost**2) + rounding * o**2 * x
    lost_B = (z + lost_Z) ** 2 * means.lost_slopes + (2.0 * z * lost_Z + lost_Z**2) * d + rounding * z**2 * d
    top = up(largest_eigenvalue(0.5 * (X + X.T)) + 2.0 * UNIT * x)
    found = majorised(Z @ O.T, Z @ D @ Z.T, up(lost_Y, 16), up(lost_B, 16), degree, times_up(factor.mu, top), 0.0)
    return _with_rest(found, factor, 2.0 * later.w)


def _with_rest(found: Majorant, factor: Factor, twice: float) -> Majorant:
    """With w T added, ``twice`` being 2 w."""
    T = found.X + twice * factor.rest
    added = twice * factor.lost_rest + 4.0 * UNIT * (frobenius(found.X) + twice * frobenius(factor.rest))
    T[np.diag_indices(len(T))] += up(added, 8)
    most = min(0.5 * factor.whole, max(up(largest_eigenvalue(factor.rest) + factor.lost_rest), factor.mu))
    return Majorant(T, up(found.w + twice * factor.mu), up(found.norm + twice * most))


def product_windows(
    net: Network, projection: TotalDegree, ones: Sequence[float], longest: int, k: int = FUNCTIONS
) -> tuple[Window, ...]:
    """Windows of ||Q_n M_n ... M_{m-1} Q_m||, 1 <= n, that are better than what their parts say.

    Parameters
    ----------
    net : Network
    projection : TotalDegree
        In a measure on boxes.
    ones : sequence of float
        Bounds of ||Q_n M_n Q_{n+1}||, n = 0..L-1.
    longest : int
        Steps of the longest window that is bounded in one piece.
    k : int
        Legendre functions.

    Returns
    -------
    tuple of Window
        None in other measures and across layers that sharp enclosures do not take.
    """
    found: list[Window] = []
    if projection.measure not in BOX_MEASURES:
        return ()
    with precision(), blas_threads():
        factors = _factors(net, projection, k)
        for m in range(2, net.depth + 1):
            last = factors[m - 1]
            if last is None:
                continue
            bound, scale, chain = last.last, last.scale, [last]
            for n in range(m - 2, max(0, m - 1 - longest), -1):
                factor = factors[n]
                if factor is None:
                    break
                bound = preceded(factor, bound, projection.degree_of(projection.size(1) - 1, 1))
                scale, chain = scale * factor.scale, [factor, *chain]
                norm = upper((to_arb(bound.norm).sqrt() + _moved(chain)) * scale.sqrt())
                if math.isfinite(norm):
                    found.append(Window(n, m, norm, "product"))
    return kept(ones, found)


def _moved(chain: Sequence[Factor]) -> float:
    """What the straight replacements on gaps change in a product: one layer at a time, the others before or after."""
    total = 0.0
    for i, factor in enumerate(chain):
        share = factor.moved
        for other in (*chain[:i], *chain[i + 1 :]):
            share = times_up(share, up(math.sqrt(other.whole) + other.moved))
        total = up(total + share)
    return total


def _factors(net: Network, projection: TotalDegree, k: int) -> list[Factor | None]:
    """Of every layer but the first, which begins no memory; equal layers on equal boxes once."""
    seen: dict[tuple[str, ...], Factor | None] = {}
    found: list[Factor | None] = [None]
    for n in range(1, net.depth):
        key = (net.layers[n].key(), net.domains[n].key(), net.domains[n + 1].key())
        if key not in seen:
            seen[key] = _factor(net, projection, n, k)
        found.append(seen[key])
    return found


def _factor(net: Network, projection: TotalDegree, n: int, k: int) -> Factor | None:
    if reason_against(net, projection, n):
        return None
    try:
        problem = Problem.of(net, projection, n)
        if not problem.curve.branches or problem.degree + 8 > k:
            return None
        return factor_of(problem, density_of(net.layers[n].noise[0], net.shared), k)
    except MzError:
        return None
