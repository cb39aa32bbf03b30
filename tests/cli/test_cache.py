"""mzsym cache info|clear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

from mzsym.cli.app import app
from mzsym.codegen import compile_program, freeze

x = sp.Symbol("x")


def call(*args: str) -> Any:
    return CliRunner().invoke(app, ["cache", *args])


def test_the_cache_is_counted_and_cleared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MZSYM_CACHE", str(tmp_path))
    assert "c      0 entries" in call("info").stdout
    kernel = compile_program(freeze([x**2], [x]), "c")
    assert kernel(np.ones((1, 1))).item() == 1.0
    mine = tmp_path / "c" / "notes.txt"
    mine.write_text("kept")
    found = json.loads(call("info", "--json").stdout)
    files = sum(path.stat().st_size for path in kernel.path.parent.iterdir())
    assert found["c"] == {"kernels": 1, "bytes": files} and found["directory"] == str(tmp_path)
    assert found["numba"] == {"kernels": 0, "bytes": 0} and not found["cleared"]
    said = call("clear")
    assert said.exit_code == 0 and "c      1 entry" in said.stdout
    assert not kernel.path.parent.exists() and mine.read_text() == "kept"
    # What is loaded goes on working, and what is not is built again.
    assert kernel(np.full((1, 1), 3.0)).item() == 9.0
    again = compile_program(freeze([x**2], [x]), "c")
    call("clear")
    assert again(np.full((1, 1), 2.0)).item() == 4.0


def test_a_missing_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "nowhere-cc")
    assert "none, so kernels are compiled by numba alone" in call("info").stdout
    assert json.loads(call("info", "--json").stdout)["compiler"] is None
    assert call("remove").exit_code == 2
