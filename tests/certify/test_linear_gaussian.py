"""Linear layers with normal noise in the law of the state: Mehler's formula, and a Galerkin matrix by quadrature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import correlations as balls
from mzsym.certify.law.linear_gaussian import correlations


def chain(weights: list[np.ndarray], scales: list[float], law: object = None) -> mz.Network:
    layers = [mz.dense(W, noise=mz.Gaussian(s)) for W, s in zip(weights, scales, strict=True)]
    more = {} if law is None else {"input": law}
    return mz.Network(layers, observable=mz.state(len(weights[-1]))[0], **more)


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("a", [0.6, -0.8])
def test_the_stationary_law_has_powers_of_the_weight(a: float, degree: int) -> None:
    net = chain([np.array([[a]])] * 3, [float(np.sqrt(1 - a * a))] * 3)
    c = mz.certify(net, mz.Legendre(degree, "law"))
    for layer in c.layers:
        truth = abs(a) ** (degree + 1)
        assert layer.lower <= truth * (1 + 1e-14) and truth * (1 - 1e-14) <= layer.upper <= truth * (1 + 1e-12)
        assert layer.interior.upper == layer.upper and layer.standing is mz.Standing.PROVED
        assert layer.entrance <= layer.upper and layer.operator == 1.0 and layer.method == "sharp"
    assert c.contracts and c.contracts.decision == "proved"
    # Degrees do not mix: the memory is proved to vanish.
    assert c.memory_bound(0, 2) == c.memory_bound(0, 3) == 0.0


def galerkin(net: mz.Network, n: int, degree: int) -> float:
    """||Q_n M_n|| on polynomials of degree <= 5 above a degree: covariances by numpy, averages by Gauss-Hermite rules.

    Nothing is known here of Mehler's formula: M_n is applied at nodes of the noise.
    """
    S = (
        np.diag([1.0] * net.dims[0])
        if net.input_law.kind == "normal"
        else np.diag([float(s.scale) ** 2 for s in net.input])
    )
    for k in range(n):
        S = net.layers[k].W @ S @ net.layers[k].W.T + float(net.layers[k].noise[0].scale) ** 2 * np.eye(net.dims[k + 1])
    W, s = net.layers[n].W, float(net.layers[n].noise[0].scale)
    after = W @ S @ W.T + s * s * np.eye(len(W))
    t, w = np.polynomial.hermite_e.hermegauss(8)
    w = w / w.sum()

    def grid(dim: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array(list(itertools.product(t, repeat=dim))), np.prod(list(itertools.product(w, repeat=dim)), axis=1)

    def functions(U: np.ndarray) -> tuple[np.ndarray, list[int]]:
        indices = [k for k in itertools.product(range(6), repeat=U.shape[1]) if degree < sum(k) <= 5]
        H = np.polynomial.hermite_e.hermevander(U, 5) / np.sqrt([1, 1, 2, 6, 24, 120])
        return np.stack([np.prod([H[:, i, j] for i, j in enumerate(k)], axis=0) for k in indices], axis=1), indices

    U, u = grid(len(S))
    V, v = grid(len(W))
    X = U @ np.linalg.cholesky(S).T
    inverse = np.linalg.inv(np.linalg.cholesky(after))
    images = (X @ W.T)[:, None, :] + s * V
    values, _ = functions((images @ inverse.T).reshape(-1, len(W)))
    averaged = np.tensordot(values.reshape(len(X), len(V), -1), v, axes=(1, 0))
    eta, _ = functions(U)
    return float(np.linalg.norm((eta * u[:, None]).T @ averaged, 2))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 2), (1, 2), (2, 1)]), st.floats(0.2, 1.5), st.integers(0, 2))
def test_norms_are_those_of_a_galerkin_matrix(seed: int, dims: tuple[int, int], scale: float, degree: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(dims[0], dims[0])), rng.normal(size=(dims[1], dims[0]))]
    law = None if seed % 2 else [mz.Gaussian(0.5 + k) for k in range(dims[0])]
    net = chain(weights, [0.7, scale], law)
    found = correlations(net)
    for n in range(2):
        low, high = found[n].norm(degree)
        truth = galerkin(net, n, degree)
        assert low - 1e-9 <= truth <= high + 1e-9 and high - low < 1e-9


def test_without_the_root_of_the_covariance_the_norm_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    net = chain([np.array([[1.5]]), np.array([[0.5]])], [0.7, 0.4])
    monkeypatch.setattr(balls, "_root", lambda matrix: balls.identity(matrix.nrows()))
    low, high = correlations(net)[1].norm(0)
    assert not low - 1e-9 <= galerkin(net, 1, 0) <= high + 1e-9


def test_other_chains_are_left_alone() -> None:
    linear, curved = (
        mz.dense([[0.5]], noise=mz.Gaussian(0.5)),
        mz.dense([[0.5]], activation="tanh", noise=mz.Gaussian(0.5)),
    )
    x = mz.state(1)[0]
    assert len(correlations(mz.Network([linear, curved, linear], observable=x))) == 1
    assert correlations(mz.Network([curved, linear], observable=x)) == ()
    uniform = mz.dense([[0.5]], noise=mz.Uniform(0.5))
    assert correlations(mz.Network([uniform], domain=mz.Box([(-1, 1)]), observable=x)) == ()
    bounded = mz.Network([linear], domain=mz.Box([(-1, 1)]), observable=x)
    assert correlations(bounded) == ()
    c = mz.certify(mz.Network([linear, curved], observable=x), mz.Legendre(1, "law"))
    assert c.layers[0].method == "sharp" and c.layers[1].method == "dobrushin"
