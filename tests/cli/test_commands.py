"""The commands: what they print, their exit codes, and what they leave on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli import commands, pipeline
from mzsym.cli.app import app
from mzsym.cli.workspace import Workspace

MODEL = """\
format = 1
[network]
domain = [[-1, 1]]
observable = "x0"
[[layers]]
kind = "dense"
W = [[1.5]]
b = [0.1]
activation = "tanh"
noise = { law = "uniform", half_width = SCALE }
[[layers]]
kind = "map"
state = 1
map = ["tanh(w*x0)"]
params = { w = 1.2 }
noise = { law = "uniform", half_width = SCALE }
[[layers]]
kind = "dense"
W = [[1.0]]
activation = "tanh"
noise = { law = "uniform", half_width = SCALE }
[projection]
family = "legendre"
degree = 2
"""
FILES = ["certificate.json", "equation.tex", "law.json", "law.svg", "report.html"]
FILES += ["summary.json", "tables.json", "tables.npz"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(MODEL.replace("SCALE", "0.5"))
    return path


def call(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def listing(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def refused(result: Any, said: str, where: str) -> None:
    """Exit code 2 and one message on the error stream, nothing else said."""
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("  ")]
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert said in lines[0]
    assert where in lines[0]
    assert "Traceback" not in result.stderr


def test_version_and_help() -> None:
    assert call("--version").stdout == f"mzsym {mz.__version__}\n"
    text = call("--help").stdout
    for command in ("derive", "verify", "certify", "report", "run"):
        assert command in text
        assert "MODEL.toml" in call(command, "--help").stdout
    assert call("nonsense").exit_code == 2
    assert call("run").exit_code == 2


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mzsym.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sympy', 'numpy', 'scipy', 'numba', 'matplotlib', 'flint', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_derive(model: Path, tmp_path: Path) -> None:
    result = call("derive", model)
    assert result.exit_code == 0
    assert "P(n)*q(n) = P(n)*M(n)*P(n + 1)*q(n + 1)" in result.stdout
    assert "memory(0, 3)     3 x 3" in result.stdout
    out = tmp_path / "new" / "out"
    result = call("derive", model, "-o", out, "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["files"] == [str(out / "equation.tex")]
    assert listing(out) == ["equation.tex"]
    assert r"\begin{document}" in (out / "equation.tex").read_text()


def test_derive_forward(model: Path) -> None:
    result = call("derive", model, "--direction", "forward", "--json")
    data = json.loads(result.stdout)
    assert data["operator"].startswith("P(n + 1)*p(n + 1) =")
    assert call("derive", model, "--direction", "sideways").exit_code == 2


def test_verify(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = call("verify", model)
    assert result.exit_code == 0
    assert "are proved" in result.stdout
    assert json.loads(call("verify", model, "--json").stdout)["steps"][-1] == "projected[0]"

    def broken(self: object) -> None:
        raise commands.DerivationError("insert[1]", "the two sides differ")

    monkeypatch.setattr(sys.modules["mzsym.derive.equation"].Equation, "verify", broken)
    result = call("verify", model)
    assert result.exit_code == 1
    assert "insert[1]" in result.stdout
    assert json.loads(call("verify", model, "--json").stdout)["proved"] is False


def test_certify(model: Path, tmp_path: Path) -> None:
    result = call("certify", model, "--method", "hilbert_schmidt")
    assert result.exit_code == 0
    assert "memory contracts: undecided" in result.stdout
    required = call("certify", model, "--require", "contracts", "--method", "hilbert_schmidt")
    assert required.exit_code == 1
    assert "not proved" in required.stderr
    model.write_text(MODEL.replace("SCALE", "3"))
    out = tmp_path / "out"
    proved = call("certify", model, "--require", "contracts", "--method", "hilbert_schmidt", "-o", out, "--json")
    assert proved.exit_code == 0
    content = json.loads(proved.stdout)
    assert content["contracts"] == "proved"
    assert json.loads((out / "certificate.json").read_text()) == content
    assert listing(out) == ["certificate.json"]


@pytest.mark.parametrize("method", ["dobrushin", "lipschitz"])
def test_certify_other_norms(model: Path, method: str) -> None:
    result = call("certify", model, "--method", method)
    assert result.exit_code == 0 and "other norms, proved" in result.stdout
    content = json.loads(call("certify", model, "--method", method, "--json").stdout)
    other = {"dobrushin": "lipschitz", "lipschitz": "dobrushin"}[method]
    assert content["notes"]["method"] == method
    assert all(layer[method] is not None and layer[other] is None for layer in content["layers"])


def test_run_writes_everything_and_says_what_was_found(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("run", model, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert listing(out) == FILES
    for said in ("memory decays by a factor of", "error of 1 %", "Contraction is proved", str(out / "report.html")):
        assert said in result.stdout
    summary = json.loads((out / "summary.json").read_text())
    tables = json.loads((out / "tables.json").read_text())
    study = mz.load(model)
    ev = mz.compile(mz.derive(study.network, study.projection))
    assert summary["model_sha256"] == study.network.digest
    assert tables["tables"]["memory_0_3"] == ev.memory(0, 3).tolist()
    assert tables["norms"]["memory"][0]["m"] == 2
    assert mz.Network is type(study.network)


def test_run_takes_up_finished_tables(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    calls: list[object] = []
    solve = sys.modules["mzsym.evaluate.evaluator"].solved

    def counted(*args: Any) -> Any:
        calls.append(args)
        return solve(*args)

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mzsym.evaluate.evaluator.solved", counted)
    # The documents have their own tests and take most of the time.
    monkeypatch.setattr(commands, "_write_equation", lambda job, eq, space, c: (space.draft / "equation.tex").touch())
    monkeypatch.setattr(commands, "_write_report", lambda *args: (args[-1].draft / "report.html").touch())
    # Reductions need functions, which are not stored with the tables.
    monkeypatch.setattr(commands, "within_a_share", lambda *args: None)
    with monkeypatch.context() as patch:
        patch.setattr(commands, "_write_report", interrupted)
        result = call("run", model, "-o", out)
        assert result.exit_code == 130
        assert "Traceback" not in result.stderr
    assert listing(out) == [pipeline.CHECKPOINT]
    assert len(calls) == 1
    first = call("run", model, "-o", out)
    assert first.exit_code == 0
    assert len(calls) == 1
    assert listing(out) == FILES
    again = call("run", model, "-o", out)
    assert len(calls) == 1
    assert again.stdout == first.stdout
    # Another model, and a damaged checkpoint, are computed anew.
    (out / "tables.npz").write_bytes((out / "tables.npz").read_bytes()[:-40])
    assert call("run", model, "-o", out).exit_code == 0
    assert len(calls) == 2
    model.write_text(MODEL.replace("SCALE", "0.25"))
    assert call("run", model, "-o", out).exit_code == 0
    assert len(calls) == 3


def test_other_files_in_the_output_directory_stay(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "certificate.json").write_text("old")
    assert call("certify", model, "-o", out, "--method", "hilbert_schmidt").exit_code == 0
    assert listing(out) == ["certificate.json", "notes.txt"]
    assert (out / "notes.txt").read_text() == "mine"
    assert json.loads((out / "certificate.json").read_text())


# -- bad input -----------------------------------------------------------------------------------------------------

BAD = [
    ("half_width = SCALE }", "half_width = 0 }", "half-width is 0", "line 10, layers[0].noise"),
    ("W = [[1.5]]\nb = [0.1]", "W = [[1.5, 1]]\nb = [0.1]", "dimension", "model.toml, line 3"),
    ("tanh(w*x0)", "tanh(w*y0)", "'y0' is neither a state nor a parameter", "line 14, layers[1].map[0], column 8"),
    ("tanh(w*x0)", "__import__('os').system('touch pwned')", "no function '__import__'", "line 14"),
    ("tanh(w*x0)", "x0^(9^9^9)", "exponent", "line 14"),
    ("W = [[1.5]]", "W = [[nan]]", "nan", "line 7, layers[0].W[0][0]"),
    ("domain = [[-1, 1]]", "domains = [[[-1, 1]], [[-1, 1]], [[-2, 2]], [[-2, 2]]]", "given domain",
     "line 3, network.domains[1]"),
    ("degree = 2", "degre = 2", "'degre' is unknown", "line 24, projection.degre"),
    ("degree = 2", 'degree = "2"', "a string, not an integer", "line 24, projection.degree"),
    ("degree = 2", "degree = " + "[" * 10_000, "nest deeper", "line 24"),
    ('{ law = "uniform", half_width = SCALE }\n[projection]', '{ law = "gaussian", scale = 0.1 }\n[projection]',
     "TruncatedGaussian", "line 21, layers[2].noise"),
    ("[projection]\nfamily = \"legendre\"\ndegree = 2\n", "", "states no projection", "model.toml"),
    ("tanh(w*x0)", "log(w*x0)", "", "line 11, layers[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said", "where"), BAD, ids=[case[2] or case[1] for case in BAD])
@pytest.mark.parametrize("command", ["run", "certify"])
def test_bad_input(command: str, tmp_path: Path, old: str, new: str, said: str, where: str) -> None:
    path = tmp_path / "model.toml"
    assert old in MODEL
    path.write_text(MODEL.replace(old, new, 1).replace("SCALE", "0.5"))
    refused(call(command, path, "-o", tmp_path / "out"), said, where)
    assert listing(tmp_path) == ["model.toml"]


def test_truncated_weights(tmp_path: Path) -> None:
    import numpy as np

    path, weights = tmp_path / "model.toml", tmp_path / "w.npz"
    path.write_text(MODEL.replace("W = [[1.5]]", 'weights = "w.npz"\nW = "W"').replace("SCALE", "0.5"))
    np.savez(weights, W=[[1.5]])
    weights.write_bytes(weights.read_bytes()[:100])
    refused(call("run", path, "-o", tmp_path / "out"), "damaged or incomplete", "line 7, layers[0].weights")
    assert listing(tmp_path) == ["model.toml", "w.npz"]


@pytest.mark.parametrize("command", ["run", "report", "derive", "certify"])
def test_unwritable_output(model: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/mzsym"), Path("/proc/mzsym/out")):
        refused(call(command, model, "-o", out), "output directory cannot be written", str(out))
    assert listing(tmp_path) == ["file", "model.toml"]


def test_a_file_in_the_way_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "certificate.json").mkdir(parents=True)
    refused(call("certify", model, "-o", tmp_path / "out", "--method", "hilbert_schmidt"), "cannot be written", "out")
    assert listing(tmp_path / "out") == ["certificate.json"]


def test_workspace_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Workspace(tmp_path / "a" / "b") as space:
        (space.draft / "half").write_text("half")
        raise RuntimeError
    assert listing(tmp_path) == []
    (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt), Workspace(tmp_path / "a") as space:
        raise KeyboardInterrupt
    assert listing(tmp_path) == ["a"]
    assert listing(tmp_path / "a") == []


# -- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_stopped_in_the_middle(tmp_path: Path, name: str, code: int) -> None:
    path = tmp_path / "model.toml"
    path.write_text(MODEL.replace("SCALE", "0.5"))
    environment = {**os.environ, "MZSYM_CACHE": str(tmp_path / "cache"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "mzsym.cli", "run", str(path), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        # A shell that starts the tests in the background has SIGINT ignored, which a child would inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stderr is not None
    # The stage after the proof is the compilation of the tables: cold, so it lasts.
    said = ""
    while "Proving every step" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    stdout, rest = process.communicate(timeout=120)
    assert process.returncode == code, said + rest
    assert "Traceback" not in rest
    assert stdout == ""
    out = tmp_path / "out"
    assert not out.exists() or listing(out) == [pipeline.CHECKPOINT]


def test_reduce_finds_the_smallest_depth(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("reduce", model, "--tolerance", "0.05", "-o", out, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    study = mz.load(model)
    r = mz.reduce(study.network, study.projection, tolerance=0.05)
    assert data["depth"] == r.depth == 2 and data["of"] == 3 and data["error_bound"] == r.error_bound
    assert data["readouts"]["1"] == r.readouts[1].tolist() and len(data["depths"]) == 3
    assert listing(out) == ["reduction.json", "shallow.json", "shallow.tex"] and data["standing"] == str(r.standing)
    assert json.loads((out / "shallow.json").read_text())["format"] == "mzsym shallow network 1"
    words = call("reduce", model, "--depth", "1")
    assert words.exit_code == 0 and "Shallow network of 1 of 3 layers" in words.stdout


def test_reduce_refuses_what_no_depth_reaches(model: Path) -> None:
    refused(call("reduce", model, "--tolerance", "1e-9"), "best that can be reached", "model.toml")
    refused(call("reduce", model), "Either a tolerance or a depth", "model.toml")
    refused(call("reduce", model, "--depth", "9"), "The depth is 9", "model.toml")


def test_run_says_how_few_layers_do(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("run", model, "-o", out)
    assert "The first 2 of 3 layers, read out, replace the network up to" in result.stdout
    shallow = json.loads((out / "summary.json").read_text())["shallow"]
    assert shallow["depth"] == 2 and shallow["measured_error"] <= shallow["bound"]
    assert "A shallow network in its place" in (out / "report.html").read_text()
