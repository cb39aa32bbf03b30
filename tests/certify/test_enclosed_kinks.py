"""Proved tables of kinked layers: exact integrals split by hand, the evaluator, and proofs that come with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import precision
from mzsym.balls.tables import BallTables
from mzsym.certify.enclosed.chain import _tables
from mzsym.certify.enclosed.kinds import chain_of
from mzsym.reduce import truncate
from mzsym.reduce.verified import proved_errors

x = mz.state(1)[0]
Function = Callable[[Any], Any]


def tables(net: mz.Network, degree: int, target: float = 2.0**-64) -> BallTables:
    chain = chain_of(net)
    with precision(chain.bits):
        return _tables(chain, mz.Legendre(degree), target)


def number(value: Any) -> Any:
    return mp.mpf(value.str(70, radius=False))


class Oracle:
    """E over uniform noise and over boxes by Gauss's rule between break points that are found by hand.

    Parameters
    ----------
    maps : list of (function, kinks, inverse)
        ``inverse`` gives all places where the map takes a value; constants may be left out.
    """

    def __init__(
        self, net: mz.Network, maps: Sequence[tuple[Function, Sequence[Any], Callable[[Any], list[Any]]]]
    ) -> None:
        self.maps = maps
        self.noise = [mp.mpf(float(layer.noise[0].half_width)) for layer in net.layers]
        self.boxes = [tuple(mp.mpf(float(end)) for end in box.intervals[0]) for box in net.domains]

    def integral(self, f: Function, lo: Any, hi: Any, breaks: Sequence[Any]) -> Any:
        ends = [lo, *sorted(b for b in breaks if lo < b < hi), hi]
        # Polynomials of moderate degree: one rule of 24 nodes is exact.
        return sum((mp.quad(f, [a, b], maxdegree=4, method="gauss-legendre") for a, b in pairwise(ends)), mp.mpf(0))

    def eta(self, n: int, i: int) -> Function:
        lo, hi = self.boxes[n]
        return lambda y: mp.sqrt(2 * i + 1) * mp.legendre(i, (2 * y - lo - hi) / (hi - lo))

    def image(self, n: int, v: Function, breaks: Sequence[Any]) -> tuple[Function, list[Any]]:
        g, kinks, inverse = self.maps[n]
        s = self.noise[n]

        def averaged(y: Any) -> Any:
            z = g(y)
            return self.integral(v, z - s, z + s, breaks) / (2 * s)

        return averaged, [*kinks, *(place for b in breaks for e in (b - s, b + s) for place in inverse(e))]

    def product(self, n: int, i: int, v: Function, breaks: Sequence[Any]) -> Any:
        lo, hi = self.boxes[n]
        eta = self.eta(n, i)
        return self.integral(lambda y: eta(y) * v(y), lo, hi, breaks) / (hi - lo)


def relu_layer(w: float, b: float) -> tuple[Function, list[Any], Callable[[Any], list[Any]]]:
    w, b = mp.mpf(w), mp.mpf(b)
    return (lambda y: max(w * y + b, mp.mpf(0))), [-b / w], lambda z: [(z - b) / w] if z > 0 else []


def abs_layer(w: float, b: float) -> tuple[Function, list[Any], Callable[[Any], list[Any]]]:
    w, b = mp.mpf(w), mp.mpf(b)
    return (lambda y: abs(w * y + b)), [-b / w], lambda z: [(z - b) / w, (-z - b) / w] if z > 0 else []


@pytest.mark.parametrize(("name", "layer"), [("relu", relu_layer), ("abs", abs_layer)])
def test_entries_by_exact_integrals(name: str, layer: Any) -> None:
    """Two layers, with 50 digits: the balls hold the numbers, and are smaller than what is aimed at."""
    weights = [(0.9, 0.1), (-1.3, 0.4)]
    layers = [mz.dense([[w]], [b], activation=name, noise=mz.Uniform(0.375)) for w, b in weights]
    observable = sp.Abs(x - sp.Rational(1, 5)) + x**2
    net = mz.Network(layers, domain=mz.Box([(-1, 1.5)]), observable=observable)
    found = tables(net, 2)
    with mp.workdps(50):
        oracle = Oracle(net, [layer(w, b) for w, b in weights])
        u, breaks = (lambda y: abs(y - mp.mpf(1) / 5) + y**2), [mp.mpf(1) / 5]
        for column, (v, kinks) in enumerate([(oracle.eta(2, 1), []), (oracle.eta(2, 2), []), (u, breaks)]):
            one, one_breaks = oracle.image(1, v, kinks)
            two, two_breaks = oracle.image(0, one, one_breaks)
            for n, f, places in ((1, one, one_breaks), (0, two, two_breaks)):
                for i in (0, 2):
                    ball = found.coefficients[3 * n + i, 0] if column == 2 else found.C[3 * n + i, 7 + column]
                    exact = oracle.product(n, i, f, places)
                    assert abs(number(ball.mid()) - exact) <= number(ball.rad()) + mp.mpf(10) ** -45
                    assert float(ball.rad()) < 1e-17


def test_truncated_normal_noise_by_quadrature() -> None:
    s, w, b = 0.25, 1.2, 0.1
    layer = mz.dense([[w]], [b], activation="hardtanh", noise=mz.TruncatedGaussian(s, cutoff=2))
    net = mz.Network([layer], domain=mz.Box([(-1, 1)]), observable=sp.Abs(x - sp.Rational(1, 2)))
    found = tables(net, 1)
    with mp.workdps(20):
        w, b, s = mp.mpf(w), mp.mpf(b), mp.mpf(s)
        kinks = [(e - b) / w for e in (-1, 1)]
        # 0.5 -+ 2 s lie at 0 and 1: the second is where the map is constant.
        places = [*kinks, -b / w]
        density = lambda t: mp.npdf(t, 0, s) / mp.erf(mp.sqrt(2))  # noqa: E731

        def q(y: Any) -> Any:
            z = max(-1, min(1, w * y + b))
            cuts = sorted({-2 * s, 2 * s, *(t for t in [mp.mpf(1) / 2 - z] if abs(t) < 2 * s)})
            return mp.quad(
                lambda t: abs(z + t - mp.mpf(1) / 2) * density(t), cuts, maxdegree=4, method="gauss-legendre"
            )

        cuts = sorted({mp.mpf(-1), mp.mpf(1), *(p for p in places if abs(p) < 1)})
        for i in (0, 1):
            exact = mp.quad(lambda y, i=i: mp.sqrt(2 * i + 1) * mp.legendre(i, y) * q(y), cuts, maxdegree=4) / 2
            ball = found.coefficients[i, 0]
            assert abs(number(ball.mid()) - exact) <= number(ball.rad()) + mp.mpf(10) ** -16


NOISE = st.sampled_from([mz.Uniform(0.5), mz.Uniform(0.125), mz.TruncatedGaussian(0.2, cutoff=2), mz.Deterministic()])
ACTIVATION = st.sampled_from(["relu", "abs", "hardtanh", ("leaky_relu", 0.25), "elu", "tanh"])
SCALE = st.integers(-12, 12).filter(bool).map(lambda k: k / 6)
OFFSET = st.integers(-6, 6).map(lambda k: k / 4)


def network(rows: Any, box: tuple[float, float], observable: sp.Expr) -> mz.Network:
    """Of random layers, with boxes; a constant map without noise has none after it."""
    layers = [mz.dense([[w]], [b], activation=name, noise=noise) for name, w, b, noise in rows]
    net = mz.Network(layers, domain=mz.Box([box]), observable=observable)
    try:
        assert len(net.domains) == net.depth + 1
    except mz.MzError as error:
        assert "single point" in error.what
        reject()
    return net


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(ACTIVATION, SCALE, OFFSET, NOISE), min_size=1, max_size=3), st.integers(-4, 4), st.integers(1, 9)
)
def test_chains_with_kinks_anywhere_are_those_of_the_evaluator(rows: Any, lo: int, width: int) -> None:
    """Kinks inside of boxes, at their ends, outside, and where others map to: offsets and boxes share a grid."""
    net = network(rows, (lo / 4, (lo + width) / 4), sp.Abs(x - sp.Rational(1, 4)))
    found, ev = mz.enclose(net, mz.Legendre(2)), mz.compile(mz.derive(net, mz.Legendre(2)))
    slack = 2 * max(ev.tolerance_reached.values()) + 1e-13
    depth = net.depth
    pairs = [(found.correlation(n, m), ev.correlation(n, m)) for n in range(depth) for m in range(n, depth + 1)]
    pairs += [(found.coefficients(n), ev.coefficients(n)) for n in range(depth + 1)]
    for enclosure, table in pairs:
        assert np.all(enclosure.lower - slack <= table) and np.all(table <= enclosure.upper + slack)
    assert found.width < 1e-12


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(ACTIVATION, SCALE, OFFSET, NOISE), min_size=2, max_size=2))
def test_coarse_balls_hold_the_fine_ones(rows: Any) -> None:
    net = network(rows, (-1, 1), sp.Max(x, sp.sin(x) / 2))
    coarse, fine = tables(net, 2, 1e-3), tables(net, 2)
    for table, truth in ((coarse.C, fine.C), (coarse.coefficients, fine.coefficients), (coarse.memory, fine.memory)):
        assert all(table[i, j].contains(truth[i, j].mid()) for i in range(table.nrows()) for j in range(table.ncols()))


@pytest.mark.parametrize(
    ("named", "stated"),
    [("relu", sp.Max(0, x)), ("abs", sp.Abs(x)), ("hardtanh", (sp.Abs(x + 1) - sp.Abs(x - 1)) / 2)],
)
def test_expressions_are_the_activations(named: str, stated: sp.Expr) -> None:
    one, two = (
        mz.enclose(mz.Network([layer] * 2, domain=mz.Box([(-1, 2)]), observable=x), mz.Legendre(2)).memory(0, 2)
        for layer in (
            mz.dense([[1.5]], [-0.25], activation=named, noise=mz.Uniform(0.5)),
            mz.Layer([stated.subs(x, x * sp.Rational(3, 2) - sp.Rational(1, 4))], state=(x,), noise=mz.Uniform(0.5)),
        )
    )
    assert np.abs(one.middle - two.middle).max() < 1e-15


def test_steep_maps_are_split() -> None:
    """Poles within 0.05 of the box, where one polynomial of a few hundred coefficients does not do."""
    layers = [mz.dense([[30.0]], [0.5], activation="tanh", noise=mz.Uniform(0.1))] * 2
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)
    found = mz.enclose(net, mz.Legendre(1))
    assert found.width < 1e-15
    with mp.workdps(25):
        # <1, q_1> on the second box, q_1 = tanh(30 x + 0.5): noise adds nothing to a linear observable.
        lo, hi = (mp.mpf(float(end)) for end in net.domains[1].intervals[0])
        log_cosh = lambda t: abs(t) + mp.log1p(mp.exp(-2 * abs(t)))  # noqa: E731
        exact = (log_cosh(30 * hi + 0.5) - log_cosh(30 * lo + 0.5)) / (30 * (hi - lo))
        ball = found.coefficients(1)
        assert mp.mpf(ball.lower[0]) <= exact <= mp.mpf(ball.upper[0])


def test_errors_of_shallow_networks_are_proved() -> None:
    layers = [mz.dense([[w]], [0.1], activation="relu", noise=mz.Uniform(0.5)) for w in (0.9, -1.2, 0.7, 1.1)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)
    found = mz.reduce(net, mz.Legendre(3), depth=2)
    assert str(found.standing) == "proved" and 0 < found.error_bound < 0.1
    at = np.linspace(-1, 1, 4001)[:, None]
    ev = mz.compile(mz.derive(net, mz.Legendre(3)))
    true = np.sqrt(np.mean((ev.expectation(at) - found.predict(at)) ** 2))
    assert abs(found.error_bound - true) < 1e-3 * true
    proofs = proved_errors(net, mz.Legendre(3), {2: found.network})
    assert proofs.reason == "" and set(proofs.tails) == {1, 2, 3, 4}


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
def test_errors_of_truncated_memory_are_proved(measure: str) -> None:
    layers = [mz.dense([[w]], [0.1], activation="abs", noise=mz.Uniform(0.25)) for w in (0.9, -1.2, 0.7, 1.1)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[x, x**2])
    found = mz.enclose(net, mz.Legendre(1, measure))
    ev = mz.compile(mz.derive(net, mz.Legendre(1, measure)))
    for length in (1, 2, 4):
        rounded, proved = truncate(ev, length), truncate(ev, length, enclosed=found)
        errors = found.truncation_errors(length)
        assert [high for _, high in errors] == [layer.proved for layer in proved.layers]
        for layer, (low, high) in zip(rounded.layers, errors, strict=True):
            assert low - 1e-13 <= layer.error <= high + 1e-13 and high - low < 1e-14
    # The noise term is left out of memory of any length.
    assert 1e-6 < errors[0][0] < found.truncation_errors(1)[0][0]
    with pytest.raises(mz.MzError, match="length"):
        found.truncation_errors(0)
    with pytest.raises(mz.MzError, match="another network"):
        truncate(mz.compile(mz.derive(net, mz.Legendre(2, measure))), 1, enclosed=found)


def test_break_points_that_are_not_felt_are_merged() -> None:
    """Every edge of the noise doubles the break points of a layer; smoothed often enough they are none."""
    layers = [mz.dense([[w]], activation="hardtanh", noise=mz.TruncatedGaussian(0.1)) for w in (1.3, 1.9) * 4]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=sp.Abs(x))
    chain = chain_of(net)
    with precision(chain.bits):
        functions = chain.observables(chain.target)
        for n in range(net.depth - 1, -1, -1):
            functions = chain.image(n, functions, chain.target)
            assert len(functions.panels) <= 30
        # Each layer adds about what it may, and merging is part of that.
        assert all(float(near.error) <= 4 * net.depth * chain.target for panel in functions.panels for near in panel)
