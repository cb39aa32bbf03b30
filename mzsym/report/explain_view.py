"""The section of a report that says which terms are large, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from mzsym.evaluate.explanation import explain
from mzsym.evaluate.norms import term_norms
from mzsym.projections import Conditional
from mzsym.report.mathml import mathml

if TYPE_CHECKING:
    from mzsym.derive.costs import EquationTerm
    from mzsym.evaluate.explanation import Explanation
from mzsym.evaluate.protocols import HasSolution


@dataclass(frozen=True)
class PassageView:
    """One layer on the way of a term."""

    layer: int
    before: str
    moved: str
    kept: str
    factor: str


@dataclass(frozen=True)
class ExplainView:
    """One term: its name, sentences, and the way through the layers."""

    title: Markup
    size: Markup
    ends: Markup
    cause: Markup
    passages: tuple[PassageView, ...]


def explain_views(ev: HasSolution) -> tuple[ExplainView, ...]:
    """The largest memory term and the largest noise term; those that vanish are left out.

    None for a conditional projection, which has no basis functions to name.
    """
    if isinstance(ev.projection, Conditional):
        return ()
    kinds: tuple[EquationTerm, ...] = ("memory",) if ev.direction == "forward" else ("memory", "noise")
    views = []
    terms = term_norms(ev)
    for kind in kinds:
        largest = next((term for term in terms if term.kind == kind and term.norm > 10.0 * term.error), None)
        if largest is not None:
            views.append(_view(explain(ev, kind, largest.n, largest.m)))
    return tuple(views)


def _view(found: Explanation) -> ExplainView:
    name = rf"K({found.n},{found.m})" if found.kind == "memory" else f"r_{{{found.n}}}"
    words = found.lines()
    steps = [
        PassageView(
            step.layer,
            f"{step.before:.3g}",
            f"{step.moved:.3g}",
            f"{step.kept:.3g}",
            f"{100.0 * step.factor:.3g} %",
        )
        for step in found.passages
    ]
    kind = found.kind.capitalize()
    return ExplainView(
        Markup("{} term {}").format(kind, mathml(name)),
        spoken(words[0]),
        spoken(words[1]) if len(words) > 1 else Markup(""),
        spoken(words[-1]) if len(words) > 2 else Markup(""),
        tuple(steps),
    )


def spoken(sentence: str) -> Markup:
    """A sentence with indices as subscripts, term names as formulas."""
    text = str(escape(sentence))
    text = re.sub(r"\bmemory\((\d+), (\d+)\)", lambda m: str(mathml(rf"K({m[1]},{m[2]})")), text)
    text = re.sub(r"\bnoise\((\d+)\)", lambda m: str(mathml(rf"r_{{{m[1]}}}")), text)
    text = re.sub(r"\b(P|He)(\d+)\(x(\d+)\)", r"<i>\1</i><sub>\2</sub>(<i>x</i><sub>\3</sub>)", text)
    text = re.sub(r"(\d)e-0?(\d+)", lambda m: f"{m[1]}\u00b710<sup>\u2212{m[2]}</sup>", text)
    return Markup(text)
