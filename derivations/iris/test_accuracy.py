"""What accuracy.py says of the classifier against the noise."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_the_mean_score_keeps_the_accuracy_that_single_passes_lose(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("iris_accuracy", HERE / "accuracy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path, samples=1024)
    found = json.loads((tmp_path / "accuracy.json").read_text())
    record = json.loads((HERE / "training.json").read_text())
    assert found["noise_free"] == pytest.approx(record["training_accuracy"], abs=1e-4)
    stated = module.FACTORS.index(1.0)
    assert found["levels"][stated] == [0.3] * 4
    assert 0.08 < found["noise_free"] - found["single"][stated] < 0.10
    assert found["mean_lower"][stated] <= found["noise_free"] <= found["mean_upper"][stated]
    assert (tmp_path / "accuracy.svg").read_text().count("<svg") == 1
