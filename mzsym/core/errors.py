"""The one error a user of mzsym meets."""

from __future__ import annotations

_MOST = 800


class MzError(Exception):
    """Bad input or an impossible request, said in three clear sentences.

    Parameters
    ----------
    what : str
        What is wrong.
    where : str
        Which layer, key, line or argument it is about.
    fix : str
        What to do about it.

    Examples
    --------
    >>> print(MzError("The noise scale is 0", "layer 2", "Give a positive scale"))
    The noise scale is 0 [layer 2]. Give a positive scale.
    """

    def __init__(self, what: str, where: str, fix: str) -> None:
        self.what = _shown(what).rstrip(".")
        self.where = _shown(where)
        self.fix = _shown(fix).rstrip(".")
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        return f"{self.what} [{self.where}]. {self.fix}."


def _shown(text: str) -> str:
    """At most 800 characters, none of which could move a terminal's cursor: messages quote input."""
    if len(text) > _MOST:
        text = f"{text[: _MOST // 2]} ... {text[-_MOST // 2 :]}"
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
