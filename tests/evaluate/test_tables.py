"""The triangular inverse against the recursions (14) and (15) written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.evaluate.tables import Tables, memory_matrix, table_bytes


def random_tables(ranks: list[int], outputs: int, seed: int) -> Tables:
    rng = np.random.default_rng(seed)
    offsets = tuple(int(k) for k in np.concatenate([[0], np.cumsum(ranks)]))
    C = np.eye(offsets[-1])
    for n in range(len(ranks)):
        C[offsets[n] : offsets[n + 1], offsets[n + 1] :] = rng.normal(size=(ranks[n], offsets[-1] - offsets[n + 1]))
    C *= np.where(np.eye(offsets[-1]) > 0, 1.0, 0.4)
    c = rng.normal(size=(offsets[-1], outputs))
    unresolved = rng.normal(size=(offsets[-1], outputs))
    unresolved[offsets[-2] :] = 0.0
    return Tables(C, offsets, c, unresolved)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=7), st.integers(1, 3), st.integers(0, 2**20))
def test_inverse_is_the_recursion(ranks: list[int], outputs: int, seed: int) -> None:
    tables = random_tables(ranks, outputs, seed)
    depth = len(ranks) - 1
    C = {(n, m): tables.block(tables.C, n, m) for n in range(depth + 1) for m in range(n, depth + 1)}
    K: dict[tuple[int, int], np.ndarray] = {}
    for n in range(depth):
        A = C[n, n + 1]
        assert np.array_equal(tables.block(tables.memory, n, n + 1).shape, A.shape)
        assert np.abs(tables.block(tables.memory, n, n + 1) - A).max() < 1e-14
        for m in range(n + 2, depth + 1):
            K[n, m] = C[n, m] - A @ C[n + 1, m] - sum(K[n, k] @ C[k, m] for k in range(n + 2, m))
            scale = 1 + np.abs(K[n, m]).max()
            assert np.abs(tables.block(tables.memory, n, m) - K[n, m]).max() < 1e-10 * scale
        c = [tables.rows(tables.unresolved, m) for m in range(depth + 1)]
        r = c[n] - A @ c[n + 1] - sum(K[n, m] @ c[m] for m in range(n + 2, depth))
        assert np.abs(tables.rows(tables.noise, n) - r).max() < 1e-10 * (1 + np.abs(r).max())
    assert not tables.rows(tables.noise, depth).any()


def test_the_given_matrix_is_left_alone() -> None:
    C = np.array([[1.0, 2.0, 5.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]])
    K = memory_matrix(C)
    assert np.array_equal(C, [[1, 2, 5], [0, 1, 3], [0, 0, 1]])
    assert np.array_equal(K, [[0, 2, -1], [0, 0, 3], [0, 0, 0]])
    assert not np.signbit(np.tril(K)).any()


@pytest.mark.parametrize("order", [1, 47, 48, 49, 97, 300])
def test_inverse_of_any_order(order: int) -> None:
    rng = np.random.default_rng(order)
    C = np.triu(rng.normal(size=(order, order)) / order, 1) + np.eye(order)
    assert np.abs(memory_matrix(C) - (np.eye(order) - np.linalg.inv(C))).max() < 1e-13


def test_blocks_are_copies() -> None:
    tables = random_tables([2, 2, 2], 1, 0)
    block = tables.block(tables.memory, 0, 2)
    block[:] = 7.0
    assert not (tables.memory == 7.0).any()


def test_bytes_grow_with_the_square() -> None:
    assert table_bytes([10] * 10) == 100 * table_bytes([10])
