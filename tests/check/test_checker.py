"""Certificates as a stranger checks them: valid ones pass, altered ones are refused, nothing but flint is needed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mzsym as mz
from mzsym.certify.certificate_json import digest, number
from mzsym.check import checker
from mzsym.check.checker import CONFIRMED, FAILED, UNCHECKED, BadFileError, check_text
from mzsym.cli.app import app

from .alterations import campaign, text

LINE = mz.Box([(-1, 1)])
PLANE = mz.Box([(-1, 1), (-0.5, 2)])


def chain(weights: Any, activation: Any, noise: Any, box: mz.Box = LINE, depth: int = 3) -> mz.Network:
    layer = mz.dense(weights, [0.1] * len(weights), activation=activation, noise=noise)
    return mz.Network([layer] * depth, domain=box)


def mixed() -> mz.Network:
    swap = [[1.0, 0.3], [-0.4, 0.7]]
    return mz.Network(
        [
            mz.residual(swap, [0.1, 0.2], activation="silu", step=0.5, noise=mz.Uniform(0.5)),
            mz.dense([[1.0, -0.5]], [0.1], activation="relu", noise=mz.TruncatedGaussian(0.3, cutoff=3)),
            mz.dense([[1.0]], activation="gelu", noise=mz.Uniform(1)),
            mz.dense([[1.3]], activation="sin", noise=mz.Uniform(1)),
        ],
        domain=PLANE,
    )


NETWORKS: dict[str, Any] = {
    "tanh": lambda: chain([[1.0]], "tanh", mz.Uniform(0.5)),
    "short": lambda: chain([[1.0]], "tanh", mz.Uniform(0.5), depth=1),
    "steep": lambda: chain([[-3.0]], "sigmoid", mz.Uniform(0.2), depth=1),
    "plane": lambda: chain([[0.7, -0.2], [0.1, 1.1]], "tanh", mz.TruncatedGaussian(0.4, cutoff=3), PLANE),
    "kinks": lambda: chain([[0.7, -0.2], [0.1, 1.1]], ("leaky_relu", 0.1), mz.Uniform(0.7), PLANE),
    "mixed": mixed,
    "still": lambda: mz.Network(
        [mz.dense([[1.0]], activation="tanh", noise=noise) for noise in (mz.Uniform(1), None, mz.Uniform(1))],
        domain=LINE,
    ),
    "exact": lambda: chain([[0.5]], "identity", mz.Uniform(0.25)),
    "one": lambda: chain([[0.5]], "erf", mz.Uniform(0.25), depth=1),
    "deep": lambda: chain([[0.5]], "arctan", mz.Uniform(0.5), depth=20),
}


def made(name: str, measure: str = "uniform", method: Any = "hilbert_schmidt", degree: int = 2) -> dict[str, Any]:
    content = mz.certify(NETWORKS[name](), mz.Legendre(degree, measure), method=method).to_json()
    found: dict[str, Any] = json.loads(content)
    return found


def resealed(content: Any) -> str:
    """With the digests of the file and of those in it recomputed."""
    for item in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        resealed(item)
    if isinstance(content, dict) and "sha256" in content:
        content["sha256"] = digest(content)
    return text(content)


def statuses(source: str) -> set[str]:
    return {found.status for found in check_text(source)}


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("name", NETWORKS)
def test_valid_certificates_are_confirmed(name: str, measure: str) -> None:
    assert statuses(text(made(name, measure))) == {CONFIRMED}


@pytest.mark.parametrize(("name", "measure", "degree"), [("steep", "lebesgue", 0), ("short", "uniform", 2)])
def test_sharp_enclosures_are_confirmed(name: str, measure: str, degree: int) -> None:
    content = made(name, measure, "sharp", degree)
    assert content["layers"][0]["functions"] >= 40
    assert statuses(text(content)) == {CONFIRMED}


def test_a_thousand_alterations_of_every_kind() -> None:
    """Half of them with the digest of the file recomputed; what passes claims no more than the original."""
    counts = campaign([made(name) for name in ("tanh", "mixed", "still", "plane")], 1000, 20261128)
    assert counts["refused"] == 500 + counts["refused, sealed anew"] and counts["refused, sealed anew"] > 200


def test_alterations_of_sharp_certificates() -> None:
    counts = campaign([made("short", "uniform", "sharp")], 60, 7)
    assert sum(counts.values()) == 60 + counts["refused, sealed anew"]


def test_sharp_claims_cannot_be_tightened() -> None:
    """Every bound of a sharp certificate, moved by a part of its width beyond the other side of the enclosure."""
    original = made("short", "uniform", "sharp")
    for key, other in (("upper", "lower"), ("lower", "upper")):
        for prefix in ("", "interior_"):
            new = json.loads(text(original))
            numbers = [float.fromhex(original["layers"][0][prefix + name]["hex"]) for name in (key, other)]
            beyond = numbers[1] + 0.01 * (numbers[1] - numbers[0])
            new["layers"][0][prefix + key] = {"hex": beyond.hex(), "approximately": beyond}
            failing = [found for found in check_text(resealed(new)) if found.status == FAILED]
            assert any("layer 0" in found.line and "24" in found.line for found in failing), (prefix, key)


@pytest.mark.parametrize("kind", ["weight", "bias", "scale", "box", "activation"])
def test_another_model_is_another_claim(kind: str) -> None:
    """With the digest recomputed a model whose image is larger fails at its domain, and without at its digest."""
    content = made("tanh")
    layer = content["model"]["layers"][0]
    if kind == "weight":
        layer["W"][0][0] = (1.0 + 2.0**-40).hex()
    elif kind == "bias":
        layer["b"][0] = "1/9"
    elif kind == "scale":
        layer["noise"][0]["scale"] = "51/100"
    elif kind == "box":
        content["model"]["domains"][0][0][1] = (1.0 + 2.0**-40).hex()
    else:
        layer["activation"] = "identity"
    with pytest.raises(BadFileError, match="digest does not fit"):
        check_text(text(content))
    failing = [found.line for found in check_text(resealed(content)) if found.status == FAILED]
    assert "layer 0, domain (2)" in failing


def test_what_fails_is_named() -> None:
    content = made("tanh")
    content["contracts"] = "proved"
    content["layers"][0]["entrance_upper"] = {"hex": "0x1p-1", "approximately": 0.5}
    lines = [found.line for found in check_text(resealed(content)) if found.status == FAILED]
    assert lines == ["layer 0, Hilbert-Schmidt norms (23)", "contraction (22)"]


def test_what_is_not_checked_is_said(tmp_path: Path) -> None:
    net = mz.Network([mz.Layer([mz.state(1)[0] / 2], mz.state(1), noise=mz.Uniform(1))] * 2, domain=LINE)
    path = tmp_path / "c.json"
    mz.certify(net, mz.Legendre(1), method="hilbert_schmidt").to_json(path)
    assert UNCHECKED in statuses(path.read_text())
    said: list[str] = []
    assert checker.run(str(path), say=said.append) == 1
    assert any("not checked: layer 0, domain (2): a map given by expressions" in line for line in said)
    assert checker.run(str(path), allow_unchecked=True, say=said.append) == 0


def test_conclusions_from_what_is_not_checked_are_not_confirmed() -> None:
    """A certificate that says its memory contracts, by norms that nobody here can check, and that are wrong."""
    layer = mz.dense([[3.0]], [0.5], activation="hardtanh", noise=mz.Uniform(0.1))
    net = mz.Network([layer] * 4, domain=LINE, observable=mz.state(1)[0])
    content = json.loads(mz.certify(net, mz.Legendre(1), method="sharp").to_json())
    for one in content["layers"]:
        one |= {"upper": number(2.0**-10), "interior_upper": number(2.0**-10)}
        one |= {"lower": number(0.0), "interior_lower": number(0.0)}
    content["contracts"] = "proved"
    for one in content["memory_bounds"]:
        one["bound"] = number(1e-2)
    said = {one.line: one.status for one in check_text(resealed(content))}
    assert said["contraction (22)"] == said["memory bound K(0, 2) (22)"] == UNCHECKED
    assert CONFIRMED not in {status for line, status in said.items() if line.endswith("(22)")}


def test_a_law_measure_is_not_checked() -> None:
    net = chain([[1.0]], "tanh", mz.Uniform(2))
    assert UNCHECKED in statuses(mz.certify(net, mz.Legendre(1, "law"), method="dobrushin").to_json())


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text(made("tanh")))
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 0 and "10 confirmed, 0 NOT CONFIRMED, 0 not checked" in result.stdout
    path.write_text(path.read_text().replace("proved", "certain"))
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2 and "refused" in result.stdout
    assert CliRunner().invoke(app, ["check", str(tmp_path / "none.json")]).exit_code == 2


def test_it_is_one_short_file_on_flint_alone() -> None:
    source = Path(checker.__file__).read_text(encoding="utf-8")
    assert source.count("\n") <= 600
    found = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports(source)}
    assert found - {"flint"} <= sys.stdlib_module_names | {"collections.abc"}


def imports(source: str) -> list[Any]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]


BLOCKED = """
import runpy, sys
for name in ("mzsym", "sympy", "numpy", "scipy", "mpmath"):
    sys.modules[name] = None
sys.argv = ["checker.py", sys.argv[1]]
runpy.run_path("checker.py", run_name="__main__")
"""


def test_it_runs_copied_out_with_flint_alone(tmp_path: Path) -> None:
    (tmp_path / "checker.py").write_text(Path(checker.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "c.json").write_text(text(made("mixed")))
    command = [sys.executable, "-I", "-c", BLOCKED, "c.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 NOT CONFIRMED" in done.stdout
