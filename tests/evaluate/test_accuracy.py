"""Accuracy against the noise level: closed forms of one layer, brute force, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import mzsym as mz
from mzsym.core import Standing

FACTORS = (0.5, 1.0, 3.0)


def scored(noise: mz.Gaussian | mz.Uniform, observables: int) -> mz.Network:
    """One affine layer: scores are the components, or the first one alone."""
    layer = mz.dense(np.eye(2), [0.1, -0.2], noise=noise)
    x = mz.state(2)
    return mz.Network([layer], domain=mz.Box([(-1, 1)] * 2), observable=list(x) if observables == 2 else x[0])


def data(points: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.uniform(-1, 1, (points, 2)), rng.integers(0, 2, points)


def test_one_noisy_pass_hits_with_the_normal_law_of_the_margin() -> None:
    X, classes = data()
    found = mz.accuracy(scored(mz.Gaussian(0.3), 2), X, classes, FACTORS, samples=4000, seed=1)
    margin = (X[:, 1] - 0.2 - X[:, 0] - 0.1) * np.where(classes == 1, 1.0, -1.0)
    for i, factor in enumerate(FACTORS):
        hits = norm.cdf(margin / (0.3 * factor * np.sqrt(2.0)))
        error = np.sqrt(np.sum(hits * (1 - hits)) / 4000) / len(X)
        assert found.single_error[i] == pytest.approx(error, rel=0.2)
        assert abs(found.single[i] - hits.mean()) <= 4.5 * error


def test_binary_decisions_by_sign_with_uniform_noise() -> None:
    X, classes = data()
    found = mz.accuracy(scored(mz.Uniform(0.5), 1), X, classes, FACTORS, samples=4000, seed=2)
    sign = np.where(classes == 1, 1.0, -1.0)
    for i, factor in enumerate(FACTORS):
        hits = np.clip(0.5 + sign * (X[:, 0] + 0.1) / (2 * 0.5 * factor), 0.0, 1.0)
        error = np.sqrt(np.sum(hits * (1 - hits)) / 4000) / len(X)
        assert abs(found.single[i] - hits.mean()) <= 4.5 * error
    # The mean score of an affine layer is the noise-free one, whatever the noise.
    truth = float(np.mean((X[:, 0] + 0.1 > 0) == (classes == 1)))
    assert found.noise_free == truth
    assert np.all(found.mean_lower <= truth) and np.all(truth <= found.mean_upper)


def test_decisions_by_the_mean_score_lie_between_the_bounds() -> None:
    """Against tables of the same network: q_0 by quadrature."""
    rng = np.random.default_rng(5)
    layers = [mz.dense(rng.normal(size=(2, 2)) * 1.5, rng.normal(size=2), activation="tanh", noise=mz.Uniform(0.4))] * 3
    x = mz.state(2)
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=list(x))
    X, classes = data()
    scores = mz.compile(mz.derive(net, mz.Legendre(1))).expectation(X)
    truth = float(np.mean(scores.argmax(axis=1) == classes))
    found = mz.accuracy(net, X, classes, (1.0,), samples=2000, seed=1)
    assert found.mean_lower[0] <= truth <= found.mean_upper[0]
    assert found.mean_lower[0] <= found.mean[0] <= found.mean_upper[0] < found.mean_lower[0] + 0.25


def test_more_samples_settle_more_inputs() -> None:
    X, classes = data()
    net = scored(mz.Gaussian(1.0), 2)
    few, many = (mz.accuracy(net, X, classes, (1.0,), samples=k, seed=1) for k in (50, 5000))
    assert many.mean_upper[0] - many.mean_lower[0] < few.mean_upper[0] - few.mean_lower[0]


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_result_depends_on_the_seed_alone(seed: int, points: int) -> None:
    X, classes = data(points)
    net = scored(mz.Uniform(0.5), 2)
    one, two = (mz.accuracy(net, X, classes, (1.0, 2.0), samples=30, seed=seed) for _ in range(2))
    assert np.array_equal(one.single, two.single) and np.array_equal(one.mean_lower, two.mean_lower)
    assert np.all((one.mean_lower >= 0) & (one.mean_lower <= one.mean_upper) & (one.mean_upper <= 1))


def test_levels_are_the_stated_ones_times_the_factors_and_the_standing_is_said() -> None:
    X, classes = data()
    layers = [
        mz.dense(np.eye(2), noise=mz.Uniform(0.25)),
        mz.dense(np.eye(2)),
        mz.dense(np.eye(2), noise=mz.Gaussian(2)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=list(mz.state(2)))
    found = mz.accuracy(net, X, classes, (0.5, 2.0), samples=10)
    assert found.levels == ((0.125, 0.0, 1.0), (0.5, 0.0, 4.0))
    assert found.standing is Standing.ESTIMATED
    assert found.to_dict()["levels"] == [[0.125, 0.0, 1.0], [0.5, 0.0, 4.0]]
    assert "noise-free" in found.lines()[0]


def test_mixed_laws_of_one_layer_are_scaled_each() -> None:
    X, classes = data()
    layer = mz.dense(np.eye(2), noise=[mz.Uniform(0.5), mz.Deterministic()])
    net = mz.Network([layer], domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    found = mz.accuracy(net, X, classes, (2.0,), samples=2000, seed=4)
    hits = np.clip(0.5 + np.where(classes == 1, 1.0, -1.0) * X[:, 0] / 2.0, 0.0, 1.0)
    assert abs(found.single[0] - hits.mean()) <= 4.5 * found.single_error[0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"X": np.zeros((3, 5))}, "shape"),
        ({"classes": [0, 1]}, "classes"),
        ({"classes": [0, 1, 2]}, "class 2"),
        ({"classes": [0, 1, 0.5]}, "integers"),
        ({"factors": []}, "factors"),
        ({"factors": [0.0]}, "factor"),
        ({"samples": 1}, "samples"),
        ({"net": mz.Network([mz.dense(np.eye(2))], domain=mz.Box([(-1, 1)] * 2))}, "noise"),
    ],
)
def test_bad_input_is_refused_by_name(change: dict[str, object], what: str) -> None:
    arguments = {
        "net": scored(mz.Uniform(0.5), 2),
        "X": np.zeros((3, 2)),
        "classes": [0, 1, 0],
        "factors": [1.0],
        "samples": 10,
    } | change
    net, X, classes, factors = (arguments.pop(key) for key in ("net", "X", "classes", "factors"))
    with pytest.raises(mz.MzError, match=what):
        mz.accuracy(net, X, classes, factors, **arguments)
