"""A whole LaTeX document: network, equation, derivation, terms, and the certificate where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mzsym.certify.certificate_latex import escape
from mzsym.derive.equation_latex import equation_latex
from mzsym.derive.latex_width import width
from mzsym.report.network_view import layer_views, observable_latex

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.derive import Equation
    from mzsym.derive.costs import TermName
    from mzsym.derive.terms import Term
    from mzsym.model import Network
    from mzsym.reduce import Reduction

LINE = 33.0
"""Width in em that a row may take."""

PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage{amsmath,amssymb,graphicx}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt plus 2pt}
\setlength{\emergencystretch}{3em}
\title{The Mori--Zwanzig equation of a neural network}
\author{derived by mzsym}
\date{}
\begin{document}
\maketitle
"""


def equation_document(
    eq: Equation, certificate: Certificate | None = None, names: tuple[TermName, ...] | None = None
) -> str:
    """A document that a stock LaTeX with amsmath compiles.

    Parameters
    ----------
    eq : Equation
    certificate : Certificate, optional
        Adds the proved bounds.
    names : tuple of TermName, optional
        Only these terms; default: all.

    Returns
    -------
    str
        The .tex text. Long expressions are broken over lines or left out with the reason.
    """
    equation = eq.latex() if names is None else equation_latex(eq, names)
    parts = [PREAMBLE, r"\section{The network}", _network(eq), r"\section{The equation}", fitted(equation)]
    parts += [r"\section{The derivation}", eq.derivation.latex()]
    if certificate is not None:
        parts += [r"\section{The certificate}", certificate.latex()]
    parts += [_colophon(eq.network), r"\end{document}", ""]
    return "\n".join(parts)


def fitted(tex: str) -> str:
    """The same formulas, a row shrunk to the line where it cannot be broken and would run off the page."""
    return re.sub(r"(?<=\\begin\{align\*\}\n)(.*?)(?=\n\\end\{align\*\})", _fitted_rows, tex, flags=re.DOTALL)


def _fitted_rows(found: re.Match[str]) -> str:
    rows = found[0].split(" \\\\\n")
    # All left sides share a column as wide as the widest.
    left = max(width(row.partition("&")[0]) for row in rows)
    return " \\\\\n".join(_fitted_row(row, LINE - left) for row in rows)


def _fitted_row(row: str, room: float) -> str:
    left, mark, right = row.partition("&")
    if not mark or width(right) <= room or r"\text" in right:
        return row
    relation = next((sign for sign in ("= ", r"\quad ") if right.startswith(sign)), "")
    body = right[len(relation) :].strip()
    return rf"{left}&{relation}\resizebox{{{room - width(relation) - 1.0:.1f}em}}{{!}}{{$\displaystyle {body}$}}"


def reduction_document(r: Reduction) -> str:
    """A document of a shallow network: its layers, its read-outs, what it costs in accuracy."""
    net = r.network
    title = PREAMBLE.replace("The Mori--Zwanzig equation of a neural network", "A shallow network for a deep one")
    parts = [title, r"\section{The first layers}", _layers(net), r"\section{The shallow network}", r.latex()]
    return "\n".join([*parts, _colophon(r.deep.network), r"\end{document}", ""])


def term_document(term: Term) -> str:
    """A document of one term, with why it is there."""
    why = [rf"\item {escape(reason)}" for reason in term.why]
    parts = [PREAMBLE, fitted(term.latex()), r"\begin{itemize}", *why, r"\end{itemize}", r"\end{document}", ""]
    return "\n".join(parts)


def _network(eq: Equation) -> str:
    return _layers(eq.network) + "\n" + rf"The observable is ${observable_latex(eq.network)}$."


def _layers(net: Network) -> str:
    rows = []
    for layer in layer_views(net):
        box = layer.box.replace("\u00d7", r"$\times$").replace("\u2212", "$-$").replace("\u211d", r"$\mathbb{R}$")
        box = re.sub(r"\$\^(\d+)", r"^{\1}$", box)
        words = rf"\raggedright\small {escape(layer.noise)}; $X_{{{layer.n + 1}}}$ in {box}"
        rows.append(rf"${layer.map_latex}$ & {words} \tabularnewline")
    lines = [r"For $n = 0, \dots, " + str(net.depth - 1) + r"$, with independent noise $\xi_n$,"]
    for start in range(0, len(rows), 18):
        columns = r"\begin{tabular}{p{0.48\linewidth}p{0.44\linewidth}}"
        head = r"\hline layer & noise, where the next state lies \\ \hline"
        # A tabular does not break over pages by itself.
        lines += [r"\begin{center}", columns, head, *rows[start : start + 18], r"\hline \end{tabular}", r"\end{center}"]
    return "\n".join(lines)


def _colophon(net: Network) -> str:
    return (
        r"\bigskip\noindent{\footnotesize Model SHA-256: \texttt{"
        + r"\allowbreak ".join(net.digest[i : i + 8] for i in range(0, 64, 8))
        + "}}"
    )
