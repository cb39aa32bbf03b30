"""Stein's identity: a normal coordinate beside a ridge function becomes a derivative of it, MATH (21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.component import Component, Ridge, ridge
from mzsym.calculus.laws import GaussianLaw
from mzsym.core.functions import sigmoid

Slope = tuple[tuple[sp.Expr, tuple[tuple[sp.Expr, int], ...]], ...]
"""A derivative as factors times powers of atoms."""


def _one(factor: sp.Expr, atom: sp.Expr) -> Slope:
    # SymPy may pull a sign out of the argument.
    sign, plain = atom.as_coeff_Mul()
    return ((factor * sign, ((plain, 1),)),)


SLOPES: Mapping[str, Callable[[sp.Expr], Slope]] = MappingProxyType(
    {
        "tanh": lambda g: ((sp.S.One, ()), (-sp.S.One, ((g, 2),))),
        "sigmoid": lambda g: ((sp.S.One, ((g, 1),)), (-sp.S.One, ((g, 2),))),
        "softplus": lambda g: _one(sp.S.One, sigmoid(g.args[0])),
        "sin": lambda g: _one(sp.S.One, sp.cos(g.args[0])),
        "cos": lambda g: _one(-sp.S.One, sp.sin(g.args[0])),
        "relu": lambda g: _one(sp.S.One, sp.Heaviside(g.args[0])),
        "abs": lambda g: ((-sp.S.One, ()), *_one(sp.Integer(2), sp.Heaviside(g.args[0]))),
    }
)
"""g' of g(z) for primitives whose derivatives are averaged no worse than they are."""

ANY_POWER = frozenset({"tanh", "sigmoid"})
"""Primitives whose powers stay powers of one function."""

KINKED = frozenset({"relu", "abs"})
"""Primitives with one derivative: the second is no function."""

CLOSED = frozenset({"sin", "cos", "relu", "abs"})
"""Primitives that are worth it for a single coordinate, because the averages of g and g' are closed."""


def stein(component: Component) -> list[tuple[sp.Expr, Component]] | None:
    """E[y f(y)] = c E f + s^2 E f' for y = c + s Z, Z standard normal: one power of one coordinate fewer."""
    if len(component.atoms) != 1:
        return None
    ((atom, k),) = component.atoms
    for i, (coordinate, p) in enumerate(zip(component.coordinates, component.powers, strict=True)):
        line = ridge(atom, coordinate.symbol) if p else None
        if line is None or not isinstance(coordinate.law, GaussianLaw) or not _worth(component, line, k):
            continue
        variance = coordinate.law.scale**2
        outcome = [(coordinate.center, _lowered(component, i, 1, component.atoms))]
        if p > 1:
            outcome.append(((p - 1) * variance, _lowered(component, i, 2, component.atoms)))
        for factor, atoms in SLOPES[line.name](atom):
            product: dict[sp.Expr, int] = {atom: k - 1} if k > 1 else {}
            for g, power in atoms:
                product[g] = product.get(g, 0) + power
            rest = _lowered(component, i, 1, frozenset(product.items()))
            outcome.append((variance * line.slope * k * factor, rest))
        return [(factor, rest) for factor, rest in outcome if not factor.is_zero]
    return None


def _worth(component: Component, line: Ridge, k: int) -> bool:
    """Whether the result is one dimension lower than before, or closed."""
    name = line.name
    if name not in SLOPES or line.slope.has_free(*component.symbols) or (k > 1 and name not in ANY_POWER):
        return False
    if name in KINKED and sum(component.powers) > 1:
        return False
    if len(component.coordinates) == 1:
        return name in CLOSED and k == 1
    # Along a ridge of normals everything then becomes one average over one normal.
    return all(isinstance(c.law, GaussianLaw) for c in component.coordinates)


def _lowered(component: Component, i: int, by: int, atoms: frozenset[tuple[sp.Expr, int]]) -> Component:
    powers = tuple(p - by if j == i else p for j, p in enumerate(component.powers))
    return Component(component.coordinates, powers, atoms)
