"""No step can be changed without verify() noticing, and it names the step."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.derive.operators.derivation import Derivation, DerivationError, derive_operator
from mzsym.derive.operators.steps import Step


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tampering, matrices = _load("operator_tampering"), _load("operator_matrices")
CASES = [("backward", None), ("forward", None), ("backward", 1), ("backward", 3), ("forward", 2)]


def tampered(derivation: Derivation, place: int, step: Step) -> Derivation:
    steps = derivation.steps
    return replace(derivation, steps=(*steps[:place], step, *steps[place + 1 :]))


def caught(derivation: Derivation) -> str | None:
    try:
        derivation.verify()
    except DerivationError as error:
        assert error.step in error.where
        return error.step
    return None


def dependents(derivation: Derivation, name: str) -> set[str]:
    """The step itself and all that rest on it."""
    found = {name}
    for step in derivation.steps:
        if found & set(step.premises):
            found.add(step.name)
    return found


def check_claim(derivation: Derivation, place: int, other: Step, label: str) -> bool:
    """A false claim is caught at its step; a true one that is not what was derived, there or where it is used."""
    name = caught(tampered(derivation, place, other))
    if name == other.name:
        return True
    depths = (1, 2, 3, 4) if derivation.depth is None else (derivation.depth,)
    assert matrices.holds(other, depths), label
    assert name in dependents(derivation, other.name), label
    return False


@pytest.mark.parametrize(("direction", "depth"), CASES)
def test_every_tampered_claim_is_caught_and_named(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    at_its_step = [
        check_claim(derivation, place, other, label)
        for place, step in enumerate(derivation.steps)
        for label, other in tampering.claims(step)
    ]
    assert len(at_its_step) > 200 and sum(at_its_step) > 0.9 * len(at_its_step)


@pytest.mark.parametrize(("direction", "depth"), CASES)
def test_every_other_rule_is_caught_and_named(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    for place, step in enumerate(derivation.steps):
        for label, other in tampering.rules(step):
            assert caught(tampered(derivation, place, other)) == step.name, label


@pytest.mark.parametrize(("direction", "depth"), CASES)
def test_every_tampered_proof_is_caught_and_named(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    names = [step.name for step in derivation.steps]
    for place, step in enumerate(derivation.steps):
        for label, other in tampering.proofs(step, names):
            name = caught(tampered(derivation, place, other))
            if other.induction is not None:  # a wrong step in the place of a right one may be the one that is named
                assert name in {step.name, *other.premises}, (step.name, label)
            elif step.name.startswith("orthogonal") and other.uses and other.uses[0].step.startswith("dyson-insert"):
                assert name in {step.name, None}  # next to the end layer, that proves it as well
            else:
                assert name == step.name, (step.name, label)


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_every_tampered_assumption_is_caught(direction: str) -> None:
    derivation = derive_operator(direction)
    for place, step in enumerate(derivation.steps):
        for label, other in tampering.assumptions(step):
            name = caught(tampered(derivation, place, other))
            if name is None:  # only when a wider claim is proved
                assert step.rule == "apply" and matrices.holds(other, (1, 2, 3, 4)), (step.name, label)
            else:  # a narrower claim is true: then a step that rests on it cannot be proved
                assert name in dependents(derivation, step.name), (step.name, label)


@pytest.mark.parametrize(("direction", "depth"), CASES)
def test_the_chain_of_steps_is_checked(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    steps = derivation.steps
    for place, step in enumerate(steps):
        without = (*steps[:place], *steps[place + 1 :])
        assert caught(replace(derivation, steps=without)) is not None, f"{step.name} dropped"
        assert caught(replace(derivation, steps=(*without, step))) is not None or place == len(steps) - 1, step.name
        assert caught(replace(derivation, steps=(*steps, step))) == step.name, f"{step.name} twice"
        renamed = replace(step, name="renamed")
        assert caught(tampered(derivation, place, renamed)) is not None, f"{step.name} renamed"
    assert caught(replace(derivation, steps=())) is not None
    assert caught(replace(derivation, steps=steps[::-1])) is not None


@pytest.mark.parametrize(("direction", "depth"), [("backward", 3), ("forward", 3)])
def test_steps_of_another_system_prove_nothing(direction: str, depth: int) -> None:
    derivation = derive_operator(direction, depth)
    other = "forward" if direction == "backward" else "backward"
    assert caught(replace(derivation, direction=other)) is not None
    assert caught(replace(derivation, depth=depth + 1)) is not None
    assert caught(replace(derivation, depth=depth - 1)) is not None
    assert caught(replace(derivation, depth=None)) is not None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["backward", "forward"]), st.integers(4, 12), st.data())
def test_random_tampering_of_deeper_networks(direction: str, depth: int, data: st.DataObject) -> None:
    derivation = derive_operator(direction, depth)
    place = data.draw(st.integers(0, len(derivation.steps) - 1))
    options = list(tampering.claims(derivation.steps[place]))
    label, other = options[data.draw(st.integers(0, len(options) - 1))]
    check_claim(derivation, place, other, label)
