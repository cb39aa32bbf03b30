"""<p_0, q_0> = <p_L, u>, MATH (5), on random networks with every noise law.

The left side knows the backward functions alone: a Gauss rule of the test's own against ``ev.expectation``. The right
side carries the density forward through the layers and integrates u against it. They share no code but the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz

x = mz.state(1)[0]
xi = sp.Symbol("xi", real=True)

LAWS = {
    "uniform": lambda s: mz.Uniform(s),
    "truncated": lambda s: mz.TruncatedGaussian(s, cutoff=2.5),
    "triangle": lambda s: mz.Noise((1 - sp.Abs(xi) / s) / s, support=(-s, s)),
    "skewed": lambda s: mz.Noise(3 * (xi + s) ** 2 / (8 * s**3), support=(-s, s)),
}
UNBOUNDED = {"gaussian": lambda s: mz.Gaussian(s), "laplace": lambda s: mz.Laplace(s)}

scales = st.sampled_from([sp.Rational(1, 5), sp.Rational(1, 3), sp.Rational(3, 5)])
weights = st.floats(-1.6, 1.6).filter(lambda w: abs(w) > 0.2)
activations = st.sampled_from(["tanh", "sin", "arctan", "softplus", "relu", "sigmoid"])


def layers(draw: Any, count: int) -> list[Any]:
    found = []
    for _ in range(count):
        noise = LAWS[draw(st.sampled_from(sorted(LAWS)))](draw(scales))
        W, b = [[draw(weights)]], [draw(st.floats(-0.5, 0.5))]
        found.append(mz.dense(W, b, activation=draw(activations), noise=noise))
    return found


def both_sides(ev: Any, lo: float, hi: float, tilt: float, kinks: Any = ()) -> tuple[float, float]:
    """With p_0 = (1 + tilt (x - middle)/half)/(hi - lo)."""
    middle, half = (lo + hi) / 2, (hi - lo) / 2
    t, w = np.polynomial.legendre.leggauss(16)
    edges = np.union1d(np.linspace(lo, hi, 65), [k for k in kinks if lo < k < hi])
    X = (edges[:-1, None] + (t + 1) / 2 * np.diff(edges)[:, None]).ravel()
    W = (w / 2 * np.diff(edges)[:, None]).ravel()
    q = ev.expectation(X[:, None])
    left = float(W @ (q * (1 + tilt * (X - middle) / half) / (hi - lo)))
    p0 = (1 + sp.nsimplify(tilt) * (x - middle) / half) / (hi - lo)
    return left, float(ev.output_law(p0=p0).mean)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_bounded_laws(data: Any) -> None:
    chain = layers(data.draw, data.draw(st.integers(1, 4)))
    net = mz.Network(chain, domain=mz.Box([(-1, 1)]), observable=x**2 + sp.sin(x))
    ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    # The first layer's corner is a corner of q_0; those of later layers are smoothed by noise.
    kinks = [-float(chain[0].b[0]) / float(chain[0].W[0, 0])]
    left, right = both_sides(ev, -1.0, 1.0, data.draw(st.sampled_from([0.0, 0.5, -0.75])), kinks)
    assert abs(left - right) < 1e-9 * max(1.0, abs(left))


@pytest.mark.parametrize("law", sorted(UNBOUNDED))
@pytest.mark.parametrize("measure", ["gaussian", "law"])
def test_unbounded_laws(law: str, measure: str) -> None:
    make = UNBOUNDED[law]
    chain = [mz.dense([[w]], [b], activation="tanh", noise=make(s)) for w, b, s in ((1.2, 0.1, 0.4), (-0.8, 0.3, 0.3))]
    net = mz.Network(chain, observable=sp.tanh(x) + x**2)
    family = mz.Hermite(2) if measure == "gaussian" else mz.Basis([1, x, x**2], measure="law")
    ev = mz.compile(mz.derive(net, family))
    t, w = np.polynomial.hermite_e.hermegauss(120)
    left = float(w @ ev.expectation(t[:, None])) / np.sqrt(2 * np.pi)
    assert abs(left - float(ev.output_law(p0=mz.Gaussian(1)).mean)) < 1e-8


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_gains_and_random_weights(data: Any) -> None:
    w = sp.Symbol("w", real=True)
    a, s = data.draw(weights), data.draw(scales)
    gain = 1 + sp.Rational(1, 2) * x**2
    noisy = mz.Layer([sp.tanh(w * x)], state=[x], noise=mz.Uniform(s), gain=gain, params={w: a})
    random = mz.Layer([sp.sin(w * x) + w / 3], state=[x], noise=mz.Uniform(s), params={w: mz.Uniform(0.4)})
    net = mz.Network([noisy, random, noisy], domain=mz.Box([(-1, 1)]), observable=x**2 + sp.sin(x))
    ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    left, right = both_sides(ev, -1.0, 1.0, 0.5)
    assert abs(left - right) < 1e-8


def test_two_dimensions() -> None:
    y = mz.state(2)
    W = [[0.9, -0.4], [0.3, 0.8]]
    chain = [
        mz.dense(W, [0.1, -0.2], activation="tanh", noise=[mz.Uniform(0.4), LAWS["skewed"](sp.Rational(1, 3))])
    ] * 2
    net = mz.Network(chain, domain=mz.Box([(-1, 1)] * 2), observable=y[0] * y[1] + y[1] ** 2)
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    t, w = np.polynomial.legendre.leggauss(40)
    X = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    left = float(np.outer(w, w).ravel() @ ev.expectation(X)) / 4
    assert abs(left - float(ev.output_law().mean)) < 1e-8
