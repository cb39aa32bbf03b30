"""The orthogonal dynamics that a memory or noise term consists of, followed layer by layer.

K(n, m) v = <eta^(n), M_n Q_{n+1} M_{n+1} ... Q_{m-1} M_{m-1} (v . eta^(m))>, MATH (12): a resolved function of layer m
is moved down by the averages M_k, and P_k takes out of it what layer k resolves. With F_m = v . eta^(m) and
F_k = Q_k M_k F_{k+1}, MATH (14) gives F_k = M(k, m) F_m - sum_{j=k}^{m-1} M(k, j) eta^(j) K_hat(j, m) v, a combination
of functions that the tables were made from; the noise term starts from F_L = Q_L u instead, with r_j for K_hat(j, m) v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.engine import Carried, Solution


@dataclass(frozen=True)
class Passage:
    """One layer of the orthogonal dynamics. Norms in L^2(mu_k), L^2(mu_{k+1}).

    Attributes
    ----------
    layer : int
        k.
    before : float
        ||F_{k+1}||.
    moved : float
        ||M_k F_{k+1}||: what the average over the noise, after the map, leaves.
    kept : float
        ||Q_k M_k F_{k+1}||: what P_k does not resolve of it.
    """

    layer: int
    before: float
    moved: float
    kept: float

    @property
    def factor(self) -> float:
        """By which the unresolved part changes on this layer; 0 where nothing arrives."""
        return self.kept / self.before if self.before else 0.0


def passages(solution: Solution, n: int, m: int, start: Array) -> tuple[Passage, ...]:
    """The way of one function down to layer n, last layer first.

    Parameters
    ----------
    solution : Solution
    n, m : int
        n < m. With m = L + 1 the function is a combination of the Q_L u, and it starts on layer L.
    start : array
        Coordinates v in eta^(m), or in the observables.

    Returns
    -------
    tuple of Passage
        k = m - 1, ..., n, or L - 1, ..., n.

    Raises
    ------
    MzError
        For a projection without a basis.
    """
    if solution.carried is None:
        raise MzError(
            "The functions behind the terms of a conditional projection are not kept",
            "explain",
            "Use a projection of finite rank",
        )
    o, tables = solution.tables.offsets, solution.tables
    depth, total = len(o) - 2, o[-1]
    source = slice(o[m], o[m + 1]) if m <= depth else slice(total, total + len(start))
    weights = np.zeros(total + tables.coefficients.shape[1])
    taken = tables.memory[:, source] if m <= depth else tables.noise
    top = min(m, depth)
    weights[source] = start
    before = _norm(solution.carried(top), weights[o[top] :])
    found = []
    for k in range(top - 1, n - 1, -1):
        here = solution.carried(k)
        moved = _norm(here, weights[o[k] :])
        weights[o[k] : o[k + 1]] = -(taken[o[k] : o[k + 1]] @ start)
        kept = _norm(here, weights[o[k] :])
        found.append(Passage(k, before, moved, kept))
        before = kept
    return tuple(found)


def _norm(carried: Carried, combination: Array) -> float:
    values = carried.columns @ combination
    # Weights of a law that was carried numerically may be negative by rounding.
    return float(np.sqrt(max(0.0, float(carried.weights @ values**2))))
