"""The evaluator: numbers for every term of an equation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError, Options, Standing
from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.engine import Solution, check_budget
from mzsym.evaluate.schemes import Scheme, lowered, solved

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


@final
class Evaluator:
    """Tables C, A, K, r, c and the function q_0 of one network under one projection, MATH (11), (14), (15).

    Made by ``mz.compile``. The tables are computed once, when the first of them is asked for. Exact: the average over
    the noise of the functions that the grids represent. Not exact: that representation; what it costs in accuracy is
    observed by comparing two grids and stated in ``tolerance_reached``.

    Attributes
    ----------
    network : Network
    projection : AbstractProjection
    options : Options
    engine : str
        "quadrature".
    scheme : {"spectral", "panels"}
        How functions are represented: one series on each box, or composite panels.
    """

    def __init__(
        self,
        network: Network,
        projection: AbstractProjection,
        options: Options,
        engine: str,
        scheme: Scheme | None = None,
    ) -> None:
        self.network, self.projection, self.options, self.engine = network, projection, options, engine
        self._asked = scheme
        self.scheme, self._problem = lowered(network, projection, scheme)
        check_budget(self._problem.ranks, options)

    @property
    def standing(self) -> Standing:
        """Estimated: the error was observed, not proved."""
        return Standing.ESTIMATED

    @cached_property
    def _solution(self) -> Solution:
        return solved(self._problem, self.options)

    def streaming(self, n: int) -> Array:
        """A_n = C(n, n+1), 0 <= n < L.

        Returns
        -------
        array of shape (d_n, d_{n+1})

        Raises
        ------
        MzError
            For an index out of range.
        """
        n = self._index(n, 0, self.network.depth - 1, "streaming(n)", "0 <= n < L")
        return self._solution.tables.block(self._solution.tables.memory, n, n + 1)

    def memory(self, n: int, m: int) -> Array:
        """K(n, m), MATH (14), n + 2 <= m <= L.

        Returns
        -------
        array of shape (d_n, d_m)

        Raises
        ------
        MzError
            For indices out of range.
        """
        n, m = self._pair(n, m, 2, "memory(n, m)", "0 <= n and n + 2 <= m <= L")
        return self._solution.tables.block(self._solution.tables.memory, n, m)

    def correlation(self, n: int, m: int) -> Array:
        """C(n, m) = <eta^(n), M(n, m) eta^(m)>, n <= m <= L.

        Returns
        -------
        array of shape (d_n, d_m)

        Raises
        ------
        MzError
            For indices out of range.
        """
        n, m = self._pair(n, m, 0, "correlation(n, m)", "0 <= n <= m <= L")
        return self._solution.tables.block(self._solution.tables.C, n, m)

    def noise(self, n: int) -> Array:
        """r_n = <eta^(n), R_n>, MATH (15), 0 <= n < L.

        Returns
        -------
        array of shape (d_n,), or (d_n, k) for a list of k observables

        Raises
        ------
        MzError
            For an index out of range.
        """
        n = self._index(n, 0, self.network.depth - 1, "noise(n)", "0 <= n < L")
        return self._shaped(self._solution.tables.rows(self._solution.tables.noise, n))

    def coefficients(self, n: int) -> Array:
        """c_n = <eta^(n), q_n>, 0 <= n <= L.

        Returns
        -------
        array of shape (d_n,), or (d_n, k) for a list of k observables

        Raises
        ------
        MzError
            For an index out of range.
        """
        n = self._index(n, 0, self.network.depth, "coefficients(n)", "0 <= n <= L")
        return self._shaped(self._solution.tables.rows(self._solution.tables.coefficients, n))

    def expectation(self, X: Any) -> Array:
        """q_0(x) = E[u(X_L) | X_0 = x], MATH (4): not its projection P_0 q_0.

        Parameters
        ----------
        X : array of shape (points, N_0)
            Points of the domain of X_0 (or others, as long as the next state stays in its domain).

        Returns
        -------
        array of shape (points,), or (points, k) for a list of k observables

        Raises
        ------
        MzError
            For another shape, values that are not finite, and points whose next state leaves its domain.
        """
        points = np.asarray(X, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.network.dims[0]:
            raise MzError(
                f"X has shape {points.shape}",
                "expectation(X)",
                f"Give an array of shape (points, {self.network.dims[0]})",
            )
        if not np.isfinite(points).all():
            raise MzError("X holds NaN or infinite values", "expectation(X)", "Give finite points")
        return self._shaped(self._solution.expectation(points))

    @property
    def tolerance_reached(self) -> Mapping[str, float]:
        """Observed absolute error of every table: the largest change from one grid to a finer, different one.

        Keys: "correlation", "streaming", "memory", "noise", "coefficients", "expectation".
        """
        return self._solution.reached

    @property
    def limits(self) -> tuple[str, ...]:
        """Why the requested tolerance was not reached; empty where it was."""
        return self._solution.limits

    @property
    def nodes(self) -> tuple[tuple[int, ...], ...]:
        """Grid nodes per coordinate, layer by layer 0..L."""
        return self._solution.nodes

    def with_params(self, values: Mapping[Any, Any]) -> Evaluator:
        """The evaluator for other parameter values, without a new derivation.

        Parameters
        ----------
        values : mapping
            Keys as in ``Network.with_params``: ``(n, w)``, ``(n, "W")``, ``(n, "scale")``, a shared symbol.

        Returns
        -------
        Evaluator
        """
        return Evaluator(self.network.with_params(values), self.projection, self.options, self.engine, self._asked)

    def _shaped(self, values: Array) -> Array:
        return values if self.network.observable_is_list else values[..., 0]

    def _index(self, n: Any, low: int, high: int, where: str, rule: str) -> int:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not low <= n <= high:
            raise MzError(f"The index is {n!r}", where, f"Use {rule}; here L = {self.network.depth}")
        return int(n)

    def _pair(self, n: Any, m: Any, gap: int, where: str, rule: str) -> tuple[int, int]:
        depth = self.network.depth
        n = self._index(n, 0, depth, where, rule)
        return n, self._index(m, n + gap, depth, where, rule)

    def __repr__(self) -> str:
        return (
            f"Evaluator(depth {self.network.depth}, {self.projection.describe()}, engine {self.engine!r}, "
            f"tolerance {self.options.tolerance:g})"
        )
