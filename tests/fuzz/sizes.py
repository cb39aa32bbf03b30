"""Models that are valid and far too large for something: each command answers or refuses within its time and memory."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.inputs import toml
from tests.fuzz.worker import MEMORY

Model = tuple[bytes, bytes | None]


def _tanh(**more: Any) -> dict[str, Any]:
    return {
        "kind": "dense",
        "W": [[0.9]],
        "activation": "tanh",
        "noise": {"law": "uniform", "half_width": 0.4},
    } | more


def _model(layers: list[dict[str, Any]], dim: int = 1, **more: Any) -> dict[str, Any]:
    network: dict[str, Any] = {"domain": [[-1, 1]] * dim, "observable": "x0"}
    return {
        "format": 1,
        "network": network,
        "layers": layers,
        "projection": {"family": "legendre", "degree": 1},
    } | more


def _wide(width: int, depth: int, degree: int = 1, activation: str = "tanh") -> Model:
    rng = np.random.default_rng(0)
    arrays = {f"W{n}": rng.normal(size=(width, width)) / width for n in range(depth)}
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    layers = [_tanh(W=f"W{n}", weights="weights.npz", activation=activation) for n in range(depth)]
    return toml(_model(layers, width, projection={"family": "legendre", "degree": degree})), stream.getvalue()


def _deep(depth: int, degree: int = 1) -> Model:
    return toml(_model([_tanh()] * depth, projection={"family": "legendre", "degree": degree})), None


def _degree(degree: int, dim: int, family: str = "legendre") -> Model:
    layer = _tanh(W=np.eye(dim).tolist())
    return toml(_model([layer] * 3, dim, projection={"family": family, "degree": degree})), None


def _observables(count: int) -> Model:
    model = _model([_tanh()] * 3)
    model["network"]["observable"] = [f"sin({k}*x0)" for k in range(count)]
    return toml(model), None


def _expressions(characters: int, layers: int) -> Model:
    text = "+".join(f"sin({k}*x0)/{k + 1}" for k in range(characters // 16))
    layer = {"kind": "map", "state": 1, "map": [text], "noise": {"law": "uniform", "half_width": 0.4}}
    return toml(_model([layer] * layers)), None


def _basis(count: int) -> Model:
    functions = [f"x0^{k}" for k in range(count)]
    return toml(_model([_tanh()] * 2, projection={"family": "basis", "exprs": functions})), None


def _random_weights(width: int) -> Model:
    layer = _tanh(W=[[0.1] * width] * width, weight_noise={"law": "uniform", "half_width": 0.05})
    return toml(_model([layer] * 2, width)), None


def _powers(power: int) -> Model:
    layer = {
        "kind": "map",
        "state": 2,
        "map": [f"(x0 + x1/2)^{power}/10", f"(x0*x1 + x0^2/3)^{power}/10"],
        "noise": {"law": "uniform", "half_width": 0.4},
    }
    return toml(_model([layer] * 3, 2, projection={"family": "legendre", "degree": 5})), None


LARGE: dict[str, Callable[[], Model]] = {
    "deep-300": lambda: _deep(300),
    "deep-1024": lambda: _deep(1024),
    "deep-degree": lambda: _deep(64, 40),
    "wide-64": lambda: _wide(64, 3),
    "wide-64-degree": lambda: _wide(64, 3, 3),
    "wide-1000": lambda: _wide(1000, 3),
    "wide-linear": lambda: _wide(300, 4, 2, "identity"),
    "degree-1000": lambda: _degree(1000, 1),
    "degree-200-2d": lambda: _degree(200, 2),
    "degree-60-3d": lambda: _degree(60, 3),
    "hermite-300": lambda: _degree(300, 1, "hermite"),
    "observables": lambda: _observables(3000),
    "expressions": lambda: _expressions(9500, 80),
    "one-expression": lambda: _expressions(9500, 2),
    "basis": lambda: _basis(80),
    "random-weights": lambda: _random_weights(12),
    "powers": lambda: _powers(64),
}

COMMANDS = ("cost", "verify", "derive", "certify", "explain", "run")


def answered(name: str, command: str, folder: Path, seconds: float) -> tuple[int | None, str]:
    """Exit code of a command on one of the models (None: stopped after so many seconds), and its last line."""
    model, weights = LARGE[name]()
    (folder / "model.toml").write_bytes(model)
    if weights is not None:
        (folder / "weights.npz").write_bytes(weights)
    words = [sys.executable, "-m", "mzsym.cli.main", command, "model.toml"]
    words += ["-o", "out"] if command == "run" else []
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=_limited
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # As a user would stop it: it must leave nothing half-written.
            process.terminate()
            _, said = process.communicate(timeout=60)
            return None, said.strip().splitlines()[-1] if said.strip() else ""
    return process.returncode, said if "Traceback" in said else (said.strip().splitlines() or [""])[-1]


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run_sizes(seconds: float = 120.0) -> int:
    """Every command on every model; 1 if one fails otherwise than by a message, or leaves something half-written."""
    faults = 0
    for name in LARGE:
        for command in COMMANDS:
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as place:
                code, line = answered(name, command, Path(place), seconds)
                left = [path.name for path in Path(place).rglob("*") if path.name.startswith(".unfinished-")]
            bad = code not in (None, 0, 2) or "Traceback" in line or bool(left)
            faults += bad
            said = {None: "stopped while it worked", 0: "done"}.get(code, line[:110])
            print(
                f"{name:16} {command:8} {time.monotonic() - began:6.1f} s  {'FAULT ' if bad else ''}{said}", flush=True
            )
    print(f"{len(LARGE) * len(COMMANDS)} runs, {faults} faults")
    return 1 if faults else 0
