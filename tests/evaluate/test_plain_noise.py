"""The spectral engine refuses what it would compute wrongly: gains and random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import mzsym as mz
from mzsym.evaluate.quadrature.galerkin import galerkin
from mzsym.evaluate.quadrature.problem import lower_problem

(s,) = mz.state(1)
w = sp.Symbol("w", real=True)
CALLS: list[Callable[[mz.Network], Any]] = [
    lambda net: lower_problem(net, mz.Legendre(1)),
    lambda net: galerkin(net, "uniform", 1, 4, 4),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "layer, what",
    [
        (mz.Layer([s / 2], state=[s], gain=[1 + s / 2], noise=mz.Uniform(0.5)), "a gain"),
        (mz.Layer([s], state=[s], gain=sp.Matrix([[1, 2]]), noise=mz.Uniform(0.5)), "a gain"),
        (mz.Layer([w * s], state=[s], noise=mz.Uniform(0.5), params={w: mz.Uniform(1)}), "random weights"),
        (mz.dense([[1.0]], activation="tanh", weight_noise=mz.Gaussian(1)), "random weights"),
    ],
)
def test_the_spectral_engine_names_the_layer(call: Any, layer: Any, what: str) -> None:
    plain = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))
    call(mz.Network([plain, plain], domain=[(-1, 1)], observable=s))
    with pytest.raises(mz.MzError, match=f"Layer 1 has {what}"):
        call(mz.Network([plain, layer], domain=[(-1, 1)], observable=s))
