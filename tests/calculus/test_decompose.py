"""Canonical sums equal what they decompose, and stop before they grow."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.calculus.closed import integral_dimension, operations
from mzsym.calculus.decompose import TooLarge, affine, decompose
from mzsym.calculus.polynomials import degree_bound
from mzsym.core.functions import relu

y0, y1, a, c = sp.symbols("y0 y1 a c", real=True)
LEAVES = [y0, y1, a, sp.Integer(2), sp.Rational(-1, 3), sp.tanh(a * y0 + c), sp.sin(y0 * y1), sp.exp(y1)]


def _trees():
    leaves = st.sampled_from(LEAVES)
    return st.recursive(
        leaves,
        lambda t: st.one_of(
            st.builds(sp.Add, t, t), st.builds(sp.Mul, t, t), st.builds(sp.Pow, t, st.sampled_from([2, 3]))
        ),
        max_leaves=6,
    )


@settings(max_examples=60, deadline=None)
@given(_trees())
def test_sum_of_the_terms_is_the_expression(expr):
    terms = decompose(expr, (y0, y1), 5000)
    total = sp.Add(
        *(k * y0 ** m.powers[0] * y1 ** m.powers[1] * sp.Mul(*(f**p for f, p in m.atoms)) for m, k in terms.items())
    )
    assert not any(k.has_free(y0, y1) for k in terms.values())
    point = {y0: sp.Rational(3, 7), y1: sp.Rational(-5, 4), a: sp.Rational(2, 3), c: sp.Rational(1, 9)}
    difference, size = (total - expr).subs(point).evalf(40, chop=False), abs(expr.subs(point).evalf(20))
    assert abs(difference) <= 1e-25 * (1 + size)


def test_growth_is_refused_before_it_happens():
    wide = sp.Add(*(sp.tanh(k * y0) for k in range(1, 12)))
    with pytest.raises(TooLarge):
        decompose(wide**30, (y0,), 5000)
    with pytest.raises(TooLarge):
        decompose((1 + y0) ** 10**9, (y0,), 5000)
    assert len(decompose(sp.tanh(y0) ** 10**9, (y0,), 5000)) == 1


def test_affine_reads_the_structure():
    assert affine(a * (y0 - c) * 3 + c, y0) == (3 * a, -3 * a * c + c)
    assert affine(c, y0) == (0, c)
    assert affine(y0 * y1, y0) == (y1, 0)
    for expr in (y0**2, sp.sin(y0), y0 * (y0 + 1), 1 / y0, y0 + sp.tanh(y0)):
        assert affine(expr, y0) is None


def test_degree_bounds():
    assert degree_bound((y0**2 + a) ** 3 * y1 + c, (y0, y1)) == 7
    assert degree_bound(sp.tanh(a), (y0,)) == 0
    assert degree_bound(1 / y0, (y0,)) is None
    assert degree_bound(sp.tanh(y0) * y0, (y0,)) is None
    assert degree_bound(y0**a, (y0,)) is None


def test_sizes():
    assert operations(y0 + 2 * y1, 100) == 2
    assert operations(sp.Add(*(sp.sin(k * y0) for k in range(1, 200))), 10) > 10
    inner = sp.Integral(sp.tanh(y0 * y1), (y0, 0, 1))
    assert integral_dimension(a) == 0
    assert integral_dimension(sp.Integral(inner * y1, (y1, 0, 1)) + inner) == 2


def test_what_a_function_takes_in():
    step = sp.Heaviside(a * y0)
    for expr, atoms in (
        (y0**2 * sp.Abs(y0), {(sp.Abs(y0), 3)}),
        (sp.Mul(y0**2, sp.Heaviside(y0)), {(relu(y0), 2)}),
        (sp.Mul(y0, relu(y0), sp.Heaviside(y1)), {(relu(y0), 2), (sp.Heaviside(y1), 1)}),
        (sp.Mul(y0, sp.Heaviside(y0) ** 3, relu(y0) ** 2), {(relu(y0), 3)}),
        (y1 * step, {(step, 1)}),
    ):
        terms = decompose(expr, (y0, y1), 100)
        assert {atom for m in terms for atom in m.atoms} == atoms, expr
        total = sp.Add(*(k * y0 ** m.powers[0] * y1 ** m.powers[1] * sp.Mul(*(f**p for f, p in m.atoms))
                         for m, k in terms.items()))  # fmt: skip
        for point in ((-2, 3), (5, -1)):
            values = {y0: point[0], y1: point[1], a: sp.Rational(-1, 3)}
            assert total.subs(values).doit() == expr.subs(values).doit(), expr
