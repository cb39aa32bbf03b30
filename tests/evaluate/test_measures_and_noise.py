"""The panel engine where the spectral one does not serve: other measures, gains, random weights, unbounded noise."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import mzsym as mz

X = mz.state(1)
BOX = mz.Box([(-1, 1)])
A = 0.8


@pytest.mark.parametrize(
    "projection",
    [mz.Hermite(5), mz.Legendre(5, measure="law"), mz.Basis([X[0] ** k for k in range(4)], measure="law")],
    ids=["hermite", "law", "basis"],
)
def test_linear_gaussian_chain_in_its_stationary_law(projection: object) -> None:
    """X' = a X + N(0, 1 - a^2) from N(0, 1): C(n, m) = diag(a^(k (m - n))), Mehler, so no memory at any depth."""
    layers = [mz.dense([[A]], noise=mz.Gaussian(0.6))] * 4
    ev = mz.compile(mz.derive(mz.Network(layers, observable=X[0] ** 3), projection))
    assert max(ev.tolerance_reached.values()) < 1e-11
    for n in range(5):
        for m in range(n + 1, 5):
            found = ev.correlation(n, m)
            assert np.abs(found - np.diag(A ** ((m - n) * np.arange(len(found))))).max() < 1e-12
            if m > n + 1:
                assert np.linalg.norm(ev.memory(n, m), 2) < 1e-12


def test_polynomial_functions_are_legendre() -> None:
    """Gram-Schmidt of 1, x, x^2 in the uniform measure is Legendre(2), by another engine."""
    net = mz.Network([mz.dense([[1.5]], [0.2], activation="tanh", noise=mz.Uniform(0.5))] * 3, domain=BOX)
    ours = mz.compile(mz.derive(net, mz.Basis([1, X[0], X[0] ** 2])))
    theirs = mz.compile(mz.derive(net, mz.Legendre(2)))
    assert (ours.scheme, theirs.scheme) == ("panels", "spectral")
    assert np.abs(ours.memory(0, 3) - theirs.memory(0, 3)).max() < 1e-10


def test_in_the_law_correlations_are_those_of_samples() -> None:
    """MATH (16): C(n, m) = E[eta(X_n) eta(X_m)^T], with eta orthonormal in the law of samples."""
    net = mz.Network([mz.dense([[1.5]], [0.2], activation="tanh", noise=mz.Uniform(0.5))] * 2, domain=BOX)
    ev = mz.compile(mz.derive(net, mz.Legendre(1, measure="law")))
    paths = net.trajectory(np.random.default_rng(0).uniform(-1, 1, (400_000, 1)), seed=1)
    correlation = np.corrcoef(paths[0][:, 0], paths[2][:, 0])[0, 1]
    assert abs(ev.correlation(0, 2)[1, 1] - correlation) < 4 * (1 - correlation**2) / np.sqrt(400_000)


W = sp.Symbol("w", real=True)
NETWORKS = {
    "gain": [mz.Layer([sp.tanh(1.5 * X[0])], state=X, gain=[0.5 + 0.3 * X[0]], noise=mz.Uniform(0.4))] * 3,
    "gaussian weights": [
        mz.dense([[1.5]], [0.1], activation="tanh", noise=mz.Uniform(0.3), weight_noise=mz.Gaussian(0.4))
    ]
    * 3,
    "uniform weights before a kink": [
        mz.dense([[1.5]], [0.1], activation="relu", noise=mz.Uniform(0.3), weight_noise=mz.Uniform(0.4))
    ]
    * 3,
    "one weight in two places": [
        mz.Layer([sp.tanh((1 + W) * X[0] + W)], state=X, params={W: mz.Uniform(0.5)}, noise=mz.TruncatedGaussian(0.2))
    ]
    * 3,
}


def agrees_with_samples(net: mz.Network, ev: object, x0: list[float]) -> None:
    count = 200_000
    u = net.observe(net.sample(np.repeat([x0], count, axis=0), seed=7))
    assert abs(u.mean() - ev.expectation([x0])[0]) < 4 * u.std() / np.sqrt(count)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NETWORKS)
def test_expectation_agrees_with_monte_carlo(name: str) -> None:
    net = mz.Network(NETWORKS[name], domain=BOX, observable=X[0] ** 2)
    ev = mz.compile(mz.derive(net, mz.Legendre(3)))
    assert ev.scheme == "panels" and max(ev.tolerance_reached.values()) < 1e-9
    agrees_with_samples(net, ev, [0.3])


def test_laplace_noise_in_the_law() -> None:
    net = mz.Network([mz.dense([[1.5]], activation="tanh", noise=mz.Laplace(0.3))] * 2, observable=sp.cos(X[0]))
    ev = mz.compile(mz.derive(net, mz.Legendre(2, measure="law")))
    assert max(ev.tolerance_reached.values()) < 1e-9
    agrees_with_samples(net, ev, [0.3])


@pytest.mark.parametrize("kind", ["mixed noise", "gaussian weights"])
def test_two_dimensions_agree_with_monte_carlo(kind: str) -> None:
    y = mz.state(2)
    layer = mz.dense([[0.9, -0.4], [0.3, 0.8]], activation="tanh", noise=mz.Uniform(0.3), weight_noise=mz.Gaussian(0.3))
    if kind == "mixed noise":
        maps = [sp.tanh(y[0] - y[1]), sp.sin(y[0])]
        layer = mz.Layer(maps, state=y, gain=sp.Matrix([[1, 0.5], [y[0] / 2, 1]]), noise=mz.Uniform(0.3))
    net = mz.Network([layer], domain=mz.Box([(-1, 1)] * 2), observable=y[0] * y[1])
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-7))
    assert max(ev.tolerance_reached.values()) < 1e-7
    agrees_with_samples(net, ev, [0.3, -0.5])


def test_dependent_functions_are_named() -> None:
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domain=BOX)
    with pytest.raises(mz.MzError):
        mz.derive(net, mz.Basis([1, X[0], 2 * X[0] - 1]))
