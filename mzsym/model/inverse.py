"""Draws from any density in one dimension by inversion of its distribution function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array

ORDER = 16
"""Legendre coefficients of the density on a panel."""

RESOLVED = 1e-13
"""Size of the last coefficients, relative to the largest, at which a panel is fine enough."""

NEGLIGIBLE = 1e-17
"""Mass below which a panel is not divided, and a tail not followed."""

UNSEEN = 1e-16
"""Mass that the last coefficients of a panel may carry."""

DEEPEST = 200
LARGEST_EXPONENT = 1000
FEW_ULPS = 16 * float(np.finfo(np.float64).eps)
UNIT_ERROR = 1e-7
"""Deviation of the total mass from 1 up to which it is divided out: more means that the panels missed something."""

SETTLED = 2e-15
"""Move of a Newton step, in units of half a panel, after which a quantile stands."""

_STEPS = 60
_BLOCK = 1 << 14

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
_VALUES = np.polynomial.legendre.legvander(_NODES, ORDER - 1)
_ANALYSIS = (_WEIGHTS[:, None] * _VALUES) * (np.arange(ORDER) + 0.5)
"""Values at the nodes -> Legendre coefficients."""
_SLOPES = np.stack([np.pad(np.polynomial.legendre.legder(row), (0, ORDER))[:ORDER] for row in np.eye(ORDER + 1)])
"""Coefficients of a series -> those of its derivative."""


@dataclass(frozen=True, eq=False)
class InverseTable:
    """The distribution function as a Legendre series on each of many panels.

    Attributes
    ----------
    left, right : arrays of shape (panels,)
        Ends of the panels, ascending; between them, where there is a gap, is no mass.
    below : array of shape (panels + 1,)
        Distribution function at the left ends, and the total.
    series : array of shape (panels, ORDER + 1)
        What the distribution function gains across a panel, from 0 at its left end.
    """

    left: Array
    right: Array
    below: Array
    series: Array

    def quantile(self, u: Array) -> Array:
        """The x with P(xi <= x) = u, for u in [0, 1]."""
        flat = np.asarray(u, dtype=np.float64).ravel() * self.below[-1]
        out = np.empty_like(flat)
        for start in range(0, flat.size, _BLOCK):
            out[start : start + _BLOCK] = self._invert(flat[start : start + _BLOCK])
        return np.asarray(out.reshape(np.shape(u)))

    def distribution(self, x: Array) -> Array:
        """P(xi <= x)."""
        points = np.clip(np.asarray(x, dtype=np.float64), self.left[0], self.right[-1])
        panel = np.clip(np.searchsorted(self.left, points, side="right") - 1, 0, len(self.series) - 1)
        lo, hi = self.left[panel], self.right[panel]
        t = np.clip(((points - lo) - (hi - points)) / (hi - lo), -1.0, 1.0)
        return np.asarray((self.below[panel] + self._gain(panel, t)) / self.below[-1])

    def _gain(self, panel: AnyArray, t: Array) -> Array:
        return np.asarray((self.series[panel] * np.polynomial.legendre.legvander(t, ORDER)).sum(axis=-1))

    def _invert(self, mass: Array) -> Array:
        panel = np.clip(np.searchsorted(self.below, mass, side="right") - 1, 0, len(self.series) - 1)
        t = np.zeros(mass.shape)
        lo, hi = np.full(mass.shape, -1.0), np.ones(mass.shape)
        total, active = np.diff(self.below)[panel], np.arange(mass.size)
        for _ in range(_STEPS):
            rows = self.series[panel[active]]
            powers = np.polynomial.legendre.legvander(t[active], ORDER)
            excess = (rows * powers).sum(axis=1) - (mass - self.below[panel])[active]
            hi[active] = np.where(excess > 0, t[active], hi[active])
            lo[active] = np.where(excess <= 0, t[active], lo[active])
            slope = (rows @ _SLOPES * powers[:, :-1]).sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                newton = t[active] - excess / slope
            # Newton inside the bracket, else its middle: the bracket shrinks whatever the density does.
            inside = (newton > lo[active]) & (newton < hi[active])
            after = np.where(inside, newton, 0.5 * (lo + hi)[active])
            # Where the density is small, the rounding of the mass moves t more than that: the mass then decides.
            after = np.where(np.abs(excess) <= SETTLED / 4 * total[active], t[active], after)
            moved = np.abs(after - t[active]) > SETTLED
            t[active] = after
            active = active[moved]
            if not active.size:
                break
        left, right = self.left[panel], self.right[panel]
        return np.asarray(np.clip(0.5 * (left + right) + 0.5 * (right - left) * t, left, right))


def inverse_table(
    density: Callable[[Array], Array],
    lower: float,
    upper: float,
    breaks: Sequence[float],
    where: str,
    *,
    normalise: bool = False,
) -> InverseTable:
    """The table of a density: panels halved until the series resolves it, tails followed until nothing is left.

    Parameters
    ----------
    density : callable
        Points -> values, vectorised.
    lower, upper : float
        Ends of the support, perhaps infinite.
    breaks : sequence of float
        Points inside at which the density is not smooth.
    where : str
        For the error message.
    normalise : bool
        Whether the density is known up to a factor only.

    Returns
    -------
    InverseTable
        Correct to about 1e-12, near a singularity away from 0 to the mass between neighbouring doubles; checked by
        the total mass, which must come out as 1.

    Raises
    ------
    MzError
        For a density that is not finite inside its support, or whose mass is not found.
    """
    done: list[tuple[float, float, Array, float]] = []
    finite = [point for point in (lower, *breaks, upper) if math.isfinite(point)] or [0.0]
    for lo, hi in pairwise(_first_ends(lower, upper, finite)):
        # In an infinite tail, beyond every finite point.
        outside = hi <= min(finite) or lo >= max(finite)
        todo = [(lo, hi, 0)]
        while todo:
            a, b, level = todo.pop()
            middle = 0.5 * (a + b)
            if b - a <= FEW_ULPS * max(abs(a), abs(b)):
                # Neighbouring doubles: a singularity has what mass there is.
                continue
            with np.errstate(all="ignore"):
                values = density(0.5 * (a + b) + 0.5 * (b - a) * _NODES)
                coefs = values @ _ANALYSIS
            if not np.isfinite(coefs).all():
                if outside and not np.isfinite(values).any():
                    # An overflow on the way to 0; the total mass tells if it was more.
                    continue
                if outside and level < DEEPEST:
                    todo += [(a, middle, level + 1), (middle, b, level + 1)]
                    continue
                raise MzError(
                    f"The density is not finite between {a:.6g} and {b:.6g}", where, "Give a density that is finite"
                )
            size, mass = float(np.abs(coefs).max()), float(coefs[0]) * (b - a)
            small = float(np.abs(coefs).sum()) * (b - a) <= NEGLIGIBLE
            tail = float(np.abs(coefs[-3:]).max())
            # What is left out of the series, as a mass: rounding of the density near its zeros ends here too.
            resolved = tail <= RESOLVED * size or tail * (b - a) <= UNSEEN
            if small or resolved or level >= DEEPEST:
                done.append((a, b, coefs, mass))
            else:
                todo += [(a, middle, level + 1), (middle, b, level + 1)]
    done = [panel for panel in sorted(done, key=lambda panel: panel[0]) if panel[3] > 0]
    total = math.fsum(panel[3] for panel in done)
    if not total > 0 or not (normalise or abs(total - 1) <= UNIT_ERROR):
        raise MzError(
            f"Numerically the density integrates to {total:.12g}",
            where,
            "Normalise it; if it is, its mass lies in peaks or tails that double precision does not see",
        )
    series = [np.polynomial.legendre.legint(coefs, lbnd=-1) * (0.5 * (b - a)) for a, b, coefs, _ in done]
    left, right = (np.array([panel[k] for panel in done]) for k in (0, 1))
    below = np.concatenate([[0.0], np.cumsum([panel[3] for panel in done])])
    return InverseTable(left, right, below, np.stack(series))


def _first_ends(lower: float, upper: float, inner: Sequence[float]) -> list[float]:
    """Ends of the first panels: the finite points, and powers of 2 away from the outermost along an infinite tail."""
    distances = [2.0**k for k in range(-30, LARGEST_EXPONENT, 1)]
    left = [] if math.isfinite(lower) else [min(inner) - d for d in distances]
    right = [] if math.isfinite(upper) else [max(inner) + d for d in distances]
    return sorted({*inner, *left, *right})
