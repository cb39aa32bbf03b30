"""How wide a LaTeX formula prints, in em: enough to break lines before the margin, not a typesetter."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|[^\\]")
_WIDE = {
    "+": 1.3, "-": 1.3, "=": 1.6, "(": 0.4, ")": 0.4, "[": 0.3, "]": 0.3, "|": 0.3, ",": 0.45, "/": 0.5,
    " ": 0.0, "&": 0.0,
}  # fmt: skip
_COMMANDS = {
    r"\left": 0.1, r"\right": 0.1, r"\limits": 0.0, r"\bigl": 0.1, r"\bigr": 0.1, r"\Bigl": 0.2, r"\Bigr": 0.2,
    r"\quad": 1.0, r"\,": 0.17, r"\int": 0.95, r"\cdot": 0.8, r"\sum": 1.4, r"\sqrt": 0.85, r"\infty": 1.0,
    r"\mathsf": 0.0, r"\operatorname": 0.2, r"\underline": 0.0, r"\overline": 0.0, r"\hat": 0.0, r"\bar": 0.0,
    r"\varphi": 0.65, r"\Phi": 0.75, r"\log": 1.5, r"\exp": 1.8, r"\tanh": 2.3, r"\cosh": 2.2, r"\sinh": 2.2,
}  # fmt: skip
_SCRIPT = 0.72


def width(text: str) -> float:
    """Width in em of a formula.

    Examples
    --------
    >>> width(r"\\frac{x}{y}") < width("x y") < width("x + y")
    True
    """
    tokens = _TOKEN.findall(text)
    total, _ = _row(tokens, 0)
    return total


def _row(tokens: list[str], at: int) -> tuple[float, int]:
    """Width up to the closing brace or the end, and where that is."""
    total, scripts = 0.0, 0.0
    while at < len(tokens) and tokens[at] != "}":
        token = tokens[at]
        if token in "^_":
            # Both scripts of one symbol stand above each other.
            script, at = _argument(tokens, at + 1)
            total += max(0.0, _SCRIPT * script - scripts)
            scripts = max(scripts, _SCRIPT * script)
            continue
        if token.strip():
            scripts = 0.0
        if token == "{":
            inner, at = _row(tokens, at + 1)
            total, at = total + inner, at + 1
        elif token == r"\frac":
            above, at = _argument(tokens, at + 1)
            below, at = _argument(tokens, at)
            total += max(above, below) + 0.25
        else:
            total += _COMMANDS.get(token, 0.7) if token.startswith("\\") else _WIDE.get(token, 0.52)
            at += 1
    return total, at


def _argument(tokens: list[str], at: int) -> tuple[float, int]:
    if at < len(tokens) and tokens[at] == "{":
        inner, end = _row(tokens, at + 1)
        return inner, end + 1
    return (_WIDE.get(tokens[at], 0.52) if at < len(tokens) else 0.0), at + 1
