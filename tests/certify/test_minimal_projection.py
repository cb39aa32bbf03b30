"""The smallest degree that provably contracts, against certificates of all smaller ones and a closed spectrum."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.certify import Interior, certify

minimal_projection_module = sys.modules[mz.minimal_projection.__module__]
BOX = mz.Box([(-1, 1)])


def chain(w: float, half_width: float, depth: int = 3, activation: str = "tanh") -> mz.Network:
    return mz.Network([mz.dense([[w]], activation=activation, noise=mz.Uniform(half_width))] * depth, domain=BOX)


@settings(max_examples=3)
@given(w=st.floats(0.7, 2.0), half_width=st.floats(0.3, 1.0), kappa=st.floats(0.3, 1.0))
def test_the_degree_does_and_no_smaller_one(w: float, half_width: float, kappa: float) -> None:
    net = chain(w, half_width)
    found = mz.minimal_projection(net, kappa)
    uppers = [layer.interior.upper for layer in found.certificate.layers[1:]]
    assert max(uppers) <= kappa and bool(found.certificate.contracts)
    assert found.projection == mz.Legendre(found.degree) and found.degree == max(found.layer_degrees)
    assert found.minimal
    for degree in range(found.degree):
        layers = mz.certify(net, mz.Legendre(degree), method="sharp").layers[1:]
        assert max(layer.interior.lower for layer in layers) > kappa


def test_layers_need_different_degrees() -> None:
    layers = [mz.dense([[w]], activation="tanh", noise=mz.Uniform(0.5)) for w in (1.0, 0.3, 2.5)]
    found = mz.minimal_projection(mz.Network(layers, domain=BOX), 0.5)
    assert found.layer_degrees[0] < found.layer_degrees[1] == found.degree
    assert "No smaller degree: proved" in str(found) and str(found.degree) in str(found)


def test_hilbert_schmidt_does_or_does_not_whatever_the_degree() -> None:
    layer = mz.dense([[0.4, 0.3], [0.1, -0.5]], activation="tanh", noise=mz.Uniform(3.0))
    net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2))
    found = mz.minimal_projection(net, 0.99, method="hilbert_schmidt")
    assert found.degree == 0 and found.minimal and found.certificate.contracts
    with pytest.raises(mz.MzError, match=r"No degree up to 16 .* the least bound is 0\.\d+"):
        mz.minimal_projection(net, 0.2, method="hilbert_schmidt")


@pytest.mark.parametrize(("lower", "decision"), [(0.92, "proved"), (0.5, "undecided")])
def test_undecided_degrees_are_passed_and_said(monkeypatch: pytest.MonkeyPatch, lower: float, decision: str) -> None:
    """With invented enclosures: degree 1 is not proved to do, whether or not it is refuted, and degree 2 is."""
    true = certify

    def invented(net: mz.Network, projection: mz.Legendre, **kwargs: object) -> object:
        found = true(net, projection, **kwargs)
        ends = {0: (1.2, 1.3), 1: (lower, 0.95), 2: (0.4, 0.85)}[projection.degree]
        interior = Interior(upper=ends[1], lower=ends[0])
        layers = tuple(replace(layer, interior=interior, lower=1.5, upper=1.6) for layer in found.layers)
        return replace(found, layers=layers)

    monkeypatch.setattr(minimal_projection_module, "certify", invented)
    found = mz.minimal_projection(chain(1.0, 0.5), 0.9)
    assert found.degree == 2 and found.minimal.decision == decision


def test_one_layer_has_no_memory() -> None:
    found = mz.minimal_projection(chain(2.0, 0.1, depth=1), 0.5)
    assert found.degree == 0 and found.layer_degrees == () and found.certificate.contracts


def test_too_few_degrees_name_the_layer() -> None:
    with pytest.raises(mz.MzError, match=r"No degree up to 0 provably has \|\|Q_1 M_1 Q_2\|\| <= 0.5"):
        mz.minimal_projection(chain(2.0, 0.5), 0.5, largest=0)


@pytest.mark.parametrize(
    ("kwargs", "what"),
    [
        ({"kappa": 0}, "kappa is 0"),
        ({"kappa": math.inf}, "kappa is inf"),
        ({"measure": "law"}, "no measure 'law'"),
        ({"method": "dobrushin"}, "no method"),
        ({"largest": -1}, "largest degree is -1"),
        ({"net": 3}, "no network"),
    ],
)
def test_what_is_refused(kwargs: dict, what: str) -> None:
    with pytest.raises(mz.MzError, match=what):
        mz.minimal_projection(**({"net": chain(1.0, 0.5)} | kwargs))
