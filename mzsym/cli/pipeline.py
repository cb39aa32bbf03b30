"""One model file on its way through the stages, each announced and timed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mzsym as mz
from mzsym.cli.progress import Progress
from mzsym.core import MzError
from mzsym.evaluate.protocols import HasSolution
from mzsym.evaluate.stored import store, stored
from mzsym.model.files import Source, open_source
from mzsym.projections.study import Study, read_study

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.certify.certify import Method
    from mzsym.derive import Equation
    from mzsym.derive.operators.words import Direction
    from mzsym.projections import AbstractProjection
    from mzsym.report.law_view import OutputLaws

CHECKPOINT = ".mzsym-checkpoint.npz"
TABLES = "tables.npz"


@dataclass(frozen=True)
class Job:
    """A model file and what follows from it; errors point into the file.

    Attributes
    ----------
    source : Source
    study : Study
    progress : Progress
    """

    source: Source
    study: Study
    progress: Progress

    @classmethod
    def open(cls, model: Path, quiet: bool) -> Job:
        """Read and check a model file."""
        progress = Progress(quiet)
        with progress.stage(f"Reading {model.name}"):
            source = open_source(model)
            study = read_study(source)
        return cls(source, study, progress)

    @property
    def name(self) -> str:
        """Name of the model file, without its ending."""
        return self.source.path.stem

    @property
    def projection(self) -> AbstractProjection:
        """The projection, which every command needs."""
        if self.study.projection is None:
            raise MzError(
                "The model file states no projection",
                self.source.root.where,
                'Add a table [projection] with family = "legendre" and degree = 3',
            )
        return self.study.projection

    def equation(self, direction: Direction = "backward") -> Equation:
        """The derived equation, not yet proved."""
        with self.progress.stage("Deriving the equation"), self.source.located():
            return mz.derive(self.study.network, self.projection, direction=direction, options=self.study.options)

    def proved(self, direction: Direction = "backward") -> tuple[Equation, tuple[str, ...]]:
        """The equation, and the names of its steps, each proved."""
        eq = self.equation(direction)
        with self.progress.stage("Proving every step"):
            return eq, eq.verify()

    def tables(self, eq: Equation, output: Path) -> HasSolution:
        """The tables of the equation; taken up from an earlier run where they are the same, and kept for the next."""
        with self.source.located():
            ev = mz.compile(eq, options=self.study.options)
            for name in (CHECKPOINT, TABLES):
                found = stored(ev, output / name)
                if found is not None:
                    self.progress.note(f"The tables are those of an earlier run ({name})")
                    return found
            with self.progress.stage("Computing the tables"):
                # Every table, once: the evaluator computes them when the first is asked for.
                store(ev, output / CHECKPOINT)
        return ev

    def laws(self, ev: HasSolution) -> OutputLaws:
        """The law of every observable, or why there is none."""
        from mzsym.report.law_view import output_laws

        with self.progress.stage("Computing the law of the output"):
            return output_laws(ev)

    def certificate(self, method: Method) -> Certificate:
        """Bounds of every layer."""
        with self.progress.stage("Certifying") as say, self.source.located():

            def layers(done: int, among: int) -> None:
                say(f"layer {done} of {among}")

            return mz.certify(self.study.network, self.projection, method=method, progress=layers)
