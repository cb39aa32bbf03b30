"""What may happen to one input: it works, or it is refused by one clear message. Everything else is a fault."""

from __future__ import annotations

import re
import shutil
import warnings
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import mzsym as mz
from mzsym.cli.app import app
from tests.fuzz.guard import Guard

FINE, REFUSED = "fine", "refused"

_CHECKPOINT = ".mzsym-checkpoint.npz"
_TEMPORARY = re.compile(r"\.unfinished-|\.tmp$|~$")


@dataclass(frozen=True)
class Input:
    """One input.

    Attributes
    ----------
    kind : {"load", "deep", "command"}
        Read the model; go through every stage with it; give the arguments to the command line.
    model : bytes
        model.toml.
    weights : bytes or None
        weights.npz beside it.
    arguments : tuple of str
        Of a command; ``MODEL`` and ``OUT`` in them stand for paths in the folder of this input.
    """

    kind: str
    model: bytes
    weights: bytes | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of it: "fine", "refused", or what is wrong."""

    verdict: str

    @property
    def fault(self) -> bool:
        return self.verdict not in (FINE, REFUSED)


def judge(item: Input, folder: Path, guard: Guard) -> Outcome:
    """Give the input to mzsym in an empty folder, which is emptied again."""
    folder.mkdir(parents=True)
    try:
        (folder / "model.toml").write_bytes(item.model)
        if item.weights is not None:
            (folder / "weights.npz").write_bytes(item.weights)
        before = _files(folder)
        guard.arm(folder, strict=item.kind == "load")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                verdict = {"load": _load, "deep": _deep, "command": _command}[item.kind](item, folder)
        finally:
            seen = guard.rest()
        if seen:
            return Outcome("; ".join(seen[:3]))
        if verdict in (FINE, REFUSED):
            return Outcome(_left_behind(item, folder, before, verdict) or verdict)
        return Outcome(verdict)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _left_behind(item: Input, folder: Path, before: set[str], verdict: str) -> str | None:
    new = sorted(_files(folder) - before)
    if item.kind != "command" and new:
        return f"files appeared: {new[:5]}"
    unfinished = [name for name in new if _TEMPORARY.search(Path(name).name)]
    if unfinished:
        return f"half-written: {unfinished[:5]}"
    if verdict == REFUSED:
        # An interrupted run may leave its checkpoint, and the folder for it.
        rest = [name for name in new if Path(name).name != _CHECKPOINT and not (folder / name).is_dir()]
        return f"refused, but wrote {rest[:5]}" if rest else None
    return None


def _load(item: Input, folder: Path) -> str:
    try:
        study = mz.load(folder / "model.toml")
    except mz.MzError as error:
        return _message(error)
    return _round_trip(study, folder)


def _round_trip(study: Any, folder: Path) -> str:
    """What was read can be written and read again, and is the same network."""
    copy = folder / "copy"
    copy.mkdir()
    try:
        mz.save(study.network, copy / "model.toml", study.projection, study.options)
        again = mz.load(copy / "model.toml")
    except mz.MzError as error:
        return f"a model that was read cannot be written and read again: {error}"
    finally:
        shutil.rmtree(copy)
    if again.network.digest != study.network.digest or again.projection != study.projection:
        return "a model that was written and read again is another one"
    return FINE


def _deep(item: Input, folder: Path) -> str:
    options = mz.Options(tolerance=1e-3, max_operations=400, max_nodes=24, memory_budget=2**26)
    try:
        study = mz.load(folder / "model.toml")
        if study.projection is None:
            return FINE
        eq = mz.derive(study.network, study.projection, options=options)
        eq.costs(max_lag=2)
        eq.streaming(0).latex()
        mz.certify(study.network, study.projection, method="lipschitz")
        ev = mz.compile(eq)
        ev.coefficients(0)
        if not isinstance(study.projection, mz.Conditional):
            ev.terms()
    except mz.MzError as error:
        return _message(error)
    return FINE


def _message(error: mz.MzError) -> str:
    parts = (error.what, error.where, error.fix)
    if not all(isinstance(part, str) and part.strip() for part in parts):
        return f"a message with an empty part: {error!r:.300}"
    if any(len(part) > 2000 or "\x00" in part for part in parts):
        return f"a message of {len(str(error))} characters: {str(error)[:100]!r}"
    return REFUSED


def _command(item: Input, folder: Path) -> str:
    places = {"MODEL": str(folder / "model.toml"), "OUT": str(folder / "out"), "FOLDER": str(folder)}
    arguments = [places.get(word, word) for word in item.arguments]
    with chdir(folder):
        result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"{type(result.exception).__name__}: {str(result.exception)[:300]}"
    if "Traceback" in result.output:
        return f"a traceback was printed: {result.output[-300:]}"
    if result.exit_code not in (0, 1, 2):
        return f"exit code {result.exit_code}"
    if result.exit_code == 2 and not result.stderr.strip():
        return "exit code 2 without a message"
    return REFUSED if result.exit_code == 2 else FINE
