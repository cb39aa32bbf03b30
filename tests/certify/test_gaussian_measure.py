"""Norms in N(0, I), MATH (23g), against kernels discretised by the trapezoidal rule, which know nothing of averages.

Seen to fail when (each tried once): the tail is dropped; too much is taken out as resolved; the interior keeps all
columns; the constant is subtracted twice; components that depend on each other are taken as independent; the length of
w is forgotten.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.certify.gaussian.hilbert_schmidt import gaussian_hilbert_schmidt
from mzsym.certify.gaussian.proof import _enclosed, gaussian_enclosure
from mzsym.evaluate.blas import blas_threads

X = mz.state(1)[0]
ACTIVATIONS = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "sin": np.sin, "arctan": np.arctan}


def rule(reach=10.0, step=0.05):
    """The trapezoidal rule against N(0, 1), which converges fast for analytic integrands."""
    x = np.arange(-reach, reach + step / 2, step)
    return x, step * np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


def functions(x, top):
    rows = [np.ones_like(x), x]
    for k in range(1, top):
        rows.append((x * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    return np.array(rows[: top + 1]).T


def discretised(forward, s, degree):
    """||Q M||, ||Q M Q'||, ||M Q'||, ||P M Q'||, ||Q M P'|| for x -> forward(x) + N(0, s^2)."""
    (x, w), (y, v) = rule(), rule(20.0, 0.1)
    table = np.exp(-0.5 * ((y[None] - forward(x)[:, None]) / s) ** 2 + 0.25 * y[None] ** 2)
    table *= np.sqrt(w)[:, None] * math.sqrt(0.1 / (s**2 * math.sqrt(2 * math.pi)))
    here = np.linalg.qr(np.sqrt(w)[:, None] * functions(x, degree))[0]
    head = np.linalg.qr(np.sqrt(v)[:, None] * functions(y, degree))[0]
    with blas_threads():
        rest = table - here @ (here.T @ table)
        resolved, kept = here.T @ table, table @ head
        return [
            np.linalg.norm(matrix, 2)
            for matrix in (
                rest,
                rest - (rest @ head) @ head.T,
                table - kept @ head.T,
                resolved - (resolved @ head) @ head.T,
                rest @ head,
            )
        ]


def network(w, b, s, name="tanh", depth=2):
    layer = mz.dense([[w]], [b], activation=name, noise=mz.Gaussian(s))
    return mz.Network([layer] * depth, observable=X)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_enclosures_hold_discretised_norms(name, degree):
    w, b, s = 1.25, 0.25, 0.75
    found = gaussian_enclosure(network(w, b, s, name), degree, 1, 1e-9)
    exact = discretised(lambda x: ACTIVATIONS[name](w * x + b), s, degree)
    off = 1e-9
    assert found.reason == "" and found.width < 1e-9
    assert found.lower * (1 - off) <= exact[0] <= found.upper * (1 + off)
    assert found.interior_lower * (1 - off) <= exact[1] <= found.interior_upper * (1 + off)
    for bound, value in zip((found.ends.entrance, found.ends.resolved, found.ends.exit), exact[2:], strict=True):
        assert value * (1 - off) <= bound <= value * (1 + off) + 1e-9


@settings(max_examples=25, deadline=None)
@given(
    w=st.floats(-2.5, 2.5).filter(lambda w: abs(w) > 0.1),
    b=st.floats(-1, 1),
    s=st.floats(0.6, 1.25),
    degree=st.integers(0, 4),
    name=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_random_layers(w, b, s, degree, name):
    found = gaussian_enclosure(network(w, b, s, name), degree, 1, 1e-4)
    exact = discretised(lambda x: ACTIVATIONS[name](w * x + b), s, degree)
    assert found.lower * (1 - 1e-6) - 1e-9 <= exact[0] <= found.upper * (1 + 1e-6) + 1e-9
    assert found.interior_lower * (1 - 1e-6) - 1e-9 <= exact[1] <= found.interior_upper * (1 + 1e-6) + 1e-9
    square = gaussian_hilbert_schmidt(network(w, b, s, name), mz.Hermite(degree), 1)
    assert found.upper <= square.resolved * (1 + 1e-9) if degree == 0 else found.lower <= square.resolved


@pytest.mark.parametrize("noise", [mz.Uniform(0.75), mz.TruncatedGaussian(0.5, 2), mz.Uniform(0.25)])
@pytest.mark.parametrize("degree", [0, 2])
def test_other_noise_by_a_rule_in_both_variables(noise, degree):
    """y = F(x) + xi by nodes in xi: the Gram matrix of M* e_i over x, whose largest eigenvalues are those of M M*."""
    net = mz.Network([mz.dense([[1.0]], [0.1], activation="tanh", noise=noise)] * 2, observable=X)
    found = gaussian_enclosure(net, degree, 1, 1e-4)
    reach = float(noise.support(float(noise.scale))[1])
    x, w = rule(6.0, 0.1)
    f = np.tanh(x + 0.1)
    # <p(.|x), p(.|x')> in L^2(1/phi) where both densities overlap.
    t, v = np.polynomial.legendre.leggauss(40)
    low, high = np.maximum(f[:, None], f) - reach, np.minimum(f[:, None], f) + reach
    half = np.maximum(high - low, 0.0)[..., None] / 2
    y = (high + low)[..., None] / 2 + half * t
    rho = [density(noise, y - g) for g in (f[:, None, None], f[None, :, None])]
    kernel = np.sum(half * v * rho[0] * rho[1] * np.sqrt(2 * np.pi) * np.exp(y**2 / 2), axis=-1)
    table = np.sqrt(w)[:, None] * kernel * np.sqrt(w)
    head = np.linalg.qr(np.sqrt(w)[:, None] * functions(x, degree))[0]
    out = np.eye(len(x)) - head @ head.T
    exact = math.sqrt(np.linalg.eigvalsh(out @ table @ out)[-1])
    assert found.lower * (1 - 2e-3) <= exact <= found.upper * (1 + 1e-6)
    assert "wide" in found.reason or found.width < 1e-4


def density(noise, z):
    if isinstance(noise, mz.Uniform):
        return np.full_like(z, 0.5 / float(noise.scale))
    s, c = float(noise.scale), float(noise.cutoff)
    return np.exp(-0.5 * (z / s) ** 2) / (math.sqrt(2 * math.pi) * s * math.erf(c / math.sqrt(2)))


def test_a_layer_of_several_inputs_is_one_of_its_linear_function():
    w = np.array([0.75, -1.0])
    several = mz.Network([mz.dense([w], [0.25], activation="tanh", noise=mz.Gaussian(0.75))])
    one = mz.Network([mz.dense([[1.25]], [0.25], activation="tanh", noise=mz.Gaussian(0.75))])
    for degree in (0, 2):
        found, exact = (gaussian_enclosure(net, degree, 0, 1e-8) for net in (several, one))
        assert found.lower == pytest.approx(exact.lower, rel=1e-12) and found.upper == pytest.approx(exact.upper)


def second_moments(W, b, s):
    """E prod h_i(F_i) by a tensor rule."""
    x, w = rule()
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    F = np.tanh(points @ np.array(W).T + b)
    return np.sum(np.outer(w, w) * np.prod(np.exp(F**2 / (2 - s**2)) / (s * math.sqrt(2 - s**2)), axis=-1))


@pytest.mark.parametrize("W", [[[0.5, 0.25], [-0.25, 0.5]], [[0.5, 0.25], [0.5, -0.125]], [[0.75, 0.0], [0.5, 0.0]]])
def test_several_components(W):
    s, b = 0.75, [0.1, -0.2]
    net = mz.Network([mz.dense(W, b, activation="tanh", noise=mz.Gaussian(s))])
    found = gaussian_hilbert_schmidt(net, mz.Hermite(1), 0)
    exact = second_moments(W, b, s)
    orthogonal = float(np.dot(*W)) == 0.0
    assert exact * (1 - 1e-10) <= found.operator**2 <= exact * (1 + 1e-10 if orthogonal else 1.05)
    assert found.resolved**2 == pytest.approx(found.operator**2 - 1)
    # Expressions that say nothing of directions are bounded by their ranges.
    x = mz.state(2)
    exprs = [sp.tanh(sum(sp.Rational(str(w)) * v for w, v in zip(row, x, strict=True))) for row in W]
    worse = mz.Network([mz.Layer(exprs, state=x, noise=[mz.Gaussian(s)] * 2)])
    bound = gaussian_hilbert_schmidt(worse, mz.Hermite(1), 0).operator ** 2
    assert bound == pytest.approx((math.exp(1 / (2 - s**2)) / (s * math.sqrt(2 - s**2))) ** 2)


def test_certificates_bound_the_memory_that_is_computed():
    net = network(1.0, 0.1, 0.5, depth=4)
    P = mz.Hermite(2)
    c = mz.certify(net, P)
    assert c.contracts.decision == "proved" and {layer.method for layer in c.layers} == {"sharp"}
    ev = mz.compile(mz.derive(net, P))
    for n, m in ((0, 2), (0, 3), (1, 3), (0, 4)):
        norm = np.linalg.norm(ev.memory(n, m), 2)
        assert 0.0 < norm <= c.memory_bound(n, m) <= 12 * norm
    text = c.latex()
    assert "Legendre" not in text and "Hermite polynomials" in text and r"\Omega" not in text.split("Contraction")[0]


def test_what_has_no_bound_says_why():
    def reason(layer):
        c = mz.certify(mz.Network([layer] * 2, observable=X), mz.Hermite(1))
        assert math.isinf(c.layers[1].upper)
        return c.layers[1].reason

    assert "heavy" in reason(mz.dense([[1.0]], activation="tanh", noise=mz.Laplace(0.5)))
    assert "variance 2" in reason(mz.dense([[1.0]], activation="tanh", noise=mz.Gaussian(1.5)))
    assert "bounded" in reason(mz.dense([[1.0]], activation="softplus", noise=mz.Gaussian(0.5)))
    assert "no noise" in reason(mz.dense([[1.0]], activation="tanh", noise=mz.Deterministic()))


def test_searches_take_the_measure():
    net = network(1.0, 0.1, 0.5, depth=3)
    level = mz.minimal_noise(net, 1, mz.Hermite(1), 0.5)
    assert level.upper <= 0.5 < level.lower and 0.3 < level.certified < 0.9
    found = mz.minimal_projection(net, 0.5, measure="gaussian")
    assert found.projection == mz.Hermite(found.degree) and found.minimal.decision == "proved"
    square = mz.minimal_noise(net, 1, mz.Hermite(1), 0.8, method="hilbert_schmidt")
    assert square.certified > level.certified


def test_the_tail_is_what_makes_few_functions_a_bound():
    from mzsym.balls import precision
    from mzsym.balls.sections import sections
    from mzsym.certify.gaussian.maps import NormalLayer

    net = network(2.0, 0.0, 0.5)
    exact = discretised(lambda x: np.tanh(2 * x), 0.5, 1)
    with precision(), blas_threads():
        layer = NormalLayer(net, 1)
        found = _enclosed(sections(layer.on_line(0), layer.noise()[0], 1, 6), 1, 6)
    assert found.lower < exact[0] < found.upper and found.upper < 1.5 * exact[0]
    assert found.ends.entrance >= exact[2] and found.ends.resolved >= exact[3] and found.interior_upper >= exact[1]
