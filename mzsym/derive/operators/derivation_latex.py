r"""LaTeX of a whole derivation: a sentence and a numbered equation per step, for stock amsmath.

Equations carry explicit tags (B1, B2, ... backward, F1, F2, ... forward), so one LaTeX run suffices and the numbers
do not depend on the document around them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mzsym.derive.operators.indices import Bound
from mzsym.derive.operators.operator_latex import equation_lines
from mzsym.derive.operators.steps import Step


def bounds_latex(given: Sequence[Bound]) -> str:
    """Assumptions as a chain where they are one, ``0 \\le n \\le L-1``."""
    if len(given) == 2 and given[0].high.symbol == given[1].low.symbol != "":
        # 0 <= n and n+1 <= L read 0 <= n < L
        (low, here), (there, high) = given
        shift = there.shift - here.shift
        if shift in (0, 1):
            relation = "<" if shift else "\\le"
            return f"{low} \\le {here} {relation} {high}"
    return ",\\ ".join(f"{low} \\le {high}" for low, high in given)


_FORMULA = re.compile(r"(?:[ILPQnu]|[A-Za-z]_\w+|n[+-]1|[=+]|\d+)")


def text_latex(sentence: str) -> str:
    """A plain English sentence, safe in LaTeX text; letters and indices in it become formulas.

    Examples
    --------
    >>> print(text_latex("Insert the identity I = P + Q at n+1, 100%."))
    Insert the identity $I = P + Q$ at $n+1$, 100\\%.
    """
    parts: list[tuple[bool, str]] = []
    for word in sentence.split(" "):
        bare = word.rstrip(".,:;")
        formula = _FORMULA.fullmatch(bare) is not None
        if formula and parts and parts[-1][0]:
            parts[-1] = (bare == word, f"{parts[-1][1][:-1]} {bare}${word[len(bare) :]}")
        else:
            # a formula followed by punctuation takes no further words
            parts.append((formula and bare == word, f"${bare}${word[len(bare) :]}" if formula else _escape(word)))
    return " ".join(part for _, part in parts)


def _escape(word: str) -> str:
    return "".join("\\" + letter if letter in "#$%&_{}" else letter for letter in word)


def step_sentence(step: Step, tags: dict[str, str]) -> str:
    """What a step does, what it rests on and what it assumes, as LaTeX text."""
    rests = [tags[name] for name in step.premises if name in tags]
    sentence = text_latex(step.why.rstrip("."))
    if rests:
        sentence += f" [from {', '.join(rests)}]"
    if step.name.split("[")[0] in ("dyson", "unprojected", "projected"):
        sentence += f" ({step.cites})"
    if step.given:
        sentence += f", for ${bounds_latex(step.given)}$"
    return sentence


def step_latex(step: Step, tag: str, sentence: str) -> str:
    """One step: its sentence and the numbered equation."""
    lines = equation_lines(step.claim.lhs, step.claim.rhs)
    numbered = [f"{line} \\notag" for line in lines[:-1]] + [f"{lines[-1]} \\tag{{{tag}}}"]
    return f"\\par\\noindent {sentence}:\n\\begin{{align}}\n" + " \\\\\n".join(numbered) + "\n\\end{align}\n"


_LETTERS = {
    "backward": r"The letters do not commute: $M_n$ is the operator of layer $n$ on observables, $P_n$ the projection"
    r" there, with $P_n P_n = P_n$, and $Q_n = I - P_n$. By definition $M(n,m) = M_n M(n+1,m)$,"
    r" $\Phi(n,m) = Q_n M_n \Phi(n+1,m)$, $M(n,n) = \Phi(n,n) = I$, and $q_n = M(n,L)\, u$.",
    "forward": r"The letters do not commute: $N_n$ is the operator of layer $n$ on densities, $P_n$ the projection"
    r" there, with $P_n P_n = P_n$, and $Q_n = I - P_n$. By definition $N(n,m) = N_{n-1} N(n-1,m)$,"
    r" $\Psi(n,m) = Q_n N_{n-1} \Psi(n-1,m)$, $N(n,n) = \Psi(n,n) = I$, and $p_n = N(n,0)\, p_0$.",
}


def derivation_latex(direction: str, steps: Sequence[Step], written_out: tuple[int, int, Step] | None) -> str:
    """The steps of a symbolic derivation, then (depth, n, step) of the concrete equation of one layer, if given."""
    letter = "B" if direction == "backward" else "F"
    tags: dict[str, str] = {}
    parts = [f"\\par\\noindent {_LETTERS[direction]}\n"]
    for place, step in enumerate(steps, start=1):
        tag = f"{letter}{place}"
        parts.append(step_latex(step, tag, step_sentence(step, tags)))
        tags[step.name] = tag
    if written_out is not None:
        depth, n, last = written_out
        sentence = f"For a network of {depth} layers the same steps, written out, give at layer ${n}$"
        parts.append(step_latex(last, f"{letter}{len(steps) + 1}", sentence))
    return "{\\allowdisplaybreaks\n" + "\n".join(parts) + "}\n"
