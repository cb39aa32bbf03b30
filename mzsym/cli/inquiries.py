"""Commands that answer questions about an equation: what its terms would take, and why one of them is large."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

import mzsym as mz
from mzsym.cli.words import print_json
from mzsym.core import MzError
from mzsym.projections.checks import finite_rank

if TYPE_CHECKING:
    from mzsym.cli.pipeline import Job
    from mzsym.derive.costs import EquationTerm
    from mzsym.derive.operators.words import Direction

LISTED = 12
"""Terms that ``explain`` lists by size before it explains one."""


def cost(job: Job, direction: Direction, max_lag: int | None, json: bool) -> int:
    """Estimates for every term, none of which is expanded."""
    found = job.equation(direction).costs(max_lag)
    if json:
        rows = [
            {
                "term": row.name.label,
                "lag": row.name.lag,
                "shape": list(row.shape),
                "operations": row.estimate.operations,
                "dimension": row.estimate.dimension,
                "state": row.state,
            }
            for row in found.rows
        ]
        print_json({"model": job.source.path.name, "budget": found.budget, "total": found.total, "terms": rows})
    else:
        typer.echo("What the exact terms would take, estimated before anything is expanded:")
        for line in found.lines():
            typer.echo(f"  {line}")
    return 0


def explain(job: Job, term: str | None, direction: Direction, json: bool) -> int:
    """Why a term is large, the largest memory term by default."""
    kind, indices = _parsed(term)
    eq = job.equation(direction)
    with job.source.located():
        finite_rank(eq.projection, "explain")
        ev = mz.compile(eq, options=job.study.options)
        with job.progress.stage("Computing the tables"):
            terms = ev.terms()
        with job.progress.stage("Following the term through the layers"):
            found = mz.explain(ev, kind, *indices)
    if json:
        shown = asdict(found) | {"standing": str(found.standing), "words": list(found.lines())}
        sizes = [{"kind": t.kind, "n": t.n, "m": t.m, "norm": t.norm, "error": t.error} for t in terms]
        print_json({"model": job.source.path.name, "terms": sizes, "explained": shown})
        return 0
    typer.echo(f"The largest of {len(terms)} terms (estimated norms):")
    for t in terms[:LISTED]:
        label = f"{t.kind}({t.n}, {t.m})" if t.kind == "memory" else f"{t.kind}({t.n})"
        typer.echo(f"  {label:16} {t.norm:.3g}")
    typer.echo("")
    for line in found.lines():
        typer.echo(line)
    return 0


def _parsed(term: str | None) -> tuple[EquationTerm | None, list[int]]:
    """ "memory 0 2", "memory(0, 2)" or "streaming 1" as a kind and indices."""
    if term is None:
        return None, []
    kind, *rest = term[:100].replace("(", " ").replace(")", " ").replace(",", " ").split() or [""]
    needed = {"streaming": 1, "noise": 1, "memory": 2}.get(kind)
    if needed != len(rest) or not all(text.isascii() and text.isdigit() and len(text) < 10 for text in rest):
        raise MzError(
            f"There is no term {term[:100]!r}",
            "--term",
            'Use "memory 0 2", "streaming 0" or "noise 0", with your indices',
        )
    return kind, [int(text) for text in rest]  # type: ignore[return-value]
