"""Norms of terms and what makes them large, against orthogonal dynamics made of Chebyshev interpolants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Chebyshev
from numpy.polynomial.legendre import leggauss

import mzsym as mz
from mzsym.evaluate.stored import store, stored

Function = Callable[[Any], Any]
NODES, WEIGHTS = leggauss(160)
(X,) = mz.state(1)
PAIR = mz.Basis([1, X], test=[1, X**3])


def network(depth: int = 4, weight: float = 1.5, noise: float = 0.4, observable: Any = None) -> Any:
    layers = [mz.dense([[weight]], [0.1 * k], activation="tanh", noise=mz.Uniform(noise)) for k in range(depth)]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=sp.exp(X) if observable is None else observable)


class Brute:
    """M_k, P_k and norms of one-dimensional tanh layers, each function an interpolant of degree 150."""

    def __init__(self, net: Any, weight: float, noise: float, projection: Any) -> None:
        self.boxes = [(float(box.lower[0]), float(box.upper[0])) for box in net.domains]
        self.weight, self.noise, self.projection, self.net = weight, noise, projection, net

    def points(self, k: int) -> Any:
        lo, hi = self.boxes[k]
        return 0.5 * (lo + hi) + 0.5 * (hi - lo) * NODES

    def moved(self, k: int, f: Function) -> Function:
        def average(x: Any) -> Any:
            at = np.tanh(self.weight * np.asarray(x) + 0.1 * k)
            return 0.5 * (f(at[..., None] + self.noise * NODES) @ WEIGHTS)

        return Chebyshev.interpolate(average, 150, domain=list(self.boxes[k]))

    def basis(self, k: int, tests: bool = False) -> list[Function]:
        box = self.net.domains[k]
        evaluate = self.projection.test_values if tests else self.projection.evaluate
        rows = evaluate(self.points(k)[:, None], box)
        return [Chebyshev.fit(self.points(k), rows[:, j], 30, domain=list(self.boxes[k])) for j in range(rows.shape[1])]

    def unresolved(self, k: int, f: Function) -> Function:
        at = self.points(k)
        phi = np.stack([g(at) for g in self.basis(k)], axis=-1)
        psi = np.stack([g(at) for g in self.basis(k, tests=True)], axis=-1)
        gram = psi.T @ (0.5 * WEIGHTS[:, None] * phi)
        c = np.linalg.solve(gram, psi.T @ (0.5 * WEIGHTS * f(at)))
        functions = self.basis(k)
        return lambda x: f(x) - sum(c[j] * functions[j](x) for j in range(len(c)))

    def norm(self, k: int, f: Function) -> float:
        return float(np.sqrt(0.5 * (WEIGHTS @ f(self.points(k)) ** 2)))

    def orthonormal(self, k: int, coordinates: Any) -> Function:
        """A combination of the functions that the terms refer to."""
        at = self.points(k)
        phi = np.stack([g(at) for g in self.basis(k)], axis=-1)
        turn = np.eye(phi.shape[1])
        if self.projection.orthogonal:
            turn = np.linalg.inv(np.linalg.cholesky(phi.T @ (0.5 * WEIGHTS[:, None] * phi))).T
        weights = turn @ np.asarray(coordinates)
        functions = self.basis(k)
        return lambda x: sum(weights[j] * functions[j](x) for j in range(len(weights)))


CASES = [
    (mz.Legendre(1), "spectral"),
    (mz.Legendre(2), "panels"),
    (mz.Basis([1, sp.sin(2 * X)]), "panels"),
    (PAIR, "panels"),
]


@pytest.mark.parametrize(("projection", "engine"), CASES)
def test_the_way_of_a_memory_term_is_that_of_the_orthogonal_dynamics(projection: Any, engine: str) -> None:
    net = network()
    ev = mz.compile(mz.derive(net, projection), engine=engine)
    brute = Brute(net, 1.5, 0.4, projection)
    for n, m in ((0, 2), (1, 4), (0, 4)):
        found = mz.explain(ev, "memory", n, m)
        F = brute.orthonormal(m, found.source.coordinates)
        before = brute.norm(m, F)
        assert [step.layer for step in found.passages] == list(range(m - 1, n - 1, -1))
        for step in found.passages:
            moved = brute.moved(step.layer, F)
            F = brute.unresolved(step.layer, moved)
            assert step.before == pytest.approx(before, abs=1e-9)
            assert step.moved == pytest.approx(brute.norm(step.layer, moved), abs=1e-9)
            before = brute.norm(step.layer, F)
            assert step.kept == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize(("projection", "engine"), CASES)
def test_the_way_of_the_noise_term_starts_from_what_the_observable_leaves(projection: Any, engine: str) -> None:
    net = network(3)
    ev = mz.compile(mz.derive(net, projection), engine=engine)
    brute = Brute(net, 1.5, 0.4, projection)
    found = mz.explain(ev, "noise", 0)
    F = brute.unresolved(3, np.exp)
    for step in found.passages:
        assert step.before == pytest.approx(brute.norm(step.layer + 1, F), abs=1e-9)
        moved = brute.moved(step.layer, F)
        F = brute.unresolved(step.layer, moved)
        assert step.kept == pytest.approx(brute.norm(step.layer, F), abs=1e-9)
    assert len(found.passages) == 3


def test_what_is_resolved_at_the_end_is_the_term() -> None:
    x, y = mz.state(2)
    layer = mz.dense([[0.9, -0.5], [0.4, 1.1]], [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2), observable=[x * y, sp.exp(x)])
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-9))
    for kind, n, m in (("memory", 0, 2), ("memory", 0, 3), ("noise", 0, None)):
        found = mz.explain(ev, kind, n, m)  # type: ignore[arg-type]
        last = found.passages[-1]
        assert np.sqrt(last.moved**2 - last.kept**2) == pytest.approx(found.norm, abs=1e-9)
        assert found.norm == pytest.approx(ev.norm(kind, n, m), rel=1e-14)
    assert found.source.function in ("Q u_0", "Q u_1")


@settings(deadline=None, max_examples=10)
@given(weight=st.floats(0.3, 3.0), noise=st.floats(0.2, 1.0), degree=st.integers(0, 3))
def test_an_orthogonal_projection_never_adds(weight: float, noise: float, degree: int) -> None:
    ev = mz.compile(mz.derive(network(3, weight, noise), mz.Legendre(degree)), options=mz.Options(tolerance=1e-8))
    for term in ev.terms():
        found = mz.explain(ev, term.kind, term.n, term.m if term.kind == "memory" else None)
        assert found.norm == pytest.approx(term.norm)
        assert all(step.kept <= step.moved + 1e-12 for step in found.passages)
        assert 0.0 <= found.share <= 1.0 + 1e-12 and 0.0 < found.source.share <= 1.0 + 1e-12
        assert found.lines()


def test_the_terms_are_listed_by_size_and_filtered() -> None:
    ev = mz.compile(mz.derive(network(5), mz.Legendre(2)))
    terms = ev.terms()
    assert len(terms) == 5 + 10 + 5
    assert [t.norm for t in terms] == sorted((t.norm for t in terms), reverse=True)
    assert all(t.norm == pytest.approx(np.linalg.norm(ev.memory(t.n, t.m), 2)) for t in terms if t.kind == "memory")
    assert {t.m - t.n for t in ev.terms(max_lag=3) if t.kind == "memory"} == {2, 3}
    assert [t for t in terms if t.norm >= 0.01] == list(ev.terms(above=0.01))
    eq = mz.derive(network(5), mz.Legendre(2))
    assert {(r.name.kind, r.name.n, r.name.m) for r in eq.costs(above=0.01, evaluator=ev).rows} == {
        (t.kind, t.n, t.m) for t in ev.terms(above=0.01)
    }


def test_the_forward_term_is_explained_by_the_backward_one() -> None:
    net = network(4)
    forward = mz.compile(mz.derive(net, mz.Legendre(1), direction="forward"))
    backward = mz.compile(mz.derive(net, mz.Legendre(1)))
    ours, theirs = mz.explain(forward, "memory", 3, 1), mz.explain(backward, "memory", 1, 4)
    assert ours.passages == theirs.passages and ours.norm == pytest.approx(theirs.norm)
    assert (ours.contribution or 0.0) == pytest.approx(
        np.linalg.norm(forward.memory(3, 1) @ forward.coefficients(1)) / np.linalg.norm(forward.coefficients(4))
    )
    with pytest.raises(mz.MzError, match="depends on the law of X_0"):
        mz.explain(forward, "noise", 0)


def test_stored_tables_are_explained_like_those_they_came_from(tmp_path: Path) -> None:
    eq = mz.derive(network(3), mz.Legendre(1))
    ev = mz.compile(eq)
    store(ev, tmp_path / "tables.npz")
    again = stored(mz.compile(eq), tmp_path / "tables.npz")
    assert again is not None
    assert mz.explain(again) == mz.explain(ev)
    assert again.norm("memory", 0, 2) == ev.norm("memory", 0, 2)


def test_the_words_say_what_the_numbers_say() -> None:
    strong = mz.explain(mz.compile(mz.derive(network(4, 3.0, 0.1), mz.Legendre(1))), "memory", 0, 4)
    text = str(strong)
    loud = max(strong.passages[:-1], key=lambda step: step.factor)
    assert f"What makes it large: layer {loud.layer} passes on {100 * loud.factor:.3g} %" in text
    assert text.startswith("memory(0, 4) has norm ")
    weak = mz.explain(mz.compile(mz.derive(network(3, 0.5, 1.0), mz.Legendre(2))), "memory", 0, 3)
    assert "What keeps it small" in str(weak) and "the projection resolves most of it" in str(weak)
    linear = mz.Network([mz.dense([[0.5]], noise=mz.Uniform(0.3))] * 3, domain=mz.Box([(-1, 1)]), observable=X)
    nothing = mz.explain(mz.compile(mz.derive(linear, mz.Legendre(1))))
    assert nothing.zero and "cannot be told from zero" in str(nothing)


def test_names_of_functions() -> None:
    assert mz.Legendre(2).function_names(2) == ("1", "P1(x0)", "P1(x1)", "P2(x0)", "P1(x0) P1(x1)", "P2(x1)")
    assert mz.Hermite(1).function_names(1) == ("1", "He1(x0)")
    assert mz.Basis([1, sp.sin(X), sum(sp.sin(k * X) for k in range(1, 9))]).function_names(1) == (
        "1",
        "sin(x0)",
        "phi_2",
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ev: mz.explain(ev, "memory", 0), "A memory term has two indices"),
        (lambda ev: mz.explain(ev, "memory"), "Which memory term is not said"),
        (lambda ev: mz.explain(ev, "correlation", 0, 2), "There is no 'correlation' term"),
        (lambda ev: mz.explain(ev, "memory", 0, 1), "The index is 1"),
        (lambda ev: ev.norm("memory", 0), "A memory term has two indices"),
        (lambda ev: ev.terms(max_lag=-1), "The largest lag is -1"),
    ],
)
def test_refusals(call: Any, words: str) -> None:
    with pytest.raises(mz.MzError, match=words):
        call(mz.compile(mz.derive(network(3), mz.Legendre(1))))


def test_a_conditional_projection_is_refused() -> None:
    layer = mz.dense([[0.9, -0.5], [0.4, 1.1]], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    with pytest.raises(mz.MzError, match="finite rank"):
        mz.explain(mz.compile(mz.derive(net, mz.Conditional([0])), options=mz.Options(tolerance=1e-3)))
