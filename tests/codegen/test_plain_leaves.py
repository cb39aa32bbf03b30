"""Plain functions at every argument against mpmath, in units of the last place, and their IEEE corners."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.codegen import libm
from mzsym.codegen.digits import FUNCTIONS
from mzsym.codegen.leaves.library import functions, leaves
from mzsym.codegen.leaves.smoothed import half_ln2_over, log_quotient, over_two, tanh_two, top_bits
from mzsym.codegen.leaves.straight import exp_parts, expm1_two

INF, NAN = math.inf, math.nan

BOUNDS = {
    "vexp": ("exp", 1.5),
    "vtanh": ("tanh", 3.0),
    "sigmoid": ("sigmoid", 3.0),
    "softplus": ("softplus", 2.0),
    "logcosh": ("logcosh", 3.0),
    "sech2": ("sech2", 3.0),
    "gelu": ("gelu", 4.0),
    "elu": ("elu", 1.5),
    "silu": ("silu", 3.5),
    "normal_cdf": ("normal_cdf", 4.0),
    "normal_density": ("normal_density", 3.0),
    "dilog": ("dilog", 8.0),
}
"""Leaf -> (definition, largest error in ulp)."""


def ulps(name: str, x: float) -> float:
    """Error of a leaf in units of the last place of the exact value."""
    definition, _ = BOUNDS[name]
    with mp.workdps(1100 if name == "logcosh" else 60):
        exact = FUNCTIONS[definition](mp.mpf(x))
        if mp.fabs(exact) > mp.mpf("1.79e308") or (name in ("gelu", "silu") and mp.fabs(exact) < mp.mpf("1e-300")):
            # Beyond the range; or a subnormal factor inside gelu and silu.
            return 0.0
        value = functions()[name](x)
        return float(mp.fabs(mp.mpf(value) - exact) / mp.mpf(math.ulp(float(exact))))


arguments = st.one_of(
    st.floats(-745, 709), st.floats(-40, 40), st.floats(-2, 2), st.floats(-300, 3).map(lambda e: -(10.0**e))
)


@pytest.mark.parametrize("name", BOUNDS)
@settings(max_examples=150, deadline=None)
@given(x=arguments)
def test_errors_in_ulp(name: str, x: float) -> None:
    if name == "dilog" and not -700 < x <= 1:
        x = math.fmod(x, 1.0)
    assert ulps(name, x) <= BOUNDS[name][1]


@settings(max_examples=300, deadline=None)
@given(
    ratio=st.floats(-16, 300).map(lambda e: 10.0**e),
    part=st.floats(-6, 0.3).map(lambda e: 10.0**e),
    s=st.floats(0.1, 9),
)
def test_logarithm_of_a_quotient(ratio: float, part: float, s: float) -> None:
    with mp.workdps(700):
        more = mp.mpf(ratio) * part
        exact = mp.log1p(mp.mpf(ratio)) / (2 * mp.mpf(s))
        value = log_quotient(float(part + more), part, float(2 * part + more), float(more / s), s)
        assert abs(value - exact) <= 7e-16 * exact


@settings(max_examples=300, deadline=None)
@given(high=st.floats(1e-300, 1e300), share=st.floats(-0.5, 0.5), s=st.floats(-8, 3).map(lambda e: 10.0**e))
def test_quotients_to_twice_the_digits(high: float, share: float, s: float) -> None:
    rest = share * math.ulp(high)
    with mp.workdps(60):
        for (quotient, other), exact in (
            (over_two(high, rest, s), (mp.mpf(high) + rest) / s),
            (half_ln2_over(s), mp.log(2) / 2 / s),
        ):
            assert top_bits(quotient) == quotient
            if 1e-280 < exact < 1e300:
                assert abs(quotient + mp.mpf(other) - exact) <= 1e-22 * exact


@settings(max_examples=300, deadline=None)
@given(x=st.one_of(st.floats(-700, -1e-250), st.floats(-250, 2).map(lambda e: -(10.0**e))))
def test_hyperbolic_tangent_and_exponential_with_what_they_were_rounded_by(x: float) -> None:
    with mp.workdps(400):
        high, rest = expm1_two(x)
        assert abs(high + mp.mpf(rest) - mp.expm1(x)) <= (4e-17 if x > -36 else 1e-16) * abs(mp.expm1(x))
        first, other = tanh_two(-0.5 * x)
        assert top_bits(first) == first
        assert abs(first + mp.mpf(other) - mp.tanh(-mp.mpf(x) / 2)) <= (8e-17 if x > -36 else 2e-16) * mp.tanh(
            -mp.mpf(x) / 2
        )


@settings(max_examples=300, deadline=None)
@given(x=st.one_of(st.floats(-708, 0), st.floats(-300, 2).map(lambda e: -(10.0**e))))
def test_exponential_and_what_it_lacks_to_one(x: float) -> None:
    less, whole = exp_parts(x)
    with mp.workdps(400):
        assert abs(less - mp.expm1(x)) <= 4e-16 * abs(mp.expm1(x))
        assert abs(whole - mp.exp(x)) <= 3e-16 * mp.exp(x)


CORNERS: list[tuple[str, tuple[float, ...], float]] = [
    ("vexp", (INF,), INF),
    ("vexp", (-INF,), 0.0),
    ("vexp", (710.5,), INF),
    ("vexp", (-746.0,), 0.0),
    ("vexp", (-745.0,), 5e-324),
    ("vexp", (0.0,), 1.0),
    ("vtanh", (INF,), 1.0),
    ("vtanh", (-INF,), -1.0),
    ("sigmoid", (INF,), 1.0),
    ("sigmoid", (-INF,), 0.0),
    ("softplus", (INF,), INF),
    ("softplus", (-INF,), 0.0),
    ("relu", (-INF,), 0.0),
    ("leaky_relu", (-2.0, 0.5), -1.0),
    ("gelu", (-INF,), 0.0),
    ("gelu", (INF,), INF),
    ("elu", (-INF,), -1.0),
    ("elu", (INF,), INF),
    ("silu", (-INF,), 0.0),
    ("silu", (INF,), INF),
    ("hardtanh", (-INF,), -1.0),
    ("hardtanh", (INF,), 1.0),
    ("hardtanh", (0.25,), 0.25),
    ("umean_step", (3, 0.0, 0.0), 0.125),
    ("umean_step", (3, 0.0, 1e-300), 0.5),
    ("gmean_step", (1, 0.0, 0.0), 0.5),
    ("umean_hardtanh", (1, INF, 2.0), 1.0),
    ("umean_elu", (3, -INF, 2.0), -1.0),
    ("gmean_elu", (1, -INF, 2.0), -1.0),
    ("gmean_hardtanh", (3, -INF, 2.0), -1.0),
    ("normal_cdf", (INF,), 1.0),
    ("normal_density", (INF,), 0.0),
    ("dilog", (1.0,), math.pi**2 / 6),
    ("dilog", (2.0,), NAN),
    ("heaviside", (0.0, 0.5), 0.5),
    ("sign", (-0.3,), -1.0),
    ("umean_tanh", (INF, 0.3), 1.0),
    ("umean_sigmoid", (-INF, 0.3), 0.0),
]


@pytest.mark.parametrize(("name", "args", "expected"), CORNERS)
def test_corners(name: str, args: tuple[float, ...], expected: float) -> None:
    value = functions()[name](*args)
    assert value == expected or (math.isnan(expected) and math.isnan(value))


KINKED = [f"{law}mean_{g}" for law in "ug" for g in ("step", "hardtanh", "elu")]


@pytest.mark.parametrize(
    "name",
    [
        *BOUNDS,
        *KINKED,
        "relu",
        "hardtanh",
        "sign",
        "umean_tanh",
        "umean_sigmoid",
        "umean_silu",
        "umean_erf",
        "gmean_relu",
    ],
)
def test_nan_stays_nan(name: str) -> None:
    function: Callable[..., float] = functions()[name]
    if name in KINKED:
        assert all(math.isnan(function(k, *pair)) for k in (1, 4) for pair in ((NAN, 0.5), (0.5, NAN), (NAN, 5.0)))
    else:
        assert math.isnan(function(NAN) if function.__code__.co_argcount == 1 else function(NAN, 0.5))


def test_library_functions_are_total() -> None:
    assert libm.exp(1e4) == INF and libm.log(0.0) == -INF and math.isnan(libm.log(-1.0))
    assert libm.sinh(-1e4) == -INF and math.isnan(libm.sin(INF)) and libm.expm1(-1e4) == -1.0
    assert libm.power(0.0, -1.0) == INF and math.isnan(libm.power(-8.0, 1 / 3)) and libm.power(-2.0, 3.0) == -8.0
    assert libm.power(-1e200, 3.0) == -INF and libm.floor(-0.5) == -1.0 and libm.ceil(INF) == INF
    assert libm.from_bits(libm.to_bits(-1.5)) == -1.5


def test_leaves_keep_to_their_dialect() -> None:
    """What the C emitter and numba rely on: names of leaves, of the C library and of constants only."""
    known = {*leaves(), *vars(libm), "min", "max", "range", "int", "float"}
    for leaf in leaves().values():
        names = set(leaf.function.__code__.co_names)
        assert all(name in known or name.isupper() for name in names), (leaf.name, names - known)
        assert leaf.function.__defaults__ is None
        assert leaf.function.__doc__
