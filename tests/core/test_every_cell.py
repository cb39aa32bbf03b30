"""Every activation of the primitive table has its cell in every table; the message names the ones that lack it."""

from __future__ import annotations

from importlib import import_module

import pytest

from mzsym.core.primitives import PRIMITIVES

TABLES = (
    ("mzsym.balls.primitives", "HULLS"),
    ("mzsym.balls.slopes", "SLOPES"),
    ("mzsym.calculus.cells", "ANTIDERIVATIVE"),
    ("mzsym.calculus.cells", "GAUSSIAN"),
    ("mzsym.calculus.cells", "TRUNCATED"),
    ("mzsym.codegen.digits", "PRIMITIVES"),
)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_no_cell_is_missing(name: str) -> None:
    missing = [f"{module}.{table}" for module, table in TABLES if name not in getattr(import_module(module), table)]
    assert not missing, f"{name} has no cell in {', '.join(missing)}"
