"""``mz.export``: an evaluator or a term as files that stand alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mzsym.core import MzError
from mzsym.core.atomic import write_atomic
from mzsym.derive import Equation, Term, derive
from mzsym.evaluate import Evaluator
from mzsym.export.content import EvaluatorContent, checked_name, evaluator_content, reduction_content, term_content
from mzsym.reduce import Reduction

if TYPE_CHECKING:
    from mzsym.evaluate.stored import StoredTables

Target: TypeAlias = Literal["c", "numba", "latex", "json"]
_TARGETS = ("c", "numba", "latex", "json")


def export(
    x: Evaluator | StoredTables | Term | Equation | Reduction,
    directory: str | Path,
    target: Target = "c",
    name: str = "mz",
) -> list[Path]:
    """Write what stands alone: neither mzsym nor SymPy is needed to use it.

    Parameters
    ----------
    x : Evaluator, Equation, Term or Reduction
        An evaluator: its tables and, backward, the function q_0. A term, closed: its entries as functions of the
        parameters. An equation: LaTeX only. A reduction: the read-outs of the shallow network, and its mean as a
        function.
    directory : str or Path
        Made where it is missing. Files of the same names are replaced, one by one and each whole.
    target : {"c", "numba", "latex", "json"}
        "c": C99 source, header, Makefile (``make``, ``make test``, ``make sanitize``), example, test, ctypes wrapper.
        "numba": one Python file that needs numpy and numba. "latex": a document. "json": exact hexadecimal floats.
    name : str
        Prefix of files and functions, an identifier.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MzError
        For another target or name, a term that is not closed, tables too large for source text, and a directory that
        cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 2
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(sorted(path.name for path in export(ev, folder, "c", name="two")))
    ['Makefile', 'main.c', 'test.c', 'two.c', 'two.h', 'two.py', 'two_tables.c']
    """
    if target not in _TARGETS:
        raise MzError(f"There is no target {target!r}", "export(target=)", f"Use one of {', '.join(_TARGETS)}")
    files = _files(x, target, checked_name(name))
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MzError(
            f"The directory cannot be made ({error.strerror or error})", str(folder), "Choose another directory"
        ) from None
    written = []
    for file, text in files.items():
        write_atomic(folder / file, text)
        written.append(folder / file)
    return written


def _files(x: Any, target: Target, name: str) -> dict[str, str]:
    """Every text, before anything is written."""
    if isinstance(x, Equation):
        if target != "latex":
            raise MzError(
                f"An equation has no numbers for the target {target!r}",
                "export(eq)",
                "Export mz.compile(eq), a closed term of it, or target='latex'",
            )
        return _document(x, name)
    if isinstance(x, Term):
        return _term_files(x, target, name)
    if isinstance(x, Reduction):
        return _document_of(x, name) if target == "latex" else _numbers(reduction_content(x, name), target)
    evaluator = x if isinstance(x, Evaluator) else getattr(x, "evaluator", None)
    if not isinstance(evaluator, Evaluator):
        raise MzError(
            f"A {type(x).__name__} cannot be exported",
            "export(x)",
            "Give an evaluator, an equation, a term or a reduction",
        )
    if target == "latex":
        return _document(derive(evaluator.network, evaluator.projection, evaluator.direction, evaluator.options), name)
    return _numbers(evaluator_content(evaluator, name), target)


def _numbers(content: EvaluatorContent, target: Target) -> dict[str, str]:
    """Tables and a function."""
    if target == "json":
        from mzsym.export.json_file import evaluator_json

        return evaluator_json(content)
    if target == "numba":
        from mzsym.export.numba_file import evaluator_file

        return evaluator_file(content)
    from mzsym.export.c_package import evaluator_package

    return evaluator_package(content)


def _term_files(term: Term, target: Target, name: str) -> dict[str, str]:
    if target == "latex":
        from mzsym.report.latex_document import term_document

        return {f"{name}.tex": term_document(term)}
    content = term_content(term, name)
    if target == "json":
        from mzsym.export.json_file import term_json

        return term_json(content)
    if target == "numba":
        from mzsym.export.numba_file import term_file

        return term_file(content)
    from mzsym.export.c_term import term_package

    return term_package(content)


def _document_of(r: Reduction, name: str) -> dict[str, str]:
    from mzsym.report.latex_document import reduction_document

    return {f"{name}.tex": reduction_document(r)}


def _document(eq: Equation, name: str) -> dict[str, str]:
    from mzsym.report.latex_document import equation_document

    return {f"{name}.tex": equation_document(eq)}
