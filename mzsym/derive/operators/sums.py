"""Linear combinations of words, with sums over a layer index between symbolic bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mzsym.derive.operators.indices import Bound, Index, variable
from mzsym.derive.operators.words import Malformed, Word, replace_symbol, spell

#: The canonical dummy. It is no identifier, so it never meets a variable and substitution cannot capture it.
DUMMY = "@"


class Range(NamedTuple):
    """``dummy`` runs from ``low`` to ``high``, both included."""

    dummy: str
    low: Index
    high: Index

    def bounds(self) -> tuple[Bound, Bound]:
        """What may be assumed of the dummy inside the sum."""
        return Bound(self.low, variable(self.dummy)), Bound(variable(self.dummy), self.high)


class Monomial(NamedTuple):
    """``coefficient`` times a word, summed over ``over`` when that is not None."""

    coefficient: int
    word: Word
    over: Range | None = None

    def __str__(self) -> str:
        word = spell(self.word)
        if self.over is not None:
            dummy, low, high = self.over
            word = f"sum_{{{dummy}={low}}}^{{{high}}} {word}"
        return word if self.coefficient == 1 else f"{self.coefficient} {word}"


Expression = tuple[Monomial, ...]


def words(*several: Word) -> Expression:
    """The plain sum of some words."""
    return tuple(Monomial(1, word) for word in several)


def total(word: Word, over: Range) -> Expression:
    """The sum of a word over a range."""
    return (Monomial(1, word, over),)


def text(expression: Expression) -> str:
    """An expression as plain text.

    Examples
    --------
    >>> from mzsym.derive.operators.words import complement, projection
    >>> n = variable("n")
    >>> text(words((projection(n),), (complement(n),)))
    'P_n + Q_n'
    """
    return " + ".join(map(str, expression)) or "0"


def canonical_dummies(expression: Expression) -> Iterator[Monomial]:
    """The same terms with every dummy renamed to DUMMY; refuses a dummy that is also a variable of its bounds."""
    for term in expression:
        over = term.over
        if over is None:
            yield term
            continue
        if over.dummy in (over.low.symbol, over.high.symbol, ""):
            raise Malformed(f"the dummy {over.dummy!r} occurs in its own bounds")
        if over.dummy == DUMMY:
            yield term
            continue
        renamed = replace_symbol(term.word, {over.dummy: variable(DUMMY)})
        yield Monomial(term.coefficient, renamed, Range(DUMMY, over.low, over.high))


def substitute(expression: Expression, values: Mapping[str, Index]) -> Expression:
    """Replace free index variables; dummies are renamed first, so none is captured.

    Examples
    --------
    >>> from mzsym.derive.operators.words import projection
    >>> m, n = variable("m"), variable("n")
    >>> text(substitute(total((projection(m),), Range("m", n, n.plus(2))), {"n": m}))
    'sum_{@=m}^{m+2} P_@'
    """
    if DUMMY in values:
        raise Malformed("a dummy is not a free variable")
    out = []
    for coefficient, word, over in canonical_dummies(expression):
        if over is not None:
            over = Range(over.dummy, over.low.replace_symbol(values), over.high.replace_symbol(values))
        out.append(Monomial(coefficient, replace_symbol(word, values), over))
    return tuple(out)


def canonical(expression: Expression) -> dict[tuple[Word, Range | None], int]:
    """The terms collected, with canonical dummies: equal dictionaries mean literally equal expressions."""
    collected: dict[tuple[Word, Range | None], int] = {}
    for coefficient, word, over in canonical_dummies(expression):
        key = (word, over)
        collected[key] = collected.get(key, 0) + coefficient
    return {key: value for key, value in collected.items() if value}
