"""Exact terms with laws that are not even, against quadrature, the engine and samples."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.derive.numeric import evaluate_expr

t = sp.Symbol("t")
a = sp.Symbol("a", positive=True)
R = sp.Rational
x = mz.state(1)
WEDGE = mz.Noise(6 * t * (1 - t), support=(0, 1))
TENT = mz.Noise((a - sp.Abs(t)) / a**2, support=(-a, a), params={a: R(1, 2)})
JUMP = mz.Noise(sp.Piecewise((R(3, 4), t < 0), (R(1, 4), True)), support=(-1, 1))


def network(noise, activation="tanh", **more):
    layers = [
        mz.dense([[0.75]], [0.25], activation=activation, noise=noise),
        mz.dense([[1.0]], activation="sin", noise=WEDGE),
    ]
    return mz.Network(layers, domain=[(-1, 1)], observable=x[0] ** 2 + x[0], **more)


@pytest.mark.parametrize("noise", [WEDGE, TENT, JUMP], ids=["wedge", "tent", "jump"])
def test_averages_are_quadratures_of_the_density(noise):
    net = network(noise)
    eq = mz.derive(net, mz.Legendre(2))
    (y,), (x0,) = net.state(1), net.state(0)
    density = sp.lambdify(
        sp.Symbol("z"),
        noise.numeric_law.density(sp.Symbol("z", real=True)).subs(sp.Symbol("z", real=True), sp.Symbol("z")),
        "mpmath",
    )
    for v, closed in ((y**3 - y, True), (sp.tanh(y), False)):
        found = eq.average(0, 1, v)
        assert found.closed is closed and x0 in found.expr.free_symbols
        values = {symbol: value for symbol, value in net.bindings().items() if symbol in found.expr.free_symbols}
        value = evaluate_expr(found.expr, {**values, x0: 0.5}, 20)
        f = sp.lambdify(y, v, "mpmath")
        with mp.workdps(20):
            z = mp.tanh(mp.mpf("0.75") * mp.mpf("0.5") + mp.mpf("0.25"))
            lo, hi = (mp.mpf(end) for end in noise.support(0.0))
            expected = mp.quad(lambda r, f=f, z=z: f(z + r) * density(r), sorted({lo, mp.mpf(0), hi}))
        assert abs(value - expected) < 1e-14


@pytest.mark.parametrize("noise", [WEDGE, TENT, JUMP], ids=["wedge", "tent", "jump"])
def test_terms_agree_with_the_engine_and_with_samples(noise):
    net = network(noise)
    eq = mz.derive(net, mz.Legendre(1))
    ev = mz.compile(eq)
    exact = eq.evaluate(eq.streaming(0), digits=15)
    table = ev.streaming(0)
    assert max(abs(float(exact[i, j]) - table[i, j]) for i in range(2) for j in range(2)) < 1e-9
    X = net.sample(np.full((200_000, 1), 0.5), seed=3)
    u = net.observe(X)
    assert abs(ev.expectation([[0.5]])[0] - u.mean()) < 4.5 * u.std() / len(u) ** 0.5


@pytest.mark.parametrize(
    "stated",
    [
        mz.Noise(2 * t, support=(0, 1)),
        mz.Uniform(R(1, 2)),
        3 * x[0] ** 2 / 2,
        sp.Piecewise((R(3, 4), x[0] < 0), (R(1, 4), True)),
    ],
    ids=["wedge", "uniform", "density", "jump"],
)
def test_the_law_of_the_state_starts_from_the_input(stated):
    net = network(TENT, input=stated)
    eq = mz.derive(net, mz.Mean(measure="law"))
    exact = float(eq.evaluate(eq.coefficients(0), digits=12)[0, 0])
    found = float(mz.compile(eq).coefficients(0)[0])
    u = net.observe(net.sample(net.sample_input(200_000, seed=5), seed=6))
    assert abs(exact - found) < 1e-9
    assert abs(exact - u.mean()) < 4.5 * u.std() / len(u) ** 0.5


def test_an_input_on_the_line_closes_where_its_moments_do():
    layer = mz.Layer([x[0] / 2], state=x, noise=mz.Laplace(R(1, 4)))
    net = mz.Network([layer], observable=x[0] ** 2, input=mz.Laplace(R(1, 2)))
    term = mz.derive(net, mz.Mean(measure="law")).coefficients(0)
    # E X_1^2 = E X_0^2/4 + E xi^2 = 2/4/4 + 2/16.
    assert term.closed and sp.simplify(sp.Matrix(term.expr)[0].subs(net.bindings())) == R(1, 4)


def test_the_forward_noise_vanishes_for_the_uniform_input_only():
    assert mz.derive(network(TENT), mz.Legendre(1), direction="forward").noise(0).expr.is_zero_matrix
    with pytest.raises(mz.MzError, match="input law"):
        mz.derive(network(TENT, input=mz.Uniform(1)), mz.Legendre(1), direction="forward").noise(0)


def test_equations_with_stated_noise_print():
    eq = mz.derive(network(TENT), mz.Legendre(1))
    for text in (eq.latex(), eq.streaming(0).latex(), eq.memory(0, 2).latex()):
        assert ("xi[]" not in text and r"\xi" in text) or "A_" in text
