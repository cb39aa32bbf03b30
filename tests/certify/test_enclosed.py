"""Proved tables: golden numbers, verified quadrature, and the evaluator lie inside; what is left out would show."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import chebyshev as ch
from mzsym.balls import precision, tensor_map
from mzsym.balls.tables import BallTables
from mzsym.certify.enclosed.chain import _tables
from mzsym.certify.enclosed.kinds import chain_of

REFERENCE = Path(__file__).parents[1] / "reference"
x = mz.state(1)[0]
x0, x1 = mz.state(2)
LAWS = {"uniform": mz.Uniform, "tgauss": mz.TruncatedGaussian}


def golden(name: str) -> tuple[mz.Network, mz.Legendre, dict[str, Any]]:
    data = json.loads((REFERENCE / name).read_text(encoding="utf-8"))
    layers = [
        mz.dense(row["W"], row["b"], activation=row["activation"], noise=LAWS[row["noise"][0]](row["noise"][1]))
        for row in data["layers"]
    ]
    domains = [mz.Box([tuple(side) for side in box]) for box in data["domains"]]
    observable = sp.sympify(data["observable"], locals={"x": x, "x0": x0, "x1": x1})
    return mz.Network(layers, domains=domains, observable=observable), mz.Legendre(data["degree"], "lebesgue"), data


@pytest.mark.parametrize(("name", "width"), [("tanh8.json", 1e-14), ("mixed5.json", 1e-13), ("dense2.json", 1e-9)])
def test_golden_norms_lie_inside(name: str, width: float) -> None:
    net, projection, data = golden(name)
    found = mz.enclose(net, projection, width)
    assert str(found.standing) == "proved"
    # The golden program rounds, and its domains are hulls in round-to-nearest arithmetic.
    slack = data["converged_to"] + 2e-14
    for key, value in data["memory_norms"].items():
        low, high = found.memory_norm(*map(int, key.split(",")))
        assert low <= high and low - slack <= value <= high + slack, key
        assert high - low <= 1e-6 * high
    for n, value in enumerate(data["streaming_norms"]):
        low, high = found.streaming_norm(n)
        assert low - slack <= value <= high + slack
    block = found.streaming(0)
    assert np.abs(block.middle - np.array(data["streaming_0"])).max() < data["converged_to"] + 1e-13
    noise = np.array(data["noise_0"])
    assert np.all(found.noise(0).lower - slack <= noise) and np.all(noise <= found.noise(0).upper + slack)


def small(
    measure: str, activation: Any = "tanh", noise: Any = None, depth: int = 3, **more: Any
) -> tuple[mz.Network, mz.Legendre]:
    layers = [mz.dense([[w]], [0.1], activation=activation, noise=noise or mz.Uniform(0.5)) for w in (0.9, 1.2, 0.7)]
    observable = more.pop("observable", [x, sp.sin(x)])
    return mz.Network(layers[:depth], domain=mz.Box([(-1, 1)]), observable=observable), mz.Legendre(2, measure)


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("noise", [mz.Uniform(0.5), mz.TruncatedGaussian(0.3, cutoff=2)])
def test_every_table_is_the_evaluators(measure: str, noise: Any) -> None:
    net, projection = small(measure, noise=noise)
    found, ev = mz.enclose(net, projection), mz.compile(mz.derive(net, projection))
    pairs = [(found.streaming(n), ev.streaming(n)) for n in range(3)]
    pairs += [(found.memory(n, m), ev.memory(n, m)) for n, m in ((0, 2), (1, 3), (0, 3))]
    pairs += [(found.correlation(n, m), ev.correlation(n, m)) for n, m in ((0, 0), (0, 3), (1, 2))]
    pairs += [(found.noise(n), ev.noise(n)) for n in range(3)]
    pairs += [(found.coefficients(n), ev.coefficients(n)) for n in range(4)]
    for enclosure, table in pairs:
        assert enclosure.lower.shape == table.shape and (enclosure.lower <= enclosure.upper).all()
        assert np.abs(enclosure.middle - table).max() < 1e-10
    assert 0 < found.width < 1e-11


def test_entries_by_quadrature_of_many_digits() -> None:
    net, projection = small("uniform", depth=1)
    found = mz.enclose(net, projection)
    (lo0, hi0), (lo1, hi1) = ((mp.mpf(float(box.lower[0])), mp.mpf(float(box.upper[0]))) for box in net.domains)
    w, b, s = mp.mpf(0.9), mp.mpf(0.1), mp.mpf(0.5)

    def eta(k: int, y: Any, lo: Any, hi: Any) -> Any:
        return mp.sqrt(2 * k + 1) * mp.legendre(k, (2 * y - lo - hi) / (hi - lo))

    with mp.workdps(25):
        for i, j in ((0, 0), (1, 1), (2, 1), (2, 2)):

            def averaged(y: Any, j: int = j) -> Any:
                z = mp.tanh(w * y + b)
                return mp.quad(lambda t: eta(j, z + s * t, lo1, hi1), [-1, 1]) / 2

            value = mp.quad(lambda y, i=i, f=averaged: eta(i, y, lo0, hi0) * f(y), [lo0, hi0]) / (hi0 - lo0)
            block = found.streaming(0)
            assert mp.mpf(float(block.lower[i, j])) <= value <= mp.mpf(float(block.upper[i, j]))


@settings(max_examples=8, deadline=None)
@given(
    st.floats(0.2, 1.6),
    st.floats(-0.5, 0.5),
    st.floats(0.2, 0.8),
    st.sampled_from(["tanh", "sigmoid", "sin", "softplus"]),
)
def test_bounds_hold_with_few_points(w: float, b: float, s: float, activation: str) -> None:
    # Few points leave a large error: the truth, from many, must lie inside all the same.
    layer = mz.dense([[w]], [b], activation=activation, noise=mz.Uniform(s))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=x)
    coarse, fine = (tables(net, target) for target in (1e-2, 1e-25))
    for table, truth in ((coarse.C, fine.C), (coarse.memory, fine.memory), (coarse.coefficients, fine.coefficients)):
        assert table.overlaps(truth)
        assert all(table[i, j].contains(truth[i, j].mid()) for i in range(table.nrows()) for j in range(table.ncols()))


def tables(net: mz.Network, target: float) -> BallTables:
    with precision(ch.BITS):
        return _tables(chain_of(net), mz.Legendre(2), target)


def test_the_interpolation_error_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = small("uniform", depth=2, observable=x)
    truth = tables(net, 1e-25)
    monkeypatch.setattr(ch, "_on_ellipse", lambda series, beta: [ch.flint.arb(0)] * series.ncols())
    # Without a bound few nodes seem to do, and nothing is said of what they miss.
    bare = tables(net, 1e-25)
    assert not all(bare.C[i, j].contains(truth.C[i, j].mid()) for i in range(9) for j in range(9))


def test_moments_of_the_noise() -> None:
    with precision(256):
        found = ch.truncated_normal_moments(Fraction(1, 4), Fraction(3, 2), 1).values[:12]
    with mp.workdps(40):
        s, cut = mp.mpf(1) / 4, mp.mpf(3) / 2
        density = lambda t: mp.exp(-((t / s) ** 2) / 2)  # noqa: E731
        whole = mp.quad(density, [-cut * s, 0, cut * s])
        for j in range(12):
            exact = mp.quad(lambda t, j=j: t**j * density(t), [-cut * s, 0, cut * s]) / whole
            assert abs(mp.mpf(found[j].mid().str(40, radius=False)) - exact) < mp.mpf(10) ** -30


def plane(
    dims: tuple[int, ...] = (2, 3, 1), measure: str = "uniform", activation: str = "tanh"
) -> tuple[mz.Network, mz.Legendre]:
    """Layers between states of several dimensions, one noise law each, one component without noise."""
    rng = np.random.default_rng(sum(dims))
    laws = [mz.Uniform(0.5), mz.TruncatedGaussian(0.25, cutoff=2), mz.Deterministic(), mz.Uniform(1)]
    layers = [
        mz.dense(rng.normal(size=(m, n)) * 0.6, rng.normal(size=m) * 0.2, activation=activation, noise=laws[:m])
        for n, m in itertools.pairwise(dims)
    ]
    last = mz.state(dims[-1])
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * dims[0]), observable=[last[0], sp.sin(last[-1])])
    return net, mz.Legendre(1, measure)


@pytest.mark.parametrize(("dims", "measure"), [((2, 3, 1), "uniform"), ((1, 2, 2), "lebesgue")])
def test_tables_between_dimensions_hold_the_evaluators(dims: tuple[int, ...], measure: str) -> None:
    net, projection = plane(dims, measure)
    found, ev = mz.enclose(net, projection), mz.compile(mz.derive(net, projection))
    pairs = [(found.streaming(n), ev.streaming(n)) for n in range(2)]
    pairs += [(found.memory(0, 2), ev.memory(0, 2)), (found.correlation(0, 2), ev.correlation(0, 2))]
    pairs += [(found.noise(n), ev.noise(n)) for n in range(2)]
    pairs += [(found.coefficients(n), ev.coefficients(n)) for n in range(3)]
    slack = max(ev.tolerance_reached.values()) + 1e-14
    for enclosure, table in pairs:
        assert enclosure.lower.shape == table.shape
        assert np.all(enclosure.lower - slack <= table) and np.all(table <= enclosure.upper + slack)
    assert 0 < found.width < 1e-8


def test_the_interpolation_error_is_needed_in_two_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    net, projection = plane((2, 2, 2))
    truth = mz.enclose(net, projection).correlation(0, 2)
    monkeypatch.setattr(tensor_map, "MOST", {1: 8, 2: 8, 3: 8})
    with pytest.raises(mz.MzError, match="proved to a width of"):
        mz.enclose(net, projection)
    wide = mz.enclose(net, projection, 1e6).correlation(0, 2)
    assert wide.contains(truth.lower) and wide.contains(truth.upper)
    monkeypatch.setattr(tensor_map, "_bounded", lambda coefs, reach: np.full(coefs.shape[-1], 1e-300))
    bare = mz.enclose(net, projection, 1e6).correlation(0, 2)
    assert not bare.contains(truth.middle)


@pytest.mark.parametrize(
    ("net", "projection", "words"),
    [
        (plane((2, 4, 1)), None, "at most 3 dimensions"),
        (plane((2, 1), activation="relu"), None, "layer 0 with a proved error: Max is not analytic"),
        (small("uniform", "step"), None, "layer 2 with a proved error"),
        (small("uniform", noise=mz.Laplace(0.2)), mz.Hermite(2), "not enclosed"),
        (small("uniform"), mz.Mean(), "not enclosed"),
        (small("uniform", observable=sp.Heaviside(x)), None, "observable is not carried with a proved error"),
    ],
)
def test_refusals(net: Any, projection: Any, words: str) -> None:
    network, own = net
    with pytest.raises(mz.MzError, match=words):
        mz.enclose(network, projection or own)


def test_indices_and_widths_are_checked() -> None:
    net, projection = small("uniform")
    found = mz.enclose(net, projection)
    for call in (
        lambda: found.memory(0, 1),
        lambda: found.streaming(3),
        lambda: found.noise(3),
        lambda: found.coefficients(4),
    ):
        with pytest.raises(mz.MzError, match="no such term"):
            call()
    assert found.correlation(1, 1).contains(np.eye(3)) and "entries within" in repr(found)
