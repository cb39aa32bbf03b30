"""What makes a term large: which function it takes, how that survives every layer, and what it matters for q_n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.derive.costs import EquationTerm
from mzsym.evaluate.explanation_words import explanation_lines
from mzsym.evaluate.norms import table, term_error, term_norms
from mzsym.evaluate.orthogonal import Passage, passages
from mzsym.evaluate.protocols import HasSolution, HasTables
from mzsym.projections.checks import finite_rank


@dataclass(frozen=True)
class Leading:
    """The leading direction on one side of a term.

    Attributes
    ----------
    function : str
        The basis function that has the largest part in it.
    share : float
        Its part of the squared norm.
    coordinates : tuple of float
        In the basis.
    """

    function: str
    share: float
    coordinates: tuple[float, ...]


@dataclass(frozen=True)
class Explanation:
    """Where the size of one term comes from. Estimated, as the tables are.

    Attributes
    ----------
    kind : {"streaming", "memory", "noise"}
    n, m : int
        As in ``eq.memory(n, m)``; streaming and noise as in ``eq.terms()``.
    label : str
    norm, error : float
        Largest singular value of the term, and its observed error.
    rank, of : int
        Its place among all terms of its kind by norm, 1 for the largest, and their number.
    share : float
        The part of the squared Frobenius norm that lies in the largest singular value.
    source, response : Leading
        What the term takes most of, a function of layer m, and what it makes of it, a function of layer n; for the
        noise term the source is a combination of the observables.
    contribution : float or None
        Size of the term's part in the coefficients of its equation, relative to them: ||K(n,m) c_m|| / ||c_n||; None
        where those vanish.
    passages : tuple of Passage
        The way of the source function through the layers between, for memory and noise; last layer first.
    standing : Standing
    """

    kind: EquationTerm
    n: int
    m: int
    label: str
    norm: float
    error: float
    rank: int
    of: int
    share: float
    source: Leading
    response: Leading
    contribution: float | None
    passages: tuple[Passage, ...]
    standing: Standing = Standing.ESTIMATED

    @property
    def zero(self) -> bool:
        """Whether the term cannot be told from zero."""
        return self.norm <= 10.0 * self.error

    def lines(self) -> tuple[str, ...]:
        """The explanation in sentences."""
        return explanation_lines(self)

    def __str__(self) -> str:
        return "\n".join(self.lines())


def explain(
    ev: HasSolution, kind: EquationTerm | None = None, n: int | None = None, m: int | None = None
) -> Explanation:
    """What makes a term of the equation large, in numbers and in words.

    The function that the term amplifies most (its leading singular vector) is followed through the orthogonal dynamics:
    on every layer between, how much of it the average over the noise leaves and how much of that the projection does
    not resolve, MATH (12), (14).

    Parameters
    ----------
    ev : Evaluator
    kind : {"streaming", "memory", "noise"}, optional
        Default: the largest memory term (the streaming term where there is none).
    n, m : int, optional
        As of the method of that name.

    Returns
    -------
    Explanation

    Raises
    ------
    MzError
        For a term that does not exist, a conditional projection, and the noise term of a forward equation, which
        depends on the law of X_0.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.4))] * 3
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> found = mz.explain(mz.compile(mz.derive(net, mz.Legendre(1))))
    >>> found.label, found.source.function, [step.layer for step in found.passages]
    ('memory(0, 2)', 'P1(x0)', [1, 0])
    """
    # Refused before the tables are computed.
    projection = finite_rank(ev.projection, "explain")
    kind, n, m = _named(ev, kind, n, m)
    if kind == "noise" and ev.direction == "forward":
        raise MzError(
            "The noise term of a forward equation depends on the law of X_0", "explain", "Explain the backward one"
        )
    matrix = table(ev, kind, n, m)
    every = [term for term in term_norms(ev) if term.kind == kind]
    # Densities move by the transpose: the way through the layers is that of the backward term.
    first, last = (n, m) if ev.direction == "backward" else (n if kind == "streaming" else m, n + 1)
    backward = matrix if ev.direction == "backward" else matrix.T
    left, values, right = np.linalg.svd(backward)
    norm = float(values[0])
    solution = ev.solution
    dims = ev.network.dims
    observables = tuple(f"Q u_{j}" for j in range(backward.shape[1])) if backward.shape[1] > 1 else ("Q u",)
    taken = observables if kind == "noise" else projection.function_names(dims[last])
    given = projection.function_names(dims[first])
    way: tuple[Passage, ...] = ()
    if kind != "streaming":
        way = passages(solution, first, last + 1 if kind == "noise" else last, right[0])
    total = float((values**2).sum())
    return Explanation(
        kind=kind,
        n=n,
        m=m,
        label=f"memory({n}, {m})" if kind == "memory" else f"{kind}({n})",
        norm=norm,
        error=term_error(ev, kind, matrix.shape),
        # Equal up to rounding, like the norms of all streaming terms that keep constants, share a place.
        rank=1 + sum(term.norm > norm * (1.0 + 1e-9) for term in every),
        of=len(every),
        share=float(values[0] ** 2 / total) if total else 0.0,
        source=_direction(right[0], taken),
        response=_direction(left[:, 0], given),
        contribution=_contribution(ev, kind, n, m, matrix),
        passages=way,
    )


def _named(ev: HasTables, kind: EquationTerm | None, n: int | None, m: int | None) -> tuple[EquationTerm, int, int]:
    """Kind and indices, the largest memory term where none is named."""
    depth = ev.network.depth
    if kind is None:
        wanted: EquationTerm = "memory" if depth > 1 else "streaming"
        found = next(term for term in term_norms(ev) if term.kind == wanted)
        return wanted, found.n, found.m
    if n is None:
        raise MzError(f"Which {kind} term is not said", "explain", f'Give its index, such as explain(ev, "{kind}", 0)')
    if kind == "memory":
        if m is None:
            raise MzError("A memory term has two indices", f"memory({n})", "Give n and m")
        return kind, n, m
    return kind, n, n + 1 if kind == "streaming" else (depth if ev.direction == "backward" else 0)


def _direction(vector: Array, names: tuple[str, ...]) -> Leading:
    top = int(np.argmax(np.abs(vector)))
    # The sign of a singular pair is free: the leading coordinate is positive.
    signed = vector if vector[top] >= 0 else -vector
    return Leading(names[top], float(vector[top] ** 2), tuple(float(value) for value in signed))


def _contribution(ev: HasTables, kind: EquationTerm, n: int, m: int, matrix: Array) -> float | None:
    target, source = (n, m) if ev.direction == "backward" else (n + 1, n if kind == "streaming" else m)
    whole = ev.coefficients(target)
    part = ev.noise(n) if kind == "noise" else matrix @ ev.coefficients(source)
    size = float(np.linalg.norm(whole))
    floor = 10.0 * float(ev.tolerance_reached.get("coefficients", 0.0))
    return float(np.linalg.norm(part)) / size if size > floor else None
