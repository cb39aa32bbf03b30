"""Steps of a derivation as data. :mod:`mzsym.derive.operators.proof` proves what they claim, whatever made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import sympy as sp

from mzsym.derive.operators.indices import Bound, Index
from mzsym.derive.operators.normal_form import DEFINE, PREMISES, SPLIT, SUMS, Mechanisms
from mzsym.derive.operators.operator_latex import claim_latex
from mzsym.derive.operators.sums import Expression, text
from mzsym.derive.operators.to_sympy import equation_to_sympy
from mzsym.derive.operators.words import Word

HYPOTHESIS = "hypothesis"
INDUCTION = "induction"

#: What each rule may use. A step needs all of it and nothing else, so a step under a wrong rule is not proved.
RULES: dict[str, Mechanisms] = {
    "definition": frozenset({DEFINE}),
    "base": frozenset({DEFINE, SUMS}),
    "insert": frozenset({SPLIT}),
    "collect": frozenset({SUMS}),
    "multiply": frozenset({PREMISES}),
    "chain": frozenset({PREMISES}),
    "apply": frozenset({PREMISES, DEFINE}),
}
#: How many premises a rule takes, at least and at most.
PREMISE_COUNT: dict[str, tuple[int, float]] = {
    "multiply": (1, 1),
    "apply": (1, 1),
    "chain": (2, float("inf")),
}


class Claim(NamedTuple):
    """The equality ``lhs = rhs`` between operators (or vectors) of one layer."""

    lhs: Expression
    rhs: Expression

    def __str__(self) -> str:
        return f"{text(self.lhs)} = {text(self.rhs)}"


class Use(NamedTuple):
    """``coefficient * left * (claim of an earlier step, its variables replaced) * right``, taken as zero."""

    step: str
    left: Word = ()
    right: Word = ()
    values: tuple[tuple[str, Index], ...] = ()
    coefficient: int = 1


class Induction(NamedTuple):
    """A proof by induction on ``variable``, which moves away from ``base`` layer by layer."""

    variable: str
    base: Index
    base_step: str
    inductive_step: str
    hypothesis: str


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    name : str
        Unique in the derivation; concrete steps carry their layer, ``dyson[3]``.
    claim : Claim
        (lhs, rhs).
    rule : str
        A key of RULES, "hypothesis" or "induction".
    why : str
        The step in a sentence.
    cites : str
        The equation of the mathematics that it is or serves, such as "MATH (10)".
    given : tuple of Bound
        Assumptions on the free indices, for all values of which the claim is made.
    uses : tuple of Use
        The earlier claims that it combines, and how.
    induction : Induction or None
        For the rule "induction".
    """

    name: str
    claim: Claim
    rule: str
    why: str
    cites: str
    given: tuple[Bound, ...] = ()
    uses: tuple[Use, ...] = ()
    induction: Induction | None = None

    @property
    def premises(self) -> tuple[str, ...]:
        """Names of the earlier steps that this one rests on."""
        names = [use.step for use in self.uses]
        if self.induction is not None:
            names += [self.induction.base_step, self.induction.hypothesis, self.induction.inductive_step]
        return tuple(dict.fromkeys(names))

    def latex(self) -> str:
        """The claim as one formula, broken over lines where it is long."""
        return claim_latex(self.claim.lhs, self.claim.rhs)

    def to_sympy(self) -> sp.Eq:
        """The claim between non-commuting SymPy functions and symbols."""
        return equation_to_sympy(self.claim.lhs, self.claim.rhs)

    def __str__(self) -> str:
        return f"{self.name}: {self.claim}  [{self.rule}]"
