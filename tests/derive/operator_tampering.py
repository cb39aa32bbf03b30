"""Every way the tests know to tamper with one step of a derivation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from mzsym.derive.operators.indices import Bound, Index
from mzsym.derive.operators.steps import HYPOTHESIS, INDUCTION, RULES, Claim, Step, Use
from mzsym.derive.operators.sums import Expression, Monomial
from mzsym.derive.operators.words import Factor, Word

OTHER_HEAD = {
    "M": "N", "N": "M", "P": "Q", "Q": "P", "M*": "Phi", "N*": "Psi", "Phi": "M*", "Psi": "N*",
    "q": "p", "p": "q", "u": "p0", "p0": "u",
}  # fmt: skip


def indices(index: Index) -> Iterator[Index]:
    yield index.plus(1)
    yield index.plus(-1)
    for name in ("n", "m", "L", "k"):
        if index.symbol and name != index.symbol:
            yield Index(name, index.shift)


def factors(factor: Factor) -> Iterator[Factor]:
    yield factor._replace(head=OTHER_HEAD[factor.head])
    for row in indices(factor.row):
        yield factor._replace(row=row)
        if factor.col == factor.row:  # a projection moved as a whole
            yield Factor(factor.head, row, row)
    if factor.col is not None:
        for col in indices(factor.col):
            yield factor._replace(col=col)
        for shift in (1, -1):
            yield Factor(factor.head, factor.row.plus(shift), factor.col.plus(shift))
        yield factor._replace(col=None)
        yield Factor(factor.head, factor.col, factor.row) if factor.col != factor.row else factor._replace(head="?")


def tampered_words(word: Word) -> Iterator[Word]:
    for place, factor in enumerate(word):
        for other in factors(factor):
            yield (*word[:place], other, *word[place + 1 :])
        yield (*word[:place], *word[place + 1 :])
        yield (*word[:place], factor, factor, *word[place + 1 :])
    for place in range(len(word) - 1):
        yield (*word[:place], word[place + 1], word[place], *word[place + 2 :])


def monomials(term: Monomial) -> Iterator[Monomial]:
    yield term._replace(coefficient=-term.coefficient)
    yield term._replace(coefficient=term.coefficient + 1)
    yield term._replace(coefficient=0)
    for word in tampered_words(term.word):
        # P P = P and Q Q = Q: a doubled projection is the same operator
        if word != term.word and not any(a == b and a.head in "PQ" for a, b in itertools.pairwise(word)):
            yield term._replace(word=word)
    if term.over is not None:
        for low in indices(term.over.low):
            yield term._replace(over=term.over._replace(low=low))
        for high in indices(term.over.high):
            yield term._replace(over=term.over._replace(high=high))
        yield term._replace(over=term.over._replace(dummy="n"))
        yield term._replace(over=None)


def expressions(expression: Expression) -> Iterator[Expression]:
    for place, term in enumerate(expression):
        for other in monomials(term):
            yield (*expression[:place], other, *expression[place + 1 :])
        yield (*expression[:place], *expression[place + 1 :])
        yield (*expression, term)


def claims(step: Step) -> Iterator[tuple[str, Step]]:
    """Signs, indices, letters, order of letters, terms and bounds of the claim."""
    for lhs in expressions(step.claim.lhs):
        yield f"lhs {Claim(lhs, step.claim.rhs)}", replace(step, claim=Claim(lhs, step.claim.rhs))
    for rhs in expressions(step.claim.rhs):
        yield f"rhs {Claim(step.claim.lhs, rhs)}", replace(step, claim=Claim(step.claim.lhs, rhs))


def rules(step: Step) -> Iterator[tuple[str, Step]]:
    """Every other rule, known or not."""
    for rule in (*RULES, HYPOTHESIS, INDUCTION, "trust me"):
        if rule != step.rule:
            yield f"rule {rule}", replace(step, rule=rule)


def proofs(step: Step, names: list[str]) -> Iterator[tuple[str, Step]]:
    """Premises and inductions: another one, none, one more, other multiples, other indices."""
    for place, use in enumerate(step.uses):
        others: list[Use] = [use._replace(step=name) for name in [*names, "missing"] if name != use.step]
        others += [use._replace(coefficient=-1), use._replace(coefficient=2), use._replace(coefficient=0)]
        others += [use._replace(left=word) for word in tampered_words(use.left)]
        others += [use._replace(right=word) for word in tampered_words(use.right)]
        others += (
            [use._replace(values=tuple((name, value.plus(1)) for name, value in use.values))] if use.values else []
        )
        others += [use._replace(values=(("n", Index("n", 1)),))] if not use.values else [use._replace(values=())]
        others += [use._replace(values=(("L", Index("L", 1)),)), use._replace(values=(("", Index("", 1)),))]
        for other in others:
            yield f"use {other}", replace(step, uses=(*step.uses[:place], other, *step.uses[place + 1 :]))
        yield "use dropped", replace(step, uses=(*step.uses[:place], *step.uses[place + 1 :]))
        yield "use doubled", replace(step, uses=(*step.uses, use))
    if step.induction is not None:
        induction = step.induction
        for other_induction in (
            induction._replace(variable="m"),
            induction._replace(variable="L"),
            induction._replace(variable=""),
            induction._replace(base=induction.base.plus(1)),
            induction._replace(base=induction.base.plus(-1)),
            induction._replace(base=Index("n", 0)),
            induction._replace(base_step=induction.inductive_step),
            induction._replace(base_step="missing"),
            induction._replace(inductive_step=induction.base_step),
            induction._replace(inductive_step=induction.hypothesis),
            induction._replace(hypothesis=induction.base_step),
            induction._replace(hypothesis="missing"),
        ):
            yield f"induction {other_induction}", replace(step, induction=other_induction)
        yield "no induction", replace(step, induction=None)


def assumptions(step: Step) -> Iterator[tuple[str, Step]]:
    """Assumptions left out, weakened, strengthened, or contradictory."""
    for place, bound in enumerate(step.given):
        rest = (*step.given[:place], *step.given[place + 1 :])
        yield "given dropped", replace(step, given=rest)
        for shift in (1, -1):
            yield f"given {shift}", replace(step, given=(*rest, Bound(bound.low.plus(shift), bound.high)))
    impossible = Bound(Index("", 1), Index("", 0))
    yield "given impossible", replace(step, given=(*step.given, impossible))
