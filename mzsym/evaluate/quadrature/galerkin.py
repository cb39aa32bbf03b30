"""Galerkin matrices of M_n on full tensor bases: the numbers behind the sharp norm estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.maps import NetworkNumbers
from mzsym.evaluate.quadrature.grid import Grid, Interval, Series, transform
from mzsym.evaluate.quadrature.problem import check_dimensions, check_plain_noise, check_values, noise_laws, sides_of
from mzsym.evaluate.quadrature.smoothing import shrunken, smoothing_matrix

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank

_AGREE = 1e-12
_MOST = {1: 4096, 2: 192, 3: 40}


def galerkin(net: Network, measure: str | FiniteRank, n: int, k_left: int, k_right: int, budget: int = 2**31) -> Array:
    """<phi_i^(n), M_n phi_j^(n+1)> for orthonormal tensor Legendre functions.

    The average over the noise is exact up to rounding. The inner product is a Gauss rule whose nodes are doubled until
    two results agree to 1e-12, or until 4096 nodes (1-D; 192 in 2-D, 40 in 3-D) are reached, which kinked maps do.

    Parameters
    ----------
    net : Network
    measure : {"uniform", "lebesgue"} or a projection, whose measure is taken
    n : int
        Layer, 0 <= n < L.
    k_left, k_right : int
        Number of functions per coordinate on Omega_n and Omega_{n+1}.
    budget : int
        Bytes that the matrix may take.

    Returns
    -------
    array of shape (k_left**N_n, k_right**N_{n+1})
        In the order of ``numpy.ndindex``: the last coordinate's degree runs fastest.

    Raises
    ------
    MzError
        For an unknown measure, an index out of range, dimensions above 3, gains and random weights, or a matrix
        beyond the budget.

    Examples
    --------
    >>> import mzsym as mz
    >>> net = mz.Network([mz.dense([[1.0]], noise=mz.Uniform(1))], domain=mz.Box([(-1, 1)]))
    >>> galerkin(net, "uniform", 0, 2, 2).round(12) + 0.0
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    name = measure if isinstance(measure, str) else measure.measure
    if name not in ("uniform", "lebesgue"):
        raise MzError(f"There is no measure {name!r} here", "galerkin(measure)", 'Use "uniform" or "lebesgue"')
    if not 0 <= n < net.depth:
        raise MzError(f"The index is {n!r}", "galerkin(n)", f"Use 0 <= n < {net.depth}")
    check_values(net)
    check_dimensions(net)
    check_plain_noise(net)
    left, right = sides_of(net.domains[n]), sides_of(net.domains[n + 1])
    if 16 * k_left ** len(left) * k_right ** len(right) > budget:
        raise MzError(
            f"The matrix has {k_left ** len(left)} x {k_right ** len(right)} entries",
            "galerkin(k_left, k_right)",
            "Take fewer functions per coordinate",
        )
    series = _averaged(net, n, k_right)
    points = max(k_left, 16) + max(k_right, 16)
    most = _MOST[len(left)]
    before: Array | None = None
    with blas_threads():
        while True:
            matrix = _inner_products(net, n, left, series, min(points, max(most, k_left)), k_left)
            if points >= most or (before is not None and np.abs(matrix - before).max() <= _AGREE):
                break
            before, points = matrix, 2 * points
    if name == "lebesgue":
        matrix = matrix * math.sqrt(net.domains[n].volume / net.domains[n + 1].volume)
    return matrix


def _averaged(net: Network, n: int, order: int) -> Series:
    """All phi_j^(n+1), averaged over xi_n, as functions of the state before noise."""
    sides, laws = sides_of(net.domains[n + 1]), noise_laws(net, n, NetworkNumbers(net))
    inner = tuple(shrunken(side, law) for side, law in zip(sides, laws, strict=True))
    sizes = (order,) * len(sides)
    matrices = [smoothing_matrix(side, law, order) for side, law in zip(sides, laws, strict=True)]
    count = order ** len(sides)
    return Series.full(inner, sizes, transform(np.eye(count), sizes, matrices))


def _inner_products(
    net: Network, n: int, left: tuple[Interval, ...], series: Series, points: int, k_left: int
) -> Array:
    grid = Grid(left, (points,) * len(left))
    coefs = grid.analyse(series(NetworkNumbers(net).layer(n)(grid.nodes())))
    columns = coefs.shape[1]
    cube = coefs.reshape(*grid.sizes, columns)[(slice(0, k_left),) * len(left)]
    return np.ascontiguousarray(cube.reshape(-1, columns))
