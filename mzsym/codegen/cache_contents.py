"""What the kernel cache holds, and its removal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mzsym.codegen.cache import cache_directory, unwritable

_ENTRY = re.compile(r"(kernel|leaves)_[0-9a-f]{32}")


Store = Literal["numba", "c"]
_STORES: tuple[Store, ...] = ("numba", "c")


@dataclass(frozen=True)
class CacheContents:
    """Entries of one target.

    Attributes
    ----------
    target : {"numba", "c"}
        By language: kernels with libmvec are among those in C.
    kernels : int
        Folders of a kernel, or of the leaves that kernels share.
    bytes : int
        Size of all their files.
    """

    target: Store
    kernels: int
    bytes: int


def cache_contents() -> tuple[CacheContents, ...]:
    """What is cached, target by target.

    Examples
    --------
    >>> [contents.target for contents in cache_contents()]
    ['numba', 'c']
    """
    found = []
    for target in _STORES:
        entries = list(_entries(target))
        found.append(CacheContents(target, len(entries), sum(_size(entry) for entry in entries)))
    return tuple(found)


def clear_cache() -> tuple[CacheContents, ...]:
    """Remove every cached kernel, and nothing else that may lie in the folder; kernels that are loaded go on working.

    Returns
    -------
    tuple of CacheContents
        What was there.

    Raises
    ------
    MzError
        When something cannot be removed.
    """
    before = cache_contents()
    for target in _STORES:
        for entry in _entries(target):
            try:
                shutil.rmtree(entry)
            except FileNotFoundError:
                continue  # another process clears as well
            except OSError as error:
                raise unwritable(entry, error) from error
    return before


def _entries(target: Store) -> Iterator[Path]:
    try:
        inside = sorted((cache_directory() / target).iterdir())
    except OSError:
        return
    yield from (path for path in inside if _ENTRY.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def _size(entry: Path) -> int:
    total = 0
    for path in entry.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # removed meanwhile
    return total
