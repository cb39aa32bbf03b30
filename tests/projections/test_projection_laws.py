"""The laws stated on AbstractProjection, run on every concrete projection."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.projections import AbstractProjection

REFERENCE = Path(__file__).parent.parent / "reference"


X1, X2 = mz.state(1), mz.state(2)


def kernel(draw: st.DrawFn, dim: int) -> AbstractProjection:
    """Idempotent kernels: orthogonal and oblique, polynomial and not, on boxes and on R^N."""
    s, t = sp.symbols(f"s0:{dim}", real=True), sp.symbols(f"t0:{dim}", real=True)
    box = st.sampled_from(["uniform", "lebesgue"])
    return draw(
        st.sampled_from(
            [
                mz.Kernel(1 + 3 * s[0] * t[0], s, t, draw(box)),
                mz.Kernel(1 + 5 * s[-1] * t[-1] ** 3, s, t, draw(box)),
                mz.Kernel(1 + 2 * sp.sin(sp.pi * s[-1]) * sp.sin(sp.pi * t[-1]), s, t, draw(box)),
                mz.Kernel(1 + s[0] * t[0], s, t, "gaussian"),
                mz.Kernel(sp.exp(t[0] - sp.Rational(1, 2)) * s[0] ** 2 / 2, s, t, "gaussian"),
            ]
        )
    )


@st.composite
def families(draw: st.DrawFn, dim: int) -> AbstractProjection:
    """Every concrete family that is stated for this dimension."""
    box = st.sampled_from(["uniform", "lebesgue"])
    any_measure: Any = draw(st.one_of(box, st.sampled_from(["gaussian", 1 + X1[0] ** 2])))
    degree = draw(st.integers(0, 5))
    x = mz.state(dim)
    functions = [1, sp.tanh(x[0]), x[-1] ** 2, sp.cos(x[0] + x[-1])]
    tests = [sp.exp(x[0] / 8), x[0] + x[-1] ** 2 / 9, x[-1] ** 2 + 1, sp.cos(x[0] + x[-1]) - 2]
    return draw(
        st.sampled_from(
            [
                mz.Mean(draw(box)),
                mz.Legendre(degree, draw(box)),
                mz.Mean(1 + x[0] ** 2),
                mz.Legendre(degree, 1 + x[-1] ** 2 / 3),
                mz.Hermite(degree),
                mz.Basis(functions, any_measure),
                mz.Basis({1: functions if dim == 1 else [1], 2: functions if dim == 2 else [1]}, any_measure),
                mz.Basis(functions, any_measure, test=tests),
                kernel(draw, dim),
            ]
        )
    )


@st.composite
def boxes(draw: st.DrawFn, dim: int) -> Any:
    lower = np.array([draw(st.floats(-5, 5)) for _ in range(dim)])
    width = np.array([draw(st.floats(0.05, 8)) for _ in range(dim)])
    return SimpleNamespace(lower=lower, upper=lower + width, dim=dim)


def gauss_grid(box: Any, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss nodes and Lebesgue weights: exact for polynomials of degree 2k - 1 per variable."""
    t, w = np.polynomial.legendre.leggauss(k)
    half = (box.upper - box.lower) / 2
    nodes = [(box.upper[i] + box.lower[i]) / 2 + half[i] * t for i in range(box.dim)]
    grids = np.meshgrid(*nodes, indexing="ij")
    weights = np.ones(())
    for i in range(box.dim):
        weights = np.multiply.outer(weights, half[i] * w)
    return np.stack([g.ravel() for g in grids], axis=-1), weights.ravel()


class Space:
    """A projection on a grid in its measure, from nothing but its values: <f, g> = sum mu f g."""

    def __init__(self, data: st.DataObject, k: int) -> None:
        self.dim = data.draw(st.integers(1, 2))
        self.projection = data.draw(families(self.dim))
        if self.projection.measure == "gaussian":
            # A box that holds all but 1e-14 of N(0, I).
            wide = SimpleNamespace(lower=np.full(self.dim, -9.0), upper=np.full(self.dim, 9.0), dim=self.dim)
            self.box: Any = None
            self.X, w = gauss_grid(wide, 60)
        else:
            self.box = data.draw(boxes(self.dim))
            self.X, w = gauss_grid(self.box, k)
        self.mu = w * self.projection.weight(self.X, self.box)
        self.trial = self.projection.evaluate(self.X, self.box)
        self.test = self.projection.test_values(self.X, self.box)
        self.gram = self.test.T @ (self.mu[:, None] * self.trial)
        self.scale = np.linalg.cond(self.gram / np.sqrt(np.outer(self.squares(self.test), self.squares(self.trial))))

    def squares(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(self.mu @ values**2)

    def project(self, f: np.ndarray) -> np.ndarray:
        return np.asarray(self.trial @ np.linalg.solve(self.gram, self.test.T @ (self.mu * f)))

    def norm(self, f: np.ndarray) -> float:
        return float(np.sqrt(self.mu @ f**2))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_projection_is_idempotent_and_linear(data: st.DataObject) -> None:
    space = Space(data, 14)
    f = np.sin(space.X.sum(axis=1)) + space.X[:, 0] ** 2
    g = np.exp(-(space.X**2).sum(axis=1))
    assume(space.scale < 1e7)
    once = space.project(f)
    size = space.norm(f) + space.norm(once)
    assert space.norm(space.project(once) - once) <= 1e-12 * space.scale * size
    both = space.project(f - 3 * g)
    assert space.norm(both - once + 3 * space.project(g)) <= 1e-12 * space.scale * (size + space.norm(g))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_orthogonal_projections_are_symmetric_and_contract(data: st.DataObject) -> None:
    space = Space(data, 14)
    assume(space.scale < 1e7 and space.projection.orthogonal)
    assert np.array_equal(space.trial, space.test)
    f = np.sin(space.X.sum(axis=1)) + space.X[:, 0] ** 2
    g = np.exp(-(space.X**2).sum(axis=1))
    pf, pg = space.project(f), space.project(g)
    size = space.norm(f) * space.norm(g)
    assert abs(space.mu @ (pf * g) - space.mu @ (f * pg)) <= 1e-12 * space.scale * size
    assert space.norm(pf) <= space.norm(f) * (1 + 1e-12 * space.scale)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_normalized_says_whether_the_basis_is_orthonormal(data: st.DataObject) -> None:
    space = Space(data, 8)
    d = space.projection.size(space.dim)
    assert space.trial.shape == space.test.shape == (len(space.X), d)
    distance = np.abs(space.gram - np.eye(d)).max()
    if space.projection.normalized:
        assert space.projection.orthogonal and distance < 1e-11
    else:
        assert distance > 1e-9


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_constants_are_kept_where_it_is_said(data: st.DataObject) -> None:
    space = Space(data, 14)
    assume(space.scale < 1e7)
    ones = np.ones(len(space.X))
    if space.projection.keeps_constants:
        assert space.norm(space.project(ones) - ones) <= 1e-12 * space.scale * space.norm(ones)
    assert space.projection.keeps_constants == space.projection.contains_polynomial(0, space.dim)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_containment_of_polynomials_is_true(data: st.DataObject) -> None:
    space = Space(data, 14)
    assume(space.scale < 1e5)
    for degree in range(3):
        for f in (space.X[:, 0] ** degree, space.X[:, -1] ** degree):
            if space.projection.contains_polynomial(degree, space.dim):
                assert space.norm(space.project(f) - f) <= 1e-10 * space.scale * (1 + space.norm(f))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_expressions_equal_values(data: st.DataObject) -> None:
    dim, n = data.draw(st.integers(1, 2)), data.draw(st.integers(0, 3))
    projection = data.draw(families(dim))
    box = data.draw(boxes(dim))
    boxed = projection.measure != "gaussian" and data.draw(st.sampled_from([True, True, False]))
    boxed = boxed or projection.measure in ("uniform", "lebesgue")
    X = box.lower + (box.upper - box.lower) * np.random.default_rng(0).random((5, dim))
    values = projection.evaluate(X, box if boxed else None)
    tests = projection.test_values(X, box if boxed else None)
    ends = {lower_symbol(n, i): sp.Rational(box.lower[i]) for i in range(dim)}
    ends |= {upper_symbol(n, i): sp.Rational(box.upper[i]) for i in range(dim)}
    exprs = [sp.sympify(expr).subs(ends) for expr in projection.basis_exprs(n, dim, boxed)]
    others = [sp.sympify(expr).subs(ends) for expr in projection.test_exprs(n, dim, boxed)]
    assert len(exprs) == len(others) == values.shape[1] == tests.shape[1] == projection.size(dim)
    for p, point in enumerate(X):
        at = {state_symbol(n, i): sp.Rational(point[i]) for i in range(dim)}
        exact = np.array([float(expr.subs(at).evalf(30)) for expr in exprs])
        # The argument t is known to an ulp of the box ends, and P_k' <= k^2 / 2 on [-1, 1].
        slack = 1e-13 * (1 + np.abs(np.concatenate([box.lower, box.upper])).max() / (box.upper - box.lower).min())
        assert np.allclose(values[p], exact, rtol=1e-12, atol=100 * slack * np.abs(exact).max())
        exact = np.array([float(expr.subs(at).evalf(30)) for expr in others])
        assert np.allclose(tests[p], exact, rtol=1e-12, atol=100 * slack * np.abs(exact).max())
        if projection.measure != "law":
            density = projection.weight_expr(n, dim).subs(ends).subs(at)
            assert np.allclose(projection.weight(X[p : p + 1], box if boxed else None), float(density), rtol=1e-11)


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize(("degree", "dim"), [(3, 1), (1, 2)])
def test_orthonormal_exactly_in_symbols(measure: str, degree: int, dim: int) -> None:
    projection = mz.Legendre(degree, measure)
    basis = projection.basis_exprs(1, dim)
    for i, left in enumerate(basis):
        for j, right in enumerate(basis):
            value = left * right * projection.weight_expr(1, dim)
            for k in range(dim):
                x, lo, hi = state_symbol(1, k), lower_symbol(1, k), upper_symbol(1, k)
                poly = sp.Poly(sp.expand(value), x)
                primitive = poly.integrate(x).as_expr()
                value = primitive.subs(x, hi) - primitive.subs(x, lo)
            assert sp.simplify(value) == (1 if i == j else 0)


@pytest.mark.parametrize("name", ["tanh8", "mixed5", "dense2"])
def test_order_is_that_of_the_reference(name: str) -> None:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    dim = len(data["domains"][0])
    assert mz.Legendre(data["degree"]).multi_indices(dim) == tuple(map(tuple, data["multi_indices"]))


def test_multi_indices_are_graded_in_three_variables() -> None:
    indices = mz.Legendre(3).multi_indices(3)
    assert len(set(indices)) == len(indices) == mz.Legendre(3).size(3) == 20
    assert list(indices) == sorted(indices, key=lambda a: (sum(a), tuple(-k for k in a)))
    assert [mz.Legendre(3).degree_of(j, 3) for j in range(20)] == [sum(a) for a in indices]


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_mean_is_legendre_of_degree_zero(measure: str, dim: int) -> None:
    mean, legendre = mz.Mean(measure), mz.Legendre(0, measure)
    assert mean.basis_exprs(2, dim) == legendre.basis_exprs(2, dim)
    assert mean.multi_indices(dim) == legendre.multi_indices(dim)
    box = SimpleNamespace(lower=-np.arange(1.0, dim + 1), upper=np.arange(1.0, dim + 1), dim=dim)
    X = np.zeros((4, dim))
    assert np.allclose(mean.evaluate(X, box), legendre.evaluate(X, box), rtol=1e-15)


def test_high_degree_stays_accurate() -> None:
    box = SimpleNamespace(lower=np.array([-1.0]), upper=np.array([1.0]), dim=1)
    X = np.array([[-1.0], [0.3], [1.0]])
    values = mz.Legendre(60).evaluate(X, box)[:, 60]
    exact = [float(sp.sqrt(121) * sp.legendre(60, sp.Rational(x))) for x in X[:, 0]]
    assert np.allclose(values, exact, rtol=1e-12)


@pytest.mark.parametrize("bad", [-1, 2.0, True, "3", 1001, None])
def test_bad_degree_is_refused(bad: Any) -> None:
    with pytest.raises(mz.MzError, match="degree"):
        mz.Legendre(bad)


def test_unknown_measure_is_refused_with_the_names_there_are() -> None:
    for build in (lambda: mz.Mean("gaussian"), lambda: mz.Legendre(2, "gaussian"), lambda: mz.Basis([1], "normal")):
        with pytest.raises(mz.MzError, match="lebesgue"):
            build()


def test_dependent_functions_are_named_with_their_combination() -> None:
    x = X1[0]
    for functions, text in [
        ([1, x, 2 * x + 3], "(3)*(1) + (2)*(x0)"),
        ([x**2 + x, x, 1, (x + 1) ** 2 - 4], "(1)*(x0**2 + x0) + (1)*(x0) + (-3)*(1)"),
        ([sp.tanh(x), 1, sp.pi * sp.tanh(x) - 1], "(pi)*(tanh(x0)) + (-1)*(1)"),
        ([1, x, 0], "equals"),
    ]:
        with pytest.raises(mz.MzError, match="equals") as caught:
            mz.Basis(functions)
        assert text in str(caught.value)
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domain=mz.Box([(0.5, 1)]))
    hidden = mz.Basis([1, sp.cos(x) ** 2, sp.sin(x) ** 2])
    with pytest.raises(mz.MzError, match=r"equals \(1\)\*\(1\) \+ \(-1\)\*\(cos\(x0\)\*\*2\)") as caught:
        hidden.check(net)
    assert "to rounding" not in str(caught.value) and "function 2" in str(caught.value)
    # |x| is x on this box, and not on every box.
    folded = mz.Network([mz.dense([[1.0]], [2.0], noise=mz.Uniform(0.5))], domain=mz.Box([(0.5, 1)]))
    with pytest.raises(mz.MzError, match="layer 0"):
        mz.Basis([1, x, sp.Abs(x)]).check(folded)
    mz.Basis([1, x, sp.Abs(x)]).check(mz.Network([mz.dense([[1.0]], noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)])))


def test_kernels_that_are_no_projections_are_refused_with_their_defect() -> None:
    s, t = sp.symbols("s t", real=True)
    for expr, measure, match in [
        (1 + 2 * s * t, "uniform", r"k∘k - k = -2\*s\*t/3"),
        (1 + 3 * s * t, "gaussian", r"k∘k - k = 6\*s\*t"),
        (sp.sin(3 * s) * sp.sin(3 * t), "uniform", "Gauss quadrature"),
        (sp.exp(-((s - t) ** 2) * 50), "uniform", "rank"),
        (s * t * sp.Symbol("a", real=True), "uniform", "depends on a"),
        (0 * s, "uniform", "zero"),
    ]:
        with pytest.raises(mz.MzError, match=match):
            mz.Kernel(expr, s, t, measure)
    with pytest.raises(mz.MzError, match="distinct"):
        mz.Kernel(1 + s, s, s)
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)]))
    mz.Kernel(sp.S.One, s, t, "law").check(net)
    with pytest.raises(mz.MzError, match="by samples"):
        mz.Kernel(1 + s * t, s, t, "law").check(net)
    with pytest.raises(mz.MzError, match="layer 1"):
        mz.Kernel(3 * s * t / 2, s, t, sp.S.One + 0 * s).check(net)
    wide = mz.Network([mz.dense(np.eye(2), noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)] * 2))
    with pytest.raises(mz.MzError, match="dimension 1"):
        mz.Kernel(1 + 3 * s * t, s, t).check(wide)
    line = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Gaussian(0.5))])
    mz.Kernel(2 * s * t / sp.sqrt(sp.pi), s, t, sp.exp(-(X1[0] ** 2))).check(line)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_skeleton_is_the_integral_operator(data: st.DataObject) -> None:
    dim = data.draw(st.integers(1, 2))
    projection = data.draw(st.composite(kernel)(dim))
    if projection.measure == "gaussian":
        nodes, w = np.polynomial.hermite_e.hermegauss(40)
        box = None
    else:
        nodes, w = np.polynomial.legendre.leggauss(24)
        box = SimpleNamespace(lower=np.full(dim, -2.0), upper=np.arange(1.0, dim + 1))
    w = w / w.sum()
    grids = np.meshgrid(*[nodes] * dim, indexing="ij")
    T = np.stack([g.ravel() for g in grids], axis=-1)
    mu = w if dim == 1 else np.multiply.outer(w, w).ravel()
    X = T if box is None else (box.lower + box.upper) / 2 + (box.upper - box.lower) / 2 * T
    trial, test = projection.evaluate(X, box), projection.test_values(X, box)
    f = np.cos(X.sum(axis=1)) + X[:, 0]
    ours = trial @ np.linalg.solve(test.T @ (mu[:, None] * trial), test.T @ (mu * f))
    function = sp.lambdify([*projection.x, *projection.y], projection.expr, "numpy")
    direct = [mu @ (f * function(*point, *T.T)) for point in T[:: max(1, len(T) // 20)]]
    assert np.allclose(ours[:: max(1, len(T) // 20)], direct, rtol=1e-9, atol=1e-10 * np.abs(direct).max())


def test_singular_pairs_and_wrong_shapes_are_refused() -> None:
    x = X1[0]
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)]))
    with pytest.raises(mz.MzError, match="singular"):
        mz.Basis([x], test=[x**2]).check(net)
    mz.Basis([x], test=[x**3]).check(net)
    for build, match in [
        (lambda: mz.Basis([1, x], test=[x]), "test functions"),
        (lambda: mz.Basis([]), "list of functions"),
        (lambda: mz.Basis([sp.Symbol("a", real=True) * x]), "depends on a"),
        (lambda: mz.Basis({1: [X2[1]]}), "2 variables"),
        (lambda: mz.Basis({0: [1]}), "dimension is 0"),
        (lambda: mz.Legendre(2, -1 - x**2), "not positive"),
        (lambda: mz.Legendre(2, sp.Symbol("w", real=True) * x**2), "depends on w"),
    ]:
        with pytest.raises(mz.MzError, match=match):
            build()
    with pytest.raises(mz.MzError, match="layer 0"):
        mz.Basis([1, X2[1]]).check(net)
    with pytest.raises(mz.MzError, match="dimension 1"):
        mz.Basis({2: [1, X2[1]]}).check(net)
    with pytest.raises(mz.MzError, match="not finite"):
        mz.Basis([1, sp.log(x)]).check(net)


def test_weights_must_be_positive_and_integrable_where_the_state_is() -> None:
    x = X1[0]
    box = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)]))
    line = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Gaussian(0.5))])
    mz.Legendre(2, 1 + x**2).check(box)
    with pytest.raises(mz.MzError, match="layer 0, measure"):
        mz.Legendre(2, x + sp.Rational(1, 4)).check(box)
    with pytest.raises(mz.MzError, match="infinite"):
        mz.Legendre(2, 1 / (1 + sp.Abs(x))).check(line)
    mz.Legendre(2, sp.exp(-(x**2))).check(line)
    wide = mz.Network([mz.dense(np.eye(2), activation="tanh", noise=mz.Gaussian(0.5))])
    with pytest.raises(mz.MzError, match="infinite"):
        mz.Legendre(2, sp.exp(-(x**2))).check(wide)
    with pytest.raises(mz.MzError, match="variables"):
        mz.Legendre(2, sp.exp(-(X2[1] ** 2))).check(line)
    for projection in (mz.Hermite(2), mz.Legendre(2, "law"), mz.Basis([1, x], "gaussian")):
        projection.check(line)
    with pytest.raises(mz.MzError, match="Hermite"):
        mz.Basis([1, x]).check(line)


def _network(*bounded: bool) -> mz.Network:
    layers = [mz.dense([[0.5]], noise=mz.Uniform(1) if b else mz.Gaussian(1)) for b in bounded]
    return mz.Network(layers, domain=mz.Box([(-1, 1)]))


def test_gaussian_noise_is_refused_by_layer_and_name() -> None:
    with pytest.raises(mz.MzError) as caught:
        mz.Legendre(2).check(_network(True, False))
    text = str(caught.value)
    assert "Gaussian noise" in text and "layer 1" in text and "TruncatedGaussian" in text and "Hermite" in text
    mz.Legendre(2).check(_network(True, True))
