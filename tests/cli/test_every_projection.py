"""The main job on a small model of every projection, with a box and without: it runs, and its files can be read."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli.app import app

x, y = mz.state(1)[0], sp.Symbol("y", real=True)
FILES = {"certificate.json", "equation.tex", "law.json", "report.html", "summary.json", "tables.json", "tables.npz"}

BOXED = {
    "legendre": mz.Legendre(2),
    "lebesgue": mz.Legendre(1, "lebesgue"),
    "law": mz.Legendre(1, "law"),
    "mean": mz.Mean(),
    "basis": mz.Basis([1, sp.sin(x)]),
    "oblique": mz.Basis([1, x], test=[1, x**3]),
    "weight": mz.Basis([1, x], 1 + x**2 / 2),
    "kernel": mz.Kernel(1 + 3 * x * y, x, y),
}
OPEN = {
    "hermite": mz.Hermite(2),
    "gaussian": mz.Basis([1, x**2], "gaussian"),
    "law": mz.Basis([1, x], "law"),
    "mean": mz.Mean("law"),
}
PLANE = {"conditional": mz.Conditional([0]), "conditional-law": mz.Conditional([1], "law")}


def network(kind: str) -> mz.Network:
    if kind == "plane":
        W = [[0.9, 0.4], [-0.5, 0.7]]
        layer = mz.dense(W, [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.4))
        return mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    noise = mz.Uniform(0.4) if kind == "boxed" else mz.Gaussian(0.4)
    layer = mz.dense([[0.8]], [0.1], activation="tanh", noise=noise)
    box = mz.Box([(-1, 1)]) if kind == "boxed" else None
    return mz.Network([layer] * 2, domain=box, observable=x)


FAMILIES: dict[str, dict[str, Any]] = {"boxed": BOXED, "open": OPEN, "plane": PLANE}
CASES = [(kind, name, projection) for kind in FAMILIES for name, projection in FAMILIES[kind].items()]


@pytest.mark.parametrize(("kind", "name", "projection"), CASES, ids=[f"{kind}-{name}" for kind, name, _ in CASES])
def test_the_main_job(kind: str, name: str, projection: Any, tmp_path: Path) -> None:
    model, out = tmp_path / "model.toml", tmp_path / "out"
    net = network(kind)
    mz.save(net, model, projection=projection, options=mz.Options(tolerance=1e-6))
    result = CliRunner().invoke(app, ["run", str(model), "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} >= FILES
    HTMLParser().feed((out / "report.html").read_text(encoding="utf-8"))
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    ev = mz.compile(mz.derive(net, projection), options=mz.Options(tolerance=1e-6))
    with np.load(out / "tables.npz") as tables:
        assert np.allclose(tables["memory_0_2"], np.asarray(ev.memory(0, 2)), rtol=0, atol=1e-12)
    assert summary["memory_by_lag"][0]["norm"] == pytest.approx(ev.norm("memory", 0, 2), abs=1e-12)
    text = (out / "equation.tex").read_text(encoding="utf-8")
    assert ("\\mathbb{R}$" in text) == (kind == "open")
