"""The command that writes code which stands alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

import mzsym as mz
from mzsym.cli.words import print_json

if TYPE_CHECKING:
    from mzsym.cli.pipeline import Job
    from mzsym.derive.operators.words import Direction
    from mzsym.export.export import Target


def export(job: Job, output: Path | None, target: Target, name: str, direction: Direction, json: bool) -> int:
    """Tables and q_0 as code that stands alone."""
    output = output or Path(f"{job.name}-{target}")
    eq = job.equation(direction)
    with job.source.located():
        ev = mz.compile(eq, options=job.study.options)
        with job.progress.stage("Computing the tables"):
            worst = max(ev.tolerance_reached.values())
        with job.progress.stage(f"Writing {target}"):
            files = mz.export(ev, output, target, name)
    if json:
        print_json({"model": job.source.path.name, "files": [str(path) for path in files], "tolerance_reached": worst})
        return 0
    typer.echo(f"The tables are computed to {worst:.1e} (observed).")
    for path in files:
        typer.echo(f"  {path}")
    if target == "c":
        typer.echo(f"Build and test it: make -C {output} all test")
    return 0
