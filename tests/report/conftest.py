"""One small network, everything computed once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sympy as sp

import mzsym as mz


def everything(net, projection, **options):
    eq = mz.derive(net, projection)
    return SimpleNamespace(eq=eq, ev=mz.compile(eq), c=mz.certify(net, projection, **options))


@pytest.fixture(scope="session")
def small():
    """Four layers in one dimension, of every kind: dense, residual, an expression, a truncated Gaussian."""
    x, w = mz.state(1)[0], sp.Symbol("w", real=True)
    layers = [
        mz.dense([[1.2]], [0.1], activation="tanh", noise=mz.Uniform(0.5)),
        mz.residual([[0.5]], [0.0], activation="tanh", step=0.5, noise=mz.Uniform(0.6)),
        mz.Layer([sp.tanh(w * x)], state=[x], noise=mz.TruncatedGaussian(0.4), params={w: 0.8}),
        mz.dense([[1.0]], [0.0], activation="sigmoid", noise=mz.Uniform(0.5)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)
    return everything(net, mz.Legendre(1, measure="lebesgue"))


@pytest.fixture(scope="session")
def plane():
    """Two layers in two dimensions with two observables."""
    layer = mz.dense([[0.8, -0.3], [0.2, 0.6]], [0.1, 0.0], activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2), observable=list(mz.state(2)))
    return everything(net, mz.Legendre(1), method="hilbert_schmidt")
