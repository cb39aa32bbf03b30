"""Multiplicative noise and random weights as stated: draws, expressions, domains, parameters, refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.calculus.laws import GaussianLaw, UniformLaw
from mzsym.core.names import (
    latex_name,
    local_symbol,
    noise_symbol,
    random_symbol,
    scale_symbol,
    state_symbol,
    weight_scale_symbol,
    weight_symbol,
)
from mzsym.model.numeric import evaluate

x = mz.state(2)
w, v, c = sp.symbols("w v c", real=True)
BOX = mz.Box([(-1, 1), (0, 2)])
W = np.array([[0.8, -0.5], [0.3, 1.1]])
MATRIX = sp.Matrix([[1, x[0], 0], [0, x[1], 2]])


def stated(**changes: Any) -> mz.Layer:
    settings: dict[str, Any] = dict(
        state=x,
        gain=[1 + x[0] ** 2, x[1] * v],
        noise=[mz.Uniform(0.1), mz.TruncatedGaussian(0.2)],
        params={w: mz.Gaussian(0.5), v: 0.75},
    )
    return mz.Layer([sp.tanh((1 + w) * x[0]), x[1] / 2], **{**settings, **changes})


LAYERS = {
    "stated": stated(),
    "matrix": mz.Layer([x[0] / 2, x[1] / 3], state=x, gain=MATRIX, noise=mz.Uniform(0.3)),
    "rows": mz.dense(W, [0.1, 0], activation="tanh", weight_noise=mz.Gaussian(0.4)),
    "entries": mz.dense(W, [0.1, 0], activation="softplus", noise=mz.Uniform(0.2), weight_noise=mz.Uniform(0.4)),
    "residual": mz.residual(W, activation="tanh", step=0.5, weight_noise=mz.Uniform(0.3)),
    "residual rows": mz.residual(W, activation="sin", step=0.5, weight_noise=mz.Gaussian(0.3)),
    "truncated entries": mz.dense(W, activation="identity", weight_noise=mz.TruncatedGaussian(0.3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_step_is_the_expressions_at_draws_of_their_laws(name: str) -> None:
    """Mean and covariance of X' at fixed points, by sampling and from the expressions at draws made here."""
    layer, rng, points = LAYERS[name], np.random.default_rng(1), 40_000
    net = mz.Network([layer])
    values = {symbol: float(value) for symbol, value in net.bindings().items()}
    for at in ([0.7, 1.5], [-0.4, 0.3]):
        X = np.tile(at, (points, 1))
        env: dict[sp.Symbol, Any] = {**values, **{state_symbol(0, i): X[:, i] for i in range(2)}}
        env |= {symbol: _draw(law, values, rng, points) for symbol, law in layer.random_weights(0)}
        xi = [noise_symbol(0, j) for j in range(len(layer.noise))]
        env |= {s: _draw(law, values, rng, points) for s, law in zip(xi, layer.laws(0), strict=True)}
        gain = layer.gain_exprs(0)
        matrix = sp.eye(2) if gain is None else sp.diag(*gain) if isinstance(gain, tuple) else gain
        exprs = list(sp.Matrix(layer.map_exprs(0)) + matrix * sp.Matrix(xi))
        ours, theirs = net.sample(X, seed=7), evaluate(exprs, env, points)
        for f in (lambda Y: Y, lambda Y: Y**2, lambda Y: Y[:, :1] * Y[:, 1:]):
            a, b = f(ours), f(theirs)
            error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / points)
            assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 4 * error + 1e-12)
        assert ours.std(axis=0).min() > 0


def _draw(law: Any, values: dict[sp.Symbol, float], rng: np.random.Generator, points: int) -> Any:
    if law.deterministic:
        return np.zeros(points)
    if isinstance(law, GaussianLaw):
        return rng.normal(0, float(law.scale.subs(values)), points)
    if isinstance(law, UniformLaw):
        half = float(law.half_width.subs(values))
        return rng.uniform(-half, half, points)
    scale, cutoff = float(law.scale.subs(values)), float(law.cutoff)
    out = rng.normal(0, scale, 2 * points)
    return out[np.abs(out) <= cutoff * scale][:points]


def test_one_symbol_per_row_is_equal_in_law_to_one_per_entry() -> None:
    """At any width: mean and variance of act(W x + b) against a fresh normal matrix for every point."""
    rng, points = np.random.default_rng(3), 20_000
    wide, bias, at = rng.normal(size=(3, 12)), rng.normal(size=3), rng.normal(size=12)
    layer = mz.dense(wide, bias, activation="tanh", weight_noise=mz.Gaussian(0.2))
    assert layer.random_weights(5) == tuple((random_symbol(5, i), GaussianLaw(sp.S.One)) for i in range(3))
    ours = layer.sample(np.tile(at, (points, 1)), np.random.default_rng(0))
    theirs = np.tanh((wide + rng.normal(0, 0.2, (points, 3, 12))) @ at + bias)
    for f in (lambda Y: Y, lambda Y: Y**2, lambda Y: Y[:, :1] * Y[:, 1:]):
        a, b = f(ours), f(theirs)
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 4 * np.sqrt((a.var(axis=0) + b.var(axis=0)) / points))


def test_weights_are_drawn_afresh_for_every_point_and_layer() -> None:
    layer = mz.Layer([w], state=x[:1], params={w: mz.Uniform(1)})
    states = mz.Network([layer, layer]).trajectory(np.zeros((50, 1)), 0)
    assert all(len(np.unique(Y)) == 50 for Y in states[1:]) and not np.any(states[1] == states[2])


def test_forward_is_the_map_at_random_weights_0() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (6, 2))
    assert np.allclose(stated().forward(X), np.stack([np.tanh(X[:, 0]), X[:, 1] / 2], axis=1), rtol=1e-15)
    plain = mz.dense(W, [0.1, 0], activation="tanh")
    assert np.array_equal(LAYERS["rows"].forward(X), plain.forward(X))


@pytest.mark.parametrize("name", LAYERS)
def test_samples_lie_in_the_proved_boxes_and_come_close_to_their_ends(name: str) -> None:
    net = mz.Network([LAYERS[name]], domain=BOX)
    box, rng = net.domains[1], np.random.default_rng(5)
    X = rng.choice([-1.0, -0.5, 1.0], (60_000, 2)) * [1, 0] + rng.choice([0.0, 1.0, 2.0], (60_000, 2)) * [0, 1]
    Y = net.sample(X, seed=2)
    assert box.contains(Y)
    reach = (Y.max(axis=0) - Y.min(axis=0)) / (box.upper - box.lower)
    assert np.all(reach > 0.7)


def test_boxes_are_the_range_of_map_and_gain_together() -> None:
    """x - x^2 xi over |x| <= 1, |xi| <= 1 reaches [-2, 2]: the ends of F and of G xi belong to the same x."""
    (s,) = mz.state(1)
    layer = mz.Layer([s - s**2 / 4], state=[s], gain=[s], noise=mz.Uniform(1))
    (side,) = mz.Network([layer], domain=[(-1, 1)]).domains[1].intervals
    # max of x - x^2/4 + |x| = 7/4 at x = 1; min of x - x^2/4 - |x| = -9/4 at x = -1.
    assert side == pytest.approx((-2.25, 1.75), abs=1e-13)
    cancel = mz.Layer([w - w * s], state=[s], params={w: mz.Uniform(1)})
    (side,) = mz.Network([cancel], domain=[(0.5, 1)]).domains[1].intervals
    assert side == pytest.approx((-0.5, 0.5), abs=1e-13)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4), st.floats(0.05, 1), st.booleans())
def test_dense_boxes_reach_every_corner(entries: list[float], half: float, residual: bool) -> None:
    make = mz.residual if residual else mz.dense
    layer = make(np.reshape(entries, (2, 2)), [0.1, -0.2], activation="tanh", weight_noise=mz.Uniform(half))
    box = mz.Network([layer], domain=BOX).domains[1]
    corners = list(itertools.product((-1, 1), (0, 2), *[(-half, half)] * 4))
    found = []
    for a, b, *noise in corners:
        z = (np.reshape(entries, (2, 2)) + np.reshape(noise, (2, 2))) @ [a, b] + [0.1, -0.2]
        found.append(np.tanh(z) + np.array([a, b]) * residual)
    # Monotone in every variable for a plain layer, so corners are the range; a residual layer may exceed them inside.
    least, most = np.min(found, axis=0), np.max(found, axis=0)
    assert np.all(box.lower <= least + 1e-14) and np.all(box.upper >= most - 1e-14)
    if not residual:
        assert np.allclose(box.lower, least, atol=1e-12) and np.allclose(box.upper, most, atol=1e-12)


def test_unbounded_weights_are_bounded_by_a_bounded_activation_only() -> None:
    (s,) = mz.state(1)

    def box(layer: Any) -> Any:
        return mz.Network([layer], domain=[(-1, 1)]).domains[1].intervals[0]

    for activation in ("tanh", "sigmoid", "erf", "sin", "arctan"):
        lo, hi = box(mz.dense([[1.0]], activation=activation, weight_noise=mz.Gaussian(1)))
        assert -1.58 < lo < hi < 1.58
    assert box(mz.residual([[1.0]], activation="tanh", step=0.5, weight_noise=mz.Gaussian(1))) == (-1.5, 1.5)
    assert box(mz.Layer([s + sp.tanh(w * s)], state=[s], params={w: mz.Gaussian(1)})) == (-2.0, 2.0)
    assert box(mz.Layer([s * sp.exp(-(w**2))], state=[s], params={w: mz.Gaussian(1)})) == (-1.0, 1.0)
    for layer in (
        mz.dense([[1.0]], activation="softplus", weight_noise=mz.Gaussian(1)),
        mz.Layer([w * sp.tanh(w * s)], state=[s], params={w: mz.Gaussian(1)}),
        mz.Layer([sp.tan(sp.atan(w * s))], state=[s], params={w: mz.Gaussian(1)}),
    ):
        net = mz.Network([layer], domain=[(-1, 1)])
        assert not layer.bounded_noise and not net.has_domains
        with pytest.raises(mz.MzError, match="random weights of layer 0 are unbounded"):
            _ = net.domains
        with pytest.raises(mz.MzError, match=r"random weight with the law Gaussian is unbounded.*layer 0"):
            mz.derive(net, mz.Legendre(1))


def test_a_gain_of_zero_silences_unbounded_noise() -> None:
    (s,) = mz.state(1)
    silent = mz.Layer([s / 2], state=[s], gain=[0], noise=mz.Gaussian(1))
    assert mz.Network([silent], domain=[(-1, 1)]).domains[1].intervals[0] == (-0.5, 0.5)
    with pytest.raises(mz.MzError, match="noise of layer 0 is unbounded"):
        _ = mz.Network([mz.Layer([s], state=[s], gain=[s], noise=mz.Gaussian(1))], domain=[(-1, 1)]).domains


def test_symbols_laws_and_bindings() -> None:
    layer = stated()
    assert layer.gain_exprs(3) == (1 + state_symbol(3, 0) ** 2, state_symbol(3, 1) * local_symbol(3, v))
    assert layer.random_weights(3) == ((local_symbol(3, w), GaussianLaw(weight_scale_symbol(3, 0))),)
    values = layer.bindings(3)
    assert values[weight_scale_symbol(3, 0)] == 0.5 and values[local_symbol(3, v)] == 0.75
    # A random weight has no value, and is no argument either.
    assert local_symbol(3, w) not in values
    net = mz.Network([layer] * 2)
    assert not net.free_symbols and net.param(1, w) == local_symbol(1, w)
    entries = LAYERS["entries"].random_weights(2)
    assert entries[2] == (random_symbol(2, 1, 0), UniformLaw(weight_scale_symbol(2)))
    assert LAYERS["entries"].bindings(2)[weight_scale_symbol(2)] == 0.4
    expr = LAYERS["entries"].map_exprs(2)[0]
    assert expr.has(weight_symbol(2, 0, 1)) and expr.has(random_symbol(2, 0, 1)) and not expr.atoms(sp.Float)
    # In one dimension x itself stands for |x|.
    narrow = mz.dense([[1.0]], weight_noise=mz.Gaussian(1)).map_exprs(0)[0]
    assert sp.expand(narrow).coeff(random_symbol(0, 0)) == weight_scale_symbol(0) * state_symbol(0, 0)


def test_one_gain_serves_all_components_and_a_matrix_has_one_law_per_column() -> None:
    layer = mz.Layer([x[0], x[1]], state=x, gain=x[0], noise=mz.Uniform(0.1))
    assert layer.gain_exprs(0) == (state_symbol(0, 0),) * 2 and layer.shared_noise
    matrix = LAYERS["matrix"]
    assert len(matrix.laws(1)) == 3 and {law.half_width for law in matrix.laws(1)} == {scale_symbol(1)}
    assert matrix.sample_noise(np.random.default_rng(0), 5).shape == (5, 3)
    column = mz.Layer([x[0], x[1]], state=x, gain=sp.Matrix([1, x[0]]), noise=[mz.Uniform(0.1)])
    assert column.sample(np.ones((4, 2)), np.random.default_rng(0)).shape == (4, 2)


def test_parameters_of_random_weights() -> None:
    net = mz.Network([stated(), LAYERS["rows"]])
    other = net.with_params({(0, w): 0.9, (0, "scale"): [0.3, 0.4], (1, "weight_scale"): 0.8})
    assert other.layers[0] == stated(
        params={w: mz.Gaussian(0.9), v: 0.75}, noise=[mz.Uniform(0.3), mz.TruncatedGaussian(0.4)]
    )
    assert other.bindings()[weight_scale_symbol(1)] == 0.8
    third = net.with_params({(0, w): mz.Uniform(0.2), (1, "weight_scale"): mz.Uniform(0.1)})
    assert third.layers[0].random_weights(0)[0][1] == UniformLaw(weight_scale_symbol(0, 0))
    assert len(third.layers[1].random_weights(1)) == 4
    assert len({net.digest, other.digest, third.digest}) == 3
    assert net.param(1, "weight_scale") == weight_scale_symbol(1)
    with pytest.raises(mz.MzError, match="weight_scale"):
        net.with_params({(1, "slope"): 1})


def test_layers_differ_by_gain_and_weight_noise() -> None:
    variants = [
        stated(),
        stated(gain=None),
        stated(gain=[1 + x[0] ** 2, x[0] * v]),
        stated(gain=sp.Matrix([[1 + x[0] ** 2, 0], [0, x[1] * v]])),
        stated(params={w: mz.Uniform(0.5), v: 0.75}),
        stated(params={w: 0.5, v: 0.75}),
        LAYERS["rows"],
        mz.dense(W, [0.1, 0], activation="tanh"),
        mz.dense(W, [0.1, 0], activation="tanh", weight_noise=mz.Uniform(0.4)),
    ]
    assert len(set(variants)) == len(variants)
    y = sp.symbols("u t", real=True)
    renamed = mz.Layer([y[0]], state=y, gain=[y[1]], noise=mz.Uniform(1))
    assert renamed == mz.Layer([x[0]], state=x, gain=[x[1]], noise=mz.Uniform(1))
    assert [layer.plain_noise for layer in variants] == [False] * 7 + [True, False]
    assert "gain=[x0**2 + 1, v*x1]" in repr(stated()) and "Gaussian(0.5)" in repr(stated())
    assert "weight_noise=Gaussian(0.4)" in repr(LAYERS["rows"])


def test_scales_of_random_weights_may_be_shared_symbols() -> None:
    layers = [
        mz.Layer([sp.tanh(w * x[0]), x[1]], state=x, params={w: mz.Gaussian(c**2)}),
        mz.dense(W, weight_noise=mz.Uniform(c)),
    ]
    net = mz.Network(layers, domain=BOX)
    assert net.free_symbols == {c}
    bound = net.with_params({c: 0.5})
    assert bound.domains[2].upper[0] == pytest.approx((0.8 + 0.5) * 1 + (-0.5 + 0.5) * 2)
    assert bound.sample(np.ones((3, 2)), seed=0).shape == (3, 2)
    with pytest.raises(mz.MzError, match="needs a value for c"):
        _ = net.domains


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: stated(gain=[x[0]]), "1 gains were given for 2 components"),
        (lambda: stated(gain=sp.Matrix([[1, 2]])), r"shape \(1, 2\)"),
        (lambda: stated(gain=[sp.Symbol("x7"), 1]), "not a component of the state"),
        (lambda: stated(gain=["x0", 1]), "no expression"),
        (lambda: stated(gain=[w, 1]), "random weight w stands in the gain"),
        (lambda: stated(noise=mz.Uniform(w)), "random weight w stands in a noise scale"),
        (lambda: stated(params={w: mz.Deterministic(), v: 1}), "no randomness"),
        (lambda: stated(gain=MATRIX), "2 noise laws were given for 3 components"),
        (lambda: mz.dense(W, weight_noise=0.5), "not a noise law"),
        (lambda: mz.dense(W, weight_noise=mz.Deterministic()), "no randomness"),
    ],
)
def test_bad_statements_are_refused(make: Any, text: str) -> None:
    with pytest.raises(mz.MzError, match=text):
        make()


def test_latex() -> None:
    assert latex_name(random_symbol(2, 0, 1)) == r"\omega^{(2)}_{01}"
    assert latex_name(random_symbol(2, 3)) == r"\omega^{(2)}_{3}"
    assert latex_name(random_symbol(0, 10, 1)) == r"\omega^{(0)}_{10,1}"
    assert latex_name(weight_scale_symbol(1)) == r"\tau^{(1)}"
    text = mz.Network([stated(), LAYERS["matrix"], LAYERS["rows"], LAYERS["entries"]])._repr_latex_()
    assert r"\odot \xi^{(0)}" in text and r"w_{0} \sim \mathcal{N}(0, 0.5^2)" in text
    assert r"1 & x^{(1)}_{0} & 0" in text and r"\omega^{(2)}_{0} \tau^{(2)}" in text
    assert r"\omega^{(3)}_{11} \sim \mathcal{U}(-0.4, 0.4)" in text
    (s,) = mz.state(1)
    assert (
        r"\left(x^{(0)}_{0}\right) \xi^{(0)}"
        in mz.Network([mz.Layer([s], state=[s], gain=[s], noise=mz.Uniform(1))])._repr_latex_()
    )
    wide = mz.dense(np.ones((5, 5)), weight_noise=mz.Gaussian(1))
    assert r"F_{0}(X_{0}; \omega^{(0)})" in mz.Network([wide])._repr_latex_()
