"""Random expressions that the tests of kernels share."""

from __future__ import annotations

import numpy as np
import sympy as sp
from hypothesis import strategies as st

from mzsym.calculus.heads import GaussianMean, UniformMean
from mzsym.core.arrays import Array
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus

x, y, w, b = sp.symbols("x y w b", real=True)
s = sp.Symbol("s", positive=True)
ARGUMENTS: tuple[list[sp.Symbol], list[sp.Symbol]] = ([x, y], [w, b, s])

ONE = [
    sp.tanh,
    sp.sin,
    sp.cos,
    sp.atan,
    sp.erf,
    sp.exp,
    sigmoid,
    softplus,
    relu,
    gelu,
    sp.Abs,
    sp.cosh,
    elu,
    silu,
    hardtanh,
]
ONE += [sp.Heaviside]
"""Functions of one argument; exp and cosh overflow now and then, as they should."""

HEADS = [("tanh", 1), ("tanh", 3), ("sigmoid", 2), ("sin", 2), ("softplus", 1), ("relu", 2), ("erf", 1), ("gelu", 1)]
HEADS += [("elu", 2), ("silu", 1), ("hardtanh", 3), ("step", 1)]


def either(p: tuple[sp.Expr, sp.Expr]) -> sp.Expr:
    """The first below the second, the second squared otherwise.

    Unevaluated, since SymPy may tidy conditions for ever; for numbers, and for cases inside of a condition, it does so
    all the same, and then two symbols are compared.
    """
    tidied = any(e.has(sp.Piecewise) for e in p) or not any(e.free_symbols for e in p)
    compared = (x, w) if tidied else p
    return sp.Piecewise((p[0], sp.StrictLessThan(*compared, evaluate=False)), (p[1] ** 2, True), evaluate=False)


def grown(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda p: p[0] + p[1]),
        pair.map(lambda p: p[0] * p[1]),
        pair.map(lambda p: p[0] - sp.Rational(2, 3) * p[1]),
        pair.map(lambda p: p[0] / (1 + p[1] ** 2)),
        pair.map(either),
        st.tuples(inner, st.integers(2, 7)).map(lambda p: sp.Pow(*p, evaluate=not p[0].has(sp.Piecewise))),
        st.tuples(st.sampled_from(ONE), inner).map(lambda p: p[0](p[1])),
        inner.map(lambda e: leaky_relu(e, sp.Rational(1, 100))),
        st.tuples(st.sampled_from(HEADS), inner).map(lambda p: UniformMean(*p[0], p[1], s * w)),
        st.tuples(st.sampled_from(["relu", "elu", "hardtanh", "step"]), inner).map(
            lambda p: GaussianMean(p[0], 2, p[1], s)
        ),
    )


expressions = st.recursive(st.sampled_from([x, y, w, b, sp.Rational(3, 7), sp.pi]), grown, max_leaves=12)


def some_points(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(scale=1.5, size=(count, 2))
