"""Proved enclosures of the sharp norms in the law of the state against discretised chains and exact laws.

Seen to fail when (each tried once): mu is dropped; the cells that are left out cost nothing; the density is taken from
the layer before; the shape of the density in a cell is taken for linear; the map is taken for linear on a cell; 1/m is
taken at its smallest; the period is s instead of 2 s; the polynomials are scaled; the lower bound takes the mass of a
cell from the lower density; the functions that Q' removes are left in the lower bound.
"""

from __future__ import annotations

import importlib
import itertools
import math
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.balls import precision
from mzsym.balls.curves import curve_of
from mzsym.balls.stretches import Image, bend, number_at, position
from mzsym.certify.law.cells import Cells, LawBounds
from mzsym.certify.law.grid import Grid
from mzsym.certify.law.lower import lower_bounds
from mzsym.certify.law.proof import LawChain
from mzsym.certify.law.spread import Windows
from mzsym.core.primitives import PRIMITIVES
from mzsym.evaluate.blas import blas_threads

law_norms = importlib.import_module("mzsym.certify.law.norms")


def network(names, w, b, s, box=(-1, 1)):
    layers = [mz.dense([[w]], [b], activation=name, noise=mz.Uniform(s)) for name in names]
    return mz.Network(layers, domain=mz.Box([box]))


def forward(name, w, b):
    slope = (0.01,) if name == "leaky_relu" else ()
    return lambda x: PRIMITIVES[name].numpy(w * x + b, *slope)


def discretised(maps, s, box, degree, cells=700):
    """Both norms of every layer: cells of the state as points, cells of the next one averaged exactly."""
    edges = np.linspace(*box, 4 * cells + 1)
    x, p = (edges[1:] + edges[:-1]) / 2, np.full(4 * cells, 0.25 / cells)
    found = []
    for f in maps:
        z = f(x)
        ends = np.linspace(z.min() - s, z.max() + s, cells + 1)
        kernel = np.clip(np.minimum(ends[1:], z[:, None] + s) - np.maximum(ends[:-1], z[:, None] - s), 0, None)
        kernel /= kernel.sum(axis=1, keepdims=True)
        q = p @ kernel
        middle = (ends[1:] + ends[:-1]) / 2
        table = np.sqrt(p)[:, None] * kernel / np.sqrt(np.maximum(q, 1e-300))
        spans = [
            np.linalg.qr(np.sqrt(mass)[:, None] * np.polynomial.legendre.legvander(at / np.abs(at).max(), degree))[0]
            for at, mass in ((x, p), (middle, q))
        ]
        with blas_threads():
            table -= spans[0] @ (spans[0].T @ table)
            inner = table - (table @ spans[1]) @ spans[1].T
            found.append([math.sqrt(np.linalg.eigvalsh(part.T @ part)[-1]) for part in (table, inner)])
        x, p = middle, q
    return found


def extrapolated(maps, s, box, degree):
    """The same from two numbers of cells, whose errors are of second order: small norms of late layers need it."""
    coarse, fine = (np.array(discretised(maps, s, box, degree, cells)) for cells in (400, 800))
    return fine + (fine - coarse) / 3


def enclosed(found, whole, inner, slack=4e-4):
    assert found.lower <= whole * (1 + slack) + 1e-6 and whole <= found.upper * (1 + slack) + 1e-6, found
    assert found.interior_lower <= inner + slack * whole + 1e-9, found
    assert inner <= found.interior_upper + slack * whole + 1e-9, found
    assert found.interior_upper <= found.upper <= 1.0 and found.ends.entrance <= 1.0


@pytest.mark.parametrize("w, s, d, norm", [(2, 0.5, 0, 0.971582), (5, 0.2, 0, 0.998098), (5, 0.2, 1, 0.962661)])
def test_figures_of_the_independent_study(w, s, d, norm):
    net = network(["tanh"], w, 0, s, (-1 - s, 1 + s))
    found = LawChain(net).enclosure(0, d, 1e-3)
    assert found.lower <= norm <= found.upper and found.width <= 1e-3 and not found.reason


CASES = [
    ("relu", 1.3, 0.2, 0.5, 1),
    ("sin", 2.5, 0.3, 0.4, 1),
    ("abs", 1.0, 0.1, 0.3, 2),
    ("leaky_relu", 1.5, -0.2, 0.25, 0),
    ("hardtanh", 2.0, 0.1, 0.4, 1),
    ("tanh", -3.0, 0.2, 0.3, 2),
    ("exp", 0.5, -0.3, 0.5, 3),
]


@pytest.mark.parametrize("name, w, b, s, d", CASES, ids=[case[0] for case in CASES])
def test_two_layers_against_a_discretised_chain(name, w, b, s, d):
    chain = LawChain(network([name] * 2, w, b, s))
    reference = discretised([forward(name, w, b)] * 2, s, (-1, 1), d)
    for n in range(2):
        enclosed(chain.enclosure(n, d, 2e-2), *reference[n])


@settings(max_examples=3, deadline=None)
@example(names=["tanh", "tanh"], w=0.25, b=1.0, s=0.1875, d=3)
@given(
    names=st.lists(st.sampled_from(["tanh", "sigmoid", "arctan", "softplus", "relu", "cos"]), min_size=2, max_size=3),
    w=st.integers(-16, 16).map(lambda k: k / 4),
    b=st.integers(-4, 4).map(lambda k: k / 4),
    s=st.sampled_from([0.1875, 0.3, 0.75, 2.0]),
    d=st.integers(0, 3),
)
def test_random_chains(names, w, b, s, d):
    chain = LawChain(network(names, w, b, s))
    reference = extrapolated([forward(name, w, b) for name in names], s, (-1, 1), d)
    for n in range(len(names)):
        found = chain.enclosure(n, d, 3e-2)
        # A map may be too flat for the method; then it says so.
        assert math.isfinite(found.upper) or found.reason
        if math.isfinite(found.upper):
            enclosed(found, *reference[n], slack=3e-3)


def test_the_bounds_of_the_law_hold_the_exact_density():
    """X_1 for tanh in closed form, with 60 digits: m(y) = P(y - s <= F(X_0) <= y + s)/2s."""
    s, w = 0.5, 2.0
    chain = LawChain(network(["tanh"] * 2, w, 0, s))
    with precision():
        law = chain._layer(1).law
    with mp.workdps(60):
        top = mp.tanh(w)

        def below(z):
            return mp.mpf(0) if z <= -top else mp.mpf(1) if z >= top else (mp.atanh(z) / w + 1) / 2

        for k in [*range(0, len(law.low), 37), 1, 2, len(law.low) - 2, len(law.low) - 1]:
            lo, hi = (mp.mpf(edge) / mp.mpf(2) ** mp.mpf(340) for edge in law.edges[k : k + 2])
            for theta in (mp.mpf(1) / 1000, mp.mpf("0.3"), mp.mpf("0.5"), mp.mpf("0.9")):
                y = lo + theta * (hi - lo)
                m = (below(y + s) - below(y - s)) / (2 * s)
                low, high = (
                    mp.mpf(side[k][0]) * (1 - theta) + mp.mpf(side[k][1]) * theta for side in (law.low, law.high)
                )
                assert low <= m <= high
    widths = np.diff([number_at(edge) for edge in law.edges])
    assert np.sum((law.high - law.low).sum(axis=1) / 2 * widths) < 1e-5


def test_a_distribution_between_two_densities_bends_no_more():
    rng = np.random.default_rng(5)
    for _ in range(200):
        density = rng.uniform(1.0, rng.uniform(1.0, 9.0), 50)
        if rng.random() < 0.5:
            density = np.where(np.arange(50) < rng.integers(1, 49), density.min(), density.max())
        law = np.concatenate([[0.0], np.cumsum(density)]) / density.sum()
        assert np.max(np.abs(law - np.linspace(0, 1, 51))) <= bend(density.min(), density.max()) + 1e-12
    assert bend(1.0, 1.0) < 1e-12 and bend(0.0, 1.0) >= 1.0
    assert bend(1.0, 4.0) == pytest.approx(1 / 3)


def test_masses_of_a_map_that_turns():
    t = sp.Symbol("t", real=True)
    with precision():
        image = Image(curve_of(t**2, t), position(-1), position(1))
        low, high = image.ends
        step = position(1) // 8
        grid = Grid([low, *(step * k for k in range(1, 8))], (-step * 4, step * 4), high)
        cells = Cells(image, LawBounds.uniform(position(-1), position(1)), Windows(grid))
    edges = np.clip([number_at(value) for value in grid.values], 0, 1)
    exact = np.diff(np.sqrt(edges))
    assert np.all(cells.mass_low <= exact * (1 + 1e-12)) and np.all(exact <= cells.mass_high * (1 + 1e-12) + 1e-15)
    assert np.allclose(cells.mass_low, cells.mass_high, rtol=1e-9, atol=1e-12)


def coarse(name, w, per_period, s=0.5, spread=0.0, half=1, ends=False):
    """Few equal cells for act(w X), X uniform on [-half, half], bounds of whose density are ``spread`` apart."""
    t = sp.Symbol("t", real=True)
    expr = {"tanh": sp.tanh(w * half * t), "exp": sp.exp(w * half * t) / 4, "identity": w * half * t}[name]
    with precision():
        image = Image(curve_of(expr, t), position(-half), position(half))
        low, high = image.ends
        period = position(2 * s)
        places = [period * k // per_period for k in range(1, per_period)]
        # Short cells at the ends of the law, so that leaving them out costs nothing.
        small = [period >> k for k in range(4, 16)] if ends else []
        places += [*small, *((high - low - place) % period for place in small)]
        grid = Grid([low], (-position(s), position(s)), high).finer({0: places})
        law = LawBounds.uniform(position(-half), position(half))
        law = LawBounds(law.edges, law.low * (1 - spread), law.high * (1 + spread))
        return Cells(image, law, Windows(grid))


def sharp_norm(name, w, d, s=0.5):
    layer = mz.dense([[w]], activation=name if name != "exp" else sp.exp(sp.Symbol("u")) / 4, noise=mz.Uniform(s))
    return LawChain(mz.Network([layer], domain=mz.Box([(-1, 1)]))).enclosure(0, d, 1e-3)


@pytest.mark.parametrize("name, w, d", [("tanh", 1.5, 3), ("identity", 1.0, 9), ("exp", 2.0, 4)])
def test_few_cells_give_bounds_that_hold_and_that_need_their_parts(name, w, d):
    truth = sharp_norm(name, w, d)
    needed = set()
    for count, ends in itertools.product((2, 3, 5, 8, 13), (False, True)):
        upper = law_norms.Upper(coarse(name, w, count, ends=ends), d, truth.lower**2)
        if not len(upper.kept):
            continue
        assert math.sqrt(upper.whole()) >= truth.lower
        assert math.sqrt(upper.interior(d)) >= truth.interior_lower
        left = float(np.sum(upper.costs.cut[np.isinf(upper.costs.gamma)]))
        needed |= {"mu"} if upper.square(*upper.outer) + left < truth.lower**2 else set()
    # Elsewhere what is bent costs more than that.
    assert "mu" in needed or name != "identity"


def test_cells_that_are_left_out_cost_their_length(monkeypatch):
    truth, original = sharp_norm("tanh", 1.5, 0), law_norms.costs_of

    def without_the_middle(cells):
        costs = original(cells)
        third = len(costs.gamma) // 3
        gamma = costs.gamma.copy()
        gamma[third:-third] = np.inf
        return replace(costs, gamma=gamma)

    monkeypatch.setattr(law_norms, "costs_of", without_the_middle)
    upper = law_norms.Upper(coarse("tanh", 1.5, 40), 0, truth.lower**2)
    left = float(np.sum(upper.costs.cut[np.isinf(upper.costs.gamma)]))
    assert left > 0.3 and upper.whole() >= truth.lower**2 > upper.whole() - left


def test_what_is_bent_is_needed():
    """A density of the image that changes by a factor of 50 in one cell: M v is far from linear in it."""
    cells = coarse("exp", 3.0, 3, s=2.0)
    costs = law_norms.costs_of(cells)
    upper = law_norms.Upper(cells, 2, 0.01)
    assert np.all(cells.bent[:-1] > 1e-3) and costs.turned.max() > 1e-3 and upper.bent.max() > 1e-3
    bare = law_norms.Upper(cells, 2, 0.01)
    bare.bent = np.zeros_like(bare.bent)
    assert upper.square(*upper.outer) > bare.square(*bare.outer)
    rng = np.random.default_rng(1)
    exact = np.exp(3.0 * np.linspace(-1, 1, 40001)) / 4
    for _ in range(5):
        a = rng.normal(size=len(upper.kept))
        # M v over the law, from the definition: v = sum a_b 1_b/(m sqrt(Gamma_b)), with m by counting.
        edges = np.array([number_at(edge) for edge in cells.grid.edges])
        y = np.linspace(edges[0], edges[-1], 20001)[1:-1]
        m = (np.searchsorted(exact, y + 2.0) - np.searchsorted(exact, y - 2.0)) / len(exact) / 4.0
        b = np.clip(np.searchsorted(edges, y) - 1, 0, len(edges) - 2)
        coefficient = np.zeros(len(edges) - 1)
        step = y[1] - y[0]
        inverse = np.where(m > 0, 1 / np.maximum(m, 1e-12), 0.0)
        size = np.bincount(b, weights=inverse * step, minlength=len(coefficient))
        coefficient[upper.kept] = a / np.sqrt(size[upper.kept])
        v = coefficient[b] * inverse
        total = np.concatenate([[0.0], np.cumsum(v * step)])
        Mv = (total[np.searchsorted(y, exact + 2.0)] - total[np.searchsorted(y, exact - 2.0)]) / 4.0
        x = np.linspace(-1, 1, len(exact))
        rest = Mv - np.polynomial.Legendre.fit(x, Mv, 2)(x)
        assert np.mean(rest**2) <= upper.square(*upper.outer) * np.sum(a * a) * (1 + 1e-2)


def test_every_density_between_the_bounds_is_covered():
    truth = sharp_norm("tanh", 1.5, 1)
    cells = coarse("tanh", 1.5, 60, spread=0.2)
    upper = law_norms.Upper(cells, 1, truth.lower**2)
    # What is best for the upper bound of a density is not there for the lower one.
    assert math.sqrt(upper.whole()) >= truth.lower * 1.1
    v = np.zeros(len(cells.low))
    K = upper.outer[0]
    v[upper.kept] = np.linalg.eigh(K)[1][:, -1] * np.sqrt(upper.costs.gamma[upper.kept])
    v /= cells.grid.heights
    assert lower_bounds(cells, 1, v, v)[0] <= truth.lower * 0.9


def test_any_function_gives_a_lower_bound():
    truth, cells = sharp_norm("tanh", 1.5, 1), coarse("tanh", 1.5, 40)
    edges = np.array([number_at(edge) for edge in cells.grid.edges])
    middle, rng = (edges[1:] + edges[:-1]) / 2, np.random.default_rng(0)
    for v in (np.ones(len(middle)), middle, middle**3, rng.normal(size=len(middle)), np.sign(middle)):
        low, inner = lower_bounds(cells, 1, v, v)
        assert low <= truth.upper and inner <= truth.interior_upper
    assert lower_bounds(cells, 1, np.ones(len(middle)), np.ones(len(middle))) == (0.0, 0.0)
    assert lower_bounds(cells, 1, middle, middle)[1] < 1e-2 < lower_bounds(cells, 1, middle, middle)[0]


def test_what_is_not_enclosed_says_why():
    tanh, normal, still = (
        mz.dense([[1]], activation="tanh", noise=n) for n in (mz.Uniform(0.5), mz.Gaussian(0.3), mz.Deterministic())
    )
    box = mz.Box([(-1, 1)])
    mean = mz.Mean(measure="law")
    for net, n, words in (
        (mz.Network([still, tanh], domain=box), 1, "layer 0"),
        (mz.Network([normal, mz.dense([[1]], activation="relu", noise=mz.Uniform(0.5))], domain=box), 1, "not bounded"),
        (mz.Network([tanh], domain=box, input=np.linspace(-1, 1, 5)[:, None]), 0, "X_0 with a density"),
        (
            mz.Network([mz.dense([[1, 1]], activation="tanh", noise=mz.Uniform(0.5))], domain=mz.Box([(-1, 1)] * 2)),
            0,
            "one",
        ),
    ):
        c = mz.certify(net, mean, "sharp")
        assert words in c.layers[n].reason and c.layers[n].lower == 0.0 and math.isinf(c.layers[n].upper)
    tiny = mz.Network([mz.dense([[1]], activation="tanh", noise=mz.Uniform(1e-5))], domain=box)
    assert "too small" in mz.certify(tiny, mean, "sharp").layers[0].reason
    still = mz.Network([mz.dense([[0]], activation="tanh", noise=mz.Uniform(0.5))], domain=box)
    assert mz.certify(still, mean, "sharp").layers[0].upper == 0.0


def test_certificates_in_the_law():
    net = network(["tanh"] * 3, 2, 0.1, 0.5)
    c = mz.certify(net, mz.Legendre(2, measure="law"), width=1e-2)
    assert c.contracts.decision == "proved" and all(layer.method == "sharp" for layer in c.layers)
    # Equal layers see different laws.
    assert c.layers[0].upper < c.layers[1].lower
    assert c.memory_bound(0, 2) < 0.4
    back = type(c).from_json(c.to_json())
    assert back.layers == c.layers
    text = c.latex()
    assert "law of the state" in text and r"\mu" in text and text.count("{") == text.count("}")
    # With large noise the image is narrower than it, and the better of the two bounds is taken.
    wide = mz.certify(network(["tanh"] * 2, 2, 0.1, 1.5), mz.Mean(measure="law"), width=1e-2)
    assert all(layer.upper <= math.sqrt(layer.dobrushin) and layer.method == "sharp" for layer in wide.layers)
    assert wide.layers[0].entrance == 0.0


def test_noise_levels_of_the_first_layer():
    net = network(["tanh"] * 2, 2, 0, 0.5)
    found = mz.minimal_noise(net, 0, mz.Mean(measure="law"), 0.9, tolerance=0.05)
    assert found.method == "sharp" and found.fails_below is not None
    assert found.upper <= 0.9 < found.lower and found.fails_below >= found.certified / 1.1
