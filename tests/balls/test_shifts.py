"""Distances of noise laws to their shifts, and tables of them, against scipy.

Seen to fail when (each tried once): the extent is not halved; the truncation's mass is left out; Laplace divides by b
in place of 2 b; the joint distance adds extents in place of squares; the overlap looks at one shift only (a density
with two bumps shows it); the interpolation error is dropped; the smaller end of an image alone is looked at; floors are
read at the node before.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import mzsym as mz
from mzsym.balls import density_overlap, joint_normal_variation, law_table, shift_variation

LAWS = {
    "uniform": (None, stats.uniform(-1, 2)),
    "gaussian": (None, stats.norm()),
    "truncated_gaussian": (1.5, stats.truncnorm(-1.5, 1.5)),
    "laplace": (None, stats.laplace()),
}
XI = sp.Symbol("xi", real=True)


def _variation(law, d):
    """Half the integral of |rho(y) - rho(y - d)|, cell by cell between the points where it is not smooth."""
    lo, hi = max(law.support()[0], -60), min(law.support()[1], 60)
    points = sorted({lo, 0.0, hi, lo + d, d, hi + d, d / 2})
    pairs = zip(points[:-1], points[1:], strict=True)  # noqa: RUF007
    return (
        sum(
            integrate.quad(lambda y: abs(law.pdf(y) - law.pdf(y - d)), a, b, epsabs=1e-12, limit=200)[0]
            for a, b in pairs
        )
        / 2
    )


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("d", [0.0, 0.1, 0.7, 1.9, 2.5, 3.5])
def test_shifts_are_the_integrals_that_they_claim_to_be(name, d):
    cutoff, law = LAWS[name]
    scale = 0.75
    ball = shift_variation(name, d * scale, scale, cutoff)
    assert float(ball.mid()) == pytest.approx(_variation(law, d), abs=1e-9)
    assert float(ball.rad()) < 1e-30


def test_shifts_without_bound_and_unknown_laws():
    assert shift_variation("gaussian", math.inf, 1) == 1
    with pytest.raises(mz.MzError, match="no formula"):
        shift_variation("cauchy", 1, 1)


def test_joint_normals_are_one_component_along_the_shift():
    extents, scales = [0.3, 1.0, 2.0], [0.5, 1.0, 4.0]
    radius = math.sqrt(0.36 + 1 + 0.25)
    ball = joint_normal_variation(extents, scales)
    assert float(ball.mid()) == pytest.approx(2 * stats.norm.cdf(radius / 2) - 1, abs=1e-14)
    # Independent components say less: 1 - prod(1 - TV_i).
    apart = 1 - math.prod(2 * stats.norm.cdf(-d / s / 2) for d, s in zip(extents, scales, strict=True))
    assert float(ball.mid()) < apart


@pytest.mark.parametrize("d", [0.05, 0.4, 1.0])
def test_overlaps_of_any_density_are_proved_and_close(d):
    normal = sp.exp(-(XI**2) / 2) / sp.sqrt(2 * sp.pi)
    exact = 2 * stats.norm.cdf(-d / 2)
    assert exact - 3e-3 < density_overlap(normal, XI, (-math.inf, math.inf), d) <= exact
    triangle = 1 - sp.Abs(XI)
    # Symmetric and unimodal: P(|xi| > d/2).
    assert (1 - d / 2) ** 2 - 3e-3 < density_overlap(triangle, XI, (-1, 1), d) <= (1 - d / 2) ** 2
    one_sided = sp.exp(-XI)
    assert math.exp(-d) - 3e-3 < density_overlap(one_sided, XI, (0, math.inf), d) <= math.exp(-d)


def test_an_overlap_is_with_all_shifts_up_to_the_extent():
    # Two bumps: a shift by their distance overlaps in one of them, a shift by half of it in nothing.
    bumps = sp.Max(0, 1 - 4 * sp.Abs(XI - 1)) + sp.Max(0, 1 - 4 * sp.Abs(XI + 1))
    bumps = 2 * bumps
    assert density_overlap(bumps, XI, (-2, 2), 2.0) == 0.0
    assert density_overlap(bumps, XI, (-2, 2), 0.05) > 0.7


@settings(max_examples=60)
@given(st.sampled_from(sorted(LAWS)), st.floats(-3, 3), st.floats(0, 0.5), st.floats(0.1, 2), st.integers(0, 10**6))
def test_tables_bound_probabilities_from_below(name, f, width, scale, seed):
    cutoff, law = LAWS[name]
    edges = np.concatenate([[-np.inf], np.sort(np.random.default_rng(seed).normal(size=6) * 2 * scale + f), [np.inf]])
    table = law_table(name, cutoff)
    low, high = np.array([f]), np.array([f + width])
    masses, floors = table.masses(low, high, edges, scale)[0], table.floors(low, high, edges, scale)[0]
    centers = np.linspace(f, f + width, 41)
    true = np.array([np.diff(law.cdf((edges - c) / scale)) for c in centers])
    assert np.all(masses <= true.min(axis=0) + 1e-13)
    # Log-concave: the smallest is at an end, so that nothing is lost but the table's own error.
    assert np.all(masses >= true.min(axis=0) - 2e-5)
    for k in range(len(edges) - 1):
        y = np.linspace(max(edges[k], -50.0), min(edges[k + 1], 50.0), 41)
        least = min(float((law.pdf((y - c) / scale) / scale).min()) for c in centers)
        cell = edges[k + 1] - edges[k]
        if math.isfinite(cell):
            assert floors[k] <= least * cell + 1e-12
        else:
            assert floors[k] == 0.0


def test_floors_are_close():
    edges = np.linspace(-1, 1, 65)
    for name, (cutoff, law) in LAWS.items():
        floors = law_table(name, cutoff).floors(np.array([0.0]), np.array([0.0]), edges, 1.0)[0]
        least = np.minimum(law.pdf(edges[:-1] * 0.999999), law.pdf(edges[1:] * 0.999999)) * np.diff(edges)
        inner = slice(1, -1)
        assert np.all(floors[inner] >= 0.985 * least[inner])
