"""The stable averages over Laplace noise against closed forms in many digits: |error| <= 1e-13 E|g|. MATH (20)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mzsym.calculus import LaplaceMean
from mzsym.calculus.laplace import LAPLACE
from mzsym.codegen import compile_program, freeze
from mzsym.codegen.digits import average
from mzsym.codegen.leaves.library import functions
from mzsym.codegen.leaves.registry import POWERS, average_leaf

TOLERANCE = 2e-14
TINY = 1e-290
SLOPE = 0.01
POWERS_TESTED = (1, 2, 3, 4, 7, 12, 16)
NAMES = [name for operation, name in POWERS if operation == "lmean"]
CASES = [(name, k) for name in NAMES for k in POWERS_TESTED]
CENTRES = (0.0, 1e-12, -0.3, 1.0, -2.7, 22 * math.pi, 7.0, -7.0, -30.0, 36.9, -39.5, 120.0, -700.0, 700.0)
SCALES = (1e-12, 3e-9, 1e-4, 0.3, 0.49, 0.99, 1.01, 2.01, 8.0, 45.0, 700.0, 1000.0)


def one_sided(k: int, z: Any, s: Any) -> Any:
    """E[T^k; T > 0], T = z + s L, from the density of T by parts: no recurrence of the leaves."""
    left = mp.exp(-abs(z) / s) / 2
    if z <= 0:
        return mp.factorial(k) * s**k * left
    # From 0 to z with exp((t - z)/s)/(2 s), from z on with exp((z - t)/s)/(2 s).
    right = mp.fsum(mp.binomial(k, j) * z ** (k - j) * s**j * mp.factorial(j) for j in range(k + 1)) / 2
    terms = [(-1) ** j * mp.ff(k, j) * s**j * z ** (k - j) for j in range(k + 1)]
    return right + mp.fsum(terms) / 2 - (-1) ** k * mp.factorial(k) * s**k * left


def waves(k: int, z: Any, s: Any) -> Any:
    """E cos(z + s L)^k by Euler's formula."""
    terms = (mp.binomial(k, j) * mp.cos((k - 2 * j) * z) / (1 + ((k - 2 * j) * s) ** 2) for j in range(k + 1))
    return mp.fsum(terms) / mp.mpf(2) ** k


EXACT: dict[str, Callable[..., Any]] = {
    "identity": lambda k, z, s: one_sided(k, z, s) + (-1) ** k * one_sided(k, -z, s),
    "relu": one_sided,
    "leaky_relu": lambda k, z, s: one_sided(k, z, s) + (-mp.mpf(SLOPE)) ** k * one_sided(k, -z, s),
    "abs": lambda k, z, s: one_sided(k, z, s) + one_sided(k, -z, s),
    "step": lambda k, z, s: one_sided(0, z, s),
    "sin": lambda k, z, s: waves(k, z - mp.pi / 2, s),
    "cos": waves,
    "exp": lambda k, z, s: mp.exp(k * z) / (1 - (k * s) ** 2) if k * s < 1 else mp.inf,
}


def size(name: str, k: int, z: Any, s: Any) -> Any:
    """E|g|^k, or a lower bound of it."""
    if name in ("identity", "leaky_relu"):
        slope = mp.mpf(SLOPE) if name == "leaky_relu" else mp.mpf(1)
        return one_sided(k, z, s) + slope**k * one_sided(k, -z, s)
    if name in ("sin", "cos") and k % 2:
        # A few digits are enough: the mean over equally likely slices of the noise.
        share = (np.arange(4000) + 0.5) / 4000
        noise = np.where(share < 0.5, np.log(2 * np.minimum(share, 0.5)), -np.log(2 * np.minimum(1 - share, 0.5)))
        wave = getattr(np, name)(float(z) + float(s) * noise)
        return mp.mpf(float(np.mean(np.abs(wave) ** k)))
    return EXACT[name](k, z, s)


def relative_error(name: str, k: int, z: float, s: float) -> float:
    with mp.workdps(int(60 + (k + 2) * max(0.0, -math.log10(s)) + 5 * k + 0.45 * min(abs(z) / s, 800.0))):
        centre, scale = mp.mpf(z), mp.mpf(s)
        exact, weight = EXACT[name](k, centre, scale), size(name, k, centre, scale)
        value = leaf(name, k, z, s)
        if weight > 1e300:
            return 0.0 if value > 1e290 or name != "exp" else math.inf
        error = mp.fabs(mp.mpf(value) - exact)
        return 0.0 if weight < TINY and abs(value) < 2 * TINY else float(error / weight)


def leaf(name: str, k: int, z: float, s: float) -> float:
    found = average_leaf("lmean", name, k)
    assert found is not None
    rest = (SLOPE,) if name == "leaky_relu" else ()
    function = functions()[found.call]
    return float(function(k, z, s, *rest) if found.takes_power else function(z, s, *rest))


@pytest.mark.parametrize(("name", "k"), CASES)
def test_grid(name: str, k: int) -> None:
    errors = {(z, s): relative_error(name, k, z, s) for z in CENTRES for s in SCALES}
    worst = max(errors, key=errors.__getitem__)
    assert errors[worst] <= TOLERANCE, (worst, errors[worst])


scales = st.one_of(st.floats(-12, 3).map(lambda e: 10.0**e), st.floats(0.1, 5))


@settings(max_examples=300, deadline=None)
@given(case=st.sampled_from(CASES), z=st.one_of(st.floats(-700, 700), st.floats(-5, 5)), s=scales)
@example(case=("exp", 7), z=102.0, s=0.1)  # exp(714): beyond the largest double
def test_random(case: tuple[str, int], z: float, s: float) -> None:
    assert relative_error(*case, z, s) <= TOLERANCE


@settings(max_examples=100, deadline=None)
@given(k=st.integers(1, 12), below=st.floats(1e-9, 0.5), z=st.floats(-20, 20))
def test_exponentials_near_where_they_diverge(k: int, below: float, z: float) -> None:
    assert relative_error("exp", k, z, (1 - below) / k) <= TOLERANCE
    assert leaf("exp", k, z, math.nextafter(1.0 / k, 2.0)) == math.inf


def test_every_closed_form_has_a_leaf_and_no_other() -> None:
    for name, cell in LAPLACE.items():
        for k in POWERS_TESTED:
            assert cell.closes(k) == (average_leaf("lmean", name, k) is not None)


@pytest.mark.parametrize("name", NAMES)
def test_without_noise_and_with_a_negative_slope(name: str) -> None:
    for z in (-1.3, 0.4, 5.0):
        for k in (1, 2, 5):
            for s in (0.0, 1e-300):
                assert leaf(name, k, z, s) == pytest.approx(float(EXACT[name](k, mp.mpf(z), mp.mpf(1e-30))), rel=1e-13)
            assert leaf(name, k, z, -0.1) == leaf(name, k, z, 0.1)


def test_compiled_and_in_digits() -> None:
    z, s = sp.symbols("z s", real=True)
    means = [LaplaceMean(name, k, z, s) for name in ("relu", "sin", "exp", "step", "abs") for k in (1, 2)]
    program = freeze(means, [z], [s])
    X, scale = np.array([[-1.5], [0.25], [0.75]]), 0.25
    values = compile_program(program)(X, np.array([scale]))
    for row, point in zip(values, X[:, 0], strict=True):
        for value, mean in zip(row, means, strict=True):
            with mp.workdps(20):
                slow = average("lmean", mean.primitive, mean.power, mp.mpf(point), mp.mpf(scale))
            assert value == pytest.approx(float(slow), rel=1e-11)
