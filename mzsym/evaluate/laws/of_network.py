"""The laws that a network's evaluator hands out, by the route that suits the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.line import Composed, Line, why_not_line
from mzsym.evaluate.laws.pieces import MOST_TURNS, ManyTurns
from mzsym.evaluate.laws.source import Source, point_source, source_of
from mzsym.evaluate.laws.state_law import StateLaw
from mzsym.evaluate.laws.weak import Observable, weak_law
from mzsym.evaluate.maps import NetworkNumbers
from mzsym.evaluate.quadrature.problem import check_dimensions, check_values

if TYPE_CHECKING:
    from mzsym.model import Network


_TURNS = f"a map turns more than {MOST_TURNS} times, and integrals over its pieces would be inexact and long"


def law_of_state(net: Network, n: int | None, p0: Any, at: Any, component: int | None, options: Options) -> StateLaw:
    """The law of one component of X_n; see ``Evaluator.law``."""
    source = _source(net, p0, at)
    n = net.depth if n is None else _integer(n, net.depth, "law(n)")
    if component is None and net.dims[n] > 1:
        raise MzError(
            f"X_{n} has {net.dims[n]} components", "law(n, component=)", "Say which: component=0, or use output_law()"
        )
    i = 0 if component is None else _integer(component, net.dims[n] - 1, "law(component=)")
    line, why = Line(net, source, options), why_not_line(net, n, source)
    if why is None:
        try:
            return line.state_law(n)
        except ManyTurns:
            why = _TURNS
    name = f"X_{n}" if net.dims[n] == 1 else f"component {i} of X_{n}"
    on_line = Composed() if net.dims[n] == 1 else None
    return weak_law(net, n, _column(i), source, options, name, _spoken(why), on_line)


def law_of_output(net: Network, output: int | None, p0: Any, at: Any, options: Options, exact: bool = True) -> StateLaw:
    """The law of one observable of the output; see ``Evaluator.output_law``.

    ``exact=False`` carries weights of grids even on the line: less accurate, and quick at any depth.
    """
    source = _source(net, p0, at)
    count = len(net.observable_exprs)
    if output is None and count > 1:
        raise MzError(f"The network has {count} observables", "output_law(output=)", "Say which: output=0")
    k = 0 if output is None else _integer(output, count - 1, "output_law(output=)")
    line, why = Line(net, source, options), why_not_line(net, net.depth, source)
    if why is None and exact:
        try:
            return line.output_law(k)
        except ManyTurns:
            why = _TURNS
    why = why or f"{net.depth} layers would take long panel by panel"
    observable = NetworkNumbers(net).observable()
    name = f"u(X_{net.depth}), u = {net.observable[k]}"
    on_line = line.observable(k) if net.dims[-1] == 1 else None
    return weak_law(net, net.depth, lambda X: observable(X)[:, k], source, options, name, _spoken(why), on_line)


def _source(net: Network, p0: Any, at: Any) -> Source:
    check_values(net)
    check_dimensions(net)
    if at is not None and p0 is not None:
        raise MzError("Both a law and a value of X_0 are given", "law(p0=, at=)", "Give one of them")
    return source_of(net, p0) if at is None else point_source(net, at)


def _column(i: int) -> Observable:
    def column(X: Array) -> Array:
        return X[:, i]

    return column


def _spoken(why: str) -> str:
    return f"the law before the last noise is carried as weights of grids, because {why}"


def _integer(value: Any, most: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value <= most:
        raise MzError(f"The index is {value!r}", where, f"Use an integer between 0 and {most}")
    return int(value)
