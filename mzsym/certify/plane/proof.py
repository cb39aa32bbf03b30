"""Proved bounds of ||Q_n M_n|| and its relatives for layers of two inputs or outputs, MATH (24t)-(24y).

With Pi the projection on the products of Legendre polynomials of degree < k of the outputs, the functions M e_l are
carried as tensor series with proved errors, so that ||Q M Pi|| is known from both sides, and

    ||Q M||^2 <= ||Q M Pi||^2 + ||M (I - Pi)||^2.

Under uniform noise the rest falls slowly, but it is small where the norm is taken: that is (24x).
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
from mzsym.balls.tensor import Columns
from mzsym.certify.enclosed.tensor import TensorChain
from mzsym.certify.plane.leading import Leading
from mzsym.certify.plane.lines import inner_products, work
from mzsym.certify.plane.outputs import Output
from mzsym.certify.plane.tail import Tails, smooth_tails
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure, better, inner_width, without
from mzsym.certify.sharp.ends import Ends
from mzsym.certify.sharp.proof import WIDTH
from mzsym.certify.sharp.schur import lower_eigenvalue
from mzsym.certify.sufficient.hilbert_schmidt import hilbert_schmidt
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.blas import blas_threads
from mzsym.model.dense import DenseLayer

if TYPE_CHECKING:
    from mzsym.certify.sufficient.hilbert_schmidt import HilbertSchmidt
    from mzsym.model import Network
    from mzsym.projections import TotalDegree

ROUGH = 5e-3
"""Relative width asked for by default under noise with jumps: one to ten seconds a layer."""

SIZES = {1: (8, 16, 32, 64, 96), 2: (8, 12, 16, 20, 24, 28, 32, 40)}
"""Degrees of each output on average, tried in turn, by the number of outputs: the budget."""

CHEAP = {1: 96, 2: 24}
"""The largest of them where no function is looked at further."""

FAR = (48, 64, 96, 128, 192, 256, 384, 512)
"""The same for a few functions that are looked at beyond those degrees."""

WORK = 3e8
"""Points times functions that are looked at: some seconds."""

SHARE = 0.5
"""Of the square of the norm: from a tail below that on, functions are looked at further."""

TARGET = 1e-7
"""What the series of a function may be off."""

LAWS = ("uniform", "truncated_gaussian")

ROOM = 1.0 + 2.0**-40

Chosen: TypeAlias = npt.NDArray[np.bool_]


def takes(net: Network, n: int) -> bool:
    """Whether a layer is for this method."""
    layer, dims = net.layers[n], (net.dims[n], net.dims[n + 1])
    return layer.plain_noise and max(dims) == 2 and all(noise.name in LAWS for noise in layer.noise)


def default_width(net: Network, n: int) -> float:
    """Relative width that is asked for where nothing is said: in the plane, jumps of the density make less dear."""
    return ROUGH if takes(net, n) and any(noise.name == "uniform" for noise in net.layers[n].noise) else WIDTH


def plane_enclosure(net: Network, projection: TotalDegree, n: int, width: float) -> Enclosure:
    """Bound the norms of layer n from both sides, as ``sharp_enclosure`` does in dimension one."""
    square = hilbert_schmidt(net, projection, n)
    best = NOTHING
    degree = projection.degree_of(projection.size(net.dims[n + 1]) - 1, net.dims[n + 1])
    sizes = [size for size in SIZES[net.dims[n + 1]] if size > degree + 1]
    try:
        chain = TensorChain(net)
        with precision(chain.bits), blas_threads():
            tails = smooth_tails(net, n)
            while sizes:
                shape = tails.shaped(sizes.pop(0), degree + 2)
                columns = _Columns.of(chain, projection, n, shape, min(TARGET, width * 1e-3))
                found = columns.enclosure(square, tails)
                scale = columns.lower_square
                sizes = _worthwhile(sizes, tails, SHARE * scale)
                # Kept also where the rules along lines would need too many nodes.
                best = replace(better(best, found), ends=found.ends)
                if not _narrow(found, width) and columns.tail(square, tails) < SHARE * scale and tails.known:
                    further = _Further.of(net, n, tails, shape, 0.6 * width * scale)
                    found = replace(better(found, columns.sharpened(square, further, 1e-3 * width)), ends=found.ends)
                    sizes = _left(sizes, columns, found.width, further.rest / scale / 2.0, width)
                best = replace(better(best, found), ends=found.ends)
                if _narrow(best, width):
                    return best
    except MzError as error:
        if not best.functions:
            return without(f"sharp: {error.what}")
    if not best.functions:
        return without(f"sharp: degree {degree} is too large for {net.dims[n + 1]} outputs")
    return replace(best, reason=f"sharp: the width {best.width:.1e} is what {best.functions} functions give")


def _worthwhile(sizes: list[int], tails: Tails, most: float) -> list[int]:
    """Those with a tail below this, or the last cheap one where there is none; unknown tails fall in their own way."""
    cheap = [size for size in sizes if size <= CHEAP[tails.outputs]]
    if not tails.known:
        return cheap
    return [size for size in sizes if tails.beyond(tails.shaped(size, 1)) < most] or cheap[-1:]


def _left(sizes: list[int], columns: _Columns, found: float, rest: float, width: float) -> list[int]:
    """Those worth their time once few functions gave a width: what is not their rest falls like the fourth power.

    Where the width is out of reach, the last that is cheap is tried, unless the rest is most of what is left.
    """
    size, cheap = len(columns.inner) ** (1.0 / len(columns.shape)), CHEAP[len(columns.shape)]
    if rest < 0.8 * width:
        fit = [k for k in sizes if (found - rest) * (size / k) ** 4 <= width - rest]
        if fit:
            return fit
    return [k for k in sizes if k <= cheap][-1:] if found > 2.0 * rest else []


def _narrow(found: Enclosure, width: float) -> bool:
    return max(found.width, inner_width(found)) <= width


@dataclass(frozen=True, eq=False)
class _Further:
    """Where a few functions are looked at beyond the degrees of the columns.

    Attributes
    ----------
    outputs : list of Output
    shape : tuple of int
        Degrees of each output.
    rest : float
        ||M (I - Pi)||^2 beyond them.
    tails : Tails
        What it is made from.
    """

    outputs: list[Output]
    shape: tuple[int, ...]
    rest: float
    tails: Tails

    @classmethod
    def of(cls, net: Network, n: int, tails: Tails, least: tuple[int, ...], wanted: float) -> _Further:
        """Beyond ``least`` degrees, with a rest below what is wanted if the budget has it."""
        layer = net.layers[n]
        assert isinstance(layer, DenseLayer)
        outputs = [Output.of(layer, net, n, i) for i in range(layer.dim_out)]
        best = least
        for size in FAR:
            shape = tuple(map(max, tails.shaped(size, 1), least))
            fits, cost = tails.beyond(shape) <= wanted, work(outputs, shape)
            # What is asked for may cost more than what only comes closer to it.
            if cost <= (10.0 * WORK if fits else WORK):
                best = shape
            if fits or cost > 10.0 * WORK:
                break
        return cls(outputs, best, tails.beyond(best), tails)


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
    shape : tuple of int
        Numbers k_i of degrees.
    coefs : array of shape (..., columns)
        Of their series.
    basis : Columns
        Of the range of P_n.
    """

    gram: Array
    resolved: Array
    lost: float
    lost_resolved: float
    off: float
    inner: Chosen
    shape: tuple[int, ...]
    coefs: Array
    basis: Columns

    @classmethod
    def of(cls, chain: TensorChain, projection: TotalDegree, n: int, shape: tuple[int, ...], target: float) -> _Columns:
        dims = chain.net.dims[n], chain.net.dims[n + 1]
        indices = list(product(*map(range, shape)))
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
            shape,
            functions.coefs,
            tensor.orthonormal(projection.multi_indices(dims[0])),
        )

    @property
    def lower_square(self) -> float:
        """About ||Q M||^2 in the uniform measures."""
        return top_pair(self.gram - self.resolved.T @ self.resolved)[0]

    def tail(self, square: HilbertSchmidt, tails: Tails) -> float:
        """Of ||M (I - Pi)||^2."""
        whole = float(np.trace(self.gram))
        # ||M||_HS^2 less that of M Pi; in uniform measures it is the density's norm times the volume.
        rest = square.density[1] * square.volume[1] * ROOM - whole + self.lost + 2.0 * self.off * math.sqrt(whole)
        return min(max(0.0, rest), tails.beyond(self.shape))

    def enclosure(self, square: HilbertSchmidt, tails: Tails) -> Enclosure:
        """The bounds, in the measure of the projection."""
        tail = self.tail(square, tails)
        every = np.ones(len(self.inner), dtype=bool)
        outer, inner = self._bounds(every, True, tail), self._bounds(self.inner, True, tail)
        entrance = self._bounds(self.inner, False, tail)[1]
        leaving = self._bounds(~self.inner, True, 0.0)[1]
        mixed = spectral_norm(self.resolved[:, self.inner]) + self.lost_resolved + self.off
        high = math.sqrt(square.ratio[1])
        ends = Ends(*(up(bound * high) * ROOM for bound in (entrance, math.hypot(mixed, math.sqrt(tail)), leaving)))
        return replace(self._scaled(square, outer, inner), ends=ends)

    def sharpened(self, square: HilbertSchmidt, further: _Further, small: float) -> Enclosure:
        """With a few functions known beyond the columns, MATH (24x)."""
        tail, norm = self.tail(square, further.tails), math.sqrt(square.density[1] * square.volume[1]) * ROOM
        found = []
        beyond = np.ones(further.shape, dtype=bool)
        beyond[tuple(map(slice, self.shape))] = False
        every = np.ones(len(self.inner), dtype=bool)
        leading = [self._leading(chosen, small) for chosen in (every, self.inner)]
        products, lost = inner_products(
            further.outputs, tensor.joined([part.functions for part in leading]), further.shape
        )
        start = 0
        for part, chosen in zip(leading, (every, self.inner), strict=True):
            own = products[start : start + len(part.values)]
            start += len(part.values)
            belong = beyond.copy()
            belong[tuple(map(slice, self.shape))] = chosen.reshape(self.shape)
            low, high = part.bounds(own, lost, belong, beyond, tail, further.rest, norm)
            found.append((low, (high + self.off) * ROOM))
        return self._scaled(square, *found)

    def _scaled(self, square: HilbertSchmidt, outer: tuple[float, float], inner: tuple[float, float]) -> Enclosure:
        """From uniform measures to those of the projection."""
        low, high = (math.sqrt(ratio) for ratio in square.ratio)
        below, above = low / ROOM, high * ROOM
        return Enclosure(outer[0] * below, outer[1] * above, inner[0] * below, inner[1] * above, len(self.inner))

    def _leading(self, chosen: Chosen, small: float) -> Leading:
        K, lost = self._matrix(chosen, True)
        coefs, resolved = self.coefs[..., chosen], self.resolved[:, chosen]
        return Leading.of(K, lost, coefs, self.basis, resolved, self.lost_resolved, small)

    def _bounds(self, chosen: Chosen, project: bool, tail: float) -> tuple[float, float]:
        """Of the norm of (Q) M on the chosen functions, and from above with the rest of the space."""
        if not np.any(chosen):
            return 0.0, math.sqrt(tail) * ROOM
        K, lost = self._matrix(chosen, project)
        low = math.sqrt(lower_eigenvalue(K, lost)) / ROOM - self.off
        top = largest_eigenvalue(K, top_pair(K)[0])
        high = math.sqrt(up(top + lost)) * ROOM + self.off
        return max(0.0, low), math.sqrt(high * high + tail) * ROOM

    def _matrix(self, chosen: Chosen, project: bool) -> tuple[Array, float]:
        """Inner products of the series, or of what (Q) leaves of them, and what they may be off in norm."""
        K, lost = self.gram[np.ix_(chosen, chosen)], self.lost
        if project:
            C = self.resolved[:, chosen]
            K = K - C.T @ C
            size = frobenius(C)
            lost += 2.0 * size * self.lost_resolved + self.lost_resolved**2
            lost += gamma(len(C) + 8) * (size * size + frobenius(self.gram))
        K = 0.5 * (K + K.T)
        return K, up(lost + 2.0**-50 * frobenius(K), 8)
