"""Words in the non-commuting letters of MATH section 3.

A factor maps functions of the layer ``col`` to functions of the layer ``row``, so a word makes sense exactly when
neighbouring layers agree. Heads, with what they stand for:

========  =====================  ==============================================================================
head      written                meaning
========  =====================  ==============================================================================
M, N      M_n, N_n               one layer, backward (row n, col n+1) and forward (row n+1, col n)
P, Q      P_n, Q_n               the projection and its complement Q_n = I - P_n
M*, N*    M(n,m), N(n,m)         M(n,m) = M_n M(n+1,m), M(n,n) = I, and N(n,m) = N_{n-1} N(n-1,m), N(n,n) = I
Phi, Psi  Phi(n,m), Psi(n,m)     Phi(n,m) = Q_n M_n Phi(n+1,m), Phi(n,n) = I;
                                 Psi(n,m) = Q_n N_{n-1} Psi(n-1,m), Psi(n,n) = I
q, p      q_n, p_n               q_n = M(n,L) u and p_n = N(n,0) p_0; they close a word
u, p0     u, p_0                 the observable of the output layer, the density of the input layer
========  =====================  ==============================================================================

Words are tuples of named tuples: comparing and hashing them runs in C, which keeps deep networks cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mzsym.core import MzError
from mzsym.derive.operators.indices import ZERO, Index, Order

Direction = Literal["backward", "forward"]


class Factor(NamedTuple):
    """One letter of a word: ``head``, the layer it maps to and the layer it maps from (None for a vector)."""

    head: str
    row: Index
    col: Index | None

    def replace_symbol(self, values: Mapping[str, Index]) -> Factor:
        """The factor with index variables replaced."""
        col = self.col
        return Factor(self.head, self.row.replace_symbol(values), None if col is None else col.replace_symbol(values))

    def __str__(self) -> str:
        name = self.head.rstrip("*")
        if self.head == "u":
            return "u"
        if self.head in ("p0", "p", "q"):
            return f"{name[0]}_{self.row}"
        if self.head in ("M*", "N*", "Phi", "Psi"):
            return f"{name}({self.row},{self.col})"
        return f"{name}_{self.col if self.head == 'N' else self.row}"


Word = tuple[Factor, ...]


class Malformed(Exception):
    """A word, sum or claim that has no meaning; the prover turns it into an error that names the step."""


@dataclass(frozen=True)
class Algebra:
    """The letters of one direction and the definitions that tie them together.

    Parameters
    ----------
    direction : "backward" or "forward"
    depth : Index
        Number of layers L, an integer or the variable L.
    """

    direction: Direction
    depth: Index

    def __post_init__(self) -> None:
        if self.direction not in ("backward", "forward"):
            raise MzError(
                f"The direction {self.direction!r} is unknown", "derive(direction=...)", 'Use "backward" or "forward"'
            )

    @property
    def sign(self) -> int:
        """+1 when a step of the word leads to the next layer (backward), -1 when to the one before (forward)."""
        return 1 if self.direction == "backward" else -1

    @property
    def end(self) -> Index:
        """The layer where the vectors start: L (observable) or 0 (input density)."""
        return self.depth if self.direction == "backward" else ZERO

    @property
    def heads(self) -> tuple[str, str, str, str, str]:
        """Heads of the layer, the chain of layers, the orthogonal dynamics, the vector and its source."""
        return ("M", "M*", "Phi", "q", "u") if self.direction == "backward" else ("N", "N*", "Psi", "p", "p0")

    def layer(self, row: Index) -> Factor:
        """M_row, or N_{row-1}: the layer that leads to functions of ``row``."""
        return Factor(self.heads[0], row, row.plus(self.sign))

    def chain(self, row: Index, col: Index) -> Factor:
        """M(row,col) or N(row,col)."""
        return Factor(self.heads[1], row, col)

    def orthogonal(self, row: Index, col: Index) -> Factor:
        """Phi(row,col) or Psi(row,col)."""
        return Factor(self.heads[2], row, col)

    def vector(self, row: Index) -> Factor:
        """q_row or p_row."""
        return Factor(self.heads[3], row, None)

    @property
    def source(self) -> Factor:
        """u, or p_0."""
        return Factor(self.heads[4], self.end, None)

    def definition(self, factor: Factor) -> Word:
        """Right-hand side of the definition of a chain or of the orthogonal dynamics, one step (MATH (4), (10), (13)).

        The caller makes sure that it is not empty, that is, row and col differ.
        """
        rest = Factor(factor.head, factor.row.plus(self.sign), factor.col)
        layer = self.layer(factor.row)
        tail: Word = () if rest.row == rest.col else (rest,)
        return (Factor("Q", factor.row, factor.row), layer, *tail) if factor.head == self.heads[2] else (layer, *tail)

    def check_factor(self, factor: Factor, order: Order) -> None:
        """Refuse a letter of the other direction, or one whose layers are not provably in place."""
        head, row, col = factor
        layer, chain, orthogonal, vector, source = self.heads
        low, high = (row, col) if self.sign > 0 else (col, row)
        if not (order.proves(ZERO, row) and order.proves(row, self.depth)):
            raise Malformed(f"{factor} is not proved to lie in layers 0 to {self.depth}")
        if head in ("P", "Q"):
            fits = col == row
        elif head == layer:
            fits = col == row.plus(self.sign)
        elif head in (chain, orthogonal):
            fits = low is not None and high is not None and order.proves(low, high)
        elif head == vector:
            fits = col is None
        elif head == source:
            fits = col is None and row == self.end
        else:
            raise Malformed(f"the letter {head!r} does not belong to the {self.direction} equations")
        if not fits:
            raise Malformed(f"the layers of {factor} are not proved to be in order")
        if col is not None and not (order.proves(ZERO, col) and order.proves(col, self.depth)):
            raise Malformed(f"{factor} is not proved to lie in layers 0 to {self.depth}")

    def check_word(self, word: Word, order: Order) -> None:
        """Refuse a word whose letters do not fit together."""
        for position, factor in enumerate(word):
            self.check_factor(factor, order)
            if position and word[position - 1].col != factor.row:
                raise Malformed(f"{word[position - 1]} and {factor} do not fit together in {spell(word)}")


def projection(row: Index) -> Factor:
    """P_row."""
    return Factor("P", row, row)


def complement(row: Index) -> Factor:
    """Q_row = I - P_row."""
    return Factor("Q", row, row)


def spell(word: Word) -> str:
    """A word as plain text."""
    return " ".join(map(str, word)) or "I"


def replace_symbol(word: Word, values: Mapping[str, Index]) -> Word:
    """A word with index variables replaced."""
    return tuple(factor.replace_symbol(values) for factor in word)
