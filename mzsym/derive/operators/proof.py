"""Proof of a derivation, step by step, from the claims alone.

A step is proved when ``lhs - rhs`` minus the declared multiples of earlier claims has normal form zero with exactly
the mechanisms that its rule names: they suffice, and none of them can be left out. Nothing else of how the step was
made is used. Claims are made for all values of their indices that meet the assumptions; a premise may be used where
the assumptions of its claim follow. An induction hypothesis stands for one value of the variable, so neither it nor
anything that rests on it may be used at another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mzsym.core import MzError
from mzsym.derive.operators.indices import Bound, Index, number, order_of, variable
from mzsym.derive.operators.normal_form import PREMISES, NormalForm, Site, check_expression
from mzsym.derive.operators.statements import required
from mzsym.derive.operators.steps import HYPOTHESIS, INDUCTION, PREMISE_COUNT, RULES, Claim, Induction, Step, Use
from mzsym.derive.operators.sums import DUMMY, Expression, canonical, substitute
from mzsym.derive.operators.words import Algebra, Malformed, Word, spell

Kind = tuple[Index, Index | None]


class DerivationError(MzError):
    """A step of a derivation that is not proved; ``step`` is its name."""

    def __init__(self, what: str, step: str) -> None:
        super().__init__(what, f"step {step!r} of the derivation", "Use the derivation as derive_operator made it")
        self.step = step

    def __reduce__(self) -> tuple[type[DerivationError], tuple[str, str]]:
        return DerivationError, (self.what, self.step)


def prove(algebra: Algebra, steps: Sequence[Step]) -> tuple[str, ...]:
    """Prove every step and that they end in MATH (10)-(13).

    Parameters
    ----------
    algebra : Algebra
        Direction and depth.
    steps : sequence of Step
        In order: a step may rest only on earlier ones.

    Returns
    -------
    tuple of str
        The names of the steps, all proved.

    Raises
    ------
    DerivationError
        Naming the first step that is not proved, or the equation that is missing.
    """
    _check_statements(algebra, steps)
    _check_hypotheses(algebra, steps)
    prover = _Prover(algebra)
    for step in steps:
        try:
            prover.prove(step)
        except Malformed as error:
            raise DerivationError(str(error), step.name) from error
    for name, _, _ in required(algebra):
        if prover.open[name]:
            raise DerivationError(f"It rests on the hypothesis {min(prover.open[name])!r}", name)
    return tuple(step.name for step in steps)


def _same(one: Expression, other: Expression) -> bool:
    return one == other or canonical(one) == canonical(other)


def _check_statements(algebra: Algebra, steps: Sequence[Step]) -> None:
    """The chain: the equations of the mathematics are there, word by word, and the last of them is the last step."""
    by_name: dict[str, Step] = {}
    for step in steps:
        if step.name in by_name:
            raise DerivationError("There are two steps of this name", step.name)
        by_name[step.name] = step
    last = ""
    for name, claim, given in required(algebra):
        last = name
        if name not in by_name:
            raise DerivationError("The equation is missing", name)
        step = by_name[name]
        try:
            as_stated = _same(step.claim.lhs, claim.lhs) and _same(step.claim.rhs, claim.rhs)
        except Malformed as error:
            raise DerivationError(str(error), name) from error
        if not as_stated or set(step.given) != set(given):
            raise DerivationError(f"It is not {step.cites or 'the equation'} as it is stated", name)
    if steps[-1].name != last:
        raise DerivationError("The derivation does not end with this equation", last)


def _check_hypotheses(algebra: Algebra, steps: Sequence[Step]) -> None:
    """Every hypothesis is the claim of one later induction, one layer on, where both make sense."""
    by_name = {step.name: step for step in steps}
    hypotheses = {step.name for step in steps if step.rule == HYPOTHESIS}
    discharged: set[str] = set()
    for step in steps:
        induction = step.induction
        if (step.rule == INDUCTION) != (induction is not None):
            raise DerivationError("The rule 'induction' goes with a base, a hypothesis and a step", step.name)
        if induction is None:
            continue
        name = induction.hypothesis
        if name not in by_name or name in discharged or (name not in hypotheses and hypotheses - discharged):
            raise DerivationError(f"{name!r} is not a hypothesis of this induction", step.name)
        if name not in hypotheses:
            raise DerivationError(f"It is the hypothesis of {step.name!r} but not stated as one", name)
        if induction.variable not in _variables(step) - {algebra.depth.symbol}:
            raise DerivationError(f"There is no induction on {induction.variable!r}", step.name)
        try:
            _check_hypothesis(by_name[name], step, {induction.variable: Index(induction.variable, algebra.sign)})
        except Malformed as error:
            raise DerivationError(str(error), name) from error
        discharged.add(name)
    for name in sorted(hypotheses - discharged):
        raise DerivationError("No induction discharges this hypothesis", name)


def _check_hypothesis(hypothesis: Step, step: Step, onward: dict[str, Index]) -> None:
    following = _at(step.claim, onward)
    if not (_same(hypothesis.claim.lhs, following.lhs) and _same(hypothesis.claim.rhs, following.rhs)):
        raise Malformed(f"it is not what {step.name!r} says one layer on")
    both = (*step.given, *(bound.replace_symbol(onward) for bound in step.given))
    _need(hypothesis.given, both, "it is assumed too widely")
    _need(both, hypothesis.given, "it is assumed too narrowly")


def _variables(step: Step) -> set[str]:
    """The free variables of a claim: every index is bounded, so they all occur in the assumptions."""
    return {index.symbol for bound in step.given for index in bound if index.symbol}


def _at(claim: Claim, values: dict[str, Index]) -> Claim:
    return Claim(substitute(claim.lhs, values), substitute(claim.rhs, values))


@dataclass
class _Prover:
    """The steps proved so far, each with the layers its claim acts between and the open hypotheses it rests on."""

    algebra: Algebra
    proved: dict[str, Step] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    open: dict[str, frozenset[str]] = field(default_factory=dict)
    checked: dict[tuple[Bound, ...], set[Word]] = field(default_factory=dict)

    def prove(self, step: Step) -> None:
        if any(DUMMY in (bound.low.symbol, bound.high.symbol) for bound in step.given):
            raise Malformed("an assumption speaks of a dummy")
        if order_of(step.given).contradictory:
            raise Malformed("nothing meets the assumptions")
        kind = self._kind(step)
        if step.rule == HYPOTHESIS:
            if step.uses:
                raise Malformed("a hypothesis rests on nothing")
            rests_on = frozenset({step.name})
        elif step.rule == INDUCTION:
            if step.uses or step.induction is None:
                raise Malformed("an induction rests on its base, hypothesis and step only")
            rests_on = self._prove_induction(step, step.induction)
        else:
            rests_on = self._prove_equality(step, kind)
        self.proved[step.name] = step
        self.kinds[step.name] = kind
        self.open[step.name] = rests_on

    def _kind(self, step: Step) -> Kind:
        site = Site(self.algebra, step.given, None, frozenset())
        checked = self.checked.setdefault(step.given, set())
        left = check_expression(step.claim.lhs, site, checked)
        right = check_expression(step.claim.rhs, site, checked)
        if left is None or right is None:
            raise Malformed("a side of the claim is empty")
        if left != right:
            raise Malformed("the two sides act between different layers")
        return left

    def _prove_equality(self, step: Step, kind: Kind) -> frozenset[str]:
        mechanisms = RULES.get(step.rule)
        if mechanisms is None:
            raise Malformed(f"there is no rule {step.rule!r}")
        fewest, most = PREMISE_COUNT.get(step.rule, (0, 0))
        if not fewest <= len(step.uses) <= most:
            raise Malformed(f"the rule {step.rule!r} does not take {len(step.uses)} premises")
        premises = [(use, self._premise(step, use, kind)) for use in step.uses]
        site = Site(self.algebra, step.given, kind[0], mechanisms - {PREMISES})
        form = _difference(step.claim, site)
        # every mechanism must be needed: without premises ...
        if PREMISES in mechanisms:
            if form.is_zero():
                raise Malformed("the claim holds without its premises, which are not what it rests on")
            _subtract(form, premises)
        if not form.is_zero():
            raise Malformed(f"the rule {step.rule!r} does not give the claim; left over is {form.rest()}")
        # ... and without each of the others
        for mechanism in site.mechanisms:
            less = _difference(step.claim, Site(self.algebra, step.given, kind[0], site.mechanisms - {mechanism}))
            _subtract(less, premises)
            if less.is_zero():
                raise Malformed(f"the rule {step.rule!r} is not what proves the claim: it does not need {mechanism}")
        return frozenset().union(*(self.open[use.step] for use in step.uses))

    def _premise(self, step: Step, use: Use, kind: Kind) -> Claim:
        """The claim of a premise as it is used, after the checks that it may be."""
        premise = self.proved.get(use.step)
        if premise is None:
            raise Malformed(f"the premise {use.step!r} is not an earlier step")
        if not isinstance(use.coefficient, int):
            raise Malformed("a premise is multiplied by a number that is not an integer")
        values = dict(use.values)
        if values and self.open[use.step]:
            raise Malformed(f"{use.step!r} holds under a hypothesis on its own indices and cannot be used at others")
        if not set(values) <= _variables(premise) - {self.algebra.depth.symbol}:
            raise Malformed(f"the indices {', '.join(values)} of {use.step!r} cannot all be replaced")
        order = order_of(step.given)
        for bound in premise.given:
            needed = bound.replace_symbol(values)
            if not order.proves(needed.low, needed.high):
                raise Malformed(f"the premise {use.step!r} needs {needed}")
        row, col = self.kinds[use.step]
        row, col = row.replace_symbol(values), None if col is None else col.replace_symbol(values)
        for word, inner, outer in ((use.left, row, "left"), (use.right, col, "right")):
            self.algebra.check_word(word, order)  # in the order of the step, where no dummy is known to be a layer
            touching = word and (word[-1].col if outer == "left" else word[0].row)
            if word and touching != inner:
                raise Malformed(f"{spell(word)} cannot stand {outer} of {use.step!r}")
        acts = (use.left[0].row if use.left else row, use.right[-1].col if use.right else col)
        if acts != kind:
            raise Malformed(f"the premise {use.step!r} acts between other layers than the claim")
        return _at(premise.claim, values) if values else premise.claim

    def _prove_induction(self, step: Step, induction: Induction) -> frozenset[str]:
        """Base, step and well-foundedness, MATH (10): the variable moves towards the base, one layer at a time.

        That the hypothesis is the claim one layer on, made where the claim is, has been checked before.
        """
        name, base, sign = induction.variable, induction.base, self.algebra.sign
        if base.symbol == name:
            raise Malformed(f"no induction on {name!r} from {base}")
        for other in (induction.base_step, induction.inductive_step, induction.hypothesis):
            if other not in self.proved:
                raise Malformed(f"the premise {other!r} is not an earlier step")
        first, following = self.proved[induction.base_step], self.proved[induction.inductive_step]
        here = variable(name)
        ends = Bound(here, base) if sign > 0 else Bound(base, here)
        there = tuple(bound.replace_symbol({name: base}) for bound in step.given)
        _need(step.given, (ends,), "the variable is not bounded by the base")
        if order_of(there).contradictory:
            raise Malformed(f"the base {base} is outside the range of the claim")
        at_base = _at(step.claim, {name: base})
        if not (_same(first.claim.lhs, at_base.lhs) and _same(first.claim.rhs, at_base.rhs)):
            raise DerivationError(f"It is not what {step.name!r} says at {name} = {base}", first.name)
        if not (_same(following.claim.lhs, step.claim.lhs) and _same(following.claim.rhs, step.claim.rhs)):
            raise DerivationError(f"It is not what {step.name!r} says", following.name)
        if self.open[first.name] or self.open[following.name] - {induction.hypothesis}:
            raise Malformed("the base or the step rests on another hypothesis")
        before = Bound(here, base.plus(-1)) if sign > 0 else Bound(base.plus(1), here)
        _need(there, first.given, "the base is narrower than the claim")
        _need((*step.given, before), following.given, "the step does not cover every value")
        return frozenset()


def _need(given: tuple[Bound, ...], wanted: tuple[Bound, ...], complaint: str) -> None:
    order = order_of(given)
    for low, high in wanted:
        if not order.proves(low, high):
            raise Malformed(f"{complaint}: {low} <= {high} does not follow")


def _difference(claim: Claim, site: Site) -> NormalForm:
    form = NormalForm(site)
    form.add(claim.lhs)
    form.add(claim.rhs, -1)
    return form


def _subtract(form: NormalForm, premises: list[tuple[Use, Claim]]) -> None:
    for use, claim in premises:
        form.add(claim.lhs, -use.coefficient, use.left, use.right)
        form.add(claim.rhs, use.coefficient, use.left, use.right)


def algebra_of(direction: str, depth: int | None) -> Algebra:
    """The algebra of a network of ``depth`` layers, or of symbolic depth L."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise MzError(f"The depth is {depth!r}", "derive_operator(depth=)", "Give the number of layers, 1 or more")
    return Algebra(direction, variable("L") if depth is None else number(depth))  # type: ignore[arg-type]
