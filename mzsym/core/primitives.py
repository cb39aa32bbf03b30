"""The primitive table: every activation, a row each.

Columns that need another library live with it under the same names: antiderivative and noise averages in
``calculus``, kernels in ``codegen``, ball enclosures in ``balls``. A test walks the table and fails on an empty cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import sympy as sp
from scipy import special

from mzsym.core.arrays import Array
from mzsym.core.errors import MzError
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus


@dataclass(frozen=True)
class Primitive:
    """One activation g.

    Attributes
    ----------
    name : str
        The name used in models, tables and kernels.
    expr : callable
        z -> g(z) as SymPy (z, slope for the families with a slope).
    numpy : callable
        The same on float64 arrays.
    derivative : callable
        z -> g'(z) as SymPy, away from kinks.
    image : tuple
        Closed hull of the range of g on the real line, as SymPy numbers.
    monotone : {"increasing", "pieces"}
        "pieces": monotone between the ``critical`` points.
    critical : tuple or callable or None
        Exact critical points; a callable (lo, hi) -> points where there are infinitely many.
    lipschitz : sympy number
        Smallest global Lipschitz constant (``oo`` where there is none), rounded up where it has no closed form.
    kinks : tuple
        Points where g is not infinitely often differentiable: jumps, corners, and jumps of higher derivatives.
    latex : str
        Operator name in LaTeX.
    """

    name: str
    expr: Callable[..., sp.Expr]
    numpy: Callable[..., Array]
    derivative: Callable[..., sp.Expr]
    image: tuple[sp.Expr, sp.Expr]
    monotone: Literal["increasing", "pieces"]
    lipschitz: sp.Expr
    latex: str
    critical: tuple[sp.Expr, ...] | Callable[[float, float], tuple[sp.Expr, ...]] | None = None
    kinks: tuple[sp.Expr, ...] = ()
    parameters: tuple[str, ...] = ()


def _multiples(offset: sp.Expr) -> Callable[[float, float], tuple[sp.Expr, ...]]:
    """Points offset + k*pi that meet [lo, hi], with one more on either side so that rounding loses none."""

    def points(lo: float, hi: float) -> tuple[sp.Expr, ...]:
        first = int(np.floor((lo - float(offset)) / np.pi)) - 1
        last = int(np.ceil((hi - float(offset)) / np.pi)) + 1
        return tuple(offset + k * sp.pi for k in range(first, last + 1))

    return points


def _phi(z: sp.Expr) -> sp.Expr:
    """Standard normal density."""
    return sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def _cdf(z: sp.Expr) -> sp.Expr:
    """Standard normal distribution function, accurate in its left tail."""
    return sp.erfc(-z / sp.sqrt(2)) / 2


def _leaky(z: Array, slope: Array | float) -> Array:
    return np.where(np.asarray(z) > 0, z, slope * np.asarray(z))


def _elu(z: Array) -> Array:
    return np.where(np.asarray(z) > 0, z, np.expm1(np.minimum(z, 0.0)))


def _step(z: Array, middle: Array | float = 0.5) -> Array:
    return np.asarray(np.heaviside(z, middle))


def _rows() -> tuple[Primitive, ...]:
    zero, one, line = sp.S.Zero, sp.S.One, (-sp.oo, sp.oo)
    return (
        Primitive("identity", lambda z: z, lambda z: z, lambda z: one, line, "increasing", one, r"\mathrm{id}"),
        Primitive("tanh", sp.tanh, np.tanh, lambda z: 1 - sp.tanh(z) ** 2, (-one, one), "increasing", one, r"\tanh"),
        Primitive(
            "sigmoid",
            sigmoid,
            special.expit,
            lambda z: sigmoid(z) * (1 - sigmoid(z)),
            (zero, one),
            "increasing",
            one / 4,
            r"\operatorname{sigmoid}",
        ),
        Primitive(
            "softplus",
            softplus,
            lambda z: np.logaddexp(0.0, z),
            lambda z: sigmoid(z),
            (zero, sp.oo),
            "increasing",
            one,
            r"\operatorname{softplus}",
        ),
        Primitive(
            "relu",
            relu,
            lambda z: np.maximum(z, 0.0),
            lambda z: sp.Heaviside(z),
            (zero, sp.oo),
            "increasing",
            one,
            r"\operatorname{relu}",
            kinks=(zero,),
        ),
        Primitive(
            "leaky_relu",
            leaky_relu,
            _leaky,
            lambda z, slope: slope + (1 - slope) * sp.Heaviside(z),
            line,
            "pieces",
            # max(1, |slope|); the table states it for slopes in [-1, 1], balls computes it for the others.
            one,
            r"\operatorname{relu}",
            critical=(zero,),
            kinks=(zero,),
            parameters=("slope",),
        ),
        Primitive(
            "gelu",
            gelu,
            lambda z: z * special.ndtr(z),
            lambda z: _cdf(z) + z * _phi(z),
            # The minimum g(z0) = -z0**2 phi(z0), where Phi(z0) + z0 phi(z0) = 0, has no closed form: a lower bound.
            (sp.Rational(-17, 100), sp.oo),
            "pieces",
            # sup g' = g'(sqrt 2).
            _cdf(sp.sqrt(2)) + sp.sqrt(2) * _phi(sp.sqrt(2)),
            r"\operatorname{gelu}",
            # None: balls isolates the one critical point near -0.7518 rigorously.
            critical=None,
        ),
        Primitive(
            "erf",
            sp.erf,
            special.erf,
            lambda z: 2 * sp.exp(-(z**2)) / sp.sqrt(sp.pi),
            (-one, one),
            "increasing",
            2 / sp.sqrt(sp.pi),
            r"\operatorname{erf}",
        ),
        Primitive("sin", sp.sin, np.sin, sp.cos, (-one, one), "pieces", one, r"\sin", critical=_multiples(sp.pi / 2)),
        Primitive(
            "cos", sp.cos, np.cos, lambda z: -sp.sin(z), (-one, one), "pieces", one, r"\cos", critical=_multiples(zero)
        ),
        Primitive(
            "arctan",
            sp.atan,
            np.arctan,
            lambda z: 1 / (1 + z**2),
            (-sp.pi / 2, sp.pi / 2),
            "increasing",
            one,
            r"\arctan",
        ),
        Primitive("exp", sp.exp, np.exp, sp.exp, (zero, sp.oo), "increasing", sp.oo, r"\exp"),
        Primitive(
            "abs",
            sp.Abs,
            np.abs,
            sp.sign,
            (zero, sp.oo),
            "pieces",
            one,
            r"\operatorname{abs}",
            critical=(zero,),
            kinks=(zero,),
        ),
        Primitive(
            "elu",
            elu,
            _elu,
            lambda z: sp.exp(sp.Min(0, z)),
            (-one, sp.oo),
            "increasing",
            one,
            r"\operatorname{elu}",
            # The second derivative jumps.
            kinks=(zero,),
        ),
        Primitive(
            "silu",
            silu,
            lambda z: z * special.expit(z),
            lambda z: sigmoid(z) * (1 + z * sigmoid(-z)),
            # Neither the minimum -0.27846... nor the largest slope 1.09983... has a closed form: outer bounds.
            (sp.Rational(-279, 1000), sp.oo),
            "pieces",
            sp.Rational(10999, 10000),
            r"\operatorname{silu}",
            # None: balls isolates the one critical point near -1.2785 rigorously.
            critical=None,
        ),
        Primitive(
            "hardtanh",
            hardtanh,
            lambda z: np.clip(z, -1.0, 1.0),
            lambda z: sp.Heaviside(z + 1) - sp.Heaviside(z - 1),
            (-one, one),
            "increasing",
            one,
            r"\operatorname{hardtanh}",
            kinks=(-one, one),
        ),
        Primitive(
            # SymPy's Heaviside: at 0 it is 1/2, the one value at which averages stay continuous as the noise vanishes.
            "step",
            sp.Heaviside,
            _step,
            lambda z: zero,
            (zero, one),
            "increasing",
            sp.oo,
            r"\theta",
            kinks=(zero,),
        ),
    )


PRIMITIVES: Mapping[str, Primitive] = MappingProxyType({row.name: row for row in _rows()})
"""Name -> row."""

LEAKY_SLOPE = 0.01
"""Slope of ``"leaky_relu"`` where none is given."""


def primitive(name: str, where: str = "activation") -> Primitive:
    """Row of an activation, or an error that lists the names there are."""
    try:
        return PRIMITIVES[name]
    except (KeyError, TypeError):
        raise MzError(
            f"There is no activation {name!r}", where, "Use one of " + ", ".join(PRIMITIVES) + ", or a SymPy expression"
        ) from None
