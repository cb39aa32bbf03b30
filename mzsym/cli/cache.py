"""``mzsym cache info|clear``: the compiled kernels on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mzsym.cli.words import print_json
from mzsym.codegen.c_compiler import find_compiler
from mzsym.codegen.cache import cache_directory
from mzsym.codegen.cache_contents import cache_contents, clear_cache
from mzsym.core import MzError

if TYPE_CHECKING:
    from mzsym.codegen.cache_contents import CacheContents


def cache(clear: bool, json: bool) -> int:
    """Say what is cached, or remove it."""
    contents = clear_cache() if clear else cache_contents()
    try:
        compiler = " ".join(find_compiler().command)
    except MzError:
        compiler = None
    if json:
        rows = {one.target: {"kernels": one.kernels, "bytes": one.bytes} for one in contents}
        print_json({"directory": str(cache_directory()), "cleared": clear, "compiler": compiler, **rows})
        return 0
    typer.echo(f"{'Removed from' if clear else 'Kernels in'} {cache_directory()}:")
    for one in contents:
        typer.echo(f"  {one.target:6} {_counted(one)}")
    if not clear:
        typer.echo(f"C compiler: {compiler or 'none, so kernels are compiled by numba alone'}")
    return 0


def _counted(one: CacheContents) -> str:
    return f"{one.kernels} {'entry' if one.kernels == 1 else 'entries'}, {one.bytes / 1e6:.2f} MB"
