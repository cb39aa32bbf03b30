"""``Sampler``: noisy passes through a network of any width, with random numbers that are functions of their place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np

from mzsym.core import MzError, Standing
from mzsym.core.arrays import AnyArray, Array
from mzsym.core.workers import share
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.sampling.kernels import NOISES, SINGLE, Fused, Precision, fused
from mzsym.evaluate.threads import processors
from mzsym.model.dense import DenseLayer
from mzsym.model.noise import TruncatedGaussian

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.abstract_layer import AbstractLayer

_LOOP: Final = 512
"""Entries that the fused loop takes at a time, about: whole rows."""

CHUNK: Final = 2048
"""Rows that share their random numbers' keys; part of what a seed means, so it never changes."""

_MASK: Final = (1 << 64) - 1

_FAR: Final = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio, odd: its multiples lie far apart."""

Step: TypeAlias = Callable[[AnyArray, int, int], AnyArray]
"""(states, first key, second key) -> next states."""


@final
@dataclass(frozen=True)
class Moments:
    """Means over noisy passes. Estimated.

    Attributes
    ----------
    mean : array of shape (k,)
        Of the observables.
    standard_error : array of shape (k,)
        Of ``mean``.
    covariance : array of shape (k, k)
    samples : int
    """

    mean: Array
    standard_error: Array
    covariance: Array
    samples: int
    standing: Standing = Standing.ESTIMATED


@final
class Sampler:
    """Noisy passes, fast and at any width.

    A dense layer is one matrix product and one fused loop of bias, activation and fresh noise. Random numbers are
    functions of the seed, the layer and the place of a sample: results do not depend on the number of threads. Other
    layers (stated maps, gains, random weights, densities of your own) take their own draws, seeded in the same way.

    Parameters
    ----------
    network : Network
    dtype : {"float64", "float32"}
        float32 is about twice as fast; its activations and draws are good to about 1e-6.

    Raises
    ------
    MzError
        For another dtype, and parameters without a value.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense(np.eye(5) / 2, activation="tanh", noise=mz.Gaussian(0.1))] * 3
    >>> net = mz.Network(layers, observable=mz.state(5)[0])
    >>> sampler = mz.Sampler(net)
    >>> sampler(np.zeros((4, 5)), seed=1).shape
    (4, 5)
    >>> found = sampler.moments(20_000, seed=2)
    >>> bool(abs(found.mean[0]) < 4 * found.standard_error[0])
    True
    """

    def __init__(self, network: Network, dtype: Precision = "float64") -> None:
        if dtype not in ("float32", "float64"):
            raise MzError(f"There is no dtype {dtype!r}", "Sampler(dtype=)", 'Use "float64" or "float32"')
        self.network, self.dtype = network, dtype
        self._steps = tuple(self._step(layer) for layer in network.layers)

    def __call__(self, X: Any, seed: int = 0, threads: int | None = None) -> Array:
        """X_L for every row of X, each with noise of its own.

        Parameters
        ----------
        X : array of shape (points, N_0)
        seed : int
            Not negative.
        threads : int, optional
            Default: all that the process may use.

        Returns
        -------
        array of shape (points, N_L), of the sampler's dtype
        """
        points = np.ascontiguousarray(X, dtype=self.dtype)
        if points.ndim != 2 or points.shape[1] != self.network.dims[0]:
            raise MzError(
                f"X has shape {points.shape}", "Sampler(X)", f"Give an array of shape (points, {self.network.dims[0]})"
            )
        seed = _checked_seed(seed)
        starts = range(0, len(points), CHUNK)
        out = np.empty((len(points), self.network.dims[-1]), dtype=self.dtype)

        def run(start: int) -> None:
            out[start : start + CHUNK] = self._pass(points[start : start + CHUNK], seed, start // CHUNK)

        with blas_threads():
            share(run, starts, processors() if threads is None else threads)
        return out

    def moments(self, samples: int, seed: int = 0, X: Any = None) -> Moments:
        """Mean and covariance of the observables at the output, in constant memory.

        Parameters
        ----------
        samples : int
            At least 2.
        seed : int
        X : array of shape (N_0,), optional
            The input; default: drawn from the network's law of X_0.

        Returns
        -------
        Moments
        """
        samples = checked_samples(samples, "Sampler.moments(samples)")
        count, mean = 0, np.zeros(0)
        spread = np.zeros((0, 0))
        for start, values in self._observed(samples, _checked_seed(seed), X):
            own = values.mean(axis=0)
            centred = values - own
            if not start:
                count, mean, spread = len(values), own, centred.T @ centred
                continue
            # Two sets of samples joined: their means differ, and that is spread as well.
            shift, total = own - mean, count + len(values)
            spread = spread + centred.T @ centred + np.outer(shift, shift) * (count * len(values) / total)
            mean, count = mean + shift * (len(values) / total), total
        covariance = spread / (count - 1)
        return Moments(mean, np.sqrt(np.diag(covariance) / count), covariance, count)

    def _observed(self, samples: int, seed: int, X: Any) -> Iterator[tuple[int, Array]]:
        """Values of the observables, block by block; every block has a seed of its own."""
        block, net = 32 * CHUNK, self.network
        for number, start in enumerate(range(0, samples, block)):
            count = min(block, samples - start)
            own = _mixed(seed, number)
            if X is None:
                points = net.sample_input(count, own)
            else:
                points = np.broadcast_to(np.asarray(X, dtype=np.float64).reshape(1, -1), (count, net.dims[0]))
            states = self(points, own).astype(np.float64)
            yield start, net.observe(states).reshape(count, -1)

    def _pass(self, X: AnyArray, seed: int, chunk: int) -> AnyArray:
        for n, step in enumerate(self._steps):
            key = _mixed(_mixed(seed, chunk), n)
            X = step(X, key & 0xFFFFFFFF, key >> 32)
        return X

    def _step(self, layer: AbstractLayer) -> Step:
        kernel = self._fused(layer)
        if kernel is None or not isinstance(layer, DenseLayer):
            return self._plain(layer)
        dtype, noise = self.dtype, layer.noise[0]
        W = np.ascontiguousarray(layer.W.T, dtype=dtype)
        b = np.ascontiguousarray(layer.b, dtype=dtype)
        scales = [float(scale) for scale in layer.scale_values(self.network.shared)]
        scale = np.array(scales * (len(b) // len(scales)), dtype=dtype)
        kind = np.dtype(dtype).type
        step, reach = kind(0.0 if layer.step is None else float(layer.step)), kind(0.0)
        if isinstance(noise, TruncatedGaussian):
            reach = kind(math.erf(float(noise.cutoff) / math.sqrt(2.0)))

        rows = max(1, _LOOP // len(b))
        b, scale = np.tile(b, rows), np.tile(scale, rows)

        def run(X: AnyArray, first: int, second: int) -> AnyArray:
            X = np.ascontiguousarray(X)
            Z: AnyArray = X @ W
            kernel(Z, b, X, step, scale, reach, np.uint32(first), np.uint32(second))
            return Z

        return run

    def _fused(self, layer: AbstractLayer) -> Fused | None:
        """The kernel of a dense layer that it can serve."""
        if not isinstance(layer, DenseLayer) or not layer.plain_noise or not isinstance(layer.activation, str):
            return None
        laws = {type(noise) for noise in layer.noise}
        name = "none" if layer.noise[0].deterministic else layer.noise[0].name
        if len(laws) > 1 or name not in NOISES:
            return None
        if self.dtype == "float32" and layer.activation not in SINGLE:
            return None
        slope = None if layer.slope is None else float(layer.slope)
        return fused(layer.activation, slope, name, self.dtype)

    def _plain(self, layer: AbstractLayer) -> Step:
        shared, dtype = self.network.shared, self.dtype

        def run(X: AnyArray, first: int, second: int) -> AnyArray:
            rng = np.random.Generator(np.random.Philox(key=first | second << 32))
            found: AnyArray = layer.sample(X.astype(np.float64), rng, shared).astype(dtype)
            return found

        return run


def checked_samples(samples: Any, where: str) -> int:
    """A number of samples that has a spread.

    Raises
    ------
    MzError
    """
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 2:
        raise MzError(f"The number of samples is {samples!r}", where, "Give an integer of at least 2")
    return int(samples)


def seed_apart(seed: Any, number: int) -> int:
    """The seed of a stream of its own: far from those of neighbouring seeds and numbers; number 0 is the seed.

    Raises
    ------
    MzError
        For a seed that is no integer, or negative.
    """
    return (_checked_seed(seed) + _FAR * number) & _MASK


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise MzError(f"The seed is {seed!r}", "Sampler", "Give an integer that is not negative")
    return int(seed) & _MASK


def _mixed(a: int, b: int) -> int:
    """64 bits that depend on all bits of both."""
    x = (a + _FAR * (b + 1)) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
