"""Terms of the Mori-Zwanzig equation: an exact expression, why it is there and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import sympy as sp

TermKind: TypeAlias = Literal["streaming", "memory", "noise", "correlation"]


@dataclass(frozen=True)
class Cost:
    """What one evaluation of a term takes.

    Attributes
    ----------
    operations : int
        SymPy operations in the expression.
    integrals : int
        Integrals that no rule closed.
    dimension : int
        Largest dimension among them, 0 when closed.
    flops : float
        Estimate for the whole term, with 16 nodes per remaining dimension.
    """

    operations: int
    integrals: int
    dimension: int
    flops: float


@dataclass(frozen=True)
class Term:
    """One term of the equation, exact.

    Attributes
    ----------
    kind : {"streaming", "memory", "noise", "correlation"}
    n, m : int
        From layer n to layer m (noise: m is the depth L).
    expr : sympy matrix
        ImmutableMatrix, or, where ``factored`` is not None, a matrix expression in the symbols of ``parts``.
    closed : bool
        Whether no integral remains.
    factored : str or None
        Why the term was left as a product of named matrices, with the estimated sizes.
    why : tuple of str
        The steps of the derivation and the rules of the calculus that the term rests on.
    cost : Cost
    parts : mapping
        Meaning of each matrix symbol of a factored expression: (kind, n, m).
    """

    kind: TermKind
    n: int
    m: int
    expr: sp.MatrixBase | sp.MatrixExpr
    closed: bool
    factored: str | None
    why: tuple[str, ...]
    cost: Cost
    parts: dict[sp.MatrixSymbol, tuple[TermKind, int, int]] = field(default_factory=dict, hash=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return int(self.expr.shape[0]), int(self.expr.shape[1])
