"""Noise levels that are certified and that fail, against fresh certificates, closed forms and a float program."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.certify.search.levels import LevelSearch
from mzsym.certify.search.noise_level import Tried
from tests.certify.float_norm import galerkin

BOX = mz.Box([(-1, 1)])


def chain(w: float, noise: object, depth: int = 2, **domains: object) -> mz.Network:
    layer = mz.dense([[w]], [0.1], activation="tanh", noise=noise)
    return mz.Network([layer] * depth, **(domains or {"domain": BOX}))


@settings(max_examples=4)
@given(
    w=st.floats(0.6, 2.0).map(lambda w: round(w, 3)),
    kappa=st.floats(0.5, 0.95),
    degree=st.integers(0, 1),
    stated=st.sampled_from([0.3, 1.5]),
)
def test_both_levels_hold_in_fresh_certificates_and_in_a_float_program(
    w: float, kappa: float, degree: int, stated: float
) -> None:
    net, projection = chain(w, mz.Uniform(stated)), mz.Legendre(degree)
    found = mz.minimal_noise(net, 1, projection, kappa, method="sharp", tolerance=2e-2)
    assert found.fails_below is not None and found.fails_below < found.certified <= 1.02 * found.fails_below
    for level, holds in ((found.certified, True), (found.fails_below, False)):
        there = net.with_params({(1, "scale"): level})
        layer = mz.certify(there, projection, method="sharp").layers[1]
        norm = galerkin(w, 0.1, level, there.domains[1], there.domains[2], degree)
        assert (layer.upper <= kappa) if holds else (layer.lower > kappa)
        assert norm <= kappa if holds else norm > kappa * (1 - 1e-3)
        assert layer.lower - 1e-3 * kappa <= norm <= layer.upper
    assert found.network == net.with_params({(1, "scale"): found.certified})


@settings(max_examples=10)
@given(kappa=st.floats(0.2, 1.0), w=st.floats(0.3, 4.0), measure=st.sampled_from(["uniform", "lebesgue"]))
def test_hilbert_schmidt_level_is_the_closed_form(kappa: float, w: float, measure: str) -> None:
    net = mz.Network([mz.dense([[w]], activation="tanh", noise=mz.Uniform(0.5))], domain=BOX)
    found = mz.minimal_noise(net, 0, mz.Legendre(1, measure=measure), kappa, "hilbert_schmidt", tolerance=1e-9)
    # |Omega_1|/(2 s) - 1 = r/(2 s), r the extent of the image; in Lebesgue's measure times 2/(r + 2 s).
    r = 2 * math.tanh(w)
    closed = r / (2 * kappa**2)
    if measure == "lebesgue":
        # r/s = kappa^2 (r + 2 s)
        closed = (-r + math.sqrt(r * r + 8 * r / kappa**2)) / 4
    assert closed * (1 - 1e-12) <= found.certified <= closed * (1 + 2e-9)
    assert found.fails_below is None and found.not_proved_below == pytest.approx(closed, rel=2e-9)
    assert "does not mean that it fails" in str(found)


def test_hilbert_schmidt_level_in_two_dimensions() -> None:
    layer = mz.dense([[0.4, 0.3], [0.1, -0.5]], activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([layer], domain=mz.Box([(-1, 1)] * 2))
    found = mz.minimal_noise(net, 0, mz.Legendre(1), 0.9, method="hilbert_schmidt", tolerance=1e-6)
    r, s = (2 * math.tanh(0.7), 2 * math.tanh(0.6)), found.certified
    product = math.prod((extent + 2 * s) / (2 * s) for extent in r) - 1
    assert 0.81 * (1 - 1e-5) <= product <= 0.81 and found.method == "hilbert_schmidt"
    kinked = mz.Network(
        [mz.dense([[1, 0], [0, 1]], activation="relu", noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)] * 2)
    )
    with pytest.raises(mz.MzError, match=r"no proved bound[^;]*\[minimal_noise"):
        mz.minimal_noise(kinked, 0, mz.Legendre(1), 0.9, method="sharp")


def test_level_by_dobrushin_in_the_law_of_the_state() -> None:
    net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=mz.Gaussian(0.5))] * 2, domain=BOX)
    for n, extent in ((0, 2 * math.tanh(1)), (1, 2.0)):
        found = mz.minimal_noise(net, n, mz.Legendre(1, measure="law"), 0.8, "dobrushin", tolerance=1e-6)
        distance = math.erf(extent / (2 * math.sqrt(2) * found.certified))
        assert 0.64 * (1 - 1e-5) <= distance <= 0.64 and found.method == "dobrushin" and found.moved == ()
        assert mz.certify(found.network, mz.Legendre(1, measure="law"), "dobrushin").layers[n].upper <= 0.8


def test_domains_that_move_are_named() -> None:
    net = chain(1.5, mz.Uniform(0.5), depth=3)
    found = mz.minimal_noise(net, 0, mz.Legendre(1))
    assert [moved.n for moved in found.moved] == [1, 2, 3]
    assert all(m.before == net.domains[m.n] and m.after == found.network.domains[m.n] for m in found.moved)
    assert "X_1: " in str(found) and str(found.certified) in str(found)
    assert found.to_dict()["moved"][0]["n"] == 1
    given = mz.Network(net.layers, domains=[mz.Box([(-2, 2)])] * 4)
    there = mz.minimal_noise(given, 0, mz.Legendre(1))
    assert there.moved == () and "No domain moves" in str(there)


def test_given_domains_end_the_search_and_are_named() -> None:
    tight = chain(1.5, mz.Uniform(0.05), depth=1, domains=[BOX, mz.Box([(-1.05, 1.05)])])
    with pytest.raises(mz.MzError, match=r"No level was found.*beyond level"):
        mz.minimal_noise(tight, 0, mz.Legendre(0), 0.3)


def test_the_search_assumes_no_monotonicity() -> None:
    """On an invented norm with two certified windows, what is returned is true and next to each other."""

    def bound_at(level: float) -> Tried:
        norm = 0.5 if level > 4 or 0.5 < level < 2 else 1.5
        return Tried(level, norm, norm, "sharp")

    for start in (0.1, 1.0, 3.0, 8.0):
        found = LevelSearch(bound_at, 0.9, 1e-3).run(start)
        assert found.certified is not None and found.fails is not None
        assert found.certified.upper <= 0.9 < found.fails.lower
        assert found.fails.level < found.certified.level <= 1.001 * found.fails.level


def test_undecided_levels_are_neither() -> None:
    def bound_at(level: float) -> Tried:
        return Tried(level, 0.9 / level, 1.1 / level, "sharp")

    found = LevelSearch(bound_at, 1.0, 1e-3).run(4.0)
    assert found.certified is not None and found.fails is not None
    assert found.certified.level == pytest.approx(1.1, rel=2e-3) and found.certified.level >= 1.1
    assert found.fails.level == pytest.approx(0.9, rel=2e-3) and found.fails.level < 0.9


def test_a_map_that_forgets_everything_needs_no_noise() -> None:
    net = mz.Network([mz.dense([[0.0]], noise=mz.Uniform(0.5))], domain=BOX)
    found = mz.minimal_noise(net, 0, mz.Legendre(1), 0.5)
    assert found.certified < 1e-4 and found.fails_below is None and found.not_proved_below is None
    assert "no examined level" in str(found)


def test_a_density_in_place_of_uniform_noise() -> None:
    net = chain(1.5, mz.TruncatedGaussian(0.3))
    found = mz.minimal_noise(net, 1, mz.Legendre(1), 0.7, tolerance=2e-2)
    assert mz.certify(found.network, mz.Legendre(1), width=found.width).layers[1].upper == found.upper
    assert found.fails_below is not None and found.upper <= 0.7 < (found.lower or 0.0)
    # (23) bounds it by a number that stays above 0.7 however much noise there is.
    with pytest.raises(mz.MzError, match=r"the least bound that was met is 0[.]8"):
        mz.minimal_noise(net, 1, mz.Legendre(1), 0.7, method="hilbert_schmidt")


X = mz.state(1)[0]


@pytest.mark.parametrize(
    ("kwargs", "what"),
    [
        ({"n": 2}, "no layer 2"),
        ({"n": -1}, "no layer -1"),
        ({"n": True}, "no layer True"),
        ({"kappa": 0.0}, "kappa is 0.0"),
        ({"kappa": 1.5}, "kappa is 1.5"),
        ({"kappa": math.nan}, "kappa is nan"),
        ({"tolerance": 0}, "tolerance is 0"),
        ({"method": "lipschitz"}, "no method 'lipschitz'"),
        ({"method": "dobrushin"}, "proves nothing"),
        ({"projection": mz.Hermite(1), "method": "dobrushin"}, "proves nothing"),
        ({"net": "net"}, "no network"),
    ],
)
def test_what_is_refused(kwargs: dict, what: str) -> None:
    arguments = {"net": chain(1.0, mz.Uniform(0.5)), "n": 1, "projection": mz.Legendre(1)} | kwargs
    with pytest.raises(mz.MzError, match=what):
        mz.minimal_noise(**arguments)


def test_layers_without_a_level_are_refused() -> None:
    still = mz.Network([mz.dense([[1.0]], activation="tanh")], domain=BOX)
    with pytest.raises(mz.MzError, match="Layer 0 has no noise"):
        mz.minimal_noise(still, 0, mz.Legendre(1))
    t = sp.Symbol("t", real=True)
    fixed = mz.Network([mz.Layer([X], state=[X], noise=mz.Noise((3 - t**2) * 3 / 16, support=(-1, 1)))], domain=BOX)
    with pytest.raises(mz.MzError, match="has no scale"):
        mz.minimal_noise(fixed, 0, mz.Legendre(1))


def test_levels_are_short_decimals_and_exact() -> None:
    found = mz.minimal_noise(chain(1.5, mz.Uniform(Fraction(1, 3))), 1, mz.Legendre(1))
    assert all(len(repr(item.level).replace("0.", "")) <= 6 for item in found.tried)
    assert found.network.layers[1].scale_values() == (found.certified,)
