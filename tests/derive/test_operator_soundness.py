"""Attempts to prove what is false: each exploits one thing that the prover must not allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mzsym.derive.derivation import DerivationError, derive_operator
from mzsym.derive.indices import Bound, Index, Order, number, variable
from mzsym.derive.steps import HYPOTHESIS, INDUCTION, Claim, Induction, Step, Use
from mzsym.derive.sums import DUMMY, Expression, Monomial, Range, canonical, substitute, total, words
from mzsym.derive.words import Factor, Malformed

N, L, ZERO = variable("n"), variable("L"), number(0)
INSIDE = (Bound(ZERO, N), Bound(N.plus(1), L))


def p(at: Index) -> Factor:
    return Factor("P", at, at)


def q(at: Index) -> Factor:
    return Factor("q", at, None)


def layer(at: Index) -> Factor:
    return Factor("M", at, at.plus(1))


def chain(row: Index, col: Index) -> Factor:
    return Factor("M*", row, col)


def memory(row: Index, low: Index, high: Index, dummy: str = "m") -> Expression:
    """Sum of M(row,m) P_m q_m."""
    m = variable(dummy)
    return total((chain(row, m), p(m), q(m)), Range(dummy, low, high))


def verdict(*extra: Step) -> str | None:
    """Put steps before the last one of the backward derivation; the step that is refused, or None."""
    derivation = derive_operator("backward")
    try:
        replace(derivation, steps=(*derivation.steps[:-1], *extra, derivation.steps[-1])).verify()
    except DerivationError as error:
        return error.step
    return None


def step(lhs: Expression, rhs: Expression, rule: str, given: tuple[Bound, ...] = INSIDE, **more: object) -> Step:
    return Step("extra", Claim(lhs, rhs), rule, "It is so.", "none", given, **more)  # type: ignore[arg-type]


def split_off(given: tuple[Bound, ...]) -> Step:
    # one term more on both sides keeps the claim from being about an empty sum
    after = N.plus(1)
    one = words((chain(N, N), p(N), q(N)))
    first = words((chain(N, after), p(after), q(after)))
    return step(one + memory(N, after, L), one + first + memory(N, N.plus(2), L), "collect", given)


GOOD = {
    "idempotence": step(words((p(N), p(N), q(N))), words((p(N), q(N))), "insert"),
    "split off": split_off(INSIDE),
    "shift": step(
        memory(N, N.plus(1), L) + words((q(N),)),
        total((chain(N, Index("k", 1)), p(Index("k", 1)), q(Index("k", 1))), Range("k", N, L.plus(-1)))
        + words((layer(N), q(N.plus(1)))),
        "definition",
    ),
    "instance": step(
        words((q(N.plus(1)),)),
        words((layer(N.plus(1)), q(N.plus(2)))),
        "multiply",
        (Bound(ZERO, N), Bound(N.plus(2), L)),
        uses=(Use("split", values=(("n", N.plus(1)),)),),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_true_steps_are_proved(name: str) -> None:
    assert verdict(GOOD[name]) is None


BAD = {
    # a sum that may be shorter than empty: m runs from n+2 to n
    "negative length": step(
        memory(N, N, N), memory(N, N, N.plus(1)) + memory(N, N.plus(2), N), "collect", (Bound(ZERO, N), Bound(N, L))
    ),
    # at n = L there is no first term
    "split off an empty sum": split_off((Bound(ZERO, N), Bound(N, L))),
    "beyond the last layer": step(words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (Bound(ZERO, N),)),
    "at the last layer": step(
        words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (Bound(ZERO, N), Bound(N, L))
    ),
    "free index": step(words((q(variable("k")),)), words((q(N),)), "definition"),
    "impossible assumptions": step(
        words((q(N),)), words((p(N), q(N))), "definition", (*INSIDE, Bound(number(1), number(0)))
    ),
    "assumption on a dummy": step(
        words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (*INSIDE, Bound(ZERO, variable(DUMMY)))
    ),
    "another depth": step(
        words((q(N),)),
        words((layer(N), q(N.plus(1)))),
        "multiply",
        uses=(Use("split", values=(("L", L.plus(1)),)),),
    ),
    "premise outside its range": step(
        words((q(N.plus(1)),)),
        words((layer(N.plus(1)), q(N.plus(2)))),
        "multiply",
        uses=(Use("split", values=(("n", N.plus(1)),)),),
    ),
    "itself": step(words((q(N),)), words((p(N), q(N))), "multiply", uses=(Use("extra"),)),
    "a later step": step(words((p(N), q(N))), words((p(N), q(N))), "multiply", uses=(Use("projected"),)),
    "hypothesis for good": step(words((q(N),)), words((p(N), q(N))), HYPOTHESIS),
    "capture": step(
        words((q(N),)),
        words((layer(N), q(N.plus(1)))),
        "multiply",
        uses=(Use("split", left=(p(variable(DUMMY)),)),),
    ),
    "capture by a value": step(
        words((q(N),)),
        words((layer(N), q(N.plus(1)))),
        "multiply",
        uses=(Use("split", values=(("n", variable(DUMMY)),)),),
    ),
    "half a term": step(
        (Monomial(0.5, (q(N),)),),  # type: ignore[arg-type]
        words((layer(N), q(N.plus(1)))),
        "definition",
    ),
    "no letters": step(words(()), words(()), "insert"),
    "nothing": step((), (), "insert"),
    "letters of the other direction": step(
        words((Factor("N", N.plus(1), N), Factor("p", N, None))), words((Factor("p", N.plus(1), None),)), "definition"
    ),
    "commuting": step(words((layer(N), p(N.plus(1)), q(N.plus(1)))), words((p(N), layer(N), q(N.plus(1)))), "insert"),
    "another observable": step(
        words((Factor("u", N, None),)), words((q(N),)), "definition", (Bound(ZERO, N), Bound(N, L))
    ),
    "wrong layers": step(words((layer(N), p(N), q(N))), words((layer(N), p(N), q(N))), "insert"),
    "dummy in its own bound": step(memory(N, N, variable("m")), memory(N, N, variable("m")), "collect"),
}


@pytest.mark.parametrize("name", BAD)
def test_false_or_meaningless_steps_are_refused(name: str) -> None:
    assert verdict(BAD[name]) == "extra"


def false_induction(change: str) -> tuple[Step, ...]:
    """q_n = P_n q_n "by induction": true at no base, or with a step that is circular."""
    everywhere = (Bound(ZERO, N), Bound(N, L))
    after = N.plus(1)
    claim = Claim(words((q(N),)), words((p(N), q(N))))
    following = Claim(words((q(after),)), words((p(after), q(after))))
    hypothesis = Step("extra-hypothesis", following, HYPOTHESIS, "Suppose so.", "none", INSIDE)
    induction = Induction("n", L, "extra-base", "extra-step", "extra-hypothesis")
    base = Step("extra-base", Claim(words((q(L),)), words((p(L), q(L)))), "insert", "So.", "none", (Bound(ZERO, L),))
    again = Step("extra-step", claim, "multiply", "So.", "none", INSIDE, (Use("extra-hypothesis", values=()),))
    if change == "shifted hypothesis":
        again = replace(again, uses=(Use("extra-hypothesis", values=(("n", N.plus(-1)),)),))
    elif change == "hypothesis at n":
        hypothesis = replace(hypothesis, claim=claim)
    elif change == "base is the hypothesis":
        induction = induction._replace(base_step="extra-hypothesis")
    last = Step("extra", claim, INDUCTION, "By induction.", "none", everywhere, induction=induction)
    return (hypothesis, base, again, last) if change != "no base" else (hypothesis, again, last)


@pytest.mark.parametrize(
    "change", ["plain", "shifted hypothesis", "hypothesis at n", "base is the hypothesis", "no base"]
)
def test_false_inductions_are_refused(change: str) -> None:
    name = verdict(*false_induction(change))
    assert name is not None and name.startswith("extra")


def test_what_rests_on_a_hypothesis_does_not_end_a_derivation() -> None:
    derivation = derive_operator("backward")
    steps = list(derivation.steps)
    place = next(i for i, one in enumerate(steps) if one.name == "orthogonal")
    shortcut = replace(steps[place], uses=(replace_use(steps[place].uses[0]),))
    steps[place] = shortcut
    with pytest.raises(DerivationError) as error:
        replace(derivation, steps=tuple(steps)).verify()
    assert error.value.step in ("orthogonal", "unprojected")


def replace_use(use: Use) -> Use:
    # the hypothesis of the induction is literally the instance that is needed here
    return use._replace(step="dyson-hypothesis", values=())


def test_order_is_decided_exactly() -> None:
    m = variable("m")
    order = Order([Bound(N.plus(2), m), Bound(m, L.plus(-1)), Bound(ZERO, N)])
    assert order.proves(N.plus(3), L) and not order.proves(N.plus(4), L)
    assert order.proves(number(3), L) and not order.proves(number(4), L)
    assert order.proves(number(2), m) and not order.proves(m, N) and not order.contradictory
    assert Order([Bound(N, m), Bound(m, N.plus(-1))]).contradictory


def test_substitution_does_not_capture() -> None:
    m = variable("m")
    expression = total((Factor("Phi", N, m),), Range("m", N, L))
    moved = substitute(expression, {"n": m})
    assert canonical(moved) == canonical(total((Factor("Phi", m, variable("k")),), Range("k", m, L)))
    with pytest.raises(Malformed):
        canonical(total((Factor("Phi", N, m),), Range("m", m, L)))
