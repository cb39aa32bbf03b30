"""Derivatives of whole networks against SymPy and mpmath."""

from __future__ import annotations

import shutil

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import mzsym as mz

x = mz.state(1)[0]
w = sp.Symbol("w", real=True)
TARGETS = ("numba", "c") if shutil.which("cc") else ("numba",)


@pytest.mark.parametrize("target", TARGETS)
def test_fourth_derivative_through_eight_layers(target: str) -> None:
    slopes = [1.0 + 0.05 * n for n in range(8)]
    layers = [mz.Layer([sp.tanh(w * x)], state=[x], params={w: value}) for value in slopes]
    found = mz.derivatives(mz.Network(layers, observable=x), 4, target=target)([[0.3], [-0.8]])

    def whole(z: mp.mpf) -> mp.mpf:
        for slope in slopes:
            z = mp.tanh(mp.mpf(slope) * z)
        return z

    with mp.workdps(60):
        exact = [[float(mp.diff(whole, mp.mpf(at), k)) for k in range(5)] for at in (0.3, -0.8)]
    assert np.allclose(found, exact, rtol=1e-11)


def test_components_lists_and_parameters() -> None:
    y = mz.state(2)
    W = [[0.9, -0.4], [0.3, 0.8]]
    layers = [mz.dense(W, [0.1, -0.2], activation="sigmoid"), mz.residual(W, activation="gelu", step=0.5)]
    net = mz.Network(layers, observable=[y[0] * y[1], sp.sin(w * y[0])]).with_params({w: 2.0})
    X = np.random.default_rng(0).normal(size=(5, 2))
    for argument in (0, 1):
        made = mz.derivatives(net, 2, argument)
        found = made(X)
        assert found.shape == (5, 2, 3) and np.allclose(found[:, :, 0], net.observe(net.forward(X)), rtol=1e-12)
        h = np.eye(2)[argument] * 1e-4
        plus, minus = (net.observe(net.forward(X + sign * h)) for sign in (1, -1))
        assert np.allclose(found[:, :, 1], (plus - minus) / 2e-4, atol=1e-6)
        assert np.allclose(found[:, :, 2], (plus + minus - 2 * found[:, :, 0]) / 1e-8, atol=1e-5)
        other = {(0, "W"): [[0.5, 0.1], [0.2, 0.4]], w: 1.5}
        assert np.array_equal(made.with_params(other)(X), mz.derivatives(net.with_params(other), 2, argument)(X))


def test_refusals() -> None:
    random = mz.dense([[1.0]], activation="tanh", weight_noise=mz.Uniform(0.1))
    with pytest.raises(mz.MzError, match="random weights"):
        mz.derivatives(mz.Network([random], observable=x), 2)
    with pytest.raises(mz.MzError, match="The order is -1"):
        mz.derivatives(mz.Network([mz.dense([[1.0]])], observable=x), -1)
