"""Conditional projections in two dimensions, against nested Gauss rules that share no code with the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.core.arrays import Array
from mzsym.derive.conditional_builder import ARGUMENT
from mzsym.derive.numeric import evaluate_expr
from mzsym.evaluate import Evaluator

W, B, S = np.array([[0.9, -0.4], [0.3, 0.8]]), np.array([0.1, -0.2]), 0.3
Function = Callable[[Array], Array]


def network() -> mz.Network:
    y = mz.state(2)
    layers = [mz.dense(W, B, activation="tanh", noise=mz.Uniform(S))] * 3
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=y[0] * y[1])


class Brute:
    """M_n and P_n by tensor Gauss rules at every point."""

    def __init__(self, net: mz.Network, count: int, weight: Callable[[Array], Array] | None = None) -> None:
        self.boxes = [(np.asarray(box.lower), np.asarray(box.upper)) for box in net.domains]
        self.nodes, weights = np.polynomial.legendre.leggauss(count)
        self.weights, self.weight = weights / 2, weight

    def average(self, v: Function) -> Function:
        first, second = np.meshgrid(self.nodes, self.nodes, indexing="ij")
        noise = S * np.stack([first.ravel(), second.ravel()], axis=1)
        mass = np.outer(self.weights, self.weights).ravel()

        def averaged(X: Array) -> Array:
            Y = np.tanh(X @ W.T + B)[:, None, :] + noise
            return v(Y.reshape(-1, 2)).reshape(len(X), -1) @ mass

        return averaged

    def project(self, v: Function, n: int) -> Function:
        lo, hi = self.boxes[n]
        dropped = (lo[1] + hi[1]) / 2 + (hi[1] - lo[1]) / 2 * self.nodes

        def projected(X: Array) -> Array:
            Y = np.stack([np.repeat(X[:, 0], len(dropped)), np.tile(dropped, len(X))], axis=1)
            mass = np.tile(self.weights, (len(X), 1))
            if self.weight is not None:
                mass = mass * self.weight(Y).reshape(mass.shape)
            return (v(Y).reshape(mass.shape) * mass).sum(axis=1) / mass.sum(axis=1)

        return projected


def cosine(X: Array) -> Array:
    return np.asarray(np.cos(2 * X[:, 0]))


X = np.array([[-0.7, 0.0], [0.2, 0.0]])


def evaluator(measure: object = "uniform", **options: float) -> Evaluator:
    return mz.compile(mz.derive(network(), mz.Conditional([0], measure=measure)), options=mz.Options(**options))


@pytest.fixture(scope="module")
def ev() -> Evaluator:
    return evaluator()


def test_streaming_and_memory_against_brute_force(ev: Evaluator) -> None:
    assert max(ev.tolerance_reached.values()) < 1e-10 and not ev.limits
    fine, rough = Brute(network(), 32), Brute(network(), 14)
    streaming = fine.project(fine.average(cosine), 0)(X)
    assert np.abs(ev.streaming(0)(cosine)(X[:, 0]) - streaming).max() < 1e-12
    inner = rough.average(cosine)
    resolved = rough.project(inner, 1)
    memory = rough.project(rough.average(lambda Y: inner(Y) - resolved(Y)), 0)(X[:1])
    assert abs(memory[0]) > 1e-2
    assert np.abs(ev.memory(0, 2)(cosine)(X[:1, 0]) - memory).max() < 1e-11


def test_coefficients_are_the_projected_expectation(ev: Evaluator) -> None:
    """c_0 is P_0 q_0: the average of the exact q_0 over the dropped neuron."""
    projected = Brute(network(), 32).project(ev.expectation, 0)(X)
    assert np.abs(ev.coefficients(0)(X[:, 0]) - projected).max() < 1e-12


def test_streaming_memory_and_noise_add_up(ev: Evaluator) -> None:
    """MATH (11) on every layer, with the tables in values at kept nodes."""
    for n in range(3):
        total = np.asarray(ev.noise(n)) + ev.streaming(n)(ev.coefficients(n + 1)).values
        for m in range(n + 2, 4):
            total = total + ev.memory(n, m)(ev.coefficients(m)).values
        assert np.abs(total - ev.coefficients(n).values).max() < 1e-12


def test_a_weight_changes_the_conditional_expectation() -> None:
    x = mz.state(2)
    weight = sp.exp(x[0] * x[1])
    found = evaluator(weight)
    brute = Brute(network(), 32, lambda Y: np.exp(Y[:, 0] * Y[:, 1]))
    streaming = brute.project(brute.average(cosine), 0)(X)
    assert np.abs(found.streaming(0)(cosine)(X[:, 0]) - streaming).max() < 1e-11


def test_in_the_law_the_conditional_expectation_is_that_of_samples() -> None:
    """E[cos 2 X_2[0] | X_1[0]] near a point, by trajectories from the uniform law."""
    net = network()
    found = evaluator("law", tolerance=1e-6)
    rng = np.random.default_rng(3)
    paths = net.trajectory(rng.uniform(-1, 1, (400_000, 2)), seed=4)
    at, width = 0.3, 0.02
    near = np.abs(paths[1][:, 0] - at) < width
    values = np.cos(2 * paths[2][near, 0])
    error = values.std() / np.sqrt(near.sum())
    assert abs(found.streaming(1)(cosine)(np.array([at]))[0] - values.mean()) < 4 * error + 2 * width**2


def test_kept_maps_say_what_they_expect(ev: Evaluator) -> None:
    with pytest.raises(mz.MzError, match="one value per point"):
        ev.streaming(0)(lambda Y: Y[:3])
    with pytest.raises(mz.MzError, match="shape"):
        ev.streaming(0)(cosine)(np.zeros((2, 2)))


def test_components_are_checked() -> None:
    for keep in ([], [0, 0], [-1], ["a"], 0):
        with pytest.raises(mz.MzError):
            mz.Conditional(keep)
    with pytest.raises(mz.MzError, match="component 2"):
        mz.derive(network(), mz.Conditional([2]))


def test_exact_terms_agree_with_the_tables(ev: Evaluator) -> None:
    """The streaming term of an undefined function, with a cosine put in, integrated by mpmath."""
    net = network()
    eq = mz.derive(net, mz.Conditional([0]))
    at = {**net.bindings(), net.state(0)[0]: -0.7}
    exact = eq.streaming(0).expr[0].replace(ARGUMENT, lambda t: sp.cos(2 * t))
    assert abs(float(evaluate_expr(exact, at, 12)) - ev.streaming(0)(cosine)(np.array([-0.7]))[0]) < 1e-11
    c = eq.coefficients(2).expr[0]
    at = {**net.bindings(), net.state(2)[0]: 0.1}
    assert abs(float(evaluate_expr(c, at, 12)) - ev.coefficients(2)(np.array([0.1]))[0]) < 1e-11
    memory = eq.memory(0, 2).expr[0]
    # Constants are resolved exactly, so what K makes of one vanishes: its integrals cancel.
    assert memory.has(sp.Integral) and memory.replace(ARGUMENT, lambda t: sp.S.One).doit().simplify() == 0


def test_exact_terms_in_the_law_are_left_by_their_operators() -> None:
    eq = mz.derive(network(), mz.Conditional([0], measure="law"))
    term = eq.memory(0, 2)
    assert not term.closed and "no expression of its own" in str(term.factored)
    assert r"P_{0} M_{0} \Phi(1, 2) P_{2}" in term.latex()
    assert r"P_{1} M_{1} \Phi(2, 3) Q_{3} u" in eq.noise(1).latex() and r"P_{0} M_{0} P_{1}" in eq.streaming(0).latex()


def powers(count: int) -> mz.Basis:
    y = mz.state(2)[0]
    return mz.Basis([y**k for k in range(count)])


@pytest.mark.parametrize(
    ("kind", "n", "m"), [("streaming", 0, None), ("memory", 0, 2), ("memory", 0, 3), ("noise", 1, None)]
)
def test_norms_are_those_of_polynomials_of_the_kept_variable(ev: Evaluator, kind: str, n: int, m: int | None) -> None:
    # A projection on many powers of the kept variable is all but the conditional expectation, and its tables are plain.
    rich = mz.compile(mz.derive(network(), powers(11)))
    assert abs(ev.norm(kind, n, m) - rich.norm(kind, n, m)) < 5e-4


def test_masses_are_the_measure_of_the_kept_variable(ev: Evaluator) -> None:
    c = ev.coefficients(1)
    assert c.mass.sum() == pytest.approx(1.0, abs=1e-12)
    lo, hi = float(ev.network.domains[1].lower[0]), float(ev.network.domains[1].upper[0])
    assert c.mass @ c.nodes[:, 0] ** 2 == pytest.approx((lo * lo + lo * hi + hi * hi) / 3, rel=1e-10)
    # ||f||^2 = E f(kept)^2: the norm of a function is that of its values, weighed.
    assert np.sum(c.isometric() ** 2) == pytest.approx(float(c.mass @ np.asarray(c) ** 2), rel=1e-13)


def test_maps_take_nothing_from_nodes_without_mass(ev: Evaluator) -> None:
    term = ev.streaming(0)
    mass = term.mass_in.copy()
    mass[:2] = 0.0
    bare = dataclasses.replace(term, mass_in=mass).isometric()
    assert not bare[:, :2].any() and np.array_equal(bare[:, 2:], term.isometric()[:, 2:])
