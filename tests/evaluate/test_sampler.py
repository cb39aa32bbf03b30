"""The fast sampler: its random numbers, draws, activations and passes against SciPy, mpmath and the plain sampler."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mzsym as mz
from mzsym.core.primitives import PRIMITIVES
from mzsym.evaluate.sampling import double, single
from mzsym.evaluate.sampling.sampler import CHUNK, _mixed

x = mz.state(1)[0]
PRECISIONS = ("float32", "float64")
LAWS: dict[str, Any] = {
    "uniform": (mz.Uniform(0.7), stats.uniform(-0.7, 1.4)),
    "gaussian": (mz.Gaussian(0.3), stats.norm(0, 0.3)),
    "laplace": (mz.Laplace(0.4), stats.laplace(0, 0.4)),
    "truncated": (mz.TruncatedGaussian(0.5, cutoff=1.5), stats.truncnorm(-1.5, 1.5, 0, 0.5)),
}


def one_layer(noise: Any, width: int = 4, activation: Any = "identity") -> mz.Network:
    layer = mz.dense(np.zeros((width, 1)), activation=activation, noise=noise)
    return mz.Network([layer], observable=list(mz.state(width)))


def draws(noise: Any, precision: Any, points: int, seed: int = 3) -> np.ndarray:
    return mz.Sampler(one_layer(noise), precision)(np.zeros((points, 1)), seed).astype(np.float64)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("law", LAWS)
def test_draws_have_the_law(law: str, precision: str) -> None:
    noise, exact = LAWS[law]
    found = draws(noise, precision, 100_000)
    assert stats.kstest(found.ravel(), exact.cdf).pvalue > 1e-4
    for k in (1, 2, 3, 4):
        moments = found.ravel() ** k
        assert abs(moments.mean() - exact.moment(k)) < 5 * moments.std() / np.sqrt(moments.size)
    # Components, neighbouring samples, chunks and seeds have nothing to do with each other.
    for a, b in (
        (found[:, 0], found[:, 1]),
        (found[:-1, 0], found[1:, 0]),
        (found[:-CHUNK, 2], found[CHUNK:, 2]),
        (found[:, 3], draws(noise, precision, 100_000, seed=4)[:, 3]),
    ):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))
        assert abs(np.corrcoef(a**2, b**2)[0, 1]) < 5 / np.sqrt(len(a))


def test_bits_are_even_and_change_with_every_bit_of_the_input() -> None:
    counters = np.arange(2**15, dtype=np.uint32)
    scrambled = np.array([single.scrambled(single.scrambled(c, np.uint32(7)), np.uint32(99)) for c in counters])
    bits = (scrambled[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(counters))
    cells = np.bincount(scrambled >> 24, minlength=256)
    assert stats.chisquare(cells).pvalue > 1e-4
    pairs = np.bincount((scrambled[:-1] >> 28) * 16 + (scrambled[1:] >> 28), minlength=256)
    assert stats.chisquare(pairs).pvalue > 1e-4
    for bit in range(32):
        other = np.array(
            [
                single.scrambled(single.scrambled(c ^ np.uint32(1 << bit), np.uint32(7)), np.uint32(99))
                for c in counters[:512]
            ]
        )
        flipped = ((scrambled[:512] ^ other)[:, None] >> np.arange(32, dtype=np.uint32)) & 1
        assert 0.4 < flipped.mean() < 0.6
    assert len(np.unique(scrambled)) == len(counters)


@settings(max_examples=200, deadline=None)
@given(st.floats(-1 + 2.0**-50, 1 - 2.0**-50))
def test_normal_quantiles(t: float) -> None:
    # Of the tail itself: 1 - t has digits that t has lost.
    with mp.workdps(40):
        exact = mp.sqrt(2) * mp.erfinv(mp.mpf(t))
    assert abs(double.normal(t) - float(exact)) <= 3e-8 * max(1.0, abs(float(exact)))
    if abs(t) < 1 - 2.0**-23:
        assert (
            abs(float(single.normal(np.float32(t))) - float(mp.sqrt(2) * mp.erfinv(mp.mpf(float(np.float32(t))))))
            < 2e-5
        )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", PRIMITIVES)
def test_quiet_passes_are_the_network(name: str, precision: Any) -> None:
    rng = np.random.default_rng(0)
    activation = ("leaky_relu", 0.2) if name == "leaky_relu" else name
    layers = [
        mz.dense(rng.normal(size=(6, 3)), rng.normal(size=6), activation=activation),
        mz.residual(rng.normal(size=(6, 6)) / 3, rng.normal(size=6), activation="tanh", step=0.3),
        mz.dense(rng.normal(size=(2, 6)) / 3, activation="sigmoid"),
    ]
    net = mz.Network(layers, observable=list(mz.state(2)))
    X = rng.normal(size=(300, 3))
    exact, found = net.forward(X), mz.Sampler(net, precision)(X)
    assert found.dtype == np.dtype(precision)
    # A step of the map turns a rounding error into a jump.
    tolerance = 1e-13 if precision == "float64" else 3e-6
    assert np.mean(np.abs(found - exact).max(axis=1) > tolerance) <= (0.02 if name == "step" else 0.0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_large_arguments(precision: Any) -> None:
    X = np.array([[0.0], [1e-20], [-1e-6], [3.0], [-40.0], [400.0], [-1e30]])
    for name in ("tanh", "sigmoid", "softplus", "silu", "relu", "hardtanh"):
        net = mz.Network([mz.dense([[1.0]], activation=name)], observable=x)
        found, exact = mz.Sampler(net, precision)(X), net.forward(X)
        assert np.abs(found - exact).max() <= 1e-6 * max(1.0, np.abs(exact).max())
    net = mz.Network([mz.dense([[1.0]], activation="tanh")], observable=x)
    small = np.array([[1e-3], [1e-6], [-1e-12]])
    assert np.abs(mz.Sampler(net, precision)(small) / np.tanh(small) - 1).max() < 1e-6


def test_results_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(1)
    layers = [mz.dense(rng.normal(size=(8, 8)) / 3, activation="tanh", noise=mz.Gaussian(0.2))] * 2
    density = mz.Noise(sp.Rational(3, 4) * (1 - sp.Symbol("t") ** 2), support=(-1, 1))
    layers.append(mz.dense(rng.normal(size=(8, 8)) / 3, activation="tanh", noise=density))
    net = mz.Network(layers, observable=mz.state(8)[0])
    X = rng.normal(size=(5 * CHUNK + 17, 8))
    for precision in PRECISIONS:
        sampler = mz.Sampler(net, precision)  # type: ignore[arg-type]
        one = sampler(X, seed=9, threads=1)
        assert np.array_equal(one, sampler(X, seed=9, threads=2))
        # A chunk stands alone: the samples after it change nothing.
        assert np.array_equal(one[:CHUNK], sampler(X[:CHUNK], seed=9))
        assert not np.array_equal(one[:CHUNK], sampler(X[:CHUNK], seed=10))


def mixed_network() -> mz.Network:
    w = sp.Symbol("w", real=True)
    layers = [
        mz.dense([[1.2], [-0.7]], [0.1, 0.2], activation="tanh", noise=[mz.Uniform(0.3), mz.Gaussian(0.2)]),
        mz.dense([[0.8, 0.5]], activation="tanh", noise=mz.Laplace(0.1), weight_noise=mz.Gaussian(0.2)),
        mz.Layer([sp.sin(w * x)], state=[x], noise=mz.Uniform(0.2), gain=[1 + x**2 / 4], params={w: 1.3}),
        mz.dense([[1.0]], activation="relu", noise=mz.Uniform(0.5)),
    ]
    return mz.Network(layers, observable=[x, x**2])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_moments_of_a_mixed_network(precision: Any) -> None:
    net, count = mixed_network(), 150_000
    at = np.array([0.4])
    found = mz.Sampler(net, precision).moments(count, seed=5, X=at)
    plain = net.observe(net.sample(np.tile(at, (count, 1)), seed=6))
    error = np.hypot(found.standard_error, plain.std(axis=0, ddof=1) / np.sqrt(count))
    assert (np.abs(found.mean - plain.mean(axis=0)) < 4 * error).all()
    assert np.abs(found.covariance - np.cov(plain.T)).max() < 0.02
    assert found.samples == count and str(found.standing) == "estimated"


def test_moments_join_blocks_as_if_they_were_one() -> None:
    layers = [mz.dense([[0.5]], activation="tanh", noise=mz.Uniform(0.4))] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[x, x**2])
    sampler = mz.Sampler(net)
    blocks = [values for _, values in sampler._observed(200_000, 3, None)]
    assert len(blocks) > 2
    values, found = np.concatenate(blocks), sampler.moments(200_000, seed=3)
    assert np.allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    assert np.allclose(found.covariance, np.cov(values.T), rtol=1e-10)
    exact = mz.compile(mz.derive(net, mz.Legendre(1))).mean()
    assert (np.abs(found.mean - exact) < 4 * found.standard_error).all()


def test_keys_differ() -> None:
    keys = {_mixed(_mixed(seed, chunk), layer) for seed in range(20) for chunk in range(40) for layer in range(10)}
    assert len(keys) == 8000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net: mz.Sampler(net, "float16"), "no dtype"),
        (lambda net: mz.Sampler(net)(np.zeros(3)), "X has shape"),
        (lambda net: mz.Sampler(net)(np.zeros((3, 2))), "X has shape"),
        (lambda net: mz.Sampler(net)(np.zeros((3, 1)), seed=-1), "The seed is -1"),
        (lambda net: mz.Sampler(net).moments(1), "number of samples"),
    ],
)
def test_refusals(call: Any, words: str) -> None:
    with pytest.raises(mz.MzError, match=words):
        call(one_layer(mz.Uniform(0.5)))
