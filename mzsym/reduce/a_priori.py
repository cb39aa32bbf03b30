"""Bounds of what a shallow network leaves out, from a certificate, before any table is computed: MATH (29)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mzsym.balls import range_of
from mzsym.certify.sufficient.windows import times_up
from mzsym.projections import FiniteRank

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


def proved_bounds(
    net: Network, projection: AbstractProjection, certificate: Certificate, tails: Mapping[int, float] | None = None
) -> tuple[float, ...]:
    """Proved bounds of ||M_0 Phi(1, H) Q_H q_H||, H = 1..L, in L^2(mu_0), rounded up; ``inf`` where there is none.

    Every factor is proved: ||M_0 Q_1|| and the ||Q_i M_i Q_(i+1)|| by the certificate, ||Q_H q_H|| by ``tails``, bounds
    of it by H where there are any, and by an enclosure of the observable's range and what Dobrushin's coefficients
    leave of it.
    """
    known = tails or {}
    found = []
    for depth in range(1, net.depth + 1):
        tail = min(tail_bound(net, projection, certificate, depth), known.get(depth, math.inf))
        inner = certificate.product_window(1, depth) if depth > 1 else 1.0
        found.append(times_up(times_up(certificate.layers[0].entrance, inner), tail))
    return tuple(found)


def tail_bound(net: Network, projection: AbstractProjection, certificate: Certificate, n: int) -> float:
    """A proved bound of ||Q_n q_n|| in L^2(mu_n), the worst over the observables.

    An orthogonal Q_n that removes the constants leaves at most the distance of q_n to the middle of its range, half its
    oscillation; and because M_n 1 = 1, Q_n q_n = Q_n M_n (q_{n+1} - c) as well.
    """
    return tail_from(net, projection, certificate, n, lambda m: half_oscillation(net, certificate, m))


def tail_from(
    net: Network, projection: AbstractProjection, certificate: Certificate, n: int, half: Callable[[int], float]
) -> float:
    """The same from any bounds of the distances of the q_m to the middles of their ranges."""
    if not (isinstance(projection, FiniteRank) and projection.orthogonal):
        return math.inf
    dim = net.dims[-1]
    if n == net.depth and all(projection.resolves(expr, dim) for expr in net.observable):
        return 0.0
    if not projection.keeps_constants:
        return times_up(largest_value(net), root_of_mass(net, projection, n))
    bound = times_up(half(n), root_of_mass(net, projection, n))
    if n < net.depth:
        later = times_up(half(n + 1), root_of_mass(net, projection, n + 1))
        bound = min(bound, times_up(certificate.layers[n].upper, later))
    return bound


def half_range(net: Network) -> float:
    """A proved bound of the distance of u to the middle of its range, the worst over the observables."""
    return max((0.5 * _up(hi - lo) for lo, hi in observable_ranges(net)), default=math.inf)


def half_oscillation(net: Network, certificate: Certificate, n: int) -> float:
    """A proved bound of the distance of q_n to the middle of its range, the worst over the observables, MATH (25)."""
    half = half_range(net)
    if n == net.depth or any(layer.dobrushin is None for layer in certificate.layers):
        return half
    return times_up(certificate.dobrushin_window(n, net.depth), half)


def largest_value(net: Network) -> float:
    """A proved bound of |q_n|, whatever n: that of |u|."""
    return max(max(abs(lo), abs(hi)) for lo, hi in observable_ranges(net))


def observable_ranges(net: Network) -> list[tuple[float, float]]:
    """Proved ranges of the observables on the domain of X_L; infinite where there is no domain."""
    if not net.has_domains:
        return [(-math.inf, math.inf)] * len(net.observable)
    return range_of(net.observable_exprs, net.domains[-1].intervals, net.state(net.depth), net.shared)


def root_of_mass(net: Network, projection: AbstractProjection, n: int) -> float:
    """sqrt(mu_n(Omega_n)), rounded up; ``inf`` for a weight, whose mass nothing encloses here."""
    if projection.measure in ("uniform", "law", "gaussian"):
        return 1.0
    if projection.measure != "lebesgue":
        return math.inf
    volume, box = 1.0, net.domains[n]
    for lo, hi in zip(box.lower.tolist(), box.upper.tolist(), strict=True):
        volume = times_up(volume, _up(hi - lo))
    return _up(math.sqrt(volume))


def _up(value: float) -> float:
    # One rounding was made: the next number is not below what was meant.
    return math.nextafter(value, math.inf)
