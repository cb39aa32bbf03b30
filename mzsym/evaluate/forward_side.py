"""What depends on a law of X_0: averages over it, and the laws of later states."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError, Options
from mzsym.core.arrays import Array
from mzsym.evaluate.forward import ForwardTables, LastUsed
from mzsym.evaluate.laws.averages import average
from mzsym.evaluate.laws.of_network import law_of_output, law_of_state
from mzsym.evaluate.laws.source import source_of
from mzsym.evaluate.laws.state_law import StateLaw
from mzsym.evaluate.quadrature.engine import Solution

if TYPE_CHECKING:
    from mzsym.derive.operators.words import Direction
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


class ForwardSide(ABC):
    """The part of an evaluator that a law of X_0 enters, MATH (5), (13): densities, means, laws of states.

    Laws: ``mean`` is <p_0, q_0> = <p_L, u> in either direction, and is that of ``output_law``; ``density`` is the last
    of ``coefficients``.
    """

    network: Network
    projection: AbstractProjection
    options: Options
    direction: Direction
    _forward: LastUsed

    @property
    def solution(self) -> Solution:
        """What the engine found."""
        raise NotImplementedError

    def coefficients(self, n: int, p0: Any = None) -> Array:
        """d_n, forward."""
        raise NotImplementedError

    def density(self, p0: Any = None) -> Array:
        """Coefficients d_L of the density of the output, forward: ``coefficients(L, p0)``.

        Returns
        -------
        array of shape (d_L,)
        """
        if self.direction != "forward":
            raise MzError(
                "Densities belong to the forward equation",
                "density(p0)",
                'Use derive(net, projection, direction="forward"), or law() for the density as a function',
            )
        return self.coefficients(self.network.depth, p0)

    def mean(self, p0: Any = None) -> Any:
        """<p_0, q_0> = <p_L, u> = E u(X_L) for X_0 ~ p0, MATH (5), in either direction.

        Parameters
        ----------
        p0 : law of X_0
            As in ``coefficients``.

        Returns
        -------
        float, or array of shape (k,) for a list of k observables
        """
        mean = self._averaged(p0).mean
        return mean.copy() if self.network.observable_is_list else float(mean[0])

    def law(self, n: int | None = None, p0: Any = None, at: Any = None, component: int | None = None) -> StateLaw:
        """The law of the state X_n: density, distribution function, moments, quantiles, credible intervals.

        In one dimension a density is carried through the layers on panels that end wherever it is not smooth, MATH
        (5), to about rounding. Otherwise (more dimensions, random weights, many samples) the law of X_{n-1} is carried
        as weights of a grid and the last noise is averaged exactly; ``tolerance_reached`` and ``limits`` of the
        result say how far that goes.

        Parameters
        ----------
        n : int, optional
            0 <= n <= L; default L.
        p0 : law of X_0, optional
            As in ``coefficients``.
        at : point of X_0, optional
            The law given X_0 = at, instead of p0.
        component : int, optional
            Of a state of several dimensions.

        Returns
        -------
        StateLaw

        Raises
        ------
        MzError
            For an index out of range and a law of X_0 that does not fit.

        Examples
        --------
        >>> import mzsym as mz
        >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
        >>> law = mz.compile(mz.derive(net, mz.Legendre(3))).law(at=[0.5])
        >>> print(round(law.mean, 6), [round(end, 4) for end in law.interval(0.95)])
        0.345992 [-0.5052, 1.1003]
        """
        return law_of_state(self.network, n, p0, at, component, self.options)

    def output_law(self, p0: Any = None, at: Any = None, output: int | None = None) -> StateLaw:
        """The law of the observable u(X_L), as ``law`` gives that of a state.

        Parameters
        ----------
        p0, at
            As in ``law``.
        output : int, optional
            Which of a list of observables.

        Returns
        -------
        StateLaw

        Raises
        ------
        MzError
            As ``law``.
        """
        return law_of_output(self.network, output, p0, at, self.options)

    def standard_error(self, kind: str, n: int = 0, p0: Any = None) -> Any:
        """Standard error of an average over samples of X_0, as an estimate for the law they were drawn from.

        Parameters
        ----------
        kind : {"coefficients", "noise", "mean"}
        n : int
            As of the method of that name; of no effect for the mean.
        p0 : law of X_0
            A density gives 0: nothing is estimated from samples.

        Returns
        -------
        array of the shape of the estimate
        """
        depth = self.network.depth
        if kind not in ("coefficients", "noise", "mean"):
            raise MzError(
                f"There is no standard error of {kind!r}", "standard_error", 'Use "coefficients", "noise" or "mean"'
            )
        row = 0
        if kind != "mean":
            row = self._index(n, 0, depth - (kind == "noise"), "standard_error(kind, n)", "0 <= n") + (kind == "noise")
        error = self._averaged(p0).standard_error(kind, row)
        return float(error[0]) if kind == "mean" and not self.network.observable_is_list else error

    def reached_for(self, p0: Any = None) -> Mapping[str, float]:
        """Observed absolute error of what depends on the law of X_0: keys "coefficients", "noise", "mean"."""
        found, solution = self._averaged(p0), self.solution
        single = found.error + solution.pulled_error
        spread = 1.0 + float(np.abs(solution.tables.memory).sum(axis=0).max(initial=0.0))
        return MappingProxyType(
            {
                "coefficients": single,
                "noise": 2.0 * spread * single + solution.reached["memory"] * float(np.abs(found.coefficients).sum()),
                "mean": found.error + solution.reached["expectation"],
            }
        )

    def _averaged(self, p0: Any) -> ForwardTables:
        """Everything that depends on the law of X_0."""
        found = self._forward.get(p0)
        if found is None:
            solution = self.solution
            if solution.pulled_back is None:
                raise MzError(
                    f"Averages over X_0 are not made for {self.projection.describe()}",
                    "law of X_0",
                    "Use a projection of finite rank",
                )
            source = source_of(self.network, p0)
            averaged = average(source, solution.pulled_back, solution.breaks, self.options.tolerance, "p0")
            found = ForwardTables(solution.tables, averaged)
            self._forward = LastUsed(p0, found)
        return found

    def _index(self, n: Any, low: int, high: int, where: str, rule: str) -> int:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not low <= n <= high:
            raise MzError(f"The index is {n!r}", where, f"Use {rule}; here L = {self.network.depth}")
        return int(n)
