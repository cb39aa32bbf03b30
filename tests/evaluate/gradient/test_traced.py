"""What numpy does to traced tables, against differences of the same function of plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from mzsym.core import MzError
from mzsym.evaluate.gradient.traced import Traced, recording

RNG = np.random.default_rng(7)
A, B = RNG.normal(size=(3, 3)) + 2 * np.eye(3), RNG.normal(size=(3, 2))
WEIGHTS = np.arange(1.0, 10.0).reshape(3, 3)

FUNCTIONS = {
    "operators": lambda a, b: ((2 - a) * a / (3 + a**2) - a @ b @ b.T + (-a) ** 3).sum(),
    "methods": lambda a, b: a.mean() * b.max() + a.T.reshape(-1).dot(WEIGHTS.ravel()) + b.reshape(2, 3).min(),
    "ufuncs": lambda a, b: np.sum(np.exp(np.sin(a)) + np.tanh(a) * np.log1p(a**2)) + np.sqrt(abs(b)).sum(),
    "plain on the left": lambda a, b: (WEIGHTS @ b).sum() + (WEIGHTS * a + WEIGHTS / a - (WEIGHTS - a)).sum(),
    "reductions": lambda a, b: np.prod(a, axis=0).sum() + np.var(b) + np.max(a) + np.add.reduce(b, axis=1)[0],
    "indices": lambda a, b: a[0, 1] * b[1:, 0].sum() + a[[0, 2]][:, 1].sum() + sum(row[0] for row in a),
    "norms": lambda a, b: np.linalg.norm(a) + np.linalg.norm(a, 2) + np.linalg.norm(b, "nuc") + np.linalg.norm(b[:, 0]),
    "linear algebra": lambda a, b: np.linalg.solve(a, b).sum() + np.linalg.det(a) + np.trace(np.linalg.inv(a)),
    "joined": lambda a, b: (np.concatenate([a, b], axis=1) ** 2).sum() + np.stack([a, a.T])[1, 0, 2],
    "stacked": lambda a, b: np.hstack([b, b])[0, 3] * np.vstack([a, b.T])[4, 1] + a.trace(),
    "choices": lambda a, b: np.where(a > 0, a**2, np.abs(a)).sum() + np.maximum(b, 0.3).sum(),
    "branches": lambda a, b: a[0, 0] * b[0, 0] if b[0, 0] > 0 else a[1, 1],
    "einsum": lambda a, b: np.einsum("ij,jk,ik->", a, b, b) + np.dot(a[0], b[:, 1]) + np.outer(b[:, 0], b[:, 1]).sum(),
    "special": lambda a, b: scipy.special.erf(a).sum() + scipy.special.expit(b).sum(),
    "flattened": lambda a, b: (a.flatten() * WEIGHTS.ravel()).sum() + a.transpose(1, 0)[0, 2] + np.diag(a).sum(),
}  # fmt: skip


def derivatives(function):
    with recording() as tape:
        result = function(tape.leaf(("a",), lambda: A), tape.leaf(("b",), lambda: B))
        found = tape.pulled(result)
    return float(result.value), found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_functions(name):
    function = FUNCTIONS[name]
    value, found = derivatives(function)
    assert value == pytest.approx(function(A, B), rel=1e-13)
    for key, base, h in ((("a",), A, 1e-6), (("b",), B, 1e-6)):
        for index in np.ndindex(base.shape):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * h
                ends.append(function(*((moved, B) if key == ("a",) else (A, moved))))
            got = found[key][index] if key in found else 0.0
            assert got == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-7, abs=1e-8)


def test_a_leaf_is_made_once_and_its_uses_add_up():
    calls = []

    def make():
        calls.append(0)
        return A

    with recording() as tape:
        result = tape.leaf(("a",), make).sum() + 2 * tape.leaf(("a",), make)[0, 0]
        found = tape.pulled(result)
    assert len(calls) == 1
    expected = np.ones((3, 3))
    expected[0, 0] = 3
    np.testing.assert_array_equal(found[("a",)], expected)


def test_comparisons_and_numbers_are_plain():
    with recording() as tape:
        a = tape.leaf(("a",), lambda: A)
        assert isinstance(a > 0, np.ndarray)
        assert not isinstance((a > 0).any(), Traced)
        assert (a.shape, a.ndim, a.size, len(a), a.dtype) == ((3, 3), 2, 9, 3, np.dtype(float))
        assert np.array_equal(a.value, A)
        assert "Traced" in repr(a)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda a: np.asarray(a), "plain array"),
        (lambda a: np.array([a[0, 0], a[1, 1]]), "plain"),
        (lambda a: float(a[0, 0]), "plain number"),
        (lambda a: np.median(a), "median"),
        (lambda a: scipy.special.ellipk(a), "ellipk"),
        (lambda a: a.__setitem__(0, 1.0), "written"),
    ],
)
def test_what_would_lose_the_derivative_is_refused(use, words):
    with recording() as tape, pytest.raises(MzError, match=words):
        use(tape.leaf(("a",), lambda: A))
