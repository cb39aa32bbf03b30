"""The derivation itself: insert I = P + Q, solve the Q-equation by (10), project.

One generator serves both directions, because the forward equations are the backward ones with the layers counted
the other way: a *row* is the layer whose functions an equation is about, and the *next* layer is row + 1 backward
and row - 1 forward. It only writes steps down; :mod:`mzsym.derive.operators.proof` proves them without it.
"""

from __future__ import annotations

from collections.abc import Callable

from mzsym.derive.operators.indices import ZERO, Bound, Index, number, variable
from mzsym.derive.operators.steps import HYPOTHESIS, INDUCTION, Claim, Induction, Step, Use
from mzsym.derive.operators.sums import Expression, Monomial, Range, total, words
from mzsym.derive.operators.words import Algebra, Word, complement, projection

_CITES = {
    "backward": {"dyson": "MATH (10)", "unprojected": "MATH (12)", "projected": "MATH (11)"},
    "forward": {"dyson": "MATH (10), forward", "unprojected": "MATH (13), unprojected", "projected": "MATH (13)"},
}


class _Writer:
    """What the symbolic and the concrete derivation share: claims about a row, and steps that carry them."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.sign = algebra.sign
        self.end = algebra.end
        self.cites = _CITES[algebra.direction]
        self.concrete = not algebra.depth.symbol
        self.steps: list[Step] = []
        self.given: tuple[Bound, ...] = ()
        self._tails: dict[tuple[Index, str], Word] = {}

    def add(
        self,
        name: str,
        claim: tuple[Expression, Expression],
        rule: str,
        why: str,
        uses: tuple[Use, ...] = (),
        induction: Induction | None = None,
    ) -> str:
        """Write one step down, under the present assumptions; its name."""
        serves = "dyson" if name.startswith("dyson") else "projected" if name.startswith("projected") else "unprojected"
        self.steps.append(Step(name, Claim(*claim), rule, why, self.cites[serves], self.given, uses, induction))
        return name

    def over(self, first: Index, word: Callable[[Index], Word]) -> Expression:
        """The sum of a word over m from ``first`` to the end layer, in the direction of the words."""
        low, high = (first, self.end) if self.sign > 0 else (self.end, first)
        if not self.concrete:
            return total(word(variable("m")), Range("m", low, high))
        return tuple([Monomial(1, word(number(m))) for m in range(low.shift, high.shift + 1)])

    def next(self, row: Index) -> Index:
        """The layer that the letter of a row leads to."""
        return row.plus(self.sign)

    def operator_tail(self, m: Index) -> Word:
        """P_m M(m,L)."""
        return self._tail(m, "operator")

    def vector_tail(self, m: Index) -> Word:
        """P_m q_m."""
        return self._tail(m, "vector")

    def _tail(self, m: Index, kind: str) -> Word:
        tail = self._tails.get((m, kind))
        if tail is None:
            last = self.algebra.chain(m, self.end) if kind == "operator" else self.algebra.vector(m)
            tail = self._tails[m, kind] = (projection(m), last)
        return tail

    # -- right-hand sides ------------------------------------------------------------------------------------------

    def expansion(self, row: Index, left: Word = (), vector: bool = False, first: Index | None = None) -> Expression:
        """``left`` times the right-hand side of (10) at a row, or of (10) applied to the vector."""
        algebra = self.algebra
        tail = self.vector_tail if vector else self.operator_tail
        last: Word = (algebra.orthogonal(row, self.end), complement(self.end))
        if vector:
            last = (*last, algebra.source)
        memory = self.over(
            self.next(row) if first is None else first, lambda m: (*left, algebra.orthogonal(row, m), *tail(m))
        )
        return memory + words((*left, *last))

    # -- the equations of a row that make (10), and those that make (12) and (11) ------------------------------------

    def dyson_rows(self, row: Index, tag: str, premise: str) -> tuple[Expression, tuple[Use, ...]]:
        """The steps from (10) at the next layer to (10) at this one; the left-hand side and the chain to it."""
        algebra, after = self.algebra, self.next(row)
        here: Word = (complement(row), algebra.layer(row))
        rest = algebra.chain(after, self.end)
        whole = words((complement(row), algebra.chain(row, self.end)))
        behind = words((*here, rest))
        streaming, orthogonal = (*here, projection(after), rest), (*here, complement(after), rest)
        solved = self.expansion(after, here)
        folded = self.expansion(row)
        if not self.concrete:  # the first term joins the sum in a step of its own
            first_term = (algebra.orthogonal(row, after), *self.operator_tail(after))
            folded = words(first_term) + self.expansion(row, first=self.next(after))
        unfold = self.add(
            f"dyson-unfold{tag}", (whole, behind), "definition", "Split the first layer off the chain of layers."
        )
        insert = self.add(
            f"dyson-insert{tag}",
            (behind, words(streaming, orthogonal)),
            "insert",
            "Insert the identity I = P + Q behind that layer.",
        )
        substitute = self.add(
            f"dyson-substitute{tag}",
            (words(orthogonal), solved),
            "multiply",
            "The part in Q is known from one layer on; multiply what is known there by this layer.",
            (Use(premise, left=here),),
        )
        fold = self.add(
            f"dyson-fold{tag}",
            (words(streaming) + solved, folded),
            "definition",
            "Collect Q and the layer into the orthogonal dynamics, which now starts one layer earlier.",
        )
        return whole, (Use(unfold), Use(insert), Use(substitute), Use(fold))

    def equation_rows(self, row: Index, tag: str, solved: str) -> None:
        """The steps from the solved Q-equation of the next layer to (12) and (11) at this one."""
        algebra, after = self.algebra, self.next(row)
        layer = (algebra.layer(row),)
        here, there = algebra.vector(row), algebra.vector(after)
        streaming, orthogonal = (*layer, projection(after), there), (*layer, complement(after), there)
        what = "observable" if self.sign > 0 else "density"
        split = self.add(
            f"split{tag}",
            (words((here,)), words((*layer, there))),
            "definition",
            f"One layer of the network, by the definition of the {what} at each layer.",
        )
        insert = self.add(
            f"insert{tag}",
            (words((*layer, there)), words(streaming, orthogonal)),
            "insert",
            "Insert the identity I = P + Q: the part in P is resolved, the part in Q is not.",
        )
        unprojected = self.add(
            f"unprojected{tag}",
            (words((here,)), words(streaming) + self.expansion(after, layer, vector=True)),
            "chain",
            "Put the solved Q-equation in place of the part in Q: streaming, memory and noise.",
            (Use(split), Use(insert), Use(solved, left=layer)),
        )
        onto: Word = (projection(row),)
        everything = words((*onto, *streaming)) + self.expansion(after, (*onto, *layer), vector=True)
        self.add(
            f"projected{tag}",
            (words((*onto, here)), everything),
            "multiply",
            "Project: the exact equation for what P keeps.",
            (Use(unprojected, left=onto),),
        )

    def solved(self, name: str, row: Index, dyson: Use) -> str:
        """The Q-equation of a row, solved: (10) applied to the vector at the end layer."""
        claim = (words((complement(row), self.algebra.vector(row))), self.expansion(row, vector=True))
        if row == self.end:
            return self.add(name, claim, "definition", "At the end layer there is nothing to solve.")
        what = "observable u at the output" if self.sign > 0 else "density p_0 at the input"
        why = f"Solve the Q-equation: apply the Dyson identity to the {what}."
        return self.add(name, claim, "apply", why, (dyson._replace(right=(self.algebra.source,)),))


def symbolic_steps(algebra: Algebra) -> tuple[Step, ...]:
    """The derivation for all n and L at once, (10) by induction over the layers."""
    writer = _Writer(algebra)
    n, depth = variable("n"), algebra.depth
    _dyson_by_induction(writer, n)
    writer.given = (Bound(ZERO, n), Bound(n.plus(1), depth))
    row = n if algebra.sign > 0 else n.plus(1)
    other = writer.next(row)
    use = Use("dyson", values=(("n", other),)) if other != n else Use("dyson")
    writer.equation_rows(row, "", writer.solved("orthogonal", other, use))
    return tuple(writer.steps)


def _dyson_by_induction(writer: _Writer, n: Index) -> None:
    algebra, depth, end, after = writer.algebra, writer.algebra.depth, writer.end, writer.next(n)
    writer.given = (Bound(ZERO, depth),)
    base = writer.add(
        "dyson-base",
        (words((complement(end), algebra.chain(end, end))), writer.expansion(end)),
        "base",
        f"At n = {end} the sum is empty and the products of no layers are the identity.",
    )
    writer.given = (
        (Bound(ZERO, n), Bound(n.plus(1), depth)) if algebra.sign > 0 else (Bound(number(1), n), Bound(n, depth))
    )
    hypothesis = writer.add(
        "dyson-hypothesis",
        (words((complement(after), algebra.chain(after, end))), writer.expansion(after)),
        HYPOTHESIS,
        f"Suppose that the Dyson identity holds at {after}, one layer nearer to {end}.",
    )
    whole, uses = writer.dyson_rows(n, "", hypothesis)
    collect = writer.add(
        "dyson-collect",
        (writer.steps[-1].claim.rhs[:2], writer.expansion(n)[:1]),
        "collect",
        "The single term is the missing term of the sum.",
    )
    step = writer.add(
        "dyson-step",
        (whole, writer.expansion(n)),
        "chain",
        f"Chain these equations: the Dyson identity at n follows from the one at {after}.",
        (*uses, Use(collect)),
    )
    writer.given = (Bound(ZERO, n), Bound(n, depth))
    writer.add(
        "dyson",
        (whole, writer.expansion(n)),
        INDUCTION,
        f"Dyson identity, by induction from n = {end} {'down' if algebra.sign > 0 else 'up'}.",
        induction=Induction("n", end, base, step, hypothesis),
    )


def concrete_steps(algebra: Algebra) -> tuple[Step, ...]:
    """The derivation for every layer of a network of given depth: O(L) terms a step, O(L^2) in all."""
    writer = _Writer(algebra)
    depth, end, sign = algebra.depth.shift, algebra.end, algebra.sign
    writer.add(
        f"dyson[{end}]",
        (words((complement(end), algebra.chain(end, end))), writer.expansion(end)),
        "definition",
        "At the end layer the sum is empty and the products of no layers are the identity.",
    )
    for row in map(number, range(depth - 1, -1, -1) if sign > 0 else range(1, depth + 1)):
        whole, uses = writer.dyson_rows(row, f"[{row}]", f"dyson[{writer.next(row)}]")
        writer.add(
            f"dyson[{row}]",
            (whole, writer.steps[-1].claim.rhs),
            "chain",
            f"Chain these equations: the Dyson identity at layer {row}.",
            uses,
        )
    for n in map(number, range(depth - 1, -1, -1) if sign > 0 else range(depth)):
        row = n if sign > 0 else n.plus(1)
        other = writer.next(row)
        solved = writer.solved(f"orthogonal[{other}]", other, Use(f"dyson[{other}]"))
        writer.equation_rows(row, f"[{n}]", solved)
    return tuple(writer.steps)
