"""Networks: expressions, bindings and numbers agree; parameters, equality, digests."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core.names import local_symbol, scale_symbol, slope_symbol, state_symbol, step_symbol, weight_symbol
from mzsym.core.primitives import PRIMITIVES

x = mz.state(2)
w, b, c = sp.symbols("w b c", real=True)
THIRD = Fraction(1, 3)


def example() -> mz.Network:
    layers = [
        mz.Layer(
            [sp.tanh(w * x[0] + b), x[1] * w], state=x, noise=mz.Uniform(0.5), params={w: 0.75, b: Fraction(1, 3)}
        ),
        mz.dense(
            [[1, -2], [0.5, 0.25]],
            [0, 1],
            activation=("leaky_relu", 0.2),
            noise=[mz.Uniform(0.1), mz.TruncatedGaussian(0.2)],
        ),
        mz.residual(np.eye(2), activation="gelu", step=Fraction(1, 10), noise=mz.Uniform(0.3)),
    ]
    return mz.Network(layers, domain=mz.Box([(-1, 1), (0, 2)]), observable=[x[0] * x[1], c * x[1]])


def test_the_contract_of_the_design() -> None:
    (s,) = mz.state(1)
    ws, bs = [0.5, 1.5], [0.1, -0.1]
    layers = [
        mz.Layer([sp.tanh(w * s + b)], state=[s], noise=mz.Uniform(0.5), params={w: wn, b: bn})
        for wn, bn in zip(ws, bs, strict=True)
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=s)
    assert net.depth == 2 and net.dims == (1, 1, 1) and not net.observable_is_list
    assert net.map_exprs(1) == (sp.tanh(net.param(1, w) * net.state(1)[0] + net.param(1, b)),)
    assert str(net.param(1, w)) == "w_1" and net.param(1, "w") == net.param(1, w)
    assert net.observable_exprs == (state_symbol(2, 0),)
    same = [mz.dense([[wn]], [bn], activation="tanh", noise=mz.Uniform(0.5)) for wn, bn in zip(ws, bs, strict=True)]
    dense = mz.Network(same, domain=[(-1, 1)])
    assert dense.domains == net.domains
    X = np.linspace(-1, 1, 7)[:, None]
    assert np.allclose(net.forward(X), np.tanh(1.5 * np.tanh(0.5 * X + 0.1) - 0.1), rtol=1e-15)
    assert np.array_equal(net.sample(X, seed=5), net.sample(X, seed=5))
    assert not np.array_equal(net.sample(X, seed=5), net.sample(X, seed=6))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(PRIMITIVES)), st.booleans(), st.integers(0, 1000))
def test_expressions_with_bindings_are_what_forward_evaluates(name: str, residual: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, bias = rng.normal(size=(2, 2)), rng.normal(size=2)
    layer = mz.residual(W, bias, activation=name, step=0.3) if residual else mz.dense(W, bias, activation=name)
    X = rng.normal(size=(3, 2))
    values = {symbol: sp.Rational(value) for symbol, value in layer.bindings(4).items()}
    for k, row in enumerate(layer.forward(X)):
        at = values | {state_symbol(4, i): sp.Rational(X[k, i]) for i in range(2)}
        exact = [float(expr.xreplace(at).evalf(30)) for expr in layer.map_exprs(4)]
        assert np.allclose(row, exact, rtol=1e-13, atol=1e-14)


def test_forward_is_the_noise_free_sample() -> None:
    net = example().with_params({c: 2.0})
    quiet = net.with_params({(0, "scale"): 1e-300, (1, "scale"): [1e-300, 1e-300], (2, "scale"): 1e-300})
    X = np.random.default_rng(0).normal(size=(5, 2))
    assert np.allclose(quiet.sample(X, seed=1), net.forward(X), rtol=1e-15)
    states = net.trajectory(X, 3)
    assert [s.shape for s in states] == [(5, 2)] * 4 and np.array_equal(states[0], X)
    Y = net.forward(X)
    assert np.allclose(net.observe(Y), np.stack([Y[:, 0] * Y[:, 1], 2 * Y[:, 1]], axis=1))


def test_numeric_values_never_enter_expressions() -> None:
    net = example()
    for n in range(net.depth):
        for expr in net.map_exprs(n):
            assert not expr.atoms(sp.Float)
    assert net.map_exprs(1)[0].has(slope_symbol(1)) and net.map_exprs(2)[0].has(step_symbol(2))
    values = net.bindings(boxes=False)
    assert values[weight_symbol(1, 0, 1)] == -2 and values[local_symbol(0, b)] == Fraction(1, 3)
    assert values[step_symbol(2)] == Fraction(1, 10) and values[slope_symbol(1)] == 0.2
    # One law for all components has one scale symbol, a list has one each.
    assert values[scale_symbol(0)] == 0.5 and values[scale_symbol(1, 1)] == 0.2
    # The same layer elsewhere differs by its index only, so that kernels are shared.
    layer = net.layers[1]
    rename = {weight_symbol(1, i, j): weight_symbol(7, i, j) for i in range(2) for j in range(2)}
    rename |= {state_symbol(1, i): state_symbol(7, i) for i in range(2)} | {slope_symbol(1): slope_symbol(7)}
    assert [e.xreplace(rename).free_symbols & set(rename.values()) for e in layer.map_exprs(1)] == [
        e.free_symbols & set(rename.values()) for e in layer.map_exprs(7)
    ]


def test_floats_in_expressions_are_the_rationals_they_are() -> None:
    layer = mz.Layer([0.1 * x[0] + sp.Float("0.2", 40) * x[1]], state=x)
    assert layer.exprs[0].coeff(x[0]) == sp.Rational(0.1)
    assert layer.exprs[0].coeff(x[1]) == sp.Rational(sp.Float("0.2", 40)) != sp.Rational(0.2)


def test_with_params_changes_what_it_names_and_nothing_else() -> None:
    net = example()
    other = net.with_params(
        {
            (0, w): 2,
            (1, "W"): np.ones((2, 2)),
            (1, "b"): [3, Fraction(1, 3)],
            (1, "scale"): [0.3, 0.4],
            (1, "slope"): 0.5,
            (2, "step"): 0.25,
            (2, "scale"): 0.7,
            c: 5,
        }
    )
    before, after = net.bindings(False), other.bindings(False)
    changed = {symbol for symbol in after if before.get(symbol) != after[symbol]}
    assert {s.name for s in changed} == {
        "w_0",
        "W[1;0,1]",
        "W[1;1,0]",
        "W[1;1,1]",
        "b[1;0]",
        "b[1;1]",
        "s[1;0]",
        "s[1;1]",
        "a[1]",
        "h[2]",
        "s[2]",
        "c",
    }
    assert [other.map_exprs(n) for n in range(3)] == [net.map_exprs(n) for n in range(3)]
    assert other.observable_exprs == net.observable_exprs
    assert after[sp.Symbol("b[1;1]", real=True)] == Fraction(1, 3)
    assert net == example() and other != net
    assert other.with_params({}) == other
    back = dict.fromkeys(())
    assert other.with_params(back).digest == other.digest


def test_domains_follow_the_parameters() -> None:
    (s,) = mz.state(1)
    net = mz.Network([mz.Layer([w * s], state=[s], noise=mz.Uniform(0.5), params={w: 1})], domain=[(-1, 1)])
    assert net.domains[1] == mz.Box([(-1.5, 1.5)])
    assert net.with_params({(0, w): 2, (0, "scale"): 0.25}).domains[1] == mz.Box([(-2.25, 2.25)])


def test_free_symbols_and_shared_arguments() -> None:
    net = example()
    assert net.free_symbols == {c} and net.shared_symbols == {c}
    with pytest.raises(mz.MzError, match="no value for c"):
        net.observe(np.zeros((1, 2)))
    bound = net.with_params({c: Fraction(1, 2)})
    assert not bound.free_symbols and bound.bindings(False)[c] == Fraction(1, 2)
    s = sp.Symbol("s", positive=True)
    (z,) = mz.state(1)
    free = mz.Network([mz.Layer([c * z + w], state=[z], noise=mz.Uniform(s), params={w: None})], domain=[(0, 1)])
    assert free.free_symbols == {c, s, local_symbol(0, w)}
    ready = free.with_params({c: 1, s: 0.5, (0, w): 0.25})
    assert ready.domains[1] == mz.Box([(-0.25, 1.75)]) and not ready.free_symbols
    assert ready.sample([[0.5]], 1) != ready.sample([[0.5]], 2)


def test_dense_weights_may_be_symbols() -> None:
    layer = mz.dense(sp.MatrixSymbol("V", 2, 3), sp.MatrixSymbol("v", 2, 1), activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer], domain=[(-1, 1)] * 3)
    assert net.dims == (3, 2) and len(net.free_symbols) == 8 and net.free_symbols >= set(net.param(0, "W"))
    assert net.bindings(boxes=False) == {scale_symbol(0): 0.5}
    with pytest.raises(mz.MzError, match=r"needs a value for W\[0;0,0\]"):
        _ = net.domains
    with pytest.raises(mz.MzError, match="W has no value"):
        net.forward(np.zeros((1, 3)))
    half = net.with_params({(0, "W"): np.ones((2, 3))})
    assert half.free_symbols == set(net.param(0, "b"))
    ready = half.with_params({(0, "b"): [0, 1]})
    same = mz.dense(np.ones((2, 3)), [0, 1], activation="tanh", noise=mz.Uniform(0.5))
    assert ready == mz.Network([same], domain=[(-1, 1)] * 3) and ready.map_exprs(0) == net.map_exprs(0)
    assert net == mz.Network([layer], domain=[(-1, 1)] * 3) != half


def test_a_noise_scale_may_be_a_local_parameter() -> None:
    s = sp.Symbol("s", positive=True)
    (z,) = mz.state(1)
    layers = [mz.Layer([z], state=[z], noise=mz.Uniform(s), params={s: v}) for v in (0.25, 0.5)]
    net = mz.Network(layers, domain=[(-1, 1)])
    assert [net.layers[n].scale_exprs(n)[0] for n in (0, 1)] == [local_symbol(0, s), local_symbol(1, s)]
    assert net.domains[2] == mz.Box([(-1.75, 1.75)]) and not net.free_symbols


def test_symbols_without_assumptions_are_taken_as_real() -> None:
    plain = sp.Symbol("w")
    (z,) = mz.state(1)
    layer = mz.Layer([sp.tanh(plain * z)], state=[z], params={plain: 2})
    net = mz.Network([layer], domain=[(-1, 1)])
    assert net.param(0, plain) == net.param(0, w) == local_symbol(0, w)
    assert net.with_params({(0, plain): 3}) == net.with_params({(0, w): 3}) != net


def test_equality_and_digest_are_about_exact_content() -> None:
    assert example() == example() and hash(example()) == hash(example())
    a = mz.Network([mz.dense([[1]], [0.0])], domain=[(0, 1)])
    assert a == mz.Network([mz.dense([[1.0]], [-0.0])], domain=[(0.0, 1)])
    different = [
        mz.Network([mz.dense([[1]], [0.0])], domain=[(0, 2)]),
        mz.Network([mz.dense([[np.nextafter(1, 2)]], [0.0])], domain=[(0, 1)]),
        mz.Network([mz.dense([[1]], [0.0], noise=mz.Uniform(1))], domain=[(0, 1)]),
        mz.Network([mz.dense([[1]], [0.0], activation="tanh")], domain=[(0, 1)]),
        mz.Network([mz.residual([[1]], [0.0])], domain=[(0, 1)]),
        mz.Network([mz.dense([[1]], [0.0])], domain=[(0, 1)], observable=mz.state(1)[0] ** 2),
        mz.Network([mz.dense([[1]], [0.0])], domain=[(0, 1)], observable=[mz.state(1)[0]]),
    ]
    assert len({net.digest for net in [a, *different]}) == len(different) + 1
    third = [mz.dense([[v]]) for v in (Fraction(1, 3), 1 / 3)]
    assert third[0] != third[1] and np.array_equal(third[0].W, third[1].W)
    # The names of the state's symbols do not matter, those of parameters do.
    t = sp.Symbol("t", real=True)
    assert mz.Layer([sp.tanh(w * t)], state=[t], params={w: 1}) == mz.Layer(
        [sp.tanh(w * x[0])], state=x[:1], params={w: 1}
    )


def test_values_are_frozen() -> None:
    net = example()
    with pytest.raises(AttributeError):
        net.layers = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        net.layers[1].step = 1  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="read-only"):
        net.layers[1].W[0, 0] = 3  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        net.domain.intervals = ()  # type: ignore[union-attr,misc]
    with pytest.raises(ValueError, match="read-only"):
        net.domains[1].lower[0] = 3
    source = np.eye(2)
    layer = mz.dense(source)
    source[0, 0] = 9
    assert layer.W[0, 0] == 1


def test_the_text_names_everything() -> None:
    text = repr(example())
    for part in ("depth 3", "2 -> 2 -> 2", "leaky_relu", "gelu", "Uniform", "TruncatedGaussian", "Box", "observable"):
        assert part in text


def test_observable_in_the_last_layers_symbols() -> None:
    t = sp.symbols("t0:2", real=True)
    net = mz.Network([mz.Layer([t[0] + t[1], t[0]], state=t)], domain=[(0, 1)] * 2, observable=t[0] - t[1])
    assert net.observable_exprs == (state_symbol(1, 0) - state_symbol(1, 1),)


def bad_observables() -> list[Any]:
    return [mz.state(3)[2], sp.Symbol("x0"), sp.I * x[0], sp.nan, [], "x0", sp.gamma(x[0]), state_symbol(0, 0), {1: 2}]


@pytest.mark.parametrize("observable", bad_observables(), ids=str)
def test_bad_observables(observable: Any) -> None:
    with pytest.raises(mz.MzError):
        mz.Network([mz.dense(np.eye(2))], domain=[(0, 1)] * 2, observable=observable)


def test_the_notebook_display_is_latex_without_internal_names() -> None:
    text = example()._repr_latex_()
    assert text.startswith("$") and text.count(r"\begin{pmatrix}") == 3 and r"W^{(1)}_{01}" in text and "[" not in text
    assert text.count("{") == text.count("}")
    wide = mz.Network([mz.dense(np.ones((9, 9)))])._repr_latex_()
    assert r"\mathbb{R}^{9}" in wide and len(wide) < 200
