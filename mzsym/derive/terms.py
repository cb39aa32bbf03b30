"""Terms of the Mori-Zwanzig equation: an exact expression, why it is there and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import sympy as sp

from mzsym.derive.operators.words import Direction
from mzsym.derive.sizes import Cost
from mzsym.derive.term_latex import term_latex

TermKind: TypeAlias = Literal[
    "streaming",
    "memory",
    "noise",
    "correlation",
    "coefficients",
    "unresolved",
    "gram",
    "moments",
    "normaliser",
    "raw_coefficients",
]


class Factored(sp.MatMul):
    """A product of explicit matrices that SymPy must not multiply out, least of all to print it.

    Its printers ask for the sign of a product, and SymPy answers for matrices by evaluating them, integrals included.
    """

    def could_extract_minus_sign(self) -> bool:
        return False


@dataclass(frozen=True)
class Part:
    """What a matrix symbol of a factored expression stands for: the term ``kind`` of layers n and m."""

    symbol: sp.MatrixSymbol
    kind: TermKind
    n: int
    m: int


@dataclass(frozen=True, repr=False)
class Term:
    """One term of the equation, exact.

    Attributes
    ----------
    kind : {"streaming", "memory", "noise", "correlation", "coefficients", "unresolved", ...}
        "coefficients" and "unresolved" are the vectors c_n and c_n-perp of MATH (15), from which noise terms are made.
        Where the trial functions phi are not orthonormal, "gram", "normaliser", "moments" and "raw_coefficients" are
        G_n, S_n, B(n,m) and b_n, with C(n,m) = S_n B(n,m) S_m^T (oblique: S_n B(n,m)) and c_n = S_n b_n, MATH (6).
    n, m : int
        Layers, as in ``eq.memory(n, m)``; streaming: m = n + 1; noise and the vectors: m = L backward, 0 forward.
    expr : sympy matrix
        ImmutableMatrix, or, where ``factored`` says why, a matrix expression in the symbols of ``parts``.
    closed : bool
        Whether everything is written out and no integral remains.
    factored : str or None
        Why the term was left as a product, with the sizes.
    why : tuple of str
        The steps of the derivation and the rules of the calculus that the term rests on, as sentences.
    cost : Cost
    parts : tuple of Part
        Meaning of each matrix symbol of a factored expression.
    direction : {"backward", "forward"}
    of_functions : bool
        Whether entries are functions of the kept variables of a conditional projection, not numbers.
    """

    kind: TermKind
    n: int
    m: int
    expr: sp.MatrixBase | sp.MatrixExpr
    closed: bool
    factored: str | None
    why: tuple[str, ...]
    cost: Cost
    parts: tuple[Part, ...] = ()
    direction: Direction = "backward"
    of_functions: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return int(self.expr.shape[0]), int(self.expr.shape[1])

    @property
    def is_zero(self) -> bool:
        """Whether the term is known to vanish exactly."""
        return isinstance(self.expr, sp.ZeroMatrix) or (
            isinstance(self.expr, sp.MatrixBase) and all(entry.is_zero for entry in self.expr)
        )

    def __repr__(self) -> str:
        """One line: the expression may be of any size and is in ``expr``."""
        state = "zero" if self.is_zero else "factored" if self.factored else "closed" if self.closed else "open"
        cost = f"{self.cost.operations} operations, {self.cost.integrals} integrals of dimension {self.cost.dimension}"
        return f"Term({self.kind}, n={self.n}, m={self.m}, {self.shape[0]} x {self.shape[1]}, {state}, {cost})"

    def latex(self) -> str:
        """The term as an ``align*`` environment (amsmath); what a size limit leaves out is said in it."""
        return term_latex(self)

    def _repr_latex_(self) -> str:
        return self.latex()
