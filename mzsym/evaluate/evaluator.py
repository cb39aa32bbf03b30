"""The evaluator: numbers for every term of an equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError, Options, Standing
from mzsym.core.arrays import Array
from mzsym.core.progress import Progress
from mzsym.evaluate.forward import LastUsed
from mzsym.evaluate.forward_side import ForwardSide
from mzsym.evaluate.gradient_side import GradientSide
from mzsym.evaluate.norms import TermNorm, memory_row, term_norm, term_norms
from mzsym.evaluate.quadrature.engine import Solution, check_budget
from mzsym.evaluate.schemes import Scheme, lowered, solved
from mzsym.evaluate.sweeps import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from xarray import Dataset

    from mzsym.codegen import Target
    from mzsym.derive.operators.words import Direction
    from mzsym.evaluate.sweeps.measure import Function
    from mzsym.evaluate.sweeps.run import Executor
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


@final
class Evaluator(ForwardSide, GradientSide):
    """Tables C, A, K, r, c and the function q_0 of one network under one projection, MATH (11), (13), (14), (15).

    Made by ``mz.compile``, for one direction: backward, of observables, or forward, of densities. The tables are
    computed once, when the first of them is asked for. Exact: the average over the noise of the functions that the
    grids represent. Not exact: that representation; what it costs in accuracy is observed by comparing two grids and
    stated in ``tolerance_reached``.

    Attributes
    ----------
    network : Network
    projection : AbstractProjection
    options : Options
    engine : str
        "quadrature".
    scheme : {"spectral", "panels"}
        How functions are represented: one series on each box, or composite panels.
    direction : {"backward", "forward"}
    target : {"numba", "c", "c-libmvec"}
        What the maps are compiled by.
    """

    def __init__(
        self,
        network: Network,
        projection: AbstractProjection,
        options: Options,
        engine: str,
        scheme: Scheme | None = None,
        direction: Direction = "backward",
        target: Target = "numba",
    ) -> None:
        self.network, self.projection, self.options, self.engine = network, projection, options, engine
        self._asked, self.direction, self.target = scheme, direction, target
        self._forward = LastUsed()
        self.scheme, self.problem = lowered(network, projection, scheme, target)
        check_budget(self.problem.ranks, options)

    @property
    def standing(self) -> Standing:
        """Estimated: the error was observed, not proved."""
        return Standing.ESTIMATED

    @cached_property
    def solution(self) -> Solution:
        """What the engine found, for the parts of this package: computed once, when the first number is asked for."""
        return solved(self.problem, self.options)

    def streaming(self, n: int) -> Array:
        """A_n = C(n, n+1), 0 <= n < L; its transpose forward.

        Returns
        -------
        array of shape (d_n, d_{n+1}), forward (d_{n+1}, d_n)

        Raises
        ------
        MzError
            For an index out of range.
        """
        n = self._index(n, 0, self.network.depth - 1, "streaming(n)", "0 <= n < L")
        return self._turned(self.solution.tables.block(self.solution.tables.memory, n, n + 1))

    def memory(self, n: int, m: int | None = None) -> Array:
        """K(n, m), MATH (14): backward n + 2 <= m <= L; forward 0 <= m < n < L, K(m, n+1)^T, MATH (13).

        Returns
        -------
        array of shape (d_n, d_m), forward (d_{n+1}, d_m); without m all of layer n side by side, ascending in m

        Raises
        ------
        MzError
            For indices out of range.
        """
        if m is None:
            return memory_row(self, n)
        if self.direction == "forward":
            n = self._index(n, 1, self.network.depth - 1, "memory(n, m)", "0 <= m < n < L")
            m = self._index(m, 0, n - 1, "memory(n, m)", "0 <= m < n < L")
            return self._turned(self.solution.tables.block(self.solution.tables.memory, m, n + 1))
        n, m = self._pair(n, m, 2, "memory(n, m)", "0 <= n and n + 2 <= m <= L")
        return self.solution.tables.block(self.solution.tables.memory, n, m)

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
        return self.solution.tables.block(self.solution.tables.C, n, m)

    def noise(self, n: int, p0: Any = None) -> Array:
        """r_n = <eta^(n), R_n>, MATH (15), 0 <= n < L; forward what Q_0 p_0 adds to P_{n+1} p_{n+1}, MATH (13).

        Parameters
        ----------
        n : int
        p0 : law of X_0
            Forward only, as in ``coefficients``.

        Returns
        -------
        array of shape (d_n,), or (d_n, k) for a list of k observables; forward (d_{n+1},)

        Raises
        ------
        MzError
            For an index out of range, and as ``coefficients``.
        """
        n = self._index(n, 0, self.network.depth - 1, "noise(n)", "0 <= n < L")
        if self.direction == "forward":
            return self.solution.tables.rows(self._averaged(p0).noise, n + 1)
        self._no_input(p0, "noise(n, p0)")
        return self._shaped(self.solution.tables.rows(self.solution.tables.noise, n))

    def coefficients(self, n: int, p0: Any = None) -> Array:
        """c_n = <eta^(n), q_n>, 0 <= n <= L; forward d_n = E[eta^(n)(X_n)] for X_0 ~ p0.

        Forward these are the coefficients of the density of X_n relative to mu_n: exact for the functions that the
        grids represent; the average over X_0 is refined until two rules agree, and for samples it is their mean.

        Parameters
        ----------
        n : int
        p0 : None, "uniform", noise law, list of noise laws, sympy.Expr or array of shape (points, N_0)
            Forward only: the law of X_0. None is the input law of the network, a SymPy expression a density with
            respect to dx in ``mz.state(N_0)``.

        Returns
        -------
        array of shape (d_n,), or backward (d_n, k) for a list of k observables

        Raises
        ------
        MzError
            For an index out of range, a law of X_0 that leaves its domain, and a density that is not normalised.
        """
        n = self._index(n, 0, self.network.depth, "coefficients(n)", "0 <= n <= L")
        if self.direction == "forward":
            return self.solution.tables.rows(self._averaged(p0).coefficients, n)
        self._no_input(p0, "coefficients(n, p0)")
        return self._shaped(self.solution.tables.rows(self.solution.tables.coefficients, n))

    def norm(self, kind: str, n: int, m: int | None = None) -> float:
        """||A_n||, ||K(n, m)|| or ||r_n||: the largest singular value of a term's table.

        Parameters
        ----------
        kind : {"streaming", "memory", "noise"}
        n, m : int
            As of the method of that name; m for memory only.

        Raises
        ------
        MzError
            For another kind, indices out of range, and a conditional projection.
        """
        return term_norm(self, kind, n, m)

    def terms(self, max_lag: int | None = None, above: float | None = None) -> tuple[TermNorm, ...]:
        """Which terms are large: all, or those of at most this lag and at least this norm, the largest first.

        Examples
        --------
        >>> import mzsym as mz
        >>> layers = [mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.4))] * 3
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
        >>> ev = mz.compile(mz.derive(net, mz.Legendre(1)))
        >>> [(term.n, term.m) for term in ev.terms(above=0.01) if term.kind == "memory"]
        [(0, 2), (1, 3), (0, 3)]
        """
        return term_norms(self, max_lag, above)

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
        return self._shaped(self.solution.expectation(points))

    @property
    def tolerance_reached(self) -> Mapping[str, float]:
        """Observed absolute error of every table: the largest change from one grid to a finer, different one.

        Keys: "correlation", "streaming", "memory", "noise", "coefficients", "expectation". Forward "noise" and
        "coefficients" are those of the network's input law; ``reached_for(p0)`` knows others.
        """
        if self.direction == "forward":
            own = {name: error for name, error in self.reached_for().items() if name != "mean"}
            return MappingProxyType({**self.solution.reached, **own})
        return self.solution.reached

    @property
    def limits(self) -> tuple[str, ...]:
        """Why the requested tolerance was not reached; empty where it was."""
        return self.solution.limits

    @property
    def nodes(self) -> tuple[tuple[int, ...], ...]:
        """Grid nodes per coordinate, layer by layer 0..L."""
        return self.solution.nodes

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
        network = self.network.with_params(values)
        return Evaluator(network, self.projection, self.options, self.engine, self._asked, self.direction, self.target)

    def sweep(
        self,
        params: Mapping[Any, Any],
        quantities: Sequence[str] | Mapping[str, Function] | None = None,
        points: Any = None,
        *,
        together: bool = False,
        path: str | Path | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> Dataset:
        """Terms for many parameter sets, without a new derivation or compilation.

        Parameters
        ----------
        params : mapping
            Key of ``with_params`` -> array, its first axis over the values; every key is an axis of the result.
        quantities : sequence of str, or mapping of str to function, optional
            "memory_norm", "streaming_norm", "noise_norm" (these by default), "coefficient_norm", "mean", tables such as
            "memory(0, 2)"; or functions of an evaluator that return a number or an array.
        points : array of shape (points, N_0), optional
            Adds ``expectation`` at these.
        together : bool
            One axis, "set": the k-th set takes the k-th value of every key. Otherwise a grid.
        path : str or Path, optional
            A NetCDF file, written whole or not at all. A sweep that is stopped goes on from its last checkpoint,
            ``path`` + ".part.npz", when it is started again (not with functions of the user's).
        executor : concurrent.futures.Executor, optional
            Where the sets are worked through; ``client.get_executor()`` of Dask. Default: here, one by one.
        progress : function, optional
            Called with (sets done, sets in all).

        Returns
        -------
        xarray.Dataset
            With ``tolerance_reached`` for every set, and ``refused`` (why) where the model refuses one.

        Raises
        ------
        MzError
            For keys, names and shapes that do not fit, when every set is refused, and where xarray is missing.
        """
        return sweep(self, params, quantities, points, together, path, executor, progress)

    def __reduce__(self) -> tuple[Any, ...]:
        # It travels to other processes as what it was made from: its functions are compiled there.
        made_from = (self.network, self.projection, self.options, self.engine, self._asked, self.direction)
        return Evaluator, (*made_from, self.target)

    def _no_input(self, p0: Any, where: str) -> None:
        if p0 is not None:
            raise MzError(
                "A law of X_0 belongs to the forward equation", where, 'Use derive(net, P, direction="forward")'
            )

    def _turned(self, block: Array) -> Array:
        return np.ascontiguousarray(block.T) if self.direction == "forward" else block

    def _shaped(self, values: Array) -> Array:
        return values if self.network.observable_is_list else values[..., 0]

    def _pair(self, n: Any, m: Any, gap: int, where: str, rule: str) -> tuple[int, int]:
        depth = self.network.depth
        n = self._index(n, 0, depth, where, rule)
        return n, self._index(m, n + gap, depth, where, rule)

    def __repr__(self) -> str:
        return (
            f"Evaluator(depth {self.network.depth}, {self.projection.describe()}, engine {self.engine!r}, "
            f"scheme {self.scheme!r}, tolerance {self.options.tolerance:g}"
            f"{', forward' if self.direction == 'forward' else ''})"
        )
