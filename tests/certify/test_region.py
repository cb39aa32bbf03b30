"""Maps of the proved region against a float program at every point."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import mzsym as mz
from mzsym.certify.search.region import proved_region
from mzsym.report.region_plot import describe_region, region_figure
from tests.certify.float_norm import galerkin

BOX = mz.Box([(-1, 1)])
WEIGHTS, LEVELS = [0.5, 2.0], [0.1, 0.4, 1.5]


def family(w: float, sigma: float, depth: int = 1) -> mz.Network:
    return mz.Network([mz.dense([[w]], activation="tanh", noise=mz.Uniform(sigma))] * depth, domain=BOX)


@pytest.fixture(scope="module")
def found():
    return proved_region(family, WEIGHTS, LEVELS, mz.Legendre(1), 0.9)


def test_every_point_agrees_with_the_float_program(found) -> None:
    for i, w in enumerate(WEIGHTS):
        for j, sigma in enumerate(LEVELS):
            first, second = family(w, sigma).domains
            norm = galerkin(w, 0.0, sigma, first, second, 1)
            assert found.lower[i, j] * (1 - 5e-3) <= norm <= found.upper[i, j]
            assert found.proved[i, j] == (norm <= 0.9) and found.fails[i, j] == (norm > 0.9)
            closed = math.sqrt(math.tanh(w) / sigma)
            assert found.literature[i, j] == pytest.approx(closed, rel=1e-12)
    assert not found.undecided.any() and found.proved[found.by_literature].all()


def test_a_layer_inside_and_its_interior_norm() -> None:
    inner = proved_region(lambda w, s: family(w, s, 3), [3.0], [1.0], mz.Legendre(1), n=1, norm="interior")
    layer = mz.certify(family(3.0, 1.0, 3), mz.Legendre(1), method="sharp").layers[1]
    assert inner.lower[0, 0] <= layer.interior.upper and layer.interior.lower <= inner.upper[0, 0]
    assert inner.upper[0, 0] < 0.7 * layer.lower and "Q M Q'" in str(inner)


def test_where_there_are_no_enclosures_the_literature_s_bound_stands() -> None:
    def plane(w: float, sigma: float) -> mz.Network:
        layer = mz.dense(w * np.eye(2), activation="tanh", noise=mz.Uniform(sigma))
        return mz.Network([layer], domain=mz.Box([(-1, 1)] * 2))

    found = proved_region(plane, [0.3], [3.0], mz.Legendre(1))
    assert found.upper[0, 0] <= found.literature[0, 0] < 0.5 and found.proved.all()


def test_numbers_and_picture(found) -> None:
    plain = json.loads(json.dumps(found.to_dict()))
    assert np.array_equal(plain["upper"], found.upper) and plain["kappa"] == 0.9
    text = describe_region(found)
    assert "nothing is claimed between points" in text and f"proved at {found.proved.sum()}" in text
    level = mz.minimal_noise(family(0.5, 0.5), 0, mz.Legendre(1), tolerance=0.1)
    axes = region_figure(found, [level, level], condition=(1.0, r"\sigma=1")).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert len(labels) == 5
    shown = {label: line for line, label in zip(axes.lines, labels, strict=True)}
    sharp = next(line for label, line in shown.items() if "sharp" in label)
    assert len(sharp.get_xdata()) == (found.proved & ~found.by_literature).sum()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"parameters": []}, "parameters are no list"),
        ({"levels": ["a"]}, "levels are no list"),
        ({"kappa": 2}, "kappa is 2"),
        ({"norm": "half"}, "no norm 'half'"),
        ({"n": 1}, "no layer 1"),
        ({"family": lambda w, s: None}, "family gives None"),
    ],
)
def test_what_is_refused(arguments: dict, what: str) -> None:
    given = {"family": family, "parameters": [1.0], "levels": [1.0], "projection": mz.Legendre(1)} | arguments
    with pytest.raises(mz.MzError, match=what):
        proved_region(**given)
