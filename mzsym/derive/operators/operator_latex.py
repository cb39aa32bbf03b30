r"""LaTeX of operator claims, for stock amsmath.

Long equations are broken between terms by an estimate of their width, so that they fit the text width of an A4
article.
"""

from __future__ import annotations

from mzsym.derive.operators.indices import Index
from mzsym.derive.operators.sums import Expression, Monomial
from mzsym.derive.operators.words import Factor, Word

#: Widths in em: of a line beside its number, and how far a left-hand side may push the right one in.
LINE = 30.5
MAX_LEFT = 9.0
_TEX = {"Phi": r"\Phi", "Psi": r"\Psi", "p0": "p"}


def factor_latex(factor: Factor) -> str:
    """One letter: ``P_{n}``, ``\\Phi(n,m)``."""
    name = _TEX.get(factor.head, factor.head.rstrip("*"))
    if factor.head == "u":
        return "u"
    if factor.head in ("M*", "N*", "Phi", "Psi"):
        return f"{name}({factor.row},{factor.col})"
    return f"{name}_{{{factor.col if factor.head == 'N' else factor.row}}}"


def word_latex(word: Word) -> str:
    """A word; the empty one is the identity."""
    return " ".join(map(factor_latex, word)) or "I"


def monomial_latex(term: Monomial, first: bool) -> str:
    """One term with its sign and sum."""
    size = abs(term.coefficient)
    sign = "-" if term.coefficient < 0 else "" if first else "+"
    number = "" if size == 1 else f"{size}\\, "
    total = ""
    if term.over is not None:
        dummy = term.over.dummy if term.over.dummy != "@" else "k"
        total = f"\\sum_{{{dummy}={term.over.low}}}^{{{term.over.high}}} "
        if term.over.dummy == "@":
            term = term._replace(word=tuple(item.replace_symbol({"@": Index("k", 0)}) for item in term.word))
    return f"{sign}{' ' if sign == '+' else ''}{number}{total}{word_latex(term.word)}"


def _index_width(index: Index | None) -> float:
    return 0.0 if index is None else 0.55 * len(str(index)) + (0.5 if index.symbol and index.shift else 0.0)


def monomial_width(term: Monomial) -> float:
    """Estimated width in em, with the sign in front."""
    width = 1.6
    for factor in term.word:
        if factor.head in ("M*", "N*", "Phi", "Psi"):
            width += 2.0 + 1.2 * (_index_width(factor.row) + _index_width(factor.col))
        elif factor.head == "u":
            width += 0.6
        else:
            width += 0.85 + 0.75 * _index_width(factor.row)
    if term.over is not None:
        width += max(1.6, 0.75 * _index_width(term.over.low) + 1.2)
    return width


def _lines(expression: Expression, room: float) -> list[str]:
    """The terms, filled into lines of the given width."""
    lines: list[list[str]] = [[]]
    used = 0.0
    for place, term in enumerate(expression):
        width = monomial_width(term)
        if lines[-1] and used + width > room:
            lines.append([])
            used = 0.0
        lines[-1].append(monomial_latex(term, place == 0))
        used += width
    return [" ".join(line) or "0" for line in lines]


def equation_lines(lhs: Expression, rhs: Expression) -> list[str]:
    """Lines of an aligned display, each with its ``&``, the whole not wider than LINE."""
    left_width = sum(map(monomial_width, lhs))
    if left_width <= MAX_LEFT:
        first, *rest = _lines(rhs, LINE - left_width - 1.2)
        return [f"{_lines(lhs, LINE)[0]} &= {first}", *(f"&\\quad {line}" for line in rest)]
    start, *more = _lines(lhs, LINE - 1.0)
    first, *rest = _lines(rhs, LINE - 2.0)
    continued = [*more, f"= {first}", *(f"\\quad {line}" for line in rest)]
    return [f"&{start}", *(f"&\\quad {line}" for line in continued)]


def claim_latex(lhs: Expression, rhs: Expression) -> str:
    r"""An equation as one formula, in ``aligned`` when it needs several lines.

    Examples
    --------
    >>> from mzsym.derive.operators.derivation import derive_operator
    >>> print(derive_operator().step("split").latex())
    q_{n} = M_{n} q_{n+1}
    """
    lines = equation_lines(lhs, rhs)
    if len(lines) == 1:
        return lines[0].replace("&", "")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
