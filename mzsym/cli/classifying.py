"""The command that measures what the noise costs a classifier."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

import mzsym as mz
from mzsym.cli.words import dump, print_files, print_json
from mzsym.cli.workspace import Workspace
from mzsym.core import MzError
from mzsym.core.arrays import Array

if TYPE_CHECKING:
    from mzsym.cli.pipeline import Job

MOST_BYTES = 1 << 28


def labelled(path: Path) -> tuple[Array, Array]:
    """Inputs and classes from a text file: in each row the numbers of an input, then its class; commas between.

    Raises
    ------
    MzError
        If the file cannot be read, is larger than 256 MiB, or holds anything but finite numbers in rows of one length.
    """
    fix = "Give a text file with one input a row: its numbers, then its class, separated by commas"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MzError(f"The file is larger than {MOST_BYTES} bytes", path.name, "Use fewer inputs")
        with warnings.catch_warnings():
            # An empty file is refused below, in our own words.
            warnings.simplefilter("ignore", UserWarning)
            rows = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float64)
    except OSError as error:
        raise MzError(f"The file cannot be read ({error.strerror or 'unknown reason'})", path.name, fix) from None
    except ValueError as error:
        raise MzError(f"The file is no table of numbers ({str(error)[:120]})", path.name, fix) from None
    if rows.shape[0] < 1 or rows.shape[1] < 2 or not np.isfinite(rows).all():
        raise MzError("The file holds no rows of finite numbers", path.name, fix)
    classes = rows[:, -1]
    if np.any(classes != np.round(classes)) or np.any(np.abs(classes) > 1e9):
        raise MzError("The last column holds other numbers than classes", path.name, "Number the classes from 0 on")
    return np.ascontiguousarray(rows[:, :-1]), classes.astype(np.int64)


def accuracy(
    job: Job, data: Path, factors: Sequence[float], samples: int, seed: int, output: Path | None, json: bool
) -> int:
    """Accuracy against the noise level, beside that of the network without noise; a picture with -o."""
    X, classes = labelled(data)
    with job.progress.stage("Sampling noisy passes"):
        found = mz.accuracy(job.study.network, X, classes, factors, samples=samples, seed=seed)
    content = {"model": job.source.path.name, "data": data.name} | found.to_dict()
    files: list[Path] = []
    if output is not None:
        from mzsym.report.accuracy_plot import accuracy_figure
        from mzsym.report.plots import save_figure

        with Workspace(output) as space, job.progress.stage("Drawing the picture"):
            (space.draft / "accuracy.json").write_text(dump(content), encoding="utf-8")
            save_figure(accuracy_figure(found), space.draft / "accuracy.svg")
            files = space.publish()
    if json:
        print_json(content | {"files": [str(path) for path in files]})
        return 0
    for line in found.lines():
        typer.echo(line)
    print_files(files)
    return 0
