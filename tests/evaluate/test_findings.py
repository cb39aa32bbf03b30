"""Findings on tables whose decay and truncation errors are known, and tables that survive a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mzsym as mz
from mzsym.core.arrays import Array
from mzsym.evaluate.findings import findings, truncation_error
from mzsym.evaluate.stored import all_tables, store, stored, table_keys


@dataclass
class Tables:
    """Tables made by hand: A_n = a, K(n, m) = k(m - n), all 1 x 1 times the identity."""

    depth: int
    a: float
    k: dict[int, float]
    remainder: float = 0.0
    last: Array = field(default_factory=lambda: np.array([[1.0, -2.0], [0.5, 0.0]]))
    tolerance_reached: dict[str, float] = field(default_factory=lambda: {"memory": 1e-12})

    @property
    def network(self) -> SimpleNamespace:
        return SimpleNamespace(depth=self.depth)

    def streaming(self, n: int) -> Array:
        return self.a * np.eye(2)

    def memory(self, n: int, m: int) -> Array:
        return self.k.get(m - n, 0.0) * np.eye(2)

    def coefficients(self, n: int) -> Array:
        # MATH (15), written out with the noise term.
        value = {self.depth: 1.0}
        for i in range(self.depth - 1, -1, -1):
            value[i] = self.a * value[i + 1] + sum(
                self.k.get(m - i, 0.0) * value[m] for m in range(i + 2, self.depth + 1)
            )
            value[i] += self.remainder if i == 0 else 0.0
        return value[n] * self.last


def test_a_geometric_decay_is_found() -> None:
    found = findings(Tables(8, 0.5, {lag: 0.2 * 0.3**lag for lag in range(2, 9)}))
    assert found.decay is not None
    assert found.decay.factor == pytest.approx(0.3, rel=1e-12)
    assert found.decay.lags == tuple(range(2, 9))
    assert found.memory_by_lag[0] == (2, pytest.approx(0.018))
    assert "decays by a factor of 0.3 per layer (fit over lags 2 to 8" in found.lines()[0]


def test_rounding_is_kept_out_of_the_fit() -> None:
    memory = {2: 0.1, 3: 0.05, 4: 1e-15}
    found = findings(Tables(4, 0.5, memory))
    assert found.decay is not None
    assert found.decay.lags == (2, 3)
    assert found.decay.factor == pytest.approx(0.5)
    assert findings(Tables(2, 0.5, memory)).decay is None
    assert findings(Tables(1, 0.5, {})).lines()[0] == "A network of one layer has no memory term."


def test_truncation_errors_by_hand() -> None:
    # L = 2: c_0 = (a^2 + k) c_2, and without memory a^2 c_2.
    tables = Tables(2, 0.5, {2: 0.05})
    assert truncation_error(tables, 1) == pytest.approx(0.05 / 0.3)
    assert truncation_error(tables, 2) == pytest.approx(0.0, abs=1e-15)
    found = findings(tables)
    assert found.memory_length == 2
    assert found.truncation_errors == pytest.approx((0.05 / 0.3, 0.0), abs=1e-15)
    assert "memory of 2 layers matters: streaming alone is off by 17 %" in found.lines()[1]
    assert findings(tables, 0.2).memory_length == 1
    assert "no memory is needed" in findings(tables, 0.2).lines()[1]


def test_the_noise_term_can_carry_more_than_any_memory() -> None:
    found = findings(Tables(3, 0.5, {2: 0.01}, remainder=0.1))
    assert found.memory_length is None
    assert len(found.truncation_errors) == 3
    assert found.lines()[1].startswith("No length of memory brings the error to 1 %")


def test_an_observable_without_moments_has_no_relative_error() -> None:
    last = np.array([[1.0, 1e-17], [0.5, 0.0]])
    tables = Tables(2, 0.5, {2: 0.05}, last=last)
    tables.tolerance_reached["coefficients"] = 1e-16
    assert truncation_error(tables, 1) == pytest.approx(0.05 / 0.3)
    small = Tables(2, 0.5, {2: -0.25}, last=last[:, :1])
    assert truncation_error(small, 1) == np.inf
    assert "inf times the size" in findings(small).lines()[1]


def test_the_fraction_must_be_positive() -> None:
    with pytest.raises(mz.MzError, match="fraction"):
        findings(Tables(2, 0.5, {}), 0.0)


# -- stored tables -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solved() -> mz.Network:
    layers = [mz.dense([[w]], [0.1], activation="tanh", noise=mz.Uniform(0.5)) for w in (1.0, 1.5, 0.7)]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[mz.state(1)[0], mz.state(1)[0] ** 3])


def test_stored_tables_are_the_tables(solved: mz.Network, tmp_path: Path) -> None:
    ev = mz.compile(mz.derive(solved, mz.Legendre(2)))
    path = tmp_path / "tables.npz"
    store(ev, path)
    found = stored(mz.compile(mz.derive(solved, mz.Legendre(2))), path)
    assert found is not None
    assert found.tolerance_reached == dict(ev.tolerance_reached)
    assert (found.limits, found.nodes, found.engine) == (ev.limits, ev.nodes, ev.engine)
    for kind, indices in table_keys(3):
        assert np.array_equal(getattr(found, kind)(*indices), getattr(ev, kind)(*indices))
    assert np.array_equal(found.correlation(1, 1), ev.correlation(1, 1))
    assert findings(found) == findings(ev)
    X = np.array([[0.3], [-0.9]])
    assert np.array_equal(found.expectation(X), ev.expectation(X))
    with pytest.raises(mz.MzError, match="no memory table"):
        found.memory(0, 1)
    store(found, tmp_path / "again.npz")
    assert set(all_tables(found)) == set(all_tables(ev))


def test_stored_tables_of_anything_else_are_not_taken(solved: mz.Network, tmp_path: Path) -> None:
    ev = mz.compile(mz.derive(solved, mz.Legendre(2)))
    path = tmp_path / "tables.npz"
    assert stored(ev, path) is None
    store(ev, path)
    others = [
        mz.compile(mz.derive(solved, mz.Legendre(3))),
        mz.compile(mz.derive(solved, mz.Legendre(2, measure="lebesgue"))),
        mz.compile(mz.derive(solved, mz.Legendre(2)), options=mz.Options(tolerance=1e-6)),
        ev.with_params({(0, "scale"): 0.25}),
    ]
    for other in others:
        assert stored(other, path) is None
    data = path.read_bytes()
    for keep in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:keep])
        assert stored(ev, path) is None
    path.write_text("no tables")
    assert stored(ev, path) is None
