"""Noise by its density: refused only where it is proved wrong, drawn right, local parameters, exact boxes."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import mzsym as mz
from mzsym.model.density import break_points
from mzsym.model.inverse import inverse_table

t = sp.Symbol("t")
a = sp.Symbol("a", positive=True)
R = sp.Rational
x = mz.state(1)

SKEW = mz.Noise(6 * t * (1 - t), support=(0, 1))
TENT = mz.Noise((a - sp.Abs(t)) / a**2, support=(-a, a), params={a: R(1, 2)})
JUMP = mz.Noise(sp.Piecewise((R(3, 4), t < 0), (R(1, 4), True)), support=(-1, 1))

ACCEPTED: list[tuple[Any, Any, Any]] = [
    (6 * t * (1 - t), (0, 1), stats.beta(2, 2)),
    (R(1, 3), (-1, 2), stats.uniform(-1, 3)),
    (2 * sp.exp(-2 * t), (0, math.inf), stats.expon(scale=0.5)),
    (sp.exp(-((t - 1) ** 2) / 2) / sp.sqrt(2 * sp.pi), (-sp.oo, sp.oo), stats.norm(1)),
    (1 / (sp.pi * (1 + t**2)), (-sp.oo, sp.oo), stats.cauchy()),
    (sp.exp(-t) / (1 + sp.exp(-t)) ** 2, (-math.inf, math.inf), stats.logistic()),
    (sp.Max(0, 1 - sp.Abs(t)), (-3, 3), stats.triang(0.5, -1, 2)),
    (1 / (2 * sp.sqrt(t)), (0, 1), stats.beta(0.5, 1)),
    (2 * sp.sqrt(1 - t**2) / sp.pi, (-1, 1), stats.semicircular()),
    (sp.exp(-(sp.log(t) ** 2) / 2) / (t * sp.sqrt(2 * sp.pi)), (0, sp.oo), stats.lognorm(1)),
]


@pytest.mark.parametrize(("density", "support", "law"), ACCEPTED, ids=lambda e: str(e)[:30])
def test_draws_follow_the_density(density: Any, support: Any, law: Any) -> None:
    noise = mz.Noise(density, support=support)
    draws = noise.sample(np.random.default_rng(5), 40_000, 0.0)
    lo, hi = noise.support(0.0)
    assert draws.min() >= lo and draws.max() <= hi
    assert stats.kstest(draws, law.cdf).pvalue > 1e-4
    # The table itself, far below what draws can see.
    u = np.random.default_rng(6).random(2000)
    assert np.abs(law.cdf(noise._table.quantile(u)) - u).max() < 1e-11
    assert np.abs(noise._table.distribution(law.ppf(u)) - u).max() < 1e-11


def test_a_table_knows_gaps_and_refuses_lost_mass() -> None:
    table = inverse_table(lambda v: np.where((v < 1) | (v > 2), 0.5, 0.0), 0.0, 3.0, [1.0, 2.0], "here")
    u = np.linspace(0, 1, 101)
    drawn = table.quantile(u)
    assert not ((drawn > 1) & (drawn < 2)).any()
    assert np.abs(table.distribution(drawn) - u).max() < 1e-14
    with pytest.raises(mz.MzError, match=r"integrates to 0\.5"):
        inverse_table(lambda v: 0.5 * np.ones_like(v), 0.0, 1.0, [], "here")


REFUSED: list[tuple[Any, Any, str]] = [
    (t, (0, 1), r"integrates to 0\.5"),
    (5, (0, 0.2), r"integrates to 1 \+ 5\.55e-17"),
    (sp.exp(-(t**2) / 2) * 0.3989422804014327, (-sp.oo, sp.oo), r"integrates to 1 \+ "),
    ((1 + 2 * t) / 2, (-1, 1), "negative"),
    ((5 * t**2 - R(1, 100)) / 2, (-1, 1), r"-0\.005 at 0\.0"),
    (sp.Piecewise((R(1, 2), t < R(9, 10)), (-R(1, 5), True)), (-1, 1), "negative"),
    (t * sp.Symbol("b") * sp.Symbol("c"), (0, 1), "one of them can be the noise"),
    (R(1, 2), (1, -1), "support is"),
    (R(1, 2), (0, 0), "support is"),
    (R(1, 2), 3, "support is"),
    (R(1, 2), (0, sp.Symbol("q")), "has the symbol q"),
    (sp.gamma(t), (1, 2), "gamma"),
    (sp.I * t, (0, 1), "not finite and real"),
    ("t", (0, 1), "not a real number"),
    (sp.Symbol("x[0,0]", real=True), (0, 1), "belongs to mzsym"),
    (float("nan"), (0, 1), "nan"),
]


@pytest.mark.parametrize(("density", "support", "message"), REFUSED, ids=lambda e: str(e)[:30])
def test_what_is_proved_wrong_is_refused(density: Any, support: Any, message: str) -> None:
    with pytest.raises(mz.MzError, match=message):
        mz.Noise(density, support=support)


def test_what_is_not_decided_is_accepted() -> None:
    rate = sp.Symbol("r", real=True)
    assert mz.Noise(rate * sp.exp(-rate * t), support=(0, sp.oo), params={rate: None}).params == {rate: None}
    # Neither tail nor singularity is proved here, and both are fine.
    mz.Noise(2 * sp.exp(-t) / (sp.pi * sp.sqrt(1 - sp.exp(-2 * t))), support=(0, sp.oo))


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        (sp.Max(0, 1 - sp.Abs(t)), (-1, 0, 1)),
        (sp.Piecewise((t, t**2 < R(1, 4)), (0, True)), (-R(1, 2), R(1, 2))),
        (sp.Abs(3 * t - 1) + sp.Heaviside(t), (0, R(1, 3))),
        (sp.exp(-(t**2)), ()),
    ],
    ids=str,
)
def test_breaks_are_found(density: Any, expected: Any) -> None:
    real = sp.Symbol("t", real=True)
    assert set(break_points(density.xreplace({t: real}), real)) == set(map(sp.sympify, expected))


def test_breaks_are_sorted_and_inside_once_the_parameters_have_values() -> None:
    b = sp.Symbol("b", real=True)
    density = R(1, 2) + (sp.Abs(t - b) - sp.Abs(t + b) + sp.Abs(t - 5) - 5 + t) / 10
    noise = mz.Noise(density, support=(-1, 1), params={b: R(1, 3)})
    assert noise.law(sp.S.Zero).breaks == (-b, b)
    assert noise.with_params({b: -R(1, 3)}).law(sp.S.Zero).breaks == (b, -b)


def test_values_are_exact_equal_and_frozen() -> None:
    same = mz.Noise(6 * sp.Symbol("u") * (1 - sp.Symbol("u")), support=(0, 1))
    assert same == SKEW and hash(same) == hash(SKEW) and same.key() == SKEW.key()
    assert TENT.params == {a: Fraction(1, 2)} and TENT.with_params({a: 1}) != TENT
    assert pickle.loads(pickle.dumps(TENT)) == TENT
    with pytest.raises(AttributeError):
        TENT.density = 1
    with pytest.raises(mz.MzError, match="no scale"):
        TENT.with_scale(2)
    assert "Noise" in repr(TENT) and "xi[]" not in repr(TENT)


def test_norms_are_enclosed() -> None:
    for noise, exact in ((SKEW, R(6, 5)), (TENT, R(4, 3)), (JUMP, R(5, 8))):
        ball = noise.norm_squared()
        assert abs(float(ball.mid()) - float(exact)) < 1e-15 and ball.rad() < 1e-12
    assert not mz.Noise(1 / (2 * sp.sqrt(t)), support=(0, 1)).norm_squared().is_finite()


# --- in networks ----------------------------------------------------------------------------------------------------


def test_boxes_follow_a_support_that_is_not_symmetric() -> None:
    net = mz.Network([mz.dense([[1.0]], noise=SKEW), mz.Layer([x[0]], state=x, noise=TENT)], domain=[(-1, 1)])
    assert [float(end) for end in net.domains[1].intervals[0]] == [-1.0, 2.0]
    assert [float(end) for end in net.domains[2].intervals[0]] == [-1.5, 2.5]
    wider = net.with_params({(1, a): 1})
    assert [float(end) for end in wider.domains[2].intervals[0]] == [-2.0, 3.0]
    with pytest.raises(mz.MzError, match="excess"):
        mz.Network([mz.dense([[1.0]], noise=SKEW)], domains=[[(-1, 1)], [(-2, 1.5)]])


def test_parameters_are_local_to_the_layer() -> None:
    net = mz.Network([mz.dense([[1.0]], noise=TENT), mz.Layer([x[0]], state=x, noise=TENT)], domain=[(-1, 1)])
    a0, a1 = net.param(0, a), net.param(1, "a")
    assert (a0.name, a1.name) == ("a_0", "a_1") and net.bindings()[a1] == Fraction(1, 2)
    assert net.laws(1)[0].support == (-a1, a1)
    other = net.with_params({(1, a): 0.25})
    assert other.bindings()[a0] == Fraction(1, 2) and other.bindings()[a1] == 0.25 and other.digest != net.digest
    open_net = net.with_params({(0, a): None})
    assert open_net.free_symbols == {a0}
    with pytest.raises(mz.MzError, match="a value for a"):
        open_net.sample([[0.0]])
    with pytest.raises(mz.MzError, match="a_0"):
        _ = open_net.domains
    for key in ("q", sp.Symbol("q")):
        with pytest.raises(mz.MzError, match="has no parameter"):
            net.with_params({(1, key): 1})
    with pytest.raises(mz.MzError, match="no scale"):
        net.with_params({(0, "scale"): 1})


def test_names_that_mean_two_things_are_refused() -> None:
    with pytest.raises(mz.MzError, match="two things"):
        mz.Layer([a * x[0]], state=x, noise=TENT, params={a: 1})
    with pytest.raises(mz.MzError, match="different values"):
        mz.dense([[1.0], [1.0]], noise=[TENT, TENT.with_params({a: 1})])
    assert mz.dense([[1.0], [1.0]], noise=[TENT, TENT]).noise_params == {a: Fraction(1, 2)}
    with pytest.raises(mz.MzError, match="parameters of its own"):
        mz.Layer([a * x[0]], state=x, params={a: TENT})


def test_mixed_laws_serve_one_layer() -> None:
    layer = mz.dense([[1.0]] * 4, noise=[mz.Uniform(0.25), mz.Laplace(0.5), SKEW, TENT])
    net = mz.Network([layer], domain=[(-1, 1)])
    draws = net.sample(np.zeros((100_000, 1)), seed=2)
    for i, law in enumerate(
        (stats.uniform(-0.25, 0.5), stats.laplace(0, 0.5), stats.beta(2, 2), stats.triang(0.5, -0.5))
    ):
        assert stats.kstest(draws[:20_000, i], law.cdf).pvalue > 1e-4
    # Independent components.
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.02
    assert not net.has_domains
    with pytest.raises(mz.MzError, match="Laplace noise is unbounded"):
        mz.derive(net, mz.Legendre(1))
    bounded = mz.dense([[1.0]] * 3, noise=[mz.Uniform(0.25), SKEW, TENT])
    assert [tuple(map(float, side)) for side in mz.Network([bounded], domain=[(-1, 1)]).domains[1].intervals] == [
        (-1.25, 1.25),
        (-1.0, 2.0),
        (-1.5, 1.5),
    ]


def test_certificates_use_the_norm_or_say_why_not() -> None:
    def layer(noise: Any, method: Any = "hilbert_schmidt") -> Any:
        net = mz.Network([mz.dense([[1.0]], activation="tanh", noise=noise)], domain=[(-1, 1)])
        return mz.certify(net, mz.Mean(), method=method).layers[0]

    found = layer(SKEW)
    assert layer(SKEW, "auto").upper <= found.upper
    width = 2 * math.tanh(1) + 1
    assert found.upper == pytest.approx(math.sqrt(1.2 * width - 1), rel=1e-12) and found.upper**2 >= 1.2 * width - 1
    assert found.estimate is None and "Noise" in found.noise
    singular = layer(mz.Noise(1 / (2 * sp.sqrt(t)), support=(0, 1)))
    assert singular.upper == math.inf and "square integrable" in singular.reason
