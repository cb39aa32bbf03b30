"""``load(save(net))`` is the network, exactly, for every network that the schema can say."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core import functions as activations

finite = st.floats(-1e6, 1e6, allow_subnormal=True)
numbers = st.one_of(st.integers(-(2**70), 2**70), finite, st.fractions(-100, 100, max_denominator=10**25))
positives = st.one_of(st.integers(1, 9), st.floats(5e-324, 1e6), st.fractions(Fraction(1, 99), 9, max_denominator=99))
SHARED = sp.Symbol("strength", positive=True)
w, v = sp.symbols("w v", real=True)


@st.composite
def laws(draw: st.DrawFn) -> object:
    scale = draw(st.one_of(positives, st.just(SHARED), st.just(SHARED**2 / 3 + 1)))
    return draw(
        st.sampled_from(
            [mz.Uniform(scale), mz.Gaussian(scale), mz.TruncatedGaussian(scale, draw(positives)), mz.Deterministic()]
        )
    )


def random_laws() -> st.SearchStrategy[object]:
    return laws().filter(lambda law: not isinstance(law, mz.Deterministic))


def noises(dim: int) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), laws(), st.lists(laws(), min_size=dim, max_size=dim))


@st.composite
def dense_layers(draw: st.DrawFn, dim: int) -> object:
    out = draw(st.integers(1, 3))
    square = draw(st.booleans())
    rows = dim if square else out
    entries = draw(st.sampled_from([finite, numbers]))
    W = draw(st.lists(st.lists(entries, min_size=dim, max_size=dim), min_size=rows, max_size=rows))
    b = draw(st.one_of(st.none(), st.lists(entries, min_size=rows, max_size=rows)))
    t = sp.Symbol("t", real=True)
    names = ["identity", "tanh", "gelu", ("leaky_relu", draw(numbers)), sp.tanh(t) ** 2 + t / 7, sp.exp(-(t**2) / 2)]
    names += ["elu", "silu", "hardtanh", "step"]
    activation, noise = draw(st.sampled_from(names)), draw(noises(rows))
    weights = draw(st.one_of(st.none(), random_laws()))
    if square:
        return mz.residual(W, b, activation=activation, step=draw(numbers), noise=noise, weight_noise=weights)
    return mz.dense(W, b, activation=activation, noise=noise, weight_noise=weights)


@st.composite
def map_layers(draw: st.DrawFn, dim: int) -> object:
    x = mz.state(dim)
    pool = [
        sp.tanh(w * x[0] + v),
        activations.sigmoid(x[-1]) - SHARED * x[0],
        x[0] ** 3 / 3 - sp.Rational(2, 7) * x[-1],
        sp.Float(0.1) * x[0] * x[-1],
        sp.sqrt(x[0] ** 2 + 1) / (1 + sp.Abs(x[-1])),
        activations.leaky_relu(x[0], sp.Rational(1, 10)),
        sp.exp(-(x[0] ** 2)) + sp.Max(x[-1], 0),
        activations.elu(x[0]) * sp.Heaviside(w * x[-1]) - activations.silu(activations.hardtanh(x[-1])),
    ]
    exprs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    random = {w: draw(random_laws()), v: None}
    params = draw(st.sampled_from([{w: draw(numbers), v: draw(numbers)}, {w: draw(numbers), v: None}, random]))
    entries = st.sampled_from([sp.S.One, sp.Rational(-2, 7), 1 + x[0] ** 2, v * x[-1] + SHARED, sp.exp(-x[0])])
    rows = len(exprs)
    columns = draw(st.integers(1, 3))
    matrix = st.lists(entries, min_size=rows * columns, max_size=rows * columns).map(
        lambda found: sp.Matrix(rows, columns, found)
    )
    gain = draw(st.one_of(st.none(), entries, st.lists(entries, min_size=rows, max_size=rows), matrix))
    noise = draw(noises(columns if isinstance(gain, sp.MatrixBase) else rows))
    return mz.Layer(exprs, state=x, params=params, noise=noise, gain=gain)


@st.composite
def networks(draw: st.DrawFn) -> mz.Network:
    dim = draw(st.integers(1, 3))
    first, layers = dim, []
    for _ in range(draw(st.integers(1, 3))):
        layers.append(draw(st.one_of(dense_layers(dim), map_layers(dim))))
        dim = layers[-1].dim_out
    y = mz.state(dim)
    observable = draw(st.sampled_from([None, y[0], y[-1] ** 2 + SHARED, [y[0], sp.tanh(y[-1])], [y[0]]]))
    ends = draw(st.lists(st.tuples(numbers, positives), min_size=first, max_size=first))
    box = draw(st.one_of(st.none(), st.just([(Fraction(lo), Fraction(lo) + Fraction(width)) for lo, width in ends])))
    shared = draw(st.sampled_from([{}, {SHARED: 0.5}]))
    return mz.Network(layers, domain=box, observable=observable, shared=shared)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks(), st.sampled_from([None, mz.Legendre(4), mz.Legendre(0, measure="lebesgue"), mz.Mean()]))
def test_any_network(net: mz.Network, projection: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.toml"
        mz.save(net, path, projection=projection)
        study = mz.load(path)
        assert study.network == net
        assert study.network.bindings(boxes=False) == net.bindings(boxes=False)
        assert study.network.free_symbols == net.free_symbols
        assert study.projection == projection
        # The second writing is the same text: nothing drifts.
        again = Path(folder) / "again.toml"
        mz.save(study.network, again, projection=projection)
        assert again.read_text() == path.read_text().replace("model.weights-", "again.weights-")


def test_large_weights_stand_beside_the_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    wide = mz.dense(rng.standard_normal((40, 2)), rng.standard_normal(40), activation="tanh", noise=mz.Uniform(0.1))
    deep = mz.dense(rng.standard_normal((2, 40)), [0.0, -0.0])
    net = mz.Network([wide, deep], domain=mz.Box([(-1, 1), (0, 1)]))
    mz.save(net, tmp_path / "a model.toml", projection=mz.Mean(), options=mz.Options(tolerance=1e-7))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a model.toml", f"a_model.weights-{net.digest[:12]}.npz"]
    study = mz.load(tmp_path / "a model.toml")
    assert study.network == net
    assert study.options == mz.Options(tolerance=1e-7)
    assert np.array_equal(study.network.layers[0].W, wide.W)


def test_domains_and_given_boxes(tmp_path: Path) -> None:
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))], domains=[[(-1, 1)], [(-2, 2)]])
    mz.save(net, tmp_path / "m.toml")
    assert mz.load(tmp_path / "m.toml").network == net


def test_any_name_of_states_and_of_an_activation_symbol(tmp_path: Path) -> None:
    u, s = sp.symbols("u s")
    net = mz.Network([mz.Layer([sp.tanh(u)], state=(u,)), mz.dense([[1.0]], activation=s**2 / (1 + s**2))])
    mz.save(net, tmp_path / "m.toml")
    assert mz.load(tmp_path / "m.toml").network == net


def test_what_cannot_be_written_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    x = mz.state(1)
    path = tmp_path / "m.toml"
    path.write_text("old")
    odd = sp.Symbol("a b", real=True)
    integer = sp.Symbol("k", integer=True)
    for symbol in (odd, integer, sp.Symbol("pi", real=True)):
        with pytest.raises(mz.MzError, match="symbol"):
            mz.save(mz.Network([mz.Layer([symbol * x[0]], state=x)]), path)
    endless = mz.Layer([x[0] * w], state=x, params={w: Fraction(1, 3**2000)})
    with pytest.raises(mz.MzError, match="too many digits"):
        mz.save(mz.Network([endless]), path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.toml"]


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    net = mz.Network([mz.dense([[1.0]])])
    with pytest.raises(mz.MzError, match="cannot be written"):
        mz.save(net, tmp_path / "file" / "m.toml")
    with pytest.raises(mz.MzError, match="cannot be written"):
        mz.save(net, tmp_path / "missing" / "m.toml")
