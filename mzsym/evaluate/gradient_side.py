"""Derivatives of what an evaluator knows, by every parameter of its network."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator
    from mzsym.evaluate.gradient.engine import Gradient
    from mzsym.model import Network


class GradientSide(ABC):
    """The part of an evaluator that is differentiated, by adjoint passes; autograd is imported by the first one.

    Laws: gradients have the keys and shapes of ``with_params``, and are those of the tables that the evaluator gives.
    """

    network: Network

    def value_and_grad(self, scalar: Callable[[Any], Any], check: bool = True) -> tuple[float, Gradient]:
        """A scalar of the tables and its exact derivatives by every weight, bias, noise scale and other parameter.

        One adjoint pass through the recorded sweep, whatever the number of parameters; domains that follow from the
        first one move along. Spectral scheme only. Exact for the functions that the grids represent, as the tables
        are; the error of that is observed.

        Parameters
        ----------
        scalar : function
            Of an evaluator, written with numpy operations on its tables: ``lambda e: (e.memory(0, 2)**2).sum()``.
        check : bool
            Compare with a pass on another grid: the largest change is ``reached`` of the gradient.

        Returns
        -------
        value : float
        gradient : dict
            Key of ``with_params`` -> array of the parameter's shape; ``reached`` is its observed error.

        Raises
        ------
        MzError
            For a scalar that does not depend on the tables, an operation without derivative, another scheme, and a
            domain whose ends are not differentiable.

        Examples
        --------
        >>> import mzsym as mz
        >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
        >>> ev = mz.compile(mz.derive(net, mz.Legendre(3)))
        >>> value, gradient = ev.value_and_grad(lambda e: (e.memory(0, 2) ** 2).sum())
        >>> gradient[1, "W"].shape, bool(gradient[1, "scale"] < 0), gradient.reached < 1e-9
        ((1, 1), True, True)
        """
        from mzsym.evaluate.gradient.engine import value_and_grad

        return value_and_grad(cast("Evaluator", self), scalar, check)
