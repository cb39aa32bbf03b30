"""The trained network of this folder is the one that its records describe."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mzsym as mz

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def study() -> object:
    return mz.load(HERE / "model.toml")


def iris() -> tuple[np.ndarray, np.ndarray]:
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("iris_train", HERE / "train.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.principal_components()


def test_noise_free_network_has_the_recorded_accuracy(study) -> None:  # type: ignore[no-untyped-def]
    inputs, classes = iris()
    scores = study.network.observe(study.network.forward(inputs))
    record = json.loads((HERE / "training.json").read_text())
    assert np.mean(scores.argmax(axis=1) == classes) == pytest.approx(record["training_accuracy"], abs=1e-4)


def test_conditional_mean_agrees_with_monte_carlo(study) -> None:  # type: ignore[no-untyped-def]
    inputs, _ = iris()
    net, samples = study.network, 40_000
    evaluator = mz.compile(mz.derive(net, study.projection), options=study.options)
    points = inputs[[0, 60, 120]]
    exact = evaluator.expectation(points)
    for point, mean in zip(points, exact, strict=True):
        scores = net.observe(net.sample(np.repeat(point[None], samples, axis=0), seed=7))
        error = scores.std(axis=0, ddof=1) / np.sqrt(samples)
        assert np.all(np.abs(scores.mean(axis=0) - mean) <= 4 * error)


def test_affine_score_layer_carries_no_memory(study) -> None:  # type: ignore[no-untyped-def]
    evaluator = mz.compile(mz.derive(study.network, study.projection), options=study.options)
    last = study.network.depth
    for n in range(last - 1):
        assert np.abs(evaluator.memory(n, last)).max() < 1e-10
    assert np.linalg.norm(evaluator.memory(0, last - 1), 2) > 0.05
