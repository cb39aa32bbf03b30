"""Concrete terms against the golden numbers and against brute force, evaluated from their expressions alone."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.derive.numeric import evaluate_expr

REFERENCE = Path(__file__).parent.parent / "reference"


@lru_cache
def reference(name: str) -> tuple[dict[str, Any], mz.Network]:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    rows = data["layers"]
    layers = [mz.dense(r["W"], r["b"], activation=r["activation"], noise=mz.Uniform(r["noise"][1])) for r in rows]
    x = mz.state(len(data["domains"][0]))
    u = x[0] if len(x) == 1 else x[0] * x[1] + sp.cos(x[0])
    return data, mz.Network(layers, domains=[mz.Box(box) for box in data["domains"]], observable=u)


def numbers(matrix: Any) -> np.ndarray:
    return np.array(matrix.tolist(), dtype=float)


def test_streaming_of_tanh8() -> None:
    data, net = reference("tanh8")
    eq = mz.derive(net, mz.Legendre(5, "lebesgue"))
    term = eq.streaming(0)
    assert term.factored is None and term.shape == (6, 6) and term.cost.dimension == 1
    assert np.abs(numbers(eq.evaluate(term, digits=15)) - data["streaming_0"]).max() < 1e-12


def test_memory_of_tanh8_factored() -> None:
    data, net = reference("tanh8")
    eq = mz.derive(net, mz.Legendre(5, "lebesgue"))
    term = eq.memory(0, 2)
    assert term.factored is not None and "max_operations" in term.factored
    assert np.abs(numbers(eq.evaluate(term, digits=9)) - data["memory_0_2"]).max() < 1e-10


def test_forward_memory_of_tanh8_is_the_transpose() -> None:
    data, net = reference("tanh8")
    eq = mz.derive(net, mz.Legendre(1, "lebesgue"), direction="forward", options=mz.Options(max_operations=50))
    term = eq.memory(1, 0)
    assert term.factored is not None
    backward = mz.derive(net, mz.Legendre(1, "lebesgue"))
    expected = numbers(backward.evaluate(backward.memory(0, 2), digits=10))
    assert np.allclose(numbers(eq.evaluate(term, digits=10)), expected.T, rtol=0, atol=1e-9)
    # K of a smaller basis is another matrix, but its streaming part is a block of the reference.
    small = numbers(eq.evaluate(eq.streaming(0), digits=10))
    assert np.allclose(small, np.array(data["streaming_0"])[:2, :2].T, atol=1e-9)


def test_memory_written_out_agrees_with_factored() -> None:
    _, net = reference("tanh8")
    eq = mz.derive(net, mz.Legendre(1, "lebesgue"))
    written = eq.memory(0, 2)
    factored = mz.derive(net, mz.Legendre(1, "lebesgue"), options=mz.Options(max_operations=40)).memory(0, 2)
    assert written.factored is None and factored.factored is not None
    small = mz.derive(net, mz.Legendre(1, "lebesgue"), options=mz.Options(max_operations=40))
    assert np.allclose(
        numbers(eq.evaluate(written, digits=10)), numbers(small.evaluate(factored, digits=10)), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("i, j", [(0, 1), (1, 1), (0, 3), (2, 6), (9, 9)])
def test_streaming_entries_of_dense2(i: int, j: int) -> None:
    data, net = reference("dense2")
    eq = mz.derive(net, mz.Legendre(3, "lebesgue"))
    entry = eq.correlation_entry(0, 1, i, j)
    value = evaluate_expr(entry, net.bindings(), 11)
    assert abs(float(value) - data["streaming_0"][i][j]) < 1e-9


def test_noise_vanishes_where_the_observable_is_resolved() -> None:
    data, net = reference("tanh8")
    assert np.abs(data["noise_0"]).max() < 1e-15
    term = mz.derive(net, mz.Legendre(5, "lebesgue")).noise(0)
    assert term.expr.is_zero_matrix and term.closed and any("exactly zero" in sentence for sentence in term.why)
    assert not mz.derive(net, mz.Mean()).noise(7).expr.is_zero_matrix


# --- brute force in one dimension: a network of two or three layers on a fixed Gauss grid ----------------------------

_T, _W = np.polynomial.legendre.leggauss(60)


class Brute:
    """Tables by plain quadrature; shares nothing with the package but the network's map and boxes."""

    def __init__(self, net: mz.Network, degree: int, half_widths: list[float], u: Any) -> None:
        self.net, self.degree, self.s, self.u = net, degree, half_widths, u
        self.boxes = [(float(b.lower[0]), float(b.upper[0])) for b in net.domains]

    def basis(self, n: int, x: np.ndarray) -> np.ndarray:
        lo, hi = self.boxes[n]
        t = (2 * x - lo - hi) / (hi - lo)
        return np.stack(
            [np.sqrt(2 * k + 1) * np.polynomial.legendre.Legendre.basis(k)(t) for k in range(self.degree + 1)], axis=-1
        )

    def push(self, n: int, m: int, v: Any, x: np.ndarray) -> np.ndarray:
        """(M(n,m) v)(x), recursively over noise nodes."""
        if n == m:
            return np.asarray(v(x))
        centre = self.net.layers[n].forward(x.reshape(-1, 1)).reshape(x.shape)
        weights = np.polynomial.legendre.leggauss(20)
        points = centre[..., None] + self.s[n] * weights[0]
        inner = self.push(n + 1, m, v, points)
        return np.tensordot(inner, weights[1] / 2, axes=([x.ndim], [0]))

    def product(self, n: int, values: np.ndarray) -> np.ndarray:
        weighted = (_W / 2)[:, None] * values.reshape(len(_T), -1)
        return np.asarray(self.basis(n, self.grid(n)).T @ weighted)

    def grid(self, n: int) -> np.ndarray:
        lo, hi = self.boxes[n]
        return (lo + hi) / 2 + (hi - lo) / 2 * _T

    def C(self, n: int, m: int) -> np.ndarray:  # noqa: N802
        return self.product(n, self.push(n, m, lambda y: self.basis(m, y), self.grid(n)))

    def c(self, n: int) -> np.ndarray:
        return self.product(n, self.push(n, self.net.depth, self.u, self.grid(n)))


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(
        st.tuples(st.floats(-1.5, 1.5).filter(lambda w: abs(w) > 0.1), st.floats(-0.5, 0.5), st.floats(0.1, 0.6)),
        min_size=3,
        max_size=3,
    ),
    st.sampled_from(["tanh", "sin", "sigmoid"]),
)
def test_terms_of_random_networks_against_brute_force(rows: list[tuple[float, float, float]], activation: str) -> None:
    layers = [mz.dense([[w]], [b], activation=activation, noise=mz.Uniform(s)) for w, b, s in rows]
    x = mz.state(1)
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[x[0] ** 2, x[0]])
    eq = mz.derive(net, mz.Legendre(1))
    brute = Brute(net, 1, [s for _, _, s in rows], lambda y: np.stack([y**2, y], axis=-1))
    A0, A1 = brute.C(0, 1), brute.C(1, 2)
    close = {"rtol": 0, "atol": 1e-9}
    assert np.allclose(numbers(eq.evaluate(eq.streaming(0), digits=12)), A0, **close)
    K = brute.C(0, 2) - A0 @ A1
    assert np.allclose(numbers(eq.evaluate(eq.memory(0, 2), digits=12)), K, **close)
    c1, c2, c3 = brute.c(1), brute.c(2), brute.c(3)
    assert np.allclose(numbers(eq.evaluate(eq.coefficients(1), digits=8)), c1, **close)
    A2 = brute.C(2, 3)
    K13 = brute.C(1, 3) - A1 @ A2
    # MATH (15) solved for r_n: streaming + memory + noise is exact.
    noise = eq.noise(2)
    assert noise.shape == (2, 2)
    assert np.allclose(numbers(eq.evaluate(noise, digits=12)), c2 - A2 @ c3, **close)
    assert np.allclose(numbers(eq.evaluate(eq.noise(1), digits=8)), c1 - A1 @ c2 - K13 @ c3, **close)


def test_truncated_gaussian_and_noise_free_layers() -> None:
    x, (w, a) = mz.state(1), sp.symbols("w a", real=True)
    first = mz.Layer([sp.tanh(w * x[0])], state=x, noise=mz.TruncatedGaussian(0.3), params={w: 1.25})
    second = mz.Layer([x[0] ** 2 / 3 + a * x[0]], state=x, params={a: 0.5})
    net = mz.Network([first, second], domain=mz.Box([(-1, 1)]), observable=x[0])
    eq = mz.derive(net, mz.Legendre(2))
    t, weights = np.polynomial.legendre.leggauss(80)
    xi, p = 0.9 * t, weights * np.exp(-((0.9 * t) ** 2) / (2 * 0.09))
    p = p / p.sum()
    boxes = [(float(b.lower[0]), float(b.upper[0])) for b in net.domains]

    def eta(n: int, y: np.ndarray) -> np.ndarray:
        lo, hi = boxes[n]
        s = (2 * y - lo - hi) / (hi - lo)
        return np.stack([np.ones_like(s), np.sqrt(3) * s, np.sqrt(5) * (3 * s**2 - 1) / 2], axis=-1)

    y = np.tanh(1.25 * t)[:, None] + xi
    A0 = np.einsum("k,ki,kx,xm,kmj->ij", weights / 2, eta(0, t), np.ones((80, 1)), p[None, :], eta(1, y))
    assert np.allclose(numbers(eq.evaluate(eq.streaming(0), digits=12)), A0, atol=1e-10)
    z = y**2 / 3 + 0.5 * y
    C02 = np.einsum("k,ki,m,kmj->ij", weights / 2, eta(0, t), p, eta(2, z))
    assert np.allclose(numbers(eq.evaluate(eq.correlation(0, 2), digits=12)), C02, atol=1e-10)
    assert eq.streaming(1).closed
