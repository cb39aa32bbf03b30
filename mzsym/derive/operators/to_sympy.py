"""Operator expressions as SymPy: non-commuting functions of the layer, ``P(n)*M(n)*Phi(n + 1, m)``.

The functions are placeholders of operators, so nothing about them is evaluated except the empty products
``M(n, n) = N(n, n) = Phi(n, n) = Psi(n, n) = 1``, where 1 is the identity.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from mzsym.derive.operators.indices import Index
from mzsym.derive.operators.sums import DUMMY, Expression, canonical_dummies
from mzsym.derive.operators.words import Factor, Word


class Operator(sp.Function):
    """Base of the operator heads: non-commuting, one index (a letter) or two (from layer to layer)."""

    is_commutative = False
    tex = ""

    @classmethod
    def eval(cls, *layers: sp.Expr) -> sp.Expr | None:
        """An empty product is the identity."""
        return sp.S.One if len(layers) == 2 and layers[0] == layers[1] else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        layers = [printer._print(layer) for layer in self.args]
        name = f"{self.tex}_{{{layers[0]}}}" if len(layers) == 1 else f"{self.tex}({','.join(layers)})"
        return name if exp is None else f"{name}^{{{exp}}}"


class M(Operator):
    """M(n): the backward operator of layer n; M(n, m) = M(n) ... M(m-1). MATH (4)."""

    nargs = (1, 2)
    tex = "M"


class N(Operator):
    """N(n): the forward operator of layer n; N(n, m) = N(n-1) ... N(m). MATH (5)."""

    nargs = (1, 2)
    tex = "N"


class P(Operator):
    """P(n): the projection of layer n."""

    nargs = 1
    tex = "P"


class Q(Operator):
    """Q(n) = 1 - P(n)."""

    nargs = 1
    tex = "Q"


class Phi(Operator):
    """Phi(n, m) = Q(n) M(n) Phi(n+1, m): the backward orthogonal dynamics. MATH (10)."""

    nargs = 2
    tex = r"\Phi"


class Psi(Operator):
    """Psi(n, m) = Q(n) N(n-1) Psi(n-1, m): the forward orthogonal dynamics. MATH (13)."""

    nargs = 2
    tex = r"\Psi"


class q(Operator):  # noqa: N801 - the name of the function in the equations
    """q(n) = M(n, L) u: the observable seen from layer n."""

    nargs = 1
    tex = "q"


class p(Operator):  # noqa: N801
    """p(n) = N(n, 0) p(0): the density of layer n."""

    nargs = 1
    tex = "p"


#: The observable at the output.
OBSERVABLE = sp.Symbol("u", commutative=False)

_HEADS: dict[str, type[Operator]] = {
    "M": M, "N": N, "P": P, "Q": Q, "M*": M, "N*": N, "Phi": Phi, "Psi": Psi, "q": q, "p": p, "p0": p,
}  # fmt: skip


def index_to_sympy(index: Index) -> sp.Expr:
    """An index as an integer or an integer symbol plus a shift."""
    return sp.Symbol(index.symbol, integer=True) + index.shift if index.symbol else sp.Integer(index.shift)


def factor_to_sympy(factor: Factor) -> sp.Expr:
    """One letter."""
    head = factor.head
    if head == "u":
        return OBSERVABLE
    if head == "N":  # N_n leads from layer n to n+1
        assert factor.col is not None
        return N(index_to_sympy(factor.col))
    layers = [index_to_sympy(factor.row)]
    if head in ("M*", "N*", "Phi", "Psi"):
        assert factor.col is not None
        layers.append(index_to_sympy(factor.col))
    return _HEADS[head](*layers)


def word_to_sympy(word: Word) -> sp.Expr:
    """A word as a non-commutative product."""
    return sp.Mul(*map(factor_to_sympy, word))


def expression_to_sympy(expression: Expression) -> sp.Expr:
    """A linear combination; sums with symbolic bounds become ``sympy.Sum`` over m (or m1, ... if m is taken)."""
    taken = {item.symbol for _, word, _ in expression for factor in word for item in factor[1:] if item is not None}
    bounds = {item.symbol for _, _, over in expression if over is not None for item in over[1:]}
    dummies = {over.dummy for _, _, over in expression if over is not None}
    name, count = "m", 0
    while name in bounds or (name in taken and name not in dummies):
        count += 1
        name = f"m{count}"
    terms = []
    for coefficient, word, over in canonical_dummies(expression):
        if over is None:
            terms.append(coefficient * word_to_sympy(word))
        else:
            named = tuple(item.replace_symbol({DUMMY: Index(name, 0)}) for item in word)
            limits = (sp.Symbol(name, integer=True), index_to_sympy(over.low), index_to_sympy(over.high))
            terms.append(coefficient * sp.Sum(word_to_sympy(named), limits))
    return sp.Add(*terms)


def equation_to_sympy(lhs: Expression, rhs: Expression) -> sp.Eq:
    """The equality of two expressions, never evaluated.

    Examples
    --------
    >>> from mzsym.derive.operators.indices import variable
    >>> from mzsym.derive.operators.sums import words
    >>> from mzsym.derive.operators.words import complement, projection
    >>> n = variable("n")
    >>> equation_to_sympy(words((projection(n),)), words((projection(n), projection(n))))
    Eq(P(n), P(n)**2)
    """
    return sp.Eq(expression_to_sympy(lhs), expression_to_sympy(rhs), evaluate=False)
