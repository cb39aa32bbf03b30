"""What a user's scalar sees: the evaluator's names, with traced tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.means import rule_of
from mzsym.evaluate.gradient.tables import Seeds
from mzsym.evaluate.gradient.traced import Tape, Traced
from mzsym.evaluate.norms import memory_layers, term_norm

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

_PLAIN = ("network", "projection", "options", "engine", "scheme", "direction", "nodes", "limits", "tolerance_reached")


@final
class TracedEvaluator:
    """An evaluator whose tables record what is done to them: the argument of a scalar of ``value_and_grad``."""

    def __init__(self, ev: Evaluator, tape: Tape) -> None:
        self._ev, self._tape = ev, tape
        self._points: list[Array] = []

    def streaming(self, n: int) -> Any:
        return self._square("memory", n, n + 1, lambda: self._ev.streaming(n))

    def memory(self, n: int, m: int | None = None) -> Any:
        if m is None:
            return self._row(n)
        if self._forward:
            return self._square("memory", m, n + 1, lambda: self._ev.memory(n, m))
        return self._square("memory", n, m, lambda: self._ev.memory(n, m))

    def correlation(self, n: int, m: int) -> Any:
        return self._tape.leaf(("correlation", n, m, False), lambda: self._ev.correlation(n, m))

    def noise(self, n: int, p0: Any = None) -> Any:
        self._backward_only("noise(n)")
        return self._tape.leaf(("noise", n), lambda: self._ev.noise(n, p0))

    def coefficients(self, n: int, p0: Any = None) -> Any:
        self._backward_only("coefficients(n)")
        return self._tape.leaf(("coefficients", n), lambda: self._ev.coefficients(n, p0))

    def expectation(self, X: Any) -> Any:
        points = np.array(X, dtype=np.float64)
        self._points.append(points)
        return self._tape.leaf(("points", len(self._points) - 1), lambda: self._ev.expectation(points))

    def mean(self, p0: Any = None) -> Any:
        X, weights = rule_of(self._ev, p0)
        return weights @ self.expectation(X)

    def norm(self, kind: str, n: int, m: int | None = None) -> Any:
        term_norm(self._ev, kind, n, m)
        table = self.memory(n, m) if kind == "memory" else getattr(self, kind)(n)
        return np.linalg.norm(table.reshape((len(table), -1)), 2)

    def __getattr__(self, name: str) -> Any:
        if name in _PLAIN:
            return getattr(self._ev, name)
        raise MzError(
            f"There is no derivative of {name!r}",
            "scalar of value_and_grad",
            "Use streaming, memory, correlation, noise, coefficients, expectation, mean and norm",
        )

    @property
    def _forward(self) -> bool:
        return self._ev.direction == "forward"

    def _square(self, kind: str, n: int, m: int, value: Any) -> Traced:
        return self._tape.leaf((kind, n, m, self._forward), value)

    def _row(self, n: int) -> Any:
        blocks = [self.memory(n, m) for m in memory_layers(self._ev, n)]
        return np.concatenate(blocks, axis=1)

    def _backward_only(self, where: str) -> None:
        if self._forward:
            raise MzError(
                "Derivatives of forward coefficients and noise terms are not made in this version",
                f"scalar of value_and_grad, {where}",
                'Use streaming, memory, correlation, expectation and mean, or direction="backward"',
            )

    def seeds(self, result: Any) -> Seeds:
        """Derivatives of a number by the entries of every table that it was made of."""
        tables = self._ev.solution.tables
        seeds, o, outputs = Seeds.zero(tables), tables.offsets, tables.coefficients.shape[1]
        for (kind, n, *rest), bar in self._tape.pulled(result).items():
            if kind == "points":
                seeds.points.append((self._points[n], bar.reshape(len(bar), outputs)))
            elif kind in ("memory", "correlation"):
                m, turned = rest
                target = seeds.memory if kind == "memory" else seeds.correlation
                target[o[n] : o[n + 1], o[m] : o[m + 1]] += bar.T if turned else bar
            else:
                getattr(seeds, kind)[o[n] : o[n + 1]] += bar.reshape(-1, outputs)
        return seeds
