"""The loss falls as its gradient says, the constraint holds, and no noise level can be lowered for free."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HERE = Path(__file__).parent
DEPTH = 5


@pytest.fixture(scope="module")
def derivation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_noise_run", HERE / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_factor_falls_as_its_gradient_says(derivation: ModuleType) -> None:
    objective = derivation.evaluator(DEPTH).objective(derivation.log_factor, [(n, "scale") for n in range(DEPTH)])
    value, gradient = objective(objective.x0)
    slope = float(gradient @ gradient)
    drops = []
    for step in (4e-5, 2e-5):
        after, _ = objective(objective.x0 - step * gradient)
        drops.append(value - after - step * slope)
    assert value - after > 0.9 * step * slope > 0
    # What the gradient does not explain is of second order.
    assert drops[1] == pytest.approx(drops[0] / 4, rel=0.1)


def test_the_least_noise_for_a_factor(derivation: ModuleType) -> None:
    ev, target = derivation.evaluator(DEPTH), 0.4
    before = derivation.summary(ev, np.full(DEPTH, derivation.START))
    assert before["factor_per_layer"] > 1.2 * target
    found = derivation.least_noise(ev, target)
    after = derivation.summary(ev, found.x)
    assert found.success
    assert after["factor_per_layer"] == pytest.approx(target, rel=1e-5)
    norms = after["memory_norms"]
    assert norms[-1] < norms[0] * target ** (DEPTH - 2) * 1.0001
    # At the minimum the energy's gradient is a multiple of the constraint's, where no bound holds a level.
    objective = ev.objective(derivation.log_factor, [(n, "scale") for n in range(DEPTH)])
    _, gradient = objective(found.x)
    free = (found.x > derivation.LEAST + 1e-6) & (found.x < derivation.MOST - 1e-6)
    multiples = 2 * found.x[free] / gradient[free]
    assert np.ptp(multiples) < 0.05 * abs(multiples.mean()) and multiples.mean() < 0
