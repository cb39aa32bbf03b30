"""Noise laws in numbers, against SciPy's distributions and the exact moments of the symbolic laws."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mzsym.calculus.laws import DeterministicLaw, GaussianLaw, TruncatedGaussianLaw, UniformLaw
from mzsym.core import MzError
from mzsym.evaluate.noise_numbers import ORDER, fitted_law, numeric_law, point_mass

S = sp.Symbol("s", positive=True)
CASES = {
    "uniform": (UniformLaw(S), lambda s: stats.uniform(-s, 2 * s)),
    "gaussian": (GaussianLaw(S), lambda s: stats.norm(0, s)),
    "truncated": (TruncatedGaussianLaw(S, sp.Rational(5, 2)), lambda s: stats.truncnorm(-2.5, 2.5, 0, s)),
}


@pytest.mark.parametrize("name", CASES)
@given(scale=st.floats(1e-6, 1e6))
def test_density_distribution_and_moments(name: str, scale: float) -> None:
    law, peer = CASES[name][0], CASES[name][1](scale)
    ours = numeric_law(law, {S: scale})
    x = np.linspace(-2.4, 2.4, 101) * scale
    assert np.abs(ours.density(x) - peer.pdf(x)).max() <= 1e-13 / scale
    assert np.abs(ours.distribution(x) - peer.cdf(x)).max() <= 1e-13
    for k in range(9):
        exact = float(law.moment(k).subs(S, 1))
        assert abs(ours.moment(k) / scale**k - exact) <= 1e-12 * max(1.0, exact)


def test_edges_tell_jumps_from_kinks() -> None:
    uniform = numeric_law(UniformLaw(S), {S: 0.5})
    assert [(edge.at, edge.order) for edge in uniform.edges] == [(-0.5, -1), (0.5, -1)]
    assert numeric_law(GaussianLaw(S), {S: 0.5}).edges == ()
    triangle = fitted_law(lambda x: 1 - np.abs(x), (-1.0, 0.0, 1.0), "noise")
    assert [(edge.at, edge.order) for edge in triangle.edges] == [(-1.0, 0), (0.0, 0), (1.0, 0)]


def test_singular_density_is_resolved_by_grading() -> None:
    # The arcsine law grows without bound towards its ends; near them cells shrink, and the mass is right.
    root = fitted_law(lambda x: 1.5 * np.sqrt(np.clip(x, 0.0, 1.0)), (0.0, 1.0), "noise")
    assert abs(root.moment(3) - 1.5 / 4.5) < 1e-12
    assert np.abs(root.distribution(np.array([0.25])) - 0.125).max() < 1e-12


def test_rule_is_exact_for_polynomials_up_to_its_degree() -> None:
    law = numeric_law(TruncatedGaussianLaw(S, sp.Integer(3)), {S: 0.7})
    nodes, weights = law.rule(ORDER)
    assert abs(weights @ nodes**10 - law.moment(10)) < 1e-13 * law.moment(10)


def test_point_mass_and_refusals() -> None:
    assert numeric_law(DeterministicLaw(), {}).point_mass
    with pytest.raises(MzError, match="no density"):
        point_mass().density(np.zeros(1))
    for law in (UniformLaw(S), GaussianLaw(S)):
        with pytest.raises(MzError, match="positive finite scale"):
            numeric_law(law, {S: -1.0})
    with pytest.raises(MzError, match="not finite"):
        fitted_law(lambda x: np.full_like(x, np.nan), (0.0, 1.0), "noise")
