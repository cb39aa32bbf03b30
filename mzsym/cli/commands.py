"""What the commands do: stages in order, files into a workspace, words or JSON on the standard output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import mzsym as mz
from mzsym.cli.pipeline import CHECKPOINT, TABLES, Job
from mzsym.cli.reducing import SHARE, in_a_sentence, within_a_share
from mzsym.cli.words import dump, print_files, print_json
from mzsym.cli.workspace import Workspace
from mzsym.core import MzError
from mzsym.derive.choice import chosen
from mzsym.derive.equation_latex import equation_latex
from mzsym.derive.operators.derivation import DerivationError
from mzsym.evaluate.findings import Findings, findings
from mzsym.evaluate.norms import term_norm
from mzsym.evaluate.protocols import HasSolution, HasTables
from mzsym.evaluate.stored import all_tables, store
from mzsym.projections.measures import measure_text

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.certify.certify import Method
    from mzsym.derive import Equation, Term
    from mzsym.derive.costs import TermName
    from mzsym.derive.operators.words import Direction
    from mzsym.reduce import Reduction
    from mzsym.report.law_view import OutputLaw, OutputLaws

SHOWN_TERMS = 12
"""Concrete terms that ``derive`` lists on the screen."""

JSON_ENTRIES = 20_000
"""Table entries that tables.json holds; above this it has the norms, and the numbers are in tables.npz alone."""


@dataclass(frozen=True)
class Filter:
    """Which terms are wanted: memory of at most a lag, terms of at least a norm."""

    max_lag: int | None = None
    above: float | None = None

    def chosen(self, job: Job, eq: Equation) -> tuple[TermName, ...]:
        """The names of those terms; norms are taken from the tables, which are then computed."""
        evaluator = None
        if self.above is not None:
            with job.source.located():
                evaluator = mz.compile(eq, options=job.study.options)
            with job.progress.stage("Computing the norms"):
                return chosen(eq, self.max_lag, self.above, evaluator, "derive")
        return chosen(eq, self.max_lag, self.above, evaluator, "derive")


def derive(job: Job, output: Path | None, direction: Direction, wanted: Filter, json: bool) -> int:
    """Print or write the equation."""
    eq, steps = job.proved(direction)
    names = wanted.chosen(job, eq)
    files: list[Path] = []
    if output is not None:
        with Workspace(output) as space:
            _write_equation(job, eq, space, names=names)
            files = space.publish()
    if json:
        latex = equation_latex(eq, names) if output is None else None
        print_json(
            {
                "model": job.source.path.name,
                "direction": direction,
                "steps": list(steps),
                "operator": _operator(eq),
                "latex": latex,
                "files": _names(files),
            }
        )
        return 0
    typer.echo(f"The Mori-Zwanzig equation ({direction}), {len(steps)} steps proved:")
    typer.echo(f"  {_operator(eq)}")
    if output is None:
        with job.progress.stage("Building the concrete terms"):
            lines = _term_lines(eq, names)
        typer.echo("\n".join(lines))
        typer.echo("The whole of it as LaTeX: -o DIR")
    print_files(files)
    return 0


def verify(job: Job, direction: Direction, json: bool) -> int:
    """Prove every step; 1 if one fails."""
    eq = job.equation(direction)
    try:
        with job.progress.stage("Proving every step"):
            steps = eq.verify()
    except DerivationError as error:
        if json:
            print_json({"model": job.source.path.name, "direction": direction, "proved": False, "why": str(error)})
        else:
            typer.echo(f"Not proved: {error}")
        return 1
    if json:
        print_json({"model": job.source.path.name, "direction": direction, "proved": True, "steps": list(steps)})
    else:
        typer.echo(f"All {len(steps)} steps of the {direction} derivation are proved:")
        shown = steps if len(steps) <= 20 else (*steps[:10], "...", *steps[-9:])
        typer.echo("  " + ", ".join(shown))
        typer.echo("They hold for any maps and noise; domains and finiteness are checked by run, report and certify.")
    return 0


def certify(job: Job, output: Path | None, method: Method, required: bool, json: bool) -> int:
    """Print or write the certificate."""
    files: list[Path] = []
    if output is None:
        certificate = job.certificate(method)
    else:
        with Workspace(output) as space:
            certificate = job.certificate(method)
            certificate.to_json(space.draft / "certificate.json")
            files = space.publish()
    if json:
        typer.echo(certificate.to_json(), nl=False)
    else:
        typer.echo(str(certificate))
        print_files(files)
    return _required(certificate, required)


def report(job: Job, output: Path | None, method: Method, json: bool) -> int:
    """Write the HTML report."""
    output = output or _default_output(job)
    with Workspace(output) as space:
        eq, _ = job.proved()
        ev = job.tables(eq, output)
        certificate = job.certificate(method)
        _write_report(job, eq, ev, certificate, job.laws(ev), within_a_share(job, ev, certificate), space)
        files = space.publish()
        (output / CHECKPOINT).unlink(missing_ok=True)
    if json:
        print_json({"model": job.source.path.name, "files": _names(files)})
    else:
        print_files(files)
    return 0


def run(job: Job, output: Path | None, method: Method, required: bool, json: bool) -> int:
    """Do everything, and say what was found."""
    output = output or _default_output(job)
    with Workspace(output) as space:
        eq, steps = job.proved()
        ev = job.tables(eq, output)
        certificate = job.certificate(method)
        _write_equation(job, eq, space, certificate)
        store(ev, space.draft / TABLES)
        _write(space, "tables.json", dump(_tables(ev)))
        certificate.to_json(space.draft / "certificate.json")
        laws = job.laws(ev)
        _write_laws(laws, space)
        shallow = within_a_share(job, ev, certificate)
        _write_report(job, eq, ev, certificate, laws, shallow, space)
        found = findings(ev)
        summary = _summary(job, steps, ev, certificate, found) | {
            "output": [_law_summary(law) for law in laws.laws],
            "shallow": None if shallow is None else shallow.bounds.row() | {"share": SHARE},
        }
        _write(space, "summary.json", dump(summary))
        files = space.publish()
        # Its content now stands in tables.npz.
        (output / CHECKPOINT).unlink(missing_ok=True)
    if json:
        print_json({**summary, "files": _names(files)})
    else:
        _print_findings(job, ev, certificate, found)
        if shallow is not None:
            typer.echo(f"  {in_a_sentence(shallow)}")
        for line in _law_lines(laws):
            typer.echo(f"  {line}")
        print_files(files)
    return _required(certificate, required)


# -- files -------------------------------------------------------------------------------------------------------


def _default_output(job: Job) -> Path:
    return Path(f"{job.name}-results")


def _write(space: Workspace, name: str, text: str) -> None:
    try:
        (space.draft / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MzError(
            f"The file cannot be written ({error.strerror or error})",
            str(space.output / name),
            "Choose another directory",
        ) from None


def _write_equation(
    job: Job,
    eq: Equation,
    space: Workspace,
    certificate: Certificate | None = None,
    names: tuple[TermName, ...] | None = None,
) -> None:
    from mzsym.report.latex_document import equation_document

    with job.progress.stage("Writing the equation"):
        _write(space, "equation.tex", equation_document(eq, certificate, names=names))


def _write_laws(laws: OutputLaws, space: Workspace) -> None:
    _write(space, "law.json", dump({"laws": [law.to_dict() for law in laws.laws], "refused": laws.refused or None}))
    if laws.laws:
        from mzsym.report import save_output

        save_output(laws, space.draft / "law.svg")


def _write_report(
    job: Job,
    eq: Equation,
    ev: HasSolution,
    certificate: Certificate,
    laws: OutputLaws,
    shallow: Reduction | None,
    space: Workspace,
) -> None:
    with job.progress.stage("Writing the report"):
        mz.report(eq, ev, certificate, shallow, path=space.draft / "report.html", laws=laws)


def _tables(ev: HasTables) -> dict[str, Any]:
    arrays = all_tables(ev)
    small = sum(array.size for array in arrays.values()) <= JSON_ENTRIES
    depth = ev.network.depth
    return {
        "model_sha256": ev.network.digest,
        "projection": ev.projection.describe(),
        "measure": measure_text(ev.projection.measure),
        "engine": ev.engine,
        "scheme": ev.scheme,
        "standing": str(ev.standing),
        "tolerance": ev.options.tolerance,
        "tolerance_reached": {name: float(value) for name, value in ev.tolerance_reached.items()},
        "limits": list(ev.limits),
        "nodes": [list(counts) for counts in ev.nodes],
        "norms": {
            "streaming": [term_norm(ev, "streaming", n) for n in range(depth)],
            "memory": [
                {"n": n, "m": m, "norm": term_norm(ev, "memory", n, m)}
                for n in range(depth)
                for m in range(n + 2, depth + 1)
            ],
        },
        "tables": {name: array.tolist() for name, array in arrays.items()} if small else "in tables.npz",
    }


def _law_summary(law: OutputLaw) -> dict[str, Any]:
    return {key: value for key, value in law.to_dict().items() if key != "curve"}


def _law_lines(laws: OutputLaws) -> list[str]:
    """The law of the output in a sentence for each observable."""
    from mzsym.report.number_view import with_error

    lines = [f"The law of the output was not computed: {laws.refused}"] if laws.refused else []
    for item in laws.laws:
        lo, hi = item.interval
        lines.append(
            f"Output {item.name}: mean {item.law.mean:.4g}, 95 % interval [{lo:.4g}, {hi:.4g}] "
            f"(Monte Carlo mean {with_error(item.sampled_mean, item.sampled_error)}, "
            f"{100 * item.coverage:.1f} % in the interval)."
        )
    return lines


def _summary(
    job: Job, steps: tuple[str, ...], ev: HasTables, certificate: Certificate, found: Findings
) -> dict[str, Any]:
    return {
        "model": job.source.path.name,
        "model_sha256": ev.network.digest,
        "mzsym": mz.__version__,
        "depth": found.depth,
        "dimensions": list(ev.network.dims),
        "projection": ev.projection.describe(),
        "measure": measure_text(ev.projection.measure),
        "steps_proved": len(steps),
        "tolerance": ev.options.tolerance,
        "tolerance_reached": max(ev.tolerance_reached.values()),
        "memory_by_lag": [{"lag": lag, "norm": norm} for lag, norm in found.memory_by_lag],
        "decay_per_layer": None if found.decay is None else found.decay.factor,
        "memory_length": {
            "relative_error": found.fraction,
            "length": found.memory_length,
            "errors_by_length": list(found.truncation_errors),
        },
        "contracts": {"decision": certificate.contracts.decision, "why": certificate.contracts.why},
        "largest_bound": max((layer.interior.upper for layer in certificate.layers[1:]), default=None),
    }


# -- words -------------------------------------------------------------------------------------------------------


def _names(files: list[Path]) -> list[str]:
    return [str(path) for path in files]


def _print_findings(job: Job, ev: HasTables, certificate: Certificate, found: Findings) -> None:
    dims = " -> ".join(map(str, ev.network.dims))
    layers = "1 layer" if found.depth == 1 else f"{found.depth} layers"
    typer.echo(f"{job.source.path}: {layers}, dimensions {dims}; {ev.projection.describe()}")
    for line in found.lines():
        typer.echo(f"  {line}")
    verdict = certificate.contracts
    typer.echo(f"  Contraction is {verdict}.")
    reached = max(ev.tolerance_reached.values())
    if reached <= ev.options.tolerance:
        typer.echo(f"  The tables are computed to {reached:.1e} (observed; asked for {ev.options.tolerance:.0e}).")
    else:
        typer.echo(
            f"  The tables reach {reached:.1e} only, not the {ev.options.tolerance:.0e} asked for: "
            + ("; ".join(ev.limits) or "no reason is known")
        )


def _operator(eq: Equation) -> str:
    return f"{eq.operator.lhs} = {eq.operator.rhs}"


def _term_lines(eq: Equation, names: tuple[TermName, ...]) -> list[str]:
    """One line per concrete term: name, shape, and what is left to do in it."""
    lines = []
    for name in names[:SHOWN_TERMS]:
        term = eq.term_at(name.kind, name.n, name.m)
        lines.append(f"  {name.label:16} {term.shape[0]} x {term.shape[1]}  {_state(term)}")
    if len(names) > SHOWN_TERMS:
        lines.append(f"  ... and {len(names) - SHOWN_TERMS} more terms")
    return lines


def _state(term: Term) -> str:
    if term.factored is not None:
        return "factored: " + term.factored.split(";")[0]
    if term.closed:
        return f"closed, {term.cost.operations} operations"
    return f"{term.cost.integrals} integrals of dimension <= {term.cost.dimension} left"


def _required(certificate: Certificate, required: bool) -> int:
    if required and not certificate.contracts:
        typer.echo(f"Required, but not proved: {certificate.contracts}", err=True)
        return 1
    return 0
