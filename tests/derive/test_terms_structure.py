"""What terms promise besides their values: indices, zeros, closedness, sizes, sharing, the forward side."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import mzsym as mz
from mzsym.core.names import bias_symbol, lower_symbol, scale_symbol, state_symbol, upper_symbol, weight_symbol
from mzsym.derive import products, sizes
from mzsym.derive.chains import chain_of


def tanh_network(depth: int, observable: Any = None, activation: str = "tanh", noise: Any = None) -> mz.Network:
    noise = noise or mz.Uniform(0.5)
    layers = [mz.dense([[1.0 + 0.1 * n]], [0.1], activation=activation, noise=noise) for n in range(depth)]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=observable)


@pytest.mark.parametrize(
    "call, allowed",
    [
        (lambda eq: eq.streaming(3), "0 <= n < 3"),
        (lambda eq: eq.streaming(-1), "0 <= n < 3"),
        (lambda eq: eq.memory(0, 1), "n+2 <= m <= 3"),
        (lambda eq: eq.memory(0, 4), "n+2 <= m <= 3"),
        (lambda eq: eq.memory(-1, 2), "n+2 <= m <= 3"),
        (lambda eq: eq.noise(3), "0 <= n < 3"),
        (lambda eq: eq.correlation(2, 1), "0 <= n <= m <= 3"),
        (lambda eq: eq.coefficients(4), "0 <= n <= 3"),
        (lambda eq: eq.correlation_entry(0, 1, 0, 2), "i < 2 and j < 2"),
    ],
)
def test_wrong_indices_are_refused_with_the_right_ones(call: Any, allowed: str) -> None:
    with pytest.raises(mz.MzError) as caught:
        call(mz.derive(tanh_network(3), mz.Legendre(1)))
    assert allowed in str(caught.value)


@pytest.mark.parametrize("index", [True, 0.0, "0", None])
def test_indices_are_integers(index: Any) -> None:
    eq = mz.derive(tanh_network(2), mz.Legendre(1))
    for call in (eq.streaming, eq.noise, eq.coefficients):
        with pytest.raises(mz.MzError, match="no integer"):
            call(index)


def test_unknown_direction_and_unbounded_noise_are_refused() -> None:
    with pytest.raises(mz.MzError, match="direction"):
        mz.derive(tanh_network(2), mz.Legendre(1), direction="sideways")  # type: ignore[arg-type]
    with pytest.raises(mz.MzError, match=r"Gaussian noise.*layer 0.*TruncatedGaussian"):
        mz.derive(tanh_network(2, noise=mz.Gaussian(0.1)), mz.Legendre(1))


def test_operator_equation_steps_and_proof() -> None:
    eq = mz.derive(tanh_network(4), mz.Legendre(1))
    assert isinstance(eq.operator, sp.Eq) and isinstance(eq.operator_at(0), sp.Eq)
    assert eq.verify() == tuple(step.name for step in eq.steps)
    sentence = eq.memory(0, 3).why[0]
    assert "MATH (11)" in sentence and "projected[0]" in sentence
    assert set(eq.derivation.steps_for("memory", 0, 3)) <= set(eq.verify())


# --- exact zeros ------------------------------------------------------------------------------------------------------


def test_affine_layer_has_no_memory() -> None:
    x, a = mz.state(1), sp.Symbol("a", real=True)
    affine = mz.Layer([a * x[0]], state=x, noise=mz.Uniform(0.1), params={a: 0.5})
    bent = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.1))
    net = mz.Network([bent, affine, bent, affine], domain=mz.Box([(-1, 1)]))
    eq = mz.derive(net, mz.Legendre(3))
    assert eq.memory(0, 2).expr.is_zero_matrix and eq.memory(2, 4).expr.is_zero_matrix
    kept = eq.memory(1, 3)
    assert kept.factored is not None or not kept.expr.is_zero_matrix
    assert any("affine" in sentence for sentence in eq.memory(0, 2).why)


def test_constants_carry_no_memory() -> None:
    assert mz.derive(tanh_network(3), mz.Mean()).memory(0, 3).expr.is_zero_matrix
    memory = mz.derive(tanh_network(3), mz.Legendre(1)).memory(0, 2)
    assert memory.factored is None
    assert all(memory.expr[i, 0] == 0 for i in range(2)) and any(memory.expr[i, 1] != 0 for i in range(2))


def test_noise_term_is_zero_exactly_when_the_observable_is_resolved() -> None:
    x = mz.state(1)[0]
    for u, resolved in [(x**2, True), (x**3, False), (sp.cos(x), False), ([x, x**2], True)]:
        noise = mz.derive(tanh_network(2, u), mz.Legendre(2)).noise(1)
        assert noise.expr.is_zero_matrix if resolved else not noise.closed or any(e != 0 for e in noise.expr)
        assert noise.shape == (3, 2 if isinstance(u, list) else 1)
    # Only the part that is not resolved enters.
    eq = mz.derive(tanh_network(2, [x, x**3 + x]), mz.Legendre(1))
    column = eq.unresolved(1).expr
    assert all(column[i, 0] == 0 for i in range(2)) and any(column[i, 1] != 0 for i in range(2))
    assert column[:, 1] == mz.derive(tanh_network(2, [x**3]), mz.Legendre(1)).unresolved(1).expr


def test_correlation_on_the_diagonal_is_the_identity() -> None:
    assert mz.derive(tanh_network(2), mz.Legendre(2)).correlation(1, 1).expr == sp.eye(3)


# --- closedness -------------------------------------------------------------------------------------------------------


CLOSED = ["tanh", "sigmoid", "relu", "leaky_relu", "abs", "sin", "cos", "exp", "identity", "elu", "hardtanh", "step"]


@pytest.mark.parametrize("activation", CLOSED)
def test_two_layers_are_closed_at_any_degree(activation: str) -> None:
    layers = [mz.dense([[0.5]], [0.1], activation=activation, noise=mz.Uniform(0.25)) for _ in range(2)]
    eq = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)])), mz.Legendre(4))
    y = state_symbol(2, 0)
    for degree in (1, 4):
        built = eq.average(0, 2, y**degree)
        assert built.closed and not built.expr.has(sp.Integral), built.rules


@pytest.mark.parametrize("activation", ["softplus", "gelu", "erf", "arctan", "silu"])
def test_two_layers_are_closed_at_degree_one(activation: str) -> None:
    eq = mz.derive(tanh_network(2, activation=activation), mz.Legendre(1))
    assert eq.average(0, 2, state_symbol(2, 0)).closed


def test_why_names_steps_and_rules_once() -> None:
    why = mz.derive(tanh_network(3, sp.cos(mz.state(1)[0])), mz.Legendre(2)).noise(1).why
    assert len(set(why)) == len(why) and "proved steps" in why[0]
    assert sum(sentence.startswith("left as an integral") for sentence in why) == 1
    assert any("MATH (17)" in sentence for sentence in why) and any("MATH (15)" in sentence for sentence in why)


def test_polynomial_networks_are_closed_throughout() -> None:
    x, a = mz.state(1), sp.Symbol("a", real=True)
    layer = mz.Layer([x[0] - a * x[0] ** 2], state=x, noise=mz.Uniform(0.1), params={a: 0.25})
    eq = mz.derive(mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=x[0] ** 3), mz.Legendre(2))
    assert eq.streaming(0).closed and eq.memory(0, 2).factored is None and eq.memory(0, 2).closed
    assert eq.noise(1).closed and eq.noise(1).cost.integrals == 0
    # A quadratic layer leaves the polynomials of degree 2.
    assert not eq.memory(0, 2).is_zero


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_a_large_kernel_stays_factored_without_any_expansion(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("expanded")

    monkeypatch.setattr(products, "average_monomial", refuse)
    monkeypatch.setattr(products, "box_integral", refuse)
    term = mz.derive(tanh_network(8), mz.Legendre(5)).memory(0, 8)
    assert term.factored is not None and not term.closed and term.shape == (6, 6)
    named = {(part.kind, part.n, part.m) for part in term.parts}
    assert ("correlation", 0, 8) in named and ("memory", 0, 5) in named and ("streaming", 7, 8) in named
    assert {part.symbol for part in term.parts} == term.expr.atoms(sp.MatrixSymbol)
    assert term.cost.operations > 10**6


def test_a_wide_layer_stays_factored() -> None:
    layers = [mz.dense([[0.1] * 12] * 12, activation="tanh", noise=mz.Uniform(0.1)) for _ in range(2)]
    eq = mz.derive(mz.Network(layers, domain=mz.Box([(-1, 1)] * 12), observable=mz.state(12)[0]), mz.Legendre(2))
    term = eq.streaming(0)
    assert term.factored is not None and term.shape == (91, 91)
    assert eq.correlation_entry(0, 1, 0, 1).free_symbols >= {weight_symbol(0, 0, 3)}


def test_the_limit_decides_and_is_named() -> None:
    net = tanh_network(2)
    assert mz.derive(net, mz.Legendre(2)).streaming(0).factored is None
    term = mz.derive(net, mz.Legendre(2), options=mz.Options(max_operations=60)).streaming(0)
    assert term.factored is not None and "max_operations = 60" in term.factored


@pytest.mark.parametrize("degree", [1, 3])
@pytest.mark.parametrize("lag", [1, 2, 3])
def test_estimates_are_of_the_right_size(degree: int, lag: int) -> None:
    net = tanh_network(3)
    projection = mz.Legendre(degree)
    chain, _ = chain_of(net, 0, lag)
    actual = sizes.cost_of(products.correlation(chain, projection, 5000).matrix)
    estimate = sizes.estimate_correlation(sizes.stretch_of(chain), projection)
    assert estimate.operations / 8 <= actual.operations <= 8 * estimate.operations
    assert actual.dimension <= estimate.dimension


# --- sharing ----------------------------------------------------------------------------------------------------------


def test_equal_layers_share_their_work_and_keep_their_symbols() -> None:
    eq = mz.derive(tanh_network(4), mz.Legendre(2, "lebesgue"))
    first = eq.streaming(0)
    before = products.correlation.cache_info().misses
    later = eq.streaming(3)
    assert products.correlation.cache_info().misses == before
    names = {weight_symbol(0, 0, 0): weight_symbol(3, 0, 0), scale_symbol(0): scale_symbol(3)}
    for n in (0, 1):
        for name in (lower_symbol, upper_symbol, state_symbol):
            names[name(n, 0)] = name(n + 3, 0)
    names[bias_symbol(0, 0)] = bias_symbol(3, 0)
    assert first.expr.xreplace(names) == later.expr
    assert later.expr.free_symbols <= set(eq.network.bindings()) | {state_symbol(3, 0)}


def test_user_parameters_keep_their_layer() -> None:
    x, w, shared = mz.state(1), sp.Symbol("w", real=True), sp.Symbol("g", real=True)
    layers = [mz.Layer([shared * sp.tanh(w * x[0])], state=x, noise=mz.Uniform(0.1), params={w: v}) for v in (1, 2)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=shared * sp.cos(x[0]))
    eq = mz.derive(net, mz.Legendre(1))
    assert eq.streaming(1).expr.free_symbols >= {net.param(1, w), shared}
    assert net.param(0, w) not in eq.streaming(1).expr.free_symbols
    both = eq.correlation(0, 2).expr.free_symbols
    assert {net.param(0, w), net.param(1, w), shared} <= both
    assert shared in eq.coefficients(2).expr.free_symbols


def test_terms_hold_no_numeric_weight() -> None:
    eq = mz.derive(tanh_network(2), mz.Legendre(2))
    for term in (eq.streaming(0), eq.correlation(0, 2)):
        assert not term.expr.atoms(sp.Float)
        assert max(abs(number) for number in term.expr.atoms(sp.Rational)) < 1000


# --- forward ----------------------------------------------------------------------------------------------------------


def test_forward_terms_are_transposes() -> None:
    net = tanh_network(3)
    backward, forward = mz.derive(net, mz.Legendre(1)), mz.derive(net, mz.Legendre(1), direction="forward")
    assert forward.streaming(1).expr == backward.streaming(1).expr.T
    assert forward.memory(2, 0).expr == backward.memory(0, 3).expr.T
    assert forward.memory(2, 1).expr == backward.memory(1, 3).expr.T
    assert forward.memory(2, 0).n == 2 and forward.memory(2, 0).m == 0
    assert forward.noise(1).expr.is_zero_matrix and forward.noise(1).shape == (2, 1)
    assert forward.correlation(0, 2).expr == backward.correlation(0, 2).expr
    assert forward.verify() and "MATH (13)" in forward.streaming(0).why[0]
    for call in (lambda: forward.memory(1, 1), lambda: forward.memory(3, 0), lambda: forward.coefficients(0)):
        with pytest.raises(mz.MzError):
            call()


def test_forward_factored_memory_is_a_transpose() -> None:
    eq = mz.derive(tanh_network(4), mz.Legendre(5), direction="forward")
    term = eq.memory(3, 0)
    assert term.factored is not None and term.shape == (6, 6)
    assert isinstance(term.expr, sp.MatrixExpr)


def test_hostile_sizes_are_judged_without_listing_the_basis() -> None:
    layers = [mz.dense([[0.01] * 30] * 30, activation="tanh", noise=mz.Uniform(0.1)) for _ in range(3)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 30), observable=mz.state(30)[0])
    eq = mz.derive(net, mz.Legendre(12))
    for term in (eq.streaming(0), eq.memory(0, 3), eq.correlation(0, 2)):
        assert term.factored is not None and term.shape[0] > 10**9
    assert eq.noise(0).is_zero and eq.noise(0).shape == (eq.projection.size(30), 1)
    with pytest.raises(mz.MzError, match="Lower the degree"):
        eq.correlation_entry(0, 1, 0, 5)
