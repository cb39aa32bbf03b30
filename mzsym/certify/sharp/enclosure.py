"""A pair of proved bounds of both norms of a layer, as the sharp methods return it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mzsym.certify.sharp.ends import UNKNOWN, Ends


@dataclass(frozen=True)
class Enclosure:
    """Proved bounds of a norm from both sides.

    Attributes
    ----------
    lower, upper : float
        Of ||Q_n M_n||.
    interior_lower, interior_upper : float
        Of ||Q_n M_n Q_{n+1}||.
    functions : int
        Legendre functions of the finest level.
    reason : str
        Why it is wider than asked for, or there is none.
    ends : Ends
        Upper bounds of the other norms in (22).
    """

    lower: float
    upper: float
    interior_lower: float
    interior_upper: float
    functions: int
    reason: str = ""
    ends: Ends = UNKNOWN

    @property
    def width(self) -> float:
        """Relative width of the enclosure of ||Q_n M_n||."""
        return 0.0 if self.upper == 0.0 else (self.upper - self.lower) / self.upper


NOTHING = Enclosure(0.0, math.inf, 0.0, math.inf, 0)


def without(reason: str) -> Enclosure:
    """Nothing is proved, and why."""
    return Enclosure(0.0, math.inf, 0.0, math.inf, 0, reason)


def better(a: Enclosure, b: Enclosure) -> Enclosure:
    """Both are true."""
    return Enclosure(
        max(a.lower, b.lower),
        min(a.upper, b.upper),
        max(a.interior_lower, b.interior_lower),
        min(a.interior_upper, b.interior_upper),
        b.functions,
    )


def inner_width(found: Enclosure) -> float:
    """Of the interior norm, relative to the whole one: the interior one may be 0."""
    return 0.0 if found.upper == 0.0 else (found.interior_upper - found.interior_lower) / found.upper
