"""The tables of an evaluator as plain arrays, to be written to a file and taken up again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from mzsym.core import MzError, Options, Standing
from mzsym.core.arrays import Array
from mzsym.core.atomic import write_atomic
from mzsym.evaluate.kept import KeptFunction
from mzsym.evaluate.norms import term_norm
from mzsym.evaluate.protocols import HasTables
from mzsym.projections import Conditional

if TYPE_CHECKING:
    from mzsym.derive.operators.words import Direction
    from mzsym.evaluate.evaluator import Evaluator
    from mzsym.evaluate.quadrature.engine import Solution
    from mzsym.evaluate.schemes import Scheme
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

_VERSION = 2


def table_keys(depth: int, direction: Direction = "backward") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Kind and indices of every table of a network of this depth.

    >>> list(table_keys(1))
    [('streaming', (0,)), ('noise', (0,)), ('correlation', (0, 1)), ('coefficients', (0,)), ('coefficients', (1,))]
    """
    for n in range(depth):
        yield "streaming", (n,)
        yield "noise", (n,)
        for m in range(n) if direction == "forward" else range(n + 2, depth + 1):
            yield "memory", (n, m)
        for m in range(n + 1, depth + 1):
            yield "correlation", (n, m)
    for n in range(depth + 1):
        yield "coefficients", (n,)


def _name(kind: str, indices: tuple[int, ...]) -> str:
    return "_".join([kind, *map(str, indices)])


@final
@dataclass(frozen=True)
class StoredTables:
    """Every table of an evaluator; offers the evaluator's methods without computing anything.

    Attributes
    ----------
    evaluator : Evaluator
        Made for the same network, projection and options, but not solved; it serves ``expectation``.
    arrays : mapping
        "streaming_0", "memory_0_2", ... -> array.
    tolerance_reached, limits, nodes
        As of the evaluator that filled the tables.
    """

    evaluator: Evaluator
    arrays: Mapping[str, Array] = field(repr=False)
    tolerance_reached: Mapping[str, float]
    limits: tuple[str, ...]
    nodes: tuple[tuple[int, ...], ...]

    @property
    def network(self) -> Network:
        return self.evaluator.network

    @property
    def projection(self) -> AbstractProjection:
        return self.evaluator.projection

    @property
    def options(self) -> Options:
        return self.evaluator.options

    @property
    def engine(self) -> str:
        return self.evaluator.engine

    @property
    def scheme(self) -> Scheme:
        return self.evaluator.scheme

    @property
    def direction(self) -> Direction:
        return self.evaluator.direction

    @property
    def standing(self) -> Standing:
        return self.evaluator.standing

    @property
    def solution(self) -> Solution:
        """What the tables were made from, computed anew: functions are not stored."""
        return self.evaluator.solution

    def norm(self, kind: str, n: int, m: int | None = None) -> float:
        """||A_n||, ||K(n, m)|| or ||r_n||, from the stored tables."""
        return term_norm(self, kind, n, m)

    def streaming(self, n: int) -> Array:
        return self._array("streaming", n)

    def memory(self, n: int, m: int) -> Array:
        return self._array("memory", n, m)

    def correlation(self, n: int, m: int) -> Array:
        return np.eye(len(self.coefficients(n))) if n == m else self._array("correlation", n, m)

    def noise(self, n: int, p0: Any = None) -> Array:
        """Stored for the network's input law; for another it is computed anew."""
        return self._array("noise", n) if p0 is None else self.evaluator.noise(n, p0)

    def coefficients(self, n: int, p0: Any = None) -> Array:
        """Stored for the network's input law; for another it is computed anew."""
        return self._array("coefficients", n) if p0 is None else self.evaluator.coefficients(n, p0)

    def density(self, p0: Any = None) -> Array:
        """d_L, forward."""
        if self.direction != "forward":
            return self.evaluator.density(p0)
        return self.coefficients(self.network.depth, p0)

    def expectation(self, X: Any) -> Array:
        """q_0 at points, computed anew: a function is not a table."""
        return self.evaluator.expectation(X)

    def _array(self, kind: str, *indices: int) -> Array:
        found = self.arrays.get(_name(kind, indices))
        if found is None:
            raise MzError(f"There is no {kind} table at {indices}", f"{kind}{indices}", f"L = {self.network.depth}")
        return found.copy()


def all_tables(ev: HasTables) -> dict[str, Array]:
    """Every table, named "streaming_0", "memory_0_2", "correlation_0_1", "noise_0", "coefficients_0", ...

    Those of a conditional projection are values at nodes: "nodes_0", ..., with the masses "mass_0", ... of the measure.
    """
    found = {
        _name(kind, indices): getattr(ev, kind)(*indices)
        for kind, indices in table_keys(ev.network.depth, ev.direction)
    }
    arrays = {name: np.asarray(value) for name, value in found.items()}
    for name, value in found.items():
        if isinstance(value, KeptFunction) and value.mass is not None and name.startswith("coefficients"):
            arrays[name.replace("coefficients", "nodes")] = value.nodes
            arrays[name.replace("coefficients", "mass")] = value.mass
    return arrays


def tables_key(ev: HasTables) -> str:
    """What the tables depend on, as text: network, projection, options, engine."""
    return json.dumps([_VERSION, ev.network.digest, repr(ev.projection), repr(ev.options), ev.engine, ev.direction])


def store(ev: HasTables, path: Path) -> None:
    """Write all tables as an ``.npz``, in one step.

    Parameters
    ----------
    ev : Evaluator or StoredTables
    path : Path

    Raises
    ------
    MzError
        If the folder cannot be written.
    """
    about = {
        "key": tables_key(ev),
        "tolerance_reached": {name: float(value) for name, value in ev.tolerance_reached.items()},
        "limits": list(ev.limits),
        "nodes": [list(counts) for counts in ev.nodes],
    }
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **all_tables(ev))  # type: ignore[arg-type]
    write_atomic(path, buffer.getvalue())


def stored(ev: Evaluator, path: Path) -> StoredTables | None:
    """Tables that ``store`` wrote for the same network, projection and options; None where there are none.

    Parameters
    ----------
    ev : Evaluator
        Made for the network at hand, not yet solved.
    path : Path

    Tables of a conditional projection are not taken up: between their nodes they are functions, which are not stored.
    """
    if isinstance(ev.projection, Conditional):
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            about = json.loads(str(data["about"]))
            if not isinstance(about, dict) or about.get("key") != tables_key(ev):
                return None
            arrays = {name: data[name] for name in data.files if name != "about"}
        reached = {str(name): float(value) for name, value in about["tolerance_reached"].items()}
        nodes = tuple(tuple(int(count) for count in counts) for counts in about["nodes"])
        limits = tuple(str(text) for text in about["limits"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        # A checkpoint is an offer: what cannot be read is computed again.
        return None
    wanted = {_name(kind, indices) for kind, indices in table_keys(ev.network.depth, ev.direction)}
    if wanted != set(arrays) or any(array.dtype != np.float64 for array in arrays.values()):
        return None
    return StoredTables(ev, arrays, reached, limits, nodes)
