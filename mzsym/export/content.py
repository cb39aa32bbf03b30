"""What is exported, in a form that no longer knows SymPy or the engines: numbers, a program, and words for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mzsym.certify.bounds import decimal_up
from mzsym.codegen import Program, freeze
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.version import VERSION
from mzsym.derive.costs import term_names
from mzsym.evaluate.maps import map_program, parameters_of
from mzsym.evaluate.quadrature.grid import StateSeries
from mzsym.evaluate.stored import all_tables
from mzsym.evaluate.term_evaluator import closed_entries
from mzsym.projections import Conditional
from mzsym.projections.measures import measure_text

if TYPE_CHECKING:
    from mzsym.derive.terms import Term
    from mzsym.evaluate import Evaluator
    from mzsym.reduce import Reduction

MOST_NUMBERS = 200_000
"""Numbers that source text may hold."""

TABLE_KINDS = (("streaming", 1), ("memory", 2), ("correlation", 2), ("noise", 1), ("coefficients", 1))
"""Accessors of an evaluator's tables."""

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,40}$")


@dataclass(frozen=True)
class Expectation:
    """q_0(x) = E u(X_L): a series in z = F_0(x).

    Attributes
    ----------
    program : Program
        F_0, of the components of x and of parameters.
    parameters : tuple of (str, float)
        Their names and values.
    series : StateSeries
    points : array of shape (points, N_0)
        Where values are stored, so that an export can be tested.
    values : array of shape (points, outputs)
    """

    program: Program
    parameters: tuple[tuple[str, float], ...]
    series: StateSeries
    points: Array
    values: Array

    @property
    def plain_coefs(self) -> Array:
        """Coefficients of P_j without the factors sqrt(2 j + 1), which source text need not compute."""
        coefs = self.series.coefs
        for axis, (ends, order) in enumerate(zip(self.series.ends, self.series.orders, strict=True)):
            factor = np.tile(np.sqrt(2.0 * np.arange(order) + 1.0), len(ends) - 1)
            coefs = coefs * factor.reshape([-1 if i == axis else 1 for i in range(coefs.ndim)])
        return coefs

    @property
    def recurrence(self) -> tuple[Array, Array]:
        """a, b of P_(j+1) = a_j t P_j - b_j P_(j-1), up to the largest order."""
        j = np.arange(1.0, max(self.series.orders) + 1.0)
        return (2.0 * j + 1.0) / (j + 1.0), j / (j + 1.0)


@dataclass(frozen=True)
class EvaluatorContent:
    """The numbers of an evaluator.

    Attributes
    ----------
    name : str
        Prefix of everything that is written; a C identifier.
    about : tuple of str
        Which equation of which network this is, what it rests on, how to cite it: one sentence each.
    ranks : tuple of int
        d_n, layer by layer.
    outputs : int
    several : bool
        Whether the observable is a list, so that results have an axis for it.
    tables : mapping
        As ``all_tables`` names them.
    reached : mapping
        Observed error per kind of table.
    domain : tuple of (float, float), or None
        Of X_0; None where it is all of R^N.
    expectation : Expectation or None
    without : str
        Why there is no expectation.
    what : str
        What the expectation is.
    kinds : tuple of (str, int)
        Accessors that the tables have, and how many indices each takes.
    """

    name: str
    about: tuple[str, ...]
    direction: str
    ranks: tuple[int, ...]
    dims: tuple[int, ...]
    outputs: int
    several: bool
    tables: Mapping[str, Array]
    reached: Mapping[str, float]
    domain: tuple[tuple[float, float], ...] | None
    expectation: Expectation | None
    without: str
    what: str = "q_0(x) = E[u(X_L) | X_0 = x]"
    kinds: tuple[tuple[str, int], ...] = TABLE_KINDS

    @property
    def depth(self) -> int:
        """L."""
        return len(self.ranks) - 1

    @property
    def numbers(self) -> int:
        """How many numbers the tables and the series hold."""
        series = 0 if self.expectation is None else self.expectation.series.coefs.size
        return int(sum(table.size for table in self.tables.values()) + series)


@dataclass(frozen=True)
class TermContent:
    """One closed term as a program of its parameters.

    Attributes
    ----------
    name : str
    about : tuple of str
    shape : (int, int)
    program : Program
        Point arguments: the parameters, in this order; outputs: the entries, row by row.
    parameters : tuple of str
    """

    name: str
    about: tuple[str, ...]
    shape: tuple[int, int]
    program: Program
    parameters: tuple[str, ...]


def checked_name(name: str) -> str:
    """A name that C, Python and file systems take.

    Raises
    ------
    MzError
        For another.
    """
    if not _NAME.match(name):
        raise MzError(
            f"The name {name!r} is no identifier",
            "export(name=)",
            "Use letters, digits and _, at most 41, a letter first",
        )
    return name


def evaluator_content(ev: Evaluator, name: str) -> EvaluatorContent:
    """Everything that an evaluator knows as numbers."""
    net = ev.network
    series = None if ev.solution.first is None or ev.direction == "forward" else ev.solution.first()
    expectation, without = None, ""
    if series is not None:
        program, parameters = map_program(net, 0)
        points = net.sample_input(16, seed=0)
        values = ev.expectation(points).reshape(len(points), -1)
        expectation = Expectation(program, parameters, series, points, values)
    elif ev.direction == "forward":
        without = "q_0 belongs to the backward equation"
    else:
        without = "q_0 is no function of F_0(x) alone, or no series of it resolved"
    box = None if net.domain is None else net.domains[0]
    conditional = isinstance(ev.projection, Conditional)
    found = ev.solution.tables
    ranks = tuple(int(b - a) for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True))
    return EvaluatorContent(
        name=name,
        about=_about_evaluator(ev, conditional),
        direction=ev.direction,
        ranks=ranks,
        dims=tuple(net.dims),
        outputs=len(net.observable_exprs),
        several=net.observable_is_list,
        tables=all_tables(ev),
        reached=dict(ev.tolerance_reached),
        domain=None if box is None else tuple((float(a), float(b)) for a, b in zip(box.lower, box.upper, strict=True)),
        expectation=expectation,
        without=without,
    )


def _about_evaluator(ev: Evaluator, conditional: bool) -> tuple[str, ...]:
    net, worst = ev.network, max(ev.tolerance_reached.values())
    count = sum(1 for _ in term_names(net.depth, ev.direction))
    way = "backward, of observables" if ev.direction == "backward" else "forward, of densities"
    observables = ", ".join(str(expr) for expr in net.observable)
    basis = "tables hold values at nodes" if conditional else "tables are coefficients in the orthonormal basis"
    return (
        f"Mori-Zwanzig equation ({way}) of a network of {net.depth} layers, states of dimension "
        f"{' -> '.join(map(str, net.dims))}, observable {observables}; {count} terms.",
        f"Projection: {ev.projection.describe()}, in the measure {measure_text(ev.projection.measure)}; {basis}.",
        f"Network SHA-256 {net.digest}.",
        f"The numbers are estimated: two grids were compared and differ by at most {worst:.1e}.",
        *_colophon(),
    )


def reduction_content(r: Reduction, name: str) -> EvaluatorContent:
    """A shallow network: its read-outs, and its mean as a function.

    Raises
    ------
    MzError
        Where that mean is no function of F_0(x) alone.
    """
    net, solution = r.network, r.evaluator.solution
    alpha = np.vstack([np.asarray(a).reshape(len(a), -1) for a in r.readouts.values()])
    series = None if solution.first is None else solution.first(alpha)
    expectation, without = None, "it is no function of F_0(x) alone, or no series of it resolved"
    if series is not None:
        program, parameters = map_program(net, 0)
        points = net.sample_input(16, seed=0)
        values = r.predict(points).reshape(len(points), -1)
        expectation, without = Expectation(program, parameters, series, points, values), ""
    o = solution.tables.offsets
    box = None if net.domain is None else net.domains[0]
    return EvaluatorContent(
        name=name,
        about=_about_reduction(r),
        direction="backward",
        ranks=tuple(int(b - a) for a, b in pairwise(o)),
        dims=tuple(net.dims),
        outputs=len(net.observable_exprs),
        several=net.observable_is_list,
        tables={f"readout_{m}": np.asarray(a) for m, a in r.readouts.items()},
        reached={"error_bound": r.error_bound},
        domain=None if box is None else tuple((float(a), float(b)) for a, b in zip(box.lower, box.upper, strict=True)),
        expectation=expectation,
        without=without,
        what="E[sum_m alpha^(m) . eta^(m)(X_m) | X_0 = x] of the shallow network",
        kinds=(("readout", 1),),
    )


def _about_reduction(r: Reduction) -> tuple[str, ...]:
    return (
        f"Shallow network of the first {r.depth} of {len(r.depths)} layers, states of dimension "
        f"{' -> '.join(map(str, r.network.dims))}, with a linear read-out from each.",
        f"Projection: {r.projection.describe()}, in the measure {measure_text(r.projection.measure)}; read-outs are "
        "coefficients in the orthonormal basis.",
        f"Distance to q_0 of the deep network in L^2 of that measure: at most {decimal_up(r.error_bound, 4)} "
        f"({r.standing}).",
        f"Deep network SHA-256 {r.deep.network.digest}.",
        *_colophon(),
    )


def term_content(term: Term, name: str) -> TermContent:
    """A term without integrals as a program.

    Raises
    ------
    MzError
        For a term that is not written out in closed form.
    """
    entries = closed_entries(term, "export(term)", "Export the evaluator, whose tables hold its numbers")
    symbols = parameters_of(entries)
    label = f"{term.kind}({term.n}, {term.m})"
    about = (
        f"Term {label} of a Mori-Zwanzig equation ({term.direction}), exact in its parameters: "
        f"{term.shape[0]} x {term.shape[1]} entries, row by row.",
        *_colophon(),
    )
    return TermContent(name, about, term.shape, freeze(entries, symbols), tuple(symbol.name for symbol in symbols))


def _colophon() -> tuple[str, ...]:
    return (f"Made by mzsym {VERSION}. Please cite: mzsym, exact Mori-Zwanzig equations of neural networks.",)


def check_size(numbers: int, target: str) -> None:
    """Refuse source text that no compiler likes.

    Raises
    ------
    MzError
    """
    if numbers > MOST_NUMBERS:
        raise MzError(
            f"The export holds {numbers} numbers, and source text takes at most {MOST_NUMBERS}",
            f"export(target={target!r})",
            'Use target="json", a lower degree, or fewer layers',
        )
