"""Bounds of families against certificates of their members, and suprema in closed form.

Seen to fail when (each tried once): the norm, or the oscillation, is taken at the largest noise scale; the middle of a
part stands for the part; more than the constants is taken out of the norm.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz

X = mz.state(1)
W, B = sp.symbols("w b", real=True)


def line(activation=sp.tanh, noise=None, depth=1):
    layer = mz.Layer([activation(W * X[0] + B)], state=X, noise=noise or mz.Uniform(1), params={W: 1.0, B: 0.0})
    return mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=X[0])


def test_the_supremum_of_the_family_of_the_issue():
    """|w| <= 3, s >= 1/2: r/2s with r = 2 tanh 3 is the square of the norm, 1 the oscillation, 3 the distance."""
    family = mz.certify_family(line(), mz.Legendre(5), {(0, W): (-3, 3), (0, "scale"): (0.5, math.inf)})
    (layer,) = family.layers
    exact = math.sqrt(2 * math.tanh(3))
    assert exact <= layer.upper <= exact * (1 + 1e-9) and 3 <= layer.lipschitz <= 3 + 1e-9
    assert layer.dobrushin == 1.0 and not family.contracts and "undecided" in str(family.contracts)
    better = mz.certify_family(line(), mz.Legendre(5), {(0, W): (-3, 3), (0, "scale"): (2, math.inf)}, kappa=0.8)
    assert math.sqrt(math.tanh(3) / 2) <= better.layers[0].upper < 0.7056 and better.contracts
    assert math.tanh(3) / 2 <= better.layers[0].dobrushin < 0.4976 and better.proved_share == 1.0
    assert "w_0 in [-3, 3]" in str(better) and better.table()[0]["lipschitz"] >= 3.0


def test_shifts_do_not_count_as_extent():
    """The images for all b together are wider than each: parts bring the bound down to that of the worst member."""
    family = mz.certify_family(line(), mz.Legendre(0), {(0, B): (-2, 2), (0, W): (0.5, 1)}, parts=400)
    exact = math.sqrt(math.tanh(1))  # b = 0, w = 1
    assert exact <= family.layers[0].upper < exact * 1.02
    assert family.layers[0].reached[0] <= family.layers[0].upper
    assert (
        mz.certify_family(line(), mz.Legendre(0), {(0, B): (-2, 2), (0, W): (0.5, 1)}, parts=1).layers[0].upper
        > 1.1 * exact
    )


LAWS = [mz.Uniform, mz.TruncatedGaussian]


@settings(max_examples=8, deadline=None)
@given(
    law=st.sampled_from(LAWS),
    name=st.sampled_from([sp.tanh, sp.sin, sp.atan]),
    w=st.tuples(st.floats(-2, 2), st.floats(0, 1)),
    b=st.tuples(st.floats(-1, 1), st.floats(0, 1)),
    s=st.tuples(st.floats(0.2, 1), st.floats(0, 1)),
    measure=st.sampled_from(["uniform", "lebesgue"]),
    seed=st.integers(0, 1000),
)
def test_no_member_is_above_the_bound(law, name, w, b, s, measure, seed):
    ends = [(low, low + width) for low, width in (w, b, s)]
    net, P = line(name, law(1), depth=2), mz.Legendre(1, measure=measure)
    keys = {(1, W): ends[0], (0, B): ends[1], (0, "scale"): ends[2]}
    family = mz.certify_family(net, P, keys, parts=12)
    rng = np.random.default_rng(seed)
    for at in [*rng.uniform(size=(4, 3)), np.zeros(3), np.ones(3)]:
        values = {key: lo + float(t) * (hi - lo) for t, (key, (lo, hi)) in zip(at, keys.items(), strict=True)}
        member = net.with_params({key: min(value, keys[key][1]) for key, value in values.items()})
        square = mz.certify(member, P, method="hilbert_schmidt")
        other = [mz.certify(member, P, method=method) for method in ("dobrushin", "lipschitz")]
        for n in range(2):
            assert square.layers[n].upper <= family.layers[n].upper
            assert other[0].layers[n].dobrushin <= family.layers[n].dobrushin
            # The certificate of a member splits its box, and so may the family.
            assert other[1].layers[n].lipschitz <= family.layers[n].lipschitz * (1 + 1e-12)


def test_dense_layers_of_two_components_and_given_boxes():
    W0, b0 = np.array([[0.5, -0.2], [0.3, 0.4]]), np.zeros(2)
    layer = mz.dense(W0, b0, activation="tanh", noise=[mz.Uniform(1), mz.TruncatedGaussian(0.5)])
    net = mz.Network(
        [layer] * 2, domains=[mz.Box([(-1, 1)] * 2)] + [mz.Box([(-2, 2), (-3, 3)])] * 2, observable=mz.state(2)[0]
    )
    keys = {(0, "W"): (W0 - 0.1, W0 + 0.1), (1, "b"): (-0.25, 0.25)}
    family = mz.certify_family(net, mz.Legendre(1), keys, parts=40)
    rng = np.random.default_rng(0)
    for _ in range(5):
        member = net.with_params({(0, "W"): W0 + rng.uniform(-0.1, 0.1, (2, 2)), (1, "b"): rng.uniform(-0.25, 0.25, 2)})
        c = mz.certify(member, mz.Legendre(1), method="hilbert_schmidt")
        d = mz.certify(member, mz.Legendre(1), method="dobrushin")
        for n in range(2):
            assert c.layers[n].upper <= family.layers[n].upper * (1 + 1e-12)
            assert d.layers[n].dobrushin <= family.layers[n].dobrushin
    assert len(family.intervals) == 6 and family.layers[0].lipschitz < 1.0
    with pytest.raises(mz.MzError, match="not proved to stay in its given box"):
        mz.certify_family(net, mz.Legendre(1), {(0, "scale"): (0.5, 4.0)})


@pytest.mark.parametrize(
    "intervals, words",
    [
        ({}, "No parameter varies"),
        ({(3, W): (0, 1)}, "no layer 3"),
        ({(0, "V"): (0, 1)}, "no parameter 'V'"),
        ({(0, W): (2, 1)}, "ends of w_0"),
        ({(0, W): (0, math.inf)}, "no finite upper end"),
        ({(0, "scale"): (0, 1)}, "starts at 0"),
        ({(0, W): 3}, "ends for"),
        ({W: (0, 1)}, "no shared symbol"),
    ],
)
def test_what_cannot_vary_is_refused_by_name(intervals, words):
    with pytest.raises(mz.MzError, match=words):
        mz.certify_family(line(), mz.Legendre(1), intervals)


def test_what_has_no_family_bound_is_refused_by_name():
    keys = {(0, W): (0, 1)}
    for projection in (mz.Legendre(1, measure="law"), mz.Basis([X[0]])):
        with pytest.raises(mz.MzError, match=r"measures on boxes|drops the constants"):
            mz.certify_family(line(), projection, keys)
    with pytest.raises(mz.MzError, match="kappa"):
        mz.certify_family(line(), mz.Legendre(1), keys, kappa=2)
    noise = mz.Noise(sp.S.One, support=(-0.5, 0.5))
    with pytest.raises(mz.MzError, match="density of the user's"):
        mz.certify_family(line(noise=noise), mz.Legendre(1), keys)
    unbounded = mz.certify_family(line(noise=mz.Gaussian(2)), mz.Legendre(1), keys)
    assert math.isinf(unbounded.layers[0].upper) and unbounded.layers[0].dobrushin < 0.3
