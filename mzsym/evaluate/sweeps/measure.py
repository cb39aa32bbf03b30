"""What is measured for every parameter set of a sweep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.kept import isometric
from mzsym.evaluate.norms import memory_norms, term_norm

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

Function: TypeAlias = "Callable[[Evaluator], Any]"
_WHERE = "sweep(quantities)"
_TERM = re.compile(r"^(streaming|memory|correlation|noise|coefficients)\((\d+)(?:, ?(\d+))?\)$")
DEFAULT = ("memory_norm", "streaming_norm", "noise_norm")


@dataclass(frozen=True)
class Quantity:
    """One variable of the dataset.

    Attributes
    ----------
    name : str
    function : function of an evaluator
        Returns a number or an array.
    dims : tuple of str, or None
        Names of the array's first axes; None, and what is beyond: they are numbered.
    about : str
        For readers of the file.
    key : str or None
        What tells it from others; None for a function of the user's, which has no content to compare.
    """

    name: str
    function: Function
    dims: tuple[str, ...] | None
    about: str
    key: str | None


@dataclass(frozen=True)
class _Term:
    """One table, by its name; an object rather than a closure, so that another process can have it."""

    kind: str
    indices: tuple[int, ...]

    def __call__(self, ev: Evaluator) -> Array:
        return np.asarray(getattr(ev, self.kind)(*self.indices))


@dataclass(frozen=True, eq=False)
class _Expectation:
    """q_0 at points."""

    X: Array

    def __call__(self, ev: Evaluator) -> Array:
        return ev.expectation(self.X)


def memory_norm(ev: Evaluator) -> Array:
    """||K(n, m)||, shape (L + 1, L + 1), NaN where there is no such term."""
    depth = ev.network.depth
    out = np.full((depth + 1, depth + 1), np.nan)
    for (n, m), norm in memory_norms(ev).items():
        out[n, m] = norm
    return out


def streaming_norm(ev: Evaluator) -> Array:
    """||A_n||, shape (L,)."""
    return np.array([term_norm(ev, "streaming", n) for n in range(ev.network.depth)])


def noise_norm(ev: Evaluator) -> Array:
    """||r_n||, shape (L,)."""
    return np.array([term_norm(ev, "noise", n) for n in range(ev.network.depth)])


def coefficient_norm(ev: Evaluator) -> Array:
    """||c_n||, shape (L + 1,), or forward ||d_n||."""
    return np.array([np.linalg.norm(isometric(ev.coefficients(n))) for n in range(ev.network.depth + 1)])


def mean(ev: Evaluator) -> Any:
    """E u(X_L) for X_0 in its own law."""
    return ev.mean()


_NAMED: dict[str, tuple[Function, tuple[str, ...] | None, str]] = {
    "memory_norm": (memory_norm, ("n", "m"), "norm of the memory term K(n, m)"),
    "streaming_norm": (streaming_norm, ("layer",), "norm of the streaming term A_n"),
    "noise_norm": (noise_norm, ("layer",), "norm of the noise term r_n"),
    "coefficient_norm": (coefficient_norm, ("state",), "norm of the coefficients of layer n"),
    "mean": (mean, None, "mean of the observable at the output"),
}


def quantities(asked: Sequence[str] | Mapping[str, Function] | None, points: Any) -> tuple[Quantity, ...]:
    """Read what ``sweep`` was asked for.

    Raises
    ------
    MzError
        For a name that is not known, and points without a shape.
    """
    found = []
    if isinstance(asked, Mapping):
        for name, function in asked.items():
            if not callable(function):
                raise MzError(f"The quantity {name!r} is no function", _WHERE, "Give a function of the evaluator")
            found.append(Quantity(str(name), function, None, "a function of the user's", None))
    else:
        names = DEFAULT if asked is None and points is None else (asked or ())
        found = [_named(name) for name in ((names,) if isinstance(names, str) else names)]
    if points is not None:
        X = np.asarray(points, dtype=np.float64)
        if X.ndim != 2:
            raise MzError(f"The points have shape {X.shape}", "sweep(points)", "Give an array of shape (points, N_0)")
        key = f"expectation {hashlib.sha256(X.tobytes()).hexdigest()} {X.shape}"
        found.append(Quantity("expectation", _Expectation(X), ("point",), "E[u(X_L) | X_0 = point]", key))
    return tuple(found)


def _named(name: str) -> Quantity:
    if name in _NAMED:
        function, dims, about = _NAMED[name]
        return Quantity(name, function, dims, about, name)
    match = _TERM.match(str(name))
    if match is None:
        raise MzError(
            f"There is no quantity {name!r}",
            _WHERE,
            f"Use {', '.join(_NAMED)}, a table such as 'memory(0, 2)', or a mapping of names to functions",
        )
    kind, *indices = match.groups()
    term = _Term(kind, tuple(int(index) for index in indices if index is not None))
    label = "_".join([kind, *map(str, term.indices)])
    return Quantity(label, term, None, f"table {name}", label)
