"""The certificate: verdicts, the chain, files."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.certify import Certificate
from mzsym.certify.certificate_json import digest

X = mz.state(1)[0]


def chain(noises, **options):
    layers = [mz.dense([[1.0]], [0.1], activation="tanh", noise=noise) for noise in noises]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=X)
    return mz.certify(net, mz.Legendre(2), **options)


@pytest.fixture(scope="module")
def mixed():
    return chain([mz.Uniform(2), mz.Uniform(0.5), mz.TruncatedGaussian(1.5, cutoff=2)])


def test_contraction_is_proved_under_much_noise():
    c = chain([mz.Uniform(0.1), mz.Uniform(2), mz.Uniform(2)], method="hilbert_schmidt")
    assert c.layers[0].upper > 1, "layer 0 does not count: the kernel has no Q_0 M_0 inside"
    assert c.contracts and c.contracts.decision == "proved"
    # On [-1-s, 1+s] the bound is 1/sqrt(s), MATH (23); the tight domains are smaller.
    assert c.layers[2].upper < math.sqrt(1 / 2)


def test_undecided_names_the_first_layer_and_its_number():
    noises = [mz.Uniform(2), mz.Uniform(0.5), mz.TruncatedGaussian(1.5, cutoff=2)]
    verdict = chain(noises, method="hilbert_schmidt").contracts
    assert verdict.decision == "undecided" and not verdict
    assert "layer 1" in verdict.why and "Hilbert-Schmidt" in verdict.why
    assert "does not mean that the memory grows" in verdict.why


def test_no_noise_gives_no_bound_and_says_why():
    c = chain([mz.Uniform(2), mz.Deterministic(), mz.Uniform(2)], method="hilbert_schmidt")
    assert math.isinf(c.layers[1].upper) and "no noise" in c.layers[1].reason
    assert "no noise" in c.contracts.why
    assert math.isinf(c.memory_bound(0, 2)) and c.contracts.decision == "undecided"
    assert "no bound" in str(c)


def test_an_estimate_proves_nothing():
    layer = mz.dense([[0.5, 0.1], [0.1, 0.5]], [0.0, 0.0], activation="relu", noise=mz.Uniform(2))
    c = mz.certify(mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2)), mz.Legendre(1), method="sharp")
    assert "not analytic" in c.layers[0].reason
    assert all(layer.standing is mz.Standing.ESTIMATED and math.isinf(layer.upper) for layer in c.layers)
    assert all(layer.estimate.value < 1 and layer.lower == 0 for layer in c.layers)
    assert not c.contracts and c.contracts.decision == "undecided" and "not analytic" in c.contracts.why
    assert math.isinf(c.memory_bound(0, 3))


def test_sharp_norms_prove_what_hilbert_schmidt_norms_do_not(mixed):
    layer = mixed.layers[1]
    assert layer.method == "sharp" and str(layer.standing) == "proved" and layer.estimate is None
    assert layer.upper * (1 - 1e-4) <= layer.lower <= layer.upper < 0.51
    assert layer.interior.lower <= layer.interior.upper <= layer.upper
    assert mixed.contracts and "below 1" in mixed.contracts.why
    square = chain([mz.Uniform(2), mz.Uniform(0.5)], method="hilbert_schmidt")
    assert square.layers[1].upper > 1 and not square.contracts


def test_a_norm_of_one_or_more_is_refuted():
    layers = [mz.dense([[3.0]], [0.0], activation="tanh", noise=mz.Uniform(0.2))] * 2
    c = mz.certify(mz.Network(layers, domain=mz.Box([(-1, 1)])), mz.Mean())
    assert c.layers[1].interior.lower > 1
    assert c.contracts.decision == "refuted" and not c.contracts and "does not mean" in c.contracts.why


@pytest.mark.parametrize("width", [0, -1e-4, True, "fine", float("nan"), float("inf")])
def test_widths_that_are_none(width):
    with pytest.raises(mz.MzError, match="width"):
        chain([mz.Uniform(1)], width=width)


def test_one_layer_has_no_memory():
    c = chain([mz.Uniform(0.1)], method="hilbert_schmidt")
    assert c.contracts.decision == "proved" and "no memory" in c.contracts.why
    with pytest.raises(mz.MzError, match="no memory term"):
        c.memory_bound(0, 1)


def test_estimates_stay_below_the_proved_bounds(mixed):
    assert all(layer.estimate is None and layer.method == "sharp" for layer in mixed.layers)
    W = [[0.9, 0.1, 0.0], [0.1, 0.7, 0.1], [0.0, 0.2, 0.5]]
    layer = mz.dense(W, activation="tanh", noise=mz.Uniform(0.75))
    c = mz.certify(mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 3)), mz.Legendre(1))
    for layer in c.layers:
        assert layer.estimate.value <= layer.upper
        assert layer.interior.estimate.value <= layer.interior.upper
        assert layer.interior.estimate.value <= layer.estimate.value + layer.estimate.error


def test_the_chain_is_the_product_rounded_up(mixed):
    first, second, third = mixed.layers
    assert second.interior.upper < second.upper
    exact = Fraction(first.first_factor) * Fraction(second.interior.upper) * Fraction(third.last_factor)
    assert exact <= Fraction(mixed.memory_bound(0, 3)) <= exact * (1 + Fraction(1, 10**14))
    exact = Fraction(second.first_factor) * Fraction(third.last_factor)
    assert exact <= Fraction(mixed.memory_bound(1, 3)) <= exact * (1 + Fraction(1, 10**14))
    exact = Fraction(first.entrance) * Fraction(second.interior.upper) * Fraction(third.upper)
    assert exact <= Fraction(mixed.single_step_bound(0, 3)) <= exact * (1 + Fraction(1, 10**14))


@pytest.mark.parametrize("n, m", [(0, 1), (-1, 2), (0, 4), (0.0, 2), (2, 3)])
def test_terms_that_do_not_exist(mixed, n, m):
    with pytest.raises(mz.MzError, match="no memory term"):
        mixed.memory_bound(n, m)


def test_unbounded_noise_is_refused_by_name():
    with pytest.raises(mz.MzError, match="TruncatedGaussian"):
        chain([mz.Gaussian(0.5)])


def test_unknown_method():
    with pytest.raises(mz.MzError, match="hilbert_schmidt"):
        chain([mz.Uniform(1)], method="best")


def test_large_dimensions_have_bounds_and_say_why_no_estimate():
    layer = mz.dense([[0.1] * 4] * 4, [0.0] * 4, activation="tanh", noise=mz.Uniform(2))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 4), observable=mz.state(4)[0])
    c = mz.certify(net, mz.Legendre(1))
    assert all(layer.estimate is None and "dimension 4" in layer.reason for layer in c.layers)
    assert all(math.isfinite(layer.upper) for layer in c.layers)


# ---------------------------------------------------------------- files


def test_json_round_trip_is_the_identity(mixed, tmp_path):
    path = tmp_path / "certificate.json"
    text = mixed.to_json(path)
    assert path.read_text() == text and sorted(p.name for p in tmp_path.iterdir()) == ["certificate.json"]
    again = Certificate.from_json(path)
    assert again == mixed and Certificate.from_json(text) == mixed
    assert again.to_json() == text and again.contracts == mixed.contracts
    content = json.loads(text)
    assert float.fromhex(content["layers"][1]["upper"]["hex"]) == mixed.layers[1].upper
    assert content["model"]["network_sha256"] == mixed.model_digest and "python-flint" in content["notes"]["versions"]


def test_infinite_bounds_are_valid_json():
    c = chain([mz.Uniform(1), mz.Deterministic()], method="hilbert_schmidt")
    text = c.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert Certificate.from_json(text) == c


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_altered_certificates_are_refused(mixed, data):
    content = json.loads(mixed.to_json())
    place = content
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key]:
            break
        place = place[key]
    old = place[key]
    place[key] = "0x1.0p-9" if isinstance(old, str) else 0.125
    if place[key] == old:
        return
    with pytest.raises(mz.MzError):
        Certificate.from_json(json.dumps(content))


def test_incomplete_certificates_are_refused_even_with_a_fitting_digest(mixed):
    content = json.loads(mixed.to_json())
    del content["layers"][1]["upper"]
    content["sha256"] = digest(content)
    with pytest.raises(mz.MzError, match="incomplete"):
        Certificate.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["{", '{"format": "other"}', "[" * 100_000], ids=["cut", "other", "deep"])
def test_other_text_is_refused(text, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(mz.MzError):
        Certificate.from_json(path)


def test_an_unwritable_place_leaves_nothing(mixed, tmp_path):
    with pytest.raises(mz.MzError, match="cannot be written"):
        mixed.to_json(tmp_path / "missing" / "c.json")
    assert list(tmp_path.iterdir()) == []


def test_words_table_and_latex(mixed):
    assert "proved" in str(mixed) and str(mixed.layers[1].lower)[:6] in str(mixed)
    rows = mixed.table()
    assert [row["n"] for row in rows] == [0, 1, 2]
    assert rows[1]["upper"] == mixed.layers[1].upper and rows[1]["standing"] == "proved"
    text = mixed.latex()
    assert r"\|Q_nM_n\|" in text and "Schur" in text and "not uniform" in text and text.count("{") == text.count("}")
