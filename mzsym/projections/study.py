"""A model file whole: network, projection and options, read and written together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mzsym.core import MzError, Options
from mzsym.model import Network
from mzsym.model.files import Cursor, Source, open_source, read_network, read_options, write_model
from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.hermite import Hermite
from mzsym.projections.legendre import Legendre
from mzsym.projections.mean import Mean

FAMILIES: Mapping[str, type[AbstractProjection]] = {"legendre": Legendre, "mean": Mean, "hermite": Hermite}
"""Name in model files -> projection; its dataclass fields are the keys."""


@dataclass(frozen=True)
class Study:
    """What a model file states.

    Attributes
    ----------
    network : Network
    projection : AbstractProjection or None
        None where the file states no projection.
    options : Options
    """

    network: Network
    projection: AbstractProjection | None = None
    options: Options = field(default_factory=Options)


def save(
    net: Network,
    path: str | os.PathLike[str],
    projection: AbstractProjection | None = None,
    options: Options | None = None,
) -> None:
    """Write a model file; ``load`` reads exactly the same network back.

    The file appears whole or not at all. Arrays of more than 64 entries go into an ``.npz`` beside it, whose name
    carries a digest of the network.

    Parameters
    ----------
    net : Network
    path : path
        For example ``"model.toml"``.
    projection : AbstractProjection, optional
    options : Options, optional

    Raises
    ------
    MzError
        If something in the network cannot be written exactly, or the folder is not writable.

    Examples
    --------
    >>> import tempfile
    >>> from mzsym.model import Box, Uniform, dense
    >>> net = Network([dense([[1.5]], activation="tanh", noise=Uniform(0.5))], domain=Box([(-1, 1)]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, folder + "/model.toml", projection=Legendre(3))
    ...     study = load(folder + "/model.toml")
    >>> study.network == net, study.projection
    (True, Legendre(degree=3, measure='uniform'))
    """
    write_model(net, Path(path), None if projection is None else _table(projection), options)


def load(path: str | os.PathLike[str]) -> Study:
    """Read a model file.

    Parameters
    ----------
    path : path

    Returns
    -------
    Study

    Raises
    ------
    MzError
        For anything that is not as docs/model-files.md says, with file, line and key.
    """
    return read_study(open_source(Path(path)))


def read_study(source: Source) -> Study:
    """The study of an opened model file."""
    projection = _projection(source.root)
    return Study(read_network(source), projection, read_options(source))


def _projection(root: Cursor) -> AbstractProjection | None:
    entry = root.get("projection")
    if entry is None:
        return None
    known = sorted({key for family in FAMILIES.values() for key in _keys(family)})
    entry.keys(("family", *known))
    family = FAMILIES[entry.need("family", 'family = "legendre"').choice(FAMILIES)]
    keys = _keys(family)
    entry.keys(("family", *keys))
    settings: dict[str, Any] = {}
    for key in keys:
        if key == "degree":
            settings[key] = entry.need(key, "degree = 5").integer(0, 1000)
        elif entry.has(key):
            settings[key] = entry.at(key).text()
    try:
        return family(**settings)
    except MzError as error:
        at = entry.at("measure") if "measure" in settings else entry
        raise MzError(error.what, at.where, error.fix) from None


def _keys(family: type[AbstractProjection]) -> list[str]:
    return [f.name for f in fields(family) if f.init]  # type: ignore[arg-type]


def _table(projection: AbstractProjection) -> dict[str, Any]:
    for name, family in FAMILIES.items():
        if type(projection) is family:
            return {"family": name} | {key: getattr(projection, key) for key in _keys(family)}
    raise MzError(
        f"A {type(projection).__name__} projection cannot be written",
        "save(projection=)",
        "Use one of " + ", ".join(family.__name__ for family in FAMILIES.values()),
    )
