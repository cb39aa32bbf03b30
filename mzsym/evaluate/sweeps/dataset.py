"""Results of a sweep as an xarray dataset, and as a NetCDF file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.atomic import write_atomic
from mzsym.core.version import VERSION
from mzsym.evaluate.sweeps.checkpoint import Chunk
from mzsym.evaluate.sweeps.design import Design
from mzsym.evaluate.sweeps.measure import Quantity
from mzsym.projections.measures import measure_text

if TYPE_CHECKING:
    from xarray import Dataset

    from mzsym.evaluate.evaluator import Evaluator


def xarray() -> Any:
    """The module.

    Raises
    ------
    MzError
        If it is not installed.
    """
    try:
        import xarray as module
    except ImportError:
        raise MzError("xarray is not installed", "sweep", "pip install 'mzsym[xarray]'") from None
    return module


def dataset(ev: Evaluator, plan: Design, wanted: Sequence[Quantity], chunks: Sequence[Chunk]) -> Dataset:
    """Every quantity over the axes of the parameters, NaN where the model refused a set.

    Raises
    ------
    MzError
        If a function returned arrays of different shapes, or no set was accepted.
    """
    messages = [text for chunk in chunks for text in chunk.messages]
    if all(messages):
        raise MzError(f"No parameter set was accepted; of the first: {messages[0]}", "sweep(params)", "Give others")
    variables: dict[str, Any] = {}
    for quantity in wanted:
        rows = _stacked(quantity.name, [row for chunk in chunks for row in chunk.values[quantity.name]])
        inner = _inner(quantity, rows.ndim - 1)
        shaped = rows.reshape(*plan.shape, *rows.shape[1:])
        variables[quantity.name] = (
            (*plan.dims, *inner),
            shaped,
            {"long_name": quantity.about, "standing": "estimated"},
        )
    reached = np.array([value for chunk in chunks for value in chunk.reached]).reshape(plan.shape)
    variables["tolerance_reached"] = (plan.dims, reached, {"long_name": "largest observed error of any table"})
    if any(messages):
        refused = np.array(messages).reshape(plan.shape)
        variables["refused"] = (plan.dims, refused, {"long_name": "why a set was refused; empty where it was not"})
    attributes = {
        "title": "Mori-Zwanzig terms over parameters",
        "mzsym": VERSION,
        "network_sha256": ev.network.digest,
        "projection": ev.projection.describe(),
        "measure": measure_text(ev.projection.measure),
        "direction": ev.direction,
        "tolerance": ev.options.tolerance,
        "standing": "estimated: two grids were compared",
    }
    found: Dataset = xarray().Dataset(variables, plan.coordinates, attributes)
    return found


def write_dataset(found: Dataset, path: Path) -> None:
    """As NetCDF, in one step.

    Raises
    ------
    MzError
        If the folder cannot be written.
    """
    content = found.to_netcdf(engine="scipy")
    write_atomic(path, bytes(content))


def _stacked(name: str, rows: list[Array | None]) -> Array:
    shapes = {row.shape for row in rows if row is not None}
    if len(shapes) > 1:
        raise MzError(
            f"The quantity {name!r} has arrays of the shapes {', '.join(map(str, sorted(shapes)))}",
            "sweep(quantities)",
            "Return arrays of one shape for every parameter set",
        )
    blank = np.full(shapes.pop(), np.nan)
    return np.stack([blank if row is None else row for row in rows])


def _inner(quantity: Quantity, count: int) -> tuple[str, ...]:
    named = (quantity.dims or ())[:count]
    return (*named, *(f"{quantity.name}_{k}" for k in range(len(named), count)))
