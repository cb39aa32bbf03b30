"""The commands of ``mzsym``, thin on the public functions.

Exit codes: 0 done; 1 the answer is no or undecided where ``--require`` asked for yes, or a step was not proved; 2 bad
input, with one message on the error stream; 130 stopped by Ctrl-C. Everything heavy is imported by the command that
needs it, so that ``mzsym --help`` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mzsym.cli.main import STOPPED
from mzsym.core.errors import MzError

if TYPE_CHECKING:
    from mzsym.cli.pipeline import Job

app = typer.Typer(
    help="Exact Mori-Zwanzig equations of neural networks: derived, proved, evaluated and certified.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Direction(StrEnum):
    """Which equation."""

    backward = "backward"
    forward = "forward"


class Method(StrEnum):
    """How a certificate is obtained."""

    auto = "auto"
    hilbert_schmidt = "hilbert_schmidt"
    sharp = "sharp"
    dobrushin = "dobrushin"
    lipschitz = "lipschitz"


class NoiseMethod(StrEnum):
    """What proves a noise level."""

    auto = "auto"
    sharp = "sharp"
    hilbert_schmidt = "hilbert_schmidt"
    dobrushin = "dobrushin"


class ExportTarget(StrEnum):
    """What an export is written as."""

    c = "c"
    numba = "numba"
    latex = "latex"
    json = "json"


class Requirement(StrEnum):
    """What must be proved for exit code 0."""

    contracts = "contracts"


class CacheAction(StrEnum):
    """What to do with the compiled kernels on disk."""

    info = "info"
    clear = "clear"


Model = Annotated[Path, typer.Argument(metavar="MODEL.toml", help="The model file.", show_default=False)]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to write files.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on the standard output.")]
Lag = Annotated[
    int | None, typer.Option(help="Only memory of at most this lag, and streaming and noise.", show_default=False)
]
Which = Annotated[Direction, typer.Option(help="The equation of observables (backward) or densities (forward).")]
_METHODS = (
    "auto: the best of all, sharp enclosures among them, and estimates where there are none; or one of them alone."
)
How = Annotated[Method, typer.Option(help=_METHODS)]
Require = Annotated[
    Requirement | None,
    typer.Option(help="Exit with 1 unless this is proved: contracts (the memory provably contracts)."),
]


def _version(wanted: bool) -> None:
    if wanted:
        from mzsym import __version__

        typer.echo(f"mzsym {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Exact Mori-Zwanzig equations of neural networks: derived, proved, evaluated and certified."""


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turn what ends a command into an exit code and at most one message."""
    try:
        yield
    except MzError as error:
        _leave(f"Error: {error}", 2)
    except KeyboardInterrupt:
        _leave(STOPPED, 130)
    except (MemoryError, RecursionError) as error:
        what = "memory" if isinstance(error, MemoryError) else "nesting"
        _leave(f"Error: The model is too large for this machine: the {what} runs out. Use a smaller one.", 2)
    except BrokenPipeError:
        raise  # met in main: whoever read the output went away
    except OSError as error:
        _leave(f"Error: The output cannot be written ({error.strerror or error}). Choose another place for it.", 2)


def _leave(message: str, code: int) -> NoReturn:
    # Where not even the error stream can be written, the exit code has to say it.
    with suppress(OSError):
        typer.echo(message, err=True)
    raise typer.Exit(code) from None


def _command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Register a command that may return an exit code."""

    @app.command()
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        with _exit_codes():
            code = function(*args, **kwargs)
        if code:
            raise typer.Exit(code)

    return run


def _job(model: Path, json: bool) -> Job:
    from mzsym.cli.pipeline import Job

    return Job.open(model, quiet=json and not (sys.stderr is not None and sys.stderr.isatty()))


@_command
def derive(
    model: Model,
    output: Output = None,
    direction: Which = Direction.backward,
    max_lag: Lag = None,
    above: Annotated[
        float | None, typer.Option(help="Only terms of at least this norm (computes the tables).", show_default=False)
    ] = None,
    json: AsJson = False,
) -> int:
    """Derive the exact equation.

    It is printed; with -o it is written as a LaTeX document.
    """
    from mzsym.cli.commands import Filter
    from mzsym.cli.commands import derive as command

    return command(_job(model, json), output, direction.value, Filter(max_lag, above), json)


@_command
def cost(model: Model, direction: Which = Direction.backward, max_lag: Lag = None, json: AsJson = False) -> int:
    """Estimate what the exact terms would take.

    Nothing is expanded for it.
    """
    from mzsym.cli.inquiries import cost as command

    return command(_job(model, json), direction.value, max_lag, json)


@_command
def explain(
    model: Model,
    term: Annotated[
        str | None,
        typer.Option(help='Which term: "memory 0 2", "streaming 0" or "noise 0".', show_default=False),
    ] = None,
    direction: Which = Direction.backward,
    json: AsJson = False,
) -> int:
    """Say in words what makes a term large.

    By default the largest memory term.
    """
    from mzsym.cli.inquiries import explain as command

    return command(_job(model, json), term, direction.value, json)


@_command
def verify(model: Model, direction: Which = Direction.backward, json: AsJson = False) -> int:
    """Prove every step of the derivation.

    Exits with 1 and the step's name if one does not hold.
    """
    from mzsym.cli.commands import verify as command

    return command(_job(model, json), direction.value, json)


@_command
def certify(
    model: Model, output: Output = None, method: How = Method.auto, require: Require = None, json: AsJson = False
) -> int:
    """Bound the memory rigorously, layer by layer."""
    from mzsym.cli.commands import certify as command

    return command(_job(model, json), output, method.value, require is not None, json)


@_command
def reduce(
    model: Model,
    output: Output = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest error, absolute, in L2 of the input's measure.", show_default=False)
    ] = None,
    depth: Annotated[int | None, typer.Option(help="The depth itself.", show_default=False)] = None,
    method: How = Method.auto,
    json: AsJson = False,
) -> int:
    """Find a shallow network: the first layers, read out from each.

    Give --tolerance or --depth. With -o it is written as shallow.json and shallow.tex, and the proved bounds of every
    depth as reduction.json, which mzsym check proves again.
    """
    from mzsym.cli.reducing import reduce as command

    return command(_job(model, json), output, tolerance, depth, method.value, json)


@_command
def noise(
    model: Model,
    layer: Annotated[int, typer.Option(help="The layer n, from 0.")] = 0,
    kappa: Annotated[float, typer.Option(help="What ||Q_n M_n|| shall be at most, above 0 and at most 1.")] = 0.9,
    method: Annotated[NoiseMethod, typer.Option(help="What proves it; auto: the best there is.")] = NoiseMethod.auto,
    output: Output = None,
    json: AsJson = False,
) -> int:
    """Find a noise level that provably makes a layer contract.

    Below it one is shown at which it provably does not, where sharp enclosures exist. With -o both are written as
    noise.json, which mzsym check proves again.
    """
    from mzsym.cli.levels import noise as command

    return command(_job(model, json), output, layer, kappa, method.value, json)


@_command
def advise(
    model: Model,
    tolerance: Annotated[float, typer.Option(help="Error that a shallow network may have, absolute, in L2.")] = 1e-3,
    kappa: Annotated[float, typer.Option(help="What the memory shall shrink by per layer, at most 1.")] = 0.9,
    json: AsJson = False,
) -> int:
    """Say which degree, noise and depth to choose, and why.

    The model file's projection does not matter.
    """
    from mzsym.cli.levels import advise as command

    return command(_job(model, json), tolerance, kappa, json)


@_command
def accuracy(
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA.csv", help="One input a row: its numbers, then its class, from 0 on.", show_default=False
        ),
    ],
    factor: Annotated[list[float], typer.Option(help="Multiplies the model's noise; repeat for more levels.")] = [  # noqa: B006
        0.25,
        0.5,
        1.0,
        2.0,
        4.0,
    ],
    samples: Annotated[int, typer.Option(help="Noisy passes for every input and level.")] = 1024,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    output: Output = None,
    json: AsJson = False,
) -> int:
    """Estimate what the noise costs a classifier.

    The observables are the scores. With -o the picture is written as accuracy.svg, the numbers as accuracy.json.
    """
    from mzsym.cli.classifying import accuracy as command

    return command(_job(model, json), data, factor, samples, seed, output, json)


@_command
def check(
    file: Annotated[Path, typer.Argument(metavar="CERTIFICATE.json", help="The certificate.", show_default=False)],
    allow_unchecked: Annotated[
        bool, typer.Option("--allow-unchecked", help="Exit with 0 although claims are left that cannot be checked.")
    ] = False,
) -> int:
    """Prove every claim of a certificate again.

    Of certificate.json, noise.json or reduction.json, by a small program that shares no code with the one that made
    it, and runs without mzsym as well. Exits with 1 if a claim is not confirmed, and names the line of the argument
    that fails.
    """
    from mzsym.check.checker import run

    return run(str(file), allow_unchecked, typer.echo)


@_command
def report(model: Model, output: Output = None, method: How = Method.auto, json: AsJson = False) -> int:
    """Write the HTML report."""
    from mzsym.cli.commands import report as command

    return command(_job(model, json), output, method.value, json)


@_command
def export(
    model: Model,
    output: Output = None,
    target: Annotated[
        ExportTarget, typer.Option(help="C99 package, one Python file for numba, LaTeX document, or exact JSON.")
    ] = ExportTarget.c,
    name: Annotated[str, typer.Option(help="Prefix of files and functions.")] = "mz",
    direction: Which = Direction.backward,
    json: AsJson = False,
) -> int:
    """Write the numbers as code that stands alone.

    Neither mzsym nor SymPy is needed to use it.
    """
    from mzsym.cli.exporting import export as command

    return command(_job(model, json), output, target.value, name, direction.value, json)


@_command
def run(
    model: Model, output: Output = None, method: How = Method.auto, require: Require = None, json: AsJson = False
) -> int:
    """Do all of it, and say what was found.

    Writes equation.tex, tables.npz, tables.json, certificate.json, law.json, law.svg, report.html and summary.json into
    DIR (default: MODEL-results in the current directory). A run that was interrupted takes up the tables that it had
    finished.
    """
    from mzsym.cli.commands import run as command

    return command(_job(model, json), output, method.value, require is not None, json)


@_command
def cache(
    action: Annotated[CacheAction, typer.Argument(help="info says what is cached, clear removes it.")],
    json: AsJson = False,
) -> int:
    """Show or remove the compiled kernels on disk.

    They are in the user's cache folder, or in the one that MZSYM_CACHE names.
    """
    from mzsym.cli.cache import cache as command

    return command(action is CacheAction.clear, json)
