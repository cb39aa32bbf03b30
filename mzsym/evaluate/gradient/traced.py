"""Arrays that record what numpy does to them, so that a user's scalar of the tables can be differentiated.

The recording is autograd's. A ``Traced`` array takes part in numpy's own protocols, so that plain numpy functions,
ufuncs, operators and methods do what autograd's versions of them would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, final

import autograd.numpy as anp
import autograd.scipy.special as aspecial
import numpy as np
from autograd.core import VJPNode, add_outgrads
from autograd.tracer import isbox, new_box, toposort, trace_stack
from numpy.lib.mixins import NDArrayOperatorsMixin

from mzsym.core import MzError
from mzsym.core.arrays import AnyArray, Array

_SPACES = {"numpy": anp, "numpy.linalg": anp.linalg, "numpy.fft": anp.fft}
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
_METHODS = (
    *("sum", "mean", "std", "var", "prod", "max", "min", "dot", "trace", "diagonal", "reshape", "ravel", "transpose"),
    *("squeeze", "swapaxes", "cumsum", "clip", "repeat", "argmax", "argmin", "any", "all"),
)


@final
class Traced(NDArrayOperatorsMixin):
    """An array whose further life is recorded.

    Numpy functions and operators give traced arrays again, comparisons plain ones. What would detach it from the
    record, such as ``float(t)`` or ``np.asarray(t)``, is refused.

    Attributes
    ----------
    box : autograd box
    """

    __array_priority__ = 1000.0

    def __init__(self, box: Any) -> None:
        self.box = box

    @property
    def value(self) -> AnyArray:
        """The numbers, detached from the record."""
        return np.asarray(self.box._value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def T(self) -> Traced:  # noqa: N802 - numpy's name
        return Traced(anp.transpose(self.box))

    def flatten(self) -> Traced:
        return Traced(anp.ravel(self.box))

    def copy(self) -> Traced:
        return self

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self.box[_unwrapped(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        raise MzError(
            "A table cannot be written to while its derivative is taken",
            "scalar of value_and_grad",
            "Make a new array, with np.where or np.concatenate",
        )

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            return NotImplemented
        if method == "reduce" and ufunc.__name__ in _REDUCTIONS:
            return _call(getattr(anp, _REDUCTIONS[ufunc.__name__]), inputs, {"axis": 0, **kwargs})
        if method != "__call__":
            return NotImplemented
        function = getattr(anp, ufunc.__name__, None) or getattr(aspecial, ufunc.__name__, None)
        return _call(function or _unknown(ufunc.__name__), inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name, space = func.__name__, _SPACES.get(func.__module__)
        if space is anp.linalg and name == "norm":
            return _call(_norm, args, kwargs)
        return _call(getattr(space, name, None) or _unknown(name), args, kwargs)

    def __array__(self, *_: Any, **__: Any) -> AnyArray:
        raise _detached("A table is made a plain array")

    def __float__(self) -> float:
        raise _detached("A table entry is made a plain number")

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"


def _method(name: str) -> Callable[..., Any]:
    def run(self: Traced, *args: Any, **kwargs: Any) -> Any:
        if name == "reshape" and len(args) > 1:
            args = (args,)
        if name == "transpose" and args:
            args = (args,) if len(args) > 1 else args
        return getattr(np, name)(self, *args, **kwargs)

    run.__name__ = name
    return run


for _name in _METHODS:
    setattr(Traced, _name, _method(_name))


def _detached(what: str) -> MzError:
    return MzError(
        f"{what} while its derivative is taken",
        "scalar of value_and_grad",
        "Use numpy functions on the tables and return the result; .value has the numbers without derivative",
    )


def _unknown(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(name)

    refuse.__name__ = name
    return refuse


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """numpy.linalg.norm; the spectral and nuclear norms of a matrix by their singular values."""
    if axis is None and not keepdims and np.ndim(x) == 2 and ord in (2, -2, "nuc"):
        s = anp.linalg.svd(x, compute_uv=False)
        return anp.sum(s) if ord == "nuc" else s[0 if ord == 2 else -1]
    return anp.linalg.norm(x, ord, axis)


def _call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    name = getattr(function, "__name__", str(function))
    try:
        found = function(*_unwrapped(args), **_unwrapped(kwargs))
    except NotImplementedError:
        found = None
    if found is None or (isinstance(found, np.ndarray) and found.dtype == object):
        raise MzError(
            f"The derivative of numpy's {name} is not known as it is used here",
            "scalar of value_and_grad",
            "Write the scalar with sums, products, powers, elementary functions, norms and linear algebra",
        )
    return _wrapped(found)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Traced):
        return value.box
    if type(value) in (list, tuple):
        return type(value)(_unwrapped(item) for item in value)
    return {key: _unwrapped(item) for key, item in value.items()} if type(value) is dict else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_wrapped(item) for item in value)
    if not isbox(value):
        return value
    return tuple(_wrapped(value[k]) for k in range(len(value))) if isinstance(value._value, tuple) else Traced(value)


class Tape:
    """The record of one scalar: leaves are made when they are first asked for."""

    def __init__(self, trace: int) -> None:
        self._trace = trace
        self._leaves: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def leaf(self, key: tuple[Any, ...], value: Callable[[], Array]) -> Traced:
        """The traced array of a key, made from a value at first."""
        if key not in self._leaves:
            node = VJPNode.new_root()
            self._leaves[key] = node, new_box(np.asarray(value()), self._trace, node)
        return Traced(self._leaves[key][1])

    def pulled(self, result: Any) -> dict[tuple[Any, ...], Array]:
        """Derivatives of a traced number by every leaf that it depends on."""
        if not isinstance(result, Traced):
            return {}
        keys = {node: key for key, (node, _) in self._leaves.items()}
        end = result.box._node
        outgrads: dict[Any, Any] = {end: (np.ones(result.shape), False)}
        found: dict[tuple[Any, ...], Array] = {}
        for node in toposort(end, attrgetter("parents")):
            bar = outgrads.pop(node)[0]
            if node in keys:
                found[keys[node]] = np.asarray(bar, dtype=np.float64)
            for parent, part in zip(node.parents, node.vjp(bar), strict=False):
                outgrads[parent] = add_outgrads(outgrads.get(parent), part)
        return found


@contextmanager
def recording() -> Iterator[Tape]:
    """A tape, while it records."""
    with trace_stack.new_trace() as trace:
        yield Tape(trace)
