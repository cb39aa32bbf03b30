"""The discs and ellipses that bound integrands off the real line, point by point against mpmath; MATH (24f), (24g).

Bounds of norms hide a disc that is accepted too generously: they are wide. So the predicates themselves are held to
what they say on the boundaries of what they are about. Seen to fail when (each tried once): the slopes on the disc may
differ by more than half (0.499 raised to 0.9 and to 5, or not asked for); they are looked at on a disc half as large,
or of half the reach; the radius of the disc is not divided by 1 - q; what the values move is left out of it; the sums
of distances are taken without the corners' factor or on the real axis alone; the growth has one power less; the error
of Gauss's rule is taken for that of one node more.
"""

from __future__ import annotations

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from mzsym.balls import precision
from mzsym.balls.crossings import _disc
from mzsym.balls.curves import curve_of
from mzsym.balls.ellipses import CLOSE, NODES, RHO, ellipse, gauss_balls, growth, sum_of_distances

T = sp.Symbol("t", real=True)

POINTS = 48
"""On a boundary."""


def boundary(centre, a, b):
    """Points of an ellipse."""
    return [mp.mpc(centre + a * mp.cos(v), b * mp.sin(v)) for v in (2 * mp.pi * k / POINTS for k in range(POINTS))]


def legendre(u, top):
    """P_0..P_top at a complex point."""
    values = [mp.mpc(1), mp.mpc(u)]
    for n in range(1, top):
        values.append(((2 * n + 1) * u * values[n] - n * values[n - 1]) / (n + 1))
    return values


@pytest.mark.parametrize("centre, a, b", [(0.0, 5 / 3, 4 / 3), (0.9, 0.2, 0.15), (-0.3, 0.01, 0.01), (1.4, 0.5, 0.5)])
def test_distances_and_growth_hold_on_the_boundary(centre, a, b):
    top = 12
    with precision():
        bound = sum_of_distances(flint.arb(centre), flint.arb(a), flint.arb(b))
        size = float(growth(bound, top))
    edge = boundary(centre, a, b)
    truth = max((abs(u - 1) + abs(u + 1)) / 2 for u in edge)
    assert truth <= float(bound) <= 1.02 * truth + 1e-9
    largest = mp.mpf(0)
    for u in edge:
        values = legendre(u, top)
        squares = [abs(values[i + 1] - values[i - 1]) ** 2 / (2 * (2 * i + 1)) for i in range(1, top)]
        largest = max(largest, mp.sqrt(mp.fsum(squares)))
    assert largest <= size


@pytest.mark.parametrize("top", [2, 3, 30])
def test_growth_holds_far_out_where_the_highest_degree_decides(top):
    """A power less would be below it."""
    with precision():
        size = float(growth(flint.arb(50), top))
    values = legendre(mp.mpf(50), top)
    truth = mp.sqrt(mp.fsum(abs(values[i + 1] - values[i - 1]) ** 2 / (2 * (2 * i + 1)) for i in range(1, top)))
    assert truth <= size


@pytest.mark.parametrize("rho", [RHO, CLOSE])
@pytest.mark.parametrize("place", [0, 1])
def test_the_error_of_the_rule_is_within_its_bound(rho, place):
    """1/(u - p) with its pole just outside of the ellipse, on its long or its short axis."""
    with precision():
        axes, factors = ellipse(rho)
        pole = mp.mpc(1.05 * float(axes[0])) if place == 0 else mp.mpc(0, 1.05 * float(axes[1]))
        largest = max(1 / abs(u - pole) for u in boundary(0, float(axes[0]), float(axes[1])))
        exact = mp.log((1 - pole) / (-1 - pole))
        assert [count for count, _ in factors] == list(NODES)
        for count, factor in factors[:3]:
            rule = gauss_balls(count, flint.ctx.prec)
            found = mp.fsum(mp.mpf(float(weight)) / (mp.mpf(float(x)) - pole) for x, weight in rule)
            error = abs(found - exact)
            assert error <= float(factor) * largest + 1e-15
            assert abs(float(factor) / (8 * mp.mpf(rho) ** (-2 * count) / (1 - mp.mpf(1) / rho)) - 1) < 1e-12


MAPS = {
    "tanh": (sp.tanh(2 * T), lambda u: mp.tanh(2 * u), lambda u: 2 * mp.sech(2 * u) ** 2),
    "turning": (sp.sin(3 * T), lambda u: mp.sin(3 * u), lambda u: 3 * mp.cos(3 * u)),
    "square": (T**2, lambda u: u * u, lambda u: 2 * u),
    "erf": (sp.erf(2 * T), lambda u: mp.erf(2 * u), lambda u: 4 * mp.exp(-4 * u * u) / mp.sqrt(mp.pi)),
}


def accepted(name, branch, at, moved, value):
    """The disc around the preimage of f(at), and whether there is one."""
    with precision():
        target = value(mp.mpf(at))
        found = _disc(branch, 1, flint.arb(0), flint.arb(float(target)), flint.arb(float(moved)), None)
    return mp.mpf(float(target)), found


def followed(value, slope, start, path):
    """The preimage of the last point of a path, by Newton's method in small steps along it."""
    u = mp.mpc(start)
    for z in path:
        for _ in range(6):
            u -= (value(u) - z) / slope(u)
    return u


@pytest.mark.parametrize("name", MAPS)
def test_discs_hold_the_preimages_and_the_map_is_injective_there(name):
    """For every value within ``moved`` of the target; the slopes stay within a half of that in the middle."""
    expr, value, slope = MAPS[name]
    rng = np.random.default_rng(5)
    with precision():
        curve = curve_of(expr, T)
    taken, closest = 0, mp.mpf(0)
    for _ in range(60):
        branch = curve.branches[rng.integers(len(curve.branches))]
        lo, hi = float(branch.lo), float(branch.hi)
        at = lo + (hi - lo) * rng.uniform(0.02, 0.98)
        moved = 10 ** rng.uniform(-3, 0.5) * abs(slope(mp.mpf(at)))
        target, found = accepted(name, branch, at, moved, value)
        if found is None:
            continue
        taken += 1
        centre, radius = mp.mpf(float(found.centre)), mp.mpf(float(found.radius))
        steep = slope(centre)
        edge = boundary(centre, radius, radius)
        # By the maximum principle the boundary decides.
        assert max(abs(slope(u) - steep) for u in edge) <= abs(steep) / 2
        assert min(abs(slope(u)) for u in edge) >= float(found.least) * (1 - 1e-12)
        assert min(abs(value(u) - target) for u in edge) >= moved
        for k in range(0, POINTS, 4):
            direction = mp.expjpi(mp.mpf(2 * k) / POINTS) * moved
            u = followed(value, slope, at, [target + direction * j / 16 for j in range(1, 17)])
            assert abs(value(u) - target - direction) < 1e-12
            closest = max(closest, abs(u - centre) / radius)
            assert abs(u - centre) <= radius
    # Enough of them, and none so generous that a wrong radius would not be seen.
    assert taken >= 10 and closest > 0.6


@pytest.mark.parametrize("at, moved", [(0.5, 0.26), (0.25, 0.07), (0.75, 0.6), (0.125, 0.016)])
def test_no_disc_where_two_preimages_meet(at, moved):
    """The values around at^2 reach 0, where the two roots meet: the inverse is not analytic."""
    _, value, _ = MAPS["square"]
    with precision():
        curve = curve_of(T**2, T)
    assert moved > at * at
    assert accepted("square", curve.branches[-1], at, moved, value)[1] is None


@pytest.mark.parametrize("at, moved", [(0.0, 1.01), (0.3, 1.6), (-0.5, 0.26)])
def test_no_disc_where_a_value_is_never_taken(at, moved):
    """tanh leaves out 1 and -1, whose preimages are infinite: within reach of these there is no disc."""
    _, value, _ = MAPS["tanh"]
    with precision():
        curve = curve_of(sp.tanh(2 * T), T)
    assert abs(value(mp.mpf(at))) + moved > 1
    assert accepted("tanh", curve.branches[0], at, moved, value)[1] is None
