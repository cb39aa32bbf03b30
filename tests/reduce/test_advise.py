"""Advice against what it is built from, each part asked for again."""

from __future__ import annotations

import json
import math
import sys

import pytest

import mzsym as mz

BOX = mz.Box([(-1, 1)])
X = mz.state(1)[0]


def chain(depth: int = 3, w: float = 1.2, **kinds: object) -> mz.Network:
    layer = mz.dense([[w]], activation="tanh", noise=mz.Uniform(0.5))
    return mz.Network([layer] * depth, **({"domain": BOX, "observable": X} | kinds))


@pytest.fixture(scope="module")
def advice():
    return mz.advise(chain(4), 3e-2)


def test_degree_depth_and_noise_are_those_of_their_functions(advice) -> None:
    net = chain(4)
    found = mz.minimal_projection(net, 0.9)
    assert advice.contraction.degree == found.degree and advice.contraction.minimal
    r = advice.reduction
    assert (r.depth, r.projection) == (advice.depth, mz.Legendre(advice.degree)) and r.measured_error <= 3e-2
    for item in advice.choices:
        again = mz.reduce(net, mz.Legendre(item.degree), depth=item.depth)
        assert item.meets == (again.measured_error <= 3e-2)
        assert again.measured_error <= item.error <= 1.01 * again.measured_error
    meeting = [(item.depth, item.degree) for item in advice.choices if item.meets]
    assert min(meeting) == (advice.depth, advice.degree)
    assert [item.layers for item in advice.noise] == [(1,), (2,), (3,)]
    for item in advice.noise:
        (n,) = item.layers
        there = net.with_params({(n, "scale"): item.found.certified})
        assert mz.certify(there, mz.Legendre(advice.degree), method="sharp").layers[n].upper <= 0.9


def test_words_carry_the_numbers(advice) -> None:
    text = str(advice)
    assert f"{advice.depth} of 4 layers" in text and f"degree {advice.degree}" in text
    assert all(f"{item.found.certified:g}" in text and f"{item.found.fails_below:g}" in text for item in advice.noise)
    plain = json.loads(json.dumps(advice.to_dict()))
    assert plain["words"] == text.splitlines() and plain["depth"] == advice.depth
    assert plain["noise"][0]["certified"] == advice.noise[0].found.certified


def test_equal_layers_on_equal_boxes_are_one_line() -> None:
    found = mz.advise(chain(3, domain=None, domains=[mz.Box([(-2, 2)])] * 4), 0.3)
    assert [item.layers for item in found.noise] == [(1, 2)] and "layers 1, 2" in str(found)


def test_every_kind_of_layer_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[mz.advise.__module__]
    monkeypatch.setattr(module, "_of_layers", lambda net, layers, projection, kappa: layers)
    last = mz.dense([[0.3]], activation="sin", noise=mz.Uniform(0.2))
    net = mz.Network([*chain(9).layers, last], domain=BOX)
    found, left_out = module._noise(net, mz.Legendre(1), 0.9)
    assert found == ((1,), (2,), (3,), (4,), (5,), (9,)) and left_out == 3


def test_a_tolerance_that_no_depth_meets_is_said() -> None:
    found = mz.advise(chain(2), 1e-12)
    assert found.reduction is None and found.depth is None and found.degree is None
    assert "no network of fewer layers is within 1e-12" in str(found) and found.noise[0].found is not None


def test_without_a_proof_of_contraction_the_reason_is_said() -> None:
    # Sharp norms are enclosed in at most two dimensions.
    W = [[0.4, 0.3, 0.0], [0.1, -0.5, 0.0], [0.0, 0.0, 0.2]]
    layer = mz.dense(W, activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 3), observable=mz.state(3)[0])
    found = mz.advise(net, 0.1)
    assert found.contraction is None and "no proof that the memory shrinks" in found.lines()[0]
    assert "would have to be raised" in found.lines()[-1] and found.depth == 1


def test_contraction_is_proved_in_two_dimensions() -> None:
    layer = mz.dense([[0.4, 0.3], [0.1, -0.5]], activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])
    assert mz.minimal_projection(net, 0.9).degree == 1


def test_one_layer_has_nothing_to_choose() -> None:
    found = mz.advise(chain(1), 1e-3)
    assert found.choices == () and found.noise == () and "no memory" in str(found)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"net": "net"}, "no network"),
        ({"tolerance": 0}, "tolerance is 0"),
        ({"tolerance": math.inf}, "tolerance is inf"),
        ({"kappa": 1.1}, "kappa is 1.1"),
        ({"net": mz.Network([mz.dense([[1.0]], noise=mz.Gaussian(1))], domain=BOX)}, "lies in no box"),
    ],
)
def test_what_is_refused(arguments: dict, what: str) -> None:
    with pytest.raises(mz.MzError, match=what):
        mz.advise(**({"net": chain(1)} | arguments))
