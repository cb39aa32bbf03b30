"""Printing a term never evaluates it, whatever its size."""

from __future__ import annotations

import pytest

import mzsym as mz
from mzsym.core import MzError


@pytest.fixture(scope="module")
def network() -> mz.Network:
    layer = mz.dense([[0.9, -0.5], [0.4, 1.1]], [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.4))
    return mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])


@pytest.mark.timeout(60)
def test_factored_term_prints_without_evaluating_its_integrals(network: mz.Network) -> None:
    term = mz.derive(network, mz.Legendre(3)).streaming(0)
    assert term.factored
    assert repr(term).startswith("Term(streaming, n=0, m=1, 10 x 10, factored, ")
    assert "Integral" in str(term.expr)


@pytest.mark.parametrize("call", [mz.derive, mz.certify])
def test_what_is_no_projection_is_refused(network: mz.Network, call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MzError, match="3 is no projection"):
        call(network, 3)
    with pytest.raises(MzError, match="'net' is no network"):
        call("net", mz.Legendre(1))
