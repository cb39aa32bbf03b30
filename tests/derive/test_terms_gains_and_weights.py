"""Terms of networks with multiplicative noise and random weights, against brute force that knows no rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.calculus.laws import GaussianLaw
from mzsym.core.names import noise_symbol, state_symbol
from mzsym.derive import sizes
from mzsym.derive.averages import average
from mzsym.derive.chains import chain_of
from mzsym.derive.degrees import why_degrees_stay
from mzsym.derive.numeric import evaluate_expr
from mzsym.model.numeric import evaluate

x = mz.state(2)
(s,) = mz.state(1)
w, v = sp.symbols("w v", real=True)
Function = Callable[[np.ndarray], np.ndarray]


def gauss(lo: float, hi: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    t, u = np.polynomial.legendre.leggauss(count)
    return lo + (hi - lo) * (t + 1) / 2, u / 2


def step(net: mz.Network, n: int, f: Function, count: int) -> Function:
    """M_n f on a product rule over noise and random weights; f maps (points, N_{n+1}) to (points, k)."""
    values = {symbol: float(value) for symbol, value in net.bindings().items()}
    gain, center = net.gain_exprs(n), net.map_exprs(n)
    pairs = [(noise_symbol(n, j), law) for j, law in enumerate(net.laws(n)) if not law.deterministic]
    silent = {noise_symbol(n, j): 0 for j, law in enumerate(net.laws(n)) if law.deterministic}
    xi = [noise_symbol(n, j) for j in range(len(net.laws(n)))]
    matrix = sp.eye(len(center)) if gain is None else sp.diag(*gain) if isinstance(gain, tuple) else gain
    exprs = [expr.subs(silent) for expr in sp.Matrix(center) + matrix * sp.Matrix(xi)]
    pairs += list(net.random_weights(n))
    grids = []
    for _, law in pairs:
        if isinstance(law, GaussianLaw):
            t, u = np.polynomial.hermite_e.hermegauss(count)
            grids.append((t * float(law.scale.subs(values)), u / np.sqrt(2 * np.pi)))
        else:
            half = float(law.support[1].subs(values))
            grids.append(gauss(-half, half, count))
    points = [p.ravel() for p in np.meshgrid(*(g[0] for g in grids), indexing="ij")]
    weights = functools.reduce(np.multiply.outer, (g[1] for g in grids)).ravel()

    def mean(X: np.ndarray) -> np.ndarray:
        env: dict[sp.Symbol, Any] = dict(values)
        env |= {state_symbol(n, i): np.repeat(X[:, i], len(weights)) for i in range(X.shape[1])}
        env |= {symbol: np.tile(p, len(X)) for (symbol, _), p in zip(pairs, points, strict=True)}
        table = f(evaluate(exprs, env, len(X) * len(weights)))
        return np.einsum("xwk,w->xk", table.reshape(len(X), len(weights), -1), weights)

    return mean


def inner(net: mz.Network, projection: Any, n: int, f: Function, count: int) -> np.ndarray:
    """<eta^(n), f> in the uniform measure."""
    grids = [gauss(lo, hi, count) for lo, hi in zip(net.domains[n].lower, net.domains[n].upper, strict=True)]
    points = np.stack([p.ravel() for p in np.meshgrid(*(g[0] for g in grids), indexing="ij")], axis=1)
    weights = functools.reduce(np.multiply.outer, (g[1] for g in grids)).ravel()
    return (projection.evaluate(points, net.domains[n]) * weights[:, None]).T @ f(points)


def correlation(net: mz.Network, projection: Any, n: int, m: int, count: int) -> np.ndarray:
    f: Function = lambda Y: projection.evaluate(Y, net.domains[m])  # noqa: E731
    for k in reversed(range(n, m)):
        f = step(net, k, f, count)
    return inner(net, projection, n, f, count)


def numbers(net: mz.Network, matrix: Any, digits: int = 9) -> np.ndarray:
    values = net.bindings()
    entries = [[float(evaluate_expr(entry, values, digits)) for entry in row] for row in matrix.tolist()]
    return np.array(entries)


GAIN = mz.Layer([sp.sin(s)], state=[s], gain=[s], noise=mz.Uniform(0.3))
TANH = mz.Layer([sp.tanh(s)], state=[s], noise=mz.Uniform(0.4))
DRAWN = mz.Layer([sp.sin(s) + w * s / 2], state=[s], noise=mz.Uniform(0.3), params={w: mz.Uniform(0.6)})
NORMAL = mz.Layer(
    [sp.sin((1 + w) * s)], state=[s], gain=[1 + s / 3], noise=mz.Uniform(0.3), params={w: mz.Gaussian(0.4)}
)
ONE = [
    ([GAIN, TANH], 0, 2),
    ([TANH, GAIN], 0, 2),
    ([DRAWN, TANH], 0, 2),
    ([TANH, NORMAL], 1, 2),
    ([NORMAL, mz.Layer([s**2 / 2], state=[s], gain=[s], noise=mz.Uniform(0.2))], 0, 2),
    ([mz.dense([[0.8]], [0.1], activation="sin", noise=mz.Uniform(0.3), weight_noise=mz.Gaussian(0.5))], 0, 1),
    ([mz.dense([[0.8]], [0.1], activation="tanh", weight_noise=mz.Uniform(0.5))], 0, 1),
    ([mz.residual([[0.8]], activation="sin", step=0.5, weight_noise=mz.Uniform(0.5))], 0, 1),
]


@pytest.mark.parametrize(("layers", "n", "m"), ONE)
def test_correlations_in_one_dimension(layers: Any, n: int, m: int) -> None:
    net = mz.Network(layers, domain=[(-0.7, 1)], observable=s)
    projection = mz.Legendre(2 if m == n + 1 else 1)
    term = mz.derive(net, projection).correlation(n, m)
    assert not term.factored
    expected = correlation(net, projection, n, m, 40)
    assert np.allclose(numbers(net, term.expr), expected, atol=1e-9)


TWO = [
    mz.Layer([x[0] / 2 + x[1] / 4, x[0] * x[1] / 2], state=x, gain=[x[1], 1 + x[0] / 2], noise=mz.Uniform(0.2)),
    mz.Layer(
        [x[0] / 2 + x[1] ** 2 / 4, x[1] / 2],
        state=x,
        gain=sp.Matrix([[1, x[0], 0], [0, x[1], 2]]),
        noise=[mz.Uniform(0.2), mz.Uniform(0.1), mz.Uniform(0.3)],
    ),
    mz.dense(
        [[0.5, 0.2], [-0.3, 0.6]], [0.1, 0], activation="sin", noise=mz.Uniform(0.2), weight_noise=mz.Gaussian(0.3)
    ),
    mz.dense([[0.5, 0.2]], [0.1], activation="sin", noise=mz.Uniform(0.2), weight_noise=mz.Uniform(0.3)),
    mz.Layer([w * x[0] + x[1] / 3, w**2 * x[1]], state=x, params={w: mz.Uniform(0.8)}),
]


@pytest.mark.parametrize("layer", TWO)
def test_streaming_in_the_plane(layer: Any) -> None:
    net = mz.Network([layer], domain=[(-1, 1), (0, 1)])
    projection = mz.Legendre(2)
    term = mz.derive(net, projection).streaming(0)
    expected = correlation(net, projection, 0, 1, 20 if len(layer.random_weights(0)) < 2 else 14)
    entries = [(i, j) for i in range(expected.shape[0]) for j in range(expected.shape[1])]
    if not term.closed:
        entries = entries[4::11]
    for i, j in entries:
        value = float(evaluate_expr(sp.Matrix(term.expr)[i, j], net.bindings(), 8))
        assert value == pytest.approx(expected[i, j], abs=1e-8)


def test_memory_and_noise_terms_of_a_deep_network() -> None:
    """Three layers: K(0,2), K(0,3), r_0 by MATH (14), (15) from brute-force inner products."""
    net = mz.Network([GAIN, DRAWN, GAIN], domain=[(-0.7, 1)], observable=s**2)
    projection, options = mz.Legendre(1), mz.Options(max_operations=60_000)
    eq = mz.derive(net, projection, options=options)
    C = {(n, m): correlation(net, projection, n, m, 24) for n in range(3) for m in range(n + 1, 4)}
    K = {(0, 2): C[0, 2] - C[0, 1] @ C[1, 2]}
    K[0, 3] = C[0, 3] - C[0, 1] @ C[1, 3] - K[0, 2] @ C[2, 3]
    for (n, m), expected in K.items():
        assert np.allclose(
            np.array(eq.evaluate(eq.memory(n, m), net.bindings(), 12).tolist(), float), expected, atol=1e-9
        )
        assert np.abs(expected).max() > 1e-4


AT = np.array([[0.6, 0.4]])
LAST = mz.Layer(
    [x[0] * (1 + w)], state=x, gain=sp.Matrix([[x[1], 1]]), noise=mz.Uniform(0.5), params={w: mz.Gaussian(0.7)}
)


@pytest.mark.parametrize("first", [TWO[0], TWO[1], TWO[2]])
def test_the_exact_average_is_what_samples_average_to(first: Any) -> None:
    """q_0(x) = E[u(X_L)], closed here, and a Monte Carlo mean within four standard errors."""
    net = mz.Network([first, LAST], observable=s**2)
    chain, back = chain_of(net, 0, 2)
    q = average(chain, state_symbol(2, 0) ** 2, 5000)
    assert q.closed
    values = {**net.bindings(), **{state_symbol(0, i): AT[0, i] for i in range(2)}}
    exact = float(evaluate_expr(q.expr.xreplace(back), values, 15))
    samples = net.observe(net.sample(np.repeat(AT, 200_000, axis=0), seed=11))
    assert abs(samples.mean() - exact) <= 4 * samples.std() / np.sqrt(samples.size)


# --- Q_{m-1} M_{m-1} P_m = 0 ---------------------------------------------------------------------------

root = sp.sqrt(1 + s**2)
# (layer, degree, whether polynomials of that degree stay polynomials of that degree)
DEGREES = [
    (mz.Layer([s / 2], state=[s], gain=[s], noise=mz.Uniform(0.3)), 3, True),
    (mz.Layer([s / 2], state=[s], gain=[1 + s], noise=mz.TruncatedGaussian(0.3)), 3, True),
    (mz.Layer([s / 2], state=[s], gain=[root], noise=mz.Uniform(0.3)), 3, True),
    (mz.Layer([s / 2], state=[s], gain=[sp.sqrt(1 + s**4)], noise=mz.Uniform(0.3)), 1, True),
    (mz.Layer([s / 2], state=[s], gain=[sp.sqrt(1 + s**4)], noise=mz.Uniform(0.3)), 2, False),
    (mz.Layer([s / 2], state=[s], gain=[s**2], noise=mz.Uniform(0.3)), 1, True),
    (mz.Layer([s / 2], state=[s], gain=[s**2], noise=mz.Uniform(0.3)), 2, False),
    (mz.Layer([s / 2], state=[s], gain=[sp.tanh(s)], noise=mz.Uniform(0.3)), 1, True),
    (mz.Layer([s / 2], state=[s], gain=[sp.tanh(s)], noise=mz.Uniform(0.3)), 2, False),
    (mz.Layer([(1 + w) * s], state=[s], params={w: mz.Uniform(0.3)}), 3, True),
    (mz.Layer([w * s**2 + s / 2], state=[s], params={w: mz.Uniform(0.3)}), 1, True),
    (mz.Layer([w * s**2 + s / 2], state=[s], params={w: mz.Uniform(0.3)}), 2, False),
    (mz.Layer([s * sp.sin(w)], state=[s], params={w: mz.Uniform(0.3)}), 2, True),
    (mz.Layer([sp.tanh(w * s)], state=[s], noise=mz.Uniform(0.1), params={w: mz.Uniform(0.3)}), 2, False),
    (mz.dense([[0.5]], weight_noise=mz.Uniform(0.3)), 3, True),
    (mz.dense([[0.5]], activation="sin", weight_noise=mz.Uniform(0.3)), 2, False),
    (mz.residual([[0.5]], step=0.5, weight_noise=mz.Uniform(0.3)), 2, True),
]


@pytest.mark.parametrize(("layer", "degree", "stays"), DEGREES)
def test_vanishing_memory_is_claimed_where_it_vanishes_and_only_there(layer: Any, degree: int, stays: bool) -> None:
    first = mz.Layer([sp.sin(2 * s)], state=[s], noise=mz.Uniform(0.3))
    net = mz.Network([first, layer], domain=[(-0.7, 1)], observable=s)
    projection = mz.Legendre(degree)
    term = mz.derive(net, projection).memory(0, 2)
    assert term.is_zero == stays and any("which Q_1 removes" in why for why in term.why) == stays
    truth = correlation(net, projection, 0, 2, 40) - correlation(net, projection, 0, 1, 40) @ correlation(
        net, projection, 1, 2, 40
    )
    assert (np.abs(truth).max() < 1e-12) == stays


def test_vanishing_memory_of_wide_normal_weights_and_of_shared_noise() -> None:
    """sqrt(x.x) omega_i is not affine in x, but equal in law to what is; a shared square root is not."""
    first = mz.dense([[0.9, 0.3], [-0.4, 0.7]], activation="tanh", noise=mz.Uniform(0.2))
    tail = mz.dense(np.eye(2) / 2, weight_noise=mz.Gaussian(0.2))
    # No box holds normal weights of a linear layer, so the predicate is asked directly.
    net = mz.Network([first, tail])
    assert why_degrees_stay(tail, chain_of(net, 1, 2)[0], 3)
    radius = sp.sqrt(x[0] ** 2 + x[1] ** 2)
    apart = mz.Layer([x[0], x[1]], state=x, gain=[radius, radius], noise=mz.Uniform(0.1))
    assert why_degrees_stay(apart, chain_of(mz.Network([apart]), 0, 1)[0], 3)
    # E y_0 y_1 = x_0 x_1 + |x| sqrt(1 + x_0^2) s^2/3 is no polynomial.
    together = mz.Layer([x[0], x[1]], state=x, gain=sp.Matrix([radius, sp.sqrt(1 + x[0] ** 2)]), noise=mz.Uniform(0.1))
    chain = chain_of(mz.Network([together]), 0, 1)[0]
    assert why_degrees_stay(together, chain, 1) and not why_degrees_stay(together, chain, 2)


# --- chains, estimates, LaTeX --------------------------------------------------------------------------


def test_equal_stretches_share_their_chain() -> None:
    layers = [NORMAL, DRAWN, NORMAL, DRAWN]
    net = mz.Network(layers, domain=[(-0.7, 1)], observable=s)
    (one, back), (other, again) = chain_of(net, 0, 2), chain_of(net, 2, 4)
    assert one == other and back != again
    random = [symbol for row in one.weights for symbol, _ in row]
    assert [again[symbol] for symbol in random] == [symbol for k in (2, 3) for symbol, _ in net.random_weights(k)]
    tail, into = one.tail()
    assert tail == chain_of(net, 1, 2)[0]
    assert [into[symbol] for symbol, _ in tail.weights[0]] == [symbol for symbol, _ in one.weights[1]]


@pytest.mark.parametrize("gain", [None, sp.Matrix([[0, 1]])])
def test_layers_keep_their_integration_variables_apart(gain: Any) -> None:
    """Two nested integrals over noise; with the matrix it is the second column, of which the state has no number."""
    noisy = mz.Layer([sp.sin(s)], state=[s], gain=gain, noise=mz.Uniform(0.3))
    net = mz.Network([noisy, noisy, TANH], observable=sp.tanh(s))
    chain, back = chain_of(net, 0, 3)
    q = average(chain, sp.tanh(state_symbol(3, 0)), 5000)
    assert q.dimension == 2
    values = {**net.bindings(), state_symbol(0, 0): 0.3}
    f: Function = np.tanh
    for n in reversed(range(3)):
        f = step(net, n, f, 20)
    value = float(evaluate_expr(q.expr.xreplace(back), values, 12))
    assert value == pytest.approx(f(np.array([[0.3]]))[0, 0], abs=1e-11)


def test_estimates_count_gains_and_random_weights() -> None:
    plain = chain_of(mz.Network([TANH, TANH]), 0, 2)[0]
    gain = chain_of(
        mz.Network([mz.Layer([sp.tanh(s)], state=[s], gain=[sp.tanh(s)], noise=mz.Uniform(0.4))] * 2), 0, 2
    )[0]
    drawn = chain_of(mz.Network([NORMAL, NORMAL]), 0, 2)[0]
    one = [sizes.estimate_correlation(sizes.stretch_of(chain), mz.Legendre(2)) for chain in (plain, gain, drawn)]
    assert one[0].operations < one[1].operations and one[0].dimension == one[1].dimension == 2
    assert one[2].dimension == 4
    # An estimate is an upper bound on the dimension of what really stays open.
    for layers in ([NORMAL, TANH], [DRAWN, GAIN]):
        net = mz.Network(layers, domain=[(-0.7, 1)], observable=s)
        eq = mz.derive(net, mz.Legendre(1))
        assert (
            eq.correlation(0, 2).cost.dimension
            <= sizes.estimate_correlation(sizes.stretch_of(chain_of(net, 0, 2)[0]), mz.Legendre(1)).dimension
        )


def test_latex_names_gains_and_weights() -> None:
    net = mz.Network([NORMAL, mz.dense([[0.8]], activation="tanh", weight_noise=mz.Gaussian(0.5))], domain=[(-0.7, 1)])
    eq = mz.derive(net, mz.Legendre(1))
    text = eq.streaming(0).latex()
    assert r"\tau^{(0)}_{0}" in text and "omega[" not in text and "p[" not in text
    text = eq.streaming(1).latex()
    assert r"d\omega^{(1)}_{0}" in text and r"\tau^{(1)}" in text
    gained = mz.derive(mz.Network([GAIN, TANH], domain=[(-1, 1)], observable=s), mz.Legendre(1))
    assert r"\sigma^{(0)}" in gained.correlation(0, 2).latex()
