"""A valid model file that the tests break in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

GOOD = """\
format = 1

[network]
domain = [[-1, 1]]
observable = "x0"

[[layers]]
kind = "dense"
W = [[1.5]]
b = [0.1]
activation = "tanh"
noise = { law = "uniform", half_width = 0.5 }

[[layers]]
kind = "map"
state = 1
map = ["tanh(w*x0 + b)"]
params = { w = 1.5, b = "1/3" }
noise = { law = "uniform", half_width = 0.5 }

[projection]
family = "legendre"
degree = 3
"""


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(GOOD)
    return path
