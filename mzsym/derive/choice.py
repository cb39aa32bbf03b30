"""Which terms of an equation are built and printed: by lag, by norm, and within a budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from mzsym.core import MzError
from mzsym.derive.costs import Costs, TermName, checked_lag, decided, term_names

if TYPE_CHECKING:
    from mzsym.derive.equation import Equation
    from mzsym.derive.terms import Term
    from mzsym.model import Network


class HasNorms(Protocol):
    """What knows the size of terms: an evaluator of the same network."""

    @property
    def network(self) -> Network: ...
    def norm(self, kind: str, n: int, m: int | None = None) -> float: ...


def chosen(
    eq: Equation, max_lag: int | None, above: float | None, evaluator: HasNorms | None, where: str
) -> tuple[TermName, ...]:
    """Terms with a lag of at most ``max_lag`` and a norm of at least ``above``; noise terms have no lag.

    Raises
    ------
    MzError
        For a lag that is no positive integer, a norm that is not positive, and a norm without an evaluator of this
        network.
    """
    most = checked_lag(max_lag, where)
    names = [name for name in term_names(eq.depth, eq.direction) if most is None or name.lag <= most]
    if above is None:
        return tuple(names)
    if isinstance(above, bool) or not isinstance(above, (int, float)) or not 0 < above < math.inf:
        raise MzError(f"The smallest norm is {above!r}", f"{where}(above=)", "Give a positive number")
    if evaluator is None or evaluator.network.digest != eq.network.digest:
        raise MzError(
            "The norm of a term is known to an evaluator of the same network only",
            f"{where}(above=)",
            "Give evaluator=mz.compile(eq)",
        )
    return tuple(name for name in names if evaluator.norm(name.kind, name.n, name.m) >= above)


def costs(eq: Equation, names: tuple[TermName, ...]) -> Costs:
    """Estimates for these terms, and which of them the limits allow to be written out."""
    rows = [(name, eq.shape_of(name), eq.estimate(name.kind, name.n, name.m)) for name in names]
    return decided(rows, eq.largest_estimate, eq.options)


def terms(eq: Equation, names: tuple[TermName, ...]) -> tuple[Term, ...]:
    """These terms; what exceeds the budget of all together is left by name, without being expanded."""
    return tuple(
        eq.left_out(row.name, row.estimate)
        if row.state == "left"
        else eq.term_at(row.name.kind, row.name.n, row.name.m)
        for row in costs(eq, names).rows
    )
