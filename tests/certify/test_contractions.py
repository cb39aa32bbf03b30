"""Dobrushin's coefficients and Lipschitz constants of single layers, and what they say in the law of the state.

Seen to fail when (each tried once): extents are added in place of multiplied overlaps; Gaussian components are taken
one by one; the last component is ignored; a deterministic component counts as no distance; the root in the law is left
out, or rounded to nearest; sqrt(alpha) is used in every measure; the entrance of constants is not 0; windows enter
memory bounds; an unbounded state keeps the ends of its noise's scale.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mzsym as mz
from mzsym.calculus.laws import DensityLaw
from mzsym.certify import Certificate
from mzsym.certify.sufficient.contractions import contractions_of, root_up
from mzsym.core.names import NOISE_VARIABLE
from mzsym.model.noise import AbstractNoise

X = mz.state(1)


class Stated(AbstractNoise):
    """A law stated by its density, as far as the bounds look at it."""

    name = "stated"
    scale = None
    bounded = False

    def __init__(self, density, lower, upper):
        self.stated = DensityLaw.of(density, lower, upper)

    def law(self, scale):
        return self.stated

    def support(self, scale):
        return -math.inf, math.inf

    def sample(self, rng, size, scale):
        raise NotImplementedError

    def with_scale(self, scale):
        raise NotImplementedError


BOX = mz.Box([(-1, 1)])


def one(layer, box=BOX):
    """(alpha, its reason), (Lipschitz constant, its reason) of one layer."""
    found = contractions_of(mz.Network([layer], domain=box), True, True)
    return found.dobrushin[0], found.lipschitz[0]


def linear(extents, noise):
    """A layer whose image of [0, 1]^N is a box of these extents."""
    N = len(extents)
    return mz.dense(np.diag(extents), np.zeros(N), noise=noise), mz.Box([(0, 1)] * N)


# ---------------------------------------------------------------- formulas


def test_boxes():
    (alpha, _), _ = one(*linear([0.25, 0.5], [mz.Uniform(0.5), mz.Uniform(1)]))
    assert alpha == pytest.approx(1 - 0.75 * 0.75, abs=1e-15) and Fraction(alpha) >= Fraction(7, 16)
    (alpha, why), _ = one(*linear([0.25, 2.5], [mz.Uniform(0.5), mz.Uniform(1)]))
    assert alpha == 1.0 and why == "the image of component 1 is wider than its noise"


def test_gaussian_components_are_one():
    (alpha, _), _ = one(*linear([0.6, 0.8], mz.Gaussian(0.5)))
    assert alpha == pytest.approx(2 * stats.norm.cdf(1.0) - 1, abs=1e-15)
    # Different scales: the diameter in units of the scales.
    (alpha, _), _ = one(*linear([0.6, 8.0], [mz.Gaussian(0.5), mz.Gaussian(5)]))
    assert alpha == pytest.approx(2 * stats.norm.cdf(1.0) - 1, abs=1e-15)


def test_mixed_components_multiply_their_overlaps():
    noise = [mz.Gaussian(0.5), mz.Uniform(1), mz.TruncatedGaussian(1, cutoff=2), mz.Gaussian(1)]
    (alpha, _), _ = one(*linear([0.6, 0.5, 1.0, 1.6], noise))
    normal = 2 * stats.norm.cdf(-1.0)
    mass = 2 * stats.norm.cdf(2) - 1
    cut = 1 - (2 * stats.norm.cdf(0.5) - 1) / mass
    assert alpha == pytest.approx(1 - normal * 0.75 * cut, abs=1e-14)


def test_laplace_noise_and_densities_of_the_users():
    (alpha, _), _ = one(*linear([0.5], mz.Laplace(0.25)))
    assert alpha == pytest.approx(1 - math.exp(-1), abs=1e-15)
    (alpha, _), _ = one(*linear([0.5, 0.5], [Stated(1 - sp.Abs(NOISE_VARIABLE), -1, 1), mz.Laplace(0.5)]))
    # P(|xi| > d/2) for the triangle.
    exact = 1 - 0.75**2 * math.exp(-0.5)
    assert exact <= alpha < exact + 1e-3
    (alpha, why), _ = one(*linear([2.5], Stated(1 - sp.Abs(NOISE_VARIABLE), -1, 1)))
    assert alpha == 1.0 and "not proved to overlap" in why
    (alpha, why), _ = one(*linear([0.5], Stated(sp.besselk(0, sp.Abs(NOISE_VARIABLE)) / sp.pi, -sp.oo, sp.oo)))
    assert alpha == 1.0 and "has no enclosure" in why


def test_components_without_noise():
    (alpha, why), _ = one(*linear([0.5, 0.5], [mz.Deterministic(), mz.Uniform(1)]))
    assert alpha == 1.0 and why == "component 0 has no noise and is not constant"
    x = mz.state(2)
    layer = mz.Layer([sp.Rational(1, 3), x[0] / 2], state=x, noise=[mz.Uniform(3), mz.Uniform(1)])
    assert one(layer, mz.Box([(0, 1)] * 2))[0][0] == pytest.approx(0.25, abs=1e-15)
    chain = [mz.Layer([1, x[0] / 2], state=x, noise=[mz.Deterministic(), mz.Gaussian(1)])]
    alpha = contractions_of(mz.Network(chain, domain=mz.Box([(0, 1)] * 2)), True, False).dobrushin[0][0]
    assert alpha == pytest.approx(2 * stats.norm.cdf(0.25) - 1, abs=1e-14)


def test_symbolic_scales_are_enclosed():
    s = sp.Symbol("s", positive=True)
    net = mz.Network([mz.Layer([X[0]], state=X, noise=mz.Uniform(sp.sqrt(s)))], domain=mz.Box([(0, 1)]))
    alpha = contractions_of(net.with_params({s: 2}), True, False).dobrushin[0][0]
    exact = 1 / (2 * sp.sqrt(2))
    assert sp.Rational(alpha) >= exact and alpha < float(exact) * (1 + 1e-15)
    local = mz.Layer([X[0]], state=X, noise=mz.Uniform(s), params={s: 2})
    assert one(local, mz.Box([(0, 1)]))[0][0] == 0.25


# ---------------------------------------------------------------- Lipschitz


def test_lipschitz_constants_of_known_layers():
    def constant(layer, box=BOX):
        return one(layer, box)[1][0]

    assert constant(mz.dense([[2.0]], [0.0], activation="tanh")) == pytest.approx(2, rel=1e-12)
    # tanh' is largest where |2 x + 3| is smallest: at x = -1, where it is 1.
    assert constant(mz.dense([[2.0]], [3.0], activation="tanh")) == pytest.approx(2 / math.cosh(1) ** 2, rel=1e-12)
    assert constant(mz.dense([[3.0]], [0.0], activation="relu")) == pytest.approx(3, rel=1e-12)
    assert constant(mz.dense([[3.0]], [-4.0], activation="relu", noise=mz.Uniform(1))) < 1e-200
    assert constant(mz.residual([[1.0]], [0.0], activation="tanh", step=-1)) == pytest.approx(
        1 - 1 / math.cosh(1) ** 2, rel=2e-4
    )
    x = mz.state(2)
    square = mz.Box([(-1, 1)] * 2)
    assert constant(mz.Layer([x[0] * (1 - x[0])], state=x[:1])) == pytest.approx(3, rel=1e-12)
    # The rotation is an isometry; its rows alone say sqrt 2 by ||.||_1 ||.||_inf.
    turn = [[sp.Rational(3, 5), -sp.Rational(4, 5)], [sp.Rational(4, 5), sp.Rational(3, 5)]]
    assert constant(mz.dense(sp.Matrix(turn)), square) == pytest.approx(1, rel=1e-12)
    # J = [[y, x], [1, 0]]: ||J|| is largest at the corners, (1 + sqrt 5)/2 * ... by numpy.
    J = np.array([[1.0, 1.0], [1.0, 0.0]])
    layer = mz.Layer([x[0] * x[1], x[0]], state=x)
    assert np.linalg.norm(J, 2) <= constant(layer, square) < np.linalg.norm(J, 2) * 1.05


def test_bisection_sharpens_an_expression():
    # The natural enclosure of the derivative over the whole box says 6 and more.
    x = mz.state(1)
    layer = mz.Layer([sp.sin(3 * x[0]) - 3 * sp.sin(x[0])], state=x)
    z = np.linspace(-1, 1, 100001)
    true = np.abs(3 * np.cos(3 * z) - 3 * np.cos(z)).max()
    bound = one(layer)[1][0]
    assert true <= bound <= true * 1.005


def test_no_finite_slope_says_why():
    assert "component 0 " in one(mz.Layer([sp.Heaviside(X[0]), X[0]], state=X))[1][1]
    assert math.isfinite(one(mz.Layer([sp.Heaviside(X[0] + 2), X[0]], state=X, noise=mz.Uniform(1)))[1][0])
    layers = [mz.dense([[1.0]], activation="identity", noise=mz.Gaussian(1)), mz.dense([[1.0]], activation="tanh")]
    found = contractions_of(mz.Network(layers, domain=BOX), True, True)
    assert [bound for bound, _ in found.lipschitz] == [pytest.approx(1), pytest.approx(1)]
    layers[1] = mz.Layer([X[0] ** 2], state=X)
    found = contractions_of(mz.Network(layers, domain=BOX), True, True)
    assert found.lipschitz[1] == (
        math.inf,
        "the slope of every component has no finite bound on the domain, which is not bounded",
    )


def test_gains_and_random_weights():
    w = sp.Symbol("w", real=True)
    random = mz.Layer([sp.tanh(w * X[0])], state=X, noise=mz.Uniform(2), params={w: mz.Uniform(1)})
    (alpha, _), (bound, why) = one(random)
    # tanh(w x) takes values in [-tanh 1, tanh 1]: a half of it for the extent.
    assert alpha == pytest.approx(math.tanh(1) / 2, rel=1e-12)
    assert math.isinf(bound) and "random weights" in why
    gain = mz.Layer([X[0] / 4], state=X, gain=[1 + X[0] ** 2], noise=mz.Uniform(2))
    (alpha, why), (bound, _) = one(gain)
    assert alpha == 1.0 and "gain" in why and math.isinf(bound)


@pytest.mark.parametrize("width", [96])
def test_wide_layers(width):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(width, width)) / math.sqrt(width)
    layer = mz.dense(W, rng.normal(size=width), activation="gelu", noise=mz.Gaussian(40))
    (alpha, _), (bound, _) = one(layer, mz.Box([(-1, 1)] * width))
    top = np.linalg.norm(W, 2)
    assert top * 0.9 < bound < 1.13 * top and 0 < alpha < 0.5
    residual = mz.residual(W, rng.normal(size=width), activation="tanh", step=0.1, noise=mz.Gaussian(30))
    bound = one(residual, mz.Box([(-1, 1)] * width))[1][0]
    assert np.linalg.norm(np.eye(width) + 0.05 * W, 2) < bound < 1 + 0.1 * top


# ---------------------------------------------------------------- the law of the state


def _norm_in_the_law(net, n, start, count=700):
    """||M_n|| on functions of mean zero in the law, from transition matrices between cells; all one-dimensional."""
    grids, mass = [np.linspace(start[0], start[1], count + 1)], np.full(count, 1 / count)
    for k in range(n + 1):
        layer, edges = net.layers[k], grids[-1]
        centers = (edges[1:] + edges[:-1]) / 2
        F, s = layer.forward(centers[:, None])[:, 0], float(layer.noise[0].scale)
        law = stats.uniform(-s, 2 * s) if layer.noise[0].name == "uniform" else stats.norm(scale=s)
        reach = s if layer.noise[0].name == "uniform" else 7 * s
        grids.append(np.linspace(F.min() - reach, F.max() + reach, count + 1))
        P = np.diff(law.cdf(grids[-1][None, :] - F[:, None]), axis=1)
        before, mass = mass, mass @ P
    keep = mass > 1e-14
    S = np.sqrt(before)[:, None] * P[:, keep] / np.sqrt(mass[keep])[None, :]
    return float(np.linalg.svd(S - np.outer(np.sqrt(before), np.sqrt(mass[keep])), compute_uv=False)[0])


@settings(max_examples=12)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.3, 2), st.booleans())
def test_the_root_of_alpha_bounds_the_norm_in_the_law(w, v, s, normal):
    noise = mz.Gaussian(s) if normal else mz.Uniform(s)
    net = mz.Network([mz.dense([[k]], [0.1], activation="tanh", noise=noise) for k in (w, v)], domain=BOX)
    c = mz.certify(net, mz.Mean(measure="law"), method="dobrushin")
    for n in range(2):
        assert _norm_in_the_law(net, n, (-1, 1)) <= c.layers[n].upper + 1e-3
        assert Fraction(c.layers[n].upper) ** 2 >= Fraction(c.layers[n].dobrushin)


@given(st.floats(0, 1))
def test_roots_are_rounded_up(alpha):
    root = root_up(alpha)
    assert Fraction(root) ** 2 >= Fraction(alpha) and root <= 1.0
    assert root == 0 or Fraction(math.nextafter(math.nextafter(root, 0), 0)) ** 2 < Fraction(alpha)


def chain(noise, projection, depth=3, **options):
    layers = [mz.dense([[1.2]], [0.1], activation="tanh", noise=noise)] * depth
    return mz.certify(mz.Network(layers, domain=BOX, observable=X[0]), projection, **options)


def test_in_the_law_the_memory_contracts_under_gaussian_noise():
    c = chain(mz.Gaussian(0.5), mz.Basis([1, X[0]], measure="law"), method="dobrushin")
    upper = [layer.upper for layer in c.layers]
    assert all(layer.method == "dobrushin" and layer.upper < 1 for layer in c.layers)
    assert c.contracts and "dobrushin" in c.contracts.why
    assert "law of the state" in c.layers[0].reason
    exact = Fraction(upper[0]) * Fraction(upper[1]) * Fraction(upper[2])
    assert exact <= Fraction(c.memory_bound(0, 3)) <= exact * (1 + Fraction(1, 10**14))


def test_windows_do_not_enter_memory_bounds():
    # Every alpha is 1, several steps have less; a memory kernel has projections in between, which windows do not bound:
    # X = a, Y = (a, b), b a coin, Z = a b. E[Z|X] = 0, but P may keep (a b + a)/sqrt 2, and then Q does not.
    a, b = (np.array(values, dtype=float) for values in ((1, 1, -1, -1), (1, -1, 1, -1)))
    kept = (a * b + a) / math.sqrt(2)
    g = a * b
    rest = g - kept * (kept @ g) / 4
    means = [g[a == value].mean() for value in (1, -1)], [rest[a == value].mean() for value in (1, -1)]
    assert np.allclose(means[0], 0) and not np.allclose(means[1], 0)
    c = chain(mz.Uniform(0.5), mz.Basis([1, X[0]], measure="law"), method="dobrushin")
    assert c.dobrushin_window(0, 3) < 0.97
    assert c.memory_bound(0, 3) == 1.0 and c.contracts.decision == "undecided"


def test_constants_alone_have_no_memory_in_the_law():
    c = chain(mz.Uniform(0.5), mz.Mean(measure="law"), method="dobrushin")
    assert c.memory_bound(0, 2) == 0.0 and c.contracts and "every memory term is 0" in c.contracts.why


def test_oblique_projections_and_those_without_constants_get_no_bound_in_the_law():
    oblique = mz.Basis([1, X[0]], measure="law", test=[1, X[0] ** 3])
    for projection in (oblique, mz.Basis([X[0]], measure="law")):
        c = chain(mz.Gaussian(0.5), projection, method="dobrushin")
        assert all(math.isinf(layer.upper) and layer.method == "none" for layer in c.layers)
        assert "keeps the constants" in c.layers[0].reason and not c.contracts


def test_other_norms_never_enter_the_bounds_in_box_measures():
    for noise in (mz.Uniform(0.5), mz.Uniform(2)):
        plain = chain(noise, mz.Legendre(2), method="hilbert_schmidt")
        for method in ("dobrushin", "lipschitz"):
            c = chain(noise, mz.Legendre(2), method=method)
            assert [layer.upper for layer in c.layers] == [layer.upper for layer in plain.layers]
            assert [layer.method for layer in c.layers] == ["hilbert_schmidt"] * 3
            assert c.memory_bound(0, 3) == plain.memory_bound(0, 3) and c.contracts == plain.contracts
            assert (c.layers[0].dobrushin is None) == (method == "lipschitz")
            assert (c.layers[0].lipschitz is None) == (method == "dobrushin")
    auto = chain(mz.Uniform(2), mz.Legendre(2))
    assert auto.layers[1].dobrushin < 1 and auto.layers[1].lipschitz == pytest.approx(1.2)
    assert auto.layers[1].method == "sharp" and auto.layers[1].upper < auto.layers[1].dobrushin


def test_where_nothing_bounds_the_norm():
    c = chain(mz.Laplace(0.5), mz.Hermite(2))
    assert all(math.isinf(layer.upper) and layer.method == "none" for layer in c.layers)
    assert all(layer.dobrushin < 1 for layer in c.layers)
    assert "Gaussian measure" in c.contracts.why


# ---------------------------------------------------------------- the certificate


@pytest.fixture(scope="module")
def both():
    return chain(mz.Uniform(0.5), mz.Legendre(1))


def test_round_trip(both, tmp_path):
    assert both.dobrushin_windows
    text = both.to_json(tmp_path / "c.json")
    assert Certificate.from_json(tmp_path / "c.json") == both and Certificate.from_json(text).to_json() == text
    content = json.loads(text)
    window = content["dobrushin_windows"][0]
    assert float.fromhex(window["bound"]["hex"]) == both.dobrushin_windows[0].bound
    assert float.fromhex(content["layers"][0]["lipschitz"]["hex"]) == both.layers[0].lipschitz
    c = chain(mz.Gaussian(1), mz.Basis([1, X[0]], measure="law"), method="lipschitz")
    assert Certificate.from_json(c.to_json()) == c


def test_words_table_and_latex(both):
    assert "other norms, proved" in str(both) and "all 3 steps at once, dobrushin" in str(both)
    row = both.table()[1]
    assert row["dobrushin"] == both.layers[1].dobrushin and row["lipschitz"] == both.layers[1].lipschitz
    assert row["dobrushin_reason"] == "the image of component 0 is wider than its noise"
    text = both.latex()
    assert r"\mathrm{osc}" in text and "minorisation" in text and text.count("{") == text.count("}")
    law = chain(mz.Gaussian(1), mz.Basis([1, X[0]], measure="law"), method="dobrushin").latex()
    assert r"\alpha_n \le u_n^2" in law and "HS" not in law and law.count("{") == law.count("}")
    other = chain(mz.Laplace(1), mz.Hermite(1), method="lipschitz").latex()
    assert "Gaussian measure" in other and "No method asked for" in other


def test_windows_that_do_not_exist(both):
    for n, m in ((0, 0), (-1, 2), (0, 4), (0.0, 2), (2, 1)):
        with pytest.raises(mz.MzError, match="no steps"):
            both.dobrushin_window(n, m)
    c = chain(mz.Uniform(1), mz.Legendre(1), method="lipschitz")
    assert c.lipschitz_window(0, 1) == c.layers[0].lipschitz
    with pytest.raises(mz.MzError, match='"dobrushin"'):
        c.dobrushin_window(0, 1)
