"""Gradients against complex steps through nested quadrature, and against 40-digit differences."""

from __future__ import annotations

import numpy as np
import pytest

import mzsym as mz
from tests.evaluate.gradient.brute import Brute, complex_steps

TANH = ("tanh", np.tanh)
SIGMOID = ("sigmoid", lambda z: 1 / (1 + np.exp(-z)))
SIN = ("sin", np.sin)
AT_1 = [[0.3], [-0.6]]


def network(rows, params, box, observable, boxes=None):
    """The same network for mzsym: rows of ((name, act), step, cutoff, nodes)."""
    layers = []
    for n, ((name, _), step, cutoff, _) in enumerate(rows):
        law = mz.Uniform if cutoff is None else lambda s, c=cutoff: mz.TruncatedGaussian(s, c)
        scale = params[n, "scale"]
        noise = law(float(scale)) if np.ndim(scale) == 0 else [law(float(s)) for s in scale]
        W, b = params[n, "W"], params[n, "b"]
        layers.append(
            mz.dense(W, b, activation=name, noise=noise)
            if step is None
            else mz.residual(W, b, activation=name, step=step, noise=noise)
        )
    if boxes is not None:
        return mz.Network(layers, domains=[mz.Box(one) for one in boxes], observable=observable)
    return mz.Network(layers, domain=mz.Box(box), observable=observable)


def oracle(rows, degree, box, observable, boxes, lebesgue, nodes):
    kinds = [(act, step, cutoff, count) for (_, act), step, cutoff, count in rows]
    return lambda params: Brute(kinds, params, degree, box, observable, boxes, lebesgue, nodes)


def params_of(dim, depth, seed, scales):
    rng = np.random.default_rng(seed)
    out = {}
    for n in range(depth):
        out[n, "W"] = rng.normal(size=(dim, dim)) * 0.7 + np.eye(dim)
        out[n, "b"] = rng.normal(size=dim) * 0.2
        out[n, "scale"] = np.array(scales[n])
    return out


def everything(e):
    """One scalar that every table enters."""
    return (
        (e.memory(0, 2) ** 2).sum()
        + np.sin(3 * e.memory(0, 3)[:, 1:]).sum()
        + (e.memory(1, 3) * e.correlation(0, 3)).sum()
        + e.streaming(1).sum()
        + np.exp(e.coefficients(0)).sum()
        + (e.noise(1) * np.array([1.0, 2.0, -3.0, 4.0])).sum()
        + e.noise(0)[2]
        + e.coefficients(3)[1] ** 2
        + (e.expectation(AT_1) ** 2).sum()
    )


ROWS_1 = [(TANH, None, None, 24), (SIGMOID, None, 3.0, 28), (SIN, 0.5, None, 5)]
PARAMS_1 = params_of(1, 3, 3, (0.5, 0.2, 0.4))
BOXES_1 = [[(-1, 1)], [(-1.8, 1.9)], [(-0.8, 1.9)], [(-3, 4)]]


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("boxes", [None, BOXES_1], ids=["following", "given"])
def test_one_dimension_against_complex_steps(measure, boxes):
    x = mz.state(1)[0]
    net = network(ROWS_1, PARAMS_1, [(-1, 1)], x**2 + x**5, boxes)
    ev = mz.compile(mz.derive(net, mz.Legendre(3, measure)), options=mz.Options(tolerance=1e-13))
    value, gradient = ev.value_and_grad(everything)
    make = oracle(ROWS_1, 3, [(-1, 1)], lambda X: X[:, 0] ** 2 + X[:, 0] ** 5, boxes, measure == "lebesgue", 30)
    full = {key: np.array(v, dtype=complex) for key, v in PARAMS_1.items()}
    assert abs(value - everything(make(full).tables(AT_1)).real) < 1e-10 * abs(value)
    expected = complex_steps(make, PARAMS_1, everything, at=AT_1)
    largest = max(np.abs(one).max() for one in expected.values())
    for key, one in expected.items():
        assert gradient[key].shape == one.shape
        np.testing.assert_allclose(gradient[key], one, rtol=0, atol=1e-11 * largest, err_msg=str(key))
    assert 0 < gradient.reached < 1e-9 * largest


def plane(e):
    return (
        (e.memory(0, 2) ** 2).sum()
        + np.sin(e.streaming(0)).sum()
        + e.correlation(0, 2)[1, 2]
        + np.exp(e.coefficients(0)).sum()
        + (e.noise(0) * np.arange(1.0, 7.0)).sum()
        + (e.expectation([[0.3, -0.2], [0.5, 0.1]]) ** 2).sum()
    )


PLANE_BOXES = [[(-1, 1), (-1, 0.8)], [(-2.2, 2.2), (-2.2, 2.2)], [(-3, 3), (-3, 3)]]
PLANE_AT = [[0.3, -0.2], [0.5, 0.1]]
PLANE = [(TANH, None, 2.5, 15), (SIN, 0.2, None, 3)]


@pytest.mark.parametrize(("weights", "boxes"), [("full", None), ("diagonal", PLANE_BOXES), ("even", PLANE_BOXES)])
def test_two_dimensions_against_complex_steps(boxes, weights):
    """Zero weights and symmetric functions have coefficients that vanish with derivatives that do not."""
    params = params_of(2, 2, 5, (np.array([0.35, 0.3]), 0.3))
    params[1, "W"] *= 0.3
    if weights == "diagonal":
        params[0, "W"] = np.diag([0.8, 1.1])
        params[1, "W"] = np.array([[0.5, 0.0], [0.0, 0.0]])
    if weights == "even":
        params[0, "b"] *= 0.0
        params[1, "b"] *= 0.0
    x, y = mz.state(2)
    net = network(PLANE, params, [(-1, 1), (-1, 0.8)], x * y + y**3, boxes)
    ev = mz.compile(mz.derive(net, mz.Legendre(2)), options=mz.Options(tolerance=1e-12))
    _, gradient = ev.value_and_grad(plane)
    observable = lambda X: X[:, 0] * X[:, 1] + X[:, 1] ** 3  # noqa: E731
    make = oracle(PLANE, 2, [(-1, 1), (-1, 0.8)], observable, boxes, False, 16)
    keys = [key for key in params if weights == "full" or key[1] != "scale"]
    expected = complex_steps(make, params, plane, keys, PLANE_AT)
    largest = max(np.abs(one).max() for one in expected.values())
    for key, one in expected.items():
        np.testing.assert_allclose(gradient[key], one, rtol=0, atol=1e-9 * largest, err_msg=str(key))
    assert gradient.reached < 1e-9 * largest
