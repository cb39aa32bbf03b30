"""The evaluator's contract: shapes, indices, parameters, honesty about accuracy, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.core import MzError, Standing
from mzsym.evaluate import Evaluator

X0 = mz.state(1)[0]


def network(
    depth: int = 4, activation: str = "tanh", noise: Any = None, observable: Any = None, **kw: Any
) -> mz.Network:
    noise = mz.Uniform(0.4) if noise is None else noise
    layers = [mz.dense([[0.9 + 0.1 * n]], [0.1], activation=activation, noise=noise) for n in range(depth)]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=X0**2 if observable is None else observable)


def evaluator(net: mz.Network, degree: int = 3, engine: str = "auto", **options: Any) -> Evaluator:
    return mz.compile(mz.derive(net, mz.Legendre(degree)), engine, options=mz.Options(**options))


@pytest.fixture(scope="module")
def ev() -> Evaluator:
    return evaluator(network())


def test_shapes(ev: Evaluator) -> None:
    assert ev.streaming(0).shape == ev.memory(1, 4).shape == ev.correlation(0, 3).shape == (4, 4)
    assert ev.noise(0).shape == ev.coefficients(4).shape == (4,)
    assert ev.expectation([[0.1], [0.2]]).shape == (2,)
    assert ev.expectation(np.empty((0, 1))).shape == (0,)
    assert all(table.dtype == np.float64 for table in (ev.streaming(0), ev.noise(0), ev.expectation([[0.0]])))
    assert ev.standing is Standing.ESTIMATED
    assert len(ev.nodes) == 5
    assert "depth 4" in repr(ev)


def test_correlation_on_the_diagonal_is_the_identity(ev: Evaluator) -> None:
    assert np.array_equal(ev.correlation(2, 2), np.eye(4))
    assert np.array_equal(ev.correlation(1, 2), ev.streaming(1)) or np.allclose(
        ev.correlation(1, 2), ev.streaming(1), rtol=0, atol=1e-15
    )


def test_resolved_observable_has_no_noise(ev: Evaluator) -> None:
    assert max(np.abs(ev.noise(n)).max() for n in range(4)) < 1e-13


def test_results_are_the_callers_own(ev: Evaluator) -> None:
    first = ev.memory(0, 2)
    first[:] = 0
    assert np.abs(ev.memory(0, 2)).max() > 1e-6


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("streaming", (4,)),
        ("streaming", (-1,)),
        ("streaming", (True,)),
        ("streaming", (0.0,)),
        ("memory", (0, 1)),
        ("memory", (0, 5)),
        ("memory", (-1, 2)),
        ("memory", (3, 4)),
        ("memory", (2, 1)),
        ("correlation", (2, 1)),
        ("correlation", (0, 5)),
        ("noise", (4,)),
        ("coefficients", (5,)),
        ("coefficients", (-1,)),
    ],
)
def test_indices_are_checked(ev: Evaluator, name: str, index: tuple[Any, ...]) -> None:
    with pytest.raises(MzError, match="L = 4"):
        getattr(ev, name)(*index)


@pytest.mark.parametrize("X", [[0.1], [[0.1, 0.2]], 0.3, [[np.nan]], [[np.inf]], [[[0.1]]]])
def test_points_are_checked(ev: Evaluator, X: Any) -> None:
    with pytest.raises(MzError):
        ev.expectation(X)


def test_points_outside() -> None:
    """Rounding is forgiven; a point whose next state leaves its domain is refused, and named."""
    ev = evaluator(network())
    edge = np.array([[1.0]])
    assert ev.expectation(np.nextafter(edge, 2)) == pytest.approx(ev.expectation(edge), abs=1e-14)
    with pytest.raises(MzError, match="domain of X_1"):
        ev.expectation([[1.5]])


def test_list_observables_add_an_axis() -> None:
    both = evaluator(network(observable=[X0**2, sp.sin(3 * X0)]))
    alone = evaluator(network(observable=sp.sin(3 * X0)))
    assert both.coefficients(0).shape == both.noise(1).shape == (4, 2)
    X = np.linspace(-1, 1, 5)[:, None]
    assert both.expectation(X).shape == (5, 2)
    assert np.allclose(both.expectation(X)[:, 1], alone.expectation(X), rtol=0, atol=1e-11)
    assert np.allclose(both.coefficients(0)[:, 1], alone.coefficients(0), rtol=0, atol=1e-11)
    assert np.allclose(both.noise(0)[:, 1], alone.noise(0), rtol=0, atol=1e-11)
    assert evaluator(network(observable=[X0])).coefficients(0).shape == (4, 1)


def test_with_params_equals_a_new_network(ev: Evaluator) -> None:
    moved = ev.with_params({(1, "W"): [[0.5]], (2, "scale"): 0.2})
    layers = list(network().layers)
    layers[1] = mz.dense([[0.5]], [0.1], activation="tanh", noise=mz.Uniform(0.4))
    layers[2] = mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.2))
    fresh = evaluator(mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=X0**2))
    assert np.array_equal(moved.memory(0, 3), fresh.memory(0, 3))
    assert not np.allclose(moved.memory(0, 3), ev.memory(0, 3), atol=1e-4)


def test_missing_values_are_named() -> None:
    w, v = sp.symbols("w v", real=True)
    layer = mz.Layer([sp.tanh(w * X0 + v)], state=mz.state(1), noise=mz.Uniform(0.3), params={w: 0.5})
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=X0)
    with pytest.raises(MzError, match="no value for v"):
        mz.compile(mz.derive(net, mz.Legendre(2)))
    bound = evaluator(net.with_params({v: 0.25}))
    assert np.abs(bound.with_params({v: 0.25}).memory(0, 2) - bound.memory(0, 2)).max() == 0.0
    assert np.abs(bound.with_params({v: 0.5}).memory(0, 2) - bound.memory(0, 2)).max() > 1e-5


def test_a_shared_symbol_may_look_like_a_local_one() -> None:
    """w of layer 1 is w_1 there; a shared symbol of the name w_0 is another quantity."""
    w, shared = sp.symbols("w w_0", real=True)
    layers = [mz.dense([[0.5]]), mz.Layer([sp.tanh(w * X0 + shared)], mz.state(1), params={w: 0.75})]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=X0).with_params({shared: 0.25})
    X = np.array([[0.4]])
    assert evaluator(net, degree=1).expectation(X)[0] == pytest.approx(np.tanh(0.75 * 0.2 + 0.25), abs=1e-10)


def test_symbolic_layers_equal_dense_ones(ev: Evaluator) -> None:
    w = sp.Symbol("w", real=True)
    layers = [
        mz.Layer([sp.tanh(w * X0 + sp.Rational(0.1))], mz.state(1), noise=mz.Uniform(0.4), params={w: 0.9 + 0.1 * n})
        for n in range(4)
    ]
    other = evaluator(mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=X0**2))
    assert np.allclose(other.memory(0, 4), ev.memory(0, 4), rtol=0, atol=1e-13)


@pytest.mark.parametrize("engine", ["gaussian", "sampling", "magic"])
def test_other_engines_are_refused(engine: str) -> None:
    with pytest.raises(MzError, match="quadrature"):
        mz.compile(mz.derive(network(), mz.Legendre(2)), engine=engine)


def test_other_refusals() -> None:
    eq = mz.derive(network(), mz.Legendre(2))
    with pytest.raises(MzError, match="target"):
        mz.compile(eq, target="fortran")
    x = mz.state(1)[0]
    with pytest.raises(MzError, match="oblique"):
        mz.compile(mz.derive(network(), mz.Basis([1, x], test=[1, x**3]), direction="forward"))
    wide = mz.Network([mz.dense(np.eye(4) / 2, noise=mz.Uniform(0.1))], domain=mz.Box([(-1, 1)] * 4))
    with pytest.raises(MzError, match="dimension 4"):
        mz.compile(mz.derive(wide, mz.Legendre(1)))


def test_budget_is_checked_before_anything_is_allocated() -> None:
    net = network(depth=40)
    with pytest.raises(MzError, match="memory_budget"):
        evaluator(net, degree=1000, memory_budget=2**30)
    with pytest.raises(MzError, match="memory_budget"):
        evaluator(net, degree=60, memory_budget=2**26)
    cube = mz.Network([mz.dense(np.eye(3) / 2, noise=mz.Uniform(0.1))], domain=mz.Box([(-1, 1)] * 3), observable=X0)
    with pytest.raises(MzError, match="smallest grid"):
        evaluator(cube, degree=1, memory_budget=2**16).streaming(0)


@pytest.mark.parametrize("activation", ["relu", "abs"])
def test_kinks_are_accepted_and_reported(activation: str) -> None:
    """On one series they converge slowly: what is claimed must hold against a much finer computation."""
    noise = mz.Uniform(0.3)
    rough = evaluator(network(2, activation, noise), engine="spectral", max_nodes=64)
    finer = evaluator(network(2, activation, noise), engine="spectral", max_nodes=512)
    assert rough.limits and "max_nodes" in rough.limits[0]
    assert max(finer.tolerance_reached.values()) < max(rough.tolerance_reached.values())
    assert max(rough.tolerance_reached.values()) > rough.options.tolerance
    gap = np.abs(rough.memory(0, 2) - finer.memory(0, 2)).max()
    assert 0 < gap <= 3 * (rough.tolerance_reached["memory"] + finer.tolerance_reached["memory"])


def test_kinks_in_two_dimensions_are_given_up_early() -> None:
    """Algebraic decay is recognised, so that the largest grid is never tried."""
    y = mz.state(2)
    layers = [mz.dense([[0.9, -0.4], [0.3, 0.8]], [0.1, -0.2], activation="relu", noise=mz.Uniform(0.3))] * 2
    ev = evaluator(mz.Network(layers, domain=mz.Box([(-1, 1)] * 2), observable=y[0] * y[1]), degree=2)
    assert any("decays slowly" in limit for limit in ev.limits)
    assert max(max(sizes) for sizes in ev.nodes) <= 128
    assert 1e-10 < ev.tolerance_reached["memory"] < 1e-2


def test_functions_that_vanish_on_the_first_grid_are_seen() -> None:
    """u = P_16 is zero at all sixteen nodes of the first grid: only values in between tell."""
    layer = mz.dense([[0.5]], noise=mz.Uniform(0.5))
    net = mz.Network([layer], domain=mz.Box([(-1, 1)]), observable=sp.legendre(16, X0))
    ev = evaluator(net, degree=2)
    assert max(ev.tolerance_reached.values()) <= 1e-10
    assert ev.nodes[-1][0] <= 40
    u = np.polynomial.legendre.Legendre.basis(16).integ()
    assert ev.expectation([[0.3]])[0] == pytest.approx(u(0.65) - u(-0.35), abs=1e-12)


def test_looser_tolerance_takes_fewer_nodes() -> None:
    loose, tight = evaluator(network(), tolerance=1e-3), evaluator(network(), tolerance=1e-12)
    assert sum(k for (k,) in loose.nodes) < sum(k for (k,) in tight.nodes)
    assert max(tight.tolerance_reached.values()) <= 1e-12
    assert np.abs(loose.memory(0, 3) - tight.memory(0, 3)).max() <= 1e-3


def test_sizes_are_per_layer() -> None:
    """A polynomial observable and basis need few nodes on the last layer, whatever the others need."""
    nodes = [k for (k,) in evaluator(network(3, noise=mz.Uniform(0.05)), degree=2).nodes]
    assert nodes[-1] <= 20 < max(nodes)


def test_mean_projection() -> None:
    mean = mz.compile(mz.derive(network(), mz.Mean()))
    constants = evaluator(network(), degree=0)
    assert mean.memory(0, 3).shape == (1, 1)
    assert np.allclose(mean.noise(0), constants.noise(0), rtol=0, atol=1e-13)
    # Constants are resolved: M_n 1 = 1, so nothing is remembered of them.
    assert np.abs(mean.memory(0, 3)).max() < 1e-13
    assert mean.streaming(0)[0, 0] == pytest.approx(1.0, abs=1e-14)


def test_linear_maps_forget_nothing_of_polynomials() -> None:
    """F = a x: polynomials of degree <= d are invariant, so every K(n, m) and r_n vanishes."""
    ev = evaluator(network(4, "identity", observable=X0**3))
    assert max(np.abs(ev.memory(n, m)).max() for n in range(3) for m in range(n + 2, 5)) < 1e-12
    assert max(np.abs(ev.noise(n)).max() for n in range(4)) < 1e-12


def test_tiny_and_absent_noise_agree() -> None:
    none, tiny = evaluator(network(noise=mz.Deterministic())), evaluator(network(noise=mz.Uniform(1e-12)))
    assert np.abs(none.memory(0, 2) - tiny.memory(0, 2)).max() < 1e-9
    X = np.linspace(-1, 1, 9)[:, None]
    assert np.abs(none.expectation(X) - network().forward(X)[:, 0] ** 2).max() < 1e-9


def test_observable_that_is_not_finite() -> None:
    with pytest.raises(MzError, match="observable"):
        evaluator(network(observable=sp.log(X0))).coefficients(0)
