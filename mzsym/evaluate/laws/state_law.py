"""The law of a state or of an observable, as a user asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.distributions import Distribution

_HALVINGS = 80


@final
@dataclass(frozen=True, eq=False)
class StateLaw:
    """The law of a real random number: a component of a state, or an observable of the output.

    Made by ``ev.law`` and ``ev.output_law``. Computed in floating point by two passes of different fineness; what they
    differ by is ``tolerance_reached``, an observation and no proof.

    Attributes
    ----------
    name : str
        What it is the law of.
    inner : Distribution
    tolerance_reached : mapping
        Observed absolute errors: "distribution", "density" (where there is one), "mean".
    limits : tuple of str
        What limits the accuracy, where something does.
    """

    name: str
    inner: Distribution = field(repr=False)
    tolerance_reached: Mapping[str, float]
    limits: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Estimated: the error was observed, not proved."""
        return Standing.ESTIMATED

    @property
    def support(self) -> tuple[float, float]:
        """The ends, beyond which the probability is zero or negligible."""
        return self.inner.support

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Point masses, (value, probability)."""
        return self.inner.atoms

    @property
    def has_density(self) -> bool:
        """Whether ``density`` answers."""
        return "density" in self.tolerance_reached

    def density(self, y: Any) -> Any:
        """Density at y.

        Parameters
        ----------
        y : number or array

        Raises
        ------
        MzError
            Where the law has point masses, so that there is no density.
        """
        return _at(self.inner.density, y)

    def distribution(self, y: Any) -> Any:
        """Probability of a value at most y.

        Parameters
        ----------
        y : number or array
        """
        return _at(self.inner.distribution, y)

    def expectation(self, f: Callable[[Array], Array]) -> float:
        """E f, for a vectorised function that is smooth."""
        return self.inner.expect(f)

    @cached_property
    def mean(self) -> float:
        """The mean."""
        return self.inner.expect(lambda y: y)

    @cached_property
    def variance(self) -> float:
        """The variance."""
        mean = self.mean
        return max(0.0, self.inner.expect(lambda y: (y - mean) ** 2))

    @property
    def standard_deviation(self) -> float:
        """Root of the variance."""
        return float(np.sqrt(self.variance))

    def moment(self, k: int) -> float:
        """The k-th moment, not centred."""
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 0 <= k <= 64:
            raise MzError(f"The order is {k!r}", "moment(k)", "Use 0 <= k <= 64")
        return self.inner.expect(lambda y: y ** int(k))

    def quantile(self, q: Any) -> Any:
        """The smallest y with distribution(y) >= q.

        Parameters
        ----------
        q : number or array, between 0 and 1
        """
        levels = np.asarray(q, dtype=np.float64)
        if not ((levels >= 0.0) & (levels <= 1.0)).all():
            raise MzError(f"The level is {q!r}", "quantile(q)", "Use 0 <= q <= 1")
        return _at(self._quantiles, levels)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The equal-tailed interval that holds this probability: a credible interval of the output.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        if isinstance(level, bool) or not 0.0 < level < 1.0:
            raise MzError(f"The level is {level!r}", "interval(level)", "Use a number between 0 and 1")
        lo, hi = self.quantile([0.5 - 0.5 * level, 0.5 + 0.5 * level])
        return float(lo), float(hi)

    def _quantiles(self, levels: Array) -> Array:
        lo, hi = self.support
        a, b = np.full(len(levels), lo), np.full(len(levels), hi)
        for _ in range(_HALVINGS):
            middle = 0.5 * (a + b)
            enough = self.inner.distribution(middle) >= levels
            a, b = np.where(enough, a, middle), np.where(enough, middle, b)
            if ((b - a) <= 2.0 * np.spacing(np.maximum(np.abs(a), np.abs(b)))).all():
                break
        # At a point mass bisection stops beside it by rounding.
        for at, _ in self.inner.atoms:
            b = np.where(np.abs(b - at) <= 1e-14 * max(abs(lo), abs(hi)), at, b)
        return np.where(levels <= 0.0, lo, b)

    def __repr__(self) -> str:
        error = self.tolerance_reached["mean"]
        # No more digits than the error leaves.
        digits = 6 if error <= 0.0 else max(1, min(6, round(np.log10(max(abs(self.mean), error) / error))))
        return (
            f"StateLaw({self.name}: mean {self.mean:.{digits}g} to {error:.0e}, "
            f"standard deviation {self.standard_deviation:.{min(3, digits)}g})"
        )


def _at(function: Callable[[Array], Array], y: Any) -> Any:
    array = np.asarray(y, dtype=np.float64)
    if not np.isfinite(array).all():
        raise MzError("There are NaN or infinite values", "law", "Give finite values")
    values = function(np.ascontiguousarray(array.ravel()))
    return float(values[0]) if array.shape == () else values.reshape(array.shape)


def compared(
    name: str, fine: Distribution, coarse: Distribution, limits: tuple[str, ...] = (), points: int = 512
) -> StateLaw:
    """The finer of two computations of a law, with what they differ by and what its mass lacks to 1."""
    lo, hi = fine.support
    y = lo + (hi - lo) * (np.arange(points) + np.random.default_rng(0).random(points)) / points
    rounding = float(np.finfo(np.float64).eps)
    # Two passes share their idea of where the density is not smooth; the mass does not.
    lacking = abs(fine.expect(np.ones_like) - 1.0)
    error = {"distribution": _worst(fine.distribution(y), coarse.distribution(y)) + lacking}
    # A law with point masses has no density, and then none is compared.
    with suppress(MzError):
        error["density"] = _worst(fine.density(y), coarse.density(y)) + lacking / (hi - lo)
    error["mean"] = abs(fine.expect(lambda t: t) - coarse.expect(lambda t: t))
    error["mean"] += (lacking + rounding) * max(abs(lo), abs(hi))
    return StateLaw(name, fine, error, limits)


def _worst(a: Array, b: Array) -> float:
    return max(float(np.abs(a - b).max(initial=0.0)), float(np.finfo(np.float64).eps))
