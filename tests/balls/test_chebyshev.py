"""Polynomials with proved errors: sampled against values of many digits, with so few nodes that the errors matter."""

from __future__ import annotations

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.balls import chebyshev as ch
from mzsym.balls import precision, to_arb, upper

x = sp.Symbol("x0", real=True)
MAPS = [sp.tanh(2 * x), sp.exp(sp.sin(3 * x)) / 3, 1 / (1 + 4 * x**2), sp.atan(3 * x), sp.log(x + 2), sp.sqrt(x + 3)]


@pytest.fixture(autouse=True)
def _bits():
    with precision(ch.BITS):
        yield


def value(poly, t: float) -> float:
    return float(poly(flint.arb(t)))


@pytest.mark.parametrize("target", [1e-1, 1e-6, ch.TARGET])
@pytest.mark.parametrize("expr", MAPS)
def test_the_error_of_interpolation_is_a_bound(expr, target: float) -> None:
    found = ch.function(expr, x, -1, 2, target)
    f = sp.lambdify(x, expr, "mpmath")
    with mpmath.workdps(250):
        at = np.cos(np.linspace(0, np.pi, 201))
        true = max(abs(f(mpmath.mpf(0.5) + mpmath.mpf(1.5) * t) - _mp(found.poly, t)) for t in at)
        assert true <= mpmath.mpf(upper(found.error))
    assert upper(found.error) <= max(4 * target, 1e-15)


def _mp(poly, t: float):
    total = mpmath.mpf(0)
    for c in reversed(poly.coeffs()):
        mantissa, exponent = c.man_exp()
        total = total * mpmath.mpf(t) + mpmath.mpf(int(mantissa)) * mpmath.mpf(2) ** int(exponent)
    return total


def test_few_nodes_leave_an_error_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 24 nodes the error is large: the bound stays above it, and within what ellipses give away."""
    monkeypatch.setattr(ch, "MOST", 24)
    found = ch.function(sp.tanh(2 * x), x, -1, 1)
    at = np.cos(np.linspace(0, np.pi, 400))
    true = max(abs(np.tanh(2 * t) - value(found.poly, t)) for t in at)
    assert 1e-9 < true <= upper(found.error) < 1e5 * true


@pytest.mark.parametrize("expr", [sp.Abs(x), sp.Max(x, 0), mz.core.functions.relu(x), 1 / x, sp.log(x), sp.tan(3 * x)])
def test_what_is_not_analytic_is_refused(expr) -> None:
    with pytest.raises(mz.MzError):
        ch.function(expr, x, -1, 1)


def test_a_pole_inside_the_ellipse_is_seen() -> None:
    """tanh(40 x) has poles within 0.04 of the interval: no ellipse of the list is free of them."""
    with pytest.raises(mz.MzError, match="analytic"):
        ch.function(sp.tanh(40 * x), x, -1, 1)


@pytest.mark.parametrize(
    ("moments", "density", "reach"),
    [
        (lambda: ch.uniform_moments(0.3, 1.5), lambda t: 1 / 0.6, 0.3),
        (
            lambda: ch.truncated_normal_moments(0.2, 3, 1.5),
            lambda t: mpmath.npdf(t, 0, 0.2) / mpmath.erf(3 / mpmath.sqrt(2)),
            0.6,
        ),
    ],
)
def test_averages_over_noise(moments, density, reach: float) -> None:
    poly = flint.arb_poly([0.3, -1.0, 0.5, 2.0, -0.7, 0.1, 0.9])
    smooth = moments().averaged(poly)
    with mpmath.workdps(30):
        for z in (-0.8, 0.0, 0.5):
            exact = mpmath.quad(lambda t, z=z: density(t) * _mp(poly, z + t / mpmath.mpf(1.5)), [-reach, 0, reach])
            assert abs(value(smooth, z) - exact) < 1e-14
    assert value(ch.no_noise().averaged(poly), 0.25) == value(poly, 0.25)
    with pytest.raises(mz.MzError, match="degree"):
        moments().averaged(flint.arb_poly([1] * (ch.MOST + 1)))


def test_high_moments_of_truncated_noise_are_known() -> None:
    found = ch.truncated_normal_moments(0.2, 3, 1).values[120]
    with mpmath.workdps(40):
        whole = mpmath.quad(lambda t: mpmath.npdf(t, 0, 0.2) * t**120, [0, 0.3, 0.6]) * 2
        assert abs(float(found) / float(whole / mpmath.erf(3 / mpmath.sqrt(2))) - 1) < 1e-10
    assert float(found.rad()) < 1e-12 * float(found)


def test_norms_and_differences_round_upward() -> None:
    a, b = ch.Near(flint.arb_poly([1, 2]), flint.arb(0.25)), ch.Near(flint.arb_poly([1]), flint.arb(0.5))
    d = a - b
    assert upper(d.error) >= 0.75 and upper(d.mean_square_root()) >= np.sqrt(4 / 3) + 0.75
    wide = ch.Near.of(flint.arb_poly([flint.arb(1, 0.125), flint.arb(0, 0.25)]))
    assert upper(wide.error) >= 0.375


def test_polynomials_are_moved_to_the_unit_interval() -> None:
    p = ch.polynomial(x**2 / 3 - x, x, ch.Side.of(1, 4))
    for t in (-1.0, 0.2, 1.0):
        at = 2.5 + 1.5 * t
        assert abs(value(p.poly, t) - (at**2 / 3 - at)) < 1e-15
    assert to_arb(0.5) == ch.Side.of(0, 1).middle
