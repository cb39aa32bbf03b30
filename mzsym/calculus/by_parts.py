"""Integrals of u**j g(a u + c)**k over (-1, 1) by repeated integration by parts.

They divide by powers of the slope a, so they serve integrals over boxes, where a is a weight; noise averages use the
heads, which stay continuous as a -> 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.cells import fourier
from mzsym.calculus.component import Ridge
from mzsym.core.functions import relu
from mzsym.core.primitives import PRIMITIVES

Iterated = Callable[..., sp.Expr]


def _relu_iterated(k: int, n: int, z: sp.Expr) -> sp.Expr:
    return relu(z) ** (k + n) / sp.rf(k + 1, n)


def _mirrored(k: int, n: int, z: sp.Expr) -> sp.Expr:
    """n-th antiderivative of relu(-z)**k that vanishes on the right."""
    return (-1) ** n * _relu_iterated(k, n, -z)


def _wave_iterated(name: str) -> Iterated:
    def form(k: int, n: int, z: sp.Expr) -> sp.Expr:
        terms = []
        for c, wave, m in fourier(name, k):
            # Every antiderivative turns the phase back by pi/2; the constant becomes a monomial.
            shifted = z**n / sp.factorial(n) if m == 0 else _turned(wave, n, m * z) / sp.Integer(m) ** n
            terms.append(c * shifted)
        return sp.Add(*terms)

    return form


def _turned(wave: str, n: int, z: sp.Expr) -> sp.Expr:
    """sin or cos with its phase turned back by n pi/2."""
    quarter = (n + (3 if wave == "cos" else 0)) % 4
    return (sp.sin(z), -sp.cos(z), -sp.sin(z), sp.cos(z))[quarter]


ITERATED: Mapping[str, Iterated] = MappingProxyType(
    {
        "exp": lambda k, n, z: sp.exp(k * z) / sp.Integer(k) ** n,
        "sin": _wave_iterated("sin"),
        "cos": _wave_iterated("cos"),
        "relu": _relu_iterated,
        "leaky_relu": lambda k, n, z, slope: _relu_iterated(k, n, z) + (-slope) ** k * _mirrored(k, n, z),
        "abs": lambda k, n, z: _relu_iterated(k, n, z) + _mirrored(k, n, z),
    }
)
"""Primitive name -> (k, n, z, *parameters) -> n-th antiderivative of g**k in z."""


def by_parts(j: int, k: int, line: Ridge, u: sp.Symbol) -> sp.Expr:
    """Half the integral of u**j g(a u + c)**k over (-1, 1).

    For a slope that may be 0 the value there stands beside the formula, which divides by it.
    """
    iterated = ITERATED[line.name]
    total = sp.S.Zero
    for end, sign in ((sp.S.One, 1), (sp.S.NegativeOne, -1)):
        z = line.argument.xreplace({u: end})
        for i in range(j + 1):
            falling = sp.ff(j, i) * end ** (j - i)
            total += sign * (-1) ** i * falling * iterated(k, i + 1, z, *line.parameters) / line.slope ** (i + 1)
    if line.slope.is_nonzero:
        return total / 2
    flat = PRIMITIVES[line.name].expr(line.argument.xreplace({u: sp.S.Zero}), *line.parameters) ** k
    constant = flat / (j + 1) if j % 2 == 0 else sp.S.Zero
    doubtful = sp.Mul(*(factor for factor in sp.Mul.make_args(line.slope) if not factor.is_nonzero))
    return sp.Piecewise((total / 2, sp.Ne(doubtful, 0)), (constant, True))
