"""Tables with proved errors: every entry of C, K, r and c enclosed, for analytic layers of dimension one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from mzsym.balls import chebyshev as ch
from mzsym.balls import precision
from mzsym.balls.spectral import MatrixBall
from mzsym.balls.tables import BallTables, block, norm_from_below, tables_of, widest
from mzsym.certify.analytic_chain import NOISE, AnalyticChain
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.projections import Legendre

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

WIDTH: Final = 1e-12
"""Largest width of an entry that is aimed at."""


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

    def __init__(self, network: Network, projection: Legendre, tables: BallTables) -> None:
        self.network, self.projection, self._tables = network, projection, tables

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
        rank = self._tables.rank
        return slice(n * rank, (n + 1) * rank)

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


def enclose(net: Network, projection: AbstractProjection, width: float = WIDTH) -> EnclosedTables:
    """Prove every entry of every table, rounding, interpolation and truncation included.

    Functions are carried from the output backward as polynomials of balls. One layer adds the error of an interpolation
    of an analytic function, bounded in a Bernstein ellipse, and makes none of the errors before it larger, since
    an average over the noise is no larger than what it averages.

    Parameters
    ----------
    net : Network
        Of dimension one, with analytic maps and observables, and uniform, truncated Gaussian or no noise.
    projection : Legendre
        In the uniform measure or Lebesgue's.
    width : float
        Interpolation is refined until every entry of C is at most this wide.

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
    stated, lebesgue = _checked(net, projection)
    target, reached = min(ch.TARGET, width / 1024), math.inf
    with precision(ch.BITS):
        chain = AnalyticChain(net)
        sides = [ch.Side.of(*box) for box in chain.boxes]
        while True:
            found = _tables(chain, sides, stated.degree + 1, target, lebesgue)
            before, reached = reached, 2.0 * max(widest(found.C), widest(found.coefficients))
            if reached <= width:
                return EnclosedTables(net, stated, found)
            if reached > before / 2:
                raise MzError(
                    f"The entries are proved to a width of {min(reached, before):.1e}, not {width:.1e}",
                    "enclose(width=)",
                    "Ask for a larger width, or use more noise: the functions are sharp",
                )
            target *= 2.0**-32


def _tables(chain: AnalyticChain, sides: list[ch.Side], rank: int, target: float, lebesgue: bool) -> BallTables:
    try:
        observables = chain.observables(target)
    except MzError as error:
        raise MzError("The observable is not analytic on the output domain", "enclose", "Use a smooth one") from error

    def carry(n: int, functions: list[ch.Near]) -> list[ch.Near]:
        try:
            return chain.image(n, functions, target)
        except MzError as error:
            raise MzError(
                f"The map of layer {n} is not analytic around its domain, or its poles are too close to it",
                "enclose",
                "Use smooth activations, or mz.compile, which estimates",
            ) from error

    return tables_of(chain.net.depth, carry, observables, sides, rank, lebesgue)


def _checked(net: Network, projection: AbstractProjection) -> tuple[Legendre, bool]:
    where = "enclose(net, projection)"
    if not isinstance(projection, Legendre) or projection.measure not in ("uniform", "lebesgue"):
        raise MzError(f"Tables are not enclosed for {projection.describe()}", where, "Use mz.Legendre(degree)")
    if any(dim != 1 for dim in net.dims):
        raise MzError("The network has states of more than one dimension", where, "Use mz.compile, which estimates")
    if net.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in net.free_symbols))
        raise MzError(f"There is no value for {names}", where, "Bind it: net.with_params({...})")
    projection.check(net)
    for n, layer in enumerate(net.layers):
        if not layer.plain_noise or layer.noise[0].name not in NOISE:
            raise MzError(
                f"The noise of layer {n} is {type(layer.noise[0]).__name__}, or it has a gain or random weights",
                f"layer {n}, {where}",
                "Use uniform, truncated Gaussian or no noise that is added to the map",
            )
    if any(not half > 0.0 for box in net.domains for half in (np.asarray(box.upper) - np.asarray(box.lower))):
        raise MzError("A domain has no width", where, "Give every layer noise, or a map that is not constant")
    return projection, projection.measure == "lebesgue"
