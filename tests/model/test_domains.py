"""Domains: the golden ones to the last digit, samples always inside, given ones checked."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core.names import lower_symbol, upper_symbol
from mzsym.core.primitives import PRIMITIVES

REFERENCE = Path(__file__).parent.parent / "reference"
LAWS: dict[str, Any] = {"uniform": mz.Uniform, "tgauss": mz.TruncatedGaussian}


def golden(name: str) -> tuple[list[Any], list[Any]]:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    layers = [
        mz.dense(x["W"], x["b"], activation=x["activation"], noise=LAWS[x["noise"][0]](x["noise"][1]))
        for x in data["layers"]
    ]
    return layers, data["domains"]


@pytest.mark.parametrize("name", ["mixed5", "dense2"])
def test_tight_golden_domains_are_reproduced(name: str) -> None:
    layers, domains = golden(name)
    for box, expected in zip(mz.Network(layers, domain=domains[0]).domains, domains, strict=True):
        assert np.abs(np.array(box.intervals, dtype=float) - np.array(expected)).max() <= 1e-14


@pytest.mark.parametrize("name", ["tanh8", "mixed5", "dense2"])
def test_golden_domains_are_accepted(name: str) -> None:
    layers, domains = golden(name)
    boxes = mz.Network(layers, domains=domains).domains
    for box, stated in zip(boxes, domains, strict=True):
        ends = np.array(box.intervals, dtype=float)
        assert np.abs(ends - np.array(stated)).max() <= 1e-14
        # Widened only: never a stated box that the state leaves.
        assert np.all(ends[:, 0] <= np.array(stated)[:, 0]) and np.all(ends[:, 1] >= np.array(stated)[:, 1])
    if name == "tanh8":
        assert [list(map(list, box.intervals)) for box in boxes] == domains


@pytest.mark.parametrize(("which", "sign"), [(0, 1), (1, -1)])
def test_an_excess_is_widened_up_to_rounding_and_refused_beyond(which: int, sign: int) -> None:
    layers, domains = golden("dense2")
    small, large = json.loads(json.dumps(domains)), json.loads(json.dumps(domains))
    small[2][1][which] += sign * 8e-13
    exact = mz.Network(layers, domains=domains).domains[2].intervals[1][which]
    assert mz.Network(layers, domains=small).domains[2].intervals[1][which] == exact
    large[2][1][which] += sign * 1e-11
    with pytest.raises(mz.MzError) as caught:
        mz.Network(layers, domains=large)
    text = str(caught.value)
    assert "layer 1, component 1" in text and ("upper" if which else "lower") in text and "e-11" in text
    assert "domains[2]" in text


def test_a_domain_that_is_not_invariant_is_refused_at_once() -> None:
    layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))
    with pytest.raises(mz.MzError, match=r"excess of 0\.26"):
        mz.Network([layer], domains=[[(-1, 1)], [(-1, 2)]])
    mz.Network([layer], domains=[[(-1, 1)], [(-1.2616, 2)]])


def test_an_exact_end_is_not_widened() -> None:
    """Image [-1, 1] of the identity plus half-width 1/3: the given 4/3 is exact and no double."""
    layer = mz.dense([[1]], noise=mz.Uniform(Fraction(1, 3)))
    ends = (Fraction(-4, 3), Fraction(4, 3))
    net = mz.Network([layer], domains=[[(-1, 1)], [ends]])
    lo, hi = net.domains[1].intervals[0]
    assert lo <= ends[0] and hi >= ends[1] and float(hi - lo) == pytest.approx(8 / 3, rel=1e-15)


@st.composite
def networks(draw: st.DrawFn) -> mz.Network:
    """Random layers of every kind: dense, residual, expressions; every activation; every bounded noise."""
    dims = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layers: list[Any] = []
    for dim_in, dim_out in pairwise(dims):
        scale = draw(st.sampled_from([0.3, 1.0, 2.5]))
        act: Any = draw(st.sampled_from([*PRIMITIVES, "custom", "slope"]))
        if act == "exp":
            scale = 0.3
        if act == "slope":
            act = ("leaky_relu", draw(st.sampled_from([-0.7, 0.2, 1.5])))
        if act == "custom":
            z = sp.Symbol("z", real=True)
            act = z * sp.sin(z) - sp.tanh(z)
        noise: Any = draw(st.sampled_from([mz.Uniform(0.3), mz.TruncatedGaussian(0.2, 2), mz.Uniform(Fraction(1, 7))]))
        if draw(st.booleans()):
            noise = [noise, *([mz.Uniform(0.1)] * (dim_out - 1))]
        kind = draw(st.sampled_from(["dense", "residual", "layer"]))
        if kind == "layer":
            x = mz.state(dim_in)
            w = sp.Symbol("w", real=True)
            pool = [w * x[0] * (1 - x[-1]), sp.sin(w * x[-1]) + x[0] / 2, sp.Abs(x[0]) - w * x[0] ** 2 / 3]
            layers.append(mz.Layer(pool[:dim_out], state=x, noise=noise, params={w: float(rng.normal())}))
        elif kind == "residual" and dim_in == dim_out:
            W = scale * rng.normal(size=(dim_in, dim_in))
            layers.append(mz.residual(W, rng.normal(size=dim_in), activation=act, step=0.25, noise=noise))
        else:
            layers.append(
                mz.dense(
                    scale * rng.normal(size=(dim_out, dim_in)), rng.normal(size=dim_out), activation=act, noise=noise
                )
            )
    return mz.Network(layers, domain=[(-1, 1)] * dims[0])


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 2**32))
def test_samples_lie_in_the_proved_domains(net: mz.Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = net.domains[0]
    corners = np.stack(np.meshgrid(*zip(first.lower, first.upper, strict=True), indexing="ij"), -1).reshape(
        -1, first.dim
    )
    X = np.concatenate([first.lower + (first.upper - first.lower) * rng.random((2000, first.dim)), corners])
    for box, states in zip(net.domains, net.trajectory(X, rng), strict=True):
        slack = 1e-12 * (1 + np.abs(states).max())  # float64 evaluation of the map
        assert np.all(states >= box.lower - slack) and np.all(states <= box.upper + slack)
    # One layer from its whole box: the box is not much larger than what the map reaches there.
    for n, layer in enumerate(net.layers):
        box, after = net.domains[n], net.domains[n + 1]
        k = {1: 4001, 2: 101, 3: 25}[box.dim]
        axes = [np.linspace(lo, hi, k) for lo, hi in zip(box.lower, box.upper, strict=True)]
        Y = layer.forward(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, box.dim))
        reach = np.array(
            [law.support(scale)[1] for law, scale in zip(layer.noise, map(float, layer.scale_values()), strict=True)]
        )
        size = 1 + np.abs(Y).max()
        assert np.all(after.lower <= Y.min(0) - reach + 1e-12 * size)
        assert np.all(after.upper >= Y.max(0) + reach - 1e-12 * size)
        width = Y.max(0) - Y.min(0)
        assert np.all(after.lower >= Y.min(0) - reach - 0.1 * width - 1e-3 * size)
        assert np.all(after.upper <= Y.max(0) + reach + 0.1 * width + 1e-3 * size)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_residual_domains_are_tight(name: str) -> None:
    """x + h g(w x + r): two variables; the true range by a fine grid in 2-D around the rest of the row."""
    W, b = np.array([[-1.5, 0.5], [0.25, -2.0]]), np.array([0.3, -0.1])
    layer = mz.residual(W, b, activation=name, step=0.5, noise=mz.Uniform(0.25))
    box = mz.Network([layer], domain=[(-1, 1), (-0.5, 1.5)]).domains[1]
    t = np.linspace(0, 1, 401)
    Y = layer.forward(np.stack(np.meshgrid(-1 + 2 * t, -0.5 + 2 * t, indexing="ij"), -1).reshape(-1, 2))
    assert np.all(box.lower <= Y.min(0) - 0.25 + 1e-14) and np.all(box.upper >= Y.max(0) + 0.25 - 1e-14)
    assert np.allclose(box.lower, Y.min(0) - 0.25, atol=3e-5) and np.allclose(box.upper, Y.max(0) + 0.25, atol=3e-5)


def test_wide_layers_and_exact_weights() -> None:
    rng = np.random.default_rng(1)
    W = rng.normal(size=(40, 60))
    net = mz.Network([mz.dense(W, np.zeros(40), activation="tanh", noise=mz.Uniform(0.5))], domain=[(-1, 1)] * 60)
    reach = np.tanh(np.abs(W).sum(axis=1)) + 0.5
    assert np.allclose(net.domains[1].upper, reach, rtol=1e-15, atol=0)
    third = mz.Network([mz.dense([[Fraction(1, 3)]], noise=mz.Deterministic())], domain=[(-3, 3)])
    # 1/3 is a ball, no double: at most one unit more.
    assert 1.0 <= third.domains[1].intervals[0][1] <= np.nextafter(1.0, 2.0)
    tenth = mz.Network([mz.dense([[0.1]])], domain=[(-10, 10)])
    # 0.1 is the dyadic rational slightly above 1/10.
    assert tenth.domains[1].intervals[0][1] == np.nextafter(1.0, 2.0)


def test_bindings_name_every_end_and_value() -> None:
    layers, domains = golden("dense2")
    net = mz.Network(layers, domain=domains[0])
    values = net.bindings()
    for n, box in enumerate(net.domains):
        for i, (lo, hi) in enumerate(box.intervals):
            assert values[lower_symbol(n, i)] == lo and values[upper_symbol(n, i)] == hi
    assert len(values) == 3 * (4 + 2 + 1) + 4 * 2 * 2
    for n, layer in enumerate(net.layers):
        used = set().union(*(expr.free_symbols for expr in net.map_exprs(n))) | set().union(
            *(e.free_symbols for e in layer.scale_exprs(n))
        )
        assert used - set(net.state(n)) <= set(values)
    assert not set(net.bindings(boxes=False)) & {lower_symbol(0, 0), upper_symbol(0, 0)}


def test_domains_that_do_not_exist_are_named() -> None:
    x = mz.state(1)
    free = mz.dense([[1.0]], activation="tanh", noise=mz.Gaussian(0.1))
    bounded = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.1))
    with pytest.raises(mz.MzError, match=r"layer 1.*TruncatedGaussian"):
        _ = mz.Network([bounded, free], domain=[(-1, 1)]).domains
    with pytest.raises(mz.MzError, match="no domain"):
        _ = mz.Network([bounded]).domains
    with pytest.raises(mz.MzError, match=r"not finite.*layer 0, component 0"):
        _ = mz.Network([mz.Layer([sp.log(x[0])], state=x)], domain=[(-1, 1)]).domains
    with pytest.raises(mz.MzError, match="not finite"):
        _ = mz.Network([mz.Layer([1 / x[0]], state=x, noise=mz.Uniform(1))], domain=[(-1, 1)]).domains
    with pytest.raises(mz.MzError, match="single point"):
        _ = mz.Network([mz.dense([[0.0]])], domain=[(-1, 1)]).domains
    w = sp.Symbol("w", real=True)
    with pytest.raises(mz.MzError, match="value for w_0"):
        _ = mz.Network([mz.Layer([w * x[0]], state=x, params={w: None})], domain=[(-1, 1)]).domains
    assert not mz.Network([free], domain=[(-1, 1)]).has_domains
