"""A float program for the norm of one layer that shares nothing with mzsym."""

from __future__ import annotations

import numpy as np


def galerkin(w: float, b: float, sigma: float, box: object, following: object, degree: int, size: int = 90) -> float:
    """||Q M|| for tanh(w x + b) + U(-sigma, sigma), uniform measures, by Gauss rules and antiderivatives in floats.

    Nothing of mzsym: M P_k is a difference of antiderivatives, int P_k = (P_(k+1) - P_(k-1))/(2k+1). From below.
    """
    ((lo, hi),), ((low, high),) = box.intervals, following.intervals
    half, middle = (float(high) - float(low)) / 2, (float(high) + float(low)) / 2
    t, weights = np.polynomial.legendre.leggauss(900)
    x = (float(hi) + float(lo)) / 2 + (float(hi) - float(lo)) / 2 * t
    image = np.tanh(w * x + b)
    ends = [(image + side * sigma - middle) / half for side in (1, -1)]
    tables = [np.polynomial.legendre.legvander(end, size + 1) for end in ends]
    k = np.arange(1, size + 1)
    whole = [(table[:, 2:] - table[:, :-2]) / (2 * k + 1) for table in tables]
    averaged = np.column_stack([np.ones_like(t), half / (2 * sigma) * (whole[0] - whole[1])[:, : size - 1]])
    averaged *= np.sqrt(2 * np.arange(size) + 1)
    left = np.polynomial.legendre.legvander(t, size - 1) * np.sqrt(2 * np.arange(size) + 1)
    matrix = left.T @ (weights[:, None] / 2 * averaged)
    return float(np.linalg.norm(matrix[degree + 1 :], 2))
