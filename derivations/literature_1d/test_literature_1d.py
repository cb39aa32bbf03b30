"""What the derivation says, against the closed form of the bound and the golden norms."""

from __future__ import annotations

import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mzsym as mz

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def derivation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("literature_1d_run", HERE / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("half_width", [0.2, 0.5, 1.5])
def test_bound_is_the_literature_s_and_the_memory_decays_where_it_fails(
    derivation: ModuleType, half_width: float
) -> None:
    entry = derivation.row(half_width)
    assert entry["hilbert_schmidt_bound"] == pytest.approx(half_width**-0.5, rel=1e-12)
    assert entry["hilbert_schmidt_bound"] >= half_width**-0.5
    assert entry["norm_lower"] <= entry["norm_upper"] < entry["hilbert_schmidt_bound"]
    assert entry["norm_upper"] - entry["norm_lower"] <= 1e-4 * entry["norm_upper"]
    norms = entry["memory_norms_by_lag"]
    assert all(later < earlier for earlier, later in pairwise(norms))
    assert entry["factor_per_layer"] < 0.6


def test_norm_agrees_with_the_golden_row(derivation: ModuleType) -> None:
    rows = json.loads((HERE.parents[1] / "tests" / "reference" / "layer_norms.json").read_text())["rows"]
    golden = next(row for row in rows if (row["w"], row["half_width"], row["degree"]) == (3, 0.5, 0))
    net = derivation.network(0.5, depth=2, weight=3.0)
    layer = mz.certify(net, mz.Legendre(0, measure="lebesgue")).layers[1]
    assert layer.lower - golden["uncertainty"] <= golden["norm_QM"] <= layer.upper + golden["uncertainty"]


def test_output_has_the_symmetry_of_the_network_and_agrees_with_its_samples(derivation: ModuleType) -> None:
    (item,) = derivation.output(derivation.SHOWN).laws
    law, (lo, hi) = item.law, item.interval
    assert law.tolerance_reached["distribution"] < 1e-11 and not law.limits
    assert abs(law.mean) < 1e-12 and lo == pytest.approx(-hi, abs=1e-10)
    y = np.linspace(0, law.support[1], 50)
    assert np.abs(law.density(y) - law.density(-y)).max() < 1e-10
    assert abs(item.sampled_mean) <= 4 * item.sampled_error
    assert abs(item.coverage - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / len(item.draws))


def test_picture_is_written(derivation: ModuleType, tmp_path: Path) -> None:
    rows = [
        {
            "half_width": s,
            "hilbert_schmidt_bound": s**-0.5,
            "norm_lower": 0.5,
            "norm_upper": 0.5,
            "memory_norms_by_lag": list(np.geomspace(1e-1, 1e-4, 7)),
        }
        for s in (0.1, 0.2, 0.5, 1.0)
    ]
    derivation.picture(rows, tmp_path / "decay.svg")
    assert (tmp_path / "decay.svg").read_text().rstrip().endswith("</svg>")
