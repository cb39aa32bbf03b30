"""What a layer with one output makes of finitely many Hermite polynomials, in balls. MATH (23g)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from mzsym.balls.gaussian import WeighedNoise
from mzsym.balls.hermite import hermite_table
from mzsym.balls.line import LineMap, Products, Weighed, line_rule
from mzsym.balls.numbers import Arb, upper
from mzsym.balls.spectral import TINY, UNIT, MatrixBall, raised


@dataclass(frozen=True)
class Sections:
    """Symmetric matrices over he_0..he_{k-1} of the next state, and what the others add.

    Attributes
    ----------
    whole, resolved, rest : MatrixBall
        <M e_j, M e_l>, <P M e_j, P M e_l> and their difference, P on polynomials of degree <= d.
    tail : float
        Upper bound of the sum of ||M e_j||^2 over j >= k.
    """

    whole: MatrixBall
    resolved: MatrixBall
    rest: MatrixBall
    tail: float


def sections(f: LineMap, noise: WeighedNoise, degree: int, columns: int) -> Sections:
    """The matrices of x -> f(x) + xi.

    Parameters
    ----------
    f : LineMap
    noise : WeighedNoise
    degree : int
        d.
    columns : int
        k.

    Raises
    ------
    MzError
        For a function that cannot be evaluated at complex balls.
    """
    rows = degree + 1
    rule = line_rule(f, [Products(noise, columns), Products(noise, columns, rows), Weighed(noise)])
    averages = _matrix(noise.averages(rule.values, columns), columns)
    transposed = averages.transpose()
    weighted = flint.arb_mat(
        averages.nrows(), columns, [w * v for w, row in zip(rule.weights, averages.tolist(), strict=True) for v in row]
    )
    cross = _widened(_matrix(hermite_table(rule.points, rows), rows).transpose() * weighted, rule.lost)
    whole = _widened(transposed * weighted, rule.lost)
    resolved = cross.transpose() * cross
    total = sum((w * noise.weighed(v) for w, v in zip(rule.weights, rule.values, strict=True)), flint.arb(0, rule.lost))
    tail = total - sum((whole[j, j] for j in range(columns)), flint.arb(0))
    return Sections(_ball(whole), _ball(resolved), _ball(whole - resolved), max(0.0, upper(tail)))


def expectation(f: LineMap, noise: WeighedNoise, power: int) -> Arb:
    """E h(f(X))^power for X with the law N(0, 1): a ball around it, or around more where ``weighed`` is more than h.

    Raises
    ------
    MzError
        For a function that cannot be evaluated at complex balls.
    """
    rule = line_rule(f, [Weighed(noise, power)])
    values = (w * noise.weighed(v) ** power for w, v in zip(rule.weights, rule.values, strict=True))
    return sum(values, flint.arb(0, rule.lost))


def _matrix(rows: list[list[Arb]], columns: int) -> Any:
    return flint.arb_mat(len(rows), columns, [value for row in rows for value in row])


def _widened(matrix: Any, lost: Arb) -> Any:
    """With a bound of the norm of its error in every entry."""
    error = flint.arb(0, lost)
    return flint.arb_mat(matrix.nrows(), matrix.ncols(), [entry + error for entry in matrix.entries()])


def _ball(matrix: Any) -> MatrixBall:
    shape = matrix.nrows(), matrix.ncols()
    entries = matrix.entries()
    center = np.array([float(entry.mid()) for entry in entries]).reshape(shape)
    radius = np.array([float(entry.rad()) for entry in entries]).reshape(shape)
    # Both conversions are off by one unit of the last place at most.
    return MatrixBall(center, raised(radius + 4.0 * UNIT * (np.abs(center) + radius) + TINY, 8))
