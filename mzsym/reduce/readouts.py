"""The read-outs of a shallow network, and the function that it leaves out, MATH (29).

With E_m = M(0, m) eta^(m), q_0 without its last term is sum_{m=1}^H g_m c_m, and E = g C on the layers 1..H. Since
C^-1 = I - K_hat, g c = E (I - K_hat) c: the network reads alpha^(m) = c_m - sum_{l=m+1}^H K_hat(m, l) c_l out of layer
m, which by (15) is the memory from beyond depth H and the noise term, and alpha^(H) = c_H.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.engine import Carried, Solution
from mzsym.evaluate.tables import Tables


def readouts(tables: Tables, depth: int) -> tuple[Array, ...]:
    """alpha^(1)..alpha^(H) in the bases of their layers.

    Parameters
    ----------
    tables : Tables
        Of the deep network.
    depth : int
        H.

    Returns
    -------
    tuple of arrays of shape (d_m, outputs)
    """
    o = tables.offsets
    rows = slice(o[1], o[depth + 1])
    alpha = tables.coefficients[rows] - tables.memory[rows, rows] @ tables.coefficients[rows]
    return tuple(alpha[o[m] - o[1] : o[m + 1] - o[1]] for m in range(1, depth + 1))


def readouts_by_depth(tables: Tables) -> Iterator[tuple[Array, ...]]:
    """The read-outs of every depth H = 1..L, in turn: layer H + 1 takes K_hat(m, H + 1) c_(H+1) off those before it."""
    o = tables.offsets
    alpha = tables.coefficients[o[1] :].copy()
    for depth in range(1, len(o) - 1):
        if depth > 1:
            here = slice(o[depth], o[depth + 1])
            alpha[: o[depth] - o[1]] -= tables.memory[o[1] : o[depth], here] @ tables.coefficients[here]
        yield tuple(alpha[o[m] - o[1] : o[m + 1] - o[1]].copy() for m in range(1, depth + 1))


def left_out(solution: Solution, alpha: tuple[Array, ...]) -> Array:
    """||q_0 - sum_m M(0, m) eta^(m) alpha^(m)|| in L^2(mu_0), one number per observable.

    For the read-outs of MATH (29) that is the norm of M_0 Phi(1, H) Q_H q_H; for any others it is the error they make.
    """
    o, outputs = solution.tables.offsets, solution.tables.coefficients.shape[1]
    weights = _of_observable(solution.tables, 0)
    stacked = np.vstack(alpha)
    weights[o[1] : o[1] + len(stacked)] -= stacked
    return _norms(_carried(solution, 0), weights, outputs)


def unresolved(solution: Solution, n: int) -> Array:
    """||Q_n q_n|| in L^2(mu_n), one number per observable."""
    o, outputs = solution.tables.offsets, solution.tables.coefficients.shape[1]
    weights = _of_observable(solution.tables, n)
    weights[: o[n + 1] - o[n]] -= solution.tables.coefficients[o[n] : o[n + 1]]
    return _norms(_carried(solution, n), weights, outputs)


def _of_observable(tables: Tables, n: int) -> Array:
    """q_n as a combination of what layer n carries: M(n, L) eta^(L) c_L + M(n, L) Q_L u."""
    o, outputs = tables.offsets, tables.coefficients.shape[1]
    weights = np.zeros((o[-1] - o[n] + outputs, outputs))
    weights[o[-2] - o[n] : o[-1] - o[n]] = tables.coefficients[o[-2] :]
    weights[o[-1] - o[n] :] = np.eye(outputs)
    return weights


def _carried(solution: Solution, n: int) -> Carried:
    assert solution.carried is not None, "projections without a basis are refused before"
    return solution.carried(n)


def _norms(carried: Carried, combination: Array, outputs: int) -> Array:
    values = carried.columns @ combination
    # Weights of a law that was carried numerically may be negative by rounding.
    return np.asarray(np.sqrt(np.maximum(0.0, carried.weights @ values**2))).reshape(outputs)
