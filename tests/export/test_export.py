"""Exported packages: they run where neither mzsym nor SymPy can be imported, and give the evaluator's numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli.app import app
from mzsym.evaluate import Evaluator
from mzsym.evaluate.stored import all_tables
from mzsym.reduce import Reduction

x, y = mz.state(1)[0], mz.state(2)
w = sp.Symbol("w", real=True)
W, B = [[0.9, 0.4], [-0.5, 0.7]], [0.1, -0.2]

ALONE = """
import sys
sys.path.insert(0, {folder!r})
sys.modules["mzsym"] = sys.modules["sympy"] = None
import numpy as np
import mine
{code}
"""


def line(activation: str = "tanh", noise: Any = None, depth: int = 3, **more: Any) -> mz.Network:
    layer = mz.dense([[1.3]], [0.1], activation=activation, noise=noise or mz.Uniform(0.4))
    return mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=more.pop("observable", x), **more)


def networks() -> dict[str, tuple[mz.Network, Any, str]]:
    box, square = mz.Box([(-1, 1)]), mz.Box([(-1, 1)] * 2)
    stated = mz.Layer([sp.tanh(w * x) + x / 3], state=[x], noise=mz.TruncatedGaussian(0.2), params={w: 1.1})
    plane = [mz.dense(W, B, activation="tanh", noise=mz.Uniform(0.5))] * 2
    normal = [mz.dense([[0.8]], activation="tanh", noise=mz.Gaussian(0.3))] * 2
    constant = [mz.dense([[0.0]], activation="tanh", noise=mz.Uniform(0.3))] * 2
    return {
        "spectral": (line(observable=[x, x**2]), mz.Legendre(3), "backward"),
        "panels": (line("leaky_relu"), mz.Legendre(2), "backward"),
        "stated": (mz.Network([stated] * 2, domain=box, observable=sp.cos(x)), mz.Legendre(2), "backward"),
        "plane": (mz.Network(plane, domain=square, observable=y[0] * y[1]), mz.Legendre(2), "backward"),
        "normal": (mz.Network(normal, observable=x), mz.Hermite(2), "backward"),
        "quiet": (line(noise=mz.Deterministic(), depth=2), mz.Legendre(1), "backward"),
        "constant": (mz.Network(constant, domain=box, observable=x), mz.Legendre(1), "backward"),
        "forward": (line(depth=3), mz.Legendre(2), "forward"),
    }


def evaluator(name: str) -> Evaluator:
    net, projection, direction = networks()[name]
    return mz.compile(mz.derive(net, projection, direction=direction))


def alone(folder: Path, code: str) -> None:
    """Run code with the exported module ``mine``."""
    text = ALONE.format(folder=str(folder), code=code)
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def measured(ev: Evaluator, folder: Path) -> None:
    """Tables and the expectation of the module ``mine`` against the evaluator."""
    tables = all_tables(ev)
    calls = []
    for name in tables:
        kind, *indices = name.split("_")
        calls.append(f"{name}=mine.{kind}({', '.join(indices)})")
    X = ev.network.sample_input(500, seed=5)
    np.save(folder / "X.npy", X)
    if ev.direction == "backward":
        calls.append("expectation=mine.expectation(np.load('X.npy'))")
    alone(folder, f"np.savez('found.npz', {', '.join(calls)})")
    with np.load(folder / "found.npz") as found:
        for name, table in tables.items():
            assert np.array_equal(found[name], table), name
        if ev.direction == "backward":
            assert np.abs(found["expectation"] - ev.expectation(X)).max() < 1e-13


@pytest.mark.parametrize("name", ["spectral", "panels", "plane", "forward"])
def test_numba_file(name: str, tmp_path: Path) -> None:
    ev = evaluator(name)
    files = mz.export(ev, tmp_path, "numba", name="mine")
    assert [path.name for path in files] == ["mine.py"]
    measured(ev, tmp_path)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("name", networks())
def test_c_package(name: str, tmp_path: Path) -> None:
    ev = evaluator(name)
    mz.export(ev, tmp_path, "c", name="mine")
    make(tmp_path, "all", "test", "example", *(["sanitize"] if name in ("panels", "plane") else []))
    measured(ev, tmp_path)


def make(folder: Path, *goals: str) -> None:
    done = subprocess.run(["make", "-C", str(folder), *goals], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_test_of_a_package_can_fail(tmp_path: Path) -> None:
    mz.export(evaluator("panels"), tmp_path, "c", name="mine")
    source = (tmp_path / "mine.c").read_text()
    (tmp_path / "mine.c").write_text(source.replace("mine_up[j] * t * now", "mine_up[j] * now"))
    done = subprocess.run(["make", "-C", str(tmp_path), "test"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "FAILED expectation" in done.stdout


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_threads_share_a_package(tmp_path: Path) -> None:
    ev = evaluator("plane")
    mz.export(ev, tmp_path, "c", name="mine")
    make(tmp_path, "all")
    code = """
from concurrent.futures import ThreadPoolExecutor
X = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
whole = mine.expectation(X)
with ThreadPoolExecutor(8) as pool:
    parts = list(pool.map(lambda k: mine.expectation(X[k::8]), range(8)))
assert all(np.array_equal(part, whole[k::8]) for k, part in enumerate(parts))
"""
    alone(tmp_path, code)


def test_json_is_exact(tmp_path: Path) -> None:
    ev = evaluator("spectral")
    (path,) = mz.export(ev, tmp_path, "json", name="mine")
    found = json.loads(path.read_text(encoding="utf-8"))
    for name, table in all_tables(ev).items():
        stored = found["tables"][name]
        values = np.array([float.fromhex(value) for value in stored["values"]]).reshape(stored["shape"])
        assert np.array_equal(values, table)
    assert found["standing"] == "estimated" and ev.network.digest in " ".join(found["about"])


def test_terms_are_functions_of_their_parameters(tmp_path: Path) -> None:
    linear = [mz.Layer([w * x], state=[x], noise=mz.Uniform(0.4), params={w: 1.2})] * 2
    term = mz.derive(mz.Network(linear, domain=mz.Box([(-1, 1)]), observable=x), mz.Legendre(2)).streaming(0)
    assert term.closed
    symbols = sorted(term.expr.free_symbols, key=lambda s: s.name)
    sets = np.array([[0.4 + 0.3 * k + 0.05 * i * i for k in range(len(symbols))] for i in range(3)])
    exact = np.array([[float(e.subs(dict(zip(symbols, row, strict=True)))) for e in term.expr] for row in sets])
    np.save(tmp_path / "sets.npy", sets)
    code = "S = np.load('sets.npy'); np.save('found.npy', mine.term(S)); assert len(mine.PARAMETERS) == S.shape[1]"
    for target in ("numba", "c") if shutil.which("cc") else ("numba",):
        folder = tmp_path / target
        mz.export(term, folder, target, name="mine")
        if target == "c":
            make(folder, "all", "test", "example", "sanitize")
        alone(folder, code.replace("'sets.npy'", repr(str(tmp_path / "sets.npy"))))
        found = np.load(folder / "found.npy")
        assert found.shape == (3, *term.shape)
        assert np.abs(found.reshape(3, -1) - exact).max() < 1e-13
    (path,) = mz.export(term, tmp_path, "json", name="mine")
    assert len(json.loads(path.read_text())["outputs"]) == term.shape[0] * term.shape[1]


def test_latex(tmp_path: Path) -> None:
    ev = evaluator("spectral")
    eq = mz.derive(ev.network, ev.projection)
    for what in (ev, eq, eq.streaming(0)):
        (path,) = mz.export(what, tmp_path, "latex", name="mine")
        text = path.read_text(encoding="utf-8")
        assert text.startswith(r"\documentclass") and r"\end{document}" in text
        if shutil.which("pdflatex"):
            command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "mine.tex"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-2000:]


def test_command(tmp_path: Path) -> None:
    net, projection, _ = networks()["spectral"]
    mz.save(net, tmp_path / "m.toml", projection=projection)
    result = CliRunner().invoke(
        app, ["export", str(tmp_path / "m.toml"), "-o", str(tmp_path / "o"), "--target", "json", "--name", "mine"]
    )
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["mine.json"]


@pytest.mark.parametrize(
    ("what", "target", "name", "words"),
    [
        ("ev", "rust", "mine", "no target 'rust'"),
        ("ev", "c", "two words", "no identifier"),
        ("ev", "c", "int main(", "no identifier"),
        ("eq", "c", "mine", "An equation has no numbers"),
        ("term", "numba", "mine", "is not closed"),
        ("text", "json", "mine", "cannot be exported"),
        ("large", "c", "mine", "source text takes at most"),
    ],
)
def test_refusals(what: str, target: Any, name: str, words: str, tmp_path: Path) -> None:
    layers = [mz.dense([[1.0]], activation="gelu", noise=mz.TruncatedGaussian(0.3))] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)
    made: Any = {
        "ev": lambda: evaluator("quiet"),
        "eq": lambda: mz.derive(net, mz.Legendre(1)),
        "term": lambda: mz.derive(net, mz.Legendre(2)).memory(0, 2),
        "text": lambda: "x",
        "large": lambda: mz.compile(mz.derive(line(depth=8), mz.Legendre(80)), options=mz.Options(tolerance=1e-3)),
    }[what]()
    with pytest.raises(mz.MzError, match=words):
        mz.export(made, tmp_path / "out", target, name=name)
    assert not (tmp_path / "out").exists()


@lru_cache(maxsize=3)
def reduction(name: str) -> Reduction:
    net, projection, _ = networks()[name]
    return mz.reduce(net, projection, depth=2)


def shallow_measured(r: Reduction, folder: Path) -> None:
    """Read-outs and the mean of the module ``mine`` against the reduction."""
    X = r.network.sample_input(300, seed=5)
    np.save(folder / "X.npy", X)
    calls = [f"readout_{m}=mine.readout({m})" for m in r.readouts]
    alone(folder, f"np.savez('found.npz', expectation=mine.expectation(np.load('X.npy')), {', '.join(calls)})")
    with np.load(folder / "found.npz") as found:
        assert np.abs(found["expectation"] - r.predict(X)).max() < 1e-13
        for m, alpha in r.readouts.items():
            assert np.array_equal(found[f"readout_{m}"], alpha)


@pytest.mark.parametrize("name", ["spectral", "panels"])
def test_a_shallow_network_as_a_numba_file(name: str, tmp_path: Path) -> None:
    r = reduction(name)
    mz.export(r, tmp_path, "numba", name="mine")
    shallow_measured(r, tmp_path)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("name", ["spectral", "panels", "plane"])
def test_a_shallow_network_as_a_c_package(name: str, tmp_path: Path) -> None:
    r = reduction(name)
    mz.export(r, tmp_path, "c", name="mine")
    make(tmp_path, "all", "test", "example")
    shallow_measured(r, tmp_path)


def test_a_shallow_network_as_text(tmp_path: Path) -> None:
    r = reduction("spectral")
    mz.export(r, tmp_path, "json", name="mine")
    mz.export(r, tmp_path, "latex", name="mine")
    data = json.loads((tmp_path / "mine.json").read_text())
    values = [float.fromhex(text) for text in data["tables"]["readout_1"]["values"]]
    assert np.array_equal(np.reshape(values, data["tables"]["readout_1"]["shape"]), r.readouts[1])
    assert float.fromhex(data["tolerance_reached"]["error_bound"]) == r.error_bound
    tex = (tmp_path / "mine.tex").read_text()
    assert r"\section{The shallow network}" in tex and tex.rstrip().endswith(r"\end{document}")
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") and "The observable is" not in tex
