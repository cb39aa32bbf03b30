"""The laws stated on AbstractProjection, run on every concrete projection."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.projections import AbstractProjection

REFERENCE = Path(__file__).parent.parent / "reference"


@st.composite
def projections(draw: st.DrawFn) -> AbstractProjection:
    measure = draw(st.sampled_from(["uniform", "lebesgue"]))
    return draw(st.sampled_from([mz.Mean(measure), *(mz.Legendre(d, measure) for d in range(6))]))


@st.composite
def boxes(draw: st.DrawFn, dim: int) -> Any:
    lower = np.array([draw(st.floats(-5, 5)) for _ in range(dim)])
    width = np.array([draw(st.floats(0.05, 8)) for _ in range(dim)])
    return SimpleNamespace(lower=lower, upper=lower + width, dim=dim)


def gauss_grid(box: Any, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss nodes and Lebesgue weights: exact for polynomials of degree 2k - 1 per variable."""
    t, w = np.polynomial.legendre.leggauss(k)
    half = (box.upper - box.lower) / 2
    nodes = [(box.upper[i] + box.lower[i]) / 2 + half[i] * t for i in range(box.dim)]
    grids = np.meshgrid(*nodes, indexing="ij")
    weights = np.ones(())
    for i in range(box.dim):
        weights = np.multiply.outer(weights, half[i] * w)
    return np.stack([g.ravel() for g in grids], axis=-1), weights.ravel()


def measure_weights(projection: AbstractProjection, box: Any, weights: np.ndarray) -> np.ndarray:
    volume = float(np.prod(box.upper - box.lower))
    return weights if projection.measure == "lebesgue" else weights / volume


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_basis_is_orthonormal_and_resolves_constants(data: st.DataObject) -> None:
    projection, dim = data.draw(projections()), data.draw(st.integers(1, 3))
    box = data.draw(boxes(dim))
    X, w = gauss_grid(box, 7)
    mu = measure_weights(projection, box, w)
    H = projection.evaluate(X, box)
    assert H.shape == (len(X), projection.size(dim))
    assert np.allclose(H.T @ (mu[:, None] * H), np.eye(H.shape[1]), atol=1e-12)
    ones = np.ones(len(X))
    assert np.allclose(H @ (H.T @ (mu * ones)), ones, atol=1e-12)
    assert np.isclose(mu.sum(), projection.volume_factor(box), rtol=1e-13)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_projection_is_idempotent_and_symmetric(data: st.DataObject) -> None:
    projection, dim = data.draw(projections()), data.draw(st.integers(1, 2))
    box = data.draw(boxes(dim))
    X, w = gauss_grid(box, 12)
    mu = measure_weights(projection, box, w)
    H = projection.evaluate(X, box)
    f = np.sin(X.sum(axis=1)) + X[:, 0] ** 2
    g = np.exp(-(X**2).sum(axis=1))

    def project(v: np.ndarray) -> np.ndarray:
        return np.asarray(H @ (H.T @ (mu * v)))

    scale = np.abs(project(f)).max()
    assert np.allclose(project(project(f)), project(f), atol=1e-12 * (1 + scale))
    assert np.isclose(mu @ (project(f) * g), mu @ (f * project(g)), atol=1e-11 * (1 + scale) * mu.sum())
    assert mu @ project(f) ** 2 <= mu @ f**2 * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_expressions_equal_values(data: st.DataObject) -> None:
    projection, dim, n = data.draw(projections()), data.draw(st.integers(1, 2)), data.draw(st.integers(0, 3))
    box = data.draw(boxes(dim))
    X = box.lower + (box.upper - box.lower) * np.random.default_rng(0).random((5, dim))
    values = projection.evaluate(X, box)
    ends = {lower_symbol(n, i): sp.Rational(box.lower[i]) for i in range(dim)}
    ends |= {upper_symbol(n, i): sp.Rational(box.upper[i]) for i in range(dim)}
    exprs = [expr.subs(ends) for expr in projection.basis_exprs(n, dim)]
    assert len(exprs) == values.shape[1] == projection.size(dim)
    for p, point in enumerate(X):
        at = {state_symbol(n, i): sp.Rational(point[i]) for i in range(dim)}
        exact = np.array([float(expr.subs(at).evalf(30)) for expr in exprs])
        # The argument t is known to an ulp of the box ends, and P_k' <= k^2 / 2 on [-1, 1].
        slack = 1e-13 * (1 + np.abs(np.concatenate([box.lower, box.upper])).max() / (box.upper - box.lower).min())
        assert np.allclose(values[p], exact, rtol=1e-12, atol=100 * slack * np.abs(exact).max())


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize(("degree", "dim"), [(3, 1), (1, 2)])
def test_orthonormal_exactly_in_symbols(measure: str, degree: int, dim: int) -> None:
    projection = mz.Legendre(degree, measure)
    basis = projection.basis_exprs(1, dim)
    for i, left in enumerate(basis):
        for j, right in enumerate(basis):
            value = left * right * projection.weight_expr(1, dim)
            for k in range(dim):
                x, lo, hi = state_symbol(1, k), lower_symbol(1, k), upper_symbol(1, k)
                poly = sp.Poly(sp.expand(value), x)
                primitive = poly.integrate(x).as_expr()
                value = primitive.subs(x, hi) - primitive.subs(x, lo)
            assert sp.simplify(value) == (1 if i == j else 0)


@pytest.mark.parametrize("name", ["tanh8", "mixed5", "dense2"])
def test_order_is_that_of_the_reference(name: str) -> None:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    dim = len(data["domains"][0])
    assert mz.Legendre(data["degree"]).multi_indices(dim) == tuple(map(tuple, data["multi_indices"]))


def test_multi_indices_are_graded_in_three_variables() -> None:
    indices = mz.Legendre(3).multi_indices(3)
    assert len(set(indices)) == len(indices) == mz.Legendre(3).size(3) == 20
    assert list(indices) == sorted(indices, key=lambda a: (sum(a), tuple(-k for k in a)))
    assert [mz.Legendre(3).degree_of(j, 3) for j in range(20)] == [sum(a) for a in indices]


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_mean_is_legendre_of_degree_zero(measure: str, dim: int) -> None:
    mean, legendre = mz.Mean(measure), mz.Legendre(0, measure)
    assert mean.basis_exprs(2, dim) == legendre.basis_exprs(2, dim)
    assert mean.multi_indices(dim) == legendre.multi_indices(dim)
    box = SimpleNamespace(lower=-np.arange(1.0, dim + 1), upper=np.arange(1.0, dim + 1), dim=dim)
    X = np.zeros((4, dim))
    assert np.allclose(mean.evaluate(X, box), legendre.evaluate(X, box), rtol=1e-15)


def test_high_degree_stays_accurate() -> None:
    box = SimpleNamespace(lower=np.array([-1.0]), upper=np.array([1.0]), dim=1)
    X = np.array([[-1.0], [0.3], [1.0]])
    values = mz.Legendre(60).evaluate(X, box)[:, 60]
    exact = [float(sp.sqrt(121) * sp.legendre(60, sp.Rational(x))) for x in X[:, 0]]
    assert np.allclose(values, exact, rtol=1e-12)


@pytest.mark.parametrize("bad", [-1, 2.0, True, "3", 1001, None])
def test_bad_degree_is_refused(bad: Any) -> None:
    with pytest.raises(mz.MzError, match="degree"):
        mz.Legendre(bad)


def test_unknown_measure_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(mz.MzError, match="lebesgue"):
        mz.Mean("gaussian")  # type: ignore[arg-type]


def _network(*bounded: bool) -> Any:
    noises = [type("Gaussian" if not b else "Uniform", (), {"bounded": b})() for b in bounded]
    return SimpleNamespace(layers=[SimpleNamespace(noise=(noise,)) for noise in noises])


def test_gaussian_noise_is_refused_by_layer_and_name() -> None:
    with pytest.raises(mz.MzError) as caught:
        mz.Legendre(2).check(_network(True, False))
    text = str(caught.value)
    assert "Gaussian noise" in text and "layer 1" in text and "TruncatedGaussian" in text and "later version" in text
    mz.Legendre(2).check(_network(True, True))
