"""Objectives as functions of torch; skipped where torch is not installed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import mzsym as mz


def objective(activation: str = "tanh") -> Any:
    layers = [mz.dense([[1.2]], [0.1], activation=activation, noise=mz.Uniform(0.4))] * 3
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    return ev.objective(lambda e: (e.memory(0, 2) ** 2).sum(), [(0, "W"), (1, "b"), (2, "scale")])


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    made = objective()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(mz.MzError, match="torch is not installed"):
        made.torch()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_torch_differentiates_it(activation: str) -> None:
    torch = pytest.importorskip("torch")
    made = objective(activation)
    function = made.torch()
    x = torch.tensor(made.x0, requires_grad=True)
    value = 3 * function(x) ** 2
    value.backward()
    exact, gradient = made(made.x0)
    assert value.item() == pytest.approx(3 * exact**2, rel=1e-14)
    assert np.allclose(x.grad.numpy(), 6 * exact * gradient, rtol=1e-13)
    start = torch.tensor(made.x0, requires_grad=True)
    assert torch.autograd.gradcheck(function, (start,), eps=1e-5, atol=1e-6)
    descent = torch.optim.SGD([start], lr=0.5)
    losses = []
    for _ in range(3):
        descent.zero_grad()
        loss = function(start)
        loss.backward()
        descent.step()
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2]
    with pytest.raises(mz.MzError, match="tensor of shape"):
        function(torch.zeros(7, dtype=torch.float64))
