"""The normal form of a linear combination of words: equal operators of the algebra have equal normal forms.

Three mechanisms, each of which a step of a derivation may or may not be allowed:

``DEFINE``  replace q_n, p_n and, at the claim's own layer (the *site*), M(n,m), N(n,m), Phi(n,m), Psi(n,m) by their
            definitions, one step; M(n,n) = N(n,n) = Phi(n,n) = Psi(n,n) = I everywhere. Further atoms stay atoms, so
            nothing grows;
``SPLIT``   Q_n = I - P_n, then P_n P_n = P_n;
``SUMS``    split off, merge and cancel terms of sums. A sum from a to b is the difference S(b+1) - S(a) of one formal
            antidifference; bounds that differ by an integer are brought to the lower one, which splits off terms.

Every rewriting is an equality that holds under the assumptions, so a zero normal form proves that the combination is
zero; that it is found for every true identity of a step is what the tests show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mzsym.derive.operators.indices import Bound, Index, Order, order_of
from mzsym.derive.operators.sums import DUMMY, Expression, Monomial, Range, canonical_dummies, text
from mzsym.derive.operators.words import Algebra, Factor, Malformed, Word

DEFINE = "definitions"
SPLIT = "I = P + Q"
SUMS = "algebra of sums"
PREMISES = "premises"
Mechanisms = frozenset[str]


@dataclass(frozen=True)
class Site:
    """Where a normal form is taken.

    Parameters
    ----------
    algebra : Algebra
        The letters.
    given : tuple of Bound
        The assumptions on the free indices.
    layer : Index or None
        The layer at which definitions are unfolded.
    mechanisms : frozenset of str
        Which of DEFINE, SPLIT, SUMS may be used.
    """

    algebra: Algebra
    given: tuple[Bound, ...]
    layer: Index | None
    mechanisms: Mechanisms

    def order(self, over: Range | None = None) -> Order:
        """What is known of the indices, inside the range of a sum if one is given."""
        return order_of(self.given if over is None else self.given + over.bounds())

    def unfold(self, word: Word, order: Order) -> Word:
        """Definitions inserted, one step and at this site only."""
        algebra = self.algebra
        _, chain, orthogonal, vector, _ = algebra.heads
        out: list[Factor] = []
        for factor in word:
            if factor.head == vector:
                out.extend(self._unfold_at(algebra.chain(factor.row, algebra.end), order))
                out.append(algebra.source)
            elif factor.head == chain or factor.head == orthogonal:
                out.extend(self._unfold_at(factor, order))
            else:
                out.append(factor)
        return tuple(out)

    def _unfold_at(self, factor: Factor, order: Order) -> Word:
        row, col = factor.row, factor.col
        if row == col:
            return ()
        if row != self.layer or col is None:
            return (factor,)
        step = row.plus(self.algebra.sign)
        apart = order.proves(step, col) if self.algebra.sign > 0 else order.proves(col, step)
        return self.algebra.definition(factor) if apart else (factor,)

    def rewrite(self, word: Word, order: Order) -> list[tuple[Word, int]]:
        """The word as a combination of words without Q, with definitions inserted, as far as allowed."""
        if DEFINE in self.mechanisms:
            word = self.unfold(word, order)
        if SPLIT not in self.mechanisms:
            return [(word, 1)]
        expanded: list[tuple[Word, int]] = [((), 1)]
        for factor in word:
            if factor.head == "Q":
                kept = Factor("P", factor.row, factor.col)
                expanded += [(_append(start, kept), -sign) for start, sign in expanded]
            else:
                expanded = [(_append(start, factor), sign) for start, sign in expanded]
        return expanded


def _append(word: Word, factor: Factor) -> Word:
    # P_n P_n = P_n
    return word if factor.head == "P" and word and word[-1] == factor else (*word, factor)


@dataclass
class NormalForm:
    """A running sum of expressions, kept in normal form at a site."""

    site: Site
    plain: dict[Word, int] = field(default_factory=dict)
    ranged: dict[tuple[Word, Range], int] = field(default_factory=dict)

    def add(self, expression: Expression, factor: int = 1, left: Word = (), right: Word = ()) -> None:
        """Add ``factor * left * expression * right``."""
        site, plain = self.site, self.plain
        outer = site.order()
        as_it_is = not (DEFINE in site.mechanisms or SPLIT in site.mechanisms)
        for coefficient, word, over in canonical_dummies(expression):
            weight = factor * coefficient
            whole = left + word + right if left or right else word
            if over is not None:
                for body, sign in site.rewrite(whole, site.order(over)):
                    key = _shifted(body, over)
                    self.ranged[key] = self.ranged.get(key, 0) + sign * weight
            elif as_it_is:
                plain[whole] = plain.get(whole, 0) + weight
            else:
                for flat, sign in site.rewrite(whole, outer):
                    plain[flat] = plain.get(flat, 0) + sign * weight

    def is_zero(self) -> bool:
        """Whether nothing is left."""
        plain, ranged = self._settled()
        return not any(plain.values()) and not any(ranged.values())

    def rest(self) -> str:
        """What is left, as text, at most three terms of it."""
        left = [Monomial(value, word, over) for (word, over), value in self.ranged.items() if value]
        left += [Monomial(value, word) for word, value in self.plain.items() if value]
        return text(tuple(left[:3])) + (" + ..." if len(left) > 3 else "")

    def _settled(self) -> tuple[dict[Word, int], dict[tuple[Word, Range], int] | dict[tuple[Word, Index], int]]:
        """What is left of plain words and of sums, the latter brought to as few antidifferences as possible."""
        if SUMS not in self.site.mechanisms:
            return self.plain, self.ranged
        points: dict[Word, dict[Index, int]] = {}
        for (body, over), weight in self.ranged.items():
            at = points.setdefault(body, {})
            end = over.high.plus(1)
            at[end] = at.get(end, 0) + weight
            at[over.low] = at.get(over.low, 0) - weight
        plain, antidifferences = dict(self.plain), dict[tuple[Word, Index], int]()
        for body, at in points.items():
            for symbol in {point.symbol for point, weight in at.items() if weight}:
                base, weight = self._merge(body, symbol, at, plain)
                antidifferences[body, base] = weight
        return plain, antidifferences

    def _merge(self, body: Word, symbol: str, at: dict[Index, int], plain: dict[Word, int]) -> tuple[Index, int]:
        """Points ``symbol + integer``: S(base + k) = S(base) + body(base) + ... + body(base + k - 1).

        A term outside the range of every sum may come and go here: letters of layers that the network does not have
        can be given any meaning, and all the rules hold for them too.
        """
        order = self.site.order()
        shifts = {point.shift: weight for point, weight in at.items() if point.symbol == symbol and weight}
        base = min(shifts)
        weight = 0
        for shift in range(max(shifts) - 1, base - 1, -1):
            weight += shifts.get(shift + 1, 0)
            if weight:
                word = tuple(factor.replace_symbol({DUMMY: Index(symbol, shift)}) for factor in body)
                for flat, sign in self.site.rewrite(word, order):
                    plain[flat] = plain.get(flat, 0) + sign * weight
        return Index(symbol, base), weight + shifts[base]


def _shifted(body: Word, over: Range) -> tuple[Word, Range]:
    """Shift the dummy so that its first occurrence is unshifted: the canonical form of a sum under index shifts."""
    for factor in body:
        for index in (factor.row, factor.col):
            if index is not None and index.symbol == DUMMY:
                shift = index.shift
                if shift == 0:
                    return body, over
                moved = tuple(item.replace_symbol({DUMMY: Index(DUMMY, -shift)}) for item in body)
                return moved, Range(DUMMY, over.low.plus(shift), over.high.plus(shift))
    return body, over


def check_expression(expression: Expression, site: Site, checked: set[Word]) -> tuple[Index, Index | None] | None:
    """Refuse an expression that has no meaning under the site's assumptions; its (row, col), None for the zero sum.

    ``checked`` remembers plain words already found good under the same assumptions.
    """
    kind: tuple[Index, Index | None] | None = None
    for coefficient, word, over in canonical_dummies(expression):
        if not isinstance(coefficient, int):
            raise Malformed(f"the coefficient {coefficient!r} is not an integer")
        if not word:
            raise Malformed("a claim between operators of a layer needs a letter that names the layer")
        order = site.order()
        if over is None:
            if word not in checked:
                site.algebra.check_word(word, order)
                checked.add(word)
        else:
            # an empty sum (low = high + 1) is allowed; a shorter one would not add like an integral
            if not order.proves(over.low, over.high.plus(1)):
                raise Malformed(f"the bounds {over.low} to {over.high} are not proved to be in order")
            site.algebra.check_word(word, site.order(over))
        found = (word[0].row, word[-1].col)
        if DUMMY in (found[0].symbol, found[1].symbol if found[1] is not None else ""):
            raise Malformed("a sum of words that act between different layers")
        if kind is not None and kind != found:
            raise Malformed(f"{text((Monomial(1, word),))} acts between other layers than the rest")
        kind = found
    return kind
