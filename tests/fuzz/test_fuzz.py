"""The harness finds the faults that are planted, and a small run finds none in mzsym itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import mzsym as mz
from tests.fuzz import inputs, run
from tests.fuzz.guard import Guard
from tests.fuzz.oracle import Input, judge
from tests.fuzz.plant import PLANTS
from tests.fuzz.sizes import answered

CORPUS = Path(__file__).parent / "corpus"

WORDS = {
    "eval": ("code", "NameError", "SyntaxError", "AttributeError", "TypeError"),
    "key": ("KeyError",),
    "loop": ("no answer in",),
    "memory": ("MemoryError",),
    "half": ("half-written",),
}


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard()


def test_every_hostile_input_works_or_is_refused() -> None:
    found = run.run(100_000, seed=20_261_127, seconds=20.0)
    assert not found.faults, found.faults
    assert found.fine and found.refused


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(plant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "LIMITS", dict.fromkeys(inputs.LIMITS, 3.0 if plant == "loop" else 60.0))
    # Only commands write files, and few inputs are commands.
    first, count = (0, 12) if plant != "half" else (_first_written(tmp_path), 1)
    found = run.run(count, seed=1, first=first, plant=plant, seconds=120.0)
    said = " ".join(found.faults.values())
    assert any(word in said for word in WORDS[plant]), found.line()


def _first_written(folder: Path) -> int:
    """A command that writes files, and a model that it can read."""
    for number in range(100_000):
        item = inputs.make(1, number)
        if item.arguments == ("run", "MODEL", "-o", "OUT"):
            (folder / "model.toml").write_bytes(item.model)
            try:
                mz.load(folder / "model.toml")
            except mz.MzError:
                continue
            return number
    raise AssertionError("there is none")


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.toml")), ids=lambda path: path.stem)
def test_what_was_once_a_fault_is_one_no_more(path: Path, tmp_path: Path, guard: Guard) -> None:
    kind = path.stem.partition("-")[0]
    outcome = judge(Input(kind, path.read_bytes()), tmp_path / "input", guard)
    assert not outcome.fault, outcome.verdict


@pytest.mark.parametrize(
    ("name", "command", "code"),
    [("wide-1000", "cost", 2), ("deep-1024", "verify", 0), ("degree-60-3d", "explain", 2)],
)
def test_what_is_far_too_large_is_answered_or_refused(name: str, command: str, code: int, tmp_path: Path) -> None:
    found, said = answered(name, command, tmp_path, 240.0)
    assert found == code, said
    assert "Traceback" not in said


def test_inputs_are_a_function_of_seed_and_number() -> None:
    assert [inputs.make(7, n) for n in range(40)] == [inputs.make(7, n) for n in range(40)]
    assert {inputs.make(7, n).kind for n in range(300)} == {"load", "deep", "command"}
