"""Tensor series with proved errors: against values of many digits, at points that no node is; MATH (24k)."""

from __future__ import annotations

from typing import Any

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import chebyshev as ch
from mzsym.balls import precision, tensor, tensor_map
from mzsym.balls.tensor import Columns
from mzsym.balls.tensor_map import TensorMap, polynomial, smoothed, smoothing

x, y, z = mz.state(3)
POINTS = np.random.default_rng(0).uniform(-1, 1, (12, 3))


def series(coefs: np.ndarray, at: Any) -> Any:
    """A tensor Chebyshev series at a point, all digits kept."""
    left = coefs.astype(object)
    for t in at:
        left = np.dot(
            np.array([mp.chebyt(k, t) for k in range(len(left))], dtype=object), left.reshape(len(left), -1)
        ).reshape(left.shape[1:])
    return left if np.ndim(left) else mp.mpf(left.item() if isinstance(left, np.ndarray) else left)


def value(columns: Columns, column: int, point: Any) -> Any:
    """The stored polynomial at a point."""
    return series(columns.coefs[..., column], [mp.mpf(float(t)) for t in point[: len(columns.sizes)]])


def random_columns(seed: int, sizes: tuple[int, ...], count: int = 2) -> Columns:
    rng = np.random.default_rng(seed)
    decay = np.ones(sizes)
    for axis, size in enumerate(sizes):
        shape = [1] * len(sizes)
        shape[axis] = -1
        decay = decay * (0.6 ** np.arange(size)).reshape(shape)
    return Columns(rng.normal(size=(*sizes, count)) * decay[..., None], np.zeros(count))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(40,), (24, 31), (9, 7, 12)]), st.floats(1e-3, 1e6))
def test_interpolation_meets_the_values(seed: int, sizes: tuple[int, ...], size: float) -> None:
    # Random values: nothing decays, so that the bound is held to what rounding does at worst.
    values = np.random.default_rng(seed).normal(size=(*sizes, 1)) * size
    coefs, error = tensor.interpolated(values)
    found = Columns(coefs, error)
    with mp.workdps(30), precision(128):
        nodes = [[mp.mpf(node.mid().str(40, radius=False)) for node in ch.zeros(n)] for n in sizes]
        for index in ((0,) * len(sizes), tuple(n // 2 for n in sizes), tuple(n - 1 for n in sizes)):
            at = [row[i] for row, i in zip(nodes, index, strict=True)]
            exact = series(found.coefs[..., 0], at)
            assert abs(exact - mp.mpf(float(values[(*index, 0)]))) <= error[0]
    assert error[0] < 1e-9 * size


def test_norms_and_products_by_quadrature() -> None:
    columns = random_columns(1, (6, 5))
    columns = Columns(columns.coefs, np.array([0.0, 0.25]))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    T = [np.polynomial.chebyshev.chebvander(nodes, n - 1) for n in columns.sizes]
    values = np.einsum("pa,qb,abc->pqc", *T, columns.coefs)
    roots = np.sqrt(np.einsum("p,q,pqc->c", weights, weights, values**2) / 4)
    found = columns.root_mean_squares()
    assert np.all(found >= roots + columns.errors) and np.all(found <= (roots + columns.errors) * (1 + 1e-7))
    indices = ((0, 0), (1, 0), (0, 1), (3, 2))
    with precision(128):
        products = tensor.inner_products(indices, columns)
        basis = tensor.orthonormal(indices)
    for i, (j, k) in enumerate(indices):
        eta = np.outer(*(np.sqrt(2 * m + 1) * np.polynomial.legendre.Legendre.basis(m)(nodes) for m in (j, k)))
        exact = np.einsum("p,q,pq,pqc->c", weights, weights, eta, values) / 4
        for c in range(2):
            assert abs(float(products[i, c].mid()) - exact[c]) < 1e-14
            assert float(products[i, c].rad()) >= columns.errors[c]
        stored = np.einsum(
            "pa,qb,ab->pq",
            *(np.polynomial.chebyshev.chebvander(nodes, n - 1) for n in basis.sizes),
            basis.coefs[..., i],
        )
        assert np.abs(stored - eta).max() < 1e-14 and 0 < basis.errors[i] < 1e-13


def test_sums_of_functions_keep_their_errors() -> None:
    one, two = random_columns(2, (3, 8)), random_columns(3, (6, 4))
    one = Columns(one.coefs, np.array([0.5, 0.0]))
    found = one - two
    assert found.sizes == (6, 8) and found.errors[0] > 0.5 and 0 < found.errors[1] < 1e-14
    both = tensor.joined([one, two])
    assert both.count == 4 and both.errors[0] == 0.5
    with mp.workdps(30):
        at = POINTS[0]
        assert abs(value(found, 1, at) - (value(one, 1, at) - value(two, 1, at))) <= found.errors[1]
        assert value(both, 3, at) == value(two, 1, at)


def test_what_is_chopped_counts_as_error() -> None:
    columns = random_columns(4, (30, 30))
    found = tensor.chopped(columns, 1e-3)
    assert max(found.sizes) < 25 and np.all(found.errors > 0)
    grid = np.cos(np.linspace(0, np.pi, 40))
    T = np.polynomial.chebyshev.chebvander(grid, 29)
    lost = np.abs(np.einsum("pa,qb,abc->pqc", T, T, columns.coefs - tensor.padded(found.coefs, columns.sizes)))
    assert np.all(lost.max(axis=(0, 1)) <= found.errors) and np.all(found.errors < 4e-3)


@pytest.mark.parametrize("law", ["uniform", "truncated", "none"])
def test_averages_over_noise_are_those_of_many_digits(law: str) -> None:
    columns = random_columns(5, (7, 6), 1)
    outer, inner = [(-1.5, 2.0), (-1, 1.25)], [(-1.25, 1.5), (-0.5, 1.0)]
    half = [ch.Side.of(*side).half for side in outer]
    with precision(ch.BITS):
        kinds = {
            "uniform": lambda h: ch.uniform_moments(0.25, h),
            "truncated": lambda h: ch.truncated_normal_moments(0.125, 2, h),
            "none": lambda h: ch.no_noise(),
        }
        matrices = [
            smoothing(kinds[law](h), ch.Side.of(*o), ch.Side.of(*i), 16)
            for h, o, i in zip(half, outer, inner, strict=True)
        ]
    found = smoothed(columns, matrices)
    density = {
        "uniform": lambda t: mp.mpf(2),
        "truncated": lambda t: mp.npdf(t, 0, mp.mpf(1) / 8) / mp.erf(mp.sqrt(2)),
    }
    with mp.workdps(30):
        for point in POINTS[:3]:
            state = [
                mp.mpf(lo + hi) / 2 + mp.mpf(hi - lo) / 2 * mp.mpf(float(t))
                for (lo, hi), t in zip(inner, point, strict=False)
            ]

            def averaged(axis: int, k: int, s: Any) -> Any:
                lo, hi = outer[axis]
                unit = lambda q: (2 * q - lo - hi) / mp.mpf(hi - lo)  # noqa: E731
                if law == "none":
                    return mp.chebyt(k, unit(s))
                return mp.quad(lambda r: density[law](r) * mp.chebyt(k, unit(s + r)), [-0.25, 0, 0.25])

            one = [[averaged(axis, k, state[axis]) for k in range(columns.sizes[axis])] for axis in range(2)]
            exact = mp.fsum(
                mp.mpf(float(columns.coefs[a, b, 0])) * one[0][a] * one[1][b]
                for a in range(columns.sizes[0])
                for b in range(columns.sizes[1])
            )
            assert abs(value(found, 0, point) - exact) <= found.errors[0] < 1e-12


LAYERS = {
    "one way": ([sp.tanh(2 * x + y / 200), sp.tanh(x)], 2),
    "dense": ([sp.tanh(x / 2 - y + sp.Rational(1, 5)), sp.tanh(x + y / 3)], 2),
    "wider": ([sp.sin(x) / 2, x * y / 2, sp.exp(y) / 4], 2),
    "narrower": ([sp.tanh(x * y + z), 1 / (3 + x - z)], 3),
    "line": ([sp.atan(3 * x / 2), sp.tanh(2 * x)], 1),
}


def layer(name: str) -> tuple[TensorMap, list[Any], int]:
    exprs, dim = LAYERS[name]
    return TensorMap.of(exprs, (x, y, z)[:dim], [(-1, 1)] * dim, [(-1.25, 1.25)] * len(exprs)), exprs, dim


@pytest.mark.parametrize("target", [1e-3, 1e-7, 2.0**-40])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_error_of_a_composition_is_a_bound(name: str, target: float) -> None:
    mapped, exprs, dim = layer(name)
    columns = random_columns(6, (9, 8, 7)[: len(exprs)])
    found = mapped.image(columns, target)
    maps = [sp.lambdify((x, y, z)[:dim], expr, "mpmath") for expr in exprs]
    with mp.workdps(30):
        for point in POINTS if dim < 3 else POINTS[:2]:
            images = [f(*(mp.mpf(float(t)) for t in point[:dim])) / mp.mpf(1.25) for f in maps]
            for c in range(2):
                exact = series(columns.coefs[..., c], images)
                assert abs(value(found, c, point) - exact) <= found.errors[c]
    assert np.all(found.errors < 3 * target + 1e-10)


def few_nodes(monkeypatch: pytest.MonkeyPatch, name: str = "dense") -> tuple[Columns, float]:
    """A composition in 8 nodes a coordinate, and how far it is from the truth on a grid."""
    monkeypatch.setattr(tensor_map, "MOST", {1: 8, 2: 8, 3: 8})
    mapped, exprs, _ = layer(name)
    columns = random_columns(7, (6, 6), 1)
    found = mapped.image(columns, 1e-9)
    grid = np.linspace(-1, 1, 31)
    u, v = np.meshgrid(grid, grid, indexing="ij")
    images = [sp.lambdify((x, y), expr)(u, v) / 1.25 for expr in exprs]
    exact = np.polynomial.chebyshev.chebval2d(*images, columns.coefs[..., 0])
    stored = np.polynomial.chebyshev.chebval2d(u, v, found.coefs[..., 0])
    return found, float(np.abs(stored - exact).max())


def test_few_nodes_leave_an_error_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    found, true = few_nodes(monkeypatch)
    assert 1e-5 < true <= found.errors[0] < 1e4 * true


@pytest.mark.parametrize("mutation", ["no aliasing", "one coordinate", "light for free"])
def test_without_a_part_of_the_bound_the_error_shows(mutation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if mutation == "light for free":
        monkeypatch.setattr(tensor_map, "LIGHT", 1e12)
        honest = tensor_map._split
        monkeypatch.setattr(
            tensor_map, "_split", lambda columns, most: (honest(columns, most)[0], np.zeros(columns.count))
        )
    elif mutation == "no aliasing":
        monkeypatch.setattr(tensor_map, "_bounded", lambda coefs, reach: np.full(coefs.shape[-1], 1e-300))
    else:
        nodes = TensorMap._nodes

        def careless(self: TensorMap, columns: Columns, axis: int, target: float) -> tuple[int, np.ndarray]:
            size, errors = nodes(self, columns, axis, target)
            return size, errors * axis

        monkeypatch.setattr(TensorMap, "_nodes", careless)
    found, true = few_nodes(monkeypatch, "one way")
    assert true > found.errors[0]


@pytest.mark.parametrize(
    "expr", [sp.Abs(x) + y, sp.log(x + y + 2), 1 / (x - y), mz.core.functions.relu(x - y), sp.tanh(60 * x) + y]
)
def test_what_is_not_analytic_around_the_box_is_refused(expr: sp.Expr) -> None:
    with pytest.raises(mz.MzError):
        TensorMap.of([expr], (x, y), [(-1, 1)] * 2, [(-9, 9)]).image(tensor.line(-9, 9), 1e-6)


def test_polynomials_are_series_at_once() -> None:
    found = polynomial(x**3 * y / 3 - y**2 + sp.Rational(1, 7), (x, y), [(-1, 3), (0, 2)])
    assert found.sizes == (4, 3) and 0 < found.errors[0] < 1e-12
    with mp.workdps(30):
        for point in POINTS[:4]:
            a, b = 1 + 2 * mp.mpf(float(point[0])), 1 + mp.mpf(float(point[1]))
            assert abs(value(found, 0, point) - (a**3 * b / 3 - b**2 + mp.mpf(1) / 7)) <= found.errors[0]
    assert polynomial(sp.Integer(2), (x, y), [(0, 1)] * 2).sizes == (1, 1)


def test_lebesgue_constants_are_bounds() -> None:
    t = np.cos(np.linspace(0, np.pi, 3001))
    for size in (1, 2, 5, 24, 60):
        nodes = np.cos((2 * np.arange(size) + 1) * np.pi / (2 * size))
        to_values = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, size - 1))
        true = np.abs(np.polynomial.chebyshev.chebvander(t, size - 1) @ to_values).sum(axis=1).max()
        assert true <= tensor.lebesgue_constant(size) * (1 + 1e-12) and tensor.lebesgue_constant(size) < true + 0.2


def test_matrices_are_the_doubles_of_exact_ones() -> None:
    with precision(200):
        rows = tensor.rounded(flint.arb_mat([[flint.arb(1) / 3, flint.arb(2).sqrt()]]))
    assert np.array_equal(rows, [[1 / 3, 2**0.5]]) or np.abs(rows - [[1 / 3, 2**0.5]]).max() < 4e-16
