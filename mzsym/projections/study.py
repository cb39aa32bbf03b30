"""A model file whole: network, projection and options, read and written together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mzsym.core import Options
from mzsym.model import Network
from mzsym.model.files import Source, open_source, read_network, read_options, write_model
from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.tables import projection_table, read_projection


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
    >>> from mzsym.projections import Legendre
    >>> net = Network([dense([[1.5]], activation="tanh", noise=Uniform(0.5))], domain=Box([(-1, 1)]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, folder + "/model.toml", projection=Legendre(3))
    ...     study = load(folder + "/model.toml")
    >>> study.network == net, study.projection
    (True, Legendre(degree=3, measure='uniform'))
    """
    write_model(net, Path(path), None if projection is None else projection_table(projection), options)


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
    network = read_network(source)
    return Study(network, read_projection(source.root, max(network.dims)), read_options(source))
