"""Inner products with many functions M e_l, l in a large box of degrees, for a few polynomials at once; MATH (24y).

Inputs are sorted by the argument a_1 = w_1 x + b_1 of one output: where it is constant, lines through the box, the
factor m_{l_1}(F_1) of M e_l is constant as well, so that

    <g, M e_l> = int m_{l_1}(F_1) [int g m_{l_2}(F_2) along the line] da_1

takes one product of matrices for the inner integrals and one for the outer. Gauss's rule in both, with a proved error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mzsym.balls import precision
from mzsym.balls.ellipses import gauss_balls
from mzsym.balls.spectral import UNIT, frobenius, gamma
from mzsym.balls.tensor import Columns, largest
from mzsym.certify.plane.outputs import Output, chebyshev_rows
from mzsym.certify.sharp.smoothed import legendre_rows, recurrence_error
from mzsym.core import MzError
from mzsym.core.arrays import Array

RADII = (1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5)
"""Of the ellipses that are tried for the error of a rule."""

TARGET = 1e-10
"""What the rule of one variable on one piece may be off."""

MOST = 1600
"""Nodes of one variable."""

BLOCK = 1 << 12
"""Points that are looked at together."""

PLACE = 16.0 * UNIT
"""What a coordinate in [-1, 1] may be off."""

BITS = 96

ROOM = 1.0 + 1e-9


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the inputs, the image of (xi, zeta) in [-1, 1]^2, on which the argument a_1 depends on xi alone.

    Unit variables and arguments are affine in xi for every zeta, and the other way round.

    Attributes
    ----------
    corner : array of shape (4, inputs)
        Unit variables at xi, zeta = (-1,-1), (-1,1), (1,-1), (1,1), from which they are bilinear.
    jacobian : array of shape (2,)
        That of the unit variables at xi = -1 and 1, between which it is linear.
    outer, inner : array of shape (outputs,)
        The largest |d a_i/d xi| and |d a_i/d zeta|.
    """

    corner: Array
    jacobian: Array
    outer: Array
    inner: Array

    @classmethod
    def of(cls, corner: Array, jacobian: Array, slopes: Array) -> Piece:
        """With the slopes of the arguments in the unit variables, shape (outputs, inputs)."""
        values = corner @ slopes.T
        outer = np.maximum(np.abs(values[2] - values[0]), np.abs(values[3] - values[1])) / 2.0
        inner = np.maximum(np.abs(values[1] - values[0]), np.abs(values[3] - values[2])) / 2.0
        # The first argument is constant along a line; what rounding leaves of that is far below the room.
        inner[0] = 0.0
        return cls(corner, jacobian, outer * ROOM + 1e-12, np.where(inner > 0.0, inner * ROOM + 1e-12, 0.0))

    @property
    def flat(self) -> bool:
        """Whether nothing depends on zeta: one input."""
        return bool(self.corner.shape[1] == 1)

    def points(self, xi: Array, zeta: Array) -> Array:
        """Unit variables, shape (inputs, xi, zeta)."""
        u, v = (1.0 + xi) / 2.0, (1.0 + zeta) / 2.0
        weights = [np.outer(p, q) for p in (1.0 - u, u) for q in (1.0 - v, v)]
        found: Array = np.tensordot(self.corner, np.stack(weights), axes=(0, 0))
        return np.clip(found, -1.0, 1.0)

    def measure(self, xi: Array) -> Array:
        """The Jacobian over the area of the unit variables."""
        left, right = self.jacobian / 4.0
        found: Array = left * (1.0 - xi) / 2.0 + right * (1.0 + xi) / 2.0
        return found


def pieces(slopes: Array) -> list[Piece]:
    """Parts that cover the unit box of the inputs, by the slopes of the arguments, shape (outputs, inputs)."""
    if slopes.shape[1] == 1:
        line = np.array([[-1.0], [-1.0], [1.0], [1.0]])
        return [Piece.of(line, np.full(2, 1.0), slopes)]
    steep = int(np.argmax(np.abs(slopes[0])))
    v, o = slopes[0, steep], slopes[0, 1 - steep]
    share = abs(o / v)
    # In variables in which both slopes are positive: (steep, other).
    middle = np.array([[-1.0 + 2.0 * share, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0 - 2.0 * share, 1.0]])
    found = [(middle, np.full(2, 1.0 - share))] if share < 1.0 else []
    if share > 0.0:
        side = np.array([[1.0, -1.0], [1.0 - 2.0 * share, 1.0], [1.0, 1.0], [1.0, 1.0]])
        found += [(side, np.array([share, 0.0])), (-side[[2, 3, 0, 1]], np.array([0.0, share]))]
    signs = np.array([np.sign(v), np.sign(o) or 1.0])
    order = [0, 1] if steep == 0 else [1, 0]
    return [Piece.of((corner * signs)[:, order], jacobian, slopes) for corner, jacobian in found]


def inner_products(outputs: list[Output], functions: Columns, sizes: tuple[int, ...]) -> tuple[Array, float]:
    """<g, M e_l> for l below ``sizes``, and a bound of the Frobenius norm of the errors.

    Parameters
    ----------
    outputs : list of Output
        One or two.
    functions : Columns
        Exact polynomials g of the unit variables: their errors are not looked at.
    sizes : tuple of int
        Degrees of each output.

    Returns
    -------
    (array of shape (functions, *sizes), float)

    Raises
    ------
    MzError
        Where a rule would need too many nodes.
    """
    slopes = np.stack([output.slopes for output in outputs])
    found = np.zeros((functions.count, math.prod(sizes)))
    lost, terms = 0.0, 64
    for piece in pieces(slopes):
        counts, missed = _nodes(piece, outputs, functions, sizes)
        lost += missed
        terms += sum(counts) + 8
        found += _summed(piece, outputs, functions, sizes, counts)
    lost += _rounding(outputs, functions, sizes, terms)
    return found.reshape(functions.count, *sizes), lost * ROOM


def work(outputs: list[Output], sizes: tuple[int, ...]) -> float:
    """Points times functions of the second output that ``inner_products`` looks at for smooth functions, or inf."""
    slopes = np.stack([output.slopes for output in outputs])
    smooth = Columns(np.ones((1,) * (slopes.shape[1] + 1)), np.zeros(1))
    try:
        counts = [_nodes(piece, outputs, smooth, sizes)[0] for piece in pieces(slopes)]
    except MzError:
        return math.inf
    return float(sum(map(math.prod, counts)) * max(1, *sizes[1:], sizes[0] // 64))


def _summed(
    piece: Piece, outputs: list[Output], functions: Columns, sizes: tuple[int, ...], counts: tuple[int, int]
) -> Array:
    """The rule on one piece."""
    (xi, weights), (zeta, inner) = (gauss(count) for count in counts)
    first, *rest = outputs
    columns = functions.count * math.prod(sizes[1:])
    found = np.zeros((sizes[0], columns))
    for part in _blocks(len(xi), len(zeta)):
        points = piece.points(xi[part], zeta).reshape(len(piece.corner[0]), -1)
        lines = len(xi[part])
        values = evaluated(functions.coefs, points).reshape(-1, lines, len(zeta)) * inner
        averaged = values.transpose(1, 0, 2)
        if rest:
            rows = averages(rest[0], points, sizes[1]).reshape(sizes[1], lines, len(zeta))
            averaged = averaged @ rows.transpose(1, 2, 0)
        else:
            averaged = averaged.sum(axis=2)
        own = averages(first, piece.points(xi[part], zeta[:1]).reshape(len(points), -1), sizes[0])
        found += (own * (weights[part] * piece.measure(xi[part]))) @ averaged.reshape(lines, columns)
    return found.reshape(sizes[0], functions.count, -1).transpose(1, 0, 2).reshape(functions.count, -1)


def _blocks(lines: int, across: int) -> Iterator[slice]:
    step = max(1, BLOCK // across)
    return (slice(start, start + step) for start in range(0, lines, step))


def gauss(count: int) -> tuple[Array, Array]:
    """Nodes and weights as doubles, each within a rounding."""
    with precision(BITS):
        balls = np.array([(float(x), float(w)) for x, w in gauss_balls(count, BITS)])
    return balls[:, 0], balls[:, 1]


def averages(output: Output, points: Array, top: int) -> Array:
    """Averages of e_0..e_(top-1) over the noise around the output, shape (top, points)."""
    values = output.values(points)
    above, below = (
        legendre_rows(np.clip((values + sign * output.scale - output.middle) / output.half, -1.0, 1.0), top)
        for sign in (1.0, -1.0)
    )
    above -= below
    rows = np.ones((top, values.size))
    degrees = np.arange(1.0, top)
    factor = output.half / (2.0 * output.scale) / np.sqrt(2.0 * degrees + 1.0)
    np.subtract(above[2:], above[:-2], out=rows[1:])
    rows[1:] *= factor[:, None]
    return rows


def averages_size(output: Output, top: int) -> tuple[float, float]:
    """Bounds of the norms of a column of ``averages`` and of its error.

    The antiderivative (P_(l+1) - P_(l-1))/(2l+1) is at most 2/(2l+1), and its slope at most 1.
    """
    degrees = np.arange(1.0, top)
    roots, share = np.sqrt(2.0 * degrees + 1.0), output.half / output.scale
    sizes = np.minimum(roots, 2.0 * share / roots)
    place = output.lost / output.half + 16.0 * UNIT * (1.0 + (abs(output.middle) + output.scale) / output.half)
    steps = recurrence_error(degrees + 1.0) + recurrence_error(degrees - 1.0) + 8.0 * UNIT
    errors = share * (roots * place + steps / roots) + 16.0 * UNIT * sizes
    return math.sqrt(1.0 + float(np.sum(sizes**2))) * ROOM, math.sqrt(float(np.sum(errors**2))) * ROOM


def evaluated(coefs: Array, points: Array) -> Array:
    """Tensor series at points of shape (inputs, points): shape (functions, points)."""
    rows = [chebyshev_rows(t, size) for t, size in zip(points, coefs.shape, strict=False)]
    if len(rows) == 1:
        return np.asarray(coefs.T @ rows[0])
    moved = np.moveaxis(coefs, 0, -1).reshape(-1, len(rows[0])) @ rows[0]
    return np.asarray(np.einsum("bcp,bp->cp", moved.reshape(coefs.shape[1], coefs.shape[2], -1), rows[1]))


def _rounding(outputs: list[Output], functions: Columns, sizes: tuple[int, ...], terms: int) -> float:
    """What floating point may have lost, in the Frobenius norm."""
    degrees = np.zeros(functions.sizes)
    for axis, size in enumerate(functions.sizes):
        shape = [1] * len(functions.sizes)
        shape[axis] = -1
        degrees = degrees + (np.arange(float(size)) ** 2).reshape(shape)
    most = frobenius(largest(functions.coefs))
    # T_k of a double: its recurrence adds at most 2 k^2 units, and its slope is at most k^2.
    weighted = np.abs(functions.coefs) * (degrees * (2.0 * UNIT + PLACE))[..., None]
    values = frobenius(weighted.sum(axis=tuple(range(len(degrees.shape))))) + gamma(sum(functions.sizes) + 8) * most
    bounds = [averages_size(output, size) for output, size in zip(outputs, sizes, strict=True)]
    whole = math.prod(size for size, _ in bounds)
    with_errors = math.prod(size + error for size, error in bounds)
    return (values * with_errors + most * (with_errors - whole) * ROOM + gamma(terms) * most * with_errors) * ROOM + (
        4.0 * UNIT * most * with_errors
    )


def _nodes(
    piece: Piece, outputs: list[Output], functions: Columns, sizes: tuple[int, ...]
) -> tuple[tuple[int, int], float]:
    """How many nodes each variable takes, and what both leave together."""
    counts, missed = [], 0.0
    for slopes in (piece.outer, piece.inner):
        if slopes is piece.inner and piece.flat:
            counts.append(1)
            continue
        best, left = MOST + 1, math.inf
        for radius in RADII:
            size = _log_size(radius, slopes, outputs, functions, sizes)
            needed = (size - math.log(TARGET)) / (2.0 * math.log(radius))
            if needed < best:
                best = max(4, math.ceil(needed))
                left = math.exp(size - 2.0 * best * math.log(radius)) * ROOM
        if best > MOST:
            raise MzError("a rule would need too many nodes", "certify.plane", "Ask for less")
        counts.append(best)
        missed += left
    return (counts[0], counts[1]), missed


def _log_size(radius: float, slopes: Array, outputs: list[Output], functions: Columns, sizes: tuple[int, ...]) -> float:
    """log of what the error of a rule in one variable is, times radius**(2 nodes).

    For a function at most B on the ellipse it is at most 8 B radius**(-2 n)/(1 - 1/radius); the other variable has a
    length of 2, the measure is a quarter of the Jacobian, which is at most (1 + radius)/2 there.
    """
    shape = [radius ** np.arange(float(size)) for size in functions.sizes]
    grown = np.abs(functions.coefs)
    for powers in shape:
        grown = np.tensordot(powers, grown, axes=(0, 0))
    total = math.log(frobenius(grown) + 1e-300) + math.log(2.0 * (1.0 + radius) / (1.0 - 1.0 / radius))
    for output, slope, size in zip(outputs, slopes, sizes, strict=True):
        # The sum of (2l+1) beta^(2l) over l < size is at most size^2 beta^(2 size).
        total += math.log(size) + size * math.log(output.beta(float(slope), radius))
    return total * (1.0 + 1e-12) + 1e-9
