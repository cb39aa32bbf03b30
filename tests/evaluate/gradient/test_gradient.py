"""Gradients against complex steps through nested quadrature, and against differences in 40 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

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


def cube(e):
    return (e.memory(0, 2) ** 2).sum() + e.streaming(0)[1, 3] + e.coefficients(0)[2] + e.expectation(CUBE_AT)[0] ** 2


CUBE_AT = [[0.3, -0.2, 0.4]]
CUBE = [(TANH, None, None, 6), (SIN, 0.2, None, 2)]


def test_three_dimensions_against_complex_steps():
    params = params_of(3, 2, 9, (np.array([0.4, 0.3, 0.5]), 0.3))
    for n in (0, 1):
        params[n, "W"] *= 0.25
    x, y, z = mz.state(3)
    net = network(CUBE, params, [(-1, 1), (-1, 0.8), (-0.6, 1)], x * y + z)
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-11))
    _, gradient = ev.value_and_grad(cube)
    make = oracle(CUBE, 1, [(-1, 1), (-1, 0.8), (-0.6, 1)], lambda X: X[:, 0] * X[:, 1] + X[:, 2], None, False, 8)
    keys = [(0, "b"), (0, "scale"), (1, "scale")]
    expected = complex_steps(make, params, cube, keys, CUBE_AT)
    largest = max(np.abs(one).max() for one in expected.values())
    for key, one in expected.items():
        np.testing.assert_allclose(gradient[key], one, rtol=0, atol=1e-8 * largest, err_msg=str(key))
    assert gradient.reached < 1e-8 * largest


class Stated(Brute):
    """Layers a tanh(w x + c) with noise of scale s (1 + a), observable s x^2: local and shared symbols."""

    def step(self, n, X):
        p = self.params
        return p[n, "a"] * np.tanh(p[n, "w"] * X + p["c"])

    def scales(self, n):
        return np.array([self.params["s"] * (1 + self.params[n, "a"])])

    def noise(self, n):
        t, w = np.polynomial.legendre.leggauss(self.kinds[n][3])
        return (t * self.scales(n))[:, None], w / 2


def test_local_and_shared_symbols_against_complex_steps():
    x = mz.state(1)[0]
    a, w, c, s = sp.symbols("a w c s", real=True)
    params = {(0, "a"): 0.8, (0, "w"): 1.2, (1, "a"): 1.1, (1, "w"): 0.7, "c": 0.2, "s": 0.3}
    layers = [
        mz.Layer([a * sp.tanh(w * x + c)], [x], mz.Uniform(s * (1 + a)), {a: params[n, "a"], w: params[n, "w"]})
        for n in (0, 1)
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=s * x**2)
    ev = mz.compile(mz.derive(net.with_params({c: 0.2, s: 0.3}), mz.Legendre(2)), options=mz.Options(tolerance=1e-13))
    scalar = lambda e: (e.memory(0, 2) ** 2).sum() + e.coefficients(0)[1] + e.noise(0)[2] + e.streaming(0)[1, 1]  # noqa: E731
    _, gradient = ev.value_and_grad(scalar)

    def make(values):
        # The observable knows s: that of these values.
        kinds = [(None, None, None, 30), (None, None, None, 4)]
        return Stated(kinds, values, 2, [(-1, 1)], lambda X: values["s"] * X[:, 0] ** 2, None, False, 40)

    expected = complex_steps(make, params, scalar)
    keys = {(n, name): (n, symbol) for n in (0, 1) for name, symbol in (("a", a), ("w", w))} | {"c": c, "s": s}
    for key, one in expected.items():
        assert float(gradient[keys[key]]) == pytest.approx(float(one), rel=1e-10, abs=1e-12), key


def test_a_memory_entry_against_differences_in_forty_digits():
    """K(0, 2) of two layers and Legendre degree 1: MATH (14) with integrals of 40 digits."""
    start = {(0, "W"): 1.25, (0, "b"): 0.125, (0, "scale"): 0.5, (1, "W"): 0.75, (1, "scale"): 0.25}
    layers = [
        mz.dense([[1.25]], [0.125], activation="tanh", noise=mz.Uniform(0.5)),
        mz.dense([[0.75]], [0.0], activation="tanh", noise=mz.Uniform(0.25)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-14))
    _, gradient = ev.value_and_grad(lambda e: e.memory(0, 2)[1, 1])
    with mp.workdps(40):
        rule = _mp_rule(44)

        def entry(values):
            F0 = lambda x: mp.tanh(values[0, "W"] * x + values[0, "b"])  # noqa: E731
            F1 = lambda x: mp.tanh(values[1, "W"] * x)  # noqa: E731
            lo, hi = F0(-1) - values[0, "scale"], F0(1) + values[0, "scale"]
            eta1 = lambda x: mp.sqrt(3) * (2 * x - lo - hi) / (hi - lo)  # noqa: E731
            lo2, hi2 = F1(lo) - values[1, "scale"], F1(hi) + values[1, "scale"]
            eta2 = lambda x: mp.sqrt(3) * (2 * x - lo2 - hi2) / (hi2 - lo2)  # noqa: E731
            mean = lambda f, a, b: sum(w * f((a + b) / 2 + t * (b - a) / 2) for t, w in rule)  # noqa: E731
            # The noise of the last layer leaves a function of degree 1 as it is.
            later = lambda x: mean(lambda y: eta2(F1(y)), x - values[0, "scale"], x + values[0, "scale"])  # noqa: E731
            low = lambda x: mp.sqrt(3) * x  # noqa: E731
            C01 = [mean(lambda x, f=f: low(x) * f(F0(x)), -1, 1) for f in (lambda y: 1, eta1)]
            C12 = [mean(lambda y, f=f: f(y) * eta2(F1(y)), lo, hi) for f in (lambda y: 1, eta1)]
            return mean(lambda x: low(x) * later(F0(x)), -1, 1) - C01[0] * C12[0] - C01[1] * C12[1]

        for key in start:
            h = mp.mpf(10) ** -13
            ends = [entry({k: mp.mpf(v) + (sign * h if k == key else 0) for k, v in start.items()}) for sign in (1, -1)]
            exact = float((ends[0] - ends[1]) / (2 * h))
            assert abs(float(np.squeeze(gradient[key])) - exact) < 1e-13, key


def _mp_rule(count):
    """Gauss-Legendre nodes and weights that sum to 1."""
    rule = []
    for start in np.polynomial.legendre.leggauss(count)[0]:
        x = mp.findroot(lambda t: mp.legendre(count, t), mp.mpf(float(start)), solver="newton", tol=mp.mpf(10) ** -70)
        slope = count * (mp.legendre(count - 1, x) - x * mp.legendre(count, x)) / (1 - x**2)
        rule.append((x, 1 / ((1 - x**2) * slope**2)))
    return rule


def test_functions_of_separate_coordinates_have_mixed_derivatives():
    """With diagonal weights nothing that degree 1 carries is mixed, and every derivative by the other weights is."""
    W = np.diag([1.9, 1.7])
    layers = [mz.dense(W, [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.3)) for _ in range(3)]
    boxes = [mz.Box([(-1, 1)] * 2), *(mz.Box([(-1.35, 1.35)] * 2) for _ in range(3))]
    ev = mz.compile(mz.derive(mz.Network(layers, domains=boxes), mz.Legendre(1)), options=mz.Options(tolerance=1e-11))
    scalar = lambda e: e.memory(0, 3)[1, 2] + e.correlation(0, 3)[2, 1] + e.memory(0, 2)[2, 1]  # noqa: E731
    assert not ev.limits
    _, gradient = ev.value_and_grad(scalar)
    for n, index in ((0, (0, 1)), (1, (1, 0)), (2, (0, 1))):
        ends = []
        for k in (-2, -1, 1, 2):
            moved = W.copy()
            moved[index] += 1e-3 * k
            ends.append(scalar(ev.with_params({(n, "W"): moved})))
        slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / 12e-3
        assert abs(slope) > 1e-4
        assert gradient[n, "W"][index] == pytest.approx(slope, rel=1e-7, abs=1e-9)
    assert gradient.reached < 1e-9
