"""The command that looks for a shallow network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

import mzsym as mz
from mzsym.certify.bounds import decimal_up
from mzsym.cli.words import print_files, print_json
from mzsym.cli.workspace import Workspace
from mzsym.projections import FiniteRank
from mzsym.projections.measures import measure_text
from mzsym.reduce.reduce import checked_request

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.certify.certify import Method
    from mzsym.cli.pipeline import Job
    from mzsym.evaluate.protocols import HasSolution
    from mzsym.reduce import Reduction

NAME = "shallow"

SHARE = 0.01
"""Of the norm of q_0: the error that ``run`` allows a shallow network."""


def within_a_share(job: Job, ev: HasSolution, certificate: Certificate) -> Reduction | None:
    """The shallowest network within one percent of the norm of q_0, or the best there is; None where there is none.

    A network of one layer has no shallower one, and a conditional projection no basis to read out.
    """
    net = job.study.network
    if net.depth < 2 or not isinstance(job.projection, FiniteRank):
        return None

    def at(depth: int, prove: bool) -> Reduction:
        return mz.reduce(net, job.projection, depth=depth, certificate=certificate, evaluator=ev, prove=prove)

    with job.progress.stage("Reducing"), job.source.located():
        first = at(1, prove=False)
        allowed = SHARE * first.size
        shallower = first.depths[:-1]
        found = next((item for item in shallower if item.bound <= allowed), None)
        found = found or min(shallower, key=lambda item: item.bound)
        return at(found.depth, prove=True)


def in_a_sentence(r: Reduction) -> str:
    """What ``run`` says of it."""
    layers = "The first layer" if r.depth == 1 else f"The first {r.depth} of {len(r.depths)} layers"
    share = f", {100 * r.error_bound / r.size:.2g} % of the norm of q_0" if r.size > 0.0 else ""
    verb = "replaces" if r.depth == 1 else "replace"
    return f"{layers}, read out, {verb} the network up to {decimal_up(r.error_bound, 3)}{share} ({r.standing})."


def reduce(
    job: Job, output: Path | None, tolerance: float | None, depth: int | None, method: Method, json: bool
) -> int:
    """The smallest depth within the tolerance, what every depth costs, and files of the shallow network."""
    with job.source.located():
        checked_request(tolerance, depth)
    eq = job.equation()
    with job.source.located():
        ev = mz.compile(eq, options=job.study.options)
    certificate = job.certificate(method)
    with job.progress.stage("Reducing"), job.source.located():
        r = mz.reduce(job.study.network, job.projection, tolerance, depth, certificate=certificate, evaluator=ev)
    files: list[Path] = []
    if output is not None:
        with Workspace(output) as space, job.progress.stage("Writing the shallow network"):
            mz.export(r, space.draft, "json", NAME)
            mz.export(r, space.draft, "latex", NAME)
            r.to_json(space.draft / "reduction.json")
            files = space.publish()
    if json:
        print_json(
            {
                "model": job.source.path.name,
                "model_sha256": ev.network.digest,
                "projection": r.projection.describe(),
                "measure": measure_text(r.projection.measure),
                "tolerance": tolerance,
                "depth": r.depth,
                "of": len(r.depths),
                "error_bound": r.error_bound,
                "standing": str(r.standing),
                "measured_error": r.measured_error,
                "a_priori": r.a_priori,
                "distance_to_noise_free": r.noise_free,
                "depths": r.table(),
                "readouts": {str(m): alpha.tolist() for m, alpha in r.readouts.items()},
                "files": [str(path) for path in files],
            }
        )
        return 0
    typer.echo(str(r))
    print_files(files)
    return 0
