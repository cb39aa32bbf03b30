"""Attempts to prove what is false: each exploits one thing that the prover must not allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mzsym.derive.operators.derivation import DerivationError, derive_operator
from mzsym.derive.operators.indices import Bound, Index, Order, number, variable
from mzsym.derive.operators.normal_form import DEFINE, SPLIT, NormalForm, Site
from mzsym.derive.operators.steps import HYPOTHESIS, INDUCTION, Claim, Induction, Step, Use
from mzsym.derive.operators.sums import DUMMY, Expression, Monomial, Range, canonical, substitute, total, words
from mzsym.derive.operators.words import Algebra, Factor, Malformed

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


def cancelling(**use: object) -> Step:
    """A true claim with one more premise, which is meaningless but cancels."""
    plus = Use("split", **use)  # type: ignore[arg-type]
    extra = (Use("split"), plus, plus._replace(coefficient=-1))
    return step(words((q(N),)), words((layer(N), q(N.plus(1)))), "chain", uses=extra)


def twice(word: tuple[Factor, ...], given: tuple[Bound, ...] = INSIDE) -> Step:
    """P P = P in front of something that may have no meaning."""
    return step(words((word[0], *word)), words(word), "insert", given)


BAD = {
    # a sum that may be shorter than empty: m runs from n+2 to n
    "negative length": step(
        memory(N, N, N),
        memory(N, N, N.plus(1)) + memory(N, N.plus(2), N),
        "collect",
        (Bound(ZERO, N), Bound(N.plus(2), L)),
    ),
    # at n = L there is no first term
    "split off an empty sum": split_off((Bound(ZERO, N), Bound(N, L))),
    "beyond the last layer": step(words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (Bound(ZERO, N),)),
    "at the last layer": step(
        words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (Bound(ZERO, N), Bound(N, L))
    ),
    "free index": step(words((q(variable("k")),)), words((q(N),)), "definition"),
    "impossible assumptions": step(
        words((q(N),)), words((layer(N), q(N.plus(1)))), "definition", (Bound(ZERO, N), Bound(number(1), number(0)))
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
    "rounded coefficients": step(
        (Monomial(1e16, (layer(N), q(N.plus(1)))), Monomial(1.0, (layer(N), q(N.plus(1))))),  # type: ignore[arg-type]
        (
            Monomial(1e16, (layer(N), p(N.plus(1)), q(N.plus(1)))),  # type: ignore[arg-type]
            Monomial(1e16, (layer(N), Factor("Q", N.plus(1), N.plus(1)), q(N.plus(1)))),  # type: ignore[arg-type]
        ),
        "insert",
    ),
    "sum of functions of two layers": step(
        words((p(N), p(N), q(N)), (q(N.plus(1)),)), words((p(N), q(N)), (q(N.plus(1)),)), "insert"
    ),
    "sum over functions of many layers": step(
        total((p(variable("m")), p(variable("m")), q(variable("m"))), Range("m", N, L)),
        total((p(variable("m")), q(variable("m"))), Range("m", N, L)),
        "insert",
    ),
    "two kinds of nothing": step(memory(N, N.plus(1), N), memory(N.plus(1), N.plus(2), N.plus(1)), "collect", INSIDE),
    "premises that cancel": step(
        words((q(N),)), words((q(N),)), "chain", uses=(Use("split"), Use("split", coefficient=-1))
    ),
    "letters that do not touch the premise": cancelling(left=(chain(N, N.plus(1)),)),
    "premise of another layer": cancelling(values=(("n", number(0)),)),
    "premise times nonsense": cancelling(left=(Factor("Phi", N, N.plus(-1)), chain(N.plus(-1), N))),
    "chain against the layers": twice((p(N.plus(1)), chain(N.plus(1), N), q(N))),
    "a layer that skips one": twice(
        (p(N), Factor("M", N, N.plus(2)), q(N.plus(2))), (Bound(ZERO, N), Bound(N.plus(2), L))
    ),
    "the observable elsewhere": twice((p(N), Factor("u", N, None))),
    "no letters": step(words(()), words(()), "insert"),
    "nothing": step((), (), "insert"),
    "letters of the other direction": step(
        words((Factor("N", N.plus(1), N), Factor("p", N, None))), words((Factor("p", N.plus(1), None),)), "definition"
    ),
    "commuting": step(words((layer(N), p(N.plus(1)), q(N.plus(1)))), words((p(N), layer(N), q(N.plus(1)))), "insert"),
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


def test_hypothesis_holds_at_one_layer_only() -> None:
    hypothesis, base, again, last = false_induction("plain")
    # "for n" the hypothesis is about n + 1, so it does not give the claim at 1
    at_one = Claim(words((q(number(1)),)), words((p(number(1)), q(number(1)))))
    elsewhere = replace(again, claim=at_one, uses=(Use(hypothesis.name, values=(("n", ZERO),)),))
    assert verdict(hypothesis, elsewhere, base, last) == elsewhere.name


def test_induction_covers_every_layer_it_claims() -> None:
    """P_n Phi(n,L) u = 0 holds for n < L but not for n = L."""
    here = (p(N), Factor("Phi", N, L), Factor("u", L, None))
    after = (p(N), Factor("Q", N, N), layer(N), Factor("Phi", N.plus(1), L), Factor("u", L, None))
    claim = Claim(words(here), (Monomial(-1, here),))
    steps = [
        Step("extra-a", Claim(words(here), words(after)), "definition", "So.", "none", INSIDE),
        Step("extra-b", Claim(words(after), (Monomial(-1, after),)), "insert", "So.", "none", INSIDE),
        Step("extra-c", claim, "chain", "So.", "none", INSIDE, (Use("extra-a", coefficient=2), Use("extra-b"))),
    ]
    assert verdict(*steps) is None
    values = {"n": L.plus(-1)}
    first = Claim(substitute(claim.lhs, values), substitute(claim.rhs, values))
    use = Use("extra-c", values=tuple(values.items()))
    steps.append(Step("extra-base", first, "multiply", "So.", "none", (Bound(number(1), L),), (use,)))
    values = {"n": N.plus(1)}
    following = Claim(substitute(claim.lhs, values), substitute(claim.rhs, values))
    steps.append(Step("extra-hypothesis", following, HYPOTHESIS, "Suppose so.", "none", INSIDE))
    induction = Induction("n", L.plus(-1), "extra-base", "extra-c", "extra-hypothesis")
    everywhere = (Bound(ZERO, N), Bound(N, L), Bound(number(1), L))
    steps.append(Step("extra", claim, INDUCTION, "So.", "none", everywhere, induction=induction))
    assert verdict(*steps) == "extra"


def test_an_inner_induction_does_not_discharge_an_outer_hypothesis() -> None:
    k = variable("k")
    after = k.plus(1)
    claim = Claim(words((q(after),)), words((p(after), q(after))))  # says nothing about n
    outer = (Bound(ZERO, k), Bound(k.plus(1), L))
    inner = (Bound(ZERO, N), Bound(N, L), *outer)
    steps = (
        Step("extra-outer-hypothesis", claim, HYPOTHESIS, "Suppose so.", "none", outer),
        Step("extra-hypothesis", claim, HYPOTHESIS, "Suppose so.", "none", (*INSIDE, *outer)),
        Step("extra-base", claim, "multiply", "So.", "none", outer, (Use("extra-outer-hypothesis"),)),
        Step("extra-step", claim, "multiply", "So.", "none", (*INSIDE, *outer), (Use("extra-hypothesis"),)),
        Step(
            "extra-inner", claim, INDUCTION, "So.", "none", inner,
            induction=Induction("n", L, "extra-base", "extra-step", "extra-hypothesis"),
        ),
        Step(
            "extra-outer", Claim(words((q(k),)), words((p(k), q(k)))), INDUCTION, "So.", "none",
            (Bound(ZERO, k), Bound(k, L)),
            induction=Induction("k", L, "extra-step", "extra-inner", "extra-outer-hypothesis"),
        ),
    )  # fmt: skip
    assert verdict(*steps) == "extra-inner"


def test_multiplying_by_a_dummy_captures_nothing() -> None:
    """Phi(0,@) M(@,n) in front of a sum over @ would not be the sum of the products."""
    m, at = variable("m"), variable(DUMMY)
    given = (Bound(number(2), N), Bound(N.plus(1), L))

    def side(shift: int, front: tuple[Factor, ...], double: bool) -> Expression:
        layer_of = m.plus(shift)
        word = (*front, chain(N, layer_of), *((p(layer_of),) if double else ()), p(layer_of), q(layer_of))
        return total(word, Range("m", N.plus(-shift), N.plus(1 - shift)))

    shifted = step(side(1, (), True), side(2, (), False), "insert", given)
    assert verdict(shifted) is None
    front = (Factor("Phi", ZERO, m), chain(m, N))
    use = Use("extra", left=(Factor("Phi", ZERO, at), chain(at, N)))
    wrong = Claim(side(1, front, True), side(2, front, False))
    assert verdict(shifted, Step("extra-wrong", wrong, "multiply", "So.", "none", given, (use,))) == "extra-wrong"


def test_an_atom_is_unfolded_only_where_it_is_proved_to_be_a_product() -> None:
    m = variable("m")
    word = (p(N), Factor("Phi", N, m), q(m))  # P_n q_n when m = n, else 0
    for gap in (0, 1):
        given = (Bound(ZERO, N), Bound(N.plus(gap), m), Bound(m, L))
        form = NormalForm(Site(Algebra("backward", L), given, N, frozenset({DEFINE, SPLIT})))
        form.add(words(word))
        assert form.is_zero() == bool(gap)


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
