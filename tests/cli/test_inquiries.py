"""The commands that ask about terms: cost, explain, and derive with filters."""

from __future__ import annotations

import json
import subprocess
import sys
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
observable = "exp(x0)"
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
PROJECTION = """\
[projection]
family = "legendre"
degree = 1
[options]
max_total_operations = 1200
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(MODEL + PROJECTION)
    return path


def call(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_cost_keeps_to_the_budget_of_the_file(model: Path) -> None:
    found = json.loads(call("cost", model, "--json").stdout)
    assert found["budget"] == 1200 and found["total"] <= 1200
    assert len(found["terms"]) == 4 + 6 + 4
    assert {row["state"] for row in found["terms"]} >= {"written", "left"}
    said = call("cost", model, "--max-lag", 2)
    assert said.exit_code == 0 and "memory, lag 2:" in said.stdout and "lag 3" not in said.stdout
    assert "(budget 1.2e+03)" in said.stdout


def test_explain_agrees_with_the_library(model: Path) -> None:
    study = mz.load(model)
    assert study.projection is not None
    ev = mz.compile(mz.derive(study.network, study.projection))
    found = json.loads(call("explain", model, "--term", "memory(0, 3)", "--json").stdout)
    ours = mz.explain(ev, "memory", 0, 3)
    assert found["explained"]["words"] == list(ours.lines())
    assert found["explained"]["passages"][0]["kept"] == pytest.approx(ours.passages[0].kept)
    assert found["explained"]["standing"] == "estimated"
    assert [row["norm"] for row in found["terms"]] == pytest.approx([term.norm for term in ev.terms()])
    said = call("explain", model)
    assert said.exit_code == 0 and "has norm" in said.stdout and "What " in said.stdout


@pytest.mark.parametrize(
    "term", ["memory 0", "memory 0 1", "noise", "ghost 3", "", "memory 0 -2", "streaming 9", "memory ² 3"]
)
def test_a_term_that_does_not_exist_is_refused(model: Path, term: str) -> None:
    found = call("explain", model, "--term", term)
    assert found.exit_code == 2 and found.stderr.count("Error:") == 1 and "Traceback" not in found.output


def test_derive_leaves_out_what_the_filters_say(model: Path, tmp_path: Path) -> None:
    said = call("derive", model, "--max-lag", 1)
    assert said.exit_code == 0 and "memory" not in said.stdout.split("written")[0].split("proved:")[1].split("\n", 2)[2]
    large = call("derive", model, "--above", 0.5)
    assert large.exit_code == 0 and "streaming(0)" in large.stdout and "noise(" not in large.stdout
    assert call("derive", model, "--max-lag", 1, "-o", tmp_path / "out").exit_code == 0
    text = (tmp_path / "out" / "equation.tex").read_text()
    assert "Left out, because of the lag or the norm asked for: 6 of 14 terms." in text
    for bad in (("--max-lag", 0), ("--above", -1)):
        refused = call("derive", model, *bad)
        assert refused.exit_code == 2 and "Traceback" not in refused.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("command", "streams", "code"),
    [
        ("cost", ">/dev/full", 2),
        ("verify", ">/dev/full 2>/dev/full", 2),
        ("derive --json", "2>&- >/dev/null", 0),
        ("derive --json", ">&-", 0),
        ("cost", "2>/dev/full >/dev/null", 0),
    ],
)
def test_streams_that_cannot_be_written_end_without_a_traceback(
    model: Path, tmp_path: Path, command: str, streams: str, code: int
) -> None:
    call_ = f'exec 3>&2; "{sys.executable}" -m mzsym.cli.main {command} "{model}" {streams}'
    found = subprocess.run(["bash", "-c", call_], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == code, found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError("maximum recursion depth exceeded"), OSError(28, "full")]
)
def test_running_out_of_something_is_said_in_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("mzsym.cli.inquiries.cost", fails)
    found = call("cost", model)
    assert found.exit_code == 2 and found.stderr.count("Error:") == 1 and "Traceback" not in found.output
