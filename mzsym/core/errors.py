"""The one error a user of mzsym meets."""

from __future__ import annotations


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
        self.what = what.rstrip(".")
        self.where = where
        self.fix = fix.rstrip(".")
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        return f"{self.what} [{self.where}]. {self.fix}."
