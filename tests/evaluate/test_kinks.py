"""Networks with kinks in one dimension, against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.calculus.laws import UniformLaw
from mzsym.evaluate.noise_numbers import fitted_law, numeric_law, point_mass
from mzsym.evaluate.panels.breaks import Break, crossings, kinks, pulled_back
from tests.evaluate.piecewise_exact import BRANCHES, Piecewise, legendre, pieces

WEIGHTS = [1.5, -1.25, 1.125, 0.75, -1.5, 1.25]
BIASES = [0.25, 0.5, -0.125, 0.25, 0.375, -0.25]
NOISE = 0.25
KINKED = [name for name in sorted(BRANCHES) if name != "identity"]


class Exact:
    """The network in fractions."""

    def __init__(self, net: mz.Network, activation: str, weights: list[float], biases: list[float]) -> None:
        self.boxes = [(Fraction(box.intervals[0][0]), Fraction(box.intervals[0][1])) for box in net.domains]
        self.maps = [
            pieces(activation, Fraction(w), Fraction(b), *box)
            for w, b, box in zip(weights, biases, self.boxes[:-1], strict=True)
        ]

    def back(self, v: Piecewise, n: int, m: int) -> Piecewise:
        for k in range(m - 1, n - 1, -1):
            v = v.averaged(Fraction(NOISE)).after(self.maps[k])
        return v

    def correlation(self, n: int, m: int, i: int, j: int) -> float:
        exact = (legendre(i, *self.boxes[n]) * self.back(legendre(j, *self.boxes[m]), n, m)).mean()
        return float(exact) * math.sqrt((2 * i + 1) * (2 * j + 1))


def network(activation: str, weights: list[float], biases: list[float]) -> mz.Network:
    pairs = zip(weights, biases, strict=True)
    layers = [mz.dense([[w]], [b], activation=activation, noise=mz.Uniform(NOISE)) for w, b in pairs]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0] ** 2)


@pytest.mark.parametrize("activation", KINKED)
def test_six_layers_against_exact_arithmetic(activation: str) -> None:
    net = network(activation, WEIGHTS, BIASES)
    ev = mz.compile(mz.derive(net, mz.Legendre(4)))
    assert ev.scheme == "panels" and max(ev.tolerance_reached.values()) < 1e-12
    exact = Exact(net, activation, WEIGHTS, BIASES)
    square = Piecewise(exact.boxes[-1], ((Fraction(0), Fraction(0), Fraction(1)),))
    q0 = exact.back(square, 0, 6)
    X = np.linspace(-1, 1, 41)
    assert np.abs(ev.expectation(X[:, None]) - [float(q0(Fraction(x))) for x in X]).max() < 1e-12
    for n, m, i, j in [(0, 6, 3, 4), (0, 6, 1, 3), (1, 5, 4, 4), (2, 4, 2, 3), (0, 1, 4, 4)]:
        assert abs(ev.correlation(n, m)[i, j] - exact.correlation(n, m, i, j)) < 1e-12


@settings(max_examples=12)
@given(
    activation=st.sampled_from(KINKED),
    values=st.lists(
        st.tuples(st.integers(-24, 24).map(lambda k: k / 16), st.integers(-16, 16).map(lambda k: k / 16)),
        min_size=1,
        max_size=3,
    ),
)
def test_random_kinked_networks(activation: str, values: list[tuple[float, float]]) -> None:
    weights, biases = [list(column) for column in zip(*values, strict=True)]
    net = network(activation, weights, biases)
    ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    exact = Exact(net, activation, weights, biases)
    for i, j in [(0, 1), (1, 2), (2, 2)]:
        assert abs(ev.correlation(0, len(weights))[i, j] - exact.correlation(0, len(weights), i, j)) < 1e-11


def test_panels_end_where_the_exact_function_has_its_pieces() -> None:
    """Without the edges of the noise among the breaks, the grid would need many more panels."""
    net = network("abs", WEIGHTS[:3], BIASES[:3])
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    ev.streaming(0)
    exact = Exact(net, "abs", WEIGHTS[:3], BIASES[:3])
    lo, hi = exact.boxes[-1]
    ends = exact.back(Piecewise((lo, hi), ((Fraction(0), Fraction(1)),)), 0, 3).ends
    assert ev.nodes[0][0] <= 16 * (len(ends) - 1 + 4)


def test_the_same_network_on_one_series_is_far_less_accurate() -> None:
    net = network("relu", WEIGHTS[:2], BIASES[:2])
    panels = mz.compile(mz.derive(net, mz.Legendre(2)))
    series = mz.compile(mz.derive(net, mz.Legendre(2)), "spectral", options=mz.Options(max_nodes=128))
    gap = np.abs(panels.memory(0, 2) - series.memory(0, 2)).max()
    assert 1e-12 < gap <= 2 * series.tolerance_reached["memory"]


# ---------------------------------------------------------------------- the parts


def test_crossings_on_both_sides_of_a_narrow_extremum() -> None:
    found = crossings(lambda x: (x - 0.1234) ** 2, -1.0, 1.0, [1e-10])
    assert np.abs(np.sort(found) - [0.1234 - 1e-5, 0.1234 + 1e-5]).max() < 1e-12


def test_kinks_of_nested_functions() -> None:
    x = sp.Symbol("x", real=True)

    def bind(expr: sp.Expr):  # type: ignore[no-untyped-def]
        return sp.lambdify(x, expr, "numpy") if expr.has(x) else lambda t: np.full_like(t, float(expr))

    found = kinks([sp.Abs(sp.Abs(x) - sp.Rational(1, 3)) + sp.Max(x, x**2)], x, bind, -2.0, 2.0)
    assert np.abs(np.array([b.at for b in found]) - [-1 / 3, 0, 1 / 3, 1]).max() < 1e-12
    jump = kinks([sp.sign(x - 1)], x, bind, -2.0, 2.0)
    assert [(round(b.at, 12), b.order) for b in jump] == [(1.0, -1)]


def test_what_noise_makes_of_a_break() -> None:
    """Uniform noise moves it by its half-width and gains a derivative; a kink of the density gains two."""
    half = sp.Rational(1, 4)
    later = [Break(0.5, 0)]

    def step(e: float):  # type: ignore[no-untyped-def]
        return lambda x: 2 * x + e

    moved = pulled_back(later, numeric_law(UniformLaw(half), {}), step, [], -1.0, 1.0)
    assert [(round(b.at, 12), b.order) for b in moved] == [(0.125, 1), (0.375, 1)]
    tent = fitted_law(lambda t: 4 * (1 - 4 * np.abs(t)), (-0.25, 0.0, 0.25), "noise")
    assert {(round(b.at, 12), b.order) for b in pulled_back(later, tent, step, [], -1.0, 1.0)} == {
        (0.125, 2),
        (0.25, 2),
        (0.375, 2),
    }
    kept = pulled_back(later, point_mass(), step, [Break(-0.5, 0)], -1.0, 1.0)
    assert [(round(b.at, 12), b.order) for b in kept] == [(-0.5, 0), (0.25, 0)]
