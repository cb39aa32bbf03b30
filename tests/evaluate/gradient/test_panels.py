"""Gradients on panels: against differences in exact arithmetic, refined differences and the spectral gradient."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mzsym as mz
from mzsym.core import MzError
from mzsym.evaluate.gradient.parameters import flattened, parameter_values
from tests.evaluate.piecewise_exact import Chain

x = mz.state(1)[0]
w, c, g, s = sp.symbols("w c g s", real=True)
FINE = Fraction(1, 2**70)
"""Step of differences in exact arithmetic, which lose no digits."""


def compiled(net, projection, tolerance=1e-12):
    return mz.compile(mz.derive(net, projection), engine="panels", options=mz.Options(tolerance=tolerance))


def network(chain, observable=x**2 - x / 3):
    layers = []
    for activation, weight, bias, scale, leak in chain.layers:
        act = activation if leak is None else (activation, float(leak))
        layers.append(mz.dense([[float(weight)]], [float(bias)], activation=act, noise=mz.Uniform(float(scale))))
    if chain.given is not None:
        return mz.Network(layers, domains=[mz.Box([box]) for box in chain.given], observable=observable)
    return mz.Network(layers, domain=mz.Box([chain.first]), observable=observable)


# ---------------------------------------------------------------- exact differences

OBSERVABLE = (Fraction(0), Fraction(-1, 3), Fraction(1))
AT = Fraction(5, 16)


def exact_numbers(chain):
    """The entries that ``numbers`` gives, up to their irrational factors."""
    L = len(chain.layers)
    return [
        chain.correlation(0, L, 1, 2),
        chain.correlation(0, L, 2, 1),
        chain.correlation(L - 1, L, 1, 1),
        chain.mean(0, 1, OBSERVABLE),
        chain.mean(L, 2, OBSERVABLE),
        chain.expectation(AT, OBSERVABLE),
    ]


FACTORS = [math.sqrt(15), math.sqrt(15), 3.0, math.sqrt(3), math.sqrt(5), 1.0]


def numbers(e):
    L = e.network.depth
    return [
        e.correlation(0, L)[1, 2],
        e.correlation(0, L)[2, 1],
        e.correlation(L - 1, L)[1, 1],
        e.coefficients(0)[1],
        e.coefficients(L)[2],
        e.expectation([[float(AT)]])[0],
    ]


KEYS = {1: "W", 2: "b", 3: "scale", 4: "slope"}


def check_exactly(chain, tolerance):
    _, jacobian = compiled(network(chain), mz.Legendre(2)).jacobian(numbers, check=False)
    largest = max(np.abs(value).max() for value in jacobian.values())
    for n, layer in enumerate(chain.layers):
        for place, name in KEYS.items():
            if layer[place] is None:
                continue
            ends = []
            for sign in (1, -1):
                moved = list(layer)
                moved[place] += sign * FINE
                layers = (*chain.layers[:n], tuple(moved), *chain.layers[n + 1 :])
                ends.append(exact_numbers(replace(chain, layers=layers)))
            pairs = zip(*ends, FACTORS, strict=True)
            expected = [float((up - down) / (2 * FINE)) * factor for up, down, factor in pairs]
            got = jacobian[n, name].reshape(len(FACTORS))
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(1, largest), err_msg=f"{n, name}")


F = Fraction
FOUR = (
    ("relu", F(3, 2), F(1, 4), F(1, 4), None),
    ("leaky_relu", F(-5, 4), F(1, 2), F(3, 16), F(1, 8)),
    ("abs", F(9, 8), F(-1, 8), F(1, 4), None),
    ("hardtanh", F(3, 4), F(1, 4), F(1, 2), None),
)


@pytest.mark.parametrize("boxes", ["following", "given"])
def test_a_chain_of_every_kink_against_exact_differences(boxes):
    chain = Chain(FOUR)
    if boxes == "given":
        # Larger and larger boxes, for the layers stretch.
        wide = [(lo - F(2**n - 1, 4), hi + F(2**n - 1, 4)) for n, ((lo, hi), _) in enumerate(chain.steps)]
        chain = replace(chain, given=tuple(wide))
    check_exactly(chain, 1e-10)


LAYERS = st.tuples(
    st.sampled_from(["relu", "leaky_relu", "abs", "hardtanh", "identity", "step"]),
    # Odd multiples of powers of two, which meet nowhere: no kink lies at an end of a domain.
    st.integers(-12, 12).map(lambda k: Fraction(2 * k + 1, 16)),
    st.integers(-8, 7).map(lambda k: Fraction(2 * k + 1, 64)),
    st.integers(1, 8).map(lambda k: Fraction(2 * k + 1, 128)),
    st.integers(1, 6).map(lambda k: Fraction(2 * k + 1, 32)),
).map(lambda row: row if row[0] == "leaky_relu" else (*row[:4], None))


def test_steps_whose_places_move_against_exact_differences():
    step = lambda *numbers: ("step", *map(F, numbers), None)  # noqa: E731
    check_exactly(Chain((step("9/8", "1/8", "3/8"), step("9/8", "-3/16", "13/32"), FOUR[2])), 1e-10)


@settings(max_examples=12)
@given(st.lists(LAYERS, min_size=1, max_size=3))
def test_random_kinked_chains_against_exact_differences(layers):
    check_exactly(Chain(tuple(layers)), 1e-8)


# ---------------------------------------------------------------- differences of refined values


def everything(e):
    """One scalar that every kind of table enters."""
    return (
        (e.memory(0, 2) ** 2).sum()
        + np.sin(3 * e.streaming(0)).sum()
        + e.correlation(0, 2)[1, 1]
        + np.exp(e.coefficients(0)).sum()
        + (e.noise(0) * np.arange(1.0, 1.0 + len(e.noise(0)))).sum()
        + (e.expectation(np.array([[0.3], [-0.6]])) ** 2).sum()
    )


def slope_along(ev, scalar, direction, h):
    """Of values along a direction in all parameters, by differences of sixth order."""
    objective = ev.objective(scalar)
    total = 0.0
    for k, weight in {1: 0.75, 2: -0.15, 3: 1 / 60}.items():
        up, down = (float(scalar(objective.evaluator(objective.x0 + e * k * h * direction))) for e in (1, -1))
        total += weight * (up - down) / h
    return total


def check_along(net, projection, scalar=everything, tolerance=1e-12, h=1e-3, allowed=1e-8):
    ev = compiled(net, projection, tolerance)
    _, gradient = ev.value_and_grad(scalar, check=False)
    assert gradient.keys() == parameter_values(net).keys()
    objective = ev.objective(scalar)
    flat = flattened(gradient, objective.keys)
    direction = np.random.default_rng(4).choice([-1.0, 1.0], size=flat.size)
    direction[[bound == (0.0, 0.0) for bound in objective.bounds]] = 0.0
    expected = slope_along(ev, scalar, direction, h)
    assert abs(flat @ direction - expected) < allowed * np.linalg.norm(flat, 1), (flat @ direction, expected)


def dense(activation, weight, bias, noise, **options):
    return mz.dense([[weight]], [bias], activation=activation, noise=noise, **options)


BOUNDED = [
    dense("relu", 1.2, 0.1, mz.Uniform(0.5)),
    dense("leaky_relu", 0.8, -0.2, mz.TruncatedGaussian(0.2)),
    mz.residual([[-1.1]], [0.35], activation="abs", step=0.4, noise=mz.Uniform(0.15)),
]
BOX = mz.Box([(-1, 1)])


@pytest.mark.parametrize(
    "projection",
    [
        mz.Legendre(2),
        mz.Legendre(2, "lebesgue"),
        mz.Legendre(2, "law"),
        mz.Legendre(1, sp.exp(-x)),
        mz.Basis([1, sp.tanh(x)]),
        mz.Basis([1, sp.tanh(x)], test=[1, x], measure="lebesgue"),
    ],
    ids=["uniform", "lebesgue", "law", "weight", "basis", "oblique"],
)
def test_every_measure_on_boxes_that_follow(projection):
    net = mz.Network(BOUNDED, domain=BOX, observable=sp.Abs(x - 0.3))
    check_along(net, projection, h=2e-5, allowed=1e-7)


MIXED = st.tuples(
    st.sampled_from(["relu", "leaky_relu", "abs", "tanh", "hardtanh", "elu", "sigmoid"]),
    st.integers(-10, 10).map(lambda k: (2 * k + 1) / 16),
    st.integers(-8, 7).map(lambda k: (2 * k + 1) / 64),
    st.sampled_from([mz.Uniform(0.28), mz.TruncatedGaussian(0.17, 2)]),
)


@settings(max_examples=5)
@given(st.lists(MIXED, min_size=1, max_size=6))
def test_random_mixed_chains_against_refined_differences(rows):
    net = mz.Network([dense(*row) for row in rows], domain=BOX, observable=x**2 - x)
    scalar = lambda e: np.exp(e.coefficients(0)).sum() + e.correlation(0, len(rows))[1, 1] + e.noise(0)[0]  # noqa: E731
    check_along(net, mz.Legendre(1), scalar, h=1e-5, allowed=1e-6)


@pytest.mark.parametrize("projection", [mz.Hermite(2), mz.Legendre(2, "law")], ids=["normal", "law"])
def test_unbounded_noise_on_the_line(projection):
    layers = [dense("relu", 0.9, 0.1, mz.Laplace(0.3)), dense("abs", 0.8, -0.2, mz.Gaussian(s))]
    net = mz.Network(layers, observable=sp.tanh(c * x)).with_params({s: 0.4, c: 0.7})
    check_along(net, projection, tolerance=1e-11)


BOXES = [BOX, mz.Box([(-2, 2)]), mz.Box([(-3, 3)])]
LAST = dense("tanh", 0.9, 0.2, mz.Uniform(s))
RANDOM = {
    "gain": mz.Layer([sp.tanh(w * x) + c], [x], gain=g * x, noise=mz.Uniform(0.2), params={w: 0.8, g: 0.3}),
    "a kink in the gain": mz.Layer(
        [sp.tanh(w * x) + c], [x], gain=1 + sp.Abs(g + x), noise=mz.Uniform(0.2), params={w: 0.8, g: 0.3}
    ),
    "random weight": mz.Layer(
        [w * sp.tanh(x) + g], [x], noise=mz.Uniform(0.3), params={w: mz.Uniform(0.2), g: mz.Uniform(s / 2)}
    ),
    "random weight before a kink": dense("abs", 0.9, 0.2, mz.Uniform(s), weight_noise=mz.Uniform(0.25)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_gains_and_random_weights(name):
    net = mz.Network([RANDOM[name], LAST], domains=BOXES, observable=c * x).with_params({c: 0.2, s: 0.35})
    check_along(net, mz.Legendre(1), tolerance=1e-10, h=2e-3, allowed=1e-7)


RANDOM_STEP = dense("step", 0.9, 0.2, mz.Gaussian(0.3), weight_noise=mz.Gaussian(0.25))
JUMPING_GAIN = mz.Layer(
    [sp.tanh(w * x)], [x], gain=1 + g * sp.Heaviside(x - c), noise=mz.Laplace(0.3), params={w: 0.7, g: 0.4, c: 0.3}
)
JUMPING = {
    "measure": ([BOUNDED[0], dense("step", 1.1, -0.2, mz.TruncatedGaussian(0.3))], mz.Legendre(2, "lebesgue"), BOX, x),
    "law": ([BOUNDED[0], dense("step", 1.1, -0.2, mz.Uniform(0.4))], mz.Legendre(1, "law"), BOX, sp.sign(x - s)),
    "basis": ([BOUNDED[0], BOUNDED[1]], mz.Basis([1, sp.Heaviside(x - 0.2)]), BOX, x * sp.sign(x - s)),
    "no noise": (
        [dense("tanh", 0.9, 0.1, None), dense("tanh", 1.2, 0.2, None), dense("step", 1.1, -0.2, mz.Uniform(0.4))],
        mz.Legendre(1),
        BOX,
        x**2,
    ),
    "line": ([dense("step", 1.1, -0.2, mz.Laplace(0.4)), RANDOM_STEP], mz.Hermite(1), None, sp.sign(x - s)),
    "law of random weights": ([RANDOM_STEP, JUMPING_GAIN], mz.Legendre(1, "law"), None, sp.sign(x - s)),
    "gain": ([dense("step", 1.1, 0.2, mz.Gaussian(0.4)), JUMPING_GAIN], mz.Hermite(1), None, sp.sign(x - s)),
}


@pytest.mark.parametrize("name", JUMPING)
def test_functions_that_jump(name):
    layers, projection, box, observable = JUMPING[name]
    net = mz.Network(layers, domain=box, observable=observable)
    net = net.with_params({s: 0.3}) if net.free_symbols else net
    check_along(net, projection, tolerance=1e-11, h=2e-4, allowed=1e-7)


FOLLOWING = {
    "gain": (RANDOM["gain"], LAST),
    "a kink in the gain": (RANDOM["a kink in the gain"], LAST),
    "random weight before a kink": (LAST, RANDOM["random weight before a kink"]),
    "random weight": (
        mz.Layer([sp.tanh(w * x) + g], [x], noise=mz.Uniform(0.3), params={w: mz.TruncatedGaussian(s), g: 0.3}),
        LAST,
    ),
    "kink above": (mz.residual([[1.3]], [0.1], activation="abs", step=-2.0, noise=mz.Uniform(0.3)), LAST),
    "kink below": (mz.residual([[1.3]], [0.1], activation="relu", step=-2.0, noise=mz.Uniform(0.3)), LAST),
    "between": (mz.residual([[1.3]], [0.1], activation="hardtanh", step=-3.0, noise=mz.Uniform(0.3)), LAST),
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_domains_that_follow(name):
    net = mz.Network(FOLLOWING[name], domain=BOX, observable=c * x).with_params({c: 0.2, s: 0.35})
    scalar = lambda e: (e.streaming(1) ** 2).sum() + np.exp(e.coefficients(0)).sum() + e.memory(0, 2)[1, 1]  # noqa: E731
    check_along(net, mz.Legendre(1), scalar, tolerance=1e-9, h=1e-3, allowed=1e-6)


def test_normal_weights_that_one_symbol_a_row_carries():
    layer = dense("relu", 0.9, 0.2, mz.Gaussian(0.3), weight_noise=mz.Gaussian(0.2))
    net = mz.Network([layer], observable=sp.tanh(x))
    check_along(net, mz.Hermite(1), lambda e: (e.streaming(0) ** 2).sum() + e.coefficients(0)[1], 1e-9, 1e-2, 1e-7)


PLANE = mz.state(2)
a, b = sp.symbols("a b", real=True)
MAPS = [sp.tanh(a * PLANE[0] + PLANE[1]), sp.sin(b * PLANE[1])]
IN_PLANE = {
    "gain": {"gain": [1 + a * PLANE[0] / 3, b], "params": {a: 0.5, b: 0.7}},
    "mixed": {"gain": sp.Matrix([[1 + a * PLANE[0] / 3], [b * PLANE[1]]]), "params": {a: 0.5, b: 0.7}},
    "shared weight": {"exprs": [MAPS[0], MAPS[1] + a], "params": {a: mz.Uniform(0.3), b: 0.7}},
}


@pytest.mark.parametrize("name", IN_PLANE)
def test_two_dimensions(name):
    options = dict(IN_PLANE[name])
    layer = mz.Layer(
        options.pop("exprs", MAPS), PLANE, noise=[mz.Uniform(0.3)] if name == "mixed" else mz.Uniform(0.3), **options
    )
    square, large = mz.Box([(-1, 1)] * 2), mz.Box([(-3, 3)] * 2)
    net = mz.Network([layer], domains=[square, large], observable=PLANE[0] * PLANE[1])
    scalar = lambda e: np.sin(e.streaming(0)).sum() + (e.expectation([[0.3, 0.1]]) ** 2).sum()  # noqa: E731
    check_along(net, mz.Legendre(1), scalar, 1e-7, h=1e-2)


# ---------------------------------------------------------------- the spectral gradient


def smooth(dim, depth):
    rng = np.random.default_rng(dim)
    layers = []
    for n in range(depth):
        matrix, bias = rng.normal(size=(dim, dim)) * 0.4 + 0.5 * np.eye(dim), 0.2 * rng.normal(size=dim)
        noise = mz.Uniform(0.4) if n % 2 else [mz.TruncatedGaussian(0.2 + 0.1 * i) for i in range(dim)]
        layers.append(mz.dense(matrix, bias, activation="tanh" if n % 2 else "sigmoid", noise=noise))
    return layers


@pytest.mark.parametrize("measure", ["uniform", "lebesgue"])
@pytest.mark.parametrize("dim", [1, 2])
def test_the_two_schemes_have_one_gradient(dim, measure):
    net = mz.Network(smooth(dim, 2), domain=mz.Box([(-1, 0.8)] * dim), observable=sum(mz.state(dim)) ** 2)
    scalar = lambda e: (  # noqa: E731
        (e.memory(0, 2) ** 2).sum()
        + np.exp(e.coefficients(0)).sum()
        + e.noise(0)[1]
        + e.streaming(1).sum()
        + e.expectation([[0.3] * dim])[0]
    )
    equation, options = mz.derive(net, mz.Legendre(1, measure)), mz.Options(tolerance=1e-10)
    both = [mz.compile(equation, engine=engine, options=options) for engine in ("spectral", "panels")]
    (_, spectral), (_, panels) = [ev.value_and_grad(scalar, check=False) for ev in both]
    for key, value in spectral.items():
        np.testing.assert_allclose(panels[key], value, rtol=0, atol=1e-9, err_msg=str(key))


def test_forward_terms_on_panels():
    net = mz.Network(BOUNDED, domain=BOX, observable=x**2)
    scalar = lambda e: (e.memory(2, 0) ** 2).sum() + e.streaming(1)[1, 1] + e.mean()  # noqa: E731
    ev = mz.compile(mz.derive(net, mz.Legendre(1), direction="forward"))
    back = compiled(net, mz.Legendre(1))
    turned = lambda e: (e.memory(0, 3) ** 2).sum() + e.streaming(1)[1, 1] + e.mean()  # noqa: E731
    (value, gradient), (expected, wanted) = ev.value_and_grad(scalar), back.value_and_grad(turned)
    assert value == pytest.approx(expected, rel=1e-9)
    for key, one in wanted.items():
        np.testing.assert_allclose(gradient[key], one, atol=1e-9)
    assert gradient.reached < 1e-9


# ---------------------------------------------------------------- where there is no derivative


def one_sided(net, projection, scalar, key):
    """Slopes to the left and to the right in one bias, and what the gradient says."""
    ev = compiled(net, projection)
    objective = ev.objective(scalar, [key])
    start, h = objective.x0[0], 1e-4
    at = lambda k: float(scalar(objective.evaluator([start + k * h])))  # noqa: E731
    left, right = ((-3 * at(0) + 4 * at(sign) - at(2 * sign)) / (2 * sign * h) for sign in (-1, 1))
    return left, right, float(objective(objective.x0)[1][0])


def test_a_kink_at_an_end_of_the_domain_gives_the_mean_of_both_sides():
    """relu(x + 1) on [-1, 1]: its least value, 0, is taken where it has its kink."""
    net = mz.Network([dense("relu", 1.0, 1.0, mz.Uniform(0.3)), LAST], domain=BOX, observable=x**2)
    left, right, found = one_sided(net.with_params({s: 0.35}), mz.Legendre(2), everything, (0, "b"))
    assert abs(left - right) > 1e-2
    assert found == pytest.approx((left + right) / 2, abs=1e-5)


def test_states_that_all_lie_at_a_kink_give_the_side_inside_the_domain():
    """Half of the domain is mapped to 0 without noise, where the next relu has its kink."""
    layers = [dense("relu", 1.0, 0.0, None), dense("relu", 1.0, 0.0, mz.Uniform(0.3))]
    boxes = [BOX, mz.Box([(0, 1)]), mz.Box([(-0.5, 1.5)])]
    net = mz.Network(layers, domains=boxes, observable=x)
    left, right, found = one_sided(net, mz.Legendre(1), lambda e: e.coefficients(0)[0], (1, "b"))
    assert left == pytest.approx(0.5, abs=1e-8) and right == pytest.approx(1.0, abs=1e-8)
    assert found == pytest.approx(right, abs=1e-10)


# ---------------------------------------------------------------- use, and what is refused


def test_a_kinked_network_is_trained_by_scipy():
    import scipy.optimize

    net = mz.Network(BOUNDED[:2], domain=BOX, observable=x)
    ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    objective = ev.objective(lambda e: (e.memory(0, 2) ** 2).sum() + (e.mean() - 0.2) ** 2)
    found = scipy.optimize.minimize(objective, objective.x0, jac=True, bounds=objective.bounds, options={"maxiter": 8})
    assert found.fun < 0.1 * objective(objective.x0)[0]


def test_scales_of_random_weights_stay_positive():
    layers = [RANDOM["random weight"], dense("relu", 0.9, 0.2, mz.Uniform(0.4), weight_noise=mz.Uniform(0.25))]
    net = mz.Network(layers, domains=BOXES, observable=x).with_params({s: 0.35})
    objective = compiled(net, mz.Legendre(1)).objective(lambda e: e.streaming(0)[1, 1])
    bounds = dict(zip(objective.keys, objective.bounds, strict=True))
    positive = {key for key, (low, _) in bounds.items() if low is not None}
    assert positive == {(0, w), (0, "scale"), (1, "weight_scale"), (1, "scale")}
    assert objective.mapping(objective.x0)[1, "weight_scale"] == 0.25 and objective.mapping(objective.x0)[0, w] == 0.2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": mz.Noise(6 * c * (1 - c) + w, support=(0, 1), params={w: 0})}, "shape parameters w"),
        ({"projection": mz.Conditional([0])}, "finite rank"),
        ({"projection": mz.Kernel(1 + 3 * w * g, w, g)}, "coordinates of the domains"),
    ],
)
def test_what_has_no_derivative_is_named(change, words):
    layer = change.get("layer", dense("relu", 1.2, 0.1, change.get("noise", mz.Uniform(0.5))))
    net = mz.Network([layer], domain=BOX, observable=change.get("observable", x))
    ev = mz.compile(mz.derive(net, change.get("projection", mz.Legendre(1))))
    with pytest.raises(MzError, match=words):
        ev.value_and_grad(lambda e: e.streaming(0)[1, 1])
