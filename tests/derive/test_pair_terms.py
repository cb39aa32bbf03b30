"""Exact terms in every measure and for every family, against closed forms and brute force."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.derive.numeric import evaluate_expr

x = mz.state(1)[0]


def numbers(matrix: Any) -> np.ndarray:
    return np.array(matrix.tolist(), dtype=float)


def table(eq: Any, term: Any, digits: int = 12) -> np.ndarray:
    return numbers(eq.evaluate(term, digits=digits))


def network(*rows: tuple[float, float], observable: Any = x, noise: Any = None, activation: str = "tanh") -> mz.Network:
    noise = mz.Uniform(0.4) if noise is None else noise
    layers = [mz.dense([[w]], [b], activation=activation, noise=noise) for w, b in rows]
    bounded = not isinstance(noise, mz.Gaussian)
    return mz.Network(layers, domain=mz.Box([(-1, 1.5)]) if bounded else None, observable=observable)


TWO = network((1.2, 0.1), (0.8, -0.2), observable=[x**3, sp.cos(x)])


# --- polynomials stated in other ways --------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
def test_a_basis_of_monomials_is_legendre(measure: Any) -> None:
    ours, known = mz.derive(TWO, mz.Basis([1, x], measure)), mz.derive(TWO, mz.Legendre(1, measure))
    assert ours.streaming(0).factored is None and ours.gram(1).closed
    for name, at in [("streaming", (0,)), ("memory", (0, 2)), ("coefficients", (1,)), ("noise", (1,))]:
        first, second = getattr(ours, name)(*at), getattr(known, name)(*at)
        assert np.allclose(table(ours, first), table(known, second), rtol=0, atol=1e-11), name
    # Exact Gram-Schmidt gives the Legendre basis itself, in symbols.
    basis = ours.normaliser(0).expr * sp.Matrix(ours.projection.basis_exprs(0, 1))
    assert all(sp.simplify(a - b) == 0 for a, b in zip(basis, known.projection.basis_exprs(0, 1), strict=True))


def test_a_weight_that_is_the_measure_changes_nothing() -> None:
    given_weight = mz.derive(TWO, mz.Legendre(1, sp.S.One + 0 * x))
    known = mz.derive(TWO, mz.Legendre(1, "lebesgue"))
    assert np.allclose(table(given_weight, given_weight.streaming(1)), table(known, known.streaming(1)), atol=1e-11)
    line = network((1.1, 0.3), noise=mz.Gaussian(0.5))
    weight = mz.derive(line, mz.Legendre(1, sp.exp(-(x**2) / 2) * 3))
    known = mz.derive(line, mz.Hermite(1))
    # A factor of the weight scales the basis on both sides, hence not the table.
    assert np.allclose(table(weight, weight.streaming(0)), table(known, known.streaming(0)), atol=1e-11)
    assert (
        weight.memory.__self__ is weight and mz.derive(line, mz.Basis([1, x], "gaussian")).streaming(0).closed is False
    )


# --- closed forms ----------------------------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.floats(0.1, 0.9))
def test_mehler(a: float) -> None:
    net = network((a, 0.0), (a, 0.0), (a, 0.0), noise=mz.Gaussian(float(np.sqrt(1 - a * a))), activation="identity")
    eq = mz.derive(net, mz.Hermite(3))
    for n, m in [(0, 1), (0, 3), (1, 3)]:
        term = eq.correlation(n, m)
        assert term.closed
        assert np.allclose(table(eq, term), np.diag(a ** ((m - n) * np.arange(4.0))), atol=1e-14)
    assert eq.memory(0, 2).is_zero and eq.memory(0, 3).is_zero and eq.noise(0).is_zero


def test_stationary_chain_has_the_gaussian_law() -> None:
    # X_0 ~ N(0, 1) is stationary: in its law polynomials orthonormalise to Hermite's.
    a, s = 0.6, 0.8
    net = network((a, 0.0), (a, 0.0), noise=mz.Gaussian(s), activation="identity")
    eq = mz.derive(net, mz.Legendre(2, "law"))
    assert eq.gram(2).closed and np.allclose(table(eq, eq.gram(2)), np.eye(3), atol=1e-12)
    assert np.allclose(table(eq, eq.streaming(1)), np.diag([1, a, a * a]), atol=1e-12)
    assert eq.memory(0, 2).is_zero
    forward = mz.derive(net, mz.Legendre(2, "law"), direction="forward")
    assert forward.noise(1).is_zero
    assert mz.derive(net, mz.Hermite(2), direction="forward").noise(1).is_zero


# --- brute force -----------------------------------------------------------------------------------------------------

_T, _W = np.polynomial.legendre.leggauss(60)


class Brute:
    """Everything by plain quadrature on fixed nodes; shares only the maps with the package."""

    def __init__(self, net: mz.Network, s: float, trial: Any, test: Any, measure: str) -> None:
        self.net, self.s, self.trial, self.test, self.measure = net, s, trial, test, measure

    def push(self, n: int, m: int, v: Any, y: np.ndarray) -> np.ndarray:
        if n == m:
            return np.asarray(v(y))
        centre = self.net.layers[n].forward(y.reshape(-1, 1)).reshape(y.shape)
        t, w = np.polynomial.legendre.leggauss(20)
        return np.tensordot(self.push(n + 1, m, v, centre[..., None] + self.s * t), w / 2, axes=([y.ndim], [0]))

    def inner(self, n: int, f: Any) -> np.ndarray:
        """The integral against mu_n of a function (points,) -> (points, ...)."""
        if self.measure == "law":
            box = self.net.domain
            assert box is not None
            lo, hi = float(box.lower[0]), float(box.upper[0])
            y = (lo + hi) / 2 + (hi - lo) / 2 * _T
            return np.tensordot(_W / 2, self.push(0, n, f, y), axes=1)
        if self.measure == "gaussian":
            t, w = np.polynomial.hermite_e.hermegauss(120)
            return np.tensordot(w / w.sum(), f(t), axes=1)
        box = self.net.domains[n]
        lo, hi = float(box.lower[0]), float(box.upper[0])
        y = (lo + hi) / 2 + (hi - lo) / 2 * _T
        return np.tensordot(_W / 2, f(y), axes=1)

    def raw(self, n: int, m: int) -> np.ndarray:
        return self.inner(n, lambda y: self.test(y)[..., :, None] * self.push(n, m, self.trial, y)[..., None, :])

    def C(self, n: int, m: int, orthogonal: bool) -> np.ndarray:  # noqa: N802
        if not orthogonal:
            return np.linalg.solve(self.raw(n, n), self.raw(n, m))
        left, right = (np.linalg.inv(np.linalg.cholesky(self.raw(k, k))) for k in (n, m))
        return np.asarray(left @ self.raw(n, m) @ right.T)

    def c(self, n: int, u: Any, orthogonal: bool) -> np.ndarray:
        b = self.inner(n, lambda y: self.test(y)[..., :, None] * self.push(n, self.net.depth, u, y)[..., None, :])
        gram = self.raw(n, n)
        return np.linalg.solve(np.linalg.cholesky(gram) if orthogonal else gram, b)


def stacked(functions: list[Any]) -> Any:
    made = [sp.lambdify(x, f, "numpy") for f in functions]
    return lambda y: np.stack([f(y) + 0 * y for f in made], axis=-1)


FUNCTIONS = [sp.S.One, sp.tanh(x), x]
TESTS = [sp.S.One + x**2 / 4, x, sp.sin(x)]


@lru_cache
def case(measure: str, oblique: bool, constant: bool) -> tuple[Any, Brute, mz.Network]:
    functions = FUNCTIONS if constant else [sp.tanh(x) + 2, x]
    tests = TESTS[: len(functions)] if oblique else None
    net = network((1.1, 0.2), (0.9, -0.3), observable=[x**2, sp.tanh(x)])
    eq = mz.derive(net, mz.Basis(functions, measure, test=tests))
    return eq, Brute(net, 0.4, stacked(functions), stacked(tests or functions), measure), net


@pytest.mark.parametrize("measure", ["uniform", "gaussian", "law"])
@pytest.mark.parametrize(("oblique", "constant"), [(False, True), (True, True), (False, False), (True, False)])
def test_streaming_against_brute_force(measure: str, oblique: bool, constant: bool) -> None:
    eq, brute, _ = case(measure, oblique, constant)
    assert np.allclose(table(eq, eq.streaming(0), 8), brute.C(0, 1, not oblique), rtol=0, atol=1e-7)
    if measure != "law":
        n = 1 if measure == "uniform" else 2
        c = brute.c(n, stacked([x**2, sp.tanh(x)]), not oblique)
        assert np.allclose(table(eq, eq.coefficients(n), 8), c, rtol=0, atol=1e-7)


@pytest.mark.parametrize("oblique", [False, True])
def test_in_the_law_of_a_later_state(oblique: bool) -> None:
    tests = [1, sp.tanh(x)] if oblique else None
    net = network((1.1, 0.2), (0.9, -0.3), observable=[x**2])
    eq = mz.derive(net, mz.Basis([1, x], "law", test=tests))
    brute = Brute(net, 0.4, stacked([sp.S.One, x]), stacked(tests or [sp.S.One, x]), "law")
    assert np.allclose(table(eq, eq.streaming(1), 6), brute.C(1, 2, not oblique), rtol=0, atol=1e-6)
    assert np.allclose(table(eq, eq.coefficients(1), 6), brute.c(1, stacked([x**2]), not oblique), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("oblique", "constant"), [(False, True), (True, False)])
def test_streaming_memory_and_noise_are_exact(oblique: bool, constant: bool) -> None:
    eq, brute, _ = case("uniform", oblique, constant)
    u = stacked([x**2, sp.tanh(x)])
    # n = 1 = L - 1: q_1 = A_1 c_2 + r_1; n = 0 adds the memory of layer 2.
    A1, c2, c1 = brute.C(1, 2, not oblique), brute.c(2, u, not oblique), brute.c(1, u, not oblique)
    assert np.allclose(table(eq, eq.noise(1), 8), c1 - A1 @ c2, rtol=0, atol=1e-7)
    K = brute.C(0, 2, not oblique) - brute.C(0, 1, not oblique) @ A1
    entry = eq.memory(0, 2)
    assert not entry.is_zero
    if not constant:
        assert np.abs(K[:, 0]).max() > 1e-4
    else:
        assert np.allclose(K[:, 0], 0, atol=1e-12)


def test_memory_of_a_basis_without_constants_keeps_its_first_column() -> None:
    eq, brute, _ = case("uniform", True, False)
    K = brute.C(0, 2, False) - brute.C(0, 1, False) @ brute.C(1, 2, False)
    assert np.allclose(table(eq, eq.memory(0, 2), 6), K, rtol=0, atol=1e-6)


# --- exact zeros -----------------------------------------------------------------------------------------------------


def test_what_vanishes_and_what_does_not() -> None:
    affine = network((0.7, 0.2), (0.7, 0.2), activation="identity", noise=mz.Uniform(0.1))
    linear = network((0.7, 0.0), (0.7, 0.0), activation="identity", noise=mz.Uniform(0.1))
    bent = network((0.7, 0.0), (0.7, 0.0), noise=mz.Uniform(0.1))
    for net, projection, zero in [
        (affine, mz.Basis([1, x]), True),
        (affine, mz.Basis([1 + x, x - 1], "law"), True),
        (affine, mz.Basis([x]), False),
        (linear, mz.Basis([1, x], "gaussian"), True),
        (affine, mz.Basis([1, x**2]), False),
        (affine, mz.Basis([1, sp.tanh(x)]), False),
        (affine, mz.Legendre(2, 1 + x**2), True),
        (affine, mz.Basis([1, x], test=[1, x**3]), True),
        (bent, mz.Mean("law"), True),
        (bent, mz.Mean(1 + x**2), True),
        (bent, mz.Basis([1]), True),
        (bent, mz.Basis([1 + x**2]), False),
        (bent, mz.Basis([x, 1]), False),
    ]:
        term = mz.derive(net, projection).memory(0, 2)
        assert term.is_zero is zero, (projection, term)
    # Resolved observables: by their span, not only by their degree.
    for projection, u, zero in [
        (mz.Basis([1, sp.tanh(x)]), 2 * sp.tanh(x) - 1, True),
        (mz.Basis([1, sp.tanh(x)]), x, False),
        (mz.Basis([x]), sp.S.One, False),
        (mz.Basis([x - 1, x + 1]), sp.S.One, True),
        (mz.Legendre(2, "law"), x**2, True),
    ]:
        net = network((0.7, 0.0), observable=u)
        assert mz.derive(net, projection).noise(0).is_zero is zero, (projection, u)


def test_forward_terms_are_adjoint_and_the_noise_is_refused_where_it_is_not_zero() -> None:
    pair = mz.Basis([1, x], test=[1, x**3])
    backward, forward = mz.derive(TWO, pair), mz.derive(TWO, pair, direction="forward")
    assert forward.streaming(0).expr == sp.transpose(backward.streaming(0).expr)
    assert any("adjoint" in sentence for sentence in forward.streaming(0).why)
    assert forward.noise(0).is_zero
    for projection in (mz.Basis([x]), mz.Basis([1, x], test=[x**2 + 1, x]), mz.Hermite(1), mz.Legendre(1, 1 + x**2)):
        with pytest.raises(mz.MzError, match="Q_0 p_0"):
            mz.derive(TWO, projection, direction="forward").noise(0)


# --- orthonormalisation ----------------------------------------------------------------------------------------------


def test_gram_matrices_are_exact_and_singular_ones_refused() -> None:
    eq = mz.derive(network((1.0, 0.0), noise=mz.Gaussian(1)), mz.Basis([1, x, x**2, x**3], "gaussian"))
    assert eq.gram(0).expr == sp.ImmutableMatrix([[1, 0, 1, 0], [0, 1, 0, 3], [1, 0, 3, 0], [0, 3, 0, 15]])
    S = eq.normaliser(0).expr
    assert sp.simplify(S * eq.gram(0).expr * S.T) == sp.eye(4)
    assert mz.derive(TWO, mz.Legendre(1)).gram(0).expr == sp.eye(2)
    # The law of a constant state knows one function only: decided in numbers when the terms are.
    layer = mz.Layer([0 * x + sp.Rational(1, 2)], state=[x])
    flat = mz.derive(mz.Network([layer, layer], domain=mz.Box([(-1, 1)])), mz.Legendre(1, "law"))
    with pytest.raises(mz.MzError, match="singular"):
        flat.evaluate(flat.streaming(1))


def test_factored_and_written_terms_agree() -> None:
    written = mz.derive(TWO, mz.Basis([1, x]))
    small = mz.derive(TWO, mz.Basis([1, x]), options=mz.Options(max_operations=40))
    term = small.streaming(0)
    assert term.factored is not None and {part.kind for part in term.parts} == {"normaliser", "moments"}
    assert np.allclose(table(small, term), table(written, written.streaming(0)), atol=1e-12)
    assert "S_{0}" in term.latex() and "Gram" in written.latex()
    entry = written.correlation_entry(0, 1, 1, 1)
    value = evaluate_expr(entry, TWO.bindings(), 15)
    assert abs(float(value) - table(written, written.streaming(0))[1, 1]) < 1e-13


# --- golden numbers --------------------------------------------------------------------------------------------------


def test_streaming_of_a_dense_layer_in_the_gaussian_measure() -> None:
    data = json.loads((Path(__file__).parent.parent / "reference" / "hermite_dense.json").read_text())
    net = mz.Network([mz.dense(data["W"], data["b"], activation="tanh", noise=mz.Gaussian(data["noise"][1]))])
    projection = mz.Hermite(data["degree"])
    assert projection.multi_indices(3) == tuple(map(tuple, data["rows"]))
    assert projection.multi_indices(4) == tuple(map(tuple, data["columns"]))
    eq = mz.derive(net, projection)
    checked = 0
    for j, column in enumerate(data["columns"]):
        # Columns of one output are integrals over one normal, MATH (21); products of two outputs are not checked here.
        if sum(k > 0 for k in column) == 1:
            for i in range(len(data["rows"])):
                entry = eq.correlation_entry(0, 1, i, j)
                assert max(len(integral.limits) for integral in entry.atoms(sp.Integral)) == 1
                if (i + j) % 3 == 0:
                    value = float(evaluate_expr(entry, net.bindings(), 12))
                    assert abs(value - data["streaming"][i][j]) < 2e-10, (i, j)
                    checked += 1
    assert checked > 25
