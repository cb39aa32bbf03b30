"""The law of X_0: what may be stated, what is refused, draws, densities and identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import mzsym as mz
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.model.inputs import InputLaw

x, (x0, x1) = mz.state(1), mz.state(2)
t = sp.Symbol("t")
R = sp.Rational
WEDGE = mz.Noise(2 * t, support=(0, 1))


def net(stated: Any, dim: int = 1, box: bool = True) -> mz.Network:
    return mz.Network([mz.dense([[1.0] * dim])], domain=[(-1, 1)] * dim if box else None, input=stated)


LAWS: list[tuple[Any, bool, str, Any]] = [
    ("uniform", True, "uniform", stats.uniform(-1, 2)),
    ("uniform", False, "normal", stats.norm()),
    (mz.Uniform(R(1, 2)), True, "independent", stats.uniform(-0.5, 1)),
    (WEDGE, True, "independent", stats.beta(2, 1)),
    (mz.Laplace(2), False, "independent", stats.laplace(0, 2)),
    (3 * x[0] ** 2 / 2, True, "density", None),
    (sp.Piecewise((R(3, 4), x[0] < 0), (R(1, 4), True)), True, "density", None),
    (sp.exp(-sp.Abs(x[0])) / 2, False, "density", stats.laplace()),
]


@pytest.mark.parametrize(("stated", "box", "kind", "law"), LAWS, ids=lambda e: str(e)[:30])
def test_draws_and_density_agree(stated: Any, box: bool, kind: str, law: Any) -> None:
    network = net(stated, box=box)
    found = network.input_law
    assert found.kind == kind and found.describe()
    draws = network.sample_input(30_000, seed=4)
    assert draws.shape == (30_000, 1) and np.array_equal(draws, network.sample_input(30_000, seed=4))
    if law is not None:
        assert stats.kstest(draws[:, 0], law.cdf).pvalue > 1e-4
    # The density against the share of draws in cells, and as an expression.
    edges = np.linspace(-1, 1, 9)
    counts = np.histogram(draws[:, 0], edges)[0] / len(draws)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    for k in range(8):
        at = 0.5 * (edges[k] + edges[k + 1]) + 0.5 * (edges[k + 1] - edges[k]) * nodes
        mass = 0.5 * (edges[k + 1] - edges[k]) * float(weights @ found.density(at[:, None], network.domain))
        assert abs(counts[k] - mass) < 5 * np.sqrt(0.25 / len(draws))
    expr = found.density_expr(1)
    values = {state_symbol(0, 0): R(3, 10), lower_symbol(0, 0): -1, upper_symbol(0, 0): 1}
    assert float(expr.subs(values)) == pytest.approx(float(found.density(np.array([[0.3]]), network.domain)[0]))


def test_components_may_have_laws_of_their_own() -> None:
    network = net([mz.Uniform(1), WEDGE], 2)
    draws = network.sample_input(20_000, seed=1)
    assert stats.kstest(draws[:, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert stats.kstest(draws[:, 1], stats.beta(2, 1).cdf).pvalue > 1e-4
    assert network.input_law.density(np.array([[0.0, 0.5], [0.0, -0.5]]), network.domain).tolist() == [0.5, 0.0]


def test_joint_densities_are_drawn_from() -> None:
    together = net((1 + x0 * x1) / 4, 2).sample_input(40_000, seed=3)
    # E X0 X1 = 1/9, each alone uniform.
    assert abs((together[:, 0] * together[:, 1]).mean() - 1 / 9) < 0.01
    assert stats.kstest(together[:, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-4
    product = net(R(9, 4) * x0**2 * x1**2, 2).sample_input(20_000, seed=3)
    assert stats.kstest(product[:, 1], lambda v: (v**3 + 1) / 2).pvalue > 1e-4
    normal = net(sp.exp(-(x0**2) / 2 - (x1 - 1) ** 2 / 2) / (2 * sp.pi), 2, box=False).sample_input(20_000, seed=3)
    assert stats.kstest(normal[:, 1], stats.norm(1).cdf).pvalue > 1e-4
    linked = net(sp.exp(-(x0**2) - (x0 + x1) ** 2) / sp.pi, 2, box=False)
    with pytest.raises(mz.MzError, match="no product"):
        linked.sample_input(5)


def test_samples_are_drawn_with_replacement() -> None:
    given = np.array([[0.25], [-0.5], [1.0]])
    network = net(given)
    draws = network.sample_input(3000, seed=0)
    assert set(draws.ravel()) == {0.25, -0.5, 1.0} and abs(np.mean(draws == 0.25) - 1 / 3) < 0.05
    assert network.input_law.density_expr(1) is None
    given[0, 0] = 0.75
    assert 0.75 not in network.sample_input(100, seed=0)
    with pytest.raises(mz.MzError, match="no density"):
        network.input_law.density(given, network.domain)
    with pytest.raises(mz.MzError, match="given by samples"):
        mz.derive(network, mz.Mean(measure="law")).coefficients(0)


REFUSED: list[tuple[Any, int, bool, str]] = [
    ("normal", 1, True, "law of X_0 is 'normal'"),
    (None, 1, True, "no law of X_0"),
    ([], 1, True, "no law of X_0"),
    (np.zeros((3, 2)), 1, True, r"shape \(3, 2\)"),
    (np.array([[0.1], [2.0]]), 1, True, r"Sample 1 has 2\.0 in component 0, which is outside"),
    (np.array([[0.1], [np.nan]]), 1, True, "Sample 1 has nan"),
    (np.array([[0.1], [np.inf]]), 1, False, "not finite"),
    (mz.Uniform(2), 1, True, "reaches from -2 to 2"),
    (mz.Laplace(1), 1, True, "reaches from -inf to inf"),
    (mz.Deterministic(), 1, True, "not random"),
    (mz.Uniform(sp.Symbol("s", positive=True)), 1, True, "symbols without value"),
    ([mz.Uniform(1)], 2, True, "1 laws were given for 2"),
    (x[0] ** 2, 1, True, r"integrates to 0\.6666"),
    ((1 + 3 * x[0]) / 2, 1, True, "negative"),
    (sp.Symbol("q") * x[0], 1, True, "symbol q"),
    (x1 + 1, 1, True, "x1"),
    ((1 + x0 * x1) / 3, 2, True, r"integrates to 1\.3333"),
    ((1 + 2 * x0 * x1) / 4, 2, True, "negative"),
    (R(1, 4) * x0**2, 2, True, "integrates to"),
    (sp.exp(-x0) / 2 * sp.exp(-(x1**2)), 2, False, ""),
]


@pytest.mark.parametrize(("stated", "dim", "box", "message"), REFUSED, ids=lambda e: str(e)[:30])
def test_what_cannot_be_a_law_is_refused(stated: Any, dim: int, box: bool, message: str) -> None:
    if not message:
        # On R^2 one factor has no integral: nothing is proved, so nothing is refused.
        assert net(stated, dim, box).input_law.kind == "density"
        return
    with pytest.raises(mz.MzError, match=message):
        net(stated, dim, box)


def test_the_law_is_part_of_the_network() -> None:
    stated = ["uniform", mz.Uniform(1), WEDGE, 3 * x[0] ** 2 / 2, np.array([[0.5]]), np.array([[0.25]])]
    networks = [net(one) for one in stated]
    assert len({network.digest for network in networks}) == len(networks)
    for one, network in zip(stated, networks, strict=True):
        again = network.with_params({(0, "b"): [0.0]})
        assert again == network and again.input_law.key() == network.input_law.key()
        assert net(network.input) == network
        assert isinstance(network.input_law, InputLaw) and net(network.input_law) == network, one


def test_a_parameter_of_a_law_of_the_input_is_written_into_it() -> None:
    a = sp.Symbol("a", positive=True)
    stated = mz.Noise((a - sp.Abs(t)) / a**2, support=(-a, a), params={a: R(1, 2)})
    network = net(stated)
    assert not network.free_symbols and network.input_law.laws[0].params == {}
    assert network.input_law.density(np.array([[0.0]]), network.domain)[0] == 2.0


@pytest.mark.parametrize("points", [0, -1, 1.5, True, None])
def test_bad_numbers_of_points_are_refused(points: Any) -> None:
    with pytest.raises(mz.MzError, match="number of points"):
        net("uniform").sample_input(points)
