"""The parts of the adjoint, one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mzsym.evaluate.gradient.kernels import averaged_adjoint, legendre_slopes
from mzsym.evaluate.gradient.noise import NoiseSeed, law_slopes, smoothing_adjoint
from mzsym.evaluate.gradient.series import _counting, analysed_adjoint
from mzsym.evaluate.gradient.tables import Seeds, pulled_tables
from mzsym.evaluate.quadrature.grid import Grid, Interval
from mzsym.evaluate.quadrature.kernels import averaged_legendre
from mzsym.evaluate.quadrature.noise import ScaledLaw
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix
from mzsym.evaluate.tables import Tables


def test_slopes_are_those_of_numpys_legendre_series():
    t = np.linspace(-1, 1, 7)
    got = legendre_slopes(t, 9)
    for k in range(9):
        series = np.polynomial.Legendre(np.sqrt(2 * k + 1) * np.eye(k + 1)[k])
        np.testing.assert_allclose(got[:, k], series.deriv()(t), rtol=1e-13, atol=1e-12)


def test_the_adjoint_of_averaged_legendre_functions():
    """Against sixth-order differences of the averages, along one direction in each argument."""
    rng = np.random.default_rng(1)
    start = [np.linspace(-0.6, 0.6, 5), np.array([-0.3, 0.1, 0.2]), np.array([0.7, -0.2, 0.5])]
    bar = rng.normal(size=(5, 8))
    got = averaged_adjoint(*start, bar)
    h, weights = 1e-3, {-3: -1, -2: 9, -1: -45, 1: 45, 2: -9, 3: 1}
    for which in range(3):
        direction = rng.normal(size=start[which].shape)

        def number(k, which=which, direction=direction):
            moved = list(start)
            moved[which] = start[which] + k * h * direction
            return np.vdot(bar, averaged_legendre(*moved, 8))

        slope = sum(weight * number(k) for k, weight in weights.items()) / (60 * h)
        assert got[which] @ direction == pytest.approx(slope, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("cutoff", [None, 2.5])
def test_the_smoothing_matrix_moves_with_the_scale(cutoff):
    def matrix(rho):
        return smoothing_matrix(Interval(0.0, 1.0), ScaledLaw(rho, cutoff), 12)

    rho, h = 0.15, 1e-3
    law, bar = ScaledLaw(rho, cutoff), np.random.default_rng(2).normal(size=(12, 12))
    by_inner, by_offsets, by_weights = smoothing_adjoint(law, shrunken(Interval(0.0, 1.0), law).half, bar)
    # The interval of states shrinks as the reach grows.
    got = law_slopes(law, NoiseSeed(0.0, -by_inner, 11, by_offsets, by_weights))
    near = [np.vdot(bar, matrix(rho + k * h)) for k in (-3, -2, -1, 1, 2, 3)]
    weights = np.array([-1, 9, -45, 45, -9, 1]) / (60 * h)
    assert got["scale"] == pytest.approx(weights @ near, rel=1e-9)


def test_the_adjoint_of_an_analysis():
    grid = Grid((Interval(0.2, 1.0), Interval(0.0, 2.0)), (4, 3))
    rng = np.random.default_rng(0)
    values, bar = rng.normal(size=(12, 2)), rng.normal(size=(12, 2))
    assert np.vdot(grid.analyse(values), bar) == pytest.approx(
        np.vdot(values, analysed_adjoint(bar, (4, 3))), rel=1e-13
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_the_tables_against_complex_steps(sparse):
    rng = np.random.default_rng(3)
    ranks, outputs = (2, 3, 1, 2), 2
    o = tuple(int(k) for k in np.concatenate([[0], np.cumsum(ranks)]))
    D, last = o[-1], slice(o[-2], o[-1])
    strict = np.zeros((D, D))
    for start, stop in pairwise(o):
        strict[start:stop, stop:] = 1.0
    C = np.eye(D) + 0.6 * strict * rng.normal(size=(D, D))
    c_last, unresolved = rng.normal(size=(ranks[-1], outputs)), rng.normal(size=(D, outputs))
    unresolved[last] = 0.0
    weights = [rng.normal(size=shape) for shape in ((D, D), (D, D), (D, outputs), (D, outputs))]
    weights = [w * (strict if w.shape == (D, D) else 1.0) for w in weights]
    weights[2][last] = 0.0
    if sparse:
        weights[0][3:], weights[2][:] = 0.0, 0.0

    def number(C, c_last, unresolved):
        K = np.eye(D) - np.linalg.inv(C)
        c = C[:, last] @ c_last + unresolved
        tables = (K, C, unresolved - K @ unresolved, c)
        return sum((w * t).sum() for w, t in zip(weights, tables, strict=True))

    coefficients = C[:, last] @ c_last + unresolved
    got = pulled_tables(Tables(C, o, coefficients, unresolved), Seeds(*weights))
    inputs, free = [C, c_last, unresolved], [strict, np.ones_like(c_last), np.ones_like(unresolved)]
    free[2][last] = 0.0
    for k, bar in enumerate((got.C, got.last, got.unresolved)):
        for index in np.ndindex(bar.shape):
            if free[k][index]:
                moved = [a.astype(complex) for a in inputs]
                moved[k][index] += 1e-30j
                assert bar[index] == pytest.approx(number(*moved).imag / 1e-30, rel=1e-11, abs=1e-12)
            else:
                assert bar[index] == 0.0


def test_terms_below_a_kept_one_count_and_so_do_products_of_decays():
    sizes, sides = (20, 24), (Interval(0.0, 1.0), Interval(0.0, 1.0))

    def counted(*kept):
        full = np.zeros((20, 24, 1))
        for index in kept:
            full[index] = 1.0
        return _counting(full.reshape(-1, 1), sizes, sides, 1e-10, 1.0).below.reshape(sizes)

    corner = counted((15, 16))
    assert corner[:16, :17].all() and corner[15, 0] and not corner[16:, 17:].any()
    # Functions of one coordinate, and constants: what a small grid resolves of the other one counts.
    axes = counted((17, 0), (0, 18))
    assert axes[17, 0] and axes[0, 18] and axes[8, 9] and not axes[15, 16]
    alone = counted((0, 0))
    assert alone[11, 0] and alone[0, 11] and alone[5, 5] and not alone[13, 0] and not alone[10, 10]
