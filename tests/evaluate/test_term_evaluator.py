"""Closed terms as functions of their parameters: against SymPy at many digits, and against the tables."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.evaluate.term_evaluator import TermEvaluator

x = mz.state(1)[0]
w, b = sp.symbols("w b", real=True)
TARGETS = ("numba", "c") if shutil.which("cc") else ("numba",)


def network(slope: float = 0.7, shift: float = 0.1, scale: float = 0.4, kind: str = "square") -> mz.Network:
    maps = {"square": w * x**2 / 2 + b, "line": w * x + b}
    layers = [mz.Layer([maps[kind]], state=[x], noise=mz.Uniform(scale), params={w: slope, b: shift})] * 2
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)


def term(kind: str = "square") -> Any:
    return mz.derive(network(kind=kind), mz.Legendre(2)).streaming(0)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.2, 3.0), min_size=12, max_size=12))
def test_entries_are_those_of_the_expression(target: str, numbers: list[float]) -> None:
    compiled = mz.compile(term(), target=target)
    values = dict(zip(compiled.parameters, np.cumsum(numbers), strict=False))
    exactly = {s: sp.Rational(values[s.name]) for s in compiled.symbols}
    exact = [float(sp.N(entry.subs(exactly), 40)) for entry in compiled.term.expr]
    found = compiled(values)
    assert found.shape == compiled.term.shape
    assert np.abs(found.ravel() - exact).max() <= 1e-12 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("target", TARGETS)
def test_a_batch_is_every_network_of_its_own(target: str) -> None:
    slopes, scales = np.linspace(0.3, 0.9, 4)[:, None], np.array([0.2, 0.5])
    compiled = mz.compile(term(), target=target)
    columns = [compiled.values_of(network(slope=float(s), scale=float(h))) for s in slopes[:, 0] for h in scales]
    values = {name: np.array([column[name] for column in columns]).reshape(4, 2) for name in compiled.parameters}
    found = compiled(values)
    assert found.shape == (4, 2, *compiled.term.shape)
    for i, slope in enumerate(slopes[:, 0]):
        for k, scale in enumerate(scales):
            own = mz.compile(mz.derive(network(slope=float(slope), scale=float(scale)), mz.Legendre(2)))
            assert np.abs(found[i, k] - own.streaming(0)).max() < 1e-10


def test_a_million_sets_in_one_call() -> None:
    compiled = mz.compile(term("line"))
    base = compiled.values_of(network(kind="line"))
    values = base | {"w_0": np.linspace(0.1, 0.9, 10**6)}
    found = compiled(values)
    assert found.shape == (10**6, 3, 3)
    for k in (0, 123_456, 10**6 - 1):
        assert np.array_equal(found[k], compiled(base | {"w_0": values["w_0"][k]}))


def test_both_targets_agree_to_the_last_bit() -> None:
    if len(TARGETS) < 2:
        pytest.skip("no C compiler")
    one, other = (mz.compile(term(), target=target) for target in TARGETS)
    values = one.values_of(network()) | {"w_0": np.linspace(0.1, 2.0, 1000)}
    assert np.array_equal(one(values), other(values))


@pytest.mark.parametrize("target", TARGETS)
def test_every_stage_is_printed(target: str) -> None:
    compiled = mz.compile(term(), target=target)
    compiled(compiled.values_of(network()))
    text = compiled.inspect()
    for stage in ("# expressions", "# as written", "# after", "# nodes", "# source", "# cost", "bytes read"):
        assert stage in text
    assert ("bytes of machine code" in text) == (target == "c" and shutil.which("size") is not None)


def test_symbols_serve_as_keys_as_well() -> None:
    compiled = mz.compile(term())
    values = compiled.values_of(network())
    assert np.array_equal(compiled(values), compiled({s: values[s.name] for s in compiled.symbols}))


def test_a_constant_term_needs_no_values() -> None:
    layers = [mz.Layer([x / 2], state=[x], noise=mz.Uniform(1))] * 2
    found = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x), mz.Mean()).streaming(0)
    assert mz.compile(found)({}).shape == (1, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "There is no value for"),
        ({"nothing": 1.0}, "no parameter nothing"),
        ({"w_0": np.zeros(3), "b_0": np.zeros(2)}, "do not go together"),
    ],
)
def test_refusals(values: dict[str, Any], words: str) -> None:
    compiled = mz.compile(term())
    base = {} if not values else compiled.values_of(network())
    with pytest.raises(mz.MzError, match=words):
        compiled(base | values)


def test_open_terms_are_refused() -> None:
    layers = [mz.dense([[1.0]], activation="gelu", noise=mz.TruncatedGaussian(0.3))] * 2
    eq = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x), mz.Legendre(2))
    with pytest.raises(mz.MzError, match="is not closed"):
        mz.compile(eq.memory(0, 2))


def test_it_is_made_by_compile_alone() -> None:
    assert isinstance(mz.compile(term()), TermEvaluator) and "parameters" in repr(mz.compile(term()))
