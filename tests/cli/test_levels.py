"""The commands that ask a certificate backwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli.app import app

MODEL = (
    """\
format = 1
[network]
domain = [[-1, 1]]
observable = "x0"
[projection]
family = "legendre"
degree = 1
"""
    + 4
    * """\
[[layers]]
kind = "dense"
W = [[1.5]]
activation = "tanh"
noise = { law = "uniform", half_width = 0.4 }
"""
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(MODEL)
    return path


def call(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_noise_says_what_the_library_finds(model: Path) -> None:
    study = mz.load(model)
    assert study.projection is not None
    level = mz.minimal_noise(study.network, 1, study.projection, 0.9)
    found = json.loads(call("noise", model, "--layer", 1, "--kappa", 0.9, "--json").stdout)
    assert found == {"model": "model.toml", "files": []} | json.loads(json.dumps(level.to_dict()))
    said = call("noise", model, "--layer", 1)
    assert said.exit_code == 0 and said.stdout.splitlines() == list(level.lines())


def test_noise_is_written_and_checked(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("noise", model, "--layer", 1, "--method", "hilbert_schmidt", "-o", out).exit_code == 0
    checked = call("check", out / "noise.json")
    assert checked.exit_code == 0 and "0 NOT CONFIRMED, 0 not checked" in checked.stdout


def test_noise_refuses_in_one_line(model: Path) -> None:
    for options, what in ((("--layer", 7), "There is no layer 7"), (("--kappa", 2), "kappa is 2.0")):
        said = call("noise", model, *options)
        assert said.exit_code == 2 and what in said.output and "Traceback" not in said.output


def test_advise_says_what_the_library_says(model: Path) -> None:
    # Two of the four layers.
    model.write_text("[[layers]]".join(MODEL.split("[[layers]]")[:3]))
    advice = mz.advise(mz.load(model).network, 1e-2)
    found = json.loads(call("advise", model, "--tolerance", 1e-2, "--json").stdout)
    assert found == {"model": "model.toml"} | json.loads(json.dumps(advice.to_dict()))
    assert call("advise", model, "--tolerance", 1e-2).stdout.splitlines() == list(advice.lines())
    said = call("advise", model, "--tolerance", 0)
    assert said.exit_code == 2 and "tolerance is 0.0" in said.output


def test_a_long_search_says_where_it_is(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mzsym.cli.progress.OFTEN", 0.0)
    said = call("noise", model, "--layer", 1).stderr.splitlines()
    levels = [line for line in said if "Looking for the noise level: at " in line]
    study = mz.load(model)
    assert study.projection is not None
    seen: list[Any] = []
    mz.minimal_noise(study.network, 1, study.projection, 0.9, progress=seen.append)
    assert len(levels) == len(seen) and all(
        f"at {t.level:g} the norm is at most" in s for t, s in zip(seen, levels, strict=True)
    )


def test_certificates_and_maps_count_their_parts() -> None:
    seen: list[tuple[int, int]] = []

    def count(done: int, among: int) -> None:
        seen.append((done, among))

    layer = mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)]))
    mz.certify(net, mz.Legendre(1), progress=count)
    mz.proved_region(lambda w, s: net.with_params({(0, "scale"): s}), [1.0], [0.3, 0.4], mz.Legendre(0), progress=count)
    assert seen == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]
