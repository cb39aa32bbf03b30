"""Proved upper bounds of ||Q_n M_n|| and ||M_n|| by Hilbert-Schmidt norms, MATH (23).

With m_n the density of mu_n and additive noise,

    ||M_n||_HS^2 = int int p_n(y|x)^2 m_n(x) / m_{n+1}(y) dy dx = r_n ||rho_n||^2 vol(Omega_{n+1}),

r_n = mu_n(Omega_n)/mu_{n+1}(Omega_{n+1}) (1 in the uniform measures, vol(Omega_n)/vol(Omega_{n+1}) in Lebesgue's),
because rho_n(y - F_n(x)) lies in Omega_{n+1} for every x. If the constants lie in range P_n then
||P_n M_n||_HS >= ||P M_n||_HS for P the projection on constants, and ||P M_n||_HS^2 = ||M_n* 1||^2/||1||^2 >= r_n by
Cauchy-Schwarz, since the mean of M_n* 1 is <1, M_n 1> = mu_n(Omega_n). Hence

    ||Q_n M_n||_HS^2 = ||M_n||_HS^2 - ||P_n M_n||_HS^2 <= r_n (||rho_n||^2 vol(Omega_{n+1}) - 1).

M_n 1 = 1 gives in the same way ||M_n Q_{n+1}||_HS^2 <= the same number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.balls import Arb, density_norm_squared, enclose, lower, precision, to_arb, upper

if TYPE_CHECKING:
    from mzsym.model import Box, Network
    from mzsym.model.noise import AbstractNoise
    from mzsym.model.values import Number
    from mzsym.projections import FiniteRank


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
        Enclosure of ||rho_n||^2 in L^2.
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


def hilbert_schmidt(net: Network, projection: FiniteRank, n: int) -> HilbertSchmidt:
    """Bound layer n, with every rounding outward.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : FiniteRank
    n : int
        0 <= n < L.

    Returns
    -------
    HilbertSchmidt
    """
    layer, here, following = net.layers[n], net.domains[n], net.domains[n + 1]
    still = [i for i, noise in enumerate(layer.noise) if noise.scale is None]
    with precision():
        volume = _volume(following)
        ratio = _volume(here) / volume if projection.measure == "lebesgue" else to_arb(1)
        if still:
            infinite = (math.inf, math.inf)
            which = "no noise" if len(still) == layer.dim_out else f"no noise in component {still[0]}"
            reason = f"there is {which}, so M_n is not Hilbert-Schmidt"
            return HilbertSchmidt(math.inf, math.inf, infinite, _ends(volume), _ends(ratio), reason)
        density = to_arb(1)
        for noise in layer.noise:
            density = density * _density_norm_squared(noise, dict(net.shared))
        whole = density * volume
        resolved = whole - 1 if projection.keeps_constants else whole
        return HilbertSchmidt(
            _root_up(ratio * resolved), _root_up(ratio * whole), _ends(density), _ends(volume), _ends(ratio)
        )


def _density_norm_squared(noise: AbstractNoise, shared: dict[sp.Symbol, Number]) -> Arb:
    """A ball around the squared L^2 norm of the density of one component."""
    scale = noise.scale
    if isinstance(scale, sp.Expr):
        # A ball around the expression, not the float that the layer rounds it to: sqrt(2)/2 has no float.
        scale = enclose(scale, shared)
    return density_norm_squared(noise.name, scale, getattr(noise, "cutoff", None))


def _volume(box: Box) -> Arb:
    exact = Fraction(1)
    for lo, hi in box.intervals:
        exact *= Fraction(hi) - Fraction(lo)
    return to_arb(exact)


def _ends(ball: Arb) -> tuple[float, float]:
    return lower(ball), upper(ball)


def _root_up(square: Arb) -> float:
    """The square root of the upper end, rounded up; a square is never negative, whatever the ball's lower end."""
    end = square.upper()
    return upper(end.sqrt()) if end > 0 else 0.0
