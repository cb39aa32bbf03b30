"""||rho||^2 against mpmath's quadrature of the squared density."""

from __future__ import annotations

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import density_norm_squared, joint_norm_squared, lower, upper
from mzsym.core import MzError


@settings(max_examples=15, deadline=None)
@given(s=st.floats(1e-3, 50), c=st.floats(0.1, 12))
def test_truncated_gaussian(s: float, c: float) -> None:
    with mp.workdps(40):
        S, C = mp.mpf(s), mp.mpf(c)
        mass = mp.quad(lambda t: mp.exp(-(t**2) / 2), [-C, 0, C])
        square = mp.quad(lambda t: mp.exp(-(t**2)), [-C, -C / 3, 0, C / 3, C])
        value = square / mass**2 / S
        ball = density_norm_squared("truncated_gaussian", s, c)
        assert lower(ball) <= float(value) * (1 + 3e-16) and upper(ball) >= float(value) * (1 - 3e-16)
        assert upper(ball) - lower(ball) <= 4e-16 * float(value)


def test_uniform_and_gaussian() -> None:
    assert density_norm_squared("uniform", 0.25) == 2
    with mp.workdps(30):
        value = mp.quad(lambda t: mp.npdf(t, 0, mp.mpf("0.5")) ** 2, [-mp.inf, 0, mp.inf])
    ball = density_norm_squared("gaussian", 0.5)
    assert lower(ball) == pytest.approx(float(value), rel=1e-15)
    # A wide truncation is the Gaussian.
    assert upper(density_norm_squared("truncated_gaussian", 0.5, 30)) == pytest.approx(float(value), rel=1e-15)


def test_components_multiply() -> None:
    ball = joint_norm_squared([("uniform", 0.5, None), ("uniform", 0.25, None)])
    assert ball == 2


@pytest.mark.parametrize("law", [("deterministic", 1, None), ("uniform", 0, None), ("gaussian", -1, None)])
def test_laws_without_square_integrable_density_are_refused(law: tuple[str, float, None]) -> None:
    with pytest.raises(MzError):
        density_norm_squared(*law)
