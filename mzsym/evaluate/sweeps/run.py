"""``ev.sweep``: many parameter sets through one compiled equation, as an xarray dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.progress import Progress
from mzsym.evaluate.sweeps.checkpoint import CHUNK, Checkpoint, Chunk, sweep_key
from mzsym.evaluate.sweeps.dataset import dataset, write_dataset, xarray
from mzsym.evaluate.sweeps.design import Design, design
from mzsym.evaluate.sweeps.measure import Function, Quantity, quantities

if TYPE_CHECKING:
    from xarray import Dataset

    from mzsym.evaluate.evaluator import Evaluator


class Executor(Protocol):
    """What maps a function over tasks: of ``concurrent.futures``, or ``client.get_executor()`` of Dask."""

    def map(self, function: Callable[..., Any], /, *iterables: Any) -> Iterator[Any]: ...


def sweep(
    ev: Evaluator,
    params: Mapping[Any, Any],
    quantities_asked: Sequence[str] | Mapping[str, Function] | None = None,
    points: Any = None,
    together: bool = False,
    path: str | Path | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """As ``Evaluator.sweep``, which documents the arguments."""
    xarray()
    plan = design(ev.network, params, together)
    wanted = quantities(quantities_asked, points)
    if not wanted:
        raise MzError("Nothing is asked for", "sweep(quantities)", "Leave it out for the norms of all terms")
    target = None if path is None else Path(path)
    store = Checkpoint(target, sweep_key(ev, plan, wanted))
    chunks = store.load()
    starts = range(len(chunks) * CHUNK, plan.size, CHUNK)
    work = partial(run_chunk, ev, plan, wanted)
    try:
        for chunk in map(work, starts) if executor is None else executor.map(work, starts):
            chunks.append(chunk)
            store.offer(chunks)
            if progress is not None:
                progress(min(len(chunks) * CHUNK, plan.size), plan.size)
    except BaseException:
        # Stopped by hand or by an error: the next run goes on from here.
        store.save(chunks)
        raise
    found = dataset(ev, plan, wanted, chunks)
    if target is not None:
        write_dataset(found, target)
        store.remove()
    return found


def run_chunk(ev: Evaluator, plan: Design, wanted: Sequence[Quantity], start: int) -> Chunk:
    """The sets from one number on; one that the model refuses is noted, and the rest go on."""
    values: dict[str, list[Array | None]] = {quantity.name: [] for quantity in wanted}
    reached, messages = [], []
    for number in range(start, min(start + CHUNK, plan.size)):
        message, accuracy = "", np.nan
        found: list[Array | None] = [None] * len(wanted)
        try:
            own = ev.with_params(plan.at(number))
            found = [np.asarray(quantity.function(own), dtype=np.float64) for quantity in wanted]
            accuracy = max(own.solution.reached.values())
        except MzError as error:
            message = error.what
        for quantity, value in zip(wanted, found, strict=True):
            values[quantity.name].append(None if message else value)
        reached.append(accuracy)
        messages.append(message)
    return Chunk(values, reached, messages)
