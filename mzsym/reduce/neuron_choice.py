"""Which neurons matter: what dropping one alone removes from the mean, and the fewest that a tolerance allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.evaluate.sampling.sampler import Sampler, checked_samples, seed_apart
from mzsym.model import Network
from mzsym.projections import Conditional
from mzsym.reduce.neurons import FewerNeurons, fewer_neurons

ROUNDS: Final = 12
"""Halvings of the number of dropped neurons."""


@dataclass(frozen=True)
class Influence:
    """What every hidden neuron contributes alone: ||(I - P) q_n|| with P the mean over this neuron, MATH (31).

    Attributes
    ----------
    values : dict of int to array of shape (N_n,)
        Hidden layer -> the norm in L^2 of the uniform law on Omega_n, the worst over the observables. Estimated.
    errors : dict of int to array of shape (N_n,)
        Standard errors of the squares.
    samples : int
    """

    values: dict[int, Array]
    errors: dict[int, Array]
    samples: int
    standing: Standing = Standing.ESTIMATED

    def weakest(self) -> list[tuple[int, int]]:
        """Neurons as (layer, component), the least influential first."""
        found = [(float(v), n, i) for n, values in self.values.items() for i, v in enumerate(values)]
        return [(n, i) for _, n, i in sorted(found)]


def influence(net: Network, *, samples: int = 4096, seed: int = 0) -> Influence:
    """Estimate what dropping each hidden neuron alone removes.

    ||(I - P) q||^2 is the mean variance of q along the neuron (a total Sobol index without its denominator), half the
    mean square of the change when the neuron is drawn anew; pairs of noisy passes give it without bias.

    Parameters
    ----------
    net : Network
        With boxes.
    samples : int
    seed : int

    Returns
    -------
    Influence

    Raises
    ------
    MzError
        For a network without boxes, or without hidden layers.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.0, 0.0], [0.0, 1.0]], noise=mz.Uniform(0.25))
    >>> net = mz.Network([layer, mz.dense([[1.0, 0.5]])], domain=mz.Box([(-1, 1)] * 2), observable=mz.state(1)[0])
    >>> influence(net, seed=1).values[1].round(1)   # the side of Omega_1 is 2.5, and 2.5 sqrt(1/12) = 0.72
    array([0.7, 0.4])
    """
    if not isinstance(net, Network) or net.depth < 2:
        raise MzError("The network has no hidden layer", "influence(net)", "Give a mz.Network of at least two layers")
    if not net.has_domains:
        raise MzError("The states lie in no boxes", "influence(net)", "Give domain= and bounded noise")
    samples = checked_samples(samples, "influence(samples=)")
    rng = np.random.default_rng(seed)
    values, errors = {}, {}
    for n in range(1, net.depth):
        tail, box = _tail(net, n), net.domains[n]
        sampler = Sampler(tail)
        X, other = (rng.uniform(box.lower, box.upper, (samples, box.dim)) for _ in range(2))
        before = _passes(sampler, X, seed)
        squares = []
        for i in range(box.dim):
            changed = X.copy()
            changed[:, i] = other[:, i]
            # The same noise: what differs is the neuron.
            after = _passes(sampler, changed, seed)
            product = 0.5 * (after[0] - before[0]) * (after[1] - before[1])
            worst = int(np.argmax(product.mean(axis=0)))
            squares.append((product[:, worst].mean(), product[:, worst].std(ddof=1) / math.sqrt(samples)))
        found = np.array(squares)
        values[n], errors[n] = np.sqrt(np.maximum(found[:, 0], 0.0)), found[:, 1]
    return Influence(values, errors, samples)


def _passes(sampler: Sampler, X: Array, seed: int) -> list[Array]:
    """Observables of two independent noisy passes from the same inputs, each of shape (points, observables)."""
    net = sampler.network
    return [net.observe(sampler(X, seed=seed_apart(seed, k))).reshape(len(X), -1) for k in (1, 2)]


def _tail(net: Network, n: int) -> Network:
    """Layers n..L-1, from the box of X_n."""
    return Network(
        net.layers[n:],
        domains=net.domains[n:],
        observable=list(net.observable) if net.observable_is_list else net.observable[0],
        shared=net.shared,
    )


def fewest_neurons(net: Network, tolerance: float, *, samples: int = 20_000, seed: int = 0) -> FewerNeurons:
    """Drop as many of the least influential neurons as a tolerance allows.

    Neurons are ranked once; how many go is found by bisection on the estimated error of the network without them, which
    is not monotone in theory: the answer is the largest number that was seen to meet the tolerance.

    Parameters
    ----------
    net : Network
        With boxes.
    tolerance : float
        Absolute, in L^2 of the law of X_0: what ``error_bound`` may be.
    samples, seed : int

    Returns
    -------
    FewerNeurons

    Raises
    ------
    MzError
        For a tolerance that is not positive, or one that no network without one neuron meets, with the best error.
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0.0 < tolerance < math.inf:
        raise MzError(f"The tolerance is {tolerance!r}", "fewest_neurons(tolerance)", "Give a positive number")
    order = _droppable(net, influence(net, seed=seed).weakest())
    if not order:
        raise MzError("Every hidden layer has one neuron", "fewest_neurons(net)", "Use a wider network")

    def without(count: int) -> FewerNeurons:
        dropped: dict[int, set[int]] = {}
        for n, i in order[:count]:
            dropped.setdefault(n, set()).add(i)
        kept = {n: Conditional([i for i in range(net.dims[n]) if i not in gone]) for n, gone in dropped.items()}
        return fewer_neurons(net, kept, samples=samples, seed=seed)

    best, low, high = without(1), 1, len(order)
    if best.error_bound > tolerance:
        raise MzError(
            f"Without one neuron the error is already {best.error_bound:.3g}",
            "fewest_neurons(tolerance)",
            "Ask for more than that, or for fewer layers instead: mz.reduce(net, projection, tolerance=)",
        )
    for _ in range(ROUNDS):
        if low == high:
            break
        middle = (low + high + 1) // 2
        tried = without(middle)
        if tried.error_bound <= tolerance:
            best, low = tried, middle
        else:
            high = middle - 1
    return best


def _droppable(net: Network, ranked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without the last neuron of every layer."""
    left: dict[Any, int] = {n: net.dims[n] for n in range(1, net.depth)}
    found = []
    for n, i in ranked:
        if left[n] > 1:
            left[n] -= 1
            found.append((n, i))
    return found
