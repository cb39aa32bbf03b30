"""Chunks of a sweep in a file, so that one that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mzsym.core.arrays import Array
from mzsym.core.atomic import write_atomic
from mzsym.core.version import VERSION
from mzsym.evaluate.sweeps.design import Design
from mzsym.evaluate.sweeps.measure import Quantity

if TYPE_CHECKING:
    from mzsym.evaluate.evaluator import Evaluator

CHUNK = 16
"""Parameter sets that one task works through."""

_SECONDS = 20.0
"""Between two checkpoints."""


@dataclass(frozen=True)
class Chunk:
    """Results of some sets: values by name, the accuracy reached, and what went wrong (empty: nothing)."""

    values: dict[str, list[Array | None]]
    reached: list[float]
    messages: list[str]


def sweep_key(ev: Evaluator, plan: Design, wanted: Sequence[Quantity]) -> str | None:
    """What the results depend on; None where a function of the user's takes part, which has no content to compare."""
    if any(quantity.key is None for quantity in wanted):
        return None
    told = [VERSION, ev.network.digest, repr(ev.projection), repr(ev.options), ev.scheme, ev.direction, str(plan.keys)]
    told += [str(quantity.key) for quantity in wanted]
    digest = hashlib.sha256("\n".join(told).encode())
    for array in plan.values:
        digest.update(str(array.shape).encode() + array.tobytes())
    return f"{digest.hexdigest()} {plan.dims}"


class Checkpoint:
    """Chunks in a file, taken up only by the same sweep."""

    def __init__(self, target: Path | None, key: str | None) -> None:
        self.path = None if target is None or key is None else target.with_name(target.name + ".part.npz")
        self.key = key
        self._saved = time.monotonic()

    def offer(self, chunks: list[Chunk]) -> None:
        """Save if the last time is long ago."""
        if time.monotonic() - self._saved > _SECONDS:
            self.save(chunks)

    def save(self, chunks: list[Chunk]) -> None:
        """Save what there is."""
        if self.path is None or not chunks:
            return
        arrays: dict[str, Array] = {}
        for name in chunks[0].values:
            rows = [row for chunk in chunks for row in chunk.values[name]]
            shape = next((row.shape for row in rows if row is not None), ())
            blank = np.full(shape, np.nan)
            arrays[f"value_{name}"] = np.stack([blank if row is None else row for row in rows])
        about = {
            "key": self.key,
            "reached": [value for chunk in chunks for value in chunk.reached],
            "messages": [text for chunk in chunks for text in chunk.messages],
        }
        buffer = io.BytesIO()
        np.savez(buffer, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
        write_atomic(self.path, buffer.getvalue())
        self._saved = time.monotonic()

    def load(self) -> list[Chunk]:
        """The chunks of an earlier run of the same sweep; none where there are none, or they cannot be read."""
        if self.path is None:
            return []
        try:
            with np.load(self.path, allow_pickle=False) as data:
                about = json.loads(str(data["about"]))
                if about["key"] != self.key:
                    return []
                arrays = {name.removeprefix("value_"): data[name] for name in data.files if name != "about"}
                reached, messages = list(map(float, about["reached"])), list(map(str, about["messages"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return []
        if any(len(rows) != len(messages) for rows in (*arrays.values(), reached)):
            return []
        chunks = []
        for start in range(0, len(messages) - len(messages) % CHUNK, CHUNK):
            part = slice(start, start + CHUNK)
            refused = messages[part]
            values = {
                name: [None if text else row for row, text in zip(rows[part], refused, strict=True)]
                for name, rows in arrays.items()
            }
            chunks.append(Chunk(values, reached[part], refused))
        return chunks

    def remove(self) -> None:
        """The sweep is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
