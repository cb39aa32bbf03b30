"""Random networks against a second program: Chebyshev interpolation, transition matrices, explicit projections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mzsym as mz

SMOOTH = ["tanh", "sigmoid", "softplus", "gelu", "erf", "sin", "cos", "arctan", "identity", "silu"]
FEW = ["tanh", "sin"]  # every shape of layer is compiled once, so the wider networks take fewer activations
SETTINGS = dict(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def tenths(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda k: k / 10)


def noises() -> st.SearchStrategy[Any]:
    return st.one_of(
        tenths(1, 6).map(mz.Uniform),
        st.tuples(tenths(1, 3), st.sampled_from([1, 2.5, 3])).map(lambda a: mz.TruncatedGaussian(*a)),
        st.just(mz.Deterministic()),
    )


@st.composite
def networks(draw: st.DrawFn, dims: tuple[int, ...], weight: int) -> mz.Network:
    """Networks with the given dimensions and weights up to ``weight`` tenths."""
    layers = []
    names = SMOOTH if max(dims) == 1 else FEW
    for n_in, n_out in pairwise(dims):
        W = [[draw(tenths(-weight, weight)) for _ in range(n_in)] for _ in range(n_out)]
        b = [draw(tenths(-5, 5)) for _ in range(n_out)]
        noise = draw(st.one_of(noises(), st.lists(noises(), min_size=n_out, max_size=n_out)))
        # A constant component without noise has no box: keep every row alive.
        for row in W:
            row[0] = row[0] or 0.3
        layers.append(mz.dense(W, b, activation=draw(st.sampled_from(names)), noise=noise))
    x = mz.state(dims[-1])
    u = draw(st.sampled_from([x[0] ** 2 + sp.sin(x[-1]), x[0]]))
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * dims[0]), observable=u)


class Brute:
    """M_n and P_n as dense matrices on values at Chebyshev points; shares nothing with the engine."""

    def __init__(self, net: mz.Network, projection: Any, size: int) -> None:
        self.net, self.projection, self.size = net, projection, size
        self.axes = [
            [(lo + hi) / 2 + (hi - lo) / 2 * np.cos(np.pi * (np.arange(size) + 0.5) / size) for lo, hi in ends(box)]
            for box in net.domains
        ]
        self.points = [mesh(axes) for axes in self.axes]
        self.M = [self.transition(n) for n in range(net.depth)]
        self.eta = [projection.evaluate(X, box) for X, box in zip(self.points, net.domains, strict=True)]
        self.inner = [self.functional(n) for n in range(net.depth + 1)]
        self.u = net.observe(self.points[-1])

    def interpolation(self, nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Barycentric interpolation from Chebyshev points of the first kind."""
        k = np.arange(self.size)
        weights = (-1.0) ** k * np.sin(np.pi * (k + 0.5) / self.size)
        gap = x[:, None] - nodes[None, :]
        hit = gap == 0.0
        gap[hit] = 1.0
        rows = weights / gap
        rows[hit.any(axis=1)] = hit[hit.any(axis=1)]
        return rows / rows.sum(axis=1, keepdims=True)

    def noise_rule(self, noise: Any, scale: float) -> tuple[np.ndarray, np.ndarray]:
        t, w = np.polynomial.legendre.leggauss(60)
        if isinstance(noise, mz.Uniform):
            return scale * t, w / 2
        if isinstance(noise, mz.TruncatedGaussian):
            z = noise.cutoff * t
            density = w * np.exp(-(z**2) / 2)
            return scale * z, density / density.sum()
        return np.zeros(1), np.ones(1)

    def transition(self, n: int) -> np.ndarray:
        F = self.net.layers[n].forward(self.points[n])
        out = np.ones((len(F), 1))
        for j, (noise, axis) in enumerate(zip(self.net.layers[n].noise, self.axes[n + 1], strict=True)):
            xi, w = self.noise_rule(noise, float(noise.scale or 0))
            rows = sum(wq * self.interpolation(axis, F[:, j] + q) for q, wq in zip(xi, w, strict=True))
            out = (out[:, :, None] * rows[:, None, :]).reshape(len(F), -1)
        return out

    def functional(self, n: int) -> np.ndarray:
        """Rows <eta_i, .> on values at the Chebyshev points, with a Gauss rule in between."""
        box = self.net.domains[n]
        t, w = np.polynomial.legendre.leggauss(self.size)
        fine, weights, rows = [], np.ones(1), np.ones((1, 1))
        for (lo, hi), axis in zip(ends(box), self.axes[n], strict=True):
            fine.append((lo + hi) / 2 + (hi - lo) / 2 * t)
            weights = np.multiply.outer(weights, w * (hi - lo) / 2).ravel()
            step = self.interpolation(axis, fine[-1])
            rows = np.kron(rows, step)
        if self.projection.measure == "uniform":
            weights = weights / weights.sum()
        return self.projection.evaluate(mesh(fine), box).T @ (weights[:, None] * rows)

    def project(self, n: int, values: np.ndarray) -> np.ndarray:
        return self.eta[n] @ (self.inner[n] @ values)

    def orthogonal(self, n: int, values: np.ndarray) -> np.ndarray:
        return values - self.project(n, values)

    def expectation(self, n: int) -> np.ndarray:
        """q_n at the points, without any projection."""
        q = self.u
        for k in range(self.net.depth - 1, n - 1, -1):
            q = self.M[k] @ q
        return q

    def coefficients(self, n: int) -> np.ndarray:
        return self.inner[n] @ self.expectation(n)

    def dynamics(self, n: int, m: int, values: np.ndarray) -> np.ndarray:
        """Phi(n, m) values = Q_n M_n Q_{n+1} M_{n+1} ... Q_{m-1} M_{m-1} values, literally."""
        for k in range(m - 1, n - 1, -1):
            values = self.orthogonal(k, self.M[k] @ values)
        return values

    def memory(self, n: int, m: int) -> np.ndarray:
        """K(n, m) = P_n M_n Phi(n+1, m) P_m on the basis, MATH (11)."""
        return self.inner[n] @ (self.M[n] @ self.dynamics(n + 1, m, self.eta[m]))

    def noise(self, n: int) -> np.ndarray:
        """R_n = P_n M_n Phi(n+1, L) Q_L u, MATH (11)."""
        depth = self.net.depth
        return self.inner[n] @ (self.M[n] @ self.dynamics(n + 1, depth, self.orthogonal(depth, self.u)))


def ends(box: Any) -> list[tuple[float, float]]:
    return list(zip(box.lower, box.upper, strict=True))


def mesh(axes: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)


def check_all(net: mz.Network, projection: Any, size: int, accuracy: float) -> None:
    brute = Brute(net, projection, size)
    ev = mz.compile(mz.derive(net, projection))
    depth = net.depth
    assert max(ev.tolerance_reached.values()) <= ev.options.tolerance, ev.limits
    c = [brute.coefficients(n) for n in range(depth + 1)]
    for n in range(depth):
        assert np.abs(ev.streaming(n) - brute.inner[n] @ (brute.M[n] @ brute.eta[n + 1])).max() < accuracy
        assert np.abs(ev.noise(n) - brute.noise(n)).max() < accuracy
        total = ev.streaming(n) @ c[n + 1] + ev.noise(n)
        for m in range(n + 2, depth + 1):
            assert np.abs(ev.memory(n, m) - brute.memory(n, m)).max() < accuracy
            total = total + ev.memory(n, m) @ c[m]
        assert np.abs(total - c[n]).max() < accuracy
        assert np.abs(ev.coefficients(n) - c[n]).max() < accuracy
    assert np.abs(ev.expectation(brute.points[0]) - brute.expectation(0)).max() < accuracy


@settings(max_examples=16, **SETTINGS)
@given(networks((1, 1, 1, 1, 1), 14), st.integers(0, 5), st.sampled_from(["uniform", "lebesgue"]))
def test_equation_and_operator_definition_1d(net: mz.Network, degree: int, measure: str) -> None:
    check_all(net, mz.Legendre(degree, measure), 130, 1e-9)


@settings(max_examples=5, **SETTINGS)
@given(networks((2, 1, 2, 2), 4), st.integers(0, 2))
def test_equation_and_operator_definition_2d(net: mz.Network, degree: int) -> None:
    check_all(net, mz.Legendre(degree), 26, 1e-9)


@settings(max_examples=12, **SETTINGS)
@given(st.one_of(networks((1, 1, 1, 1), 12), networks((1, 2, 2), 6)), st.integers(0, 3))
def test_measures_differ_by_volumes_only(net: mz.Network, degree: int) -> None:
    uniform = mz.compile(mz.derive(net, mz.Legendre(degree, "uniform")))
    lebesgue = mz.compile(mz.derive(net, mz.Legendre(degree, "lebesgue")))
    volume = [box.volume for box in net.domains]
    for n in range(net.depth):
        assert np.allclose(lebesgue.noise(n), np.sqrt(volume[n]) * uniform.noise(n), rtol=0, atol=1e-10)
        for m in range(n + 1, net.depth + 1):
            factor = np.sqrt(volume[n] / volume[m])
            ours, theirs = uniform.correlation(n, m), lebesgue.correlation(n, m)
            assert np.allclose(theirs, factor * ours, rtol=0, atol=1e-10)
            if m > n + 1:
                assert np.allclose(lebesgue.memory(n, m), factor * uniform.memory(n, m), rtol=0, atol=1e-10)
    X = net.domains[0].lower + 0.3 * (net.domains[0].upper - net.domains[0].lower)
    assert np.allclose(uniform.expectation(X[None]), lebesgue.expectation(X[None]), rtol=0, atol=1e-10)


@settings(max_examples=8, **SETTINGS)
@given(st.one_of(networks((1, 1, 1, 1), 14), networks((2, 2, 2), 6)), st.integers(0, 2**20))
def test_monte_carlo(net: mz.Network, seed: int) -> None:
    samples, degree = 20_000, 2
    rng = np.random.default_rng(seed)
    box, projection = net.domains[0], mz.Legendre(degree)
    ev = mz.compile(mz.derive(net, projection))
    X = np.tile(box.lower + rng.random((1, net.dims[0])) * (box.upper - box.lower), (samples, 1))
    u = net.observe(net.sample(X, seed=rng))
    assert abs(u.mean() - ev.expectation(X[:1])[0]) <= 4 * u.std() / np.sqrt(samples) + 1e-12
    # MATH (16): C(0, m) = E[eta(X_0) eta(X_m)^T] for uniform X_0.
    start = box.lower + rng.random((samples, net.dims[0])) * (box.upper - box.lower)
    path = net.trajectory(start, seed=rng)
    first = projection.evaluate(path[0], box)
    for m in (1, net.depth):
        last = projection.evaluate(path[m], net.domains[m])
        products = first[:, :, None] * last[:, None, :]
        error = 4 * products.std(axis=0) / np.sqrt(samples) + 1e-12
        assert (np.abs(products.mean(axis=0) - ev.correlation(0, m)) <= error).mean() >= 0.98


@pytest.mark.parametrize("noise", [mz.Uniform(0.4), mz.TruncatedGaussian(0.2), mz.Deterministic()])
def test_three_dimensions(noise: Any) -> None:
    rng = np.random.default_rng(5)
    layers = [
        mz.dense(0.35 * rng.normal(size=(3, 3)), rng.normal(size=3) / 4, activation="tanh", noise=noise)
        for _ in range(2)
    ]
    y = mz.state(3)
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 3), observable=y[0] * y[1] + sp.sin(y[2]))
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-7))
    brute = Brute(net, mz.Legendre(1), 11)
    assert max(ev.tolerance_reached.values()) <= 1e-7
    assert np.abs(ev.memory(0, 2) - brute.memory(0, 2)).max() < 1e-6
    assert np.abs(ev.noise(0) - brute.noise(0)).max() < 1e-6
    assert np.abs(ev.coefficients(0) - brute.coefficients(0)).max() < 1e-6
