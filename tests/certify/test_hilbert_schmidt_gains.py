"""Hilbert-Schmidt bounds with gains and random weights: never below the norm that a quadrature finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz

(s,) = mz.state(1)
x = mz.state(2)
w = sp.Symbol("w", real=True)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def bound(layer: object, box: object, projection: object = None) -> object:
    net = mz.Network([layer], domain=box)
    return net, mz.certify(net, projection or mz.Legendre(1), method="hilbert_schmidt").layers[0]


def hilbert_schmidt_squared(net: mz.Network, density) -> float:
    """vol(Omega_1) * mean over x of the integral of p(y|x)^2, by midpoint sums; one dimension."""
    lo, hi = net.domains[0].lower[0], net.domains[0].upper[0]
    X = lo + (hi - lo) * (NODES + 1) / 2
    below, above = net.domains[1].lower[0], net.domains[1].upper[0]
    y = below + (above - below) * (np.arange(20_000) + 0.5) / 20_000
    squares = [np.sum(density(y, at) ** 2) * (above - below) / 20_000 for at in X]
    return (above - below) * float(np.dot(WEIGHTS / 2, squares))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 1.5), st.floats(-0.9, 0.9), st.sampled_from([1, -1]), st.floats(0.1, 1))
def test_gains_in_one_dimension(base: float, slope: float, sign: int, half: float) -> None:
    gain = sign * (base + base * slope * s)
    net, found = bound(mz.Layer([sp.tanh(s)], state=[s], gain=[gain], noise=mz.Uniform(half)), [(-1, 1)])

    def density(y, at):
        reach = half * base * (1 + slope * at)
        return (np.abs(y - math.tanh(at)) < reach) / (2 * reach)

    truth = hilbert_schmidt_squared(net, density)
    assert found.operator**2 >= truth * (1 - 2e-3) and found.upper**2 >= (truth - 1) * (1 - 2e-3) - 1e-2
    # Sharp where the gain is constant.
    least = base * (1 - abs(slope))
    volume = float(net.domains[1].volume)
    assert found.operator**2 == pytest.approx(volume / (2 * half * least), rel=1e-9)
    assert found.standing is mz.Standing.PROVED and not found.plain_noise


@settings(max_examples=12, deadline=None)
@given(st.floats(0.1, 1), st.floats(0.1, 1), st.floats(-2, 2))
def test_random_weights_in_one_dimension(half: float, spread: float, mean: float) -> None:
    """p(.|x) is the convolution of two uniform densities: the length in which they overlap."""
    layer = mz.Layer([(mean + w) * s], state=[s], noise=mz.Uniform(half), params={w: mz.Uniform(spread)})
    net, found = bound(layer, [(0.25, 1)])

    def density(y, at):
        reach = spread * at
        inside = np.maximum(np.minimum(y - mean * at + reach, half) - np.maximum(y - mean * at - reach, -half), 0)
        return inside / (2 * reach * 2 * half)

    truth = hilbert_schmidt_squared(net, density)
    assert found.operator**2 >= truth * (1 - 2e-3)
    assert found.operator**2 == pytest.approx(net.domains[1].volume / (2 * half), rel=1e-9)


def test_matrices_by_their_determinant() -> None:
    """|det G| = |2 + x_0 x_1| >= 1 on the box; the norm is an integral of 1/|det G|."""
    gain = sp.Matrix([[2, x[0]], [-x[1], 1]])
    net, found = bound(
        mz.Layer([x[0], x[1]], state=x, gain=gain, noise=[mz.Uniform(0.5), mz.Uniform(0.25)]), [(-1, 1), (-1, 1)]
    )
    volume = net.domains[1].volume
    assert found.operator**2 == pytest.approx(volume / (1 * 0.5) / 1, rel=1e-9)
    t, u = NODES, WEIGHTS / 2
    truth = volume / 0.5 * float(np.sum(u[:, None] * u[None, :] / np.abs(2 + t[:, None] * t[None, :])))
    assert truth <= found.operator**2
    # More columns than rows: the best square part, here columns 1 and 2 with determinant 3.
    wide = sp.Matrix([[x[0], 3, 0], [0, 0, 1]])
    net, found = bound(mz.Layer([x[0], x[1]], state=x, gain=wide, noise=mz.Uniform(0.5)), [(-1, 1), (-1, 1)])
    assert found.operator**2 == pytest.approx(net.domains[1].volume / 3, rel=1e-9)


def test_weight_noise_leaves_the_bound_of_the_noise() -> None:
    layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(1), weight_noise=mz.Gaussian(0.5))
    net, found = bound(layer, [(-1, 1)])
    assert found.upper**2 == pytest.approx(net.domains[1].volume / 2 - 1, rel=1e-9)
    assert "random weights: gaussian, scale 0.5" in found.noise


@pytest.mark.parametrize(
    "layer, text",
    [
        (mz.Layer([s], state=[s], gain=[s], noise=mz.Uniform(1)), "not proved to keep away from 0"),
        (mz.Layer([s * (1 + w)], state=[s], params={w: mz.Uniform(1)}), "besides the random weights"),
        (mz.dense([[1.0]], activation="tanh", weight_noise=mz.Gaussian(1)), "besides the random weights"),
    ],
)
def test_no_bound_says_why(layer: object, text: str) -> None:
    _, found = bound(layer, [(-1, 1)])
    assert math.isinf(found.upper) and text in found.reason


def test_no_bound_for_matrices_that_may_be_singular() -> None:
    for gain, noise, text in (
        (sp.Matrix([[1, x[0]], [x[1], 1]]), mz.Uniform(1), "not proved to stay invertible"),
        (sp.Matrix([[1], [1]]), mz.Uniform(1), "1 noise columns for 2 components, so M_n is not"),
    ):
        _, found = bound(mz.Layer([x[0], x[1]], state=x, gain=gain, noise=noise), [(-1, 1), (-1, 1)])
        assert math.isinf(found.upper) and text in found.reason


def test_estimates_are_left_out_with_the_reason() -> None:
    layer = mz.Layer([sp.tanh(s)], state=[s], gain=[1 + s / 2], noise=mz.Uniform(1))
    net = mz.Network([layer, layer], domain=[(-1, 1)], observable=s)
    certificate = mz.certify(net, mz.Legendre(1))
    for found in certificate.layers:
        assert found.estimate is None and found.interior.estimate is None
        assert "without gain and random weights" in found.reason and math.isfinite(found.upper)
        assert found.noise == "uniform, half-width 1, times a gain"
    assert r"|\det G_n|" in certificate.latex()
    plain = mz.Network([mz.dense([[1.0]], noise=mz.Uniform(1))], domain=[(-1, 1)])
    assert r"|\det G_n|" not in mz.certify(plain, mz.Legendre(1), method="hilbert_schmidt").latex()


MIXED = [
    mz.Layer([x[0] / 3, x[1] / 4], state=x, gain=[1 + x[0] / 2, sp.S.One], noise=mz.Uniform(1)),
    mz.Layer([(1 + w) * x[0] / 3, x[1] / 4], state=x, noise=mz.Uniform(1), params={w: mz.Uniform(0.2)}),
    mz.dense(np.eye(2) / 4, activation="tanh", noise=mz.Uniform(1), weight_noise=mz.Gaussian(1)),
]


@pytest.mark.parametrize("layer", MIXED)
def test_bounds_for_added_noise_do_not_reach_across_other_noise(layer: mz.Layer) -> None:
    """Lipschitz constants rest on differences F(x) - F(x'), which are not all that differs here.

    Dobrushin's coefficient does too for a gain; for random weights the law is a mean of laws with added noise, and the
    distance of two means is at most the mean distance: there the extents over all weights bound it.
    """
    plain = mz.dense([[0.3, 0.1], [0.0, 0.2]], activation="tanh", noise=mz.Uniform(1))
    net = mz.Network([plain, plain, layer, plain, plain], domain=[(-1, 1), (-1, 1)], observable=x[0])
    certificate = mz.certify(net, mz.Legendre(1))
    found = certificate.layers[2]
    gain = layer.gain_exprs(2) is not None
    assert (found.dobrushin == 1.0 or not gain) and math.isinf(found.lipschitz) and math.isfinite(found.upper)
    assert all(other.dobrushin < 1.0 and other.lipschitz < 1.0 for n, other in enumerate(certificate.layers) if n != 2)
    for window in (*(certificate.dobrushin_windows if gain else ()), *certificate.lipschitz_windows):
        assert not window.n <= 2 < window.m
