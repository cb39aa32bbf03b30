"""The elementary functions: the table of worst errors in the docs measured again, and IEEE's corners."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from benchmarks import smoothed_accuracy
from benchmarks.accuracy import EXPONENTIAL_LIMIT, LIMIT, RANGES, error, kernel_of, worst
from mzsym.codegen import libm
from mzsym.codegen.leaves.library import functions
from mzsym.codegen.operations import OPERATIONS

INF, NAN = math.inf, math.nan
DOCS = Path(__file__).parents[2] / "docs" / "numerics.md"
ROWS = {
    name: (float(size), float(at))
    for name, size, at in re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (\S+) \|$", DOCS.read_text(), re.MULTILINE)
}

SMOOTHED = {
    name: (float(size), float(at), float(half))
    for name, size, at, half in re.findall(
        r"^\| smoothed (\w+) \| ([\d.]+) \| (\S+) \| (\S+) \|$", DOCS.read_text(), re.MULTILINE
    )
}


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MZSYM_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


def test_the_table_is_complete_and_keeps_the_limits() -> None:
    assert set(ROWS) == set(RANGES)
    for name, (size, _) in ROWS.items():
        assert 0.5 <= size <= (EXPONENTIAL_LIMIT if name in ("exp", "log") else LIMIT)


@pytest.mark.parametrize("name", RANGES)
def test_no_error_is_larger_than_the_table_says(name: str) -> None:
    stated, at = ROWS[name]
    assert worst(name, 300)[0] <= stated
    # Where the table says it is, the error is what the table says.
    value = kernel_of(name)(np.array([[at]])).item()
    assert error(name, at, value) == pytest.approx(stated, abs=0.006)
    # The interpreter computes the same bits, so the table is about all targets.
    assert functions()[OPERATIONS[name].call](at) == value


CORNERS = (0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 2.3e-308, 1.0, -1.0, 1e308, -1e308, INF, -INF, NAN)
CORNERS += (-1.0000000000000002, 709.782712893384, 709.7827128933841, -745.1332191019412, -745.1332191019413)


@pytest.mark.parametrize("name", ["exp", "log", "expm1", "log1p", "tanh", "atan", "erf", "erfc"])
def test_corners_are_those_of_the_c_library(name: str) -> None:
    own, reference = functions()[OPERATIONS[name].call], getattr(libm, name)
    for x in (
        *CORNERS,
        -1.0000000000000002,
        709.782712893384,
        709.7827128933841,
        -745.1332191019412,
        -745.1332191019413,
    ):
        found, expected = own(x), reference(x)
        if math.isnan(expected) or math.isinf(expected) or expected == 0 or abs(expected) == 1:
            assert (found == expected and math.copysign(1, found) == math.copysign(1, expected)) or (
                math.isnan(found) and math.isnan(expected)
            ), (x, found, expected)
        else:
            assert abs(found - expected) <= 4 * math.ulp(expected), (x, found, expected)


@pytest.mark.parametrize("name", smoothed_accuracy.NAMES)
def test_smoothed_functions_err_as_the_table_says(name: str) -> None:
    stated, z, half = SMOOTHED[name]
    assert 0.5 <= stated <= LIMIT
    assert smoothed_accuracy.worst(name, 150, sieved=False)[0] <= stated
    value = smoothed_accuracy.kernel_of(name)(np.array([[z, half]])).item()
    assert smoothed_accuracy.error(name, z, half, value) == pytest.approx(stated, abs=0.006)
    assert functions()[f"umean_{name}"](z, half) == value


def test_the_size_of_a_smoothed_function_is_the_mean_of_its_modulus() -> None:
    """One unit of the last place of E|tanh|, by quadrature, is an error of 1."""
    with mp.workdps(40):
        z, half = 0.2, 1.5
        exact = mp.quad(lambda t: mp.tanh(z + half * t), [-1, -mp.mpf(z) / half, 1]) / 2
        size = mp.quad(lambda t: abs(mp.tanh(z + half * t)), [-1, -mp.mpf(z) / half, 1]) / 2
        off = float(exact) + 8 * float(np.spacing(float(size)))
        expected = (mp.mpf(off) - exact) / mp.mpf(float(np.spacing(float(size))))
    assert smoothed_accuracy.error("tanh", z, half, off) == pytest.approx(float(expected), abs=1e-6)
