"""The command that measures what the noise costs a classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli.app import app

MODEL = """\
format = 1
[network]
domain = [[-1, 1], [-1, 1]]
observable = ["x0", "x1"]
[[layers]]
kind = "dense"
W = [[1.0, 0.5], [0.0, 1.0]]
activation = "tanh"
noise = { law = "uniform", half_width = 0.4 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    np.savetxt(tmp_path / "data.csv", np.column_stack([X, X[:, 0] < X[:, 1]]), delimiter=",")
    (tmp_path / "model.toml").write_text(MODEL)
    return tmp_path


def call(folder: Path, *options: object, data: str = "data.csv") -> tuple[int, str]:
    arguments = ["accuracy", str(folder / "model.toml"), str(folder / data), *map(str, options)]
    said = CliRunner().invoke(app, arguments)
    return said.exit_code, said.output


def test_it_says_and_writes_what_the_library_finds(folder: Path) -> None:
    rows = np.loadtxt(folder / "data.csv", delimiter=",")
    net = mz.load(folder / "model.toml").network
    expected = mz.accuracy(net, rows[:, :2], rows[:, 2].astype(int), (0.5, 2.0), samples=50, seed=3)
    code, said = call(folder, "--factor", 0.5, "--factor", 2, "--samples", 50, "--seed", 3, "-o", folder / "out")
    assert code == 0 and all(line in said for line in expected.lines())
    written = json.loads((folder / "out" / "accuracy.json").read_text())
    assert written == {"model": "model.toml", "data": "data.csv"} | expected.to_dict()
    assert (folder / "out" / "accuracy.svg").exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "no rows"),
        ("a,b,c\n", "no table of numbers"),
        ("1,2,0\n1,2\n", "no table of numbers"),
        ("0.1,nan,0\n", "finite"),
        ("0.1,0.2,0.5\n", "classes"),
        ("0.1,0\n", "shape"),
        ("0.1,0.2,7\n", "class 7"),
    ],
)
def test_bad_data_are_refused_in_one_line(folder: Path, content: str, what: str) -> None:
    (folder / "bad.csv").write_text(content)
    code, said = call(folder, data="bad.csv")
    assert code == 2 and what in said and "Traceback" not in said


def test_a_missing_file_is_refused(folder: Path) -> None:
    code, said = call(folder, data="none.csv")
    assert code == 2 and "cannot be read" in said
