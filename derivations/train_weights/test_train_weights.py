"""The loss falls as its gradient says, training meets the target, and samples of the trained network agree."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def derivation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_weights_run", HERE / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def residual(derivation: ModuleType) -> Any:
    return derivation.ProjectedResidual(derivation.evaluator())


def test_the_loss_falls_as_its_gradient_says(residual: Any) -> None:
    x = residual.objective.x0
    value, gradient = residual.objective(x)
    assert value == pytest.approx(0.5 * np.sum(residual(x) ** 2), rel=1e-10)
    np.testing.assert_allclose(residual.jacobian(x).T @ residual(x), gradient, rtol=1e-9, atol=1e-12)
    slope, left = float(gradient @ gradient), []
    for step in (2e-3, 1e-3):
        after, _ = residual.objective(x - step * gradient)
        left.append(value - after - step * slope)
    assert value - after > 0.9e-3 * slope > 0
    # What the gradient does not explain is of second order.
    assert left[1] == pytest.approx(left[0] / 4, rel=0.1)


def test_the_trained_network_has_the_mean_that_was_asked_for(derivation: ModuleType, residual: Any) -> None:
    found = derivation.train(residual)
    assert np.linalg.norm(residual(found.x)) < 1e-4 * np.linalg.norm(residual(residual.objective.x0))
    net, samples = residual.objective.evaluator(found.x).network, 100_000
    rng = np.random.default_rng(3)
    inputs = rng.uniform(-1, 1, (samples, 1))
    outputs = net.sample(inputs, seed=4)[:, 0]
    for j in range(derivation.DEGREE + 1):
        eta = np.sqrt(2 * j + 1) * np.polynomial.legendre.legval(inputs[:, 0], np.eye(j + 1)[j])
        products = eta * (outputs - derivation.target(inputs[:, 0]))
        assert abs(products.mean()) < 4 * products.std(ddof=1) / np.sqrt(samples)
    # Without its noise the network is another function: the noise was trained with.
    free = net.forward(np.linspace(-1, 1, 41)[:, None])[:, 0] - derivation.target(np.linspace(-1, 1, 41))
    assert np.sqrt(np.mean(free**2)) > 0.01
