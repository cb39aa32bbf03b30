"""Words, JSON and lists of files on the standard output."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any

import typer


def dump(value: Any) -> str:
    """A value as JSON text."""
    # Infinity is no JSON: a missing bound is null.
    return jsonlib.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def print_json(value: Any) -> None:
    """JSON on the standard output."""
    typer.echo(dump(value), nl=False)


def print_files(files: list[Path]) -> None:
    """What was written, with a word on each."""
    if files:
        width = max(len(str(path)) for path in files)
        notes = {
            "accuracy.json": "accuracy against the noise level, JSON",
            "accuracy.svg": "accuracy against the noise level, picture",
            "equation.tex": "the exact equation, LaTeX",
            "tables.npz": "every table, numpy",
            "tables.json": "norms and tables, JSON",
            "certificate.json": "proved bounds, JSON",
            "law.json": "the law of the output, JSON",
            "law.svg": "density of the output, picture",
            "report.html": "the report, open it in a browser",
            "shallow.json": "the shallow network, exact JSON",
            "shallow.tex": "the shallow network, LaTeX",
            "summary.json": "what was found, JSON",
        }
        typer.echo("Files:")
        for path in files:
            typer.echo(f"  {path!s:{width}}  {notes.get(path.name, '')}".rstrip())
