"""Kernels against the interpreter bit by bit and against many digits; the cache on disk."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mzsym.calculus.heads import GaussianMean, UniformMean
from mzsym.codegen import compile_program, freeze, inspect, interpret, interpret_digits
from mzsym.core import MzError
from mzsym.core.functions import elu, sigmoid, silu, softplus
from tests.codegen.expressions import ARGUMENTS, b, expressions, s, some_points, w, x, y


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module's own."""
    directory = tmp_path_factory.mktemp("kernels")
    before = os.environ.get("MZSYM_CACHE")
    os.environ["MZSYM_CACHE"] = str(directory)
    yield directory
    if before is None:
        del os.environ["MZSYM_CACHE"]
    else:
        os.environ["MZSYM_CACHE"] = before


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(exprs=st.lists(expressions, min_size=3, max_size=6), seed=st.integers(0, 10**6))
def test_kernel_and_interpreter_agree_to_the_last_bit(exprs: list[sp.Expr], seed: int) -> None:
    program = freeze(exprs, *ARGUMENTS)
    points, params = some_points(5, seed), [0.7, -1.1, 0.3]
    slow = interpret(program, points, params)
    fast = compile_program(program)(points, params)
    assert slow.tobytes() == fast.tobytes() or np.array_equal(slow, fast, equal_nan=True)


def test_long_sums_and_products_keep_their_order() -> None:
    terms = [x, w * y, sp.tanh(x), b * sp.Rational(1, 3), -s * x * y, sp.sin(y), x * y]
    program = freeze([sp.Add(*terms), sp.Mul(*(1 + term for term in terms)), sum(terms) ** 7], *ARGUMENTS)
    points, params = some_points(300), [0.7, -1.1, 0.3]
    assert interpret(program, points, params).tobytes() == compile_program(program)(points, params).tobytes()


@pytest.mark.parametrize("half", [0.0, 1e-9, 0.4, 7.0, 350.0, 900.0])
def test_inlined_leaves_keep_their_bits_over_the_whole_range(half: float) -> None:
    leaves = [UniformMean(name, 1, x, s) for name in ("tanh", "sigmoid")]
    program = freeze([*leaves, sp.exp(x), sp.tanh(y), sigmoid(x), softplus(x)], *ARGUMENTS)
    points = np.random.default_rng(3).uniform(-1, 1, (500, 2)) * np.logspace(-12, 3, 500)[:, None]
    slow = interpret(program, points, [0.0, 0.0, half])
    assert slow.tobytes() == compile_program(program)(points, [0.0, 0.0, half]).tobytes()
    assert np.isfinite(slow[:, :2]).all()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(expr=expressions, seed=st.integers(0, 10**6))
def test_passes_keep_the_value(expr: sp.Expr, seed: int) -> None:
    """Nodes after the passes and nodes as written, both in many digits: the rewriting itself is exact."""
    point = some_points(1, seed)[0].tolist()
    passed = interpret_digits(freeze([expr], *ARGUMENTS), point, [0.7, -1.1, 0.3], digits=30)[0]
    written = interpret_digits(freeze([expr], *ARGUMENTS, passes=()), point, [0.7, -1.1, 0.3], digits=30)[0]
    # Constants that the passes rounded to float64 move the result by their last bit.
    assert abs(passed - written) <= 1e-11 * (1 + abs(written))


def test_against_many_digits() -> None:
    z = w * x + b
    exprs = [
        UniformMean("tanh", 1, z, w * s) ** 3 - 2 * x * sp.tanh(y),
        GaussianMean("gelu", 1, z, s) + UniformMean("arctan", 1, y, s),
        sp.legendre(6, x / 3) * sp.exp(-(y**2)),
        UniformMean("elu", 2, z, w * s) + UniformMean("silu", 1, y, s) - silu(x) * elu(-y),
        GaussianMean("hardtanh", 3, z, 1 + s) * GaussianMean("step", 1, y, s) + GaussianMean("elu", 1, z, 1 + s),
    ]
    kernel = compile_program(freeze(exprs, *ARGUMENTS))
    raw = freeze(exprs, *ARGUMENTS, passes=())
    points, params = some_points(6), [0.7, -0.4, 1e-3]
    for point, values in zip(points.tolist(), kernel(points, params), strict=True):
        exact = interpret_digits(raw, point, params, digits=30)
        assert values == pytest.approx([float(mp.mpf(value)) for value in exact], rel=1e-13, abs=1e-15)


# --- calling ----------------------------------------------------------------------------------------------------------


def test_threads_and_given_output_change_nothing() -> None:
    kernel = compile_program(freeze([sp.tanh(w * x + y), x * y + b], *ARGUMENTS))
    points, params = some_points(1001), [0.7, -0.4, 0.1]
    one = kernel(points, params, threads=1)
    out = np.empty((1001, 2))
    assert kernel(points, params, out=out, threads=3) is out
    assert np.array_equal(one, out)
    assert kernel(points[:0], params).shape == (0, 2)
    assert np.array_equal(kernel(np.asfortranarray(points), params), one)
    points.setflags(write=False)
    assert np.array_equal(kernel(points, params), one)
    with pytest.raises(MzError, match="output has shape"):
        kernel(points, params, out=np.empty((3, 2)))
    with pytest.raises(MzError, match="points have shape"):
        kernel(points[:, :1], params)


def test_a_kernel_travels_to_other_processes_as_its_program() -> None:
    kernel = compile_program(freeze([sp.tanh(w * x + y)], *ARGUMENTS))
    again = pickle.loads(pickle.dumps(kernel))
    assert again == kernel
    assert np.array_equal(again(some_points(3), [0.7, 0.0, 0.1]), kernel(some_points(3), [0.7, 0.0, 0.1]))


def test_programs_of_parameters_or_constants_only() -> None:
    kernel = compile_program(freeze([w * s, sp.Integer(2), x], *ARGUMENTS))
    assert kernel(np.array([[1.0, 0.0], [3.0, 0.0]]), [2.0, 0.0, 4.0]).tolist() == [[8, 2, 1], [8, 2, 3]]


def test_another_target_is_refused() -> None:
    with pytest.raises(MzError, match="target"):
        compile_program(freeze([x], *ARGUMENTS), target="fortran")  # type: ignore[arg-type]


def test_inspection_of_a_kernel_shows_its_source() -> None:
    assert "def run(X, P, out)" in inspect(compile_program(freeze([x], *ARGUMENTS)))


# --- the cache --------------------------------------------------------------------------------------------------------

BUILD = """
import sys
import numpy as np, sympy as sp
from mzsym.calculus.heads import UniformMean
from mzsym.codegen import compile_program, freeze
assert "numba" not in sys.modules
x, w = sp.symbols("x w")
program = freeze([UniformMean("tanh", 1, w * x, w) + sp.Rational({number}, 7)], [x], [w])
kernel = compile_program(program)
assert "numba" not in sys.modules
print(kernel(np.array([[0.5]]), [2.0])[0, 0].hex(), kernel.path)
"""


def run_builds(directory: Path, number: int, processes: int) -> list[list[str]]:
    """What ``processes`` processes that build one kernel at once print."""
    environment = {**os.environ, "MZSYM_CACHE": str(directory)}
    command = [sys.executable, "-W", "error", "-c", BUILD.format(number=number)]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    results = []
    for process in running:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        results.append(out.split())
    return results


def test_ten_processes_build_one_kernel_at_once(tmp_path: Path) -> None:
    results = run_builds(tmp_path, 1, 10)
    assert len({tuple(result) for result in results}) == 1
    assert not list(tmp_path.rglob(".new-*"))
    path = Path(results[0][1])
    assert len(list((path.parent / "__pycache__").glob("*.nbi"))) == 1
    # The next process finds the machine code and does not write it again.
    code = {file: file.stat().st_mtime_ns for file in (path.parent / "__pycache__").glob("*.nbc")}
    assert code
    assert run_builds(tmp_path, 1, 1)[0] == results[0]
    assert {file: file.stat().st_mtime_ns for file in (path.parent / "__pycache__").glob("*.nbc")} == code


@pytest.mark.parametrize("suffix", [".py", ".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty"])
def test_a_damaged_file_is_rebuilt(cache: Path, suffix: str, damage: str) -> None:
    expr = sp.tanh(x) + sp.Rational(1, 3 + len(suffix) + 10 * len(damage))
    program = freeze([expr], *ARGUMENTS)
    points, params = some_points(3), [0.0, 0.0, 0.0]
    kernel = compile_program(program)
    expected = kernel(points, params)
    files = [kernel.path] if suffix == ".py" else list((kernel.path.parent / "__pycache__").glob(f"*{suffix}"))
    assert files
    for file in files:
        whole = file.read_bytes()
        file.write_bytes({"truncated": whole[: len(whole) // 2], "foreign": b"\x80\x05garbage", "empty": b""}[damage])
    again = compile_program(program)
    assert np.array_equal(again(points, params), expected)
    assert "def run" in again.source


def test_an_unwritable_cache_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MZSYM_CACHE", str(blocked))
    with pytest.raises(MzError, match="MZSYM_CACHE"):
        compile_program(freeze([x], *ARGUMENTS))
