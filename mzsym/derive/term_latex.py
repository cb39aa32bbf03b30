r"""LaTeX of concrete terms that fits a page: small matrices as matrices, the others entry by entry, lines broken.

Everything compiles with stock amsmath and says what it leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy.printing.latex import LatexPrinter

from mzsym.derive.display import NestedStates, ShortMean, conditions, definitions, math, readable, symbol_names
from mzsym.derive.latex_width import width
from mzsym.derive.sizes import operations

if TYPE_CHECKING:
    from mzsym.derive.terms import Term

LINE = 31.0
"""Width of a line in em: the text of a 10pt article, less a margin for the estimate."""

MATRIX_OPERATIONS = 25
"""Operations up to which all entries share one matrix."""

ENTRY_OPERATIONS = 400
"""Operations above which an entry is announced, not printed."""

TERM_CHARACTERS = 15_000
"""Characters after which the remaining entries of a term are announced, not printed."""


def symbol_of(kind: str, n: int, m: int, direction: str = "backward") -> str:
    """How a term is written: A_n, K_{n,m}, r_n, C_{n,m}."""
    if kind == "streaming":
        return rf"A_{{{n}}}" if direction == "backward" else rf"A_{{{n}}}^{{\mathsf{{T}}}}"
    if kind == "memory":
        return rf"K_{{{n},{m}}}" if direction == "backward" else rf"K_{{{m},{n + 1}}}^{{\mathsf{{T}}}}"
    return {
        "noise": rf"r_{{{n}}}",
        "correlation": rf"C_{{{n},{m}}}",
        "coefficients": rf"c_{{{n}}}",
        "unresolved": rf"c^{{\perp}}_{{{n}}}",
        "gram": rf"G_{{{n}}}",
        "normaliser": rf"S_{{{n}}}",
        "moments": rf"B_{{{n},{m}}}",
        "raw_coefficients": rf"b_{{{n}}}",
    }[kind]


def term_latex(term: Term) -> str:
    """A term as an ``align*`` environment that explains its own letters."""
    rows, shown = term_rows(term)
    return environment([*rows, *definitions(shown)])


def term_rows(term: Term) -> tuple[list[str], list[sp.Basic]]:
    """Rows of a term, and the expressions they show, whose letters the caller explains."""
    name = symbol_of(term.kind, term.n, term.m, term.direction)
    if term.is_zero:
        return [rf"{name} &= 0 \in \mathbb{{R}}^{{{term.shape[0]} \times {term.shape[1]}}}"], []
    if isinstance(term.expr, sp.MatrixExpr) and not isinstance(term.expr, sp.MatrixBase):
        return _factored(name, term)
    matrix = sp.ImmutableMatrix(term.expr)
    if matrix.cols <= 6 and matrix.rows <= 12 and sum(operations(e) for e in matrix) <= MATRIX_OPERATIONS:
        view = matrix.applyfunc(readable)
        whole = pmatrix(view)
        if matrix.cols == 1 or width(whole) / matrix.rows <= LINE:
            return [rf"{name} &= {whole}"], [*view, *(c for entry in matrix for c in conditions(entry))]
    return _entries(name, matrix)


def _factored(name: str, term: Term) -> tuple[list[str], list[sp.Basic]]:
    """A product of named or of explicit matrices, or the definition of one that is too large to write."""
    if term.kind in ("gram", "moments", "normaliser"):
        return [_pair_definition(name, term)], []
    if term.of_functions:
        return [rf"{name} &= {_operator_of(term)}, \qquad \text{{not written out}}"], []
    if isinstance(term.expr, sp.MatrixSymbol):
        power = f"M_{{{term.n}}} \\cdots M_{{{term.m - 1}}}" if term.m > term.n + 1 else f"M_{{{term.n}}}"
        target = "u" if term.kind == "coefficients" else rf"\eta^{{({term.m})}}_j"
        index = "i" if term.kind == "coefficients" else "ij"
        definition = rf"\langle \eta^{{({term.n})}}_i,\, {power}\, {target} \rangle"
        return [rf"\bigl({name}\bigr)_{{{index}}} &= {definition}, \qquad \text{{too large to print}}"], []
    explicit = [arg for arg in term.expr.args if isinstance(arg, sp.MatrixBase)]
    if isinstance(term.expr, sp.MatMul) and len(explicit) == 3:
        scale = readable(sp.Mul(*(arg for arg in term.expr.args if not arg.is_Matrix)))
        rows, shown = _entries("G", sp.ImmutableMatrix(explicit[1]))
        whole = rf"{name} &= {'' if scale == 1 else math(scale)}\, L\, G\, R, \qquad \text{{$L$ and $R$ numeric, with}}"
        return [whole, *rows], [scale, *shown]
    return _equation(name, term.expr), []


def _operator_of(term: Term) -> str:
    """A term as the operator that it is, MATH (12), (15)."""
    n, m = term.n, term.m
    layers = rf"M_{{{n}}} \cdots M_{{{m - 1}}}" if m > n + 1 else f"M_{{{n}}}"
    return {
        "memory": rf"P_{{{n}}} M_{{{n}}} \Phi({n + 1}, {m}) P_{{{m}}}",
        "noise": rf"P_{{{n}}} M_{{{n}}} \Phi({n + 1}, {m}) Q_{{{m}}} u",
        "coefficients": rf"P_{{{n}}} {layers} u",
        "unresolved": rf"P_{{{n}}} {layers} Q_{{{m}}} u",
    }.get(term.kind, rf"P_{{{n}}} {layers} P_{{{m}}}")


def _pair_definition(name: str, term: Term) -> str:
    """What a Gram matrix, its normaliser or a matrix of raw inner products is."""
    n, m = term.n, term.m
    if term.kind == "normaliser":
        return rf"{name}\, G_{{{n}}}\, T_{{{n}}}^{{\mathsf{{T}}}} &= I, \qquad \text{{too large to print}}"
    power = "" if n == m else f"M_{{{n}}} \\cdots M_{{{m - 1}}}\\, " if m > n + 1 else f"M_{{{n}}}\\, "
    inner = rf"\langle \psi^{{({n})}}_i,\, {power}\phi^{{({m})}}_j \rangle"
    return rf"\bigl({name}\bigr)_{{ij}} &= {inner}, \qquad \text{{too large to print}}"


def environment(rows: list[str]) -> str:
    """Rows of an ``align*`` environment."""
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def pmatrix(matrix: sp.MatrixBase) -> str:
    """A matrix with all its entries."""
    rows = [" & ".join(math(matrix[i, j]) for j in range(matrix.cols)) for i in range(matrix.rows)]
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def _entries(name: str, matrix: sp.MatrixBase) -> tuple[list[str], list[sp.Basic]]:
    """One equation per entry that is not zero, up to the size limits, then a sentence about the rest."""
    rows: list[str] = []
    shown: list[sp.Basic] = []
    states = NestedStates()
    zeros = large = omitted = used = 0
    for i in range(matrix.rows):
        for j in range(matrix.cols):
            entry = matrix[i, j]
            if entry.is_zero:
                zeros += 1
            elif used > TERM_CHARACTERS:
                omitted += 1
            elif operations(entry) > ENTRY_OPERATIONS:
                large += 1
            else:
                index = f"{i},{j}" if matrix.cols > 1 else f"{i}"
                left, view = rf"\bigl({name}\bigr)_{{{index}}}", readable(entry)
                lines = _equation(left, view)
                if max(map(width, lines)) > LINE:
                    view = states.named(view)
                    lines = _equation(left, view)
                shown += [view, *conditions(entry)]
                rows.extend(lines)
                used += sum(map(len, lines))
    for state, letter in states.letters.items():
        rows.extend(_equation(math(letter), state))
    if zeros:
        count = matrix.rows * matrix.cols
        rows.append(rf"&\text{{{zeros} of {count} entries {'is' if zeros == 1 else 'are'} }} 0")
    if large:
        rows.append(rf"&\text{{{large} not shown: over {ENTRY_OPERATIONS} operations each, see Term.expr}}")
    if omitted:
        rows.append(rf"&\text{{{omitted} not shown: the size limit of this view is reached, see Term.expr}}")
    return rows, shown


def _equation(left: str, expr: sp.Basic) -> list[str]:
    """Lines of one equation."""
    room = LINE - width(left) - 1.6
    first, *rest = _lines(_pieces(expr, room), room)
    return [f"{left} &= {first}", *(rf"&\quad {line}" for line in rest)]


def _pieces(expr: sp.Basic, room: float) -> list[str]:
    """An expression as strings between which a line may break; the second and later begin with their sign."""
    whole = math(expr)
    if width(whole) <= room:
        return [whole]
    if isinstance(expr, (sp.Add, sp.MatAdd)):
        terms = expr.as_ordered_terms() if isinstance(expr, sp.Add) else list(expr.args)
        return _signed_sum(terms, room)
    if isinstance(expr, sp.Integral):
        signs = "".join(
            rf"\int\limits_{{{math(lower)}}}^{{{math(upper)}}} " for _, lower, upper in reversed(expr.limits)
        )
        pieces = _product(sp.Mul.make_args(expr.function), room)
        if width(signs + pieces[0]) > room:
            pieces.insert(0, signs)
        else:
            pieces[0] = signs + pieces[0]
        pieces[-1] += "".join(rf"\, d{math(limit[0])}" for limit in expr.limits)
        return pieces
    if isinstance(expr, sp.Mul) and expr.could_extract_minus_sign():
        first, *rest = _pieces(-expr, room)
        return ["- " + first, *rest]
    if isinstance(expr, sp.Mul):
        return _product(expr.args, room)
    if isinstance(expr, ShortMean):
        first, *rest = _pieces(expr.args[1], room)
        pieces = [expr.name_latex(LatexPrinter({"symbol_names": symbol_names(expr)})) + r"\Bigl(" + first, *rest]
        pieces[-1] += r"\Bigr)"
        return pieces
    return [whole]


def _signed_sum(terms: list[sp.Basic], room: float) -> list[str]:
    pieces: list[str] = []
    for k, term in enumerate(terms):
        inner = _pieces(term, room)
        if k and not inner[0].lstrip().startswith("-"):
            inner[0] = "+ " + inner[0]
        pieces.extend(inner)
    return pieces


def _product(factors: tuple[sp.Basic, ...], room: float) -> list[str]:
    """A product: short factors in front, then every long sum or integral with breaks of its own inside."""
    long = [
        f
        for f in factors
        if isinstance(f, (sp.Integral, ShortMean)) or (isinstance(f, sp.Add) and width(math(f)) > room / 3)
    ]
    short = sp.Mul(*(f for f in factors if f not in long))
    pieces: list[str] = []
    if short != 1 or not long:
        # A sum in front, such as (x - c), needs its own brackets.
        pieces.append(rf"\left({math(short)}\right)" if isinstance(short, sp.Add) else math(short))
    for factor in sorted(long, key=lambda f: isinstance(f, sp.Integral)):
        inner = _pieces(factor, room)
        if isinstance(factor, sp.Add):
            # Fixed-size brackets, because \left and \right cannot stand on different lines.
            inner = [r"\Bigl(" + inner[0], *inner[1:]]
            inner[-1] += r"\Bigr)"
        if pieces and isinstance(factor, sp.Add):
            inner[0] = r"\cdot " + inner[0]
        pieces.extend(inner)
    return pieces


def _lines(pieces: list[str], room: float) -> list[str]:
    """Pieces packed greedily into lines."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if width(lines[-1]) + width(piece) <= room:
            lines[-1] += " " + piece
        else:
            lines.append(piece)
    return lines
