"""Noise stated by its density on the spectral scheme: against integrals of 20 digits, and against panels."""

from __future__ import annotations

import re
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.evaluate import maps
from mzsym.evaluate.quadrature import stated_law
from mzsym.evaluate.quadrature.stated_law import Cell, UnresolvedError, resolved_cells, stated
from mzsym.evaluate.schemes import why_panels

t = sp.Symbol("t", real=True)
a, b = sp.symbols("a b", positive=True)
R = sp.Rational
SKEW = mz.Noise(12 * t**2 * (1 - t), support=(0, 1))
TENT = mz.Noise((b - sp.Abs(t)) / b**2, support=(-b, b), params={b: R(1, 2)})
JUMP = mz.Noise(sp.Piecewise((R(3, 4), t < 0), (R(1, 4), True)), support=(-1, 1))
BUMP = mz.Noise((1 + sp.cos(sp.pi * t)) / 2, support=(-1, 1))
TAIL = mz.Noise(sp.exp(-t / b) / b / (1 - sp.exp(-1 / b)), support=(0, 1), params={b: R(1, 20)})
SEMICIRCLE = mz.Noise(2 * sp.sqrt(1 - t**2) / sp.pi, support=(-1, 1))


def compiled(layers: list[Any], degree: int = 2, tolerance: float = 1e-13, engine: str = "auto") -> mz.Evaluator:
    dim = layers[0].dim_in
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * dim), observable=mz.state(layers[-1].dim_out)[0] ** 2)
    return mz.compile(mz.derive(net, mz.Legendre(degree)), engine=engine, options=mz.Options(tolerance=tolerance))


def test_a_memory_entry_against_integrals_of_twenty_digits() -> None:
    """K(0, 2) of two layers and degree 1, with noise on [0, 1] first and a tent of half-width 1/2 behind it."""
    ev = compiled(
        [
            mz.dense([[1.25]], [0.125], activation="tanh", noise=SKEW),
            mz.dense([[0.75]], activation="tanh", noise=TENT),
        ],
        degree=1,
    )
    assert ev.scheme == "spectral"
    with mp.workdps(20):
        F0, F1 = (lambda x: mp.tanh(mp.mpf("1.25") * x + mp.mpf("0.125"))), (lambda x: mp.tanh(mp.mpf("0.75") * x))
        lo, hi = F0(-1), F0(1) + 1
        eta1 = lambda x: mp.sqrt(3) * (2 * x - lo - hi) / (hi - lo)  # noqa: E731
        lo2, hi2 = F1(lo) - mp.mpf("0.5"), F1(hi) + mp.mpf("0.5")
        # The noise of the last layer has mean 0 and leaves a function of degree 1 as it is.
        eta2 = lambda x: mp.sqrt(3) * (2 * F1(x) - lo2 - hi2) / (hi2 - lo2)  # noqa: E731
        after = lambda f, z: mp.quad(lambda s: 12 * s**2 * (1 - s) * f(z + s), [0, 1])  # noqa: E731
        mean = lambda f, start, end: mp.quad(f, [start, end]) / (end - start)  # noqa: E731
        low = lambda x: mp.sqrt(3) * x  # noqa: E731
        C01 = [0, mean(lambda x: low(x) * after(eta1, F0(x)), -1, 1)]
        C12 = [mean(lambda y, f=f: f(y) * eta2(y), lo, hi) for f in (lambda y: 1, eta1)]
        C02 = mean(lambda x: low(x) * after(eta2, F0(x)), -1, 1)
        exact = C02 - sum(p * q for p, q in zip(C01, C12, strict=True))
    assert abs(ev.correlation(0, 2)[1, 1] - float(C02)) < 1e-14
    assert abs(ev.memory(0, 2)[1, 1] - float(exact)) < 1e-14


@pytest.mark.parametrize("noise", [SKEW, TENT, JUMP, BUMP, TAIL], ids=["skew", "tent", "jump", "bump", "tail"])
def test_the_moments_of_a_law(noise: mz.Noise) -> None:
    """Exact moments of the symbolic law, and mass where the smoothing of high degrees needs it."""
    law = stated(noise)
    offsets, weights = law.rule(60)
    for k in range(5):
        exact = float(sp.N(noise.numeric_law.moment(k)))
        assert weights @ (law.middle + offsets) ** k == pytest.approx(exact, abs=1e-15 + 1e-14 * abs(exact))
    assert np.abs(offsets).max() < law.reach
    assert law.scaled(2.0).reach == 2 * law.reach and np.allclose(law.scaled(2.0).rule(3)[0], 2 * law.rule(3)[0])


@pytest.mark.parametrize("noise", [[SKEW, TENT], [JUMP, mz.Uniform(0.3)], [TAIL, mz.Deterministic()]])
def test_two_dimensions_against_panels(noise: Any) -> None:
    layers = [mz.dense([[1.0, 0.4], [-0.3, 0.8]], [0.1, 0.2], activation="tanh", noise=noise)] * 2
    ours = compiled(layers, tolerance=1e-9)
    panels = compiled(layers, tolerance=1e-9, engine="panels")
    assert (ours.scheme, panels.scheme) == ("spectral", "panels")
    for m in (1, 2):
        np.testing.assert_allclose(ours.correlation(0, m), panels.correlation(0, m), rtol=0, atol=1e-9)
    X = [[0.3, -0.2], [0.9, 0.7]]
    np.testing.assert_allclose(ours.expectation(X), panels.expectation(X), rtol=0, atol=1e-9)


@settings(max_examples=8, deadline=None)
@given(
    heights=st.lists(st.integers(0, 9), min_size=2, max_size=5).filter(any),
    ends=st.tuples(st.integers(-6, 2), st.integers(1, 6)),
    slope=st.floats(0.3, 2.0),
)
def test_random_histograms_against_panels(heights: list[int], ends: tuple[int, int], slope: float) -> None:
    lo, width = R(ends[0], 4), R(ends[1], 4)
    h = width / len(heights)
    values = [R(k) / (sum(heights) * h) for k in heights]
    cases = [(value, t < lo + (k + 1) * h) for k, value in enumerate(values[:-1])]
    noise = mz.Noise(sp.Piecewise(*cases, (values[-1], True)), support=(lo, lo + width))
    layers = [mz.dense([[slope]], [0.2], activation="tanh", noise=noise)] * 2
    ours, panels = compiled(layers), compiled(layers, engine="panels")
    assert ours.scheme == "spectral"
    assert np.abs(ours.memory(0, 2) - panels.memory(0, 2)).max() < 1e-13
    assert np.abs(ours.correlation(0, 2) - panels.correlation(0, 2)).max() < 1e-13


def test_other_parameters_need_no_other_kernel() -> None:
    layers = [mz.dense([[1.2]], activation="tanh", noise=TENT)] * 3
    ev = compiled(layers)
    ev.memory(0, 2)
    before = maps._kernel.cache_info().misses
    moved = ev.with_params({(1, b): 0.8})
    fresh = [mz.dense([[1.2]], activation="tanh", noise=TENT.with_params({b: 0.8}))]
    assert np.abs(moved.memory(0, 2) - compiled([layers[0], *fresh, layers[2]]).memory(0, 2)).max() == 0.0
    assert maps._kernel.cache_info().misses == before
    assert np.abs(moved.memory(0, 2) - ev.memory(0, 2)).max() > 1e-3
    pytest.importorskip("xarray")
    swept = ev.sweep({(1, b): [0.5, 0.8]}, ["memory(0, 2)"])
    found = next(iter(swept.data_vars.values())).values
    np.testing.assert_array_equal(found, [ev.memory(0, 2), moved.memory(0, 2)])


def test_a_rule_that_misses_the_density_shows_in_what_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant in place of the density's series: the rules have too few nodes."""
    monkeypatch.setattr(stated_law, "density_cells", lambda *_: (Cell(0, 0.0, 1.0, 1),))
    waves = mz.Noise((1 + sp.cos(31 * sp.pi * t)) / 2, support=(-1, 1))
    layers = [mz.dense([[1.5]], activation="tanh", noise=waves)] * 2
    poor = compiled(layers, tolerance=1e-12)
    error = np.abs(poor.correlation(0, 2) - compiled(layers, engine="panels").correlation(0, 2)).max()
    assert error > 1e-9 and poor.tolerance_reached["correlation"] > 0.3 * error


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        (SEMICIRCLE, "as at a singularity"),
        (mz.Noise(1 / (2 * sp.sqrt(t)), support=(0, 1)), "as at a singularity"),
        (mz.Noise(sp.exp(-(t**2)) / sp.sqrt(sp.pi)), "no bounded support"),
    ],
)
def test_what_series_do_not_resolve_stays_on_panels(noise: mz.Noise, reason: str) -> None:
    (x,) = mz.state(1)
    projection = mz.Legendre(1) if noise.bounded else mz.Hermite(1)
    net = mz.Network([mz.dense([[0.5]], activation="tanh", noise=noise)] * 2, observable=x)
    net = mz.Network(net.layers, domain=mz.Box([(-1, 1)]), observable=x) if noise.bounded else net
    ev = mz.compile(mz.derive(net, projection))
    assert ev.scheme == "panels"
    assert re.search(f"noise density of layer 0 .*{reason}", str(why_panels(net, projection)))
    objective = ev.objective(lambda e: e.streaming(0)[1, 1], [(0, "b")])
    ends = [objective([at])[0] for at in (-1e-4, 1e-4)]
    np.testing.assert_allclose(objective([0.0])[1], (ends[1] - ends[0]) / 2e-4, atol=1e-6)
    if noise.bounded:
        with pytest.raises(mz.MzError, match=f"density of the noise .*{reason}.*layer 0, noise component 0"):
            mz.compile(mz.derive(net, projection), engine="spectral")


def test_cells_say_where_they_end() -> None:
    with pytest.raises(UnresolvedError, match=r"near 0\.29"):
        resolved_cells(lambda x: np.abs(x - 0.3)[:, None], [-1.0, 1.0])
    with pytest.raises(UnresolvedError, match="not finite"):
        resolved_cells(lambda x: np.full((len(x), 1), np.nan), [-1.0, 1.0])
    cells = resolved_cells(lambda x: np.stack([x**3, np.exp(x)], axis=1), [-1.0, 0.0, 1.0])
    assert [cell.piece for cell in cells] == [0, 1] and all(9 < cell.order < 15 for cell in cells)


def test_three_dimensions_against_one() -> None:
    """Components that do not meet: every one is the network of its own weight and noise."""
    weights, laws = (0.9, -0.7, 1.1), [SKEW, mz.Uniform(0.3), TENT]
    space = compiled([mz.dense(np.diag(weights), activation="tanh", noise=laws)] * 2, degree=1, tolerance=1e-8)
    assert space.scheme == "spectral"
    X = np.random.default_rng(3).uniform(-1, 1, (20, 3))
    line = compiled([mz.dense([[weights[0]]], activation="tanh", noise=SKEW)] * 2)
    assert np.abs(space.expectation(X) - line.expectation(X[:, :1])).max() < 1e-8
    for i, law in enumerate(laws):
        line = compiled([mz.dense([[weights[i]]], activation="tanh", noise=law)] * 2)
        assert space.correlation(0, 2)[i + 1, i + 1] == pytest.approx(line.correlation(0, 2)[1, 1], abs=1e-9)
