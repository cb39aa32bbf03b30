"""Which parameter sets a sweep visits, and the coordinates of its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import local_symbol

if TYPE_CHECKING:
    from mzsym.model import Network

_WHERE = "sweep(params)"

Coordinates = dict[str, tuple[tuple[str, ...], Array]]
"""Name -> (dimensions, values)."""


@dataclass(frozen=True)
class Design:
    """The sets of a sweep: a grid, or a list.

    Attributes
    ----------
    keys : tuple
        As in ``Network.with_params``.
    values : tuple of array
        Of shape (count, ...) each, along its own axis.
    dims : tuple of str
        Names of the axes of the results: one per key, or one for all.
    shape : tuple of int
    """

    keys: tuple[Any, ...]
    values: tuple[Array, ...]
    dims: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Parameter sets in all."""
        return int(np.prod(self.shape))

    def at(self, number: int) -> dict[Any, Any]:
        """The parameter set with this number, row-major."""
        index = np.unravel_index(number, self.shape)
        places = index if len(index) == len(self.keys) else (index[0],) * len(self.keys)
        found = {}
        for key, values, place in zip(self.keys, self.values, places, strict=True):
            value = values[place]
            found[key] = value.tolist() if value.ndim else float(value)
        return found

    @property
    def coordinates(self) -> Coordinates:
        """The values of every parameter along its axis."""
        out: Coordinates = {}
        for k, (key, values) in enumerate(zip(self.keys, self.values, strict=True)):
            name = key_name(key)
            axis = self.dims[k if len(self.dims) == len(self.keys) else 0]
            inner = tuple(f"{name}_{part}" for part in ("row", "column")[: values.ndim - 1])
            # An axis is labelled by numbers; matrices stand beside it.
            out[name if values.ndim == 1 else f"{name}_values"] = ((axis, *inner), values)
        return out


def design(net: Network, params: Mapping[Any, Any], together: bool) -> Design:
    """Read what ``sweep`` was given.

    Parameters
    ----------
    net : Network
    params : mapping
        Key of ``with_params`` -> array, its first axis over the values.
    together : bool
        One axis for all: the k-th set takes the k-th value of every key. Otherwise a grid.

    Raises
    ------
    MzError
        For no parameter, a key that the network does not know, values that are not finite numbers, and lengths that
        differ where they go together.
    """
    if not params:
        raise MzError("There is no parameter to vary", _WHERE, "Give at least one, such as {(0, 'scale'): [0.1, 0.2]}")
    values = tuple(_values(key, value) for key, value in params.items())
    keys = tuple(params)
    for key, own in zip(keys, values, strict=True):
        _check(net, key, own)
    names = [key_name(key) for key in keys]
    if len(set(names)) < len(names):
        raise MzError(f"Two parameters are called {_twice(names)}", _WHERE, "Rename one of the symbols")
    counts = [len(own) for own in values]
    if not together:
        return Design(keys, values, tuple(names), tuple(counts))
    if len(set(counts)) > 1:
        raise MzError(
            f"The parameters have {', '.join(map(str, counts))} values",
            _WHERE,
            "Give each the same number, or leave out together=True for a grid",
        )
    return Design(keys, values, ("set",) if len(keys) > 1 else tuple(names), (counts[0],))


def _check(net: Network, key: Any, values: Array) -> None:
    """Let the network say what is wrong with a key or a shape, before any work is done."""
    refused = None
    for value in values:
        try:
            net.with_params({key: value.tolist() if value.ndim else float(value)})
        except MzError as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        raise refused


def key_name(key: Any) -> str:
    """A name for a key of ``with_params`` that a file can hold.

    Examples
    --------
    >>> key_name((0, "scale")), key_name((2, sp.Symbol("w"))), key_name(sp.Symbol("a"))
    ('scale_0', 'w_2', 'a')
    """
    if isinstance(key, tuple) and len(key) == 2:
        n, inner = key
        return local_symbol(n, inner).name if isinstance(inner, sp.Symbol) else f"{inner}_{n}"
    return str(key)


def _values(key: Any, value: Any) -> Array:
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim == 0 or found.ndim > 3 or not len(found) or not np.isfinite(found).all():
        raise MzError(
            f"The values of {key_name(key)} are no list of finite numbers",
            _WHERE,
            "Give an array, first axis over them",
        )
    return found


def _twice(names: Sequence[str]) -> str:
    return next(name for name in names if list(names).count(name) > 1)
