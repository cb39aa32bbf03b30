"""Adversarial soundness of the sharp enclosures: random layers, and faults planted on purpose.

``python -m tests.sharp_soundness --layers 1000`` checks many. Each of these faults, planted once, was seen to be caught
by this file, by ``test_sharp_enclosures.py`` or by ``tests/balls/test_curves.py``: the tail R dropped; mu left out of
the Schur complement; the errors of quadrature and rounding dropped; the errors of the matrices dropped where they are
large; the measure's factor inverted; the map taken on another domain; the half-width doubled; the sign of falling
branches dropped; one of the three terms of D left out; panels with few nodes left out; the next basis scaled; resolved
degrees kept in the Rayleigh quotient; gaps without variation; a mu that is ten times too small.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

_SPEC = importlib.util.spec_from_file_location("sharp_soundness", Path(__file__).parents[1] / "sharp_soundness.py")
soundness = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(soundness)

RISING = tuple(name for name in soundness.RISING if name not in ("sin", "cos"))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**9))
def test_no_bound_contradicts_a_matrix_of_thirty_digits(seed):
    text, faults = soundness.check(np.random.default_rng(seed), RISING)
    assert not faults, text


@pytest.mark.parametrize("seed", [3, 4])
def test_maps_that_turn(seed):
    text, faults = soundness.check(np.random.default_rng(seed), ("sin", "cos"), full=False)
    assert not faults, text


def test_the_errors_of_the_matrices_are_needed(monkeypatch):
    """The oracle sees rounding: with the error taken for nothing some layer fails."""
    original = soundness.smoothed

    def careless(*arguments):
        found = original(*arguments)
        return type(found)(found.first, found.second, 0.0, 0.0)

    monkeypatch.setattr(soundness, "smoothed", careless)
    monkeypatch.setattr(soundness.sharp_proof, "smoothed", careless)
    assert soundness.check(np.random.default_rng(0), ("arctan",), full=False)[1]
