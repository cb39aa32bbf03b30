"""Every cell of the calculus tables, walked by primitive name and checked by differentiation or quadrature."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp

from mzsym.calculus.by_parts import ITERATED
from mzsym.calculus.cells import ANTIDERIVATIVE, GAUSSIAN, NOT_CLOSED, TRUNCATED, fourier
from mzsym.core.primitives import PRIMITIVES

u = sp.Symbol("u", real=True)
SLOPE = sp.Rational(1, 7)
POINTS = (sp.Rational(-27, 10), sp.Rational(-1, 3), sp.Rational(4, 5), sp.Integer(6))


def _parameters(name):
    return (SLOPE,) * len(PRIMITIVES[name].parameters)


def _powers(cell, most=6):
    return range(1, (most if cell.highest is None else cell.highest) + 1)


@pytest.mark.parametrize(
    "table", [ANTIDERIVATIVE, GAUSSIAN, TRUNCATED], ids=["antiderivative", "gaussian", "truncated"]
)
def test_every_primitive_has_a_cell(table):
    assert set(table) == set(PRIMITIVES)
    for name, cell in table.items():
        assert cell.name == name
        assert "MATH" in cell.cites
        if cell.highest == NOT_CLOSED:
            with pytest.raises(NotImplementedError):
                cell.form(1, u, u)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_antiderivatives_differentiate_back(name):
    """The symbolic derivative of G is g**k, at 40 digits: an exact derivative, not a difference."""
    cell = ANTIDERIVATIVE[name]
    assert cell.closes(1)
    for k in _powers(cell):
        derivative = cell.form(k, u, *_parameters(name)).diff(u)
        for point in POINTS:
            expected = PRIMITIVES[name].expr(point, *_parameters(name)) ** k
            assert abs((derivative.subs(u, point).doit() - expected).evalf(40)) < 1e-30, (name, k, point)


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if GAUSSIAN[n].highest != NOT_CLOSED])
def test_gaussian_cells_against_quadrature(name, oracle):
    cell, parameters = GAUSSIAN[name], _parameters(name)
    for k in _powers(cell, most=4):
        for z, s in ((sp.Rational(-7, 5), sp.Rational(1, 2)), (sp.Rational(3, 10), sp.Integer(2))):
            expected = oracle.gaussian_mean(name, k, mp.mpf(z), mp.mpf(s), *map(mp.mpf, parameters), digits=18)
            value = cell.form(k, z, s, *parameters).doit().evalf(30)
            assert abs(mp.mpf(value) - expected) < 1e-14 * max(1, abs(expected)), (name, k, z, s)


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if TRUNCATED[n].highest != NOT_CLOSED])
@pytest.mark.parametrize("centre", ["1/5", "-7/5", "5", "-4"])
def test_truncated_cells_against_quadrature(name, centre, oracle):
    """Every kink inside the support, one of them, and none."""
    z, extra = sp.Rational(centre), list(map(float, _parameters(name)))
    for k in _powers(TRUNCATED[name], most=4):
        value = TRUNCATED[name].form(k, z, sp.Rational(2, 3), sp.Integer(2), *_parameters(name)).doit()

        def power(y, k=k):
            return PRIMITIVES[name].numpy(y, *extra) ** k

        kinks = [float(kink) for kink in PRIMITIVES[name].kinks]
        expected = oracle.expectation(power, [float(z)], [("truncated", 2 / 3, 2)], kinks=kinks)
        assert abs(float(value.evalf(20)) - expected) < 1e-13 * max(1, abs(expected)), k


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize("k", range(1, 8))
def test_powers_of_waves_are_sums_of_waves(name, k):
    point = sp.Rational(13, 11)
    wave = {"sin": sp.sin, "cos": sp.cos}
    total = sum(c * wave[w](m * point) for c, w, m in fourier(name, k))
    assert abs((total - wave[name](point) ** k).evalf(30)) < 1e-25


@pytest.mark.parametrize("name", ITERATED)
def test_iterated_antiderivatives_differentiate_back(name):
    for k in (1, 2, 3):
        for n in (1, 2, 4):
            form = ITERATED[name](k, n, u, *_parameters(name))
            for point in POINTS:
                # One step down at a time: the n-th differentiates to the (n-1)-th.
                below = (
                    ITERATED[name](k, n - 1, point, *_parameters(name))
                    if n > 1
                    else PRIMITIVES[name].expr(point, *_parameters(name)) ** k
                )
                assert abs((form.diff(u).subs(u, point).doit() - below).evalf(40)) < 1e-30, (name, k, n, point)
