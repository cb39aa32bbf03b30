"""Programs in C: the text, the bits of every target, the process, the cache, the compiler."""

from __future__ import annotations

import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.calculus.heads import UniformMean
from mzsym.codegen import Kernel, Program, compile_program, freeze, inspect, interpret
from mzsym.codegen.c_compiler import find_compiler
from mzsym.codegen.emit_c import LIBMVEC, CEmitter
from mzsym.core import MzError
from mzsym.core.functions import sigmoid, softplus
from tests.codegen.expressions import ARGUMENTS, b, expressions, s, some_points, w, x, y

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only")
COMPILER = find_compiler().command[0]
ALL_OF_IT = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module's own."""
    directory = tmp_path_factory.mktemp("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MZSYM_CACHE", str(directory))
        yield directory


# --- libmvec ----------------------------------------------------------------------------------------------------------


def vectors(program: Program) -> Kernel:
    """With glibc's vector functions, where there are any."""
    kernel = compile_program(program, "c-libmvec")
    try:
        kernel(np.zeros((1, program.n_point)), np.zeros(program.n_param))
    except MzError as refused:
        pytest.skip(refused.what)
    return kernel


MIDDLE = {"asin": (-1, 1), "acos": (-1, 1), "acosh": (1, 30), "atanh": (-0.999, 0.999)}


@pytest.mark.parametrize("name", LIBMVEC)
def test_vector_functions_stay_within_four_ulp(name: str) -> None:
    program = freeze([getattr(sp, name)(x)], [x])
    kernel, plain = vectors(program), compile_program(program, "c")
    points = np.random.default_rng(2).uniform(*MIDDLE.get(name, (-20, 20)), 4096)[:, None]
    exact = getattr(np, name.replace("a", "arc", 1) if name[0] == "a" else name)(points.astype(np.longdouble))
    found = kernel(points)
    assert (np.abs(found - exact) <= 4 * np.spacing(np.abs(exact.astype(float)))).all()
    # Not the C library's own: another arithmetic, and so another function.
    assert not np.array_equal(found, plain(points))
    edges = np.array([0.0, -0.0, 5e-324, 1.0, -1.0, 1e300, math.inf, -math.inf, math.nan] * 3)[:, None]
    wild, tame = kernel(edges), plain(edges)
    assert np.allclose(wild, tame, rtol=1e-15, atol=0.0, equal_nan=True) and np.array_equal(
        np.signbit(wild[wild == 0]), np.signbit(tame[wild == 0])
    )
    # The process keeps its denormals.
    assert np.array([5e-324])[0] / 1.0 > 0.0


def test_vector_functions_replace_no_function_of_mzsym() -> None:
    program = freeze([UniformMean("tanh", 1, x, s) + sp.exp(x) * sp.erf(x) + sp.log(x**2 + 1)], [x], [s])
    points = np.linspace(-3, 3, 101)[:, None]
    kernel = vectors(program)
    assert kernel(points, [0.4]).tobytes() == compile_program(program, "c")(points, [0.4]).tobytes()
    assert pickle.loads(pickle.dumps(kernel)).target == "c-libmvec"
    assert "__simd__" in kernel.source and "__simd__" in inspect(program, "c-libmvec")
    assert "__simd__" not in inspect(program, "c")


# --- bits -------------------------------------------------------------------------------------------------------------


@ALL_OF_IT
@given(exprs=st.lists(expressions, min_size=2, max_size=5), seed=st.integers(0, 10**6), portable=st.booleans())
def test_c_and_the_interpreter_agree_to_the_last_bit(exprs: list[sp.Expr], seed: int, portable: bool) -> None:
    program = freeze(exprs, *ARGUMENTS)
    points, params = some_points(70, seed), [0.7, -1.1, 0.3]
    slow = interpret(program, points[:6], params)
    kernel = compile_program(program, "c", portable)
    # As part of a full block, of a rest, and alone: vectors, their ends and scalars are one arithmetic.
    for rows in (kernel(points, params)[:6], kernel(points[:6], params), kernel(points[:1], params)):
        assert rows.tobytes() == slow[: len(rows)].tobytes() or np.array_equal(rows, slow[: len(rows)], equal_nan=True)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(exprs=st.lists(expressions, min_size=3, max_size=5), seed=st.integers(0, 10**6))
def test_both_targets_agree_to_the_last_bit(exprs: list[sp.Expr], seed: int) -> None:
    program = freeze(exprs, *ARGUMENTS)
    points, params = some_points(100, seed), [0.7, -1.1, 0.3]
    one, other = (compile_program(program, target)(points, params) for target in ("numba", "c"))
    assert one.tobytes() == other.tobytes() or np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("half", [0.0, 1e-9, 0.4, 7.0, 350.0, 900.0])
def test_vectorised_leaves_keep_their_bits_over_the_whole_range(half: float) -> None:
    leaves = [UniformMean(name, 1, x, s) for name in ("tanh", "sigmoid")]
    program = freeze([*leaves, sp.exp(x), sp.tanh(y), sigmoid(x), softplus(x)], *ARGUMENTS)
    points = np.random.default_rng(3).uniform(-1, 1, (500, 2)) * np.logspace(-12, 3, 500)[:, None]
    slow = interpret(program, points, [0.0, 0.0, half])
    assert slow.tobytes() == compile_program(program, "c")(points, [0.0, 0.0, half]).tobytes()


def test_the_tables_of_both_targets_are_the_same_bits() -> None:
    layers = [
        mz.dense([[1.0, 0.3], [-0.4, 1.2]], activation=name, noise=mz.Uniform(0.5)) for name in ("tanh", "gelu", "sin")
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    eq = mz.derive(net, mz.Legendre(2))
    one, other = mz.compile(eq), mz.compile(eq, target="c")
    assert other.target == "c" and other.with_params({(0, "scale"): 0.4}).target == "c"
    for n in range(3):
        assert one.streaming(n).tobytes() == other.streaming(n).tobytes()
    assert one.memory(0, 3).tobytes() == other.memory(0, 3).tobytes()
    points = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    assert one.expectation(points).tobytes() == other.expectation(points).tobytes()


def test_panels_take_the_target_as_well() -> None:
    layers = [mz.dense([[1.4]], activation="relu", noise=mz.Gaussian(0.3))] * 2
    net = mz.Network(layers, observable=mz.state(1)[0])
    eq = mz.derive(net, mz.Hermite(2))
    one, other = mz.compile(eq), mz.compile(eq, target="c")
    assert other.scheme == "panels"
    assert one.memory(0, 2).tobytes() == other.memory(0, 2).tobytes()


# --- text -------------------------------------------------------------------------------------------------------------


def accepted(text: str, directory: Path, *more: str) -> None:
    file = directory / "text.c"
    file.write_text(text)
    done = subprocess.run([*find_compiler().command, *STRICT, *more, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@ALL_OF_IT
@given(exprs=st.lists(expressions, min_size=1, max_size=4))
def test_the_text_is_strict_c99(exprs: list[sp.Expr], cache: Path) -> None:
    accepted(CEmitter().source(freeze(exprs, *ARGUMENTS)), cache, "-O1")


def test_texts_of_every_shape_are_strict_c99(tmp_path: Path) -> None:
    accepted(CEmitter().source(freeze([w * s, sp.Integer(2)], *ARGUMENTS)), tmp_path)
    accepted(CEmitter().source(freeze([sp.Integer(2)], [])), tmp_path)
    accepted(CEmitter().source(freeze([sp.exp(x), sp.Piecewise((x, sp.And(x > 0, x < 1)), (1, True))], [x])), tmp_path)
    many = sp.symbols("a:700", real=True)
    accepted(CEmitter().source(freeze([sp.Add(*many), many[3]], many)), tmp_path)


def test_fast_math_is_refused_by_the_text(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="IEEE"):
        accepted(CEmitter().source(freeze([x], [x])), tmp_path, "-ffast-math")


def test_inspection_shows_either_language() -> None:
    program = freeze([x * y], *ARGUMENTS)
    assert "void mzsym_run(size_t points" in inspect(program, "c") and "def run(" in inspect(program)
    assert "void mzsym_run(size_t points" in inspect(compile_program(program, "c"))


# --- calling ----------------------------------------------------------------------------------------------------------


def test_threads_outputs_and_blocks_change_nothing() -> None:
    kernel = compile_program(freeze([sp.tanh(w * x + y), x * y + b], *ARGUMENTS), "c")
    points, params = some_points(1001), [0.7, -0.4, 0.1]
    one, out = kernel(points, params, threads=1), np.empty((1001, 2))
    assert kernel(points, params, out=out, threads=3) is out
    assert np.array_equal(one, out)
    assert kernel(points[:0], params).shape == (0, 2)
    assert np.array_equal(kernel(np.asfortranarray(points), params), one)
    again = pickle.loads(pickle.dumps(kernel))
    assert again.target == "c" and np.array_equal(again(points, params), one)


def test_more_columns_than_a_block_has_room_for() -> None:
    many = sp.symbols("a:700", real=True)
    kernel = compile_program(freeze([many[0] + 2 * many[699], many[5]], many), "c")
    points = np.arange(7.0 * 700).reshape(7, 700)
    assert np.array_equal(kernel(points), np.stack([points[:, 0] + 2 * points[:, 699], points[:, 5]], axis=1))


DENORMALS = """
import numpy as np, sympy as sp
from mzsym.codegen import compile_program, freeze
x = sp.Symbol("x")
kernel = compile_program(freeze([x / 4 + sp.exp(x) * 0, sp.tanh(x)], [x]), "c")
small = np.array([[2.2250738585072014e-308], [5e-324]])
print(kernel(small)[0, 0].hex(), kernel(small)[1, 1].hex())
print((small[0, 0] / 4).hex(), (float(small[0, 0]) / 4).hex(), (small / 4)[0, 0] > 0)
"""


def test_the_process_keeps_its_denormals(cache: Path) -> None:
    environment = {**os.environ, "MZSYM_CACHE": str(cache), "CC": "cc"}
    done = subprocess.run(
        [sys.executable, "-c", DENORMALS], env=environment, capture_output=True, text=True, check=True
    )
    quarter = (2.2250738585072014e-308 / 4).hex()
    assert done.stdout.split() == [quarter, (5e-324).hex(), quarter, quarter, "True"]


# --- cache ------------------------------------------------------------------------------------------------------------

BUILD = """
import sys
import numpy as np, sympy as sp
from mzsym.calculus.heads import UniformMean
from mzsym.codegen import compile_program, freeze
x, w = sp.symbols("x w")
kernel = compile_program(freeze([UniformMean("tanh", 1, w * x, w) + sp.Rational({number}, 7)], [x], [w]), "c")
print("ready", flush=True)
value = kernel(np.array([[0.5]]), [2.0])[0, 0].hex()
assert "numba" not in sys.modules
print(value, kernel.path)
"""


def started(directory: Path, number: int, **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MZSYM_CACHE": str(directory), **more}
    command = [sys.executable, "-W", "error", "-c", BUILD.format(number=number)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> tuple[str, ...]:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return tuple(out.split())


def wrapped_compiler(directory: Path, script: str) -> str:
    """A command that does something before it is the compiler."""
    path = directory / "slow-cc"
    path.write_text(f'#!/bin/sh\n{script}\nexec {COMPILER} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_ten_processes_build_one_kernel_once(tmp_path: Path) -> None:
    compiler = wrapped_compiler(tmp_path, f"echo started >> {tmp_path}/log; sleep 0.3")
    running = [started(tmp_path / "cache", 1, CC=compiler) for _ in range(10)]
    results = {result(process) for process in running}
    assert len(results) == 1
    folder = Path(results.pop()[-1]).parent
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".c", ".so"]
    # One compilation and one link.
    assert (tmp_path / "log").read_text().split() == ["started"] * 2


def test_a_kill_in_the_middle_of_a_build_leaves_a_usable_cache(tmp_path: Path) -> None:
    compiler = wrapped_compiler(tmp_path, f"touch {tmp_path}/compiling; [ -e {tmp_path}/quick ] || sleep 20")
    process = started(tmp_path / "cache", 2, CC=compiler)
    while not (tmp_path / "compiling").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = list((tmp_path / "cache").rglob(".new-*"))
    assert left and not list((tmp_path / "cache").rglob("*.so"))
    (tmp_path / "quick").touch()
    ready, value, path = result(started(tmp_path / "cache", 2, CC=compiler))
    assert not list((tmp_path / "cache").rglob(".new-*"))
    assert result(started(tmp_path / "cache", 2, CC=compiler)) == (ready, value, path)


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "another kernel", "a directory"])
def test_a_damaged_library_is_rebuilt(damage: str) -> None:
    program = freeze([sp.tanh(x) + sp.Rational(1, 3 + len(damage))], *ARGUMENTS)
    points, params = some_points(3), [0.0, 0.0, 0.0]
    kernel = compile_program(program, "c")
    expected = kernel(points, params)
    (library,) = kernel.path.parent.glob("*.so")
    whole = library.read_bytes()
    # The loaded one is still mapped: it may be unlinked, never written to.
    library.unlink()
    other = compile_program(freeze([x - y], *ARGUMENTS), "c")
    other(points, params)
    (others,) = other.path.parent.glob("*.so")
    contents = {"truncated": whole[: len(whole) // 2], "foreign": b"\x7fELF garbage", "empty": b""}
    if damage == "a directory":
        library.mkdir()
    elif damage == "another kernel":
        shutil.copy(others, kernel.path.parent / others.name)
    else:
        library.write_bytes(contents[damage])
    assert np.array_equal(compile_program(program, "c")(points, params), expected)
    assert [path.read_bytes() for path in kernel.path.parent.glob("*.so") if path.is_file()] == [whole]


def test_a_damaged_text_is_written_again() -> None:
    program = freeze([sp.tanh(x) + sp.Rational(1, 77)], *ARGUMENTS)
    kernel = compile_program(program, "c")
    text = kernel.source
    kernel.path.write_text(text[: len(text) // 2])
    assert compile_program(program, "c").source == text


def test_what_enters_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = freeze([sp.tanh(x)], *ARGUMENTS)
    paths = {compile_program(program, "c").path, compile_program(program, "c").path}
    assert len(paths) == 1
    paths.add(compile_program(program, "c", portable=True).path)
    monkeypatch.setenv("CC", wrapped_compiler(tmp_path, "true"))
    paths.add(compile_program(program, "c").path)
    monkeypatch.setenv("CC", f"{COMPILER} -g")
    paths.add(compile_program(program, "c").path)
    monkeypatch.setattr("mzsym.codegen.c_build.cpu_identity", lambda: "another processor")
    paths.add(compile_program(program, "c").path)
    assert len(paths) == 5


# --- compiler ---------------------------------------------------------------------------------------------------------


def test_without_a_compiler_numba_works_and_c_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    program = freeze([x + y], *ARGUMENTS)
    with pytest.raises(MzError, match="Install gcc or clang"):
        compile_program(program, "c")
    assert compile_program(program)(np.ones((1, 2)), [0.0, 0.0, 0.0]).item() == 2.0
    layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 2
    eq = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0]), mz.Legendre(1))
    with pytest.raises(MzError, match="no C compiler"):
        mz.compile(eq, target="c").streaming(0)


def test_a_compiler_that_is_missing_or_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = freeze([x - 3 * y], *ARGUMENTS)
    monkeypatch.setenv("CC", "nowhere-cc")
    with pytest.raises(MzError, match="nowhere-cc"):
        compile_program(program, "c")
    monkeypatch.setenv("CC", "cc 'unfinished")
    with pytest.raises(MzError, match="CC is no command"):
        compile_program(program, "c")
    monkeypatch.setenv("CC", wrapped_compiler(tmp_path, "echo 'error: no licence' >&2; exit 3"))
    with pytest.raises(MzError, match="no licence"):
        compile_program(program, "c")(np.ones((1, 2)), [0.0, 0.0, 0.0])
    assert not list(compile_program(program, "c").path.parent.glob(".new-*"))


def test_a_compiler_that_does_not_know_the_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = 'for a in "$@"; do [ "$a" = -march=native ] && { echo "error: bad value" >&2; exit 1; }; done'
    program = freeze([x - 5 * y], *ARGUMENTS)
    monkeypatch.setenv("CC", wrapped_compiler(tmp_path, script))
    assert compile_program(program, "c")(np.ones((1, 2)), [0.0, 0.0, 0.0]).item() == -4.0


def test_fast_math_from_outside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{COMPILER} -ffast-math")
    with pytest.raises(MzError, match="IEEE"):
        compile_program(freeze([x - 7 * y], *ARGUMENTS), "c")(np.ones((1, 2)), [0.0, 0.0, 0.0])


def test_an_unwritable_cache_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MZSYM_CACHE", str(blocked))
    with pytest.raises(MzError, match="MZSYM_CACHE"):
        compile_program(freeze([x], *ARGUMENTS), "c")
