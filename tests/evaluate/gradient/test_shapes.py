"""Gradients by the shape parameters of noise densities: complex steps through nested quadrature, and 50 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core import MzError
from mzsym.core.names import NOISE_VARIABLE
from mzsym.evaluate.gradient.noise import NoiseSeed, law_slopes, smoothing_adjoint
from mzsym.evaluate.quadrature.grid import Interval
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix
from mzsym.evaluate.quadrature.stated_law import stated
from tests.evaluate.gradient.brute import Brute, complex_steps

t = sp.Symbol("t", real=True)
lo, hi, m, w, k, c = sp.symbols("lo hi m w k c", real=True)
TWO_BINS = sp.Piecewise((w**2 / (1 + w**2) / (m - lo), t < m), (1 / (1 + w**2) / (hi - m), True))
TILT = k * sp.exp(k * t) / (sp.exp(k * hi) - sp.exp(k * lo))


class Shaped(Brute):
    """x -> tanh(W x + b), with a histogram of two bins on the first layer and an exponential on the second."""

    def support(self, n):
        return self.params[n, "lo"], self.params[n, "hi"]

    def _image(self, n, box):
        ends = self.step(n, box.reshape(2, 1))[:, 0]
        return np.array([[ends[0] + self.support(n)[0], ends[1] + self.support(n)[1]]])

    def noise(self, n):
        start, stop = self.support(n)
        s, v = np.polynomial.legendre.leggauss(self.kinds[n][3])
        s, v = (s + 1) / 2, v / 2
        if n == 1:
            z, rate = start + (stop - start) * s, self.params[n, "k"]
            rho = rate * np.exp(rate * z) / (np.exp(rate * stop) - np.exp(rate * start))
            return z[:, None], v * (stop - start) * rho
        middle, share = self.params[n, "m"], self.params[n, "w"] ** 2 / (1 + self.params[n, "w"] ** 2)
        z = np.concatenate([start + (middle - start) * s, middle + (stop - middle) * s])
        return z[:, None], np.concatenate([share * v, (1 - share) * v])


def scalar(e):
    return (
        (e.memory(0, 2) ** 2).sum()
        + np.sin(e.streaming(0)).sum()
        + e.streaming(1)[1, 2]
        + e.coefficients(0)[1]
        + (e.noise(0) * np.array([1.0, 2.0, -3.0])).sum()
        + (e.expectation([[0.3], [-0.6]]) ** 2).sum()
    )


# An example takes most of a second: a failing one is shown as it was drawn.
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    start=st.floats(-0.8, 0.2),
    width=st.floats(0.2, 1.0),
    share=st.floats(0.25, 0.75),
    weight=st.floats(-1.5, 1.5),
    rate=st.floats(0.3, 4.0),
    follow=st.booleans(),
)
def test_break_points_supports_and_shapes_against_complex_steps(start, width, share, weight, rate, follow):
    params = {(n, "W"): np.array([[1.2 - 0.4 * n]]) for n in (0, 1)} | {(n, "b"): np.array([0.1]) for n in (0, 1)}
    params |= {(0, "lo"): start, (0, "hi"): start + width, (0, "m"): start + share * width, (0, "w"): weight}
    params |= {(1, "lo"): -0.3, (1, "hi"): 0.4, (1, "k"): rate}
    own = lambda n: {symbol: float(params[n, symbol.name]) for symbol in ((lo, hi, m, w), (lo, hi, k))[n]}  # noqa: E731
    layers = [
        mz.dense(params[n, "W"], params[n, "b"], activation="tanh", noise=mz.Noise(density, (lo, hi), own(n)))
        for n, density in enumerate((TWO_BINS, TILT))
    ]
    boxes = None if follow else [[(-1, 1)], [(-2, 2.4)], [(-1.5, 1.6)]]
    stated_boxes = {"domain": mz.Box([(-1, 1)])} if follow else {"domains": [mz.Box(box) for box in boxes]}
    net = mz.Network(layers, observable=mz.state(1)[0] ** 2, **stated_boxes)
    ev = mz.compile(mz.derive(net, mz.Legendre(2)), options=mz.Options(tolerance=1e-13))
    assert ev.scheme == "spectral"
    value, gradient = ev.value_and_grad(scalar)
    kinds = [(np.tanh, None, None, 20)] * 2
    make = lambda values: Shaped(kinds, values, 2, [(-1, 1)], lambda X: X[:, 0] ** 2, boxes, nodes=36)  # noqa: E731
    full = {key: np.array(v, dtype=complex) for key, v in params.items()}
    at = [[0.3], [-0.6]]
    assert abs(value - scalar(make(full).tables(at)).real) < 1e-11
    expected = complex_steps(make, params, scalar, at=at)
    largest = max(np.abs(one).max() for one in expected.values())
    named = {(n, str(name)): slope for (n, name), slope in gradient.items()}
    assert named.keys() == params.keys()
    for key, one in expected.items():
        assert named[key].shape == one.shape
        np.testing.assert_allclose(named[key], one, rtol=0, atol=1e-10 * largest, err_msg=str(key))
    assert gradient.reached < 1e-9 * largest


DENSITIES = {
    "amplitude 0": mz.Noise((1 + c * sp.sin(6 * sp.pi * t)) / 2, (-1, 1), {c: 0}),
    "tent that moves": mz.Noise((k - sp.Abs(t - c)) / k**2, (c - k, c + k), {c: 0.25, k: 0.5}),
    "power": mz.Noise((3 + w + (1 + w) * t**2) * 3 / (20 + 8 * w), (-1, 1), {w: 0.5}),
    # Normalised at these values only: what is differentiated is the normalised law.
    "two heights": mz.Noise(sp.Piecewise((c, t < 0), (k, True)), (-1, 1), {c: 0.25, k: 0.75}),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_averages_of_polynomials_against_fifty_digits(name):
    """The derivative of a sum of entries of the smoothing matrix, with integrals in place of rules."""
    noise = DENSITIES[name]
    law, side, order = stated(noise), Interval(0.5, 2.0), 5
    bar = np.triu(np.random.default_rng(4).normal(size=(order, order)))
    scaled, inner = law.scaled(1 / side.half), shrunken(side, law)
    by_inner, by_offsets, by_weights = smoothing_adjoint(scaled, inner.half / side.half, bar)
    seed = NoiseSeed(0.0, -by_inner / side.half, order - 1, by_offsets / side.half, by_weights)
    got = law_slopes(law, seed)
    density = sp.lambdify([t, *noise.params], noise.density.xreplace({NOISE_VARIABLE: t}), "mpmath")
    start = {symbol: mp.mpf(float(value)) for symbol, value in noise.params.items()}
    with mp.workdps(50):
        ends = [sp.lambdify(list(start), end, "mpmath") for end in noise.ends]
        points = [sp.lambdify(list(start), point, "mpmath") for point in noise.points]
        t_rule, w_rule = np.polynomial.legendre.leggauss(order)

        def number(values):
            first, last = (end(*values) for end in ends)
            pieces = [first, *(point(*values) for point in points), last]
            middle, half = (first + last) / 2, mp.mpf(side.half) - (last - first) / 2
            phi = lambda j, u: mp.sqrt(2 * j + 1) * mp.legendre(j, u)  # noqa: E731
            total, mass = mp.mpf(0), mp.quad(lambda s: density(s, *values), pieces)
            for node, weight in zip(t_rule, w_rule, strict=True):
                # S_jk sums over the Gauss nodes of phi_j(node) E phi_k: in doubles, as it is stated.
                row = [mp.mpf(float(weight)) / 2 * phi(j, mp.mpf(float(node))) for j in range(order)]
                for col in range(order):
                    u = lambda s, node=node: (half * mp.mpf(float(node)) + s - middle) / mp.mpf(side.half)  # noqa: E731
                    inside = lambda s, col=col, u=u: density(s, *values) * phi(col, u(s))  # noqa: E731
                    entry = mp.quad(inside, pieces, method="gauss-legendre")
                    total += entry * mp.fsum(mp.mpf(float(bar[j, col])) * row[j] for j in range(order))
            return total / mass

        h = mp.mpf(10) ** -15
        assert abs(float(number(list(start.values()))) - np.vdot(bar, smoothing_matrix(side, law, order))) < 1e-12
        for i, symbol in enumerate(start):
            moved = [[v + sign * h * (i == j) for j, v in enumerate(start.values())] for sign in (1, -1)]
            exact = float((number(moved[0]) - number(moved[1])) / (2 * h))
            assert got[symbol] == pytest.approx(exact, rel=1e-11, abs=1e-12), symbol


def test_the_units_of_a_parameter_do_not_count():
    found = []
    for unit in (1, sp.Rational(1, 10**30)):
        noise = mz.Noise((1 + unit * c * sp.sin(60 * sp.pi * t)) / 2, (-1, 1), {c: 0})
        net = mz.Network([mz.dense([[1.2]], activation="tanh", noise=noise)] * 2, domain=mz.Box([(-1, 1)]))
        ev = mz.compile(mz.derive(net, mz.Legendre(2)), options=mz.Options(tolerance=1e-12))
        found.append(float(ev.value_and_grad(lambda e: e.memory(0, 2)[0, 1])[1][0, c]))
    assert abs(found[0]) > 1e-6 and 1e30 * found[1] == pytest.approx(found[0], rel=1e-10)


def test_points_that_meet_have_no_derivative():
    def slopes(*scales):
        noise = mz.Noise.mixture([mz.Uniform(s) for s in scales])
        net = mz.Network([mz.dense([[1.2]], activation="tanh", noise=noise)] * 2, domain=mz.Box([(-1, 1)]))
        return mz.compile(mz.derive(net, mz.Legendre(1))).value_and_grad(lambda e: e.memory(0, 2)[1, 1])[1]

    with pytest.raises(MzError, match=r"Two laws of a noise density end at 0\.5"):
        slopes(0.5, 0.25, 0.5)
    with pytest.raises(MzError, match=r"break points .* meet at 0\.25"):
        slopes(0.5, 0.25, 0.25)
    s0 = sp.Symbol("s0", positive=True)
    assert abs(slopes(0.5, 0.25, 0.375)[0, s0]) > 1e-3


def test_amplitudes_have_a_common_factor_that_does_not_count():
    noise = mz.Noise.histogram([1, 0, 2])
    net = mz.Network([mz.dense([[1.2]], activation="tanh", noise=noise)] * 2, domain=mz.Box([(-1, 1)]))
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    keys = [(0, symbol) for symbol in noise.params]
    objective = ev.objective(lambda e: e.memory(0, 2)[0, 1], keys)
    _, gradient = objective(objective.x0)
    # The gradient is orthogonal to the amplitudes; and weights are squares.
    assert gradient[1] == 0.0 and abs(gradient @ objective.x0) < 1e-14 and np.abs(gradient).max() > 1e-4
    assert objective.bounds == [(None, None)] * 3
    mixed = mz.Noise.mixture([mz.Uniform(0.5), mz.Uniform(0.25)])
    net = mz.Network([mz.dense([[1.2]], activation="tanh", noise=mixed)] * 2, domain=mz.Box([(-1, 1)]))
    assert (1e-6, None) in mz.compile(mz.derive(net, mz.Legendre(1))).objective(lambda e: e).bounds


def test_shapes_of_two_components_against_differences():
    """One law for both components of a layer, and a law of its own next to uniform noise."""
    x, y = mz.state(2)
    both, own = mz.Noise.spline([1, 0.5, 2], (-0.4, 0.6), degree=1), mz.Noise.histogram([1, 2], (-k, k), {k: 0.3})
    W = [[0.9, -0.5], [0.4, 1.1]]
    layers = [mz.dense(W, [0.1, -0.2], activation="tanh", noise=noise) for noise in (both, [own, mz.Uniform(0.4)])]
    net = mz.Network(layers, domain=mz.Box([(-1, 1), (-0.7, 0.9)]), observable=x * y + y**2)
    ev = mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-10))
    weigh = lambda e: (e.memory(0, 2) ** 2).sum() + e.coefficients(0)[1] + e.streaming(1)[2, 1] + e.noise(0)[2]  # noqa: E731
    _, gradient = ev.value_and_grad(weigh)
    keys = [key for key in gradient if isinstance(key[1], sp.Symbol)]
    assert len(keys) == 6 and gradient.reached < 1e-8
    h, weights = 1e-3, {-3: -1, -2: 9, -1: -45, 1: 45, 2: -9, 3: 1}
    for n, symbol in keys:
        start = float(layers[n].noise[0].params[symbol])
        ends = {j: weigh(ev.with_params({(n, symbol): start + j * h})) for j in weights}
        slope = sum(weight * ends[j] for j, weight in weights.items()) / (60 * h)
        assert gradient[n, symbol] == pytest.approx(slope, rel=1e-7, abs=1e-8), (n, symbol)
