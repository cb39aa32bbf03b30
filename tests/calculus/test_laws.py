"""Moments and densities of the noise laws against quadrature."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp

from mzsym.calculus import DeterministicLaw, GaussianLaw, TruncatedGaussianLaw, UniformLaw

s = sp.Symbol("s", positive=True)
xi = sp.Symbol("xi", real=True)
SCALE = sp.Rational(3, 5)


@pytest.mark.parametrize("law", [UniformLaw(s), GaussianLaw(s), TruncatedGaussianLaw(s, sp.Integer(3))], ids=str)
@pytest.mark.parametrize("k", range(7))
def test_moments_are_integrals_of_the_density(law, k):
    density = sp.lambdify(xi, (xi**k * law.density(xi)).subs(s, SCALE), "mpmath")
    lo, hi = (end.subs(s, SCALE) for end in law.support)
    ends = [-mp.inf, 0, mp.inf] if lo == -sp.oo else [mp.mpf(lo), 0, mp.mpf(hi)]
    with mp.workdps(30):
        assert abs(mp.quad(density, ends) - mp.mpf(law.moment(k).subs(s, SCALE).evalf(30))) < 1e-12


def test_truncation_with_a_wide_window_is_the_normal_law():
    wide = TruncatedGaussianLaw(s, sp.Integer(30))
    for k in (2, 4, 6):
        assert abs((wide.moment(k) / GaussianLaw(s).moment(k)).evalf(30) - 1) < 1e-25


def test_no_noise_is_a_point_mass():
    law = DeterministicLaw()
    assert law.deterministic and law.support == (0, 0)
    assert [law.moment(k) for k in range(4)] == [1, 0, 0, 0]
    assert sp.integrate(law.density(xi) * (xi + 3), (xi, -sp.oo, sp.oo)) == 3
