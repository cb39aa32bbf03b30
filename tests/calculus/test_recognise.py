"""Plain spellings become primitives, and stay the same function."""

from __future__ import annotations

import pytest
import sympy as sp

from mzsym.calculus.recognise import recognise
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

y, w, b = sp.symbols("y w b", real=True)
u = w * y + b

CASES = [
    (1 / (1 + sp.exp(-u)), sigmoid(u)),
    ((1 + sp.exp(-u)) ** -3, sigmoid(u) ** 3),
    (sp.exp(y) / (1 + sp.exp(y)), sigmoid(y)),
    (sp.log(1 + sp.exp(u)), softplus(u)),
    (sp.log(sp.cosh(u)), softplus(2 * u) - u - sp.log(2)),
    (sp.Max(0, u), relu(u)),
    (sp.Max(u, u / 100), leaky_relu(u, sp.Rational(1, 100))),
    (sp.Max(u, 3 * u), leaky_relu(3 * u, sp.Rational(1, 3))),
    (sp.Max(y, 1), 1 + relu(y - 1)),
    (sp.Min(y, 1), 1 - relu(1 - y)),
    (u * (1 + sp.erf(u / sp.sqrt(2))) / 2, gelu(u)),
    (y * sp.erfc(-y / sp.sqrt(2)) / 2, gelu(y)),
    (y * (1 - sp.erf(y / sp.sqrt(2))) / 2, -gelu(-y)),
    (y * (1 + sp.erf(3 * y / sp.sqrt(2))), 2 * gelu(3 * y) / 3),
    (w * (y + b) * (1 + sp.erf(w * (y + b) / sp.sqrt(2))), 2 * gelu(w * (y + b))),
    (sp.Piecewise((u, u > 0), (0, True)), relu(u)),
    (sp.Piecewise((0, u <= 0), (u, True)), relu(u)),
    (sp.Piecewise((y, y >= 0), (y / 10, True)), leaky_relu(y, sp.Rational(1, 10))),
    (sp.Piecewise((y, y >= 0), (-y, True)), sp.Abs(y)),
    (sp.Piecewise((2 * y, y > 0), (0, True)), 2 * relu(y)),
    (sp.Piecewise((y, y < 1), (1, True)), 1 - relu(1 - y)),
    (y * sp.Heaviside(y), relu(y)),
    (sp.erfc(u), 1 - sp.erf(u)),
    (1 / sp.cosh(u) ** 2, 1 - sp.tanh(u) ** 2),
    (sp.sech(u) ** 4, (1 - sp.tanh(u) ** 2) ** 2),
    (sp.sinh(y), (sp.exp(y) - sp.exp(-y)) / 2),
    (leaky_relu(u, sp.S.Zero), relu(u)),
    (u / (1 + sp.exp(-u)), silu(u)),
    (3 * y * sigmoid(2 * y), 3 * silu(2 * y) / 2),
    (sp.Piecewise((u, u > 0), (sp.exp(u) - 1, True)), elu(u)),
    (sp.Max(-1, sp.Min(1, u)), hardtanh(u)),
    (sp.Min(sp.Max(y, 0), 6), 3 + 3 * hardtanh(y / 3 - 1)),
    (sp.Max(-2, sp.Min(1, -y)), -sp.S.Half - 3 * hardtanh(sp.Rational(2, 3) * y - sp.Rational(1, 3)) / 2),
    (sp.Piecewise((1, u > 0), (0, True)), sp.Heaviside(u, 0)),
    (sp.Piecewise((w, y < 1), (b, True)), b + (w - b) * sp.Heaviside(1 - y, 0)),
    (sp.Piecewise((2, y >= b), (-1, True)), -1 + 3 * sp.Heaviside(y - b, 1)),
    (sp.sign(u), 2 * sp.Heaviside(u) - 1),
]
POINTS = [{y: p, w: q, b: r} for p, q, r in ((-1.3, 0.7, 0.2), (0.4, -1.1, 0.5), (2.2, 0.9, -0.3), (-0.1, 2.0, 0.6))]


@pytest.mark.parametrize(("plain", "expected"), CASES, ids=lambda e: str(e)[:40])
def test_recognised_and_equal(plain, expected):
    found = recognise(plain, frozenset({y}))
    if sp.simplify(found - expected) != 0:
        assert found == expected
    for point in POINTS:
        assert abs(float(found.subs(point).doit()) - float(plain.subs(point).doit())) < 1e-12


@pytest.mark.parametrize("condition", [y > 0, y >= 0, y < 0, y <= 0], ids=str)
def test_a_step_keeps_its_value_at_the_jump(condition):
    plain = sp.Piecewise((2, condition), (5, True))
    assert recognise(plain, frozenset({y})).subs(y, 0) == plain.subs(y, 0)
    assert recognise(sp.sign(y), frozenset({y})).subs(y, 0) == 0


@pytest.mark.parametrize(
    "expr",
    [
        sp.Max(0, w),
        sp.Max(0, y, y**2),
        sp.Piecewise((y, y > 0), (y**2, True)),
        1 / (2 + sp.exp(y)),
        sp.tanh(y**2),
        relu(w - relu(y)),
        relu(1 + relu(y)),
        y**2 * sigmoid(y),
    ],
    ids=str,
)
def test_what_is_not_a_plain_spelling_keeps_its_value(expr):
    found = recognise(expr, frozenset({y}))
    for point in POINTS:
        assert abs(float(found.subs(point).doit()) - float(expr.subs(point).doit())) < 1e-12


def test_nothing_depends_on_other_symbols():
    assert recognise(1 / (1 + sp.exp(w)), frozenset({y})) == 1 / (1 + sp.exp(w))
    assert recognise(sp.Max(0, y), frozenset()) == sp.Max(0, y)
