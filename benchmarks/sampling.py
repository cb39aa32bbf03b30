"""Noisy passes 64 -> 32 x 7 -> 10 tanh with fresh uniform noise: the sampler against numpy in float32 and float64.

Nanoseconds a sample, variants interleaved in one process, the smallest of several runs. BLAS runs on one thread.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

import mzsym as mz
from benchmarks.timing import interleaved
from mzsym.evaluate.blas import blas_threads

SAMPLES = 65_536
DIMS = (64, *[32] * 7, 10)


def network() -> mz.Network:
    rng = np.random.default_rng(0)
    layers = [
        mz.dense(rng.normal(size=(after, before)) / np.sqrt(before), activation="tanh", noise=mz.Uniform(0.3))
        for before, after in pairwise(DIMS)
    ]
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * DIMS[0]), observable=mz.state(DIMS[-1])[0])


def numpy_pass(net: mz.Network, dtype: type, normal: bool = False):
    rng, weights = np.random.default_rng(1), [layer.W.T.astype(dtype) for layer in net.layers]

    def run(X: np.ndarray) -> np.ndarray:
        for W in weights:
            shape = (len(X), W.shape[1])
            noise = rng.standard_normal(shape, dtype) if normal else 2 * rng.random(shape, dtype) - 1
            X = np.tanh(X @ W) + dtype(0.3) * noise
        return X

    return run


def jax_pass(net: mz.Network):
    """The same in JAX, float32, on all threads that XLA takes; None where it is not installed (``mzsym[bench]``)."""
    if find_spec("jax") is None:
        return None
    jax, weights = import_module("jax"), [layer.W.T.astype(np.float32) for layer in net.layers]

    @jax.jit
    def run(X, key):
        for W in weights:
            key, own = jax.random.split(key)
            noise = jax.random.uniform(own, (len(X), W.shape[1]), minval=-1.0, maxval=1.0)
            X = jax.numpy.tanh(X @ W) + np.float32(0.3) * noise
        return X

    return lambda X: np.asarray(run(X, jax.random.PRNGKey(1)).block_until_ready())


def main() -> None:
    net = network()
    X = np.random.default_rng(2).uniform(-1, 1, (SAMPLES, DIMS[0]))
    single, X32 = mz.Sampler(net, "float32"), X.astype(np.float32)
    whole = mz.Sampler(net)
    plain32, plain64 = numpy_pass(net, np.float32), numpy_pass(net, np.float64)
    normal32 = numpy_pass(net, np.float32, normal=True)
    variants = {
        "sampler float32, 1 thread": lambda: single(X32, threads=1),
        "sampler float32, 2 threads": lambda: single(X32, threads=2),
        "sampler float64, 1 thread": lambda: whole(X, threads=1),
        "numpy float32, uniform": lambda: plain32(X32),
        "numpy float32, normal": lambda: normal32(X32),
        "numpy float64, uniform": lambda: plain64(X),
    }
    peer = jax_pass(net)
    if peer is not None:
        variants["JAX float32, uniform"] = lambda: peer(X32)
    with blas_threads():
        times = interleaved(variants)
    base = times["numpy float32, uniform"]
    print(f"{'variant':28} {'ns a sample':>12} {'numpy float32 / it':>20}")
    for name, seconds in times.items():
        print(f"{name:28} {1e9 * seconds / SAMPLES:12.0f} {base / seconds:20.2f}")


if __name__ == "__main__":
    main()
