"""What is known of one layer: proved bounds, and an estimate beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from mzsym.certify.steps import Estimate
from mzsym.core import Standing


@dataclass(frozen=True)
class Interior:
    """What is known of kappa'_n = ||Q_n M_n Q_{n+1}|| <= ||Q_n M_n||.

    Attributes
    ----------
    upper : float
        Proved.
    estimate : Estimate or None
        Not proved.
    lower : float
        Proved.
    """

    upper: float
    estimate: Estimate | None = None
    lower: float = 0.0


@dataclass(frozen=True)
class LayerBound:
    """What is known of ||Q_n M_n|| in the projection's measure.

    ``upper`` and ``lower`` are theorems whatever the method; ``estimate`` never is.

    Attributes
    ----------
    n : int
    upper : float
        Proved upper bound, rounded up; ``inf`` where there is none.
    lower : float
        Proved lower bound, rounded down; 0 where no method gives one.
    method : {"hilbert_schmidt", "dobrushin", "sharp", "none"}
        Where ``upper`` comes from; "none" where no method that was asked for bounds it.
    standing : Standing
        PROVED for ``upper``; ESTIMATED where only sharp norms were asked for and this one is not proved.
    operator : float
        Proved upper bound of ||M_n||.
    entrance : float
        Proved upper bound of ||M_n Q_{n+1}||, the first factor of MATH (22). Its own field, because a sharper bound of
        ||Q_n M_n|| says nothing about it.
    interior : Interior
        kappa'_n.
    estimate : Estimate or None
        The sharp norm, estimated with an observed error, where it is not enclosed.
    reason : str
        Why there is no finite bound, or no estimate.
    noise : str
        The noise laws of the layer.
    density, volume, ratio : tuple of float
        Enclosures that the Hilbert-Schmidt bound rests on: ||rho_n||^2 (with a gain, divided by a lower bound of
        |det G_n|), vol(Omega_{n+1}) and mu_n(Omega_n)/mu_{n+1}(Omega_{n+1}).
    plain_noise : bool
        Whether the layer has neither gain nor random weights.
    dobrushin : float or None
        Proved upper bound of alpha_n, MATH (25), which contracts oscillations and total variation; at most 1. None
        where it was not asked for. Another norm than ||Q_n M_n||: only in the law of the state does it bound that one.
    lipschitz : float or None
        Proved upper bound of the Lipschitz constant of F_n, MATH (26); ``inf`` where there is none.
    dobrushin_reason, lipschitz_reason : str
        Why they say nothing, where they do.
    functions : int
        Legendre functions of a sharp enclosure; 0 where there is none.
    resolved_entrance, exit : float
        Proved upper bounds of ||P_n M_n Q_{n+1}|| and ||Q_n M_n P_{n+1}||, the finite-rank ends of MATH (22); ``inf``
        where they were not bounded by themselves. Certificate files do not hold them.
    """

    n: int
    upper: float
    lower: float
    method: str
    standing: Standing
    operator: float
    entrance: float
    interior: Interior
    estimate: Estimate | None
    reason: str
    noise: str
    density: tuple[float, float]
    volume: tuple[float, float]
    ratio: tuple[float, float]
    plain_noise: bool = True
    dobrushin: float | None = None
    lipschitz: float | None = None
    dobrushin_reason: str = ""
    lipschitz_reason: str = ""
    functions: int = 0
    resolved_entrance: float = field(default=math.inf, compare=False)
    exit: float = field(default=math.inf, compare=False)

    @property
    def first_factor(self) -> float:
        """Proved upper bound of ||P_n M_n Q_{n+1}||."""
        return min(self.entrance, self.resolved_entrance)

    @property
    def last_factor(self) -> float:
        """Proved upper bound of ||Q_n M_n P_{n+1}||."""
        return min(self.upper, self.exit)


def decimal_up(value: float, digits: int = 6) -> str:
    """A finite number to this many significant digits, never below it: what is printed stays a bound."""
    return str(Context(prec=digits, rounding=ROUND_CEILING).plus(Decimal(value))).lower()


def in_digits(bound: float) -> str:
    """As ``decimal_up``, or the words for an infinite bound."""
    return "no bound" if math.isinf(bound) else decimal_up(bound)


def decimal_down(value: float, digits: int = 6) -> str:
    """A finite number to this many significant digits, never above it."""
    return str(Context(prec=digits, rounding=ROUND_FLOOR).plus(Decimal(value))).lower()


def digits_apart(low: float, high: float) -> int:
    """Significant digits that show the width of an enclosure, between 6 and 12."""
    if not 0.0 < low < high < math.inf:
        return 6
    return min(12, max(6, 2 - math.floor(math.log10((high - low) / high))))


def between(low: float, high: float) -> str:
    """[low, high] rounded outward, to digits that show its width."""
    if math.isinf(high):
        return "no bound"
    digits = digits_apart(low, high)
    return f"[{decimal_down(low, digits)}, {decimal_up(high, digits)}]"
