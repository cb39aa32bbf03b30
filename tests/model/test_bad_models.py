"""Bad input: one clear error that names the place and the fix."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.core.names import state_symbol, weight_symbol

x = mz.state(2)
w = sp.Symbol("w", real=True)
ok = mz.dense(np.eye(2), noise=mz.Uniform(0.5))
nan, inf = float("nan"), float("inf")

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    # dimensions
    "layers do not fit": (lambda: mz.Network([ok, mz.dense([[1.0, 2.0, 3.0]])]), "2 outputs and layer 1 takes 3"),
    "W and b": (lambda: mz.dense(np.eye(2), [1.0]), "2 rows and b has 1"),
    "W is a vector": (lambda: mz.dense([1.0, 2.0]), "shape"),
    "W is ragged": (lambda: mz.dense([[1.0], [1.0, 2.0]]), "W"),
    "W is empty": (lambda: mz.dense(np.zeros((0, 2))), "shape"),
    "matrix symbol of no shape": (lambda: mz.dense(sp.MatrixSymbol("V", sp.Symbol("k"), 2)), "definite shape"),
    "b a wide matrix symbol": (lambda: mz.dense(np.eye(2), sp.MatrixSymbol("v", 2, 2)), "columns"),
    "residual not square": (lambda: mz.residual([[1.0, 2.0]]), "square"),
    "noise list": (lambda: mz.dense(np.eye(2), noise=[mz.Uniform(1)]), "1 noise laws were given for 2"),
    "noise of another type": (lambda: mz.dense(np.eye(2), noise=0.5), "noise law"),
    "domain": (lambda: mz.Network([ok], domain=[(0, 1)]), "dimension 1 and the state has 2"),
    "domains too few": (lambda: mz.Network([ok], domains=[[(0, 1)] * 2]), "1 domains"),
    "domains of another dimension": (lambda: mz.Network([ok], domains=[[(0, 1)] * 2, [(0, 1)]]), "X_1"),
    "domain and domains": (lambda: mz.Network([ok], domain=[(0, 1)] * 2, domains=[[(0, 2)] * 2] * 2), "differ"),
    "points": (lambda: mz.Network([ok]).forward([[1.0]]), "shape"),
    "empty network": (lambda: mz.Network([]), "no layers"),
    "not a layer": (lambda: mz.Network([np.eye(2)]), "layer 0"),
    "state(0)": (lambda: mz.state(0), "dimension"),
    "state(10**9)": (lambda: mz.state(10**9), "dimension"),
    "state(1.0)": (lambda: mz.state(1.0), "dimension"),  # type: ignore[arg-type]
    # symbols
    "state of another dimension": (lambda: mz.Layer([mz.state(3)[2]], state=x), r"x2.*\(x0, x1\)"),
    "a look-alike of the state": (lambda: mz.Layer([sp.Symbol("x0")], state=x), "x0"),
    "an internal name": (lambda: mz.Layer([state_symbol(0, 0)], state=x), "belongs to mzsym"),
    "an internal name as parameter": (lambda: mz.Layer([x[0]], state=x, params={weight_symbol(0, 0, 0): 1}), "mzsym"),
    "a parameter that is a state": (lambda: mz.Layer([x[0]], state=x, params={x[0]: 1}), "two things"),
    "parameters of one name": (lambda: mz.Layer([w * x[0]], state=x, params={w: 1, sp.Symbol("w"): 2}), "two things"),
    "an imaginary symbol": (lambda: mz.Layer([sp.Symbol("v", imaginary=True) * x[0]], state=x), "not real"),
    "state repeated": (lambda: mz.Layer([x[0]], state=[x[0], x[0]]), "distinct"),
    "state of another layer": (
        lambda: mz.Network([mz.Layer([w], state=[w]), mz.Layer([x[0] * w], state=x[:1])]),
        "neither state nor parameter",
    ),
    "shared symbol named like a local one": (
        lambda: mz.Network([mz.Layer([w * sp.Symbol("w_0", real=True) * x[0]], state=x[:1], params={w: 1})]),
        "w_0",
    ),
    # numbers
    "NaN weight": (lambda: mz.dense([[1.0, nan], [0.0, 1.0]]), r"\[0, 1\] of W is nan"),
    "inf bias": (lambda: mz.dense(np.eye(2), [0.0, -inf]), r"\[1\] of b"),
    "complex weight": (lambda: mz.dense([[1j]]), "not a real number"),
    "text weight": (lambda: mz.dense([["1"]]), "not a real number"),
    "boolean weight": (lambda: mz.dense([[True]]), "not a real number"),
    "huge weight": (lambda: mz.dense([[10**400]]), "float64"),
    "NaN parameter": (lambda: mz.Layer([w * x[0]], state=x, params={w: nan}), "w"),
    "complex parameter": (lambda: mz.Layer([w * x[0]], state=x, params={w: 1j}), "not a real number"),
    "SymPy nan": (lambda: mz.Layer([w * x[0]], state=x, params={w: sp.nan}), "finite"),
    "irrational parameter": (lambda: mz.Layer([w * x[0]], state=x, params={w: sp.sqrt(2)}), "not a real number"),
    "slope NaN": (lambda: mz.dense(np.eye(2), activation=("leaky_relu", nan)), "slope"),
    "slope of tanh": (lambda: mz.dense(np.eye(2), activation=("tanh", 1.0)), "leaky_relu"),
    "step inf": (lambda: mz.residual(np.eye(2), step=inf), "step"),
    # expressions
    "unknown activation": (lambda: mz.dense(np.eye(2), activation="tahn"), "tahn.*tanh"),
    "activation in two symbols": (lambda: mz.dense(np.eye(2), activation=x[0] * x[1]), "one symbol"),
    "unknown function": (lambda: mz.Layer([sp.Function("f")(x[0])], state=x), "function f"),
    "gamma": (lambda: mz.Layer([sp.gamma(x[0])], state=x), "gamma"),
    "an integral": (lambda: mz.Layer([sp.Integral(sp.exp(-(w**2)), (w, 0, x[0]))], state=x), "Integral"),
    "a text": (lambda: mz.Layer(["x0"], state=x), "no expression"),
    "imaginary": (lambda: mz.Layer([sp.I * x[0]], state=x), "real"),
    "infinite": (lambda: mz.Layer([x[0] + sp.oo], state=x), "finite"),
    "an equation": (lambda: mz.Layer([sp.Eq(x[0], 1)], state=x), "scalar"),
    "a gigantic exponent": (lambda: mz.Layer([x[0] ** (10**9)], state=x), "exponent"),
    "no expressions": (lambda: mz.Layer([], state=x), "0 expressions"),
    # boxes
    "reversed": (lambda: mz.Box([(1, -1)]), "lo < hi"),
    "empty": (lambda: mz.Box([(1, 1)]), "lo < hi"),
    "infinite box": (lambda: mz.Box([(-inf, 1)]), "finite"),
    "NaN box": (lambda: mz.Box([(0, nan)]), "finite"),
    "three ends": (lambda: mz.Box([(0, 1, 2)]), "two ends"),
    "no intervals": (lambda: mz.Box([]), "0 intervals"),
    "a number for a box": (lambda: mz.Box(3), "intervals"),  # type: ignore[arg-type]
    "flat": (lambda: mz.Box([0, 1]), "interval"),  # type: ignore[list-item]
    # keys
    "no such layer": (lambda: mz.Network([ok]).with_params({(1, "W"): np.eye(2)}), "no layer 1"),
    "no such parameter": (lambda: mz.Network([ok]).with_params({(0, "V"): 1}), "W, b, scale"),
    "another shape": (lambda: mz.Network([ok]).with_params({(0, "W"): np.eye(3)}), "shape"),
    "no such shared symbol": (lambda: mz.Network([ok]).with_params({w: 1}), "no shared symbol"),
    "no scale": (lambda: mz.Network([mz.dense([[1.0]])]).with_params({(0, "scale"): 1}), "no scale"),
    "scale not positive": (lambda: mz.Network([ok]).with_params({(0, "scale"): 0}), "positive"),
    "param of no layer": (lambda: mz.Network([ok]).param(5, "W"), "no layer 5"),
    "input law": (lambda: mz.Network([ok], input="normal"), "uniform"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_a_reason(case: str) -> None:
    make, message = CASES[case]
    with pytest.raises(mz.MzError, match=message) as caught:
        make()
    error = caught.value
    assert error.what and error.where and error.fix
    assert "Traceback" not in str(error)


def test_good_neighbours_of_bad_input_pass() -> None:
    mz.dense(np.eye(2, dtype=np.float32), np.zeros(2, dtype=int), activation=("leaky_relu", Fraction(-1, 3)))
    mz.dense(sp.Matrix([[1, sp.Rational(1, 3)]]), [sp.Rational(1, 7)])
    mz.Layer([w * x[0]], state=x, params={w: np.float32(0.1)})
    mz.Layer([x[0] + 1], state=x[0:1])
    mz.Box(np.array([[0.0, 1.0]]))
    mz.Box([(Fraction(1, 3), sp.Rational(1, 2))])
