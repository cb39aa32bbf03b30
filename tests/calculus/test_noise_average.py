"""Noise averages of whole expressions: closed where they must be, exact in every case."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus import (
    DeterministicLaw,
    GaussianLaw,
    GaussianMean,
    TruncatedGaussianLaw,
    UniformLaw,
    UniformMean,
    noise_average,
)
from mzsym.calculus.rules import RULES
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

Y = sp.symbols("y0:3", real=True)
X = sp.symbols("x0:3", real=True)
XI = sp.symbols("xi0:3", real=True)
A = sp.symbols("a0:3", real=True)
S = sp.symbols("s0:3", positive=True)
VALUES = {A[0]: 0.7, A[1]: -0.4, A[2]: 1.1, S[0]: 0.5, S[1]: 0.3, S[2]: 0.8, X[0]: 0.2, X[1]: -0.6, X[2]: 0.35}
LAWS = {
    "U": [UniformLaw(s) for s in S],
    "G": [GaussianLaw(s) for s in S],
    "T": [TruncatedGaussianLaw(s, sp.Integer(2)) for s in S],
    "D": [DeterministicLaw()] * 3,
}
KINKS = (0.0, -VALUES[A[1]] / VALUES[A[0]], -0.5, 0.5, -0.25)
RIDGE = A[0] * Y[0] + A[1] * Y[1] + sp.Rational(1, 5)

# (expression, law of each coordinate, dimension of what stays open)
CASES = [
    (Y[0] ** 2 * Y[1] + Y[1] ** 3, "UU", 0),
    (Y[0] ** 4 * Y[1] ** 2, "GT", 0),
    ((Y[0] + A[2]) ** 5, "T", 0),
    (sp.tanh(A[0] * Y[0]) ** 3 - Y[0], "U", 0),
    (sp.tanh(RIDGE) ** 2 + Y[0], "UU", 1),
    (Y[0] ** 2 * sp.tanh(RIDGE), "UU", 1),
    (Y[0] * Y[1] * sp.tanh(RIDGE), "UU", 2),
    (Y[0] * sp.tanh(Y[1]), "UU", 0),
    (sp.tanh(Y[0]) * sp.tanh(Y[1]) ** 2, "UU", 0),
    (Y[1] * sp.tanh(Y[0]) * sp.tanh(Y[1]) ** 2 + sp.tanh(Y[0]), "UU", 1),
    (sp.tanh(Y[0] * Y[1]), "UU", 1),
    (sp.tanh(Y[0] ** 2), "U", 1),
    (sp.exp(RIDGE), "UT", 0),
    (sp.exp(RIDGE) * sp.exp(-2 * Y[0]), "UG", 0),
    (sp.exp(Y[0]) ** 2 * 2 ** Y[0], "T", 0),
    (sp.sin(RIDGE) ** 3, "UU", 0),
    (sp.cos(RIDGE) ** 2 * sp.sin(Y[0]), "UG", 0),
    (sp.sin(Y[0]) * sp.cos(A[1] * Y[0]), "U", 0),
    (sp.sin(Y[0]) * sp.sin(A[1] * Y[0]) * sp.cos(Y[0]), "G", 0),
    (sp.sin(RIDGE), "TU", 1),
    (sp.erf(RIDGE), "GG", 0),
    (relu(RIDGE) ** 2, "GG", 0),
    (sp.tanh(RIDGE), "GG", 1),
    (sp.tanh(RIDGE), "UG", 1),
    (gelu(RIDGE) + sp.Max(0, Y[1]) ** 2, "GU", 1),
    (sp.Abs(Y[0]) ** 3 + leaky_relu(A[0] * Y[0], A[2]) ** 2, "U", 0),
    (sp.Abs(Y[0]) ** 3 + leaky_relu(A[0] * Y[0], A[2]) ** 2, "G", 0),
    (1 / (1 + sp.exp(-Y[0])) ** 2, "U", 0),
    (sp.tanh(RIDGE) * Y[0], "DU", 0),
    (sp.tanh(RIDGE) * Y[0], "DD", 0),
    (Y[0] * sp.tanh(Y[0]), "U", 1),
    (sp.tanh(Y[0]), "T", 1),
    (relu(Y[0]) ** 2 + leaky_relu(Y[0], A[2]) + sp.Abs(A[0] * Y[0] + A[1]), "T", 0),
    (hardtanh(2 * Y[0]) ** 3 + elu(A[0] * Y[0] + A[1]) ** 2 - sp.Heaviside(Y[0]), "T", 0),
    (hardtanh(2 * Y[0]) ** 3 + elu(A[0] * Y[0] + A[1]) ** 2 - sp.Heaviside(Y[0]), "G", 0),
    (hardtanh(2 * Y[0]) ** 3 + elu(A[0] * Y[0] + A[1]) ** 2 - sp.Heaviside(Y[0]) + silu(Y[0]), "U", 0),
    (Y[0] ** 3 * sp.Heaviside(-2 * Y[0]) + sp.sign(Y[0]) + Y[0] / (1 + sp.exp(-Y[0])), "U", 0),
    (Y[0] ** 2 * sp.Heaviside(Y[0], 0) ** 2, "G", 0),
    (sp.Min(sp.Max(Y[0], -sp.Rational(1, 4)), sp.Rational(1, 2)) ** 2, "U", 0),
    (silu(Y[0]) ** 2, "U", 1),
    (silu(Y[0]), "G", 1),
    (elu(RIDGE) ** 2, "GG", 0),
    ((Y[0] + relu(Y[0]) / 2) ** 3, "U", 0),
    (Y[0] * leaky_relu(2 * Y[0], sp.Rational(1, 9)) ** 2 + Y[0] * sp.Abs(Y[0]), "G", 0),
    (Y[0] ** 2 * Y[1] * sp.tanh(RIDGE) ** 2, "GG", 1),
    (Y[0] * sigmoid(RIDGE) ** 2 - Y[1] ** 2 * softplus(RIDGE), "GG", 1),
    (Y[0] * sp.tanh(RIDGE), "GU", 1),
    (Y[0] ** 2 * Y[1] * sp.cos(RIDGE) + Y[1] * sp.sin(RIDGE), "GG", 0),
    (Y[0] * relu(RIDGE) - Y[1] * sp.Abs(RIDGE), "GG", 0),
    (Y[0] ** 3 * sp.sin(A[0] * Y[0] + A[1]) - Y[0] * relu(A[0] * Y[0] + A[1]), "G", 0),
    (sp.Abs(A[0] * Y[0] + A[1]) ** 3 + relu(A[0] * Y[0] + A[1]) * (A[0] * Y[0] + A[1]), "U", 0),
]


def _average(v, names, centers=X):
    laws = tuple(LAWS[name][i] for i, name in enumerate(names))
    n = len(names)
    return noise_average(v, Y[:n], centers[:n], laws, XI[:n], 5000)


def _brute(oracle, v, names, pieces):
    kinds = {"U": ("uniform",), "G": ("normal",), "T": ("truncated",), "D": ("fixed",)}
    n = len(names)
    noisy = [i for i in range(n) if names[i] != "D"]
    function = sp.lambdify(Y[:n], v.doit().subs(VALUES), ["numpy", "scipy"])

    def at(*t):
        point = [VALUES[X[i]] for i in range(n)]
        for i, value in zip(noisy, t, strict=True):
            point[i] = value
        return function(*point)

    laws = [(*kinds[names[i]], VALUES[S[i]], *((2.0,) if names[i] == "T" else ())) for i in noisy]
    centers = [VALUES[X[i]] for i in noisy]
    return oracle.expectation(at, centers, laws, kinks=KINKS, pieces=pieces) if noisy else float(at())


@pytest.mark.parametrize(("v", "names", "dimension"), CASES, ids=lambda e: str(e)[:36])
def test_averages_are_exact_and_as_closed_as_they_can_be(oracle, v, names, dimension):
    result = _average(v, names)
    assert (result.dimension, result.closed) == (dimension, dimension == 0), result
    assert result.rules
    assert not result.expr.has_free(*Y[: len(names)], *XI)
    # A kink that no coordinate plane shows costs the oracle digits.
    kinked = len(names) > 1 and v.has(relu, elu)
    expected = _brute(oracle, v, names, pieces=6 if kinked else 1)
    value = oracle.number(result.expr, VALUES, kinks=[-VALUES[X[0]]])
    assert abs(value - expected) < (1e-6 if kinked else 1e-12) * (1 + abs(expected)), (value, expected)


def test_a_step_of_a_sum_of_normal_noises_is_a_normal_probability():
    result = _average(sp.Heaviside(RIDGE) ** 2, "GG")
    centre = RIDGE.subs(dict(zip(Y, X, strict=True)))
    spread = sp.sqrt((A[0] * S[0]) ** 2 + (A[1] * S[1]) ** 2)
    expected = (1 + sp.erf(centre / spread / sp.sqrt(2))) / 2
    assert result.closed and abs(float((result.expr - expected).subs(VALUES).evalf(20))) < 1e-15


def test_another_value_at_the_jump_counts_where_there_may_be_no_noise():
    """E H(a (y + xi), 3) is H(0, 3) = 3 at a = 0, and the usual average elsewhere."""
    assert _average(sp.Heaviside(2 * Y[0], 3), "U").closed
    open_one = _average(sp.Heaviside(A[0] * Y[0], 3), "U")
    assert not open_one.closed and open_one.expr.subs({A[0]: 0, S[0]: 1, X[0]: 0}).doit() == 3
    closed = _average(sp.Heaviside(A[0] * Y[0]), "U")
    assert closed.closed and closed.expr.subs({A[0]: 0, S[0]: 1, X[0]: 0}) == sp.S.Half


def test_a_truncated_average_keeps_its_value_where_a_weight_vanishes():
    result = _average(hardtanh(A[0] * Y[0] + A[1]), "T").expr
    assert result.subs(A[0], 0) == hardtanh(A[1])
    small = result.subs({**VALUES, A[0]: 1e-9}).evalf(20)
    assert abs(small - VALUES[A[1]]) < 1e-9


def test_open_averages_say_why():
    result = _average(Y[0] * sp.tanh(Y[0]), "U")
    assert "tanh times a monomial" in result.rules[-1] and "Uniform" in result.rules[-1]
    assert isinstance(result.expr.atoms(sp.Integral).pop(), sp.Integral)


def test_no_dependence_on_the_noise_is_left_alone():
    assert _average(A[0] ** 2, "U").expr == A[0] ** 2
    assert _average(A[0] ** 2, "U").rules == ()


def test_the_centre_may_use_the_names_of_the_state():
    result = noise_average(sp.tanh(Y[0]) + Y[0], (Y[0],), (sp.sin(Y[0]),), (LAWS["U"][0],), (XI[0],), 5000)
    assert result.expr == UniformMean("tanh", 1, sp.sin(Y[0]), S[0]) + sp.sin(Y[0])


def test_the_scale_along_the_ridge_is_the_absolute_slope():
    assert _average(sp.tanh(-3 * Y[0]), "U").expr == -UniformMean("tanh", 1, 3 * X[0], 3 * S[0])
    assert _average(sp.tanh(A[0] * Y[0]), "U").expr == UniformMean("tanh", 1, A[0] * X[0], S[0] * sp.Abs(A[0]))
    assert _average(sp.erf(A[0] * Y[0]), "G").expr == GaussianMean("erf", 1, A[0] * X[0], S[0] * sp.Abs(A[0]))


def test_what_is_too_large_stays_whole_and_says_so():
    wide = sp.Add(*(sp.tanh(k * Y[0]) for k in range(1, 12))) ** 12
    result = _average(wide, "U")
    assert not result.closed and result.dimension == 1
    assert "5000 operations" in result.rules[0]
    assert result.expr.atoms(sp.Integral).pop().function == wide.subs(Y[0], X[0] + XI[0])
    small = noise_average((1 + Y[0]) ** 9, (Y[0],), (X[0],), (LAWS["U"][0],), (XI[0],), 5)
    assert not small.closed and "5 operations" in small.rules[0]
    for huge in (Y[0] ** 10**8, sp.tanh(Y[0]) ** 10**8, sp.sin(Y[0]) ** 10**8 * sp.cos(Y[0])):
        assert not _average(huge, "U").closed


def test_every_rule_is_used_and_cites_an_equation():
    used = set()
    for v, names, _ in CASES:
        used |= set(_average(v, names).rules)
    for rule in RULES:
        assert "MATH" in rule.cites
        # By parts serves boxes only.
        assert str(rule) in used or "parts" in rule.name


coefficients = st.fractions(min_value=-3, max_value=3, max_denominator=7).map(
    lambda q: sp.Rational(q.numerator, q.denominator)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(coefficients, min_size=2, max_size=6), coefficients, coefficients, st.sampled_from(["U", "G", "T"]))
def test_polynomials_average_to_their_moments(c, center, shift, name):
    """E p(x + xi) by Taylor's formula against the same sum over moments of a fully expanded polynomial."""
    p = sum(ck * (Y[0] + shift) ** k for k, ck in enumerate(c))
    law = LAWS[name][0]
    expanded = sp.Poly(sp.expand(p.subs(Y[0], center + XI[0])), XI[0])
    expected = sum(ck * law.moment(k) for (k,), ck in expanded.terms())
    result = noise_average(p, (Y[0],), (center,), (law,), (XI[0],), 5000)
    assert result.closed and sp.expand(result.expr - expected) == 0


@settings(max_examples=12, deadline=None)
@given(st.lists(coefficients, min_size=2, max_size=5), coefficients, st.integers(-12, 2), coefficients)
def test_linear_in_the_terms_at_any_scale(c, slope, exponent, center):
    """A polynomial of one ridge is the same combination of heads, also for tiny and large noise."""
    g = sum(ck * sp.tanh(slope * Y[0] + 1) ** k for k, ck in enumerate(c))
    scale = sp.Rational(3, 2) * sp.Integer(10) ** exponent
    result = noise_average(g, (Y[0],), (center,), (UniformLaw(scale),), (XI[0],), 5000)
    expected = sum(ck * UniformMean("tanh", k, slope * center + 1, abs(slope) * scale) for k, ck in enumerate(c))
    assert result.closed and abs((result.expr - expected).evalf(30)) < 1e-25
