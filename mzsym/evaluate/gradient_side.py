"""Derivatives of what an evaluator knows, by every parameter of its network."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator
    from mzsym.evaluate.gradient.engine import Gradient
    from mzsym.evaluate.gradient.objective import Objective
    from mzsym.model import Network


class GradientSide(ABC):
    """The part of an evaluator that is differentiated, by adjoint passes; autograd is imported by the first one.

    Laws: gradients have the keys and shapes of ``with_params``, and are those of the tables that the evaluator gives.
    """

    network: Network

    def value_and_grad(self, scalar: Callable[[Any], Any], check: bool = True) -> tuple[float, Gradient]:
        """A scalar of the tables and its exact derivatives by every weight, bias, noise shape and other parameter.

        One adjoint pass through the recorded sweep, whatever the number of parameters; domains that follow from the
        first one move along. Exact for the functions that the grids represent, as the tables are; the error of that is
        observed. MATH (36) to (43).

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
            For a scalar that does not depend on the tables, an operation without derivative, a domain whose ends are
            not differentiable, and, on panels, functions of several variables that jump, shape parameters of noise and
            conditional projections.

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

    def jacobian(self, function: Callable[[Any], Any], check: bool = True) -> tuple[Array, Gradient]:
        """Several numbers and their derivatives, row by row: one recorded sweep, and one adjoint pass for each number.

        Parameters
        ----------
        function : function
            Of an evaluator, as in ``value_and_grad``; it returns an array, or a list of numbers or of arrays.
        check : bool
            As in ``value_and_grad``.

        Returns
        -------
        values : array of some shape S
        jacobian : dict
            Key of ``with_params`` -> array of shape S + that of the parameter.

        Raises
        ------
        MzError
            As ``value_and_grad``.

        Examples
        --------
        >>> import mzsym as mz
        >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
        >>> values, jacobian = mz.compile(mz.derive(net, mz.Legendre(3))).jacobian(lambda e: e.coefficients(0))
        >>> values.shape, jacobian[0, "W"].shape
        ((4,), (4, 1, 1))
        """
        from mzsym.evaluate.gradient.engine import jacobian

        return jacobian(cast("Evaluator", self), function, check)

    def objective(self, scalar: Callable[[Any], Any], keys: Iterable[Any] | None = None) -> Objective:
        """A scalar of the tables as a function x -> (value, gradient) of a flat vector, for optimisers.

        Parameters
        ----------
        scalar : function
            As in ``value_and_grad``.
        keys : iterable of keys of ``with_params``, optional
            What varies, in this order; default: every parameter.

        Returns
        -------
        Objective
            ``.x0`` is where the evaluator is, ``.bounds`` keeps scales positive, ``.mapping(x)`` and ``.evaluator(x)``
            lead back.

        Raises
        ------
        MzError
            For a key that the network does not have, and as ``value_and_grad``.

        Examples
        --------
        >>> import mzsym as mz, scipy.optimize
        >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
        >>> ev = mz.compile(mz.derive(net, mz.Legendre(3)))
        >>> objective = ev.objective(lambda e: (e.expectation([[0.5]]) - 0.2) ** 2, keys=[(0, "W"), (0, "b")])
        >>> found = scipy.optimize.minimize(objective, objective.x0, jac=True)
        >>> print(objective.evaluator(found.x).expectation([[0.5]]).round(4))
        [0.2]
        """
        from mzsym.evaluate.gradient.objective import Objective

        return Objective(cast("Evaluator", self), scalar, keys)
