"""Spectral norms and interval matrices: never below the exact ones, which rational or long arithmetic gives.

Seen to fail when (each tried once): the rounding is dropped (the float eigenvalue alone is returned); the rounding of a
product of balls is dropped; the upper end is taken for the largest |d_i|; the radius is left out of the norm; the
second block of the stacked matrix loses its factor; the signs of W are dropped; an unknown row counts as 0.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.balls import MatrixBall, diagonal_ball, diagonal_norm, spectral_norm


def _exact_norm(A):
    with mpmath.workdps(60):
        return mpmath.svd_r(mpmath.matrix(A.tolist()), compute_uv=False)[0]


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (2, 2), (3, 5), (6, 6), (7, 3)])
def test_norms_are_not_below_the_exact_ones_and_close_to_them(shape):
    for seed in range(25):
        A = np.random.default_rng(seed).normal(size=shape) * 10.0 ** (seed - 12)
        bound, exact = mpmath.mpf(spectral_norm(A)), _exact_norm(A)
        assert exact <= bound <= exact * (1 + mpmath.mpf(10) ** -11)


def test_extreme_scales():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    for factor in (1e-300, 1e-160, 1e160, 1e300):
        assert 1.0 <= spectral_norm(A * factor) / factor / float(_exact_norm(A)) < 1 + 1e-12
    assert spectral_norm(np.zeros((3, 2))) == 0.0
    assert spectral_norm(np.array([[1.0, math.nan]])) == math.inf
    assert spectral_norm(np.array([[1e308, 1e308], [1e308, 1e308]])) == math.inf
    assert spectral_norm(np.full((2, 2), 5e-324)) >= 5e-324


def test_wide_matrices():
    # H/sqrt n is orthogonal for a Hadamard matrix H: every singular value of H is sqrt n.
    H = np.ones((1, 1))
    while len(H) < 256:
        H = np.block([[H, H], [H, -H]])
    assert 16.0 <= spectral_norm(H) < 16.0 * (1 + 1e-9)
    rng = np.random.default_rng(0)
    A = rng.normal(size=(300, 200))
    top = np.linalg.norm(A, 2)
    assert top <= spectral_norm(A) * (1 + 1e-15) and spectral_norm(A) < top * (1 + 1e-9)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0, 1), st.booleans())
def test_products_of_balls_contain_the_exact_products(seed, size, sharp):
    rng = np.random.default_rng(seed)
    factors, balls = [], []
    for shape in ((3, 4), (4, 2)):
        center, radius = rng.normal(size=shape), size * rng.random(shape) * (not sharp)
        balls.append(MatrixBall(center, radius))
        moves = radius * rng.choice([-1.0, 1.0], size=shape)
        factors.append([[Fraction(c) + Fraction(m) for c, m in zip(*row, strict=True)] for row in zip(center, moves)])  # noqa: B905
    product = balls[0] @ balls[1]
    for i, k in itertools.product(range(3), range(2)):
        exact = sum(factors[0][i][j] * factors[1][j][k] for j in range(4))
        assert abs(exact - Fraction(product.center[i, k])) <= Fraction(product.radius[i, k])


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.001, 2))
def test_the_norm_of_a_ball_is_not_below_that_of_a_member(seed, size):
    rng = np.random.default_rng(seed)
    center, radius = rng.normal(size=(3, 3)), size * rng.random((3, 3))
    ball = MatrixBall(center, radius)
    worst = max(
        np.linalg.norm(center + radius * np.reshape(signs, (3, 3)), 2)
        for signs in itertools.product((-1.0, 1.0), repeat=9)
    )
    assert worst <= ball.norm() * (1 + 1e-14)
    assert ball.norm() <= np.linalg.norm(center, 2) + np.linalg.norm(radius, 2) + 1e-12


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_diagonal_norms_enclose_all_diagonals_sharply(seed, rows, columns, identity):
    rng = np.random.default_rng(seed)
    columns = rows if identity else columns
    W = rng.normal(size=(rows, columns))
    lower = rng.normal(size=rows)
    upper = lower + rng.exponential(size=rows) * rng.integers(0, 2, size=rows)
    base = np.eye(rows) if identity else np.zeros((rows, columns))
    corners = itertools.product(*zip(lower, upper, strict=True))
    # The norm is convex: it is largest at a corner.
    worst = max(np.linalg.norm(base + np.array(d)[:, None] * W, 2) for d in corners)
    bound = diagonal_norm(W, lower, upper, identity)
    assert worst * (1 - 1e-13) <= bound
    assert bound <= worst * (1.12 if identity else 1 + 1e-9) + 1e-12
    ball = diagonal_ball(W, lower, upper, identity)
    for d in (lower, upper):
        exact = base + d[:, None] * W
        assert np.all(np.abs(exact - ball.center) <= ball.radius + 1e-13)


def test_a_residual_layer_is_one_matrix():
    # I + D W with W = -I and D in [0, 1]: 1, where the triangle inequality says 2.
    size = 6
    bound = diagonal_norm(-np.eye(size), np.zeros(size), np.ones(size), identity=True)
    assert 1.0 <= bound < 1.0 + 1e-4


def test_unknown_slopes_are_unbounded_unless_their_row_is_empty():
    W = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert diagonal_norm(W, np.array([0.0, 0.0]), np.array([np.inf, 1.0])) == math.inf
    ball = diagonal_ball(W, np.array([1.0, -np.inf]), np.array([1.0, np.inf]))
    assert ball.finite and not diagonal_ball(W, np.array([-np.inf, 0.0]), np.array([1.0, 1.0])).finite
