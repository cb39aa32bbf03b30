"""What the concrete terms of an equation would take, estimated before anything is expanded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from mzsym.core import MzError
from mzsym.derive.operators.words import Direction
from mzsym.derive.sizes import Estimate

if TYPE_CHECKING:
    from mzsym.core import Options

EquationTerm: TypeAlias = Literal["streaming", "memory", "noise"]


@dataclass(frozen=True)
class TermName:
    """A term of the equation by name.

    Attributes
    ----------
    kind : {"streaming", "memory", "noise"}
    n, m : int
        As in :class:`Term`: streaming has m = n + 1; noise m = L backward and 0 forward.
    lag : int
        Layers between what the term takes and what it gives: 1 for streaming, m - n for memory; 0 for the noise term,
        which every truncation of the memory keeps.
    """

    kind: EquationTerm
    n: int
    m: int
    lag: int

    @property
    def label(self) -> str:
        """As it is called: ``memory(0, 2)``."""
        return f"{self.kind}({self.n}, {self.m})" if self.kind == "memory" else f"{self.kind}({self.n})"


def term_names(depth: int, direction: Direction) -> Iterator[TermName]:
    """The terms of the equation, those of one layer together.

    >>> [name.label for name in term_names(2, "backward")]
    ['streaming(0)', 'memory(0, 2)', 'noise(0)', 'streaming(1)', 'noise(1)']
    """
    for n in range(depth):
        yield TermName("streaming", n, n + 1, 1)
        if direction == "forward":
            yield from (TermName("memory", n, m, n + 1 - m) for m in range(n))
        else:
            yield from (TermName("memory", n, m, m - n) for m in range(n + 2, depth + 1))
        yield TermName("noise", n, depth if direction == "backward" else 0, 0)


def checked_lag(max_lag: object, where: str) -> int | None:
    """A largest lag, or None for all.

    Raises
    ------
    MzError
        If it is no positive integer.
    """
    if max_lag is None:
        return None
    if isinstance(max_lag, bool) or not isinstance(max_lag, int) or max_lag < 1:
        raise MzError(
            f"The largest lag is {max_lag!r}", f"{where}(max_lag=)", "Give an integer from 1, or None for all"
        )
    return max_lag


@dataclass(frozen=True)
class TermCost:
    """One term and what it would take.

    Attributes
    ----------
    name : TermName
    shape : tuple of int
    estimate : Estimate
        Of the term written out; zero where it is known to vanish.
    state : {"zero", "written", "factored", "left"}
        Whether it vanishes, is to be written out, would stay factored (``max_operations``), or is left by name because
        the terms before it spend the budget (``max_total_operations``).
    """

    name: TermName
    shape: tuple[int, int]
    estimate: Estimate
    state: Literal["zero", "written", "factored", "left"]


@dataclass(frozen=True)
class Costs:
    """Estimates for the terms of an equation, none of which has been expanded.

    Attributes
    ----------
    rows : tuple of TermCost
    budget : int
        ``options.max_total_operations``.
    """

    rows: tuple[TermCost, ...]
    budget: int

    @property
    def total(self) -> float:
        """Estimated operations of what is to be written out."""
        return float(sum(row.estimate.operations for row in self.rows if row.state == "written"))

    def of(self, label: str) -> TermCost:
        """The row of one term, for example ``costs.of("memory(0, 2)")``.

        Raises
        ------
        MzError
            When there is none of this name.
        """
        for row in self.rows:
            if row.name.label == label:
                return row
        raise MzError(f"There is no term {label!r}", "Costs.of", "Use a name such as " + repr(self.rows[0].name.label))

    def lines(self) -> tuple[str, ...]:
        """The estimates in words, one line for each kind and lag; lags of which every term is factored share one."""
        groups: dict[tuple[int, int], list[TermCost]] = {}
        for row in self.rows:
            groups.setdefault((_KINDS.index(row.name.kind), row.name.lag), []).append(row)
        lines: list[str] = []
        factored: list[TermCost] = []
        for _, rows in sorted(groups.items()):
            if rows[0].name.kind == "memory" and all(row.state == "factored" for row in rows):
                factored += rows
                continue
            lines.append(_group_line(rows))
        if factored:
            lines.insert(len(lines) - any(row.name.kind == "noise" for row in self.rows), _group_line(factored))
        written = sum(row.state == "written" for row in self.rows)
        lines.append(
            f"{written} of {len(self.rows)} terms to be written out, about {self.total:.2g} operations "
            f"(budget {self.budget:.2g})"
        )
        return tuple(lines)


_KINDS: tuple[str, ...] = ("streaming", "memory", "noise")


def _group_line(rows: list[TermCost]) -> str:
    kind, lags = rows[0].name.kind, sorted({row.name.lag for row in rows})
    name: str = kind
    if kind == "memory":
        name += f", lag {lags[0]}" if len(lags) == 1 else f", lags {lags[0]} to {lags[-1]}"
    counts = [(sum(row.state == state for row in rows), state) for state in ("written", "factored", "left", "zero")]
    shown = ", ".join(f"{count} {state}" for count, state in counts if count)
    sizes = [row.estimate.operations for row in rows]
    if not max(sizes):
        return f"{name}: {shown}"
    least = f"{min(size for size in sizes if size):.2g}"
    span = least if least == f"{max(sizes):.2g}" else f"{least} to {max(sizes):.2g}"
    dimension = max(row.estimate.dimension for row in rows)
    return f"{name}: {shown}; about {span} operations each, integrals of dimension <= {dimension}"


def decided(rows: list[tuple[TermName, tuple[int, int], Estimate]], most: float, options: Options) -> Costs:
    """What happens to each term under the limits: first come, first written.

    Parameters
    ----------
    rows : list of (TermName, shape, Estimate)
        In the order in which they are wanted.
    most : float
        Estimated operations above which a term is not even tried.
    options : Options
    """
    spent, out = 0.0, []
    for name, shape, estimate in rows:
        state: Literal["zero", "written", "factored", "left"] = "written"
        if estimate.operations == 0.0:
            state = "zero"
        elif estimate.operations > most:
            state = "factored"
        elif spent + estimate.operations > options.max_total_operations:
            state = "left"
        else:
            spent += estimate.operations
        out.append(TermCost(name, shape, estimate, state))
    return Costs(tuple(out), options.max_total_operations)
