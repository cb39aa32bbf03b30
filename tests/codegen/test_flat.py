"""Programs cut into loops: what is hoisted, where loops end, and that nothing is lost."""

from __future__ import annotations

import re
from inspect import signature

import pytest
import sympy as sp

from mzsym.calculus.heads import UniformMean
from mzsym.codegen import emit_numba, freeze, libm
from mzsym.codegen.dialect_c import CText
from mzsym.codegen.emit_c import CEmitter
from mzsym.codegen.emit_numba import NumbaEmitter, in_python
from mzsym.codegen.flat import LONGEST, Inliner, Line, divided, loops, needed, written_out
from mzsym.codegen.leaves.library import constants, functions, leaves

x, y, w, s = sp.symbols("x y w s", real=True)


def one_number(name: str) -> bool:
    """Whether a leaf takes numbers and returns one."""
    kinds = functions()[name].__annotations__
    return all(kind == "float" for kind in kinds.values())


def chain(count: int, text: str = "{} * {} + {}") -> list[Line]:
    """Lines of three operations each, of which each reads the one before."""
    return [Line(f"v{k}", "double", text.format(*[f"v{k - 1}" if k else "x0"] * 3)) for k in range(count)]


def test_short_programs_stay_one_loop_and_long_ones_are_cut() -> None:
    assert len(loops(chain(LONGEST // 3))) == 1
    parts = loops(chain(100))
    assert [line for part in parts for line in part] == chain(100)
    assert len(parts) > 5 and all(10 < sum(line.cost for line in part) <= LONGEST for part in parts)


def test_calls_that_do_not_vectorise_have_loops_of_their_own() -> None:
    lines = [
        Line("a", "double", "x0 + 1.0"),
        Line("b", "double", "sin(a)"),
        Line("c", "double", "b * a"),
        Line("d", "double", "sin(x0)"),
        Line("e", "double", "c + d"),
        Line("f", "double", "cos(e)"),
    ]
    parts = [[line.name for line in part] for part in loops(lines)]
    assert parts == [["a"], ["b", "d"], ["c", "e"], ["f"]]


def test_what_no_point_changes_is_computed_once() -> None:
    lines = [Line("a", "double", "p0 * p1"), Line("b", "double", "x0 + a"), Line("c", "double", "a - 1.0")]
    fixed, varying = divided(lines, {"x0"})
    assert [line.name for line in fixed] == ["a", "c"] and [line.name for line in varying] == ["b"]
    assert [line.name for line in needed(lines, {"b"})] == ["a", "b"]
    text = CEmitter().source(freeze([UniformMean("tanh", 1, w * x, w * s)], [x], [w, s]))
    before, _, inside = text.partition("for (size_t start")
    # The exponential of the noise's half-width stands before the loops, that of the state inside.
    assert len(re.findall(r"\* MZ_LOG2_E", before)) == len(re.findall(r"\* MZ_LOG2_E", inside)) == 1


def test_what_two_leaves_both_compute_is_written_once() -> None:
    text = CEmitter().source(freeze([UniformMean("sigmoid", 1, x, y)], [x, y]))
    # Two exponentials of the half-width are asked for, expm1 with its rest and exp, and one of the argument.
    assert len(re.findall(r"\* MZ_LOG2_E", text)) == 2


@pytest.mark.parametrize("name", sorted(name for name in leaves() if written_out(name) and one_number(name)))
def test_numba_reads_what_was_written_out_in_c(name: str) -> None:
    """Every leaf that can stand where it is called, in both languages, as Python runs it."""
    inliner = Inliner("v")
    arguments = [CText(f"a{k}", "double") for k in range(len(signature(functions()[name]).parameters))]
    (value,) = inliner.call(name, arguments)
    text = "\n".join(
        [*(f"{line.name} = {in_python(line.text)}" for line in inliner.lines), f"v = {in_python(value.text)}"]
    )
    known = {**vars(libm), **functions(), **constants()}
    helpers: dict[str, object] = {}
    exec("\n".join(emit_numba._HELPERS.values()), helpers)  # noqa: S102 - generated code is what is tested
    for number in (0.0, -0.0, 0.3, -2.5, 40.5, -800.0):
        values = {one.text: number + k for k, one in enumerate(arguments)}
        space: dict[str, object] = {**known, **helpers, **values}
        exec(text, space)  # noqa: S102
        expected = functions()[name](*values.values())
        assert repr(space["v"]) == repr(expected)


def test_long_programs_keep_one_loop_in_numba() -> None:
    short, long = (freeze([sum(sp.tanh(k * x) for k in range(1, count))], [x]) for count in (3, 9))
    assert NumbaEmitter("leaves").source(short).count("for i in range(n)") > 1
    text = NumbaEmitter("leaves").source(long)
    assert text.count("for i in range(n)") == 1 and text.count("vtanh(") == 8


def test_leaves_with_branches_are_called() -> None:
    assert written_out("vexp") and written_out("umean_tanh") and written_out("gelu")
    assert not written_out("umean_relu") and not written_out("int_power") and not written_out("sin")
    text = CEmitter().source(freeze([sp.tanh(x) * sp.sin(y)], [x, y]))
    assert "sin(x1)" in text and "mz_vtanh" not in text
