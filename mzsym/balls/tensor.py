"""Functions on boxes as tensor Chebyshev series of doubles with a proved distance in the largest absolute value.

The coefficients are doubles and exact as such; whatever was done to reach them (an interpolation, a rounding, a sum) is
part of the ``errors``. Sums of doubles have a bound of their rounding that holds for every order of the terms, MATH
(24k).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import flint
import numpy as np

from mzsym.balls.chebyshev import cosines, legendre_polynomials, zeros
from mzsym.balls.numbers import precision
from mzsym.balls.spectral import UNIT, gamma
from mzsym.core.arrays import Array

Matrix: TypeAlias = Any
"""A ``flint.arb_mat``."""

BITS = 128
"""Of matrices before they are rounded to doubles."""

SAFE = 1.0 + 1e-9
"""What sums and products of numbers that are not negative are raised by, for their own rounding."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Functions on a box within ``errors`` of polynomials.

    Attributes
    ----------
    coefs : array of shape (K_1, ..., K_d, c)
        Of T_a1(t_1) ... T_ad(t_d), t in [-1, 1]^d the unit variables of the box.
    errors : array of shape (c,)
        In the largest absolute value on the box.
    """

    coefs: Array
    errors: Array

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_1, ..., K_d."""
        return self.coefs.shape[:-1]

    @property
    def count(self) -> int:
        """Functions."""
        return int(self.coefs.shape[-1])

    def __getitem__(self, chosen: slice) -> Columns:
        return Columns(self.coefs[..., chosen], self.errors[chosen])

    def __sub__(self, other: Columns) -> Columns:
        sizes = tuple(map(max, self.sizes, other.sizes))
        one, two = padded(self.coefs, sizes), padded(other.coefs, sizes)
        # One rounding of every difference.
        difference = one - two
        rounding = UNIT * largest(difference) * SAFE
        return Columns(difference, (self.errors + other.errors + rounding) * SAFE)

    def root_mean_squares(self) -> Array:
        """Upper bounds of the norms in L^2 of the uniform law on the box, shape (c,)."""
        moved = along([mean_products(size) for size in self.sizes], self.coefs)
        inner = tuple(range(len(self.sizes)))
        squares = np.maximum((self.coefs * moved).sum(axis=inner), 0.0)
        # No mean of T_a T_b is above 1, and its double is within four units of rounding.
        terms = sum(self.sizes) + math.prod(self.sizes) + 4 * len(self.sizes) + 4
        rounding = gamma(terms) * largest(self.coefs) ** 2
        return np.asarray((np.sqrt(squares + rounding * SAFE) + self.errors) * SAFE)


def combined(columns: Columns, weights: Array) -> Columns:
    """Combinations with exact weights of shape (c, combinations)."""
    sizes = np.abs(weights)
    rounding = gamma(columns.count + 1) * (largest(columns.coefs) @ sizes)
    return Columns(columns.coefs @ weights, (columns.errors @ sizes + rounding * SAFE) * SAFE)


def averaged(columns: Columns, axes: Sequence[int]) -> Columns:
    """Means over some of the unit variables, as functions that do not depend on them."""
    coefs, terms = columns.coefs, 0
    for axis in axes:
        k = np.arange(coefs.shape[axis], dtype=np.float64)
        # The mean of T_k is 1/(1 - k^2) for even k, and 0 for odd ones.
        means = np.where(k % 2 == 0, 1.0 / np.where(k % 2 == 0, 1.0 - k * k, 1.0), 0.0)
        coefs, terms = along_axis(means[None, :], coefs, axis), terms + len(k) + 2
    return Columns(coefs, (columns.errors + gamma(terms + 1) * largest(columns.coefs) * SAFE) * SAFE)


def line(lo: float, hi: float) -> Columns:
    """The value itself on [lo, hi]."""
    middle, half = 0.5 * (lo + hi), 0.5 * (hi - lo)
    # Halving is exact, the sums are rounded once.
    rounding = UNIT * (abs(lo) + abs(hi)) * SAFE
    return Columns(np.array([[middle], [half]]), np.array([2.0 * rounding]))


def joined(parts: Sequence[Columns]) -> Columns:
    """The functions of all parts, in their order."""
    sizes = tuple(max(part.sizes[axis] for part in parts) for axis in range(len(parts[0].sizes)))
    return Columns(
        np.concatenate([padded(part.coefs, sizes) for part in parts], axis=-1),
        np.concatenate([part.errors for part in parts]),
    )


def padded(coefs: Array, sizes: Sequence[int]) -> Array:
    """With zeros for coefficients up to other sizes."""
    return np.pad(coefs, [(0, size - old) for size, old in zip(sizes, coefs.shape[:-1], strict=True)] + [(0, 0)])


def largest(coefs: Array) -> Array:
    """A bound of each function on the box: the sum of its coefficients' absolute values."""
    return np.asarray(np.abs(coefs).sum(axis=tuple(range(coefs.ndim - 1))) * SAFE)


def along(matrices: Sequence[Array], coefs: Array) -> Array:
    """One matrix along each axis of an array of doubles, in doubles."""
    for axis, matrix in enumerate(matrices):
        coefs = along_axis(matrix, coefs, axis)
    return coefs


def along_axis(matrix: Array, coefs: Array, axis: int) -> Array:
    """A matrix along one axis of an array."""
    return np.moveaxis(np.tensordot(matrix, coefs, axes=(1, axis)), 0, axis)


def interpolated(values: Array) -> tuple[Array, Array]:
    """Coefficients of polynomials that interpolate values at the tensor zeros of Chebyshev's polynomials, nearly.

    A polynomial that misses the values by at most delta is within prod Lambda_i delta of the one that does not. What it
    misses is computed, with a bound of the rounding of that.

    Parameters
    ----------
    values : array of shape (N_1, ..., N_d, c)

    Returns
    -------
    (array, array of shape (c,))
        Coefficients, and bounds of the distance to the interpolating polynomials.
    """
    sizes, inner = values.shape[:-1], tuple(range(values.ndim - 1))
    coefs = along([_analysis(size) for size in sizes], values)
    missed = np.abs(along([_synthesis(size) for size in sizes], coefs) - values).max(axis=inner)
    # Entries of the matrices are at most 1 and within two units of rounding.
    rounding = gamma(sum(sizes) + 4 * len(sizes) + 2) * largest(coefs) + UNIT * np.abs(values).max(axis=inner)
    growth = math.prod(map(lebesgue_constant, sizes))
    return coefs, growth * (missed + rounding * SAFE) * SAFE


def lebesgue_constant(size: int) -> float:
    """A bound of that of interpolation at the zeros of T_size: 2/pi log(size) + 1."""
    return (2.0 / math.pi * math.log(size) + 1.0) * SAFE


@lru_cache(maxsize=64)
def _analysis(size: int) -> Array:
    """From values at the zeros of T_size to coefficients, up to two units of rounding."""
    return rounded(cosines(size))


@lru_cache(maxsize=64)
def _synthesis(size: int) -> Array:
    """T_k at the zeros of T_size, shape (size, size), up to two units of rounding."""
    with precision(BITS):
        # The inverse: the cosines are orthogonal on the zeros.
        turns = cosines(size)
        rows = [[turns[k, i] * (size if k == 0 else flint.arb(size) / 2) for k in range(size)] for i in range(size)]
        return rounded(flint.arb_mat(rows))


def rounded(matrix: Matrix) -> Array:
    """Doubles within two units of rounding of entries whose balls are far smaller."""
    return np.array([float(entry.mid()) for entry in matrix.entries()]).reshape(matrix.nrows(), matrix.ncols())


def chopped(columns: Columns, target: float) -> Columns:
    """Without the last coefficients along each axis, where all of them together are below ``target``."""
    coefs, errors = columns.coefs, columns.errors
    for axis in range(coefs.ndim - 1):
        moved = np.moveaxis(coefs, axis, 0)
        sizes = np.abs(moved).sum(axis=tuple(range(1, moved.ndim - 1))) * SAFE
        tails = np.cumsum(sizes[::-1], axis=0)[::-1] * SAFE
        small = np.nonzero((tails <= target).all(axis=1))[0]
        if small.size and (keep := max(1, int(small[0]))) < len(moved):
            errors = (errors + tails[keep]) * SAFE
            coefs = np.moveaxis(moved[:keep], 0, axis)
    return Columns(np.ascontiguousarray(coefs), errors)


def orthonormal(sizes: Sequence[Sequence[int]]) -> Columns:
    """Products of sqrt(2 j + 1) P_j, one for each multi-index, orthonormal in the uniform law.

    Parameters
    ----------
    sizes : sequence of multi-indices
    """
    dim = len(sizes[0])
    ranks = [1 + max(index[axis] for index in sizes) for axis in range(dim)]
    factors = [_legendre_series(rank) for rank in ranks]
    coefs = np.ones((*ranks, len(sizes)))
    errors = np.zeros(len(sizes))
    for column, index in enumerate(sizes):
        for axis, j in enumerate(index):
            shape = [1] * dim
            shape[axis] = -1
            coefs[..., column] *= factors[axis][:, j].reshape(shape)
    # Factors are within two units of rounding, and every product was rounded.
    errors = gamma(4 * dim + 2) * largest(coefs)
    return Columns(coefs, errors)


def inner_products(indices: Sequence[Sequence[int]], columns: Columns) -> Matrix:
    """<eta_i, v> in the uniform law as balls, shape (rank, c), eta_i of ``orthonormal``.

    The error of a function moves an entry by at most as much, because the mean of |eta_i| is at most 1.
    """
    dim = len(columns.sizes)
    ranks = [1 + max(index[axis] for index in indices) for axis in range(dim)]
    means = [_mean_with_legendre(rank, size) for rank, size in zip(ranks, columns.sizes, strict=True)]
    moved = along(means, columns.coefs)
    # No mean of eta_i T_a is above 1 in absolute value.
    rounding = gamma(sum(columns.sizes) + 4 * dim + 2) * largest(columns.coefs)
    radius = ((rounding + columns.errors) * SAFE).tolist()
    rows = [
        [flint.arb(value, r) for value, r in zip(moved[tuple(index)].tolist(), radius, strict=True)]
        for index in indices
    ]
    return flint.arb_mat(rows)


@lru_cache(maxsize=64)
def mean_products(size: int) -> Array:
    """Means of T_a T_b on [-1, 1], a, b < size."""
    a, b = np.arange(size)[:, None], np.arange(size)[None, :]
    even = (a + b) % 2 == 0
    with np.errstate(divide="ignore"):
        return np.where(even, 0.5 / (1.0 - (a + b) ** 2) + 0.5 / (1.0 - (a - b) ** 2), 0.0)


@lru_cache(maxsize=64)
def _legendre_series(rank: int) -> Array:
    """Chebyshev coefficients of sqrt(2 j + 1) P_j, shape (rank, j < rank), up to two units of rounding."""
    with precision(4 * rank + 128):
        places = zeros(rank)
        values = [[flint.arb_poly(p)(t) for p in legendre_polynomials(rank)] for t in places]
        series = cosines(rank) * flint.arb_mat(values)
        roots = [flint.arb(2 * j + 1).sqrt() for j in range(rank)]
        return rounded(flint.arb_mat([[series[k, j] * roots[j] for j in range(rank)] for k in range(rank)]))


@lru_cache(maxsize=64)
def _mean_with_legendre(rank: int, size: int) -> Array:
    """Means of sqrt(2 j + 1) P_j T_a on [-1, 1], shape (rank, size), up to two units of rounding."""
    polynomials = [flint.fmpq_poly([1]), flint.fmpq_poly([0, 1])]
    for _ in range(2, size):
        polynomials.append(flint.fmpq_poly([0, 2]) * polynomials[-1] - polynomials[-2])
    with precision(128):
        rows = []
        for j, p in enumerate(legendre_polynomials(rank)):
            root = flint.arb(2 * j + 1).sqrt() / 2
            rows.append([root * flint.arb(_whole(p * polynomials[a])) for a in range(size)])
        return rounded(flint.arb_mat(rows))


def _whole(poly: Any) -> Any:
    """The integral over [-1, 1], exact."""
    antiderivative = poly.integral()
    return antiderivative(flint.fmpq(1)) - antiderivative(flint.fmpq(-1))
