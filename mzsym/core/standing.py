"""How far a number or a claim may be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Standing(StrEnum):
    """What a number rests on.

    ``PROVED``: a theorem, with rounding, quadrature and truncation inside the bound.
    ``ESTIMATED``: computed, with an error that was observed but not proved.
    ``ASSUMED``: stated by the user.
    """

    PROVED = "proved"
    ESTIMATED = "estimated"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class Verdict:
    """The answer to a yes-or-no question, with its reason.

    Only a proved verdict is true in a boolean context, so that ``if c.contracts:`` never acts on a hope.

    Examples
    --------
    >>> bool(Verdict("undecided", "the bound is 1.4"))
    False
    """

    decision: Literal["proved", "refuted", "undecided"]
    why: str

    def __bool__(self) -> bool:
        return self.decision == "proved"

    def __str__(self) -> str:
        return f"{self.decision}: {self.why}"
