"""LaTeX of concrete terms that fits a page: small matrices as matrices, the others entry by entry, lines broken.

Everything compiles with stock amsmath and says what it leaves out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core.names import latex_names
from mzsym.derive.sizes import operations

if TYPE_CHECKING:
    from mzsym.derive.terms import Term

LINE_WIDTH = 105
"""Visible characters on one line, roughly a text width of 15 cm."""

MATRIX_OPERATIONS = 25
"""Operations up to which all entries share one matrix."""

ENTRY_OPERATIONS = 400
"""Operations above which an entry is announced, not printed."""

TERM_CHARACTERS = 20_000
"""Characters after which the remaining entries of a term are announced, not printed."""

_COMMAND = re.compile(r"\\(?:left|right|Bigl|Bigr|limits|quad|,|;)|[{}_^ ]")
_NAME = re.compile(r"\\[A-Za-z]+")


def symbol_of(kind: str, n: int, m: int, direction: str = "backward") -> str:
    """How a term is written: A_n, K(n,m), r_n, C(n,m)."""
    if kind == "streaming":
        return rf"A_{{{n}}}" if direction == "backward" else rf"A_{{{n}}}^{{\mathsf{{T}}}}"
    if kind == "memory":
        return rf"K_{{{n},{m}}}" if direction == "backward" else rf"K_{{{m},{n + 1}}}^{{\mathsf{{T}}}}"
    return {
        "noise": rf"r_{{{n}}}",
        "correlation": rf"C_{{{n},{m}}}",
        "coefficients": rf"c_{{{n}}}",
        "unresolved": rf"c^{{\perp}}_{{{n}}}",
    }[kind]


def math(expr: sp.Basic) -> str:
    """One expression, with mzsym's symbol names."""
    return str(sp.latex(expr, symbol_names=latex_names(expr)))


def term_latex(term: Term) -> str:
    """A term as an ``align*`` environment."""
    name = symbol_of(term.kind, term.n, term.m, term.direction)
    if term.factored is not None:
        lines = _break(_pieces(term.expr))
        return environment([rf"{name} &= {lines[0]}", *(rf"&\quad {line}" for line in lines[1:])])
    matrix = sp.ImmutableMatrix(term.expr)
    if matrix.is_zero_matrix:
        return environment([rf"{name} &= 0 \in \mathbb{{R}}^{{{matrix.rows} \times {matrix.cols}}}"])
    if matrix.cols <= 6 and matrix.rows <= 12 and sum(operations(e) for e in matrix) <= MATRIX_OPERATIONS:
        return environment([rf"{name} &= {pmatrix(matrix)}"])
    return environment(_entries(name, matrix))


def environment(rows: list[str]) -> str:
    """Rows of an ``align*`` environment."""
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def pmatrix(matrix: sp.MatrixBase) -> str:
    """A matrix with all its entries."""
    rows = [" & ".join(math(matrix[i, j]) for j in range(matrix.cols)) for i in range(matrix.rows)]
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def _entries(name: str, matrix: sp.MatrixBase) -> list[str]:
    """One equation per entry that is not zero, up to the size limits, then a sentence about the rest."""
    rows: list[str] = []
    zeros = large = omitted = used = 0
    for i in range(matrix.rows):
        for j in range(matrix.cols):
            entry = matrix[i, j]
            index = f"{i},{j}" if matrix.cols > 1 else f"{i}"
            if entry.is_zero:
                zeros += 1
            elif used > TERM_CHARACTERS:
                omitted += 1
            elif operations(entry) > ENTRY_OPERATIONS:
                large += 1
            else:
                lines = _break(_pieces(entry))
                rows.append(rf"\bigl({name}\bigr)_{{{index}}} &= {lines[0]}")
                rows.extend(rf"&\quad {line}" for line in lines[1:])
                used += sum(map(len, lines))
    if zeros:
        rows.append(rf"&\text{{{_count(zeros, matrix)} {'entry is' if zeros == 1 else 'entries are'} }} 0")
    if large:
        rows.append(rf"&\text{{{large} not shown: over {ENTRY_OPERATIONS} operations each, see Term.expr}}")
    if omitted:
        rows.append(rf"&\text{{{omitted} not shown: the size limit of this view is reached, see Term.expr}}")
    return rows


def _count(number: int, matrix: sp.MatrixBase) -> str:
    return f"{number} of {matrix.rows * matrix.cols}"


def _pieces(expr: sp.Basic) -> list[str]:
    """An expression as strings between which a line may break; the second and later begin with their sign."""
    whole = math(expr)
    if visible(whole) <= LINE_WIDTH:
        return [whole]
    if isinstance(expr, (sp.Add, sp.MatAdd)):
        terms = expr.as_ordered_terms() if isinstance(expr, sp.Add) else list(expr.args)
        return _signed_sum(terms)
    if isinstance(expr, sp.Integral):
        signs = "".join(
            rf"\int\limits_{{{math(lower)}}}^{{{math(upper)}}}" for _, lower, upper in reversed(expr.limits)
        )
        differentials = "".join(rf"\, d{math(limit[0])}" for limit in expr.limits)
        return _wrap(signs, _pieces(expr.function), differentials, isinstance(expr.function, sp.Add))
    if isinstance(expr, sp.Mul) and expr.could_extract_minus_sign():
        return _negated(_pieces(-expr))
    if isinstance(expr, sp.Mul):
        long = max(expr.args, key=lambda factor: visible(math(factor)))
        if isinstance(long, (sp.Add, sp.Integral)):
            rest = sp.Mul(*(factor for factor in expr.args if factor is not long))
            # A sum in front, such as (x - a), needs its own brackets.
            front = math(rest) if not isinstance(rest, sp.Add) else rf"\left({math(rest)}\right)"
            return _wrap(front + r" \cdot ", _pieces(long), "", isinstance(long, sp.Add))
    return [whole]


def _signed_sum(terms: list[sp.Basic]) -> list[str]:
    pieces: list[str] = []
    for k, term in enumerate(terms):
        inner = _pieces(term)
        if k and not inner[0].lstrip().startswith("-"):
            inner[0] = "+ " + inner[0]
        pieces.extend(inner)
    return pieces


def _negated(pieces: list[str]) -> list[str]:
    return ["- " + pieces[0], *pieces[1:]]


def _wrap(front: str, pieces: list[str], back: str, bracket: bool) -> list[str]:
    """Fixed-size brackets, because ``\\left`` and ``\\right`` cannot stand on different lines."""
    opening, closing = (r"\Bigl(", r"\Bigr)") if bracket else ("", "")
    pieces = [front + opening + pieces[0], *pieces[1:]]
    pieces[-1] += closing + back
    return pieces


def _break(pieces: list[str]) -> list[str]:
    """Pieces packed greedily into lines."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if visible(lines[-1]) + visible(piece) <= LINE_WIDTH:
            lines[-1] += " " + piece
        else:
            lines.append(piece)
    return lines


def visible(text: str) -> int:
    """Rough width of a LaTeX string in characters."""
    return len(_COMMAND.sub("", _NAME.sub("x", text.replace(r"\left", "").replace(r"\right", ""))))
