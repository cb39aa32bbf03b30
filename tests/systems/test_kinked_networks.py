"""Three layers with elu, silu, hardtanh and step under uniform noise: against antiderivatives and Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import special

import mzsym as mz
from mzsym.core.arrays import Array

Function = Callable[[Array], Array]

G: dict[str, Function] = {
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0.0)) - 1),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "hardtanh": lambda z: np.maximum(-1.0, np.minimum(1.0, z)),
    "step": lambda z: (np.sign(z) + 1) / 2,
}
WHOLE: dict[str, Function] = {
    "elu": lambda z: np.where(z > 0, z**2 / 2, np.exp(np.minimum(z, 0.0)) - 1 - z),
    # scipy's spence(1 - x) is Li2(x).
    "silu": lambda z: z * np.log1p(np.exp(z)) + special.spence(1 + np.exp(z)),
    "hardtanh": lambda z: np.where(np.abs(z) < 1, z**2 / 2, np.abs(z) - 0.5),
    "step": lambda z: np.maximum(z, 0.0),
}
KINKS = {"elu": (0.0,), "silu": (), "hardtanh": (-1.0, 1.0), "step": (0.0,)}
NAMES = (
    ("elu", "silu", "hardtanh"),
    ("silu", "hardtanh", "step"),
    ("step", "elu", "silu"),
    ("hardtanh", "step", "elu"),
)
WEIGHTS = ((1.3, -0.1), (1.7, 0.05), (-1.2, 0.3))
HALF = 0.3
POINTS = np.array([[-0.7], [0.2], [0.9]])


def network(names: tuple[str, ...], law: Callable[[float], object] = mz.Uniform) -> mz.Network:
    layers = [
        mz.dense([[w]], [b], activation=name, noise=law(HALF)) for name, (w, b) in zip(names, WEIGHTS, strict=True)
    ]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def brute(names: tuple[str, ...], x: float) -> float:
    """E X_3: the last noise has mean 0, the second gives a difference of antiderivatives, the first a Gauss rule."""
    (w0, b0), (w1, b1), (w2, b2) = WEIGHTS
    centre = float(G[names[0]](np.array(w0 * x + b0)))
    # Cut at the kinks of the second map; the corners that noise edges make are left to small panels.
    kinks = [(z - b1) / w1 for z in KINKS[names[1]]]
    ends = [centre - HALF, *(k for k in kinks if abs(k - centre) < HALF), centre + HALF]
    t, w = np.polynomial.legendre.leggauss(6)
    total = 0.0
    for lo, hi in pairwise(ends):
        edges = np.linspace(lo, hi, 4001)
        y = edges[:-1, None] + (hi - lo) / 8000 * (1 + t)
        z, s = w2 * G[names[1]](w1 * y + b1) + b2, abs(w2) * HALF
        inner = (WHOLE[names[2]](z + s) - WHOLE[names[2]](z - s)) / (2 * s)
        total += float((inner @ w).sum()) * (hi - lo) / 8000
    return total / (2 * HALF)


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_expectation_against_antiderivatives(names: tuple[str, ...]) -> None:
    ev = mz.compile(mz.derive(network(names), mz.Legendre(3)))
    exact = np.array([brute(names, x) for x in POINTS[:, 0]])
    assert np.abs(ev.expectation(POINTS) - exact).max() <= 1e-8
    assert max(ev.tolerance_reached.values()) < 1e-10


@pytest.mark.parametrize("law", [mz.Uniform, mz.TruncatedGaussian], ids=lambda law: law.__name__)
@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_expectation_against_sampling(names: tuple[str, ...], law: Callable[[float], object]) -> None:
    net, count = network(names, law), 40_000
    exact = mz.compile(mz.derive(net, mz.Legendre(3))).expectation(POINTS)
    for x, value in zip(POINTS[:, 0], exact, strict=True):
        sample: Array = np.asarray(net.sample(np.full((count, 1), x), seed=7), dtype=float).ravel()
        assert abs(sample.mean() - value) <= 4 * sample.std() / count**0.5


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_domains_and_certificate(names: tuple[str, ...]) -> None:
    net = network(names)
    X = np.random.default_rng(1).uniform(-1, 1, (20_000, 1))
    for n, layer in enumerate(net.layers):
        X = np.asarray(layer.forward(X)) + np.random.default_rng(n).uniform(-HALF, HALF, X.shape)
        lower, upper = float(net.domains[n + 1].lower[0]), float(net.domains[n + 1].upper[0])
        assert lower <= X.min() and X.max() <= upper
        # No wider than the samples show.
        assert X.min() - lower < 0.1 and upper - X.max() < 0.1
    c = mz.certify(net, mz.Legendre(3))
    assert all(str(layer.standing) == "proved" and np.isfinite(layer.upper) for layer in c.layers)
