"""Canonical sums: an expression as coefficients times monomials times powers of whole functions.

Nothing is multiplied out in the coefficients, and the number of products is bounded before any is formed: what would
not fit raises ``TooLarge`` at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import sympy as sp
from sympy.ntheory.multinomial import multinomial_coefficients

from mzsym.core.functions import relu

Atoms = frozenset[tuple[sp.Expr, int]]


class TooLarge(Exception):
    """The expanded form would exceed the stated size."""


class Monomial(NamedTuple):
    """y**powers times a product of functions of y, each to a power."""

    powers: tuple[int, ...]
    atoms: Atoms


Sum = dict[Monomial, sp.Expr]


def decompose(expr: sp.Expr, y: Sequence[sp.Symbol], budget: int) -> Sum:
    """Coefficients, free of y, by monomial.

    Parameters
    ----------
    expr : Expr
        Any expression; functions that are not sums, products or integer powers stay whole.
    y : sequence of Symbol
    budget : int
        Largest number of products that may be formed.

    Raises
    ------
    TooLarge
        When the budget does not suffice.

    Examples
    --------
    >>> y, a = sp.symbols("y a")
    >>> sorted((m.powers, c) for m, c in decompose((y + a)**2 * y, (y,), 100).items())
    [((1,), a**2), ((2,), 2*a), ((3,), 1)]
    """
    return _Decomposer(tuple(y), budget).run(expr)


def affine(expr: sp.Expr, symbol: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, c) with expr = a*symbol + c, or None; read off the structure, so it takes no time.

    Examples
    --------
    >>> y, w, b = sp.symbols("y w b")
    >>> affine(w*(y - 1) + b, y)
    (w, b - w)
    """
    if expr == symbol:
        return sp.S.One, sp.S.Zero
    if not expr.has_free(symbol):
        return sp.S.Zero, expr
    if expr.is_Add:
        parts = [affine(arg, symbol) for arg in expr.args]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return sp.Add(*(a for a, _ in known)), sp.Add(*(c for _, c in known))
    if expr.is_Mul:
        dependent = [arg for arg in expr.args if arg.has_free(symbol)]
        inner = affine(dependent[0], symbol) if len(dependent) == 1 else None
        if inner is None:
            return None
        factor = sp.Mul(*(arg for arg in expr.args if arg is not dependent[0]))
        return factor * inner[0], factor * inner[1]
    return None


class _Decomposer:
    """One walk over an expression, with its memory and its remaining budget."""

    def __init__(self, y: tuple[sp.Symbol, ...], budget: int) -> None:
        self.y = y
        self.left = budget
        self.memo: dict[sp.Expr, Sum] = {}
        self.zero = (0,) * len(y)
        self.one = Monomial(self.zero, frozenset())

    def run(self, expr: sp.Expr) -> Sum:
        if expr not in self.memo:
            self.memo[expr] = self._walk(expr)
        return self.memo[expr]

    def _walk(self, expr: sp.Expr) -> Sum:
        if not expr.has_free(*self.y):
            return {self.one: expr}
        if expr in self.y:
            powers = tuple(int(expr == symbol) for symbol in self.y)
            return {Monomial(powers, frozenset()): sp.S.One}
        if expr.is_Add:
            return self._add([self.run(arg) for arg in expr.args])
        if expr.is_Mul:
            merged = _absorbed(expr)
            if merged is not None:
                return self._product(merged)
            result: Sum = {self.one: sp.S.One}
            # Small factors first: the budget is spent where products are few.
            for factor in sorted((self.run(arg) for arg in expr.args), key=len):
                result = self._multiply(result, factor)
            return result
        if expr.is_Pow and expr.exp.is_Integer and expr.exp.is_positive:
            return self._power(self.run(expr.base), int(expr.exp))
        if expr.is_Pow and not expr.base.has_free(*self.y) and expr.base.is_positive:
            return self._atom(sp.exp(expr.exp * sp.log(expr.base)))
        return self._atom(expr)

    def _product(self, factors: list[tuple[sp.Expr, int]]) -> Sum:
        """A product given as atoms with powers, which SymPy would rewrite."""
        result: Sum = {self.one: sp.S.One}
        for factor, k in factors:
            result = self._multiply(result, self._power(self.run(factor), k))
        return result

    def _atom(self, expr: sp.Expr) -> Sum:
        return {Monomial(self.zero, frozenset({(expr, 1)})): sp.S.One}

    def _add(self, sums: list[Sum]) -> Sum:
        collected: dict[Monomial, list[sp.Expr]] = {}
        for terms in sums:
            for monomial, coefficient in terms.items():
                collected.setdefault(monomial, []).append(coefficient)
        totals = {monomial: sp.Add(*parts) for monomial, parts in collected.items()}
        return {monomial: total for monomial, total in totals.items() if not total.is_zero}

    def _multiply(self, first: Sum, second: Sum) -> Sum:
        self.left -= len(first) * len(second)
        if self.left < 0:
            raise TooLarge
        return self._add([{_join(m, n): a * b} for m, a in first.items() for n, b in second.items()])

    def _power(self, base: Sum, exponent: int) -> Sum:
        if len(base) == 1:
            ((monomial, coefficient),) = base.items()
            return {_raise(monomial, exponent): coefficient**exponent}
        # Multinomial, not repeated products: every coefficient comes out once, as one product of powers.
        count = math.comb(exponent + len(base) - 1, exponent) if exponent < self.left else self.left + 1
        self.left -= count
        if self.left < 0:
            raise TooLarge
        rows = list(base.items())
        collected: dict[Monomial, list[sp.Expr]] = {}
        for powers, number in multinomial_coefficients(len(rows), exponent).items():
            monomial, factors = self.one, [sp.Integer(number)]
            for (row, coefficient), k in zip(rows, powers, strict=True):
                if k:
                    factors.append(coefficient**k)
                    monomial = _join(monomial, _raise(row, k))
            collected.setdefault(monomial, []).append(_undistributed(factors))
        return {monomial: sp.Add(*parts) for monomial, parts in collected.items()}


def _undistributed(factors: list[sp.Expr]) -> sp.Expr:
    """Product that keeps number * (sum) as it is: further factors follow, and the sum is what a reader knows."""
    number = sp.Mul(*(factor for factor in factors if factor.is_Rational))
    others = [factor for factor in factors if not factor.is_Rational]
    if len(others) == 1 and others[0].is_Add and number != 1:
        return sp.Mul._from_args((number, others[0]))
    return sp.Mul(number, *others)


def _raise(monomial: Monomial, k: int) -> Monomial:
    return Monomial(
        tuple(k * power for power in monomial.powers), frozenset((atom, k * power) for atom, power in monomial.atoms)
    )


def _absorbed(expr: sp.Expr) -> list[tuple[sp.Expr, int]] | None:
    """Factors that one function takes in: u**2 |u| is |u|**3, u relu(u) is relu(u)**2, u**2 H(u) is relu(u)**2.

    None where a product has no such pair.
    """
    powers = dict(factor.as_base_exp() for factor in expr.args)
    found = False
    for base, k in list(powers.items()):
        least = {sp.Abs: 2, relu: 1, sp.Heaviside: 1}.get(base.func)
        inner = powers.get(base.args[0]) if least else None
        if inner is None or not (k.is_Integer and inner.is_Integer and inner > 0 and inner % least == 0):
            continue
        found = True
        del powers[base.args[0]]
        del powers[base]
        whole, power = (relu(base.args[0]), inner) if base.func is sp.Heaviside else (base, k + inner)
        powers[whole] = powers.get(whole, sp.S.Zero) + power
    if not found or any(not (k.is_Integer and k > 0) for k in powers.values()):
        return None
    return [(base, int(k)) for base, k in powers.items()]


def _join(first: Monomial, second: Monomial) -> Monomial:
    powers = tuple(a + b for a, b in zip(first.powers, second.powers, strict=True))
    if not second.atoms:
        return Monomial(powers, first.atoms)
    if not first.atoms:
        return Monomial(powers, second.atoms)
    atoms = dict(first.atoms)
    for atom, k in second.atoms:
        atoms[atom] = atoms.get(atom, 0) + k
    return Monomial(powers, frozenset(atoms.items()))
