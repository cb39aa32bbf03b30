"""A few functions that are known far beyond the columns: narrow enclosures under uniform noise in two dimensions.

Seen to fail when (each tried once): what lies beyond the known degrees is dropped; R is dropped; mu is dropped; R is
taken once instead of (1 + t) times; second eigenvalues are left out; what the functions are off is dropped from either
bound; errors of the rule or of rounding are dropped; the two outputs are swapped in the products; a side piece is left
out; its Jacobian is turned round; the ends of a strip or one shift are left out; of a cut density the excess, the
other term or what a place is off is dropped.
"""

from __future__ import annotations

import importlib
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from numpy.polynomial import Legendre

import mzsym as mz
from mzsym.balls import precision, tensor
from mzsym.balls.programs import Program
from mzsym.balls.strips import bernstein_radius
from mzsym.balls.tensor import Columns
from mzsym.certify.enclosed.tensor import TensorChain
from mzsym.certify.plane.leading import Leading
from mzsym.certify.plane.lines import averages_size, inner_products, pieces
from mzsym.certify.plane.outputs import Output
from mzsym.certify.plane.proof import plane_enclosure
from mzsym.certify.plane.tail import Tail, Tails, smooth_tails
from mzsym.certify.sharp.proof import sharp_enclosure
from mzsym.certify.sufficient.hilbert_schmidt import hilbert_schmidt

lines = importlib.import_module("mzsym.certify.plane.lines")
plane = importlib.import_module("mzsym.certify.plane.proof")

SKEW = [[1.6, 0.7], [-0.4, 2.1]]
SHAPES = {
    "skew": (SKEW, 1e-6),
    "aligned": ([[2.0, 0.0], [0.5, -1.0]], 1e-6),
    "parallel": ([[1.0, 1.0], [-1.0, -1.0]], 0.0),
    "one output": ([[0.3, -1.7]], 1e-7),
    "one input": ([[1.2], [-2.0]], 1e-7),
}
"""Weights, and an error that a rule of few nodes is seen to make."""


def network(W, s, activation="tanh", b=0.1):
    layer = mz.dense(W, [b] * len(W), activation=activation, noise=mz.Uniform(s))
    return mz.Network([layer], domain=mz.Box([(-1, 1)] * len(W[0])))


def strong(seed):
    """A random layer with weights of norm 2 to 3."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(2, 2))
    return (W * rng.uniform(2, 3) / np.linalg.norm(W, 2)).tolist(), round(rng.uniform(0.3, 0.7), 2)


def outputs(net):
    return [Output.of(net.layers[0], net, 0, i) for i in range(net.dims[1])]


def averaged(values, s, middle, half, top):
    """Means of orthonormal Legendre polynomials over the noise, by numpy's antiderivatives."""
    ends = [np.clip((values + sign * s - middle) / half, -1, 1) for sign in (1, -1)]
    rows = []
    for k in range(top):
        whole = np.polynomial.Legendre.basis(k).integ()
        rows.append(math.sqrt(2 * k + 1) * half / (2 * s) * (whole(ends[0]) - whole(ends[1])))
    return np.array(rows)


def plainly(net, W, s, coefs, sizes, nodes=140):
    """The products by Gauss's rule in the inputs."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    x = np.array(list(itertools.product(t, repeat=coefs.ndim - 1)))
    weights = np.prod(list(itertools.product(w, repeat=coefs.ndim - 1)), axis=1) / 2 ** (coefs.ndim - 1)
    value = (
        np.polynomial.chebyshev.chebval2d(*x.T, coefs)
        if coefs.ndim == 3
        else np.polynomial.chebyshev.chebval(*x.T, coefs)
    )
    box = net.domains[1]
    rows = [
        averaged(np.tanh(x @ W[i] + 0.1), s, (box.upper + box.lower)[i] / 2, (box.upper - box.lower)[i] / 2, sizes[i])
        for i in range(len(W))
    ]
    second = rows[1] if len(rows) == 2 else np.ones((1, len(x)))
    found = np.einsum("jx,lx,mx->jlm", value * weights, rows[0], second, optimize=True)
    return found.reshape(coefs.shape[-1], *sizes)


@pytest.mark.parametrize("W, seen", SHAPES.values(), ids=SHAPES)
def test_products_along_lines(W, seen, monkeypatch):
    net, rng = network(W, 0.4), np.random.default_rng(1)
    sizes = (9, 14)[: len(W)]
    shape = (7, 6)[: len(W[0])]
    coefs = rng.normal(size=(*shape, 3))
    exact = plainly(net, np.array(W), 0.4, coefs, sizes)
    found, lost = inner_products(outputs(net), Columns(coefs, np.zeros(3)), sizes)
    assert np.linalg.norm(found - exact) <= lost + 1e-11 and lost < 1e-7
    # With few nodes the error is there, and the bound says so.
    monkeypatch.setattr(lines, "TARGET", 1e6)
    found, lost = inner_products(outputs(net), Columns(coefs, np.zeros(3)), sizes)
    assert seen < np.linalg.norm(found - exact) <= lost


def test_pieces_cover_the_inputs():
    rng = np.random.default_rng(2)
    for _ in range(20):
        slopes = rng.normal(size=(2, 2))
        found = pieces(slopes)
        assert sum(4 * piece.measure(np.zeros(1))[0] for piece in found) == pytest.approx(1.0)
        for piece in found:
            xi, zeta = rng.uniform(-1, 1, size=(2, 5))
            first = np.tensordot(slopes[0], piece.points(xi, zeta), axes=1)
            assert np.ptp(first, axis=1) == pytest.approx(0, abs=1e-13)


def test_arguments_in_the_complex_plane():
    for output in outputs(network(SKEW, 0.4)):
        for slope, radius in ((2.0, 1.2), (0.3, 1.5)):
            bound, reach = output.beta(slope, radius), float(np.abs(output.slopes).sum())
            angle = np.exp(1j * np.linspace(0, 2 * np.pi, 60))
            xi = (radius * angle + 1 / (radius * angle)) / 2
            places = output.alpha + np.linspace(slope - reach, reach - slope, 41)[:, None] + slope * xi
            u = (np.tanh(places)[..., None] + np.array([0.4, -0.4]) - output.middle) / output.half
            total = (np.abs(u - 1) + np.abs(u + 1)) / 2
            seen = float(np.max(total + np.sqrt(total**2 - 1)))
            assert seen <= bound <= 1.15 * seen
        # The pole of tanh.
        assert math.isinf(output.beta(2.0, 3.0))


def test_the_errors_of_averages_hold():
    (output, *_), top = outputs(network(SKEW, 0.4)), 200
    points = np.random.default_rng(3).uniform(-1, 1, size=(2, 50))
    found = lines.averages(output, points, top)
    with_more = averaged(np.tanh(output.alpha + output.slopes @ points), 0.4, output.middle, output.half, 40)
    size, error = averages_size(output, top)
    assert np.max(np.linalg.norm(found[:40] - with_more, axis=0)) <= error + 1e-12 < 1e-8
    assert np.max(np.linalg.norm(found, axis=0)) <= size
    # The bound follows what the values are off.
    moved = replace(output, alpha=output.alpha + 1e-6, lost=output.lost + 1e-6)
    shift = np.linalg.norm(lines.averages(moved, points, top) - found, axis=0)
    assert 1e-6 < np.max(shift) <= averages_size(moved, top)[1] <= 40 * np.max(shift)


@pytest.mark.parametrize("seed", range(4))
def test_two_blocks_of_random_operators(seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(30, 12)) @ np.diag(0.6 ** np.arange(12.0))
    rest = 0.25 * rng.normal(size=(30, 9))
    rest -= 0.8 * np.outer(*[(v := np.linalg.svd(Z)[0][:, 0]), v @ rest])
    K, mu = Z.T @ Z, np.linalg.norm(rest, 2) ** 2
    values, vectors = np.linalg.eigh(K)
    for count in (1, 3):
        Y = vectors[:, ::-1][:, :count] / np.sqrt(values[::-1][:count])
        part = Leading(K, 0.0, Y, values[::-1][:count], Columns(Y, np.zeros(count)), 0.0)
        R = (Z @ Y).T @ rest @ rest.T @ (Z @ Y)
        truth = np.linalg.norm(np.hstack([Z, rest]), 2)
        bound = part._above(R, 0.0, mu)
        assert truth <= bound <= math.hypot(np.linalg.norm(Z, 2), math.sqrt(mu)) * 1.001
        # What the rest of the space meets counts as well.
        far = 10.0 * np.outer(np.linalg.svd(Z)[0][:, 5], np.eye(9)[0])
        assert np.linalg.norm(np.hstack([Z, far]), 2) <= part._above(0.0 * R, 0.0, 100.0) <= 10.0 + np.linalg.norm(Z, 2)
        # Without what R says of the functions it would not be one.
        assert part._above(0.0 * R, 0.0, 1e-9) < truth


def nystroem(W, s, degree, b=0.1, nodes=40):
    """||Q M|| by the kernel of M M* on a grid of the inputs."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    x = np.array(list(itertools.product(t, t)))
    root = np.sqrt(np.outer(w, w).ravel() / 4)
    W = np.array(W)
    F, reach = np.tanh(x @ W.T + b), np.abs(W).sum(axis=1)
    half = (np.tanh(b + reach) - np.tanh(b - reach)) / 2 + s
    kernel = np.outer(root, root)
    for i in range(2):
        kernel *= 2 * half[i] * np.clip(2 * s - np.abs(F[:, i, None] - F[None, :, i]), 0, None) / (4 * s * s)
    basis = np.stack([x[:, 0] ** i * x[:, 1] ** j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)
    basis = np.linalg.qr(root[:, None] * basis)[0]
    kernel -= basis @ (basis.T @ kernel)
    kernel -= (kernel @ basis) @ basis.T
    v = np.cos(np.arange(len(kernel)))
    for _ in range(60):
        v = kernel @ v
        v /= np.linalg.norm(v)
    return math.sqrt(v @ kernel @ v)


@pytest.mark.parametrize("seed", [9, 12])
def test_strong_random_layers(seed):
    W, s = strong(seed)
    found = plane_enclosure(network(W, s), mz.Legendre(1), 0, 1e-2)
    norm = nystroem(W, s, 1)
    assert found.width <= 1e-2 and not found.reason
    assert found.lower * (1 - 1e-3) <= norm <= found.upper * (1 + 1e-3)
    assert found.interior_lower <= found.interior_upper <= found.upper * (1 + 1e-12)


@pytest.fixture(scope="module")
def turned():
    """Columns of one layer, and narrow bounds."""
    net = network([[1.0, 0.5], [-0.5, 1.0]], 0.5)
    projection = mz.Legendre(1)
    square, tails = hilbert_schmidt(net, projection, 0), smooth_tails(net, 0)
    with precision(TensorChain.bits):
        columns = plane._Columns.of(TensorChain(net), projection, 0, (14, 14), 1e-7)
    return net, columns, square, tails, plane_enclosure(net, projection, 0, 1e-3)


@pytest.mark.parametrize("far, small", [((15, 15), 1e-6), ((20, 20), 1e-6), ((96, 96), 0.05), ((96, 96), 0.3)])
def test_little_known_of_few_functions(turned, far, small):
    net, columns, square, tails, fine = turned
    further = plane._Further(outputs(net), far, tails.beyond(far), tails)
    found = columns.sharpened(square, further, small)
    assert fine.lower <= found.upper and found.lower <= fine.upper
    assert fine.interior_lower <= found.interior_upper and found.interior_lower <= fine.interior_upper
    # Less is known than in the narrow bounds.
    assert found.width > 3e-3


def test_functions_that_are_off_are_said_to_be(turned):
    _, columns, *_ = turned
    every = np.ones(196, dtype=bool)
    with_all, with_few = (columns._leading(every, small) for small in (1e-9, 0.3))
    shape = with_all.functions.sizes
    gap = tensor.padded(with_few.functions.coefs, shape) - with_all.functions.coefs
    gram = tensor.along([tensor.mean_products(size) for size in shape], gap).reshape(-1, gap.shape[-1])
    apart = math.sqrt(np.linalg.norm(gap.reshape(gram.shape).T @ gram, 2))
    assert 1e-3 < apart <= with_few.off and with_all.off < 1e-5


def test_functions_that_are_altogether_off(turned):
    net, columns, square, tails, fine = turned
    part = columns._leading(np.ones(196, dtype=bool), 1e-6)
    beyond = np.ones((20, 20), dtype=bool)
    beyond[:14, :14] = False
    mu, rest = tails.beyond((14, 14)), tails.beyond((20, 20))
    for value in (0.0, 1.0):
        # Zero says nothing of what lies beyond; constants are what Q removes.
        flat = np.zeros((1, 1, len(part.values)))
        flat[0, 0, 0] = value
        other = replace(part, functions=Columns(flat, np.zeros(len(part.values))), off=1.0)
        products, lost = inner_products(outputs(net), other.functions, (20, 20))
        low, high = other.bounds(products, lost, np.ones_like(beyond), beyond, mu, rest, square.operator)
        assert low <= fine.upper and fine.lower <= high


@pytest.mark.parametrize("W, s, d", [([[2.5, 0.0]], 0.5, 0), ([[0.0, 2.0]], 0.4, 2), ([[3.0, 0.0]], 0.3, 1)])
def test_an_output_of_one_input_is_a_layer_of_dimension_one(W, s, d):
    one = mz.dense([[max(W[0])]], [0.1], activation="tanh", noise=mz.Uniform(s))
    truth = sharp_enclosure(mz.Network([one], domain=mz.Box([(-1, 1)])), mz.Legendre(d), 0, 1e-6)
    found = plane_enclosure(network(W, s), mz.Legendre(d), 0, 2e-3)
    assert found.lower <= truth.upper and truth.lower <= found.upper and found.width <= 2e-3
    assert found.interior_lower <= truth.interior_upper and truth.interior_lower <= found.interior_upper


def in_one(w, s, top=300, kept=24):
    """<p_i, M M* p_j> of tanh(w x + 0.1) in uniform measures by many functions of the output."""
    t, weights = np.polynomial.legendre.leggauss(600)
    half = (math.tanh(0.1 + w) - math.tanh(0.1 - w)) / 2 + s
    middle = (math.tanh(0.1 + w) + math.tanh(0.1 - w)) / 2
    values = np.tanh(w * t + 0.1)
    above, below = (np.polynomial.legendre.legvander((values + e * s - middle) / half, top + 1) for e in (1, -1))
    k = np.arange(1, top)
    rise = above - below
    columns = np.hstack(
        [np.ones((len(t), 1)), (rise[:, 2 : top + 1] - rise[:, : top - 1]) / np.sqrt(2 * k + 1) * half / (2 * s)]
    )
    rows = np.polynomial.legendre.legvander(t, kept - 1) * np.sqrt(2 * np.arange(kept) + 1)
    O = (rows * weights[:, None] / 2).T @ columns  # noqa: E741
    return O @ O.T


@pytest.mark.parametrize("w, s, d", [((2.0, 1.0), 0.5, 0), ((1.5, 1.5), 0.5, 1)])
def test_outputs_of_one_input_each_are_a_product(w, s, d):
    S = np.kron(in_one(w[0], s), in_one(w[1], s))
    kept = [i + j > d for i in range(24) for j in range(24)]
    truth = math.sqrt(np.linalg.eigvalsh(S[np.ix_(kept, kept)])[-1])
    found = plane_enclosure(network(np.diag(w).tolist(), s), mz.Legendre(d), 0, 1e-2)
    assert found.lower - 1e-5 <= truth <= found.upper and found.width <= 1e-2


def test_rules_that_need_too_many_nodes(monkeypatch):
    monkeypatch.setattr(lines, "MOST", 12)
    found = plane_enclosure(network([[0.8, 0.3], [0.2, 0.9]], 0.6), mz.Legendre(0), 0, 1e-3)
    assert 0 < found.lower < found.upper < 2 and "functions" in found.reason and math.isfinite(found.ends.entrance)


def test_numbers_of_degrees_follow_the_tails():
    for W in (SKEW, [[0.5, 0.4], [2.5, -1.0]], [[2.0, 2.0], [0.1, 0.3]]):
        tails = smooth_tails(network(W, 0.5), 0)
        shape, small = tails.shaped(20, 2), tails.parts[0].at(20) < tails.parts[1].at(20)
        assert abs(math.prod(shape) - 400) <= 30 and (shape[0] < shape[1]) == small
        assert tails.beyond(shape) <= tails.beyond((20, 20)) * 1.02
    assert (
        tails.shaped(3, 9) == (9, 9) and Tails((), 2).shaped(9, 2) == (9, 9) and math.isinf(Tails((), 1).beyond((9,)))
    )


@pytest.mark.parametrize("k", [1, 4, 12])
def test_the_cut_density(k):
    # W^2 N over all w orthogonal to degrees < k, by Legendre polynomials, for densities with a narrow peak.
    t, weights = np.linspace(-1, 1, 8001)[1:] - 1.25e-4, 2.5e-4
    for peak in (-0.7, 0.1, 0.96):
        density = 1.0 + 300.0 * (np.abs(t - peak) < 0.01)
        phi = np.stack([Legendre.basis(j).integ(lbnd=-1)(t) * math.sqrt(j + 0.5) for j in range(k, 40)])
        truth = np.linalg.eigvalsh((phi * weights * density) @ phi.T)[-1]
        edges = np.concatenate([np.linspace(-1, peak - 0.011, 20), np.linspace(peak + 0.011, 1, 20)])
        left, right = edges[:-1], edges[1:]
        pieces = np.where((left < peak) & (right > peak), 301.0, 1.0)
        weight = 1 - np.minimum(abs(left), abs(right)) ** 2 * (left * right > 0)
        place = (left + right) / 2
        tail = Tail(1.0, 1.0, pieces, 0.0 * pieces, right - left, weight, place, (right - left) / 2)
        assert truth <= tail.at(k) <= min(tail.largest / (k * (k + 1)) * (1 + 1e-6), 10 * truth)


def test_pieces_of_a_density_add_up():
    t, weights = np.linspace(-1, 1, 4001)[1:] - 2.5e-4, 5e-4
    edges = np.linspace(-1, 1, 41)
    left, right = np.tile(edges[:-1], 2), np.tile(edges[1:], 2)
    weight = 1 - np.minimum(abs(left), abs(right)) ** 2
    one, place = np.ones(80), (left + right) / 2
    wide = np.ones(1), np.zeros(1), np.full(1, 2.0), np.ones(1), np.ones(1), np.full(1, 2.0)
    for k in (1, 3):
        phi = np.stack([Legendre.basis(j).integ(lbnd=-1)(t) * math.sqrt(j + 0.5) for j in range(k, 20)])
        truth = np.linalg.eigvalsh((phi * weights) @ phi.T)[-1]
        # Both terms of the density are 1; one piece that is known at its end only.
        assert 2 * truth <= Tail(1.0, 1.0, one, one, right - left, weight, place, (right - left) / 2).at(k) <= 4 * truth
        assert truth <= Tail(1.0, 1.0, *wide).at(k)


def test_strips_in_the_complex_plane():
    u = sp.Symbol("u", real=True)
    near, same = (Program([expr], u, complex_=True) for expr in (1 / (sp.Rational(6, 5) - u), u))
    # Largest where the strip ends, on the real line, and inside of it where the second shift takes it.
    assert 5 + math.sqrt(24) <= bernstein_radius(near, (-1.0, 1.0), 0.3, (0.0,), (0.0, 1.0)) < 10.3
    half = (abs(-2.5 + 0.2j - 1) + abs(-2.5 + 0.2j + 1)) / 2
    seen = half + math.sqrt(half * half - 1)
    assert seen <= bernstein_radius(same, (-0.5, 0.5), 0.2, (0.0, -2.0), (0.0, 1.0)) <= 1.01 * seen
    assert math.isinf(bernstein_radius(near, (-1.0, 1.3), 0.3, (0.0,), (0.0, 1.0)))
