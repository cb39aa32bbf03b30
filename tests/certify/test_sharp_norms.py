"""Estimated norms against the golden file and against programs that share nothing with the estimates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.certify.certify import step_of
from mzsym.certify.estimated.adjoint import adjoint_estimate, monotone
from mzsym.certify.estimated.galerkin import galerkin_estimate, lower_bound, smoothed_legendre
from mzsym.certify.estimated.norms import sharp_estimate
from mzsym.certify.estimated.overlap import autocorrelation, overlap_estimate
from mzsym.certify.steps import NoiseComponent
from mzsym.evaluate.blas import blas_threads

REFERENCE = Path(__file__).parents[1] / "reference"
ROWS = json.loads((REFERENCE / "layer_norms.json").read_text())["rows"]
X = mz.state(1)[0]


def one_layer(layer, box, following, projection):
    net = mz.Network([layer], domains=[mz.Box(box), mz.Box(following)], observable=X)
    return step_of(net, projection, 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"w{row['w']}s{row['half_width']}d{row['degree']}")
def test_golden_norms_of_single_layers(row):
    edge = 1 + row["half_width"]
    layer = mz.dense([[row["w"]]], [row["b"]], activation="tanh", noise=mz.Uniform(row["half_width"]))
    box = [(-edge, edge)]
    step = one_layer(layer, box, box, mz.Legendre(row["degree"], measure="lebesgue"))
    whole, inner = sharp_estimate(step, smallest=row["degree"])
    assert abs(whole.value - row["norm_QM"]) < 1e-6
    assert abs(whole.second - row["second_singular_value"]) < 1e-6
    assert abs(whole.value - row["norm_QM"]) <= whole.error + row["uncertainty"]
    assert inner.value <= whole.value + 1e-9


@pytest.mark.parametrize("row", ROWS[:2] + ROWS[5:], ids=lambda row: f"w{row['w']}d{row['degree']}")
def test_the_two_methods_agree_within_their_errors(row):
    edge = 1 + row["half_width"]
    layer = mz.dense([[-row["w"]]], [row["b"]], activation="tanh", noise=mz.Uniform(row["half_width"]))
    step = one_layer(layer, [(-edge, edge)], [(-edge, edge)], mz.Legendre(row["degree"]))
    curve = monotone(step)
    assert curve is not None and curve.sign == -1
    with blas_threads():
        fine = adjoint_estimate(step, curve, tolerance=1e-8, smallest=row["degree"])
        coarse = galerkin_estimate(step, tolerance=1e-6, smallest=row["degree"])
    for a, b in zip(fine, coarse, strict=True):
        assert abs(a.value - b.value) <= a.error + b.error
        assert b.error < 1e-3


def brute_force(forward, density, box, following, degree, nodes=600):
    """The norm by a plain Nystrom discretisation of the kernel on two Gauss grids, uniform measures."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    x = box[0] + (box[1] - box[0]) * (t + 1) / 2
    y = following[0] + (following[1] - following[0]) * (t + 1) / 2
    kernel = density(y[None, :] - forward(x)[:, None])
    table = np.sqrt(w / 2)[:, None] * kernel * (following[1] - following[0]) * np.sqrt(w / 2)[None, :]
    basis = np.polynomial.legendre.legvander(t, degree) * np.sqrt(2 * np.arange(degree + 1) + 1)
    basis = np.sqrt(w / 2)[:, None] * basis
    with blas_threads():
        return np.linalg.svd(table - basis @ (basis.T @ table), compute_uv=False)[:2]


def test_truncated_gaussian_noise_against_a_plain_discretisation():
    s, reach = 0.3, 0.9
    grid = np.linspace(-reach, reach, 200_001)
    mass = np.trapezoid(np.exp(-0.5 * (grid / s) ** 2), grid)
    layer = mz.dense([[1.5]], [0.2], activation="tanh", noise=mz.TruncatedGaussian(s))
    box, following = (-1.0, 1.0), (-2.0, 2.0)
    step = one_layer(layer, [box], [following], mz.Legendre(1))
    whole, _ = sharp_estimate(step, smallest=1)
    first, second = brute_force(
        lambda x: np.tanh(1.5 * x + 0.2),
        lambda d: np.where(np.abs(d) <= reach, np.exp(-0.5 * (d / s) ** 2) / mass, 0.0),
        box,
        following,
        1,
    )
    # The jump of the density at the cutoff limits the plain discretisation.
    assert abs(whole.value - first) < 2e-4
    assert abs(whole.second - second) < 2e-4


def test_a_map_that_is_not_monotone_against_a_plain_discretisation():
    layer = mz.Layer([sp.cos(2 * X)], state=[X], noise=mz.Uniform(0.5))
    box, following = (-1.0, 1.5), (-1.5, 1.5)
    step = one_layer(layer, [box], [following], mz.Mean())
    assert monotone(step) is None
    whole, _ = sharp_estimate(step)
    first, _ = brute_force(lambda x: np.cos(2 * x), lambda d: 1.0 * (np.abs(d) <= 0.5), box, following, 0)
    assert abs(whole.value - first) < 3e-3
    assert whole.error < 1e-3


def test_two_dimensions_against_a_product_of_one_dimensional_norms():
    # Uncoupled coordinates: M = M_1 x M_2, so without P the norm is the product. With Q = I - mean the singular values
    # of the product, the trivial one left out, are products of those of the factors.
    layer = mz.dense([[1.2, 0.0], [0.0, 0.7]], [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.5))
    box = [(-1.0, 1.0)] * 2
    net = mz.Network([layer], domains=[mz.Box(box), mz.Box([(-1.5, 1.5)] * 2)], observable=mz.state(2)[0])
    whole, inner = sharp_estimate(step_of(net, mz.Mean(), 0))
    one = [brute_force_all(w, b) for w, b in ((1.2, 0.1), (0.7, -0.2))]
    table = np.kron(one[0], one[1])
    basis = np.full((table.shape[0], 1), 1.0) * np.kron(*[np.sqrt(WEIGHTS / 2)] * 2)[:, None]
    with blas_threads():
        expected = np.linalg.svd(table - basis @ (basis.T @ table), compute_uv=False)[0]
    assert abs(whole.value - expected) < 4e-3
    assert inner.value <= whole.value + 1e-6 and whole.error < 2e-3
    assert whole.value - expected + whole.error > 0, "30 functions of the next layer give a lower bound"


NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def brute_force_all(w, b):
    """Rows: 20 Gauss nodes of [-1, 1]; columns: 30 Legendre functions of [-1.5, 1.5], averaged by fine midpoints."""
    center = np.tanh(w * NODES + b)
    shifts = (np.arange(4000) + 0.5) / 4000 - 0.5
    scale = np.sqrt(2 * np.arange(30) + 1)
    rows = [np.polynomial.legendre.legvander((c + shifts) / 1.5, 29).mean(axis=0) * scale for c in center]
    return np.sqrt(WEIGHTS / 2)[:, None] * np.array(rows)


@pytest.mark.parametrize("law", ["uniform", "truncated_gaussian", "deterministic"])
@pytest.mark.parametrize("reach", [1e-6, 1e-3, 0.4])
def test_averages_of_legendre_functions(law, reach):
    noise = NoiseComponent(law, reach if law == "uniform" else reach / 3, reach)
    center = np.linspace(-1.2, 1.2, 7)
    found = smoothed_legendre(center, -2.0, 2.0, noise, 40)
    t, w = np.polynomial.legendre.leggauss(200)
    density = np.exp(-4.5 * t**2) if law == "truncated_gaussian" else np.ones_like(t)
    if law == "deterministic":
        t, w, density = np.zeros(1), np.ones(1), np.ones(1)
    values = np.polynomial.legendre.legvander((center[:, None] + reach * t) / 2, 39) * np.sqrt(2 * np.arange(40) + 1)
    expected = np.einsum("q,pqk->pk", w * density / (w @ density), values)
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_three_dimensions_have_an_honest_error():
    rng = np.random.default_rng(1)
    layer = mz.dense(rng.normal(size=(3, 3)) * 0.6, rng.normal(size=3) * 0.2, activation="tanh", noise=mz.Uniform(0.6))
    net = mz.Network([layer], domain=mz.Box([(-1, 1)] * 3), observable=mz.state(3)[0])
    step = step_of(net, mz.Legendre(1), 0)
    whole, inner = sharp_estimate(step, smallest=1)
    with blas_threads():
        below = lower_bound(step, 14, 20)
    for estimate, bound in zip((whole, inner), below, strict=True):
        assert bound[0] - estimate.error <= estimate.value <= bound[0] + 0.01
        assert estimate.error < 1e-3


@pytest.mark.parametrize("noises", [mz.Uniform(0.5), [mz.TruncatedGaussian(0.3), mz.Uniform(0.4)]], ids=repr)
@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
def test_kernel_and_functions_agree_in_two_dimensions(noises, measure):
    layer = mz.dense([[1.0, -0.5], [0.4, 0.8]], [0.1, 0.0], activation="tanh", noise=noises)
    net = mz.Network([layer], domain=mz.Box([(-1, 1), (0, 2)]), observable=mz.state(2)[0])
    step = step_of(net, mz.Legendre(2, measure=measure), 0)
    with blas_threads():
        kernel = overlap_estimate(step, tolerance=1e-6)
        below = lower_bound(step, 24, 60)
    for estimate, bound in zip(kernel, below, strict=True):
        assert estimate.value - 2 * estimate.error - 1e-3 <= bound[0] <= estimate.value + estimate.error
        assert estimate.error < 2e-3


@pytest.mark.parametrize("law", ["uniform", "truncated_gaussian"])
def test_autocorrelations_by_quadrature(law):
    noise = NoiseComponent(law, 0.4 if law == "uniform" else 0.3, 0.4)
    t, w = np.polynomial.legendre.leggauss(60)
    mass = 0.4 * float(w @ noise.shape(t))
    for distance in (0.0, 0.1, -0.5, 0.79, 0.9):
        lo, hi = max(-0.4, distance - 0.4), min(0.4, distance + 0.4)
        xi = lo + (hi - lo) * (t + 1) / 2
        value = (hi - lo) / 2 * float(w @ (noise.shape(xi / 0.4) * noise.shape((xi - distance) / 0.4)))
        assert autocorrelation(noise, np.array([distance]))[0] == pytest.approx(max(value, 0.0) / mass**2, abs=1e-13)
