"""Tables with proved errors: every entry of C, K, r and c enclosed, for layers of dimension one to three."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from mzsym.balls import Arb, precision, to_arb
from mzsym.balls.spectral import MatrixBall
from mzsym.balls.tables import BallTables, block, norm_from_below, tables_of, truncation_errors, widest
from mzsym.certify.enclosed.carried import CarriedChain
from mzsym.certify.enclosed.kinds import chain_of, reason_against
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.projections import Legendre

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

WIDTH: Final = {1: 1e-12, 2: 1e-8, 3: 1e-6}
"""Largest width of an entry that is aimed at, by the largest dimension of a state."""


HELP: Final = (
    "Use maps and observables without jumps, which in two and three dimensions must be analytic around their boxes, "
    "or mz.compile, which estimates"
)


@final
@dataclass(frozen=True, eq=False)
class Enclosure:
    """Numbers between proved bounds.

    Attributes
    ----------
    lower, upper : arrays of one shape
        The numbers lie between them, rounding included.
    """

    lower: Array
    upper: Array

    @property
    def middle(self) -> Array:
        """Between the bounds."""
        return np.asarray(0.5 * (self.lower + self.upper))

    @property
    def width(self) -> float:
        """Largest width."""
        return float((self.upper - self.lower).max(initial=0.0))

    def contains(self, values: Any) -> bool:
        """Whether every value lies between the bounds."""
        array = np.asarray(values)
        return bool(((self.lower <= array) & (array <= self.upper)).all())


@final
class EnclosedTables:
    """Every table of the backward equation with proved bounds, MATH (14), (15). Made by ``mz.enclose``.

    Attributes
    ----------
    network : Network
    projection : Legendre
    """

    standing: Standing = Standing.PROVED

    def __init__(self, network: Network, projection: Legendre, tables: BallTables, bits: int) -> None:
        self.network, self.projection, self._tables, self._bits = network, projection, tables, bits

    def streaming(self, n: int) -> Enclosure:
        """A_n = C(n, n+1), 0 <= n < L."""
        self._check(n, n + 1, "streaming(n)")
        return self._block(self._tables.C, n, n + 1)

    def correlation(self, n: int, m: int) -> Enclosure:
        """C(n, m), 0 <= n <= m <= L."""
        self._check(n, m, "correlation(n, m)")
        return self._block(self._tables.C, n, m)

    def memory(self, n: int, m: int) -> Enclosure:
        """K(n, m), 0 <= n, n + 2 <= m <= L."""
        self._check(n, m - 2, "memory(n, m)")
        self._check(n, m, "memory(n, m)")
        return self._block(self._tables.memory, n, m)

    def noise(self, n: int) -> Enclosure:
        """r_n, 0 <= n < L: shape (d_n,), or (d_n, k) for a list of k observables."""
        self._check(n, n + 1, "noise(n)")
        return self._rows(self._tables.noise, n)

    def coefficients(self, n: int) -> Enclosure:
        """c_n, 0 <= n <= L."""
        self._check(n, n, "coefficients(n)")
        return self._rows(self._tables.coefficients, n)

    def memory_norm(self, n: int, m: int) -> tuple[float, float]:
        """Proved bounds of ||K(n, m)||, the largest singular value."""
        return self._norm(self._tables.memory, n, m, self.memory(n, m))

    def streaming_norm(self, n: int) -> tuple[float, float]:
        """Proved bounds of ||A_n||."""
        return self._norm(self._tables.C, n, n + 1, self.streaming(n))

    def truncation_errors(self, length: int) -> list[tuple[float, float]]:
        """Proved bounds of ||c~_n - c_n||, n = 0..L, the worst observable, for memory of this length, MATH (30).

        c~_n = A_n c~_{n+1} + sum_{m=n+2}^{n+T} K(n, m) c~_m, without the noise term.
        """
        depth = self.network.depth
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise MzError(
                f"The length of the memory is {length!r}", "truncation_errors", "Give a positive whole number"
            )
        with precision(self._bits):
            return truncation_errors(self._tables, [min(n + length, depth) for n in range(depth)])

    @property
    def width(self) -> float:
        """Largest width of an entry of any table."""
        found = self._tables
        return 2.0 * max(map(widest, (found.C, found.memory, found.coefficients, found.noise)))

    def _norm(self, table: Any, n: int, m: int, found: Enclosure) -> tuple[float, float]:
        ball = MatrixBall.between(found.lower, found.upper)
        direction = np.linalg.svd(found.middle)[2][0]
        return norm_from_below(table, self._slice(n), self._slice(m), direction), ball.norm()

    def _slice(self, n: int) -> slice:
        return slice(*self._tables.offsets[n : n + 2])

    def _block(self, table: Any, n: int, m: int) -> Enclosure:
        return Enclosure(*block(table, self._slice(n), self._slice(m)))

    def _rows(self, table: Any, n: int) -> Enclosure:
        low, high = block(table, self._slice(n), slice(0, table.ncols()))
        listed = self.network.observable_is_list
        return Enclosure(low, high) if listed else Enclosure(low[:, 0], high[:, 0])

    def _check(self, n: int, m: int, where: str) -> None:
        depth = self.network.depth
        if not (isinstance(n, int) and isinstance(m, int) and 0 <= n <= m <= depth):
            raise MzError(f"There is no such term at n = {n}", where, f"Indices are layers of 0..{depth}")

    def __repr__(self) -> str:
        return (
            f"EnclosedTables(depth {self.network.depth}, {self.projection.describe()}, entries within {self.width:.1e})"
        )


def enclose(net: Network, projection: AbstractProjection, width: float | None = None) -> EnclosedTables:
    """Prove every entry of every table, rounding, interpolation and truncation included.

    Functions are carried from the output backward as polynomials of balls, in dimension one on panels between the
    points where they are not smooth. One layer adds the error of an interpolation of an analytic function, bounded in
    a Bernstein ellipse, and makes none of the errors before it larger, since an average over the noise is no larger
    than what it averages.

    Parameters
    ----------
    net : Network
        Of dimension one to three, with uniform, truncated Gaussian or no noise. Maps and observables are continuous and
        piecewise analytic (relu, abs, hardtanh, elu, Max, ...) in dimension one, analytic in two and three.
    projection : Legendre
        In the uniform measure or Lebesgue's.
    width : float, optional
        Interpolation is refined until every entry of C is at most this wide; by default 1e-12 in dimension one, where
        functions have many digits, and 1e-8 and 1e-6 in two and three, where they have those of doubles.

    Returns
    -------
    EnclosedTables

    Raises
    ------
    MzError
        For other networks and projections, and when the width is not reached, with the one that is.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> found = enclose(net, mz.Legendre(2))
    >>> low, high = found.memory_norm(0, 3)
    >>> 0 < high - low < 1e-12, str(found.standing)
    (True, 'proved')
    """
    stated = _checked(net, projection)
    chain = chain_of(net)
    width = WIDTH[max(net.dims)] if width is None else width
    target, reached = min(chain.target, width / 1024), math.inf
    with precision(chain.bits):
        while True:
            found = _tables(chain, stated, target)
            before, reached = reached, 2.0 * max(widest(found.C), widest(found.coefficients))
            if reached <= width:
                return EnclosedTables(net, stated, found, chain.bits)
            if reached > before / 2 or target < chain.finest:
                raise MzError(
                    f"The entries are proved to a width of {min(reached, before):.1e}, not {width:.1e}",
                    "enclose(width=)",
                    "Ask for a larger width, or use more noise: the functions are sharp",
                )
            target *= 2.0**-32


def _tables(chain: CarriedChain[Any], projection: Legendre, target: float) -> BallTables:
    net = chain.net
    indices = [projection.multi_indices(dim) for dim in net.dims]
    try:
        functions = chain.observables(target)
    except MzError as error:
        raise MzError(f"The observable is not carried with a proved error: {error.what}", "enclose", HELP) from error
    rows = [chain.inner_products(indices[-1], functions)]
    for n in range(net.depth - 1, -1, -1):
        functions = chain.joined([chain.basis(indices[n + 1]), functions])
        try:
            functions = chain.image(n, functions, target)
        except MzError as error:
            raise MzError(
                f"Functions are not carried through layer {n} with a proved error: {error.what}", "enclose", HELP
            ) from error
        rows.append(chain.inner_products(indices[n], functions))
    roots = [_root_of_volume(box) for box in chain.boxes] if projection.measure == "lebesgue" else None
    return tables_of(rows[::-1], [len(index) for index in indices], roots)


def _root_of_volume(box: Sequence[tuple[Any, Any]]) -> Arb:
    volume = to_arb(1)
    for lo, hi in box:
        volume = volume * (to_arb(hi) - to_arb(lo))
    return volume.sqrt()


def _checked(net: Network, projection: AbstractProjection) -> Legendre:
    where = "enclose(net, projection)"
    if not isinstance(projection, Legendre) or projection.measure not in ("uniform", "lebesgue"):
        raise MzError(f"Tables are not enclosed for {projection.describe()}", where, "Use mz.Legendre(degree)")
    if net.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in net.free_symbols))
        raise MzError(f"There is no value for {names}", where, "Bind it: net.with_params({...})")
    projection.check(net)
    if reason := reason_against(net):
        raise MzError(reason[:1].upper() + reason[1:], where, "Use mz.compile, which estimates")
    if any(not half > 0.0 for box in net.domains for half in (np.asarray(box.upper) - np.asarray(box.lower))):
        raise MzError("A domain has no width", where, "Give every layer noise, or a map that is not constant")
    return projection
