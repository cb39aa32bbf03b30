"""Three layers with elu, silu, hardtanh and step under uniform noise: against dense Gauss rules and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest

import mzsym as mz
from mzsym.core.arrays import Array

G = {
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0.0)) - 1),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "hardtanh": lambda z: np.maximum(-1.0, np.minimum(1.0, z)),
    "step": lambda z: (np.sign(z) + 1) / 2,
}
NAMES = (
    ("elu", "silu", "hardtanh"),
    ("silu", "hardtanh", "step"),
    ("step", "elu", "silu"),
    ("hardtanh", "step", "elu"),
)
WEIGHTS = ((1.3, -0.1), (1.7, 0.05), (-1.2, 0.3))
HALF = 0.3
POINTS = np.array([[-0.7], [0.2], [0.9]])


def network(names: tuple[str, ...]) -> mz.Network:
    layers = [
        mz.dense([[w]], [b], activation=name, noise=mz.Uniform(HALF))
        for name, (w, b) in zip(names, WEIGHTS, strict=True)
    ]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def brute(names: tuple[str, ...], x: float) -> float:
    """E X_3 by Gauss rules on 600 panels of each noise; the last noise has mean 0."""
    t, w = np.polynomial.legendre.leggauss(4)
    edges = np.linspace(-HALF, HALF, 601)
    xi = (edges[:-1, None] + HALF / 600 * (1 + t)).ravel()
    weight = np.tile(w, 600) / 1200
    maps = [lambda y, g=G[name], a=a, b=b: g(a * y + b) for name, (a, b) in zip(names, WEIGHTS, strict=True)]
    after = maps[1](maps[0](np.array(x)) + xi)[:, None] + xi
    return float(weight @ maps[2](after) @ weight)


def oracle_error(names: tuple[str, ...]) -> float:
    """One panel may hold a jump; corners cost the square of its width."""
    return 1e-3 if "step" in names[1:] else 1e-5


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_expectation_within_the_tolerance_it_states(names: tuple[str, ...]) -> None:
    ev = mz.compile(mz.derive(network(names), mz.Legendre(3)))
    exact = np.array([brute(names, x) for x in POINTS[:, 0]])
    assert np.abs(ev.expectation(POINTS) - exact).max() <= 3 * ev.tolerance_reached["expectation"] + oracle_error(names)
    assert ev.tolerance_reached["expectation"] < 0.02


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_sampling_agrees_with_brute_force(names: tuple[str, ...]) -> None:
    count = 40_000
    for x in POINTS[:, 0]:
        sample: Array = np.asarray(network(names).sample(np.full((count, 1), x), seed=7), dtype=float).ravel()
        assert abs(sample.mean() - brute(names, x)) <= 4 * sample.std() / count**0.5 + oracle_error(names)


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_domains_and_certificate(names: tuple[str, ...]) -> None:
    net = network(names)
    for box in net.domains[1:]:
        assert np.isfinite(box.lower).all() and np.isfinite(box.upper).all()
    X = np.random.default_rng(1).uniform(-1, 1, (20_000, 1))
    for n, layer in enumerate(net.layers):
        X = np.asarray(layer.forward(X)) + np.random.default_rng(n).uniform(-HALF, HALF, X.shape)
        lower, upper = float(net.domains[n + 1].lower[0]), float(net.domains[n + 1].upper[0])
        assert lower <= X.min() and X.max() <= upper
        # No wider than the samples show.
        assert X.min() - lower < 0.1 and upper - X.max() < 0.1
    c = mz.certify(net, mz.Legendre(3))
    assert all(str(layer.standing) == "proved" and np.isfinite(layer.upper) for layer in c.layers)
