"""Sizes before anything is expanded, the budget, and the filters by lag and norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.derive import pairings, products
from mzsym.derive.costs import term_names

ACTIVATIONS = ("tanh", "relu", "sin", "identity", "sigmoid")


def chain(depth: int, activation: str = "tanh", degree: int = 2, **options: Any) -> Any:
    layers = [mz.dense([[1.1]], [0.2], activation=activation, noise=mz.Uniform(0.4)) for _ in range(depth)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=sp.exp(mz.state(1)[0]))
    return mz.derive(net, mz.Legendre(degree), options=mz.Options(**options))


@dataclass
class Norms:
    """Norms by hand: 2^-lag."""

    network: Any

    def norm(self, kind: str, n: int, m: int | None = None) -> float:
        assert m is not None
        return 0.0 if kind == "noise" else 2.0 ** -(m - n)


def test_estimates_expand_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("expanded")

    for module in (products, pairings):
        for name in ("correlation", "correlation_entry", "coefficients", "raw", "entry", "raw_coefficients"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, never)
    x = mz.state(1)[0]
    net = chain(6).network
    for projection in (mz.Legendre(3), mz.Basis([1, x, sp.sin(x)], "law"), mz.Conditional([0])):
        for direction in ("backward", "forward"):
            if direction == "forward" and isinstance(projection, mz.Conditional):
                continue
            eq = mz.derive(net, projection, direction=direction)  # type: ignore[arg-type]
            found = eq.costs()
            assert len(found.rows) == len(list(term_names(6, direction)))  # type: ignore[arg-type]
            assert all(row.estimate.operations >= 0 for row in found.rows)
            assert found.lines()


def test_a_deep_network_is_judged_at_once() -> None:
    found = chain(48, degree=5).costs()
    assert found.of("memory(0, 48)").state == "factored"
    assert found.of("memory(0, 48)").estimate.operations > 1e9


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_estimates_are_of_the_order_of_what_is_built(activation: str) -> None:
    eq = chain(3, activation, degree=1, max_operations=200_000)
    for name in term_names(3, "backward"):
        built = eq.term_at(name.kind, name.n, name.m)
        guess = eq.estimate(name.kind, name.n, name.m)
        if built.is_zero:
            continue
        assert built.factored is None
        assert guess.operations / 100 <= built.cost.operations <= 100 * guess.operations
        assert built.cost.dimension <= guess.dimension


def test_what_vanishes_costs_nothing() -> None:
    eq = chain(3, "identity")
    assert eq.estimate("memory", 0, 2).operations == 0
    assert eq.memory(0, 2).is_zero
    assert [row.state for row in eq.costs().rows if row.name.kind == "memory"] == ["zero"] * 3


@settings(deadline=None, max_examples=25)
@given(budget=st.integers(1, 20_000), depth=st.integers(1, 5))
def test_the_budget_is_kept(budget: int, depth: int) -> None:
    eq = chain(depth, max_total_operations=budget)
    found = eq.costs()
    assert found.total <= budget
    spent = 0.0
    for row in found.rows:
        if row.state in ("written", "left"):
            assert (row.state == "left") == (spent + row.estimate.operations > budget)
            spent += row.estimate.operations if row.state == "written" else 0.0


def test_what_the_budget_leaves_is_named_not_lost() -> None:
    small, whole = chain(2, max_total_operations=600), chain(2)
    terms = {(t.kind, t.n, t.m): t for t in small.terms()}
    left = terms["memory", 0, 2]
    assert isinstance(left.expr, sp.MatrixSymbol) and left.factored is not None
    assert "max_total_operations = 600" in left.factored
    assert small.evaluate(left, digits=15)[0, 0] == pytest.approx(whole.evaluate(whole.memory(0, 2), digits=15)[0, 0])
    assert [t.shape for t in small.terms()] == [t.shape for t in whole.terms()]


def test_the_filters_leave_what_they_say() -> None:
    eq = chain(5)
    assert {(r.name.kind, r.name.lag) for r in eq.costs(max_lag=2).rows} == {
        ("streaming", 1),
        ("memory", 2),
        ("noise", 0),
    }
    rows = eq.costs(above=0.1, evaluator=Norms(eq.network)).rows
    assert {(r.name.kind, r.name.lag) for r in rows} == {("streaming", 1), ("memory", 2), ("memory", 3)}
    assert len(eq.costs(max_lag=1).rows) == len(eq.terms(max_lag=1)) == 10
    text = eq.latex(max_lag=1)
    assert "Left out, because of the lag or the norm asked for: 10 of 20 terms." in text
    assert r"\bar{x}" in text and "Left out" not in chain(1).latex()


def test_the_forward_terms_are_chosen_by_the_same_lags() -> None:
    net = chain(4).network
    eq = mz.derive(net, mz.Legendre(1), direction="forward")
    for row in eq.costs(max_lag=2).rows:
        assert row.shape == eq.term_at(row.name.kind, row.name.n, row.name.m).shape
        if row.name.kind == "memory":
            assert row.name.n + 1 - row.name.m == 2
    back = mz.derive(net, mz.Legendre(1))
    assert eq.estimate("memory", 2, 0) == back.estimate("memory", 0, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda eq: eq.costs(max_lag=0), "The largest lag is 0"),
        (lambda eq: eq.terms(max_lag=1.5), "The largest lag is 1.5"),
        (lambda eq: eq.terms(above=-1.0, evaluator=Norms(eq.network)), "The smallest norm is -1.0"),
        (lambda eq: eq.latex(above=float("nan"), evaluator=Norms(eq.network)), "The smallest norm is nan"),
        (lambda eq: eq.latex(above=0.1), "known to an evaluator of the same network only"),
        (lambda eq: eq.latex(above=0.1, evaluator=Norms(chain(4).network)), "of the same network only"),
        (lambda eq: eq.estimate("memory", 0, 1), "There is no such memory term"),
        (lambda eq: eq.estimate("moments", 0, 1), "There is no 'moments' term"),
        (lambda eq: eq.term_at("memory", 0), "The index None is no integer"),
        (lambda eq: eq.costs().of("memory(9, 12)"), "There is no term 'memory(9, 12)'"),
    ],
)
def test_refusals(call: Any, words: str) -> None:
    with pytest.raises(mz.MzError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call(chain(3))


def test_terms_of_a_conditional_projection_beyond_the_budget_are_left_by_name() -> None:
    net = chain(3).network
    eq = mz.derive(net, mz.Conditional([0]), options=mz.Options(max_total_operations=5))
    assert any("max_total_operations" in str(term.factored) for term in eq.terms())


def test_costs_of_a_conditional_projection_have_the_dimensions_of_its_terms() -> None:
    W = [[0.9, 0.4], [-0.5, 0.7]]
    layer = mz.dense(W, [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    eq = mz.derive(net, mz.Conditional([0]))
    estimates = {(row.name.kind, row.name.n, row.name.m): row.estimate.dimension for row in eq.costs().rows}
    for m, kind in ((1, "streaming"), (2, "memory"), (3, "memory")):
        term = eq.streaming(0) if kind == "streaming" else eq.memory(0, m)
        assert estimates[kind, 0, m] == term.cost.dimension
