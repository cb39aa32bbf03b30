"""Derivatives of the noise-free network along its input, to any order, as one compiled function."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

import numpy as np
import sympy as sp

from mzsym.codegen import Kernel, Program, Target, checked_target, compile_program, finished, lift
from mzsym.codegen.jets import composed
from mzsym.codegen.jets import derivatives as differentiated
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.maps import parameters_of

if TYPE_CHECKING:
    from mzsym.model import Network


@final
class Derivatives:
    """u(F_{L-1}(... F_0(x))) and its derivatives along one component of x. Made by ``mz.derivatives``.

    Attributes
    ----------
    order : int
    argument : int
        Component of x.
    kernel : Kernel
        Compiled; parameters of the network stay its arguments.
    """

    def __init__(self, network: Network, order: int, argument: int, kernel: Kernel, values: Array) -> None:
        self.network, self.order, self.argument, self.kernel = network, order, argument, kernel
        self._values = values

    def __call__(self, X: Any) -> Array:
        """Value and derivatives at points.

        Parameters
        ----------
        X : array of shape (points, N_0)

        Returns
        -------
        array of shape (points, order + 1), or (points, k, order + 1) for a list of k observables
            The value first.
        """
        points = np.ascontiguousarray(X, dtype=np.float64)
        found = self.kernel(points, self._values).reshape(len(points), -1, self.order + 1)
        return found if self.network.observable_is_list else found[:, 0]

    def with_params(self, values: Any) -> Derivatives:
        """The same for other parameter values, without a new derivation."""
        network = self.network.with_params(values)
        return Derivatives(network, self.order, self.argument, self.kernel, _chain(network)[1])


def derivatives(net: Network, order: int, argument: int = 0, target: str = "numba") -> Derivatives:
    """Derivatives of the noise-free network, by Taylor arithmetic through its layers.

    Parameters
    ----------
    net : Network
    order : int
        0..32.
    argument : int
        Component of the input.
    target : {"numba", "c", "c-libmvec"}

    Returns
    -------
    Derivatives
        A function of points. Kinks have the derivative of one side.

    Raises
    ------
    MzError
        For another order or component, random weights, and parameters without a value.

    Examples
    --------
    >>> import mzsym as mz
    >>> net = mz.Network([mz.dense([[1.0]], activation="tanh")] * 2, observable=mz.state(1)[0])
    >>> mz.derivatives(net, 3)([[0.0]]).round(12) + 0.0
    array([[ 0.,  1.,  0., -4.]])
    """
    by: Target = checked_target(target, "derivatives(target=)")
    programs, values = _chain(net)
    whole = finished(differentiated(composed(programs), argument, order))
    return Derivatives(net, order, argument, compile_program(whole, by), values)


def _chain(net: Network) -> tuple[tuple[Program, ...], Array]:
    """Every map and the observable as they are written, and the values of their parameters side by side."""
    programs, values = [], []
    for n, layer in enumerate(net.layers):
        if layer.random_weights(n):
            raise MzError(f"Layer {n} has random weights", "derivatives(net)", "Take them at their means")
        program, names = _lifted(tuple(net.map_exprs(n)), tuple(net.state(n)))
        bound = layer.bindings(n) | dict(net.shared)
        programs.append(program)
        values += [float(bound[name]) for name in names]
    program, names = _lifted(tuple(net.observable_exprs), tuple(net.state(net.depth)))
    programs.append(program)
    values += [float(net.shared[name]) for name in names]
    return tuple(programs), np.array(values, dtype=np.float64)


@lru_cache(maxsize=256)
def _lifted(exprs: tuple[sp.Expr, ...], state: tuple[sp.Symbol, ...]) -> tuple[Program, tuple[sp.Symbol, ...]]:
    names = parameters_of(exprs, state)
    return lift(exprs, state, names), names
