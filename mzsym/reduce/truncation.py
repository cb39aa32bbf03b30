"""Memory of finite length, layer by layer, MATH (30)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.certify.sufficient.windows import times_up
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.projections.checks import finite_rank
from mzsym.projections.measures import measure_text
from mzsym.reduce.a_priori import largest_value, root_of_mass, tail_bound

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.certify.enclosed.chain import EnclosedTables
    from mzsym.evaluate.protocols import HasTables
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


@dataclass(frozen=True)
class TruncatedLayer:
    """c~_n beside c_n on one layer; norms are Euclidean, those of P_n q_n in L^2(mu_n), the worst observable.

    Attributes
    ----------
    n : int
    error : float
        ||c~_n - c_n||, from the tables.
    bound : float
        Estimated: what the triangular system makes of the norms of the terms left out, and the tables' observed error.
    proved : float
        Of the exact equation truncated, rounded up: from a certificate alone, or the error itself from proved tables;
        ``inf`` where there is neither.
    """

    n: int
    error: float
    bound: float
    proved: float


@dataclass(frozen=True, eq=False)
class Truncation:
    """The equation with memory of length T and without the noise term.

    Attributes
    ----------
    length : int
        T: K(n, m) is kept for m <= n + T; 1 keeps streaming only.
    coefficients : tuple of arrays
        c~_n, n = 0..L, shaped as ``Evaluator.coefficients``.
    layers : tuple of TruncatedLayer
    """

    length: int
    coefficients: tuple[Array, ...]
    layers: tuple[TruncatedLayer, ...]

    @property
    def error(self) -> float:
        """||c~_0 - c_0||."""
        return self.layers[0].error

    @property
    def error_bound(self) -> float:
        """Of layer 0, with the observed error of the tables."""
        return self.layers[0].bound

    @property
    def standing(self) -> Standing:
        """Of ``error_bound``; ``proved`` of the layers is about the exact equation truncated, without its numbers."""
        return Standing.ESTIMATED

    def table(self) -> list[dict[str, Any]]:
        """One dict per layer."""
        return [{"n": x.n, "error": x.error, "bound": x.bound, "proved": x.proved} for x in self.layers]


def truncate(
    ev: HasTables, length: int, certificate: Certificate | None = None, enclosed: EnclosedTables | None = None
) -> Truncation:
    """Solve the equation with memory of length T, MATH (30), and bound what that costs on every layer.

    c~_n = A_n c~_{n+1} + sum_{m=n+2}^{n+T} K(n, m) c~_m. The error solves the same triangular system with
    delta_n = sum_{m>n+T} K(n, m) c_m + r_n on the right.

    Parameters
    ----------
    ev : Evaluator
        Backward, of a projection of finite rank.
    length : int
        T, 1 <= T.
    certificate : Certificate, optional
        Of the same network and projection: adds the proved bounds.
    enclosed : EnclosedTables, optional
        Of the same network and projection: adds bounds that are the errors themselves, to the width of the entries.

    Returns
    -------
    Truncation

    Raises
    ------
    MzError
        For another length, a forward equation, and a certificate or tables of another network.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.5))] * 4
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> ev = mz.compile(mz.derive(net, mz.Legendre(2)))
    >>> errors = [truncate(ev, length).error for length in (1, 2, 4)]
    >>> errors[0] > errors[1] > errors[2], errors[2] < 1e-12
    (True, True)
    """
    depth = ev.network.depth
    if isinstance(length, bool) or not isinstance(length, (int, np.integer)) or length < 1:
        raise MzError(f"The length of the memory is {length!r}", "truncate(length)", "Give a positive whole number")
    if ev.direction != "backward":
        raise MzError("The equation is a forward one", "truncate(ev)", "Use the backward equation")
    projection = finite_rank(ev.projection, "truncate(ev)")
    if certificate is not None:
        check_certificate(certificate, ev.network, projection)
    kept = _solved(ev, int(length))
    exact = [_columns(ev.coefficients(n)) for n in range(depth + 1)]
    errors = [float(np.linalg.norm(kept[n] - exact[n], axis=0).max()) for n in range(depth + 1)]
    bounds = _bounds(ev, int(length), [float(np.linalg.norm(c, axis=0).max()) for c in exact])
    proved = [math.inf] * depth + [0.0]
    if certificate is not None:
        proved = proved_truncation(ev.network, projection, certificate, int(length), certificate.memory_bound)
    if enclosed is not None:
        _check_tables(enclosed, ev.network, projection)
        proved = [min(p, high) for p, (_, high) in zip(proved, enclosed.truncation_errors(int(length)), strict=True)]
    shaped = [kept[n] if ev.network.observable_is_list else kept[n][:, 0] for n in range(depth + 1)]
    layers = tuple(TruncatedLayer(n, errors[n], bounds[n], proved[n]) for n in range(depth + 1))
    return Truncation(int(length), tuple(shaped), layers)


def check_certificate(certificate: Certificate, net: Network, projection: AbstractProjection) -> None:
    """Refuse a certificate of something else."""
    stated = (certificate.model_digest, certificate.projection, certificate.measure)
    if stated != (net.digest, projection.describe(), measure_text(projection.measure)):
        raise MzError(
            "The certificate belongs to another network or projection", "certificate=", "Certify this one, or leave it"
        )


def _check_tables(enclosed: EnclosedTables, net: Network, projection: AbstractProjection) -> None:
    stated = enclosed.network.digest, enclosed.projection.describe(), measure_text(enclosed.projection.measure)
    if stated != (net.digest, projection.describe(), measure_text(projection.measure)):
        raise MzError("The tables belong to another network or projection", "enclosed=", "Enclose this one")


def _solved(ev: HasTables, length: int) -> dict[int, Array]:
    depth = ev.network.depth
    kept = {depth: _columns(ev.coefficients(depth))}
    for n in range(depth - 1, -1, -1):
        kept[n] = ev.streaming(n) @ kept[n + 1]
        for m in range(n + 2, min(n + length, depth) + 1):
            kept[n] = kept[n] + ev.memory(n, m) @ kept[m]
    return kept


def _bounds(ev: HasTables, length: int, sizes: list[float]) -> list[float]:
    """The triangular system in norms, from the tables."""
    depth = ev.network.depth
    bounds = [0.0] * (depth + 1)
    for n in range(depth - 1, -1, -1):
        total = float(np.linalg.norm(_columns(ev.noise(n)), axis=0).max()) + _norm(ev.streaming(n)) * bounds[n + 1]
        for m in range(n + 2, depth + 1):
            total += _norm(ev.memory(n, m)) * (bounds[m] if m <= n + length else sizes[m])
        bounds[n] = total
    observed = float(ev.tolerance_reached["coefficients"])
    return [bound + 2.0 * observed * math.sqrt(len(ev.coefficients(n))) for n, bound in enumerate(bounds)]


def proved_truncation(
    net: Network,
    projection: AbstractProjection,
    c: Certificate,
    length: int,
    memory: Callable[[int, int], float],
) -> list[float]:
    """The triangular system in proved norms: ||c_m|| <= sup |u| sqrt(mu_m), ||r_n|| through ||Q_L u||.

    ``memory`` bounds ||K(n, m)||.
    """
    depth, largest = net.depth, largest_value(net)
    sizes = [times_up(largest, root_of_mass(net, projection, m)) for m in range(depth + 1)]
    last = tail_bound(net, projection, c, depth)
    bounds = [0.0] * (depth + 1)
    for n in range(depth - 1, -1, -1):
        # The operator bounds every P_n M_n P_{n+1}; R_n = P_n M_n Q_{n+1} ... M_{L-1} Q_L u.
        total = times_up(c.layers[n].operator, bounds[n + 1])
        noise = times_up(c.layers[n].first_factor, last)
        if n + 1 < depth:
            noise = times_up(noise, c.product_window(n + 1, depth))
        total = _plus_up(total, noise)
        for m in range(n + 2, depth + 1):
            here = bounds[m] if m <= n + length else sizes[m]
            total = _plus_up(total, times_up(memory(n, m), here))
        bounds[n] = total
    return bounds


def _plus_up(a: float, b: float) -> float:
    total = a + b
    return total if total in (a, b) and 0.0 in (a, b) else math.nextafter(total, math.inf)


def _norm(matrix: Array) -> float:
    return float(np.linalg.norm(matrix, 2))


def _columns(values: Array) -> Array:
    return values if values.ndim == 2 else values[:, None]
