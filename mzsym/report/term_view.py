"""The concrete terms that a report prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from mzsym.report.mathml import fragment, inline

if TYPE_CHECKING:
    from mzsym.derive import Equation
    from mzsym.derive.terms import Term

MAX_LINES = 36
"""Formula lines of one term."""


@dataclass(frozen=True)
class TermView:
    """One term: its name as MathML, what it is, how it is written, why it is there."""

    title: Markup
    state: str
    standing: str
    formulas: Markup
    short: bool
    why: tuple[str, ...]


def term_views(eq: Equation) -> tuple[TermView, ...]:
    """A_0, K(0, 2) and r_0, those that the network has; the whole list is in the LaTeX document."""
    found = [("Streaming", r"A_{0}", eq.streaming(0))]
    depth = eq.network.depth
    if depth >= 2:
        if eq.direction == "backward":
            found.append(("Memory", r"K_{0,2}", eq.memory(0, 2)))
        else:
            found.append(("Memory", r"K_{0,2}^{\mathsf{T}}", eq.memory(1, 0)))
    found.append(("Noise", r"r_{0}", eq.noise(0)))
    return tuple(_view(kind, name, term) for kind, name, term in found)


def _view(kind: str, name: str, term: Term) -> TermView:
    rows, columns = term.shape
    if term.factored is not None:
        state, standing = f"factored: {term.factored}", "factored"
    elif term.closed:
        state, standing = "closed: no integral is left", "closed"
    else:
        count = term.cost.integrals
        state = f"{count} integral{'' if count == 1 else 's'} of dimension at most {term.cost.dimension} left"
        standing = "exact, with integrals"
    return TermView(
        inline(f"{kind} term ${name}$"),
        f"{rows} \u00d7 {columns} matrix, {state}.",
        standing,
        fragment(term.latex(), MAX_LINES),
        len(term.latex()) < 3000,
        tuple(_readable(reason) for reason in term.why),
    )


def _readable(sentence: str) -> str:
    """Plain text with the signs that a reader expects: <eta_i, M eta_j> in angle brackets, no braces."""
    sentence = re.sub(r"<(eta[^<>]*)>", "\u27e8\\1\u27e9", sentence)
    sentence = re.sub(r"\beta(?=_|\b)", "\u03b7", sentence)
    return re.sub(r"_\{(\w+)\}", r"_\1", sentence)
