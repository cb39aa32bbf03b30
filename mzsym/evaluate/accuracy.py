"""``accuracy``: what the noise costs a classifier, beside the network without noise, MATH (32)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.evaluate.sampling.sampler import Sampler, checked_samples, seed_apart
from mzsym.model import Network

if TYPE_CHECKING:
    from mzsym.model.abstract_layer import AbstractLayer

NUMBERS = 1 << 20
"""Scores that are held at once."""

SETTLED = 4.0
"""Standard errors by which the mean score of a class must lead for its decision to count as settled."""


@dataclass(frozen=True)
class Accuracy:
    """Share of inputs that are classified correctly, against the noise level.

    Two classifiers are looked at beside the noise-free one: a single noisy pass, and the decision by the mean score
    E[u(X_L) | X_0 = x] = q_0(x), which is what mzsym's equations describe.

    Attributes
    ----------
    factors : tuple of float
        By which the noise of every layer is multiplied.
    levels : tuple of tuple of float
        The noise scales of the layers at each factor, the largest of a layer; 0 where a layer has none.
    noise_free : float
        Of the network without noise on these inputs: exact, up to the rounding of its scores.
    single : array of shape (factors,)
        Expected accuracy of one noisy pass over these inputs. Estimated.
    single_error : array of shape (factors,)
        Its standard error, from the noise alone: the inputs are given.
    mean : array of shape (factors,)
        Of the decision by the mean score over the samples. Estimated.
    mean_lower, mean_upper : array of shape (factors,)
        The same where inputs whose leading class is not settled within four standard errors all count as wrong, or all
        as right.
    points, samples : int
    standing : Standing
    """

    factors: tuple[float, ...]
    levels: tuple[tuple[float, ...], ...]
    noise_free: float
    single: Array
    single_error: Array
    mean: Array
    mean_lower: Array
    mean_upper: Array
    points: int
    samples: int
    standing: Standing = Standing.ESTIMATED

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "factors": list(self.factors),
            "levels": [list(row) for row in self.levels],
            "noise_free": self.noise_free,
            "single": self.single.tolist(),
            "single_error": self.single_error.tolist(),
            "mean": self.mean.tolist(),
            "mean_lower": self.mean_lower.tolist(),
            "mean_upper": self.mean_upper.tolist(),
            "points": self.points,
            "samples": self.samples,
            "standing": self.standing.value,
        }

    def lines(self) -> tuple[str, ...]:
        """One sentence each, with the standing of its numbers."""
        found = [f"The noise-free network classifies {_percent(self.noise_free)} of {self.points} inputs correctly."]
        for i, factor in enumerate(self.factors):
            lower, upper = _percent(self.mean_lower[i]), _percent(self.mean_upper[i])
            mean = _percent(self.mean[i]) + ("" if lower == upper else f" (undecided inputs: {lower} to {upper})")
            error = f"{100.0 * self.single_error[i]:.1g} %"
            found.append(
                f"With {factor:g} times the noise (largest scale {max(self.levels[i]):.3g}): one noisy pass "
                f"{_percent(self.single[i])} (standard error {error}), the mean score {mean}; estimated."
            )
        return tuple(found)


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def accuracy(
    net: Network,
    X: Any,
    classes: Any,
    factors: Iterable[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    *,
    samples: int = 1024,
    seed: int = 0,
) -> Accuracy:
    """Estimate the accuracy of a classifier against its noise level, beside that of the network without noise.

    The observables are the scores: the class of the largest one is chosen, or, where there is one observable, class 1
    where it is above 0 and class 0 elsewhere. The same random numbers serve every level, so that the curve is smooth.

    Parameters
    ----------
    net : Network
        Every parameter has a value; any width. At least one layer has noise, and all noise has a scale.
    X : array of shape (points, N_0)
    classes : array of int of shape (points,)
        0 <= class < number of observables (or 2).
    factors : sequence of float
        Positive: each multiplies the noise scale of every layer.
    samples : int
        Noisy passes for every input and level, at least 2.
    seed : int

    Returns
    -------
    Accuracy

    Raises
    ------
    MzError
        For arrays of other shapes, classes without a score, no noise or noise without a scale (a density of one's own),
        and levels that the given domains of the network do not allow.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.0]], noise=mz.Uniform(0.5))
    >>> net = mz.Network([layer], domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> found = mz.accuracy(net, [[-0.4], [0.4]], [0, 1], [1.0, 4.0], samples=1000)
    >>> found.noise_free, [round(float(share), 1) for share in found.single]
    (1.0, [0.9, 0.6])
    """
    points, truth = _checked_data(net, X, classes)
    scales = _checked_factors(factors)
    samples = checked_samples(samples, "accuracy(samples=)")
    networks = [scaled_noise(net, factor) for factor in scales]
    found = [_at_level(one, points, truth, samples, seed) for one in networks]
    single, error, mean, lower, upper = (np.array(column) for column in zip(*found, strict=True))
    return Accuracy(
        factors=scales,
        levels=tuple(tuple(_scale(layer, one) for layer in one.layers) for one in networks),
        noise_free=float(np.mean(_decided(_scores(net, net.forward(points))) == truth)),
        single=single,
        single_error=error,
        mean=mean,
        mean_lower=lower,
        mean_upper=upper,
        points=len(points),
        samples=samples,
    )


def scaled_noise(net: Network, factor: float) -> Network:
    """The network with the noise of every layer multiplied by a factor.

    Raises
    ------
    MzError
        Where no layer has noise, or the noise of one has no scale.
    """
    values: dict[tuple[int, str], Any] = {}
    for n, layer in enumerate(net.layers):
        noisy = [law for law in layer.noise if not law.deterministic]
        if any(law.scale is None for law in noisy):
            raise MzError(f"The noise of layer {n} has no scale", "accuracy(net)", "Use a law such as mz.Uniform")
        if noisy:
            scales = [factor * float(scale) for scale in layer.scale_values(net.shared)]
            values[n, "scale"] = scales[0] if layer.shared_noise else scales
    if not values:
        raise MzError("No layer has noise", "accuracy(net)", "Give the layers a noise law")
    return net.with_params(values)


def _scale(layer: AbstractLayer, net: Network) -> float:
    return float(max(layer.scale_values(net.shared)))


def _checked_data(net: Any, X: Any, classes: Any) -> tuple[Array, npt.NDArray[np.int64]]:
    if not isinstance(net, Network):
        raise MzError(f"{net!r} is no network", "accuracy(net)", "Give a mz.Network")
    points, truth = np.asarray(X, dtype=np.float64), np.asarray(classes)
    if points.ndim != 2 or points.shape[1] != net.dims[0] or not len(points):
        fix = f"Give an array of shape (points, {net.dims[0]}) with at least one point"
        raise MzError(f"X has shape {points.shape}", "accuracy(X)", fix)
    if truth.shape != (len(points),):
        fix = "Give one class for every row of X"
        raise MzError(f"The classes have shape {truth.shape}", "accuracy(classes)", fix)
    if not np.issubdtype(truth.dtype, np.integer):
        raise MzError("The classes are no integers", "accuracy(classes)", "Number the classes from 0 on")
    count = max(2, len(net.observable_exprs))
    if truth.min() < 0 or truth.max() >= count:
        worst = int(truth.min() if truth.min() < 0 else truth.max())
        raise MzError(f"There is no score for class {worst}", "accuracy(classes)", f"Use classes from 0 to {count - 1}")
    return points, truth.astype(np.int64)


def _checked_factors(factors: Iterable[float]) -> tuple[float, ...]:
    try:
        values = tuple(float(factor) for factor in factors)
    except (TypeError, ValueError):
        values = ()
    if not values or not all(0.0 < value < float("inf") for value in values):
        raise MzError(
            f"The factors are {factors!r}", "accuracy(factors)", "Give at least one factor, each finite and above 0"
        )
    return values


def _scores(net: Network, states: Array) -> Array:
    """Score of every class, shape (rows, classes): of two classes the second has the one observable, the first 0."""
    values = net.observe(states).reshape(len(states), -1)
    if values.shape[1] > 1:
        return values
    return np.concatenate([np.zeros_like(values), values], axis=1)


def _decided(scores: Array) -> npt.NDArray[np.int64]:
    best: npt.NDArray[np.int64] = scores.argmax(axis=-1)
    return best


def _at_level(
    net: Network, X: Array, truth: npt.NDArray[np.int64], samples: int, seed: int
) -> tuple[float, float, float, float, float]:
    """Accuracy of one noisy pass with its standard error, and that of the mean score with its bounds."""
    sampler = Sampler(net)
    classes = max(2, len(net.observable_exprs))
    hits, total, squares = np.zeros(len(X)), np.zeros((len(X), classes)), np.zeros((len(X), classes))
    block = max(1, NUMBERS // (len(X) * classes))
    for number, start in enumerate(range(0, samples, block)):
        count = min(block, samples - start)
        states = sampler(np.repeat(X, count, axis=0), seed=seed_apart(seed, number))
        scores = _scores(net, states).reshape(len(X), count, -1)
        hits += (_decided(scores) == truth[:, None]).sum(axis=1)
        leads = np.take_along_axis(scores, truth[:, None, None], axis=2) - scores
        total += leads.sum(axis=1)
        squares += (leads**2).sum(axis=1)
    share = hits / samples
    # Inputs are given and independent of each other's noise: variances of their shares add.
    error = float(np.sqrt(np.sum(share * (1.0 - share)) / (samples - 1))) / len(X)
    return float(share.mean()), error, *_by_mean(total / samples, squares / samples, truth, samples)


def _by_mean(mean: Array, square: Array, truth: npt.NDArray[np.int64], samples: int) -> tuple[float, float, float]:
    """Accuracy of the decision by the mean score; where unsettled inputs count as wrong; where they count as right.

    ``mean[p, k]`` and ``square[p, k]`` are those of the lead of the true class over class k at input p.
    """
    margin = SETTLED * np.sqrt(np.maximum(square - mean**2, 0.0) / (samples - 1))
    other = np.arange(mean.shape[1]) != truth[:, None]
    right = np.all((mean > 0.0) | ~other, axis=1)
    surely = np.all((mean > margin) | ~other, axis=1)
    never = np.any((mean < -margin) & other, axis=1)
    return float(right.mean()), float(surely.mean()), float(1.0 - never.mean())
