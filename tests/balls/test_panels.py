"""Piecewise polynomials with proved errors: averages over noise, kinks and merging, against mpmath."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import bounded_noise, panels, piecewise_map, precision, upper
from mzsym.balls import chebyshev as ch
from mzsym.balls.panels import Pieces
from mzsym.balls.piecewise_map import PiecewiseMap
from mzsym.core.functions import elu, hardtanh, leaky_relu, relu

x = sp.Symbol("x0", real=True)


@pytest.fixture(autouse=True)
def _bits() -> Any:
    with precision(512):
        yield


def pieces_of(expr: sp.Expr, target: float = 2.0**-64) -> Pieces:
    """A function of x on [-1, 1]."""
    return PiecewiseMap.of(expr, x, (-1, 1), (-1, 1)).image(Pieces.whole([ch.IDENTITY]), target)


def distance(pieces: Pieces, f: Any, points: Any, j: int = 0) -> None:
    """Every value lies within the error that is stated, and that is small or asked for."""
    for t in points:
        k = pieces.panel_of(flint.arb(float(t)))
        value = pieces.value(k, j, flint.arb(float(t)))
        error = pieces.panels[k][j].error + value.rad()
        assert abs(mp.mpf(value.mid().str(60, radius=False)) - f(mp.mpf(float(t)))) <= upper(error) + mp.mpf(10) ** -50


KINKED = [
    relu(x - sp.Rational(1, 3)),
    sp.Abs(sp.sin(3 * x)),
    sp.Max(x, x**2 - sp.Rational(1, 7), -x),
    leaky_relu(x / 3 + sp.Rational(1, 10), sp.Rational(1, 5)),
    hardtanh(3 * x + sp.Rational(1, 7)),
    elu(2 * x - sp.Rational(1, 5)),
    sp.Min(sp.tanh(40 * x), sp.Rational(1, 2)),
]


@pytest.mark.parametrize("expr", KINKED)
@pytest.mark.parametrize("target", [1e-3, 2.0**-64])
def test_functions_with_kinks(expr: sp.Expr, target: float) -> None:
    found = pieces_of(expr, target)
    f = sp.lambdify(x, expr.doit() if hasattr(expr, "elementary") else expr, "mpmath")
    with mp.workdps(60):
        distance(found, f, np.concatenate([np.linspace(-1, 1, 173), [1 / 3, 0.1, -0.3, 2 / 7]]))
    assert max(upper(near.error) for (near,) in found.panels) <= 2 * target


@pytest.mark.parametrize("expr", [mz.core.functions.relu(x) ** sp.Rational(1, 2), sp.Heaviside(x), sp.sign(x), 1 / x])
def test_jumps_and_poles_are_refused(expr: sp.Expr) -> None:
    with pytest.raises(mz.MzError):
        pieces_of(expr)


NOISES = [
    (lambda s: bounded_noise.uniform(s, 1), lambda s: lambda t: 1 / (2 * mp.mpf(s))),
    (
        lambda s: bounded_noise.truncated_normal(s / 2, 2, 1),
        lambda s: lambda t: mp.npdf(t, 0, mp.mpf(s) / 2) / mp.erf(mp.sqrt(2)),
    ),
]


@pytest.mark.parametrize("law", [0, 1])
@pytest.mark.parametrize("s", [0.75, 0.3, 0.01])
def test_averages_of_kinked_functions(law: int, s: float) -> None:
    """Also where panels are much shorter than the noise, and much longer."""
    noise, density = NOISES[law]
    expr = sp.Abs(x - sp.Rational(1, 16)) + sp.Max(x, sp.Rational(5, 64), x**2) + relu(64 * x + 60) / 64
    function = pieces_of(expr)
    f, rho = sp.lambdify(x, expr.doit(), "mpmath"), density(s)
    ends = [float(end) for end in function.ends]
    found = bounded_noise.smoothed(function, noise(s), flint.arb(-1) / 4, flint.arb(1) / 4, 2.0**-64)
    with mp.workdps(30):
        for z in map(mp.mpf, (-0.2, -0.01, 0.03, 0.0625, 0.2)):
            cuts = [z - s, *(e for e in ends if z - s < e < z + s), z + s]
            exact = mp.quad(lambda y, z=z: f(y) * rho(y - z), cuts)
            at = flint.arb(float(z))
            k = found.panel_of(at)
            value = found.value(k, 0, at)
            assert abs(mp.mpf(value.mid().str(30, radius=False)) - exact) < 1e-18 + upper(found.panels[k][0].error)
    assert max(upper(near.error) for (near,) in found.panels) < 1e-18


def test_ends_beside_the_true_places_cost_what_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break points as far apart as 0.05 count as one: the error stays a bound, and without what it costs is none."""
    function = pieces_of(sp.Abs(x) - relu(x - sp.Rational(1, 32)))
    middle = Pieces(
        function.ends, tuple((ch.Near(near.poly + (k == 1), near.error),) for k, (near,) in enumerate(function.panels))
    )
    lo, hi = flint.arb(-0.5), flint.arb(0.5)
    true = bounded_noise.smoothed(middle, bounded_noise.uniform(0.25, 1), lo, hi, 2.0**-64)
    monkeypatch.setattr(bounded_noise, "CLOSE", 0.05)
    rough = bounded_noise.smoothed(middle, bounded_noise.uniform(0.25, 1), lo, hi, 2.0**-64)
    assert len(rough.panels) < len(true.panels)

    def worst(found: Pieces) -> list[tuple[float, float]]:
        both = panels.aligned([found, true])
        sides = [(both[0].panels[k][0], both[1].panels[k][0]) for k in range(len(both[0].panels))]
        return [
            (upper(abs(f.poly(flint.arb(t)) - g.poly(flint.arb(t)))), upper(f.error))
            for f, g in sides
            for t in (-1, 0, 1)
        ]

    assert all(off <= error for off, error in worst(rough))
    monkeypatch.setattr(bounded_noise, "_lost", lambda pieces, *rest: [flint.arb(0)] * pieces.count)
    bare = bounded_noise.smoothed(middle, bounded_noise.uniform(0.25, 1), lo, hi, 2.0**-64)
    assert any(off > error for off, error in worst(bare))


@pytest.mark.parametrize("inner", [sp.tanh(x), sp.sin(5 * x)])
def test_places_beside_the_preimages_cost_what_they_may(inner: sp.Expr, monkeypatch: pytest.MonkeyPatch) -> None:
    function = pieces_of(sp.Abs(x - sp.Rational(1, 5)) + x**2)
    mapped = PiecewiseMap.of(inner, x, (-1, 1), (-1, 1))
    f = sp.lambdify(x, sp.Abs(inner - sp.Rational(1, 5)) + inner**2, "mpmath")
    at = np.linspace(-1, 1, 401)
    with mp.workdps(60):
        exact = mapped.image(function, 2.0**-64)
        distance(exact, f, at)
        assert max(upper(near.error) for (near,) in exact.panels) < 1e-18
        monkeypatch.setattr(piecewise_map, "_preimage", lambda branch, value: flint.arb(0.125))
        rough = mapped.image(function, 2.0**-64)
        distance(rough, f, at)
        assert max(upper(near.error) for (near,) in rough.panels) > 1e-3
        monkeypatch.setattr(piecewise_map.Region, "cuts", lambda self, ends: [self.lo, self.hi])
        distance(mapped.image(function, 2.0**-64), f, at)
        for name in ("_beside", "_farthest"):
            monkeypatch.setattr(piecewise_map, name, lambda *rest: flint.arb(0))
        with pytest.raises(AssertionError):
            distance(mapped.image(function, 2.0**-64), f, at)


def test_kinks_caught_between_two_numbers_cost_what_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piecewise_map, "SMALL", 2.0**-6)
    monkeypatch.setattr(piecewise_map, "NARROW", 1.0)
    expr = sp.Abs(sp.tanh(x) - sp.Rational(1, 5))
    f = sp.lambdify(x, expr, "mpmath")
    at = np.linspace(-1, 1, 1001)
    with mp.workdps(60):
        rough = pieces_of(expr)
        distance(rough, f, at)
        assert max(upper(near.error) for (near,) in rough.panels) > 1e-4
        monkeypatch.setattr(piecewise_map, "_farthest", lambda *rest: flint.arb(0))
        with pytest.raises(AssertionError):
            distance(pieces_of(expr), f, at)


def test_smooth_panels_are_merged_and_kinks_are_not() -> None:
    smooth, kinked = pieces_of(sp.sin(x)), pieces_of(sp.Abs(x))
    ends = [flint.arb(k) / 4 for k in range(-4, 5)]
    target = flint.arb(2.0**-60)
    assert len(panels.merged(smooth.refined(ends), target).panels) == 1
    found = panels.merged(kinked.refined(ends), target)
    assert len(found.panels) == 2 and found.ends[1] == 0
    # What is merged within a coarse target states how far it is off.
    rough = panels.merged(pieces_of(x**3 + sp.Max(0, x - sp.Rational(1, 3)) / 500), flint.arb(0.01))
    assert len(rough.panels) == 1
    with mp.workdps(60):
        distance(rough, lambda t: t**3 + max(0, t - mp.mpf(1) / 3) / 500, np.linspace(-1, 1, 101))


def test_the_interpolation_error_is_needed_on_every_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ch, "_nodes_needed", lambda *rest: 6)
    expr = sp.Max(sp.tanh(3 * x), sp.Rational(1, 5))
    f = sp.lambdify(x, expr, "mpmath")
    at = np.linspace(-1, 1, 201)
    with mp.workdps(60):
        rough = pieces_of(expr)
        distance(rough, f, at)
        assert max(upper(near.error) for (near,) in rough.panels) > 1e-6
        monkeypatch.setattr(ch, "_on_ellipse", lambda series, beta: [flint.arb(2.0**-600)] * series.ncols())
        with pytest.raises(AssertionError):
            distance(pieces_of(expr), f, at)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-63, 63), min_size=1, max_size=4, unique=True), st.integers(0, 3))
def test_inner_products_and_norms(places: list[int], rank: int) -> None:
    ends = [flint.arb(-1), *(flint.arb(k) / 64 for k in sorted(places)), flint.arb(1)]
    rng = np.random.default_rng(abs(sum(places)))
    coefs = rng.normal(size=(len(ends) - 1, 3))
    found = Pieces(tuple(ends), tuple((ch.Near(flint.arb_poly(row.tolist()), flint.arb(0)),) for row in coefs))
    products = panels.inner_products(rank + 1, found)
    parts = list(pairwise(float(end) for end in ends))
    for i in range(rank + 1):
        total, square = mp.mpf(0), mp.mpf(0)
        for (a, b), row in zip(parts, coefs, strict=True):
            local = lambda t, a=a, b=b, row=row: sum(c * ((2 * t - a - b) / (b - a)) ** n for n, c in enumerate(row))  # noqa: E731
            total += mp.quad(lambda t, f=local, i=i: mp.sqrt(2 * i + 1) * mp.legendre(i, t) * f(t), [a, b]) / 2
            square += mp.quad(lambda t, f=local: f(t) ** 2, [a, b]) / 2
        assert abs(float(products[i, 0]) - float(total)) < 1e-12
    assert abs(upper(panels.norms(found)[0]) - float(mp.sqrt(square))) < 1e-12
    worse = Pieces(found.ends, tuple((ch.Near(near.poly, flint.arb(0.5)),) for (near,) in found.panels))
    assert float(panels.inner_products(1, worse)[0, 0].rad()) >= 0.499
    assert upper(panels.norms(worse)[0]) >= upper(panels.norms(found)[0]) + 0.499
