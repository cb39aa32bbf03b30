"""Branches, gaps, crossings and nodes against mpmath.

Seen to fail when (each tried once): a gap is given no variation; a run of rising branches is counted twice as one; the
sign of a falling branch is dropped in D; the shift is 4s instead of 2s; the nodes of a panel are left out.
"""

from __future__ import annotations

from itertools import pairwise

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from mzsym.balls import precision, to_arb
from mzsym.balls.crossings import NextBasis, Quadrature
from mzsym.balls.curves import curve_of, left_out, weighted_slope
from mzsym.balls.programs import Program
from mzsym.certify.sharp.smoothed import legendre_rows, recurrence_error, smoothed
from mzsym.core import MzError
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, silu, softplus

T = sp.Symbol("t", real=True)


def cut(expr):
    with precision():
        return curve_of(sp.sympify(expr), T)


@pytest.mark.parametrize(
    "expr, signs",
    [
        (sp.tanh(3 * T), [1]),
        (-sp.tanh(40 * T), [-1]),
        (T**3, [1]),
        (relu(T - sp.Rational(1, 3)), [1]),
        (sp.Abs(T), [-1, 1]),
        (leaky_relu(T, -sp.Rational(1, 10)), [-1, 1]),
        (elu(2 * T), [1, 1]),
        (hardtanh(3 * T + sp.Rational(1, 5)), [1]),
        (gelu(3 * T), [-1, 1]),
        (silu(4 * T), [-1, 1]),
        (sp.sin(5 * T), [1, -1, 1, -1, 1]),
        (sp.Max(T, -T, sp.Rational(1, 4)), [-1, 1]),
        (sp.S(2), []),
        (softplus(30 * T), [1]),
    ],
    ids=str,
)
def test_branches_and_gaps_cover_the_interval(expr, signs):
    curve = cut(expr)
    assert [branch.sign for branch in curve.branches] == signs
    assert len(curve.gaps) == len(curve.branches) + 1
    ends = [end for k, gap in enumerate(curve.gaps) for end in (gap.lo, gap.hi)]
    assert ends[0] == -1 and ends[-1] == 1
    for k, branch in enumerate(curve.branches):
        assert branch.lo == curve.gaps[k].hi and branch.hi == curve.gaps[k + 1].lo
    plain = sp.lambdify(T, expr.doit().rewrite(sp.Piecewise), "mpmath") if expr.free_symbols else lambda t: mp.mpf(2)
    with precision():
        for gap in curve.gaps:
            for share in (0, 0.3, 1):
                t = gap.lo + (gap.hi - gap.lo) * share
                with mp.workdps(40):
                    value = mp.nstr(plain(mp.mpf(t.mid().str(60, radius=False))), 40)
                assert abs(gap.level - flint.arb(value)).lower() < 1e-30
        assert left_out(curve) < 1e-15


@pytest.mark.parametrize("expr", [sp.Heaviside(T), sp.sqrt(T + 1), 1 / (T - 2) + sp.floor(T), sp.sign(T) * T], ids=str)
def test_what_is_not_proved_continuous_is_refused(expr):
    with pytest.raises(MzError):
        cut(expr)


def test_programs_fold_constants_and_refuse_where_not_analytic():
    expr = sp.log(1 + sp.exp(sp.sqrt(2) * T)) * sp.pi
    with precision():
        (value,) = Program([expr], T)(flint.arb(0.25))
        assert abs(float(value) - float(expr.subs(T, 0.25))) < 1e-14
        complex_program = Program([expr], T, complex_=True)
        assert complex_program(flint.acb(0.25, 0.5))[0].abs_upper().is_finite()
        # exp(sqrt(2) t) = -1 at t = i pi/sqrt 2.
        assert not complex_program(flint.acb(flint.arb(0, 0.1), flint.arb(2.2, 0.2)))[0].abs_upper().is_finite()
        (slope,) = Program([sp.diff(sp.atan(T), T)], T, complex_=True)(flint.acb(flint.arb(0, 0.1), flint.arb(1, 0.1)))
        assert not slope.abs_upper().is_finite()
    with pytest.raises(MzError):
        Program([sp.gamma(T)], T)


@pytest.mark.parametrize(
    "expr, most",
    [(sp.tanh(2 * T), 2.0), (sp.Abs(T), 2.0), (elu(T), 1.0), (leaky_relu(T, sp.Rational(1, 2)), 1.0), (T / 2, 0.5)],
    ids=str,
)
def test_slopes_are_weighted_and_summed_over_preimages(expr, most):
    bound = float(weighted_slope(cut(expr)))
    t = np.linspace(-1, 1, 20001)
    slope = np.abs(np.gradient(sp.lambdify(T, expr.doit(), "numpy")(t), t))
    truth = np.max((1 - t**2) * slope)
    assert truth - 1e-3 <= bound <= most * 1.05
    if expr.has(sp.Abs):
        assert bound >= 2 * truth - 1e-2


# ---------------------------------------------------------------- matrices


def exact_matrix(forward, inverse, s, top):
    """4 s^2 <M* p_i, M* p_j> by quadrature in y, for an increasing map with its inverse."""
    low, high = forward(mp.mpf(-1)), forward(mp.mpf(1))

    def antiderivative(i, t):
        return (mp.legendre(i + 1, t) - mp.legendre(i - 1, t)) / mp.sqrt(2 * (2 * i + 1))

    def place(z):
        return mp.mpf(-1) if z <= low else mp.mpf(1) if z >= high else inverse(z)

    def adjoint(i, y):
        return antiderivative(i, place(y + s)) - antiderivative(i, place(y - s))

    breaks = sorted({low - s, low + s, high - s, high + s, (low + high) / 2})
    nodes, weights = np.polynomial.legendre.leggauss(40)
    values = mp.zeros(top - 1)
    for start, end in pairwise(breaks):
        # The integrand is analytic between the breaks.
        for x, w in zip(nodes, weights, strict=True):
            column = mp.matrix([adjoint(i, start + (end - start) * (1 + mp.mpf(x)) / 2) for i in range(1, top)])
            values += mp.mpf(w) * (end - start) / 2 * column * column.T
    return np.array(values.tolist(), dtype=float)


@pytest.mark.parametrize("w, b, s", [(1.5, 0.25, 0.375), (1.25, 0.0, 0.5), (1.0, -0.5, 1.25)])
def test_the_matrix_is_the_one_of_the_definition_within_its_error(w, b, s):
    top = 5
    with precision():
        curve = curve_of(sp.tanh(sp.Rational(w) * T + sp.Rational(b)), T)
        nodes = Quadrature(curve, to_arb(s), NextBasis(to_arb(0), to_arb(3), 0), top, 1e-11).run()
    found = smoothed(nodes, top, 0, 3.0)
    with mp.workdps(25):
        exact = exact_matrix(lambda t: mp.tanh(w * t + b), lambda z: (mp.atanh(z) - b) / w, mp.mpf(s), top)
    error = np.linalg.norm(found.first - exact)
    assert error <= found.lost_first + 1e-15
    assert found.lost_first < 1e-10


def test_derivatives_and_coefficients_belong_together():
    # sum n(n+1) K_in^2 over all n is B_ii, MATH (24).
    top = 120
    with precision():
        curve = curve_of(sp.tanh(2 * T), T)
        nodes = Quadrature(curve, to_arb(0.5), NextBasis(to_arb(0), to_arb(2), 0), top, 1e-11).run()
    found = smoothed(nodes, top, 0, 2.0)
    n = np.arange(1, top)
    rest = found.second - (found.first * (n * (n + 1))) @ found.first.T
    values = np.linalg.eigvalsh(rest[:6, :6])
    assert np.all(values >= -1e-9) and values[-1] < 1e-3 * np.max(found.second)


def test_the_recurrence_stays_within_its_bound():
    t = np.concatenate([np.random.default_rng(0).uniform(-1, 1, 20), [1.0, -1.0, 1 - 2.0**-52, 0.0]])
    rows = legendre_rows(t, 150)
    bounds = recurrence_error(np.arange(151.0))
    with mp.workdps(30):
        for n in (1, 2, 7, 40, 150):
            exact = np.array([float(mp.legendre(n, mp.mpf(x))) for x in t])
            assert np.max(np.abs(rows[n] - exact)) <= bounds[n] + 2e-16
