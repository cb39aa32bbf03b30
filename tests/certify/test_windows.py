"""Several steps at once: never below what two states show, and below 1 where every single step is 1.

Seen to fail when (each tried once): only neighbouring cells are compared; P(cell) is taken at one end of the image; the
cells do not reach the ends of an unbounded state; the matrix of the first step is left out; the coupling forgets the
slopes; the best composition forgets the windows that end early; a component without noise keeps a density; a window
reaches across a gain.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.certify.sufficient.contractions import contractions_of
from mzsym.certify.sufficient.dobrushin import coupled, shape_of
from mzsym.certify.sufficient.minorisation import Steps, minorised
from mzsym.certify.sufficient.windows import Window, composed, kept

REFERENCE = Path(__file__).parents[1] / "reference"
_SPEC = importlib.util.spec_from_file_location("soundness", Path(__file__).parents[1] / "soundness.py")
soundness = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(soundness)

INTERVAL = mz.Box([(-1, 1)])


def tanh8(noise=mz.Uniform):
    data = json.loads((REFERENCE / "tanh8.json").read_text())
    return mz.Network(
        [mz.dense(row["W"], row["b"], activation="tanh", noise=noise(row["noise"][1])) for row in data["layers"]],
        domain=INTERVAL,
    )


@pytest.mark.parametrize("noise", [mz.Uniform, mz.Gaussian, lambda s: mz.TruncatedGaussian(s / 2)], ids=["u", "g", "t"])
def test_tanh8_contracts_in_two_steps_where_one_step_does_not(noise):
    net = tanh8(noise)
    shape = shape_of(net)
    steps = Steps(net, shape, 192)
    for n in (0, 1, 4):
        bounds = dict(minorised(steps, n, n + 3))
        below = soundness.two_steps_below(net.layers[n], net.layers[n + 1], *_ends(shape, n))
        assert below <= bounds[n + 2] < 1.0 and bounds[n + 3] < bounds[n + 2]
        # Sharp to what the cells cost.
        assert bounds[n + 2] < below + 0.05


def _ends(shape, n):
    lo, hi = shape.states[n][0].floats
    return (lo, hi) if math.isfinite(lo) else (-2.4, 2.4)


def test_every_alpha_of_tanh8_is_one_and_all_steps_together_are_not():
    found = contractions_of(tanh8(), True, False)
    assert all(alpha == 1.0 for alpha, _ in found.dobrushin)
    ones = [alpha for alpha, _ in found.dobrushin]
    assert composed(ones, found.dobrushin_windows, 0, 2) < 0.995
    assert composed(ones, found.dobrushin_windows, 0, 8) < 0.5


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_no_window_is_below_two_states(seed):
    _, faults, _ = soundness.check_chain(np.random.default_rng(seed))
    assert not faults


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_no_window_is_below_two_states_in_the_plane(seed):
    # Monte Carlo: P(A | x) - P(A | x') for the best half plane A of one half of the draws, seen by the other half.
    rng = np.random.default_rng(seed)
    noise = [mz.Uniform(float(rng.uniform(0.3, 1))), mz.Gaussian(float(rng.uniform(0.1, 0.5)))]
    layers = [mz.dense(rng.normal(size=(2, 2)), rng.normal(size=2), activation="tanh", noise=noise) for _ in range(2)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 2))
    found = contractions_of(net, True, False)
    bound = composed([alpha for alpha, _ in found.dobrushin], found.dobrushin_windows, 0, 2)
    draws = 20000
    for x in itertools.combinations(itertools.product((-1.0, 1.0), repeat=2), 2):
        Y, Z = (net.trajectory(np.tile(point, (draws, 1)), rng)[-1] for point in x)
        direction = Y.mean(axis=0) - Z.mean(axis=0)
        half = draws // 2
        cuts = np.quantile(np.concatenate([Y[:half] @ direction, Z[:half] @ direction]), np.linspace(0.05, 0.95, 19))
        gaps = [(Y[:half] @ direction > cut).mean() - (Z[:half] @ direction > cut).mean() for cut in cuts]
        cut = cuts[int(np.argmax(gaps))]
        gap = (Y[half:] @ direction > cut).mean() - (Z[half:] @ direction > cut).mean()
        assert gap - 4 / math.sqrt(half) <= bound


def test_lower_bounds_of_transition_probabilities():
    net = tanh8(mz.Gaussian)
    steps = Steps(net, shape_of(net), 40)
    masses, edges = steps.masses(1), steps.partition(2).edges[0]
    assert edges[0] == -np.inf and edges[-1] == np.inf
    starts = steps.partition(1).edges[0]
    rng = np.random.default_rng(0)
    for i in range(len(starts) - 1):
        a, b = np.clip(starts[i : i + 2], -50, 50)
        F = net.layers[1].forward(rng.uniform(a, b, size=(64, 1)))[:, 0]
        law = soundness.frozen(net.layers[1].noise[0])
        true = np.diff(law.cdf(edges[None, :] - F[:, None]), axis=1)
        assert np.all(masses[i] <= true.min(axis=0) + 1e-12)
    # Little is lost: what is not covered is what the width of the cells costs.
    assert masses.sum(axis=1).min() > 0.5 and np.all(masses.sum(axis=1) <= 1.0)


def test_states_of_many_components_couple():
    # A contraction of 24 components: the distance of two states halves with every step.
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.normal(size=(24, 24)))[0]
    layers = [mz.dense(0.5 * Q, activation="tanh", noise=mz.Gaussian(0.3))] * 6
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 24))
    shape = shape_of(net)
    bounds = dict(coupled(net, shape, 0, 6))
    found = contractions_of(net, True, True)
    assert bounds[6] < 0.5 and found.dobrushin[0][0] > 0.99
    # Exactly: the means are at most diam * 0.5**6 apart.
    distance = 2 * math.sqrt(24) * 0.5**6
    assert bounds[6] <= math.erf(distance / (2 * math.sqrt(2) * 0.3)) * (1 + 1e-9)


def test_narrow_states_behind_a_wide_one():
    # The image in one dimension is cut into cells, not the box of twelve sides.
    rng = np.random.default_rng(1)
    layers = [
        mz.dense(rng.normal(size=(m, n)), activation="tanh", noise=mz.Uniform(0.8))
        for n, m in itertools.pairwise((12, 1, 1))
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)] * 12))
    found = contractions_of(net, True, False)
    assert found.dobrushin[0][0] == 1.0
    (window,) = found.dobrushin_windows
    assert (window.n, window.m, window.method) == (0, 2, "minorisation") and window.bound < 0.95
    ends = shape_of(net).images[0][0].floats
    # The same as from the ends of the image in one dimension.
    line = mz.dense([[1.0]], noise=mz.Uniform(0.8))
    assert soundness.two_steps_below(line, layers[1], *ends) <= window.bound


def test_expression_layers_and_components_without_noise():
    x = mz.state(2)
    layer = mz.Layer([sp.tanh(x[0] + x[1]), sp.cos(x[0] * x[1])], state=x, noise=[mz.Uniform(0.7), mz.Deterministic()])
    net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)] * 2))
    shape = shape_of(net)
    steps = Steps(net, shape, 100)
    assert not steps.densities(1).any() and steps.masses(1).any()
    assert all(bound == 1.0 for _, bound in minorised(steps, 0, 3))


def test_layers_with_a_gain_cut_the_windows():
    x = mz.state(1)
    plain = mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.6))
    gain = mz.Layer([sp.tanh(x[0])], state=x, gain=[1 + x[0] ** 2 / 8], noise=mz.Uniform(1))
    found = contractions_of(mz.Network([plain, plain, gain, plain, plain], domain=INTERVAL), True, True)
    assert {(w.n, w.m) for w in found.dobrushin_windows} == {(0, 2), (3, 5)}


def test_products_of_slopes():
    # Two rotations by 45 degrees about a shear: the product of the norms is larger than the norm of the product.
    shear = np.array([[1.0, 1.0], [0.0, 1.0]])
    layers = [mz.dense(W, noise=mz.Uniform(1)) for W in (shear, np.linalg.inv(shear), shear)]
    found = contractions_of(mz.Network(layers, domain=mz.Box([(-1, 1)] * 2)), False, True)
    ones = [bound for bound, _ in found.lipschitz]
    assert composed(ones, found.lipschitz_windows, 0, 2) == pytest.approx(1, rel=1e-9)
    assert composed(ones, found.lipschitz_windows, 0, 3) == pytest.approx(np.linalg.norm(shear, 2), rel=1e-9)
    assert composed(ones, (), 0, 3) == pytest.approx(np.linalg.norm(shear, 2) ** 3, rel=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_best_composition_is_the_best_over_all_cuts(seed, depth):
    rng = np.random.default_rng(seed)
    ones = list(rng.uniform(0.2, 1.5, size=depth))
    windows = [
        Window(n, m, float(rng.uniform(0.1, 1.2)), "test")
        for n in range(depth)
        for m in range(n + 2, depth + 1)
        if rng.random() < 0.5
    ]
    best = math.inf
    for cuts in itertools.product((0, 1), repeat=depth - 1):
        places = [0, *(k + 1 for k, cut in enumerate(cuts) if cut), depth]
        parts = []
        for a, b in itertools.pairwise(places):
            known = [w.bound for w in windows if (w.n, w.m) == (a, b)] + ([ones[a]] if b == a + 1 else [])
            parts.append(min(known, default=math.inf))
        best = min(best, math.prod(parts))
    assert best <= composed(ones, windows, 0, depth) <= best * (1 + 1e-14)
    assert composed(ones, kept(ones, windows), 0, depth) <= best * (1 + 1e-8)
