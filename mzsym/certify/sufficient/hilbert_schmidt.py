"""Proved upper bounds of ||Q_n M_n|| and ||M_n|| by Hilbert-Schmidt norms, MATH (23).

With m_n the density of mu_n and additive noise,

    ||M_n||_HS^2 = int int p_n(y|x)^2 m_n(x) / m_{n+1}(y) dy dx = r_n ||rho_n||^2 vol(Omega_{n+1}),

r_n = mu_n(Omega_n)/mu_{n+1}(Omega_{n+1}) (1 in the uniform measures, vol(Omega_n)/vol(Omega_{n+1}) in Lebesgue's),
because rho_n(y - F_n(x)) lies in Omega_{n+1} for every x. If the constants lie in range P_n then
||P_n M_n||_HS >= ||P M_n||_HS for P the projection on constants, and ||P M_n||_HS^2 = ||M_n* 1||^2/||1||^2 >= r_n by
Cauchy-Schwarz, since the mean of M_n* 1 is <1, M_n 1> = mu_n(Omega_n). Hence

    ||Q_n M_n||_HS^2 = ||M_n||_HS^2 - ||P_n M_n||_HS^2 <= r_n (||rho_n||^2 vol(Omega_{n+1}) - 1).

M_n 1 = 1 gives in the same way ||M_n Q_{n+1}||_HS^2 <= the same number.

With a weight m_n on boxes ||M_n||_HS^2 <= mu_n(Omega_n) ||rho_n||^2 max 1/m_{n+1}, and by the same argument

    ||Q_n M_n||_HS^2 <= mu_n(Omega_n) (||rho_n||^2 max 1/m_{n+1} - 1/mu_{n+1}(Omega_{n+1})).

With a gain p_n(y|x) = rho_n(G(x)^{-1}(y - F(x)))/|det G(x)|, so the integral of p_n(y|x)^2 over y is
||rho_n||^2/|det G(x)|: everything above holds with ||rho_n||^2 replaced by its quotient by a proved lower bound of
|det G| on Omega_n. More noise columns than components: p_n is a mean, over the columns that a square part of G leaves
out, of densities of that form, and the norm is convex. Random weights: p_n is a mean over w of rho_n(y - F(x; w)), so
by convexity again int p_n(y|x)^2 dy <= ||rho_n||^2; the weights do not enter the bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.balls import (
    Arb,
    box_integral_enclosure,
    density_norm_squared,
    enclose,
    intervals_of,
    lower,
    precision,
    to_arb,
    upper,
)
from mzsym.core.names import state_symbol
from mzsym.model import Noise
from mzsym.model.values import exact_expr, state

if TYPE_CHECKING:
    from mzsym.model import AbstractLayer, Box, Network
    from mzsym.model.noise import AbstractNoise
    from mzsym.model.values import Number
    from mzsym.projections import AbstractProjection
    from mzsym.projections.measures import Measure


@dataclass(frozen=True)
class HilbertSchmidt:
    """What (23) proves about one layer.

    Attributes
    ----------
    resolved : float
        Upper bound of ||Q_n M_n||, and of ||M_n Q_{n+1}||; ``inf`` where M_n is not Hilbert-Schmidt.
    operator : float
        Upper bound of ||M_n||.
    density : tuple of float
        Enclosure of ||rho_n||^2 in L^2; with a gain, of its quotient by a proved lower bound of |det G_n|.
    volume : tuple of float
        Enclosure of vol(Omega_{n+1}).
    ratio : tuple of float
        Enclosure of r_n.
    reason : str
        Why the bounds are infinite; empty otherwise.
    """

    resolved: float
    operator: float
    density: tuple[float, float]
    volume: tuple[float, float]
    ratio: tuple[float, float]
    reason: str = ""


def hilbert_schmidt(net: Network, projection: AbstractProjection, n: int) -> HilbertSchmidt:
    """Bound layer n, with every rounding outward.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : AbstractProjection
        Orthogonal, in a measure on boxes.
    n : int
        0 <= n < L.

    Returns
    -------
    HilbertSchmidt
    """
    here = net.domains[n]
    with precision():
        volume, mass = _masses(projection.measure, net, n + 1)
        ratio = _masses(projection.measure, net, n)[1] / mass if projection.measure != "uniform" else to_arb(1)
        density, reason = _transition_norm(net, n, here)
        if reason:
            infinite = (math.inf, math.inf)
            return HilbertSchmidt(math.inf, math.inf, infinite, _ends(volume), _ends(ratio), reason)
        whole = density * volume
        resolved = whole - 1 if projection.keeps_constants else whole
        return HilbertSchmidt(
            square_root_up(ratio * resolved), square_root_up(ratio * whole), _ends(density), _ends(volume), _ends(ratio)
        )


MAX_PARTS = 64
"""Square parts of a gain with more columns than rows that are tried."""

_UNDECIDED = "no bound: the noise density is not proved to be square integrable"

MAX_INTEGRAL = 3
"""Most variables in which the mass of a weight is integrated, and not only bounded."""

MAX_DETERMINANT = 6
"""Largest gain matrix whose determinant is written out."""


def _transition_norm(net: Network, n: int, here: Box) -> tuple[Arb, str]:
    """A ball whose upper end bounds the integral of p_n(y|x)^2 dy for all x, or why there is none."""
    layer, shared = net.layers[n], dict(net.shared)
    gain = layer.gain_exprs(n)
    if isinstance(gain, sp.ImmutableMatrix):
        return _matrix_norm(net, n, here, gain)
    still = [i for i, noise in enumerate(layer.noise) if noise.deterministic]
    if still:
        return to_arb(0), _no_noise(layer, still)
    density = to_arb(1)
    for noise in layer.noise:
        density = density * _density_norm_squared(noise, shared)
    if not density.is_finite():
        return to_arb(0), _UNDECIDED
    if gain is None:
        return density, ""
    least = _least(net, n, here, sp.Mul(*gain))
    if least is None:
        return to_arb(0), "the gain is not proved to keep away from 0, so the density may be unbounded: no bound"
    return density / least, ""


def _matrix_norm(net: Network, n: int, here: Box, gain: sp.ImmutableMatrix) -> tuple[Arb, str]:
    """The same for a matrix of gains, from its best square part."""
    layer, shared = net.layers[n], dict(net.shared)
    live = [j for j, noise in enumerate(layer.noise) if not noise.deterministic]
    if len(live) < gain.rows:
        count = f"{len(live)} noise columns for {gain.rows} components"
        return to_arb(0), _no_noise(layer, [], f"there are {count}")
    if gain.rows > MAX_DETERMINANT:
        return to_arb(0), f"no bound: the determinant of a gain with {gain.rows} rows is not written out"
    best: Arb | None = None
    for columns in islice(combinations(live, gain.rows), MAX_PARTS):
        least = _least(net, n, here, gain[:, list(columns)].det(method="berkowitz"))
        if least is None:
            continue
        density = 1 / least
        for j in columns:
            density = density * _density_norm_squared(layer.noise[j], shared)
        if not density.is_finite():
            return to_arb(0), _UNDECIDED
        if best is None or upper(density) < upper(best):
            best = density
    if best is None:
        return to_arb(0), "the gain is not proved to stay invertible, so the density may be unbounded: no bound"
    return best, ""


def _no_noise(layer: AbstractLayer, still: list[int], what: str = "") -> str:
    """Why a layer without noise in some component has no bound."""
    if not what:
        which = "no noise" if len(still) == layer.dim_out else f"no noise in component {still[0]}"
        what = f"there is {which}"
    if layer.random_weights(0):
        return f"{what} besides the random weights, and the density that they alone give is not bounded here"
    return f"{what}, so M_n is not Hilbert-Schmidt"


def _least(net: Network, n: int, here: Box, expr: sp.Expr) -> Arb | None:
    """A proved positive lower bound of |expr| on the domain of X_n; None where there is none."""
    layer = net.layers[n]
    symbols = [state_symbol(n, i) for i in range(layer.dim_in)]
    (found,) = intervals_of([expr], here.intervals, symbols, {**net.shared, **layer.map_bindings(n)})
    if not found.finite:
        return None
    if found.lo > 0:
        return found.lo
    return -found.hi if found.hi < 0 else None


def _density_norm_squared(noise: AbstractNoise, shared: dict[sp.Symbol, Number]) -> Arb:
    """A ball around the squared L^2 norm of the density of one component, not finite where nothing is proved."""
    if isinstance(noise, Noise):
        return noise.norm_squared()
    scale = noise.scale
    if isinstance(scale, sp.Expr):
        # A ball around the expression, not the float that the layer rounds it to: sqrt(2)/2 has no float.
        scale = enclose(scale, shared)
    return density_norm_squared(noise.name, scale, getattr(noise, "cutoff", None))


def _masses(measure: Measure, net: Network, n: int) -> tuple[Arb, Arb]:
    """mu_n(Omega_n) times the largest 1/m_n, which is the volume where m_n is constant; and mu_n(Omega_n)."""
    box = net.domains[n]
    volume = _volume(box)
    if isinstance(measure, str):
        return volume, volume
    weight = measure.xreplace({s: exact_expr(v) for s, v in net.shared.items()})
    symbols = state(len(box.intervals))
    (values,) = intervals_of([weight], box.intervals, symbols)
    if not values.finite or not values.lo > 0:
        return to_arb(math.inf), volume
    mass = values.lo.union(values.hi) * volume
    if len(symbols) <= MAX_INTEGRAL:
        sides = [(sp.Rational(Fraction(lo)), sp.Rational(Fraction(hi))) for lo, hi in box.intervals]
        found = box_integral_enclosure(weight, symbols, sides)
        mass = found if found.is_finite() and found.rad() < mass.rad() else mass
    return mass / values.lo, mass


def _volume(box: Box) -> Arb:
    exact = Fraction(1)
    for lo, hi in box.intervals:
        exact *= Fraction(hi) - Fraction(lo)
    return to_arb(exact)


def _ends(ball: Arb) -> tuple[float, float]:
    return lower(ball), upper(ball)


def square_root_up(square: Arb) -> float:
    """The square root of the upper end, rounded up; a square is never negative, whatever the ball's lower end."""
    end = square.upper()
    return upper(end.sqrt()) if end > 0 else 0.0
