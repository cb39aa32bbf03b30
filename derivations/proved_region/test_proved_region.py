"""What the derivation says, against closed forms and fresh certificates."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mzsym as mz

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def derivation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("proved_region_run", HERE / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_proved_region_is_larger_than_the_literature_s(derivation: ModuleType, tmp_path: Path) -> None:
    weights, levels = np.array([0.5, 1.5]), np.array([0.1, 0.4, 1.2, 1.3])
    found = derivation.region(weights, levels)
    # The condition in use does not see the weight: sigma >= 1/kappa^2.
    assert np.allclose(found.literature, levels**-0.5, rtol=1e-12)
    assert found.by_literature.tolist() == [[False, False, False, True]] * 2
    assert np.all(found.proved >= found.by_literature) and found.proved[:, 1:].all()
    assert found.fails[:, 0].all() and not found.undecided.any()
    derivation.picture(found, tmp_path / "region.svg")
    assert (tmp_path / "region.svg").read_text().rstrip().endswith("</svg>")


def test_the_inverse_problem_has_its_closed_form_and_its_proofs(derivation: ModuleType) -> None:
    row = derivation.inverse(1.5)
    assert row["closed_form"] <= row["hilbert_schmidt"] <= 1.001 * row["closed_form"]
    assert row["fails_below"] < row["certified"] < 0.25 * row["hilbert_schmidt"]
    for level, holds in ((row["certified"], True), (row["fails_below"], False)):
        noisy = mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(level))
        net = mz.Network([noisy], domain=mz.Box([(-1, 1)]))
        bound = mz.certify(net, mz.Legendre(derivation.DEGREE), method="sharp").layers[0]
        assert bound.upper <= derivation.KAPPA if holds else bound.lower > derivation.KAPPA
