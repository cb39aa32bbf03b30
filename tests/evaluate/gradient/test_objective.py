"""Jacobians, objectives for SciPy, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import sympy as sp

import mzsym as mz
from mzsym.core import MzError

w, s = sp.symbols("w s", positive=True)
X1 = mz.state(1)[0]


def evaluator(direction="backward", **options):
    layers = [
        mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.4)),
        mz.Layer([sp.tanh(w * X1)], state=[X1], params={w: 1.3}, noise=mz.Uniform(s / 2)),
        mz.residual([[0.9]], [-0.2], activation="sin", step=0.5, noise=[mz.TruncatedGaussian(0.2)]),
        mz.dense([[0.7]], noise=None),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[X1**3, s * X1])
    eq = mz.derive(net.with_params({s: 0.6}), mz.Legendre(2), direction=direction)
    return mz.compile(eq, options=mz.Options(tolerance=1e-12, **options))


EV = evaluator()


def test_keys_and_shapes_are_those_of_with_params():
    value, gradient = EV.value_and_grad(lambda e: e.memory(0, 2)[1, 1] ** 2)
    shapes = {key: array.shape for key, array in gradient.items()}
    assert shapes == {
        (0, "W"): (1, 1), (0, "b"): (1,), (0, "scale"): (), (1, w): (), (2, "W"): (1, 1), (2, "b"): (1,),
        (2, "step"): (), (2, "scale"): (1,), (3, "W"): (1, 1), (3, "b"): (1,), s: (),
    }  # fmt: skip
    assert EV.with_params({key: 0.9 * array + 0.5 for key, array in gradient.items()}) is not None
    assert value == EV.memory(0, 2)[1, 1] ** 2


def test_a_jacobian_is_made_of_the_gradients_of_its_rows():
    values, jacobian = EV.jacobian(lambda e: e.coefficients(0)[:2])
    np.testing.assert_array_equal(values, EV.coefficients(0)[:2])
    for i, k in ((0, 1), (1, 0)):
        _, row = EV.value_and_grad(lambda e, i=i, k=k: e.coefficients(0)[i, k])
        for key, array in row.items():
            np.testing.assert_allclose(jacobian[key][i, k], array, rtol=1e-12, atol=1e-15)
    assert jacobian.reached < 1e-9
    values, jacobian = EV.jacobian(lambda e: [e.norm("memory", 0, 3), e.norm("streaming", 1)], check=False)
    assert values == pytest.approx([EV.norm("memory", 0, 3), EV.norm("streaming", 1)], rel=1e-14)
    assert jacobian[0, "b"].shape == (2, 1)
    assert np.isnan(jacobian.reached)


def test_all_memory_terms_of_a_layer_side_by_side():
    expected = np.hstack([EV.memory(0, m) for m in (2, 3, 4)])
    np.testing.assert_array_equal(EV.memory(0), expected)
    value, gradient = EV.value_and_grad(lambda e: (e.memory(0) ** 2).sum(), check=False)
    assert value == pytest.approx((expected**2).sum(), rel=1e-13)
    _, other = EV.value_and_grad(lambda e: sum((e.memory(0, m) ** 2).sum() for m in (2, 3, 4)), check=False)
    assert all(np.allclose(gradient[key], other[key], rtol=1e-10, atol=1e-14) for key in gradient)
    with pytest.raises(MzError, match="n <= L - 2"):
        EV.memory(3)


def test_the_forward_terms_are_transposes():
    forward = evaluator("forward")
    np.testing.assert_array_equal(forward.memory(2), np.hstack([forward.memory(2, 0), forward.memory(2, 1)]))
    weights = np.arange(9.0).reshape(3, 3)
    _, one = forward.value_and_grad(lambda e: (weights * e.memory(2, 0)).sum() + e.streaming(1)[0, 2] ** 2, check=False)
    _, two = EV.value_and_grad(lambda e: (weights.T * e.memory(0, 3)).sum() + e.streaming(1)[2, 0] ** 2, check=False)
    assert all(np.allclose(one[key], two[key], rtol=1e-11, atol=1e-15) for key in one)
    with pytest.raises(MzError, match="forward coefficients"):
        forward.value_and_grad(lambda e: e.coefficients(1)[0])


def test_means_over_a_law_of_the_input():
    uniform = EV.value_and_grad(lambda e: e.mean()[0])[1]
    first = EV.value_and_grad(lambda e: e.coefficients(0)[0, 0])[1]
    assert all(np.allclose(uniform[key], first[key], rtol=1e-9, atol=1e-13) for key in first)
    samples = np.array([[0.1], [0.4], [-0.3]])
    value, mean = EV.value_and_grad(lambda e: e.mean(samples)[1] ** 2, check=False)
    assert value == pytest.approx(EV.mean(samples)[1] ** 2, rel=1e-13)
    law = mz.TruncatedGaussian(0.3)
    value, mean = EV.value_and_grad(lambda e: e.mean(law)[1], check=False)
    assert value == pytest.approx(EV.mean(law)[1], rel=1e-11)
    ends = [EV.with_params({(0, "b"): [0.1 + k * 1e-3]}).mean(law)[1] for k in (-2, -1, 1, 2)]
    assert mean[0, "b"][0] == pytest.approx((ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / 12e-3, rel=1e-8)


def test_scipy_minimises_with_it():
    target = np.array([0.25, -0.1])

    def loss(e):
        return ((e.expectation([[0.5], [-0.4]])[:, 0] - target) ** 2).sum() + 1e-3 * (e.memory(0, 2) ** 2).sum()

    objective = EV.objective(loss, keys=[(0, "b"), (1, "w"), (2, "scale"), "s"])
    assert objective.keys == ((0, "b"), (1, w), (2, "scale"), s)
    np.testing.assert_array_equal(objective.x0, [0.1, 1.3, 0.2, 0.6])
    assert scipy.optimize.check_grad(lambda x: objective(x)[0], lambda x: objective(x)[1], objective.x0) < 1e-6
    found = scipy.optimize.minimize(objective, objective.x0, jac=True, bounds=objective.bounds, options={"maxiter": 6})
    assert found.fun < 0.5 * objective(objective.x0)[0]
    after = EV.with_params(objective.mapping(found.x))
    assert loss(after) == pytest.approx(found.fun, rel=1e-9)
    assert objective.evaluator(found.x).memory(0, 2) == pytest.approx(after.memory(0, 2))


def test_an_objective_takes_every_parameter_by_default():
    objective = EV.objective(lambda e: e.streaming(0)[1, 1])
    value, gradient = objective(objective.x0)
    assert value == EV.streaming(0)[1, 1]
    assert gradient.shape == objective.x0.shape == (11,)


def test_a_component_without_noise_keeps_scale_zero():
    noise = [mz.Uniform(0.3), mz.Deterministic()]
    layers = [mz.dense([[0.9, 0.2], [0.3, 0.8]], [0.1, 0.2], activation="tanh", noise=noise)] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2))
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    objective = ev.objective(lambda e: e.streaming(1)[1, 1], [(0, "scale")])
    np.testing.assert_array_equal(objective.x0, [0.3, 0.0])
    assert objective.bounds == [(1e-6, None), (0.0, 0.0)]
    _, gradient = objective([0.4, 0.0])
    assert gradient[1] == 0.0 and gradient[0] != 0.0
    assert objective.evaluator([0.4, 0.0]).network.layers[0].noise[1] == mz.Deterministic()
    with pytest.raises(MzError, match="no scale"):
        objective([0.4, 0.1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: EV.value_and_grad(lambda e: 1.0), "does not depend"),
        (lambda: EV.value_and_grad(lambda e: EV.memory(0, 2).sum()), "does not depend"),
        (lambda: EV.value_and_grad(lambda e: e.memory(0, 2)), r"shape \(3, 3\)"),
        (lambda: EV.value_and_grad(lambda e: e.law()), "no derivative of 'law'"),
        (lambda: EV.value_and_grad(lambda e: e.memory(0, 1).sum()), "n . 2 <= m"),
        (lambda: EV.jacobian(lambda e: [1.0, 2.0]), "does not depend"),
        (lambda: EV.objective(lambda e: e.memory(0, 2).sum(), [(0, "weights")]), "no parameter with the key"),
        (lambda: EV.objective(lambda e: e.memory(0, 2).sum(), [s, "s"]), "twice"),
        (lambda: EV.objective(lambda e: e.memory(0, 2).sum())(np.zeros(2)), r"shape \(2,\)"),
    ],
)
def test_bad_calls_are_refused_in_one_sentence(call, words):
    with pytest.raises(MzError, match=words):
        call()


def test_conditional_projections_and_small_budgets_are_refused():
    layers = [mz.dense([[1.0]], activation="relu", noise=mz.Uniform(0.5))] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]))
    ev = mz.compile(mz.derive(net, mz.Conditional([0])))
    for call in (ev.value_and_grad, ev.jacobian, ev.objective):
        with pytest.raises(MzError, match="finite rank"):
            call(lambda e: e.streaming(0).sum())
    layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 20
    deep = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)])), mz.Legendre(1))
    with pytest.raises(MzError, match="functions of all layers take"):
        mz.compile(deep, options=mz.Options(memory_budget=80_000)).value_and_grad(lambda e: e.streaming(0)[1, 1])
