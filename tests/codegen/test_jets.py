"""Taylor arithmetic: every recurrence and random compositions against mpmath, chains against SymPy."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.codegen import Program, finished, interpret, lift
from mzsym.codegen.digits import PRIMITIVES as DIGITS
from mzsym.codegen.jets import RULES, composed, derivatives
from mzsym.core import MzError
from mzsym.core.primitives import PRIMITIVES

x, y, a = sp.symbols("x y a", real=True)
ORDER = 5

EXPRESSIONS: dict[str, tuple[sp.Expr, tuple[float, ...]]] = {
    "exp": (sp.exp(x), (-2.0, 0.3)),
    "log": (sp.log(x), (0.2, 3.0)),
    "sqrt": (sp.sqrt(x), (0.3, 4.0)),
    "reciprocal": (1 / x, (-2.0, 0.4)),
    "negative power": ((1 + x**2) ** -3, (-0.4, 1.7)),
    "real power": (x ** sp.Rational(7, 3), (0.5, 2.0)),
    "exponent": ((1 + x**2) ** x, (-0.5, 1.5)),
    "sin": (sp.sin(x), (-1.0, 2.0)),
    "cos": (sp.cos(x), (-1.0, 2.0)),
    "tan": (sp.tan(x), (-0.7, 1.1)),
    "sinh": (sp.sinh(x), (-1.0, 2.0)),
    "cosh": (sp.cosh(x), (-1.0, 2.0)),
    "tanh": (sp.tanh(x), (-1.0, 0.0, 0.6)),
    "asin": (sp.asin(x), (-0.6, 0.3)),
    "acos": (sp.acos(x), (-0.6, 0.3)),
    "atan": (sp.atan(x), (-2.0, 0.3)),
    "asinh": (sp.asinh(x), (-2.0, 0.3)),
    "acosh": (sp.acosh(x), (1.4, 3.0)),
    "atanh": (sp.atanh(x), (-0.5, 0.3)),
    "erf": (sp.erf(x), (-1.0, 0.4)),
    "erfc": (sp.erfc(x), (-1.0, 0.4)),
    "log of a sum": (sp.log(1 + x**2), (-0.5, 2.0)),
    "quotient": (sp.sin(x) / (2 + sp.cos(x)), (-1.0, 0.7)),
    "abs": (sp.Abs(x - sp.Rational(1, 3)) * x, (-1.0, 0.7)),
    "extrema": (sp.Max(x, x**2) + sp.Min(x, sp.cos(x)), (-0.5, 0.4, 1.5)),
    "cases": (sp.Piecewise((x**2, x > 0), (sp.sin(x), True)), (-0.7, 0.8)),
    "polynomial": (3 * x**7 - x**3 / 2 + 1, (-0.7, 0.8)),
}


def values_of(program: Program, X: np.ndarray, params: Any = ()) -> np.ndarray:
    return interpret(finished(program), X, params)


def found(expr: sp.Expr, at: float, order: int = ORDER) -> np.ndarray:
    return values_of(derivatives(lift([expr], [x]), 0, order), np.array([[at]]))[0]


def exact(function: Any, at: float, order: int = ORDER) -> np.ndarray:
    with mp.workdps(60):
        return np.array([float(mp.diff(function, mp.mpf(at), k)) for k in range(order + 1)])


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_recurrences(name: str) -> None:
    expr, points = EXPRESSIONS[name]
    function = sp.lambdify(x, expr, "mpmath")
    for at in points:
        wanted = exact(function, at)
        assert np.allclose(found(expr, at), wanted, rtol=1e-11, atol=1e-12 * np.abs(wanted).max()), at


@pytest.mark.parametrize("name", PRIMITIVES)
def test_activations(name: str) -> None:
    row = PRIMITIVES[name]
    parameters = (sp.Rational(1, 5),) * len(row.parameters)
    expr = row.expr(x, *parameters)
    oracle = DIGITS[name]
    for at in (-2.3, -0.4, 0.7, 1.8):
        wanted = exact(lambda z: oracle(z, *(mp.mpf(1) / 5 for _ in parameters)), at)
        got = found(expr, at)
        assert np.allclose(got, wanted, rtol=1e-10, atol=1e-11 * max(1.0, np.abs(wanted).max())), (at, got, wanted)


def test_every_operation_that_lifting_makes_has_a_recurrence() -> None:
    ops = {node.op for expr, _ in EXPRESSIONS.values() for node in lift([expr], [x]).nodes}
    assert ops - {"point", "const", "named", "powi", "pair", "true"} <= set(RULES)


def test_saturated_slopes_keep_their_digits() -> None:
    for expr in (sp.tanh(x), 1 / (1 + sp.exp(-x))):
        function = sp.lambdify(x, expr, "mpmath")
        wanted, got = exact(function, 25.0, 2), found(expr, 25.0, 2)
        assert abs(got[1] / wanted[1] - 1) < 1e-9


LEAVES = st.sampled_from([x, x**2, 1 + x / 2, sp.Rational(1, 3), x - 1])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        inner.map(sp.tanh),
        inner.map(sp.sin),
        inner.map(lambda u: sp.exp(-(u**2) / 4)),
        inner.map(lambda u: 1 / (2 + u**2)),
        inner.map(lambda u: sp.log(2 + u**2)),
        inner.map(lambda u: sp.sqrt(1 + u**2)),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(TREES, st.floats(-1.5, 1.5))
def test_random_expressions(expr: sp.Expr, at: float) -> None:
    wanted = exact(sp.lambdify(x, expr, "mpmath"), at, 4)
    assert np.allclose(found(expr, at, 4), wanted, rtol=1e-9, atol=1e-10 * max(1.0, np.abs(wanted).max()))


def test_other_arguments_and_parameters_are_kept() -> None:
    program = lift([a * sp.sin(x * y), x + y], [x, y], [a])
    for argument, symbol in enumerate((x, y)):
        values = values_of(derivatives(program, argument, 3), np.array([[0.4, -0.7]]), [1.3])[0]
        at = {x: 0.4, y: -0.7, a: 1.3}
        wanted = [sp.diff(e, symbol, k).subs(at) for e in (a * sp.sin(x * y), x + y) for k in range(4)]
        assert np.allclose(values, np.array(wanted, dtype=float), rtol=1e-12, atol=1e-14)


def test_chains_are_compositions() -> None:
    first, second = lift([sp.tanh(a * x), x**2], [x], [a]), lift([a * x * y], [x, y], [a])
    whole = composed([first, second, lift([sp.exp(x)], [x])])
    assert (whole.n_point, whole.n_param, len(whole.outputs)) == (1, 2, 1)
    values = values_of(derivatives(whole, 0, 3), np.array([[0.6]]), [0.8, 1.7])[0]
    expr = sp.exp(sp.Rational(17, 10) * sp.tanh(sp.Rational(4, 5) * x) * x**2)
    wanted = [float(sp.diff(expr, x, k).subs(x, sp.Rational(3, 5)).evalf(30)) for k in range(4)]
    assert np.allclose(values, wanted, rtol=1e-12)


def test_sizes_grow_with_the_square_of_the_order_alone() -> None:
    layer = lift([sp.tanh(a * x)], [x], [a])
    sizes = {depth: len(derivatives(composed([layer] * depth), 0, 4).nodes) for depth in (8, 16, 32)}
    assert sizes[32] < 2.2 * sizes[16] < 4.6 * sizes[8]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: derivatives(lift([x], [x]), 1, 2), "no argument 1"),
        (lambda: derivatives(lift([x], [x]), 0, 40), "The order is 40"),
        (lambda: composed([lift([x], [x]), lift([x + y], [x, y])]), "takes 2 arguments"),
        (lambda: derivatives(lift([sp.polylog(2, -sp.exp(x))], [x]), 0, 2), "no recurrence"),
    ],
)
def test_refusals(call: Any, words: str) -> None:
    with pytest.raises(MzError, match=words):
        call()
