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


def _step_iterated(k: int, n: int, z: sp.Expr) -> sp.Expr:
    return _relu_iterated(0, n, z)


def _hardtanh_iterated(k: int, n: int, z: sp.Expr) -> sp.Expr:
    """hardtanh**k is (-1)**k up to -1, t**k between and 1 from 1 on: powers of relu(z + 1) and relu(z - 1)."""
    terms = [(-1) ** k * z**n / sp.factorial(n)]
    for j in range(1, k + 1):
        rise = (-1) ** (k - j) * _relu_iterated(j, n, z + 1) - _relu_iterated(j, n, z - 1)
        terms.append(sp.binomial(k, j) * rise)
    return sp.Add(*terms)


def _elu_iterated(k: int, n: int, z: sp.Expr) -> sp.Expr:
    """Left of 0 every exponential without its Taylor polynomial of order n: what vanishes at 0 and to the right."""
    m = -relu(-z)
    terms = [_relu_iterated(k, n, z), (-1) ** k * m**n / sp.factorial(n)]
    for j in range(1, k + 1):
        taylor = sp.Add(*((j * m) ** i / sp.factorial(i) for i in range(n)))
        terms.append((-1) ** (k - j) * sp.binomial(k, j) * (sp.exp(j * m) - taylor) / sp.Integer(j) ** n)
    return sp.Add(*terms)


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
        "step": _step_iterated,
        "hardtanh": _hardtanh_iterated,
        "elu": _elu_iterated,
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
    flat = PRIMITIVES[line.name].expr(line.argument.xreplace({u: sp.S.Zero}), *line.parameters) ** k
    return beside_its_limit(total / 2, line.slope, flat / (j + 1) if j % 2 == 0 else sp.S.Zero)


def beside_its_limit(form: sp.Expr, slope: sp.Expr, flat: sp.Expr) -> sp.Expr:
    """A formula that divides by a slope, with its value at slope 0 beside it unless the slope is sure not to be 0."""
    if slope.is_nonzero:
        return form
    doubtful = sp.Mul(*(factor for factor in sp.Mul.make_args(slope) if not factor.is_nonzero))
    return sp.Piecewise((form, sp.Ne(doubtful, 0)), (flat, True))
