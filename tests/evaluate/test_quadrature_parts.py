"""Grids, noise rules, smoothing and series: each against a computation of another kind."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre

import mzsym as mz
from mzsym.calculus.laws import GaussianLaw, TruncatedGaussianLaw, UniformLaw
from mzsym.core import MzError
from mzsym.evaluate import galerkin
from mzsym.evaluate.quadrature.grid import Grid, Interval, Series, pruned
from mzsym.evaluate.quadrature.kernels import averaged_legendre, uniform_averages
from mzsym.evaluate.quadrature.noise import ScaledLaw, noise_law
from mzsym.evaluate.quadrature.problem import lower_problem
from mzsym.evaluate.quadrature.rules import gauss_legendre, truncated_normal_rule
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix
from mzsym.evaluate.threads import by_rows, processors


@pytest.mark.parametrize("count", [1, 2, 7, 64, 300])
def test_gauss_legendre_is_exact_to_its_degree(count: int) -> None:
    nodes, weights = gauss_legendre(count)
    assert np.all(np.diff(nodes) > 0) and np.all(weights > 0)
    for degree in {0, 1, min(2, count), count, 2 * count - 2, 2 * count - 1}:
        exact = 0.0 if degree % 2 else 1 / (degree + 1)
        assert abs(math.fsum(weights * nodes**degree) - exact) < 1e-15


@pytest.mark.parametrize("cutoff", [0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_truncated_normal_rule_has_the_moments(cutoff: float, count: int) -> None:
    nodes, weights = truncated_normal_rule(cutoff, count)
    for k in range(2 * count):
        with mp.workdps(30):
            mass = mp.quad(lambda z: mp.exp(-z * z / 2), [-cutoff, 0, cutoff])
            exact = float(mp.quad(lambda z, k=k: z**k * mp.exp(-z * z / 2), [-cutoff, 0, cutoff]) / mass)
            size = float(mp.quad(lambda z, k=k: abs(z) ** k * mp.exp(-z * z / 2), [-cutoff, 0, cutoff]) / mass)
        assert abs(weights @ nodes**k - exact) < 2e-13 * size


def test_truncated_normal_rule_of_many_nodes() -> None:
    nodes, weights = truncated_normal_rule(3.0, 200)
    assert np.abs(nodes).max() < 3.0
    exact = float(sp.N(TruncatedGaussianLaw(sp.Integer(1), sp.Integer(3)).moment(10)))
    assert weights @ nodes**10 == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("law", [ScaledLaw(0.3), ScaledLaw(0.2, 3.0), ScaledLaw(1e-9), ScaledLaw(0.7), ScaledLaw(0.0)])
def test_smoothing_is_the_average(law: ScaledLaw) -> None:
    """Against adaptive integration at 20 digits, at points up to the very ends of the shrunken interval."""
    side, order = Interval(0.25, 0.75), 9
    inner = shrunken(side, law)
    matrix = smoothing_matrix(side, law, order)
    for t in (-1.0, -0.4, 0.0, 0.9, 1.0):
        z = inner.center + inner.half * t
        rows = np.array([math.sqrt(2 * k + 1) * float(mp.legendre(k, t)) for k in range(order)])
        for k in (0, 1, 4, 8):
            assert abs(rows @ matrix[:, k] - average(law, side, k, z)) < 1e-13


def average(law: ScaledLaw, side: Interval, k: int, z: float) -> float:
    with mp.workdps(20):

        def phi(xi: mp.mpf) -> mp.mpf:
            return mp.sqrt(2 * k + 1) * mp.legendre(k, (z + xi - side.center) / side.half)

        if law.scale == 0.0:
            return float(phi(mp.mpf(0)))
        if law.cutoff is None:
            return float(mp.quad(phi, [-law.scale, law.scale]) / (2 * mp.mpf(law.scale)))
        s, ends = law.scale, [-law.reach, 0, law.reach]
        mass = mp.quad(lambda xi: mp.exp(-(xi**2) / (2 * s**2)), ends)
        return float(mp.quad(lambda xi: phi(xi) * mp.exp(-(xi**2) / (2 * s**2)), ends) / mass)


@pytest.mark.parametrize(("scale", "order"), [(0.1, 90), (0.1, 7), (0.35, 61), (0.9, 20), (1.0, 4), (0.5, 1)])
def test_averages_by_antiderivatives_are_those_by_a_rule(scale: float, order: int) -> None:
    """And nearer to the exact ones, which mpmath has from the antiderivative with 40 digits."""
    centers = (1.0 - scale) * gauss_legendre(order)[0]
    found = uniform_averages(centers, scale, order)
    assert np.abs(found - averaged_legendre(centers, *ScaledLaw(scale).rule(order - 1), order)).max() < 2e-14
    for i in {0, order // 3, order - 1}:
        with mp.workdps(40):
            low, high = mp.mpf(float(centers[i])) - mp.mpf(scale), mp.mpf(float(centers[i])) + mp.mpf(scale)
            rises = [mp.legendre(k + 1, high) - mp.legendre(k + 1, low) for k in range(order)]
            falls = [mp.legendre(k - 1, high) - mp.legendre(k - 1, low) if k else 0 for k in range(order)]
            exact = [
                (r - f) / (2 * scale * mp.sqrt(2 * k + 1)) for k, (r, f) in enumerate(zip(rises, falls, strict=True))
            ]
        assert np.abs(found[i] - np.array(exact, dtype=float)).max() < 3e-15


def test_the_basis_on_a_grid_does_not_depend_on_the_box() -> None:
    layer = mz.dense([[0.7]], [3.0], noise=mz.Uniform(0.2))
    for measure in ("uniform", "lebesgue"):
        net = mz.Network([layer], domain=mz.Box([(-1, 4)]), observable=mz.state(1)[0])
        problem = lower_problem(net, mz.Legendre(3, measure))
        for n in range(2):
            grid = Grid(problem.boxes[n], (9,))
            stated = grid.analyse(problem.bases[n](grid.nodes()))
            assert np.abs(problem.unit_basis((9,)) / math.sqrt(problem.masses[n]) - stated).max() < 1e-14


def test_smoothing_of_high_degree_stays_bounded() -> None:
    matrix = smoothing_matrix(Interval(0.0, 1.0), ScaledLaw(0.02), 200)
    assert np.abs(matrix).max() <= 21.0
    # E |phi_k| cannot grow: at the points of the inner interval every column is below sqrt(2k + 1).
    values = legendre.legvander(np.linspace(-1, 1, 50), 199) * np.sqrt(2 * np.arange(200) + 1)
    assert (np.abs(values @ matrix).max(axis=0) <= np.sqrt(2 * np.arange(200) + 1) * (1 + 1e-10)).all()


def test_a_constant_map_has_a_point_for_an_interval() -> None:
    """Noise as wide as the domain: z is the centre alone, and the average of phi_k is its mean."""
    side = Interval(1.0, 0.5)
    matrix = smoothing_matrix(side, ScaledLaw(0.5), 6)
    assert shrunken(side, ScaledLaw(0.5)).half == 0.0
    assert np.abs(matrix[0] - np.eye(6)[0]).max() < 1e-15
    assert np.abs(matrix[1:]).max() < 1e-14


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(0, 2**20))
def test_series_of_values_returns_them(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = tuple(Interval.of(a, a + w) for a, w in rng.uniform(0.1, 3, (len(sizes), 2)))
    grid = Grid(sides, tuple(sizes))
    values = rng.normal(size=(grid.points, 3))
    series = Series.full(sides, sizes, grid.analyse(values))
    assert np.abs(series(grid.nodes()) - values).max() < 1e-11
    X = np.stack([s.center + s.half * rng.uniform(-1, 1, 7) for s in sides], axis=-1)
    oracle = np.ones((7, 1))
    for i, (side, size) in enumerate(zip(sides, sizes, strict=True)):
        t = (X[:, i] - side.center) / side.half
        rows = legendre.legvander(t, size - 1) * np.sqrt(2 * np.arange(size) + 1)
        oracle = (oracle[:, :, None] * rows[:, None, :]).reshape(7, -1)
    assert np.abs(series(X) - oracle @ grid.analyse(values)).max() < 1e-10


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.floats(1e-6, 1.0), st.integers(0, 2**20))
def test_pruning_loses_no_more_than_it_says(sizes: list[int], threshold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = (Interval(0.0, 1.0),) * len(sizes)
    coefs = rng.normal(size=(math.prod(sizes), 2)) * 10.0 ** rng.integers(-8, 1, (math.prod(sizes), 1))
    kept = pruned(coefs, sizes, sides, threshold)
    grid = Grid(sides, tuple(sizes))
    gap = grid.analyse(kept(grid.nodes())) - coefs
    assert np.sqrt((gap**2).sum(axis=0)).max() <= threshold * (1 + 1e-9) + 1e-12
    assert len(kept.coefs) <= len(coefs)


def test_pruning_drops_what_is_negligible() -> None:
    coefs = np.array([1.0, 1e-3, 1e-20, 1e-20])[:, None]
    assert len(pruned(coefs, [4], (Interval(0.0, 1.0),), 1e-12).coefs) == 2
    assert len(pruned(coefs, [4], (Interval(0.0, 1.0),), 10.0).coefs) == 1
    assert len(pruned(coefs, [2, 2], (Interval(0.0, 1.0),) * 2, 1e-12).coefs) == 2


def test_points_outside_by_rounding_are_moved_to_the_end() -> None:
    side = Interval(0.0, 1.5)
    series = Series.full((side,), [40], np.ones((40, 1)))
    outside = series(np.array([[np.nextafter(1.5, 2)], [-1.5000000000001]]))
    assert np.array_equal(outside, series(np.array([[1.5], [-1.5]])))


def test_laws_are_checked() -> None:
    s = sp.Symbol("s", positive=True)
    assert noise_law(UniformLaw(s), 0.5, "layer 0") == ScaledLaw(0.5)
    assert noise_law(TruncatedGaussianLaw(s, sp.Integer(3)), 0.5, "layer 0").reach == 1.5
    for law, scale in [(UniformLaw(s), 0.0), (UniformLaw(s), math.nan), (GaussianLaw(s), 1.0)]:
        with pytest.raises(MzError, match="layer 0"):
            noise_law(law, scale, "layer 0")


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
def test_galerkin_matrix(measure: str) -> None:
    """Against integration of the tensor basis by a much finer rule, in 2 -> 1 and 1 -> 2 dimensions."""
    layers = [
        mz.dense([[0.6, -0.4]], [0.1], activation="tanh", noise=mz.Uniform(0.3)),
        mz.dense([[0.7], [-0.5]], [0.2, 0.0], activation="sigmoid", noise=mz.TruncatedGaussian(0.1)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1), (0, 2)]))
    for n in range(2):
        matrix = galerkin(net, measure, n, 3, 4)
        left, right = net.domains[n], net.domains[n + 1]
        t, w = legendre.leggauss(24)
        axes = [(lo + hi) / 2 + (hi - lo) / 2 * t for lo, hi in zip(left.lower, left.upper, strict=True)]
        X = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)
        weights = w / 2
        for _ in range(left.dim - 1):
            weights = np.multiply.outer(weights, w / 2).ravel()
        F = net.layers[n].forward(X)
        average = np.ones((len(X), 1))
        for j, noise in enumerate(net.layers[n].noise):
            xi, law = noise_nodes(noise)
            lo, hi = right.lower[j], right.upper[j]
            y = (2 * (F[:, j, None] + xi) - lo - hi) / (hi - lo)
            rows = np.einsum("pqk,q->pk", legendre.legvander(y, 3) * np.sqrt(2 * np.arange(4) + 1), law)
            average = (average[:, :, None] * rows[:, None, :]).reshape(len(X), -1)
        basis = np.ones((len(X), 1))
        for i in range(left.dim):
            u = (2 * X[:, i] - left.lower[i] - left.upper[i]) / (left.upper[i] - left.lower[i])
            rows = legendre.legvander(u, 2) * np.sqrt(2 * np.arange(3) + 1)
            basis = (basis[:, :, None] * rows[:, None, :]).reshape(len(X), -1)
        oracle = basis.T @ (weights[:, None] * average)
        if measure == "lebesgue":
            oracle = oracle * math.sqrt(left.volume / right.volume)
        assert matrix.shape == oracle.shape
        assert np.abs(matrix - oracle).max() < 1e-10


def noise_nodes(noise: object) -> tuple[np.ndarray, np.ndarray]:
    t, w = legendre.leggauss(60)
    if isinstance(noise, mz.Uniform):
        return float(noise.half_width) * t, w / 2
    assert isinstance(noise, mz.TruncatedGaussian)
    density = w * np.exp(-((float(noise.cutoff) * t) ** 2) / 2)
    return float(noise.cutoff) * float(noise.scale) * t, density / density.sum()


def test_galerkin_refuses() -> None:
    net = mz.Network([mz.dense([[1.0]], noise=mz.Uniform(1))], domain=mz.Box([(-1, 1)]))
    for bad in (("gaussian", 0, 2, 2), ("uniform", 1, 2, 2), ("uniform", 0, 10**6, 10**6)):
        with pytest.raises(MzError):
            galerkin(net, *bad)


@pytest.mark.parametrize("operations", [0.0, 1e12])
def test_rows_in_blocks_are_rows_at_once(operations: float) -> None:
    X = np.random.default_rng(1).normal(size=(1001, 2))
    out = by_rows(lambda block: block**2 + 1, X, 2, 64, operations)
    assert np.array_equal(out, X**2 + 1)
    assert by_rows(lambda block: block, np.empty((0, 2)), 2, 64, operations).shape == (0, 2)

    def fail(block: np.ndarray) -> np.ndarray:
        raise MzError("what", "where", "fix")

    with pytest.raises(MzError):
        by_rows(fail, X, 2, 64, operations)


def test_processors_can_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processors() >= 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert processors() == 1
