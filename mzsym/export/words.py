"""Text that every exported package shares: comments, numbers, names."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from mzsym.core.arrays import Array


def comment(sentences: Iterable[str], start: str, width: int = 110) -> list[str]:
    """Sentences as comment lines."""
    lines: list[str] = []
    for sentence in sentences:
        lines += [f"{start}{line}".rstrip() for line in textwrap.wrap(sentence, width - len(start))]
    return lines


def rows_of(numbers: Sequence[str], indent: str, width: int = 116) -> list[str]:
    """Numbers separated by commas, packed into lines."""
    lines, line = [], indent
    for number in numbers:
        item = f"{number}, "
        if len(line) + len(item) > width and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += item
    if line.strip():
        lines.append(line.rstrip())
    return lines


def literals(array: Array) -> list[str]:
    """Every number in the shortest form that reads back as the same float64."""
    return [repr(float(value)) for value in array.ravel()]


def table_words(kind: str) -> str:
    """What a kind of table is, in a sentence."""
    return {
        "streaming": "Streaming term A_n = C(n, n+1), 0 <= n < L.",
        "memory": "Memory term K(n, m).",
        "correlation": "C(n, m) = <eta^(n), M(n, m) eta^(m)>, n < m <= L.",
        "noise": "Noise term r_n = <eta^(n), R_n>, 0 <= n < L.",
        "readout": "Read-out alpha^(n) of layer n, 1 <= n <= H, in the orthonormal basis eta^(n).",
        "coefficients": "Coefficients c_n = <eta^(n), q_n>, 0 <= n <= L.",
    }[kind]
