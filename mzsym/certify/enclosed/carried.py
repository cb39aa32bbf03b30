"""Functions carried backward through a chain with a proved error: what every representation of them can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

import numpy as np
import sympy as sp

from mzsym.balls import bounded_noise
from mzsym.balls import chebyshev as ch
from mzsym.balls.bounded_noise import BoundedNoise
from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.model import Network

NOISE: Final = ("uniform", "truncated_gaussian", "deterministic")
"""Laws whose moments are known in balls."""

Functions = TypeVar("Functions")
"""Several functions on one box, each with a bound of its error in the largest absolute value."""


class CarriedChain(ABC, Generic[Functions]):
    """The layers of a network from box to box.

    Laws: ``image`` adds at most about ``target`` to an error and makes none of those before it larger, because an
    average over noise is no larger than what it averages; every bound holds with rounding included.

    Parameters
    ----------
    net : Network
        With boxes, and noise of these laws that is added to the maps.
    """

    bits: int = ch.BITS
    """Precision of the balls that it is used with."""

    target: float
    """What one layer may add to an error, unless another number is stated."""

    finest: ClassVar[float]
    """The least that can be aimed at."""

    deepest: Mapping[int, int]
    """Layers of the deepest network that takes some seconds to minutes, by the largest dimension of a state."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.boxes = [box.intervals for box in net.domains]

    def observables(self, target: float) -> Functions:
        """u on the last box, one function for each of them."""
        net = self.net
        return self.functions(
            [self.bound(u, net.depth) for u in net.observable_exprs], net.state(net.depth), -1, target
        )

    @abstractmethod
    def functions(self, exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], n: int, target: float) -> Functions:
        """Analytic functions of the state on the box of X_n; no other symbols."""

    @abstractmethod
    def image(self, n: int, functions: Functions, target: float) -> Functions:
        """E v(F_n(x) + xi_n) on the box of X_n for functions v on that of X_{n+1}.

        Raises
        ------
        MzError
            For a map that is not proved analytic around its box.
        """

    @abstractmethod
    def joined(self, parts: Sequence[Functions]) -> Functions:
        """The functions of all parts, in their order."""

    @abstractmethod
    def part(self, functions: Functions, chosen: slice) -> Functions:
        """Some of the functions."""

    @abstractmethod
    def difference(self, one: Functions, other: Functions) -> Functions:
        """Of each function of one and the same of the other."""

    @abstractmethod
    def combined(self, functions: Functions, weights: Array) -> Functions:
        """Their combinations with exact weights of shape (functions, combinations)."""

    @abstractmethod
    def averaged(self, functions: Functions, axes: Sequence[int]) -> Functions:
        """Means over some components of the state under the uniform law, as functions of the others."""

    @abstractmethod
    def basis(self, indices: Sequence[Sequence[int]]) -> Functions:
        """Products of Legendre polynomials, orthonormal in the uniform law on a box, by multi-index."""

    @abstractmethod
    def inner_products(self, indices: Sequence[Sequence[int]], functions: Functions) -> Any:
        """<eta_i, v> in the uniform law as a matrix of balls, eta_i of ``basis``."""

    @abstractmethod
    def norms(self, functions: Functions) -> list[float]:
        """Upper bounds of the norms in L^2 of the uniform law."""

    def unresolved(self, indices: Sequence[Sequence[int]], functions: Functions) -> list[float]:
        """Upper bounds of their distance, in L^2 of the uniform law, to the span of ``basis``, and close to it.

        Every combination of the basis is at least as far away as the nearest one, so that rounded coefficients will do.
        """
        table = self.inner_products(indices, functions)
        weights = [[float(table[i, j].mid()) for j in range(table.ncols())] for i in range(table.nrows())]
        return self.norms(self.difference(functions, self.combined(self.basis(indices), np.array(weights))))

    @cached_property
    def _values(self) -> dict[sp.Symbol, Any]:
        return self.net.bindings(boxes=False)

    def bound(self, expr: sp.Expr, n: int) -> sp.Expr:
        """An expression of X_n with the exact values of all parameters."""
        return expr.xreplace({s: ch.exact(self._values[s]) for s in expr.free_symbols - set(self.net.state(n))})

    def noise(self, n: int, axis: int) -> BoundedNoise:
        """A component of xi_n, in units of half the side of the box of X_{n+1}."""
        layer = self.net.layers[n]
        noise, scale = layer.noise[axis], layer.scale_values(self.net.shared)[axis]
        half = ch.Side.of(*self.boxes[n + 1][axis]).half
        if noise.deterministic:
            return bounded_noise.no_noise()
        if noise.name == "uniform":
            return bounded_noise.uniform(scale, half)
        return bounded_noise.truncated_normal(scale, getattr(noise, "cutoff", 3), half)
