"""Enclosures contain what 50 digits of mpmath say, for every primitive and every head."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import HULLS, enclose, hull, interval, precision
from mzsym.balls.expressions import HEADS
from mzsym.core import MzError
from mzsym.core.functions import gelu, leaky_relu, sigmoid, silu, softplus
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.numeric import HEADS as NUMERIC_HEADS

x, y = sp.symbols("x y", real=True)

# Written here from the definitions, not taken from the tables under test.
MP: dict[str, Callable[..., mp.mpf]] = {
    "identity": lambda z: z,
    "tanh": mp.tanh,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "relu": lambda z: max(z, mp.mpf(0)),
    "leaky_relu": lambda z, a: z if z > 0 else a * z,
    "gelu": lambda z: z * mp.ncdf(z),
    "erf": mp.erf,
    "sin": mp.sin,
    "cos": mp.cos,
    "arctan": mp.atan,
    "exp": mp.exp,
    "abs": abs,
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "hardtanh": lambda z: min(max(z, mp.mpf(-1)), mp.mpf(1)),
    "step": lambda z: (1 + mp.sign(z)) / 2,
}


def as_mp(value: float | Fraction) -> mp.mpf:
    fraction = Fraction(value)
    return mp.mpf(fraction.numerator) / fraction.denominator


def inside(ball: flint.arb, value: mp.mpf) -> bool:
    """Whether a ball contains a number known to 50 digits (its own error allowed for)."""
    with precision(300):
        text = flint.arb(mp.nstr(value, 60))
        error = abs(text) * flint.arb(10) ** -49 + flint.arb(10) ** -400
        return bool(ball.overlaps(flint.arb(text.mid(), error.upper())))


def test_every_primitive_has_an_enclosure() -> None:
    assert set(HULLS) == set(PRIMITIVES) == set(MP)
    for row in PRIMITIVES.values():
        expr = row.expr(x, *sp.symbols("a", real=True, seq=True)[: len(row.parameters)])
        assert expr == x or expr.func in HEADS


def test_every_head_a_map_may_have_has_an_enclosure() -> None:
    assert set(NUMERIC_HEADS) <= set(HEADS)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
@settings(max_examples=60, deadline=None)
@given(
    a=st.one_of(st.floats(-8, 8), st.floats(-700, 700)),
    width=st.one_of(st.just(0.0), st.floats(0, 1e-6), st.floats(0, 12)),
    t=st.fractions(0, 1, max_denominator=64),
    slope=st.floats(-2, 2),
)
def test_hull_contains_and_is_reached(name: str, a: float, width: float, t: Fraction, slope: float) -> None:
    """Every value lies inside; where 400 points of numpy come near an end, the hull is no wider than that."""
    row, b = PRIMITIVES[name], a + width
    extra = [slope] if row.parameters else []
    point = Fraction(a) + t * (Fraction(b) - Fraction(a))
    with mp.workdps(60), precision(128):
        found = HULLS[name](interval((a, b)), *(interval(s) for s in extra))
        value = MP[name](as_mp(point), *(as_mp(s) for s in extra))
        assert inside(found.ball, value)
        # Both ends, sharply: ball() is a little wider than the interval.
        lo, hi = found.floats
        assert float(value) >= lo or np.isclose(float(value), lo, rtol=1e-15)
        assert float(value) <= hi or np.isclose(float(value), hi, rtol=1e-15)
    grid = np.linspace(a, b, 401)
    values = row.numpy(grid, *extra)
    step = width / 400
    lipschitz = max(1.2, abs(slope)) if name != "exp" else float(np.exp(min(b, 700)))
    if name == "step":
        # The ends of the interval, which the grid has, decide.
        lipschitz = 0.0
    scale = 1e-300 + np.abs(values).max() * 1e-14 + lipschitz * (step + 1e-15 * max(abs(a), abs(b)))
    assert lo >= values.min() - scale and hi <= values.max() + scale


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_hull_at_unbounded_arguments_is_the_image(name: str) -> None:
    row = PRIMITIVES[name]
    line = interval((flint.arb.neg_inf(), flint.arb.pos_inf()))
    found = HULLS[name](line, *([interval(0.1)] if row.parameters else []))
    low, high = (float(end) for end in row.image)
    assert (found.floats[0] <= low + 0.01 and found.floats[0] >= low - 1e-12) or np.isinf(low)
    assert found.floats[1] == pytest.approx(high) or np.isinf(high)


@pytest.mark.parametrize(("g", "slope", "start"), [
    (gelu, lambda z: mp.ncdf(z) + z * mp.npdf(z), -0.75),
    (silu, lambda z: mp.diff(MP["silu"], z), -1.3),
])  # fmt: skip
def test_the_minimum_of_functions_that_dip(g: type[sp.Function], slope: Callable[..., mp.mpf], start: float) -> None:
    name = g.__name__
    with mp.workdps(50):
        root = mp.findroot(slope, start)
        least = MP[name](root)
    lo, hi = hull(g(x), {x: (-3, 1)})
    assert lo <= float(least) <= lo + 1e-16
    assert hi == pytest.approx(float(MP[name](1)), rel=1e-15)
    # On either side of the critical point the ends decide.
    low = float(root) + 0.3
    assert hull(g(x), {x: (low, 1)})[0] == pytest.approx(float(MP[name](low)), rel=1e-14)
    low = float(root) - 0.3
    assert hull(g(x), {x: (-3, low)}) == pytest.approx((float(MP[name](low)), float(MP[name](-3))), rel=1e-14)


def test_the_jump_of_the_step() -> None:
    ends = {(-1, 0): (0.0, 0.5), (0, 1): (0.5, 1.0), (0, 0): (0.5, 0.5), (-1, 1): (0.0, 1.0), (1, 2): (1.0, 1.0)}
    for box, expected in ends.items():
        assert hull(sp.Heaviside(x), {x: box}) == expected
    assert hull(sp.Heaviside(x, 3), {x: (-1, 0)}) == (0.0, 3.0)


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
def test_other_heads_contain_their_values(a: float, b: float) -> None:
    cases: list[tuple[sp.Expr, Callable[[mp.mpf, mp.mpf], mp.mpf]]] = [
        (sp.log(2 + x), lambda s, t: mp.log(2 + s)),
        (sp.sqrt(1 + x), lambda s, t: mp.sqrt(1 + s)),
        ((2 + x) ** sp.Rational(-5, 3), lambda s, t: (2 + s) ** (-mp.mpf(5) / 3)),
        ((2 + x) ** y, lambda s, t: (2 + s) ** t),
        (x**3 - y**-2 if abs(b) > 0.1 else x**3, lambda s, t: s**3 - (t**-2 if abs(b) > 0.1 else 0)),
        (sp.sinh(x) + sp.cosh(y), lambda s, t: mp.sinh(s) + mp.cosh(t)),
        (sp.asin(x) * sp.acos(y), lambda s, t: mp.asin(s) * mp.acos(t)),
        (sp.asinh(x) - sp.acosh(2 + y), lambda s, t: mp.asinh(s) - mp.acosh(2 + t)),
        (sp.atanh(x), lambda s, t: mp.atanh(s)),
        (sp.tan(x) * sp.erfc(y), lambda s, t: mp.tan(s) * mp.erfc(t)),
        (sp.Max(x, y, 0) - sp.Min(x, y), lambda s, t: max(s, t, mp.mpf(0)) - min(s, t)),
        (sp.sign(x) + sp.Heaviside(y), lambda s, t: mp.sign(s) + (mp.mpf(1) / 2 if t == 0 else (1 if t > 0 else 0))),
        (sp.pi * x + sp.E * y + sp.EulerGamma + sp.GoldenRatio, lambda s, t: mp.pi * s + mp.e * t + mp.euler + mp.phi),
        (
            sigmoid(x) * softplus(y) + leaky_relu(x, sp.Rational(1, 3)),
            lambda s, t: MP["sigmoid"](s) * MP["softplus"](t) + MP["leaky_relu"](s, mp.mpf(1) / 3),
        ),
    ]
    with mp.workdps(60):
        for (expr, oracle), wide in itertools.product(cases, (False, True)):
            values = {x: (a - 0.005, a + 0.005), y: (b - 0.005, b + 0.005)} if wide else {x: a, y: b}
            value = oracle(as_mp(a), as_mp(b))
            assert inside(enclose(expr, values), value), (expr, wide)


@pytest.mark.parametrize(
    ("expr", "box", "expected"),
    [
        (1 / x, (-1, 1), (-np.inf, np.inf)),
        (1 / x, (0, 2), (0.5, np.inf)),
        (sp.tanh(1 / x), (-1, 1), (-1.0, 1.0)),
        (sp.tan(x), (0, 3), (-np.inf, np.inf)),
        (sp.log(x), (-1, 1), (-np.inf, np.inf)),
        (sp.tanh(sp.log(x)), (-1, 1), (-np.inf, np.inf)),
        (sp.sqrt(x), (-1e-9, 1), (-np.inf, np.inf)),
        (sp.exp(-1 / x**2), (-1, 1), (0.0, np.exp(-1))),
        (x**2, (-3, 2), (0.0, 9.0)),
        (sp.cos(x), (-0.1, 0.1), (np.cos(0.1), 1.0)),
        (sp.sin(x), (0, 4), (np.sin(4), 1.0)),
        (sp.exp(x), (1000, 2000), (np.finfo(float).max, np.inf)),
    ],
)
def test_poles_undefined_values_and_extrema(
    expr: sp.Expr, box: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert hull(expr, {x: box}) == pytest.approx(expected, rel=1e-15)


def test_missing_values_and_unknown_functions_are_named() -> None:
    with pytest.raises(MzError, match="no value for y"):
        enclose(x + y, {x: 1})
    with pytest.raises(MzError, match="gamma"):
        enclose(sp.gamma(x), {x: 1})
    with pytest.raises(MzError, match="exponent"):
        enclose(x ** (10**9), {x: 1})
