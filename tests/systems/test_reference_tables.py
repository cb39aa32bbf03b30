"""Whole networks against the golden numbers: every backward array of tanh8, mixed5 and dense2 (Lebesgue measure)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.evaluate import Evaluator

REFERENCE = Path(__file__).parent.parent / "reference"
ACCURACY = {"tanh8": 1e-9, "mixed5": 1e-9, "dense2": 1e-8}
NAMES = list(ACCURACY)


@lru_cache(maxsize=3)
def data(name: str) -> dict[str, Any]:
    return dict(json.loads((REFERENCE / f"{name}.json").read_text()))


def network(name: str) -> mz.Network:
    d = data(name)
    laws = {"uniform": mz.Uniform, "tgauss": mz.TruncatedGaussian}
    layers = [
        mz.dense(
            layer["W"], layer["b"], activation=layer["activation"], noise=laws[layer["noise"][0]](layer["noise"][1])
        )
        for layer in d["layers"]
    ]
    x = mz.state(len(d["domains"][-1]))
    names = {"x": x[0]} | {f"x{i}": symbol for i, symbol in enumerate(x)}
    observable = sp.sympify(d["observable"], locals=names)
    if name == "tanh8":  # wider than the hull, so they must be given
        return mz.Network(layers, domains=[mz.Box(box) for box in d["domains"]], observable=observable)
    return mz.Network(layers, domain=mz.Box(d["domains"][0]), observable=observable)


@lru_cache(maxsize=3)
def evaluator(name: str) -> Evaluator:
    return mz.compile(mz.derive(network(name), mz.Legendre(data(name)["degree"], measure="lebesgue")))


@pytest.mark.parametrize("name", NAMES)
def test_matrices(name: str) -> None:
    d, ev, accuracy = data(name), evaluator(name), ACCURACY[name]
    depth = ev.network.depth
    assert np.abs(ev.streaming(0) - d["streaming_0"]).max() < accuracy
    assert np.abs(ev.correlation(0, 1) - d["streaming_0"]).max() < accuracy
    assert np.abs(ev.memory(0, 2) - d["memory_0_2"]).max() < accuracy
    assert np.abs(ev.memory(depth - 2, depth) - d["memory_last"]).max() < accuracy


@pytest.mark.parametrize("name", NAMES)
def test_norms(name: str) -> None:
    d, ev, accuracy = data(name), evaluator(name), ACCURACY[name]
    depth = ev.network.depth
    assert len(d["memory_norms"]) == depth * (depth - 1) // 2
    for key, norm in d["memory_norms"].items():
        assert abs(np.linalg.norm(ev.memory(*map(int, key.split(","))), 2) - norm) < accuracy, key
    for n, norm in enumerate(d["streaming_norms"]):
        assert abs(np.linalg.norm(ev.streaming(n), 2) - norm) < accuracy, n
    for n, norm in enumerate(d["noise_norms"]):
        assert abs(np.linalg.norm(ev.noise(n)) - norm) < accuracy, n


@pytest.mark.parametrize("name", NAMES)
def test_observable(name: str) -> None:
    d, ev, accuracy = data(name), evaluator(name), ACCURACY[name]
    assert np.abs(ev.noise(0) - d["noise_0"]).max() < accuracy
    assert np.abs(ev.coefficients(0) - d["coefficients_of_q0"]).max() < accuracy
    points = np.array(d["points"], dtype=float).reshape(len(d["points"]), -1)
    assert np.abs(ev.expectation(points) - d["q0_at_points"]).max() < accuracy


@pytest.mark.parametrize("name", NAMES)
def test_claimed_accuracy_holds(name: str) -> None:
    d, ev = data(name), evaluator(name)
    reached = dict(ev.tolerance_reached)
    assert set(reached) == {"correlation", "streaming", "memory", "noise", "coefficients", "expectation"}
    assert max(reached.values()) <= ev.options.tolerance
    assert ev.limits == ()
    # The reference itself is known to 1.3e-10 at worst.
    slack = 10 * d["converged_to"] + 1e-13
    assert np.abs(ev.memory(0, 2) - d["memory_0_2"]).max() <= 10 * reached["memory"] + slack
    assert np.abs(ev.noise(0) - d["noise_0"]).max() <= 10 * reached["noise"] + slack
    for key, norm in d["memory_norms"].items():
        found = np.linalg.norm(ev.memory(*map(int, key.split(","))), 2)
        assert abs(found - norm) <= 10 * reached["memory"] + slack, key


@pytest.mark.parametrize("name", NAMES)
def test_mean_of_the_output(name: str) -> None:
    """E u(X_L) for uniform X_0 is the first coefficient: the duality <p_0, q_0>."""
    d, ev = data(name), evaluator(name)
    volume = ev.network.domains[0].volume
    assert abs(ev.coefficients(0)[0] / np.sqrt(volume) - d["mean_of_output"]) < ACCURACY[name]
