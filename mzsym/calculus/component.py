"""What a rule works on: functions of a few linked noisy coordinates, whose average is wanted.

Coordinates are independent, so a term falls apart into components that share none; each is averaged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import sympy as sp

from mzsym.calculus.decompose import Atoms, affine
from mzsym.calculus.laws import Law
from mzsym.core.functions import elu, gelu, hardtanh, leaky_relu, relu, sigmoid, silu, softplus
from mzsym.core.primitives import PRIMITIVES

PRIMITIVE_OF = MappingProxyType(
    {
        sp.tanh: "tanh",
        sigmoid: "sigmoid",
        softplus: "softplus",
        relu: "relu",
        leaky_relu: "leaky_relu",
        gelu: "gelu",
        sp.erf: "erf",
        sp.sin: "sin",
        sp.cos: "cos",
        sp.atan: "arctan",
        sp.exp: "exp",
        sp.Abs: "abs",
        elu: "elu",
        silu: "silu",
        hardtanh: "hardtanh",
        sp.Heaviside: "step",
    }
)
"""SymPy function -> name in the primitive table; the identity is a monomial, not an atom."""


@dataclass(frozen=True)
class Coordinate:
    """One noisy coordinate: the value is ``center`` + noise of the given law.

    ``symbol`` stands for the value inside expressions. If an integral must stay, it runs over ``variable`` from
    ``lower`` to ``upper`` with ``weight``, and ``symbol`` becomes ``value``. ``interval`` marks an integration
    variable of a box, where by-parts formulas with divisions by a slope are allowed.
    """

    symbol: sp.Symbol
    center: sp.Expr
    law: Law
    variable: sp.Symbol
    value: sp.Expr
    weight: sp.Expr
    lower: sp.Expr
    upper: sp.Expr
    interval: bool = False


@dataclass(frozen=True)
class Component:
    """Product of symbol**power over the coordinates and of atom**k, to be averaged over the coordinates."""

    coordinates: tuple[Coordinate, ...]
    powers: tuple[int, ...]
    atoms: Atoms

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """The coordinates' symbols."""
        return tuple(coordinate.symbol for coordinate in self.coordinates)

    @property
    def monomial(self) -> sp.Expr:
        """The product of the coordinates' powers."""
        return sp.Mul(*(s**k for s, k in zip(self.symbols, self.powers, strict=True)))

    @property
    def integrand(self) -> sp.Expr:
        """The whole product."""
        return self.monomial * sp.Mul(*(atom**k for atom, k in self.atoms))

    def linked(self, symbol: sp.Symbol) -> tuple[tuple[sp.Expr, int], ...]:
        """The atoms that contain a coordinate."""
        return tuple((atom, k) for atom, k in self.atoms if atom.has_free(symbol))

    def without(self, index: int, atoms: Atoms) -> Component:
        """One coordinate fewer, with other atoms."""
        keep = [i for i in range(len(self.coordinates)) if i != index]
        return Component(tuple(self.coordinates[i] for i in keep), tuple(self.powers[i] for i in keep), atoms)


@dataclass(frozen=True)
class Ridge:
    """An atom g(a*y + c) of one coordinate; a and c may contain the others."""

    name: str
    argument: sp.Expr
    slope: sp.Expr
    parameters: tuple[sp.Expr, ...]

    def centered(self, coordinate: Coordinate) -> sp.Expr:
        """The argument where the noise of the coordinate is 0."""
        return self.argument.xreplace({coordinate.symbol: coordinate.center})


def ridge(atom: sp.Expr, symbol: sp.Symbol) -> Ridge | None:
    """Read an atom as a primitive of an argument that is affine in ``symbol``."""
    name = PRIMITIVE_OF.get(atom.func)
    if name is None or any(parameter.has_free(symbol) for parameter in atom.args[1:]):
        return None
    line = affine(atom.args[0], symbol)
    if line is None:
        return None
    if PRIMITIVES[name].parameters:
        return Ridge(name, atom.args[0], line[0], tuple(atom.args[1:]))
    # Another value at the jump than that of the table changes no average over a density, and none is sure without one.
    if atom.args[1:] not in ((), (sp.S.Half,)) and not line[0].is_nonzero:
        return None
    return Ridge(name, atom.args[0], line[0], ())


def split(component: Component) -> tuple[sp.Expr, tuple[Component, ...]]:
    """Factor without coordinates, and the components that share no coordinate.

    Exponentials are first spread over their coordinates: exp(a*y0 + b*y1) links nothing.
    """
    outside, atoms = [], []
    for atom, k in component.atoms:
        if atom.has_free(*component.symbols):
            atoms.append((atom, k))
        else:
            outside.append(atom**k)
    spread = _spread_exponentials(atoms, component.symbols)
    group = {symbol: {symbol} for symbol in component.symbols}
    for atom, _ in spread:
        merged: set[sp.Symbol] = set().union(*(group[s] for s in component.symbols if atom.has_free(s)))
        for symbol in merged:
            group[symbol] = merged
    parts, done = [], set()
    for symbol in component.symbols:
        if symbol in done:
            continue
        done |= group[symbol]
        keep = [i for i, s in enumerate(component.symbols) if s in group[symbol]]
        inside = frozenset((atom, k) for atom, k in spread if atom.has_free(symbol) or atom.has_free(*group[symbol]))
        part = Component(
            tuple(component.coordinates[i] for i in keep), tuple(component.powers[i] for i in keep), inside
        )
        if inside or any(part.powers):
            parts.append(part)
    return sp.Mul(*outside), tuple(parts)


def _spread_exponentials(atoms: list[tuple[sp.Expr, int]], symbols: tuple[sp.Symbol, ...]) -> list[tuple[sp.Expr, int]]:
    """Collect the exponentials into one exponent, and give every coordinate its own factor where it is affine."""
    exponents = [k * atom.args[0] for atom, k in atoms if isinstance(atom, sp.exp)]
    others = [(atom, k) for atom, k in atoms if not isinstance(atom, sp.exp)]
    if not exponents:
        return others
    rest = sp.Add(*exponents)
    factors: list[sp.Expr] = []
    present = [symbol for symbol in symbols if rest.has_free(symbol)]
    for symbol in present[:-1]:
        line = affine(rest, symbol)
        if line is not None and not line[0].has_free(*symbols):
            factors.append(line[0] * symbol)
            rest = line[1]
    # The constant stays with the last factor.
    spread = [(sp.exp(factor), 1) for factor in [*factors, rest] if not factor.is_zero]
    return [*others, *((atom, k) for atom, k in spread if atom != 1)]
