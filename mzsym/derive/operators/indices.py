"""Layer indices, and what can be proved about their order.

An index is an integer or a named integer plus a shift (``n+1``, ``L-1``). Assumptions are inequalities between two
indices, so they form difference constraints, for which longest paths decide every question about order exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple


class Index(NamedTuple):
    """The integer ``shift`` when ``symbol`` is empty, else the named integer plus ``shift``.

    Parameters
    ----------
    symbol : str
        Name of an integer variable, or "".
    shift : int
        What is added to it.

    Examples
    --------
    >>> print(Index("n", 1), Index("", 4), Index("L", -1))
    n+1 4 L-1
    """

    symbol: str
    shift: int

    def plus(self, amount: int) -> Index:
        """The index moved by an integer."""
        return Index(self.symbol, self.shift + amount)

    def replace_symbol(self, values: Mapping[str, Index]) -> Index:
        """The index with its variable replaced, when ``values`` names it."""
        value = values.get(self.symbol)
        return self if value is None else Index(value.symbol, value.shift + self.shift)

    def __str__(self) -> str:
        if not self.symbol:
            return str(self.shift)
        return self.symbol if self.shift == 0 else f"{self.symbol}{self.shift:+d}"


class Bound(NamedTuple):
    """The assumption ``low <= high``."""

    low: Index
    high: Index

    def replace_symbol(self, values: Mapping[str, Index]) -> Bound:
        """The assumption with variables replaced."""
        return Bound(self.low.replace_symbol(values), self.high.replace_symbol(values))

    def __str__(self) -> str:
        return f"{self.low} <= {self.high}"


class Order:
    """What follows from a set of assumptions; complete for inequalities between two indices.

    Parameters
    ----------
    given : iterable of Bound
        The assumptions. Contradictory ones prove everything, as they should.

    Examples
    --------
    >>> n, m, end = Index("n", 0), Index("m", 0), Index("L", 0)
    >>> order = Order([Bound(n.plus(1), m), Bound(m, end)])
    >>> order.proves(n.plus(1), end), order.proves(n.plus(2), end)
    (True, False)
    """

    __slots__ = ("_gaps", "contradictory")

    def __init__(self, given: Iterable[Bound]) -> None:
        # _gaps[a, b] is the largest provable lower bound of b - a ("" is the integer zero)
        gaps: dict[tuple[str, str], int] = {}
        for low, high in given:
            key = (low.symbol, high.symbol)
            gaps[key] = max(gaps.get(key, low.shift - high.shift), low.shift - high.shift)
        names = sorted({name for key in gaps for name in key})
        for via in names:
            for a in names:
                for b in names:
                    if (a, via) in gaps and (via, b) in gaps:
                        through = gaps[a, via] + gaps[via, b]
                        gaps[a, b] = max(gaps.get((a, b), through), through)
        self.contradictory = any(gaps.get((name, name), 0) > 0 for name in names)
        self._gaps = gaps

    def proves(self, low: Index, high: Index) -> bool:
        """Whether ``low <= high`` follows."""
        if self.contradictory:
            return True
        if low.symbol == high.symbol:
            return low.shift <= high.shift
        gap = self._gaps.get((low.symbol, high.symbol))
        return gap is not None and gap + high.shift - low.shift >= 0


@lru_cache(maxsize=512)
def order_of(given: tuple[Bound, ...]) -> Order:
    """The (cached) order that a tuple of assumptions generates."""
    return Order(given)


def number(value: int) -> Index:
    """A plain integer as an index."""
    return Index("", value)


def variable(name: str) -> Index:
    """A named integer as an index."""
    return Index(name, 0)


ZERO = number(0)
