"""The law of the output on the page, in the picture and in law.json."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.report.html import page
from mzsym.report.law_plot import output_figure, output_svg, save_output
from mzsym.report.law_view import output_laws
from mzsym.report.number_view import output_rows, with_error

x = mz.state(1)[0]


def evaluator(*observables: sp.Expr, last: str = "tanh", noise: object = mz.Uniform(0.3)) -> object:
    layers = [
        mz.dense([[1.5]], [0.1], activation="tanh", noise=mz.Uniform(0.3)),
        mz.dense([[1.2]], [-0.2], activation=last, noise=noise),
    ]
    observable = observables[0] if len(observables) == 1 else list(observables)
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=observable)
    return mz.compile(mz.derive(net, mz.Legendre(1)))


def test_numbers_agree_with_the_law_and_with_their_samples() -> None:
    ev = evaluator(x, x**2 + sp.sin(x))
    shown = output_laws(ev)
    assert [item.name for item in shown.laws] == ["x0", "x0**2 + sin(x0)"] and not shown.refused
    for k, item in enumerate(shown.laws):
        law = ev.output_law(output=k)
        assert item.law.mean == law.mean and item.interval == law.interval(0.95)
        assert abs(item.sampled_mean - law.mean) <= 4 * item.sampled_error
        assert abs(item.coverage - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / len(item.draws))
        content = json.loads(json.dumps(item.to_dict()))
        assert content["mean"] == law.mean and content["standing"] == "estimated"
        y, F = np.array(content["curve"]["y"]), np.array(content["curve"]["distribution"])
        assert np.array_equal(F, law.distribution(y))
    rows = output_rows(shown)
    assert rows[0][2] == f"{shown.laws[0].law.standard_deviation:.4g}" and " to " in rows[0][3]


@pytest.mark.parametrize("law", [mz.TruncatedGaussian(0.2), 3 * (1 + x) ** 2 / 8, np.array([[0.9], [0.95], [-0.1]])])
def test_samples_start_from_the_law_of_the_input(law: object) -> None:
    layer = mz.dense([[1.5]], [0.1], activation="tanh", noise=mz.Uniform(0.3))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=x, input=law)
    (item,) = output_laws(mz.compile(mz.derive(net, mz.Legendre(1)))).laws
    assert abs(item.sampled_mean - item.law.mean) <= 4 * item.sampled_error


def test_page_has_the_section_and_its_pictures_share_no_identifier(small) -> None:  # type: ignore[no-untyped-def]
    text = page(small.eq, small.ev, small.c)
    assert "The law of the output" in text and "Monte Carlo mean" in text
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    for target in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text):
        assert (target[0] or target[1]) in names


def test_point_masses_are_drawn_by_the_distribution_function() -> None:
    shown = output_laws(evaluator(x, last="relu", noise=None))
    (item,) = shown.laws
    assert item.law.atoms and item.to_dict()["point_masses"][0]["at"] == 0.0
    assert item.to_dict()["curve"]["density"] is None
    assert output_figure(shown).axes[0].get_ylabel() == "distribution function"
    assert output_svg(shown).startswith("<svg")


def test_what_cannot_be_computed_is_said(small, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    net = mz.Network([mz.dense(np.eye(2) / 2, activation="tanh")], domain=mz.Box([(-1, 1)] * 2))
    shown = output_laws(mz.compile(mz.derive(net, mz.Legendre(1))))
    assert not shown.laws and "No noise" in shown.refused
    assert "It was not computed: No noise" in page(small.eq, small.ev, small.c, laws=shown)
    save_output(output_laws(evaluator(x)), tmp_path / "law.png")
    assert (tmp_path / "law.png").stat().st_size > 1000


def test_deep_networks_take_the_quick_route() -> None:
    layer = mz.dense([[1.2]], [0.1], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * 20, domain=mz.Box([(-1, 1)]), observable=x)
    (item,) = output_laws(mz.compile(mz.derive(net, mz.Mean()))).laws
    assert "20 layers" in item.law.limits[0] and item.law.tolerance_reached["distribution"] < 1e-4
    assert abs(item.sampled_mean - item.law.mean) <= 4 * item.sampled_error


@pytest.mark.parametrize(
    ("value", "error", "text"), [(1.23456, 0.0123, "1.235 ± 0.012"), (2.0, 0.0, "2"), (-3.0, 25.0, "-3 ± 25")]
)
def test_value_with_error(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text
