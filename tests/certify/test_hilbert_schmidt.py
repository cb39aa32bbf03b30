"""The proved bounds: never below the truth, and equal to the integrals that they claim to be."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import mzsym as mz
from mzsym.certify.bounds import decimal_up
from mzsym.certify.certify import step_of
from mzsym.certify.estimated.galerkin import lower_bound
from mzsym.certify.sufficient.hilbert_schmidt import hilbert_schmidt
from mzsym.evaluate.blas import blas_threads

REFERENCE = Path(__file__).parents[1] / "reference"
X = mz.state(1)[0]
WEIGHT = st.floats(-4, 4)
SCALE = st.floats(0.02, 3)
MEASURE = st.sampled_from(["uniform", "lebesgue"])
NOISE = st.one_of(
    SCALE.map(mz.Uniform), st.builds(lambda s, c: mz.TruncatedGaussian(s, cutoff=c), SCALE, st.floats(0.5, 4))
)
SMOOTH = ["tanh", "sigmoid", "softplus", "gelu", "silu", "erf", "sin", "cos", "arctan", "identity"]
ACTIVATION = st.sampled_from([*SMOOTH, "relu", "elu", "hardtanh", "step"])


@settings(max_examples=40, deadline=None)
@given(WEIGHT, st.floats(-2, 2), NOISE, ACTIVATION, st.integers(0, 4), MEASURE)
def test_no_bound_is_below_a_galerkin_lower_bound(w, b, noise, activation, degree, measure):
    layer = mz.dense([[w]], [b], activation=activation, noise=noise)
    net = mz.Network([layer], domain=mz.Box([(-1, 0.75)]), observable=X)
    projection = mz.Legendre(degree, measure=measure)
    bound = mz.certify(net, projection, method="hilbert_schmidt").layers[0]
    with blas_threads():
        whole, inner = lower_bound(step_of(net, projection, 0), 24, 160)
    assert whole[0] <= bound.upper * (1 + 1e-9) + 1e-12
    assert inner[0] <= bound.interior.upper * (1 + 1e-9) + 1e-12
    # ||M_n|| >= ||M_n 1||/||1||.
    volumes = [box.volume for box in net.domains]
    assert (1.0 if measure == "uniform" else math.sqrt(volumes[0] / volumes[1])) <= bound.operator * (1 + 1e-15)
    assert bound.lower == 0.0 and bound.standing is mz.Standing.PROVED


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4), st.floats(0.1, 1.5), st.floats(0.1, 1.5), MEASURE)
def test_no_bound_is_below_a_galerkin_lower_bound_in_two_dimensions(weights, s, t, measure):
    noise = [mz.Uniform(s), mz.TruncatedGaussian(t, cutoff=2)]
    layer = mz.dense(np.reshape(weights, (2, 2)), [0.1, 0.2], activation="tanh", noise=noise)
    net = mz.Network([layer], domain=mz.Box([(-1, 1), (0, 0.5)]), observable=mz.state(2)[0])
    projection = mz.Legendre(1, measure=measure)
    bound = mz.certify(net, projection, method="hilbert_schmidt").layers[0]
    with blas_threads():
        whole, _ = lower_bound(step_of(net, projection, 0), 8, 24)
    assert whole[0] <= bound.upper * (1 + 1e-9)


def _density(noise, xi):
    s = float(noise.scale)
    if noise.name == "uniform":
        return (np.abs(xi) <= s) / (2 * s)
    reach = float(noise.cutoff) * s
    mass = integrate.quad(lambda t: math.exp(-0.5 * (t / s) ** 2), -reach, reach, epsabs=1e-13)[0]
    return np.where(np.abs(xi) <= reach, np.exp(-0.5 * (xi / s) ** 2) / mass, 0.0)


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize(
    "noise", [mz.Uniform(0.4), mz.TruncatedGaussian(0.3), mz.TruncatedGaussian(1.0, cutoff=1.5)], ids=repr
)
def test_the_norms_are_the_double_integrals_of_the_kernel(noise, measure):
    # HS^2 = int int p(y|x)^2 m(x)/m'(y) dy dx for M, and the same less the part of the constants for Q M.
    layer = mz.dense([[1.3]], [0.2], activation="tanh", noise=noise)
    lo, hi, next_lo, next_hi = -1.0, 1.5, -3.5, 3.0
    net = mz.Network([layer], domains=[mz.Box([(lo, hi)]), mz.Box([(next_lo, next_hi)])], observable=X)
    bound = mz.certify(net, mz.Mean(measure=measure), method="hilbert_schmidt").layers[0]
    t, w = np.polynomial.legendre.leggauss(80)
    x, wx = lo + (hi - lo) * (t + 1) / 2, w * (hi - lo) / 2
    center, reach = np.tanh(1.3 * x + 0.2), noise.support(float(noise.scale))[1]
    # The kernel is smooth for |y - F(x)| < reach and zero outside: one panel of y for every x.
    y, wy = center[:, None] + reach * t * (1 - 1e-15), w * reach
    kernel = _density(noise, y - center[:, None])
    here = 1.0 if measure == "lebesgue" else 1 / (hi - lo)
    following = 1.0 if measure == "lebesgue" else 1 / (next_hi - next_lo)
    whole = float(np.einsum("x,y,xy->", wx, wy, kernel**2)) * here / following
    assert bound.operator**2 == pytest.approx(whole, rel=1e-11)
    ratio = (hi - lo) / (next_hi - next_lo) if measure == "lebesgue" else 1.0
    assert bound.upper**2 == pytest.approx(whole - ratio, rel=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_uniform_noise_is_rounded_up_and_by_less_than_two_units(s, lo, width):
    layer = mz.Layer([X], state=[X], noise=mz.Uniform(s))
    box = mz.Box([(lo, lo + width)])
    net = mz.Network([layer], domain=box, observable=X)
    upper = mz.certify(net, mz.Mean(), method="hilbert_schmidt").layers[0].upper
    ((first, last),) = net.domains[1].intervals
    exact = (Fraction(last) - Fraction(first)) / (2 * Fraction(s)) - 1
    assert Fraction(upper) ** 2 >= exact
    below = math.nextafter(upper, 0.0)
    assert Fraction(below) ** 2 < exact or exact == Fraction(upper) ** 2


def test_a_float_scale_is_the_dyadic_number_that_it_is():
    bounds = []
    for scale in (0.1, Fraction(1, 10)):
        layer = mz.Layer([X], state=[X], noise=mz.Uniform(scale))
        net = mz.Network([layer], domains=[mz.Box([(0, 1)]), mz.Box([(-1, 2)])], observable=X)
        bounds.append(mz.certify(net, mz.Mean(), method="hilbert_schmidt").layers[0])
    assert Fraction(bounds[0].density[0]) <= 1 / (2 * Fraction(0.1)) <= Fraction(bounds[0].density[1])
    assert Fraction(bounds[1].density[0]) <= 5 <= Fraction(bounds[1].density[1])


def test_an_irrational_scale_is_enclosed():
    s = sp.Symbol("s", positive=True)
    layer = mz.Layer([X], state=[X], noise=mz.Uniform(sp.sqrt(s)))
    net = mz.Network([layer], domains=[mz.Box([(0, 1)]), mz.Box([(-2, 3)])], observable=X).with_params({s: 2})
    low, high = mz.certify(net, mz.Mean(), method="hilbert_schmidt").layers[0].density
    exact = 1 / (2 * sp.sqrt(2))
    assert sp.Rational(low) <= exact <= sp.Rational(high)
    assert high - low < 1e-15


@pytest.mark.parametrize("name", ["tanh8", "mixed5", "dense2"])
def test_no_memory_bound_is_below_a_golden_norm(name):
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    laws = {"uniform": mz.Uniform, "tgauss": mz.TruncatedGaussian}
    layers = [
        mz.dense(row["W"], row["b"], activation=row["activation"], noise=laws[row["noise"][0]](row["noise"][1]))
        for row in data["layers"]
    ]
    boxes = [mz.Box(box) for box in data["domains"]]
    net = mz.Network(layers, domains=boxes, observable=mz.state(boxes[-1].dim)[0])
    degree = max(sum(index) for index in data["multi_indices"]) if "multi_indices" in data else 5
    c = mz.certify(net, mz.Legendre(degree, measure="lebesgue"), method="hilbert_schmidt")
    for key, norm in data["memory_norms"].items():
        n, m = (int(part) for part in key.split(","))
        assert c.memory_bound(n, m) >= norm


@given(st.floats(1e-300, 1e300), st.integers(1, 12))
def test_printed_bounds_are_not_below_the_bounds(value, digits):
    assert Fraction(decimal_up(value, digits)) >= Fraction(value)
    assert Fraction(decimal_up(value, digits)) <= Fraction(value) * (1 + Fraction(10) ** (1 - digits))


PROJECTIONS = {
    "sine": (mz.Basis([1, sp.sin(X)]), [np.ones_like, np.sin]),
    "no constant": (mz.Basis([X]), [lambda x: x]),
    "weight": (mz.Basis([1, X], measure=sp.exp(-(X**2) / 4)), [np.ones_like, lambda x: x]),
    "weight, no constant": (mz.Basis([X], measure=1 + X**2), [lambda x: x]),
}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_functions_and_weights_of_the_user(name):
    """Against the kernel on a fine grid: what is bounded, and the norm itself."""
    P, functions = PROJECTIONS[name]
    s, w, b = 0.75, 1.5, 0.25
    net = mz.Network(
        [mz.dense([[w]], [b], activation="tanh", noise=mz.Uniform(s))] * 2, domain=mz.Box([(-1, 1)]), observable=X
    )
    bound = hilbert_schmidt(net, P, 1)
    boxes = [tuple(map(float, net.domains[n].intervals[0])) for n in (1, 2)]
    (x, u), (y, v) = (midpoints(*box, 1500) for box in boxes)
    weight = sp.lambdify(X, P.measure) if isinstance(P.measure, sp.Expr) else None
    u = u * (weight(x) if weight else 1 / (boxes[0][1] - boxes[0][0]))
    v = v * (weight(y) if weight else 1 / (boxes[1][1] - boxes[1][0]))
    kernel = np.where(np.abs(y[None] - np.tanh(w * x + b)[:, None]) <= s, 0.5 / s, 0.0)
    step = boxes[1][1] - boxes[1][0]
    table = np.sqrt(u)[:, None] * kernel * (step / len(y)) / np.sqrt(v)[None]
    here = np.linalg.qr(np.sqrt(u)[:, None] * np.array([f(x) for f in functions]).T)[0]
    rest = table - here @ (here.T @ table)
    size = np.linalg.norm(table)
    assert size * (1 - 1e-2) <= bound.operator <= size * (1 + 1e-2 if weight is None else 1.6)
    assert np.linalg.norm(rest, 2) <= bound.resolved * (1 + 1e-2)
    assert np.linalg.norm(rest) <= bound.resolved * (1 + 1e-2)
    c = mz.certify(net, P)
    assert c.layers[1].upper == bound.resolved and c.layers[1].method == "hilbert_schmidt"
    assert (" - 1" in c.latex()) == P.keeps_constants


def midpoints(lo, hi, count):
    return lo + (hi - lo) * (np.arange(count) + 0.5) / count, np.full(count, (hi - lo) / count)


def test_conditional_expectations_are_orthogonal_too():
    layer = mz.dense([[0.5, 0.25], [0.0, 0.5]], activation="tanh", noise=mz.Uniform(1.5))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2))
    found, polynomials = (hilbert_schmidt(net, P, 1) for P in (mz.Conditional([0]), mz.Legendre(1)))
    assert found.resolved == polynomials.resolved
    oblique = mz.certify(net, mz.Basis([1, mz.state(2)[0]], test=[1, mz.state(2)[0] ** 3]))
    assert math.isinf(oblique.layers[1].upper) and "orthogonal projections" in oblique.layers[1].reason


def test_weights_that_may_vanish_have_no_bound():
    layer = mz.dense([[0.5]], activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]))
    assert math.isinf(hilbert_schmidt(net, mz.Basis([1, X], measure=X**2), 1).resolved)
