"""The loss falls as its gradient says, and the memory of the learned noise is that of the true one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def derivation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learn_noise_run", HERE / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_loss_falls_as_its_gradient_says(derivation: ModuleType) -> None:
    loss = derivation.objective(derivation.evaluator(derivation.TRUTH).expectation(derivation.POINTS))
    start = loss.x0 + np.array([0.1, -0.2, 0.0, 0.3, 0.1])
    value, gradient = loss(start)
    slope = float(gradient @ gradient)
    # Weights are squares over their sum: a common factor of the amplitudes changes nothing.
    assert abs(gradient @ start) < 1e-12 * np.sqrt(slope)
    drops = []
    for step in (4e-4, 2e-4):
        after, _ = loss(start - step * gradient)
        drops.append(value - after - step * slope)
    assert value - after > 0.9 * step * slope > 0
    # What the gradient does not explain is of second order.
    assert drops[1] == pytest.approx(drops[0] / 4, rel=0.1)


def test_the_memory_comes_back_with_the_law(derivation: ModuleType) -> None:
    data = derivation.evaluator(derivation.TRUTH).expectation(derivation.POINTS)
    loss = derivation.objective(data)
    before = derivation.summary(loss.evaluator(loss.x0), data)
    found = derivation.learned(loss, steps=25)
    after = derivation.summary(loss.evaluator(found.x), data)
    assert after["loss"] < 1e-3 * before["loss"]
    assert after["distribution_error"] < 0.2 * before["distribution_error"]
    assert after["memory_errors"][2] < 0.1 * before["memory_errors"][2]
