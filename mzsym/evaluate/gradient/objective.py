"""A scalar of the tables as a function of one flat vector, as optimisers want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.engine import adjoint_of, value_and_grad
from mzsym.evaluate.gradient.parameters import Key, flattened, parameter_values, scale_keys

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

SMALLEST_SCALE = 1e-6
"""Lower bound that ``bounds`` states for noise scales and symbols that are positive."""


@final
class Objective:
    """x -> (value, gradient) for ``scipy.optimize.minimize(objective, objective.x0, jac=True)``.

    Attributes
    ----------
    keys : tuple
        Keys of ``with_params`` whose arrays make up x, one behind the other.
    x0 : array
        The values that the evaluator has.
    bounds : list of (lower, upper)
        None where there is no bound; noise scales and positive symbols are at least 1e-6.
    """

    def __init__(self, ev: Evaluator, scalar: Callable[[Any], Any], keys: Iterable[Key] | None = None) -> None:
        adjoint_of(ev)
        self._ev, self._scalar = ev, scalar
        known = parameter_values(ev.network)
        self.keys = tuple(known) if keys is None else tuple(_checked(known, key) for key in keys)
        if len(set(self.keys)) < len(self.keys) or not self.keys:
            raise MzError("The keys are empty, or one is given twice", "objective(keys=)", "Give each key once")
        self._shapes = [known[key].shape for key in self.keys]
        self.x0 = flattened(known, self.keys)

    def __call__(self, x: Any) -> tuple[float, Array]:
        """Value and gradient at x.

        Raises
        ------
        MzError
            As ``value_and_grad``, and for values that the model refuses.
        """
        value, gradient = value_and_grad(self.evaluator(x), self._scalar, check=False)
        return value, flattened(gradient, self.keys)

    def mapping(self, x: Any) -> dict[Key, Array]:
        """The vector as a mapping for ``with_params``."""
        values = np.asarray(x, dtype=np.float64)
        if values.shape != self.x0.shape:
            raise MzError(f"x has shape {values.shape}", "objective(x)", f"Give an array of shape {self.x0.shape}")
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return {key: part.reshape(shape) for key, part, shape in zip(self.keys, parts, self._shapes, strict=True)}

    def evaluator(self, x: Any) -> Evaluator:
        """The evaluator at x."""
        return self._ev.with_params(self.mapping(x))

    def torch(self) -> Callable[[Any], Any]:
        """x -> value for a flat torch tensor x of the shape of ``x0``; ``backward()`` runs the adjoint pass.

        Raises
        ------
        MzError
            If torch is not installed (``pip install 'mzsym[torch]'``).
        """
        from mzsym.evaluate.gradient.torch_function import torch_function

        return torch_function(self)

    @property
    def bounds(self) -> list[tuple[float | None, float | None]]:
        out: list[tuple[float | None, float | None]] = []
        start, scales = self.mapping(self.x0), scale_keys(self._ev.network)
        for key, values in start.items():
            name = key[1] if isinstance(key, tuple) else key
            if key in scales:
                # A component without noise has scale 0, and keeps it.
                out += [(SMALLEST_SCALE, None) if value else (0.0, 0.0) for value in values.flat]
            else:
                positive = isinstance(name, sp.Symbol) and name.is_positive
                out += [(SMALLEST_SCALE if positive else None, None)] * values.size
        return out

    def __repr__(self) -> str:
        return f"Objective({self.x0.size} parameters in {len(self.keys)} keys)"


def _checked(known: Mapping[Key, Array], key: Any) -> Key:
    """The key as gradients have it: symbols by their names."""
    wanted = (key[0], str(key[1])) if isinstance(key, tuple) and len(key) == 2 else str(key)
    for candidate in known:
        own = (candidate[0], str(candidate[1])) if isinstance(candidate, tuple) else str(candidate)
        if own == wanted and isinstance(key, (tuple, str, sp.Symbol)):
            return candidate
    raise MzError(
        f"The network has no parameter with the key {key!r}",
        "objective(keys=)",
        f"It has: {', '.join(map(str, list(known)[:12]))}{', ...' if len(known) > 12 else ''}",
    )
