"""Proved bounds of ||Q_n M_n|| and its relatives for layers of two inputs or outputs, MATH (24t)-(24u).

With Pi the projection on the products of Legendre polynomials of degree < k of the outputs, the functions M e_l are
carried as tensor series with proved errors, so that ||Q M Pi|| is known from both sides, and

    ||Q M||^2 <= ||Q M Pi||^2 + ||M (I - Pi)||^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from mzsym.balls import precision, tensor
from mzsym.balls.spectral import frobenius, gamma, largest_eigenvalue, spectral_norm, top_pair, up
from mzsym.certify.enclosed.tensor import TensorChain
from mzsym.certify.plane.tail import smooth_tail
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure, better, inner_width, without
from mzsym.certify.sharp.ends import Ends
from mzsym.certify.sharp.schur import lower_eigenvalue
from mzsym.certify.sufficient.hilbert_schmidt import hilbert_schmidt
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads

if TYPE_CHECKING:
    from mzsym.certify.sufficient.hilbert_schmidt import HilbertSchmidt
    from mzsym.model import Network
    from mzsym.projections import TotalDegree

SIZES = {1: (8, 16, 32, 64, 96), 2: (8, 12, 16, 20, 24)}
"""Degrees of each output, tried in turn, by the number of outputs: the budget."""

TARGET = 1e-7
"""What the series of a function may be off."""

LAWS = ("uniform", "truncated_gaussian")

ROOM = 1.0 + 2.0**-40

Chosen: TypeAlias = npt.NDArray[np.bool_]


def takes(net: Network, n: int) -> bool:
    """Whether a layer is for this method."""
    layer, dims = net.layers[n], (net.dims[n], net.dims[n + 1])
    return layer.plain_noise and max(dims) == 2 and all(noise.name in LAWS for noise in layer.noise)


def plane_enclosure(net: Network, projection: TotalDegree, n: int, width: float) -> Enclosure:
    """Bound the norms of layer n from both sides, as ``sharp_enclosure`` does in dimension one."""
    square = hilbert_schmidt(net, projection, n)
    best = NOTHING
    degree = projection.degree_of(projection.size(net.dims[n + 1]) - 1, net.dims[n + 1])
    sizes = [size for size in SIZES[net.dims[n + 1]] if size > degree]
    try:
        chain = TensorChain(net)
        with precision(chain.bits), blas_threads():
            smooth = smooth_tail(net, n)
            while sizes:
                columns = _Columns.of(chain, projection, n, sizes.pop(0), min(TARGET, width * 1e-3))
                found = columns.enclosure(square, smooth)
                best = replace(better(best, found), ends=found.ends)
                if max(best.width, inner_width(best)) <= width:
                    return best
                # Where the tail is known beforehand, what is too small for the width is left out.
                wanted = width * columns.lower_square
                sizes = [k for k in sizes if k == sizes[-1] or not wanted < smooth / (k * (k + 1.0)) < math.inf]
    except MzError as error:
        if not best.functions:
            return without(f"sharp: {error.what}")
    if not best.functions:
        return without(f"sharp: degree {degree} is too large for {net.dims[n + 1]} outputs")
    return replace(best, reason=f"sharp: the width {best.width:.1e} is what {best.functions} functions give")


@dataclass(frozen=True, eq=False)
class _Columns:
    """The functions M e_l in the uniform measures.

    Attributes
    ----------
    gram : array of shape (columns, columns)
    resolved : array of shape (rank, columns)
        Their coefficients in the range of P_n.
    lost, lost_resolved : float
        Frobenius norms that bound the errors of both.
    off : float
        Bound of the norm of what the functions are off, together.
    inner : array of bool
        Which e_l Q_{n+1} keeps.
    size : int
        k.
    """

    gram: Array
    resolved: Array
    lost: float
    lost_resolved: float
    off: float
    inner: Chosen
    size: int

    @classmethod
    def of(cls, chain: TensorChain, projection: TotalDegree, n: int, size: int, target: float) -> _Columns:
        dims = chain.net.dims[n], chain.net.dims[n + 1]
        indices = list(product(range(size), repeat=dims[1]))
        kept = set(projection.multi_indices(dims[1]))
        functions = chain.image(n, chain.basis(indices), target)
        coefs = functions.coefs.reshape(-1, functions.count)
        moved = tensor.along([tensor.mean_products(k) for k in functions.sizes], functions.coefs)
        sizes = tensor.largest(functions.coefs)
        terms = sum(functions.sizes) + math.prod(functions.sizes) + 4 * dims[0] + 8
        table = chain.inner_products(projection.multi_indices(dims[0]), functions)
        entries = [(float(ball.mid()), float(ball.rad())) for ball in table.entries()]
        middles, radii = np.array(entries).T.reshape(2, table.nrows(), table.ncols())
        return cls(
            coefs.T @ moved.reshape(-1, functions.count),
            middles,
            up(gamma(terms) * float(np.sum(sizes * sizes)), 64) * ROOM,
            frobenius(radii * ROOM + 2.0**-52 * np.abs(middles)),
            up(math.sqrt(up(float(np.sum(functions.errors**2)), functions.count))),
            np.array([index not in kept for index in indices]),
            size,
        )

    @property
    def lower_square(self) -> float:
        """About ||Q M||^2 in the uniform measures."""
        return top_pair(self.gram - self.resolved.T @ self.resolved)[0]

    def enclosure(self, square: HilbertSchmidt, smooth: float) -> Enclosure:
        """The bounds, in the measure of the projection."""
        whole = float(np.trace(self.gram))
        # ||M||_HS^2 less that of M Pi; in uniform measures it is the density's norm times the volume.
        rest = square.density[1] * square.volume[1] * ROOM - whole + self.lost + 2.0 * self.off * math.sqrt(whole)
        tail = min(max(0.0, rest), smooth / (self.size * (self.size + 1.0)) * ROOM)
        every = np.ones(len(self.inner), dtype=bool)
        outer, inner = self._bounds(every, True, tail), self._bounds(self.inner, True, tail)
        entrance = self._bounds(self.inner, False, tail)[1]
        leaving = self._bounds(~self.inner, True, 0.0)[1]
        mixed = spectral_norm(self.resolved[:, self.inner]) + self.lost_resolved + self.off
        low, high = (math.sqrt(ratio) for ratio in square.ratio)
        ends = Ends(*(up(bound * high) * ROOM for bound in (entrance, math.hypot(mixed, math.sqrt(tail)), leaving)))
        below, above = low / ROOM, high * ROOM
        return Enclosure(
            outer[0] * below, outer[1] * above, inner[0] * below, inner[1] * above, len(self.inner), ends=ends
        )

    def _bounds(self, chosen: Chosen, project: bool, tail: float) -> tuple[float, float]:
        """Of the norm of (Q) M on the chosen functions, and from above with the rest of the space."""
        if not np.any(chosen):
            return 0.0, math.sqrt(tail) * ROOM
        K, lost = self.gram[np.ix_(chosen, chosen)], self.lost
        if project:
            C = self.resolved[:, chosen]
            K = K - C.T @ C
            size = frobenius(C)
            lost += 2.0 * size * self.lost_resolved + self.lost_resolved**2
            lost += gamma(len(C) + 8) * (size * size + frobenius(self.gram))
        K = 0.5 * (K + K.T)
        lost = up(lost + 2.0**-50 * frobenius(K), 8)
        low = math.sqrt(lower_eigenvalue(K, lost)) / ROOM - self.off
        top = largest_eigenvalue(K, top_pair(K)[0])
        high = math.sqrt(up(top + lost)) * ROOM + self.off
        return max(0.0, low), math.sqrt(high * high + tail) * ROOM
