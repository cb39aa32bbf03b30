"""The forward tables: MATH (13) by an independent forward route, duality, and laws of X_0 of every form."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.evaluate import Evaluator
from mzsym.evaluate.stored import all_tables, store, stored

x = mz.state(1)[0]


def chain(*ws: float, noise: Any = None, **options: Any) -> mz.Network:
    layers = [mz.dense([[w]], [0.1 * w], activation="tanh", noise=noise or mz.Uniform(0.4)) for w in ws]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x**2 + sp.sin(x), **options)


def forward(net: mz.Network, projection: Any) -> Evaluator:
    return mz.compile(mz.derive(net, projection, direction="forward"))


def legendre_forward(net: mz.Network, projection: Any, nodes: int = 400) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """N_n between fine Legendre bases of densities relative to the uniform measures, and eta^(n) in them.

    Row k, column j is the k-th coefficient of N_n phi_j, int phi_k(y) int p_n(y|x) phi_j(x) dmu(x) dy: for uniform
    noise the y-integral is a difference of antiderivatives of a Legendre polynomial at F(x) + s and F(x) - s, and the
    x-integral is a Gauss rule. No function of the package takes part but the map.
    """
    t, w = np.polynomial.legendre.leggauss(nodes)
    size = 90
    k = np.arange(size)
    norm = np.sqrt(2.0 * k + 1.0)
    out = []
    for n, layer in enumerate(net.layers):
        lo, hi = (float(v[0]) for v in (net.domains[n].lower, net.domains[n].upper))
        low, high = (float(v[0]) for v in (net.domains[n + 1].lower, net.domains[n + 1].upper))
        X = 0.5 * (lo + hi) + 0.5 * (hi - lo) * t
        F, s = layer.forward(X[:, None])[:, 0], float(layer.noise[0].scale)
        ends = [np.clip((2 * (F + sign * s) - low - high) / (high - low), -1, 1) for sign in (-1, 1)]
        V = [np.polynomial.legendre.legvander(e, size) for e in ends]
        G = V[1] - V[0]
        # int P_k = (P_{k+1} - P_{k-1})/(2k+1); the integral of P_0 is t itself.
        integral = np.empty((nodes, size))
        integral[:, 0] = G[:, 1]
        integral[:, 1:] = (G[:, 2:] - G[:, :-2])[:, : size - 1] / (2 * k[1:] + 1)
        average = norm * integral * (high - low) / (4 * s)
        phi = norm * np.polynomial.legendre.legvander(t, size - 1)
        out.append(average.T @ (0.5 * w[:, None] * phi))
    return out, [np.eye(size)[:, : projection.size(1)]] * (net.depth + 1)


def test_memory_kernel_by_the_forward_definition() -> None:
    """P_{n+1} N_n Psi(n, m) P_m, letter by letter, is what the evaluator transposes."""
    net, projection = chain(1.0, 1.5, 0.8, 1.2, 1.1), mz.Legendre(3)
    ev, back = forward(net, projection), mz.compile(mz.derive(net, projection))
    N, eta = legendre_forward(net, projection)

    def orthogonal(n: int, p: np.ndarray) -> np.ndarray:
        return p - eta[n] @ (eta[n].T @ p)

    for n in range(1, net.depth):
        assert np.abs(ev.streaming(n) - eta[n + 1].T @ N[n] @ eta[n]).max() < 1e-10
        for m in range(n):
            p = eta[m]
            for k in range(m, n):  # Psi(n, m) = Q_n N_{n-1} ... Q_{m+1} N_m
                p = orthogonal(k + 1, N[k] @ p)
            kernel = eta[n + 1].T @ (N[n] @ p)
            assert np.abs(ev.memory(n, m) - kernel).max() < 1e-10
            assert np.abs(ev.memory(n, m) - back.memory(m, n + 1).T).max() == 0.0
    # The noise term carries Q_0 p_0 through Psi(n, 0).
    p0 = sp.Rational(3, 4) * (1 - x**2) * (1 + x / 2 + (5 * x**3 - 3 * x) * x**2 / 4)
    t, w = np.polynomial.legendre.leggauss(60)
    values = np.array([float(p0.subs(x, v)) for v in t])
    k = np.arange(len(N[0]))
    start = 2 * (0.5 * w * values) @ (np.sqrt(2 * k + 1) * np.polynomial.legendre.legvander(t, len(k) - 1))
    p = orthogonal(0, start)
    for n in range(net.depth):
        assert np.abs(ev.noise(n, p0) - eta[n + 1].T @ (N[n] @ p)).max() < 1e-10
        p = orthogonal(n + 1, N[n] @ p)
    d = start
    for n in range(net.depth):
        d = N[n] @ d
        assert np.abs(ev.coefficients(n + 1, p0) - eta[n + 1].T @ d).max() < 1e-10


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(-2, 2), min_size=2, max_size=5),
    st.integers(0, 4),
    st.sampled_from(["uniform", "lebesgue"]),
    st.sampled_from([None, mz.TruncatedGaussian(0.3), 3 * x**2 / 2, (1 + x) / 2]),
)
# A law behind constant maps: the edges of the noise fall on ends that smoother images share.
@example(ws=[0.0, 0.0, 0.0, 0.0, 0.00390625], degree=0, measure="uniform", p0=None)
# Steep but smooth stretches, narrower than the distance of the nodes of a panel.
@example(ws=[0.25, 0.25, 0.00390625, 0.5, 0.5], degree=0, measure="uniform", p0=None)
def test_equation_holds_for_every_law_of_the_input(ws: list[float], degree: int, measure: str, p0: Any) -> None:
    """MATH (13) in coefficients, and the duality <p_0, q_0> = <p_L, u> with the density carried on panels."""
    net = chain(*ws)
    ev = forward(net, mz.Legendre(degree, measure))
    d = [ev.coefficients(n, p0) for n in range(net.depth + 1)]
    for n in range(net.depth):
        total = ev.streaming(n) @ d[n] + ev.noise(n, p0) + sum(ev.memory(n, m) @ d[m] for m in range(n))
        assert np.abs(total - d[n + 1]).max() < 1e-11
    assert np.array_equal(ev.density(p0), d[-1])
    law = ev.law(p0=p0)
    assert abs(law.expectation(lambda y: y**2 + np.sin(y)) - ev.mean(p0)) < 1e-10
    box = net.domains[-1]
    for j in range(len(d[-1])):
        moment = law.expectation(lambda y, j=j: ev.projection.evaluate(y[:, None], box)[:, j])
        assert abs(moment - d[-1][j]) < 1e-9


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**20), st.sampled_from([(2, 2, 2), (2, 1, 2), (1, 2, 1), (3, 2, 2)]))
def test_duality_in_several_dimensions(seed: int, dims: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    layers = [
        mz.dense(rng.normal(size=(b, a)) / 2, rng.normal(size=b) / 4, activation="tanh", noise=mz.Uniform(0.4))
        for a, b in pairwise(dims)
    ]
    y = mz.state(dims[-1])
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * dims[0]), observable=[y[0], y[0] ** 2 + sp.sin(y[-1])])
    ev = mz.compile(mz.derive(net, mz.Legendre(2), direction="forward"), options=mz.Options(tolerance=1e-8))
    count = 20_000
    X = rng.uniform(-1, 1, (count, dims[0]))
    u = net.observe(net.sample(X, seed=seed))
    assert (np.abs(u.mean(axis=0) - ev.mean()) <= 4 * u.std(axis=0) / np.sqrt(count)).all()
    values = ev.projection.evaluate(net.sample(X, seed=seed), net.domains[-1])
    error = 4 * values.std(axis=0) / np.sqrt(count) + 1e-9
    assert (np.abs(values.mean(axis=0) - ev.density()) <= error).all()
    assert abs(ev.output_law(output=0).mean - ev.mean()[0]) < 1e-6


def test_samples_of_the_input() -> None:
    """Samples average the functions on X_0; their standard error is that of the mean."""
    net = chain(1.0, 1.5, 0.8)
    ev, rng = forward(net, mz.Legendre(3)), np.random.default_rng(4)
    X = mz.TruncatedGaussian(0.3).sample(rng, (4000, 1), 0.3)
    q = mz.compile(mz.derive(net, mz.Legendre(3))).expectation(X)
    assert ev.mean(X) == pytest.approx(q.mean(), abs=1e-12)
    assert ev.standard_error("mean", p0=X) == pytest.approx(q.std(ddof=1) / np.sqrt(len(X)), rel=1e-9)
    exact = mz.TruncatedGaussian(0.3)
    for kind in ("coefficients", "noise"):
        ours, theirs = getattr(ev, kind)(2, X), getattr(ev, kind)(2, exact)
        error = ev.standard_error(kind, 2, X)
        assert (np.abs(ours - theirs) <= 4.5 * error + 1e-12).all() and (error[1:] > 1e-7).all()
    assert not np.any(ev.standard_error("coefficients", 2, exact))


def test_a_law_and_its_density_are_one_input() -> None:
    net = chain(1.0, 1.5)
    ev = forward(net, mz.Legendre(3))
    tent = (1 - sp.Abs(2 * x)) * 2 * sp.Heaviside(1 - sp.Abs(2 * x))
    two = mz.Uniform(0.25)
    rng = np.random.default_rng(0)
    X = two.sample(rng, (200_000, 1), 0.25) + two.sample(rng, (200_000, 1), 0.25)
    error = ev.standard_error("coefficients", 2, X)
    assert (np.abs(ev.coefficients(2, X) - ev.coefficients(2, tent)) <= 4 * error + 1e-12).all()
    assert ev.reached_for(tent)["coefficients"] < 1e-9


def test_tables_are_stored_with_their_direction(tmp_path: Path) -> None:
    net = chain(1.0, 1.5, 0.8)
    ev = forward(net, mz.Legendre(2))
    store(ev, tmp_path / "tables.npz")
    found = stored(forward(net, mz.Legendre(2)), tmp_path / "tables.npz")
    assert found is not None
    for name, array in all_tables(ev).items():
        assert np.array_equal(all_tables(found)[name], array)
    assert np.array_equal(found.density(), ev.density()) and np.array_equal(found.memory(2, 0), ev.memory(2, 0))
    assert np.allclose(found.coefficients(2, mz.Uniform(0.5)), ev.coefficients(2, mz.Uniform(0.5)), rtol=0, atol=1e-14)
    assert found.tolerance_reached == dict(ev.tolerance_reached)
    assert stored(mz.compile(mz.derive(net, mz.Legendre(2))), tmp_path / "tables.npz") is None


@pytest.mark.parametrize(
    ("p0", "message"),
    [
        (mz.Uniform(1.5), "domain"),
        (mz.Gaussian(1), "domain"),
        (sp.Integer(1), "integrates to 2"),
        (x, "negative"),
        (mz.state(2)[1], "x1"),
        (np.zeros((3, 2)), "law of X_0"),
        (np.array([[np.nan]]), "NaN"),
        ("gaussian", "law of X_0"),
        ([mz.Uniform(1)] * 2, "2 laws"),
    ],
)
def test_bad_laws_of_the_input(p0: Any, message: str) -> None:
    ev = forward(chain(1.0), mz.Legendre(1))
    with pytest.raises(mz.MzError, match=message):
        ev.coefficients(0, p0)


def test_bad_questions() -> None:
    net = chain(1.0, 1.5)
    ev, back = forward(net, mz.Legendre(1)), mz.compile(mz.derive(net, mz.Legendre(1)))
    for ask in (
        lambda: ev.memory(0, 1),
        lambda: ev.memory(2, 0),
        lambda: ev.streaming(2),
        lambda: back.density(),
        lambda: back.coefficients(0, mz.Uniform(1)),
        lambda: back.noise(0, "uniform"),
        lambda: ev.standard_error("memory"),
    ):
        with pytest.raises(mz.MzError):
            ask()
