"""Averages over multiplicative noise and random weights, against product Gauss rules that know nothing of the rules."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus import GaussianLaw, GaussianMean, TruncatedGaussianLaw, UniformLaw, UniformMean, noise_average
from mzsym.calculus.laws import DeterministicLaw
from mzsym.core.functions import relu

Y = sp.symbols("y0:2", real=True)
X = sp.symbols("x0:2", real=True)
XI = sp.symbols("xi0:3", real=True)
W = sp.symbols("w0:3", real=True)
S = sp.symbols("s0:3", positive=True)
R = sp.symbols("r0:3", positive=True)
A = sp.Symbol("a", real=True)
VALUES = {A: 0.7, X[0]: 0.2, X[1]: -0.6, **dict(zip(S, (0.5, 0.3, 0.8), strict=True))}
VALUES |= dict(zip(R, (0.4, 0.9, 0.6), strict=True))
FAMILY = {"U": UniformLaw, "G": GaussianLaw, "T": lambda s: TruncatedGaussianLaw(s, sp.Integer(2))}
PER_PIECE = {1: 40, 2: 30, 3: 20, 4: 12}
"""Nodes per piece of a product rule, by its dimension."""


def laws(names: str, scales: tuple[sp.Symbol, ...]) -> tuple[object, ...]:
    return tuple(DeterministicLaw() if n == "D" else FAMILY[n](s) for n, s in zip(names, scales, strict=False))


def rule(name: str, scale: float, kinks: tuple[float, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for one scalar law, in pieces between kinks."""
    if name == "D":
        return np.zeros(1), np.ones(1)
    reach = {"U": 1.0, "G": 9.0, "T": 2.0}[name] * scale
    ends = sorted({*np.linspace(-reach, reach, 7 if name == "G" else 3), *(k for k in kinks if abs(k) < reach)})
    t, u = np.polynomial.legendre.leggauss(count)
    x = np.concatenate([(a + b) / 2 + (b - a) / 2 * t for a, b in itertools.pairwise(ends)])
    w = np.concatenate([(b - a) / 2 * u for a, b in itertools.pairwise(ends)])
    if name == "U":
        return x, w / (2 * reach)
    w = w * np.exp(-((x / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))
    return x, w / math.erf(2 / math.sqrt(2)) if name == "T" else w


def brute(v, center, noise, gain, weights, values=VALUES, kinks=()):
    """E[v(F(x; w) + G(x) xi)] on a product grid."""
    count = PER_PIECE[sum(name != "D" for name in noise + weights)]
    xi, w = XI[: len(noise)], W[: len(weights)]
    matrix = sp.diag(*gain) if isinstance(gain, tuple) else sp.eye(len(center)) if gain is None else gain
    after = sp.Matrix(center) + matrix * sp.Matrix(xi)
    expr = v.doit().subs(dict(zip(Y, after, strict=False)), simultaneous=True).subs(values)
    grids = [rule(n, values[s], kinks, count) for n, s in zip(noise, S, strict=False)]
    grids += [rule(n, values[s], kinks, count) for n, s in zip(weights, R, strict=False)]
    points = np.meshgrid(*(g[0] for g in grids), indexing="ij")
    weight = functools.reduce(np.multiply.outer, (g[1] for g in grids))
    table = sp.lambdify([*xi, *w], expr, ["numpy", "scipy"])(*points)
    return float(np.sum(weight * table))


def average(v, center, noise, gain=None, weights=""):
    pairs = tuple(zip(W, laws(weights, R), strict=False))
    n = len(center)
    return noise_average(v, Y[:n], center, laws(noise, S), XI[: len(noise)], 5000, gain, pairs)


F1, F2 = sp.tanh(X[0]), X[0] * X[1]
NORM = sp.sqrt(X[0] ** 2 + X[1] ** 2)
MATRIX = sp.ImmutableMatrix([[1 + X[0] ** 2, X[1]], [X[0], 2]])
WIDE = sp.ImmutableMatrix([[1, X[0], 0], [0, X[1], 1]])

# (v, F, laws of the noise, gain, laws of the weights, dimension of what stays open)
CASES = [
    # one dimension, gains of either sign, and one that is positive for all x
    (Y[0] ** 4, (F1,), "U", (X[1],), "", 0),
    (sp.tanh(A * Y[0]) ** 2, (F1,), "U", (X[1],), "", 0),
    (sp.erf(A * Y[0]), (F1,), "G", (X[1],), "", 0),
    (Y[0] * relu(Y[0]), (F1,), "G", (1 + X[1] ** 2,), "", 0),
    (Y[0] * sp.tanh(Y[0]), (F1,), "U", (X[1],), "", 1),
    (sp.tanh(Y[0]), (F1,), "T", (X[1],), "", 1),
    (sp.exp(Y[0]), (F1,), "T", (X[1],), "", 0),
    # two dimensions, a gain per component
    (sp.tanh(Y[0] + A * Y[1]) * Y[1], (F1, F2), "UU", (X[1], 1 + X[0]), "", 1),
    (sp.tanh(Y[0]) * Y[1] ** 2, (F1, F2), "UG", (X[1], 1 + X[0]), "", 0),
    (sp.erf(Y[0] + A * Y[1]), (F1, F2), "GG", (X[1], 1 + X[0]), "", 0),
    (sp.tanh(Y[0]) + Y[1] ** 2, (F1, F2), "UD", (X[1], X[0]), "", 0),
    # matrices: the same noise in several components
    (Y[0] ** 2 * Y[1], (F1, F2), "UT", MATRIX, "", 0),
    (sp.erf(Y[0] - Y[1]), (F1, F2), "GG", MATRIX, "", 0),
    (sp.tanh(Y[0] - Y[1]), (F1, F2), "UU", MATRIX, "", 1),
    (sp.tanh(Y[0]) * Y[1], (F1, F2), "UU", MATRIX, "", 1),
    (Y[0] ** 2 * Y[1] ** 2, (F1, F2), "UGT", WIDE, "", 0),
    (sp.exp(Y[0] + Y[1]), (F1, F2), "UGT", WIDE, "", 0),
    (sp.tanh(Y[1]), (F1, F2), "UU", sp.ImmutableMatrix([[X[0], 0], [0, X[1]]]), "", 0),
    # random weights alone and with noise
    (Y[0] ** 3, (X[0] * (A + W[0]),), "U", None, "G", 0),
    (Y[0] ** 2, (sp.tanh(X[0] * (A + W[0])),), "U", None, "U", 0),
    (Y[0] ** 2, (sp.tanh(X[0] * (A + W[0])),), "U", None, "G", 1),
    (Y[0], (sp.erf(A + NORM * W[0]),), "D", None, "G", 0),
    (Y[0] ** 2, (relu(A + NORM * W[0]),), "D", None, "G", 0),
    (sp.erf(Y[0]), (A * X[0] + NORM * W[0],), "G", None, "G", 0),
    (sp.tanh(Y[0]), (A * X[0] + W[0] * X[1],), "U", None, "G", 1),
    (sp.tanh(Y[0]), (sp.sin(W[0]) * X[0],), "U", None, "T", 1),
    (Y[0] * Y[1], (sp.tanh(X[0] + W[0]), W[1] * X[1] + W[0]), "UU", None, "UU", 1),
    (sp.tanh(Y[0] + Y[1]), (X[0] * W[0], W[1]), "DD", None, "UG", 1),
    # all at once
    (Y[0] ** 2 * Y[1], (X[0] * W[0], sp.tanh(W[1] + X[1])), "UG", (X[1], 1 + X[0] ** 2), "GU", 0),
    (sp.erf(Y[0] + Y[1]), (X[0] * W[0], X[1]), "GG", MATRIX, "G", 0),
]


@pytest.mark.parametrize(("v", "center", "noise", "gain", "weights", "dimension"), CASES, ids=lambda e: str(e)[:30])
def test_averages_are_exact_and_as_closed_as_they_can_be(oracle, v, center, noise, gain, weights, dimension):
    result = average(v, center, noise, gain, weights)
    assert (result.dimension, result.closed) == (dimension, dimension == 0), result
    assert not result.expr.has_free(*Y, *XI, *W)
    kinked = v.has(relu) or any(c.has(relu) for c in center)
    kinks = (-VALUES[A] / float(NORM.subs(VALUES)), -math.tanh(0.2) / (1 + 0.36)) if kinked else ()
    expected = brute(v, center, noise, gain, weights, kinks=kinks)
    assert oracle.number(result.expr, VALUES) == pytest.approx(expected, rel=1e-11, abs=1e-13)
    assert any("gain" in rule for rule in result.rules) == (gain is not None)
    assert any("random weights" in rule for rule in result.rules) == bool(weights)


def test_the_sign_of_a_gain_does_not_matter_for_symmetric_noise():
    one, other = (average(sp.tanh(Y[0]), (F1,), "U", (sign * X[1],)).expr for sign in (1, -1))
    assert one == other == UniformMean("tanh", 1, F1, S[0] * sp.Abs(X[1]))


def test_normal_weights_and_normal_noise_make_one_normal():
    result = average(sp.erf(Y[0]), (A + NORM * W[0],), "G", None, "G")
    assert result.expr == GaussianMean("erf", 1, A, sp.sqrt(S[0] ** 2 + R[0] ** 2 * NORM**2))


def test_normal_weights_in_a_linear_layer_give_closed_polynomials():
    """E (a + |x| w)^k from the moments of a normal law: even powers of |x| only, so polynomials in x."""
    for k in range(7):
        result = average(Y[0] ** k, (A + NORM * W[0],), "D", None, "G").expr
        expected = sum(
            sp.binomial(k, j) * A ** (k - j) * (X[0] ** 2 + X[1] ** 2) ** (j // 2) * R[0] ** j * sp.factorial2(j - 1)
            for j in range(0, k + 1, 2)
        )
        assert result.is_polynomial(*X) and sp.expand(result - expected) == 0


def test_where_a_gain_vanishes_nothing_is_left_of_the_noise(oracle):
    """The open integral runs over xi itself, so it exists where the gain is 0."""
    result = average(Y[0] * sp.tanh(Y[0]), (F1,), "U", (X[1],))
    at = {**VALUES, X[1]: 0.0}
    assert oracle.number(result.expr, at) == pytest.approx(math.tanh(0.2) * math.tanh(math.tanh(0.2)), rel=1e-14)


def test_components_that_share_noise_are_not_averaged_apart():
    """Both components are xi_0: E[y_0 y_1] is its variance, not the product of two means 0."""
    shared = sp.ImmutableMatrix([[1], [1]])
    result = noise_average(Y[0] * Y[1], Y, (X[0], X[1]), (UniformLaw(S[0]),), XI[:1], 5000, shared)
    assert sp.expand(result.expr - X[0] * X[1] - S[0] ** 2 / 3) == 0
    random = ((W[0], UniformLaw(R[0])),)
    still = (DeterministicLaw(),) * 2
    result = noise_average(Y[0] * Y[1], Y, (X[0] * W[0], W[0]), still, XI[:2], 5000, None, random)
    assert sp.expand(result.expr - X[0] * R[0] ** 2 / 3) == 0


def test_the_centre_and_the_gain_may_use_the_names_of_the_state():
    result = noise_average(Y[0] ** 2, Y[:1], (sp.sin(Y[0]),), (UniformLaw(S[0]),), XI[:1], 5000, (Y[0],))
    assert sp.expand(result.expr - sp.sin(Y[0]) ** 2 - Y[0] ** 2 * S[0] ** 2 / 3) == 0


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=4, max_size=4),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(["UU", "UG", "TG"]),
    st.sampled_from(["GU", "UT"]),
)
def test_polynomials_average_to_products_of_moments(entries, powers, noise, weights):
    """Any matrix and any weights, against the sum over moments of the fully expanded polynomial."""
    gain = sp.ImmutableMatrix(2, 2, [entry + X[0] for entry in entries])
    center = (A + W[0] * X[1], W[1] - W[0])
    v = Y[0] ** powers[0] * Y[1] ** powers[1]
    result = average(v, center, noise, gain, weights)
    after = sp.Matrix(center) + gain * sp.Matrix(XI[:2])
    variables = (*XI[:2], *W[:2])
    expanded = sp.Poly(sp.expand(v.subs(dict(zip(Y, after, strict=True)), simultaneous=True)), *variables)
    every = (*laws(noise, S), *laws(weights, R))
    expected = sum(c * sp.Mul(*(law.moment(k) for law, k in zip(every, ks, strict=True))) for ks, c in expanded.terms())
    assert result.closed and sp.expand(result.expr - expected) == 0
