"""The harness finds the faults that are planted, and a small run finds none in mzsym itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import inputs, run
from tests.fuzz.guard import Guard
from tests.fuzz.oracle import Input, judge
from tests.fuzz.plant import PLANTS

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
def test_a_planted_fault_is_found(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LIMITS", dict.fromkeys(inputs.LIMITS, 3.0))
    # Only commands write files, and few inputs are commands.
    first, count = (0, 12) if plant != "half" else (_first("command"), 1)
    found = run.run(count, seed=1, first=first, plant=plant, seconds=60.0)
    said = " ".join(found.faults.values())
    assert any(word in said for word in WORDS[plant]), found.line()


def _first(kind: str) -> int:
    """A command that writes files."""
    return next(n for n in range(10_000) if (item := inputs.make(1, n)).kind == kind and "run" in item.arguments)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.toml")), ids=lambda path: path.stem)
def test_what_was_once_a_fault_is_one_no_more(path: Path, tmp_path: Path, guard: Guard) -> None:
    kind = path.stem.partition("-")[0]
    outcome = judge(Input(kind, path.read_bytes()), tmp_path / "input", guard)
    assert not outcome.fault, outcome.verdict


def test_inputs_are_a_function_of_seed_and_number() -> None:
    assert [inputs.make(7, n) for n in range(40)] == [inputs.make(7, n) for n in range(40)]
    assert {inputs.make(7, n).kind for n in range(300)} == {"load", "deep", "command"}
