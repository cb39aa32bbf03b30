r"""LaTeX that this project prints, as HTML with MathML.

Only the small part of LaTeX that ``Equation.latex``, ``Derivation.latex``, ``Term.latex`` and ``Certificate.latex``
use: paragraphs, inline ``$...$``, ``\verb``, ``\[...\]``, ``aligned`` and the align environments, whose rows become
one formula each, so that long ones scroll by themselves and none is cut off.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

from latex2mathml import converter, exceptions
from markupsafe import Markup

_REFUSED = (
    exceptions.NumeratorNotFoundError,
    exceptions.DenominatorNotFoundError,
    exceptions.ExtraLeftOrMissingRightError,
    exceptions.MissingSuperScriptOrSubscriptError,
    exceptions.DoubleSubscriptsError,
    exceptions.DoubleSuperscriptsError,
    exceptions.NoAvailableTokensError,
    exceptions.MissingEndError,
    exceptions.InvalidAlignmentError,
    exceptions.LimitsMustFollowMathOperatorError,
    IndexError,
    StopIteration,
)

_DISPLAY = re.compile(r"\\\[(?P<plain>.*?)\\\]|\\begin\{(?P<name>align\*?)\}(?P<rows>.*?)\\end\{(?P=name)\}", re.DOTALL)
_INLINE = re.compile(r"\$(?P<math>[^$]*)\$|\\verb\|(?P<verb>[^|]*)\|")
_TAG = re.compile(r"\\tag\{([^}]*)\}")
_TEXT = {
    r"\par": "",
    r"\noindent": "",
    r"\sloppy": "",
    r"\allowdisplaybreaks": "",
    r"\medskip": "",
    "---": "\u2014",
    "--": "\u2013",
    r"\_": "_",
    r"\%": "%",
    r"\#": "#",
    r"\&": "&",
    r"\$": "$",
    r"\,": "\u202f",
}


@lru_cache(maxsize=4096)
def mathml(latex: str, display: bool = False) -> Markup:
    """A formula as MathML; as its source in ``<code>`` should the converter refuse it."""
    # Brackets of the size of a line need no stretching, and their indices then sit as they should.
    latex = latex.replace(r"\bigl(", "(").replace(r"\bigr)", ")")
    try:
        found = converter.convert(latex, display="block" if display else "inline")
    except _REFUSED:
        return Markup(f'<code class="tex">{escape(latex)}</code>')
    return Markup(found)


def fragment(tex: str, limit: int | None = None) -> Markup:
    """LaTeX of this project as HTML.

    Parameters
    ----------
    tex : str
    limit : int, optional
        Rows of formulas after which the rest is announced instead of shown.
    """
    out: list[str] = []
    left = [limit]
    at = 0
    for match in _DISPLAY.finditer(tex):
        out.append(_paragraphs(tex[at : match.start()]))
        at = match.end()
        out.append(_rows(match.group("plain") or match.group("rows") or "", left))
    out.append(_paragraphs(tex[at:]))
    return Markup("\n".join(part for part in out if part))


def _rows(body: str, left: list[int | None]) -> str:
    """The rows of one display, each a formula; a row that starts with a break is indented."""
    body = body.replace(r"\begin{aligned}", "").replace(r"\end{aligned}", "")
    rows = [row for row in re.split(r"\\\\\s*\n", body) if row.strip()]
    shown = rows if left[0] is None else rows[: max(left[0], 0)]
    if left[0] is not None:
        left[0] -= len(shown)
    lines = []
    for row in shown:
        tag = _TAG.search(row)
        continued = row.strip().startswith(r"&\quad") or row.strip().startswith(r"&\text")
        latex = _TAG.sub("", row).replace(r"\notag", "").replace("&", "").strip()
        latex = re.sub(r"^(\\quad\s*)+", "", latex)
        if latex[:1] in "+-=" or latex.startswith(r"\cdot"):
            # An empty left side keeps the sign an infix, with its space.
            latex = "{} " + latex
        label = f'<span class="tag">({escape(tag.group(1))})</span>' if tag else ""
        kind = "row more" if continued else "row"
        lines.append(f'<div class="{kind}">{mathml(latex, True)}{label}</div>')
    if len(shown) < len(rows):
        lines.append(f'<p class="note">{len(rows) - len(shown)} more lines are left out here.</p>')
    return '<div class="display" tabindex="0">' + "\n".join(lines) + "</div>" if lines else ""


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{inline(part)}</p>" for part in re.split(r"\n\s*\n", text) if inline(part).strip())


def inline(text: str) -> Markup:
    """One paragraph: words escaped, formulas as MathML."""
    out, at = [], 0
    for match in _INLINE.finditer(text):
        out.append(_words(text[at : match.start()]))
        at = match.end()
        if match.group("verb") is not None:
            out.append(f"<code>{escape(match.group('verb'))}</code>")
        else:
            out.append(str(mathml(match.group("math"))))
    out.append(_words(text[at:]))
    return Markup("".join(out).strip())


def _words(text: str) -> str:
    text = re.sub(r"\\(emph|textbf|textit)\{([^{}]*)\}", r"\2", text)
    for source, target in _TEXT.items():
        text = (
            re.sub(re.escape(source) + r"(?![A-Za-z])", target, text)
            if source[-1].isalpha()
            else text.replace(source, target)
        )
    text = text.replace(r"\{", "\0").replace(r"\}", "\1").replace("{", "").replace("}", "")
    return escape(text.replace("\0", "{").replace("\1", "}"))
