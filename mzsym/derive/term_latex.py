r"""LaTeX of concrete terms that fits a page: small matrices as matrices, the others entry by entry, lines broken.

Box ends print as midpoint and half-width, in which the normalized state reads (x - midpoint)/half-width. Everything
compiles with stock amsmath and says what it leaves out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core.names import latex_names
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

BOX_SENTENCE = r"\bar{x}^{(n)}_i \pm \ell^{(n)}_i \text{ are the ends of the box of } X_n"
"""What the two letters mean."""

_BOX = {"mid": r"\bar{x}", "half": r"\ell"}
_END = re.compile(r"^(lo|hi)\[(\d+),(\d+)\]$")


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
    }[kind]


def midpoint_form(expr: sp.Basic) -> sp.Basic:
    """Box ends as midpoint -+ half-width, and common numbers taken out of sums: for reading only."""
    ends: dict[sp.Symbol, sp.Expr] = {}
    for symbol in expr.free_symbols | expr.atoms(sp.Symbol):
        match = _END.match(symbol.name)
        if match is not None:
            end, n, i = match.groups()
            middle, half = sp.Symbol(f"mid[{n},{i}]", real=True), sp.Symbol(f"half[{n},{i}]", positive=True)
            ends[symbol] = middle - half if end == "lo" else middle + half
    return _primitive(expr.xreplace(ends)) if ends else expr


def _primitive(expr: sp.Basic) -> sp.Basic:
    """2x - 2c becomes 2(x - c) inside products and powers, where the 2 cancels."""
    if not expr.args or isinstance(expr, sp.MatrixExpr):
        return expr
    args = [_primitive(arg) if isinstance(arg, sp.Basic) else arg for arg in expr.args]
    if isinstance(expr, sp.Mul):
        return sp.Mul(*(piece for arg in args for piece in _content(arg)))
    if isinstance(expr, sp.Integral):
        number, rest = sp.Mul(*(piece for f in sp.Mul.make_args(args[0]) for piece in _content(f))).as_coeff_Mul()
        return number * sp.Integral(rest, *args[1:])
    return expr.func(*args) if tuple(args) != expr.args else expr


def _content(factor: sp.Basic) -> tuple[sp.Basic, ...]:
    base, exponent = factor.as_base_exp()
    if not isinstance(base, sp.Add) or not exponent.is_Rational:
        return (factor,)
    number, rest = base.primitive()
    if rest.could_extract_minus_sign() and exponent.is_Integer:
        number, rest = -number, -rest
    return number**exponent, rest**exponent


def math(expr: sp.Basic) -> str:
    """One expression, with mzsym's symbol names."""
    names = latex_names(expr)
    for symbol in expr.atoms(sp.Symbol):
        head, _, rest = symbol.name.partition("[")
        if head in _BOX and rest:
            n, i = rest.rstrip("]").split(",")
            names[symbol] = rf"{_BOX[head]}^{{({n})}}_{{{i}}}"
    return str(sp.latex(expr, symbol_names=names))


def term_latex(term: Term, explain: bool = True) -> str:
    """A term as an ``align*`` environment; ``explain`` adds what the letters of the box mean."""
    name = symbol_of(term.kind, term.n, term.m, term.direction)
    if isinstance(term.expr, sp.MatrixExpr) and not isinstance(term.expr, sp.MatrixBase):
        return environment(_equation(name, term.expr))
    matrix = sp.ImmutableMatrix(term.expr)
    if matrix.is_zero_matrix:
        return environment([rf"{name} &= 0 \in \mathbb{{R}}^{{{matrix.rows} \times {matrix.cols}}}"])
    if matrix.cols <= 6 and matrix.rows <= 12 and sum(operations(e) for e in matrix) <= MATRIX_OPERATIONS:
        whole = pmatrix(matrix.applyfunc(midpoint_form))
        if matrix.cols == 1 or width(whole) / matrix.rows <= LINE:
            return environment(_explained([rf"{name} &= {whole}"], explain))
    return environment(_explained(_entries(name, matrix), explain))


def _explained(rows: list[str], explain: bool) -> list[str]:
    return [*rows, f"&{BOX_SENTENCE}"] if explain and any(r"\ell^{" in row for row in rows) else rows


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
            if entry.is_zero:
                zeros += 1
            elif used > TERM_CHARACTERS:
                omitted += 1
            elif operations(entry) > ENTRY_OPERATIONS:
                large += 1
            else:
                index = f"{i},{j}" if matrix.cols > 1 else f"{i}"
                lines = _equation(rf"\bigl({name}\bigr)_{{{index}}}", midpoint_form(entry))
                rows.extend(lines)
                used += sum(map(len, lines))
    if zeros:
        count = matrix.rows * matrix.cols
        rows.append(rf"&\text{{{zeros} of {count} entries {'is' if zeros == 1 else 'are'} }} 0")
    if large:
        rows.append(rf"&\text{{{large} not shown: over {ENTRY_OPERATIONS} operations each, see Term.expr}}")
    if omitted:
        rows.append(rf"&\text{{{omitted} not shown: the size limit of this view is reached, see Term.expr}}")
    return rows


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
        pieces[0] = signs + pieces[0]
        pieces[-1] += "".join(rf"\, d{math(limit[0])}" for limit in expr.limits)
        return pieces
    if isinstance(expr, sp.Mul) and expr.could_extract_minus_sign():
        first, *rest = _pieces(-expr, room)
        return ["- " + first, *rest]
    if isinstance(expr, sp.Mul):
        return _product(expr.args, room)
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
    long = [f for f in factors if isinstance(f, sp.Integral) or (isinstance(f, sp.Add) and width(math(f)) > room / 3)]
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
        if pieces and not isinstance(factor, sp.Integral):
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
