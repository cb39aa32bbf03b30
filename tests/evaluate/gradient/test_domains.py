"""Domains that follow from the first one, against differences of the proved ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.core import MzError
from mzsym.evaluate.gradient.boxes import BoxGradient
from mzsym.evaluate.gradient.domains import SpectralDomains
from mzsym.evaluate.gradient.parameters import ParameterGradient, parameter_values
from mzsym.evaluate.quadrature.problem import lower_problem

x, y = mz.state(2)
a, c = sp.symbols("a c", real=True)
TURN = [[0.9, -0.5], [0.4, 1.1]]


def chain(*layers, box=((-1, 1), (-0.7, 0.9))):
    return mz.Network(layers, domain=mz.Box(box[: layers[0].dim_in]))


NETWORKS = {
    "corners": chain(
        mz.dense(TURN, [0.1, -0.2], activation="tanh", noise=[mz.Uniform(0.4), mz.TruncatedGaussian(0.2, 2)]),
        mz.residual([[0.5, 0.2], [-0.3, 0.1]], [0.1, 0.3], activation="sigmoid", step=0.5, noise=mz.Uniform(0.3)),
    ),
    "inside a line": chain(
        mz.residual([[3.1]], [0.4], activation="sin", step=0.9, noise=mz.Uniform(0.2)),
        mz.dense([[1.3]], [0.2], activation="gelu", noise=mz.Uniform(0.1)),
        mz.dense([[1.5]], [0.3], activation="cos", noise=mz.TruncatedGaussian(0.1)),
    ),
    "inside a square": chain(
        mz.Layer([a * x - c * x**2 - (y - a / 3) ** 2, sp.cos(c * x + y)], state=(x, y), params={a: 0.7, c: 1.1}),
        mz.dense(TURN, [0.2, 0.1], activation="tanh", noise=mz.Uniform(0.3)),
    ),
    "on a side": chain(
        mz.Layer([sp.exp(-((x - a / 5) ** 2)) * (2 + y), x * y + c], state=(x, y), params={a: 0.7, c: 1.1}),
        mz.residual([[0.5, 0.2], [-0.3, 0.1]], [0.1, 0.3], activation="sin", step=0.5),
    ),
    "slopes": chain(
        mz.dense(TURN, [0.1, -0.2], activation=("leaky_relu", 0.2), noise=mz.Uniform(0.4)),
        mz.dense(TURN, [0.1, -0.2], activation=("leaky_relu", -0.3), noise=mz.Uniform(0.4)),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_ends_move_as_the_proved_ones_do(name):
    net = NETWORKS[name]
    rng = np.random.default_rng(2)
    problem = lower_problem(net, mz.Legendre(1))
    boxes, parameters = BoxGradient(SpectralDomains(net, problem), False), ParameterGradient(net)
    bars = [rng.normal(size=(2, dim)) for dim in net.dims]
    for n, bar in enumerate(bars):
        boxes.add_domain(n, *bar)
    boxes.finish(parameters)

    def number(values):
        domains = net.with_params(values).domains
        pairs = [((box.lower + box.upper) / 2, (box.upper - box.lower) / 2) for box in domains]
        return sum(float(np.vdot(pair, bar)) for pair, bar in zip(pairs, bars, strict=True))

    h = 1e-3
    weights = {-3: -1, -2: 9, -1: -45, 1: 45, 2: -9, 3: 1}
    for key, start in parameter_values(net).items():
        for index in np.ndindex(start.shape):
            total = 0.0
            for k, weight in weights.items():
                moved = start.copy()
                moved[index] += k * h
                total += weight * number({key: moved})
            assert parameters.values[key][index] == pytest.approx(total / (60 * h), rel=1e-8, abs=1e-8), (key, index)


def test_an_end_that_is_taken_at_two_points_is_refused():
    net = chain(mz.dense([[0.9, 0.0], [0.4, 1.1]], activation="tanh", noise=mz.Uniform(0.4)), mz.dense(TURN))
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    with pytest.raises(MzError, match=r"a weight is 0.*layer 0, component 0.*State all domains"):
        ev.value_and_grad(lambda e: e.streaming(1).sum())


def test_two_points_at_which_an_end_changes_alike_are_one():
    """cos(w x) on [-1, 1] is smallest at both ends."""
    x = mz.state(1)[0]
    layers = [mz.Layer([sp.cos(a * x)], state=[x], params={a: 1.2}, noise=mz.Uniform(0.3))] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x**3)
    ev = mz.compile(mz.derive(net, mz.Legendre(2)), options=mz.Options(tolerance=1e-12))
    scalar = lambda e: (e.streaming(0) ** 2).sum() + e.coefficients(0)[1]  # noqa: E731
    _, gradient = ev.value_and_grad(scalar)
    ends = [scalar(ev.with_params({(0, a): 1.2 + k * 1e-3})) for k in (-2, -1, 1, 2)]
    assert gradient[0, a] == pytest.approx((ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / 12e-3, rel=1e-8)


def test_stated_domains_are_constants():
    layers = [mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.3))] * 2
    net = mz.Network(layers, domains=[mz.Box([(-1, 1)]), mz.Box([(-2, 2)]), mz.Box([(-3, 3)])])
    problem = lower_problem(net, mz.Legendre(1))
    boxes, parameters = BoxGradient(SpectralDomains(net, problem), False), ParameterGradient(net)
    boxes.add_domain(2, np.ones(1), np.ones(1))
    boxes.finish(parameters)
    assert not any(value.any() for value in parameters.values.values())
