"""What the tables say in a few sentences: how fast the memory decays, and how much of it matters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.kept import isometric
from mzsym.evaluate.norms import term_norm
from mzsym.evaluate.protocols import HasTables


@dataclass(frozen=True)
class Decay:
    """Least-squares fit of log max_n ||K(n, n + lag)||_2 against the lag.

    Attributes
    ----------
    factor : float
        By which the memory changes per layer; below 1 it decays.
    lags : tuple of int
        The lags that the fit used: those whose norm stands above the error of the tables.
    """

    factor: float
    lags: tuple[int, ...]


@dataclass(frozen=True)
class Findings:
    """The main numbers of one network under one projection. Estimated, as the tables are.

    Attributes
    ----------
    depth : int
    streaming_norms : tuple of float
        ||A_n||_2, n = 0..L-1.
    memory_by_lag : tuple of (int, float)
        (lag, max_n ||K(n, n + lag)||_2), lag = 2..L.
    decay : Decay or None
        None where fewer than two lags stand above the error of the tables.
    fraction : float
        The relative error that was asked for.
    truncation_errors : tuple of float
        Relative error of c_0 in the Euclidean norm with memory of length T = 1, 2, ..., MATH (30), up to the first
        within ``fraction``, or to L; the worst over the observables.
    memory_length : int or None
        The smallest T whose error is at most ``fraction`` (1: streaming alone); None where not even T = L is, because
        the noise term r_n carries more.
    """

    depth: int
    streaming_norms: tuple[float, ...]
    memory_by_lag: tuple[tuple[int, float], ...]
    decay: Decay | None
    fraction: float
    truncation_errors: tuple[float, ...]
    memory_length: int | None

    def lines(self) -> tuple[str, ...]:
        """The findings in words."""
        return self._decay_line(), self._length_line()

    def _decay_line(self) -> str:
        if not self.memory_by_lag:
            return "A network of one layer has no memory term."
        lag, top = max(self.memory_by_lag, key=lambda item: item[1])
        largest = f"largest ||K(n,m)|| = {top:.3g} at lag {lag}"
        if self.decay is None:
            return f"The memory has too few lags above rounding to fit a decay; {largest}."
        verb = "decays" if self.decay.factor < 1 else "grows"
        if len(self.decay.lags) == 2:
            return (
                f"The memory {verb} by a factor of {self.decay.factor:.3g} per layer (from lag {self.decay.lags[0]} to "
                f"{self.decay.lags[1]}, the only two above rounding; {largest})."
            )
        return (
            f"The memory {verb} by a factor of {self.decay.factor:.3g} per layer "
            f"(fit over lags {self.decay.lags[0]} to {self.decay.lags[-1]}; {largest})."
        )

    def _length_line(self) -> str:
        percent = f"{100 * self.fraction:g} %"
        errors = self.truncation_errors
        alone = f"streaming alone is off by {_percent(errors[0])}"
        if self.memory_length is None:
            return (
                f"No length of memory brings the error to {percent}: {alone}, with all memory it is "
                f"{_percent(errors[-1])}; the rest is the noise term (raise the degree of the projection)."
            )
        if self.memory_length == 1:
            return f"For an error of {percent} no memory is needed: {alone}."
        kept = f"with K(n,m) up to m = n + {self.memory_length} the error is {_percent(errors[-1])}"
        if self.decay is not None and self.memory_length >= max(self.decay.lags):
            kept = (
                f"the memory up to m = n + {self.memory_length}, all that stands above rounding, is needed "
                f"(error {_percent(errors[-1])})"
            )
        return f"For an error of {percent} memory of {self.memory_length} layers matters: {alone}, {kept}."


def findings(ev: HasTables, fraction: float = 0.01) -> Findings:
    """Decay and useful length of the memory, from the tables.

    Parameters
    ----------
    ev : Evaluator
    fraction : float
        Relative error of c_0 that a truncated memory may make.

    Returns
    -------
    Findings

    Raises
    ------
    MzError
        If ``fraction`` is not positive.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 4
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> found = findings(mz.compile(mz.derive(net, mz.Legendre(5))))
    >>> found.decay.factor < 1, found.memory_length
    (True, 1)
    """
    if not fraction > 0:
        raise MzError(f"The fraction is {fraction!r}", "findings(fraction=)", "Give a positive number such as 0.01")
    depth = ev.network.depth
    streaming = tuple(term_norm(ev, "streaming", n) for n in range(depth))
    by_lag = tuple(
        (lag, max(term_norm(ev, "memory", n, n + lag) for n in range(depth - lag + 1))) for lag in range(2, depth + 1)
    )
    errors: list[float] = []
    while len(errors) < depth and not (errors and errors[-1] <= fraction):
        errors.append(truncation_error(ev, len(errors) + 1))
    return Findings(
        depth,
        streaming,
        by_lag,
        _fit(by_lag, float(ev.tolerance_reached.get("memory", 0.0))),
        fraction,
        tuple(errors),
        len(errors) if errors[-1] <= fraction else None,
    )


def truncation_error(ev: HasTables, length: int) -> float:
    """Relative error of c_0 with memory of length T and without the noise term, the worst observable, MATH (30).

    Parameters
    ----------
    ev : Evaluator
    length : int
        T >= 1; 1 keeps streaming only.
    """
    depth = ev.network.depth
    kept: dict[int, Array] = {depth: _columns(isometric(ev.coefficients(depth)))}
    for n in range(depth - 1, -1, -1):
        kept[n] = isometric(ev.streaming(n)) @ kept[n + 1]
        for m in range(n + 2, min(n + length, depth) + 1):
            kept[n] = kept[n] + isometric(ev.memory(n, m)) @ kept[m]
    exact = _columns(isometric(ev.coefficients(0)))
    error = np.linalg.norm(kept[0] - exact, axis=0)
    size = np.linalg.norm(exact, axis=0)
    # What the tables cannot tell from zero has no relative error, unless it is reproduced as well as they are.
    floor = 10 * float(ev.tolerance_reached.get("coefficients", 0.0))
    ratio = np.divide(error, size, out=np.where(error > floor, np.inf, 0.0), where=size > floor)
    return float(ratio.max())


def _fit(by_lag: tuple[tuple[int, float], ...], error: float) -> Decay | None:
    floor = max(10 * error, 1e-300)
    used = [(lag, math.log(norm)) for lag, norm in by_lag if norm > floor]
    if len(used) < 2:
        return None
    lags, logs = np.array(used).T
    slope = float(np.polyfit(lags, logs, 1)[0])
    return Decay(math.exp(slope), tuple(lag for lag, _ in used))


def _columns(values: Array) -> Array:
    return values if values.ndim == 2 else values[:, None]


def _percent(value: float) -> str:
    if value < 1e-8:
        return "below 1e-6 %"
    return f"{100 * value:.2g} %" if value < 0.995 else f"{value:.3g} times the size of c_0"
