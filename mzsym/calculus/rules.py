"""The rules, as data: each says what it applies to, what it makes of it and which equation it rests on.

A rule integrates at least one coordinate out of a component, or rewrites it so that another can; the first rule that
applies is used. The cells of the primitives (``ANTIDERIVATIVE``, ``GAUSSIAN``, ``TRUNCATED``, ``ITERATED``) say which
functions are closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from mzsym.calculus.by_parts import ITERATED, beside_its_limit, by_parts
from mzsym.calculus.cells import ANTIDERIVATIVE, GAUSSIAN, TRUNCATED, WAVE, fourier
from mzsym.calculus.component import Component, Coordinate, Ridge, ridge
from mzsym.calculus.heads import GaussianMean, LaplaceMean, UniformMean
from mzsym.calculus.laplace import LAPLACE
from mzsym.calculus.laws import GaussianLaw, LaplaceLaw, TruncatedGaussianLaw, UniformLaw
from mzsym.calculus.stein import stein
from mzsym.core.functions import relu
from mzsym.core.primitives import PRIMITIVES

HIGHEST_POWER = 64
"""Powers above this stay integrals: their closed forms are too long to be read or evaluated."""

HIGHEST_WAVE = 40
"""Total power of sines and cosines above which products are not written as sums."""

Outcome = list[tuple[sp.Expr, Component]]
"""A sum of factor * component still to be averaged."""


@dataclass(frozen=True)
class Rule:
    """One exact rule.

    Attributes
    ----------
    name : str
        What it does, as a sentence fragment for readers.
    cites : str
        The equation it rests on.
    rewrite : callable
        Component -> outcome, or None where the rule does not apply.
    """

    name: str
    cites: str
    rewrite: Callable[[Component], Outcome | None]

    def applies(self, component: Component) -> bool:
        """Whether the rule can be used."""
        return self.rewrite(component) is not None

    def __str__(self) -> str:
        return f"{self.name}, {self.cites}"


def head(
    coordinate: Coordinate, name: str, k: int, z: sp.Expr, slope: sp.Expr, parameters: tuple[sp.Expr, ...] = ()
) -> sp.Expr | None:
    """E[g(z + slope * noise)**k] in closed form for the coordinate's law, or None. MATH (18), (19)."""
    law = coordinate.law
    if k > HIGHEST_POWER:
        return None
    if isinstance(law, UniformLaw) and ANTIDERIVATIVE[name].closes(k):
        return UniformMean(name, k, z, sp.Abs(slope) * law.half_width, *parameters)
    if isinstance(law, GaussianLaw) and GAUSSIAN[name].closes(k):
        return GaussianMean(name, k, z, sp.Abs(slope) * law.scale, *parameters)
    if isinstance(law, LaplaceLaw) and LAPLACE[name].closes(k):
        scale = sp.Abs(slope) * law.scale
        # E exp(k z) is infinite from k scale = 1 on: what is sure to be there stays an integral.
        return None if name == "exp" and (k * scale >= 1) == True else LaplaceMean(name, k, z, scale, *parameters)  # noqa: E712
    if isinstance(law, TruncatedGaussianLaw) and TRUNCATED[name].closes(k):
        form = TRUNCATED[name].form(k, z, sp.Abs(slope) * law.scale, law.cutoff, *parameters)
        row = PRIMITIVES[name]
        return beside_its_limit(form, slope, row.expr(z, *parameters) ** k) if row.kinks else form
    return None


def _moments(component: Component) -> Outcome | None:
    """E[(c + xi)^k] = sum binomial(k, j) c^(k-j) E[xi^j]. MATH (17)."""
    if component.atoms or len(component.coordinates) != 1:
        return None
    (coordinate,), (k,) = component.coordinates, component.powers
    terms = (sp.binomial(k, j) * coordinate.center ** (k - j) * coordinate.law.moment(j) for j in range(k + 1))
    return [(sp.Add(*terms), component.without(0, frozenset()))]


def _free_index(component: Component) -> list[tuple[int, sp.Expr, int, Ridge]]:
    """Coordinates that occur in one atom only, as a ridge: (index, atom, its power, the ridge)."""
    found = []
    for i, (symbol, power) in enumerate(zip(component.symbols, component.powers, strict=True)):
        linked = component.linked(symbol)
        if power == 0 and len(linked) == 1:
            line = ridge(linked[0][0], symbol)
            if line is not None:
                found.append((i, *linked[0], line))
    return found


def _single_ridge(component: Component) -> Outcome | None:
    """Integrate one coordinate out of the only atom that contains it. MATH (18), (19)."""
    for i, atom, k, line in _free_index(component):
        coordinate = component.coordinates[i]
        mean = head(coordinate, line.name, k, line.centered(coordinate), line.slope, line.parameters)
        if mean is not None:
            atoms = (component.atoms - {(atom, k)}) | {(mean, 1)}
            return [(sp.S.One, component.without(i, atoms))]
    return None


def _gaussian_ridge(component: Component) -> Outcome | None:
    """a.xi of independent normals is one normal of variance sum (a_i s_i)^2. MATH (19)."""
    for _, atom, k, _ in _free_index(component):
        group = [
            (i, line)
            for i, other, _, line in _free_index(component)
            if other == atom and isinstance(component.coordinates[i].law, GaussianLaw)
        ]
        if len(group) < 2 or any(line.slope.has_free(*component.symbols) for _, line in group):
            continue
        members = [component.coordinates[i] for i, _ in group]
        centers = {coordinate.symbol: coordinate.center for coordinate in members}
        z = atom.args[0].xreplace(centers)
        variance = sp.Add(
            *((line.slope * c.law.scale) ** 2 for (_, line), c in zip(group, members, strict=True))  # type: ignore[attr-defined]
        )
        merged = standard_normal(members[0])
        new = atom.func(z + sp.sqrt(variance) * merged.symbol, *atom.args[1:])
        indices = {i for i, _ in group}
        keep = [i for i in range(len(component.coordinates)) if i not in indices]
        coordinates = (*(component.coordinates[i] for i in keep), merged)
        powers = (*(component.powers[i] for i in keep), 0)
        return [(sp.S.One, Component(coordinates, powers, (component.atoms - {(atom, k)}) | {(new, k)}))]
    return None


def standard_normal(pattern: Coordinate) -> Coordinate:
    """A standard normal coordinate that integrates over the variable of another one."""
    law = GaussianLaw(sp.S.One)
    symbol = sp.Symbol(f"_n_{pattern.variable.name}", real=True)
    return Coordinate(
        symbol, sp.S.Zero, law, pattern.variable, pattern.variable, law.density(pattern.variable), -sp.oo, sp.oo
    )


def _waves(component: Component) -> Outcome | None:
    """Products of powers of sines and cosines are sums of single sines and cosines."""
    waves = [(atom, k) for atom, k in component.atoms if isinstance(atom, (sp.sin, sp.cos))]
    total = sum(k for _, k in waves)
    # A power of one wave of one coordinate has a cell of its own.
    simple = len(waves) == 1 and len(component.coordinates) == 1
    open_powers = any(component.powers) and not all(c.interval for c in component.coordinates)
    if not 2 <= total <= HIGHEST_WAVE or len(waves) < len(component.atoms) or simple or open_powers:
        return None
    rows: list[tuple[sp.Expr, str, sp.Expr]] = [(sp.S.One, "cos", sp.S.Zero)]
    for atom, k in waves:
        powers = fourier(type(atom).__name__, k)
        rows = [
            product
            for c, wave, argument in rows
            for d, other, multiple in powers
            for product in _wave_product(c * d, wave, argument, other, multiple * atom.args[0])
        ]
    outcome = []
    for c, wave, argument in rows:
        # SymPy pulls signs out of the argument.
        sign, atom = WAVE[wave](argument).as_coeff_Mul()
        if not sign.is_zero:
            outcome.append((c * sign, Component(component.coordinates, component.powers, frozenset({(atom, 1)}))))
    return outcome


def _wave_product(
    c: sp.Expr, first: str, a: sp.Expr, second: str, b: sp.Expr
) -> tuple[tuple[sp.Expr, str, sp.Expr], ...]:
    """c * first(a) * second(b) as waves of a + b and a - b."""
    if a.is_zero:
        return ((c, second, b),) if first == "cos" else ()
    plus, minus = sp.expand_mul(a + b), sp.expand_mul(a - b)
    if first == second:
        return (c / 2, "cos", minus), ((c if first == "cos" else -c) / 2, "cos", plus)
    return (c / 2, "sin", plus), ((c if first == "sin" else -c) / 2, "sin", minus)


def _wave_ridge(component: Component) -> Outcome | None:
    """Symmetric noise only damps a wave: E sin(z + a xi) = sin(z) E cos(a xi), coordinate by coordinate."""
    if len(component.coordinates) < 2:
        return None
    for i, atom, k, line in _free_index(component):
        coordinate = component.coordinates[i]
        if not coordinate.law.symmetric or line.name not in WAVE or k != 1 or line.slope.has_free(*component.symbols):
            continue
        damping = head(coordinate, "cos", 1, sp.S.Zero, line.slope)
        if damping is not None:
            wave = atom.func(line.centered(coordinate))
            return [(damping, component.without(i, (component.atoms - {(atom, 1)}) | {(wave, 1)}))]
    return None


def _absorb(component: Component) -> Outcome | None:
    """y^n g(a y)^k is a power of relu(a y) and one of relu(-a y) for g linear on both sides of 0, where a is not 0."""
    if len(component.coordinates) != 1 or len(component.atoms) != 1 or not any(component.powers):
        return None
    (coordinate,), (n,), ((atom, k),) = component.coordinates, component.powers, component.atoms
    line = ridge(atom, coordinate.symbol)
    if line is None or not line.slope.is_nonzero or line.argument != line.slope * coordinate.symbol:
        return None
    left = {"relu": 0, "step": 0, "abs": 1, "leaky_relu": -sp.Add(*line.parameters)}.get(line.name)
    if left is None:
        return None
    power = n if line.name == "step" else n + k
    outcome = []
    for factor, argument in ((sp.S.One, line.argument), ((-1) ** n * sp.sympify(left) ** k, -line.argument)):
        if not factor.is_zero:
            rest = Component(component.coordinates, (0,), frozenset({(relu(argument), power)}))
            outcome.append((factor / line.slope**n, rest))
    return outcome


def _parts(component: Component) -> Outcome | None:
    """u^j g(a u + c)^k over an interval by repeated integration by parts."""
    if len(component.coordinates) != 1 or len(component.atoms) != 1 or not component.coordinates[0].interval:
        return None
    (coordinate,), (j,), ((atom, k),) = component.coordinates, component.powers, component.atoms
    line = ridge(atom, coordinate.symbol)
    if line is None or line.name not in ITERATED or max(j, k) > HIGHEST_POWER:
        return None
    return [(by_parts(j, k, line, coordinate.symbol), component.without(0, frozenset()))]


RULES: tuple[Rule, ...] = (
    Rule("polynomial averaged by the moments of the noise", "MATH (17)", _moments),
    Rule("monomial beside a ridge function turned into derivatives of it", "MATH (21)", stein),
    Rule("independent normal noises combined along a ridge", "MATH (19)", _gaussian_ridge),
    Rule("product of waves written as a sum of waves", "MATH (18)", _waves),
    Rule("wave damped coordinate by coordinate", "MATH (18)", _wave_ridge),
    Rule("ridge function averaged over one coordinate", "MATH (18), (19)", _single_ridge),
    Rule("monomial absorbed by a piecewise linear function", "MATH (18)", _absorb),
    Rule("monomial times ridge function integrated by parts", "MATH (18)", _parts),
)
"""Tried in this order."""
