"""How large the terms of an equation are, and which of them are large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.derive.costs import EquationTerm, checked_lag, term_names
from mzsym.evaluate.kept import isometric
from mzsym.evaluate.protocols import HasTables


@dataclass(frozen=True)
class TermNorm:
    """The size of one term. Estimated, as the tables are.

    Attributes
    ----------
    kind : {"streaming", "memory", "noise"}
    n, m : int
        As in ``eq.terms()``: streaming has m = n + 1, noise m = L backward and 0 forward.
    norm : float
        Largest singular value; for one observable the Euclidean norm of r_n.
    error : float
        Observed error of the norm: that of an entry times the root of their number. Of a conditional projection the
        error of the tables is known on polynomials of the kept variables only, and so is this.
    """

    kind: EquationTerm
    n: int
    m: int
    norm: float
    error: float


def table(ev: HasTables, kind: str, n: int, m: int | None = None) -> Array:
    """The table of a streaming, memory or noise term as a matrix between coordinates that keep the norms of L^2(mu).

    Raises
    ------
    MzError
        For another kind, and indices out of range.
    """
    if kind == "memory":
        if m is None:
            raise MzError("A memory term has two indices", f"memory({n})", "Give n and m")
        return isometric(ev.memory(n, m))
    if kind not in ("streaming", "noise"):
        raise MzError(f"There is no {kind!r} term", "kind of a term", 'Use "streaming", "memory" or "noise"')
    values = isometric(ev.streaming(n) if kind == "streaming" else ev.noise(n))
    return values.reshape(len(values), -1)


def term_norm(ev: HasTables, kind: str, n: int, m: int | None = None) -> float:
    """||A_n||, ||K(n,m)|| or ||r_n||: the largest singular value of its table."""
    return _largest(table(ev, kind, n, m))


def term_error(ev: HasTables, kind: str, shape: tuple[int, ...]) -> float:
    """Observed error of a norm: of an entry, times the root of the number of entries."""
    return float(ev.tolerance_reached.get(kind, 0.0) * np.sqrt(np.prod(shape)))


def term_norms(ev: HasTables, max_lag: int | None = None, above: float | None = None) -> tuple[TermNorm, ...]:
    """The terms of the equation with their norms, largest first.

    Parameters
    ----------
    ev : Evaluator
    max_lag : int, optional
        Only memory of at most this lag, besides streaming and noise.
    above : float, optional
        Only terms of at least this norm.

    Returns
    -------
    tuple of TermNorm

    Raises
    ------
    MzError
        For a lag that is no positive integer.
    """
    most = checked_lag(max_lag, "terms")
    found = []
    for name in term_names(ev.network.depth, ev.direction):
        if most is None or name.lag <= most:
            values = table(ev, name.kind, name.n, name.m)
            error = term_error(ev, name.kind, values.shape)
            found.append(TermNorm(name.kind, name.n, name.m, _largest(values), error))
    kept = [term for term in found if above is None or term.norm >= above]
    return tuple(sorted(kept, key=lambda term: -term.norm))


def _largest(matrix: Array) -> float:
    return float(np.linalg.norm(matrix, 2)) if matrix.size else 0.0


def memory_norms(ev: HasTables) -> dict[tuple[int, int], float]:
    """``term_norm`` of every memory term, by its indices."""
    depth = ev.network.depth
    backward = [(n, m) for n in range(depth - 1) for m in range(n + 2, depth + 1)]
    pairs = backward if ev.direction == "backward" else [(n, m) for n in range(1, depth) for m in range(n)]
    tables = {pair: table(ev, "memory", *pair) for pair in pairs}
    # Matrices of one shape in one call: most are small, and a call costs more than the numbers.
    shapes: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for pair, matrix in tables.items():
        shapes.setdefault(matrix.shape, []).append(pair)
    found = dict.fromkeys(pairs, 0.0)
    for shape, alike in shapes.items():
        if min(shape) > 0:
            largest = np.linalg.svd(np.stack([tables[pair] for pair in alike]), compute_uv=False).max(axis=1)
            found |= dict(zip(alike, largest.tolist(), strict=True))
    return found


def memory_row(ev: HasTables, n: int) -> Array:
    """All memory terms of layer n side by side."""
    return np.concatenate([table(ev, "memory", n, m) for m in memory_layers(ev, n)], axis=1)


def memory_layers(ev: HasTables, n: int) -> range:
    """The second indices of all memory terms of layer n.

    Raises
    ------
    MzError
        Where there is none.
    """
    depth = ev.network.depth
    forward = ev.direction == "forward"
    found = range(int(n)) if forward else range(int(n) + 2, depth + 1)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0 or not found or (forward and n >= depth):
        rule = "0 < n < L" if forward else "0 <= n <= L - 2"
        raise MzError(f"The index is {n!r}", "memory(n)", f"Use {rule}; here L = {depth}")
    return found
