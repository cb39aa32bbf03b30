"""Fewer neurons: closed forms of linear networks, conditional expectations by Gauss rules, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core import Standing
from mzsym.reduce import fewer_neurons, fewest_neurons, influence, neurons

T, W = np.polynomial.legendre.leggauss(14)
W = W / 2
PLANE = np.stack([a.ravel() for a in np.meshgrid(T, T, indexing="ij")], axis=1)
MASS = np.outer(W, W).ravel()
Function = Callable[[np.ndarray], np.ndarray]


def tanh_network(noise: float = 0.3, last: float = 0.4) -> mz.Network:
    A, B = np.array([[0.9, -0.6], [0.5, 0.8]]), np.array([[0.7, last], [-0.3, 0.5]])
    layers = [mz.dense(M, [0.1, -0.2], activation="tanh", noise=mz.Uniform(noise)) for M in (A, B)]
    x = mz.state(2)
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=x[0] + x[0] * x[1])


def average(layer: Any, v: Function, s: float) -> Function:
    """M v by a tensor rule of the noise."""
    return lambda X: np.tensordot(
        v((layer.forward(X)[:, None, :] + s * PLANE).reshape(-1, 2)).reshape(len(X), -1), MASS, axes=(1, 0)
    )


def by_quadrature(net: mz.Network, keep: int, s: float) -> tuple[Function, Function]:
    """q_0, and the mean of the network that keeps one neuron of X_1: both by Gauss rules."""
    q1 = average(net.layers[1], net.observe, s)
    lo, hi = net.domains[1].lower[1 - keep], net.domains[1].upper[1 - keep]

    def projected(X: np.ndarray) -> np.ndarray:
        points = np.repeat(X[:, None, :], len(T), axis=1)
        points[:, :, 1 - keep] = (lo + hi) / 2 + (hi - lo) / 2 * T
        return q1(points.reshape(-1, 2)).reshape(len(X), -1) @ W

    return average(net.layers[0], q1, s), average(net.layers[0], projected, s)


@pytest.mark.parametrize("keep", [0, 1])
def test_error_and_network_are_those_of_the_conditional_expectation(keep: int) -> None:
    net = tanh_network()
    whole, less = by_quadrature(net, keep, 0.3)
    truth = float(np.sqrt(MASS @ (whole(PLANE) - less(PLANE)) ** 2))
    found = fewer_neurons(net, {1: mz.Conditional([keep])}, samples=20_000, seed=keep)
    assert found.error <= found.error_bound and truth <= found.error_bound <= truth * 1.15
    assert abs(found.error - truth) <= found.error_bound - found.error + 1e-3
    assert found.size == pytest.approx(float(np.sqrt(MASS @ whole(PLANE) ** 2)), rel=0.05)
    assert found.network.dims == (2, 1, 2) and found.neurons == 1 and found.standing is Standing.ESTIMATED
    # The delivered network, by its own noisy passes.
    X = np.array([[0.5, -0.7], [-0.2, 0.3]])
    passes = found.network.observe(found.network.sample(np.repeat(X, 40_000, axis=0), seed=5)).reshape(2, -1)
    error = passes.std(axis=1) / 200
    assert np.all(np.abs(passes.mean(axis=1) - less(X)) <= 4 * error)
    assert np.abs(whole(X) - less(X)).max() > 10 * error.max()


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
def test_the_error_is_proved_where_functions_are_carried(keep: int, measure: str) -> None:
    """Above the Gauss rules' and as close as they are.

    Seen to fail when (each tried once): the mean is over the kept neuron; every even polynomial has the mean 1.
    """
    net = tanh_network()
    whole, less = by_quadrature(net, keep, 0.3)
    truth = float(np.sqrt(MASS @ (whole(PLANE) - less(PLANE)) ** 2))
    found = fewer_neurons(net, {1: mz.Conditional([keep], measure)}, samples=2000, prove=True)
    assert found.standing is Standing.PROVED and not found.unproved and "(proved)" in str(found)
    assert truth * (1 - 1e-9) <= found.error_bound <= truth * (1 + 1e-6)


def test_what_is_not_proved_about_fewer_neurons_says_why() -> None:
    net = tanh_network()
    unproved = fewer_neurons(net, {1: mz.Conditional([0])}, samples=500)
    assert unproved.standing is Standing.ESTIMATED and "asked" in unproved.unproved
    kinked = mz.Network(
        [mz.dense(np.eye(2), activation="relu", noise=mz.Uniform(0.2))] * 2, domain=mz.Box([(-1, 1)] * 2)
    )
    found = fewer_neurons(kinked, mz.Conditional([0]), samples=500, prove=True)
    assert found.standing is Standing.ESTIMATED and found.unproved and "three standard errors" in str(found)
    wide = mz.Network([mz.dense(0.1 * np.eye(5), activation="tanh")] * 2, domain=mz.Box([(-1, 1)] * 5))
    assert "3 dimensions" in fewer_neurons(wide, mz.Conditional([0, 1]), samples=500, prove=True).unproved


def test_dropping_what_is_asked_for_nowhere_costs_nothing() -> None:
    net = mz.Network(
        [mz.dense([[1.0], [0.5]], activation="tanh", noise=mz.Uniform(0.2)), mz.dense([[1.0, 0.0]])],
        domain=mz.Box([(-1, 1)]),
        observable=mz.state(1)[0],
    )
    found = fewer_neurons(net, mz.Conditional([0]), samples=500)
    assert found.error == found.error_bound == 0.0 and found.network.dims == (1, 1, 1)
    assert all(layer.plain_noise for layer in found.network.layers)
    values, least = influence(net), fewest_neurons(net, 1e-3)
    assert values.values[1][1] == 0.0 < values.values[1][0] and values.weakest()[0] == (1, 1)
    assert least.kept == {1: (0,)}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 1.0), st.sampled_from(["uniform", "gaussian"]))
def test_linear_networks_have_closed_errors(seed: int, s: float, measure: str) -> None:
    rng = np.random.default_rng(seed)
    A, a = rng.normal(size=(3, 2)), rng.normal(size=(1, 3))
    noise = mz.Uniform(s) if measure == "uniform" else mz.Gaussian(s)
    more = {"domain": mz.Box([(-1, 1)] * 2)} if measure == "uniform" else {}
    net = mz.Network([mz.dense(A, noise=noise), mz.dense(a)], observable=mz.state(1)[0], **more)
    found = fewer_neurons(net, {1: mz.Conditional([1], measure)}, samples=8000, seed=seed)
    # Dropped neurons have mean 0 on both sides, so that their terms are missing in the mean.
    lost = a[:, [0, 2]] @ A[[0, 2]]
    truth = float(np.sqrt((lost**2).sum() * (1 / 3 if measure == "uniform" else 1.0)))
    assert truth**2 <= found.error_bound**2 + (found.error_bound**2 - found.error**2)
    assert found.error_bound <= 1.3 * truth + 0.3


def test_influence_is_the_mean_variance_along_a_neuron() -> None:
    net = tanh_network()
    q1 = average(net.layers[1], net.observe, 0.3)
    box = net.domains[1]
    X = (box.lower + box.upper) / 2 + (box.upper - box.lower) / 2 * PLANE
    values = q1(X).reshape(len(T), len(T))
    truth = [
        np.sqrt(W @ (W @ (values - W @ values) ** 2)),
        np.sqrt(W @ ((values - (values @ W)[:, None]) ** 2 @ W)),
    ]
    found = influence(net, samples=20_000, seed=2)
    assert np.all(np.abs(found.values[1] ** 2 - np.square(truth)) <= 4.5 * found.errors[1])
    assert sorted(found.values) == [1]


def test_the_least_influential_go_first_as_far_as_the_tolerance_allows() -> None:
    rng = np.random.default_rng(1)
    A = rng.normal(size=(6, 2)) / 2
    a = np.array([[1.0, 0.001, -0.8, 0.0005, 0.6, 0.002]])
    layers = [mz.dense(A, activation="tanh", noise=mz.Uniform(0.2)), mz.dense(a)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(1)[0])
    found = fewest_neurons(net, 0.02, samples=4000)
    assert found.kept == {1: (0, 2, 4)} and found.error_bound <= 0.02
    assert "3 hidden neurons" in str(found) and found.to_dict()["kept"] == {"1": [0, 2, 4]}
    with pytest.raises(mz.MzError, match="Without one neuron"):
        fewest_neurons(net, 1e-7, samples=4000)


def test_a_product_of_one_pass_with_itself_would_be_biased(monkeypatch: pytest.MonkeyPatch) -> None:
    net = tanh_network(noise=0.8)
    whole, less = by_quadrature(net, 0, 0.8)
    truth = float(np.sqrt(MASS @ (whole(PLANE) - less(PLANE)) ** 2))
    monkeypatch.setattr(neurons, "_products", lambda values: values[0] ** 2)
    biased = fewer_neurons(net, {1: mz.Conditional([0])}, samples=4000)
    assert biased.error > 1.3 * truth


@pytest.mark.parametrize(
    ("projection", "words"),
    [
        (mz.Legendre(2), "keeps no neurons"),
        ({0: mz.Conditional([0])}, "no hidden state"),
        ({1: mz.Conditional([2])}, "2 components"),
        (mz.Conditional([0], "law"), "law"),
        ({1: mz.Mean()}, "keeps no neurons"),
    ],
)
def test_bad_input_is_refused_by_name(projection: Any, words: str) -> None:
    with pytest.raises(mz.MzError, match=words):
        fewer_neurons(tanh_network(), projection, samples=10)


def test_networks_that_cannot_be_reduced_say_why() -> None:
    x = mz.state(2)
    gained = mz.Layer([x[0], x[1]], state=x, gain=[1 + x[0] ** 2, 1], noise=mz.Uniform(0.1))
    first = mz.dense(np.eye(2), noise=mz.Uniform(0.1))
    net = mz.Network([first, gained], domain=mz.Box([(-1, 1)] * 2), observable=x[0])
    with pytest.raises(mz.MzError, match="gain"):
        fewer_neurons(net, mz.Conditional([0]))
    line = mz.Network(
        [mz.dense([[1.0]], noise=mz.Uniform(0.1))] * 2, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0]
    )
    with pytest.raises(mz.MzError, match="one neuron"):
        fewest_neurons(line, 0.1)
    with pytest.raises(mz.MzError, match="fewer_neurons"):
        mz.reduce(tanh_network(), mz.Conditional([0]), depth=1)
    with pytest.raises(mz.MzError, match="no hidden layer"):
        influence(mz.Network([first], domain=mz.Box([(-1, 1)] * 2), observable=x[0]))
