"""Commands that ask backwards: which noise a bound needs, and what to choose for a tolerance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

import mzsym as mz
from mzsym.cli.words import print_files, print_json
from mzsym.cli.workspace import Workspace

if TYPE_CHECKING:
    from mzsym.certify.search.minimal_noise import NoiseMethod
    from mzsym.certify.search.noise_level import Tried
    from mzsym.cli.pipeline import Job


def noise(job: Job, output: Path | None, layer: int, kappa: float, method: NoiseMethod, json: bool) -> int:
    """A noise level with ||Q_n M_n|| <= kappa proved, and one where it fails; with their certificates as a file."""
    with job.progress.stage("Looking for the noise level") as say, job.source.located():

        def tried(item: Tried) -> None:
            say(f"at {item.level:g} the norm is at most {item.upper:.4g}")

        found = mz.minimal_noise(job.study.network, layer, job.projection, kappa, method, progress=tried)
    files: list[Path] = []
    if output is not None:
        with Workspace(output) as space:
            found.to_json(space.draft / "noise.json")
            files = space.publish()
    if json:
        print_json({"model": job.source.path.name} | found.to_dict() | {"files": [str(path) for path in files]})
    else:
        for line in found.lines():
            typer.echo(line)
        print_files(files)
    return 0


def advise(job: Job, tolerance: float, kappa: float, json: bool) -> int:
    """Degree, noise and depth for a tolerance, and why."""
    with job.progress.stage("Comparing projections, depths and noise levels"), job.source.located():
        found = mz.advise(job.study.network, tolerance, kappa, options=job.study.options)
    if json:
        print_json({"model": job.source.path.name} | found.to_dict())
    else:
        for line in found.lines():
            typer.echo(line)
    return 0
