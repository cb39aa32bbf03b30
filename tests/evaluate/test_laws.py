"""Laws of states and outputs as functions: closed forms, brute force, Monte Carlo, and what does not exist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import mzsym as mz
from mzsym.evaluate.laws.pieces import monotone_pieces
from mzsym.evaluate.laws.state_law import StateLaw

x = mz.state(1)[0]
SAMPLES = 100_000


def evaluator(layers: list[Any], observable: Any = x, dim: int = 1, **options: Any) -> Any:
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * dim), observable=observable)
    return mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(**options) if options else None)


def dense(w: float, b: float = 0.0, activation: Any = "tanh", noise: Any = None) -> Any:
    return mz.dense([[w]], [b], activation=activation, noise=noise or mz.Uniform(0.3))


def drawn(ev: Any, seed: int, p0: Any = None, at: Any = None, observe: bool = True) -> np.ndarray:
    net, rng = ev.network, np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (SAMPLES, net.dims[0]))
    if at is not None:
        X = np.tile(np.asarray(at, float), (SAMPLES, 1))
    elif isinstance(p0, np.ndarray):
        X = rng.choice(p0, SAMPLES)
    elif p0 is not None:
        X = p0.sample(rng, (SAMPLES, net.dims[0]), float(p0.scale))
    Y = net.sample(X, seed=rng)
    return net.observe(Y) if observe else Y[:, 0]


def agrees(law: StateLaw, draws: np.ndarray, slack: float = 0.0, points: int = 2000) -> None:
    """Distribution function within the Dvoretzky-Kiefer-Wolfowitz bound at level 1e-6, moments within 4.5 errors."""
    count = len(draws)
    ordered = np.sort(draws)
    at = np.arange(0, count, count // points)
    F = law.distribution(ordered[at])
    below, upto = np.searchsorted(ordered, ordered[at]) / count, np.searchsorted(ordered, ordered[at], "right") / count
    bound = np.sqrt(np.log(2e6) / (2 * count)) + slack
    assert np.maximum(below - F, F - upto).max() <= bound + sum(p for _, p in law.atoms)
    assert (F - upto).max() <= bound
    for k in (1, 2, 3):
        error = 4.5 * np.std(draws**k) / np.sqrt(count) + 10 * law.tolerance_reached["mean"]
        assert abs(np.mean(draws**k) - law.moment(k)) <= error
    for level in (0.5, 0.95):
        lo, hi = law.interval(level)
        covered = np.mean((draws >= lo) & (draws <= hi))
        error = 4.5 * np.sqrt(level * (1 - level) / count) + 2 * slack
        assert covered >= level - error and (law.atoms or covered <= level + error)
    if law.has_density:
        y = np.linspace(*law.support, 2 * points + 1)
        p, slopes = law.density(y), np.diff(law.distribution(y)) / np.diff(y)
        inner = np.abs(np.diff(p)) < 0.02 * p.max()
        assert np.abs(slopes - 0.5 * (p[1:] + p[:-1]))[inner].max() < 0.03 * p.max()


# ------------------------------------------------------------------ on the line, against closed forms


def test_sum_of_uniforms_is_exact() -> None:
    """Identity layers: the sum of three uniforms on [-1, 1], whose density is a quadratic B-spline."""
    law = evaluator([dense(1.0, activation="identity", noise=mz.Uniform(1))] * 2).law()
    y = np.linspace(-3, 3, 601)
    spline = stats.irwinhall(3) if hasattr(stats, "irwinhall") else None
    z = (y + 3) / 2
    density = 0.5 * np.where(z < 1, z**2 / 2, np.where(z < 2, (-2 * z**2 + 6 * z - 3) / 2, (3 - z) ** 2 / 2))
    assert np.abs(law.density(y) - density).max() < 1e-14
    if spline is not None:
        assert np.abs(law.distribution(y) - spline.cdf(z)).max() < 1e-14
    assert law.mean == pytest.approx(0, abs=1e-15) and law.variance == pytest.approx(1, abs=1e-14)
    assert law.moment(4) == pytest.approx(3 * 1 - 6 / 5 / 3, abs=1e-13)
    assert law.quantile(1 / 48) == pytest.approx(-2, abs=1e-12)
    assert law.interval(1 - 2 / 48) == pytest.approx((-2, 2), abs=1e-12)


def test_square_of_the_input_has_its_root_singularity() -> None:
    """X^2 + U(-s, s), X uniform on [-1, 1]: density (sqrt(min(1, y+s)) - sqrt(max(0, y-s)))/2s."""
    s = 0.25
    ev = evaluator([mz.Layer([x**2], state=(x,), noise=mz.Uniform(s))])
    y = np.linspace(-s, 1 + s, 777)
    exact = (np.sqrt(np.clip(y + s, 0, 1)) - np.sqrt(np.clip(y - s, 0, 1))) / (2 * s)
    law = ev.law()
    # Bisection ends a hair from the root, in a panel that holds no probability to speak of.
    assert np.abs(law.density(y) - exact)[1:-1].max() < 1e-12 and law.density(y[0]) < 1e-5
    F = [
        integrate.quad(
            lambda v: (np.sqrt(np.clip(v + s, 0, 1)) - np.sqrt(np.clip(v - s, 0, 1))) / (2 * s),
            -s,
            t,
            points=[s, 1 - s],
            limit=200,
            epsabs=1e-13,
        )[0]
        for t in y[::97]
    ]
    assert np.abs(law.distribution(y[::97]) - F).max() < 1e-12


def test_atom_of_relu_becomes_a_copy_of_the_noise() -> None:
    s = 0.2
    law = evaluator([dense(1.0, activation="relu", noise=mz.Uniform(s))]).law()
    y = np.linspace(-s, 1 + s, 500)[1:-1]
    atom = 0.5 * (np.abs(y) < s) / (2 * s)
    ramp = 0.5 * (np.clip(y + s, 0, 1) - np.clip(y - s, 0, 1)) / (2 * s)
    assert np.abs(law.density(y) - atom - ramp).max() < 1e-13
    assert not law.atoms


def test_one_tanh_layer_against_adaptive_quadrature() -> None:
    s, w, b = 0.35, 1.7, 0.2
    law = evaluator([dense(w, b, noise=mz.TruncatedGaussian(s))]).law(p0=3 * x**2 / 2)
    rho = stats.truncnorm(-3, 3, scale=s)
    for y in (-1.2, -0.3, 0.4, 1.1):
        cuts = [(np.arctanh(z) - b) / w for z in (y - 3 * s, y + 3 * s) if abs(z) < 1]
        cuts = [c for c in cuts if abs(c) < 1]
        value, _ = integrate.quad(
            lambda v, y=y: rho.pdf(y - np.tanh(w * v + b)) * 1.5 * v**2,
            -1,
            1,
            points=cuts or None,
            epsabs=1e-14,
            limit=200,
        )
        assert law.density(y) == pytest.approx(value, abs=1e-11)


def test_gain_scales_the_noise() -> None:
    """X' = G(X) xi with xi uniform: density of a product, (1/2) int 1[|y| <= G s]/(2 G s) dx."""
    law = evaluator([mz.Layer([0 * x], state=(x,), gain=[1 + x**2], noise=mz.Uniform(0.5))]).law()
    for y in (0.0, 0.3, 0.6, 0.9):
        cut = np.sqrt(max(0.0, abs(y) / 0.5 - 1))
        value = integrate.quad(lambda v: 1 / (1 + v**2), cut, 1, epsabs=1e-14)[0]
        assert law.density(y) == pytest.approx(value, abs=1e-11)


def test_law_given_the_input() -> None:
    ev = evaluator([dense(1.5), dense(1.2, 0.1)], observable=x**2 + sp.sin(x))
    law = ev.law(at=[0.4])
    for at in (-0.7, 0.4):
        expected = ev.expectation([[at]])[0]
        assert ev.output_law(at=[at]).mean == pytest.approx(expected, abs=1e-12)
        assert ev.law(at=at).expectation(lambda y: y**2 + np.sin(y)) == pytest.approx(expected, abs=1e-12)
    assert ev.law(1, at=0.4).density(np.tanh(0.6)) == pytest.approx(1 / 0.6, abs=1e-13)
    assert law.tolerance_reached["distribution"] < 1e-12


@pytest.mark.parametrize(
    ("name", "layers", "observable", "p0", "at"),
    [
        ("tanh", [dense(1.5), dense(0.8, -0.2)] * 2, x, None, None),
        ("sin", [dense(3.0, 0.3, "sin", mz.TruncatedGaussian(0.3)), dense(2.5, 0.1, "sin")], sp.Abs(x), None, None),
        ("relu", [dense(2.0, 0.3, "relu")] * 3, x, mz.TruncatedGaussian(0.3), None),
        ("flat tail", [dense(3.0, 0.3, "abs"), dense(2.0, -2.0, "relu", mz.Deterministic())], x, None, None),
        (
            "quiet",
            [dense(2.0, 0.3, "relu", mz.Deterministic()), dense(1.5), dense(3.0, 0, "sin", mz.Deterministic())],
            x,
            None,
            0.2,
        ),
        ("steep", [dense(40.0, 0.3)] * 2, sp.exp(x), None, None),
        ("step", [mz.Layer([sp.Heaviside(x)], state=(x,), noise=mz.Uniform(0.3)), dense(2.0)], x**2, None, None),
    ],
)
def test_monte_carlo_on_the_line(name: str, layers: list[Any], observable: Any, p0: Any, at: Any) -> None:
    ev = evaluator(layers, observable)
    law = ev.output_law(p0, None if at is None else [at])
    assert not law.limits and law.tolerance_reached["distribution"] < 1e-11
    agrees(law, drawn(ev, 5, p0, None if at is None else [at]))


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-2.5, 2.5),
            st.floats(-1, 1),
            st.sampled_from(["tanh", "sin", "relu", "abs", "sigmoid", "identity"]),
            st.sampled_from([mz.Uniform(0.3), mz.TruncatedGaussian(0.2), mz.Uniform(0.05)]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 2**20),
)
def test_random_networks_on_the_line(rows: list[Any], seed: int) -> None:
    ev = evaluator([dense(*row) for row in rows], x + x**3 / 4)
    law = ev.output_law()
    assert law.tolerance_reached["distribution"] < 1e-9
    assert law.distribution(law.support[1]) == 1.0 and law.distribution(law.support[0]) == 0.0
    assert np.diff(law.distribution(np.linspace(*law.support, 300))).min() >= -1e-12
    agrees(law, drawn(ev, seed))
    assert law.mean == pytest.approx(ev.mean(), abs=1e-6)


# ------------------------------------------------------------------ several dimensions, weights of grids


def plane(noise: Any = None, seed: int = 3, dim: int = 2, out: int = 2) -> list[Any]:
    rng = np.random.default_rng(seed)
    shapes = [(dim, dim), (out, dim)]
    return [
        mz.dense(
            0.8 * rng.normal(size=shape),
            rng.normal(size=shape[0]) / 4,
            activation="tanh",
            noise=noise or mz.Uniform(0.3),
        )
        for shape in shapes
    ]


def test_linear_network_in_the_plane_is_exact() -> None:
    """An affine read-out of linear layers: a sum of independent uniforms, its density by brute convolution."""
    W = np.array([[0.6, -0.3], [0.2, 0.5]])
    y = mz.state(2)
    ev = evaluator([mz.dense(W, [0, 0], noise=mz.Uniform(0.4))] * 2, y[0] + 2 * y[1], 2)
    law = ev.output_law()
    a = np.array([1.0, 2.0])
    widths = [*(0.4 * a), *(0.4 * (W.T @ a)), *(W.T @ W.T @ a)]
    assert law.mean == pytest.approx(0, abs=1e-12)
    assert law.variance == pytest.approx(sum(w**2 for w in widths) / 3, rel=1e-9)
    agrees(law, drawn(ev, 1), 1e-4, 200)
    t = np.linspace(0, 40, 4001)
    characteristic = np.prod([np.sinc(w * t / np.pi) for w in widths], axis=0)
    for point in (-1.0, 0.0, 0.7):
        assert law.density(point) == pytest.approx(
            np.trapezoid(characteristic * np.cos(t * point), t) / np.pi, abs=2e-3
        )


@pytest.mark.parametrize(
    ("layers", "observable", "dim", "slack"),
    [
        (plane(), mz.state(2)[0], 2, 1e-4),
        (plane(mz.TruncatedGaussian(0.2)), mz.state(2)[0] * mz.state(2)[1], 2, 1e-3),
        (plane(), mz.state(2)[0] ** 2 + sp.sin(mz.state(2)[1]), 2, 1e-3),
        (plane(dim=3, out=1), mz.state(1)[0] ** 2, 3, 1e-3),
        ([dense(1.5), mz.dense([[1.0], [-0.5]], [0, 0.2], activation="sin")], mz.state(2)[0], 1, 1e-3),
    ],
)
def test_monte_carlo_in_several_dimensions(layers: list[Any], observable: Any, dim: int, slack: float) -> None:
    ev = evaluator(layers, observable, dim, tolerance=1e-6)
    law = ev.output_law()
    assert law.limits and law.tolerance_reached["distribution"] < slack
    agrees(law, drawn(ev, 2), slack, 200)
    assert law.mean == pytest.approx(ev.mean(), abs=max(1e-5, 3 * law.tolerance_reached["mean"]))


def test_many_samples_and_random_weights_on_the_line() -> None:
    rng = np.random.default_rng(0)
    X = np.clip(rng.normal(size=(500, 1)) / 3, -1, 1)
    ev = evaluator([dense(1.5), dense(1.2, 0.1)], x**2)
    law = ev.output_law(X)
    assert "500 samples" in law.limits[0]
    agrees(law, drawn(ev, 3, X), 1e-5, 200)
    few = ev.output_law(X[:5])
    assert not few.limits
    kernel = evaluator(
        [mz.dense([[1.5]], [0.1], activation="tanh", weight_noise=mz.Uniform(0.3), noise=mz.Uniform(0.3))] * 2
    )
    agrees(kernel.law(), drawn(kernel, 4), 1e-5, 200)


def test_the_two_routes_agree() -> None:
    from mzsym.evaluate.laws.line import Composed, Line
    from mzsym.evaluate.laws.source import source_of
    from mzsym.evaluate.laws.weak import weak_law

    ev = evaluator([dense(1.5), dense(1.2, 0.1), dense(0.8, 0.2)])
    net, options = ev.network, mz.Options()
    exact = Line(net, source_of(net), options).state_law(3)
    weak = weak_law(net, 3, lambda X: X[:, 0], source_of(net), options, "X_3", on_line=Composed())
    y = np.linspace(*exact.support, 201)
    assert weak.tolerance_reached["distribution"] < 1e-5
    assert np.abs(exact.distribution(y) - weak.distribution(y)).max() <= weak.tolerance_reached["distribution"]
    assert weak.variance == pytest.approx(exact.variance, abs=1e-10)


# ------------------------------------------------------------------ what there is and what there is not


def test_point_masses_have_no_density() -> None:
    ev = evaluator([dense(1.0), dense(2.0, -2.0, "relu", mz.Deterministic())])
    law = ev.law()
    assert law.atoms[0][0] == 0.0 and 0.5 < law.atoms[0][1] < 1
    assert law.distribution(0.0) == pytest.approx(law.atoms[0][1], abs=1e-12)
    assert law.quantile(0.3) == 0.0 and not law.has_density
    with pytest.raises(mz.MzError, match="no density"):
        law.density(0.1)
    quiet = evaluator([dense(1.5, noise=mz.Deterministic())])
    assert quiet.law(at=[0.3]).atoms == ((pytest.approx(np.tanh(0.45)), 1.0),)
    assert quiet.law().density(np.tanh(0.3)) == pytest.approx(0.5 / 1.5 * np.cosh(0.3) ** 2, abs=1e-12)


def test_bad_questions() -> None:
    ev = evaluator(plane(), [mz.state(2)[0], mz.state(2)[1]], 2)
    line = evaluator([dense(1.0)])
    for ask in (
        lambda: ev.law(),
        lambda: ev.law(component=2),
        lambda: ev.output_law(),
        lambda: ev.output_law(output=5),
        lambda: line.law(2),
        lambda: line.law(p0="uniform", at=[0.0]),
        lambda: line.law(at=[0.0, 1.0]),
        lambda: line.law(at=[3.0]),
        lambda: line.law().quantile(1.2),
        lambda: line.law().interval(1.0),
        lambda: line.law().moment(-1),
        lambda: line.law().density(np.nan),
        lambda: evaluator([mz.Layer([0 * x], state=(x,), gain=[x], noise=mz.Uniform(1))]).law(),
        lambda: evaluator([mz.dense(np.eye(2), activation="tanh")], dim=2, observable=mz.state(2)[0]).output_law(),
    ):
        with pytest.raises(mz.MzError):
            ask()


def test_monotone_pieces_of_a_wave() -> None:
    pieces = monotone_pieces(np.cos, 0.0, 10.0, [5.0])
    assert pieces.turns == pytest.approx([np.pi, 2 * np.pi, 3 * np.pi], abs=1e-7)
    found = pieces.preimages(np.array([0.5, -0.5]))
    inside = (found > pieces.ends[:-1]) & (found < pieces.ends[1:])
    roots = np.arccos([0.5, -0.5])
    for row, mask, root in zip(found, inside, roots, strict=True):
        every = np.sort(np.concatenate([2 * np.pi * np.arange(3) + root, 2 * np.pi * np.arange(1, 3) - root]))
        assert row[mask] == pytest.approx(every[every < 10], abs=1e-13)
    flat = monotone_pieces(lambda v: np.clip(v, -1, 1), -3.0, 3.0, [-1.0, 1.0])
    assert flat.flat.tolist() == [True, False, True]
